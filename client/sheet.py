"""What the candidate has answered so far: a fold of journal records in the order (journal, seq)."""

from collections.abc import Iterable
from dataclasses import dataclass

from exam_rooms.protocol import Record, RecordKind


@dataclass(frozen=True, slots=True)
class Entry:
    """A record with its response in clear; `inherited` came from the server with the journal."""

    record: Record
    response: tuple[str, ...]
    inherited: bool = False


class Sheet:
    """Answers, marks and the submission as the records say; later records win. `last` was answered last."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.answers: dict[str, tuple[str, ...]] = {}
        self.marked: dict[str, None] = {}
        self.latest: dict[str, Entry] = {}
        self.flags: dict[str, Entry] = {}
        self.submit: Record | None = None
        self.last = ""
        for entry in sorted(entries, key=lambda entry: (entry.record.journal, entry.record.seq)):
            self.apply(entry)

    def saying(self, item: str, response: tuple[str, ...]) -> Entry | None:
        """The last word on the item, if exactly this was said."""
        entry = self.latest.get(item)
        return entry if entry is not None and entry.response == response else None

    def flagging(self, item: str, marked: bool) -> Entry | None:
        """The last mark of the item or its removal, if it said the same."""
        entry = self.flags.get(item)
        return entry if entry is not None and marked == (item in self.marked) else None

    def apply(self, entry: Entry) -> None:
        """Adds the next record in order."""
        item, kind = entry.record.item, entry.record.kind
        if kind in (RecordKind.ANSWER, RecordKind.CLEAR):
            self.latest[item], self.last = entry, item
            self.answers.pop(item, None)
            if kind is RecordKind.ANSWER:
                self.answers[item] = entry.response
        elif kind in (RecordKind.MARK, RecordKind.UNMARK):
            self.flags[item] = entry
            self.marked.pop(item, None)
            if kind is RecordKind.MARK:
                self.marked[item] = None
        elif kind is RecordKind.SUBMIT and not entry.inherited:
            self.submit = entry.record  # of one made elsewhere the server's step tells
