"""Calls in native threads: results and refusals come back, and a refusal is no traceback in the log."""

import subprocess
import sys
from pathlib import Path

import pytest

from server.errors import Refused
from server.native import NativePool

ROOT = Path(__file__).parents[2]
LIVE = """
from gevent import monkey; monkey.patch_all()
from server.errors import Refused
from server.native import NativePool

def refuse():
    raise Refused("not_now", 409, seat=7)

pool = NativePool(1)
print(pool.call(lambda number: number + 1, 2))
try:
    pool.call(refuse)
except Refused as refusal:
    print(refusal.code, refusal.params)
"""


@pytest.mark.dear
def test_under_gevent_a_refusal_comes_back_and_nothing_is_printed() -> None:
    done = subprocess.run([sys.executable, "-c", LIVE], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.stderr) == ("3\nnot_now {'seat': '7'}\n", "")


def test_elsewhere_it_simply_runs() -> None:
    def refuse() -> None:
        raise Refused("not_now")

    pool = NativePool()
    assert pool.call(max, 1, 2) == 2
    with pytest.raises(Refused, match="not_now"):
        pool.call(refuse)
