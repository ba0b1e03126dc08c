#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The hit paths are what was reviewed: hit_path_test.py FRONT REVIEWED libhz4.so [PAIRS] [--update].

percpu  the machine code of malloc and free, from the door to the last instruction. Addresses, what
        is relative to the instruction pointer, and offsets into symbols are masked: they change with
        code elsewhere. Jumps within a function go to numbered labels; nops are left out. Offsets
        from registers stay: they say which field is meant.
thread  instructions of the library per malloc/free pair, function by function, as callgrind counts
        them in PAIRS (valgrind has no rseq, so the per-CPU front cannot be counted like this). Two
        runs of different length are subtracted, so that start and end cancel. Whole numbers mean
        that every pair took the same way; a slow path would show as a fraction.

Both depend on the compiler, which REVIEWED names: under another one, or without the tool, the test
says that it was skipped. --update writes REVIEWED anew, for review; a difference prints the command.
"""

import argparse
import bisect
import concurrent.futures
import difflib
import os
import re
import shutil
import subprocess
import sys
import tempfile

PATHS = [  # the doors, and what they jump to by default
    "malloc",
    "hz4::Entry<hz4::PerCpuFront<(hz4::CpuIndex)0>, hz4::DirectMap, hz4::NotCounting>::Malloc(unsigned long)",
    "free",
    "hz4::Entry<hz4::PerCpuFront<(hz4::CpuIndex)0>, hz4::DirectMap, hz4::NotCounting>::Free(void*)",
]
SIZES = [16, 1024, 16384, 262144]  # small, mid and big classes, the last one served
COUNTS = (1000, 3000)  # pairs of the two runs
TIMEOUT_SECONDS = 120

COMPILER = "# compiler: "
HEADER = """\
# The reviewed hit path of HZ4_FRONT=%(front)s; tests/structure/hit_path_test.py says what is masked.
# Written by: %(command)s
"""
SKIPPED = '<testsuites><testsuite name="hit_path" tests="1" skipped="1">' \
          '<testcase name="hit_path"><skipped message="%s"/></testcase></testsuite></testsuites>\n'


def output_of(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def compiler_of(library):
    """Compiler and optimisation of the library's C++ files, or "" when it says nothing of them."""
    found = set()
    for line in output_of("readelf", "--debug-dump=info", "--dwarf-depth=1", library).splitlines():
        match = re.search(r"DW_AT_producer.*?(GNU C\+\+\d+ [\d.]+|clang version [\d.]+)(.*)", line)
        if match:
            found.add(" ".join([match.group(1), *re.findall(r" (-O\w*)", match.group(2))]))
    return ", ".join(sorted(found))


# --- percpu: the machine code ---


class Layout:
    """Which symbol, or at least which section, an address belongs to."""

    def __init__(self, library):
        self._symbols, self._sections = [], []
        for line in output_of("objdump", "-h", "-t", "-C", "-w", library).splitlines():
            section = re.match(r"\s*\d+ (\S+)\s+([0-9a-f]+)\s+([0-9a-f]+)", line)
            symbol = re.match(r"([0-9a-f]{16}) .{7} \S+\t([0-9a-f]{16}) +(?:\.hidden +)?(.+)", line)
            if section:
                size, start = int(section.group(2), 16), int(section.group(3), 16)
                self._sections.append((start, start + size, section.group(1)))
            elif symbol:
                start, size = int(symbol.group(1), 16), int(symbol.group(2), 16)
                self._symbols.append((start, start + size, symbol.group(3)))
        self._symbols.sort()
        self._starts = [start for start, _, _ in self._symbols]

    def span_of(self, name):
        spans = sorted({(start, end) for start, end, n in self._symbols if n == name and end > start})
        if len(spans) != 1:
            sys.exit(f"{name}: the library has {len(spans)} functions of this name; one was expected")
        return spans[0]

    def name_at(self, address):
        """The smallest name among the symbols that start nearest below and cover address."""
        index = bisect.bisect_right(self._starts, address) - 1
        nearest = self._starts[index] if index >= 0 else None
        names = [n for start, end, n in self._symbols if start == nearest and address < end]
        sections = [n for start, end, n in self._sections if start and start <= address < end]
        return min(names or sections or ["?"])


def listing(library, layout, name):
    """The function's instructions, masked."""
    start, end = layout.span_of(name)
    text = output_of("objdump", "-d", "-C", "-w", "--no-show-raw-insn", f"--start-address={start:#x}",
                     f"--stop-address={end:#x}", library)
    code = [(int(a, 16), instruction.strip())
            for a, instruction in re.findall(r"^ +([0-9a-f]+):\t(.+)$", text, re.M)]
    jump = re.compile(r"^((?:\w+ )*(?:j\w+|call)) +([0-9a-f]+) <.*>$")
    inside = sorted({int(m.group(2), 16) for m in (jump.match(i) for _, i in code) if m
                     and start <= int(m.group(2), 16) < end})
    label = {address: f"L{number}" for number, address in enumerate(inside, 1)}
    yield name + ":"
    for address, instruction in code:
        if address in label:
            yield f"{label[address]}:"
        if re.match(r"(data16 |cs )*nop|xchg +%ax,%ax$", instruction):
            continue
        match = jump.match(instruction)
        if match:
            target = int(match.group(2), 16)
            instruction = f"{match.group(1)} {label.get(target) or '<%s>' % layout.name_at(target)}"
        match = re.match(r"(.*?)-?0x[0-9a-f]+\(%rip\)(.*?) *# ([0-9a-f]+)", instruction)
        if match:
            symbol = layout.name_at(int(match.group(3), 16))
            instruction = f"{match.group(1)}<{symbol}>(%rip){match.group(2)}"
        yield "    " + re.sub(r" +", " ", instruction)
    yield ""


