#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""callgraph.py answers right about callgraph_sample.cc: callgraph_test.py SAMPLE."""

import subprocess
import sys

TOOL = "tests/structure/callgraph.py"

# (starts, further arguments, exit status)
CASES = [
    (["plain_door"], [], 0),
    (["direct_door"], [], 1),
    (["tail_door"], [], 1),
    (["address_door"], [], 1),
    (["table_door"], [], 1),
    (["table_door"], ["--opaque", "^table$"], 0),
    (["constant_table_door"], ["--opaque", "^table$"], 1),
    (["through_door"], ["--opaque", "^table$"], 1),
    (["plain_door", "direct_door"], [], 1),
    (["no_such_door"], [], 2),
]


def main(sample):
    failures = 0
    for starts, further, expected in CASES:
        command = [sys.executable, TOOL, sample, "--to", r"Entry<Counting>", *further, "--from", *starts]
        run = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        if run.returncode != expected:
            failures += 1
            print(f"{' '.join(command)}\n  exits {run.returncode}, expected {expected}\n{run.stdout}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
