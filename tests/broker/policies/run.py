#!/usr/bin/env python3
"""What policies allow, on a live broker: refusals as AWS shows them on 3.1.1 and 5, changes that act at once, the
topics and limits that no policy lifts."""
import json
import os
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "support"))
from cases import case, run  # noqa: E402
from mock import Mock  # noqa: E402
from mqtt import CREATE, Client, claim_identity, create, provision_topic, save  # noqa: E402

ARN = "arn:aws:iot:us-east-1:123456789012:"
REFUSED = 0x87


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": [dict(zip(("Effect", "Action", "Resource"), s)) for s in statements]})


EVERYTHING = policy(("Allow", "iot:*", "*"))


class Device:
    """A certificate of its own with a policy of its own, made over HTTP."""

    count = 0

    def __init__(self, mock, out, document, thing=None):
        Device.count += 1
        self.mock, self.policy = mock, "p%d" % Device.count
        status, made, _ = mock.http("POST", "/keys-and-certificate?setAsActive=true")
        assert status == 200, made
        self.id, self.arn = made["certificateId"], made["certificateArn"]
        created = {"certificatePem": made["certificatePem"], "privateKey": made["keyPair"]["PrivateKey"]}
        self.identity = save(out, created, "d%d" % Device.count)
        self.put("POST", "/policies/" + self.policy, {"policyDocument": document})
        self.put("PUT", "/target-policies/" + self.policy, {"target": self.arn})
        if thing:
            self.put("POST", "/things/" + thing, {})
            self.put("PUT", "/things/%s/principals" % thing, None, {"x-amzn-principal": self.arn})

    def put(self, method, path, body, headers=None):
        status, answer, _ = self.mock.http(method, path, body, headers)
        assert status == 200, (method, path, status, answer)

    def change_policy(self, document):
        self.put("POST", "/policies/%s/version?setAsDefault=true" % self.policy, {"policyDocument": document})

    def client(self, client_id, **how):
        return Client(self.mock, self.identity, client_id, **how)


def last_denial(mock):
    return mock.http("GET", "/_mock/denials")[1]["denials"][-1]


@case("a refused CONNECT is a plain close on 3.1.1 and CONNACK 0x87 on 5")
def refused_connect(mock, out):
    device = Device(mock, out, policy(("Allow", "iot:Connect", ARN + "client/only-this")))
    assert device.client("another").connack is None
    assert device.client("another", version=5).connack_code == REFUSED
    assert device.client("only-this").accepted
    denied = last_denial(mock)
    assert denied["action"] == "iot:Connect" and denied["resource"] == ARN + "client/another"
    assert denied["clientId"] == "another" and denied["principalId"] == device.id
    assert denied["decision"] == "IMPLICIT_DENY" and denied["nearest"]["statement"] == "/Statement/0"
    assert denied["nearest"]["policy"] == device.policy


@case("a refused PUBLISH closes 3.1.1; 5 gets PUBACK 0x87 or silence and stays")
def refused_publish(mock, out):
    device = Device(mock, out, policy(("Allow", "iot:Connect", "*"), ("Allow", "iot:Publish", ARN + "topic/mine/*")))
    for qos in (0, 1):
        client = device.client("p311-%d" % qos)
        assert client.publish("mine/x", b"1", qos=qos) == 0
        assert client.publish("yours", b"1", qos=qos) is None
    client = device.client("p5", version=5)
    assert client.publish("yours", b"1", qos=1) == REFUSED
    assert client.publish("yours", b"1", qos=0) == 0
    assert client.publish("mine/x", b"1") in (0, 0x10)
    denied = last_denial(mock)
    assert denied["action"] == "iot:Publish" and denied["resource"] == ARN + "topic/yours"
    mock.http("GET", "/_mock/events")  # comes behind what is still to be written
    assert 'denied iot:Publish of client "p5" on %stopic/yours' % ARN in mock.stderr()


