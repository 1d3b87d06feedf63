#!/usr/bin/env python3
"""`fleetprov provision`: what it does, says and leaves behind."""
import fcntl
import glob
import json
import os
import pty
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "..", "..", "support")]
from cases import case, run  # noqa: E402
from device import PATIENCE, check_whole, command, connects, fault, files_below, provision, read_bytes, record  # noqa: E402
from mock import BIN, FLEETPROV, Mock, skip  # noqa: E402

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


def make_request(key, csr):
    subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-subj", "/CN=mine",
                    "-out", csr], check=True, capture_output=True)


@case("a private key of the user's in the folder stays if it belongs to the certificate, else it makes room and is told of")
def own_key(mock):
    with tempfile.TemporaryDirectory() as out:
        key = out + "/device.pem.key"
        make_request(key, out + "/my.csr")
        own = read_bytes(key)
        done = provision(mock, out, "--csr", out + "/my.csr", serial="own-key")
        assert done.returncode == 0 and read_bytes(key) == own, done.stderr
        assert connects(mock, out)
        again = provision(mock, out, "--csr", out + "/my.csr", "--if-needed", serial="own-key")
        assert again.returncode == 0 and "nothing to do" in again.stdout and read_bytes(key) == own, again.stderr
    for extra in ([], ["--csr"]):
        with tempfile.TemporaryDirectory() as out:
            key = out + "/device.pem.key"
            make_request(key, out + "/unused.csr")
            make_request(out + "/my.key", out + "/my.csr")
            own = read_bytes(key)
            done = provision(mock, out, *extra, *[out + "/my.csr" for _ in extra], serial="own-other")
            assert done.returncode == 0 and read_bytes(key + ".old-1") == own and key + ".old-1" in done.stderr, done.stderr
            assert os.path.exists(key) == (not extra)


@case("with --if-needed a certificate whose key is elsewhere is made once for a signing request, not at each start")
def csr_if_needed(mock):
    with tempfile.TemporaryDirectory() as out:
        make_request(out + "/my.key", out + "/my.csr")
        line = ("--csr", out + "/my.csr", "--if-needed", "--format", "json")
        assert provision(mock, out + "/store", *line, serial="elsewhere").returncode == 0
        first = record(out + "/store")
        again = provision(mock, out + "/store", *line, serial="elsewhere")
        assert again.returncode == 0 and record(out + "/store") == first, again.stderr
        assert json.loads(again.stdout)["provisioned"] is False and json.loads(again.stdout)["private_key"] is None
        make_request(out + "/my.key", out + "/my.csr")
        other = provision(mock, out + "/store", *line, serial="elsewhere")
        assert other.returncode == 0 and record(out + "/store")["superseded"] == [first["certificate_id"]], other.stderr


SPY = r'''
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
int SSL_write(void* to, const void* bytes, int size) {
  int file = open(getenv("SPY_FILE"), O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (file < 0 || write(file, bytes, size) != size) abort();
  close(file);
  return ((int (*)(void*, const void*, int))dlsym(RTLD_NEXT, "SSL_write"))(to, bytes, size);
}
'''


