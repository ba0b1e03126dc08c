# SPDX-License-Identifier: Apache-2.0
"""Unit tests of the allocator's parts: strict, and never stepping aside for a sanitizer."""

load("//tests:variants.bzl", "variant_tests")

_ENV = {
    "HZ4_DISABLE": "0",
    "HZ4_STRICT": "abort",
}

_DEPS = [
    "//tests/core:main",
    "@com_google_googletest//:gtest",
]

def unit_test(name, deps, env = {}, **kwargs):
    """NAME.cc as a test with the main() of tests/core."""
    native.cc_test(
        name = name,
        size = kwargs.pop("size", "small"),
        srcs = [name + ".cc"],
        env = dict(_ENV, **env),
        deps = deps + _DEPS,
        **kwargs
    )

def unit_tests(name, deps, variants, size = "small", tags = [], **kwargs):
    """NAME.cc as one program, and a test NAME_VARIANT of it for each variant.

    Args:
      name: of the source file, and of the test_suite.
      deps: of the program.
      variants: dictionary name -> environment.
      size: of each test.
      tags: of each test.
      **kwargs: of the program.
    """
    native.cc_binary(
        name = name + "_program",
        srcs = [name + ".cc"],
        testonly = True,
        tags = tags,
        deps = deps + _DEPS,
        **kwargs
    )
    variant_tests(
        name = name,
        size = size,
        binary = name + "_program",
        environment = _ENV,
        tags = tags,
        variants = variants,
    )
