# SPDX-License-Identifier: Apache-2.0
"""How the allocator itself is compiled. Tools, benches and tests use the plain cc_ rules."""

# Nothing here may need libstdc++ at run time or call malloc behind our back: no exceptions, no RTTI,
# no guards around statics, and the compiler must not take our malloc for libc's. One thread-local
# pointer, reached without a call; nothing leaves the library but what the version script names.
HZ4_COPTS = [
    "-fPIC",
    "-fno-exceptions",
    "-fno-rtti",
    "-fno-threadsafe-statics",
    "-fno-builtin-malloc",
    "-fno-builtin-calloc",
    "-fno-builtin-realloc",
    "-fno-builtin-free",
    "-fno-plt",
    "-fno-stack-protector",
    "-fomit-frame-pointer",
    "-ftls-model=initial-exec",
    "-fvisibility=hidden",
] + select({
    "//bazel:clang": [],
    # A counting and a plain function with equal parts stay two: what a stack trace or the call graph
    # names is what runs. clang never merges them.
    "//conditions:default": ["-fno-ipa-icf"],
})

# The kernel reads a thread's rseq_cs after a section has ended: the code must never be unmapped.
HZ4_LINKOPTS = [
    "-pthread",
    "-Wl,-z,nodelete",
]

# The build kind that measures what the table costs: every library has a twin of the same sources.
_CONSTEXPR = "_constexpr"
_CONSTEXPR_COPTS = [
    "-DHZ4_CONSTEXPR_TABLE",
    "-flto",
]

def constexpr_twin(label):
    """The twin of a library's label: //hz4/base -> //hz4/base:base_constexpr."""
    if ":" in label:
        return label + _CONSTEXPR
    return label + ":" + label.split("/")[-1] + _CONSTEXPR

def hz4_library(name, copts = [], linkopts = [], deps = [], **kwargs):
    """One layer or box of the allocator; an archive, never a shared library of its own.

    Linked as a whole: layers meet through the table, in no order a linker could follow.
    """
    native.cc_library(
        name = name,
        alwayslink = True,
        copts = HZ4_COPTS + copts,
        linkopts = HZ4_LINKOPTS + linkopts,
        linkstatic = True,
        deps = deps,
        **kwargs
    )
    native.cc_library(
        name = name + _CONSTEXPR,
        alwayslink = True,
        copts = HZ4_COPTS + _CONSTEXPR_COPTS + copts,
        linkopts = HZ4_LINKOPTS + linkopts,
        linkstatic = True,
        tags = ["manual"],
        deps = [constexpr_twin(d) for d in deps],
        **kwargs
    )

def hz4_shared_library(name, version_script, deps, linkopts = [], **kwargs):
    """A shared library of the allocator that needs only libc and exports what version_script names.

    The toolchain ends every link with -lstdc++ -lm; --as-needed drops them, -z defs proves that
    nothing is missing without them.
    """
    native.cc_binary(
        name = name,
        additional_linker_inputs = [version_script],
        linkopts = HZ4_LINKOPTS + [
            "-Wl,--as-needed",
            "-Wl,--version-script=$(location %s)" % version_script,
            "-Wl,-soname,%s" % name,
            "-Wl,-z,defs",
            "-Wl,-z,now",
            "-Wl,-z,relro",
        ] + linkopts,
        linkshared = True,
        linkstatic = True,
        deps = deps,
        **kwargs
    )