@case("of a file that holds a private key beside the signing request, the request alone is sent")
def csr_beside_key(mock):
    with tempfile.TemporaryDirectory() as out:
        with open(out + "/spy.c", "w", encoding="ascii") as file:
            file.write(SPY)
        subprocess.run(["cc", "-shared", "-fPIC", "-o", out + "/spy.so", out + "/spy.c", "-ldl"], check=True)
        make_request(out + "/my.key", out + "/my.csr")
        key, csr = read_bytes(out + "/my.key"), read_bytes(out + "/my.csr")
        both = out + "/both.pem"
        for number, content in enumerate((key + csr, csr + key, b"Subject: mine\n" + key + csr.replace(b"CERTIFICATE REQ", b"NEW CERTIFICATE REQ"))):
            with open(both, "wb") as file:
                file.write(content)
            done = provision(mock, out + "/store", "--csr", both, serial="beside",
                             env={"LD_PRELOAD": out + "/spy.so", "SPY_FILE": out + "/sent-%d" % number, "ASAN_OPTIONS": "verify_asan_link_order=0"})
            sent = read_bytes(out + "/sent-%d" % number)
            assert done.returncode == 0 and b"BEGIN CERTIFICATE REQUEST" in sent, done.stderr
            assert b"PRIVATE KEY" not in sent and not any(line in sent for line in key.split(b"\n")[1:-2]) and b"Subject:" not in sent
        for content in (key, csr + csr, csr[:len(csr) // 2], csr[:len(csr) // 2] + key, csr.split(b"-----END")[0] + key + csr):
            with open(both, "wb") as file:
                file.write(content)
            done = provision(mock, out + "/never", "--csr", both, serial="beside")
            assert done.returncode == 2 and not os.path.exists(out + "/never"), done.stderr
            assert not any(line.decode() in done.stderr + done.stdout for line in key.split(b"\n")[1:-2])


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


@case("where a policy admits any client id, a lost reply leaves the thing's name open: the folder's old one is no proof")
def lost_reply_of_another_thing(_):
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]}
    with Mock() as mock, tempfile.TemporaryDirectory() as out:
        status, answer, _ = mock.http("POST", "/policies/sample-device/version?setAsDefault=true", {"policyDocument": json.dumps(policy)})
        assert status == 200, answer
        assert provision(mock, out, serial="one").returncode == 0
        fault(mock, operation="RegisterThing", fault="disconnect_before_reply", count=1)
        done = provision(mock, out, serial="two")
        assert done.returncode == 0 and record(out)["thing_name"] is None, (record(out), done.stderr)


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
        assert code("--template-parameters", "", serial=None) == 2
        for parameters in ({"x" * 2049: "1"}, {"Long": "x" * 4097}, {"P%d" % n: "x" * 4096 for n in range(40)}):
            with open(out + "/parameters.json", "w", encoding="ascii") as file:
                json.dump(parameters, file)
            for wire in ("json", "cbor"):
                large = provision(mock, out + "/never", "--wire", wire, "--template-parameters", "@" + out + "/parameters.json")
                assert large.returncode == 2 and "--template-parameters" in large.stderr, large.stderr
                assert len(parameters) > 1 or "xxxx" in large.stderr or "`Long`" in large.stderr, large.stderr
        assert code(template="no such name") == 2
        assert code("--csr", out + "/missing") == 2
        assert code("--key-type", "dsa") == 2
        assert code("--hook-supplies", "Site") == 2
        assert code("--client-id", "$x") == 2
        assert code(endpoint="ssl://localhost") == 2
        assert code(endpoint="localhost:0") == 2
        assert not os.path.exists(out + "/never")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            free = taken.getsockname()[1]
        assert code(endpoint="localhost:%d" % free) == 3


@case("with --format json every failure is a JSON object that says what was done, what went wrong and what may help")
def failures_in_json(mock):
    with tempfile.TemporaryDirectory() as out:
        def told(exit_code, *arguments, where=out + "/store", **how):
            done = provision(mock, where, "--format", "json", *arguments, serial="json", **how)
            assert done.returncode == exit_code, (done.returncode, done.stderr)
            error = json.loads(done.stdout)["error"]
            assert error["step"] and error["message"] and error["help"], error
            return error
        assert provision(mock, out + "/store", serial="json").returncode == 0
        told(3, "--if-needed", endpoint="127.0.0.1:1")
        told(3, endpoint="127.0.0.1:1")
        with open(out + "/file", "w", encoding="ascii") as file:
            file.write("x")
        assert out + "/file" in told(3, where=out + "/file")["message"]
        folder = os.open(out + "/store", os.O_RDONLY)
        fcntl.flock(folder, fcntl.LOCK_EX)
        assert "in use" in told(3)["message"]
        os.close(folder)
        assert "missing" in told(2, "--csr", out + "/missing")["message"]
        told(2, template="no such name")


