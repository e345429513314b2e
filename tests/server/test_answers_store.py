"""The answer stream: durable, idempotent, in any order, never poisoned by one bad record."""

import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as rules
from hypothesis import strategies as st

from exam_rooms.protocol import ZERO_HEAD, Record, RecordKind, record_digest
from server.db.answer_writers import StoreFault
from server.db.answers import AnswerStore, Outcome, Received, StoreUnavailable, from_ns, to_ns
from server.settings import Settings
from tests.server.conftest import NOW

pytestmark = pytest.mark.both_stores


@pytest.fixture
def answers(settings: Settings) -> Iterator[AnswerStore]:
    store = AnswerStore(settings.answers_url)
    yield store
    store.close()


def chain(count: int, *, attempt: int = 1, journal: int = 1, parent: str = ZERO_HEAD) -> list[Record]:
    """A journal of `count` records: OPEN, then answers."""
    records: list[Record] = []
    for seq in range(1, count + 1):
        record = Record(
            attempt=attempt,
            journal=journal,
            seq=seq,
            kind=RecordKind.OPEN if seq == 1 else RecordKind.ANSWER,
            item="" if seq == 1 else f"item-{seq % 3}",
            body="Ym9keQ==",
            boot_id="boot",
            boot_ns=seq * 1000,
            prev=records[-1].hash if records else parent,
            hash="",
        )
        records.append(replace(record, hash=record_digest(record)))
    return records


def received(records: list[Record], *, aside: str = "", workstation: int = 7) -> list[Received]:
    return [Received(record, to_ns(NOW), workstation, aside) for record in records]


def outcomes(store: AnswerStore, entries: list[Received]) -> list[Outcome]:
    return [verdict.outcome for verdict in store.append(entries)]


def test_stores_and_reads_back(answers: AnswerStore) -> None:
    records = chain(4)
    verdicts = answers.append(received(records))
    assert [(v.outcome, v.upto, v.linked) for v in verdicts] == [(Outcome.STORED, 4, True)] * 4
    stored = answers.events(1)
    assert [entry.record for entry in stored] == records
    assert (stored[0].received_at, stored[0].workstation) == (NOW, 7)
    assert answers.contiguous(1) == {1: 4}
    assert answers.head(1, 1, 4) == records[-1].hash


def test_resend_changes_nothing(answers: AnswerStore) -> None:
    records = chain(3)
    answers.append(received(records))
    again = answers.append(received(records))
    assert [(v.outcome, v.upto) for v in again] == [(Outcome.KNOWN, 3)] * 3
    assert len(answers.events(1)) == 3
    assert answers.aside(1) == []


def test_process_killed_between_commit_and_acknowledgement(settings: Settings) -> None:
    records = chain(5)
    first = AnswerStore(settings.answers_url)
    first.append(received(records))
    first.close()  # the acknowledgement was never sent
    second = AnswerStore(settings.answers_url)
    verdicts = second.append(received(records + chain(6)[5:]))
    assert [v.outcome for v in verdicts] == [Outcome.KNOWN] * 5 + [Outcome.STORED]
    assert verdicts[-1].upto == 6
    assert verdicts[-1].linked
    second.close()


def test_out_of_order_counts_once_the_gap_is_filled(answers: AnswerStore) -> None:
    records = chain(5)
    late = answers.append(received(records[2:4]))
    assert [(v.upto, v.linked) for v in late] == [(0, None), (0, True)]
    assert answers.append(received(records[:1]))[0].upto == 1
    assert answers.contiguous(1) == {1: 1}
    filled = answers.append(received([records[1]]))[0]
    assert (filled.upto, filled.linked) == (4, True)
    assert answers.append(received([records[4]]))[0].upto == 5


def test_fork_is_kept_aside_and_named(answers: AnswerStore) -> None:
    records = chain(3)
    answers.append(received(records))
    other = replace(records[2], item="item-9", hash="")
    other = replace(other, hash=record_digest(other))
    assert outcomes(answers, received([other])) == [Outcome.FORK]
    assert outcomes(answers, received([other])) == [Outcome.FORK]
    assert [(a.journal, a.seq, a.reason) for a in answers.aside(1)] == [(1, 3, "fork")]
    assert answers.events(1)[2].record == records[2]


def test_fork_within_one_batch(answers: AnswerStore) -> None:
    records = chain(2)
    other = replace(records[1], item="item-9", hash="")
    other = replace(other, hash=record_digest(other))
    assert outcomes(answers, received([*records, other, records[1]])) == [
        Outcome.STORED,
        Outcome.STORED,
        Outcome.FORK,
        Outcome.KNOWN,
    ]


def test_broken_link_is_noticed(answers: AnswerStore) -> None:
    records = chain(3)
    wrong = replace(records[2], prev="f" * 64, hash="")
    wrong = replace(wrong, hash=record_digest(wrong))
    verdicts = answers.append(received([*records[:2], wrong]))
    assert [v.linked for v in verdicts] == [True, True, False]


