#!/usr/bin/env python3
"""`fleetprov provision` through a TCP proxy that cuts, stalls and half-closes."""
import concurrent.futures
import os
import socket
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "..", "..", "support")]
from cases import case, run  # noqa: E402
from device import provision, record, active_certificates  # noqa: E402
from mock import Mock  # noqa: E402

class Proxy:
    """A TCP proxy in front of the mock that does something to its first connection after so many server segments."""

    def __init__(self, mock, what, after):
        self.what, self.left = what, after
        self.to = (mock.host, mock.port)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = "localhost:%d" % self.listener.getsockname()[1]
        self.first, self.open = True, []
        self.stopped = False
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                device, _ = self.listener.accept()
            except OSError:
                return
            # A bare connect is how a client looks whether the port answers: it is not the first connection.
            first = device.recv(16, socket.MSG_PEEK) if not self.stopped else b""
            if not first:
                device.close()
                continue
            server = socket.create_connection(self.to)
            faulty, self.first = self.first, False
            self.open += [device, server]
            threading.Thread(target=self.pump, args=(device, server, False), daemon=True).start()
            threading.Thread(target=self.pump, args=(server, device, faulty), daemon=True).start()

    def pump(self, source, sink, faulty):
        try:
            while True:
                data = source.recv(65536)
                if faulty:
                    with self.lock:
                        self.left -= 1
                        hit = self.left < 0
                    if hit and self.what == "stall":
                        continue
                    if hit and self.what == "half_close":
                        sink.shutdown(socket.SHUT_WR)
                        return
                    if hit:
                        for end in (source, sink):
                            end.shutdown(socket.SHUT_RDWR)
                        return
                if not data:
                    sink.shutdown(socket.SHUT_WR)
                    return
                sink.sendall(data)
        except OSError:
            for end in (source, sink):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stopped = True
        self.listener.close()
        for end in self.open:
            end.close()


def through_proxy(mock, what, after, version):
    with tempfile.TemporaryDirectory() as out, Proxy(mock, what, after) as proxy:
        serial = "%s-%d-%s" % (what, after, version)
        finished = provision(mock, out, "--mqtt", version, endpoint=proxy.endpoint, serial=serial)
        if finished.returncode != 0:
            return finished.returncode, finished.stderr
        known = {record(out)["certificate_id"], *record(out)["superseded"]}
        assert set(active_certificates(mock, "fleet-" + serial)) <= known, serial
        assert record(out)["certificate_id"] in active_certificates(mock, "fleet-" + serial)
        return 0, finished.stderr


@case("cut off or half closed after any segment from the server, provision comes back and ends provisioned")
def cut_anywhere(mock):
    for version in ("3", "5"):
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            runs = {(what, after): pool.submit(through_proxy, mock, what, after, version)
                    for what in ("cut", "half_close") for after in range(0, 12)}
            for at, one in runs.items():
                code, words = one.result()
                assert code == 0, (version, at, words)


@case("a connection that stalls after any segment ends within the time limit, and the next run finishes")
def stall_anywhere(mock):
    def one(at):
        after, version = at
        with tempfile.TemporaryDirectory() as out:
            serial = "stall-%d-%s" % at
            with Proxy(mock, "stall", after) as proxy:
                stalled = provision(mock, out, "--timeout", "2", "--mqtt", version, endpoint=proxy.endpoint, serial=serial)
            assert stalled.returncode == 1, (after, stalled.returncode, stalled.stderr)
            again = provision(mock, out, serial=serial)
            assert again.returncode == 0, (after, again.stderr)
            known = {record(out)["certificate_id"], *record(out)["superseded"]}
            assert set(active_certificates(mock, "fleet-" + serial)) <= known
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(one, [(after, version) for after in range(8) for version in ("3", "5")]))


with Mock() as the_mock:
    code = run(the_mock)
sys.exit(code)