@case("a refused SUBSCRIBE closes 3.1.1; 5 gets 0x87 for the refused filter only")
def refused_subscribe(mock, out):
    device = Device(mock, out, policy(("Allow", "iot:Connect", "*"), ("Allow", "iot:Subscribe", ARN + "topicfilter/mine/*")))
    assert device.client("s311").subscribe("yours") is None
    client = device.client("s5", version=5)
    assert client.subscribe("mine/a", "yours", "mine/b") == [1, REFUSED, 1]
    assert client.ping()
    denied = last_denial(mock)
    assert denied["action"] == "iot:Subscribe" and denied["resource"] == ARN + "topicfilter/yours"


@case("a topic/ resource does not allow SUBSCRIBE, and the explanation names what would")
def topic_is_not_topicfilter(mock, out):
    device = Device(mock, out, policy(("Allow", "iot:Connect", "*"), ("Allow", "iot:Subscribe", ARN + "topic/mine/*")))
    assert device.client("wrong", version=5).subscribe("mine/a") == [REFUSED]
    denied = last_denial(mock)
    assert denied["nearest"]["statement"] == "/Statement/1" and denied["nearest"]["result"] == "resource"
    assert "topicfilter" in denied["reason"]


@case("without iot:Receive a message is not delivered and the connection stays")
def refused_receive(mock, out):
    device = Device(mock, out, policy(("Allow", ["iot:Connect", "iot:Publish", "iot:Subscribe"], "*"),
                                      ("Allow", "iot:Receive", ARN + "topic/heard")))
    client = device.client("deaf")
    assert client.subscribe("heard", "unheard") == [1, 1]
    assert client.publish("unheard", b"1") == 0
    assert client.publish("heard", b"2") == 0
    assert client.message().payload == b"2"
    assert client.ping() and client.messages == []


@case("a retained publish needs iot:RetainPublish as well")
def retain_publish(mock, out):
    device = Device(mock, out, policy(("Allow", ["iot:Connect", "iot:Publish"], "*")))
    client = device.client("retain", version=5)
    assert client.publish("r/1", b"x", retain=True) == REFUSED
    assert last_denial(mock)["action"] == "iot:RetainPublish"
    device.change_policy(EVERYTHING)
    assert client.publish("r/1", b"x", retain=True) in (0, 0x10)


@case("a retained message reaches an exact filter and never a wildcard")
def retained_and_wildcards(mock, out):
    device = Device(mock, out, EVERYTHING)
    client = device.client("retained")
    assert client.publish("keep/me", b"kept", retain=True) == 0
    assert client.subscribe("keep/+", "keep/#") == [1, 1]
    assert client.ping() and client.messages == []
    assert client.subscribe("keep/me") == [1]
    kept = client.message()
    assert kept.payload == b"kept" and kept.retain
    assert mock.http("GET", "/retainedMessage/keep%2Fme")[1]["payload"] == "a2VwdA=="
    assert client.publish("keep/me", b"", retain=True) == 0
    assert mock.http("GET", "/retainedMessage/keep%2Fme")[0] == 404


@case("a shared subscription receives no retained message, with or without a wildcard, and live ones as ever")
def retained_and_shared(mock, out):
    device = Device(mock, out, EVERYTHING)
    assert device.client("keeper").publish("keep/shared", b"kept", retain=True) in (0, 0x10)
    for version in (4, 5):
        client = device.client("sharing", version=version)
        assert client.subscribe("$share/g/keep/shared", "$share/h/keep/+") == [1, 1]
        assert client.ping() and client.messages == []
        assert device.client("keeper").publish("keep/shared", b"live", retain=True) == 0
        assert client.message().payload == b"live"
        client.disconnect()
    exact = device.client("exact")
    assert exact.subscribe("keep/shared") == [1]
    assert exact.message().payload == b"live"


@case("a live message with the retain flag does reach a wildcard")
def live_retained(mock, out):
    device = Device(mock, out, EVERYTHING)
    client = device.client("live-retained")
    assert client.subscribe("live/+") == [1]
    assert client.publish("live/x", b"now", retain=True) == 0
    assert client.message().payload == b"now"


