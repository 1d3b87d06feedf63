#!/usr/bin/env python3
"""What docs/fidelity.md says of the broker, row by row: each row is asserted here or by the case named for it."""
import os
import re
import ssl
import socket
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "support"))
from cases import case, run  # noqa: E402
from mock import Mock, need  # noqa: E402
from mqtt import CREATE, PUBLISH, SUBACK, Client, claim_identity, create, packet, save, text, variable  # noqa: E402

EVERYTHING = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*"}]}'
REFUSED = 0x87

# Rows that a case of another script asserts: script, sentence.
ELSEWHERE = {
    "CONNECT refused by policy or for a certificate that is not ACTIVE": ("policies", "a refused CONNECT is a plain close on 3.1.1 and CONNACK 0x87 on 5"),
    "certificate that is not registered, or not ACTIVE": ("policies", "a certificate that leaves ACTIVE loses its live session and cannot come back"),
    "when a will is authorized": ("policies", "a will is checked when it is sent: without iot:Publish nobody gets it"),
    "3.1.1 SUBSCRIBE refused": ("policies", "--strict suback-failure answers a refused 3.1.1 SUBSCRIBE with 0x80"),
    "subscribing to an API request topic, to `$aws/#`": ("flow", "a subscription to a request topic and to every wildcard over the API stays silent"),
    "payload over 131072 bytes": ("policies", "a payload of 131072 bytes passes, one byte more closes: 0x95 on 5"),
    "which topics below `$aws/` there are": ("policies", "reserved topics that no API defines are refused under iot:* on any resource"),
    "PUBLISH or SUBSCRIBE with QoS 2": ("policies", "QoS 2 is refused: SUBACK grants 1, a PUBLISH ends the connection"),
    "Message Expiry of a retained message": ("mock_api", "a retained message with a message expiry is gone over HTTP as over MQTT"),
    "shared subscription to `$aws/events/...`": ("lifecycle", "of a group that shares a subscription to life-cycle events, one client gets each event"),
    "client id over 128 bytes or starting with `$`": ("policies", "client ids that AWS IoT refuses cannot connect; MQTT 3.1 cannot either"),
    "51st subscription of a connection": ("policies", "51 subscriptions are one too many"),
    "one CONNECT per second and client id, 500 per account": ("policies", "--strict quotas refuses a second CONNECT of a client id within a second"),
    "QoS of an answer": ("flow", "QoS 0 and QoS 1 subscriptions get their answer at their own QoS"),
    "answer to a requester that did not subscribe": ("policies", "--strict require-subscription gives no answer to a client that did not subscribe"),
    "answer whose connection has ended": ("flow", "a requester that is gone before its answer leaves nothing behind for the next connection"),
    "disconnectReason of a refused action": ("lifecycle", "the reason of a disconnect is told: lost, bad packet, keep-alive, refused action, taken over, by API"),
    "disconnectReason where the network decides": ("lifecycle", "the reason of a disconnect is told: lost, bad packet, keep-alive, refused action, taken over, by API"),
    "versionNumber": ("lifecycle", "connect and disconnect are told with the same session identifier and version number"),
    "`details` of a refusal in the log": ("lifecycle", "a refused CONNECT is told as connect_failed"),
    "Disconnect entry of a displaced session": ("lifecycle", "a client id used twice: the old connection is closed (142 on 5), its will is sent, log and event have their own spelling"),
    "GetDeviceCredentials, ProvisionDevice entries": ("lifecycle", "provisioning leaves GetDeviceCredentials and ProvisionDevice entries"),
    "Queued, DeleteConnection entries": ("lifecycle", "a message for a client that is offline is Queued in the log, and Publish-Out once it is sent; DeleteConnection has an entry"),
    "policy changes": ("policies", "a policy change acts on the live session at its next packet"),
    "stored session after `POST /_mock/reset`": ("sessions", "after a reset a stored session delivers nothing of before, has no subscriptions, and takes new ones"),
    "retained message and a wildcard filter": ("policies", "a retained message reaches an exact filter and never a wildcard"),
}
ROWS = set()


def row(name, sentence=None):
    ROWS.add(name)
    return case(sentence or name)


