"""`fleetprov provision` killed at a system call, and the run after it."""
import concurrent.futures
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile

from device import PATIENCE, active_certificates, check_private, check_whole, command, connects, provision, read_bytes, record


def build_shim(where):
    shim = os.path.join(where, "kill_shim.so")
    built = subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", shim, os.path.join(os.path.dirname(os.path.abspath(__file__)), "kill_shim.c"), "-ldl"], capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return shim


def killed_run(mock, shim, root, label, number, mode, prior, if_needed, key_type):
    """One kill and the run after it. False when the process ended before the kill."""
    serial = "%s-%s-%d" % (label, mode, number)
    out = os.path.join(root, serial)
    extra = ["--key-type", key_type] if key_type else []
    if prior:
        first = provision(mock, out, *extra, serial=serial)
        assert first.returncode == 0, first.stderr
    # ASan's own library has to come first and does not in a sanitized build: it is told not to mind.
    env = {"LD_PRELOAD": shim, "KILL_DIR": out, "KILL_AT": str(number), "KILL_MODE": mode, "ASAN_OPTIONS": "verify_asan_link_order=0"}
    killed = provision(mock, out, *extra, serial=serial, env=env, umask=0)
    assert killed.returncode in (0, -signal.SIGKILL), (killed.returncode, killed.stderr)
    if os.path.isdir(out):
        check_private(out)
        check_whole(out)
    pending = json.loads(read_bytes(out + "/pending/pending.json") or b"{}")
    again = provision(mock, out, *extra, *(["--if-needed"] if if_needed else []), serial=serial)
    assert again.returncode == 0, (serial, again.stderr)
    check_private(out)
    check_whole(out)
    assert not os.path.exists(out + "/pending"), serial
    mine = record(out)
    assert mine["thing_name"] == "fleet-" + serial, (mine, again.stderr)
    if pending.get("state") == "registered":  # what was registered is finished, nothing is made anew
        assert mine["certificate_id"] == pending["certificate_id"] and "resume" in again.stderr, (serial, again.stderr)
    known = {mine["certificate_id"], *mine["superseded"]}
    active = active_certificates(mock, mine["thing_name"])
    assert mine["certificate_id"] in active, serial
    assert set(active) <= known, (serial, active, known)
    assert connects(mock, out), serial
    return killed.returncode != 0


def kill_at_every_call(mock, label, prior, if_needed, key_type):
    """Kills before each call in the folder, in the middle of each write there, and before each write to a socket."""
    points = {}
    with tempfile.TemporaryDirectory() as root, concurrent.futures.ThreadPoolExecutor(4) as pool:
        shim = build_shim(root)
        for mode in ("before", "torn", "sent"):
            number, done = 1, False
            while not done:
                batch = [pool.submit(killed_run, mock, shim, root, label, n, mode, prior, if_needed, key_type) for n in range(number, number + 8)]
                killed = [one.result() for one in batch]
                points[mode] = points.get(mode, 0) + sum(killed)
                done = not all(killed)
                number += 8
                assert number < 200
    print("      %d calls, %d torn writes, %d writes to sockets" % (points["before"], points["torn"], points["sent"]))
    assert points["before"] > 24 and points["torn"] >= 4 and points["sent"] > 8, points


# What changes nothing on disk; every other call that names the folder is one that the shim has to count.
HARMLESS = {"read", "pread64", "close", "fstat", "newfstatat", "stat", "lstat", "statx", "access", "faccessat", "faccessat2", "getdents64", "lseek",
            "flock", "fcntl", "mmap", "readlink", "readlinkat", "fadvise64", "execve"}


def compare_with_kernel(mock, prior):
    """The shim counts as many calls in the folder as the kernel gets there, whatever library made them."""
    if not shutil.which("strace"):
        print("      not compared with strace: it is not installed")
        return
    with tempfile.TemporaryDirectory() as root:
        shim, out, trace, report = build_shim(root), root + "/out", root + "/trace", root + "/report"
        serial = "traced-%d" % prior
        if prior:
            assert provision(mock, out, "--key-type", "ec", serial=serial).returncode == 0
        line = ["strace", "-f", "-y", "-s", "0", "-o", trace, "-e", "trace=%file,%desc", "-E", "LD_PRELOAD=" + shim, "-E", "KILL_DIR=" + out,
                "-E", "KILL_REPORT=" + report, "-E", "ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0"]
        traced = subprocess.run(line + command(mock, out, "--key-type", "ec", serial=serial), capture_output=True, text=True, timeout=PATIENCE)
        if "ptrace" in traced.stderr and not os.path.exists(report):
            print("      not compared with strace: it may not trace here")
            return
        assert traced.returncode == 0, traced.stderr
        seen = {}
        with open(trace, encoding="utf-8", errors="replace") as file:
            for text in file:
                name = re.match(r"\d+ +(?:<\.\.\. )?(\w+)[( ]", text)
                # The arguments alone: what a call answers is not what it does.
                arguments = text.rsplit(" = ", 1)[0]
                if not name or "resumed>" in text or out not in arguments or name[1] in HARMLESS:
                    continue
                seen[name[1]] = seen.get(name[1], 0) + 1
        with open(report, encoding="utf-8") as file:
            counted = int(file.read())
        print("      %d calls: %s" % (counted, ", ".join("%d %s" % (n, name) for name, n in sorted(seen.items()))))
        assert counted == sum(seen.values()) and {"write", "rename", "fsync", "openat", "unlink", "mkdir", "rmdir"} >= set(seen), (counted, seen)
        assert seen.get("fsync", 0) > 4 and seen.get("rename", 0) > 4 and seen.get("write", 0) > 4, seen
