"""The proof of an exported attempt: one altered, missing or foreign record is named."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_rooms.attempt_proof import (
    MOST_GAPS,
    ExportedAside,
    ExportedAttempt,
    ExportedJournal,
    ExportedRecord,
    prove,
)
from exam_rooms.protocol import ZERO_HEAD, Receipt, Record, RecordKind

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)


def chain(journal: int, parent: str, *kinds: tuple[RecordKind, str]) -> list[Record]:
    made: list[Record] = []
    for seq, (kind, item) in enumerate([(RecordKind.OPEN, ""), *kinds], 1):
        prev = made[-1].hash if made else parent
        record = Record(7, journal, seq, kind, item, "", "boot", seq, prev, "")
        made.append(replace(record, hash=record.digest()))
    return made


def answers(*items: str) -> list[tuple[RecordKind, str]]:
    return [(RecordKind.ANSWER, item) for item in items]


def exported(
    *journals: list[Record], end: Record | None = None, answered: int = 0, **changes: object
) -> ExportedAttempt:
    last = end or journals[-1][-1]
    receipt = Receipt(7, "T1", last.journal, last.seq, last.hash, answered, NOW, "")
    records = tuple(ExportedRecord(record, NOW) for one in journals for record in one)
    notes = tuple(ExportedJournal(one[0].journal, one[0].prev, 1, "1", NOW, one[-1].seq) for one in journals)
    made = ExportedAttempt(7, "T1", "1", "A", "submitted", notes, records, (), receipt)
    return replace(made, **changes)  # type: ignore[arg-type]


def codes(attempt: ExportedAttempt) -> list[tuple[int, int, str]]:
    return [(fault.journal, fault.seq, fault.code) for fault in prove(attempt).faults]


FIRST = chain(1, ZERO_HEAD, *answers("a", "b", "c"))


def test_a_whole_paper() -> None:
    proof = prove(exported(FIRST, answered=3))
    assert (proof.faults, proof.records, proof.proven, proof.beside, proof.answered) == ((), 4, 4, 0, 3)


def test_a_paper_over_two_seats_with_late_records_of_the_first() -> None:
    """The second seat continues the head that the server knew: what the first one sent later lies beside."""
    second = chain(2, FIRST[1].hash, (RecordKind.CLEAR, "a"), *answers("d"))
    for counted in (1, 3):  # as the head names them, or with what had come from the first seat by then
        proof = prove(exported(FIRST, second, answered=counted))
        assert (proof.faults, proof.proven, proof.beside) == ((), 5, 2)
    assert codes(exported(FIRST, second, answered=2)) == [(2, 3, "answered")]


@pytest.mark.parametrize("handed_in", [True, False])
def test_what_a_former_seat_sent_after_the_receipt_accuses_nobody(handed_in: bool) -> None:
    """The chain holds `a` and `d`; `b` came beside it before the receipt of a hand-in, `c` after it.

    A hand-in is confirmed at once; who was closed by the clock gets the receipt some time later.
    """
    end = [(RecordKind.SUBMIT, "")] if handed_in else []
    second = chain(2, FIRST[1].hash, *answers("d"), *end)
    first, after = NOW + timedelta(minutes=5), NOW + timedelta(minutes=9)
    came = {FIRST[2].hash: NOW, FIRST[3].hash: after}
    if not handed_in:
        came[FIRST[2].hash] = first
    for answered, good in ((2, True), (3, True), (4, not handed_in), (5, False)):
        paper = exported(FIRST, second, answered=answered)
        records = tuple(ExportedRecord(e.record, came.get(e.record.hash, NOW)) for e in paper.records)
        found = codes(replace(paper, records=records))
        assert found == ([] if good else [(2, second[-1].seq, "answered")]), answered


def test_the_receipt_may_end_before_the_stream_does() -> None:
    assert codes(exported(FIRST, end=FIRST[2], answered=2)) == []


@given(st.data())
def test_every_record_that_is_left_out_is_named(data: st.DataObject) -> None:
    paper = chain(1, ZERO_HEAD, *answers(*"abcdef"))
    gone = data.draw(st.integers(0, len(paper) - 1))
    rest = [record for record in paper if record is not paper[gone]]
    found = codes(replace(exported(paper, answered=6), records=tuple(ExportedRecord(r, NOW) for r in rest)))
    assert (1, gone + 1, "gap") in found
    assert any(code in ("missing", "head") for _, _, code in found)


@given(
    st.sampled_from(["item", "body", "boot_id"]),
    st.integers(0, 3),
)
def test_every_changed_record_is_named(field: str, place: int) -> None:
    changed = list(FIRST)
    changed[place] = replace(changed[place], **{field: "other"})
    assert (1, place + 1, "hash") in codes(
        replace(exported(FIRST, answered=3), records=tuple(ExportedRecord(r, NOW) for r in changed))
    )


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_record_forged_with_a_right_hash_breaks_the_chain_after_it(place: int) -> None:
    forged = replace(FIRST[place], item="other")
    forged = replace(forged, hash=forged.digest())
    records = [forged if record is FIRST[place] else record for record in FIRST]
    found = codes(
        replace(exported(FIRST, answered=3), records=tuple(ExportedRecord(r, NOW) for r in records))
    )
    assert (1, place + 2, "link") in found
    assert (1, place + 2, "missing") in found


def test_what_was_kept_aside_is_no_gap_but_breaks_the_proof_all_the_same() -> None:
    rest = tuple(ExportedRecord(record, NOW) for record in FIRST if record.seq != 2)
    attempt = replace(exported(FIRST, answered=3), records=rest, aside=(ExportedAside(1, 2, "bad_body"),))
    assert codes(attempt) == [(1, 3, "missing")]


def test_an_altered_number_of_the_last_record_makes_no_endless_list() -> None:
    whole = exported(FIRST)
    far = replace(whole, journals=(replace(whole.journals[0], final_seq=10**15),))
    assert len(codes(far)) <= MOST_GAPS + 1


def test_foreign_doubled_and_unopened() -> None:
    stranger = replace(FIRST[1], attempt=8)
    stranger = replace(stranger, hash=stranger.digest())
    attempt = exported(FIRST, answered=3)
    more = (*attempt.records, ExportedRecord(FIRST[2], NOW), ExportedRecord(stranger, NOW))
    found = codes(replace(attempt, records=more))
    assert (1, 3, "twice") in found
    assert (1, 2, "foreign") in found
    unopened = [replace(FIRST[0], kind=RecordKind.MARK)]
    unopened[0] = replace(unopened[0], hash=unopened[0].digest())
    assert codes(exported(unopened)) == [(1, 1, "no_open")]


def test_nothing_proves_a_paper_without_a_receipt() -> None:
    assert codes(exported(FIRST, receipt=None)) == [(0, 0, "no_receipt")]


def test_a_wrong_parent_is_named() -> None:
    second = chain(2, FIRST[1].hash, *answers("d"))
    attempt = exported(FIRST, second, answered=2)
    journals = (attempt.journals[0], replace(attempt.journals[1], parent=FIRST[3].hash))
    assert codes(replace(attempt, journals=journals)) == [(2, 1, "parent")]
