"""`fleetprov provision` killed at a system call, and the run after it."""
import concurrent.futures
import os
import signal
import subprocess
import tempfile

from device import active_certificates, check_private, check_whole, connects, provision, record

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
    again = provision(mock, out, *extra, *(["--if-needed"] if if_needed else []), serial=serial)
    assert again.returncode == 0, (serial, again.stderr)
    check_private(out)
    check_whole(out)
    assert not os.path.exists(out + "/pending"), serial
    mine = record(out)
    assert mine["thing_name"] == "fleet-" + serial, (mine, again.stderr)
    known = {mine["certificate_id"], *mine["superseded"]}
    active = active_certificates(mock, mine["thing_name"])
    assert mine["certificate_id"] in active, serial
    assert set(active) <= known, (serial, active, known)
    assert connects(mock, out), serial
    return killed.returncode != 0


def kill_at_every_call(mock, label, prior, if_needed, key_type):
    """Kills before each call, and in the middle of each write; between two calls nothing changes on disk."""
    points = {}
    with tempfile.TemporaryDirectory() as root, concurrent.futures.ThreadPoolExecutor(4) as pool:
        shim = build_shim(root)
        for mode in ("before", "torn"):
            number, done = 1, False
            while not done:
                batch = [pool.submit(killed_run, mock, shim, root, label, n, mode, prior, if_needed, key_type) for n in range(number, number + 8)]
                killed = [one.result() for one in batch]
                points[mode] = points.get(mode, 0) + sum(killed)
                done = not all(killed)
                number += 8
                assert number < 200
    print("      %d calls, %d torn writes" % (points["before"], points["torn"]))
    assert points["before"] > 24 and points["torn"] >= 4, points