class World:
    def __init__(self, mock, out):
        self.mock, self.out = mock, out
        self.identity, self.id = self.certificate("all", EVERYTHING)

    def certificate(self, name, document):
        status, made, _ = self.mock.http("POST", "/keys-and-certificate?setAsActive=true")
        assert status == 200, made
        assert self.mock.http("POST", "/policies/" + name, {"policyDocument": document})[0] == 200
        assert self.mock.http("PUT", "/target-policies/" + name, {"target": made["certificateArn"]})[0] == 200
        return save(self.out, {"certificatePem": made["certificatePem"], "privateKey": made["keyPair"]["PrivateKey"]}, name), made["certificateId"]

    def client(self, client_id, **how):
        return Client(self.mock, self.identity, client_id, **how)


def properties_of(connack):
    """The numbers among the properties of an MQTT 5 CONNACK by identifier."""
    sizes = {0x11: 4, 0x13: 2, 0x21: 2, 0x22: 2, 0x24: 1, 0x25: 1, 0x27: 4, 0x28: 1, 0x29: 1, 0x2A: 1}
    out, at = {}, 3
    assert connack.body[2] < 128
    while at < len(connack.body):
        identifier = connack.body[at]
        size = sizes[identifier]
        out[identifier] = int.from_bytes(connack.body[at + 1:at + 1 + size], "big")
        at += 1 + size
    return out


def log(mock, client_id):
    return [entry for entry in mock.events() if entry.get("clientId") == client_id]


@row("more than 8 filters in one SUBSCRIBE", "nine filters in one SUBSCRIBE are not refused")
def nine_filters(world):
    for version in (4, 5):
        assert world.client("nine-%d" % version, version=version).subscribe(*["nine/%d" % n for n in range(9)]) == [1] * 9


@row("keep-alive below 30 s, or above 1200 s and 0 on 3.1.1", "on 5 a keep-alive of 5000 or 0 becomes 1200; 5 s stay 5 s, and 3.1.1 is taken as sent")
def keep_alive(world):
    for sent, told in ((5000, 1200), (0, 1200), (1200, None), (30, None), (5, None)):
        client = world.client("alive", version=5, keep_alive=sent)
        assert properties_of(client.connack).get(0x13) == told, (sent, properties_of(client.connack))
    assert world.client("alive", keep_alive=5000).accepted
    start = time.monotonic()
    world.client("alive", keep_alive=1).wait_closed()
    assert 1 <= time.monotonic() - start < 15, "raised to 30 s it would be 45"


@row("Subscription Identifier", "a Subscription Identifier is accepted and comes back with the message")
def subscription_identifier(world):
    client = world.client("subid", version=5)
    client.send(packet(0x82, struct.pack(">H", 77) + b"\x02\x0b\x05" + text("subid/x") + b"\x01"))
    assert client.wait(SUBACK).body[-1] == 1
    client.start_publish("subid/x", b"1", qos=0)
    assert b"\x0b\x05" in client.wait(PUBLISH).body


@row("Session Expiry over 7 days; stored messages at most 10 per second on resume", "a Session Expiry of a month is taken; stored messages come at once")
def session_expiry(world):
    client = world.client("month", version=5, clean=False, session_expiry=30 * 86400)
    assert client.accepted and 0x11 not in properties_of(client.connack)
    assert client.subscribe("month") == [1]
    client.disconnect()
    sender = world.client("month-sender")
    for n in range(40):
        assert sender.publish("month", b"%d" % n) == 0
    client = world.client("month", version=5, clean=False)
    assert client.session_present
    start = time.monotonic()
    assert [client.message().payload for _ in range(40)] == [b"%d" % n for n in range(40)]
    assert time.monotonic() - start < 3, "ten per second would take four"


@row("message and byte rates per connection", "three hundred publishes in a row and a megabyte a second are all acknowledged")
def rates(world):
    client = world.client("fast", version=5)
    start = time.monotonic()
    for _ in range(300):
        assert client.publish("fast", b"") in (0, 0x10)
    for _ in range(10):
        assert client.publish("fast", b"x" * 131072) in (0, 0x10)
    assert time.monotonic() - start < 60