def percpu(library, _):
    layout = Layout(library)
    return "".join(line + "\n" for name in PATHS for line in listing(library, layout, name))


# --- thread: counted instructions ---


def self_costs(text, library):
    """{function: instructions} of the library's own code in callgrind's output file."""
    names, costs, total = {}, {}, 0
    current = {"ob": "", "fn": ""}
    lines = iter(text.splitlines())
    for line in lines:
        match = re.match(r"c?(ob|fn)=\((\d+)\)(?: (.*))?$", line)
        if match:
            kind, number, name = match.groups()
            if name is not None:
                names[kind, number] = name
            if not line.startswith("c"):
                current[kind] = names[kind, number]
        elif line.startswith("calls="):
            next(lines)  # what the callee costs, which its own lines say
        elif re.match(r"[-+*\d]", line):
            cost = int(line.split()[1])
            total += cost
            if os.path.basename(current["ob"]) == os.path.basename(library):
                costs[current["fn"]] = costs.get(current["fn"], 0) + cost
    said = re.search(r"^totals: (\d+)$", text, re.M)
    if said is None or int(said.group(1)) != total:
        sys.exit(f"callgrind's file was misread: {said and said.group(1)} instructions, {total} found")
    return costs


def count(library, pairs, size, number):
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "callgrind.out")
        environment = {"PATH": os.environ.get("PATH", os.defpath), "LD_PRELOAD": library,
                       "HZ4_FRONT": "thread", "HZ4_STRICT": "abort"}
        command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=" + out, pairs, str(size),
                   str(number)]
        run = subprocess.run(command, env=environment, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT_SECONDS)
        if run.returncode != 0:
            sys.exit(f"{' '.join(command)}: exit {run.returncode}\n{run.stdout}")
        with open(out, encoding="utf-8") as file:
            return self_costs(file.read(), library)


def thread(library, pairs):
    library, pairs = os.path.abspath(library), os.path.abspath(pairs)
    runs = [(size, number) for size in SIZES for number in COUNTS]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        costs = dict(zip(runs, pool.map(lambda run: count(library, pairs, *run), runs)))
    text = ""
    for size in SIZES:
        few, many = costs[size, COUNTS[0]], costs[size, COUNTS[1]]
        of_pair = {name: (many.get(name, 0) - few.get(name, 0)) / (COUNTS[1] - COUNTS[0])
                   for name in sorted(set(few) | set(many))}
        text += f"{size} bytes: {sum(of_pair.values()):g} instructions a pair\n"
        text += "".join(f"{cost:5g} {name}\n" for name, cost in of_pair.items() if cost) + "\n"
    return text


# --- both ---


def skip(reason):
    print("skipped: " + reason)
    if "XML_OUTPUT_FILE" in os.environ:
        with open(os.environ["XML_OUTPUT_FILE"], "w", encoding="utf-8") as file:
            file.write(SKIPPED % reason)
    return 0


def compare(arguments, new):
    """0, or 1 after saying what differs and how to accept it."""
    with open(arguments.reviewed, encoding="utf-8") as file:
        old = file.read()
    if old == new:
        return 0
    sys.stdout.writelines(difflib.unified_diff(old.splitlines(True), new.splitlines(True),
                                               arguments.reviewed, "now"))
    print("\nThe hit path is not the reviewed one. If it is meant to be like this, write it and review"
          f" the file:\n  {command_of(arguments.front)}")
    return 1


def command_of(front):
    return f"./bazelw run //tests/structure:hit_path_{front}_test -- --update"


def main(arguments):
    tool = {"percpu": "objdump", "thread": "valgrind"}[arguments.front]
    for name, package in (("readelf", "binutils"), (tool, "binutils" if tool == "objdump" else tool)):
        if shutil.which(name) is None:
            reason = f"no {name}; Debian's package is {package}"
            return reason if arguments.update else skip(reason)
    compiler = compiler_of(arguments.library)
    if not arguments.update:
        with open(arguments.reviewed, encoding="utf-8") as file:
            reviewed = re.search("^" + COMPILER + "(.*)$", file.read(), re.M)
        if reviewed is None:
            return f'{arguments.reviewed} has no line "{COMPILER}..."'
        if reviewed.group(1) != compiler:
            return skip(f"built by {compiler or 'a compiler that it does not name'}; "
                        f"{reviewed.group(1)} was reviewed")
    new = HEADER % {"front": arguments.front, "command": command_of(arguments.front)}
    new += f"{COMPILER}{compiler}\n\n"
    new += {"percpu": percpu, "thread": thread}[arguments.front](arguments.library, arguments.pairs)
    new = new.rstrip("\n") + "\n"
    if not arguments.update:
        return compare(arguments, new)
    # Under `bazel run` the tree is elsewhere; REVIEWED is named from its root.
    path = os.path.join(os.environ.get("BUILD_WORKSPACE_DIRECTORY", ""), arguments.reviewed)
    with open(path, "w", encoding="utf-8") as file:
        file.write(new)
    print("wrote " + path)
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("front", choices=["percpu", "thread"])
    parser.add_argument("reviewed")
    parser.add_argument("library")
    parser.add_argument("pairs", nargs="?")
    parser.add_argument("--update", action="store_true")
    parsed = parser.parse_args()
    if parsed.front == "thread" and parsed.pairs is None:
        parser.error("thread needs PAIRS, the program hit_path_pairs")
    sys.exit(main(parsed))
