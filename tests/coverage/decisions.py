#!/usr/bin/env python3
"""Decisions of a gcovr JSON report (`gcovr --decisions --json`): which conditions never came out true, or never false,
and which cases never came up. Branches of exceptions, destructors and inlining are no decisions, so this list is the one
to read; what gcovr cannot tell apart on one line (`&&`, `||`) is counted as unclear.

  tests/coverage/decisions.py REPORT.json [PATH-PART]
"""
import json
import os
import sys


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        report = json.load(file)
    part = sys.argv[2] if len(sys.argv) > 2 else ""
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    all_taken = all_there = unclear = 0
    for each in report["files"]:
        if part not in each["file"]:
            continue
        with open(os.path.join(root, each["file"]), encoding="utf-8") as file:
            source = file.read().split("\n")
        taken = there = 0
        missing = []
        for line in each["lines"]:
            what = line.get("gcovr/decision")
            if not what or line.get("gcovr/excluded"):
                continue
            if what["type"] == "uncheckable":
                unclear += 1
                continue
            ways = {"never": what["count"]} if what["type"] == "switch" else {"never true": what["count_true"], "never false": what["count_false"]}
            there += len(ways)
            taken += sum(1 for count in ways.values() if count > 0)
            missing += ["  %5d %-11s %s" % (line["line_number"], why, source[line["line_number"] - 1].strip()[:110])
                        for why, count in ways.items() if count == 0]
        all_taken += taken
        all_there += there
        if missing:
            print("%s: %d of %d" % (each["file"], taken, there))
            print("\n".join(missing))
    print("decisions: %.1f%% (%d out of %d), %d lines unclear" % (100.0 * all_taken / max(1, all_there), all_taken, all_there, unclear))


if __name__ == "__main__":
    main()
