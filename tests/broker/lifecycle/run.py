#!/usr/bin/env python3
"""Life-cycle events, iot-logs.jsonl and what survives: takeover, wills, reload, kill."""
import fcntl
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "support"))
from cases import case, run  # noqa: E402
from mock import FLEETPROV, Mock  # noqa: E402
from mqtt import Client, claim_identity, create, provision_device, provision_topic, save  # noqa: E402

PRESENCE = "$aws/events/presence/"
SUBSCRIPTIONS = "$aws/events/subscriptions/"
EVERYTHING = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]})


def make_certificate(mock, out, name):
    status, made, _ = mock.http("POST", "/keys-and-certificate?setAsActive=true")
    assert status == 200, made
    mock.http("POST", "/policies/everything", {"policyDocument": EVERYTHING})
    assert mock.http("PUT", "/target-policies/everything", {"target": made["certificateArn"]})[0] == 200
    identity = save(out, {"certificatePem": made["certificatePem"], "privateKey": made["keyPair"]["PrivateKey"]}, name)
    return identity, made["certificateId"]


class World:
    def __init__(self, mock, out):
        self.mock = mock
        self.identity, self.id = make_certificate(mock, out, "all")

    def client(self, client_id, **how):
        return Client(self.mock, self.identity, client_id, **how)

    def watcher(self, *filters):
        watcher = self.client("watcher-" + re.sub("[^a-z]", "", "".join(filters))[:60])
        assert watcher.subscribe(*filters) == [1] * len(filters)
        assert watcher.ping()
        watcher.messages.clear()
        return watcher

    def log(self):
        return self.mock.events()

    def entries(self, client_id, event_type=None):
        return [e for e in self.log() if e.get("clientId") == client_id and event_type in (None, e["eventType"])]


@case("connect and disconnect are told with the same session identifier and version number")
def presence(world):
    watcher = world.watcher(PRESENCE + "connected/p1", PRESENCE + "disconnected/p1")
    numbers = []
    for _ in range(2):
        client = world.client("p1")
        connected = watcher.message().json()
        assert connected["eventType"] == "connected" and connected["clientId"] == "p1"
        assert connected["principalIdentifier"] == world.id and connected["ipAddress"] == "127.0.0.1"
        assert re.fullmatch("[0-9a-f]{32}", connected["sessionIdentifier"]) and connected["timestamp"] > 1500000000000
        client.disconnect()
        gone = watcher.message().json()
        assert gone["eventType"] == "disconnected" and gone["clientInitiatedDisconnect"] is True
        assert gone["disconnectReason"] == "CLIENT_INITIATED_DISCONNECT"
        assert (gone["sessionIdentifier"], gone["versionNumber"]) == (connected["sessionIdentifier"], connected["versionNumber"])
        numbers.append(gone["versionNumber"])
    assert numbers == [0, 1]


def reason_of(world, name, end, **how):
    watcher = world.watcher(PRESENCE + "disconnected/" + name)
    client = world.client(name, **how)
    end(client)
    event = watcher.message().json()
    assert event["clientInitiatedDisconnect"] is (event["disconnectReason"] == "CLIENT_INITIATED_DISCONNECT")
    return event["disconnectReason"]


@case("the reason of a disconnect is told: lost, bad packet, keep-alive, refused action, taken over, by API")
def disconnect_reasons(world):
    assert reason_of(world, "lost", lambda c: c.abort()) == "CONNECTION_LOST"
    assert reason_of(world, "bad", lambda c: c.send(b"\x33\x05\x00\x01a\x00\x00")) == "CLIENT_ERROR"
    assert reason_of(world, "big", lambda c: c.start_publish("x", b"y" * 131073)) == "CLIENT_ERROR"
    assert reason_of(world, "denied", lambda c: c.start_publish("$aws/nothing", b"")) == "AUTH_ERROR"
    for version, code in ((4, None), (5, 0x8D)):
        def falls_silent(client, code=code):
            assert client.wait_closed() == code
        assert reason_of(world, "keepalive", falls_silent, keep_alive=1, version=version) == "MQTT_KEEP_ALIVE_TIMEOUT"
    assert reason_of(world, "taken", lambda c: world.client("taken")) == "DUPLICATE_CLIENTID"
    assert reason_of(world, "api", lambda c: world.mock.http("DELETE", "/connections/api")) == "API_INITIATED_DISCONNECT"


