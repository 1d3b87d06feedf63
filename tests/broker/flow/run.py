#!/usr/bin/env python3
"""Provisioning by claim through a real Mosquitto and real TLS; who gets the private key, and who never does."""
import json
import os
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "support"))
from cases import case, run  # noqa: E402
from mock import Mock, need  # noqa: E402
from mqtt import (CREATE, CREATE_FROM_CSR, Client, ask, claim_identity, create, provision_device, provision_topic,  # noqa: E402
                  register, save)


def folder():
    return tempfile.TemporaryDirectory()


def subscribe_to_create(client):
    codes = client.subscribe(CREATE + "/accepted", CREATE + "/rejected")
    assert codes == [1, 1], codes


def new_key(where):
    subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", where],
                   check=True, capture_output=True)


def new_csr(where, key):
    subprocess.run(["openssl", "req", "-new", "-key", key, "-subj", "/CN=device", "-out", where], check=True, capture_output=True)
    with open(where, encoding="utf-8") as file:
        return file.read()


@case("a device provisions by claim and reconnects with its own certificate, on 3.1.1 and 5")
def full_flow(mock):
    for version in (4, 5):
        with folder() as out:
            client = Client(mock, claim_identity(mock), "flow-%d" % version, version=version)
            assert client.accepted
            created = create(client)
            assert sorted(created) == ["certificateId", "certificateOwnershipToken", "certificatePem", "privateKey"]
            kind, answer = register(client, created["certificateOwnershipToken"], SerialNumber="flow%d" % version)
            assert kind == "accepted" and answer["thingName"], answer
            client.disconnect()
            device = Client(mock, save(out, created), answer["thingName"], version=version)
            assert device.accepted
            assert device.subscribe("sdk/test/cpp") == [1]
            assert device.publish("sdk/test/cpp", b"hello") == 0
            assert device.message().payload == b"hello"
            device.disconnect()


@case("zero bytes, an empty JSON object and an empty CBOR map all ask for keys, and the reply has the request's format")
def empty_requests(mock):
    client = Client(mock, claim_identity(mock), "empties")
    for topic, payload in ((CREATE, b""), (CREATE, b"{}"), (CREATE.replace("json", "cbor"), b""), (CREATE.replace("json", "cbor"), b"\xa0")):
        kind, answer = ask(client, topic, payload)
        assert kind == "accepted", answer
        assert (answer.payload[:1] == b"{") == topic.endswith("json")
    client.disconnect()


@case("a certificate signing request gives a certificate for its key and no private key")
def csr_flow(mock):
    with folder() as out:
        key = out + "/device.key"
        new_key(key)
        client = Client(mock, claim_identity(mock), "csr")
        body = json.dumps({"certificateSigningRequest": new_csr(out + "/device.csr", key)})
        kind, answer = ask(client, CREATE_FROM_CSR, body)
        assert kind == "accepted", answer.payload
        created = answer.json()
        assert "privateKey" not in created
        kind, answer = register(client, created["certificateOwnershipToken"], SerialNumber="csr1")
        assert kind == "accepted", answer
        with open(out + "/device.crt", "w", encoding="utf-8") as file:
            file.write(created["certificatePem"])
        assert Client(mock, (out + "/device.crt", key), answer["thingName"]).accepted


@case("a certificate that is PENDING_ACTIVATION cannot connect; after RegisterThing it can")
def pending_is_refused(mock):
    with folder() as out:
        client = Client(mock, claim_identity(mock), "pending")
        created = create(client)
        identity = save(out, created)
        assert Client(mock, identity, "fleet-pending").connack is None
        assert Client(mock, identity, "fleet-pending", version=5).connack_code == 0x87
        kind, answer = register(client, created["certificateOwnershipToken"], SerialNumber="pending")
        assert kind == "accepted", answer
        assert Client(mock, identity, answer["thingName"]).accepted


@case("an answer comes although the requester never subscribed")
def unsubscribed_requester(mock):
    client = Client(mock, claim_identity(mock), "silent")
    assert client.publish(CREATE, b"{}") == 0
    answer = client.message()
    assert answer.topic == CREATE + "/accepted" and answer.qos == 0


@case("QoS 0 and QoS 1 subscriptions get their answer at their own QoS")
def reply_qos(mock):
    for qos in (0, 1):
        client = Client(mock, claim_identity(mock), "qos%d" % qos)
        assert client.subscribe(CREATE + "/accepted", qos=qos) == [qos]
        client.publish(CREATE, b"{}", qos=qos)
        assert client.message().qos == qos
        client.disconnect()


@case("a second client on the same claim certificate never sees the first one's key")
def key_reaches_requester_only(mock):
    watcher = Client(mock, claim_identity(mock), "watcher")
    subscribe_to_create(watcher)
    requester = Client(mock, claim_identity(mock), "requester")
    for _ in range(5):
        assert create(requester)["privateKey"]
    assert watcher.ping() and watcher.messages == []


