#!/usr/bin/env python3
"""RegisterThing over a real broker: what a template makes, every way it refuses, hooks, tokens, temporary claims, and
the templates that are shipped. Time moves by the mock's clock."""
import hashlib
import json
import os
import signal
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "support"))
from cases import case, run  # noqa: E402
from mock import SOURCE, Mock, need  # noqa: E402
from mqtt import CREATE, CREATE_FROM_CSR, Client, ask, claim_identity, create, provision_topic, register, save  # noqa: E402

ROLE = "arn:aws:iam::123456789012:role/provisioning"
CERTIFICATE = {"Type": "AWS::IoT::Certificate", "Properties": {"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}, "Status": "Active"}}
POLICY = {"Type": "AWS::IoT::Policy", "Properties": {"PolicyName": "sample-device"}}


def ok(answer):
    assert answer[0] == 200, answer[:2]
    return answer[1]


def body(thing, parameters=("SerialNumber",), overrides=None, **more):
    resource = {"Type": "AWS::IoT::Thing", "Properties": thing}
    if overrides:
        resource["OverrideSettings"] = overrides
    return dict({"Parameters": {name: {"Type": "String"} for name in parameters},
                 "Resources": {"thing": resource, "certificate": CERTIFICATE, "policy": POLICY}}, **more)


def add_template(mock, name, document, hook=None, enabled=True):
    """A template, and the right of the claim certificate to use it."""
    what = {"templateName": name, "templateBody": json.dumps(document), "provisioningRoleArn": ROLE, "enabled": enabled}
    if hook:
        what["preProvisioningHook"] = {"targetArn": "arn:aws:lambda:us-east-1:123456789012:function:" + hook}
    ok(mock.http("POST", "/provisioning-templates", what))


def certificate_of(mock, certificate_id):
    return ok(mock.http("GET", "/certificates/" + certificate_id))["certificateDescription"]


def error_type(headers):
    return {name.lower(): value for name, value in headers.items()}["x-amzn-errortype"].split(":")[0]


def things(mock):
    return sorted(one["thingName"] for one in ok(mock.http("GET", "/things?maxResults=250"))["things"])


def claim_client(mock, client_id, version=5):
    client = Client(mock, claim_identity(mock), client_id, version=version)
    assert client.accepted
    return client


@case("1: a create with zero bytes, {} and CBOR a0 makes a pending RSA-2048 certificate with AWS's subject, end and id")
def create_answers(mock):
    client = claim_client(mock, "acceptance-1")
    for topic, payload in ((CREATE, b""), (CREATE, b"{}"), (CREATE.replace("json", "cbor"), b"\xa0")):
        kind, answer = ask(client, topic, payload)
        assert kind == "accepted", answer
        if topic != CREATE:
            assert answer.payload[:1] == b"\xa4" and b"certificateOwnershipToken" in answer.payload
            continue
        created = answer.json()
        assert sorted(created) == ["certificateId", "certificateOwnershipToken", "certificatePem", "privateKey"]
        assert hashlib.sha256(ssl.PEM_cert_to_DER_cert(created["certificatePem"])).hexdigest() == created["certificateId"]
        listed = ok(mock.http("GET", "/certificates?pageSize=250"))["certificates"]
        assert [one["status"] for one in listed if one["certificateId"] == created["certificateId"]] == ["PENDING_ACTIVATION"]
        shown = subprocess.run([need("openssl", "openssl"), "x509", "-noout", "-text", "-enddate", "-dateopt", "iso_8601"],
                               input=created["certificatePem"], capture_output=True, text=True, timeout=30, check=True).stdout
        assert "Public-Key: (2048 bit)" in shown and "CN = AWS IoT Certificate" in shown, shown
        assert "notAfter=2049-12-31 23:59:59Z" in shown, shown
    client.disconnect()


@case("2: JSON bytes on the CBOR topic are a 400 in CBOR, and who watches the answers' topics sees nothing")
def formats(mock):
    watcher = claim_client(mock, "acceptance-2-watch")
    assert watcher.subscribe(CREATE + "/accepted", CREATE.replace("json", "cbor") + "/rejected") == [1, 1]
    client = claim_client(mock, "acceptance-2")
    kind, answer = ask(client, provision_topic("fleet-basic", "cbor"), b'{"certificateOwnershipToken":"x"}')
    assert kind == "rejected" and answer.payload[:1] == b"\xa3" and b"\x19\x01\x90" in answer.payload
    kind, _ = ask(client, CREATE.replace("json", "cbor"), b"{}")
    assert kind == "rejected"
    create(client)
    assert watcher.ping() and watcher.messages == []


@case("3: an empty token, one of another hour and one that was used are refused; an unused certificate is gone with its token")
def tokens(_):
    with Mock() as mock:
        client = claim_client(mock, "acceptance-3")
        kind, answer = register(client, "", SerialNumber="3")
        assert (kind, answer["errorMessage"]) == ("rejected", "Certificate ownership token cannot be empty.")
        used = create(client)
        assert register(client, used["certificateOwnershipToken"], SerialNumber="3")[0] == "accepted"
        assert register(client, used["certificateOwnershipToken"], SerialNumber="3")[1]["statusCode"] == 400
        late = create(client)
        ok(mock.http("POST", "/_mock/clock", {"advance_seconds": 3601}))
        assert register(client, late["certificateOwnershipToken"], SerialNumber="3")[1]["statusCode"] == 400
        assert mock.http("GET", "/certificates/" + late["certificateId"])[0] == 404
        assert certificate_of(mock, used["certificateId"])["status"] == "ACTIVE"


HOOK = """
import json, sys, time
event = json.load(sys.stdin)
serial = event["parameters"]["SerialNumber"]
if serial.startswith("deny"): print(json.dumps({"allowProvisioning": False}))
elif serial.startswith("throw"): raise SystemExit("broken on purpose")
elif serial.startswith("slow"): time.sleep(6); print(json.dumps({"allowProvisioning": True}))
elif serial.startswith("garbage"): print("yes, please")
elif serial.startswith("override"): print(json.dumps({"allowProvisioning": True, "parameterOverrides": {"Site": "of-the-hook"}}))
else: print(json.dumps({"allowProvisioning": True}))
"""


@case("4: a hook that allows or overrides creates, one that denies, throws, talks nonsense or is late does not; override beats device beats Default")
def hooks(_):
    with tempfile.TemporaryDirectory() as work:
        with open(work + "/hook.py", "w", encoding="utf-8") as file:
            file.write(HOOK)
        with Mock("--lambda", "decide=%s %s/hook.py" % (sys.executable, work)) as mock:
            template = body({"ThingName": {"Fn::Join": ["-", ["hooked", {"Ref": "SerialNumber"}]]}, "AttributePayload": {"site": {"Ref": "Site"}}})
            template["Parameters"]["Site"] = {"Type": "String", "Default": "of-the-template"}
            add_template(mock, "fleet-hooked", template, hook="decide")
            claim_for(mock, "fleet-hooked")
            answers = {}

            def one(serial, parameters):
                client = claim_client(mock, "hook-" + serial)
                answers[serial] = register(client, create(client)["certificateOwnershipToken"], "fleet-hooked", **parameters)

            wanted = {"allow": {"SerialNumber": "allow"}, "device": {"SerialNumber": "device", "Site": "of-the-device"},
                      "override": {"SerialNumber": "override", "Site": "of-the-device"}}
            wanted.update({serial: {"SerialNumber": serial} for serial in ("deny", "throw", "slow", "garbage")})
            threads = [threading.Thread(target=one, args=item) for item in wanted.items()]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            for serial in ("deny", "throw", "slow", "garbage"):
                assert answers[serial][0] == "rejected" and answers[serial][1]["statusCode"] == 403, answers[serial]
            for serial, site in (("allow", "of-the-template"), ("device", "of-the-device"), ("override", "of-the-hook")):
                assert answers[serial][0] == "accepted", answers[serial]
                assert ok(mock.http("GET", "/things/hooked-" + serial))["attributes"]["site"] == site, serial
            assert things(mock) == ["hooked-allow", "hooked-device", "hooked-override"]


def claim_for(mock, *templates):
    """Lets the mock's claim certificate use more templates: a second policy on it."""
    publish, watch = [], []
    for name in templates:
        publish.append("arn:aws:iot:us-east-1:123456789012:topic/" + provision_topic(name, "*"))
        watch.append("arn:aws:iot:us-east-1:123456789012:topicfilter/" + provision_topic(name, "*"))
    document = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["iot:Publish", "iot:Receive"], "Resource": publish},
        {"Effect": "Allow", "Action": "iot:Subscribe", "Resource": watch}]}
    name = "claim-" + hashlib.sha256(repr(templates).encode()).hexdigest()[:8]
    ok(mock.http("POST", "/policies/" + name, {"policyDocument": json.dumps(document)}))
    with open(mock.claim["certificate"], encoding="utf-8") as file:
        claim_id = hashlib.sha256(ssl.PEM_cert_to_DER_cert(file.read())).hexdigest()
    ok(mock.http("PUT", "/target-policies/" + name, {"target": "arn:aws:iot:us-east-1:123456789012:cert/" + claim_id}))


