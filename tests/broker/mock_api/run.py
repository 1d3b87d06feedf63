#!/usr/bin/env python3
"""The mock's own HTTP interface and its command line: clock, faults, reset, events, denials, start and stop."""
import http.client
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "support"))
from cases import case, run  # noqa: E402
from mock import FLEETPROV, SOURCE, Mock  # noqa: E402
from mqtt import CREATE, Client, ask, claim_identity, create, provision_device, register, save  # noqa: E402


def fault(mock, **what):
    status, body, _ = mock.http("POST", "/_mock/faults", what)
    assert status == 200, body
    return body["id"]


def faults(mock):
    return mock.http("GET", "/_mock/faults")[1]["faults"]


def clear(mock):
    assert mock.http("DELETE", "/_mock/faults")[0] == 200


def device(mock, out, name):
    status, made, _ = mock.http("POST", "/keys-and-certificate?setAsActive=true")
    assert status == 200
    document = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]})
    mock.http("POST", "/policies/all", {"policyDocument": document})
    assert mock.http("PUT", "/target-policies/all", {"target": made["certificateArn"]})[0] == 200
    return save(out, {"certificatePem": made["certificatePem"], "privateKey": made["keyPair"]["PrivateKey"]}, name)


@case("health and clock answer")
def health(mock):
    status, body, _ = mock.http("GET", "/_mock/health")
    assert status == 200 and body["status"] == "ok"
    before = mock.http("GET", "/_mock/clock")[1]["now"]
    status, body, _ = mock.http("POST", "/_mock/clock", {"advance_seconds": 100})
    assert status == 200 and 100 <= body["now"] - before < 160
    for bad in ({"advance_seconds": "1"}, {"advance_seconds": -1}, {}, [], {"forward": 1}):
        assert mock.http("POST", "/_mock/clock", bad)[0] == 400, bad
    assert mock.http("POST", "/_mock/clock", b"{")[0] == 400


@case("unknown routes and methods under /_mock/ say what there is")
def unknown_routes(mock):
    status, body, _ = mock.http("GET", "/_mock/nothing")
    assert status == 404 and "faults" in body["message"]
    assert mock.http("PUT", "/_mock/clock", {})[0] == 405
    status, body, _ = mock.http("GET", "/no-such-operation")
    assert status == 501 and "GET" in body["message"] and "/no-such-operation" in body["message"]


@case("faults are listed with hit counts, removed one by one and all together")
def fault_bookkeeping(mock):
    clear(mock)
    one = fault(mock, operation="RegisterThing", fault="reject", status_code=429, error_code="TooManyRequests", error_message="slow", count=1)
    two = fault(mock, operation="Publish", fault="drop", client_id="x*", probability=0.5)
    listed = faults(mock)
    assert [f["id"] for f in listed] == [one, two] and [f["hits"] for f in listed] == [0, 0]
    assert listed[0]["operation"] == "RegisterThing" and listed[0]["status_code"] == 429 and listed[0]["count"] == 1
    assert mock.http("DELETE", "/_mock/faults/" + one)[0] == 200
    assert [f["id"] for f in faults(mock)] == [two]
    assert mock.http("DELETE", "/_mock/faults/" + one)[0] == 404
    clear(mock)
    assert faults(mock) == []


@case("a fault of the wrong type or an impossible pair is a 400 that names what is allowed")
def bad_faults(mock):
    good = {"operation": "RegisterThing", "fault": "reject"}
    for change in ({"operation": 5}, {"operation": "Nothing"}, {"fault": "explode"}, {"status_code": "429"}, {"status_code": 200},
                   {"delay_ms": -1}, {"delay_ms": 1.5}, {"probability": 2}, {"probability": "1"}, {"count": 0}, {"count": "1"},
                   {"client_id": 1}, {"error_code": 1}, {"more": 1}):
        status, body, _ = mock.http("POST", "/_mock/faults", {**good, **change})
        assert status == 400 and body["message"], (change, status, body)
    for missing in ({"operation": "Connect"}, {"fault": "reject"}, []):
        assert mock.http("POST", "/_mock/faults", missing)[0] == 400
    for kind in ("delay", "drop", "duplicate"):
        status, body, _ = mock.http("POST", "/_mock/faults", {"operation": "Connect", "fault": kind})
        assert status == 400 and "disconnect_before_reply" in body["message"] and "reject" in body["message"]
    assert faults(mock) == []