@case("a document that cannot be read is told in JSON once escaped: its lines are lines, and nothing drives a terminal")
def documents_in_json(mock):
    with tempfile.TemporaryDirectory() as out:
        with open(out + "/broken.json", "w", encoding="utf-8") as file:
            file.write('{"Parameters": {"\u0085": \x1b[31m}\n')
        for arguments in (["--template-parameters", "{SerialNumber:e2}"], ["--template", out + "/broken.json"],
                          ["--template-parameters", "@" + out + "/broken.json"], ["--csr", out + "/a\nb\x1b[2J"]):
            line = command(mock, out + "/never", "--format", "json", *arguments)
            for on_terminal in (False, True):
                done = run_on_terminal(line) if on_terminal else subprocess.run(line, capture_output=True, text=True, timeout=PATIENCE)
                assert done.returncode == 2, done
                message = json.loads(done.stdout)["error"]["message"]
                assert "\\u000a" not in message or "--csr" in arguments, message
                assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", message) and not message.endswith("\n"), (on_terminal, message)
                if "--csr" not in arguments:
                    first, *rest = message.split("\n")
                    assert re.search(r":\d+:\d+: error: ", first) and len(rest) >= 2 and "^" in rest[1], message
                    assert on_terminal or message in done.stderr, (message, done.stderr)


def run_on_terminal(line):
    """The command with a terminal for its standard error, where it uses colours."""
    ours, its = pty.openpty()
    try:
        env = dict({k: v for k, v in os.environ.items() if k != "NO_COLOR"}, TERM="xterm")
        return subprocess.run(line, stdout=subprocess.PIPE, stderr=its, text=True, timeout=PATIENCE, env=env)
    finally:
        os.close(its)
        os.close(ours)


def with_closed(closed, line, **how):
    """The command without these of its standard descriptors, as some init starts programs."""
    return subprocess.run(["sh", "-c", '"$@" ' + " ".join("%d>&-" % number for number in closed), "sh", *line],
                          capture_output=True, text=True, timeout=PATIENCE, **how)


EVERY_CLOSING = [[0], [1], [2], [0, 1], [0, 2], [1, 2], [0, 1, 2]]


@case("with any of its standard descriptors closed a command does its work, and what it prints goes nowhere else")
def closed_descriptors(mock):
    with tempfile.TemporaryDirectory() as out:
        assert provision(mock, out + "/device", serial="closed").returncode == 0
        line = [FLEETPROV, "pubsub", "--endpoint", mock.endpoint, "--cert", out + "/device/device.pem.crt", "--key", out + "/device/device.pem.key",
                "--ca-file", mock.ca_file, "--client-id", "fleet-closed", "--topic", "sdk/test/cpp", "--message", "telemetry", "--count", "2"]
        for closed in EVERY_CLOSING:
            done = with_closed(closed, line)
            if 1 in closed:  # what it is for cannot be told
                assert done.returncode == 3 and (2 in closed or "cannot write the output: Bad file descriptor" in done.stderr), (closed, done)
                assert "error:" not in done.stderr and "help:" not in done.stderr, done.stderr
            else:
                assert done.returncode == 0 and done.stdout.count("sdk/test/cpp: telemetry\n") == 2, (closed, done)
            folder = out + "/" + "".join(map(str, closed))
            done = with_closed(closed, command(mock, folder, serial="closed"))
            assert done.returncode == (3 if 1 in closed else 0), (closed, done)
            assert 1 not in closed or 2 in closed or "cannot write the output: Bad file descriptor" in done.stderr, (closed, done)
            assert connects(mock, folder), closed
            check_whole(folder)
        # What is to be read cannot be.
        for descriptor in ("0<&-", "0</dev/null"):
            done = subprocess.run(["sh", "-c", '"$@" ' + descriptor, "sh", *command(mock, out + "/never", "--template-parameters", "-")],
                                  capture_output=True, text=True, timeout=PATIENCE)
            assert done.returncode == 2 and ("Bad file descriptor" in done.stderr) == ("&" in descriptor), done