@case("5: a disabled and an unknown template refuse; all six functions work; Select out of bounds and an unknown map key refuse")
def functions(mock):
    every = body({"ThingName": {"Fn::Join": ["", ["f-", {"Fn::Select": ["1", {"Fn::Split": ["_", {"Ref": "SerialNumber"}]}]}]]},
                  "AttributePayload": {"place": {"Fn::FindInMap": ["Places", {"Ref": "Code"}, "city"]},
                                       "note": {"Fn::Sub": "at-${Code}"},
                                       "other": {"Fn::Sub": ["${x}-y", {"x": {"Ref": "Code"}}]}}}, ("SerialNumber", "Code"),
                 Mappings={"Places": {"a": {"city": "Berlin"}}})
    add_template(mock, "functions", every)
    add_template(mock, "sleeping", body({"ThingName": {"Ref": "SerialNumber"}}), enabled=False)
    claim_for(mock, "functions", "sleeping", "no-such")
    client = claim_client(mock, "acceptance-5")
    before = things(mock)
    for template, serial, code in (("sleeping", "x_1", "a"), ("no-such", "x_1", "a"), ("functions", "alone", "a"), ("functions", "x_1", "b")):
        kind, answer = register(client, create(client)["certificateOwnershipToken"], template, SerialNumber=serial, Code=code)
        assert kind == "rejected" and 400 <= answer["statusCode"] < 500, (template, serial, answer)
    assert things(mock) == before
    kind, answer = register(client, create(client)["certificateOwnershipToken"], "functions", SerialNumber="x_1", Code="a")
    assert kind == "accepted" and answer["thingName"] == "f-1", answer
    assert ok(mock.http("GET", "/things/f-1"))["attributes"] == {"place": "Berlin", "note": "at-a", "other": "a-y"}


