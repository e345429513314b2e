"""The journals of a workstation with their outbox, reopened as after a restart."""

import base64
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count

from client.books import Books
from client.device import DataFolder
from client.outbox import Outbox
from client.sheet import Sheet
from exam_rooms.protocol import (
    ZERO_HEAD,
    JournalReply,
    PaperView,
    Record,
    RecordKind,
    SeatState,
    Step,
)

DEVICE, ATTEMPT_KEY = bytes(range(32)), bytes(32)
NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
STATE = SeatState(1, NOW, "12", Step.ANSWERING, attempt=7, paper=PaperView("p", "ab", 1, "A", "c2VjcmV0a2V5"))
TICKS = count()


def stamps() -> tuple[str, int]:
    return "boot", next(TICKS)


def grant(
    journal: int, parent: str = ZERO_HEAD, records: tuple[Record, ...] = (), attempt: int = 7
) -> JournalReply:
    return JournalReply(attempt, journal, parent, base64.b64encode(ATTEMPT_KEY).decode(), records)


class Desk:
    """Books with their outbox, reopened as after a restart."""

    def __init__(self, folder: DataFolder, key: bytes = DEVICE) -> None:
        self.outbox = Outbox()
        self.books = Books(folder, key, self.outbox, stamps)
        self.books.load()

    def answer(self, item: str, *keys: str) -> Record:
        kind = RecordKind.ANSWER if keys else RecordKind.CLEAR
        return self.books.append(7, kind, item, keys).record

    @property
    def answers(self) -> dict[str, tuple[str, ...]]:
        return Sheet(self.books.entries(7)).answers


def restarts(folder: DataFolder) -> Iterator[Callable[[], Desk]]:
    """Yields what opens the desk, each time as after a restart; closes the last one."""
    made: list[Desk] = []

    def restart() -> Desk:
        if made:
            made[-1].books.close()
        made.append(Desk(folder))
        return made[-1]

    yield restart
    made[-1].books.close()
