"""A journal that lives in memory, for seats of load tests: real records, no disk."""

import base64
from collections.abc import Sequence

from client.journal import new_record, system_stamps
from client.journal_file import Header
from client.outbox import Outbox
from exam_rooms.protocol import ZERO_HEAD, JournalReply, Record, RecordKind

_CHOICE = ("A",)


class LightJournal:
    """Answers the items of a form one after the other; each answer counts one more on the monitor."""

    def __init__(self, grant: JournalReply, items: Sequence[str], outbox: Outbox) -> None:
        key = base64.b64decode(grant.key)
        self._header = Header(grant.attempt, grant.journal, grant.parent, key, 0, "")
        self._items = items
        self._outbox = outbox
        self._stamps = system_stamps()
        self._head, self._seq = grant.parent or ZERO_HEAD, 0
        self.written: list[int] = []
        """CLOCK_BOOTTIME of each answer, in nanoseconds."""

    def answer(self) -> bool:
        """Answers the next item; false when all are answered."""
        if len(self.written) >= len(self._items):
            return False
        self._open()
        record = self._write(RecordKind.ANSWER, self._items[len(self.written)], _CHOICE)
        self.written.append(record.boot_ns)
        return True

    def mark(self) -> None:
        """Flags the item answered last for another look."""
        if self.written:
            self._write(RecordKind.MARK, self._items[len(self.written) - 1], ())

    def submit(self) -> None:
        """Hands in; nothing is written afterwards."""
        self._open()
        self._write(RecordKind.SUBMIT, "", ())
        self._items = ()

    def _open(self) -> None:
        if self._seq == 0:
            self._write(RecordKind.OPEN, "", ())

    def _write(self, kind: RecordKind, item: str, response: tuple[str, ...]) -> Record:
        content = (kind, item, response)
        record = new_record(self._header, self._seq + 1, self._head, content, self._stamps)
        self._head, self._seq = record.hash, record.seq
        self._outbox.add([record])
        return record
