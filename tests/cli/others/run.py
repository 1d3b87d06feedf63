"""fleetprov resolve, render, topics and rules."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from tool import Folder, arn, expect, expect_json, policy, statement  # noqa: E402

template = {
    "Parameters": {"SerialNumber": {"Type": "String"}},
    "Resources": {
        "thing": {"Type": "AWS::IoT::Thing", "Properties": {
            "ThingName": {"Fn::Join": ["-", ["fleet", {"Ref": "SerialNumber"}]]},
            "AttributePayload": {"id": {"Ref": "AWS::IoT::Certificate::Id"}}}},
        "certificate": {"Type": "AWS::IoT::Certificate", "Properties": {
            "CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}, "Status": "Active"}},
        "policy": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyDocument": json.dumps(
            policy(statement("iot:Connect", arn("client/a"))))}}},
    "DeviceConfiguration": {"url": "https://example.com"}}

with Folder() as at:
    file = at.write("template.json", template)

    # resolve
    plan = expect_json(0, "resolve", file, "--parameters", '{"SerialNumber":"1"}', "--certificate-id", "c" * 64)
    assert list(plan) == ["thing", "certificate", "policies", "device_configuration"], plan
    assert list(plan["thing"]) == ["name", "type", "attributes", "groups", "billing_group", "override_settings"]
    assert plan["thing"]["name"] == "fleet-1" and plan["thing"]["attributes"] == {"id": "c" * 64}
    assert plan["certificate"] == {"status": "ACTIVE", "principal_type": "NON_EXCLUSIVE_THING"}
    assert list(plan["policies"][0]) == ["name", "document"] and plan["device_configuration"] == {"url": "https://example.com"}
    words = at.write("parameters.json", {"SerialNumber": "2"})
    assert expect_json(0, "resolve", file, "--parameters", f"@{words}")["thing"]["name"] == "fleet-2"
    assert expect_json(0, "resolve", file, "--parameters", "-", stdin='{"SerialNumber":"3"}')["thing"]["name"] == "fleet-3"
    assert expect_json(0, "resolve", "-", "--parameters", '{"SerialNumber":"4"}', stdin=file.read_text())["thing"]["name"] == "fleet-4"
    refused = expect(1, "resolve", file)
    assert refused.stdout == "" and "T050" in refused.stderr and f"{file}:" in refused.stderr, refused
    assert expect(1, "resolve", file, "--parameters", '{"SerialNumber":"#"}').stdout == ""
    expect(0, "resolve", file, "--parameters", '{"SerialNumber":"1","Extra":"x"}')
    crowded = json.loads(json.dumps(template))
    crowded["Resources"]["thing"]["Properties"]["ThingGroups"] = [f"g{i}" for i in range(11)]
    crowded["Resources"].update({f"p{i}": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyName": f"p{i}"}} for i in range(10)})
    refused = expect(1, "resolve", at.write("crowded.json", crowded), "--parameters", '{"SerialNumber":"1"}')
    assert refused.stdout == "" and "T063" in refused.stderr and "T064" in refused.stderr, refused
    found = {d["rule"] for d in expect_json(1, "check", "--format", "json", at.path / "crowded.json")["files"][0]["diagnostics"]}
    assert {"T063", "T064"} <= found, found
    for wrong in ('{"SerialNumber":1}', "[]", "{", "@/nonexistent", '{"SerialNumber":"1","SerialNumber":"2"}'):
        assert expect(2, "resolve", file, "--parameters", wrong).stdout == "", wrong
    expect(2, "resolve", at.write("policy.json", policy(statement("iot:Connect", "*"))))
    expect(2, "resolve", at.write("broken.json", "{"))
    expect(2, "resolve", file, "--kind", "policy")
    expect(2, "resolve", at.path / "absent.json")
    expect(2, "resolve")

    # render
    text = '{"Version": "2012-10-17",\n "Statement": {"Effect": "Allow", "Action": "iot:Publish",\n' \
           '  "Resource": "arn:aws:iot:aws-region:aws-account-id:topic/$aws/provisioning-templates/templateName/provision/*"}}\n'
    file = at.write("open.json", text)
    filled = expect(0, "render", file, "--region", "eu-west-1", "--account", "111122223333", "--template-name", "fleet").stdout
    assert filled == text.replace("aws-region", "eu-west-1").replace("aws-account-id", "111122223333").replace("templateName", "fleet")
    left = expect(1, "render", file, "--region", "eu-west-1")
    assert left.stdout == "" and "aws-account-id" in left.stderr and "templateName" in left.stderr, left
    example = at.write("example.json", policy(statement("iot:Publish", arn("topic/a"))))
    assert arn("topic/a") in expect(0, "render", example, "--region", "eu-west-1", "--account", "111122223333").stdout
    replaced = expect(0, "render", example, "--region", "eu-west-1", "--account", "999999999999", "--replace-examples").stdout
    assert arn("topic/a", "eu-west-1", "999999999999") in replaced, replaced
    own = at.write("own.json", policy(statement("iot:Publish", "arn:aws:iot:us-east-1:123456789012:topic/<site>/a")))
    expect(1, "render", own)
    for head in ("%s:%s", "{{us-east-1}}:{{123456789012}}", "eu:123456789012", "us-east-1:1234-5678-9012"):
        open_head = at.write("head.json", policy(statement("iot:Publish", f"arn:aws:iot:{head}:topic/a")))
        left = expect(1, "render", open_head, "--region", "eu-west-1", "--account", "111122223333")
        assert left.stdout == "" and "is still a placeholder" in left.stderr, left
    assert arn("topic/north/a") in expect(0, "render", own, "--set", "site=north").stdout
    chain = at.write("chain.json", policy(statement("iot:Publish", arn("topic/building/floor/x"))))
    done = expect(0, "render", chain, "--set", "building=floor", "--set", "floor=3")
    assert arn("topic/floor/3/x") in done.stdout and done.stderr == "", done
    done = expect(0, "render", chain, "--set", "flor=3", "--set", "building=b")
    assert arn("topic/b/floor/x") in done.stdout and done.stderr == f"warning: --set flor: nothing in {chain} has that name\n", done
    done = expect(1, "render", own, "--set", "sight=north")
    assert "<site>" in done.stderr and "warning: --set sight: nothing in " in done.stderr and done.stdout == "", done
    whole = at.write("whole.json", '{"a": "<NAME>"}')
    assert expect(0, "render", whole, "--set", "NAME=x").stderr == ""
    named = at.write("named.json", '{"templateArn": "arn:aws:iot:region:account-id:provisioningtemplate/templateName"}')
    more = ["--region", "eu-west-1", "--account", "111122223333"]
    assert "`templateName` is still a placeholder" in expect(1, "render", named, *more).stderr
    assert arn("provisioningtemplate/fleet", "eu-west-1", "111122223333") in expect(0, "render", named, *more, "--template-name", "fleet").stdout
    broker = at.write("broker.json", policy(statement("iot:Subscribe", [
        f"arn:aws:iot:aws-region:aws-account-id:topicfilter/{topic}" for topic in ("$SYS/#", "$CONTROL/a", "$aws/events/#", "$share/g/$SYS/#")])))
    kept = expect(0, "render", broker, "--region", "us-east-1", "--account", "123456789012").stdout
    assert arn("topicfilter/$SYS/#") in kept and arn("topicfilter/$share/g/$SYS/#") in kept, kept
    assert "P070" not in expect(0, "check", "-", stdin=kept).stdout
    for region, partition in (("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")):
        moved = expect(0, "render", file, "--region", region, "--account", "111122223333", "--template-name", "fleet").stdout
        assert f"arn:{partition}:iot:{region}:111122223333:" in moved, moved
        assert "P073" not in expect(0, "check", "-", stdin=moved).stdout
    for wrong in (["--region", "nowhere"], ["--account", "12"], ["--template-name", "a/b"], ["--set", "x"]):
        expect(2, "render", file, *wrong)
    expect(2, "render", at.write("broken.json", "{"))

    # topics
    listed = expect_json(0, "topics", "--template-name", "fleet", "--format", "json")["topics"]
    assert len(listed) == 18 and len({t["topic"] for t in listed}) == 18
    assert sum(t["use"] == "publish" for t in listed) == 6
    assert {"topic": "$aws/provisioning-templates/fleet/provision/cbor/rejected", "api": "RegisterThing", "format": "cbor",
            "kind": "rejected", "use": "subscribe"} in listed
    assert all(t["topic"] in expect(0, "topics", "--template-name", "fleet").stdout for t in listed)
    expect(2, "topics", "--template-name", "a b")
    for one in listed:
        known = expect_json(0, "topics", "--classify", one["topic"], "--format", "json")
        assert (known["api"], known["format"], known["kind"]) == (one["api"], one["format"], one["kind"])
        needed = {p["action"]: p["resource"] for p in known["policy"]}
        if one["use"] == "publish":
            assert needed == {"iot:Publish": arn("topic/" + one["topic"])}, needed
        else:
            assert needed == {"iot:Subscribe": arn("topicfilter/" + one["topic"]), "iot:Receive": arn("topic/" + one["topic"])}
    ordinary = expect_json(0, "topics", "--classify", "sdk/test/cpp", "--format", "json")
    assert ordinary["service"] == "not reserved" and ordinary["may_publish"] and len(ordinary["policy"]) == 3, ordinary
    wild = expect_json(0, "topics", "--classify", "a/+/c", "--format", "json", "--region", "eu-west-1", "--account", "111122223333")
    assert not wild["may_publish"] and wild["policy"][1] == {"action": "iot:Receive",
                                                             "resource": arn("topic/a/*/c", "eu-west-1", "111122223333")}, wild
    for inner, received in (("a/b", "a/b"), ("a/+/c", "a/*/c"), ("$aws/things/x/shadow/update/accepted",) * 2):
        shared = expect_json(0, "topics", "--classify", f"$share/g/{inner}", "--format", "json")
        assert not shared["may_publish"] and shared["may_subscribe"], shared
        assert shared["policy"] == [{"action": "iot:Subscribe", "resource": arn(f"topicfilter/$share/g/{inner}")},
                                    {"action": "iot:Receive", "resource": arn(f"topic/{received}")}], shared
    assert "iot:Publish" not in expect(0, "topics", "--classify", "$share/g/a/b").stdout
    assert expect_json(0, "topics", "--classify", "$aws/nothing", "--format", "json")["policy"] == []
    assert "not in the list of reserved topics that AWS documents" in expect(0, "topics", "--classify", "$aws/nothing").stdout
    health = expect_json(0, "topics", "--classify", "$aws/things/t/greengrassv2/health/json", "--format", "json")
    assert health["service"] == "greengrass" and health["may_publish"], health
    for wrong in ("a/#/b", "", "a" * 257, "/".join("abcdefghi")):
        assert expect(1, "topics", "--classify", wrong).stdout == "", wrong

    # rules
    rules = expect_json(0, "rules", "--format", "json")["rules"]
    assert len(rules) > 100 and len({r["id"] for r in rules}) == len(rules) == len({(r["id"][0], r["name"]) for r in rules})
    for rule in rules:
        assert list(rule) == ["id", "name", "severity", "summary", "why", "source", "bad", "good"], rule
        assert all(rule.values()), rule
    assert len(expect(0, "rules").stdout.splitlines()) == len(rules)
    by_id, by_name = expect(0, "rules", "P014").stdout, expect(0, "rules", "type-mismatch").stdout
    assert by_id == by_name == expect(0, "rules", "p014").stdout and "topicfilter" in by_id
    assert "did you mean `type-mismatch`" in expect(2, "rules", "type-mismach").stderr
    assert expect_json(0, "rules", "P014", "--format", "json")["rules"][0]["id"] == "P014"

print("ok")
