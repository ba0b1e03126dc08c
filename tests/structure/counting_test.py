#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Statistics are free when off: counting_test.py TABLE_ENTRIES, the program of that name.

From every entry of the table under knobs that do not ask for statistics no counting function can be
reached; under knobs that do, one can (else this test would look for the wrong names).
"""

import subprocess
import sys

TOOL = "tests/structure/callgraph.py"
COUNTING = r"\bhz4::(Counting|mid::Timed|StatsBlockOfThisThread)\b"
# What the table holds is said by --from; its initial entries, which resolve it, are no part of that.
TABLE = r"^_ZN3hz46sealedE$"

# (knobs, whether counting is reachable)
CASES = [
    ([], False),
    (["HZ4_FRONT=thread"], False),
    (["HZ4_FRONT=none"], False),
    (["HZ4_MID_ROUTE=ladder"], False),
    (["HZ4_PROFILE=b46-base"], False),
    (["HZ4_PROFILE=b7x-base"], False),
    (["HZ4_PROFILE=b7x-base", "HZ4_MID_LOCKPATH_OUTLOCK_REFILL=1"], False),
    (["HZ4_STATS=json"], True),
    (["HZ4_MID_STATS_B1=1"], True),
]


def main(program):
    failures = 0
    for knobs, counts in CASES:
        entries = subprocess.run([program, *knobs], check=True, stdout=subprocess.PIPE, text=True)
        starts = sorted(set(entries.stdout.split()))
        command = [sys.executable, TOOL, program, "--to", COUNTING, "--opaque", TABLE, "--from", *starts]
        run = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        print(f"{' '.join(knobs) or 'default'}: {len(starts)} entries, exit {run.returncode}")
        if run.returncode != int(counts):
            failures += 1
            print(f"  expected {int(counts)}\n{run.stdout}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
