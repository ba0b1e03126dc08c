#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Is some function reachable from another in a program's or library's machine code?

  callgraph.py FILE --from NAME_OR_ADDRESS... --to REGEX [--opaque REGEX]

Exits 0 when no function whose (mangled or demangled) name matches --to is reachable, 1 when one is,
with the path that leads there, 2 when a start is unknown.

An edge is every reference that stands in the disassembly: a direct call or jump, the address of a
function taken by an instruction, and, where an instruction refers to a data object, every function
whose address that object holds after relocation. Calls through pointers have no edges of their own:
what a table holds when it is not constant data must be named with --from. Data objects that match
--opaque are not followed. So the answer errs on the side of "reachable".
"""

import argparse
import bisect
import collections
import re
import subprocess
import sys

_HEADER = re.compile(r"^([0-9a-f]+) <(.+)>:$")
_DIRECT = re.compile(r"\b(?:call|j\w+|xbegin)\s+(?:\w+ )*([0-9a-f]+) <")
_RIP_RELATIVE = re.compile(r"# ([0-9a-f]+)(?: <|$)")


def _lines(*command):
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return run.stdout.splitlines()


class Symbols:
    """Functions and data objects by address."""

    def __init__(self, path):
        spans = {}
        for line in _lines("readelf", "-sW", path):
            fields = line.split()
            if len(fields) < 8 or fields[3] not in ("FUNC", "OBJECT", "IFUNC") or fields[6] == "UND":
                continue
            address, size = int(fields[1], 16), int(fields[2], 0)
            name, is_code = fields[7].split("@")[0], fields[3] != "OBJECT"
            if size or is_code:
                spans.setdefault(address, (address + max(size, 1), name, is_code))
        self._starts = sorted(spans)
        self._spans = spans
        self.names = {name for _, name, _ in spans.values()}
        self.address_of = {name: start for start, (_, name, _) in spans.items()}

    def at(self, address):
        """Returns (name, is_code) of the symbol that covers address, or None."""
        index = bisect.bisect_right(self._starts, address) - 1
        if index < 0:
            return None
        end, name, is_code = self._spans[self._starts[index]]
        return (name, is_code) if address < end else None


def read_graph(path, opaque=None):
    """Returns ({name: set of names it refers to}, Symbols)."""
    symbols = Symbols(path)
    edges = collections.defaultdict(set)
    # Data: objects whose words are relocated to functions, or to other objects.
    for line in _lines("readelf", "-rW", path):
        fields = line.split()
        if len(fields) < 4 or not fields[2].startswith("R_X86_64_"):
            continue
        holder = symbols.at(int(fields[0], 16))
        if fields[2] in ("R_X86_64_RELATIVE", "R_X86_64_IRELATIV"):
            target = symbols.at(int(fields[3], 16))
        elif fields[2] == "R_X86_64_64" and int(fields[3], 16):
            target = symbols.at(int(fields[3], 16))
        else:
            continue
        if holder and target and not holder[1] and not (opaque and re.search(opaque, holder[0])):
            edges[holder[0]].add(target[0])
    # Code.
    function = None
    for line in _lines("objdump", "-d", "-w", "--no-show-raw-insn", path):
        header = _HEADER.match(line)
        if header:
            known = symbols.at(int(header.group(1), 16))
            function = known[0] if known and known[1] else header.group(2)
            continue
        if function is None:
            continue
        for pattern in (_DIRECT, _RIP_RELATIVE):
            for address in pattern.findall(line):
                target = symbols.at(int(address, 16))
                if target and target[0] != function:
                    edges[function].add(target[0])
    return edges, symbols


def find_path(edges, starts, is_wanted):
    """Returns the shortest list of names from one of starts to a wanted one, or None."""
    came_from = {start: None for start in starts}
    queue = collections.deque(starts)
    while queue:
        name = queue.popleft()
        if is_wanted(name):
            path = [name]
            while came_from[path[-1]] is not None:
                path.append(came_from[path[-1]])
            return path[::-1]
        for target in sorted(edges.get(name, ())):
            if target not in came_from:
                came_from[target] = name
                queue.append(target)
    return None


def demangle(names):
    ordered = sorted(names)
    run = subprocess.run(["c++filt"], input="\n".join(ordered), check=True, stdout=subprocess.PIPE, text=True)
    return dict(zip(ordered, run.stdout.split("\n")))


def resolve_start(symbols, start):
    """Returns the symbol a --from argument means, or None."""
    if start in symbols.names:
        return start
    try:
        found = symbols.at(int(start, 16))
    except ValueError:
        return None
    return found[0] if found and found[1] else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--from", dest="starts", nargs="+", required=True)
    parser.add_argument("--to", required=True)
    parser.add_argument("--opaque")
    options = parser.parse_args()
    edges, symbols = read_graph(options.file, options.opaque)
    starts = []
    for start in options.starts:
        name = resolve_start(symbols, start)
        if name is None:
            print(f"{start} is no function of {options.file}; a symbol or a hexadecimal address is")
            return 2
        starts.append(name)
    names = demangle(symbols.names)
    wanted = re.compile(options.to)
    path = find_path(edges, starts,
                     lambda n: bool(wanted.search(n) or wanted.search(names.get(n, n))))
    if path is None:
        return 0
    print("reachable:")
    for depth, name in enumerate(path):
        print("  " * (depth + 1) + names.get(name, name))
    return 1


if __name__ == "__main__":
    sys.exit(main())
