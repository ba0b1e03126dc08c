#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rules about the source tree that no compiler checks: source_test.py CHECK ROOT.

ROOT is the tree, or any file in its top folder (Bazel passes WORKSPACE, a link into the tree). Repeat
a failure with `./bazelw test //tests/structure:CHECK_test`.
"""

import os
import re
import sys

CODE = (".h", ".cc", ".S", ".def")
TEXT = CODE + (".md", ".bzl", ".py", ".sh", ".txt", ".map", "BUILD", "WORKSPACE", "bazelw", "run", "rc")

# --- layers ---

# Lowest first; hz4/BUILD has a target for each. The first pattern that matches a file says its layer.
LAYERS = ["ground", "words", "seams", "shapes", "services", "boxes", "assembly", "doors"]
_LAYER_OF = [
    (r"hz4/base/", "ground"),
    (r"hz4/(knobs|profiles|environment|config_print|size_class)[^/]*$", "words"),
    (r"hz4/stats/", "words"),
    (r"hz4/(dispatch|function_name|seams)[^/]*$", "seams"),
    (r"hz4/(central|check|gauges|new_handler|side_arena|slow_path|vfork)[^/]*$", "services"),
    (r"hz4/thread_state\.cc$", "services"),  # a thread ends through the table; its shape does not
    (r"hz4/(mid/)?resolve[^/]*$", "assembly"),
    (r"hz4/(front|mid|large)/", "boxes"),
    (r"hz4/(init|report|step_aside)[^/]*$", "assembly"),
    (r"hz4/(doors|malloc|new|hz4|api|internal_api)[^/]*$", "doors"),
    (r"hz4/[^/]+$", "shapes"),
]
# What the boxes of the ladder share, and who may know them all; every other file of hz4/mid is a box.
_MID_SHARED = r"hz4/mid/(page|bins|state|class_section|put_back)\.\w+$"
_KNOWS_BOXES = r"hz4/(mid/)?resolve|hz4/mid/check"

# --- names ---

# How documentation says "any knob".
_PLACEHOLDER = re.compile(r"HZ4_(NAME|[A-Z])?")

# --- conditionals ---

# Kinds of build: everything else that starts with HZ4_ is policy, and policy belongs in the table.
_BUILD_KINDS = {"HZ4_CONSTEXPR_TABLE"}
_MAX_CONDITIONALS = 3  # of one file, include guards and defaults of X-macros not counted


def tree(root, folders=("",), endings=TEXT):
    """Yields (path from root, text) of the files below folders whose name ends as said."""
    for folder in folders:
        for directory, names, files in os.walk(os.path.join(root, folder)):
            names[:] = sorted(n for n in names if n == ".ci" or
                              not n.startswith((".", "bazel-", "__pycache__")))
            for file in sorted(files):
                path = os.path.join(directory, file)
                if file.endswith(endings) and not os.path.islink(path):
                    with open(path, encoding="utf-8") as opened:
                        yield os.path.relpath(path, root), opened.read()


def layer_of(path):
    return next((layer for pattern, layer in _LAYER_OF if re.match(pattern, path)), None)


def stem(path):
    return re.sub(r"(_test|_internal)?\.\w+$", "", path)


def check_layers(root):
    """A file includes its own folder and lower layers; boxes meet at seams, only resolve knows them."""
    for path, text in tree(root, ["hz4"], CODE):
        layer = layer_of(path)
        if layer is None:
            continue  # hz4/tools and such stand above everything
        for number, line in enumerate(text.splitlines(), 1):
            match = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if not match:
                continue
            where, included = f"{path}:{number}", match.group(1)
            if not os.path.exists(os.path.join(root, included)):
                yield f'{where}: "{included}" is no path from the root'
                continue
            target = layer_of(included)
            folder, target_folder = os.path.dirname(path), os.path.dirname(included)
            if target is None:
                yield f"{where}: {included} is no part of the allocator"
            elif LAYERS.index(target) > LAYERS.index(layer):
                yield f"{where}: {path} ({layer}) includes {included}, a higher layer ({target})"
            elif target != "boxes" or stem(included) == stem(path) or re.match(_KNOWS_BOXES, path):
                continue
            elif target_folder != folder:
                yield f"{where}: only resolve knows boxes; {included} is one"
            elif folder == "hz4/mid" and not re.match(_MID_SHARED, included):
                yield f"{where}: boxes never include other boxes; they meet at seams"


def check_conditionals(root):
    """The preprocessor knows platforms and kinds of build, never a policy."""
    for path, text in tree(root, ["hz4", "bench"], CODE):
        lines = text.splitlines()
        counted = 0
        for number, line in enumerate(lines, 1):
            match = re.match(r"\s*#\s*(if|ifdef|ifndef|elif)\b(.*)", line)
            if not match:
                continue
            kind, condition = match.group(1), re.sub(r"//.*|/\*.*?\*/", "", match.group(2)).strip()
            following = lines[number] if number < len(lines) else ""
            if kind == "ifndef" and re.match(r"\s*#\s*define\s+%s\b" % re.escape(condition), following):
                continue  # an include guard, or what an X-macro is when nobody asked for it
            counted += 1
            for name in set(re.findall(r"\bHZ4_\w+", condition)) - _BUILD_KINDS:
                yield f"{path}:{number}: {name} decides at compile time; make it a knob"
        if counted > _MAX_CONDITIONALS:
            yield f"{path}: {counted} preprocessor conditionals, allowed are {_MAX_CONDITIONALS}"


def check_paths(root):
    """No path of one machine stands in the tree."""
    machine = re.compile(r"(?<![\w.*$}])/(home|root|work|Users)/\w|" + re.escape(os.path.abspath(root) + "/"))
    for path, text in tree(root):
        for number, line in enumerate(text.splitlines(), 1):
            if machine.search(line) and path != "tests/structure/source_test.py":
                yield f"{path}:{number}: {line.strip()}"


def check_names(root):
    """Every HZ4_ name in code and docs is a knob of the registry, or a macro of the code."""
    with open(os.path.join(root, "hz4/knobs.def"), encoding="utf-8") as file:
        knobs = set(re.findall(r'"(HZ4_[A-Z0-9_]+)"', file.read()))
    if not knobs:
        yield "hz4/knobs.def names no knob"
    # Tests speak of names that are wrong on purpose.
    texts = [(p, t) for p, t in tree(root) if not p.startswith(("tests/", "bazel/"))]
    macros = set(_BUILD_KINDS)
    for _, text in texts:
        macros.update(re.findall(r"#\s*define\s+(HZ4_\w+)", text))
        macros.update(re.findall(r"-D(HZ4_\w+)", text))
    speaks_of_code = CODE + ("BUILD", ".bzl", "docs/DESIGN.md")
    for path, text in texts:
        for number, line in enumerate(text.splitlines(), 1):
            # [HZ4_...] is how a printed line begins.
            for name in re.findall(r"(?<!\w)HZ4_\w*", re.sub(r"\[HZ4_\w+\]", "", line)):
                known = (knobs | macros) if path.endswith(speaks_of_code) else knobs
                family = name.endswith("_") and any(k.startswith(name) for k in known)
                spelled = {name, re.sub("_BOX$", "", name)}  # the work orders' spelling is an alias
                if not (family or spelled & known or _PLACEHOLDER.fullmatch(name)):
                    yield f"{path}:{number}: {name} is not in hz4/knobs.def"


CHECKS = {name[6:]: check for name, check in globals().items() if name.startswith("check_")}


def main(arguments):
    if len(arguments) != 2 or arguments[0] not in CHECKS:
        sys.exit("usage: source_test.py %s ROOT" % "|".join(CHECKS))
    root = os.path.realpath(arguments[1])
    findings = list(CHECKS[arguments[0]](root if os.path.isdir(root) else os.path.dirname(root)))
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
