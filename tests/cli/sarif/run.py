"""The SARIF log keeps the rules of the published 2.1.0 schema and of code scanning uploads."""
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from tool import Folder, arn, expect, expect_json, policy, statement  # noqa: E402

# Members that the schema (additionalProperties: false) allows in the objects that we write, and the required ones.
SHAPE = {
    "log": ({"$schema", "version", "runs"}, {"version", "runs"}),
    "run": ({"tool", "columnKind", "results"}, {"tool"}),
    "driver": ({"name", "version", "semanticVersion", "informationUri", "rules"}, {"name"}),
    "rule": ({"id", "name", "shortDescription", "fullDescription", "defaultConfiguration", "help", "helpUri", "properties"},
             {"id"}),
    "result": ({"ruleId", "ruleIndex", "level", "message", "locations", "partialFingerprints"}, {"message"}),
    "location": ({"physicalLocation", "logicalLocations"}, set()),
    "region": ({"startLine", "startColumn", "endLine", "endColumn"}, set()),
}


def keeps(name, held):
    allowed, required = SHAPE[name]
    assert required <= set(held) <= allowed, (name, sorted(held))
    return held


def check_log(log, texts):
    keeps("log", log)
    assert log["version"] == "2.1.0" and "sarif" in log["$schema"] and len(log["runs"]) == 1
    run = keeps("run", log["runs"][0])
    assert run["columnKind"] == "unicodeCodePoints"
    driver = keeps("driver", run["tool"]["driver"])
    assert re.fullmatch(r"\d+\.\d+\.\d+", driver["semanticVersion"])
    ids = []
    for rule in driver["rules"]:
        keeps("rule", rule)
        ids.append(rule["id"])
        assert rule["shortDescription"]["text"].endswith((".", "?")) and len(rule["shortDescription"]["text"]) <= 1024
        assert rule["fullDescription"]["text"] and rule["help"]["text"] and rule["help"]["markdown"]
        assert rule["defaultConfiguration"]["level"] in ("none", "note", "warning", "error")
        assert len(rule["properties"]["tags"]) == len(set(rule["properties"]["tags"])) <= 20
    assert len(ids) == len(set(ids))
    for result in run["results"]:
        keeps("result", result)
        assert ids[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in ("note", "warning", "error") and result["message"]["text"]
        assert len(result["locations"]) == 1
        physical = keeps("location", result["locations"][0])["physicalLocation"]
        uri = physical["artifactLocation"]["uri"]
        assert re.fullmatch(r"[A-Za-z0-9\-._~/%:]+", uri), uri
        region = keeps("region", physical["region"])
        assert 1 <= region["startLine"] <= region["endLine"] and region["startColumn"] >= 1
        assert (region["endLine"], region["endColumn"]) >= (region["startLine"], region["startColumn"])
        if uri in texts:
            lines = texts[uri].split("\n")
            assert region["endLine"] <= len(lines) and region["endColumn"] <= len(lines[region["endLine"] - 1]) + 1, region
        assert re.fullmatch(r"[0-9a-f]{16}:\d+", result["partialFingerprints"]["primaryLocationLineHash"])
    return run["results"]


with Folder() as at:
    wrong = json.dumps(policy(statement("iot:Subscribe", [arn("topic/\u00e4"), arn("topic/\u00e4")]), statement("iot:*", "*")),
                       indent=2, ensure_ascii=False)
    at.write("some folder/w\u00f6rong.json", wrong)
    at.write("broken.json", '{"a": 1,}')
    at.write("clean.json", policy(statement("iot:Connect", arn("client/a"))))
    names = ["./some folder/w\u00f6rong.json", "broken.json", "clean.json"]
    log = expect_json(1, "check", "--format", "sarif", *names, cwd=at.path)
    results = check_log(log, {"some%20folder/w%C3%B6rong.json": wrong, "broken.json": '{"a": 1,}'})
    uris = [r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in results]
    assert "some%20folder/w%C3%B6rong.json" in uris and "broken.json" in uris, uris
    answer = expect_json(1, "check", "--format", "json", *names, cwd=at.path)
    flat = [d for f in answer["files"] for d in f["diagnostics"]]
    assert [(r["ruleId"], r["level"]) for r in results] == [(d["rule"], d["severity"]) for d in flat]
    for result, d in zip(results, flat):
        assert result["locations"][0]["physicalLocation"]["region"] == {
            "startLine": d["line"], "startColumn": d["column"], "endLine": d["end_line"], "endColumn": d["end_column"]}
    marks = [(r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
              r["partialFingerprints"]["primaryLocationLineHash"]) for r in results]
    assert len(marks) == len(set(marks)), "each finding has a fingerprint of its own"

    # fingerprints survive lines added above; absolute paths below the folder become relative
    at.write("some folder/w\u00f6rong.json", "\n\n" + wrong)
    later = check_log(expect_json(1, "check", "--format", "sarif", *[at.path / n for n in names], cwd=at.path), {})
    assert [r["partialFingerprints"] for r in later] == [r["partialFingerprints"] for r in results]
    assert [r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in later] == uris

    # nothing found is a log too; --fail-on counts as elsewhere
    check_log(expect_json(0, "check", "--format", "sarif", "-", stdin=json.dumps({"allowProvisioning": False})), {})
    expect(1, "check", "--format", "sarif", "--fail-on", "note", at.path / "some folder/w\u00f6rong.json")

print("ok")