@case("reject and throttle answer with the status, code and words asked for, as often as asked")
def reject(mock):
    client = Client(mock, claim_identity(mock), "reject")
    fault(mock, operation="CreateKeysAndCertificate", fault="reject", status_code=503, error_code="Busy", error_message="not now", count=2)
    for _ in range(2):
        kind, answer = ask(client, CREATE, b"{}")
        assert kind == "rejected" and answer.json() == {"statusCode": 503, "errorCode": "Busy", "errorMessage": "not now"}
    assert create(client) and faults(mock)[0]["hits"] == 2
    clear(mock)
    fault(mock, operation="RegisterThing", fault="throttle")
    kind, answer = register(client, "x")
    assert kind == "rejected" and answer["statusCode"] == 429 and answer["errorCode"] == "TooManyRequests"
    clear(mock)


@case("a fault hits only the clients that its glob names")
def client_glob(mock):
    fault(mock, operation="*", fault="reject", client_id="unlucky-*")
    assert Client(mock, claim_identity(mock), "unlucky-1").connack is None
    assert create(Client(mock, claim_identity(mock), "lucky"))
    clear(mock)


@case("delay, drop and duplicate of an answer")
def answer_faults(mock):
    client = Client(mock, claim_identity(mock), "answers")
    fault(mock, operation="CreateKeysAndCertificate", fault="delay", delay_ms=700, count=1)
    start = time.monotonic()
    create(client)
    assert time.monotonic() - start >= 0.7
    clear(mock)
    fault(mock, operation="CreateKeysAndCertificate", fault="duplicate", count=1)
    kind, first = ask(client, CREATE, b"{}")
    assert kind == "accepted" and client.message().payload == first.payload
    clear(mock)
    fault(mock, operation="CreateKeysAndCertificate", fault="drop", count=1)
    before = len(mock.http("GET", "/certificates")[1]["certificates"])
    assert client.publish(CREATE, b"{}") == 0
    # The next request is answered once: the dropped answer never comes.
    kind, _ = ask(client, CREATE, b"{}")
    assert kind == "accepted" and client.ping() and client.messages == []
    # The operation itself is carried out, on another worker: it may end later.
    end = time.monotonic() + 20
    while len(mock.http("GET", "/certificates")[1]["certificates"]) != before + 2:
        assert time.monotonic() < end
    clear(mock)


@case("disconnect_before_reply and disconnect_after_reply")
def disconnects(mock):
    fault(mock, operation="CreateKeysAndCertificate", fault="disconnect_before_reply", count=1)
    client = Client(mock, claim_identity(mock), "cut")
    client.subscribe(CREATE + "/accepted")
    client.start_publish(CREATE, b"{}")
    client.wait_closed()
    assert client.messages == []
    clear(mock)
    fault(mock, operation="CreateKeysAndCertificate", fault="disconnect_after_reply", count=1)
    client = Client(mock, claim_identity(mock), "cut-after")
    client.subscribe(CREATE + "/accepted")
    client.start_publish(CREATE, b"{}")
    client.wait_closed()
    assert len(client.messages) == 1
    clear(mock)


@case("faults of Connect")
def connect_faults(mock):
    fault(mock, operation="Connect", fault="reject", count=2, client_id="c")
    assert Client(mock, claim_identity(mock), "c").connack is None
    assert Client(mock, claim_identity(mock), "c", version=5).connack_code == 0x87
    assert Client(mock, claim_identity(mock), "c").accepted
    clear(mock)
    for kind in ("throttle", "disconnect_before_reply"):
        fault(mock, operation="Connect", fault=kind, count=1, client_id="c")
        assert Client(mock, claim_identity(mock), "c").connack is None
    clear(mock)
    fault(mock, operation="Connect", fault="disconnect_after_reply", count=1, client_id="c")
    client = Client(mock, claim_identity(mock), "c")
    assert client.accepted
    client.wait_closed()
    clear(mock)


@case("faults of Publish: dropped, delayed, doubled, refused, cut")
def publish_faults(mock):
    with tempfile.TemporaryDirectory() as out:
        identity = device(mock, out, "publisher")
        receiver = Client(mock, identity, "receiver")
        receiver.subscribe("f/#")
        sender = Client(mock, identity, "sender", version=5)
        fault(mock, operation="Publish", fault="drop", count=1, client_id="sender")
        assert sender.publish("f/dropped", b"") in (0, 0x10)
        clear(mock)
        fault(mock, operation="Publish", fault="delay", delay_ms=500, count=1, client_id="sender")
        assert sender.publish("f/late", b"kept") in (0, 0x10)
        assert sender.publish("f/early", b"") == 0
        assert receiver.message().topic == "f/early"
        late = receiver.message()
        assert late.topic == "f/late" and late.payload == b"kept"
        clear(mock)
        fault(mock, operation="Publish", fault="duplicate", count=1, client_id="sender")
        assert sender.publish("f/twice", b"2") == 0
        assert [receiver.message().topic, receiver.message().topic] == ["f/twice"] * 2
        clear(mock)
        fault(mock, operation="Publish", fault="reject", count=1, client_id="sender")
        assert sender.publish("f/refused", b"") == 0x87
        clear(mock)
        fault(mock, operation="Publish", fault="throttle", count=1, client_id="sender")
        assert sender.publish("f/throttled", b"") is None and sender.disconnect_code == 0x97
        clear(mock)
        for kind, answer in (("disconnect_before_reply", None), ("disconnect_after_reply", 0)):
            sender = Client(mock, identity, "sender")
            fault(mock, operation="Publish", fault=kind, count=1, client_id="sender")
            assert sender.publish("f/cut", b"") == answer
            sender.wait_closed()
            clear(mock)