@row("`PersistentConnect` on MQTT 5", "on 5 Clean Start 0 counts as persistent, whatever the Session Expiry")
def persistent_connect(world):
    document = ('{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:Connect","Resource":"*",'
                '"Condition":{"ForAllValues:StringEquals":{"iot:ConnectAttributes":[]}}}]}')
    identity, _ = world.certificate("clean-only", document)
    assert Client(world.mock, identity, "pc", version=5).accepted
    assert Client(world.mock, identity, "pc", version=5, session_expiry=3600).accepted
    assert Client(world.mock, identity, "pc", version=5, clean=False).connack_code == REFUSED


@row("publish to `$SYS/...` or `$share/...` on 3.1.1", "a publish to $SYS or $share is acknowledged on 3.1.1 and goes nowhere; on 5 it is 0x87")
def broker_topics(world):
    for topic in ("$SYS/x", "$share/g/x"):
        client = world.client("broker-topics")
        assert client.publish(topic, b"") == 0 and client.ping()
        assert world.client("broker-topics-5", version=5).publish(topic, b"") == REFUSED


@row("basic ingest and services that the mock does not play", "basic ingest and shadows are acknowledged and reach nobody")
def silent_services(world):
    client = world.client("silent", version=5)
    assert client.subscribe("$aws/things/t/shadow/get/accepted", "#") == [1, 1]
    client.subscribe("$aws/rules/store/telemetry")
    for topic in ("$aws/rules/store/telemetry", "$aws/things/t/shadow/get"):
        assert client.publish(topic, b"{}") in (0, 0x10), topic
    assert client.ping() and client.messages == []


@row("topic over 256 bytes or 7 slashes", "a filter over 256 bytes or 7 slashes is 0x87 on 5")
def long_filters(world):
    client = world.client("long", version=5)
    assert client.subscribe("f" * 256, "f" * 257, "a/b/c/d/e/f/g/h", "a/b/c/d/e/f/g/h/i") == [1, REFUSED, 1, REFUSED]
    assert client.publish("f" * 257, b"") is None and client.disconnect_code == 0x90


@row("Correlation Data on an answer", "Correlation Data of a request is not echoed")
def correlation(world):
    client = Client(world.mock, claim_identity(world.mock), "correlated", version=5)
    assert client.subscribe(CREATE + "/accepted", CREATE + "/rejected") == [1, 1]
    mark = b"\x09" + text("mark-of-the-request")
    client.start_publish(CREATE, b"{}", properties=mark)
    answer = client.wait(PUBLISH)
    assert CREATE.encode() in answer.body and b"mark-of-the-request" not in answer.body


@row("connectFailureReason of a throttled or faulted CONNECT", "a throttled CONNECT is told as THROTTLED, a faulted one as SERVER_ERROR")
def connect_failures(world):
    watcher = world.client("failure-watcher")
    assert watcher.subscribe("$aws/events/presence/connect_failed/+") == [1]
    for kind, reason in (("throttle", "THROTTLED"), ("reject", "SERVER_ERROR")):
        assert world.mock.http("POST", "/_mock/faults", {"operation": "Connect", "fault": kind, "count": 1, "client_id": "unlucky"})[0] == 200
        assert not world.client("unlucky").accepted
        assert watcher.message().json()["connectFailureReason"] == reason
    assert world.mock.http("DELETE", "/_mock/faults")[0] == 200


@row("live session of a certificate that leaves ACTIVE", "a session whose certificate leaves ACTIVE ends at once, on 5 with 0x98")
def leaves_active(world):
    for version, code in ((4, None), (5, 0x98)):
        identity, certificate = world.certificate("leaver-%d" % version, EVERYTHING)
        client = Client(world.mock, identity, "leaver-%d" % version, version=version)
        assert world.mock.http("PUT", "/certificates/%s?newStatus=REVOKED" % certificate)[0] == 200
        assert client.wait_closed(10) == code


