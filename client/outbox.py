"""What this workstation still owes the server: records per journal, and what was acknowledged.

Pure book-keeping. Nothing leaves it before the server said that a record is durable; a reply that comes
late or out of order can only confirm more, never less.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from exam_rooms.protocol import AnswersReply, Record, RefusedRecord
from exam_rooms.standby_messages import HeldJournal, ResumedJournal

BATCH = 200
"""Most records in one request, as docs/protocol.md allows."""
BATCH_BYTES = 512 << 10
"""Most bytes of sealed bodies in one request; a long text alone still goes."""


@dataclass(slots=True)
class _Stream:
    """One journal's records in order of seq (the first is 1)."""

    records: list[Record] = field(default_factory=list)
    upto: int = 0
    refused: dict[int, str] = field(default_factory=dict)

    def open_records(self) -> list[Record]:
        start = min(self.upto, len(self.records))
        return [record for record in self.records[start:] if record.seq not in self.refused]


class Outbox:
    """Records waiting for the server, kept by (attempt, journal)."""

    def __init__(self) -> None:
        self._streams: dict[tuple[int, int], _Stream] = {}
        self._beyond: dict[int, int] = {}
        self._disowned: set[tuple[int, int]] = set()
        self._open_ends: set[tuple[int, int]] = set()
        self._proofs: dict[tuple[int, int], str] = {}

    def add(self, records: Iterable[Record]) -> None:
        """Take records in order of seq; what is already here is passed over."""
        for record in records:
            stream = self._streams.setdefault((record.attempt, record.journal), _Stream())
            if record.seq == len(stream.records) + 1:
                stream.records.append(record)

    def forget(self, attempt: int) -> None:
        """Drop an attempt that is settled."""
        for key in [key for key in self._streams if key[0] == attempt]:
            del self._streams[key]

    def granted(self, attempt: int, journal: int, proof: str) -> None:
        """What the site said when it granted a journal (`JournalReply.proof`)."""
        self._proofs[attempt, journal] = proof

    def rewind(self) -> None:
        """A server of another epoch: whatever the former one acknowledged may be unknown to this one."""
        self._beyond.clear()
        self._disowned.clear()
        for stream in self._streams.values():
            stream.upto = 0

    def held(self, limit: int) -> tuple[HeldJournal, ...]:
        """The journals here, the newest `limit` of them; the first record says what they continue."""
        found = sorted(key for key, stream in self._streams.items() if stream.records)[-limit:]
        return tuple(
            HeldJournal(
                attempt=key[0],
                journal=key[1],
                seq=len(self._streams[key].records),
                parent=self._streams[key].records[0].prev,
                proof=self._proofs.get(key, ""),
            )
            for key in found
        )

    def resume(self, told: ResumedJournal) -> None:
        """What a server of a new epoch holds of a journal, less than the former one perhaps.

        A refusal stands only for records that this server holds, too: the others are sent again.
        """
        key = (told.attempt, told.journal)
        stream = self._streams.setdefault(key, _Stream())
        stream.upto = max(stream.upto, told.upto)
        stream.refused = {seq: code for seq, code in stream.refused.items() if seq <= stream.upto}
        if told.upto > 0:
            self._beyond[told.attempt] = max(self._beyond.get(told.attempt, 0), told.journal)
        if told.code:
            self._disowned.add(key)

    def attempts(self) -> list[int]:
        """Attempts with something to send."""
        return sorted({key[0] for key in self._sendable()})

    def batch(self, attempt: int, limit: int = BATCH) -> tuple[Record, ...]:
        """The oldest unacknowledged records of one attempt, all of one journal, by seq."""
        found = [key for key in self._sendable() if key[0] == attempt]
        return _within(self._streams[min(found)].open_records()[:limit]) if found else ()

    def _sendable(self) -> list[tuple[int, int]]:
        return [
            key
            for key, stream in self._streams.items()
            if key not in self._disowned and stream.open_records()
        ]

    def disown(self, attempt: int, journal: int) -> None:
        """The server does not take this journal from this workstation: it was paired anew meanwhile."""
        self._disowned.add((attempt, journal))

    def stranded(self, attempt: int) -> tuple[Record, ...]:
        """Unacknowledged records that no request will carry, by journal and seq."""
        keys = sorted(key for key in self._disowned if key[0] == attempt and key in self._streams)
        return tuple(record for key in keys for record in self._streams[key].open_records())

    def stranded_attempts(self) -> frozenset[int]:
        """Attempts with records, or ends of journals, that no request will carry."""
        held = (one for one in self._disowned if one in self._streams)
        records = [one for one in held if self._streams[one].open_records()]
        return frozenset(key[0] for key in (*records, *self._open_ends))

    def owe_ends(self, journals: Iterable[tuple[int, int]]) -> None:
        """Where these journals (attempt, number) end, the server may not know."""
        self._open_ends.update(journals)

    def end_told(self, attempt: int, journal: int) -> None:
        """The server has seen the whole of a journal."""
        self._open_ends.discard((attempt, journal))

    def owes(self, attempt: int) -> bool:
        """Whether the server lacks a record of an attempt, or the end of a journal."""
        return self.waiting(attempt) > 0 or any(key[0] == attempt for key in self._open_ends)

    def release(self, attempt: int) -> None:
        """What was stranded is owed no longer: it was written again in a journal of our own."""
        for key in [key for key in self._disowned if key[0] == attempt]:
            self._streams.pop(key, None)

    def acknowledge(self, attempt: int, reply: AnswersReply) -> bool:
        """Note a reply; true when it told something new."""
        news = False
        for name, upto in reply.upto.items():
            news |= self._confirm(attempt, int(name), upto)
        for refused in reply.refused:
            news |= self._refuse(attempt, refused)
        return news

    def _confirm(self, attempt: int, journal: int, upto: int) -> bool:
        if upto > 0:
            self._beyond[attempt] = max(self._beyond.get(attempt, 0), journal)
        stream = self._streams.setdefault((attempt, journal), _Stream())
        if upto <= stream.upto:
            return False
        stream.upto = upto
        return True

    def _refuse(self, attempt: int, refused: RefusedRecord) -> bool:
        stream = self._streams.setdefault((attempt, refused.journal), _Stream())
        if refused.seq in stream.refused:
            return False
        stream.refused[refused.seq] = refused.code
        return True

    def waiting(self, attempt: int | None = None) -> int:
        """How many records the server has not acknowledged, of one attempt or of all."""
        return sum(
            len(stream.open_records())
            for key, stream in self._streams.items()
            if attempt is None or key[0] == attempt
        )

    def upto(self, attempt: int, journal: int) -> int:
        """The highest contiguous seq known to be durable at the server, 0 for none."""
        stream = self._streams.get((attempt, journal))
        return stream.upto if stream else 0

    def is_acknowledged(self, record: Record) -> bool:
        """Whether the server has a record: in the stream, or kept aside."""
        stream = self._streams.get((record.attempt, record.journal))
        return stream is not None and (record.seq <= stream.upto or record.seq in stream.refused)

    def refusal(self, attempt: int, journal: int, seq: int) -> str | None:
        """Why the server kept a record aside; None when it did not."""
        stream = self._streams.get((attempt, journal))
        return stream.refused.get(seq) if stream else None

    def superseded(self, attempt: int, journal: int, seq: int) -> bool:
        """Whether this journal must not be continued, and a new one be asked for.

        The server knows a later journal of the attempt, or more of this one than is here (going on would
        fork the stream), or it does not take this one from us.
        """
        if (attempt, journal) in self._disowned:
            return True
        return self._beyond.get(attempt, 0) > journal or self.upto(attempt, journal) > seq


def _within(records: Sequence[Record]) -> tuple[Record, ...]:
    """The first records whose bodies fit into one request; at least one."""
    sizes = accumulate(len(record.body) for record in records)
    fitting = sum(1 for size in sizes if size <= BATCH_BYTES)
    return tuple(records[: max(1, fitting)])
