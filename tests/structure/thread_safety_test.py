#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Guarded members are touched under their locks: thread_safety_test.py ROOT.

g++ ignores the annotations, so clang reads every source once more, for syntax only. Where there is no
clang++ the test says that it was skipped. ROOT is the tree, or any file in its top folder.
"""

import concurrent.futures
import os
import shutil
import subprocess
import sys

FLAGS = ["-fsyntax-only", "-std=c++17", "-I.", "-Wno-everything", "-Wthread-safety", "-Werror=thread-safety"]
SKIPPED = '<testsuites><testsuite name="thread_safety" tests="1" skipped="1">' \
          '<testcase name="thread_safety"><skipped message="%s"/></testcase></testsuite></testsuites>\n'


def sources(root):
    for directory, _, files in os.walk(os.path.join(root, "hz4")):
        for file in sorted(files):
            if file.endswith(".cc"):
                yield os.path.relpath(os.path.join(directory, file), root)


def skip(reason):
    print("skipped: " + reason)
    if "XML_OUTPUT_FILE" in os.environ:
        with open(os.environ["XML_OUTPUT_FILE"], "w", encoding="utf-8") as file:
            file.write(SKIPPED % reason)
    return 0


def main(root):
    clang = shutil.which("clang++")
    if clang is None:
        return skip("no clang++; Debian's package is clang")
    root = os.path.realpath(root)
    root = root if os.path.isdir(root) else os.path.dirname(root)

    def check(source):
        return subprocess.run([clang, *FLAGS, source], cwd=root, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)

    failures = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for run in pool.map(check, sources(root)):
            if run.returncode != 0:
                failures += 1
                print(f"{' '.join(run.args)}\n{run.stdout}")
    return 1 if failures else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: thread_safety_test.py ROOT")
    sys.exit(main(sys.argv[1]))
