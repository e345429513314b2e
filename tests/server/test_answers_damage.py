"""A store that is damaged or says what cannot be: nothing of it is acknowledged, and no record is blamed."""

import sqlite3

import pytest
from sqlalchemy.engine import make_url

from server.db.answers import AnswerStore, Outcome, StoreUnavailable
from server.settings import Settings
from tests.server.test_answers_store import chain, outcomes, received

PAGE = 4096


@pytest.fixture
def damaged(settings: Settings) -> Settings:
    """Answers that were stored; then the disk spoils every page but the first."""
    store = AnswerStore(settings.answers_url)
    store.append(received(chain(3)))
    store.close()
    path = make_url(settings.answers_url).database
    assert path
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with open(path, "r+b") as file:
        size = file.seek(0, 2)
        file.seek(PAGE)
        file.write(b"\xa5" * (size - file.tell()))
    return settings


def test_a_damaged_file_refuses_and_acknowledges_nothing(damaged: Settings) -> None:
    store = AnswerStore(damaged.answers_url)
    with pytest.raises(StoreUnavailable):
        store.append(received(chain(4)))
    with pytest.raises(StoreUnavailable):
        store.append(received(chain(2, attempt=9)))
    store.close()


def test_a_connection_that_is_closed_blames_no_record(settings: Settings) -> None:
    store = AnswerStore(settings.answers_url)
    writer = store._writer
    writer._pool.call(writer._connection.close)  # type: ignore[attr-defined]
    with pytest.raises(StoreUnavailable):
        store.append(received(chain(2)))


@pytest.mark.both_stores
def test_a_record_that_is_neither_stored_nor_there_is_not_acknowledged(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = AnswerStore(settings.answers_url)
    with monkeypatch.context() as patched:
        patched.setattr(store._writer, "insert", lambda _rows: set())
        with pytest.raises(StoreUnavailable):
            store.append(received(chain(2)))
    assert outcomes(store, received(chain(2))) == [Outcome.STORED, Outcome.STORED]
    store.close()
