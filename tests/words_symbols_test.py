#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What configuration and statistics need from outside: words_symbols_test.py ARCHIVE...

They run inside the first malloc of a process, so they may call nothing that allocates and nothing of
libstdc++. Archives named with a + before them only provide. Repeat a failure with
`./bazelw test //tests:words_symbols_test`.
"""

import re
import subprocess
import sys

# Plain functions of libc, and the two variables through which the environment is found.
ALLOWED = {
    "memcpy", "memmove", "memset", "memcmp", "strlen",
    "getauxval", "environ", "__libc_stack_end",
    "_GLOBAL_OFFSET_TABLE_",
}


def symbols(archive, kinds):
    output = subprocess.run(["nm", "--format=posix", archive], check=True, stdout=subprocess.PIPE,
                            universal_newlines=True).stdout
    for line in output.splitlines():
        words = line.split()
        if len(words) >= 2 and re.fullmatch(kinds, words[1]):
            yield words[0]


def main(arguments):
    checked = [a for a in arguments if not a.startswith("+")]
    if not checked:
        sys.exit(f"usage: words_symbols_test.py [+]ARCHIVE..., not {arguments}")
    provided = set()
    for archive in arguments:
        provided.update(symbols(archive.lstrip("+"), "[A-TV-Z]"))
    needed = {}
    for archive in checked:
        for name in symbols(archive, "[Uvw]"):
            needed.setdefault(name, archive)
    if len(provided) < 50:
        sys.exit(f"only {len(provided)} symbols found in {arguments}: these are not the libraries")
    # Thread-local state is the front's.
    outside = {n: a for n, a in needed.items() if n not in provided | ALLOWED and n != "_ZN3hz43tlsE"}
    for name, archive in sorted(outside.items()):
        print(f"{archive} needs {name}")
    return 1 if outside else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
