#!/usr/bin/env python3
"""`fleetprov provision`: what it does, says and leaves behind."""
import glob
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "..", "..", "support")]
from cases import case, run  # noqa: E402
from device import PATIENCE, command, connects, fault, files_below, provision, read_bytes, record  # noqa: E402
from mock import FLEETPROV, Mock  # noqa: E402

@case("both MQTT versions, both wire formats and all key types end with a certificate that connects as its thing")
def combinations(mock):
    for number, (version, wire, key) in enumerate([("3", "json", ""), ("3", "cbor", "rsa"), ("5", "json", "ec"), ("5", "cbor", "ec-p384")]):
        with tempfile.TemporaryDirectory() as out:
            extra = ["--key-type", key] if key else []
            done = provision(mock, out, "--mqtt", version, "--wire", wire, "--format", "json", *extra, serial="combination-%d" % number)
            assert done.returncode == 0, done.stderr
            told = json.loads(done.stdout)
            assert told["thing_name"] == "fleet-combination-%d" % number
            assert told["certificate_id"] == record(out)["certificate_id"]
            assert set(record(out)) == {"thing_name", "certificate_id", "endpoint", "device_configuration", "superseded"}
            for step in ("connect", "subscribe", "CreateCertificateFromCsr" if key else "CreateKeysAndCertificate", "certificateId",
                         "RegisterThing", "thingName", "disconnect"):
                assert step in done.stderr, (step, done.stderr)
            assert connects(mock, out)


@case("a signing request of the user's is sent as it is, and no key is written")
def own_csr(mock):
    with tempfile.TemporaryDirectory() as out:
        subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", out + "/my.key",
                        "-subj", "/CN=mine", "-out", out + "/my.csr"], check=True, capture_output=True)
        done = provision(mock, out + "/store", "--csr", out + "/my.csr", serial="csr")
        assert done.returncode == 0, done.stderr
        assert not os.path.exists(out + "/store/device.pem.key")
        shutil.copy(out + "/my.key", out + "/store/device.pem.key")
        assert connects(mock, out + "/store")


@case("--if-needed does nothing while the credentials connect and provisions again when they are revoked")
def if_needed(mock):
    with tempfile.TemporaryDirectory() as out:
        assert provision(mock, out, serial="needed").returncode == 0
        first = record(out)["certificate_id"]
        again = provision(mock, out, "--if-needed", serial="needed")
        assert again.returncode == 0 and record(out)["certificate_id"] == first
        status, answer, _ = mock.http("PUT", "/certificates/%s?newStatus=REVOKED" % first)
        assert status == 200, answer
        anew = provision(mock, out, "--if-needed", serial="needed")
        assert anew.returncode == 0, anew.stderr
        assert record(out)["certificate_id"] != first and record(out)["superseded"] == [first]
        assert connects(mock, out)


@case("a pending set whose token has expired is tried, then replaced, and its id listed")
def expired_token(mock):
    with tempfile.TemporaryDirectory() as out:
        fault(mock, operation="RegisterThing", fault="reject", status_code=403, error_code="AccessDenied", count=1)
        refused = provision(mock, out, serial="expired")
        assert refused.returncode == 1 and "403 AccessDenied" in refused.stderr
        assert len(glob.glob(out + "/pending/*.token")) == 1
        pending = json.load(open(out + "/pending/pending.json", encoding="utf-8"))["certificate_id"]
        mock.http("POST", "/_mock/clock", {"advance_seconds": 3700})
        done = provision(mock, out, serial="expired")
        assert done.returncode == 0, done.stderr
        assert record(out)["certificate_id"] != pending and record(out)["superseded"] == [pending]


@case("a reply that was lost is made up for, and the thing's name is known all the same")
def lost_reply(mock):
    with tempfile.TemporaryDirectory() as out:
        template = out + "/template.json"
        status, answer, _ = mock.http("GET", "/provisioning-templates/fleet-basic")
        with open(template, "w", encoding="utf-8") as file:
            file.write(answer["templateBody"])
        fault(mock, operation="RegisterThing", fault="disconnect_before_reply", count=1)
        done = provision(mock, out + "/store", "--template", template, serial="lost")
        assert done.returncode == 0, done.stderr
        assert record(out + "/store")["thing_name"] == "fleet-lost", (record(out + "/store"), done.stderr)
        assert connects(mock, out + "/store")


@case("throttling is waited out, other refusals are told with the step and the service's words")
def refusals(mock):
    with tempfile.TemporaryDirectory() as out:
        fault(mock, operation="*", fault="throttle", count=2)
        assert provision(mock, out + "/a", serial="throttled").returncode == 0
        mock.http("DELETE", "/_mock/faults")
        for operation, status in (("CreateKeysAndCertificate", 400), ("RegisterThing", 403), ("RegisterThing", 404)):
            fault(mock, operation=operation, fault="reject", status_code=status, error_code="Told", error_message="by the service", count=1)
            done = provision(mock, out + "/b", "--format", "json", serial="refused")
            assert done.returncode == 1
            told = json.loads(done.stdout)["error"]
            assert told["step"] == operation and told["status_code"] == status and told["error_code"] == "Told", told
            assert told["error_message"] == "by the service" and told["help"]
            shutil.rmtree(out + "/b")