@case("a/# does not match a")
def parent_level(mock, out):
    device = Device(mock, out, EVERYTHING)
    client = device.client("parent")
    assert client.subscribe("sport/#") == [1]
    assert client.publish("sport", b"parent") == 0
    assert client.publish("sport/x", b"child") == 0
    assert client.message().payload == b"child"
    assert client.ping() and client.messages == []
    assert client.subscribe("sport") == [1]
    assert client.publish("sport", b"parent") == 0
    assert client.message().payload == b"parent"


@case("reserved topics that no API defines are refused under iot:* on any resource")
def reserved_topics(mock, out):
    device = Device(mock, out, EVERYTHING)
    client = device.client("reserved", version=5)
    for topic in ("$aws/nothing", "$aws/certificates/create", "$SYS/broker/uptime", "$CONTROL/dynamic-security/v1", "$mine/x",
                  CREATE + "/accepted", CREATE + "/rejected", "$aws/events/presence/connected/x",
                  "$aws/things/t/shadow/update/accepted"):
        assert client.publish(topic, b"{}") == REFUSED, topic
    for filter_ in ("$SYS/#", "$CONTROL/#", "$aws/nothing/#", "$mine/x"):
        assert client.subscribe(filter_) == [REFUSED], filter_
    assert client.subscribe("$aws/events/presence/#", "$aws/things/t/shadow/update/accepted") == [1, 1]
    assert client.publish("$aws/things/t/shadow/update", b"{}") in (0, 0x10)
    assert client.publish("$aws/things/t/shadow/update", b"{}", retain=True) == REFUSED
    assert client.ping() and [m for m in client.messages if "shadow" in m.topic] == []
    v3 = device.client("reserved-311")
    assert v3.publish("$aws/nothing", b"") is None
    # docs/fidelity.md: Mosquitto refuses $SYS before the plugin is asked; the connection stays.
    v3 = device.client("reserved-311")
    assert v3.publish("$SYS/x", b"") == 0


@case("a payload of 131072 bytes passes, one byte more closes: 0x95 on 5")
def payload_limit(mock, out):
    device = Device(mock, out, EVERYTHING)
    for version in (4, 5):
        client = device.client("big-%d" % version, version=version)
        assert client.publish("big", b"x" * 131072) in (0, 0x10)
        assert client.publish("big", b"x" * 131073) is None
        assert client.disconnect_code == (0x95 if version == 5 else None)


@case("a topic of 256 bytes and 7 slashes passes, more closes: 0x90 on 5")
def topic_limit(mock, out):
    device = Device(mock, out, EVERYTHING)
    client = device.client("topics", version=5)
    assert client.publish("t" * 256, b"") in (0, 0x10)
    assert client.publish("a/b/c/d/e/f/g/h", b"") in (0, 0x10)
    assert client.publish("a/b/c/d/e/f/g/h/i", b"") is None
    assert client.disconnect_code == 0x90
    assert device.client("topics-311").publish("t" * 257, b"") is None


@case("QoS 2 is refused: SUBACK grants 1, a PUBLISH ends the connection")
def no_qos_2(mock, out):
    device = Device(mock, out, EVERYTHING)
    client = device.client("qos2")
    assert client.subscribe("q", qos=2) == [1]
    assert client.publish("q", b"", qos=2) is None
    client = device.client("qos2-5", version=5)
    assert client.publish("q", b"", qos=2) is None and client.disconnect_code == 0x9B


@case("client ids that AWS IoT refuses cannot connect; MQTT 3.1 cannot either")
def client_ids(mock, out):
    device = Device(mock, out, EVERYTHING)
    assert device.client("i" * 128).accepted
    assert device.client("i" * 129).connack is None
    assert device.client("$reserved", version=5).connack_code == REFUSED
    assert device.client("with/slash+and#").accepted
    assert device.client("old", version=3, protocol="MQIsdp").connack is None


