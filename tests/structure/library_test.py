#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the finished libhz4.so looks like from outside: library_test.py CHECK libhz4.so [hz4.map].

Repeat a failure with `./bazelw test //tests/structure:CHECK_test`, or run this file by hand on any
shared library.
"""

import re
import subprocess
import sys

MAX_TLS_BYTES = 64  # what dlopen can always find room for, with much to spare
MAX_TEXT_BYTES = 1 << 20  # instantiations grow as a sum, not as a product


def output_of(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def exported_names(library):
    return {line.split()[-1] for line in output_of("nm", "-D", "--defined-only", library).splitlines()}


def listed_names(version_script):
    with open(version_script, encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
    exported = re.search(r"global:(.*?)local:\s*\*;", text, re.S).group(1)
    return {name.strip() for name in exported.split(";") if name.strip()}


def check_exports(library, version_script):
    """nm -D --defined-only and the reviewed list name the same symbols."""
    exported, listed = exported_names(library), listed_names(version_script)
    for name in sorted(listed - exported):
        yield f"{name} is in {version_script} and not exported"
    for name in sorted(exported - listed):
        yield f"{name} is exported and not in {version_script}"


def check_needed(library):
    """Nothing but libc is loaded with it."""
    needed = re.findall(r"\(NEEDED\).*\[(.+)\]", output_of("readelf", "-dW", library))
    if "libc.so.6" not in needed:
        yield "libc.so.6 is not NEEDED: is this the allocator?"
    for name in needed:
        if name != "libc.so.6" and not name.startswith("ld-linux"):
            yield f"{name} is NEEDED; only libc.so.6 may be"


def check_initializers(library):
    """State is initialised by the linker: a constructor would run behind the first malloc and wipe it."""
    symbols = output_of("nm", library).splitlines()
    if not symbols:
        yield "no symbols: link without -s"
    for line in symbols:
        if "_GLOBAL__sub_I" in line or "__static_initialization" in line:
            yield f"{line.split()[-1]}: some object with static storage has a constructor"


def check_tls(library):
    """Static thread-local storage fits into what every process has spare."""
    for line in output_of("readelf", "-lW", library).splitlines():
        fields = line.split()
        if fields[:1] == ["TLS"] and int(fields[5], 16) > MAX_TLS_BYTES:
            yield f"PT_TLS takes {int(fields[5], 16)} bytes, allowed are {MAX_TLS_BYTES}"


def check_text(library):
    """The machine code stays small."""
    sizes = re.findall(r"\] \.text +PROGBITS +\w+ +\w+ +(\w+)", output_of("readelf", "-SW", library))
    if not sizes:
        yield "no .text section"
    for size in sizes:
        if int(size, 16) > MAX_TEXT_BYTES:
            yield f".text takes {int(size, 16)} bytes, allowed are {MAX_TEXT_BYTES}"


def check_flags(library):
    """Never unmapped (rseq_cs stays set behind a section), nothing writable and executable."""
    dynamic = output_of("readelf", "-dW", library)
    if not re.search(r"\(FLAGS_1\).*\bNODELETE\b", dynamic):
        yield "DF_1_NODELETE is not set: link with -z nodelete"
    if "(TEXTREL)" in dynamic:
        yield "has text relocations: some object is not position-independent"
    for line in output_of("readelf", "-lW", library).splitlines():
        if re.search(r"\bRWE\b", line):
            yield "a segment is writable and executable: " + line.strip()


CHECKS = {name[6:]: check for name, check in globals().items() if name.startswith("check_")}


def main(arguments):
    if len(arguments) < 2 or arguments[0] not in CHECKS:
        sys.exit("usage: library_test.py %s LIBRARY [hz4.map]" % "|".join(CHECKS))
    findings = list(CHECKS[arguments[0]](*arguments[1:]))
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
