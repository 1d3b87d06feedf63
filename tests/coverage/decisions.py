#!/usr/bin/env python3
"""The decisions of include/ that no test takes both ways, from clang's source-based coverage: every condition of every
`if`, `while`, `?:`, `&&` and `||`, none of the compiler's own branches (exceptions, destructors, inlining).

  tests/coverage/decisions.py BUILD-DIR     a build with -fprofile-instr-generate -fcoverage-mapping, its tests run
                                            with LLVM_PROFILE_FILE below BUILD-DIR/profiles
"""
import glob
import json
import os
import subprocess
import sys

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))


def export(build):
    raw = glob.glob(os.path.join(build, "profiles", "*.profraw"))
    merged = os.path.join(build, "merged.profdata")
    listing = os.path.join(build, "profiles.txt")
    with open(listing, "w", encoding="utf-8") as file:
        file.write("\n".join(raw))
    subprocess.run(["llvm-profdata", "merge", "-sparse", "-f", listing, "-o", merged], check=True)
    folder = os.path.join(build, "tests")
    programs = [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.startswith(("unit_", "fuzz_"))
                and os.access(os.path.join(folder, name), os.X_OK) and os.path.isfile(os.path.join(folder, name))]
    objects = [part for program in programs[1:] for part in ("-object", program)]
    out = subprocess.run(["llvm-cov", "export", "-instr-profile", merged, programs[0]] + objects, check=True, capture_output=True)
    return json.loads(out.stdout)


def collect(report):
    """path -> {place: [times true, times false]}. A template has its counts in each of its instances: they are added."""
    found = {}
    for function in report["data"][0]["functions"]:
        for line, column, end_line, end_column, yes, no, file_id, _, kind in function.get("branches", []):
            path = os.path.realpath(function["filenames"][file_id])
            if kind != 4 or not path.startswith(os.path.join(ROOT, "include") + os.sep):
                continue
            counts = found.setdefault(path, {}).setdefault((line, column, end_line, end_column), [0, 0])
            counts[0] += yes
            counts[1] += no
    return found


def main():
    taken = there = 0
    for path, places in sorted(collect(export(sys.argv[1])).items()):
        with open(path, encoding="utf-8") as file:
            source = file.read().split("\n")
        missing, mine = [], 0
        for (line, column, end_line, end_column), counts in sorted(places.items()):
            text = source[line - 1]
            # A `switch` counts as taken when no case fits: all of ours name every value.
            if "GCOVR_EXCL_LINE" in text or text.strip().startswith("switch ("):
                continue
            there += 2
            mine += 2
            taken += sum(1 for count in counts if count > 0)
            what = text[column - 1:end_column - 1] if end_line == line else text[column - 1:]
            missing += ["  %5d never %-5s %-40s %s" % (line, way, what[:60], text.strip()[:100])
                        for way, count in zip(("true", "false"), counts) if count == 0]
        if missing:
            print("%s: %d of %d" % (os.path.relpath(path, ROOT), mine - len(missing), mine))
            print("\n".join(missing))
    print("decisions: %.1f%% (%d out of %d)" % (100.0 * taken / max(1, there), taken, there))


if __name__ == "__main__":
    main()
