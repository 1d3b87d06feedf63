#!/usr/bin/env python3
"""boto3 sets up an empty mock, a device provisions, and boto3 inspects it."""
import json
import os
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "support"))
from live_session import LiveSession  # noqa: E402
from mock import Mock, need, skip  # noqa: E402

try:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import ClientError
except ImportError:
    skip("boto3 is not installed (package python3-boto3)")
need("mosquitto_sub", "mosquitto-clients")


def text(name):
    with open(os.path.join(HERE, "..", name), encoding="utf-8") as file:
        return file.read()


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error.response
        return error.response
    raise AssertionError("expected " + code)


def main():
    with tempfile.TemporaryDirectory() as folder, Mock("--empty") as mock:
        iot = boto3.client("iot", region_name="us-east-1", endpoint_url=mock.url, aws_access_key_id="AKIDEXAMPLE",
                           aws_secret_access_key="secret", config=Config(retries={"max_attempts": 1}))
        iot.create_policy(policyName="interop-claim", policyDocument=text("claim_policy.json"))
        iot.create_policy(policyName="interop-device", policyDocument=text("device_policy.json"))
        refused("MalformedPolicyException", iot.create_policy, policyName="broken", policyDocument="{")
        claim = iot.create_keys_and_certificate(setAsActive=True)
        for name, part in (("claim.crt", claim["certificatePem"]), ("claim.key", claim["keyPair"]["PrivateKey"])):
            with open(os.path.join(folder, name), "w", encoding="ascii", opener=lambda p, f: os.open(p, f, 0o600)) as file:
                file.write(part)
        iot.attach_policy(policyName="interop-claim", target=claim["certificateArn"])
        iot.create_provisioning_template(templateName="interop", templateBody=text("template.json"), enabled=True,
                                         provisioningRoleArn="arn:aws:iam::123456789012:role/provisioning")
        refused("ResourceAlreadyExistsException", iot.create_provisioning_template, templateName="interop",
                templateBody=text("template.json"), provisioningRoleArn="arn:aws:iam::123456789012:role/provisioning")

        for serial in ("1", "2", "3"):
            done = mock.provision(os.path.join(folder, serial), template="interop", certificate=folder + "/claim.crt",
                                  key=folder + "/claim.key", parameters={"SerialNumber": serial})
            assert done.returncode == 0, done.stderr
        with open(os.path.join(folder, "1", "device.json"), encoding="utf-8") as file:
            device = json.load(file)

        assert iot.describe_thing(thingName="interop-1")["version"] == 1
        pages = list(iot.get_paginator("list_things").paginate(PaginationConfig={"PageSize": 2}))
        assert [t["thingName"] for page in pages for t in page["things"]] == ["interop-1", "interop-2", "interop-3"]
        assert len(pages) == 2
        pages = list(iot.get_paginator("list_certificates").paginate(PaginationConfig={"PageSize": 2}))
        assert sum(len(page["certificates"]) for page in pages) == 4 and len(pages) == 2
        arn = iot.list_thing_principals(thingName="interop-1")["principals"][0]
        assert arn.endswith(device["certificate_id"])
        described = iot.describe_certificate(certificateId=device["certificate_id"])["certificateDescription"]
        assert described["status"] == "ACTIVE" and described["validity"]["notAfter"].year == 2049
        answer = iot.test_authorization(principal=arn, clientId="interop-1", authInfos=[
            {"actionType": "CONNECT", "resources": ["arn:aws:iot:us-east-1:123456789012:client/interop-1"]},
            {"actionType": "CONNECT", "resources": ["arn:aws:iot:us-east-1:123456789012:client/other"]}])["authResults"]
        assert [a["authDecision"] for a in answer] == ["ALLOWED", "IMPLICIT_DENY"]
        assert answer[0]["allowed"]["policies"][0]["policyName"] == "interop-device"
        missing = refused("ResourceNotFoundException", iot.describe_thing, thingName="nobody")
        assert missing["ResponseMetadata"]["HTTPStatusCode"] == 404

        session = LiveSession(mock, os.path.join(folder, "1"), "interop-1", "interop/interop-1/down")
        iot.update_certificate(certificateId=device["certificate_id"], newStatus="INACTIVE")
        session.wait_dropped()
        print("1 passed, 0 failed")


main()
