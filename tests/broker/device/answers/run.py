#!/usr/bin/env python3
"""What `fleetprov provision` makes of a service that answers otherwise than AWS IoT Core: it says so, and keeps what it has."""
import hashlib
import json
import os
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "..", "..", "support")]
from cases import case, run  # noqa: E402
from device import fault, files_below, provision, read_bytes  # noqa: E402
from mock import Mock  # noqa: E402
from mqtt import packet, text  # noqa: E402

CREATE, CSR = "$aws/certificates/create/json", "$aws/certificates/create-from-csr/json"
REGISTER = "$aws/provisioning-templates/fleet-basic/provision/json"


def openssl(*arguments, **how):
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, text=True, **how).stdout


class Pair:
    """A key and a certificate of itself, in files of the folder and as texts."""

    def __init__(self, folder, name):
        self.certificate_file, self.key_file = "%s/%s.crt" % (folder, name), "%s/%s.key" % (folder, name)
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.key_file, "-subj", "/CN=" + name,
                "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-days", "2", "-out", self.certificate_file)
        self.certificate, self.key = (read_bytes(name).decode() for name in (self.certificate_file, self.key_file))

    def sign(self, request):
        return openssl("x509", "-req", "-CA", self.certificate_file, "-CAkey", self.key_file, "-set_serial", "7", "-days", "2", input=request)


class Service:
    """Takes every client and subscription; `answer(topic, payload)` gives the topic and payload of the reply, or None. Stands in
    for a Mock where a device is run."""

    def __init__(self, pair, answer):
        self.answer, self.asked = answer, []
        self.claim = {"certificate": pair.certificate_file, "private_key": pair.key_file}
        self.ca_file = pair.certificate_file
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(pair.certificate_file, pair.key_file)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = "localhost:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()

    def accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        try:
            with self.tls.wrap_socket(client, server_side=True) as tls, tls.makefile("rb") as stream:
                while self.take(tls, stream):
                    pass
        except (OSError, EOFError):
            pass

    def take(self, tls, stream):
        def read(count):
            got = stream.read(count)
            if len(got) < count:
                raise EOFError
            return got
        header, size, shift = read(1)[0], 0, 0
        while True:
            digit = read(1)[0]
            size |= (digit & 127) << shift
            shift += 7
            if digit < 128:
                break
        body = read(size)
        if header >> 4 == 1:
            tls.sendall(packet(0x20, b"\0\0"))
        elif header >> 4 == 8:
            tls.sendall(packet(0x90, body[:2] + b"\1\1"))
        elif header >> 4 == 3:
            end = 2 + struct.unpack_from(">H", body)[0]
            topic = body[2:end].decode()
            tls.sendall(packet(0x40, body[end:end + 2]))
            self.asked.append(topic)
            reply = self.answer(topic, body[end + 2:])
            if reply is not None:
                told = reply[1] if isinstance(reply[1], bytes) else json.dumps(reply[1]).encode()
                tls.sendall(packet(0x30, text(reply[0]) + told))
        return header >> 4 != 14


def issued(certificate, key=None):
    out = {"certificateId": hashlib.sha256(certificate.encode()).hexdigest(), "certificatePem": certificate, "certificateOwnershipToken": "SECRET-TOKEN"}
    return out if key is None else dict(out, privateKey=key)


def service_of(pair, create, register=None):
    """Answers create operations with what `create(payload)` issues, RegisterThing with `register` or a thing."""
    def answer(topic, payload):
        if topic == REGISTER:
            return register or (topic + "/accepted", {"thingName": "fleet-1", "deviceConfiguration": {}})
        return topic + "/accepted", create(payload)
    return Service(pair, answer)


def fits(out):
    return openssl("x509", "-in", out + "/device.pem.crt", "-noout", "-pubkey") == openssl("pkey", "-in", out + "/device.pem.key", "-pubout")


def in_use(out):
    return {name: read_bytes(os.path.join(out, name)) for name in ("device.pem.crt", "device.pem.key", "device.json")}


@case("a certificate that is not the key's ends the run at the create operation: nothing is registered, the folder's credentials stay")
def useless(folder, pair):
    other = Pair(folder, "other")
    device = Pair(folder, "device")
    out = folder + "/useless"
    with service_of(pair, lambda _: issued(device.certificate, device.key)) as service:
        assert provision(service, out, serial="1").returncode == 0 and fits(out)
    before = in_use(out)
    request = folder + "/my.csr"
    openssl("req", "-new", "-key", other.key_file, "-subj", "/CN=mine", "-out", request)
    stories = (
        ((), device.certificate, other.key, "not for the key that came with it"),
        ((), "junk", "junk2", "cannot be read"),
        ((), device.certificate, "junk2", "cannot be read"),
        (("--key-type", "ec"), device.certificate, None, "not for the key of the signing request"),
        (("--key-type", "ec"), device.certificate, device.key, "not for the key of the signing request"),
        (("--key-type", "rsa"), "junk", None, "cannot be read"),
        (("--csr", request), device.certificate, None, "not for the key of the signing request"),
    )
    for where in (out, folder + "/new"):
        for arguments, certificate, key, words in stories:
            with service_of(pair, lambda _, issue=issued(certificate, key): issue) as service:
                done = provision(service, where, "--format", "json", *arguments, serial="1")
            assert done.returncode == 1, (arguments, done.stdout, done.stderr)
            told = json.loads(done.stdout)["error"]
            assert told["step"] == ("CreateCertificateFromCsr" if arguments else "CreateKeysAndCertificate"), told
            assert words in told["message"] and "iot:Publish" not in told["help"], told
            assert service.asked == [CSR if arguments else CREATE], service.asked
            assert not any(secret in done.stdout + done.stderr for secret in ("SECRET-TOKEN", "junk2", "PRIVATE KEY")), done.stderr
    assert in_use(out) == before and fits(out)
    assert not any(name.endswith((".crt", ".json", ".token")) for name in files_below(folder + "/new")), files_below(folder + "/new")
    assert not os.path.exists(out + "/pending/pending.json")
    with service_of(pair, lambda _: issued(other.certificate, other.key)) as service:
        done = provision(service, out, serial="1")
    assert done.returncode == 0 and fits(out) and in_use(out) != before, done.stderr


