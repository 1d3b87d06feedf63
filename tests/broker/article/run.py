#!/usr/bin/env python3
"""The article's own policy and template: the claim policy rendered for the mock's account, the template as it is, a
thing of the article's name, and the certificates limited as the article says."""
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "support"))
from cases import case, run  # noqa: E402
from mock import FLEETPROV, SOURCE, Mock, skip  # noqa: E402
from mqtt import Client, claim_identity, create, save  # noqa: E402

CORPUS = os.environ.get("FLEETPROV_CORPUS_DIR", os.path.join(SOURCE, "..", "shared", "corpus"))
REFUSED = 0x87
TEMPLATE = "article"
DEVICE_POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]}


@case("the article's claim policy and template give the article's thing, and its device certificate connects")
def provisions(mock):
    with tempfile.TemporaryDirectory() as out:
        done = mock.provision(out, "--format", "json", template=TEMPLATE, parameters={"SerialNumber": "1"})
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["thing_name"] == "wapa5pow-template-1", done.stdout
        status, thing, _ = mock.http("GET", "/things/wapa5pow-template-1")
        assert status == 200 and thing["thingName"] == "wapa5pow-template-1", thing
        identity = (out + "/device.pem.crt", out + "/device.pem.key")
        for version in (4, 5):
            device = Client(mock, identity, "wapa5pow-template-1", version=version)
            assert device.accepted
            assert device.subscribe("sdk/test/Python") == [1]
            assert device.publish("sdk/test/Python", b"1") == 0
            assert device.message().payload == b"1"
            device.disconnect()


@case("the claim certificate can neither publish nor subscribe anywhere else")
def claim_is_narrow(mock):
    client = Client(mock, claim_identity(mock), "anyone", version=5)
    for topic in ("sdk/test/Python", "wapa5pow-template-1", "$aws/things/wapa5pow-template-1/shadow/update",
                  "$aws/provisioning-templates/other/provision/json", "$aws/certificates/create-from-csr/json"):
        assert client.publish(topic, b"{}") == REFUSED, topic
    filters = ("sdk/test/Python", "#", "+/+", "$aws/#", "$aws/things/+/shadow/update", "$aws/provisioning-templates/other/provision/#")
    assert client.subscribe(*filters) == [REFUSED] * len(filters)
    older = Client(mock, claim_identity(mock), "anyone-3")
    assert older.publish("sdk/test/Python", b"{}") is None, "3.1.1 is hung up on"


@case("the new certificate cannot connect while it is PENDING_ACTIVATION")
def pending(mock):
    with tempfile.TemporaryDirectory() as out:
        created = create(Client(mock, claim_identity(mock), "waiting"))
        assert Client(mock, save(out, created), "wapa5pow-template-2", version=5).connack_code == REFUSED


def main():
    policy, template = CORPUS + "/article-claim-policy.json", CORPUS + "/article-template.json"
    if not os.path.exists(policy) or not os.path.exists(template):
        skip("the article's documents are not in FLEETPROV_CORPUS_DIR")
    with tempfile.TemporaryDirectory() as work:
        rendered = subprocess.run([FLEETPROV, "render", policy, "--region", "us-east-1", "--account", "123456789012",
                                   "--template-name", TEMPLATE], capture_output=True, text=True, timeout=30, check=True)
        with open(work + "/claim.json", "w", encoding="utf-8") as file:
            file.write(rendered.stdout)
        with open(work + "/device.json", "w", encoding="utf-8") as file:
            json.dump(DEVICE_POLICY, file)
        with Mock("--claim-policy", "article-claim=%s/claim.json" % work, "--policy", "wapa5pow-device-policy=%s/device.json" % work,
                  "--template", "%s=%s" % (TEMPLATE, template)) as mock:
            return run(mock)


sys.exit(main())
