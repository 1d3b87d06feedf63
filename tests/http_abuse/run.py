#!/usr/bin/env python3
"""Malformed requests, 10 MB bodies, endless bodies, slow senders and hundreds of connections on the HTTP port: the
round trips of an MQTT session stay short all the while, the control plane answers, the broker does not grow."""
import os
import random
import resource
import selectors
import socket
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from mock import Mock  # noqa: E402
from mqtt import Client, provision_device  # noqa: E402

SEED = int(os.environ.get("FLEETPROV_SEED", random.SystemRandom().randrange(1 << 30)))
HEAD = b" HTTP/1.1\r\nHost: localhost\r\n"


class RoundTrips:
    """An MQTT session that pings without a pause while a `with` block runs."""

    def __init__(self, client):
        self.client, self.ms, self.over = client, [], threading.Event()

    def _run(self):
        while not self.over.is_set():
            start = time.monotonic()
            if not self.client.ping():
                return
            self.ms.append((time.monotonic() - start) * 1000)
            self.over.wait(0.002)

    def __enter__(self):
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        assert not self.client.closed, "the MQTT session was lost"
        self.ms.sort()
        self.median, self.worst = self.ms[len(self.ms) // 2], self.ms[-1]


def connect(mock):
    host, port = mock.url[len("http://"):].rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=10)


def answer_to(mock, data, ends=True):
    """What comes back; nothing where the connection was cut. `ends`: the sender says that it is done."""
    with connect(mock) as one:
        try:
            one.sendall(data)
            if ends:
                one.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        try:
            one.settimeout(10)
            return one.recv(65536)
        except ConnectionError:
            return b""


def malformed(mock):
    good = b"POST /policies/x" + HEAD + b"Content-Length: 2\r\n\r\n{}"
    for _ in range(150):
        data = bytearray(good)
        for _ in range(random.randrange(1, 8)):
            at = random.randrange(len(data))
            data[at:at + random.randrange(2)] = bytes([random.randrange(256)])
        answer_to(mock, bytes(data))
    for bad in (b"\x00" * 4096, b"GET " + b"/a" * 20000 + b" HTTP/1.1\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\r\n" * 1000,
                b"POST /things/x" + HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\nx",
                b"GET /" + HEAD + b"".join(b"x-%d: y\r\n" % i for i in range(5000)) + b"\r\n"):
        answer_to(mock, bad)