@case("a client id used twice: the old connection is closed (142 on 5), its will is sent, log and event have their own spelling")
def duplicate_client_id(world):
    watcher = world.watcher("taken-will", PRESENCE + "disconnected/twice")
    for version in (4, 5):
        old = world.client("twice", version=version, will=("taken-will", b"displaced", 1, False))
        new = world.client("twice", version=version)
        assert new.accepted
        assert old.wait_closed() == (142 if version == 5 else None)
        assert watcher.message(topic="taken-will").payload == b"displaced"
        assert watcher.message(topic=PRESENCE + "disconnected/twice").json()["disconnectReason"] == "DUPLICATE_CLIENTID"
        assert new.ping()
        entry = [e for e in world.entries("twice", "Disconnect") if e.get("reason") == "DUPLICATE_CLIENT_ID"][-1]
        assert entry["details"] == "A new connection was established with the same client ID"
        assert entry["logLevel"] == "ERROR" and entry["status"] == "Failure"
        new.disconnect()
        watcher.message(topic=PRESENCE + "disconnected/twice")


@case("a will comes for a lost connection and not after DISCONNECT")
def wills(world):
    watcher = world.watcher("wills/+")
    world.client("polite", will=("wills/polite", b"x", 1, False)).disconnect()
    world.client("lost-will", will=("wills/lost", b"x", 1, False)).abort()
    assert watcher.message().topic == "wills/lost"
    assert watcher.ping() and watcher.messages == []


@case("DeleteConnection sends the will unless it is told to prevent it")
def wills_of_deleted_connections(world):
    watcher = world.watcher("api-wills/+")
    for query in ("?preventWillMessage=true", ""):
        client = world.client("by-api", will=("api-wills/by-api", (query or "sent").encode(), 1, False))
        assert world.mock.http("DELETE", "/connections/by-api" + query)[0] == 200
        client.wait_closed()
    assert watcher.message().payload == b"sent"
    assert watcher.ping() and watcher.messages == []


@case("subscriptions and their end are told with their filters")
def subscription_events(world):
    watcher = world.watcher(SUBSCRIPTIONS + "subscribed/s1", SUBSCRIPTIONS + "unsubscribed/s1")
    client = world.client("s1")
    client.subscribe("a/b", "c/#")
    event = watcher.message().json()
    assert event["eventType"] == "subscribed" and sorted(event["topics"]) == ["a/b", "c/#"]
    client.unsubscribe("a/b")
    event = watcher.message().json()
    assert event["eventType"] == "unsubscribed" and event["topics"] == ["a/b"]


@case("a refused CONNECT is told as connect_failed")
def connect_failed(world):
    watcher = world.watcher(PRESENCE + "connect_failed/#")
    assert world.mock.http("POST", "/policies/nothing", {"policyDocument": EVERYTHING.replace("iot:*", "iot:Publish")})[0] == 200
    status, made, _ = world.mock.http("POST", "/keys-and-certificate?setAsActive=true")
    assert status == 200
    with tempfile.TemporaryDirectory() as out:
        identity = save(out, {"certificatePem": made["certificatePem"], "privateKey": made["keyPair"]["PrivateKey"]})
        assert Client(world.mock, identity, "refused").connack is None
    event = watcher.message()
    assert event.topic == PRESENCE + "connect_failed/refused"
    assert event.json()["connectFailureReason"] == "AUTHORIZATION_FAILED"
    entry = world.entries("refused", "Connect")[-1]
    assert entry["status"] == "Failure" and entry["reason"] == "AUTHORIZATION_FAILURE" and entry["details"]


@case("a client id with a wildcard has no life-cycle events and a certificate without the right sees none")
def silent_events(world):
    watcher = world.watcher(PRESENCE + "#")
    world.client("a+b").disconnect()
    world.client("plain").disconnect()
    assert watcher.message().topic == PRESENCE + "connected/plain"
    claim = Client(world.mock, claim_identity(world.mock), "claim", version=5)
    assert claim.subscribe(PRESENCE + "#") == [0x87]


