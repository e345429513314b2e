"""When a link may speak: pauses after failures, the server's hint, the deadline, the return after an outage.

Answers come first: no hint holds them back in the last minute before the seat's deadline, and after an outage
they do not wait for their turn as the rest does.
"""

import random
from collections import defaultdict
from datetime import datetime

from client.exchange import FOREVER, LONGEST_STRETCHED, Pace
from exam_rooms.pace import BATCH_PAUSE, HEARTBEAT, HINT_MOST, HURRY, RETURN_SPREAD, heartbeat, stretch


class Manners:
    """Moments of one link, in boot seconds."""

    def __init__(self, rng: random.Random) -> None:
        self.hint = 0
        self.paces: defaultdict[object, Pace] = defaultdict(lambda: Pace(rng))
        self._rng = rng
        self._turn_at = 0.0
        self._offset: float | None = None
        self._deadline: datetime | None = None

    def told(self, hint: int) -> bool:
        """The server says how busy it is; true when less than before."""
        before, self.hint = self.hint, min(HINT_MOST, max(0, hint))
        return self.hint < before

    def clock(self, server_time: datetime, sent: float, received: float) -> None:
        """The server's time in one exchange; a second more or less does not matter here."""
        self._offset = server_time.timestamp() - (sent + received) / 2

    def ends_at(self, deadline: datetime | None) -> None:
        """The deadline of the seat."""
        self._deadline = deadline

    def hurries(self, now: float) -> bool:
        """Whether the seat's time is nearly over, or was a moment ago: answers are not held back."""
        return -HURRY <= self._left(now) <= HURRY

    def _left(self, now: float) -> float:
        """Seconds until the deadline, infinite when it is not known."""
        if self._deadline is None or self._offset is None:
            return FOREVER
        return self._deadline.timestamp() - self._offset - now

    def returned(self, now: float) -> None:
        """The line is back: what can wait takes a turn drawn at random."""
        self._turn_at = now + self._rng.uniform(0.0, RETURN_SPREAD * stretch(self.hint))

    def has_news(self) -> None:
        """The server says that there is something new for this seat: that does not wait for its turn."""
        self._turn_at = 0.0

    def turn(self, ready: float) -> float:
        """When something that can wait may be asked for that is ready at a moment."""
        return max(ready, self._turn_at)

    def next_heartbeat(self, now: float) -> float:
        """When a heartbeat that is planned now is due."""
        return now + heartbeat(self.hint) * self._rng.uniform(0.9, 1.0)

    def soon(self, now: float) -> float:
        """A moment drawn at random before a heartbeat of a server at ease would be due."""
        return now + self._rng.uniform(0.0, HEARTBEAT)

    def batch_taken(self, attempt: int, now: float) -> None:
        """The server has a batch of an attempt: the next one leaves a little later when it is busy."""
        pace = self.paces[attempt]
        pace.worked()
        if not self.hurries(now):
            pace.not_before(now + BATCH_PAUSE * self.hint)

    def failed(self, what: object, now: float) -> None:
        """Something failed: a pause that grows, stretched by the hint.

        Not what holds back answers, when a stretched pause could reach into the last minute.
        """
        near = self.hurries(now) or self.hurries(now + LONGEST_STRETCHED)
        in_hurry = (what == "line" or isinstance(what, int)) and near
        self.paces[what].failed(now, 1 if in_hurry else stretch(self.hint))

    def at_once(self) -> None:
        """Nothing waits any longer: somebody stands at the seat and asks for it."""
        self._turn_at = 0.0
        for pace in self.paces.values():
            pace.worked()

    def batch_ready(self, attempt: int, now: float) -> float:
        """When the next batch of an attempt may leave; the pause of a hint ends where the hurry begins."""
        pace = self.paces[attempt]
        until_hurry = self._left(now) - HURRY
        if pace.eased and until_hurry >= -2 * HURRY:
            return min(pace.ready_at, now + max(0.0, until_hurry))
        return pace.ready_at
