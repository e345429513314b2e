"""What the counting process calls lost, doubled and broken."""

from dataclasses import replace

import pytest

from exam_rooms.protocol import ZERO_HEAD, Record, RecordKind
from server.cli.rehearse.count import Line, count


def chain(attempt: int, journal: int, items: str, parent: str = ZERO_HEAD) -> list[Record]:
    """An OPEN record and one ANSWER for each item ("-a" clears item a)."""
    records: list[Record] = []
    for seq, word in enumerate(["", *items.split()], 1):
        kind = RecordKind.OPEN if seq == 1 else RecordKind.CLEAR if word[0] == "-" else RecordKind.ANSWER
        item, prev = word.strip("-"), records[-1].hash if records else parent
        record = Record(attempt, journal, seq, kind, item, "sealed", "boot", seq, prev, "")
        records.append(replace(record, hash=record.digest()))
    return records


def lines(*chains: list[Record]) -> list[Line]:
    return [
        Line(r.attempt, r.journal, r.seq, r.hash, r.prev, str(r.kind), r.item)
        for records in chains
        for r in records
    ]


def test_everything_arrived() -> None:
    first, second = chain(1, 1, "a b c"), chain(2, 1, "a b")
    found = count(lines(first, second), first + second, aside=0, broken=())
    assert (found.journals, found.records, found.recorded, found.lost, found.chain_errors) == (2, 7, 5, 0, 0)


def test_a_changed_answer_counts_once_and_a_cleared_one_not_at_all() -> None:
    records = chain(1, 1, "a a b -b")
    found = count(lines(records), records, aside=0, broken=())
    assert found.recorded == 1


def test_an_answer_that_the_store_lacks_is_lost() -> None:
    records = chain(1, 1, "a b c")
    found = count(lines(records), records[:-1], aside=0, broken=())
    assert (found.lost, found.recorded, found.chain_errors) == (1, 2, 0)


def test_a_stored_answer_with_other_content_is_lost_and_breaks_the_chain() -> None:
    records = chain(1, 1, "a b")
    forged = [*records[:-1], replace(records[-1], body="other")]
    found = count(
        lines(records), [replace(forged[-1], hash=forged[-1].digest()), *records[:-1]], aside=0, broken=()
    )
    assert found.lost == 1
    assert count(lines(records), forged, aside=0, broken=()).chain_errors == 1


def test_a_record_that_no_journal_holds_is_an_error() -> None:
    records = chain(1, 1, "a b")
    found = count(lines(records[:-1]), records, aside=0, broken=())
    assert (found.lost, found.unknown, found.chain_errors) == (0, 1, 1)


def test_a_gap_is_seen_on_either_side() -> None:
    records = chain(1, 1, "a b c")
    holed = [records[0], *records[2:]]
    assert count(lines(records), holed, aside=0, broken=()).chain_errors == 1
    assert (
        count(lines(holed), records, aside=0, broken=()).chain_errors == 2
    )  # the gap and the unknown record


@pytest.mark.parametrize(("parent", "errors"), [(0, 0), (1, 0), (None, 2)])
def test_a_second_journal_continues_the_first(parent: int | None, errors: int) -> None:
    first = chain(1, 1, "a b")
    second = chain(1, 2, "c", first[parent].hash if parent is not None else "f" * 64)
    found = count(lines(first, second), first + second, aside=0, broken=())
    assert found.chain_errors == errors  # both sides show a foreign parent
    assert found.recorded == 3


def test_set_aside_records_and_unreadable_journals_are_errors() -> None:
    records = chain(1, 1, "a")
    assert count(lines(records), records, aside=2, broken=("seats/01: journal_broken",)).chain_errors == 3


def test_a_journal_line_that_stands_twice_is_an_error() -> None:
    records = chain(1, 1, "a")
    assert count(lines(records, records[-1:]), records, aside=0, broken=()).chain_errors >= 1
