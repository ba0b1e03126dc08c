#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts test cases of Bazel runs: count_tests.py EVENTS.json...

Each argument is a file that `bazel test --build_event_json_file=` wrote. Prints every failed case,
then "N passed, N failed" (", N skipped" where there are any) as the last line. Exits 1 when anything
failed or nothing passed.

A test's XML says which cases it ran. A test without cases is one case. A test that Bazel calls failed
counts at least one failure, whatever its XML says (it may have crashed or run out of time before
writing any); so does one that was never run because it did not build.
"""

import json
import sys
import urllib.parse
import xml.etree.ElementTree as ElementTree


def read_cases(path):
    """Yields (name, outcome) of a test.xml; outcome is passed, failed or skipped."""
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError):
        return
    for case in root.iter("testcase"):
        tags = {child.tag for child in case}
        name = ".".join(filter(None, [case.get("classname"), case.get("name")]))
        if tags & {"failure", "error"}:
            yield name, "failed"
        elif case.get("status") == "notrun":
            continue  # disabled, or not in this shard
        elif "skipped" in tags or case.get("result") == "skipped":
            yield name, "skipped"
        else:
            yield name, "passed"


def read_results(events):
    """Returns ({label}, {label: {(run, shard): (attempt, status, xml path)}}) of one Bazel run.

    The first are the tests that were asked for and did not build, the second what was run; of a test
    tried several times only the last attempt.
    """
    asked, built, results = set(), set(), {}
    for event in events:
        event_id = event["id"]
        if "targetConfigured" in event_id and "testSize" in event.get("configured", {}):
            asked.add(event_id["targetConfigured"]["label"])
        elif "targetCompleted" in event_id and event.get("completed", {}).get("success"):
            built.add(event_id["targetCompleted"]["label"])
        elif "testResult" in event_id and "testResult" in event:
            key = event_id["testResult"]
            part = (key.get("run"), key.get("shard"))
            files = {f["name"]: f.get("uri", "") for f in event["testResult"].get("testActionOutput", [])}
            xml = urllib.parse.unquote(urllib.parse.urlparse(files.get("test.xml", "")).path)
            tried = (key.get("attempt", 1), event["testResult"].get("status"), xml)
            parts = results.setdefault(key["label"], {})
            parts[part] = max(tried, parts.get(part, tried), key=lambda t: t[0])
    return asked - built - set(results), results


def count(path):
    """Returns the outcomes of one Bazel run as {outcome: [names]}."""
    outcomes = {"passed": [], "failed": [], "skipped": []}
    with open(path, encoding="utf-8") as lines:
        not_built, results = read_results(json.loads(line) for line in lines if line.strip())
    outcomes["failed"] += [label + " (not built, or not run)" for label in sorted(not_built)]
    for label, parts in sorted(results.items()):
        for _, status, xml in parts.values():
            cases = list(read_cases(xml))
            if status != "PASSED" and not any(outcome == "failed" for _, outcome in cases):
                cases.append((status, "failed"))
            for name, outcome in cases or [("", "passed")]:
                outcomes[outcome].append((label + " " + name).strip())
    return outcomes


def main(paths):
    total = {"passed": [], "failed": [], "skipped": []}
    for path in paths:
        for outcome, names in count(path).items():
            total[outcome] += names
    for name in total["failed"]:
        print("FAILED:", name)
    line = "%d passed, %d failed" % (len(total["passed"]), len(total["failed"]))
    if total["skipped"]:
        line += ", %d skipped" % len(total["skipped"])
    print(line)
    return 0 if total["passed"] and not total["failed"] else 1


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: count_tests.py EVENTS.json... (of bazel test --build_event_json_file=)")
    sys.exit(main(sys.argv[1:]))
