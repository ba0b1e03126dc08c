#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes what campaigns measured into the ledger, docs/EXPERIMENTS.md.

    bench/ab/ledger.py docs/EXPERIMENTS.md NAME ON_ITS_BASE ON_THE_DEFAULT

The two folders are results of //bench:ab for the experiment NAME: on its work order's base arm and with
`--base=` on the default profile. What stands between the ledger's lines `<!-- NAME: measured -->` and
`<!-- NAME: end -->` is replaced; every other line is somebody's words and stays.
"""
import json
import pathlib
import re
import sys


def percent(value):
    return "-" if value is None else f"{value:+.2f}%"


def millions(value):
    return f"{value / 1e6:.2f}"


def interval(claim):
    if claim["low_percent"] is None or claim["low_percent"] <= -100:
        return "unbounded"
    high = claim["high_percent"]
    return f"{claim['low_percent']:+.2f}" + (f" to {high:+.2f}" if high is not None else " or more")


def stage_of(summary, arm, lane):
    """The last stage that was run of a lane: (stage, gate row) or None."""
    rows = [g for g in summary["gates"] if g["arm"] == arm and g["lane"] == lane]
    return rows[-1] if rows else None


def table(summary):
    lines = ["| lane | arm | runs | base M ops/s | arm M ops/s | gain by medians | gate | by medians "
             "| sound gain | interval, % | sound |",
             "|---|---|---:|---:|---:|---:|---:|---|---:|---|---|"]
    seen = []
    for gate in summary["gates"]:
        key = (gate["lane"], gate["arm"])
        if key in seen:
            continue
        seen.append(key)
        row = stage_of(summary, gate["arm"], gate["lane"])
        claim = next((c for c in summary["claims"]
                      if (c["lane"], c["arm"], c["metric"]) == key + (row["metric"],)), None)
        sound = ["-", "-", "-"]
        if claim is not None:
            verdict = claim["verdict"] + (", undecidable" if claim["undecidable"] and
                                          claim["verdict"] == "INCONCLUSIVE" else "")
            sound = [percent(claim["estimate_percent"]), interval(claim), verdict]
        lines.append("| " + " | ".join([
            row["lane"], row["arm"], f"{row['stage']}, {row['runs']}", millions(row["base_median"]),
            millions(row["variant_median"]), percent(row["gain_percent"]),
            percent(row["gate_percent"]), "PASS" if row["pass"] else "FAIL"] + sound) + " |")
    return lines


def checks(summary):
    lines = []
    for check in summary["checks"]:
        lines.append(f"- {check['kind']}: {check['seen']}: {'holds' if check['holds'] else 'FAILS'} "
                     f"(asked: `{check['expected']}`)")
    return lines



def part(heading, folder):
    summary = json.loads((folder / "summary.json").read_text())
    report = (folder / "REPORT.md").read_text()
    facts = dict(re.findall(r"^\| (processor|processors|memory|kernel) \| (.*) \|$", report, re.M))
    command = re.sub(r"--(library|bench|out)=\S+ ?", "", summary["command"])
    lines = [f"**{heading}: {summary['verdict']}** (sound: {summary['sound_verdict']}). "
             + (f"Decided by: {summary['decided_by']}." if summary["decided_by"] else ""), ""]
    lines += table(summary) + [""]
    lines += checks(summary)
    lines += [f"- warning: {w}" for w in summary["warnings"]]
    lines += [f"- invalid: {i}" for i in summary["invalid"]]
    arms = ", ".join(f"{name} `{arm['fingerprint']}`" for name, arm in summary["arms"].items())
    lines += [f"- {arms}; library sha256 `{summary['library_sha256'][:16]}`",
              f"- {facts.get('processor')}, {facts.get('processors')} processors, "
              f"{facts.get('kernel')}; repeat: `{command}`", ""]
    return lines


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    ledger, name = pathlib.Path(sys.argv[1]), sys.argv[2]
    body = part("On its base", pathlib.Path(sys.argv[3]))
    body += part("On the default profile", pathlib.Path(sys.argv[4]))
    text = ledger.read_text()
    begin, end = f"<!-- {name}: measured -->\n", f"<!-- {name}: end -->"
    if begin not in text or end not in text:
        sys.exit(f"{ledger}: no lines {begin.strip()} and {end}")
    head, rest = text.split(begin, 1)
    ledger.write_text(head + begin + "\n" + "\n".join(body) + rest[rest.index(end):])


if __name__ == "__main__":
    main()
