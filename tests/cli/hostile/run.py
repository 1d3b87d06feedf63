"""Documents nobody should write: each gets an error with a place, quickly, and never a crash."""
import json
import pathlib
import random
import resource
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from tool import Folder, arn, expect_json, policy, run, statement  # noqa: E402

DEVICE = policy(statement("iot:Connect", arn("client/a")))


def spent():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def huge_policy(size):
    one = json.dumps(statement("iot:Publish", [arn(f"topic/{'x' * 40}/{i}") for i in range(200)]))
    return json.dumps({"Version": "2012-10-17", "Statement": json.loads("[" + ",".join([one] * (size // len(one))) + "]")})


documents = {
    "huge": huge_policy(1_000_000),
    "one huge string": json.dumps(policy(statement("iot:Publish", arn("topic/" + "a" * 1_000_000)))),
    "huge wildcards": json.dumps(policy(statement("iot:Publish", [arn("topic/" + "*a" * 400 + "b" + str(i)) for i in range(300)]))),
    "many statements": json.dumps(policy(*[statement("iot:Publish", arn(f"topic/{i}")) for i in range(5000)])),
    "over the limit": json.dumps(policy(statement("iot:Publish", arn("topic/" + "a" * 2_000_000)))),
    "deep arrays": "[" * 100_000,
    "deep objects": '{"a":' * 100_000,
    "deep condition": '{"Version":"2012-10-17","Statement":' + "[" * 5000 + "]" * 5000 + "}",
    "duplicate key": '{"Version": "2012-10-17", "Version": "2012-10-17", "Statement": []}',
    "many keys": "{" + ",".join(f'"k{i}":1' for i in range(50_000)) + "}",
    "not UTF-8": b'{"Version": "2012-10-17", "Statement": "\xff\xfe"}',
    "UTF-16": json.dumps(DEVICE).encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf" + json.dumps(DEVICE).encode(),
    "NUL": b'{"a": "\x00"}',
    "empty": "",
    "blanks": " \n\t " * 1000,
    "binary": bytes(random.Random(1).randrange(256) for _ in range(100_000)),
    "terminal escapes": '{"Version": "\u001b[2J\u001b]0;x\u0007"}',
    "lone surrogate": '{"Version": "\\ud800"}',
    "big number": '{"Version": 1e999}',
    "null": "null",
    "long line": '{"Statement": [' + " " * 200_000 + "1]}",
}

with Folder() as at:
    for name, text in documents.items():
        file = at.write("document.json", text)
        before = spent()
        for kind in ("auto", "policy", "fleet-template"):
            answer = expect_json(1, "check", "--format", "json", "--kind", kind, file)
            errors = [d for d in answer["files"][0]["diagnostics"] if d["severity"] == "error"]
            assert errors and all(d["line"] >= 1 and d["column"] >= 1 for d in errors), (name, kind, errors[:2])
        words = run("check", file)
        assert words.returncode == 1 and "\x1b" not in words.stdout and len(words.stdout) < 1_000_000, name
        assert all(len(line) < 4000 for line in words.stdout.splitlines()[:500]), name
        for more in (["authorize", "--policy", file, "--action", "iot:Publish", "--resource", "topic/a"],
                     ["test", file], ["render", file], ["resolve", file], ["check", "--format", "sarif", file]):
            done = run(*more)
            assert done.returncode in (0, 1, 2), (name, more, done.returncode)
            assert done.returncode != 2 or done.stderr, (name, more)
            assert "\x1b" not in done.stdout + done.stderr, (name, more)
        assert spent() - before < 60, f"{name}: {spent() - before:.1f} s"

    # every place is where the trouble is
    def first(text):
        return expect_json(1, "check", "--format", "json", at.write("document.json", text))["files"][0]["diagnostics"][0]

    repeated = expect_json(1, "check", "--format", "json", at.write("document.json", '{\n  "a": 1,\n  "a": 2}'))["files"][0]["diagnostics"]
    assert [d["line"] for d in repeated if d["rule"] == "J006"] == [3], repeated
    assert first(b'{\n"a": "\xff"}')["line"] == 2
    assert first('{"a": [1,\n2,]}')["line"] == 2

    # hostile parameters never make a plan
    template = at.write("template.json", {
        "Parameters": {"S": {"Type": "String"}},
        "Resources": {"thing": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": {"Ref": "S"}}},
                      "certificate": {"Type": "AWS::IoT::Certificate", "Properties": {
                          "CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}}}}})
    for value in ("", "../x", "a/b", "*", "#", "+", "${iot:ClientId}", "a" * 300_000, "\u0000", "\u00e4", "a b", "\n"):
        done = run("resolve", template, "--parameters", "-", stdin=json.dumps({"S": value}))
        assert done.returncode in (1, 2) and done.stdout == "" and done.stderr, (value[:20], done)

print("ok")