@case("the mock starts with any of its standard descriptors closed, and serves")
def closed_descriptors_of_the_mock(_):
    for closed in EVERY_CLOSING:
        with tempfile.TemporaryDirectory() as out:
            ready = out + "/ready.json"
            process = subprocess.Popen(["sh", "-c", 'exec "$@" ' + " ".join("%d>&-" % number for number in closed), "sh", FLEETPROV, "mock", "--ephemeral",
                                        "--port", "0", "--http-port", "0", "--ready-file", ready], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                end = time.monotonic() + PATIENCE
                while not os.path.exists(ready) and process.poll() is None and time.monotonic() < end:
                    time.sleep(0.02)
                assert process.poll() is None, (closed, process.returncode)
                with open(ready, encoding="utf-8") as file:
                    told = json.load(file)
                line = [FLEETPROV, "provision", "--endpoint", "localhost:%d" % told["mqtt"]["port"], "--cert", told["claim"]["certificate"], "--key",
                        told["claim"]["private_key"], "--ca-file", told["ca_file"], "--template-name", "fleet-basic", "--out", out + "/device",
                        "--template-parameters", '{"SerialNumber":"closed"}']
                assert subprocess.run(line, capture_output=True, timeout=PATIENCE).returncode == 0, closed
            finally:
                process.terminate()
                status = process.wait(PATIENCE)
            assert status == 0, (closed, status)


@case("a file that may not grow is told like a full disk: the step, the reason, exit 3, and what was there stays")
def file_size_limit(mock):
    with tempfile.TemporaryDirectory() as out:
        def limited(line, blocks, **how):
            return subprocess.run(["bash", "-c", 'ulimit -f "$0"; "$@"', str(blocks), *line], text=True, timeout=PATIENCE, **how)
        assert provision(mock, out + "/store", serial="limited").returncode == 0
        before = record(out + "/store")
        for blocks in (0, 1):
            for folder in ("/store", "/new-%d" % blocks):
                done = limited(command(mock, out + folder, "--format", "json", serial="limited"), blocks, capture_output=True)
                assert done.returncode == 3 and "error: store credentials: " in done.stderr and "File too large" in done.stderr, (blocks, done)
                assert json.loads(done.stdout)["error"]["step"], done.stdout
                check_whole(out + folder)
        assert record(out + "/store") == before and connects(mock, out + "/store")
        assert provision(mock, out + "/new-0", serial="limited").returncode == 0
        with open(out + "/printed", "w", encoding="ascii") as file:
            done = limited(command(mock, out + "/store", "--if-needed", "--format", "json", serial="limited"), 0, stdout=file, stderr=subprocess.PIPE)
        assert done.returncode == 3 and "cannot write the output: File too large" in done.stderr, done


@case("a key of the folder that cannot be used is no refusal: with --if-needed the credentials are not given up")
def unusable_key(mock):
    for spoil in (lambda key: (os.unlink(key), os.mkdir(key)), lambda key: os.truncate(key, 0)):
        with tempfile.TemporaryDirectory() as out:
            assert provision(mock, out, serial="unusable").returncode == 0
            key = out + "/device.pem.key"
            os.rename(key, key + ".good")
            shutil.copy(key + ".good", key)
            spoil(key)
            first = record(out)
            done = provision(mock, out, "--if-needed", "--format", "json", serial="unusable")
            assert done.returncode == 3 and record(out) == first, (done.returncode, done.stderr)
            told = json.loads(done.stdout)["error"]
            assert told["step"] == "connect" and key in told["message"] and "--endpoint" not in told["help"] and "certificate" not in told["help"], told
            os.rmdir(key) if os.path.isdir(key) else os.unlink(key)
            os.rename(key + ".good", key)
            again = provision(mock, out, "--if-needed", serial="unusable")
            assert again.returncode == 0 and "nothing to do" in again.stdout and record(out) == first, again.stderr


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


class Watched:
    """Runs a command; keeps what it printed, every token and key that its folder held on the way, and every command line
    and environment that a process of this machine had meanwhile."""

    def __init__(self, mock, line, folder, stop_after=None):
        process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.tokens, self.keys, seen, looks = set(), set(), set(), 0
        while process.poll() is None:
            for name in glob.glob("/proc/[0-9]*/cmdline") + glob.glob("/proc/[0-9]*/environ"):
                seen.add(read_bytes(name))
            for name in files_below(folder):
                if name.endswith(".token"):
                    self.tokens |= {read_bytes(name)} - {b""}
                elif name.endswith(".key"):
                    self.keys |= set(read_bytes(name).split(b"\n")[1:-2])
            looks += 1
            if stop_after and stop_after(folder):
                process.terminate()
                stop_after = None
        printed, errors = process.communicate(timeout=PATIENCE)
        self.returncode, self.errors = process.returncode, errors
        for name in files_below(folder):
            if name.endswith(".key"):
                self.keys |= set(read_bytes(name).split(b"\n")[1:-2])
        self.texts = dict({"stdout": printed, "stderr": errors, "mock's stderr": mock.stderr().encode()},
                          **{"process %d" % n: text for n, text in enumerate(seen)},
                          **{name: read_bytes(name) for name in files_below(mock.ready["dir"])})
        for path in ("denials", "events", "faults", "health", "clock"):
            status, answer, _ = mock.http("GET", "/_mock/" + path)
            assert status == 200, path
            self.texts[path] = json.dumps(answer).encode()
        assert looks > 3 and any(name.endswith("state.db") for name in self.texts) and any(name.endswith("iot-logs.jsonl") for name in self.texts)

    def check(self, folder, key_lines=3):
        """Secrets only in the store, and there the key in one file."""
        assert self.tokens and all(len(token) == 64 for token in self.tokens) and len(self.keys) >= key_lines, (self.errors, self.tokens)
        for secret in [*self.tokens, *self.keys]:
            assert [name for name, text in self.texts.items() if secret in text] == [], self.errors
            assert all(name.endswith((".key", ".token")) for name in files_below(folder) if secret in read_bytes(name))


@case("the private key and the token appear in no output, log, command line or environment, only in the store")
def secrets(mock):
    for key_type in ("", "ec"):
        with tempfile.TemporaryDirectory() as out:
            # The answer is late, so that the pending set can be read while the request is on its way.
            fault(mock, operation="RegisterThing", fault="delay", delay_ms=1000, count=1)
            extra = ["--key-type", key_type] if key_type else []
            run_of = Watched(mock, command(mock, out, "--format", "json", *extra, serial="secrets" + key_type), out)
            assert run_of.returncode == 0, run_of.errors
            run_of.check(out)
            # In the store: the key once, in its file; the token went with the pending set.
            for secret in run_of.keys:
                assert [name for name in files_below(out) if secret in read_bytes(name)] == [out + "/device.pem.key"]
            assert [name for name in files_below(out) if name.endswith(".token")] == []


@case("nor do they in a run that is refused, nor in the one that resumes it")
def secrets_of_failures(mock):
    with tempfile.TemporaryDirectory() as out:
        fault(mock, operation="RegisterThing", fault="reject", status_code=403, error_code="AccessDenied", count=1)
        refused = Watched(mock, command(mock, out, "--format", "json", serial="secrets-refused"), out)
        assert refused.returncode == 1
        refused.check(out)
        fault(mock, operation="RegisterThing", fault="delay", delay_ms=1000, count=1)
        resumed = Watched(mock, command(mock, out, serial="secrets-refused"), out)
        assert resumed.returncode == 0 and b"resume" in resumed.errors, resumed.errors
        resumed.check(out)
        assert refused.keys == resumed.keys and refused.tokens == resumed.tokens


@case("nor in what the example programs and the device agent print")
def secrets_of_examples(mock):
    for name in ("provision_with_paho", "provision_with_paho_c", "provision_with_libmosquitto", "device_agent"):
        program = os.path.join(BIN, name)
        if not os.path.exists(program):
            skip(name + " is not built")
        with tempfile.TemporaryDirectory() as folder:
            out = folder + "/out"
            fault(mock, operation="RegisterThing", fault="delay", delay_ms=1000, count=1)
            if name == "device_agent":
                os.mkdir(folder + "/claims", 0o700)
                shutil.copy(mock.claim["certificate"], folder + "/claims/claim.pem.crt")
                shutil.copy(mock.claim["private_key"], folder + "/claims/claim.pem.key")
                line = [program, mock.host, str(mock.port), mock.ca_file, folder + "/claims", "fleet-basic", "secrets-agent", out]
                done = Watched(mock, line, out, stop_after=lambda where: os.path.exists(where + "/device.json"))
            else:
                line = [program, mock.host, str(mock.port), mock.ca_file, mock.claim["certificate"], mock.claim["private_key"], "fleet-basic",
                        "secrets-" + name, out]
                done = Watched(mock, line, out)
            assert done.returncode == 0, (name, done.errors)
            done.check(out)


with Mock() as the_mock:
    code = run(the_mock)
sys.exit(code)