def bodies(mock):
    # The length alone decides: nothing of the body is waited for.
    for length, status in ((b"10485760", b"413"), (b"99999999999999999999", b"413"), (b"-1", b"400"), (b"many", b"400")):
        start = time.monotonic()
        answer = answer_to(mock, b"POST /policies/big" + HEAD + b"Content-Length: " + length + b"\r\n\r\n", ends=False)
        assert answer[9:12] == status, (length, answer[:200])
        assert time.monotonic() - start < 5, length
    body = b'{"policyDocument":"' + b"x" * (10 * 1024 * 1024) + b'"}'
    for _ in range(3):
        answer = answer_to(mock, b"POST /policies/big" + HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        assert answer[9:12] in (b"413", b""), answer[:200]
    # A chunked body has no length to judge: it is cut off.
    with connect(mock) as one:
        one.sendall(b"POST /policies/big" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        sent, chunk = 0, b"10000\r\n" + b"x" * 65536 + b"\r\n"
        try:
            while sent < 256 << 20:
                one.sendall(chunk)
                sent += len(chunk)
        except OSError:
            pass
        assert sent < 256 << 20, "an endless body is read to its end"
    assert mock.http("GET", "/policies/big")[0] == 404


def refused_requests_end_the_connection(mock):
    """What follows a refused head is its body, not a request of its own."""
    inner = b"POST /things/smuggled" + HEAD + b"Content-Length: 2\r\n\r\n{}"
    for outer in (b"POST / HTTP/1.1\r\nHost: evil.example\r\nContent-Length: %d\r\n\r\n" % len(inner),
                  b"POST /" + HEAD + b"Origin: http://evil.example\r\nContent-Length: %d\r\n\r\n" % len(inner),
                  b"POST /" + HEAD + b"Content-Length: 99999999\r\n\r\n", b"POST / HTTP/7\r\nContent-Length: %d\r\n\r\n" % len(inner)):
        answer_to(mock, outer + inner)
    assert mock.http("GET", "/things/smuggled")[0] == 404


def connections(mock, count):
    held = [connect(mock) for _ in range(count)]  # each with half a request
    for one in held:
        one.sendall(b"POST /things/slow" + HEAD + b"Content-Le")
    return held


def drip(held, stop):
    """A byte each, over and over: no single read is ever slow."""
    while not stop.wait(0.05):
        for one in held:
            try:
                one.send(b"x")
            except OSError:
                pass


def still_answers(mock, within):
    start = time.monotonic()
    status, body, _ = mock.http("GET", "/_mock/health")
    assert status == 200, (status, body)
    assert mock.http("POST", "/things/still-there", {})[0] == 200
    took = time.monotonic() - start
    assert took < within, took
    return took


def followers(mock):
    """Who follows the log holds a thread for as long as it likes: only some may."""
    held, answers = [], []
    for _ in range(300):
        one = connect(mock)
        one.sendall(b"GET /_mock/events?follow=1" + HEAD + b"\r\n")
        held.append(one)
        answers.append(one.recv(12)[9:12])
    assert answers.count(b"200") == 32 and answers.count(b"503") == 268, (answers.count(b"200"), answers.count(b"503"))
    took = still_answers(mock, 10)
    for one in held:
        one.close()
    until = time.monotonic() + 20  # their places are free again
    while time.monotonic() < until:
        with connect(mock) as one:
            one.sendall(b"GET /_mock/events?follow=1" + HEAD + b"\r\n")
            if one.recv(12)[9:12] == b"200":
                return took
    raise AssertionError("no place was given back")


def no_threads(mock, client):
    """Connections that no thread can be made for wait or are closed; nothing ends for them."""
    pid = mock.broker_pid()
    with open("/proc/%d/statm" % pid, encoding="ascii") as file:
        size = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    before = resource.prlimit(pid, resource.RLIMIT_AS)
    resource.prlimit(pid, resource.RLIMIT_AS, (size + (48 << 20), before[1]))  # room for a few stacks
    held = connections(mock, 120)
    assert client.ping()
    for one in held:
        one.close()
    resource.prlimit(pid, resource.RLIMIT_AS, before)
    still_answers(mock, 20)
    assert mock.process.poll() is None and mock.broker_pid() == pid


def memory(mock):
    with open("/proc/%d/statm" % mock.broker_pid(), encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main():
    random.seed(SEED)
    print("seed %d" % SEED)
    with tempfile.TemporaryDirectory() as folder, Mock() as mock:
        identity, name, _ = provision_device(mock, folder, "abuse")
        client = Client(mock, identity, name)
        assert client.accepted
        with RoundTrips(client) as calm:
            for _ in range(300):
                mock.http("GET", "/_mock/health")
        before = memory(mock)
        with RoundTrips(client) as abused:
            malformed(mock)
            bodies(mock)
            refused_requests_end_the_connection(mock)
        with RoundTrips(client) as crowded:
            held = connections(mock, 200)
            took_crowded = max(still_answers(mock, 10) for _ in range(100))
            for one in held:
                one.close()
        with RoundTrips(client) as dripped:
            held = connections(mock, 400)  # more than there are threads for
            stop = threading.Event()
            dripping = threading.Thread(target=drip, args=(held, stop))
            dripping.start()
            took_dripped = max(still_answers(mock, 10) for _ in range(100))
            # And every slow sender is let go, however often it sends.
            left = selectors.DefaultSelector()
            for one in held:
                left.register(one, selectors.EVENT_READ)
            deadline = time.monotonic() + 60
            while left.get_map() and time.monotonic() < deadline:
                for key, _ in left.select(1):
                    try:
                        gone = not key.fileobj.recv(65536)
                    except OSError:
                        gone = True
                    if gone:
                        left.unregister(key.fileobj)
            still_held = len(left.get_map())
            stop.set()
            dripping.join()
            left.close()
            for one in held:
                one.close()
        assert still_held == 0, "%d slow senders still hold their connection" % still_held
        grown = memory(mock) - before
        for what, trips in (("calm", calm), ("malformed requests and large bodies", abused), ("200 half requests", crowded), ("400 slow senders", dripped)):
            print("MQTT round trip, %s: median %.1f ms, worst %.0f ms of %d" % (what, trips.median, trips.worst, len(trips.ms)))
            assert trips.median < 50 and trips.worst < 3000 and len(trips.ms) > 20, what
        print("an HTTP answer beside 200 half requests: %.2f s, beside 400 slow senders: %.2f s; the broker grew by %.1f MB" %
              (took_crowded, took_dripped, grown / 1e6))
        assert grown < 96 << 20, grown
        still_answers(mock, 10)
        assert provision_device(mock, folder, "after")[1] == "fleet-after"
        took_followed = followers(mock)
        no_threads(mock, client)
        print("an HTTP answer beside 300 who want to follow the log: %.2f s" % took_followed)
        client.disconnect()
        assert mock.stop() == 0
    print("1 passed, 0 failed")


main()
