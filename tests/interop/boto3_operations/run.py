#!/usr/bin/env python3
"""Every operation of the control plane through boto3: success, the errors it declares that can occur, paging.
coverage.py holds what the run has shown against AWS's service models and names every gap."""
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "support"))
from mock import Mock, need, skip  # noqa: E402
from mqtt import Client, save  # noqa: E402

try:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import ClientError
except ImportError:
    skip("boto3 is not installed (package python3-boto3)")

from coverage import NEWER, Coverage  # noqa: E402

COVERAGE = Coverage()
REGION_ACCOUNT = "us-east-1:123456789012"
ARN = "arn:aws:iot:%s:" % REGION_ACCOUNT
ROLE = "arn:aws:iam::123456789012:role/provisioning"
CASES = []


def case(function):
    CASES.append(function)
    return function


class World:
    def __init__(self, mock, folder):
        self.mock, self.folder = mock, folder
        settings = dict(region_name="us-east-1", endpoint_url=mock.url, aws_access_key_id="AKIDEXAMPLE",
                        aws_secret_access_key="secret",
                        config=Config(retries={"max_attempts": 0}, parameter_validation=False))
        self.iot = boto3.client("iot", **settings)
        self.data = boto3.client("iot-data", **settings)
        COVERAGE.watch(self.iot)
        COVERAGE.watch(self.data)

    def http(self, method, path, body=None, headers=None):
        """Without the SDK, for what its older releases do not know."""
        status, answer, got = self.mock.http(method, path, body, headers)
        COVERAGE.watch_http(method, path, status, answer, got)
        return status, answer, got

    def refused(self, code, status, call, /, **arguments):
        try:
            call(**arguments)
        except ClientError as error:
            got = error.response
            assert got["Error"]["Code"] == code, (code, got)
            assert got["ResponseMetadata"]["HTTPStatusCode"] == status, (status, got)
            return got
        raise AssertionError("expected %s from %s" % (code, arguments))

    def openssl(self, *arguments):
        return subprocess.run([need("openssl", "openssl"), *arguments], check=True, capture_output=True, cwd=self.folder).stdout

    def own_certificate(self, name, ca=None):
        """A self-signed certificate (a CA's), or one that the CA `ca` signed; its PEM."""
        subject = "/O=interop/CN=" + name
        if ca is None:
            self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", subject,
                         "-keyout", name + ".key", "-out", name + ".pem")
        else:
            self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", subject,
                         "-keyout", name + ".key", "-out", name + ".csr")
            self.openssl("x509", "-req", "-in", name + ".csr", "-CA", ca + ".pem", "-CAkey", ca + ".key", "-CAcreateserial",
                         "-days", "30", "-out", name + ".pem")
        with open(os.path.join(self.folder, name + ".pem"), encoding="ascii") as file:
            return file.read()


def statement(resource="*", action="iot:Connect", effect="Allow"):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": effect, "Action": action, "Resource": resource}]})


