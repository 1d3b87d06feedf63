#!/usr/bin/env python3
"""The example programs where RegisterThing's reply is lost, or they are killed: no key of a registered certificate is lost."""
import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "..", "..", "support")]
from cases import case, run  # noqa: E402
from device import PATIENCE, active_certificates, connects, fault, record  # noqa: E402
from mock import BIN, Mock, skip  # noqa: E402

PROGRAMS = [name for name in ("provision_with_paho", "provision_with_paho_c", "provision_with_libmosquitto") if os.path.exists(os.path.join(BIN, name))]
if not PROGRAMS:
    skip("no example program is built")


def line(mock, program, serial, out):
    return [os.path.join(BIN, program), mock.host, str(mock.port), mock.ca_file, mock.claim["certificate"], mock.claim["private_key"],
            "fleet-basic", serial, out]


def finishes(mock, program, serial, out):
    done = subprocess.run(line(mock, program, serial, out), capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, (program, done.stderr)
    mine = record(out)
    assert mine["thing_name"] == "fleet-" + serial and mine["superseded"] == [], (program, mine)
    assert active_certificates(mock, "fleet-" + serial) == [mine["certificate_id"]], program
    assert connects(mock, out), program
    return mine


@case("a reply to RegisterThing that is lost costs no certificate and no key")
def lost_reply(mock):
    for program in PROGRAMS:
        with tempfile.TemporaryDirectory() as out:
            fault(mock, operation="RegisterThing", fault="disconnect_before_reply", count=1)
            finishes(mock, program, "lost-" + program, out)


@case("killed while RegisterThing is out, the next run puts the same certificate in place")
def killed(mock):
    for program in PROGRAMS:
        with tempfile.TemporaryDirectory() as out:
            serial = "killed-" + program
            fault(mock, operation="RegisterThing", fault="drop", count=1)
            process = subprocess.Popen(line(mock, program, serial, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            end = time.monotonic() + PATIENCE
            while not active_certificates(mock, "fleet-" + serial) and time.monotonic() < end:
                pass  # each look is a request
            process.kill()
            process.wait(PATIENCE)
            registered = active_certificates(mock, "fleet-" + serial)
            assert len(registered) == 1 and not os.path.exists(out + "/device.json"), (program, registered)
            assert finishes(mock, program, serial, out)["certificate_id"] == registered[0], program


with Mock() as the_mock:
    code = run(the_mock)
sys.exit(code)
