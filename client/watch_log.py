"""The log of looks at one attempt: notes of every look, sent in batches behind everything that is urgent.

What is not full yet lies in memory: a killed agent loses a batch at most. Full ones wait sealed on the disk
like all news; a server that is away for very long costs the newest of them, not the alerts.
"""

import base64
import secrets

from client.evidence import Evidence
from exam_rooms.look_log import MOST_LOOKS, LoggedLook, pack
from exam_rooms.watch_messages import LookLog

MOST_WAITING = 400
"""Batches of one attempt that may wait for the server: more than six hours of them."""


class LookLogger:
    """Collects the looks at one attempt."""

    def __init__(self, attempt: int, boot_id: str, evidence: Evidence) -> None:
        self._attempt = attempt
        self._boot_id = boot_id
        self._evidence = evidence
        self._looks: list[LoggedLook] = []
        self.lost = 0

    def take(self, look: LoggedLook, seconds: float) -> None:
        """One look more; a batch leaves that holds as many `seconds`. 0: no log is kept."""
        if seconds <= 0:
            self._looks.clear()
            return
        self._looks.append(look)
        if look.at_ms - self._looks[0].at_ms >= seconds * 1000 or len(self._looks) >= MOST_LOOKS:
            self.send()

    def send(self) -> None:
        """What was collected goes into the queue."""
        looks, self._looks = self._looks, []
        if not looks:
            return
        if len(self._evidence.about(LookLog, self._attempt)) >= MOST_WAITING:
            self.lost += len(looks)
            return
        batch = LookLog(
            attempt=self._attempt,
            batch=secrets.token_hex(16),
            boot_id=self._boot_id,
            since_ns=looks[0].at_ms * 1_000_000,
            until_ns=looks[-1].at_ms * 1_000_000,
            count=len(looks),
            body=base64.b64encode(pack(looks)).decode(),
        )
        self._evidence.put(batch)
