#!/usr/bin/env python3
"""`fleetprov provision --key-uri`: the private key stays in a PKCS#11 token (SoftHSM)."""
import glob
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "..", "..", "support")]
from cases import case, run  # noqa: E402
from device import PATIENCE, active_certificates, fault, files_below, provision, read_bytes, record  # noqa: E402
from mock import FLEETPROV, Mock, skip  # noqa: E402

PIN = "4711-secret"


def module():
    found = glob.glob("/usr/lib/softhsm/libsofthsm2.so") + glob.glob("/usr/lib/*/softhsm/libsofthsm2.so")
    engine = glob.glob("/usr/lib/*/engines-3/pkcs11.so")
    for name, there in (("softhsm2", found), ("libengine-pkcs11-openssl", engine), ("softhsm2-util", shutil.which("softhsm2-util")),
                        ("pkcs11-tool (opensc)", shutil.which("pkcs11-tool"))):
        if not there:
            skip("%s is not installed" % name)
    return found[0]


class Token:
    """A SoftHSM token of its own with one key of each kind."""
    KINDS = {"p256": "EC:prime256v1", "p384": "EC:secp384r1", "rsa": "rsa:2048"}

    def __init__(self, folder):
        self.folder, library = folder, module()
        os.mkdir(folder + "/tokens")
        with open(folder + "/softhsm2.conf", "w", encoding="utf-8") as file:
            file.write("directories.tokendir = %s/tokens\nobjectstore.backend = file\nlog.level = ERROR\n" % folder)
        self.pin_file = folder + "/pin"
        with open(os.open(self.pin_file, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:
            file.write(PIN)
        self.env = {"SOFTHSM2_CONF": folder + "/softhsm2.conf", "PKCS11_MODULE_PATH": library}
        self.tool("softhsm2-util", "--init-token", "--free", "--label", "device", "--pin", PIN, "--so-pin", "12345678")
        for number, (name, kind) in enumerate(self.KINDS.items(), 1):
            self.tool("pkcs11-tool", "--module", library, "--login", "--pin", PIN, "--token-label", "device", "--keypairgen",
                      "--key-type", kind, "--label", name, "--id", "%02d" % number)

    def tool(self, *line):
        done = subprocess.run(line, capture_output=True, text=True, timeout=PATIENCE, env=dict(os.environ, **self.env))
        assert done.returncode == 0, (line[0], done.stdout, done.stderr)

    def uri(self, key):
        return "pkcs11:token=device;object=%s?pin-source=file:%s" % (key, self.pin_file)


def new_token():
    where = tempfile.TemporaryDirectory()
    return where, Token(where.name)


def ends_in_token(mock, token, out, key, serial, version="3"):
    done = provision(mock, out, "--key-uri", token.uri(key), "--mqtt", version, serial=serial, env=token.env)
    assert done.returncode == 0, (key, version, done.stdout, done.stderr)
    mine = record(out)
    assert mine["key_uri"] == token.uri(key) and mine["thing_name"] == "fleet-" + serial, mine
    assert active_certificates(mock, mine["thing_name"]) == [mine["certificate_id"]]
    assert not [name for name in files_below(out) if b"PRIVATE KEY" in read_bytes(name)], files_below(out)
    assert PIN not in done.stdout + done.stderr
    return done


@case("P-256, P-384 and RSA keys in a token: a certificate for each, and no key in any file")
def kinds(mock):
    where, token = new_token()
    with where:
        for number, key in enumerate(Token.KINDS):
            version = "5" if number % 2 else "3"
            ends_in_token(mock, token, token.folder + "/" + key, key, "token-" + key, version)


@case("--if-needed connects with the key in the token, and provisions again with the same key after a revocation")
def if_needed(mock):
    where, token = new_token()
    with where:
        out = token.folder + "/device"
        ends_in_token(mock, token, out, "p256", "token-again")
        first = record(out)["certificate_id"]
        # The folder's record says where the key is: the option need not be repeated.
        still = provision(mock, out, "--if-needed", serial="token-again", env=token.env)
        assert still.returncode == 0 and "nothing to do" in still.stdout, still.stderr
        assert mock.http("PUT", "/certificates/%s?newStatus=REVOKED" % first)[0] == 200
        anew = provision(mock, out, "--if-needed", serial="token-again", env=token.env)
        assert anew.returncode == 0, anew.stderr
        mine = record(out)
        assert mine["certificate_id"] != first and mine["superseded"] == [first] and mine["key_uri"] == token.uri("p256")
        assert not os.path.exists(out + "/device.pem.key")


@case("a lost reply: the pending certificate is tried with the key in the token, and kept")
def pending(mock):
    where, token = new_token()
    with where:
        out = token.folder + "/device"
        fault(mock, operation="RegisterThing", fault="drop", count=20)
        lost = provision(mock, out, "--key-uri", token.uri("p256"), "--timeout", "3", serial="token-lost", env=token.env)
        assert lost.returncode == 1, lost.stderr
        mock.http("DELETE", "/_mock/faults")
        assert os.path.exists(out + "/pending/pending.json")
        # The reply is lost and the token spent: only connecting, as the template's thing, shows that it was registered.
        kept = [name for name in files_below(out) if name.endswith(".pem.crt")][0].rsplit("/", 1)[1].split(".")[0]
        fault(mock, operation="RegisterThing", fault="disconnect_before_reply", count=1)
        template = token.folder + "/template.json"
        with open(template, "w", encoding="utf-8") as file:
            file.write(mock.http("GET", "/provisioning-templates/fleet-basic")[1]["templateBody"])
        done = provision(mock, out, "--template", template, serial="token-lost", env=token.env)
        assert done.returncode == 0, done.stderr
        mine = record(out)
        assert mine["key_uri"] == token.uri("p256") and not os.path.exists(out + "/device.pem.key")
        assert mine["certificate_id"] == kept, (mine, done.stderr[-3000:])
        assert len(done.stderr.splitlines()) < 40, done.stderr[-3000:]


@case("a URI that is none, a wrong PIN, no such key and no engine are told apart before anything is sent")
def refusals(mock):
    where, token = new_token()
    with where:
        out = token.folder + "/never"
        wrong_pin = token.folder + "/wrong"
        with open(wrong_pin, "w", encoding="utf-8") as file:
            file.write("0000")
        for uri, code, words in (("file:/x", 2, "pkcs11:"), ("pkcs11:token=device", 2, "object="),
                                 ("pkcs11:token=device;object=p256?pin-value=%s" % PIN, 2, "pin-source"),
                                 ("pkcs11:token=device;object=none?pin-source=file:%s" % token.pin_file, 3, "not found"),
                                 ("pkcs11:token=device;object=p256?pin-source=file:%s" % wrong_pin, 3, "PIN incorrect"),
                                 ("pkcs11:token=device;object=p256", 3, "object=p256")):
            done = provision(mock, out, "--key-uri", uri, serial="never", env=token.env)
            assert done.returncode == code and words in done.stderr, (uri, done.returncode, done.stderr)
            assert PIN not in done.stderr and "connect:" not in done.stderr, done.stderr
        bare = provision(mock, out, "--key-uri", token.uri("p256"), serial="never", env=dict(token.env, OPENSSL_ENGINES=token.folder))
        assert bare.returncode == 3 and "libengine-pkcs11-openssl" in bare.stderr, bare.stderr


with Mock() as the_mock:
    code = run(the_mock)
sys.exit(code)
