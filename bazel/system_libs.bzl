# SPDX-License-Identifier: Apache-2.0
"""Repositories made from the libraries installed under /usr, with the label names of their sources.

Headers need no rule of their own (/usr/include is on every include path), so a target is its linker
options. Static archives are named by file (-l:) inside a group, because they refer to each other in
no order a linker likes; what a program does not use of them does not reach it.
"""

_LIBRARY_DIRECTORIES = [
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
]

# The public, non-test targets of abseil 20220623.1.
_ABSL_TARGETS = {
    "algorithm": ["algorithm", "container"],
    "base": ["base", "config", "core_headers", "dynamic_annotations", "endian", "log_severity"],
    "cleanup": ["cleanup"],
    "container": [
        "fixed_array",
        "flat_hash_map",
        "flat_hash_set",
        "inlined_vector",
        "node_hash_map",
        "node_hash_set",
    ],
    "debugging": ["failure_signal_handler", "leak_check", "stacktrace", "symbolize"],
    "flags": ["commandlineflag", "config", "flag", "marshalling", "parse", "reflection", "usage"],
    "functional": ["any_invocable", "bind_front", "function_ref"],
    "hash": ["hash"],
    "memory": ["memory"],
    "meta": ["type_traits"],
    "numeric": ["bits", "int128"],
    "random": ["bit_gen_ref", "distributions", "random", "seed_sequences"],
    "status": ["status", "statusor"],
    "strings": ["cord", "str_format", "strings"],
    "synchronization": ["synchronization"],
    "time": ["time"],
    "types": ["any", "compare", "optional", "span", "variant"],
    "utility": ["utility"],
}

_HEADER = """# Made by bazel/system_libs.bzl from what /usr holds.
package(default_visibility = ["//visibility:public"])
"""

def _library(name, linkopts = [], deps = []):
    return "cc_library(name = %r, linkopts = %r, deps = %r)\n" % (name, linkopts, deps)

def _archives(ctx, prefix, unwanted):
    for directory in _LIBRARY_DIRECTORIES:
        path = ctx.path(directory)
        names = sorted([f.basename for f in path.readdir()]) if path.exists else []
        found = [n for n in names if n.startswith(prefix) and n.endswith(".a") and
                                     not unwanted in n]
        if found:
            return found
    fail("no %s*.a in %s; install Debian's -dev package" % (prefix, ", ".join(_LIBRARY_DIRECTORIES)))

def _system_absl_impl(ctx):
    archives = ["-l:" + a for a in _archives(ctx, "libabsl_", "test_util")]
    group = ["-Wl,--start-group"] + archives + ["-Wl,--end-group", "-pthread"]
    ctx.file("BUILD", _HEADER + _library("absl", linkopts = group))
    for package, targets in _ABSL_TARGETS.items():
        ctx.file("absl/%s/BUILD" % package, _HEADER + "".join(
            [_library(target, deps = ["//:absl"]) for target in targets],
        ))

system_absl = repository_rule(
    implementation = _system_absl_impl,
    configure = True,
    local = True,
)

def _system_gtest_impl(ctx):
    gtest = ["-l:libgmock.a", "-l:libgtest.a", "-pthread"]
    ctx.file("BUILD", _HEADER +
                      _library("gtest", linkopts = gtest) +
                      _library("gtest_main", linkopts = ["-l:libgmock_main.a"], deps = [":gtest"]))

system_gtest = repository_rule(
    implementation = _system_gtest_impl,
    configure = True,
    local = True,
)

def _system_benchmark_impl(ctx):
    ctx.file("BUILD", _HEADER +
                      _library("benchmark", linkopts = ["-lbenchmark", "-pthread"]) +
                      _library("benchmark_main", linkopts = ["-l:libbenchmark_main.a"], deps = [":benchmark"]))

system_benchmark = repository_rule(
    implementation = _system_benchmark_impl,
    configure = True,
    local = True,
)
