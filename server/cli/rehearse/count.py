"""Counts what was lost: the agents' journals against the store, in a process of its own.

`python -m server.cli.rehearse.count` reads {"answers_url", "attempts", "folders"} on standard input and
prints one JSON line. It knows no key and opens no answer; the journals are listed by the agents' own
`python -m client.journal dump`.
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from exam_rooms.protocol import ZERO_HEAD, Record, RecordKind
from server.db.answer_tables import answer_aside, answer_events, stored
from server.db.base import make_engine

Key = tuple[int, int, int]
"""(attempt, journal, seq)."""


@dataclass(frozen=True, slots=True)
class Line:
    """One record as an agent's journal lists it."""

    attempt: int
    journal: int
    seq: int
    hash: str
    prev: str
    kind: str
    item: str

    @property
    def key(self) -> Key:
        """Its place."""
        return self.attempt, self.journal, self.seq


@dataclass(frozen=True, slots=True)
class Count:
    """`recorded`: answers (the last word on an item) that are both in a journal and in the store.

    `lost`: journal records that the store lacks. `unknown`: stored records that no journal holds.
    `chain_errors`: broken links on either side, set-aside records, unknown ones, unreadable journals.
    """

    journals: int
    records: int
    recorded: int
    lost: int
    unknown: int
    chain_errors: int
    broken: tuple[str, ...] = ()


def count(lines: Sequence[Line], store: Sequence[Record], *, aside: int, broken: Sequence[str]) -> Count:
    """Compares the journals' records with the stored ones."""
    there = {(record.attempt, record.journal, record.seq): record.hash for record in store}
    here = {line.key: line.hash for line in lines}
    lost = sum(there.get(key) != hash_ for key, hash_ in here.items())
    unknown = sum(key not in here for key in there)
    doubled = len(lines) - len(here)
    faults = _breaks(lines) + _breaks(store) + sum(record.digest() != record.hash for record in store)
    return Count(
        journals=len({line.key[:2] for line in lines}),
        records=len(here),
        recorded=sum(there.get(line.key) == line.hash for line in _last_words(lines)),
        lost=lost,
        unknown=unknown,
        chain_errors=faults + unknown + doubled + aside + len(broken),
        broken=tuple(broken),
    )


def _last_words(lines: Iterable[Line]) -> list[Line]:
    """The records that hold an answer in the end, one for each attempt and item answered."""
    last: dict[tuple[int, str], Line] = {}
    for line in sorted(lines, key=lambda line: line.key):
        if line.kind in (RecordKind.ANSWER, RecordKind.CLEAR):
            last[line.attempt, line.item] = line
    return [line for line in last.values() if line.kind == RecordKind.ANSWER]


def _breaks(records: Iterable[Line | Record]) -> int:
    """Places where a journal has a gap or does not continue what is before it."""
    heads: dict[int, set[str]] = {}
    faults, before = 0, None
    for record in sorted(records, key=lambda record: (record.attempt, record.journal, record.seq)):
        known = heads.setdefault(record.attempt, {ZERO_HEAD})
        if before is not None and (before.attempt, before.journal) == (record.attempt, record.journal):
            faults += (record.seq, record.prev) != (before.seq + 1, before.hash)
        else:
            faults += record.seq != 1 or record.prev not in known
        known.add(record.hash)
        before = record
    return faults


def dumped(folders: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """What the agents' journals hold, a folder at a time."""
    for folder in folders:
        done = subprocess.run(
            [sys.executable, "-m", "client.journal", "dump", str(folder)], stdout=subprocess.PIPE, check=True
        )
        yield from map(json.loads, done.stdout.splitlines())


def stored_records(engine: Engine, attempts: Sequence[int]) -> tuple[list[Record], int]:
    """The stream of these attempts, and how many records are kept aside."""
    events = select(answer_events).where(answer_events.c.attempt.in_(attempts))
    aside = select(answer_aside.c.id).where(answer_aside.c.attempt.in_(attempts))
    with engine.connect() as connection:
        records = [stored(row).record for row in connection.execute(events)]
        return records, len(connection.execute(aside).all())


def main() -> int:
    """Counts and prints; 0 whatever the count says."""
    plan = json.load(sys.stdin)
    attempts = [int(attempt) for attempt in plan["attempts"]]
    entries = list(dumped(Path(folder) for folder in plan["folders"]))
    broken = [f"{entry['broken']}: {entry['why']}" for entry in entries if "broken" in entry]
    lines = [Line(**entry) for entry in entries if "broken" not in entry]
    engine = make_engine(plan["answers_url"])
    records, aside = stored_records(engine, attempts)
    engine.dispose()
    ours = [line for line in lines if line.attempt in set(attempts)]
    sys.stdout.write(json.dumps(asdict(count(ours, records, aside=aside, broken=broken))) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
