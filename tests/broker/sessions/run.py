#!/usr/bin/env python3
"""Sessions that outlive their connection: what is resumed, what is not, and what a reset leaves of them."""
import os
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "support"))
from cases import case, run  # noqa: E402
from mock import Mock  # noqa: E402
from mqtt import CREATE, Client, claim_identity, provision_device, save  # noqa: E402

EVERYTHING = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*"}]}'
EVENTS = "$aws/events/presence/connected/"
EXPIRY_ZERO = b"\xe0\x07\x00\x05\x11\x00\x00\x00\x00"  # DISCONNECT, normal, Session Expiry Interval 0
# Connections whose session outlives them: how the first connects, how a later one resumes it.
KEPT = {
    "3.1.1": ({"clean": False}, {"clean": False}),
    "5, Clean Start 0": ({"version": 5, "clean": False, "session_expiry": 3600}, {"version": 5, "clean": False, "session_expiry": 3600}),
    "5, Clean Start 1": ({"version": 5, "clean": True, "session_expiry": 3600}, {"version": 5, "clean": False, "session_expiry": 3600}),
}


def everything(mock, out):
    made = mock.http("POST", "/keys-and-certificate?setAsActive=true")[1]
    mock.http("POST", "/policies/everything", {"policyDocument": EVERYTHING})
    assert mock.http("PUT", "/target-policies/everything", {"target": made["certificateArn"]})[0] == 200
    return save(out, {"certificatePem": made["certificatePem"], "privateKey": made["keyPair"]["PrivateKey"]}, "all")


class World:
    """Its certificate is part of the start: a reset leaves it."""

    def __init__(self, mock, identity):
        self.mock, self.identity = mock, identity

    def client(self, client_id, **how):
        client = Client(self.mock, self.identity, client_id, **how)
        assert client.accepted, client.connack_code
        return client


def each_kept(world, name, *filters):
    """A client of each kind that has resumed its session after subscribing."""
    for number, (kind, (first, later)) in enumerate(KEPT.items()):
        print("      " + kind)
        client = world.client("%s-%d" % (name, number), **first)
        assert client.subscribe(*filters) == [1] * len(filters)
        client.disconnect()
        client = world.client(client.client_id, **later)
        assert client.session_present
        yield client


@case("a resumed session gets its answers at the QoS that was granted, also under --strict require-subscription")
def answers(world):
    for client in each_kept(world, "answers", CREATE + "/accepted"):
        client.start_publish(CREATE, b"{}")
        answer = client.message(topic=CREATE + "/accepted")
        assert answer.qos == 1 and answer.json()["certificateId"]
    assert "did not subscribe" not in world.mock.stderr()


@case("a resumed session's a/# does not deliver a, which AWS's wildcard does not match")
def parent_level(world):
    sender = world.client("parent-sender")
    for client in each_kept(world, "parent", "a/#"):
        assert sender.publish("a", b"no") == 0 and sender.publish("a/b", b"yes") == 0
        assert client.message().topic == "a/b" and client.ping() and client.messages == []
        client.disconnect()
        assert sender.publish("a", b"no") == 0 and sender.publish("a/b", b"queued") == 0
        client = world.client(client.client_id, version=client.version, clean=False)
        assert client.message().payload == b"queued" and client.ping() and client.messages == []


@case("a resumed session's subscriptions count towards the 50")
def limit(world):
    for client in each_kept(world, "limit", *["limit/%d" % n for n in range(50)]):
        assert client.subscribe("limit/50")[0] >= 0x80
        assert client.subscribe("limit/0") == [1]
        assert client.unsubscribe("limit/0") and client.subscribe("limit/50") == [1]


@case("a resumed session's shared subscription to life-cycle events gets them at the QoS that was granted")
def shared_events(world):
    for client in each_kept(world, "group", "$share/backend/" + EVENTS + "+"):
        seen = world.client("seen-by-" + client.client_id)
        assert client.message(topic=EVENTS + seen.client_id).qos == 1
        assert client.unsubscribe("$share/backend/" + EVENTS + "+")