def looks_of(store: AnswerStore, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every look of a store at what it holds, by name, as they come."""
    looks: list[str] = []

    def noted(name: str) -> Callable[..., object]:
        look = getattr(store._writer, name)

        def looked(*asked: object) -> object:
            looks.append(name)
            return look(*asked)

        return looked

    for name in ("links", "hashes"):
        monkeypatch.setattr(store._writer, name, noted(name))
    return looks


def test_journals_that_another_process_carried_on_cost_one_look_together(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seats whose connections reach another process than before, many of them in one commit."""
    here, there = AnswerStore(settings.answers_url), AnswerStore(settings.answers_url)
    journals = [chain(6, attempt=attempt) for attempt in range(1, 9)]
    broken = replace(journals[0][3], prev="f" * 64, hash="")
    journals[0][3] = replace(broken, hash=record_digest(broken))
    here.append(received([record for journal in journals for record in journal[:3]]))
    looks = looks_of(there, monkeypatch)
    met = there.append(received([journal[3] for journal in journals]))
    assert [(verdict.upto, verdict.linked) for verdict in met] == [(4, False)] + [(4, True)] * 7
    assert looks == ["links"]
    here.append(received([journal[4] for journal in journals[1:]]))
    later = there.append(received([journal[5] for journal in journals[1:]]))
    assert [(verdict.upto, verdict.linked) for verdict in later] == [(6, True)] * 7
    assert looks == ["links", "links"]
    here.close()
    there.close()


def test_aside_records_fill_their_place(answers: AnswerStore) -> None:
    records = chain(4)
    entries = [*received(records[:1]), *received(records[1:2], aside="bad_body"), *received(records[2:])]
    verdicts = answers.append(entries)
    assert [v.outcome for v in verdicts] == [Outcome.STORED, Outcome.ASIDE, Outcome.STORED, Outcome.STORED]
    assert verdicts[-1].upto == 4
    assert answers.contiguous(1) == {1: 4}
    assert [a.reason for a in answers.aside(1)] == ["bad_body"]
    assert [entry.record.seq for entry in answers.events(1)] == [1, 3, 4]


def test_a_bad_record_does_not_poison_its_batch(answers: AnswerStore) -> None:
    records = chain(3)
    bad = replace(chain(1, attempt=2)[0], boot_ns=2**70)
    assert outcomes(answers, received([records[0], bad, *records[1:]])) == [
        Outcome.STORED,
        Outcome.UNSTORABLE,
        Outcome.STORED,
        Outcome.STORED,
    ]
    assert len(answers.events(1)) == 3


def test_one_transaction_for_concurrent_callers(
    answers: AnswerStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = answers._writer
    inserts: list[int] = []
    entered, go_on = threading.Event(), threading.Event()
    insert = writer.insert

    def slow(rows):
        inserts.append(len(rows))
        if len(inserts) == 1:
            entered.set()
            assert go_on.wait(60)
        return insert(rows)

    monkeypatch.setattr(writer, "insert", slow)
    verdicts: dict[int, list[Outcome]] = {}

    def save(attempt: int) -> None:
        verdicts[attempt] = outcomes(answers, received(chain(2, attempt=attempt)))

    threads = [threading.Thread(target=save, args=(attempt,)) for attempt in range(1, 9)]
    threads[0].start()
    assert entered.wait(60)
    for thread in threads[1:]:
        thread.start()
    while len(answers._waiting) < 7:
        threading.Event().wait(0.001)
    go_on.set()
    for thread in threads:
        thread.join(60)
    assert inserts == [2, 14]
    assert verdicts == {attempt: [Outcome.STORED] * 2 for attempt in range(1, 9)}


def test_many_threads_lose_nothing(answers: AnswerStore) -> None:
    def save(attempt: int) -> None:
        for record in chain(20, attempt=attempt):
            answers.append(received([record]))

    threads = [threading.Thread(target=save, args=(attempt,)) for attempt in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert all(answers.contiguous(attempt) == {1: 20} for attempt in range(1, 9))


def test_store_fault_is_told_and_the_next_try_works(
    answers: AnswerStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_rows):
        raise StoreFault("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(answers._writer, "insert", full)
        with pytest.raises(StoreUnavailable):
            answers.append(received(chain(1)))
    assert outcomes(answers, received(chain(1))) == [Outcome.STORED]


def test_answered_is_what_holds_an_answer_in_the_end(answers: AnswerStore) -> None:
    records = chain(4)  # item-2, item-0, item-1
    answers.append(received(records))
    cleared = replace(records[3], seq=5, kind=RecordKind.CLEAR, item="item-2", prev=records[3].hash, hash="")
    answers.append(received([replace(cleared, hash=record_digest(cleared))]))
    answers.append(received(chain(2, journal=2)))  # item-2 answered anew in a later journal
    assert answers.answered([1, 5]) == {1: 3, 5: 0}


def test_writers_of_two_processes_agree(settings: Settings) -> None:
    one, two = AnswerStore(settings.answers_url), AnswerStore(settings.answers_url)
    records = chain(6)
    assert one.append(received(records[:2]))[-1].upto == 2
    assert two.append(received(records[2:4]))[-1].upto == 4
    assert one.append(received(records[4:5]))[-1].upto == 5
    assert two.append(received(records[5:]))[-1].upto == 6
    one.close()
    two.close()


@rules(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=st.permutations(range(8)),
    cuts=st.lists(st.integers(1, 7), max_size=3),
    number=st.integers(2, 10**6),
)
def test_any_order_and_any_resends_give_the_same_stream(
    answers: AnswerStore, order: list[int], cuts: list[int], number: int
) -> None:
    records = chain(8, attempt=number)
    shuffled = [records[place] for place in order]
    edges = [0, *sorted(set(cuts)), 8]
    for start, end in itertools.pairwise(edges):
        answers.append(received(shuffled[start:end]))
        answers.append(received(shuffled[:end]))
    assert [entry.record for entry in answers.events(number)] == records
    assert answers.contiguous(number) == {1: 8}


def test_nanoseconds_keep_the_microsecond() -> None:
    moment = NOW.replace(microsecond=123457)
    assert from_ns(to_ns(moment)) == moment
