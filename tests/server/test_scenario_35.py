"""Scenario 35: 62, 58, 85 go to arbitration with a reason and the sheets stay; a veto fails whatever the sum."""

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from server.access import Actor
from server.db.assessing import PanelScore, ScoreRecord, ScoreSheet
from server.db.people import User
from server.db.record import AuditEntry
from server.db.sittings import Registration
from server.host import Host
from server.services import batch_results, panel_scores
from tests.server.conftest import PASSWORD
from tests.server.panel_kit import Desk, panel_desk


@pytest.fixture
def desk(host: Host, person_as: Callable[..., Actor]) -> Desk:
    return panel_desk(host, person_as, candidates=2)


def account(desk: Desk, who: Actor) -> dict[str, str]:
    with desk.host.db.read() as session:
        name = session.get_one(User, who.user_id).username
    return {"cosign_username": name, "cosign_password": PASSWORD}


@pytest.mark.dear
def test_62_58_85_goes_to_arbitration_with_a_reason_and_the_sheets_stay(
    desk: Desk, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    desk.mark(1, 62, 58, 85)
    room, turn = desk.stage.room_sitting, desk.stage.turn(1).id
    before = _records(desk)
    scorer = sign_in(desk.scorer)
    assert scorer.post(f"/panels/{room}/aggregate").status_code == 302
    page = scorer.get(f"/panels/turns/{turn}").get_data(as_text=True)
    assert "待仲裁" in page
    totals = re.findall(r'<td class="tabular"><b>([0-9.]+)</b></td>', page)
    assert totals == ["62", "58", "85"]  # side by side, in the order of the panel
    assert page.count('class="is-different"') >= 1
    path, form = f"/panels/turns/{turn}/arbitrate", {"outcome": "keep"}
    signed = account(desk, desk.stage.supervisor)
    without_reason = scorer.post(path, data=form | signed)
    assert (without_reason.status_code, desk.row().state) == (422, "arbitration")
    assert scorer.post(path, data=form | {"reason": "三人共同复看录像，各自坚持"} | signed).status_code == 302
    assert (desk.row().state, str(desk.row().score)) == ("aggregated", "68.300")
    assert _records(desk) == before
    with desk.host.db.read() as session:
        assert set(session.scalars(select(ScoreSheet.state))) == {"locked"}
        told = session.scalars(select(AuditEntry).where(AuditEntry.act == "panel_arbitrated")).one()
        first = session.scalars(select(PanelScore).where(PanelScore.revision == 1)).one()
    assert told.details["reason"] == "三人共同复看录像，各自坚持"
    assert told.details["cosigned_by"] == desk.stage.supervisor.name
    assert (first.score, first.spread, first.replaced_at is not None) == (None, 27, True)


@pytest.mark.dear
def test_an_unsafe_act_fails_whatever_the_sum(desk: Desk) -> None:
    desk.mark(1, 96, 95, 97, vetoes=(0, 2))
    desk.mark(2, 96, 95, 97)
    for number in (1, 2):
        desk.aggregate(number)
    desk.end()
    for number in (1, 2):
        desk.finish(number)
    row, other = desk.row(1), desk.row(2)
    assert (row.score, row.vetoed, other.vetoed) == (96, True, False)
    with desk.host.db.read() as session:
        value = panel_scores.recompute(session, desk.stage.turn(1))
        assert (value.score, value.vetoed) == (96, True)
    desk.write(batch_results.fold, desk.scorer, desk.stage.batch)
    with desk.host.db.read() as session:
        found = batch_results.current(session, desk.stage.batch)
        outcomes = [
            found[
                session.get_one(Registration, desk.stage.turn(number).registration_id).candidate_id,
                "practical",
            ]
            for number in (1, 2)
        ]
    assert [(each.status, each.score) for each in outcomes] == [("fail", 96), ("pass", 96)]


def _records(desk: Desk) -> list[tuple[int, bytes]]:
    with desk.host.db.read() as session:
        return [(row.id, row.sealed) for row in session.scalars(select(ScoreRecord).order_by(ScoreRecord.id))]