@case("6: the same thing again: a second certificate, OverrideSettings property by property, FAIL refuses; certificates connect after, not before")
def again(mock):
    named = {"ThingName": {"Fn::Join": ["-", ["again", {"Ref": "SerialNumber"}]]}}
    add_template(mock, "merge", body(dict(named, AttributePayload={"a": {"Ref": "A"}}), ("SerialNumber", "A"), {"AttributePayload": "MERGE"}))
    add_template(mock, "merge-b", body(dict(named, AttributePayload={"b": {"Ref": "A"}}), ("SerialNumber", "A"), {"AttributePayload": "MERGE"}))
    add_template(mock, "replace", body(dict(named, AttributePayload={"c": {"Ref": "A"}}), ("SerialNumber", "A"), {"AttributePayload": "REPLACE"}))
    add_template(mock, "leave", body(dict(named, AttributePayload={"d": {"Ref": "A"}}), ("SerialNumber", "A"), {"AttributePayload": "DO_NOTHING"}))
    add_template(mock, "refuse", body(dict(named, AttributePayload={"e": {"Ref": "A"}}), ("SerialNumber", "A"), {"AttributePayload": "FAIL"}))
    claim_for(mock, "merge", "merge-b", "replace", "leave", "refuse")
    client = claim_client(mock, "acceptance-6")
    wanted = [("merge", {"a": "1"}), ("merge-b", {"a": "1", "b": "2"}), ("replace", {"c": "3"}), ("leave", {"c": "3"})]
    with tempfile.TemporaryDirectory() as out:
        for number, (template, attributes) in enumerate(wanted, 1):
            created = create(client)
            identity = save(out, created, template)
            assert Client(mock, identity, "again-6", version=5).connack_code == 0x87, "PENDING_ACTIVATION"
            kind, answer = register(client, created["certificateOwnershipToken"], template, SerialNumber="6", A=str(number))
            assert kind == "accepted" and answer["thingName"] == "again-6", answer
            assert ok(mock.http("GET", "/things/again-6"))["attributes"] == attributes, template
            device = Client(mock, identity, "again-6")
            assert device.accepted
            device.disconnect()
        created = create(client)
        kind, answer = register(client, created["certificateOwnershipToken"], "refuse", SerialNumber="6", A="5")
        assert kind == "rejected" and answer["statusCode"] == 409, answer
        assert ok(mock.http("GET", "/things/again-6"))["attributes"] == {"c": "3"}
        assert len(ok(mock.http("GET", "/things/again-6/principals"))["principals"]) == len(wanted)
        assert certificate_of(mock, created["certificateId"])["status"] == "PENDING_ACTIVATION"


