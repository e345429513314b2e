"""Schema versions: both stores come from nothing to what the models say, once, on both databases."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import inspect

from server.db import migrate
from server.db.base import make_engine
from server.settings import Settings
from tests.kept_schema import go_through_all_versions
from tests.postgres import PostgresServer


@pytest.fixture(autouse=True)
def all_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    go_through_all_versions(monkeypatch)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    settings = Settings.load({"EXAMHALL_DATA": str(tmp_path / "data")})
    if request.param == "sqlite":
        yield settings
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    name = server.create()
    yield replace(settings, database_url=server.url(name))
    server.drop(name)


@pytest.mark.dear
def test_upgrade_from_nothing_gives_what_the_models_say(empty: Settings) -> None:
    assert migrate.upgrade(empty) == ["main", "answers"]
    assert migrate.differences(empty) == []


@pytest.mark.dear
def test_second_upgrade_changes_nothing(empty: Settings) -> None:
    migrate.upgrade(empty)
    assert migrate.upgrade(empty) == []
    assert all(migrate.versions(empty).values())


@pytest.mark.dear
def test_stores_have_tables_of_their_own(tmp_path: Path) -> None:
    settings = Settings.load({"EXAMHALL_DATA": str(tmp_path / "data")})
    migrate.upgrade(settings)
    main, answers = (make_engine(url) for url in (settings.main_url, settings.answers_url))
    assert "users" in inspect(main).get_table_names()
    assert "users" not in inspect(answers).get_table_names()
    assert {"answer_events", "schema_version_answers"} <= set(inspect(answers).get_table_names())
    main.dispose()
    answers.dispose()


@pytest.mark.dear
def test_differences_name_what_is_missing(tmp_path: Path) -> None:
    settings = Settings.load({"EXAMHALL_DATA": str(tmp_path / "data")})
    migrate.upgrade(settings)
    engine = make_engine(settings.main_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE site_secrets")
    engine.dispose()
    (kind, table), *rest = migrate.differences(settings)
    assert (kind, table.name, rest) == ("add_table", "site_secrets", [])
