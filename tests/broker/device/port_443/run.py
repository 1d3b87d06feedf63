#!/usr/bin/env python3
"""Port 443: AWS IoT Core wants the ALPN protocol `x-amzn-mqtt-ca` there. In a network namespace of its own, since the
number cannot be chosen."""
import fcntl
import os
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "..", "..", "support")]
from cases import case, run  # noqa: E402
from device import PATIENCE, connects, provision, record  # noqa: E402
from mock import BIN, FLEETPROV, Mock, skip  # noqa: E402

INSIDE = "FLEETPROV_TEST_NAMESPACE"
PROTOCOL = "x-amzn-mqtt-ca"


def enter():
    """Runs this program again where 443 is free and ours; returns there only."""
    if os.environ.get(INSIDE):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:  # loopback is down in a new namespace
            fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh22x", b"lo", 0x1 | 0x40))  # SIOCSIFFLAGS: IFF_UP | IFF_RUNNING
        return
    program = shutil.which("unshare")
    for how in (["--net"], ["--user", "--map-root-user", "--net"]):
        if program and subprocess.run([program, *how, "true"], capture_output=True, timeout=PATIENCE).returncode == 0:
            os.execve(program, [program, *how, sys.executable, os.path.abspath(__file__), *sys.argv[1:]], dict(os.environ, **{INSIDE: "1"}))
    skip("a network namespace cannot be made here")


class Server:
    """TLS on a port; takes one handshake and keeps what ALPN protocol was agreed on."""

    def __init__(self, folder, port):
        self.certificate = folder + "/server.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", folder + "/server.key",
                        "-out", self.certificate, "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"],
                       check=True, capture_output=True, timeout=PATIENCE)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.certificate, folder + "/server.key")
        self.context.set_alpn_protocols([PROTOCOL])
        self.listener = socket.create_server(("127.0.0.1", port))
        self.listener.settimeout(PATIENCE)
        self.agreed, self.seen = [], threading.Event()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            with plain:
                plain.settimeout(5)
                try:
                    if plain.recv(1, socket.MSG_PEEK):  # a look whether the port answers sends nothing
                        with self.context.wrap_socket(plain, server_side=True) as tls:
                            self.agreed.append(tls.selected_alpn_protocol())
                            self.seen.set()
                except OSError:
                    pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(10)


def stacks(mock, root, port, out):
    """A command for each MQTT stack that connects to localhost:port."""
    claim = [mock.claim["certificate"], mock.claim["private_key"]]
    yield "fleetprov", [FLEETPROV, "provision", "--endpoint", "localhost:%d" % port, "--cert", claim[0], "--key", claim[1],
                        "--ca-file", root, "--template-name", "fleet-basic", "--template-parameters", '{"SerialNumber":"alpn"}', "--timeout", "3", "--out", out]
    for name in ("provision_with_paho", "provision_with_paho_c", "provision_with_libmosquitto"):
        if os.path.exists(os.path.join(BIN, name)):
            yield name, [os.path.join(BIN, name), "localhost", str(port), root, *claim, "fleet-basic", "alpn", out + "-" + name]


@case("the handshake of every stack offers x-amzn-mqtt-ca on port 443, and nothing on another port")
def handshakes(mock):
    for port, expected in ((443, PROTOCOL), (8883, None)):
        with tempfile.TemporaryDirectory() as folder:
            server = Server(folder, port)
            try:
                for name, command in stacks(mock, server.certificate, port, folder + "/out"):
                    del server.agreed[:]
                    server.seen.clear()
                    client = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                    try:
                        assert server.seen.wait(PATIENCE), (name, port)
                        if name == "fleetprov":  # also looks by itself what is wrong with the server that hangs up
                            client.wait(PATIENCE)
                    finally:
                        client.kill()
                        client.wait()
                    assert server.agreed and set(server.agreed) == {expected}, (name, port, server.agreed)
            finally:
                server.close()


@case("the whole flow on port 443 of the mock, with every stack")
def whole_flow(_):
    with Mock(port=443) as mock, tempfile.TemporaryDirectory() as folder:
        assert mock.port == 443
        for version in ("3", "5"):
            done = provision(mock, folder + "/" + version, "--mqtt", version, serial="port-443-" + version)
            assert done.returncode == 0, done.stderr
            assert connects(mock, folder + "/" + version)
        for name, command in stacks(mock, mock.ca_file, 443, folder + "/out"):
            done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
            assert done.returncode == 0, (name, done.stderr)
        assert record(folder + "/out")["endpoint"] == "localhost:443"


if __name__ == "__main__":
    enter()
    with Mock() as the_mock:
        code = run(the_mock)
    sys.exit(code)