@case("8: a temporary claim works for its own template, is not listed, and is refused after 300 s; the eleventh RegisterThing in a second is a 429")
def temporary_claims_and_quotas(_):
    with Mock("--strict", "quotas") as mock, tempfile.TemporaryDirectory() as out:
        claim = ok(mock.http("POST", "/provisioning-templates/fleet-basic/provisioning-claim"))
        identity = save(out, {"certificatePem": claim["certificatePem"], "privateKey": claim["keyPair"]["PrivateKey"]}, "temporary")
        assert claim["certificateId"] not in [c["certificateId"] for c in ok(mock.http("GET", "/certificates?pageSize=250"))["certificates"]]
        client = Client(mock, identity, "technician", version=5)
        assert client.publish(provision_topic("other"), b"{}") == 0x87
        created = create(client)
        kind, answer = register(client, created["certificateOwnershipToken"], SerialNumber="8")
        assert kind == "accepted", answer
        topic = provision_topic("fleet-basic")
        assert client.subscribe(topic + "/rejected") == [1]
        for _ in range(30):
            client.start_publish(topic, json.dumps({"certificateOwnershipToken": "x", "parameters": {}}), qos=0)
        codes = [client.message(topic=topic + "/rejected").json()["statusCode"] for _ in range(30)]
        assert 429 in codes and 400 in codes, codes
        ok(mock.http("POST", "/_mock/clock", {"advance_seconds": 301}))
        assert Client(mock, identity, "technician-2", version=5).connack_code == 0x87


@case("9: a second template of a name is 409, a sixth version is VersionsLimitExceeded, and the default version cannot go while others stay")
def versions(mock):
    document = body({"ThingName": {"Ref": "SerialNumber"}})
    add_template(mock, "versions", document)
    status, answer, headers = mock.http("POST", "/provisioning-templates", {"templateName": "versions", "templateBody": json.dumps(document), "provisioningRoleArn": ROLE})
    assert status == 409 and error_type(headers) == "ResourceAlreadyExistsException", (status, answer)
    for _ in range(4):
        ok(mock.http("POST", "/provisioning-templates/versions/versions", {"templateBody": json.dumps(document)}))
    status, answer, headers = mock.http("POST", "/provisioning-templates/versions/versions", {"templateBody": json.dumps(document)})
    assert status == 409 and error_type(headers) == "VersionsLimitExceededException", (status, answer)
    first = ok(mock.http("GET", "/provisioning-templates/versions/versions?maxResults=2"))
    assert len(first["versions"]) == 2 and first["nextToken"]
    second = ok(mock.http("GET", "/provisioning-templates/versions/versions?maxResults=250&nextToken=" + first["nextToken"]))
    assert len(second["versions"]) == 3 and not second.get("nextToken")
    status, answer, headers = mock.http("DELETE", "/provisioning-templates/versions/versions/1")
    assert status == 409 and error_type(headers) == "DeleteConflictException", (status, answer)


HOSTILE = ["", "../../etc/passwd", "a/../b", "${AWS::Region}", "${SerialNumber}", "*", "#", "a/#", "+", "a\x00b", "line\nbreak", "\x7f", "x" * 262144,
           "x" * 129, "\u00e4", "a b"]