@case("where the broker kept nothing, nothing is resumed: clean sessions of 3.1.1, no expiry, an expiry taken back by DISCONNECT")
def not_kept(world):
    ways = [({}, None), ({"version": 5}, None), ({"version": 5, "clean": False}, None),
            ({"version": 5, "session_expiry": 3600}, EXPIRY_ZERO), ({"version": 5, "clean": False, "session_expiry": 3600}, EXPIRY_ZERO)]
    sender = world.client("unkept-sender")
    for number, (how, farewell) in enumerate(ways):
        name = "unkept-%d" % number
        client = world.client(name, **how)
        shared = "$share/unkept-%d/%s+" % (number, EVENTS)
        assert client.subscribe(CREATE + "/accepted", "gone/#", shared) == [1, 1, 1]
        if farewell:
            client.send(farewell)
            client.wait_closed()
        else:
            client.disconnect()
        client = world.client(name, version=client.version, clean=False, **({"session_expiry": 60} if client.version == 5 else {}))
        assert not client.session_present
        world.client("after-" + name)
        assert sender.publish("gone/x", b"x") == 0 and client.ping() and client.messages == []
        client.start_publish(CREATE, b"{}")
        assert client.subscribe(*["new/%d-%d" % (number, n) for n in range(50)]) == [1] * 50, "the old ones do not count"
        until = time.monotonic() + 60
        while 'client "%s" did not subscribe to %s/accepted' % (name, CREATE) not in world.mock.stderr():
            assert time.monotonic() < until, world.mock.stderr()
            assert client.ping()
    assert "did not subscribe to " + EVENTS not in world.mock.stderr()


@case("a clean start ends the session that was kept, and what comes after it is its own")
def clean_start(world):
    for number, (first, later) in enumerate(KEPT.values()):
        client = world.client("fresh-%d" % number, **first)
        assert client.subscribe("fresh/old") == [1]
        client.disconnect()
        client = world.client(client.client_id, **dict(first, clean=True))
        assert not client.session_present and client.subscribe("fresh/new") == [1]
        client.disconnect()
        client = world.client(client.client_id, **later)
        assert client.session_present == (number > 0)
        sender = world.client("fresh-sender")
        assert sender.publish("fresh/old", b"old") == 0 and sender.publish("fresh/new", b"new") == 0
        assert client.ping()
        assert [m.payload for m in client.messages] == ([b"new"] if number > 0 else [])


@case("after a reset a stored session delivers nothing of before, has no subscriptions, and takes new ones")
def reset(world):
    for number, (kind, (first, later)) in enumerate(KEPT.items()):
        print("      " + kind)
        with tempfile.TemporaryDirectory() as out:
            identity, name, _ = provision_device(world.mock, out, "iso")
            device = Client(world.mock, identity, name, **first)
            assert device.subscribe("sdk/test/cpp") == [1]
            device.disconnect()
            sender = Client(world.mock, world.identity, "reset-sender")
            assert sender.publish("sdk/test/cpp", b"stale") == 0
            assert world.mock.http("POST", "/_mock/reset")[0] == 200
            identity, again, _ = provision_device(world.mock, out, "iso")
            assert again == name
            sender = Client(world.mock, world.identity, "reset-sender")
            assert sender.publish("sdk/test/cpp", b"between") == 0
            device = Client(world.mock, identity, name, **later)
            assert device.accepted and device.session_present, "docs/fidelity.md: Mosquitto says so, the plugin cannot change it"
            assert sender.publish("sdk/test/cpp", b"before SUBSCRIBE") == 0
            assert device.ping() and device.messages == [], device.messages
            assert device.subscribe("sdk/test/cpp") == [1]
            assert sender.publish("sdk/test/cpp", b"fresh") == 0
            assert device.message().payload == b"fresh" and device.ping() and device.messages == []
            device.disconnect()
            assert sender.publish("sdk/test/cpp", b"queued again") == 0
            device = Client(world.mock, identity, name, **later)
            assert device.session_present and device.message().payload == b"queued again"
            device.disconnect()


