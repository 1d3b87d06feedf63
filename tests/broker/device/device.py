"""What the tests of a device against the mock share."""
import glob
import json
import os
import re
import stat
import subprocess

from mock import FLEETPROV

PATIENCE = 90


def command(mock, out, *arguments, endpoint=None, template="fleet-basic", serial=None):
    line = [FLEETPROV, "provision", "--endpoint", endpoint or mock.endpoint, "--cert", mock.claim["certificate"],
            "--key", mock.claim["private_key"], "--ca-file", mock.ca_file, "--template-name", template, "--out", out]
    if serial is not None:
        line += ["--template-parameters", json.dumps({"SerialNumber": serial})]
    return line + list(arguments)


def provision(mock, out, *arguments, env=None, umask=-1, **how):
    return subprocess.run(command(mock, out, *arguments, **how), capture_output=True, text=True, timeout=PATIENCE,
                          env=dict(os.environ, **(env or {})), umask=umask)


def record(out):
    with open(os.path.join(out, "device.json"), encoding="utf-8") as file:
        return json.load(file)


def connects(mock, out):
    """Whether the folder's credentials connect, as their thing."""
    finished = subprocess.run(
        [FLEETPROV, "pubsub", "--endpoint", mock.endpoint, "--cert", out + "/device.pem.crt", "--key", out + "/device.pem.key",
         "--ca-file", mock.ca_file, "--client-id", record(out)["thing_name"] or "none", "--topic", "sdk/test/cpp", "--count", "1"],
        capture_output=True, text=True, timeout=PATIENCE)
    return finished.returncode == 0


def status_of(mock, certificate_id):
    status, answer, _ = mock.http("GET", "/certificates/" + certificate_id)
    return answer["certificateDescription"]["status"] if status == 200 else None


def active_certificates(mock, thing):
    """Ids of the ACTIVE certificates attached to a thing."""
    status, answer, _ = mock.http("GET", "/things/%s/principals" % thing)
    ids = [arn.rsplit("/", 1)[1] for arn in answer["principals"]] if status == 200 else []
    return [i for i in ids if status_of(mock, i) == "ACTIVE"]


def read_bytes(name):
    """What a file holds; nothing when it is gone or not ours to read."""
    try:
        with open(name, "rb") as file:
            return file.read()
    except OSError:
        return b""


def files_below(folder):
    return [os.path.join(where, name) for where, _, names in os.walk(folder) for name in names]


def check_private(folder):
    for where, folders, files in os.walk(folder):
        for name in folders + files:
            try:
                mode = os.lstat(os.path.join(where, name)).st_mode
            except FileNotFoundError:
                continue
            assert stat.S_IMODE(mode) & 0o077 == 0, "%s is %o" % (os.path.join(where, name), mode)


def check_whole(folder):
    """Files under their final names are never half written."""
    for name in glob.glob(folder + "/**/*", recursive=True):
        if os.path.isdir(name):
            continue
        with open(name, encoding="utf-8") as file:
            content = file.read()
        if name.endswith(".json"):
            json.loads(content)
        elif name.endswith(".token"):
            assert re.fullmatch(r"[A-Za-z0-9_-]{64}", content), name
        elif name.endswith((".pem.crt", ".pem.key")):
            assert re.fullmatch(r"(-----BEGIN ([A-Z ]+)-----\n[A-Za-z0-9+/=\n]+-----END \2-----\n)+", content), name


def fault(mock, **what):
    status, answer, _ = mock.http("POST", "/_mock/faults", what)
    assert status == 200, answer
