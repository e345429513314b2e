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
        self.submit: Record | None = None
        self.last = ""
        for entry in sorted(entries, key=lambda entry: (entry.record.journal, entry.record.seq)):
            self.apply(entry)

    def repeats(self, item: str, response: tuple[str, ...]) -> bool:
        """Whether exactly this was written last on the item, at this seat.

        What came from an earlier seat is written down again when it is chosen here: that seat may still hold
        later choices, and the one made here is the candidate's last word.
        """
        entry = self.latest.get(item)
        return entry is not None and not entry.inherited and entry.response == response

    def apply(self, entry: Entry) -> None:
        """Adds the next record in order."""
        item, kind = entry.record.item, entry.record.kind
        if kind in (RecordKind.ANSWER, RecordKind.CLEAR):
            self.latest[item], self.last = entry, item
            self.answers.pop(item, None)
            if kind is RecordKind.ANSWER:
                self.answers[item] = entry.response
        elif kind is RecordKind.MARK:
            self.marked[item] = None
        elif kind is RecordKind.UNMARK:
            self.marked.pop(item, None)
        elif kind is RecordKind.SUBMIT:
            self.submit = entry.record