def told(mock, client_id, words):
    """The denial and the stderr line about `client_id` that hold `words`; the log's Failure or Disconnect entry too."""
    entries = [e for e in mock.events() if e.get("clientId") == client_id and words in e.get("details", "")]
    denials = [d for d in mock.http("GET", "/_mock/denials")[1]["denials"] if d["clientId"] == client_id and words in d["reason"]]
    lines = [line for line in mock.stderr().splitlines() if json.dumps(client_id) in line and words in line]
    return entries, denials, lines


@case("what the mock refuses or ends for another reason than a policy is told as well: stderr, log, denials")
def every_end_is_told(mock, out):
    device = Device(mock, out, EVERYTHING)
    long_id = "told" * 33
    device.client(long_id)
    device.client("$told")
    device.client("told-old", version=3, protocol="MQIsdp")
    device.client("told-big").publish("big", b"x" * 131073)
    device.client("told-deep", version=5).publish("a/b/c/d/e/f/g/h/i", b"")
    for client_id, words in ((long_id, "1 to 128 bytes"), ("$told", "does not begin with $"), ("told-old", "not 3.1"), ("told-big", "131073 bytes"),
                             ("told-deep", "7 slashes")):
        entries, denials, lines = told(mock, client_id, words)
        assert entries and entries[-1]["status"] == "Failure" and entries[-1]["reason"] == "CLIENT_ERROR", (client_id, entries)
        assert len(denials) == 1 and len(lines) == 1, (client_id, denials, lines)
    assert device.client("told-qos2").publish("q", b"", qos=2) is None
    entries, _, lines = told(mock, "told-qos2", "QoS 2")
    assert entries[-1]["eventType"] == "Disconnect" and len(lines) == 1, (entries, lines)


@case("why a live session ended is told: certificate not ACTIVE, deleted, claim or token expired")
def lost_rights_are_told(mock, out):
    device = Device(mock, out, EVERYTHING)
    client = device.client("told-inactive")
    device.put("PUT", "/certificates/%s?newStatus=INACTIVE" % device.id, None)
    client.wait_closed()
    entries, denials, lines = told(mock, "told-inactive", "the certificate is INACTIVE, not ACTIVE")
    assert entries[-1]["eventType"] == "Disconnect" and entries[-1]["disconnectReason"] == "AUTH_ERROR" and len(denials) == 1 and len(lines) == 1
    device.put("DELETE", "/certificates/%s?forceDelete=true" % device.id, None)
    assert device.client("told-deleted").connack is None
    assert all(told(mock, "told-deleted", "was deleted (DeleteCertificate)"))
    _, claim, _ = mock.http("POST", "/provisioning-templates/fleet-basic/provisioning-claim")
    identity = save(out, {"certificatePem": claim["certificatePem"], "privateKey": claim["keyPair"]["PrivateKey"]}, "told")
    live = Client(mock, identity, "told-claim", version=5)
    made = create(live)
    unclaimed = save(out, made, "told-unclaimed")
    assert mock.http("POST", "/_mock/clock", {"advance_seconds": 301})[0] == 200
    assert live.publish(CREATE, b"{}") == REFUSED
    assert all(told(mock, "told-claim", "temporary claim of template `fleet-basic` has expired (5 minutes")), told(mock, "told-claim", "")
    assert mock.http("POST", "/_mock/clock", {"advance_seconds": 3600})[0] == 200
    until = time.monotonic() + 20
    while time.monotonic() < until and mock.http("GET", "/certificates/" + made["certificateId"])[0] == 200:
        pass
    assert Client(mock, unclaimed, "told-unclaimed", version=5).connack_code == REFUSED
    assert all(told(mock, "told-unclaimed", "before its ownership token expired")), told(mock, "told-unclaimed", "")