@case("--fault sets one from the command line, a bad one is exit 2")
def fault_option(_mock):
    with Mock("--fault", "operation=CreateKeysAndCertificate,fault=reject,status_code=429,count=1") as other:
        client = Client(other, claim_identity(other), "option")
        kind, answer = ask(client, CREATE, b"{}")
        assert kind == "rejected" and answer.json()["statusCode"] == 429
        assert create(client)
        assert other.http("POST", "/_mock/reset")[0] == 200
        assert faults(other)[0]["hits"] == 0, "reset brings back the faults of the start"
    done = subprocess.run([FLEETPROV, "mock", "--ephemeral", "--fault", "operation=Connect,fault=delay"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "reject" in done.stderr, done


@case("reset brings back the world, the clock, the faults, the log and the retained messages of the start")
def reset(_mock):
    with tempfile.TemporaryDirectory() as out:
        directory = out + "/mock"
        with Mock(directory=directory) as earlier:
            identity, name, _ = provision_device(earlier, out, "kept")
        with Mock(directory=directory) as mock:
            logged = len(mock.events())
            assert logged > 0, "the folder's earlier log is there"
            device_session = Client(mock, identity, name)
            late_identity, late_name, _ = provision_device(mock, out, "late")
            late = Client(mock, late_identity, late_name)
            everything = device(mock, out, "all")
            keeper = Client(mock, everything, "keeper")
            assert keeper.publish("kept/here", b"x", retain=True) == 0
            mock.http("POST", "/_mock/clock", {"advance_seconds": 500})
            fault(mock, operation="Connect", fault="reject")
            ahead = mock.http("GET", "/_mock/clock")[1]["now"]
            assert mock.http("POST", "/_mock/reset")[0] == 200
            assert ahead - mock.http("GET", "/_mock/clock")[1]["now"] > 400
            assert faults(mock) == []
            assert mock.http("GET", "/things/" + name)[0] == 200
            assert mock.http("GET", "/things/" + late_name)[0] == 404
            late.wait_closed()
            assert device_session.ping(), "a session of the start's world stays"
            assert mock.http("GET", "/retainedMessage")[1]["retainedTopics"] == []
            assert mock.http("GET", "/_mock/denials")[1]["denials"] == []
            assert create(Client(mock, claim_identity(mock), "after"))


@case("reset gives back the CONNECTs that --strict quotas has counted, also after the clock was moved")
def reset_quotas(_mock):
    with Mock("--strict", "quotas") as mock:
        for ahead in (0, 86400):
            mock.http("POST", "/_mock/clock", {"advance_seconds": ahead})
            assert Client(mock, claim_identity(mock), "counted", version=5).accepted
            assert mock.http("POST", "/_mock/reset")[0] == 200
            assert Client(mock, claim_identity(mock), "counted", version=5).accepted
            assert mock.http("POST", "/_mock/reset")[0] == 200


@case("events are the log's lines, and follow=1 streams what comes")
def event_stream(mock):
    client = Client(mock, claim_identity(mock), "streamed")
    with open(mock.ready["dir"] + "/iot-logs.jsonl", encoding="utf-8") as file:
        on_disk = [json.loads(line) for line in file]
    assert mock.events()[:len(on_disk)] == on_disk
    host, port = mock.url[len("http://"):].split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=20)
    connection.request("GET", "/_mock/events?follow=1")
    answer = connection.getresponse()
    assert answer.status == 200
    create(client)
    while True:
        entry = json.loads(answer.readline())
        if entry["eventType"] == "GetDeviceCredentials" and entry["clientId"] == "streamed":
            break
    connection.close()


@case("a foreign Host is refused, CORS stays closed, large and broken requests are 4xx")
def http_hardening(mock):
    assert mock.http("GET", "/_mock/health", headers={"Host": "evil.example"})[0] == 403
    assert mock.http("GET", "/_mock/health", headers={"Host": "evil.example:8080"})[0] == 403
    status, _, headers = mock.http("GET", "/_mock/health", headers={"Origin": "http://evil.example"})
    assert status == 200 and not [h for h in headers if h.lower().startswith("access-control")]
    host, port = mock.url[len("http://"):].split(":")
    for request in (b"GARBAGE\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"POST /_mock/clock HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n",
                    b"GET " + b"/a" * 20000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"):
        with socket.create_connection((host, int(port)), timeout=20) as raw:
            raw.sendall(request)
            try:
                answer = raw.recv(100)
            except ConnectionError:
                answer = b""
            assert answer == b"" or answer[9:10] == b"4", answer
    assert mock.http("GET", "/_mock/health")[0] == 200


@case("a change that a page of another site asks for is refused; a body over 2 MiB is a 413")
def foreign_origin_and_size(mock):
    for origin in ("http://evil.example", "https://evil.example:8080", "null"):
        for method, path in (("POST", "/_mock/reset"), ("POST", "/things/forged"), ("DELETE", "/_mock/faults"), ("PUT", "/target-policies/p")):
            status, _, headers = mock.http(method, path, {}, headers={"Origin": origin})
            assert status == 403 and not [h for h in headers if h.lower().startswith("access-control")], (origin, method, path)
    assert mock.http("OPTIONS", "/things/forged", headers={"Origin": "http://evil.example"})[0] == 403, "no preflight succeeds"
    assert mock.http("GET", "/things/forged")[0] == 404
    assert mock.http("POST", "/things/same-site", {}, headers={"Origin": mock.url})[0] == 200
    limit = 2 << 20
    assert mock.http("POST", "/things/large", b'{"x":"' + b"x" * (limit - 8) + b'"}')[0] in (200, 400)
    assert mock.http("GET", "/_mock/health")[0] == 200
    host, port = mock.url[len("http://"):].split(":")
    with socket.create_connection((host, int(port)), timeout=20) as raw:
        raw.sendall(b"POST /things/large HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (limit + 1))
        answer = b"".join(iter(lambda: raw.recv(1000), b""))
        assert answer.startswith(b"HTTP/1.1 413") and b"too large" in answer, answer


@case("`curl -d` and `curl -F` send what they send: a form of any size is its bytes, one of parts is no JSON")
def forms(mock):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    parts = {"Content-Type": "multipart/form-data; boundary=x"}
    large = json.dumps({"attributePayload": {"attributes": {"k": "v"}}, "pad": "x" * 9000}).encode()
    assert mock.http("POST", "/things/form", large, headers=form)[0] == 200
    assert mock.http("GET", "/things/form")[1]["attributes"] == {"k": "v"}
    body = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n'
    assert mock.http("POST", "/things/parts", body, headers=parts)[0] == 400 and mock.http("GET", "/things/parts")[0] == 404
    with tempfile.TemporaryDirectory() as out:
        receiver = Client(mock, device(mock, out, "forms"), "forms")
        assert receiver.subscribe("forms") == [1]
        for headers, payload in ((form, b"a=b&c=%" + b"x" * 131065), (parts, body)):
            assert mock.http("POST", "/topics/forms?qos=1", payload, headers=headers)[0] == 200
            assert receiver.message().payload == payload
        assert mock.http("POST", "/topics/forms", b"x" * 131073, headers=form)[0] == 413


@case("the keys of the mock's authorities are 0600 in folders of 0700, and no private key is anywhere else")
def keys_are_private(mock):
    folder = mock.ready["dir"]
    for name in ("root.key", "device-ca.key", "server.key"):
        assert os.stat(folder + "/private/" + name).st_mode & 0o777 == 0o600, name
    for name in ("", "/private", "/pool", "/ca"):
        assert os.stat(folder + name).st_mode & 0o777 == 0o700, name
    made = [mock.http("POST", "/keys-and-certificate?setAsActive=true")[1], mock.http("POST", "/provisioning-templates/fleet-basic/provisioning-claim")[1]]
    client = Client(mock, claim_identity(mock), "keys")
    token = create(client)["certificateOwnershipToken"]
    assert register(client, token, SerialNumber="keys")[0] == "accepted"
    mock.http("GET", "/_mock/events")  # comes behind what is still to be written
    secrets = [b"PRIVATE KEY", token.encode(), *(one["keyPair"]["PrivateKey"].splitlines()[1].encode() for one in made)]
    kept = {folder + "/claim.pem.key", *(folder + "/private/" + name for name in os.listdir(folder + "/private"))}
    searched = 0
    for parent, _, names in os.walk(folder):
        for path in (parent + "/" + name for name in names):
            if path not in kept and not path.startswith(folder + "/pool/"):
                with open(path, "rb") as file:
                    content = file.read()
                searched += 1
                assert not [s for s in secrets if s in content], path
    assert searched >= 5
    said = mock.stderr().encode()
    for pid in [mock.process.pid, *children(mock.process.pid)]:
        with open("/proc/%d/cmdline" % pid, "rb") as file:
            said += file.read()
    assert not [s for s in secrets if s in said]


@case("it listens on loopback and says nothing of it; anywhere else it warns")
def bind_warning(mock):
    with open("/proc/net/tcp", encoding="ascii") as file:
        listening = {line.split()[1] for line in file if " 0A " in line}
    for port in (mock.port, int(mock.url.rsplit(":", 1)[1])):
        assert "0100007F:%04X" % port in listening and "00000000:%04X" % port not in listening
    assert "warning" not in mock.stderr().replace("Warning: Mosquitto", "")
    # Everywhere, but in a network of its own.
    apart = next((p for p in (["unshare", "--net"], ["unshare", "--net", "--map-root-user"])
                  if subprocess.run([*p, "true"], capture_output=True, check=False).returncode == 0), None)
    if apart is None:
        print("      private network namespaces are refused here: the warning is not looked at")
        return
    process = subprocess.Popen([*apart, FLEETPROV, "mock", "--ephemeral", "--port", "0", "--http-port", "0", "--bind", "0.0.0.0"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline()
    process.terminate()
    _, said = process.communicate(timeout=20)
    assert process.returncode == 0 and "warning: --bind 0.0.0.0 lets other machines use the mock" in said, said


@case("what a mock on another address of this machine tells reaches it, IPv6 too")
def other_addresses(_):
    for address in ("127.0.0.2", "::1"):
        try:
            with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
                probe.bind((address, 0))
        except OSError:
            print("      %s is not there" % address)
            continue
        with Mock("--bind", address) as bound, tempfile.TemporaryDirectory() as out:
            assert bound.host == address and bound.url.rsplit(":", 1)[0] == "http://" + bound.endpoint.rsplit(":", 1)[0]
            assert bound.http("GET", "/endpoint?endpointType=iot:Data-ATS")[1]["endpointAddress"] == address
            done = bound.provision(out, parameters={"SerialNumber": "1"})
            assert done.returncode == 0, done.stderr


@case("a request without a length has no body and is answered at once")
def no_length(mock):
    host, port = mock.url[len("http://"):].split(":")
    for method, path, status in ((b"PUT", b"/certificates/x?newStatus=ACTIVE", b"4"), (b"DELETE", b"/_mock/faults", b"2"),
                                 (b"POST", b"/_mock/clock", b"4")):
        start = time.monotonic()
        with socket.create_connection((host, int(port)), timeout=20) as raw:
            raw.sendall(method + b" " + path + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert raw.recv(100)[9:10] == status
        assert time.monotonic() - start < 5


@case("a connection that was idle for long has its whole time for the next request")
def idle_connection(mock):
    host, port = mock.url[len("http://"):].split(":")
    with socket.create_connection((host, int(port)), timeout=20) as raw:
        # The pauses are what is tested: together they are longer than one request may take.
        for pause, part in ((8, b"GET /_mock/health HTTP/1.1\r\nHo"), (2.5, b"st: localhost\r\n\r\n")):
            threading.Event().wait(pause)
            raw.sendall(part)
        assert raw.recv(1000).startswith(b"HTTP/1.1 200")


@case("a hundred slow HTTP clients hold up neither HTTP nor MQTT")
def slow_clients(mock):
    host, port = mock.url[len("http://"):].split(":")
    slow = []
    for _ in range(100):
        raw = socket.create_connection((host, int(port)), timeout=20)
        raw.sendall(b"POST /_mock/clock HTTP/1.1\r\nHost: loc")
        slow.append(raw)
    start = time.monotonic()
    assert mock.http("GET", "/_mock/health")[0] == 200
    assert Client(mock, claim_identity(mock), "beside-slow").accepted
    assert time.monotonic() - start < 8
    for raw in slow:
        raw.close()


# ---- the command line ---------------------------------------------------------------------------------


@case("a retained message with a message expiry is gone over HTTP as over MQTT")
def retained_expiry(mock):
    assert mock.http("POST", "/topics/short%2Flived?retain=true&qos=1&messageExpiry=1", b"x")[0] == 200
    assert mock.http("POST", "/topics/long%2Flived?retain=true&qos=1&messageExpiry=600", b"x")[0] == 200
    until = time.monotonic() + 20
    while mock.http("GET", "/retainedMessage/short%2Flived")[0] == 200 and time.monotonic() < until:
        threading.Event().wait(0.05)
    assert mock.http("GET", "/retainedMessage/short%2Flived")[0] == 404
    topics = [kept["topic"] for kept in mock.http("GET", "/retainedMessage")[1]["retainedTopics"]]
    assert "long/lived" in topics and "short/lived" not in topics, topics


@case("the ready object has exactly its members, files are private, and SIGTERM ends it in three seconds with 0")
def ready_and_stop(_mock):
    with tempfile.TemporaryDirectory() as out:
        ready_file = out + "/ready.json"
        with open(out + "/victim", "w", encoding="utf-8") as file:
            file.write("untouched")
        os.symlink(out + "/victim", ready_file)  # a link that somebody put there is replaced, not followed
        os.symlink(out + "/victim", ready_file + ".new")
        mock = Mock("--ready-file", ready_file, "--host", "iot.example.test", directory=out + "/deep/mock")
        ready = mock.ready
        assert list(ready) == ["mqtt", "http", "ca_file", "claim", "templates", "policies", "account", "region", "dir", "pid"]
        assert list(ready["mqtt"]) == ["host", "port"] and list(ready["http"]) == ["url"]
        assert list(ready["claim"]) == ["certificate", "private_key", "certificate_id"]
        assert ready["mqtt"]["host"] == "iot.example.test" and ready["pid"] == mock.process.pid
        with open(ready_file, encoding="utf-8") as file:
            assert json.load(file) == ready
        assert not os.path.islink(ready_file)
        with open(out + "/victim", encoding="utf-8") as file:
            assert file.read() == "untouched"
        assert os.stat(ready["dir"]).st_mode & 0o777 == 0o700
        assert os.stat(ready["claim"]["private_key"]).st_mode & 0o777 == 0o600
        for name in ("AmazonRootCA1.pem", "claim.pem.crt", "claim.pem.key", "state.db", "iot-logs.jsonl", "mosquitto.conf"):
            assert os.path.exists(ready["dir"] + "/" + name), name
        brokers = children(mock.process.pid)
        assert len(brokers) == 1
        start = time.monotonic()
        assert mock.stop() == 0 and time.monotonic() - start < 3
        assert not os.path.exists("/proc/%d" % brokers[0])
        assert os.path.exists(ready["dir"])


def children(pid):
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(word) for word in found.stdout.split()]


@case("an ephemeral folder is gone after the end, by SIGINT too, even while HTTP clients are connected")
def ephemeral(_mock):
    mock = Mock()
    folder = mock.ready["dir"]
    host, port = mock.url[len("http://"):].split(":")
    held = socket.create_connection((host, int(port)))
    held.sendall(b"GET /_mock/health HTTP/1.1\r\nHost: loc")
    follower = socket.create_connection((host, int(port)))
    follower.sendall(b"GET /_mock/events?follow=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    follower.recv(10)
    start = time.monotonic()
    mock.process.send_signal(signal.SIGINT)
    assert mock.process.wait(10) == 0 and time.monotonic() - start < 3
    assert not os.path.exists(folder)
    held.close()
    follower.close()


@case("the broker does not outlive a launcher that was killed")
def no_orphan(_mock):
    mock = Mock()
    broker = children(mock.process.pid)[0]
    handle = os.pidfd_open(broker)
    mock.process.kill()
    mock.process.wait()
    assert select.select([handle], [], [], 10)[0], "the broker still runs"
    os.close(handle)
    subprocess.run(["rm", "-rf", mock.ready["dir"]], check=True)


@case("a broker that dies is reported and ends the mock with 3")
def broker_dies(_mock):
    mock = Mock()
    os.kill(children(mock.process.pid)[0], signal.SIGKILL)
    assert mock.process.wait(20) == 3
    assert "broker ended" in mock.stderr()


@case("a second mock in the same folder, a port in use, a missing plugin: exit 3 and words that help")
def refusals(mock):
    def start(*arguments, **environment):
        return subprocess.run([FLEETPROV, "mock", *arguments], capture_output=True, text=True, timeout=60, env={**os.environ, **environment})
    done = start("--dir", mock.ready["dir"], "--port", "0", "--http-port", "0")
    assert done.returncode == 3 and "another mock" in done.stderr, done
    done = start("--ephemeral", "--port", str(mock.port), "--http-port", "0")
    assert done.returncode == 3 and "in use" in done.stderr and str(mock.port) in done.stderr, done
    done = start("--ephemeral", "--port", "0", "--http-port", mock.url.rsplit(":", 1)[1])
    assert done.returncode == 3 and "in use" in done.stderr, done
    done = start("--ephemeral", FLEETPROV_PLUGIN="/nowhere.so")
    assert done.returncode == 3 and "FLEETPROV_PLUGIN" in done.stderr, done
    assert done.stdout == ""


TEMPLATE = os.path.join(SOURCE, "templates", "fleet-basic.json")
POLICY = os.path.join(SOURCE, "policies", "device-by-thing-name.json")


@case("a ready line that nobody can read ends the mock with 3 and words, and its folder goes")
def ready_line_lost(_mock):
    for full in (False, True):
        with tempfile.TemporaryDirectory() as out:
            if full:
                target = os.open("/dev/full", os.O_WRONLY)
            else:
                reader, target = os.pipe()
                os.close(reader)
            done = subprocess.run([FLEETPROV, "mock", "--ephemeral", "--port", "0", "--http-port", "0"],
                                  stdout=target, stderr=subprocess.PIPE, text=True, timeout=60, check=False, env={**os.environ, "TMPDIR": out})
            os.close(target)
            assert done.returncode == 3 and "ready line" in done.stderr, done
            assert os.listdir(out) == [], os.listdir(out)


@case("wrong usage is exit 2, a document with errors is exit 1")
def usage(_mock):
    def start(*arguments):
        return subprocess.run([FLEETPROV, "mock", "--ephemeral", "--port", "0", "--http-port", "0", *arguments],
                              capture_output=True, text=True, timeout=60)
    for arguments in (["--dir", "kept"], ["--strict", "everything"], ["--account", "12"], ["--port", "70000"], ["--lambda", "name"],
                      ["--format", "xml"], ["--policy", "p=/nowhere.json"], ["--no-such"],
                      ["--hook", "fleet-basic=nobody"], ["--hook", "fleet-basic=b", "--lambda", "a=true"], ["--lambda", "a=true", "--lambda", "a=false"],
                      ["--template", "T=" + TEMPLATE, "--template", "T=" + TEMPLATE], ["--policy", "p=" + POLICY, "--policy", "p=" + POLICY]):
        done = start(*arguments)
        assert done.returncode == 2 and done.stderr, (arguments, done)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write('{"Version":"2012-10-17"}')
        file.flush()
        done = start("--policy", "p=" + file.name)
        assert done.returncode == 1 and file.name in done.stderr, done


@case("--empty has no claim, no template and no policy; options fill the world")
def empty(_mock):
    with Mock("--empty", "--region", "eu-west-1", "--account", "210987654321") as mock:
        assert mock.ready["claim"] is None and mock.ready["templates"] == [] and mock.ready["policies"] == []
        assert mock.ready["region"] == "eu-west-1" and mock.ready["account"] == "210987654321"
        status, body, _ = mock.http("POST", "/things/t", {})
        assert status == 200 and body["thingArn"] == "arn:aws:iot:eu-west-1:210987654321:thing/t"


@case("several ports and several mocks at once; a second start finds the same world")
def several(_mock):
    with tempfile.TemporaryDirectory() as out:
        with Mock("--port", "0", directory=out + "/a") as one, Mock() as two:
            assert one.port != two.port
            _, name, _ = provision_device(one, out, "several")
            claim = one.claim["certificate_id"]
            with open(one.ready["dir"] + "/mosquitto.conf", encoding="utf-8") as file:
                assert file.read().count("\nlistener ") == 2
        with Mock(directory=out + "/a") as again:
            assert again.claim["certificate_id"] == claim
            assert again.http("GET", "/things/" + name)[0] == 200


@case("the text ready line names endpoint, files and a command to copy")
def text_line(_mock):
    process = subprocess.Popen([FLEETPROV, "mock", "--ephemeral", "--port", "0", "--http-port", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    line = process.stdout.readline()
    process.terminate()
    rest, _ = process.communicate(timeout=20)
    assert process.returncode == 0 and rest == ""
    for word in ("mqtts://localhost:", "http://127.0.0.1:", "AmazonRootCA1.pem", "claim.pem.crt", "claim.pem.key", "fleetprov provision --endpoint"):
        assert word in line, (word, line)


def hook_of(mock, template):
    return mock.http("GET", "/provisioning-templates/" + template)[1].get("preProvisioningHook", {}).get("targetArn", "").split(":")[-1]


@case("--hook is the template's own hook: removed over HTTP it is asked no more")
def hook_removed(_mock):
    with Mock("--lambda", "deny=cat >/dev/null; echo '{}'", "--hook", "fleet-basic=deny") as mock:
        client = Client(mock, claim_identity(mock), "hook-removed")
        token = create(client)["certificateOwnershipToken"]
        assert hook_of(mock, "fleet-basic") == "deny"
        assert register(client, token, SerialNumber="hooked")[1]["statusCode"] == 403
        assert mock.http("PATCH", "/provisioning-templates/fleet-basic", {"removePreProvisioningHook": True})[0] == 200
        assert hook_of(mock, "fleet-basic") == ""
        assert register(client, token, SerialNumber="unhooked")[0] == "accepted"


@case("a --template that gets its hook with --hook is not told to have none, one that does not is")
def hook_warnings(_mock):
    file = os.path.join(HERE, "..", "..", "..", "templates", "fleet-basic.json")
    with Mock("--template", "Hooked=" + file, "--lambda", "fn=cat >/dev/null; echo '{}'", "--hook", "Hooked=fn") as mock:
        assert hook_of(mock, "Hooked") == "fn"
        assert "T038" not in mock.stderr() and "T039" not in mock.stderr() and "hook" not in mock.stderr(), mock.stderr()
    with Mock("--template", "Bare=" + file, "--lambda", "fn=cat >/dev/null; echo '{}'", "--hook", "fleet-basic=fn") as mock:
        assert mock.stderr().count("[T038 ") == 1 and mock.stderr().count("[T039 ") == 1, mock.stderr()


@case("a name with a wildcard is for the certificate: clients are told the next name, or the default")
def wildcard_host(_mock):
    for names, told in ((["*.example.test"], "localhost"), (["*.example.test", "127.0.0.1"], "127.0.0.1"),
                        (["127.0.0.1", "*.example.test"], "127.0.0.1"), (["iot.*.test", "*"], "localhost")):
        with Mock(*[word for name in names for word in ("--host", name)]) as mock:
            assert mock.host == told, (names, mock.host)
            assert mock.http("GET", "/endpoint?endpointType=iot:Data-ATS")[1]["endpointAddress"] == told
            assert Client(mock, claim_identity(mock), "told").accepted


@case("--empty --hook gives the template its hook when it is created; a restart of the folder finds or sets it, a reset waits again")
def hook_of_empty(_mock):
    with open(os.path.join(HERE, "..", "..", "..", "templates", "fleet-basic.json"), encoding="utf-8") as file:
        made = {"templateName": "later", "templateBody": file.read(), "enabled": True,
                "provisioningRoleArn": "arn:aws:iam::123456789012:role/provisioning"}
    with tempfile.TemporaryDirectory() as out:
        arguments = ["--empty", "--lambda", "deny=cat >/dev/null; echo '{}'", "--hook", "later=deny"]
        with Mock(*arguments, directory=out + "/mock") as mock:
            for _ in range(2):
                assert mock.http("POST", "/provisioning-templates", made)[0] == 200
                assert hook_of(mock, "later") == "deny"
                assert mock.http("POST", "/_mock/reset")[0] == 200
            assert mock.http("POST", "/provisioning-templates", made)[0] == 200
            assert mock.http("PATCH", "/provisioning-templates/later", {"removePreProvisioningHook": True})[0] == 200
        with Mock(*arguments, directory=out + "/mock") as mock:
            assert hook_of(mock, "later") == "deny", "the command line asks for it again"
        with Mock("--empty", directory=out + "/mock") as mock:
            assert hook_of(mock, "later") == "deny", "and the folder keeps it"


@case("a hook's child runs off the broker's thread, decides, and is killed after five seconds")
def hooks(_mock):
    with tempfile.TemporaryDirectory() as out:
        script = out + "/hook.sh"
        with open(script, "w", encoding="utf-8") as file:
            file.write('event=$(cat)\ncase "$event" in\n*good*) echo \'{"allowProvisioning":true}\';;\n'
                       '*slow*) exec sleep 30;;\n*) echo \'{"allowProvisioning":false}\';;\nesac\n')
        with Mock("--lambda", "decide=sh " + script, "--hook", "fleet-basic=decide") as mock:
            client = Client(mock, claim_identity(mock), "hooked")
            kind, _ = register(client, create(client)["certificateOwnershipToken"], SerialNumber="good")
            assert kind == "accepted"
            kind, answer = register(client, create(client)["certificateOwnershipToken"], SerialNumber="bad")
            assert kind == "rejected" and answer["statusCode"] == 403
            token = create(client)["certificateOwnershipToken"]
            result = []
            waiting = threading.Thread(target=lambda: result.append(register(client, token, SerialNumber="slow")))
            start = time.monotonic()
            waiting.start()
            beside = Client(mock, claim_identity(mock), "beside")
            assert beside.accepted and create(beside)
            assert time.monotonic() - start < 4.5, "others are served meanwhile"
            waiting.join()
            assert result[0][0] == "rejected" and result[0][1]["statusCode"] == 403
            assert 4.5 < time.monotonic() - start < 15


def main():
    with Mock() as mock:
        return run(mock)


sys.exit(main())