@case("a subscription to a request topic and to every wildcard over the API stays silent")
def request_topics_are_silent(mock):
    watcher = Client(mock, claim_identity(mock), "wildcards", version=5)
    codes = watcher.subscribe(CREATE, "$aws/certificates/create/+/accepted", "$aws/certificates/create/#")
    assert codes[0] in (1, 0x87)
    requester = Client(mock, claim_identity(mock), "requester2")
    create(requester)
    assert watcher.ping() and watcher.messages == []


@case("a client id taken over while the key is being made gets no answer that was meant for the old connection")
def takeover_race(mock):
    for turn in range(6):
        old = Client(mock, claim_identity(mock), "shared")
        subscribe_to_create(old)
        old.start_publish(CREATE, b"{}")
        new = Client(mock, claim_identity(mock), "shared", version=4 + turn % 2)
        assert new.accepted
        subscribe_to_create(new)
        assert new.ping()
        # An own request proves that the earlier answer, had it been for this connection, would have come first.
        create_answers = ask(new, CREATE, b"{}", subscribe=False)
        assert create_answers[0] == "accepted"
        assert new.ping() and new.messages == [], "the old connection's answer was delivered"
        new.disconnect()


@case("a takeover by another certificate in the middle of the create gets nothing of the old connection's")
def takeover_by_device(mock):
    with folder() as out:
        identity, name, _ = provision_device(mock, out, "takeover")
        for _ in range(10):
            old = Client(mock, claim_identity(mock), name)
            subscribe_to_create(old)
            old.start_publish(CREATE, b"{}")
            new = Client(mock, identity, name)
            assert new.accepted
            for _ in range(3):
                assert new.ping()
            assert new.messages == []
            new.disconnect()


@case("an unacknowledged key in a stored session is not handed to another certificate that resumes the client id")
def stored_session_keeps_no_key(mock):
    with folder() as out:
        identity, name, _ = provision_device(mock, out, "stored")
        old = Client(mock, claim_identity(mock), name, clean=False)
        assert old.accepted
        subscribe_to_create(old)
        old._keep = lambda found: None  # acknowledges nothing
        old.start_publish(CREATE, b"{}")
        found = old.wait(3)
        assert b"PRIVATE KEY" in found.body
        old.abort()
        resumed = Client(mock, identity, name, clean=False)
        assert resumed.accepted
        assert resumed.ping() and resumed.ping() and resumed.messages == []
        resumed.disconnect()


@case("a requester that is gone before its answer leaves nothing behind for the next connection")
def requester_gone(mock):
    gone = Client(mock, claim_identity(mock), "gone", clean=False)
    subscribe_to_create(gone)
    gone.start_publish(CREATE, b"{}")
    gone.abort()
    back = Client(mock, claim_identity(mock), "gone", clean=False)
    assert back.accepted and back.ping()
    kind, _ = ask(back, CREATE, b"{}", subscribe=False)
    assert kind == "accepted" and back.ping()
    assert back.messages == []


def nested(depth, open_, close):
    return open_ * depth + close * depth


@case("malformed payloads are rejected with 400 in the request's format and the next flow is good")
def malformed_payloads(mock):
    client = Client(mock, claim_identity(mock), "malformed", version=5)
    template = mock.ready["templates"][0]
    json_topics = [CREATE_FROM_CSR, provision_topic(template)]
    bad_json = [b"garbage", b"[1,2]", b'{"certificateOwnershipToken":', b"\xff\xfe", nested(65000, b"[", b"]"),
                nested(26000, b'{"a":', b"") + b"1", b'{"certificateSigningRequest":5}',
                b'{"certificateOwnershipToken":"x","parameters":{"SerialNumber":5}}', b'{"certificateOwnershipToken":"","parameters":{}}']
    for topic in json_topics:
        for payload in bad_json:
            kind, answer = ask(client, topic, payload)
            assert kind == "rejected" and answer.json()["statusCode"] == 400, (topic, payload[:40], answer)
    cbor_topics = [CREATE_FROM_CSR.replace("json", "cbor"), provision_topic(template, "cbor")]
    bad_cbor = [b"{}", b"\x81" * 131072, b"\xbb" + b"\xff" * 8, b"\x9b" + b"\xff" * 7 + b"\xf0", b"\x7b" + b"\xff" * 8 + b"a",
                b"\xa1\x61a", b"\xa1\x01\x02", b"\xa1\x78\x19certificateSigningRequest\x45hello", b"\x5f" * 1000, b"\xbf" * 60000]
    for topic in cbor_topics:
        for payload in bad_cbor:
            kind, answer = ask(client, topic, payload)
            assert kind == "rejected" and b"statusCode" in answer.payload and b"\x19\x01\x90" in answer.payload, (topic, payload[:40], answer)
    kind, _ = ask(client, CREATE, b"not json")
    assert kind == "rejected"
    created = create(client)
    kind, answer = register(client, created["certificateOwnershipToken"], SerialNumber="after-malformed")
    assert kind == "accepted", answer


