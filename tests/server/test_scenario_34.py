"""Scenario 34: a panel of four is refused, a candidate's uncle too; tablets mark offline, nobody sees another."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.problems import InputRefused
from server.access import Actor
from server.db.assessing import ScoreRecord, Turn
from server.db.sittings import Candidate, Registration
from server.db.staffing import StaffRecusal
from server.errors import Refused
from server.host import Host
from server.services import panels, sheets, turns
from server.services.panels import PanelPlan
from tests.server.assessing_kit import Stage, add_examiner, ids, make_assessment
from tests.server.scoring_kit import Tablet, deduct, lock, outcomes, points

pytestmark = pytest.mark.both_stores


def uncle(stage: Stage, who: Actor) -> None:
    """The examiner has told of a nephew among the candidates."""

    def put(session: Session) -> None:
        first = session.get_one(Registration, stage.registrations[0])
        nephew = session.get_one(Candidate, first.candidate_id)
        link = StaffRecusal(user_id=who.user_id, kind="kin", note="舅舅", added_at=stage.host.now())
        link.candidate_index = nephew.id_index
        session.add(link)

    stage.host.db.write(put)


def plan(*people: Actor) -> PanelPlan:
    return PanelPlan(ids(people), people[0].user_id or 0)


def refusal(act: Callable[..., object], *args: object) -> set[str]:
    with pytest.raises((Refused, InputRefused)) as caught:
        act(*args)
    if isinstance(caught.value, Refused):
        return {caught.value.code}
    return {problem.code for problem in caught.value.problems}


@pytest.mark.dear
def test_scenario_34(
    host: Host, person_as: Callable[..., Actor], sign_in: Callable[[Actor], FlaskClient]
) -> None:
    stage = make_assessment(host, person_as, state="released", candidates=2)
    fourth, pool = person_as("examiner", name="考评员4"), person_as("examiner", name="考评员5")
    for who in (fourth, pool):
        add_examiner(host, who, card_grade="senior_examiner")
    uncle(stage, fourth)

    def assign(*people: Actor) -> None:
        stage.write(panels.assign, stage.administrator, stage.room_sitting, plan(*people))

    four = (*stage.examiners, pool)
    assert "panel_even" in refusal(assign, *four)
    assert refusal(assign, *stage.examiners[:2], fourth) == {"duty_recused"}
    final = (*stage.examiners[:2], pool)
    assign(*final)
    for who in final:
        stage.duty(who, present=True)
    run(stage)
    turn = stage.perform(1)
    assert turn.panel == sorted(ids(final)) or set(turn.panel) == set(ids(final))
    tablets = [Tablet(sign_in(who)).register() for who in final]
    for tablet in tablets:
        tablet.look()
    offline(stage, tablets)
    with host.db.read() as session:
        opened = sheets.opened_marks(session, session.get_one(Turn, turn.id))
    assert {user: actions[-1]["total"] for user, actions in opened.items()} == dict(
        zip(ids(final), ("86", "92", "94"), strict=True)
    )


def run(stage: Stage) -> None:
    def begin(session: Session) -> None:
        row = session.get_one(type(stage.room_row()), stage.room_sitting)
        row.state, row.started_at = "running", stage.host.now()

    stage.host.db.write(begin)


def offline(stage: Stage, tablets: list[Tablet]) -> None:
    """Two sync as they go; the third keeps everything until it is back. Nobody learns of another's marks."""
    first, second, lone = tablets
    kept = [lone.record(1, points("2.1", "60")), lone.record(1, points("2.1", "85"))]
    first.mark(1, deduct("1.1", "a"), points("2.1", "80"))
    second.mark(1, points("2.1", "80"))
    stage.write(turns.finish, stage.invigilator, stage.turn(1).id)
    assert outcomes(first.mark(1, lock("86"))) == ["stored"]
    assert outcomes(second.mark(1, lock("92"))) == ["stored"]
    for tablet in tablets:
        seen = json.dumps([room["turns"] for room in tablet.look()["rooms"]])
        for other, secret in ((first, '"86"'), (second, '"92"')):
            assert (secret in seen) == (other is tablet)
    with stage.host.db.read() as session:
        row = session.get_one(Turn, stage.turn(1).id)
        assert not sheets.locked(session, row)
        with pytest.raises(Refused, match="sheets_not_locked"):
            sheets.opened_marks(session, row)
    lone_lock = lone.record(1, lock("94"))
    assert outcomes(lone.send(lone_lock)) == ["wait record_missing"]  # out of order: nothing is taken
    assert outcomes(lone.send(*kept, lone_lock)) == ["stored"] * 3
    assert outcomes(lone.send(*kept, lone_lock)) == ["known"] * 3
    late = replace(lone_lock, seq=lone_lock.seq)
    assert outcomes(lone.send(late)) == ["known"]
    with stage.host.db.read() as session:
        assert len(session.scalars(select(ScoreRecord.id)).all()) == 8
