#!/usr/bin/env python3
"""AWS's own command line sets up an empty mock, a device provisions, and the command line inspects it."""
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "support"))
from live_session import LiveSession  # noqa: E402
from mock import Mock, need, skip  # noqa: E402

AWS = next((p for p in ("/usr/bin/aws", "/usr/local/bin/aws") if os.path.exists(p)), None)
if AWS is None:
    skip("the AWS command line is not installed (package awscli)")
need("mosquitto_sub", "mosquitto-clients")
DOCUMENTS = os.path.join(HERE, "..")
ROLE = "arn:aws:iam::123456789012:role/provisioning"


def main():
    with tempfile.TemporaryDirectory() as folder, Mock("--empty") as mock:
        environment = {"PATH": os.environ["PATH"], "HOME": folder, "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
                       "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1", "AWS_PAGER": ""}

        def aws(*arguments, fails_with=None):
            done = subprocess.run([AWS, "iot", *arguments, "--endpoint-url", mock.url, "--output", "json"],
                                  env=environment, capture_output=True, text=True, timeout=60)
            if fails_with:
                assert done.returncode != 0 and fails_with in done.stderr, (arguments, done.stdout, done.stderr)
                return None
            assert done.returncode == 0, (arguments, done.stderr)
            return json.loads(done.stdout) if done.stdout.strip() else None

        assert mock.claim is None
        document = lambda name: "file://" + os.path.join(DOCUMENTS, name)
        aws("create-policy", "--policy-name", "interop-claim", "--policy-document", document("claim_policy.json"))
        device_policy = aws("create-policy", "--policy-name", "interop-device", "--policy-document", document("device_policy.json"))
        assert device_policy["policyArn"] == "arn:aws:iot:us-east-1:123456789012:policy/interop-device"
        aws("create-policy", "--policy-name", "interop-device", "--policy-document", document("device_policy.json"),
            fails_with="ResourceAlreadyExistsException")
        aws("create-policy", "--policy-name", "broken", "--policy-document", '{"Version":"2012-10-17"}',
            fails_with="MalformedPolicyException")
        claim = aws("create-keys-and-certificate", "--set-as-active", "--certificate-pem-outfile", folder + "/claim.crt",
                    "--private-key-outfile", folder + "/claim.key")
        aws("attach-policy", "--policy-name", "interop-claim", "--target", claim["certificateArn"])
        template = aws("create-provisioning-template", "--template-name", "interop", "--template-body", document("template.json"),
                       "--provisioning-role-arn", ROLE, "--enabled")
        assert template["defaultVersionId"] == 1

        done = mock.provision(folder + "/device", template="interop", certificate=folder + "/claim.crt",
                              key=folder + "/claim.key", parameters={"SerialNumber": "7"})
        assert done.returncode == 0, done.stderr + mock.stderr()
        with open(folder + "/device/device.json", encoding="utf-8") as file:
            device = json.load(file)
        assert device["thing_name"] == "interop-7"

        thing = aws("describe-thing", "--thing-name", "interop-7")
        assert thing["attributes"] == {"serial": "7"} and thing["defaultClientId"] == "interop-7"
        principals = aws("list-thing-principals", "--thing-name", "interop-7")["principals"]
        arn = "arn:aws:iot:us-east-1:123456789012:cert/" + device["certificate_id"]
        assert principals == [arn]
        described = aws("describe-certificate", "--certificate-id", device["certificate_id"])["certificateDescription"]
        assert described["status"] == "ACTIVE" and described["certificateArn"] == arn
        topic = "arn:aws:iot:us-east-1:123456789012:topic/interop/interop-7/up"
        answers = aws("test-authorization", "--principal", arn, "--client-id", "interop-7", "--auth-infos",
                      json.dumps([{"actionType": "PUBLISH", "resources": [topic]},
                                  {"actionType": "PUBLISH", "resources": [topic.replace("interop-7", "interop-8")]}]))["authResults"]
        assert [a["authDecision"] for a in answers] == ["ALLOWED", "IMPLICIT_DENY"], answers
        assert aws("list-policies")["policies"][0]["policyName"].startswith("interop-")
        assert aws("describe-endpoint", "--endpoint-type", "iot:Data-ATS")["endpointAddress"] == mock.host

        session = LiveSession(mock, folder + "/device", "interop-7", "interop/interop-7/down")
        aws("update-certificate", "--certificate-id", device["certificate_id"], "--new-status", "INACTIVE")
        session.wait_dropped()
        print("1 passed, 0 failed")


main()