@case("a rejected provisioning request is told on stderr, and by its error code in the log")
def rejections_are_told(mock, _out):
    client = Client(mock, claim_identity(mock), "told-rejected")
    topic = provision_topic("fleet-basic")
    assert client.subscribe(topic + "/accepted", topic + "/rejected") == [1, 1]
    client.publish(topic, json.dumps({"certificateOwnershipToken": None, "parameters": {"SerialNumber": "1"}}))
    answer = client.message().json()
    assert answer["errorCode"] == "InvalidCertificateOwnershipToken" and "cannot be empty" in answer["errorMessage"], answer
    entries, _, lines = told(mock, "told-rejected", "cannot be empty")
    assert entries[-1]["reason"] == "InvalidCertificateOwnershipToken" and "fleet-basic" in lines[-1], (entries, lines)


@case("51 subscriptions are one too many")
def subscription_limit(mock, out):
    device = Device(mock, out, EVERYTHING)
    client = device.client("many", version=5)
    for n in range(50):
        assert client.subscribe("s/%d" % n) == [1]
    assert client.subscribe("s/50") == [REFUSED]
    assert client.subscribe("s/49") == [1], "an existing filter may be renewed"
    client.unsubscribe("s/0")
    assert client.subscribe("s/50") == [1]


@case("${iot:ClientId}, thing variables and Deny decide on a live connection")
def variables(mock, out):
    device = Device(mock, out, policy(
        ("Allow", "iot:Connect", ARN + "client/${iot:Connection.Thing.ThingName}"),
        ("Allow", "iot:Publish", [ARN + "topic/${iot:ClientId}/*", ARN + "topic/all"]),
        ("Deny", "iot:Publish", ARN + "topic/*/secret")), thing="thing-1")
    assert device.client("thing-2", version=5).connack_code == REFUSED
    client = device.client("thing-1", version=5)
    assert client.accepted
    assert client.publish("thing-1/up", b"") in (0, 0x10)
    assert client.publish("thing-2/up", b"") == REFUSED
    assert client.publish("thing-1/secret", b"") == REFUSED
    assert last_denial(mock)["decision"] == "EXPLICIT_DENY" and last_denial(mock)["nearest"]["statement"] == "/Statement/2"


@case("a persistent session needs PersistentConnect where the policy lists connect attributes")
def connect_attributes(mock, out):
    document = json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "iot:Connect", "Resource": "*",
        "Condition": {"ForAllValues:StringEquals": {"iot:ConnectAttributes": []}}}]})
    device = Device(mock, out, document)
    assert device.client("clean").accepted
    assert device.client("kept", clean=False).connack is None


@case("a policy change acts on the live session at its next packet")
def live_policy_change(mock, out):
    device = Device(mock, out, EVERYTHING)
    client = device.client("live", version=5)
    assert client.subscribe("news") == [1]
    assert client.publish("news", b"1") == 0 and client.message().payload == b"1"
    device.change_policy(policy(("Allow", ["iot:Connect", "iot:Receive"], "*")))
    assert client.publish("news", b"2") == REFUSED
    assert client.subscribe("other") == [REFUSED]
    device.change_policy(policy(("Allow", ["iot:Connect", "iot:Publish"], "*")))
    assert client.publish("news", b"3") in (0, 0x10)
    assert client.ping() and client.messages == [], "without iot:Receive nothing comes"
    device.put("POST", "/target-policies/" + device.policy, {"target": device.arn})
    assert client.publish("news", b"4") == REFUSED


