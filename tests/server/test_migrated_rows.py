"""Rows of an older store stand after the upgrade: tables that others point at are made anew with them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Connection, text

from server.db import migrate
from server.settings import Settings
from tests.kept_schema import go_through_all_versions
from tests.postgres import PostgresServer

MAIN = migrate.HISTORIES[0]
AT = "2026-10-01 01:00:00"
ROWS = (
    "INSERT INTO batches (id, name, occupation, level, profile, policy, rehearsal, state, created_at) "
    f"VALUES (1, 'b', 'baowei', 3, 'national', '{{}}', false, 'filed', '{AT}')",
    f"INSERT INTO rooms (id, name, kind, layout, created_at) VALUES (1, 'r', 'standard', '{{}}', '{AT}')",
    'INSERT INTO seats (id, room_id, number, row, "column", x, y, kind, camera) '
    "VALUES (1, 1, '1', 1, 1, 1, 1, 'normal', '')",
    "INSERT INTO sittings (id, batch_id, number, component, starts_at, minutes) "
    f"VALUES (1, 1, 1, 'theory', '{AT}', 90)",
    "INSERT INTO room_sittings (id, uid, sitting_id, room_id, state, seating_seed, seating_notes, anchor, "
    "end_reason, version) VALUES (1, 'u', 1, 1, 'arranged', 's', '[]', '{}', '', 1)",
    f"INSERT INTO candidates (id, id_index, sealed_id, name, created_at) VALUES (1, 'i', '', '张三', '{AT}')",
    "INSERT INTO registrations (id, sitting_id, room_id, candidate_id, ticket, employer, has_photo) "
    "VALUES (1, 1, 1, 1, '20261001', '甲公司', false)",
    "INSERT INTO attempts (id, registration_id, room_sitting_id, seat_id, form, state, credit_minutes, "
    "close_reason, collect_note, rules_version, version) "
    "VALUES (1, 1, 1, 1, 'A', 'assigned', 0, '', '', '', 1)",
)


@pytest.fixture(autouse=True)
def all_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    go_through_all_versions(monkeypatch)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    settings = Settings.load({"EXAMHALL_DATA": str(tmp_path / "data")})
    if request.param == "sqlite":
        settings.data.mkdir(parents=True)
        yield settings
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    name = server.create()
    yield replace(settings, database_url=server.url(name))
    server.drop(name)


@pytest.mark.dear
def test_candidates_of_an_older_store_keep_their_room_and_seat(empty: Settings) -> None:
    with migrate._connected(MAIN, empty) as connection, connection.begin():
        command.upgrade(migrate._config(MAIN, connection), "0004")
        for row in ROWS:
            connection.execute(text(row))
    assert migrate.upgrade(empty) == ["main", "answers"]
    assert migrate.differences(empty) == []
    with migrate._connected(MAIN, empty) as connection:
        seated = "SELECT r.room_id, r.drawn_room, r.own_room, a.seat_id FROM registrations r "
        (row,) = connection.execute(text(f"{seated}JOIN attempts a ON a.registration_id = r.id")).all()
        assert (row[0], bool(row[1]), bool(row[2]), row[3]) == (1, False, False, 1)
        assert connection.scalar(text("SELECT locked_at FROM room_sittings")) is None
        assert _dangling(connection) == []


def _dangling(connection: Connection) -> list[object]:
    if connection.dialect.name != "sqlite":
        return []
    assert connection.scalar(text("PRAGMA foreign_keys")) == 1
    return list(connection.execute(text("PRAGMA foreign_key_check")))
