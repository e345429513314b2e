"""The heartbeat of one link: what it says and when it is due (boot seconds)."""

from dataclasses import replace

from client.exchange import FOREVER, worth_telling
from client.link_pace import Manners
from exam_rooms.pace import HEARTBEAT
from exam_rooms.protocol import StatusRequest

NOTICE_DELAY = 0.3
"""Seconds a changed status may wait, so that an answer on its way does not cost two heartbeats."""


class Beat:
    """`due` is when the next one shall leave; it is counted from the reply to the last.

    Counted from its request, it would be overdue again at once on a line with a long round trip.
    """

    def __init__(self, manners: Manners) -> None:
        self.status = StatusRequest(boot_id="", boot_ns=0, state_version=0)
        self.due = 0.0
        self._manners = manners
        self._soon = FOREVER
        """When one has to leave that has not left yet; what is under way does not count."""
        self._told: object = None
        self._done_at = 0.0

    @property
    def news_due(self) -> float:
        """When a status that has changed shall be told, or the heartbeat is due anyway."""
        changed = self._told != worth_telling(self.status)
        return min(self.due, self._done_at + NOTICE_DELAY if changed else FOREVER)

    def leaving(self, now: float, version: int) -> StatusRequest:
        """The status with the moment of sending and the version of the newest state."""
        self._soon = FOREVER
        return replace(self.status, boot_ns=int(now * 1e9), state_version=version)

    def answered(self, told: object, now: float) -> None:
        """The server has heard it; `told` is what was worth telling."""
        self._told, self._done_at = told, now
        self.due = min(self._soon, self._manners.next_heartbeat(now))

    def refused(self, now: float) -> None:
        """The server said no."""
        self.due = self._done_at = now + HEARTBEAT

    def sooner(self, now: float) -> None:
        """The server is more at ease than when this heartbeat was planned."""
        self.due = min(self.due, self._manners.next_heartbeat(now))

    def soon(self, now: float) -> None:
        """Within the time of a heartbeat at ease."""
        self._soon = self._manners.soon(now)
        self.due = min(self.due, self._soon)