@case("a reset ends a live session whose certificate is gone and what it would have kept; a session that stays keeps its own")
def reset_live(world):
    for number, (first, later) in enumerate(KEPT.values()):
        with tempfile.TemporaryDirectory() as out:
            claimed = "stays-%d" % number
            stays = Client(world.mock, claim_identity(world.mock), claimed, **first)
            assert stays.subscribe(CREATE + "/accepted") == [1]
            identity, name, _ = provision_device(world.mock, out, "live")
            device = Client(world.mock, identity, name, **first)
            assert device.subscribe("sdk/test/cpp") == [1]
            assert world.mock.http("POST", "/_mock/reset")[0] == 200
            device.wait_closed()
            sender = Client(world.mock, world.identity, "live-sender")
            assert sender.publish("sdk/test/cpp", b"stale") == 0
            identity, name, _ = provision_device(world.mock, out, "live")
            device = Client(world.mock, identity, name, **later)
            assert sender.publish("sdk/test/cpp", b"not subscribed") == 0
            assert device.ping() and device.messages == [], device.messages
            assert stays.ping()
            stays.disconnect()
            stays = Client(world.mock, claim_identity(world.mock), claimed, **later)
            stays.start_publish(CREATE, b"{}")
            assert stays.message(topic=CREATE + "/accepted").qos == 1


@case("a stored session that a reset ended takes no messages away from a shared subscription")
def reset_shared(world):
    for number, (first, _) in enumerate(KEPT.values()):
        gone = world.client("share-gone-%d" % number, **first)
        assert gone.subscribe("$share/reset/work/+") == [1]
        gone.disconnect()
    assert world.mock.http("POST", "/_mock/reset")[0] == 200
    member, sender = world.client("share-member"), world.client("share-sender")
    assert member.subscribe("$share/reset/work/+") == [1]
    for n in range(8):
        assert sender.publish("work/%d" % n, b"x") == 0
    assert member.ping() and [m.topic for m in member.messages] == ["work/%d" % n for n in range(8)]


@case("the delayed will of a stored session does not outlive a reset")
def reset_will(world):
    def with_will(name):
        client = Client(world.mock, world.identity, name, version=5, session_expiry=3600, connect=False)
        head = b"\x00\x04MQTT\x05\x06\x00\x3c\x05\x11\x00\x00\x0e\x10"  # clean start, a will, keep alive 60, expiry 3600
        will = b"\x05\x18\x00\x00\x00\x02" + b"\x00\x0bwills/reset" + b"\x00\x04late"  # delay 2 s
        body = head + len(name).to_bytes(2, "big") + name.encode() + will
        client.send(bytes([0x10, len(body)]) + body)
        assert client.wait(2).body[1] == 0
        client.abort()
        return client

    with_will("will-before")
    end = time.monotonic() + 20
    while not any(e["eventType"] == "Disconnect" for e in world.mock.events() if e.get("clientId") == "will-before"):
        assert time.monotonic() < end, "the abort was not noticed"
        time.sleep(0.01)
    assert world.mock.http("POST", "/_mock/reset")[0] == 200
    watcher = world.client("will-watcher")
    assert watcher.subscribe("wills/+") == [1]
    with_will("will-after")
    assert watcher.message().payload == b"late" and watcher.ping()
    assert watcher.messages == [] and world.mock.http("GET", "/_mock/denials")[1]["denials"] == []


@case("version numbers of clients that are offline start again with a reset")
def reset_versions(world):
    numbers = []
    for _ in range(2):
        watcher = world.client("version-watcher")
        assert watcher.subscribe(EVENTS + "counted") == [1]
        for _ in range(2):
            client = world.client("counted", version=5, clean=False, session_expiry=3600)
            numbers.append(watcher.message().json()["versionNumber"])
            client.disconnect()
        watcher.disconnect()
        assert world.mock.http("POST", "/_mock/reset")[0] == 200
    assert numbers == [0, 1, 0, 1], numbers


def main():
    with tempfile.TemporaryDirectory() as out:
        directory = out + "/mock"
        with Mock(directory=directory) as earlier:
            identity = everything(earlier, out)
        with Mock("--strict", "require-subscription", directory=directory) as mock:
            return run(World(mock, identity))


sys.exit(main())
