"""How a greenlet that works through a queue shares the event loop: it lets others run, but not for ever.

Whoever gives way after each piece of work comes back once in a turn of the loop. On a busy server one takes
tenths of a second, and a queue that fills faster than that is never empty again.
"""

import time
from collections.abc import Callable

SHARE = 0.25
"""Of the loop's time, at least, while the queue is full."""
LONGEST_SECONDS = 0.1
"""Others wait no longer than this, however long they take themselves."""


class LoopShare:
    """Tells of work done and gives way when it is others' turn. `clock`: monotonic seconds."""

    def __init__(
        self, *, sleep: Callable[[float], object] = time.sleep, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._sleep = sleep
        self._clock = clock
        self._worked = 0.0
        """Seconds since it gave way last."""
        self._others = 0.0
        """Seconds that the others took then."""

    def worked(self, seconds: float) -> None:
        """So long another piece of work took; returns when the next one may begin."""
        self._worked += seconds
        if self._worked < min(LONGEST_SECONDS, self._others * SHARE / (1 - SHARE)):
            return
        began = self._clock()
        self._sleep(0)
        self._others, self._worked = self._clock() - began, 0.0
