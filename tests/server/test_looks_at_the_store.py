"""`Database.read`: whatever is done in it, nothing stays; and PostgreSQL keeps what it has prepared."""

from datetime import datetime

import pytest
from sqlalchemy import event, func, insert, select, text
from sqlalchemy.exc import PendingRollbackError
from sqlalchemy.orm import Session

from server.db.rooms import Room
from server.host import Host
from server.services import shipping_postgres

PREPARED_AFTER = 4
"""Uses of a statement by which psycopg has prepared it."""
_PREPARED = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%FROM rooms%'"


def names(host: Host) -> list[str]:
    with host.db.read() as session:
        return list(session.scalars(select(Room.name).order_by(Room.id)))


@pytest.fixture
def room(host: Host, now: datetime) -> int:
    def make(session: Session) -> int:
        row = Room(name="一号", created_at=now)
        session.add(row)
        session.flush()
        return row.id

    return host.db.write(make)


@pytest.mark.both_stores
def test_what_a_look_changes_in_memory_or_in_the_store_is_gone(host: Host, room: int, now: datetime) -> None:
    with host.db.read() as session:
        session.get_one(Room, room).name = "only in memory"
    assert names(host) == ["一号"]
    with host.db.read() as session:
        session.get_one(Room, room).name = "flushed"
        session.flush()
    assert names(host) == ["一号"]
    with host.db.read() as session:
        session.connection().execute(insert(Room).values(name="二号", created_at=now))
        assert len(session.scalars(select(Room.id)).all()) == 2
    with host.db.read() as session:
        session.execute(text("DELETE FROM rooms"))
    with host.db.read() as session:
        session.execute(text("WITH gone AS (SELECT 1 AS x) UPDATE rooms SET name = 'with' WHERE id > 0"))
    with host.db.read() as session:
        session.add(Room(name="never flushed", created_at=now))
    assert names(host) == ["一号"]


@pytest.mark.both_stores
def test_what_a_look_found_can_be_read_after_it(host: Host, room: int) -> None:
    with host.db.read() as session:
        found = session.get_one(Room, room)
    assert (found.name, found.kind) == ("一号", "standard")


@pytest.mark.both_stores
def test_a_look_that_fails_leaves_nothing_and_harms_no_other(host: Host, room: int) -> None:
    with pytest.raises(RuntimeError, match="stopped"), host.db.read() as session:
        session.get_one(Room, room).name = "flushed"
        session.flush()
        raise RuntimeError("stopped")
    with host.db.read() as session, pytest.raises(Exception, match="no_such_table"):
        session.execute(text("SELECT * FROM no_such_table"))
    assert names(host) == ["一号"]


@pytest.mark.on_postgresql
def test_statements_stay_prepared_from_look_to_look(host: Host, room: int) -> None:
    """At every ROLLBACK psycopg throws all of them away, and each is worked out anew for the next look."""
    ends: list[str] = []
    event.listen(host.db.engine, "rollback", lambda _connection: ends.append("rollback"))
    for _look in range(PREPARED_AFTER):
        assert names(host) == ["一号"]
    with host.db.read() as session:
        assert session.scalar(text(_PREPARED)) == 1
        assert session.scalar(select(func.count()).select_from(Room)) == 1
    assert ends == []
    with host.db.read() as session:
        session.execute(text("UPDATE rooms SET name = 'x'"))
    assert ends == ["rollback"]
    ends.clear()
    assert names(host) == ["一号"]
    assert ends == []


@pytest.mark.on_postgresql
def test_statements_stay_prepared_when_the_stream_is_looked_at(host: Host) -> None:
    ends: list[str] = []
    event.listen(host.answers._engine, "rollback", lambda _connection: ends.append("rollback"))
    for _look in range(PREPARED_AFTER):
        assert host.answers.events(1) == []
    assert ends == []
    with host.answers._engine.connect() as connection:
        found = connection.scalar(text("SELECT count(*) FROM pg_prepared_statements"))
    assert found == 1


@pytest.mark.on_postgresql
def test_the_guard_of_the_standby_looks_without_rolling_back(host: Host) -> None:
    """It asks every second, on the connection that was used last."""
    ends: list[str] = []
    event.listen(host.db.engine, "rollback", lambda _connection: ends.append("rollback"))
    assert shipping_postgres.protection(host.db).state
    with host.db.read() as session:
        shipping_postgres.look(session)
        session.execute(text("\n (SELECT 1) UNION SELECT 2"))
    assert ends == []


@pytest.mark.on_postgresql
def test_the_look_after_one_that_wrote_and_failed_is_a_look(host: Host, room: int) -> None:
    with pytest.raises(RuntimeError, match="stopped"), host.db.read() as session:
        session.execute(text("UPDATE rooms SET name = 'x'"))
        raise RuntimeError("stopped")
    ends: list[str] = []
    event.listen(host.db.engine, "rollback", lambda _connection: ends.append("rollback"))
    assert names(host) == ["一号"]
    assert ends == []


@pytest.mark.on_postgresql
def test_a_look_whose_caller_bore_a_fault_is_over_without_one(host: Host, room: int) -> None:
    with host.db.read() as session:
        session.connection().invalidate()
        with pytest.raises(PendingRollbackError):
            session.scalar(text("SELECT 1"))
    assert names(host) == ["一号"]


@pytest.mark.on_postgresql
def test_the_connection_used_last_is_used_next(host: Host) -> None:
    def here() -> int:
        with host.db.read() as session:
            return session.scalar(text("SELECT pg_backend_pid()")) or 0

    first = here()
    with host.db.read() as session, host.db.read() as other:
        pids = [each.scalar(text("SELECT pg_backend_pid()")) for each in (session, other)]
    assert pids[0] == first != pids[1]
    assert {here() for _look in range(4)} == {first}  # given back after the other one


@pytest.mark.on_postgresql
def test_what_a_look_found_counts_though_the_store_goes_away_at_its_end(host: Host, room: int) -> None:
    with host.db.read() as session:
        found = session.get_one(Room, room).name
        pid = session.scalar(text("SELECT pg_backend_pid()"))
        with host.db.engine.connect() as other:
            other.execute(text(f"SELECT pg_terminate_backend({pid})"))
    assert found == "一号"
    assert names(host) == ["一号"]
