"""What a camera left on the seat's disk does not outlive the plan under which it was made.

A workstation may stand for months between two sittings with evidence that never left, and nobody purges it
from afar. The age of a file is that of its last change by the machine's own clock.
"""

import logging

from client.books import Books
from client.evidence import Evidence
from client.watch_memory import WatchStore

LOG = logging.getLogger("examhall.kiosk")
DAYS_WITHOUT_PLAN = 30
_DAY = 86400.0


def drop_aged(books: Books, evidence: Evidence, store: WatchStore, now: float) -> None:
    """Drops evidence, memories and enrolled vectors of every attempt that are older than its plan keeps them.

    `now`: seconds of the epoch. Without a remembered plan `DAYS_WITHOUT_PLAN` hold. Breaches, answers and
    the rest of the running state stay. A disk that takes nothing keeps them until the next start.
    """
    since = {attempt: now - days * _DAY for attempt, days in books.keep_days().items()}
    default = now - DAYS_WITHOUT_PLAN * _DAY

    def kept_since(attempt: int) -> float:
        return since.get(attempt, default)

    try:
        gone = evidence.drop_aged(kept_since) + store.drop_aged(kept_since) + books.drop_aged(kept_since)
    except OSError as fault:
        LOG.warning("aged data of the camera stays: %s", fault.strerror)
        return
    if gone:
        LOG.info("aged data of the camera dropped: %d", gone)