@case("a hang-up on SUBSCRIBE or PUBLISH names the policy resource that would be needed")
def denied_by_policy(mock):
    with tempfile.TemporaryDirectory() as out:
        for version in ("3", "5"):
            done = provision(mock, out, "--mqtt", version, serial="denied", template="other")
            assert done.returncode == 1, done.stderr
            needed = "topicfilter/$aws/provisioning-templates/other/provision/json/accepted"
            assert "error: subscribe" in done.stderr and "iot:Subscribe" in done.stderr and needed in done.stderr, done.stderr


@case("usage errors are 2 before anything is sent, an unreachable server is 3")
def exit_codes(mock):
    with tempfile.TemporaryDirectory() as out:
        def code(*arguments, serial="x", **how):
            return provision(mock, out + "/never", *arguments, serial=serial, **how).returncode
        assert code("--template-parameters", '{"SerialNumber":1}', serial=None) == 2
        assert code("--template-parameters", '{"SerialNumber":', serial=None) == 2
        assert code(template="no such name") == 2
        assert code("--csr", out + "/missing") == 2
        assert code("--key-type", "dsa") == 2
        assert code("--client-id", "$x") == 2
        assert code(endpoint="ssl://localhost") == 2
        assert code(endpoint="localhost:0") == 2
        assert not os.path.exists(out + "/never")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            free = taken.getsockname()[1]
        assert code(endpoint="localhost:%d" % free) == 3


@case("a server whose root is not the one of --ca-file is named as such: exit 3, and nothing is tried again")
def untrusted(mock):
    with tempfile.TemporaryDirectory() as out:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", out + "/root.key",
                        "-subj", "/CN=another root", "-days", "2", "-out", out + "/root.pem"], check=True, capture_output=True)
        line = [out + "/root.pem" if word == mock.ca_file else word for word in command(mock, out + "/store", serial="untrusted")]
        done = subprocess.run(line, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 3 and "certificate verify failed" in done.stderr and "--ca-file" in done.stderr, done.stderr
        assert done.stderr.count("connect: localhost") == 1, done.stderr
        named = subprocess.run([FLEETPROV, "pubsub", "--endpoint", mock.endpoint, "--cert", mock.claim["certificate"], "--key", mock.claim["private_key"],
                                "--ca-file", out + "/root.pem", "--topic", "sdk/test/x"], capture_output=True, text=True, timeout=PATIENCE)
        assert named.returncode == 3 and "--ca-file" in named.stderr, named.stderr


@case("the private key and the token appear in no output, log, command line or environment, only in the store")
def secrets(mock):
    with tempfile.TemporaryDirectory() as out:
        # The answer is late, so that the pending set can be read while the request is on its way.
        fault(mock, operation="RegisterThing", fault="delay", delay_ms=2000, count=1)
        process = subprocess.Popen(command(mock, out, "--format", "json", serial="secrets"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        seen, tokens, looks = set(), [], 0
        while process.poll() is None:
            for name in glob.glob("/proc/[0-9]*/cmdline") + glob.glob("/proc/[0-9]*/environ"):
                seen.add(read_bytes(name))
            tokens = tokens or [text for text in map(read_bytes, glob.glob(out + "/pending/*.token")) if text]
            looks += 1
        printed, errors = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0 and tokens and looks > 3, (errors, looks)
        key = read_bytes(out + "/device.pem.key").split(b"\n")[1:-2]
        assert len(tokens[0]) > 16 and len(key) > 10
        status, denials, _ = mock.http("GET", "/_mock/denials")
        assert status == 200
        texts = dict({"stdout": printed, "stderr": errors, "mock's stderr": mock.stderr().encode(), "denials": json.dumps(denials).encode()},
                     **{"process %d" % n: text for n, text in enumerate(seen)},
                     **{name: read_bytes(name) for name in files_below(mock.ready["dir"])})
        assert any(name.endswith("state.db") for name in texts) and any(name.endswith("iot-logs.jsonl") for name in texts)
        for secret in [tokens[0], *key]:
            assert [name for name, text in texts.items() if secret in text] == []
        # In the store: the key once, in its file; the token went with the pending set.
        for secret in key:
            assert [name for name in files_below(out) if secret in read_bytes(name)] == [out + "/device.pem.key"]
        assert [name for name in files_below(out) if tokens[0] in read_bytes(name)] == []


with Mock() as the_mock:
    code = run(the_mock)
sys.exit(code)
