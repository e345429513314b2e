"""`examhall papers assemble | rebuild | retire | list` as typed, over a prepared bank and room."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import update

from server.access import Actor
from server.cli import main
from server.db.bank import BlueprintRow
from server.db.papers import PaperSet
from server.host import Host
from server.services import assembly_runs
from tests.server import assembly_kit as kit
from tests.server import preparing
from tests.server.desk import said

Examhall = Callable[..., Result]


@pytest.fixture
def crew(host: Host, person_as: Callable[..., Actor]) -> preparing.Crew:
    people = preparing.crew(person_as)
    kit.small(host, people.keeper)
    kit.room(host, people.administrator)
    return people


@pytest.fixture
def examhall(
    host: Host, crew: preparing.Crew, password: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Examhall:
    @contextmanager
    def opened(*, writes: bool) -> Iterator[Host]:
        yield host

    for module in ("papers", "papers_assembly"):
        monkeypatch.setattr(f"server.cli.{module}.opened", opened)

    def run(*arguments: object, typed: str = password) -> Result:
        return CliRunner().invoke(main, ["papers", *map(str, arguments)], input=f"{typed}\n")

    return run


@pytest.fixture
def assemble(host: Host, crew: preparing.Crew, examhall: Examhall, tmp_path: Path) -> Examhall:
    with host.db.read() as session:
        text = session.get_one(BlueprintRow, 1).text
    (tmp_path / "blueprint.yaml").write_text(text, encoding="utf-8")
    fixed = (
        "--bank",
        "小题库",
        "--blueprint",
        tmp_path / "blueprint.yaml",
        "--as",
        crew.keeper.name,
        "--json",
    )
    return lambda *more: examhall("assemble", *fixed, *more)


def answered(result: Result, code: int = 0) -> dict:
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def test_spares_fixed_and_forbidden_items(host: Host, assemble: Examhall) -> None:
    rules = ("--forms", 3, "--spares", 1, "--max-overlap", 2)
    chosen = ("--fixed", "T-1", "--fixed", "T-2", "--forbidden", "T-3", "--seed", 5)
    found = answered(assemble(*rules, *chosen))
    assert (found["status"], found["spares"], found["seed"]) == ("met", ["C"], "5")
    assert all({"T-1", "T-2"} <= set(form) and "T-3" not in form for form in found["forms"])
    assert list(kit.forms(host, found["papers"]).values()) == found["forms"]


def test_a_form_for_each_seat_of_a_room(host: Host, assemble: Examhall) -> None:
    found = answered(assemble("--room", "小考场", "--spares", 1))
    assert len(found["forms"]) == 10
    assert found["seats"] == [f"{n:02}" for n in range(1, 10)]
    assert assembly_runs.FurtherRules.of(kit.row(host, found["papers"]).rules).room_id == 1
    nowhere = assemble("--room", "别处")
    assert (nowhere.exit_code, said("not_found", thing="room") in nowhere.output) == (1, True)


def test_recent_items_reach_the_run(host: Host, assemble: Examhall) -> None:
    found = answered(assemble("--forms", 1, "--recent-sittings", 2, "--recent-max", 4))
    kept = assembly_runs.FurtherRules.of(kit.row(host, found["papers"]).rules)
    assert (kept.recent_sittings, kept.recent_max) == (2, 4)
    wrong = assemble("--recent-sittings", 51)
    assert said("number_out_of_range", value="51", low=0, high=50) in wrong.output


@pytest.mark.dear
def test_rebuild_tells_whether_the_forms_are_the_same(
    host: Host, crew: preparing.Crew, assemble: Examhall, examhall: Examhall
) -> None:
    number = answered(assemble("--forms", 2))["papers"]
    again = ("rebuild", number, "--as", crew.administrator.name)
    found = answered(examhall(*again, "--json"))
    assert (found["papers"], found["equal"]) == (number, True)
    assert found["forms"] == list(kit.forms(host, number).values())
    host.db.write(lambda s: s.execute(update(PaperSet).values(seed="999")) and None)
    assert answered(examhall(*again, "--json"), 3)["equal"] is False
    assert "不一致" in examhall(*again).output
    assert said("wrong_credentials") in examhall(*again, typed="wrong").output
    listed = answered(examhall("list", "--json"))
    assert (listed["rebuilt"], listed["spares"], listed["state"]) == (False, 0, "assembled")


def test_retire_takes_a_reason(
    host: Host, crew: preparing.Crew, assemble: Examhall, examhall: Examhall
) -> None:
    number = answered(assemble("--forms", 1))["papers"]
    who = ("retire", number, "--as", crew.administrator.name)
    assert examhall(*who).exit_code == 2
    assert said("reason_missing") in examhall(*who, "--reason", " ").output
    assert examhall(*who, "--reason", "卷面有误").exit_code == 0
    assert kit.row(host, number).state == "retired"


@pytest.mark.parametrize(
    "options",
    [("--room", "小考场", "--forms", 3), ("--seats", __file__), ("--facts", __file__, "--fixed", "T-1")],
)
def test_options_that_do_not_go_together(assemble: Examhall, options: tuple[object, ...]) -> None:
    assert assemble(*options).exit_code == 2