@case("a thing's group and its attribute act at once")
def live_registry_change(mock, out):
    device = Device(mock, out, policy(("Allow", "iot:Connect", "*"),
                                      ("Allow", "iot:Publish", ARN + "topic/${iot:Connection.Thing.Attributes[site]}/up")), thing="roamer")
    client = device.client("roamer", version=5)
    assert client.publish("north/up", b"") == REFUSED
    device.put("PATCH", "/things/roamer", {"attributePayload": {"attributes": {"site": "north"}}})
    assert client.publish("north/up", b"") in (0, 0x10)
    assert client.publish("group/up", b"") == REFUSED
    device.put("POST", "/policies/group-policy", {"policyDocument": policy(("Allow", "iot:Publish", ARN + "topic/group/up"))})
    device.put("POST", "/thing-groups/g", {})
    device.put("PUT", "/target-policies/group-policy", {"target": ARN + "thinggroup/g"})
    device.put("PUT", "/thing-groups/addThingToThingGroup", {"thingGroupName": "g", "thingName": "roamer"})
    assert client.publish("group/up", b"") in (0, 0x10)


@case("a certificate that leaves ACTIVE loses its live session and cannot come back")
def certificate_leaves_active(mock, out):
    for version in (4, 5):
        for status in ("INACTIVE", "REVOKED"):
            device = Device(mock, out, EVERYTHING)
            client = device.client("leaver", version=version)
            assert client.accepted
            device.put("PUT", "/certificates/%s?newStatus=%s" % (device.id, status), None)
            client.wait_closed()
            again = device.client("leaver", version=version)
            assert again.connack_code == (None if version == 4 else REFUSED)
            device.put("PUT", "/certificates/%s?newStatus=ACTIVE" % device.id, None)
            assert device.client("leaver", version=version).accepted


@case("a deleted certificate loses its live session")
def certificate_deleted(mock, out):
    device = Device(mock, out, EVERYTHING)
    client = device.client("deleted")
    device.put("PUT", "/certificates/%s?newStatus=INACTIVE" % device.id, None)
    client.wait_closed()
    device.put("DELETE", "/certificates/%s?forceDelete=true" % device.id, None)
    assert device.client("deleted").connack is None


@case("what DeleteCertificate refuses leaves the live session alone")
def certificate_delete_rules(mock, out):
    device = Device(mock, out, EVERYTHING, thing="kept-by-rules")
    client = device.client("kept-by-rules")

    def delete(wanted, words, force=""):
        status, body, headers = mock.http("DELETE", "/certificates/%s%s" % (device.id, force))
        assert (status, headers["x-amzn-errortype"]) == wanted and body["message"].startswith(words), (status, body)

    for force in ("", "?forceDelete=true"):
        delete((406, "CertificateStateException"), "Certificate must be deactivated (not ACTIVE) before deletion. Id: " + device.id, force)
    assert client.ping()
    device.put("PUT", "/certificates/%s?newStatus=INACTIVE" % device.id, None)
    client.wait_closed()
    delete((409, "DeleteConflictException"), "Things must be detached before deletion (arn: %s)" % device.arn, "?forceDelete=true")
    device.put("DELETE", "/things/kept-by-rules/principals", None, {"x-amzn-principal": device.arn})
    delete((409, "DeleteConflictException"), "Certificate policies must be detached before deletion (arn: %s)" % device.arn)
    device.put("PUT", "/certificates/%s?newStatus=ACTIVE" % device.id, None)
    client = device.client("kept-by-rules")
    assert client.accepted, "what was refused changed nothing"
    device.put("PUT", "/certificates/%s?newStatus=INACTIVE" % device.id, None)
    device.put("DELETE", "/certificates/%s?forceDelete=true" % device.id, None)
    client.wait_closed()


