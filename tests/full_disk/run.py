#!/usr/bin/env python3
"""The mock's folder on a full disk: a change that cannot be stored is a 500 and is not there, what is there already
goes on, and with room again everything works. On a small tmpfs in a private mount namespace."""
import os
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from mock import Mock, skip  # noqa: E402
from mqtt import CREATE, Client, ask, claim_identity, create, provision_device, register  # noqa: E402


def fill(path):
    """Takes what is left of the disk, to the last byte."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    for size in (65536, 4096, 512, 1):
        try:
            while os.write(file, b"x" * size) == size:
                pass
        except OSError:
            pass
    os.close(file)


def page_of_things(mock):
    names, token = set(), ""
    while token is not None:
        page = mock.http("GET", "/things?nextToken=" + token.replace("=", "%3D"))[1]
        names |= {thing["thingName"] for thing in page["things"]}
        token = page.get("nextToken")
    return names


def inside(disk):
    directory, filler = disk + "/mock", disk + "/filler"
    with tempfile.TemporaryDirectory() as out:
        with Mock(directory=directory) as mock:
            identity, name, _ = provision_device(mock, out, "early")
            device = Client(mock, identity, name)
            assert device.subscribe("sdk/test/full") == [1]
            claim = Client(mock, claim_identity(mock), "claim")
            token = create(claim)["certificateOwnershipToken"]
            fill(filler)
            os.truncate(filler, os.path.getsize(filler) - (256 << 10))  # room for some
            stored, refused = set(), 0
            for i in range(2000):
                thing = "thing-%d" % i
                status, body, headers = mock.http("POST", "/things/" + thing, {"attributePayload": {"attributes": {"a": "x" * 700}}})
                if status == 200:
                    stored.add(thing)
                    continue
                assert status == 500 and headers["x-amzn-errortype"] == "InternalFailureException" and "stored" in body["message"], (status, body)
                refused += 1
                if refused == 20:
                    break
            assert refused == 20 and stored, (refused, len(stored))
            fill(filler + "-rest")
            assert page_of_things(mock) == stored | {name}
            # The same over MQTT: a rejected reply, nothing half done.
            kind, answer = ask(claim, CREATE, b"{}")
            assert kind == "rejected" and answer.json()["statusCode"] == 500, answer.payload
            kind, answer = register(claim, token, SerialNumber="late")
            assert kind == "rejected" and answer["statusCode"] == 500, answer
            assert mock.http("GET", "/things/fleet-late")[0] == 404
            # Messages, new connections and the log's readers need no room.
            assert device.publish("sdk/test/full", b"goes on") == 0 and device.message().payload == b"goes on"
            assert Client(mock, identity, name).accepted
            assert mock.http("GET", "/_mock/health")[0] == 200 and mock.events(), "each line is whole"

            os.remove(filler)
            os.remove(filler + "-rest")
            assert mock.http("POST", "/things/with-room", {})[0] == 200
            kind, answer = register(claim, token, SerialNumber="late")
            assert kind == "accepted", "the token was not spent by the failure"
            assert any(entry.get("eventType") == "ProvisionDevice" for entry in mock.events()[-20:]), "the log goes on"
            os.kill(mock.broker_pid(), signal.SIGKILL)
            mock.process.wait(20)
        with Mock(directory=directory) as mock:
            assert page_of_things(mock) == stored | {name, "with-room", "fleet-late"}
            assert Client(mock, identity, name).accepted
    print("%d things stored before the disk was full, 20 refused; 1 passed, 0 failed" % len(stored))


def main():
    if sys.argv[1:2] == ["inside"]:
        return inside(sys.argv[2])
    with tempfile.TemporaryDirectory() as disk:
        for how in (["unshare", "--mount"], ["unshare", "--mount", "--map-root-user"]):
            mount = [*how, "sh", "-c", 'mount -t tmpfs -o size=3m,mode=0700 tmpfs "$1" && shift && exec "$@"', "sh", disk]
            if subprocess.run([*mount, "true"], capture_output=True, check=False).returncode == 0:
                return sys.exit(subprocess.run([*mount, sys.executable, os.path.abspath(__file__), "inside", disk], check=False).returncode)
    return skip("private mount namespaces are refused here")


main()
