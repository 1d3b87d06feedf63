#!/usr/bin/env python3
"""SIGKILL at random moments during provisioning flows with control-plane writes: after each restart everything
that was answered as done is there, and the database is sound."""
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
from mock import Mock, need  # noqa: E402
from mqtt import CREATE_FROM_CSR, Client, ask, claim_identity, register  # noqa: E402

FLOWS = int(os.environ.get("FLEETPROV_DURABILITY_FLOWS", "200"))
SEED = int(os.environ.get("FLEETPROV_SEED", "20261123"))


class Answered:
    """What the mock has said is done; only the call in flight when it dies may have gone either way."""

    def __init__(self):
        self.flows, self.started = [], 0  # (thing, certificate id)
        self.things = {}  # name -> version, None once deleted
        self.unknown = set()
        self.problems = []


def provision_until_killed(mock, csr, answered, killed):
    while not killed.is_set():
        serial = answered.started
        answered.started += 1
        client = None
        try:
            client = Client(mock, claim_identity(mock), "flow-%d" % serial)
            kind, answer = ask(client, CREATE_FROM_CSR, csr)
            assert kind == "accepted", answer
            made = answer.json()
            kind, answer = register(client, made["certificateOwnershipToken"], SerialNumber="s%d" % serial)
            assert kind == "accepted", answer
            client.disconnect()
        except (OSError, AssertionError) as problem:
            # The broker was killed in the middle, or else this is a refusal that should not be.
            if client is not None and not client.closed:
                answered.problems.append(repr(problem))
            return
        answered.flows.append((answer["thingName"], made["certificateId"]))


def write_until_killed(mock, life, answered, killed):
    i = 0
    while not killed.is_set():
        name = "written-%d-%d" % (life, i)
        i += 1
        for method, body, after in (("POST", {}, 1), ("PATCH", {"attributePayload": {"attributes": {"n": str(i)}}}, 2), ("DELETE", None, None)):
            if method == "DELETE" and i % 3:
                break
            answered.unknown.add(name)
            try:
                status, answer, _ = mock.http(method, "/things/" + name, body)
            except OSError:
                return
            if status != 200:
                answered.problems.append("%s %s: %s" % (method, name, answer))
                return
            answered.things[name] = after
            answered.unknown.discard(name)


def check(mock, answered):
    kept = {}
    token = ""
    while token is not None:
        _, page, _ = mock.http("GET", "/things?maxResults=250&nextToken=" + token.replace("=", "%3D"))
        kept.update((thing["thingName"], thing["version"]) for thing in page["things"])
        token = page.get("nextToken")
    for name, version in answered.things.items():
        if name not in answered.unknown:
            assert kept.get(name) == version, (name, kept.get(name), version)
    for thing, certificate in answered.flows:
        assert thing in kept, thing
        status, body, _ = mock.http("GET", "/things/%s/principals" % thing)
        assert status == 200 and any(p.endswith(certificate) for p in body["principals"]), (thing, body)
        status, body, _ = mock.http("GET", "/certificates/" + certificate)
        assert status == 200 and body["certificateDescription"]["status"] == "ACTIVE", body


def main():
    random.seed(SEED)
    answered, kills = Answered(), 0
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([need("openssl", "openssl"), "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=d",
                        "-keyout", folder + "/d.key", "-out", folder + "/d.csr"], check=True, capture_output=True)
        with open(folder + "/d.csr", encoding="ascii") as file:
            csr = '{"certificateSigningRequest":"%s"}' % file.read().replace("\n", "\\n")
        directory = os.path.join(folder, "mock")
        while answered.started < FLOWS or kills < FLOWS // 10:
            mock = Mock(directory=directory)
            killed = threading.Event()
            workers = [threading.Thread(target=provision_until_killed, args=(mock, csr, answered, killed)),
                       threading.Thread(target=write_until_killed, args=(mock, kills, answered, killed))]
            for worker in workers:
                worker.start()
            killed.wait(random.uniform(0.02, 0.8))  # a random moment, not a synchronisation
            pid = mock.broker_pid()
            os.kill(pid, signal.SIGKILL)
            killed.set()
            kills += 1
            mock.process.send_signal(signal.SIGKILL)
            mock.process.wait(10)
            mock.process.stdout.close()
            for worker in workers:
                worker.join(90)
            assert not answered.problems, answered.problems
            state = sqlite3.connect("file:%s?mode=ro" % os.path.join(directory, "state.db"), uri=True)
            assert state.execute("pragma integrity_check").fetchone() == ("ok",)
            state.close()
        with Mock(directory=directory) as mock:
            check(mock, answered)
            # And the world still works.
            done = mock.provision(os.path.join(folder, "after"), parameters={"SerialNumber": "after"})
            assert done.returncode == 0, done.stderr
    assert len(answered.flows) >= FLOWS // 4 and len(answered.things) >= 20, (len(answered.flows), len(answered.things))
    print("%d kills, %d flows started; %d flows and %d things answered as done, all as answered; 1 passed, 0 failed" %
          (kills, answered.started, len(answered.flows), len(answered.things)))


main()
