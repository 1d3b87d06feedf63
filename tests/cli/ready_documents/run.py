"""The documents of policies/ and templates/ pass our own checks, and their suites pass."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from tool import SOURCE, Folder, expect, expect_json  # noqa: E402

policies = sorted(p for p in (SOURCE / "policies").glob("*.json") if not p.name.endswith(".test.json"))
templates = sorted(p for p in (SOURCE / "templates").glob("*.json") if not p.name.endswith(".test.json"))
assert len(policies) >= 7 and len(templates) >= 6, (policies, templates)

with Folder() as at:
    for file in policies:
        filled = expect(0, "render", file, "--region", "eu-west-1", "--account", "111122223333", "--template-name", "fleet",
                        "--replace-examples").stdout
        rendered = at.write(file.name, filled)
        role = ["--role", "claim", "--template-name", "fleet"] if "claim" in file.name else ["--role", "device"]
        answer = expect_json(0, "check", "--format", "json", *role, rendered)
        assert answer["files"][0]["kind"] == "policy" and answer["errors"] == 0, answer
        if not file.name.startswith("sample-"):  # samples share sdk/test/... with AWS's own sample programs
            assert answer["warnings"] == 0, answer
        assert expect_json(0, "check", "--format", "json", file)["errors"] == 0, file

for file in templates:
    answer = expect_json(0, "check", "--format", "json", file)
    assert answer["files"][0]["kind"] in ("fleet-template", "jitp-template") and answer["errors"] == 0, answer

for file in policies + templates:
    suite = file.with_name(file.stem + ".test.json")
    assert suite.exists(), f"{file} has no suite"
    answer = expect_json(0, "test", "--format", "json", suite)
    assert answer["failed"] == 0 and answer["passed"] >= 1, (suite, answer)

print("ok")
