"""The outbox: nothing leaves it before the server has it, whatever order the replies come in."""

from hypothesis import given
from hypothesis import strategies as st

from client.outbox import Outbox
from exam_rooms.protocol import AnswersReply, Record, RecordKind, RefusedRecord


def record(seq: int, journal: int = 1, attempt: int = 7) -> Record:
    return Record(attempt, journal, seq, RecordKind.ANSWER, f"q{seq}", "", "b", 0, "", f"{journal}/{seq}")


def records(count: int, journal: int = 1) -> list[Record]:
    return [record(seq, journal) for seq in range(1, count + 1)]


def filled(count: int = 5) -> Outbox:
    box = Outbox()
    box.add(records(count))
    return box


def seqs(box: Outbox, limit: int = 200) -> list[int]:
    return [entry.seq for entry in box.batch(7, limit)]


def test_everything_waits_until_acknowledged() -> None:
    box = filled()
    assert (seqs(box), box.waiting(7), box.attempts()) == ([1, 2, 3, 4, 5], 5, [7])
    assert box.acknowledge(7, AnswersReply({"1": 3}))
    assert (seqs(box), box.waiting(), box.upto(7, 1)) == ([4, 5], 2, 3)
    box.acknowledge(7, AnswersReply({"1": 5}))
    assert (seqs(box), box.waiting(), box.attempts()) == ([], 0, [])


def test_late_replies_never_take_anything_back() -> None:
    box = filled()
    for upto in (4, 2, 4, 1, 0):
        box.acknowledge(7, AnswersReply({"1": upto}))
    assert seqs(box) == [5]
    assert not box.acknowledge(7, AnswersReply({"1": 4}))


@given(st.lists(st.integers(0, 12), max_size=12), st.integers(0, 12))
def test_acknowledged_is_the_highest_ever_said(replies: list[int], count: int) -> None:
    box = filled(count)
    for upto in replies:
        box.acknowledge(7, AnswersReply({"1": upto}))
    top = max(replies, default=0)
    assert seqs(box) == [seq for seq in range(1, count + 1) if seq > top]


def test_a_record_kept_aside_is_delivered_but_told() -> None:
    box = filled(3)
    reply = AnswersReply({"1": 1}, (RefusedRecord(1, 2, "fork"),))
    assert box.acknowledge(7, reply)
    assert seqs(box) == [3]
    assert box.is_acknowledged(record(2))
    assert (box.refusal(7, 1, 2), box.refusal(7, 1, 3)) == ("fork", None)
    assert not box.acknowledge(7, reply)


def test_batches_are_limited_and_of_one_journal() -> None:
    box = filled(250)
    box.add(records(3, journal=2))
    assert len(box.batch(7)) == 200
    box.acknowledge(7, AnswersReply({"1": 249}))
    assert [(entry.journal, entry.seq) for entry in box.batch(7)] == [(1, 250)]
    box.acknowledge(7, AnswersReply({"1": 250}))
    assert [entry.journal for entry in box.batch(7)] == [2, 2, 2]


def test_records_are_taken_once() -> None:
    box = filled(3)
    box.add(records(4))
    assert seqs(box) == [1, 2, 3, 4]


def test_a_restart_resends_all_until_told() -> None:
    before = filled()
    before.acknowledge(7, AnswersReply({"1": 5}))
    after = filled()
    assert seqs(after) == [1, 2, 3, 4, 5]
    after.acknowledge(7, AnswersReply({"1": 5}))
    assert after.waiting() == 0


def test_an_acknowledgement_may_come_before_the_record() -> None:
    box = Outbox()
    box.acknowledge(7, AnswersReply({"1": 2}))
    box.add(records(3))
    assert seqs(box) == [3]


def test_a_journal_that_was_continued_elsewhere_is_superseded() -> None:
    box = filled(5)
    assert not box.superseded(7, 1, 5)
    box.acknowledge(7, AnswersReply({"1": 5, "2": 4}))
    assert box.superseded(7, 1, 5)
    assert not box.superseded(7, 2, 4)


def test_a_journal_of_which_the_server_has_more_is_superseded() -> None:
    """The disk was put back to an older state: going on would fork the stream."""
    box = filled(5)
    box.acknowledge(7, AnswersReply({"1": 6}))
    assert box.superseded(7, 1, 5)


def test_what_the_server_does_not_take_from_us_is_not_sent_again() -> None:
    box = filled(2)
    box.disown(7, 1)
    assert box.superseded(7, 1, 2)
    assert (box.attempts(), box.waiting(7)) == ([], 2)
    assert [entry.seq for entry in box.stranded(7)] == [1, 2]
    box.add(records(1, journal=2))
    assert [entry.journal for entry in box.batch(7)] == [2]
    box.release(7)
    assert box.waiting(7) == 1


def test_other_attempts_are_not_mixed() -> None:
    box = filled(2)
    box.add([record(1, attempt=9)])
    assert box.attempts() == [7, 9]
    box.acknowledge(9, AnswersReply({"1": 1}))
    assert (box.waiting(9), box.waiting(7), box.waiting()) == (0, 2, 2)
    box.forget(7)
    assert box.waiting() == 0
