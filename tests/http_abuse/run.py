#!/usr/bin/env python3
"""Malformed requests, 10 MB bodies, slow senders and 200 connections on the HTTP port: MQTT latency and the mock are unharmed."""
import os
import random
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from mock import FLEETPROV, Mock  # noqa: E402

SEED = int(os.environ.get("FLEETPROV_SEED", random.SystemRandom().randrange(1 << 30)))


def connect(mock):
    host, port = mock.url[len("http://"):].rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=10)


def send_and_close(mock, data):
    with connect(mock) as one:
        try:
            one.sendall(data)
            one.shutdown(socket.SHUT_WR)
            one.settimeout(10)
            return one.recv(65536)
        except OSError:
            return b""


def talk_ms(mock, device, thing):
    """How long ten messages take there and back."""
    start = time.monotonic()
    done = subprocess.run([FLEETPROV, "pubsub", "--endpoint", mock.endpoint, "--cert", device + "/device.pem.crt", "--key", device + "/device.pem.key",
                           "--ca-file", mock.ca_file, "--client-id", thing, "--topic", "sdk/test/abuse", "--message", "m", "--count", "10"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return (time.monotonic() - start) * 1000


def main():
    random.seed(SEED)
    print("seed %d" % SEED)
    with tempfile.TemporaryDirectory() as folder, Mock() as mock:
        device = os.path.join(folder, "device")
        done = mock.provision(device, "--key-type", "ec", parameters={"SerialNumber": "abuse"})
        assert done.returncode == 0, done.stderr
        thing = "fleet-abuse"
        calm = sorted(talk_ms(mock, device, thing) for _ in range(3))[1]

        good = b"POST /policies/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"
        for _ in range(150):
            data = bytearray(good)
            for _ in range(random.randrange(1, 8)):
                at = random.randrange(len(data))
                data[at:at + random.randrange(2)] = bytes([random.randrange(256)])
            send_and_close(mock, bytes(data))
        for bad in (b"\x00" * 4096, b"GET " + b"/a" * 20000 + b" HTTP/1.1\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\r\n" * 1000,
                    b"POST /things/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n",
                    b"POST /things/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\nx",
                    b"GET / HTTP/1.1\r\n" + b"".join(b"x-%d: y\r\n" % i for i in range(5000)) + b"\r\n"):
            send_and_close(mock, bad)
        body = b'{"policyDocument":"' + b"x" * (10 * 1024 * 1024) + b'"}'
        answer = send_and_close(mock, b"POST /policies/big HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        assert not answer.startswith(b"HTTP/1.1 200"), answer[:100]
        assert mock.http("GET", "/policies/big")[0] == 404

        slow = [connect(mock) for _ in range(200)]  # 200 connections, each with half a request
        for one in slow:
            one.sendall(b"POST /things/slow HTTP/1.1\r\nHost: localhost\r\nContent-Le")
        busy = sorted(talk_ms(mock, device, thing) for _ in range(3))[1]
        for one in slow:
            one.close()

        status, body, _ = mock.http("GET", "/_mock/health")
        assert status == 200, (status, body)
        assert mock.http("POST", "/things/still-there", {})[0] == 200
        print("ten messages: %.0f ms calm, %.0f ms beside 200 half-open requests" % (calm, busy))
        assert busy < calm * 4 + 500, (calm, busy)
        assert mock.stop() == 0
    print("1 passed, 0 failed")


main()
