"""Make-up sittings: for who failed or did not come, as often as the policy allows, and refused by name else."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from server.access import Actor
from server.db.sittings import Sitting
from server.errors import Refused
from server.host import Host
from server.rules.policy_components import Component, ResultRules
from server.rules.roster import RosterEntry
from server.services import rosters
from tests.server.results_kit import Stage, Terms, id_number, make_stage


def register(stage: Stage, name: str, sitting: str) -> None:
    """A list names the person for a sitting."""

    def act(session: Session) -> None:
        row = session.get_one(Sitting, stage.sittings[sitting])
        entry = RosterEntry("第 2 行", name, id_number(list(stage.people).index(name) + 1))
        rosters.register_all(session, (row, None), [entry], on=row.starts_at.date(), now=stage.host.now())

    stage.host.db.write(act)


@pytest.fixture
def stage(host: Host, person_as: Callable[..., Actor]) -> Stage:
    """甲 failed, 乙 passed, 丙 did not come, 丁 is void, 戊 has no mark yet; two make-ups are planned."""
    made = make_stage(host, Terms(required=(Component.THEORY,), results=ResultRules(retakes_most=1)))
    made.sitting("theory")
    for name, score in (("甲", "59.5"), ("乙", "60"), ("丙", None), ("丁", "70")):
        made.mark(name, "theory", score)
    made.place("戊", "theory")
    made.case("丁", "theory", "subject")
    made.fold(person_as("scorer"))
    for name in ("theory again", "theory again later"):
        made.sitting(name, starts_at=host.now() + timedelta(days=len(made.sittings)), state="planned")
    made.sitting("theory more", state="planned")
    return made


@pytest.mark.parametrize("name", ["甲", "丙"])
def test_who_failed_or_did_not_come_may_sit_again_once(stage: Stage, name: str) -> None:
    register(stage, name, "theory again")
    with pytest.raises(Refused, match="retakes_used_up") as refusal:
        register(stage, name, "theory again later")
    assert refusal.value.params == {"most": "1", "place": "第 2 行", "name": name}


@pytest.mark.parametrize(
    ("name", "code"),
    [("乙", "retake_not_failed"), ("丁", "retake_not_failed"), ("戊", "retake_without_result")],
)
def test_nobody_else_may(stage: Stage, name: str, code: str) -> None:
    with pytest.raises(Refused, match=code):
        register(stage, name, "theory again")


def test_a_stranger_to_the_batch_has_no_make_up(stage: Stage) -> None:
    stage.person("己")
    with pytest.raises(Refused, match="retake_without_result"):
        register(stage, "己", "theory again")
    register(stage, "己", "theory more")


@pytest.mark.parametrize("name", ["甲", "乙", "丙", "丁"])
def test_another_ordinary_sitting_is_no_way_round(stage: Stage, name: str) -> None:
    with pytest.raises(Refused, match="result_there_already"):
        register(stage, name, "theory more")


def test_a_list_with_one_wrong_row_registers_nobody(stage: Stage) -> None:
    def act(session: Session) -> None:
        row = session.get_one(Sitting, stage.sittings["theory again"])
        entries = [RosterEntry("第 2 行", "甲", id_number(1)), RosterEntry("第 3 行", "乙", id_number(2))]
        rosters.register_all(session, (row, None), entries, on=row.starts_at.date(), now=stage.host.now())

    with pytest.raises(Refused, match="retake_not_failed"):
        stage.host.db.write(act)
    register(stage, "甲", "theory again")
