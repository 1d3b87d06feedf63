#!/usr/bin/env python3
"""Pre-provisioning hook: only serial numbers on a list may provision, and the list gives their site.

Reads the hook request (JSON) on standard input and writes the answer on standard output. The list
is the file named by the first argument, one device a line: SERIAL [SITE]; `#` starts a comment.
Anything unexpected ends with a denial: a hook must never allow by accident.
"""
import json
import sys


def read_list(path):
    sites = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            words = line.split("#", 1)[0].split()
            if words:
                sites[words[0]] = words[1] if len(words) > 1 else None
    return sites


def decide(request, sites):
    serial = request["parameters"].get("SerialNumber")
    if not isinstance(serial, str) or serial not in sites:
        return {"allowProvisioning": False}
    site = sites[serial]
    return {"allowProvisioning": True, "parameterOverrides": {"Site": site} if site else {}}


def main():
    try:
        request = json.load(sys.stdin)
        answer = decide(request, read_list(sys.argv[1]))
        serial = request["parameters"].get("SerialNumber")
        print(f"serial {serial!r}: {'allowed' if answer['allowProvisioning'] else 'denied'}", file=sys.stderr)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as why:
        print(f"denied: {type(why).__name__}: {why}", file=sys.stderr)
        answer = {"allowProvisioning": False}
    print(json.dumps(answer))


main()
