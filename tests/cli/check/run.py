"""fleetprov check: kinds, severities, places, roles, exit statuses."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from tool import Folder, arn, expect, expect_json, policy, run, statement  # noqa: E402

clean = policy(
    statement("iot:Connect", arn("client/${iot:Connection.Thing.ThingName}"),
              Condition={"Bool": {"iot:Connection.Thing.IsAttached": "true"}}),
    statement("iot:Publish", arn("topic/d/${iot:Connection.Thing.ThingName}/up")),
    statement("iot:Receive", arn("topic/d/${iot:Connection.Thing.ThingName}/down")),
    statement("iot:Subscribe", arn("topicfilter/d/${iot:Connection.Thing.ThingName}/down")))

mismatch = """{
  "Version": "2012-10-17",
  "Statement": {
    "Effect": "Allow",
    "Action": "iot:Subscribe",
    "Resource": ["arn:aws:iot:us-east-1:123456789012:topic/\u00e4"]
  }
}
"""

template = {
    "Parameters": {"SerialNumber": {"Type": "String"}},
    "Resources": {
        "thing": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": {"Ref": "SerialNo"}}},
        "certificate": {"Type": "AWS::IoT::Certificate",
                        "Properties": {"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}, "Status": "Active"}}}}


def found(answer, rule):
    return [d for f in answer["files"] for d in f["diagnostics"] if d["rule"] == rule]


with Folder() as at:
    good = at.write("clean.json", clean)
    answer = expect_json(0, "check", "--format", "json", good)
    assert list(answer) == ["files", "errors", "warnings", "notes"], answer
    assert list(answer["files"][0]) == ["file", "kind", "diagnostics"]
    assert answer["files"][0]["file"] == str(good) and answer["files"][0]["kind"] == "policy"
    assert answer["errors"] == 0 and answer["warnings"] == 0, answer
    assert "no findings" in expect(0, "check", good).stdout or answer["notes"] > 0

    # members, places in code points, end exclusive, pointer of an object-form Statement
    bad = at.write("mismatch.json", mismatch)
    answer = expect_json(0, "check", "--format=json", bad)
    one = found(answer, "P014")[0]
    assert list(one) == ["rule", "name", "severity", "pointer", "line", "column", "end_line", "end_column", "message",
                         "help"], one
    assert one["name"] == "type-mismatch" and one["severity"] == "warning"
    assert one["pointer"] == "/Statement/Resource/0", one
    assert (one["line"], one["column"], one["end_line"]) == (6, 18, 6), one
    assert one["end_column"] == 18 + len('"arn:aws:iot:us-east-1:123456789012:topic/\u00e4"'), one

    # the text form: place, rule, source line, caret below the value
    lines = expect(0, "check", bad).stdout.splitlines()
    first = next(i for i, line in enumerate(lines) if "[P014 type-mismatch]" in line)
    assert lines[first].startswith(f"{bad}:6:18: warning: "), lines[first]
    assert lines[first + 1].strip() == '"Resource": ["arn:aws:iot:us-east-1:123456789012:topic/\u00e4"]', lines[first + 1]
    assert lines[first + 2].index("^") == lines[first + 1].index('"arn:'), lines[first:first + 3]
    assert "\x1b" not in "".join(lines), "colour only on a terminal"

    # --fail-on and --disable
    expect(1, "check", "--fail-on", "warning", bad)
    expect(0, "check", "--fail-on", "error", bad)
    quiet = expect_json(0, "check", "--format", "json", "--disable", "P014", "--disable", "mqtt-wildcard-literal", bad)
    assert not found(quiet, "P014")
    refused = expect(2, "check", "--disable", "P9999", bad)
    assert "unknown rule" in refused.stderr
    assert "did you mean `type-mismatch`" in expect(2, "check", "--disable", "type-mismach", bad).stderr
    expect(2, "check", "--disable", "J001", bad)

    # the order of members, --disable before the file, underscores in options
    expect(1, "check", "--fail_on=warning", bad)

    # not JSON is a finding, unreadable is not
    broken = at.write("broken.json", '{"Version": "2012-10-17",}')
    answer = expect_json(1, "check", "--format", "json", broken)
    assert answer["errors"] == 1 and found(answer, "J001")[0]["line"] == 1
    nbsp = at.write("nbsp.json", '{\n\u00a0"Version": "2012-10-17"}')
    one = found(expect_json(1, "check", "--format", "json", nbsp), "J002")[0]
    assert (one["line"], one["column"]) == (2, 1), one
    assert "cannot read" in expect(2, "check", at.path / "absent.json").stderr
    assert "folder" in expect(2, "check", at.path).stderr
    expect(2, "check", good, at.path / "absent.json")
    expect(2, "check")
    expect(2, "check", "--kind", "polcy", good)
    expect(2, "check", "--format", "yaml", good)

    # standard input
    assert expect_json(1, "check", "--format", "json", "-", stdin="[]")["files"][0]["file"] == "-"

    # kinds by content, and forced
    kinds = {
        "fleet-template": template,
        "jitp-template": {"Resources": {"thing": {"Type": "AWS::IoT::Thing", "Properties": {
            "ThingName": {"Ref": "AWS::IoT::Certificate::CommonName"}}}}},
        "registration-config": {"templateBody": "{}", "roleArn": "arn:aws:iam::123456789012:role/r"},
        "hook-request": {"claimCertificateId": "a", "certificateId": "b", "parameters": {}},
        "hook-response": {"allowProvisioning": True, "parameterOverrides": {}},
        "policy": clean,
    }
    serial = {"Fn::Sub": "x-${AWS::IoT::Certificate::SerialNumber}"}
    jitp = {"Parameters": {}, "Resources": {"thing": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": serial}}}}
    assert expect_json(1, "check", "--format", "json", "-", stdin=json.dumps(jitp))["files"][0]["kind"] == "jitp-template"
    jitp["DeviceConfiguration"] = {}
    assert expect_json(1, "check", "--format", "json", "-", stdin=json.dumps(jitp))["files"][0]["kind"] == "fleet-template"
    for kind, document in kinds.items():
        done = run("check", "--format", "json", at.write(kind + ".json", document))
        assert done.returncode in (0, 1), done.stderr
        assert json.loads(done.stdout)["files"][0]["kind"] == kind, (kind, done.stdout)
    forced = expect_json(1, "check", "--format", "json", "--kind", "fleet-template", good)
    assert forced["files"][0]["kind"] == "fleet-template" and forced["errors"] > 0

    # templates: the undeclared reference is an error at its place
    file = at.write("template.json", template)
    answer = expect_json(1, "check", "--format", "json", file)
    wrong = found(answer, "T010")[0]
    assert answer["files"][0]["kind"] == "fleet-template" and wrong["severity"] == "error", wrong
    assert wrong["pointer"].startswith("/Resources/thing/Properties/ThingName"), wrong
    assert "SerialNumber" in wrong["help"], wrong

    # the input of CreateProvisioningTemplate within the bounds of the API's model
    request = {"templateName": "T", "provisioningRoleArn": "arn:aws:iam::123456789012:role/r", "templateBody": json.dumps(template),
               "preProvisioningHook": {"targetArn": "arn:aws:lambda:us-east-1:123456789012:function:f"}}
    for pointer, member in (("/description", {"description": "a\nb"}), ("/description", {"description": "a\u200bb"}),
                            ("/provisioningRoleArn", {"provisioningRoleArn": "arn"}),
                            ("/provisioningRoleArn", {"provisioningRoleArn": "arn:aws:iam::123456789012:role/" + "r" * 2048}),
                            ("/preProvisioningHook/targetArn", {"preProvisioningHook": {"targetArn": "f" * 2049}})):
        answer = expect_json(1, "check", "--format", "json", at.write("request.json", {**request, **member}))
        assert [d["pointer"] for d in found(answer, "T060")] == [pointer], (pointer, answer)
    assert not found(expect_json(1, "check", "--format", "json", at.write("request.json", request)), "T060")

    # a suite beside its documents is no mistake; some other JSON is
    suite = at.write("clean.test.json", {"policies": {}, "authorize": []})
    assert expect_json(0, "check", "--format", "json", suite)["files"][0]["kind"] == "test-suite"
    other = at.write("package.json", {"name": "x"})
    assert found(expect_json(1, "check", "--format", "json", other), "T062")

    # roles
    greedy = at.write("greedy.json", policy(
        statement("iot:Connect", "*"),
        statement(["iot:Publish", "iot:Receive"], arn("topic/*")),
        statement("iot:Subscribe", arn("topicfilter/*"))))
    plain = expect_json(0, "check", "--format", "json", greedy)
    as_claim = expect_json(0, "check", "--format", "json", "--role", "claim", "--template-name", "t", greedy)
    assert as_claim["warnings"] > plain["warnings"], "the role adds what a claim must not be able to do"
    expect_json(0, "check", "--format", "json", "--role", "device", greedy)
    # a claim certificate has no thing: no advice about one
    named = at.write("named.json", policy(statement("iot:Connect", arn("client/${iot:Connection.Thing.ThingName}"))))
    assert found(expect_json(0, "check", "--format", "json", named), "P087")
    assert found(expect_json(0, "check", "--format", "json", "--role", "device", named), "P087")
    as_claim = expect_json(0, "check", "--format", "json", "--role", "claim", named)
    assert found(as_claim, "P150") and not found(as_claim, "P087"), as_claim
    expect(2, "check", "--role", "admin", greedy)
    expect(2, "check", "--template-name", "t", greedy)
    expect(2, "check", "--role", "claim", "--template-name", "no/slash", greedy)

    # several files: every one is named, totals count all
    both = expect_json(1, "check", "--format", "json", bad, broken)
    assert [f["file"] for f in both["files"]] == [str(bad), str(broken)]
    assert both["errors"] == 1 and both["warnings"] >= 1

print("ok")
