#!/usr/bin/env python3
"""Kills of a first provisioning."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "..", "..", "support")]
from cases import case, run  # noqa: E402
from kills import compare_with_kernel, kill_at_every_call  # noqa: E402
from mock import Mock  # noqa: E402

@case("the calls that are killed at are all that the kernel sees in the folder")
def every_call(mock):
    for prior in (False, True):
        compare_with_kernel(mock, prior)


@case("killed at every system call of a first provisioning, the next run ends with valid credentials and no lost key")
def first(mock):
    kill_at_every_call(mock, "first", prior=False, if_needed=False, key_type="")


@case("the same with a key made on the device, and the next run with --if-needed")
def first_csr(mock):
    kill_at_every_call(mock, "csr", prior=False, if_needed=True, key_type="ec")


with Mock() as the_mock:
    code = run(the_mock)
sys.exit(code)