@case("the log has AWS's members for each kind of entry")
def log_shape(world):
    client = world.client("logged")
    client.subscribe("log/x")
    client.publish("log/x", b"1", retain=True)
    client.message()
    client.publish("log/x", b"", retain=True)
    client.unsubscribe("log/x")
    client.disconnect()
    world.watcher("flush")
    entries = world.entries("logged")
    kinds = [e["eventType"] for e in entries]
    for kind in ("Connect", "Subscribe", "Publish-In", "Publish-Out", "Unsubscribe", "Disconnect"):
        assert kind in kinds, (kind, kinds)
    for entry in entries:
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}", entry["timestamp"])
        assert re.fullmatch("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", entry["traceId"])
        assert entry["accountId"] == "123456789012" and entry["logLevel"] == "INFO" and entry["status"] == "Success"
        assert entry["protocol"] == "MQTT" and entry["principalId"] == world.id and entry["sourceIp"] == "127.0.0.1"
        assert isinstance(entry["sourcePort"], int) and entry["sourcePort"] > 0
    published = [e for e in entries if e["eventType"] == "Publish-In"][0]
    assert published["topicName"] == "log/x" and published["retain"] == "True"
    assert entries[kinds.index("Disconnect")]["disconnectReason"] == "CLIENT_INITIATED_DISCONNECT"


@case("provisioning leaves GetDeviceCredentials and ProvisionDevice entries")
def provisioning_entries(world):
    with tempfile.TemporaryDirectory() as out:
        _, _, certificate_id = provision_device(world.mock, out, "entries")
    mine = [e for e in world.log() if e.get("deviceCertificateId") == certificate_id]
    assert [e["eventType"] for e in mine] == ["GetDeviceCredentials", "ProvisionDevice"]
    assert mine[1]["provisioningTemplateName"] == "fleet-basic" and mine[1]["status"] == "Success"


@case("a persistent session keeps its subscriptions and its messages over a reconnect")
def persistent_session(world):
    first = world.client("kept", clean=False)
    assert first.subscribe("kept/#") == [1]
    first.disconnect()
    assert world.client("sender").publish("kept/1", b"waiting") == 0
    again = world.client("kept", clean=False)
    assert again.session_present
    assert again.message().payload == b"waiting"
    again.disconnect()
    clean = world.client("kept")
    assert not clean.session_present


@case("a message for a client that is offline is Queued in the log, and Publish-Out once it is sent; DeleteConnection has an entry")
def queued_entries(world):
    offline = world.client("offline", clean=False)
    assert offline.subscribe("offline/#") == [1]
    assert world.mock.http("DELETE", "/connections/offline")[0] == 200
    offline.wait_closed()
    assert world.mock.http("DELETE", "/connections/offline")[0] == 404
    sender = world.client("offline-sender")
    assert sender.publish("offline/1", b"waiting") == 0
    sender.start_publish("offline/0", b"not kept", qos=0)
    assert sender.ping()
    waits = world.entries("offline")[-1]
    assert (waits["eventType"], waits["topicName"], waits["qos"]) == ("Queued", "offline/1", 1), waits
    assert waits["status"] == "Success" and waits["principalId"] == world.id and waits["details"] and "sourceIp" not in waits
    again = world.client("offline", clean=False)
    assert again.message().topic == "offline/1" and again.ping() and again.messages == []
    told = [(e["eventType"], e["status"]) for e in world.entries("offline")]
    assert told == [("Connect", "Success"), ("Subscribe", "Success"), ("DeleteConnection", "Success"), ("Disconnect", "Success"),
                    ("DeleteConnection", "Failure"), ("Queued", "Success"), ("Connect", "Success"), ("Publish-Out", "Success")], told
    again.disconnect()
    world.client("offline").disconnect()


