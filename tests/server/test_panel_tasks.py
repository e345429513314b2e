"""The first page tells everybody which scores of panels wait for them, and nobody else."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from server.access import Actor
from server.errors import Refused
from server.host import Host
from server.services import assessments, panel_arbitration, panel_scores, panel_tasks
from server.services.panel_arbitration import Ruling, Settlement
from server.services.signed import Signed
from tests.server.panel_kit import Desk, panel_desk


@pytest.fixture
def desk(host: Host, person_as: Callable[..., Actor]) -> Desk:
    return panel_desk(host, person_as, candidates=2)


def codes(desk: Desk, who: Actor) -> list[tuple[str, int]]:
    with desk.host.db.read() as session:
        return [(code, count) for code, _link, count in panel_tasks.waiting(session, who)]


def test_each_step_waits_for_its_person_alone(desk: Desk, sign_in: Callable[[Actor], FlaskClient]) -> None:
    scorer, checker, leader, supervisor = desk.scorer, desk.checker, desk.stage.leader, desk.stage.supervisor
    everybody = (scorer, checker, leader, supervisor, desk.stage.examiners[1], desk.stage.chief)

    def only(who: Actor | None, *expected: tuple[str, int]) -> None:
        for each in everybody:
            assert codes(desk, each) == (list(expected) if each is who else []), each.name

    desk.mark(1, 62, 58, 85, vetoes=(2,))
    only(None)
    desk.end()
    only(scorer, ("aggregate_scores", 1))
    desk.aggregate()
    only(supervisor, ("rule_vetoes", 1))
    turn = desk.stage.turn(1).id
    desk.write(panel_arbitration.rule_veto, supervisor, turn, Ruling("V1", False, "录像中没有"))
    only(scorer, ("arbitrate_scores", 1))
    desk.write(panel_arbitration.arbitrate, Signed(scorer, "复看录像", supervisor), turn, Settlement("keep"))
    only(leader, ("confirm_scores", 1))
    assert "等待考评组长确认" in sign_in(leader).get("/").get_data(as_text=True)
    desk.write(panel_scores.confirm, leader, turn)
    only(checker, ("check_scores", 1))
    desk.write(panel_scores.check, checker, turn)
    only(None)


def test_who_has_confirmed_marks_nobody_any_more(desk: Desk) -> None:
    desk.mark(1, 80, 85, 84)
    desk.aggregate()
    desk.end()
    signed, room = desk.stage.signed("误按"), desk.stage.room_sitting
    desk.write(assessments.reopen, signed, room)
    desk.end()
    desk.write(panel_scores.confirm, desk.stage.leader, desk.stage.turn(1).id)
    with pytest.raises(Refused, match="panel_confirmed_already"):
        desk.write(assessments.reopen, signed, room)