@case("a chain, CRLF and blank lines around a certificate are as good as the certificate alone")
def spelled_otherwise(folder, pair):
    device = Pair(folder, "spelled")
    key = device.key
    for number, (certificate, key) in enumerate(((device.certificate + pair.certificate, key), (device.certificate.replace("\n", "\r\n"), key),
                                                 (device.certificate + "\n\n", key + "\n"), (device.certificate.strip(), key.strip()))):
        out = "%s/spelled-%d" % (folder, number)
        with service_of(pair, lambda _, issue=issued(certificate, key): issue) as service:
            done = provision(service, out, serial="1")
        assert done.returncode == 0 and fits(out), done.stderr
    for number, arguments in enumerate((("--key-type", "ec"), ("--key-type", "rsa"))):
        out = "%s/signed-%d" % (folder, number)

        def sign(payload):
            # A key that nobody asked for is not taken.
            return issued(pair.sign(json.loads(payload)["certificateSigningRequest"]) + pair.certificate, device.key)
        with service_of(pair, sign) as service:
            done = provision(service, out, *arguments, serial="1")
        assert done.returncode == 0 and fits(out), done.stderr


@case("an answer that cannot be read is told with its topic and its fault, and no policy is blamed")
def unreadable(folder, pair):
    device = Pair(folder, "unreadable")
    good = issued(device.certificate, device.key)
    stories = [
        (CREATE + "/accepted", b"\xff\xfe", "malformed encoding at byte 0"),
        (CREATE + "/accepted", b"", "required field is missing"),
        (CREATE + "/accepted", issued(device.certificate), "required field is missing"),
        (CREATE + "/accepted", {k: v for k, v in good.items() if k != "certificateOwnershipToken"}, "required field is missing"),
        (CREATE + "/accepted", dict(good, certificatePem=device.certificate + "#" * 200000), "too large at byte 131072"),
        (CREATE + "/rejected", {"statusCode": "403"}, "field has the wrong type at byte 15"),
        (CREATE + "/rejected", b'{"statusCode":403.0}', "field has the wrong type at byte 14"),
        (REGISTER + "/accepted", b'{"thingName":"t","deviceConfiguration":{"a":1}}', "field has the wrong type at byte 44"),
        (REGISTER + "/rejected", b"nope", "malformed encoding at byte"),
    ]
    for topic, payload, words in stories:
        registers = topic.startswith(REGISTER)
        with service_of(pair, lambda _: good, (topic, payload)) if registers else Service(pair, lambda *_: (topic, payload)) as service:
            done = provision(service, folder + "/unreadable", "--timeout", "2", "--format", "json", serial="1")
        told = json.loads(done.stdout)["error"]
        assert done.returncode == 1 and told["step"] == ("RegisterThing" if registers else "CreateKeysAndCertificate"), (topic, payload, told)
        assert topic + " " in told["message"] and words in told["message"], (payload, told)
        assert "iot:" not in told["help"] and "SECRET-TOKEN" not in done.stdout + done.stderr, told


@case("a run whose time is over although the service answered tells the service's last words, with its status")
def last_words(folder, pair):
    for operation, number in (("CreateKeysAndCertificate", 1), ("RegisterThing", 2), ("RegisterThing", 3)):
        with Mock() as mock:
            fault(mock, operation=operation, fault="reject", status_code=429, error_code="TooManyRequests", error_message="slow down")
            done = provision(mock, "%s/last-%s-%d" % (folder, operation, number), "--timeout", str(number), "--format", "json", serial="last")
        assert done.returncode == 1, done.stderr
        told = json.loads(done.stdout)["error"]
        assert told["step"] == operation and told["status_code"] == 429 and told["error_code"] == "TooManyRequests", told
        assert "last answer was 429 TooManyRequests: slow down" in told["message"] and "too many requests" in told["help"], told
    with service_of(pair, lambda _: issued(pair.certificate, pair.key), (REGISTER + "/rejected", {"statusCode": 500})) as service:
        done = provision(service, folder + "/last", "--timeout", "2", serial="1")
    assert done.returncode == 1 and "last answer was 500\n" in done.stderr and "try again later" in done.stderr, done.stderr


@case("a run that got no answer at all still names the rights that are needed")
def silence(folder, pair):
    with Service(pair, lambda *_: None) as service:
        done = provision(service, folder + "/silent", "--timeout", "2", "--format", "json", serial="1")
    told = json.loads(done.stdout)["error"]
    assert done.returncode == 1 and told["message"] == "no answer in time" and "iot:Publish" in told["help"] and "status_code" not in told, told


with tempfile.TemporaryDirectory() as the_folder:
    code = run(the_folder, Pair(the_folder, "service"))
sys.exit(code)
