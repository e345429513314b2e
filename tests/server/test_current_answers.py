"""What every item holds now is kept beside the stream, and is always what the stream says."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as rules
from hypothesis import strategies as st
from sqlalchemy import text

from exam_rooms.protocol import ZERO_HEAD, Record, RecordKind, record_digest
from server.db import migrate
from server.db.answers import AnswerStore, Received, to_ns
from server.services.stream import last_answers
from server.settings import Settings
from tests.server.conftest import NOW

WRITTEN = st.tuples(
    st.sampled_from([RecordKind.ANSWER, RecordKind.ANSWER, RecordKind.CLEAR, RecordKind.MARK]),
    st.sampled_from(["a", "b", "c"]),
)
JOURNALS = st.lists(st.lists(WRITTEN, min_size=1, max_size=6), min_size=1, max_size=3)


@pytest.fixture
def answers(settings: Settings) -> Iterator[AnswerStore]:
    store = AnswerStore(settings.answers_url)
    yield store
    store.close()


def received(records: Sequence[Record]) -> list[Received]:
    return [Received(record, to_ns(NOW), 7) for record in records]


def records_of(attempt: int, journals: list[list[tuple[RecordKind, str]]]) -> list[Record]:
    made: list[Record] = []
    for journal, written in enumerate(journals, 1):
        head = ZERO_HEAD
        for seq, (kind, item) in enumerate(written, 1):
            record = Record(attempt, journal, seq, kind, item, "Ym9keQ==", "boot", seq, head, "")
            made.append(replace(record, hash=record_digest(record)))
            head = made[-1].hash
    return made


def held(store: AnswerStore, attempt: int) -> dict[str, tuple[int, int, str]]:
    query = text("SELECT item, journal, seq, kind FROM answer_current WHERE attempt = :attempt")
    with store._engine.connect() as connection:
        return {row[0]: (row[1], row[2], row[3]) for row in connection.execute(query, {"attempt": attempt})}


def folded(records: Sequence[Record]) -> dict[str, tuple[int, int, str]]:
    last: dict[str, tuple[int, int, str]] = {}
    for record in sorted(records, key=lambda one: (one.journal, one.seq)):
        if record.kind in (RecordKind.ANSWER, RecordKind.CLEAR):
            last[record.item] = (record.journal, record.seq, str(record.kind))
    return last


@pytest.mark.dear
@pytest.mark.both_stores
@rules(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), journals=JOURNALS, number=st.integers(1, 10**6))
def test_any_order_and_any_batches_hold_what_the_fold_says(
    answers: AnswerStore, data: st.DataObject, journals: list[list[tuple[RecordKind, str]]], number: int
) -> None:
    records = records_of(number, journals)
    order = data.draw(st.permutations(records))
    cuts = sorted(set(data.draw(st.lists(st.integers(1, len(order)), max_size=4))))
    fresh = not answers.events(number)
    for start, end in itertools.pairwise([0, *cuts, len(order)]):
        answers.append(received(order[start:end]))
        answers.append(received(order[max(0, start - 1) : end]))  # resends beside new ones
    events = answers.events(number)
    assert held(answers, number) == folded([one.record for one in events])
    assert answers.answered([number]) == {number: len(last_answers(events))}
    assert not fresh or [one.record for one in events] == records


@pytest.mark.both_stores
def test_records_that_do_not_count_change_nothing(answers: AnswerStore) -> None:
    records = records_of(1, [[(RecordKind.ANSWER, "a"), (RecordKind.ANSWER, "b")]])
    answers.append(received(records))
    fork = replace(records[1], kind=RecordKind.CLEAR)
    answers.append(received([replace(fork, hash=record_digest(fork))]))
    aside = replace(records[1], seq=3, kind=RecordKind.CLEAR)
    answers.append([Received(aside, to_ns(NOW), 7, "bad_hash")])
    assert held(answers, 1) == {"a": (1, 1, "answer"), "b": (1, 2, "answer")}


@pytest.mark.both_stores
def test_a_batch_larger_than_a_statement_with_some_known_rows(answers: AnswerStore) -> None:
    records = records_of(1, [[(RecordKind.ANSWER, f"item-{n % 150}") for n in range(300)]])
    answers.append(received(records[40:60]))
    verdicts = answers.append(received(records))
    assert [verdict.outcome for verdict in verdicts] == ["stored"] * 40 + ["known"] * 20 + ["stored"] * 240
    assert held(answers, 1) == folded(records)
    assert answers.answered([1, 2]) == {1: 150, 2: 0}


@pytest.mark.both_stores
@pytest.mark.parametrize("made_before", [False, True])
def test_an_older_store_is_filled_from_its_events(settings: Settings, made_before: bool) -> None:
    journals = [[(RecordKind.ANSWER, "a"), (RecordKind.ANSWER, "b")], [(RecordKind.CLEAR, "a")]]
    records = records_of(1, journals)
    store = AnswerStore(settings.answers_url)
    store.append(received(records))
    history = migrate.HISTORIES[1]
    with store._engine.execution_options(writing=True).connect() as connection, connection.begin():
        migrate.stamp(history, connection)
        connection.execute(text(f"UPDATE {history.version_table} SET version_num = '0001'"))
        connection.execute(text("DELETE FROM answer_current" if made_before else "DROP TABLE answer_current"))
    store.close()
    assert migrate._upgrade(history, settings)
    store = AnswerStore(settings.answers_url)
    assert held(store, 1) == folded(records)
    store.close()
