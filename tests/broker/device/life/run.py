#!/usr/bin/env python3
"""The life of a device: a stolen claim, a rotation."""
import json
import os
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "..", "..", "support")]
from cases import case, run  # noqa: E402
from device import PATIENCE, record, active_certificates  # noqa: E402
from mock import BIN, Mock, need, skip  # noqa: E402

class Agent:
    def __init__(self, mock, claims, out, serial, *rotation, ca_file=None):
        program = os.path.join(BIN, "device_agent")
        if not os.path.exists(program):
            skip("examples/device_agent is not built")
        self.process = subprocess.Popen([program, mock.host, str(mock.port), ca_file or mock.ca_file, claims, "fleet-basic", serial, out, *rotation],
                                        stdout=subprocess.PIPE, text=True)
        self.timer = threading.Timer(PATIENCE, self.process.kill)
        self.timer.start()
        self.lines = []

    def until(self, start):
        for line in self.process.stdout:
            self.lines.append(line.strip())
            if line.startswith(start):
                return line.strip()
        raise AssertionError("the agent ended: %s" % self.lines)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.timer.cancel()
        self.process.terminate()
        self.process.wait(10)
        self.process.stdout.close()


def deliver_claim(folder, certificate, key):
    for name, text in (("claim.pem.key", key), ("claim.pem.crt", certificate)):
        with open(os.open(folder + "/." + name, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(folder + "/." + name, folder + "/" + name)


def new_claim(mock):
    status, made, _ = mock.http("POST", "/keys-and-certificate?setAsActive=true")
    assert status == 200, made
    status, answer, _ = mock.http("PUT", "/target-policies/sample-claim", {"target": made["certificateArn"]})
    assert status == 200, answer
    return made


class Watcher:
    """Sees every message on a topic filter, with a certificate that may."""

    def __init__(self, mock, folder, topic_filter):
        made = mock.http("POST", "/keys-and-certificate?setAsActive=true")[1]
        anything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]}
        mock.http("POST", "/policies/watcher", {"policyDocument": json.dumps(anything)})
        assert mock.http("PUT", "/target-policies/watcher", {"target": made["certificateArn"]})[0] == 200
        for name, text in (("watcher.crt", made["certificatePem"]), ("watcher.key", made["keyPair"]["PrivateKey"])):
            with open(os.open(folder + "/" + name, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:
                file.write(text)
        self.process = subprocess.Popen(
            ["stdbuf", "-oL", need("mosquitto_sub", "mosquitto-clients"), "-h", mock.host, "-p", str(mock.port), "--cafile", mock.ca_file, "-d",
             "--cert", folder + "/watcher.crt", "--key", folder + "/watcher.key", "-i", "watcher", "-q", "1", "-t", topic_filter, "-F", "message %t %p"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.timer = threading.Timer(PATIENCE, self.process.kill)
        self.timer.start()
        self.until("received SUBACK")

    def until(self, words):
        for line in self.process.stdout:
            if words in line:
                return line.strip()
        raise AssertionError("the watcher ended before: " + words)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.timer.cancel()
        self.process.kill()
        self.process.wait(10)
        self.process.stdout.close()


@case("after a stolen claim: a new claim is delivered, device certificates are revoked, and the device comes back by itself")
def stolen_claim(mock):
    with tempfile.TemporaryDirectory() as folder:
        claims, out = folder + "/claims", folder + "/out"
        os.mkdir(claims)
        first = new_claim(mock)
        deliver_claim(claims, first["certificatePem"], first["keyPair"]["PrivateKey"])
        with Watcher(mock, folder, "sdk/test/+") as watcher, Agent(mock, claims, out, "agent1") as agent:
            agent.until("provisioned")
            assert agent.until("online") == "online: fleet-agent1"
            telemetry = watcher.until("message sdk/test/fleet-agent1 ")
            assert json.loads(telemetry.split(" ", 2)[2])["uptime"] > 0, telemetry
            old = record(out)["certificate_id"]
            second = new_claim(mock)
            deliver_claim(claims, second["certificatePem"], second["keyPair"]["PrivateKey"])
            agent.until("new claim")
            assert mock.http("PUT", "/certificates/%s?newStatus=INACTIVE" % first["certificateId"])[0] == 200
            assert mock.http("PUT", "/certificates/%s?newStatus=REVOKED" % old)[0] == 200
            agent.until("connection lost")
            assert mock.http("POST", "/topics/sdk/test/lost?qos=1", b"now")[0] == 200
            agent.until("provisioned")
            agent.until("online")
            watcher.until("message sdk/test/lost ")
            watcher.until("message sdk/test/fleet-agent1 ")
            mine = record(out)
            assert mine["certificate_id"] != old and mine["superseded"] == [old]
            assert active_certificates(mock, "fleet-agent1") == [mine["certificate_id"]]


@case("a server that is not the service, whose certificate does not verify, takes no credentials from a healthy device")
def captive_portal(mock):
    with tempfile.TemporaryDirectory() as folder:
        claims, out = folder + "/claims", folder + "/out"
        os.mkdir(claims)
        claim = new_claim(mock)
        deliver_claim(claims, claim["certificatePem"], claim["keyPair"]["PrivateKey"])
        with Agent(mock, claims, out, "agent3") as agent:
            agent.until("online")
        before = record(out)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", folder + "/root.key",
                        "-subj", "/CN=another root", "-days", "2", "-out", folder + "/root.pem"], check=True, capture_output=True)
        with Agent(mock, claims, out, "agent3", ca_file=folder + "/root.pem") as agent:
            for _ in range(4):
                assert "certificate verify failed" in agent.until("connection lost")
            assert "provision" not in agent.lines, agent.lines
        assert record(out) == before
        assert active_certificates(mock, "fleet-agent3") == [before["certificate_id"]]


@case("a rotation gets a second certificate while the first works, tries it, and only then replaces the first")
def rotation(mock):
    with tempfile.TemporaryDirectory() as folder:
        claims, out = folder + "/claims", folder + "/out"
        os.mkdir(claims)
        claim = new_claim(mock)
        deliver_claim(claims, claim["certificatePem"], claim["keyPair"]["PrivateKey"])
        with Agent(mock, claims, out, "agent2", "fleet-basic", "2") as agent:
            agent.until("online")
            old = record(out)["certificate_id"]
            # What lets a device's own certificate use the template; the next certificate does not get it.
            arn = "arn:aws:iot:%s:%s:cert/%s" % (mock.ready["region"], mock.ready["account"], old)
            assert mock.http("PUT", "/target-policies/sample-claim", {"target": arn})[0] == 200
            agent.until("try new credentials")
            assert record(out)["certificate_id"] == old
            agent.until("rotated")
            mine = record(out)
            assert mine["certificate_id"] != old and mine["superseded"] == [old]
            assert mine["thing_name"] == "fleet-agent2"
            assert set(active_certificates(mock, "fleet-agent2")) == {old, mine["certificate_id"]}


with Mock() as the_mock:
    code = run(the_mock)
sys.exit(code)
