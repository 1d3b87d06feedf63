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
    """A TCP proxy in front of the mock. `faults[n]` is what happens to connection number n: (what, side, after), where side
    is "server" or "device" and the fault hits once that side has sent `after` segments."""

    def __init__(self, mock, *faults, piece=65536):
        self.faults, self.piece = list(faults), piece
        self.to = (mock.host, mock.port)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = "localhost:%d" % self.listener.getsockname()[1]
        self.open, self.hits = [], 0
        self.stopped = False
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                device, _ = self.listener.accept()
            except OSError:
                return
            # A bare connect is how a client looks whether the port answers: it counts as no connection.
            first = device.recv(16, socket.MSG_PEEK) if not self.stopped else b""
            if not first:
                device.close()
                continue
            server = socket.create_connection(self.to)
            for end in (device, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            what, side, after = self.faults.pop(0) if self.faults else ("", "", 0)
            self.open += [device, server]
            for source, sink, name in ((device, server, "device"), (server, device, "server")):
                threading.Thread(target=self.pump, args=(source, sink, what if name == side else "", after), daemon=True).start()

    def pump(self, source, sink, what, left):
        try:
            while True:
                data = source.recv(65536)
                left -= 1
                if what and left < 0 and data:
                    self.hits += left == -1
                    if what == "stall":
                        continue
                    if what == "half_close":
                        sink.shutdown(socket.SHUT_WR)
                        return
                    if what == "torn":
                        sink.sendall(data[:len(data) // 2])
                    for end in (source, sink):
                        end.shutdown(socket.SHUT_RDWR)
                    return
                if not data:
                    sink.shutdown(socket.SHUT_WR)
                    return
                for at in range(0, len(data), self.piece):
                    sink.sendall(data[at:at + self.piece])
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


def certificates_are_accounted_for(mock, out, serial):
    mine = record(out)
    active = active_certificates(mock, "fleet-" + serial)
    assert mine["certificate_id"] in active, serial
    assert set(active) <= {mine["certificate_id"], *mine["superseded"]}, (serial, active, mine)


def ends_provisioned(mock, label, version, *faults, piece=65536):
    """One run through the faults; whether all of them were met."""
    serial = "-".join([label, version, *("%s-%s-%d" % fault for fault in faults)]).replace("_", "-")
    with tempfile.TemporaryDirectory() as out, Proxy(mock, *faults, piece=piece) as proxy:
        finished = provision(mock, out, "--mqtt", version, endpoint=proxy.endpoint, serial=serial)
        assert finished.returncode == 0, (serial, finished.returncode, finished.stderr)
        certificates_are_accounted_for(mock, out, serial)
        return proxy.hits == len(faults)


def in_parallel(runs):
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return [one.result() for one in [pool.submit(*arguments) for arguments in runs]]


@case("cut off, torn or half closed after any segment of either side, provision comes back and ends provisioned")
def cut_anywhere(mock):
    met = in_parallel([(ends_provisioned, mock, "one", version, (what, side, after))
                       for version in ("3", "5") for side in ("server", "device") for what in ("cut", "torn", "half_close") for after in range(0, 12)])
    assert sum(met) > len(met) // 2, (sum(met), len(met))
    print("      %d faults met of %d" % (sum(met), len(met)))


@case("two connections in a row that are cut end provisioned as well")
def cut_twice(mock):
    met = in_parallel([(ends_provisioned, mock, "two", "3", ("cut", first, one), ("cut", second, two))
                       for first in ("server", "device") for second in ("server", "device") for one in range(3, 10, 2) for two in range(2, 10, 2)])
    assert sum(met) > len(met) // 2, (sum(met), len(met))
    print("      %d pairs met of %d" % (sum(met), len(met)))


@case("delivered byte by byte, everything still fits together")
def bytewise(mock):
    in_parallel([(lambda version: ends_provisioned(mock, "bytes", version, piece=1), version) for version in ("3", "5")])


@case("a connection that stalls after any segment of either side ends within the time limit, and the next run finishes")
def stall_anywhere(mock):
    def one(side, after, version):
        with tempfile.TemporaryDirectory() as out:
            serial = "stall-%s-%d-%s" % (side, after, version)
            with Proxy(mock, ("stall", side, after)) as proxy:
                stalled = provision(mock, out, "--timeout", "2", "--mqtt", version, endpoint=proxy.endpoint, serial=serial)
            # 3 where nothing was said at all; past the last segment that matters, the run has what it needs.
            assert stalled.returncode in (1, 3) or (stalled.returncode == 0 and after >= 6), (serial, stalled.returncode, stalled.stderr)
            again = provision(mock, out, serial=serial)
            assert again.returncode == 0, (serial, again.stderr)
            certificates_are_accounted_for(mock, out, serial)
            return stalled.returncode
    codes = in_parallel([(one, side, after, version) for side in ("server", "device") for after in range(8) for version in ("3", "5")])
    assert codes.count(0) < len(codes) // 2 and {1, 3} <= set(codes), codes


with Mock() as the_mock:
    code = run(the_mock)
sys.exit(code)