@case("hostile parameters are a 400 that creates nothing, and the next device is served")
def hostile(mock):
    client = claim_client(mock, "hostile")
    before = (things(mock), sorted(os.listdir(mock.ready["dir"])))
    for value in HOSTILE:
        token = create(client)["certificateOwnershipToken"]
        request = json.dumps({"certificateOwnershipToken": token, "parameters": {"SerialNumber": value}})
        if len(request) > 131072:
            broken = claim_client(mock, "hostile-large")
            assert broken.publish(provision_topic("fleet-basic"), request) is None, "more than 128 KiB ends the connection"
            continue
        kind, answer = ask(client, provision_topic("fleet-basic"), request)
        assert kind == "rejected" and answer.json()["statusCode"] == 400, (value[:40], answer)
    for value in (5, None, True, ["a"], {"a": "b"}, 1.5):
        request = json.dumps({"certificateOwnershipToken": create(client)["certificateOwnershipToken"], "parameters": {"SerialNumber": value}})
        kind, answer = ask(client, provision_topic("fleet-basic"), request)
        assert kind == "rejected" and answer.json()["statusCode"] == 400, (value, answer)
    assert (things(mock), sorted(os.listdir(mock.ready["dir"]))) == before
    assert register(client, create(client)["certificateOwnershipToken"], SerialNumber="after-hostile")[0] == "accepted"


@case("an attribute that holds # or + or * does not widen what its thing may subscribe to")
def attribute_wildcards(mock):
    document = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"},
        {"Effect": "Allow", "Action": "iot:Subscribe", "Resource": "arn:aws:iot:us-east-1:123456789012:topicfilter/site/${iot:Connection.Thing.Attributes[site]}"},
        {"Effect": "Allow", "Action": "iot:Receive", "Resource": "arn:aws:iot:us-east-1:123456789012:topic/site/${iot:Connection.Thing.Attributes[site]}"}]}
    ok(mock.http("POST", "/policies/site-reader", {"policyDocument": json.dumps(document)}))
    template = body({"ThingName": {"Ref": "SerialNumber"}, "AttributePayload": {"site": {"Ref": "Site"}}}, ("SerialNumber", "Site"))
    template["Resources"]["policy"]["Properties"] = {"PolicyName": "site-reader"}
    add_template(mock, "sites", template)
    claim_for(mock, "sites")
    client = claim_client(mock, "attributes")
    with tempfile.TemporaryDirectory() as out:
        for number, (value, allowed) in enumerate((("north", True), ("#", False), ("+", False), ("*", False), ("a/#", False))):
            created = create(client)
            name = "site%d" % number
            kind, answer = register(client, created["certificateOwnershipToken"], "sites", SerialNumber=name, Site=value)
            if kind == "rejected":
                assert not allowed and answer["statusCode"] == 400, answer
                assert name not in things(mock)
                continue
            device = Client(mock, save(out, created, name), name, version=5)
            assert device.accepted
            assert device.subscribe("site/north") == [1 if allowed else 0x87], value
            assert device.subscribe("site/" + value) == [1 if allowed else 0x87], value
            assert device.subscribe("site/#") == [0x87]
            device.disconnect()


@case("hooks do not outlive the mock, even where its broker was killed and they have left their group")
def orphaned_hooks(_):
    with tempfile.TemporaryDirectory() as work:
        with open(work + "/daemon.sh", "w", encoding="utf-8") as file:
            file.write("setsid sh -c 'echo $$ >>%s/pids; exec sleep 600' &\necho $$ >>%s/pids\nexec sleep 600\n" % (work, work))
        with Mock("--lambda", "slow=/bin/sh %s/daemon.sh" % work, "--hook", "fleet-basic=slow") as mock:
            client = claim_client(mock, "orphans")
            token = create(client)["certificateOwnershipToken"]
            client.start_publish(provision_topic("fleet-basic"), json.dumps({"certificateOwnershipToken": token, "parameters": {"SerialNumber": "1"}}))
            until, pids = time.monotonic() + 20, []
            while len(pids) < 2 and time.monotonic() < until:
                if os.path.exists(work + "/pids"):
                    with open(work + "/pids", encoding="utf-8") as file:
                        pids = [int(line) for line in file.read().split()]
                threading.Event().wait(0.02)
            assert len(pids) == 2, pids
            os.kill(mock.broker_pid(), signal.SIGKILL)
            assert mock.process.wait(20) == 3
        for pid in pids:
            assert not os.path.exists("/proc/%d" % pid), pid