@case("a reload of the broker's configuration (SIGHUP) leaves sessions up, stored ones too")
def reload(world):
    stored = world.client("reload-stored", clean=False)
    assert stored.subscribe("reload/x") == [1]
    stored.disconnect()
    clients = [world.client("reload-%d" % version, version=version) for version in (4, 5)]
    found = subprocess.run(["ps", "-o", "pid=,comm=", "--ppid", str(world.mock.ready["pid"])], capture_output=True, text=True, check=True)
    broker = [int(line.split()[0]) for line in found.stdout.splitlines() if "mosquitto" in line][0]
    os.kill(broker, signal.SIGHUP)
    for client in clients:
        for _ in range(3):
            assert client.ping()
    assert clients[0].publish("reload/x", b"1") == 0
    again = world.client("reload-stored", clean=False)
    assert again.session_present and again.message().payload == b"1"


@case("messages of 3.1.1 and 5 clients reach each other with their properties")
def across_versions(world):
    v5, v3 = world.client("cross-5", version=5), world.client("cross-3")
    assert v5.subscribe("cross") == [1] and v3.subscribe("cross") == [1]
    assert v5.publish("cross", b"five", properties=b"\x03\x00\x04text") == 0
    assert v3.message().payload == b"five" and v5.message().payload == b"five"


@case("shared subscriptions deliver each message once")
def shared_subscription(world):
    members = [world.client("share-%d" % n) for n in range(2)]
    for member in members:
        assert member.subscribe("$share/group/work/+") == [1]
    sender = world.client("share-sender")
    for n in range(6):
        assert sender.publish("work/%d" % n, b"x") == 0
    assert all(member.ping() for member in members)
    assert sorted(m.topic for member in members for m in member.messages) == ["work/%d" % n for n in range(6)]


@case("of a group that shares a subscription to life-cycle events, one client gets each event")
def shared_events(world):
    members = [world.client("group-%d" % n) for n in range(2)]
    for member in members:
        assert member.subscribe("$share/backend/" + PRESENCE + "#") == [1]
        member.ping()
        member.messages.clear()
    for n in range(4):
        world.client("shared-%d" % n).disconnect()
    world.watcher("flush-shared")
    assert all(member.ping() for member in members)
    got = [m.topic for member in members for m in member.messages if "/shared-" in m.topic]
    assert sorted(got) == sorted(PRESENCE + "%s/shared-%d" % (what, n) for what in ("connected", "disconnected") for n in range(4)), got
    assert all(member.messages for member in members), "one client got everything"


@case("after SIGKILL and a restart in the same folder the device still connects and the claim still provisions")
def survives_kill(_world):
    with tempfile.TemporaryDirectory() as out:
        directory = out + "/mock"
        with Mock(directory=directory) as first:
            identity, name, _ = provision_device(first, out, "kill")
            first.process.kill()
            first.process.wait()
        with Mock(directory=directory) as second:
            assert Client(second, identity, name).accepted
            assert second.claim["certificate_id"] == first.claim["certificate_id"]
            client = Client(second, claim_identity(second), "again")
            assert create(client)["privateKey"]


@case("a restart right after SIGKILL, on the same ports, has all that the broker acknowledged while it still ran")
def restart_at_once(_world):
    with tempfile.TemporaryDirectory() as out:
        directory = out + "/mock"
        mock = Mock(directory=directory)
        for life in range(4):
            acknowledged = []

            def write(place=mock.url[len("http://"):], into=acknowledged, life=life):
                connection = http.client.HTTPConnection(place)
                try:
                    while True:
                        name = "at-once-%d-%d" % (life, len(into))
                        connection.request("POST", "/things/" + name, body="{}")
                        answer = connection.getresponse()
                        answer.read()
                        if answer.status == 200:
                            into.append(name)
                except (OSError, http.client.HTTPException):
                    pass

            writer = threading.Thread(target=write)
            writer.start()
            while len(acknowledged) < 10:
                assert writer.is_alive()
            mock.process.kill()
            mock.process.wait()
            mock = Mock(directory=directory, port=mock.port, http_port=int(mock.url.rsplit(":", 1)[1]))
            writer.join()
            lost = [name for name in acknowledged if mock.http("GET", "/things/" + name)[0] != 200]
            assert not lost, (life, len(acknowledged), lost)
        second = subprocess.run([FLEETPROV, "mock", "--dir", directory, "--port", "0", "--http-port", "0"], capture_output=True, text=True, timeout=2)
        assert second.returncode == 3 and "another mock uses" in second.stderr, second
        mock.stop()


