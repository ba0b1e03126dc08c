# SPDX-License-Identifier: Apache-2.0
"""What this host already has, asked once and written down as constants a WORKSPACE can load."""

# A header of each of Debian's -dev packages stands for the whole package. A host without it gets the
# same label names from pinned sources (deps.bzl).
_PROBES = {
    "absl": "/usr/include/absl/base/config.h",
    "gtest": "/usr/include/gmock/gmock.h",
    "benchmark": "/usr/include/benchmark/benchmark.h",
}

def _host_facts_impl(ctx):
    facts = {name: ctx.path(probe).exists for name, probe in _PROBES.items()}
    ctx.file("BUILD", "")
    ctx.file("facts.bzl", "HOST = struct(%s)\n" % ", ".join(
        ["%s = %s" % (name, value) for name, value in sorted(facts.items())],
    ))

host_facts = repository_rule(
    implementation = _host_facts_impl,
    configure = True,
    doc = "Offers @NAME//:facts.bzl with HOST, a struct of one boolean for each probe.",
    local = True,
)
