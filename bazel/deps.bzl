# SPDX-License-Identifier: Apache-2.0
"""The repositories this project builds with, from the host or pinned by commit."""

load("@bazel_tools//tools/build_defs/repo:git.bzl", "git_repository")
load("//bazel:system_libs.bzl", "system_absl", "system_benchmark", "system_gtest")

# A released Bazel would download these; Debian's packages bring them. rules_cc is this project's own
# because Debian's is too new for Debian's Bazel, and the coverage tools are a stub because
# `bazel test` looks for them even when nothing is covered.
_DEBIAN_BAZEL_REPOSITORIES = {
    "bazel_skylib": "/usr/share/bazel/tools/skylib",
    "platforms": "/usr/share/bazel/platforms",
    "remote_coverage_tools": "bazel/remote_coverage_tools",
    "rules_cc": "bazel/rules_cc",
    "rules_java": "/usr/share/bazel/rules/java",
    "rules_proto": "/usr/share/bazel/rules/proto",
}

def hz4_dependencies(host):
    """Declares every repository.

    Args:
      host: HOST of @hz4_host//:facts.bzl.
    """
    if not native.bazel_version:  # Debian's Bazel carries no label; a release brings these itself
        for name, path in _DEBIAN_BAZEL_REPOSITORIES.items():
            native.local_repository(name = name, path = path)
    else:
        git_repository(
            name = "bazel_skylib",
            commit = "ee67264452174896741824ed25ade0f6d58ca642",  # 1.2.1
            remote = "https://github.com/bazelbuild/bazel-skylib.git",
        )

    if host.absl:
        system_absl(name = "com_google_absl")
    else:
        git_repository(
            name = "com_google_absl",
            commit = "8c0b94e793a66495e0b1f34a5eb26bd7dc672db0",  # 20220623.1
            remote = "https://github.com/abseil/abseil-cpp.git",
        )

    if host.gtest:
        system_gtest(name = "com_google_googletest")
    else:
        git_repository(
            name = "com_google_googletest",
            commit = "58d77fa8070e8cec2dc1ed015d66b454c8d78850",  # release-1.12.1
            remote = "https://github.com/google/googletest.git",
        )

    if host.benchmark:
        system_benchmark(name = "com_github_google_benchmark")
    else:
        git_repository(
            name = "com_github_google_benchmark",
            commit = "d572f4777349d43653b21d6c2fc63020ab326db2",  # v1.7.1
            remote = "https://github.com/google/benchmark.git",
        )
