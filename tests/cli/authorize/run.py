"""fleetprov authorize: decisions, the JSON members, and a text that tells what to change."""
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from tool import Folder, arn, expect, expect_json, policy, run, statement  # noqa: E402

device = policy(
    statement("iot:Connect", arn("client/${iot:Connection.Thing.ThingName}"),
              Condition={"Bool": {"iot:Connection.Thing.IsAttached": "true"}}),
    statement("iot:Publish", arn("topic/d/${iot:Connection.Thing.ThingName}/*")),
    statement("iot:Subscribe", arn("topicfilter/d/${iot:Connection.Thing.ThingName}/*")),
    statement("iot:Publish", arn("topic/d/*/secret"), "Deny"))


with Folder() as at:
    file = at.write("device.json", device)
    ask = ["authorize", "--policy", file, "--format", "json"]

    # the members, in order; a short resource becomes an ARN
    answer = expect_json(0, *ask, "--action", "iot:Publish", "--resource", "topic/d/one/up", "--client-id", "one",
                         "--thing", "one")
    assert list(answer) == ["decision", "action", "resource", "matched", "statements", "missing_context"], answer
    assert answer["decision"] == "ALLOWED" and answer["resource"] == arn("topic/d/one/up")
    assert answer["matched"] == [{"policy": str(file), "statement": "/Statement/1", "effect": "Allow"}], answer
    assert [list(s) for s in answer["statements"]] == [["policy", "statement", "effect", "result", "detail"]] * 4
    assert [s["result"] for s in answer["statements"]] == ["action", "matched", "action", "resource"], answer

    # region and account of short resources; an ARN is taken as it is
    far = expect_json(1, *ask, "--action", "iot:Publish", "--resource", "topic/x", "--region", "eu-west-1", "--account",
                      "111122223333")
    assert far["resource"] == arn("topic/x", "eu-west-1", "111122223333")
    assert expect_json(1, *ask, "--action", "iot:Publish", "--resource", arn("topic/y"))["resource"] == arn("topic/y")

    # Deny wins
    answer = expect_json(1, *ask, "--action", "iot:Publish", "--resource", "topic/d/one/secret", "--thing", "one")
    assert answer["decision"] == "EXPLICIT_DENY", answer
    assert {m["effect"] for m in answer["matched"]} == {"Allow", "Deny"}

    # the thing: not named, not attached, another client id, exclusive
    connect = [*ask, "--action", "iot:Connect", "--resource", "client/one"]
    alone = expect_json(1, *connect)
    assert alone["decision"] == "IMPLICIT_DENY" and "iot:Connection.Thing.ThingName" in alone["missing_context"]
    assert alone["statements"][0]["result"] == "unresolved-variable", alone
    expect(0, *connect, "--thing", "one")
    expect(1, *connect, "--thing", "one", "--not-attached")
    expect(1, *connect, "--thing", "one", "--client-id", "two")
    publish = [*ask, "--action", "iot:Publish", "--resource", "topic/d/one/up"]
    expect(1, *publish, "--thing", "one", "--client-id", "free")
    expect(0, *publish, "--thing", "one", "--client-id", "free", "--exclusive")
    expect(1, *publish, "--thing", "one", "--client-id", "")
    expect(2, *publish, "--thing-type", "sensor")

    # what exists over HTTPS only has neither client id nor thing, whatever is given
    for number, (action, resource, pattern, more) in enumerate([
            ("iot:GetThingShadow", "thing/one", "thing/${iot:Connection.Thing.ThingName}", {}),
            ("iot:UpdateThingShadow", "thing/one/name", "thing/${iot:Connection.Thing.ThingName}/*", {}),
            ("iot:DeleteThingShadow", "thing/one", "thing/one", {"Condition": {"Bool": {"iot:Connection.Thing.IsAttached": "true"}}}),
            ("iot:ListNamedShadowsForThing", "thing/one", "thing/${iot:ClientId}", {}),
            ("iotjobsdata:DescribeJobExecution", "thing/one", "thing/${iot:Connection.Thing.ThingName}", {}),
            ("iot:GetRetainedMessage", "topic/one", "topic/${iot:ClientId}", {}),
            ("iot:DeleteConnection", "client/one", "client/${iot:ClientId}", {}),
            ("iot:AssumeRoleWithCertificate", "rolealias/one", "rolealias/${iot:Connection.Thing.ThingName}", {})]):
        https = at.write(f"https{number}.json", policy(statement(action, arn(pattern), **more)))
        words = ["authorize", "--policy", https, "--action", action, "--resource", resource]
        for given, told in ((["--thing", "one"], "left out the thing"), (["--client-id", "one"], "left out the client id"),
                            (["--thing", "one", "--client-id", "one", "--exclusive"], "left out the client id and the thing")):
            done = expect(1, *words, *given)
            assert done.stdout.startswith("IMPLICIT_DENY") and "taken for granted" not in done.stdout, done.stdout
            assert f"note: {action} exists over HTTPS only" in done.stderr and told in done.stderr, done.stderr
            assert "(--thing)" not in done.stdout and "(--client-id)" not in done.stdout, done.stdout
        assert expect(1, *words).stderr == ""
    # Publish goes over both
    expect(0, *publish, "--thing", "one")

    # type and attributes
    kinds = at.write("kinds.json", policy(statement(
        "iot:Publish", arn("topic/${iot:Connection.Thing.ThingTypeName}/${iot:Connection.Thing.Attributes[site]}"))))
    expect(0, "authorize", "--policy", kinds, "--action", "iot:Publish", "--resource", "topic/sensor/north", "--thing", "t",
           "--thing-type", "sensor", "--attribute", "site=north")
    expect(2, "authorize", "--policy", kinds, "--action", "iot:Publish", "--resource", "topic/a", "--thing", "t",
           "--attribute", "site")

    # context: one value, a list, the empty list
    wills = at.write("wills.json", policy(statement("iot:Connect", arn("client/c"), Condition={
        "ForAllValues:StringEquals": {"iot:ConnectAttributes": ["LastWill", "PersistentConnect"]}})))
    plain = at.write("plain.json", policy(statement("iot:Connect", arn("client/c"), Condition={
        "ForAllValues:StringEquals": {"iot:ConnectAttributes": []}})))

    def connects(document, *context):
        words = [word for pair in context for word in ("--context", pair)]
        done = run("authorize", "--policy", document, "--action", "iot:Connect", "--resource", "client/c", "--format",
                   "json", *words)
        assert done.returncode in (0, 1), done.stderr
        return json.loads(done.stdout)["decision"]

    assert connects(wills, "iot:ConnectAttributes=LastWill", "iot:ConnectAttributes=PersistentConnect") == "ALLOWED"
    assert connects(wills, "iot:ConnectAttributes=Other") == "IMPLICIT_DENY"
    assert connects(plain) == "ALLOWED", "a plain CONNECT has no attributes"
    assert connects(plain, "iot:ConnectAttributes=") == "ALLOWED"
    assert connects(plain, "iot:ConnectAttributes=LastWill") == "IMPLICIT_DENY"

    # several documents: --policy takes many and may be repeated
    allow = at.write("allow.json", policy(statement("iot:Publish", "*")))
    deny = at.write("deny.json", policy(statement("iot:Publish", arn("topic/b"), "Deny")))
    both = ["authorize", "--action", "iot:Publish", "--resource", "topic/b", "--format", "json"]
    assert expect_json(1, *both, "--policy", allow, deny)["decision"] == "EXPLICIT_DENY"
    assert expect_json(1, *both, "--policy", allow, "--policy", deny)["decision"] == "EXPLICIT_DENY"
    assert expect_json(0, *both, "--policy", allow)["decision"] == "ALLOWED"
    assert expect_json(0, *both, "--policy", "-", stdin=allow.read_text())["decision"] == "ALLOWED"

    # text: decision first, the nearest statement by number and line, what it lacks, a Resource to paste
    mixed = at.write("mixed.json", policy(
        statement("iot:Connect", "*"),
        statement(["iot:Subscribe", "iot:Publish"], arn("topic/a/b"))))
    text = expect(1, "authorize", "--policy", mixed, "--action", "iot:Subscribe", "--resource", "topicfilter/a/b").stdout
    assert text.startswith("IMPLICIT_DENY iot:Subscribe on topicfilter/a/b\n"), text
    assert "statement 2" in text and "topicfilter" in text and f'"{arn("topicfilter/a/b")}"' in text, text
    assert f"{mixed}:9" in text, text
    odd = expect(1, "authorize", "--policy", mixed, "--action", "iot:Subscribe", "--resource", "topic/x").stdout
    assert "a Resource that would match" not in odd and "the request is about `topic/x`" in odd, odd
    text = expect(1, "authorize", "--policy", mixed, "--action", "iot:Publish", "--resource", "topic/a/b/c").stdout
    assert "level" in text, text
    text = expect(0, "authorize", "--policy", mixed, "--action", "iot:Connect", "--resource", "client/x").stdout
    assert text.startswith("ALLOWED ") and "statement 1" in text, text
    text = expect(1, "authorize", "--policy", file, "--action", "iot:Connect", "--resource", "client/two", "--thing", "one").stdout
    assert "two" in text and "not the name of a thing" in text, text

    # a certificate fills its variables
    key, pem = at.path / "c.key", at.path / "c.pem"
    made = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                           "-subj", "/CN=sensor-7/O=Example", "-days", "1", "-keyout", str(key), "-out", str(pem)],
                          capture_output=True, check=False)
    if made.returncode == 0:
        named = at.write("named.json", policy(statement("iot:Publish", arn("topic/${iot:Certificate.Subject.CommonName}"))))
        words = ["authorize", "--policy", named, "--action", "iot:Publish", "--resource", "topic/sensor-7", "--client-id", "x"]
        expect(0, *words, "--certificate", pem)
        expect(1, *words)
        expect(2, *words, "--certificate", named)
        expect(2, *words, "--certificate", pem, "--certificate-id", "0" * 64)
        by_id = at.write("by_id.json", policy(statement("iot:Publish", arn("topic/${iot:CertificateId}"))))
        expect(0, "authorize", "--policy", by_id, "--action", "iot:Publish", "--resource", "topic/" + "a" * 64,
               "--certificate-id", "a" * 64)

    # of a key without a value: the option that gives it one, or why none does
    def lacks(variable, *given, action="iot:Publish", resource="topic/t1"):
        rights = at.write("lacks.json", policy(statement(action, arn(resource.split("/")[0] + "/${" + variable + "}"))))
        done = expect(1, "authorize", "--policy", rights, "--action", action, "--resource", resource, *given)
        lines = [line.strip() for line in done.stdout.splitlines() if line.startswith(("  not known: ", "  no value: "))]
        assert len(lines) == 1, done.stdout
        return lines[0]

    name, common_name = "iot:Connection.Thing.ThingName", "iot:Certificate.Subject.CommonName"
    type_name, client_id = "iot:Connection.Thing.ThingTypeName", "iot:ClientId"
    for variable, given, told in [
            (name, [], f"not known: {name} (--thing)"),
            (name, ["--client-id", "t1"], f"not known: {name} (--thing)"),
            (name.lower(), [], f"not known: {name.lower()} (--thing)"),
            (name, ["--thing", "t1", "--not-attached"], f"no value: {name} (the certificate is not attached to `t1`)"),
            (name, ["--thing", "t1", "--client-id", "x"], f"no value: {name} (the client id `x` is not the thing's name `t1`)"),
            (name, ["--thing", "t1", "--client-id", ""], f"no value: {name} (without a client id there is no thing)"),
            (name, ["--thing", "t1", "--client-id", "", "--exclusive"], f"no value: {name} (without a client id there is no thing)"),
            (type_name, [], f"not known: {type_name} (--thing with --thing-type)"),
            (type_name, ["--thing", "t1"], f"not known: {type_name} (--thing-type)"),
            (type_name, ["--thing", "t1", "--client-id", "x", "--exclusive"], f"not known: {type_name} (--thing-type)"),
            (type_name, ["--thing", "t1", "--not-attached"], f"no value: {type_name} (the certificate is not attached to `t1`)"),
            ("iot:Connection.Thing.Attributes[a]", ["--thing", "t1"], "not known: iot:Connection.Thing.Attributes[a] (--attribute)"),
            (client_id, [], f"not known: {client_id} (--client-id)"),
            (client_id, ["--client-id", ""], f"no value: {client_id} (--client-id '' says that there is none)"),
            (common_name, [], f"not known: {common_name} (--certificate)"),
            (common_name + ".List", [], f"no value: {common_name}.List (lists cannot be variables)"),
            (common_name + ".List", ["--context", common_name + "=t1"], f"no value: {common_name}.List (lists cannot be variables)"),
            ("iot:Certificate.Subject.Locality", [], "no value: iot:Certificate.Subject.Locality (AWS IoT has no such key)"),
            ("iot:Thing.ThingName", ["--thing", "t1"], "no value: iot:Thing.ThingName (AWS IoT has no such key)"),
            ("iot:LastWillTopic", ["--context", "iot:LastWillTopic=w"], "no value: iot:LastWillTopic (for conditions only, cannot be a variable)"),
            ("k", [], "not known: k (--context k=VALUE)"),
            ("k", ["--context", "k=a", "--context", "k=b"], "no value: k (its value cannot be that of a variable)"),
            ("a, b", [], "no value: ${a, b} (no well-formed variable)")]:
        assert lacks(variable, *given) == told, (variable, given, lacks(variable, *given))
    assert lacks(name, action="iot:GetThingShadow", resource="thing/t1") == f"no value: {name} (never there over HTTPS)"
    assert lacks(name, "--thing", "one", action="iot:Connect", resource="client/two") == (
        f"no value: {name} (the client id `two` is not the thing's name `one`)")
    listed = at.write("listed.json", policy(statement("iot:Publish", "*", Condition={
        "ForAnyValue:StringEquals": {common_name + ".List": "t1"}})))
    words = ["authorize", "--policy", listed, "--action", "iot:Publish", "--resource", "topic/t1"]
    assert f"not known: {common_name}.List (--certificate)" in expect(1, *words).stdout
    if made.returncode == 0:
        assert lacks("iot:Certificate.Subject.Country", "--certificate", pem) == (
            "no value: iot:Certificate.Subject.Country (the certificate has none)")
        assert lacks("iot:Certificate.Subject.Locality", "--certificate", pem) == (
            "no value: iot:Certificate.Subject.Locality (AWS IoT has no such key)")

    # wrong usage and unusable documents are exit 2
    assert "client/one" in expect(2, *ask, "--action", "iot:Connect", "--resource", "one").stderr
    expect(2, *ask, "--action", "iot:Connect", "--resource", "arn:aws:iot")
    expect(2, "authorize", "--policy", file, "--action", "iot:Connect")
    expect(2, *connect, "--context", "novalue")
    broken = at.write("broken.json", '{"Version": "2012-10-17", "Statement": [')
    refused = expect(2, "authorize", "--policy", broken, "--action", "iot:Connect", "--resource", "client/a")
    assert f"{broken}:1:" in refused.stderr and refused.stdout == "", refused
    lacking = at.write("lacking.json", {"Version": "2012-10-17", "Statement": [{"Action": "iot:Connect", "Resource": "*"}]})
    assert "P008" in expect(2, "authorize", "--policy", lacking, "--action", "iot:Connect", "--resource", "client/a").stderr
    assert "iot:Subscribe" in expect(1, *ask, "--action", "iot:Subscibe", "--resource", "topicfilter/a").stderr

print("ok")