@row("temporary claim after five minutes", "after five minutes a temporary claim's session stays and may do nothing, and a CONNECT is refused")
def late_claim(world):
    status, claim, _ = world.mock.http("POST", "/provisioning-templates/fleet-basic/provisioning-claim")
    assert status == 200
    identity = save(world.out, {"certificatePem": claim["certificatePem"], "privateKey": claim["keyPair"]["PrivateKey"]}, "late")
    client = Client(world.mock, identity, "late", version=5)
    assert create(client)["certificateId"]
    assert world.mock.http("POST", "/_mock/clock", {"advance_seconds": 301})[0] == 200
    assert client.ping() and client.publish(CREATE, b"{}") == REFUSED and client.ping()
    assert Client(world.mock, identity, "late-2", version=5).connack_code == REFUSED


@row("DeleteConnection with cleanSession", "DeleteConnection closes the connection and leaves a stored session until a clean start")
def delete_connection(world):
    client = world.client("stored", clean=False)
    assert client.subscribe("stored") == [1]
    assert world.mock.http("DELETE", "/connections/stored?cleanSession=true")[0] == 200
    client.wait_closed()
    client = world.client("stored", clean=False)
    assert client.session_present
    client.disconnect()
    assert not world.client("stored").session_present


@row("session made with 3.1.1, resumed with 5", "a session of 3.1.1 is resumed with 5")
def across_versions(world):
    client = world.client("crossing", clean=False)
    assert client.subscribe("crossing") == [1]
    client.disconnect()
    assert world.client("crossing", version=5, clean=False).session_present


def bare_tls(world, version=ssl.TLSVersion.TLSv1_3, **name):
    context = ssl.create_default_context(cafile=world.mock.ca_file)
    context.maximum_version = version
    context.check_hostname = False
    context.load_cert_chain(*world.identity)
    plain = socket.create_connection((world.mock.host, world.mock.port), timeout=20)
    return context.wrap_socket(plain, **name)


@row("`mqtt5Configuration` of a thing type", "a thing type's mqtt5Configuration is kept and shown")
def mqtt5_configuration(world):
    given = {"propagatingAttributes": [{"userPropertyKey": "site", "thingAttribute": "site"}]}
    assert world.mock.http("POST", "/thing-types/propagating", {"thingTypeProperties": {"mqtt5Configuration": given}})[0] == 200
    assert world.mock.http("GET", "/thing-types/propagating")[1]["thingTypeProperties"]["mqtt5Configuration"] == given
    assert world.mock.http("POST", "/thing-types/propagating", {"thingTypeProperties": {}})[0] == 409


@row("PUBACK of a request that nobody else receives", "the PUBACK of a request says 0x10 on 5 and it is answered")
def nobody_else(world):
    client = Client(world.mock, claim_identity(world.mock), "nobody-else", version=5)
    assert client.subscribe(CREATE + "/accepted") == [1]
    assert client.publish(CREATE, b"{}") == 0x10 and client.message().topic == CREATE + "/accepted"


@row("SNI", "a connection without SNI is served")
def without_sni(world):
    with bare_tls(world) as tls:
        tls.sendall(packet(0x10, text("MQTT") + b"\x04\x02\x00\x3c" + text("no-sni")))
        assert tls.recv(4) == b"\x20\x02\x00\x00"


@row("TLS session tickets", "a session ticket is offered with TLS 1.2 and none with 1.3")
def tickets(world):
    for version, offered in (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, False):
        with bare_tls(world, version, server_hostname=world.mock.host) as tls:
            tls.sendall(packet(0x10, text("MQTT") + b"\x04\x02\x00\x3c" + text("tickets")))
            assert tls.recv(4)[0] == 0x20
            assert (tls.session is not None and tls.session.has_ticket) == offered


@row("registry events", "no registry event is sent")
def no_registry_events(world):
    watcher = world.client("registry-watcher", version=5)
    codes = watcher.subscribe("$aws/events/thing/#", "$aws/events/presence/connected/marker")
    assert codes[1] == 1
    assert world.mock.http("POST", "/things/eventful", {})[0] == 200
    assert world.mock.http("DELETE", "/things/eventful")[0] == 200
    world.client("marker")
    assert watcher.message().topic == "$aws/events/presence/connected/marker" and watcher.messages == []


