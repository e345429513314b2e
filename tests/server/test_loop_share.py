"""A greenlet that works through a queue lets others run, and gets its share of a loop that is full."""

import pytest

from server.live.loop_share import LONGEST_SECONDS, SHARE, LoopShare


class Loop:
    """An event loop whose others take so many seconds in each turn."""

    def __init__(self, others: float) -> None:
        self.others = others
        self.now = 0.0
        self.turns = 0

    def sleep(self, seconds: float) -> None:
        assert seconds == 0
        self.turns += 1
        self.now += self.others

    def work(self, share: LoopShare, pieces: int, seconds: float) -> float:
        """Works through a queue; its share of the time."""
        began = self.now
        for _ in range(pieces):
            self.now += seconds
            share.worked(seconds)
        return pieces * seconds / (self.now - began)


@pytest.mark.parametrize("others", [0.0, 0.001])
def test_on_a_loop_at_ease_others_run_after_every_piece(others: float) -> None:
    loop = Loop(others)
    loop.work(LoopShare(sleep=loop.sleep, clock=lambda: loop.now), 20, 0.005)
    assert loop.turns == 20


@pytest.mark.parametrize("others", [0.06, 0.2, 0.3])
def test_on_a_full_loop_it_gets_its_share(others: float) -> None:
    loop = Loop(others)
    share = LoopShare(sleep=loop.sleep, clock=lambda: loop.now)
    loop.work(share, 1, 0.005)
    assert loop.work(share, 1000, 0.005) == pytest.approx(SHARE, abs=0.05)


def test_others_never_wait_for_long() -> None:
    loop = Loop(3.0)
    share = LoopShare(sleep=loop.sleep, clock=lambda: loop.now)
    loop.work(share, 1, 0.005)
    before = loop.turns
    loop.work(share, 200, 0.005)
    assert loop.turns - before == pytest.approx(200 * 0.005 / LONGEST_SECONDS, abs=1)