@case("a hundred RegisterThing with a hook of four seconds each all end right, and another client's pings stay under 50 ms at the median")
def many_slow_hooks(_):
    with tempfile.TemporaryDirectory() as work:
        # A shell that only waits: a hundred interpreters starting at once would measure the machine, not the mock.
        with open(work + "/slow.sh", "w", encoding="utf-8") as file:
            file.write("cat >/dev/null\nsleep 4\necho '{\"allowProvisioning\":true}'\n")
        with Mock("--lambda", "slow=/bin/sh %s/slow.sh" % work, "--hook", "fleet-basic=slow") as mock:
            client = claim_client(mock, "many")
            topic = provision_topic("fleet-basic")
            assert client.subscribe(topic + "/accepted", topic + "/rejected") == [1, 1]
            subprocess.run([need("openssl", "openssl"), "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                            work + "/key.pem", "-subj", "/CN=many", "-out", work + "/csr.pem"], check=True, capture_output=True, timeout=30)
            with open(work + "/csr.pem", encoding="utf-8") as file:
                request = json.dumps({"certificateSigningRequest": file.read()})
            tokens_ = [ask(client, CREATE_FROM_CSR, request)[1].json()["certificateOwnershipToken"] for _ in range(100)]
            client.messages.clear()
            beside = claim_client(mock, "beside")
            done = threading.Event()
            pings = []

            def watch():
                while not done.is_set():
                    start = time.monotonic()
                    assert beside.ping()
                    pings.append(time.monotonic() - start)
                    done.wait(0.005)

            thread = threading.Thread(target=watch)
            thread.start()
            for number, token in enumerate(tokens_):
                client.start_publish(topic, json.dumps({"certificateOwnershipToken": token, "parameters": {"SerialNumber": "many%d" % number}}))
            names = set()
            while len(names) < len(tokens_):
                answer = client.message()
                assert answer is not None
                if answer.topic == topic + "/accepted":
                    names.add(answer.json()["thingName"])
                assert answer.topic != topic + "/rejected", answer
            done.set()
            thread.join()
            median = statistics.median(pings)
            print("      %d pings, median %.2f ms, worst %.1f ms" % (len(pings), median * 1e3, max(pings) * 1e3))
            assert len(pings) > 100 and median < 0.05
            assert len([t for t in things(mock) if t.startswith("fleet-many")]) == 100


@case("every shipped fleet template provisions a device that connects")
def shipped(_):
    folder = os.path.join(SOURCE, "templates")
    names = sorted(name[:-5] for name in os.listdir(folder) if name.endswith(".json") and not name.endswith(".test.json") and name != "jitp.json")
    assert names, "no templates"
    options = [argument for name in names if name != "fleet-basic" for argument in ("--template", "%s=%s/%s.json" % (name, folder, name))]
    with Mock(*options) as mock, tempfile.TemporaryDirectory() as out:
        claim_for(mock, *names)
        ok(mock.http("POST", "/thing-types/sensor", {}))
        ok(mock.http("POST", "/billing-groups/factory", {}))
        for group in ("all-sensors", "line-1"):
            ok(mock.http("POST", "/thing-groups/" + group, {}))
        for name in names:
            with open("%s/%s.json" % (folder, name), encoding="utf-8") as file:
                document = json.load(file)
            declared = [p for p, how in document["Parameters"].items() if not p.startswith("AWS::") and "Default" not in how]
            values = {p: {"Line": "1", "Site": "north", "Region": "eu"}.get(p, "%s-%s" % (name, p)) for p in declared}
            extra = ["--key-type", "ec"] if name == "fleet-csr" else []
            done = mock.provision(out + "/" + name, "--template", "%s/%s.json" % (folder, name), "--format", "json", *extra, template=name, parameters=values)
            assert done.returncode == 0, (name, done.stderr)
            thing = json.loads(done.stdout)["thing_name"]
            device = Client(mock, (out + "/%s/device.pem.crt" % name, out + "/%s/device.pem.key" % name), thing, version=5)
            assert device.accepted, name
            device.disconnect()


def main():
    with Mock() as mock:
        return run(mock)


sys.exit(main())
