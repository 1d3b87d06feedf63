#!/usr/bin/env python3
"""Kills while credentials are replaced."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "..", "..", "support")]
from cases import case, run  # noqa: E402
from kills import kill_at_every_call  # noqa: E402
from mock import Mock  # noqa: E402

@case("killed at every system call while credentials are replaced, the next run lists what was lost")
def replacing(mock):
    kill_at_every_call(mock, "anew", prior=True, if_needed=False, key_type="ec")


with Mock() as the_mock:
    code = run(the_mock)
sys.exit(code)
