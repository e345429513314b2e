"""Random pictures looked at again by the server itself, a few at a time and only while there is little to do.

The looking is done by a child process; here pictures are opened, handed over, and what was seen is noted.
"""

import logging
from typing import Any

from flask_socketio import SocketIO

from exam_rooms.watching import ObservationNote
from exam_rooms.wire import decode, encode
from server.errors import Refused
from server.host import Host
from server.live.repeating import repeat
from server.services import captures, enrolments, evidence
from server.services.captures import DueCapture

log = logging.getLogger(__name__)
PERIOD_SECONDS = 4.0
AT_ONCE = 6
BUSY = 5
"""The answer store's pressure (0-10) above which pictures wait."""
JOB = "recheck_frames"


class Rechecks:
    """`tick` is one look at what is due; tests call it themselves."""

    def __init__(self, host: Host) -> None:
        self.host = host

    def tick(self) -> None:
        """Looks at a few pictures again unless the server is busy with answers."""
        if self.host.answers.pressure() > BUSY:
            return
        with self.host.db.read() as session:
            due = captures.due(session, AT_ONCE)
            lost = captures.overdue(session, now=self.host.now())
        for capture in lost:
            self.host.db.write(captures.settle_recheck, capture, None, now=self.host.now())
        if due and not self._looked(due):
            for each in due:  # one picture may have ended the child: the others must not suffer for it
                self._looked([each], last=True)

    def _looked(self, due: list[DueCapture], *, last: bool = False) -> bool:
        """Has pictures looked at in one child; false when that failed. `last`: they are not tried again."""
        last = last or len(due) == 1
        payload, missing = self._payload(due)
        try:
            notes = self.host.jobs.run(JOB, payload)["notes"] if payload["looks"] else {}
        except Refused as refusal:
            log.warning("re-check of %d pictures failed: %s", len(due), refusal.code)
            if not last:
                return False
            notes = {}
        for each in due:
            seen = None if each.capture in missing else notes.get(str(each.capture))
            note = None if seen is None else decode(ObservationNote, seen)
            self.host.db.write(captures.settle_recheck, each.capture, note, now=self.host.now())
        return True

    def _payload(self, due: list[DueCapture]) -> tuple[dict[str, Any], set[int]]:
        """What the child is given, and the captures whose picture cannot be opened."""
        payload: dict[str, Any] = {"looks": []}
        missing = set()
        for each in due:
            data = self.host.native.call(evidence.opened, self.host.vault, self.host.evidence, each.file)
            if data is None:
                missing.add(each.capture)
                continue
            with self.host.db.read() as session:
                row = enrolments.latest(session, each.attempt)
                enrolled = {
                    "template": enrolments.template_of(session, row),
                    "model": enrolments.model_of(row),
                }
            payload["looks"].append({"capture": each.capture, **enrolled, "rules": encode(each.rules)})
            payload[f"frame-{each.capture}"] = data
        return payload, missing


def register(socketio: SocketIO, host: Host) -> Rechecks:
    """Starts the re-checks on the live server."""
    rechecks = Rechecks(host)
    repeat(socketio, rechecks.tick, every=PERIOD_SECONDS, name="re-checks", here=host.leads)
    return rechecks