@case("an empty ownership token is answered with AWS's own words")
def empty_token(mock):
    client = Client(mock, claim_identity(mock), "token")
    kind, answer = register(client, "", SerialNumber="1")
    assert kind == "rejected"
    assert answer == {"statusCode": 400, "errorCode": "InvalidCertificateOwnershipToken",
                      "errorMessage": "Certificate ownership token cannot be empty."}


@case("a token works once, and not after its hour")
def token_life(mock):
    client = Client(mock, claim_identity(mock), "token-life")
    created = create(client)
    kind, _ = register(client, created["certificateOwnershipToken"], SerialNumber="life")
    assert kind == "accepted"
    kind, answer = register(client, created["certificateOwnershipToken"], SerialNumber="life")
    assert kind == "rejected" and answer["statusCode"] == 400
    late = create(client)
    status, body, _ = mock.http("POST", "/_mock/clock", {"advance_seconds": 3601})
    assert status == 200 and body["now"] > 0
    assert client.ping(), "a live session stays up when time moves"
    kind, answer = register(client, late["certificateOwnershipToken"], SerialNumber="late")
    assert kind == "rejected" and answer["statusCode"] == 400
    assert mock.http("GET", "/certificates/" + late["certificateId"])[0] == 404


@case("an unknown template and one that the claim may not use are told apart")
def unknown_template(mock):
    client = Client(mock, claim_identity(mock), "template", version=5)
    assert client.publish(provision_topic("no-such"), b"{}") == 0x87


@case("without the format segment there is no API, whatever the policy says")
def no_format(mock):
    client = Client(mock, claim_identity(mock), "no-format", version=5)
    assert client.publish("$aws/certificates/create", b"{}") == 0x87
    assert client.publish("$aws/certificates/create/xml", b"{}") == 0x87
    assert client.ping()


@case("clients of Debian are served too: mosquitto_rr and mosquitto_pub, JSON and CBOR, on both versions")
def mosquitto_clients(mock):
    certificate, key = claim_identity(mock)
    with folder() as out:
        with open(out + "/empty.cbor", "wb") as file:
            file.write(b"\xa0")
        for version in ("mqttv311", "mqttv5"):
            where = ["-h", mock.host, "-p", str(mock.port), "--cafile", mock.ca_file, "--cert", certificate, "--key", key, "-V", version, "-q", "1"]
            for topic, payload in ((CREATE, ["-m", "{}"]), (CREATE.replace("json", "cbor"), ["-f", out + "/empty.cbor"])):
                done = subprocess.run([need("mosquitto_rr", "mosquitto-clients"), *where, "-t", topic, "-e", topic + "/accepted", *payload, "-W", "20"],
                                      capture_output=True, timeout=60)
                assert done.returncode == 0 and b"PRIVATE KEY" in done.stdout, done.stderr
                assert done.stdout[:1] == (b"{" if payload[0] == "-m" else b"\xa4"), done.stdout[:20]
            identity, name, _ = provision_device(mock, out, "watch-" + version)
            watcher = Client(mock, identity, name, version=5)
            assert watcher.subscribe("sdk/test/debian") == [1]
            identity, name, _ = provision_device(mock, out, "publish-" + version)
            where[where.index(certificate)], where[where.index(key)] = identity
            done = subprocess.run([need("mosquitto_pub", "mosquitto-clients"), *where, "-i", name, "-t", "sdk/test/debian", "-m", version],
                                  capture_output=True, text=True, timeout=60)
            assert done.returncode == 0, done.stderr
            assert watcher.message().payload.decode() == version
            watcher.disconnect()


@case("ten devices at once each get their own certificate")
def concurrent_devices(mock):
    ids, failures = [], []

    def one(number):
        try:
            client = Client(mock, claim_identity(mock), "burst-%d" % number, version=4 + number % 2)
            created = create(client)
            kind, answer = register(client, created["certificateOwnershipToken"], SerialNumber="burst%d" % number)
            assert kind == "accepted", answer
            ids.append(created["certificateId"])
        except Exception as trouble:  # noqa: BLE001
            failures.append(trouble)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures
    assert len(set(ids)) == 10


@case("no private key and no token ever reaches the log or stderr")
def no_secret_in_logs(mock):
    client = Client(mock, claim_identity(mock), "secrets")
    created = create(client)
    register(client, created["certificateOwnershipToken"], SerialNumber="secrets")
    with open(mock.ready["dir"] + "/iot-logs.jsonl", encoding="utf-8") as file:
        logged = file.read() + mock.stderr()
    assert "PRIVATE KEY" not in logged and created["certificateOwnershipToken"] not in logged
    assert "GetDeviceCredentials" in logged and "ProvisionDevice" in logged


def main():
    with Mock() as mock:
        return run(mock)


sys.exit(main())
