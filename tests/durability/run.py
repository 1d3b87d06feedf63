#!/usr/bin/env python3
"""SIGKILL at random moments during provisioning flows with control-plane writes: after each restart everything
that was answered as done is there, and the database is sound."""
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from mock import FLEETPROV, Mock, need  # noqa: E402

FLOWS = int(os.environ.get("FLEETPROV_DURABILITY_FLOWS", "48"))
PER_LIFE = 12


def broker_pid(launcher):
    """The broker is the launcher's child."""
    with open("/proc/%d/task/%d/children" % (launcher, launcher), encoding="ascii") as file:
        children = [int(pid) for pid in file.read().split()]
    for pid in children:
        with open("/proc/%d/comm" % pid, encoding="ascii") as file:
            if file.read().startswith("mosquitto"):
                return pid
    raise AssertionError("no broker among %s" % children)


def provision_until_killed(mock, folder, first, answered, killed):
    for serial in range(first, first + PER_LIFE):
        if killed.is_set():
            return
        out = os.path.join(folder, "device-%d" % serial)
        done = subprocess.run([FLEETPROV, "provision", "--endpoint", mock.endpoint, "--cert", mock.claim["certificate"], "--key", mock.claim["private_key"],
                               "--ca-file", mock.ca_file, "--template-name", "fleet-basic", "--key-type", "ec", "--timeout", "20",
                               "--template-parameters", json.dumps({"SerialNumber": "s%d" % serial}), "--out", out],
                              capture_output=True, text=True, timeout=60)
        if done.returncode == 0:
            with open(os.path.join(out, "device.json"), encoding="utf-8") as file:
                device = json.load(file)
            answered["flows"].append((device["thing_name"], device["certificate_id"]))


def write_until_killed(mock, life, answered, killed):
    for i in range(10000):
        if killed.is_set():
            return
        name = "written-%d-%d" % (life, i)
        try:
            status, _, _ = mock.http("POST", "/things/" + name, {})
        except OSError:
            return
        if status == 200:
            answered["things"].append(name)


def main():
    need("openssl", "openssl")
    random.seed(20261123)
    answered = {"flows": [], "things": []}
    with tempfile.TemporaryDirectory() as folder:
        directory = os.path.join(folder, "mock")
        for life in range((FLOWS + PER_LIFE - 1) // PER_LIFE):
            mock = Mock(directory=directory)
            killed = threading.Event()
            workers = [threading.Thread(target=provision_until_killed, args=(mock, folder, life * PER_LIFE, answered, killed)),
                       threading.Thread(target=write_until_killed, args=(mock, life, answered, killed))]
            for worker in workers:
                worker.start()
            killed.wait(random.uniform(0.3, 1.5))  # a random moment, not a synchronisation
            pid = broker_pid(mock.process.pid)
            os.kill(pid, signal.SIGKILL)
            killed.set()
            mock.process.send_signal(signal.SIGKILL)
            mock.process.wait(10)
            mock.process.stdout.close()
            for worker in workers:
                worker.join(90)
            state = sqlite3.connect("file:%s?mode=ro" % os.path.join(directory, "state.db"), uri=True)
            assert state.execute("pragma integrity_check").fetchone() == ("ok",)
            state.close()
        with Mock(directory=directory) as mock:
            for name in answered["things"]:
                assert mock.http("GET", "/things/" + name)[0] == 200, name
            for thing, certificate in answered["flows"]:
                status, body, _ = mock.http("GET", "/things/%s/principals" % thing)
                assert status == 200 and any(p.endswith(certificate) for p in body["principals"]), (thing, body)
                status, body, _ = mock.http("GET", "/certificates/" + certificate)
                assert status == 200 and body["certificateDescription"]["status"] == "ACTIVE", body
            # And the world still works.
            done = mock.provision(os.path.join(folder, "after"), parameters={"SerialNumber": "after"})
            assert done.returncode == 0, done.stderr
    assert len(answered["flows"]) >= 4 and len(answered["things"]) >= 20, (len(answered["flows"]), len(answered["things"]))
    print("%d flows and %d things answered as done, all there; 1 passed, 0 failed" % (len(answered["flows"]), len(answered["things"])))


main()