def own_certificate(folder, name, issuer=None):
    """(PEM, identity) of a CA, or of a certificate that the CA `issuer` signed."""
    def openssl(*arguments):
        return subprocess.run([need("openssl", "openssl"), *arguments], check=True, capture_output=True, text=True, cwd=folder).stdout
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", name + ".key", "-subj", "/O=own/CN=" + name]
    if issuer is None:
        openssl("req", "-x509", *key, "-days", "2", "-out", name + ".crt")
    else:
        openssl("req", *key, "-out", name + ".csr")
        openssl("x509", "-req", "-in", name + ".csr", "-CA", issuer + ".crt", "-CAkey", issuer + ".key", "-CAcreateserial", "-days", "2", "-out", name + ".crt")
    with open("%s/%s.crt" % (folder, name), encoding="ascii") as file:
        pem = file.read()
    return pem, ("%s/%s.crt" % (folder, name), "%s/%s.key" % (folder, name)), openssl("x509", "-noout", "-subject_hash", "-in", name + ".crt").strip()


def tries(mock, identity, name):
    """What a client sees: "tls", "mqtt" (refused there) or "connected"."""
    try:
        client = Client(mock, identity, name, version=5)
    except (ssl.SSLError, ConnectionError):
        return "tls"
    return "connected" if client.accepted else "tls" if client.connack is None else "mqtt"


@row("certificate of your own CA", "a certificate registered without its CA is stored and listed, and connects once DIR/ca trusts its CA")
def own_ca(world):
    folder = world.out
    ca_pem, _, ca_hash = own_certificate(folder, "own-ca")
    pem, identity, _ = own_certificate(folder, "own-device", "own-ca")
    status, made, _ = world.mock.http("POST", "/certificate/register-no-ca", {"certificatePem": pem, "status": "ACTIVE"})
    assert status == 200, made
    listed = world.mock.http("GET", "/certificates")[1]["certificates"]
    assert [c["status"] for c in listed if c["certificateId"] == made["certificateId"]] == ["ACTIVE"]
    assert world.mock.http("PUT", "/target-policies/all", {"target": made["certificateArn"]})[0] == 200
    assert tries(world.mock, identity, "own-1") == "tls"
    trusted = os.path.join(world.mock.ready["dir"], "ca", ca_hash + ".0")
    with open(trusted, "w", encoding="ascii") as file:
        file.write(ca_pem)
    assert tries(world.mock, identity, "own-2") == "connected"
    os.remove(trusted)


@row("just-in-time registration and provisioning", "a certificate of a registered CA that was not registered itself is refused, auto-registration or not")
def no_jitp(world):
    folder = world.out
    ca_pem, _, ca_hash = own_certificate(folder, "jit-ca")
    _, identity, _ = own_certificate(folder, "jit-device", "jit-ca")
    status, answer, _ = world.mock.http("POST", "/cacertificate?setAsActive=true&allowAutoRegistration=true", {"caCertificate": ca_pem})
    assert status == 200, answer
    with open(os.path.join(world.mock.ready["dir"], "ca", ca_hash + ".0"), "w", encoding="ascii") as file:
        file.write(ca_pem)
    watcher = world.client("jit-watcher")
    assert watcher.subscribe("$aws/events/presence/connect_failed/jit") == [1]
    before = len(world.mock.http("GET", "/certificates")[1]["certificates"])
    assert tries(world.mock, identity, "jit") == "mqtt"
    assert watcher.message().json()["connectFailureReason"] == "AUTHORIZATION_FAILED"
    assert len(world.mock.http("GET", "/certificates")[1]["certificates"]) == before


@case("every row of the broker's table is asserted")
def every_row(_world):
    with open(os.path.join(HERE, "..", "..", "..", "docs", "fidelity.md"), encoding="utf-8") as file:
        table = file.read().split("\n## The broker\n")[1].split("\n## ")[0]
    rows = {line.split(" | ")[0][2:].strip() for line in table.splitlines() if line.startswith("| ")} - {"What", "---"}
    shown = ROWS | set(ELSEWHERE)
    assert rows == shown, (sorted(rows - shown), sorted(shown - rows))
    for script, sentence in ELSEWHERE.values():
        with open(os.path.join(HERE, "..", script, "run.py"), encoding="utf-8") as file:
            assert '@case("%s")' % sentence in file.read(), (script, sentence)


def main():
    with Mock() as mock, tempfile.TemporaryDirectory() as out:
        return run(World(mock, out))


sys.exit(main())