@case("a broker that outlives its killed launcher keeps the folder; a hook that it left behind does not")
def folder_of_an_orphan(_world):
    with tempfile.TemporaryDirectory() as out:
        directory = out + "/mock"
        Mock(directory=directory).stop()
        # In the place of such a broker: one that is stopped may be continued by the kernel when its launcher goes.
        with open(directory + "/.broker.lock", "r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            late = subprocess.run([FLEETPROV, "mock", "--dir", directory, "--port", "0", "--http-port", "0"], capture_output=True, text=True, timeout=20)
        assert late.returncode == 3 and "of a mock that was killed still uses" in late.stderr, late
        hook = Mock("--lambda", "hang=exec sleep 30", "--hook", "fleet-basic=hang", directory=directory)
        client = Client(hook, claim_identity(hook), "hangs")
        token = create(client)["certificateOwnershipToken"]
        client.start_publish(provision_topic("fleet-basic"), json.dumps({"certificateOwnershipToken": token, "parameters": {"SerialNumber": "1"}}).encode())
        broker, left, deadline = hook.broker_pid(), [], time.monotonic() + 4
        while not left:
            assert time.monotonic() < deadline, "the hook did not start"
            left = [int(pid) for pid in subprocess.run(["ps", "-o", "pid=", "--ppid", str(broker)], capture_output=True, text=True, check=False).stdout.split()]
        hook.process.kill()
        os.kill(broker, signal.SIGKILL)
        hook.process.wait()
        try:
            with Mock(directory=directory):
                assert os.path.exists("/proc/%d" % left[0])
        finally:
            os.kill(left[0], signal.SIGKILL)


@case("with few descriptors the broker keeps the folder's lock all the same")
def few_descriptors(_world):
    with tempfile.TemporaryDirectory() as out:
        process = subprocess.Popen(["sh", "-c", 'ulimit -n 64; exec "$@"', "sh", FLEETPROV, "mock", "--dir", out + "/mock", "--port", "0", "--http-port", "0"],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            assert process.stdout.readline().startswith("ready")
            broker = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True, check=True).stdout.split()[0]
            held = [os.readlink("/proc/%s/fd/%s" % (broker, number)) for number in os.listdir("/proc/%s/fd" % broker)]
            assert [name for name in held if name.endswith("/.broker.lock")], held
        finally:
            process.terminate()
            process.wait()
            process.stdout.close()


@case("a second start finds what the API made of the defaults, and says on stderr what stays deleted")
def defaults_stay_changed(_world):
    with tempfile.TemporaryDirectory() as out:
        directory = out + "/mock"
        with Mock(directory=directory) as first:
            claim = first.claim["certificate_id"]
            arn = "arn:aws:iot:us-east-1:123456789012:cert/" + claim
            assert first.http("POST", "/target-policies/sample-claim", {"target": arn})[0] == 200
            assert first.http("PUT", "/certificates/%s?newStatus=INACTIVE" % claim)[0] == 200
            assert first.http("DELETE", "/certificates/" + claim)[0] == 200
            assert first.http("DELETE", "/provisioning-templates/fleet-basic")[0] == 200
            identity = claim_identity(first)
        with Mock(directory=directory) as second:
            assert second.claim is None and second.ready["templates"] == []
            assert second.http("GET", "/certificates")[1]["certificates"] == []
            assert "claim.pem.crt was deleted through the API" in second.stderr()
            assert not Client(second, identity, "thief").accepted


@case("in another region a device is provisioned and connects, and stderr says what keeps its ARNs")
def other_region(_world):
    with tempfile.TemporaryDirectory() as out:
        directory = out + "/mock"
        with Mock(directory=directory):
            pass
        with Mock("--region", "eu-west-1", directory=directory) as moved:
            identity, name, _ = provision_device(moved, out, "moved")
            client = Client(moved, identity, name)
            assert client.accepted and client.publish("sdk/test/moved", b"x") == 0 and client.ping()
            assert "made for region us-east-1" in moved.stderr()


def main():
    with Mock() as mock, tempfile.TemporaryDirectory() as out:
        return run(World(mock, out))


sys.exit(main())
