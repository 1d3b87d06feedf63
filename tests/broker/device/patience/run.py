#!/usr/bin/env python3
"""What a device makes of silence, of a service that has no time, and of one refusal: none of them is an answer."""
import json
import os
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "..", "..", "support")]
from cases import case, run  # noqa: E402
from device import PATIENCE, connects, fault, provision, record  # noqa: E402
from mock import FLEETPROV, Mock  # noqa: E402

GRACE = 3  # seconds that starting and ending may take on a busy machine


class Silent:
    """A port that takes no connection, as behind a firewall that drops everything; or takes it and says nothing."""

    def __init__(self, accepts):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(64 if accepts else 0)
        self.endpoint = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.waiting = []
        for _ in range(0 if accepts else 4):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(self.listener.getsockname())
            self.waiting.append(one)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for one in [*self.waiting, self.listener]:
            one.close()


def pubsub(mock, endpoint, *arguments, certificate=None, key=None):
    return subprocess.run([FLEETPROV, "pubsub", "--endpoint", endpoint, "--cert", certificate or mock.claim["certificate"], "--key",
                           key or mock.claim["private_key"], "--ca-file", mock.ca_file, "--topic", "sdk/test/cpp", *arguments],
                          capture_output=True, text=True, timeout=PATIENCE)


@case("who gets no answer to a connection is told of the network, exit 3, within the time limit of the run")
def silence(mock):
    with tempfile.TemporaryDirectory() as out:
        assert provision(mock, out + "/there", serial="silence").returncode == 0
        first = record(out + "/there")
        for accepts in (False, True):
            with Silent(accepts) as server:
                for limit, line in (("3", lambda: provision(mock, out + "/new", "--timeout", "3", "--format", "json", endpoint=server.endpoint, serial="silence")),
                                    ("2", lambda: provision(mock, out + "/there", "--timeout", "2", "--format", "json", "--if-needed", endpoint=server.endpoint, serial="silence")),
                                    ("2", lambda: pubsub(mock, server.endpoint, "--timeout", "2"))):
                    begin = time.monotonic()
                    done = line()
                    took = time.monotonic() - begin
                    assert done.returncode == 3, (accepts, done.returncode, done.stderr)
                    assert "firewall" in done.stderr and "claim certificate" not in done.stderr and "provisioning again" not in done.stderr, done.stderr
                    assert took < float(limit) + GRACE, (accepts, took, done.stderr)
        assert record(out + "/there") == first


@case("a service that has no time for a CONNECT, or refuses it once, leaves the credentials in use with --if-needed")
def put_off(_):
    with Mock("--strict", "quotas") as mock:
        for version in ("3", "5"):
            with tempfile.TemporaryDirectory() as out:
                assert provision(mock, out, "--mqtt", version, serial="quota-" + version).returncode == 0
                first = record(out)["certificate_id"]
                for _ in range(3):
                    again = provision(mock, out, "--mqtt", version, "--if-needed", serial="quota-" + version)
                    assert again.returncode == 0 and record(out)["certificate_id"] == first, again.stderr
                fault(mock, operation="Connect", fault="reject", count=2)
                again = provision(mock, out, "--mqtt", version, "--if-needed", serial="quota-" + version)
                assert again.returncode == 0 and "trying again" in again.stderr and record(out)["certificate_id"] == first, again.stderr
                fault(mock, operation="Connect", fault="reject")
                late = provision(mock, out, "--mqtt", version, "--if-needed", "--timeout", "1", "--format", "json", serial="quota-" + version)
                assert late.returncode == 3 and json.loads(late.stdout)["error"]["help"] and record(out)["certificate_id"] == first, late.stderr
                mock.http("DELETE", "/_mock/faults")


@case("pubsub counts no message twice: one that came twice does not stand for one that was lost")
def duplicates(mock):
    with tempfile.TemporaryDirectory() as out:
        assert provision(mock, out, serial="twice").returncode == 0
        assert connects(mock, out)
        who = {"certificate": out + "/device.pem.crt", "key": out + "/device.pem.key"}
        for text in ([], ["--message", "hello"]):
            def count(limit="3", text=text):
                done = pubsub(mock, mock.endpoint, "--client-id", "fleet-twice", "--count", "2", "--timeout", limit, *text, **who)
                mock.http("DELETE", "/_mock/faults")
                return done
            fault(mock, operation="Publish", fault="duplicate", count=1)
            fault(mock, operation="Publish", fault="drop", count=1)
            lost = count()
            assert lost.returncode == 1 and "1 of 2" in lost.stderr, (lost.stdout, lost.stderr)
            fault(mock, operation="Publish", fault="duplicate")
            twice = count("20")
            assert twice.returncode == 0 and "2 of 2" in twice.stdout, (twice.stdout, twice.stderr)


with Mock() as the_mock:
    code = run(the_mock)
sys.exit(code)