BODY = json.dumps({
    "Parameters": {"SerialNumber": {"Type": "String"}},
    "Resources": {
        "thing": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": {"Ref": "SerialNumber"}}},
        "certificate": {"Type": "AWS::IoT::Certificate", "Properties": {"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}}}}})


def all_pages(call, list_member, token_member, send_member, size_member, size, **arguments):
    """Walks the pages by hand; (items, number of pages)."""
    items, pages, token = [], 0, None
    while True:
        if token is not None:
            arguments[send_member] = token
        page = call(**{size_member: size}, **arguments)
        items += page[list_member]
        pages += 1
        token = page.get(token_member)
        if token is None:
            return items, pages


@case
def policies(w):
    iot = w.iot
    made = iot.create_policy(policyName="p", policyDocument=statement(), tags=[{"Key": "k", "Value": "v"}])
    assert made["policyArn"] == ARN + "policy/p" and made["policyVersionId"] == "1" and made["policyDocument"] == statement()
    w.refused("ResourceAlreadyExistsException", 409, iot.create_policy, policyName="p", policyDocument=statement())
    malformed = w.refused("MalformedPolicyException", 400, iot.create_policy, policyName="q", policyDocument='{"Version":"2012-10-17","Statement":[{}]}')
    assert len(malformed["Error"]["Message"]) > 20
    w.refused("MalformedPolicyException", 400, iot.create_policy, policyName="q", policyDocument="not json")
    w.refused("InvalidRequestException", 400, iot.create_policy, policyName="bad name!", policyDocument=statement())
    w.refused("InvalidRequestException", 400, iot.create_policy, policyName="q")
    got = iot.get_policy(policyName="p")
    assert got["defaultVersionId"] == "1" and got["policyDocument"] == statement() and got["creationDate"].year >= 2020 and got["generationId"]
    w.refused("ResourceNotFoundException", 404, iot.get_policy, policyName="nobody")

    second = iot.create_policy_version(policyName="p", policyDocument=statement("arn:aws:iot:%s:client/a" % REGION_ACCOUNT), setAsDefault=True)
    assert second["policyVersionId"] == "2" and second["isDefaultVersion"] is True
    assert iot.create_policy_version(policyName="p", policyDocument=statement())["isDefaultVersion"] is False
    w.refused("ResourceNotFoundException", 404, iot.create_policy_version, policyName="nobody", policyDocument=statement())
    w.refused("MalformedPolicyException", 400, iot.create_policy_version, policyName="p", policyDocument="{}")
    iot.create_policy_version(policyName="p", policyDocument=statement())
    iot.create_policy_version(policyName="p", policyDocument=statement())
    w.refused("VersionsLimitExceededException", 409, iot.create_policy_version, policyName="p", policyDocument=statement())
    versions = iot.list_policy_versions(policyName="p")["policyVersions"]
    assert len(versions) == 5 and [v["versionId"] for v in versions if v["isDefaultVersion"]] == ["2"] and versions[0]["createDate"].year >= 2020
    w.refused("ResourceNotFoundException", 404, iot.list_policy_versions, policyName="nobody")
    one = iot.get_policy_version(policyName="p", policyVersionId="3")
    assert one["isDefaultVersion"] is False and one["policyName"] == "p"
    w.refused("ResourceNotFoundException", 404, iot.get_policy_version, policyName="p", policyVersionId="9")
    w.refused("DeleteConflictException", 409, iot.delete_policy, policyName="p")
    iot.set_default_policy_version(policyName="p", policyVersionId="3")
    w.refused("ResourceNotFoundException", 404, iot.set_default_policy_version, policyName="p", policyVersionId="9")
    refused = None
    try:
        iot.delete_policy_version(policyName="p", policyVersionId="3")
    except ClientError as error:
        refused = error.response["Error"]
    assert refused and refused["Message"] == "Cannot delete the default version of a policy", refused
    for version in ("1", "2", "4", "5"):
        iot.delete_policy_version(policyName="p", policyVersionId=version)
    w.refused("ResourceNotFoundException", 404, iot.delete_policy_version, policyName="p", policyVersionId="1")
    iot.delete_policy(policyName="p")
    w.refused("ResourceNotFoundException", 404, iot.delete_policy, policyName="p")
    for i in range(5):
        iot.create_policy(policyName="page%d" % i, policyDocument=statement())
    items, pages = all_pages(iot.list_policies, "policies", "nextMarker", "marker", "pageSize", 2)
    assert [p["policyName"] for p in items] == ["page%d" % i for i in range(5)] and pages == 3
    w.refused("InvalidRequestException", 400, iot.list_policies, pageSize=0)
    w.refused("InvalidRequestException", 400, iot.list_policies, pageSize=251)


@case
def attachments(w):
    iot = w.iot
    for name in ("a", "b", "c"):
        iot.create_policy(policyName=name, policyDocument=statement())
    arn = iot.create_keys_and_certificate(setAsActive=True)["certificateArn"]
    for name in ("a", "b", "c", "a"):
        iot.attach_policy(policyName=name, target=arn)
    w.refused("ResourceNotFoundException", 404, iot.attach_policy, policyName="nobody", target=arn)
    w.refused("ResourceNotFoundException", 404, iot.attach_policy, policyName="a", target=ARN + "cert/" + "0" * 64)
    items, pages = all_pages(iot.list_attached_policies, "policies", "nextMarker", "marker", "pageSize", 2, target=arn)
    assert [p["policyName"] for p in items] == ["a", "b", "c"] and pages == 2
    assert iot.list_targets_for_policy(policyName="a")["targets"] == [arn]
    w.refused("ResourceNotFoundException", 404, iot.list_targets_for_policy, policyName="nobody")
    conflict = w.refused("DeleteConflictException", 409, iot.delete_policy, policyName="a")
    assert conflict["Error"]["Message"] == "The policy cannot be deleted as the policy is attached to one or more principals (name=a)"
    iot.detach_policy(policyName="a", target=arn)
    iot.attach_principal_policy(policyName="a", principal=arn)
    iot.detach_principal_policy(policyName="a", principal=arn)
    iot.delete_policy(policyName="a")
    for i in range(8):
        iot.create_policy(policyName="more%d" % i, policyDocument=statement())
        iot.attach_policy(policyName="more%d" % i, target=arn)
    iot.create_policy(policyName="eleventh", policyDocument=statement())
    w.refused("LimitExceededException", 410, iot.attach_policy, policyName="eleventh", target=arn)
    group = iot.create_thing_group(thingGroupName="g")["thingGroupArn"]
    iot.attach_policy(policyName="eleventh", target=group)
    iot.create_thing_group(thingGroupName="child", parentGroupName="g")
    child = iot.describe_thing_group(thingGroupName="child")
    assert child["thingGroupMetadata"]["rootToParentThingGroups"] == [{"groupName": "g", "groupArn": group}]
    inherited = iot.list_attached_policies(target=child["thingGroupArn"], recursive=True)["policies"]
    assert [p["policyName"] for p in inherited] == ["eleventh"]
    assert iot.list_attached_policies(target=child["thingGroupArn"])["policies"] == []
    assert len(iot.get_effective_policies(principal=arn)["effectivePolicies"]) == 10
    w.refused("ResourceNotFoundException", 404, iot.get_effective_policies, principal=ARN + "cert/" + "0" * 64)
    w.refused("InvalidRequestException", 400, iot.detach_policy, policyName="eleventh", target=arn.replace("123456789012", "111122223333"))
    w.refused("InvalidRequestException", 400, iot.create_policy, policyName="tagged", policyDocument=statement(), tags=[{"Key": "k%d" % i} for i in range(51)])


@case
def certificates(w):
    iot = w.iot
    made = iot.create_keys_and_certificate()
    assert made["keyPair"]["PublicKey"].startswith("-----BEGIN PUBLIC KEY-----")
    assert made["keyPair"]["PrivateKey"].startswith("-----BEGIN RSA PRIVATE KEY-----")
    described = iot.describe_certificate(certificateId=made["certificateId"])["certificateDescription"]
    assert described["status"] == "INACTIVE" and described["ownedBy"] == "123456789012" and described["customerVersion"] == 1
    assert described["certificateMode"] == "DEFAULT" and described["validity"]["notAfter"].strftime("%Y-%m-%dT%H:%M:%S") == "2049-12-31T23:59:59"
    assert described["certificatePem"] == made["certificatePem"]
    w.refused("ResourceNotFoundException", 404, iot.describe_certificate, certificateId="0" * 64)
    w.openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-nodes", "-subj", "/CN=device", "-keyout", "d.key", "-out", "d.csr")
    with open(os.path.join(w.folder, "d.csr"), encoding="ascii") as file:
        csr = file.read()
    first = iot.create_certificate_from_csr(certificateSigningRequest=csr, setAsActive=True)
    assert first["certificateId"] != iot.create_certificate_from_csr(certificateSigningRequest=csr)["certificateId"]
    w.refused("InvalidRequestException", 400, iot.create_certificate_from_csr, certificateSigningRequest="garbage")
    w.refused("InvalidRequestException", 400, iot.create_certificate_from_csr, certificateSigningRequest=csr + " " * 4096)
    w.refused("CertificateStateException", 406, iot.delete_certificate, certificateId=first["certificateId"])
    for status in ("PENDING_ACTIVATION", "PENDING_TRANSFER", "NONSENSE"):
        w.refused("InvalidRequestException", 400, iot.update_certificate, certificateId=first["certificateId"], newStatus=status)
    w.refused("ResourceNotFoundException", 404, iot.update_certificate, certificateId="0" * 64, newStatus="ACTIVE")
    iot.create_policy(policyName="cert-policy", policyDocument=statement())
    iot.attach_policy(policyName="cert-policy", target=first["certificateArn"])
    iot.update_certificate(certificateId=first["certificateId"], newStatus="REVOKED")
    assert iot.describe_certificate(certificateId=first["certificateId"])["certificateDescription"]["status"] == "REVOKED"
    w.refused("DeleteConflictException", 409, iot.delete_certificate, certificateId=first["certificateId"])
    iot.create_thing(thingName="holder")
    iot.attach_thing_principal(thingName="holder", principal=first["certificateArn"])
    w.refused("DeleteConflictException", 409, iot.delete_certificate, certificateId=first["certificateId"], forceDelete=True)
    iot.detach_thing_principal(thingName="holder", principal=first["certificateArn"])
    iot.delete_certificate(certificateId=first["certificateId"], forceDelete=True)
    w.refused("ResourceNotFoundException", 404, iot.delete_certificate, certificateId=first["certificateId"])
    for _ in range(3):
        iot.create_certificate_from_csr(certificateSigningRequest=csr)
    items, pages = all_pages(iot.list_certificates, "certificates", "nextMarker", "marker", "pageSize", 2)
    assert len(items) == len({c["certificateId"] for c in items}) == 5 and pages == 3
    assert items[0]["status"] == "INACTIVE" and items[0]["certificateMode"] == "DEFAULT"

    alone = w.own_certificate("alone")
    registered = iot.register_certificate_without_ca(certificatePem=alone, status="ACTIVE")
    w.refused("ResourceAlreadyExistsException", 409, iot.register_certificate_without_ca, certificatePem=alone)
    w.refused("CertificateValidationException", 400, iot.register_certificate_without_ca, certificatePem="-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----")
    assert iot.describe_certificate(certificateId=registered["certificateId"])["certificateDescription"]["certificateMode"] == "SNI_ONLY"
    ca_pem = w.own_certificate("ca")
    ca = iot.register_ca_certificate(caCertificate=ca_pem, setAsActive=True, certificateMode="SNI_ONLY", tags=[{"Key": "line", "Value": "3"}])
    assert iot.list_tags_for_resource(resourceArn=ca["certificateArn"])["tags"] == [{"Key": "line", "Value": "3"}]
    w.refused("InvalidRequestException", 400, iot.register_ca_certificate, caCertificate=ca_pem, tags=[{"Key": "aws:x", "Value": "1"}])
    assert iot.describe_ca_certificate(certificateId=ca["certificateId"])["certificateDescription"]["status"] == "ACTIVE"
    signed = w.own_certificate("signed", ca="ca")
    by_ca = iot.register_certificate(certificatePem=signed, caCertificatePem=ca_pem, status="ACTIVE")
    assert iot.describe_certificate(certificateId=by_ca["certificateId"])["certificateDescription"]["caCertificateId"] == ca["certificateId"]
    w.refused("ResourceAlreadyExistsException", 409, iot.register_certificate, certificatePem=signed, caCertificatePem=ca_pem)
    assert [c["certificateId"] for c in iot.list_ca_certificates()["certificates"]] == [ca["certificateId"]]
    iot.update_ca_certificate(certificateId=ca["certificateId"], newStatus="INACTIVE")
    iot.delete_ca_certificate(certificateId=ca["certificateId"])
    w.refused("ResourceNotFoundException", 404, iot.describe_ca_certificate, certificateId=ca["certificateId"])


@case
def templates(w):
    iot = w.iot
    hook = {"payloadVersion": "2020-04-01", "targetArn": "arn:aws:lambda:us-east-1:123456789012:function:gate"}
    made = iot.create_provisioning_template(templateName="t", templateBody=BODY, provisioningRoleArn=ROLE, description="d", preProvisioningHook=hook)
    assert made["templateArn"] == ARN + "provisioningtemplate/t" and made["defaultVersionId"] == 1
    exists = w.refused("ResourceAlreadyExistsException", 409, iot.create_provisioning_template, templateName="t", templateBody=BODY, provisioningRoleArn=ROLE)
    assert "Template with name t already exists" in exists["Error"]["Message"]
    for name, body in (("x" * 37, BODY), ("bad name", BODY), ("u", "not json"), ("u", json.dumps({"Resources": {"x": {"Type": "AWS::S3::Bucket"}}})),
                       ("u", " " * 10241)):
        w.refused("InvalidRequestException", 400, iot.create_provisioning_template, templateName=name, templateBody=body, provisioningRoleArn=ROLE)
    w.refused("InvalidRequestException", 400, iot.create_provisioning_template, templateName="u", templateBody=BODY)
    got = iot.describe_provisioning_template(templateName="t")
    assert got["enabled"] is False and got["type"] == "FLEET_PROVISIONING" and got["preProvisioningHook"] == hook and got["templateBody"] == BODY
    assert got["description"] == "d" and got["provisioningRoleArn"] == ROLE
    w.refused("ResourceNotFoundException", 404, iot.describe_provisioning_template, templateName="nobody")
    iot.update_provisioning_template(templateName="t", enabled=True, description="e", removePreProvisioningHook=True)
    got = iot.describe_provisioning_template(templateName="t")
    assert got["enabled"] is True and got["description"] == "e" and "preProvisioningHook" not in got
    w.refused("ResourceNotFoundException", 404, iot.update_provisioning_template, templateName="nobody", enabled=True)
    version = iot.create_provisioning_template_version(templateName="t", templateBody=BODY, setAsDefault=True)
    assert version["versionId"] == 2 and version["isDefaultVersion"] is True
    w.refused("ResourceNotFoundException", 404, iot.create_provisioning_template_version, templateName="nobody", templateBody=BODY)
    for _ in range(3):
        iot.create_provisioning_template_version(templateName="t", templateBody=BODY)
    w.refused("VersionsLimitExceededException", 409, iot.create_provisioning_template_version, templateName="t", templateBody=BODY)
    assert iot.describe_provisioning_template_version(templateName="t", versionId=2)["isDefaultVersion"] is True
    w.refused("ResourceNotFoundException", 404, iot.describe_provisioning_template_version, templateName="t", versionId=99)
    items, pages = all_pages(iot.list_provisioning_template_versions, "versions", "nextToken", "nextToken", "maxResults", 2, templateName="t")
    assert sorted(v["versionId"] for v in items) == [1, 2, 3, 4, 5] and pages == 3
    w.refused("DeleteConflictException", 409, iot.delete_provisioning_template_version, templateName="t", versionId=2)
    iot.delete_provisioning_template_version(templateName="t", versionId=5)
    w.refused("ResourceNotFoundException", 404, iot.delete_provisioning_template_version, templateName="t", versionId=5)
    iot.update_provisioning_template(templateName="t", defaultVersionId=1)
    for i in range(4):
        iot.create_provisioning_template(templateName="page%d" % i, templateBody=BODY, provisioningRoleArn=ROLE, enabled=True)
    items, pages = all_pages(iot.list_provisioning_templates, "templates", "nextToken", "nextToken", "maxResults", 2)
    assert [t["templateName"] for t in items] == ["page0", "page1", "page2", "page3", "t"] and pages == 3
    claim = iot.create_provisioning_claim(templateName="t")
    assert claim["keyPair"]["PrivateKey"] and claim["certificatePem"] and claim["expiration"].year >= 2020
    assert claim["certificateId"] not in [c["certificateId"] for c in iot.list_certificates()["certificates"]]
    w.refused("ResourceNotFoundException", 404, iot.create_provisioning_claim, templateName="nobody")
    for version_id in (2, 3, 4):
        iot.delete_provisioning_template_version(templateName="t", versionId=version_id)
    iot.delete_provisioning_template(templateName="t")
    w.refused("ResourceNotFoundException", 404, iot.delete_provisioning_template, templateName="t")


@case
def register_thing_over_http(w):
    iot = w.iot
    iot.create_policy(policyName="registered", policyDocument=statement())
    w.openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=bulk", "-keyout", "b.key", "-out", "b.csr")
    with open(os.path.join(w.folder, "b.csr"), encoding="ascii") as file:
        csr = file.read()
    body = json.dumps({
        "Parameters": {"ThingName": {"Type": "String"}, "CSR": {"Type": "String"}},
        "Resources": {
            "thing": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": {"Ref": "ThingName"}}},
            "certificate": {"Type": "AWS::IoT::Certificate", "Properties": {"CertificateSigningRequest": {"Ref": "CSR"}, "Status": "ACTIVE"}},
            "policy": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyName": "registered"}}}})
    made = iot.register_thing(templateBody=body, parameters={"ThingName": "bulk-1", "CSR": csr})
    assert made["certificatePem"].startswith("-----BEGIN CERTIFICATE-----")
    assert made["resourceArns"]["thing"] == ARN + "thing/bulk-1" and ":cert/" in made["resourceArns"]["certificate"]
    assert iot.list_attached_policies(target=made["resourceArns"]["certificate"])["policies"][0]["policyName"] == "registered"
    # The policy's name in the template takes nobody's place, and where there is no certificate there is no certificatePem.
    bare = json.loads(body)
    bare["Resources"] = {"mine": bare["Resources"]["thing"], "thing": bare["Resources"]["policy"]}
    made = iot.register_thing(templateBody=json.dumps(bare), parameters={"ThingName": "bulk-3", "CSR": csr})
    assert made["resourceArns"] == {"thing": ARN + "thing/bulk-3", "registered": ARN + "policy/registered"} and "certificatePem" not in made
    bare["Resources"]["mine"]["OverrideSettings"] = {"AttributePayload": "FAIL"}
    w.refused("ConflictingResourceUpdateException", 409, iot.register_thing, templateBody=json.dumps(bare), parameters={"ThingName": "bulk-3", "CSR": csr})
    # A certificate of one's own goes by the rules of RegisterCertificate.
    ca_pem = w.own_certificate("bulk-ca")
    signed = w.own_certificate("bulk-signed", ca="bulk-ca")
    brought = json.dumps({"Resources": {"thing": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": "bulk-4"}},
                                        "certificate": {"Type": "AWS::IoT::Certificate", "Properties": {"CertificatePem": signed}}}})
    w.refused("ResourceRegistrationFailureException", 400, iot.register_thing, templateBody=brought)
    ca = iot.register_ca_certificate(caCertificate=ca_pem, setAsActive=True)["certificateId"]
    certificate = iot.register_thing(templateBody=brought)["resourceArns"]["certificate"].split("/")[1]
    assert iot.describe_certificate(certificateId=certificate)["certificateDescription"]["caCertificateId"] == ca
    for bad, parameters in ((json.dumps(body), {}), ("", {}), (body, {"ThingName": "bulk-2"}), (body, {"ThingName": "no/slash", "CSR": csr})):
        try:
            iot.register_thing(templateBody=bad, parameters=parameters)
        except ClientError as error:
            assert error.response["Error"]["Code"] in ("InvalidRequestException", "ResourceRegistrationFailureException"), error.response
        else:
            raise AssertionError(bad)


@case
def things(w):
    iot = w.iot
    iot.create_thing_type(thingTypeName="sensor", thingTypeProperties={"thingTypeDescription": "d", "searchableAttributes": ["room"]})
    made = iot.create_thing(thingName="t1", thingTypeName="sensor", attributePayload={"attributes": {"room": "12"}})
    assert made["thingArn"] == ARN + "thing/t1"
    again = iot.create_thing(thingName="t1", thingTypeName="sensor", attributePayload={"attributes": {"room": "12"}})
    assert again["thingId"] == made["thingId"]
    w.refused("ResourceAlreadyExistsException", 409, iot.create_thing, thingName="t1")
    w.refused("ResourceNotFoundException", 404, iot.create_thing, thingName="t2", thingTypeName="nobody")
    # Names in bodies and queries go by the same rules as names in paths.
    for method, path, body in (("POST", "/things/x", {"thingTypeName": ""}), ("POST", "/things/x", {"billingGroupName": "a b"}),
                               ("POST", "/thing-groups/x", {"parentGroupName": ""}), ("PATCH", "/things/t1", {"thingTypeName": "a b"}),
                               ("PUT", "/thing-groups/addThingToThingGroup", {"thingGroupName": "a b", "thingName": "t1"}),
                               ("GET", "/things?thingTypeName=a%20b", None), ("GET", "/things?attributeName=a%20b", None),
                               ("GET", "/cacertificates?templateName=a%20b", None), ("POST", "/effective-policies?thingName=a%20b", {}),
                               ("POST", "/things/x", {"attributePayload": {"merge": "yes"}}),
                               ("POST", "/thing-types/x", {"thingTypeProperties": {"thingTypeDescription": "a\nb"}}),
                               ("POST", "/thing-types/x", {"thingTypeProperties": {"mqtt5Configuration": {"propagatingAttributes": [{"userPropertyKey": "a b"}]}}})):
        assert w.http(method, path, body)[0] == 400, (method, path, body)
    for name in ("bad name", "x" * 129, "a*b"):
        w.refused("InvalidRequestException", 400, iot.create_thing, thingName=name)
    w.refused("InvalidRequestException", 400, iot.create_thing, thingName="t2", attributePayload={"attributes": {"bad name": "1"}})
    w.refused("InvalidRequestException", 400, iot.create_thing, thingName="t2", attributePayload={"attributes": {"a": "1", "b": "2", "c": "3", "d": "4"}})
    got = iot.describe_thing(thingName="t1")
    assert got["defaultClientId"] == "t1" and got["thingTypeName"] == "sensor" and got["version"] == 1 and got["attributes"] == {"room": "12"}
    w.refused("ResourceNotFoundException", 404, iot.describe_thing, thingName="nobody")
    iot.update_thing(thingName="t1", attributePayload={"attributes": {"floor": "1"}, "merge": True}, expectedVersion=1)
    got = iot.describe_thing(thingName="t1")
    assert got["attributes"] == {"room": "12", "floor": "1"} and got["version"] == 2
    conflict = w.refused("VersionConflictException", 409, iot.update_thing, thingName="t1", expectedVersion=1, removeThingType=True)
    assert conflict["Error"]["Message"] == "The version for thing t1 does not match the expected version."
    iot.update_thing(thingName="t1", removeThingType=True, attributePayload={"attributes": {}})
    assert "thingTypeName" not in iot.describe_thing(thingName="t1")
    w.refused("ResourceNotFoundException", 404, iot.update_thing, thingName="nobody", removeThingType=True)
    for i in range(4):
        iot.create_thing(thingName="page%d" % i, attributePayload={"attributes": {"n": str(i % 2)}})
    items, pages = all_pages(iot.list_things, "things", "nextToken", "nextToken", "maxResults", 2)
    assert [t["thingName"] for t in items] == ["page0", "page1", "page2", "page3", "t1"] and pages == 3
    assert [t["thingName"] for t in iot.list_things(attributeName="n", attributeValue="1")["things"]] == ["page1", "page3"]
    assert iot.list_things(thingTypeName="sensor")["things"] == []
    w.refused("VersionConflictException", 409, iot.delete_thing, thingName="t1", expectedVersion=99)
    certificate = iot.create_keys_and_certificate(setAsActive=True)["certificateArn"]
    iot.attach_thing_principal(thingName="t1", principal=certificate)
    w.refused("InvalidRequestException", 400, iot.delete_thing, thingName="t1")
    iot.attach_thing_principal(thingName="page0", principal=certificate)
    w.refused("ResourceNotFoundException", 404, iot.attach_thing_principal, thingName="nobody", principal=certificate)
    w.refused("ResourceNotFoundException", 404, iot.attach_thing_principal, thingName="t1", principal=ARN + "cert/" + "0" * 64)
    assert iot.list_thing_principals(thingName="t1")["principals"] == [certificate]
    w.refused("ResourceNotFoundException", 404, iot.list_thing_principals, thingName="nobody")
    items, pages = all_pages(iot.list_principal_things, "things", "nextToken", "nextToken", "maxResults", 1, principal=certificate)
    assert items == ["page0", "t1"] and pages == 2
    if hasattr(iot, "list_thing_principals_v2"):
        assert iot.list_thing_principals_v2(thingName="t1")["thingPrincipalObjects"][0]["thingPrincipalType"] == "NON_EXCLUSIVE_THING"
    status, body, _ = w.http("GET", "/things/t1/principals-v2")
    assert status == 200 and body == {"thingPrincipalObjects": [{"principal": certificate, "thingPrincipalType": "NON_EXCLUSIVE_THING"}]}
    status, body, _ = w.http("GET", "/principals/things-v2", headers={"x-amzn-principal": certificate})
    assert status == 200 and len(body["principalThingObjects"]) == 2
    iot.detach_thing_principal(thingName="t1", principal=certificate)
    iot.delete_thing(thingName="t1")
    iot.delete_thing(thingName="t1")


@case
def types_and_groups(w):
    iot = w.iot
    kind = iot.create_thing_type(thingTypeName="k")
    assert kind["thingTypeArn"] == ARN + "thingtype/k"
    assert iot.create_thing_type(thingTypeName="k")["thingTypeId"] == kind["thingTypeId"]
    w.refused("ResourceAlreadyExistsException", 409, iot.create_thing_type, thingTypeName="k", thingTypeProperties={"thingTypeDescription": "other"})
    assert iot.describe_thing_type(thingTypeName="k")["thingTypeMetadata"]["deprecated"] is False
    iot.deprecate_thing_type(thingTypeName="k")
    assert "deprecationDate" in iot.describe_thing_type(thingTypeName="k")["thingTypeMetadata"]
    w.refused("InvalidRequestException", 400, iot.create_thing, thingName="of-k", thingTypeName="k")
    iot.deprecate_thing_type(thingTypeName="k", undoDeprecate=True)
    w.refused("ResourceNotFoundException", 404, iot.describe_thing_type, thingTypeName="nobody")
    for i in range(3):
        iot.create_thing_type(thingTypeName="kind%d" % i)
    items, pages = all_pages(iot.list_thing_types, "thingTypes", "nextToken", "nextToken", "maxResults", 2)
    assert [t["thingTypeName"] for t in items] == ["k", "kind0", "kind1", "kind2"] and pages == 2
    group = iot.create_thing_group(thingGroupName="g", thingGroupProperties={"thingGroupDescription": "d", "attributePayload": {"attributes": {"a": "1"}}})
    assert iot.create_thing_group(thingGroupName="g", thingGroupProperties={"thingGroupDescription": "d", "attributePayload": {"attributes": {"a": "1"}}})["thingGroupId"] == group["thingGroupId"]
    w.refused("ResourceAlreadyExistsException", 409, iot.create_thing_group, thingGroupName="g")
    w.refused("ResourceNotFoundException", 404, iot.create_thing_group, thingGroupName="h", parentGroupName="nobody")
    got = iot.describe_thing_group(thingGroupName="g")
    assert got["thingGroupProperties"]["attributePayload"]["attributes"] == {"a": "1"} and got["version"] == 1
    w.refused("ResourceNotFoundException", 404, iot.describe_thing_group, thingGroupName="nobody")
    for i in range(3):
        iot.create_thing(thingName="m%d" % i)
        iot.add_thing_to_thing_group(thingGroupName="g", thingName="m%d" % i)
    iot.add_thing_to_thing_group(thingGroupArn=group["thingGroupArn"], thingArn=ARN + "thing/m0")
    w.refused("ResourceNotFoundException", 404, iot.add_thing_to_thing_group, thingGroupName="nobody", thingName="m0")
    w.refused("ResourceNotFoundException", 404, iot.add_thing_to_thing_group, thingGroupName="g", thingName="nobody")
    items, pages = all_pages(iot.list_things_in_thing_group, "things", "nextToken", "nextToken", "maxResults", 2, thingGroupName="g")
    assert items == ["m0", "m1", "m2"] and pages == 2
    assert iot.list_thing_groups_for_thing(thingName="m0")["thingGroups"] == [{"groupName": "g", "groupArn": group["thingGroupArn"]}]
    iot.remove_thing_from_thing_group(thingGroupName="g", thingName="m0")
    assert iot.list_thing_groups_for_thing(thingName="m0")["thingGroups"] == []
    assert [g["groupName"] for g in iot.list_thing_groups()["thingGroups"]] == ["g"]
    iot.delete_thing_group(thingGroupName="g")


@case
def tags(w):
    iot = w.iot
    policy = iot.create_policy(policyName="p", policyDocument=statement("*"), tags=[{"Key": "team", "Value": "a"}])["policyArn"]
    kind = iot.create_thing_type(thingTypeName="k", tags=[{"Key": "team", "Value": "a"}])["thingTypeArn"]
    for arn in (policy, kind):
        assert iot.list_tags_for_resource(resourceArn=arn)["tags"] == [{"Key": "team", "Value": "a"}]
        iot.tag_resource(resourceArn=arn, tags=[{"Key": "team", "Value": "b"}, {"Key": "stage", "Value": "test"}])
        iot.untag_resource(resourceArn=arn, tagKeys=["team", "never"])
        assert iot.list_tags_for_resource(resourceArn=arn)["tags"] == [{"Key": "stage", "Value": "test"}]
    for call, more in ((iot.list_tags_for_resource, {}), (iot.tag_resource, {"tags": []}), (iot.untag_resource, {"tagKeys": []})):
        w.refused("ResourceNotFoundException", 404, call, resourceArn=ARN + "policy/nobody", **more)
        w.refused("InvalidRequestException", 400, call, resourceArn=ARN + "thing/t", **more)
    w.refused("InvalidRequestException", 400, iot.list_tags_for_resource, resourceArn=policy, nextToken="x")
    w.refused("LimitExceededException", 410, iot.tag_resource, resourceArn=policy, tags=[{"Key": "k%d" % i} for i in range(50)])
    assert iot.list_tags_for_resource(resourceArn=policy)["tags"] == [{"Key": "stage", "Value": "test"}]


@case
def authorization_and_endpoint(w):
    iot = w.iot
    for kind in ("iot:Data", "iot:Data-ATS", "iot:CredentialProvider", "iot:Jobs"):
        assert iot.describe_endpoint(endpointType=kind)["endpointAddress"] == w.mock.host
    w.refused("InvalidRequestException", 400, iot.describe_endpoint, endpointType="iot:Nonsense")
    iot.create_policy(policyName="allow", policyDocument=statement(ARN + "topic/a/*", "iot:Publish"))
    iot.create_policy(policyName="deny", policyDocument=statement(ARN + "topic/a/secret", "iot:Publish", "Deny"))
    arn = iot.create_keys_and_certificate(setAsActive=True)["certificateArn"]
    iot.attach_policy(policyName="allow", target=arn)

    def ask(topic, **more):
        return iot.test_authorization(principal=arn, authInfos=[{"actionType": "PUBLISH", "resources": [ARN + "topic/" + topic]}], **more)["authResults"][0]

    allowed = ask("a/b")
    assert allowed["authDecision"] == "ALLOWED" and [p["policyName"] for p in allowed["allowed"]["policies"]] == ["allow"]
    assert ask("b")["authDecision"] == "IMPLICIT_DENY"
    denied = ask("a/secret", policyNamesToAdd=["deny"])
    assert denied["authDecision"] == "EXPLICIT_DENY" and [p["policyName"] for p in denied["denied"]["explicitDeny"]["policies"]] == ["deny"]
    assert ask("a/b", policyNamesToSkip=["allow"])["authDecision"] == "IMPLICIT_DENY"
    assert [p["policyName"] for p in ask("b", policyNamesToAdd=["allow", "allow"])["denied"]["implicitDeny"]["policies"]] == ["allow"]
    w.refused("InvalidRequestException", 400, iot.test_authorization, principal=arn, policyNamesToAdd=["a b"],
              authInfos=[{"actionType": "CONNECT", "resources": [ARN + "client/c"]}])
    w.refused("InvalidRequestException", 400, iot.test_authorization, principal=arn, authInfos=[])
    w.refused("ResourceNotFoundException", 404, iot.test_authorization, principal=ARN + "cert/" + "0" * 64,
              authInfos=[{"actionType": "CONNECT", "resources": [ARN + "client/c"]}])


@case
def data_plane(w):
    for i in range(3):
        w.data.publish(topic="kept/%d" % i, qos=1, retain=True, payload=b"\x00value %d" % i)
    got = w.data.get_retained_message(topic="kept/1")
    assert got["payload"] == b"\x00value 1" and got["qos"] == 1 and got["topic"] == "kept/1" and got["lastModifiedTime"] > 1_600_000_000_000
    items, pages = all_pages(w.data.list_retained_messages, "retainedTopics", "nextToken", "nextToken", "maxResults", 2)
    assert [(t["topic"], t["payloadSize"]) for t in items] == [("kept/0", 8), ("kept/1", 8), ("kept/2", 8)] and pages == 2
    w.data.publish(topic="kept/1", retain=True, payload=b"")
    w.refused("ResourceNotFoundException", 404, w.data.get_retained_message, topic="kept/1")
    w.refused("InvalidRequestException", 400, w.data.publish, topic="a/+/b", payload=b"")
    w.refused("InvalidRequestException", 400, w.data.publish, topic="a", qos=2, payload=b"")
    w.refused("ForbiddenException", 403, w.data.publish, topic="$aws/certificates/create/json/accepted", payload=b"")
    w.refused("ForbiddenException", 403, w.data.publish, topic="$aws/nonsense", payload=b"")
    made = w.iot.create_keys_and_certificate(setAsActive=True)
    w.iot.create_policy(policyName="all", policyDocument=statement(action="iot:*"))
    w.iot.attach_policy(policyName="all", target=made["certificateArn"])
    identity = save(w.folder, {"certificatePem": made["certificatePem"], "privateKey": made["keyPair"]["PrivateKey"]})
    client = Client(w.mock, identity, "live")
    assert client.subscribe("from/http") == [1]
    w.data.publish(topic="from/http", qos=1, payload=b"to the session")
    assert client.message().payload == b"to the session"
    assert w.http("DELETE", "/connections/live")[0] == 200
    client.wait_closed()
    status, _, headers = w.http("DELETE", "/connections/nobody")
    assert status == 404 and headers["x-amzn-errortype"] == "ResourceNotFoundException"


@case
def errors_of_http_itself(w):
    status, body, _ = w.mock.http("GET", "/no/such/operation")
    assert status == 501 and "GET" in body["message"] and "/no/such/operation" in body["message"]
    status, body, _ = w.mock.http("PUT", "/policies/x")
    assert status == 501 and "PUT" in body["message"]
    for bad in (b"{", b"[]", b"\xff\xfe", b'"text"', b'{"policyDocument":5}', b"[" * 5000):
        status, body, headers = w.mock.http("POST", "/policies/x", bad)
        assert status == 400 and headers["x-amzn-errortype"] == "InvalidRequestException", (bad, status, body)
    status, _, _ = w.mock.http("GET", "/things", headers={"Host": "evil.example"})
    assert status == 403
    status, _, _ = w.mock.http("GET", "/things/%zz")
    assert status == 400


@case
def what_was_missing(w):
    """Errors and pages that no story above needs."""
    iot = w.iot
    nothing = ARN + "cert/" + "0" * 64
    for i in range(3):
        iot.create_policy(policyName="p%d" % i, policyDocument=statement())
        iot.create_thing_group(thingGroupName="g%d" % i)
        iot.create_billing_group(billingGroupName="b%d" % i, billingGroupProperties={"billingGroupDescription": "d"})
    assert iot.create_billing_group(billingGroupName="b0", billingGroupProperties={"billingGroupDescription": "d"})["billingGroupArn"] == ARN + "billinggroup/b0"
    w.refused("ResourceAlreadyExistsException", 409, iot.create_billing_group, billingGroupName="b0")
    w.refused("ResourceNotFoundException", 404, iot.describe_billing_group, billingGroupName="nobody")
    got = iot.describe_billing_group(billingGroupName="b0")
    assert got["billingGroupProperties"]["billingGroupDescription"] == "d" and got["version"] == 1
    w.refused("VersionConflictException", 409, iot.delete_billing_group, billingGroupName="b0", expectedVersion=9)
    w.refused("VersionConflictException", 409, iot.delete_thing_group, thingGroupName="g0", expectedVersion=9)

    made = iot.create_keys_and_certificate(setAsActive=True)
    arn = made["certificateArn"]
    for i in range(3):
        iot.create_thing(thingName="t%d" % i)
        iot.attach_thing_principal(thingName="t%d" % i, principal=arn)
        iot.attach_thing_principal(thingName="t0", principal=iot.create_keys_and_certificate()["certificateArn"])
        iot.attach_policy(policyName="p0", target=iot.create_keys_and_certificate()["certificateArn"])
        iot.add_thing_to_thing_group(thingGroupName="g%d" % i, thingName="t0")
    for call, items, size, arguments in (
            (iot.list_thing_groups, "thingGroups", 3, {}), (iot.list_billing_groups, "billingGroups", 3, {}),
            (iot.list_thing_groups_for_thing, "thingGroups", 3, {"thingName": "t0"}), (iot.list_thing_principals, "principals", 4, {"thingName": "t0"})):
        found, pages = all_pages(call, items, "nextToken", "nextToken", "maxResults", 2, **arguments)
        assert (len(found), pages) == (size, 2), (items, found, pages)
    found, pages = all_pages(iot.list_targets_for_policy, "targets", "nextMarker", "marker", "pageSize", 2, policyName="p0")
    assert len(set(found)) == 3 and pages == 2
    for path, member, headers in (("/things/t0/principals-v2", "thingPrincipalObjects", None), ("/principals/things-v2", "principalThingObjects", {"x-amzn-principal": arn})):
        _, first, _ = w.http("GET", path + "?maxResults=2", headers=headers)
        _, second, _ = w.http("GET", path + "?maxResults=2&nextToken=" + first["nextToken"].replace("=", "%3D"), headers=headers)
        assert len(first[member]) == 2 and len(second[member]) in (1, 2) and "nextToken" not in second
    assert w.http("GET", "/things/nobody/principals-v2")[0] == 404
    assert w.http("GET", "/principals/things-v2", headers={"x-amzn-principal": nothing})[0] == 404

    for missing, arguments in ((iot.detach_thing_principal, {"thingName": "nobody", "principal": arn}), (iot.list_principal_things, {"principal": nothing}),
                               (iot.list_attached_policies, {"target": nothing}), (iot.attach_principal_policy, {"policyName": "nobody", "principal": arn}),
                               (iot.detach_principal_policy, {"policyName": "nobody", "principal": arn}), (iot.deprecate_thing_type, {"thingTypeName": "nobody"}),
                               (iot.delete_thing_type, {"thingTypeName": "nobody"}), (iot.get_effective_policies, {"thingName": "nobody"}),
                               (iot.list_provisioning_template_versions, {"templateName": "nobody"}), (iot.list_thing_groups, {"parentGroup": "nobody"}),
                               (iot.list_thing_groups_for_thing, {"thingName": "nobody"}), (iot.list_things_in_thing_group, {"thingGroupName": "nobody"}),
                               (iot.remove_thing_from_thing_group, {"thingGroupName": "nobody", "thingName": "t0"}),
                               (iot.update_ca_certificate, {"certificateId": "0" * 64, "newStatus": "INACTIVE"}), (iot.delete_ca_certificate, {"certificateId": "0" * 64})):
        w.refused("ResourceNotFoundException", 404, missing, **arguments)

    iot.create_thing_type(thingTypeName="old")
    w.refused("InvalidRequestException", 400, iot.delete_thing_type, thingTypeName="old")
    iot.deprecate_thing_type(thingTypeName="old")
    assert w.mock.http("POST", "/_mock/clock", {"advance_seconds": 301})[0] == 200
    iot.delete_thing_type(thingTypeName="old")
    iot.delete_billing_group(billingGroupName="b0", expectedVersion=1)

    for i in range(10):
        iot.create_policy(policyName="limit%d" % i, policyDocument=statement())
        iot.attach_principal_policy(policyName="limit%d" % i, principal=arn)
    w.refused("LimitExceededException", 410, iot.attach_principal_policy, policyName="p1", principal=arn)
    for i in range(256):
        iot.create_provisioning_template(templateName="t%d" % i, templateBody=BODY, provisioningRoleArn=ROLE)
    w.refused("LimitExceededException", 410, iot.create_provisioning_template, templateName="t256", templateBody=BODY, provisioningRoleArn=ROLE)
    w.refused("MalformedPolicyException", 400, iot.create_policy_version, policyName="p0", policyDocument="[]")


@case
def certificate_authorities(w):
    iot = w.iot
    roots = [w.own_certificate("root%d" % i) for i in range(3)]
    ids = [iot.register_ca_certificate(caCertificate=pem, setAsActive=True)["certificateId"] for pem in roots]
    found, pages = all_pages(iot.list_ca_certificates, "certificates", "nextMarker", "marker", "pageSize", 2)
    assert [c["certificateId"] for c in found] == ids and pages == 2
    w.refused("ResourceAlreadyExistsException", 409, iot.register_ca_certificate, caCertificate=roots[0])
    w.refused("CertificateValidationException", 400, iot.register_ca_certificate, caCertificate=w.own_certificate("leaf0", ca="root0"))
    w.refused("CertificateStateException", 406, iot.delete_ca_certificate, certificateId=ids[0])
    stranger = w.own_certificate("stranger")
    w.refused("CertificateValidationException", 400, iot.register_certificate, certificatePem=w.own_certificate("of-stranger", ca="stranger"), caCertificatePem=stranger)
    iot.update_ca_certificate(certificateId=ids[0], newStatus="INACTIVE", newAutoRegistrationStatus="ENABLE")
    described = iot.describe_ca_certificate(certificateId=ids[0])["certificateDescription"]
    assert described["status"] == "INACTIVE" and described["autoRegistrationStatus"] == "ENABLE"
    w.refused("CertificateStateException", 406, iot.register_certificate, certificatePem=w.own_certificate("late", ca="root0"), caCertificatePem=roots[0])
    # Two CAs with one name and one key fit the same certificate.
    w.openssl("req", "-x509", "-new", "-key", "root1.key", "-days", "31", "-subj", "/O=interop/CN=root1", "-out", "twin.pem")
    with open(os.path.join(w.folder, "twin.pem"), encoding="ascii") as file:
        iot.register_ca_certificate(caCertificate=file.read(), setAsActive=True)
    torn = w.own_certificate("torn", ca="root1")
    w.refused("CertificateConflictException", 409, iot.register_certificate, certificatePem=torn)
    assert iot.register_certificate(certificatePem=torn, caCertificatePem=roots[1], status="ACTIVE")["certificateId"]
    iot.create_provisioning_template(templateName="jitp", templateBody=JITP_BODY, provisioningRoleArn=ROLE, type="JITP")
    # Older models have no template name in the registration config.
    assert w.http("PUT", "/cacertificate/" + ids[2], {"registrationConfig": {"templateName": "jitp"}})[0] == 200
    w.refused("DeleteConflictException", 409, iot.delete_provisioning_template, templateName="jitp")
    assert w.http("PUT", "/cacertificate/" + ids[2], {"registrationConfig": {"templateName": "nobody"}})[0] == 404
    assert w.http("POST", "/cacertificate", {"caCertificate": w.own_certificate("ca0"), "registrationConfig": {"templateName": "nobody"}})[0] == 404


JITP_BODY = json.dumps({
    "Parameters": {"AWS::IoT::Certificate::CommonName": {"Type": "String"}, "AWS::IoT::Certificate::Id": {"Type": "String"}},
    "Resources": {
        "thing": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": {"Ref": "AWS::IoT::Certificate::CommonName"}}},
        "certificate": {"Type": "AWS::IoT::Certificate", "Properties": {"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}, "Status": "ACTIVE"}}}})


@case
def nonsense_is_an_invalid_request(w):
    """One call of each operation that can never be right, so that each has answered InvalidRequestException."""
    bad, iot = "bad name!", w.iot
    arn = iot.create_keys_and_certificate(setAsActive=True)["certificateArn"]
    calls = {
        "add_thing_to_thing_group": {}, "remove_thing_from_thing_group": {}, "create_keys_and_certificate": {"setAsActive": "maybe"},
        "get_effective_policies": {"principal": 5}, "register_ca_certificate": {"caCertificate": "x", "certificateMode": "NONE"},
        "register_certificate": {"certificatePem": "x", "status": "NONE"}, "register_thing": {}, "register_certificate_without_ca": {"certificatePem": "x", "status": "NONE"},
        "list_principal_things": {"principal": arn, "maxResults": 0}, "list_attached_policies": {"target": arn, "pageSize": 251}}
    for name in ("list_policies", "list_certificates", "list_ca_certificates"):
        calls[name] = {"marker": "!"}
    for name in ("list_things", "list_thing_types", "list_thing_groups", "list_billing_groups", "list_provisioning_templates"):
        calls[name] = {"nextToken": "!"}
    for member, names in {
            "policyName": "create_policy get_policy delete_policy create_policy_version get_policy_version list_policy_versions delete_policy_version "
                          "set_default_policy_version attach_policy detach_policy attach_principal_policy detach_principal_policy list_targets_for_policy",
            "certificateId": "describe_certificate update_certificate delete_certificate describe_ca_certificate update_ca_certificate delete_ca_certificate",
            "templateName": "describe_provisioning_template update_provisioning_template delete_provisioning_template create_provisioning_template_version "
                            "describe_provisioning_template_version list_provisioning_template_versions delete_provisioning_template_version create_provisioning_claim",
            "thingName": "create_thing describe_thing update_thing delete_thing attach_thing_principal detach_thing_principal list_thing_principals list_thing_groups_for_thing",
            "thingTypeName": "create_thing_type describe_thing_type deprecate_thing_type delete_thing_type",
            "thingGroupName": "create_thing_group describe_thing_group delete_thing_group list_things_in_thing_group",
            "billingGroupName": "create_billing_group describe_billing_group delete_billing_group"}.items():
        for name in names.split():
            calls[name] = {member: bad, "policyVersionId": "1", "versionId": 1, "policyDocument": statement(), "templateBody": BODY, "target": arn, "principal": arn}
    for name, arguments in calls.items():
        known = iot.meta.service_model.operation_model(iot.meta.method_to_api_mapping[name]).input_shape.members
        w.refused("InvalidRequestException", 400, getattr(iot, name), **{k: v for k, v in arguments.items() if k in known})
    w.refused("InvalidRequestException", 400, iot.get_policy_version, policyName="p", policyVersionId="one")
    w.refused("InvalidRequestException", 400, w.data.list_retained_messages, maxResults=0)
    w.refused("InvalidRequestException", 400, w.data.get_retained_message, topic="a/+/b")
    assert w.http("DELETE", "/connections/c?cleanSession=maybe")[0] == 400
    assert w.http("GET", "/things/t/principals-v2?thingPrincipalType=NONE")[0] == 400
    assert w.http("GET", "/principals/things-v2")[0] == 400


@case
def storage_that_fails_is_an_internal_failure(w):
    """With no room to write every change is a 500 and changes nothing; with room again the same calls succeed."""
    iot = w.iot
    own = w.own_certificate("own")
    w.own_certificate("issuer")
    with open(os.path.join(w.folder, "issuer.pem"), encoding="ascii") as file:
        issuer = file.read()
    first_ca = iot.register_ca_certificate(caCertificate=w.own_certificate("first-ca"), setAsActive=True)["certificateId"]
    by_ca = w.own_certificate("by-ca", ca="first-ca")
    w.openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=d", "-keyout", "s.key", "-out", "s.csr")
    with open(os.path.join(w.folder, "s.csr"), encoding="ascii") as file:
        csr = file.read()
    certificate = iot.create_keys_and_certificate(setAsActive=True)
    arn, spare = certificate["certificateArn"], iot.create_keys_and_certificate()["certificateId"]
    for name in ("p", "q", "r"):
        iot.create_policy(policyName=name, policyDocument=statement())
    iot.create_policy_version(policyName="p", policyDocument=statement())
    iot.create_policy_version(policyName="p", policyDocument=statement())
    for name in ("t", "u"):
        iot.create_provisioning_template(templateName=name, templateBody=BODY, provisioningRoleArn=ROLE, enabled=True)
        iot.create_thing(thingName=name)
        iot.create_thing_type(thingTypeName=name)
        iot.create_thing_group(thingGroupName=name)
        iot.create_billing_group(billingGroupName=name)
    iot.create_provisioning_template_version(templateName="t", templateBody=BODY)
    iot.deprecate_thing_type(thingTypeName="u")
    assert w.mock.http("POST", "/_mock/clock", {"advance_seconds": 301})[0] == 200
    bulk = json.dumps({
        "Parameters": {"CSR": {"Type": "String"}},
        "Resources": {"thing": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": "bulk"}},
                      "certificate": {"Type": "AWS::IoT::Certificate", "Properties": {"CertificateSigningRequest": {"Ref": "CSR"}, "Status": "ACTIVE"}}}})
    changes = [
        (iot.create_policy, {"policyName": "new", "policyDocument": statement()}),
        (iot.create_policy_version, {"policyName": "p", "policyDocument": statement()}),
        (iot.set_default_policy_version, {"policyName": "p", "policyVersionId": "3"}),
        (iot.delete_policy_version, {"policyName": "p", "policyVersionId": "2"}),
        (iot.attach_policy, {"policyName": "p", "target": arn}), (iot.detach_policy, {"policyName": "p", "target": arn}),
        (iot.attach_principal_policy, {"policyName": "q", "principal": arn}), (iot.detach_principal_policy, {"policyName": "q", "principal": arn}),
        (iot.delete_policy, {"policyName": "r"}),
        (iot.create_keys_and_certificate, {}), (iot.create_certificate_from_csr, {"certificateSigningRequest": csr}),
        (iot.register_ca_certificate, {"caCertificate": issuer}), (iot.register_certificate, {"certificatePem": by_ca, "status": "ACTIVE"}),
        (iot.register_certificate_without_ca, {"certificatePem": own}),
        (iot.update_ca_certificate, {"certificateId": first_ca, "newStatus": "INACTIVE"}), (iot.delete_ca_certificate, {"certificateId": first_ca}),
        (iot.update_certificate, {"certificateId": spare, "newStatus": "REVOKED"}), (iot.delete_certificate, {"certificateId": spare}),
        (iot.create_provisioning_template, {"templateName": "new", "templateBody": BODY, "provisioningRoleArn": ROLE}),
        (iot.update_provisioning_template, {"templateName": "t", "description": "changed"}),
        (iot.create_provisioning_template_version, {"templateName": "t", "templateBody": BODY}),
        (iot.delete_provisioning_template_version, {"templateName": "t", "versionId": 2}),
        (iot.create_provisioning_claim, {"templateName": "t"}), (iot.delete_provisioning_template, {"templateName": "u"}),
        (iot.register_thing, {"templateBody": bulk, "parameters": {"CSR": csr}}),
        (iot.create_thing, {"thingName": "new"}), (iot.update_thing, {"thingName": "t", "attributePayload": {"attributes": {"a": "1"}}}),
        (iot.attach_thing_principal, {"thingName": "t", "principal": arn}), (iot.detach_thing_principal, {"thingName": "t", "principal": arn}),
        (iot.add_thing_to_thing_group, {"thingGroupName": "t", "thingName": "t"}), (iot.remove_thing_from_thing_group, {"thingGroupName": "t", "thingName": "t"}),
        (iot.delete_thing, {"thingName": "u"}),
        (iot.create_thing_type, {"thingTypeName": "new"}), (iot.deprecate_thing_type, {"thingTypeName": "t"}), (iot.delete_thing_type, {"thingTypeName": "u"}),
        (iot.create_thing_group, {"thingGroupName": "new"}), (iot.delete_thing_group, {"thingGroupName": "u"}),
        (iot.create_billing_group, {"billingGroupName": "new"}), (iot.delete_billing_group, {"billingGroupName": "u"}),
        (iot.tag_resource, {"resourceArn": ARN + "policy/p", "tags": [{"Key": "k", "Value": "v"}]}),
        (iot.untag_resource, {"resourceArn": ARN + "policy/p", "tagKeys": ["k"]})]

    def no_room(wanted):
        _, most = resource.prlimit(w.mock.broker_pid(), resource.RLIMIT_FSIZE)
        resource.prlimit(w.mock.broker_pid(), resource.RLIMIT_FSIZE, (0 if wanted else most, most))

    def world():
        return [w.mock.http("GET", path)[1] for path in ("/policies", "/certificates", "/cacertificates", "/provisioning-templates", "/things",
                                                         "/thing-types", "/thing-groups", "/billing-groups", "/things/t", "/provisioning-templates/t")]

    before = world()
    for call, arguments in changes:
        if any(word in call.__name__ for word in ("detach", "remove", "untag")) or call == iot.delete_ca_certificate or call == iot.delete_certificate:
            continue  # these undo the call before them: below
        no_room(True)
        w.refused("InternalFailureException", 500, call, **arguments)
        no_room(False)
    assert world() == before
    for call, arguments in changes:
        no_room(True)
        w.refused("InternalFailureException", 500, call, **arguments)
        no_room(False)
        call(**arguments)


@case
def every_route_is_the_models(_):
    """Method and path of each operation are those of AWS's service model."""
    import botocore
    root = os.path.join(os.path.dirname(botocore.__file__), "data")
    model = {}
    for service, date in (("iot", "2015-05-28"), ("iot-data", "2015-05-28")):
        with open(os.path.join(root, service, date, "service-2.json"), encoding="utf-8") as file:
            for name, operation in json.load(file)["operations"].items():
                model[name] = (operation["http"]["method"], operation["http"]["requestUri"])
    for name, method, path in COVERAGE.routes:
        if name in NEWER and name not in model:
            continue
        got_method, got_path = model[name]
        plain = "/".join("{}" if part.startswith("{") else part for part in path.split("/"))
        wanted = "/".join("{}" if part.startswith("{") else part for part in got_path.split("/"))
        assert (method, plain) == (got_method, wanted), (name, method, path, model[name])


def main():
    failed = 0
    for function in CASES:
        with tempfile.TemporaryDirectory() as folder, Mock("--empty") as mock:
            start = time.monotonic()
            try:
                function(World(mock, folder))
                print("ok   %s (%.1f s)" % (function.__name__, time.monotonic() - start))
            except Exception as problem:  # noqa: BLE001 - reported, counted, and the run fails
                failed += 1
                traceback.print_exc(file=sys.stdout)
                print("FAIL %s: %s: %s\n%s" % (function.__name__, type(problem).__name__, problem, mock.stderr()[-2000:]))
    for gap in COVERAGE.gaps():
        failed += 1
        print("GAP  " + gap)
    print(COVERAGE.summary())
    print("%d passed, %d failed" % (len(CASES) - failed, failed))
    sys.exit(1 if failed else 0)


main()
