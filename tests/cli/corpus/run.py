"""Public documents behave as the corpus labels them: a valid one has no error, an invalid one has one."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from tool import corpus, rows, run  # noqa: E402
import json  # noqa: E402

KINDS = {"policy", "fleet-template", "jitp-template", "bulk-template", "registration-config", "hook-request", "hook-response"}
folder = corpus()
checked, wrong = 0, []
for row in rows(folder / "index.tsv"):
    file = folder / row["file"]
    if row["kind"] not in KINDS or row["expected"] not in ("valid", "invalid"):
        done = run("check", "--format", "json", file)
        assert done.returncode in (0, 1), (row["file"], done.stderr)
        continue
    for kind in (row["kind"], "auto"):
        done = run("check", "--format", "json", "--kind", kind, file)
        assert done.returncode in (0, 1), (row["file"], done.stderr)
        answer = json.loads(done.stdout)
        if (answer["errors"] == 0) != (row["expected"] == "valid"):
            wrong.append((row["file"], kind, row["expected"], [d["message"] for d in answer["files"][0]["diagnostics"]]))
        if kind == "auto" and row["expected"] == "valid" and answer["files"][0]["kind"] != row["kind"]:
            wrong.append((row["file"], "kind by content", answer["files"][0]["kind"], row["kind"]))
        checked += 1
assert not wrong, "\n".join(map(str, wrong))
assert checked > 60, checked

# decisions of the shared table, through the command
for row in rows(folder / "decisions.tsv"):
    if row["basis"] not in ("stated", "instance"):
        continue
    words = ["authorize", "--policy", folder / row["policy_file"], "--action", row["action"], "--resource", row["resource"],
             "--format", "json"]
    if row["client_id"]:
        words += ["--client-id", row["client_id"]]
    if row["thing_name"]:
        words += ["--thing", row["thing_name"]]
        if row["thing_attached"] == "false":
            words.append("--not-attached")
        if row["thing_type"]:
            words += ["--thing-type", row["thing_type"]]
        for key, value in json.loads(row["thing_attributes"] or "{}").items():
            words += ["--attribute", f"{key}={value}"]
    for key, values in json.loads(row["context"] or "{}").items():
        values = values if isinstance(values, list) else [values]
        words += [w for v in values for w in ("--context", f"{key}={v}")] or ["--context", f"{key}="]
    done = run(*words)
    assert done.returncode == (0 if row["expected"] == "allow" else 1), (row["id"], done.stdout, done.stderr)

# templates resolve: fleet, JITP and bulk
for row in rows(folder / "index.tsv"):
    if row["expected"] != "valid" or row["kind"] not in ("fleet-template", "jitp-template", "bulk-template"):
        continue
    body = json.loads((folder / row["file"]).read_text(encoding="utf-8"))
    parameters = {name: "1" for name in body.get("Parameters", {}) if not name.startswith("AWS::IoT::Certificate::Id")}
    for mapping in body.get("Mappings", {}).values():
        parameters.update({name: next(iter(mapping)) for name in parameters if "ocation" in name})
    done = run("resolve", folder / row["file"], "--kind", row["kind"], "--parameters", json.dumps(parameters))
    assert done.returncode == 0, (row["file"], parameters, done.stderr)

print(f"ok: {checked} checks")
