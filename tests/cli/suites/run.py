"""fleetprov test: cases, formats, relative paths, malformed suites."""
import pathlib
import sys
import xml.etree.ElementTree as ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from tool import Folder, arn, expect, expect_json, policy, statement  # noqa: E402

device = policy(
    statement("iot:Connect", arn("client/${iot:Connection.Thing.ThingName}")),
    statement("iot:Publish", arn("topic/${iot:Connection.Thing.ThingTypeName}/*")),
    statement("iot:Publish", arn("topic/*/secret"), "Deny"))

template = {
    "Parameters": {"SerialNumber": {"Type": "String"}},
    "Resources": {
        "thing": {"Type": "AWS::IoT::Thing", "Properties": {
            "ThingName": {"Fn::Join": ["-", ["fleet", {"Ref": "SerialNumber"}]]}, "ThingGroups": ["a", "b"]}},
        "certificate": {"Type": "AWS::IoT::Certificate", "Properties": {
            "CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}, "Status": "Active"}},
        "policy": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyName": "device"}}}}

publish = {"policies": ["device"], "action": "iot:Publish", "client_id": "one", "thing": {"name": "one", "type": "sensor"}}


def case(name, resource, wanted, **more):
    return {"name": name, "resource": arn(resource), "expect": wanted, **publish, **more}


def suite(authorize=(), resolve=(), **more):
    return {"policies": {"device": "documents/device.json"}, "authorize": list(authorize), "resolve": list(resolve), **more}


with Folder() as at:
    at.write("documents/device.json", device)
    at.write("documents/template.json", template)

    # every decision word; DENIED is either denial; context and thing
    good = at.write("good.test.json", suite([
        case("allowed", "topic/sensor/up", "ALLOWED"),
        case("explicit", "topic/sensor/secret", "EXPLICIT_DENY"),
        case("implicit", "topic/other/up", "IMPLICIT_DENY"),
        case("denied either way", "topic/other/up", "DENIED"),
        case("denied explicitly", "topic/sensor/secret", "DENIED"),
        case("not attached", "topic/sensor/up", "IMPLICIT_DENY", thing={"name": "one", "type": "sensor", "attached": False}),
        case("exclusive", "topic/sensor/up", "ALLOWED", client_id="free",
             thing={"name": "one", "type": "sensor", "exclusive": True}),
        {**case("short resource", "", "ALLOWED"), "resource": "topic/sensor/up"},
        {**case("short action", "topic/sensor/up", "ALLOWED"), "action": "Publish"},
    ], [
        {"name": "a part of the plan", "template": "documents/template.json", "parameters": {"SerialNumber": "1"},
         "expect": {"thing": {"name": "fleet-1"}}},
        {"name": "whole arrays", "template": "documents/template.json", "parameters": {"SerialNumber": "1"},
         "expect": {"thing": {"groups": ["a", "b"]}, "policies": [{"name": "device"}], "certificate": {"status": "ACTIVE"}}},
        {"name": "a rule refuses", "template": "documents/template.json", "parameters": {}, "expect": {"error": "T050"}},
        {"name": "by its name", "template": "documents/template.json", "expect": {"error": "missing-parameter"}},
        {"name": "an error code refuses", "template": "documents/template.json", "parameters": {"SerialNumber": "no blanks"},
         "expect": {"error": "InvalidParameters"}},
    ]))
    answer = expect_json(0, "test", "--format", "json", good)
    assert list(answer) == ["tests", "passed", "failed"] and (answer["passed"], answer["failed"]) == (14, 0), answer
    assert [list(t) for t in answer["tests"]] == [["name", "passed", "expected", "got", "detail"]] * 14
    assert answer["tests"][0] == {"name": "allowed", "passed": True, "expected": "ALLOWED", "got": "ALLOWED", "detail": ""}
    text = expect(0, "test", good, cwd="/").stdout
    assert text.splitlines()[-1] == "14 passed, 0 failed" and len(text.splitlines()) == 15, text

    # failures: the reason is told, the exit status is 1
    bad = at.write("bad.test.json", suite([
        case('wrong & <odd> "name"\u0001', "topic/other/up", "ALLOWED"),
        case("fine", "topic/sensor/up", "ALLOWED"),
    ], [
        {"name": "another name", "template": "documents/template.json", "parameters": {"SerialNumber": "1"},
         "expect": {"thing": {"name": "fleet-2"}}},
        {"name": "fewer groups", "template": "documents/template.json", "parameters": {"SerialNumber": "1"},
         "expect": {"thing": {"groups": ["a"]}}},
        {"name": "should refuse", "template": "documents/template.json", "parameters": {"SerialNumber": "1"},
         "expect": {"error": "T050"}},
        {"name": "refuses", "template": "documents/template.json", "expect": {"thing": {"name": "x"}}},
        {"name": "refuses otherwise", "template": "documents/template.json", "expect": {"error": "T001"}},
    ]))
    answer = expect_json(1, "test", "--format", "json", bad)
    assert (answer["passed"], answer["failed"]) == (1, 6), answer
    assert "statement 2" in answer["tests"][0]["detail"], answer["tests"][0]
    assert "/thing/name" in answer["tests"][2]["detail"], answer["tests"][2]
    assert answer["tests"][4]["got"]["thing"]["name"] == "fleet-1", answer["tests"][4]
    assert answer["tests"][5]["got"] == {"error": "T050"}, answer["tests"][5]
    text = expect(1, "test", bad).stdout
    assert text.splitlines()[-1] == "1 passed, 6 failed" and text.count("FAIL") == 6, text

    # junit: well-formed whatever the names hold
    tree = ElementTree.fromstring(expect(1, "test", "--format", "junit", good, bad).stdout)
    assert tree.tag == "testsuites" and tree.get("tests") == "21" and tree.get("failures") == "6"
    suites = tree.findall("testsuite")
    assert [s.get("failures") for s in suites] == ["0", "6"] and len(tree.findall(".//testcase")) == 21
    failed = tree.findall(".//failure")
    assert len(failed) == 6 and "IMPLICIT_DENY" in failed[0].get("message"), failed[0].attrib
    assert tree.findall(".//testcase")[14].get("name").startswith('wrong & <odd> "name"')
    assert tree.findall(".//testcase")[0].get("name") == "allowed"

    # placeholders of a policy are filled by `render`
    at.write("documents/open.json", policy(statement(
        "iot:Publish", "arn:aws:iot:aws-region:aws-account-id:topic/$aws/provisioning-templates/templateName/provision/json")))
    filled = at.write("filled.test.json", {
        "policies": {"open": "documents/open.json"},
        "render": {"region": "eu-west-1", "account": "111122223333", "template_name": "fleet"},
        "authorize": [{"name": "claim", "policies": ["open"], "action": "iot:Publish", "client_id": "c",
                       "resource": arn("topic/$aws/provisioning-templates/fleet/provision/json", "eu-west-1", "111122223333"),
                       "expect": "ALLOWED"}]})
    expect(0, "test", filled)

    # a case that no client can bring about passes with a note, in each format
    odd = at.write("odd.test.json", suite([
        {"name": "another", "action": "iot:Connect", "resource": "client/victim", "client_id": "me", "expect": "DENIED"},
        case("wrong type", "topicfilter/sensor/up", "ALLOWED"), case("fine", "topic/sensor/up", "ALLOWED")]))
    lines = expect(1, "test", odd).stdout.splitlines()
    assert lines[0] == "ok    another" and lines[1].startswith("      note: a CONNECT asks about its own client id"), lines
    assert lines[2] == "FAIL  wrong type" and lines[6] == "      note: iot:Publish is never asked about topicfilter/..., but about topic/...", lines
    assert lines[7:] == ["ok    fine", "2 passed, 1 failed"], lines
    tests = expect_json(1, "test", "--format", "json", odd)["tests"]
    assert [len(t.get("notes", [])) for t in tests] == [1, 1, 0] and "notes" not in tests[2], tests
    told = ElementTree.fromstring(expect(1, "test", "--format", "junit", odd).stdout).findall(".//testcase")
    assert [[part.tag for part in t] for t in told] == [["system-out"], ["failure", "system-out"], []]
    assert told[0][0].text == f"note: {tests[0]['notes'][0]}\n", told[0][0].text
    # `authorize` says the same
    words = ["authorize", "--policy", at.path / "documents/device.json", "--action", "iot:Connect", "--resource", "client/victim", "--client-id", "me"]
    assert f"  note: {tests[0]['notes'][0]}\n" in expect(1, *words).stdout
    assert expect(1, *words, "--format", "json").stderr == f"note: {tests[0]['notes'][0]}\n"

    # several suites in one call; standard input
    assert expect(1, "test", good, bad).stdout.splitlines()[-1] == "15 passed, 6 failed"
    assert expect(0, "test", "-", stdin=good.read_text(), cwd=at.path).stdout.splitlines()[-1] == "14 passed, 0 failed"

    # a malformed suite is exit 2 with the place of the mistake
    def malformed(document, place, words):
        file = at.write("malformed.test.json", document)
        done = expect(2, "test", file)
        assert done.stdout == "" and f"{file}:{place}: error: " in done.stderr and words in done.stderr, done.stderr

    malformed("[]", "1:1", "object")
    malformed('{"authorize": [', "1:16", "J001")
    malformed("{}", "1:1", "tests nothing")
    malformed('{"policies": {"a": "a.json"}, "authorize": []}', "1:1", "tests nothing")
    malformed({"authorise": []}, "2:3", "did you mean `authorize`")
    malformed('{"policies": {"a": 1}, "authorize": []}', "1:20", "string")
    malformed('{"policies": {"a": "a.json"},\n "authorize": [{"name": "n", "policies": ["b"], "action": "iot:Publish",\n'
              '  "resource": "topic/a", "expect": "ALLOWED"}]}', "2:43", "no policy `b`")
    malformed('{"policies": {"a": "a.json"},\n "authorize": [{"name": "n", "policies": ["a"], "action": "iot:Publish",\n'
              '  "resource": "topic/a", "expect": "allow"}]}', "3:36", "known are")
    malformed('{"policies": {"a": "a.json"},\n "authorize": [{"name": "n", "policies": ["a"], "action": "iot:Publis",\n'
              '  "resource": "topic/a", "expect": "ALLOWED"}]}', "2:59", "did you mean `iot:Publish`")
    malformed('{"policies": {"a": "a.json"},\n "authorize": [{"name": "n", "policies": ["a"], "action": "iot:Publish",\n'
              '  "resource": "a/b", "expect": "ALLOWED"}]}', "3:15", "topic/a/b")
    malformed('{"resolve": [{"name": "n", "template": "t.json", "parameters": {"a": 1},\n "expect": {"error": "T001"}}]}',
              "1:70", "string")
    malformed('{"resolve": [{"name": "n", "template": "t.json", "exepct": {}}]}', "1:50", "did you mean `expect`")

    # documents that cannot be read are exit 2 too
    at.write("documents/broken.json", "{")
    for held in ("documents/absent.json", "documents/broken.json"):
        file = at.write("unusable.test.json", {"policies": {"device": held}, "authorize": [case("x", "topic/a", "DENIED")]})
        assert held in expect(2, "test", file).stderr
        file = at.write("unused.test.json", suite([case("x", "topic/a", "DENIED")], policies={"device": "documents/device.json", "unused": held}))
        assert held in expect(2, "test", file).stderr
    file = at.write("unusable.test.json", {"resolve": [{"name": "x", "template": "documents/broken.json", "expect": {}}]})
    assert "J001" in expect(2, "test", file).stderr
    expect(2, "test")
    expect(2, "test", at.path / "absent.test.json")

print("ok")