@case("each way to take a right away over HTTP acts on the live session")
def rights_taken_away(mock, out):
    device = Device(mock, out, policy(("Allow", "iot:Connect", "*"), ("Allow", "iot:Publish", ARN + "topic/own/${iot:Connection.Thing.ThingName}")),
                    thing="taken")
    client = device.client("taken", version=5)
    device.put("POST", "/policies/extra", {"policyDocument": policy(("Allow", "iot:Publish", ARN + "topic/extra"))})
    device.put("POST", "/policies/of-group", {"policyDocument": policy(("Allow", "iot:Publish", ARN + "topic/group"))})
    device.put("POST", "/thing-groups/taken", {})
    device.put("PUT", "/target-policies/of-group", {"target": ARN + "thinggroup/taken"})
    member, attached = {"thingGroupName": "taken", "thingName": "taken"}, {"x-amzn-iot-principal": device.arn}
    extra = ("PUT", "/target-policies/extra", {"target": device.arn})
    join = ("PUT", "/thing-groups/addThingToThingGroup", member)
    for grant, topic, revoke in (
            (extra, "extra", ("POST", "/target-policies/extra", {"target": device.arn})),
            (("PUT", "/principal-policies/extra", None, attached), "extra", ("DELETE", "/principal-policies/extra", None, attached)),
            (join, "group", ("PUT", "/thing-groups/removeThingFromThingGroup", member)),
            (join, "group", ("DELETE", "/thing-groups/taken", None)),
            (extra, "extra", ("POST", "/policies/extra/version?setAsDefault=true", {"policyDocument": policy(("Deny", "iot:Publish", "*"))})),
            (("PATCH", "/policies/extra/version/1", None), "extra", ("PATCH", "/policies/extra/version/2", None)),
            (("PATCH", "/policies/extra/version/1", None), "own/taken",
             ("DELETE", "/things/taken/principals", None, {"x-amzn-principal": device.arn}))):
        device.put(*grant)
        assert client.publish(topic, b"") in (0, 0x10), (grant, topic)
        device.put(*revoke)
        assert client.publish(topic, b"") == REFUSED, (revoke, topic)
        assert client.ping()


@case("a claim certificate can do nothing but provision")
def claim_is_narrow(mock, out):
    client = Client(mock, claim_identity(mock), "claim", version=5)
    assert client.publish("sdk/test/x", b"") == REFUSED
    assert client.subscribe("sdk/test/x", "#", "$aws/events/#") == [REFUSED] * 3
    assert create(client)["certificateId"]


@case("a temporary claim works for its own template and ends after five minutes")
def temporary_claim(mock, out):
    status, claim, _ = mock.http("POST", "/provisioning-templates/fleet-basic/provisioning-claim")
    assert status == 200, claim
    identity = save(out, {"certificatePem": claim["certificatePem"], "privateKey": claim["keyPair"]["PrivateKey"]}, "temporary")
    client = Client(mock, identity, "trusted", version=5)
    assert client.accepted and create(client)["certificateId"]
    assert client.publish("$aws/provisioning-templates/other/provision/json", b"{}") == REFUSED
    assert client.publish("sdk/test/x", b"") == REFUSED
    assert mock.http("POST", "/_mock/clock", {"advance_seconds": 301})[0] == 200
    assert Client(mock, identity, "trusted-2", version=5).connack_code == REFUSED


@case("an unregistered certificate of a foreign CA does not get past TLS")
def foreign_certificate(mock, out):
    import ssl
    import subprocess
    key, certificate = out + "/foreign.key", out + "/foreign.crt"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
                    "-out", certificate, "-subj", "/CN=foreign", "-days", "2"], check=True, capture_output=True)
    try:
        accepted = Client(mock, (certificate, key), "foreign").accepted
    except (ssl.SSLError, ConnectionError):
        accepted = False
    assert not accepted


@case("a will is checked when it is sent: without iot:Publish nobody gets it")
def will_is_checked(mock, out):
    watcher = Device(mock, out, EVERYTHING).client("will-watcher")
    assert watcher.subscribe("wills/+") == [1]
    device = Device(mock, out, policy(("Allow", "iot:Connect", "*"), ("Allow", "iot:Publish", ARN + "topic/wills/good")))
    for topic in ("wills/bad", "wills/good"):
        device.client("willing", will=(topic, b"gone", 1, False)).abort()
    assert watcher.message().topic == "wills/good"
    assert watcher.messages == []


@case("the will of a session that ends because its certificate left ACTIVE is sent where the policies allow it, and only there")
def will_of_inactive(mock, out):
    watcher = Device(mock, out, EVERYTHING).client("inactive-watcher")
    assert watcher.subscribe("last/+") == [1]
    device = Device(mock, out, policy(("Allow", "iot:Connect", "*"), ("Allow", "iot:Publish", ARN + "topic/last/good")))
    for version in (4, 5):
        for status in ("INACTIVE", "REVOKED"):
            before = mock.http("GET", "/_mock/denials")[1]["denials"]
            clients = [device.client(topic, version=version, will=("last/" + topic, status, 1, False)) for topic in ("good", "bad")]
            device.put("PUT", "/certificates/%s?newStatus=%s" % (device.id, status), None)
            for client in clients:
                client.wait_closed()
            assert watcher.message().payload == status.encode()
            assert watcher.ping() and watcher.messages == []
            denied = mock.http("GET", "/_mock/denials")[1]["denials"][len(before):]
            wills = [d for d in denied if d["action"] == "iot:Publish"]
            assert [d["resource"] for d in wills] == [ARN + "topic/last/bad"] and "not ACTIVE" not in wills[0]["reason"], denied
            device.put("PUT", "/certificates/%s?newStatus=ACTIVE" % device.id, None)


@case("--strict suback-failure answers a refused 3.1.1 SUBSCRIBE with 0x80")
def suback_failure(_mock, out):
    with Mock("--strict", "suback-failure") as strict:
        device = Device(strict, out, policy(("Allow", "iot:Connect", "*")))
        client = device.client("suback")
        assert client.subscribe("x") == [0x80] and client.ping()


@case("--strict quotas refuses a second CONNECT of a client id within a second")
def connect_quota(_mock, out):
    with Mock("--strict", "quotas") as strict:
        device = Device(strict, out, EVERYTHING)
        assert device.client("busy").accepted
        assert device.client("busy").connack is None
        assert device.client("calm").accepted


@case("--strict drop-throttled gives no answer, and what was dropped does not count as waiting")
def drop_throttled(_mock, _out):
    with Mock("--strict", "quotas", "--strict", "drop-throttled") as strict:
        client = Client(strict, claim_identity(strict), "hasty")
        topic = provision_topic("fleet-basic")
        assert client.subscribe(topic + "/accepted", topic + "/rejected") == [1, 1]
        request = json.dumps({"certificateOwnershipToken": "none", "parameters": {"SerialNumber": "1"}})
        for _ in range(250):
            assert client.publish(topic, request) == 0
        answer = None
        for _ in range(30):  # the quota refills: soon one is answered
            client.messages, before = [], client.messages
            assert all(m.json()["statusCode"] == 400 for m in before), before
            assert client.publish(topic, request) == 0
            try:
                answer = client.message(patience=1)
                break
            except TimeoutError:
                pass
        assert answer is not None and answer.json()["errorCode"] == "InvalidCertificateOwnershipToken", answer
        dropped = [e for e in strict.events() if e.get("eventType") == "ProvisionDevice" and "429" in e.get("details", "")]
        assert len(dropped) > 150, len(dropped)


@case("a filter that is far too long is denied, and named in a few words")
def long_filters(mock, out):
    client = Device(mock, out, EVERYTHING).client("long", version=5)
    for _ in range(5):
        assert client.subscribe("a" * 60000) == [REFUSED]
    denied = [d for d in mock.http("GET", "/_mock/denials")[1]["denials"] if d["clientId"] == "long"]
    assert len(denied) == 5 and all(len(json.dumps(d)) < 3000 for d in denied), denied[0]


@case("--strict require-subscription gives no answer to a client that did not subscribe")
def require_subscription(_mock, _out):
    with Mock("--strict", "require-subscription") as strict:
        client = Client(strict, claim_identity(strict), "unsubscribed")
        assert client.publish(CREATE, b"{}") == 0
        create(client)
        assert client.ping() and client.messages == []


def main():
    with Mock() as mock, tempfile.TemporaryDirectory() as out:
        return run(mock, out)


sys.exit(main())
