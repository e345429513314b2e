"""Scenario 33: level 2 written on paper and marked twice, a third marker; a defence with three sheets."""

import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from server.access import Actor
from server.db.sittings import Batch, Candidate, ComponentResult, Registration, RoomSitting, Sitting
from server.db.staffing import StaffRecusal
from server.errors import Refused
from server.host import Host
from server.jobs.documents import document_pdf
from server.jobs.results import mark as mark_papers
from server.jobs.scans import read_scans
from server.rules.policy import policy_for
from server.rules.policy_components import Method
from server.services import (
    batch_results,
    commands,
    defences,
    marks,
    panel_scores,
    paper_prints,
    paper_register,
    turns,
)
from server.services.batches import read_profile
from server.services.commands import Signed as Command
from server.services.defences import Asked, Plan
from server.services.paper_prints import ALL_FORMS, PrintOrder
from server.services.paper_register import Counts
from tests.server.conftest import Machine
from tests.server.delivery_kit import without_required_checks
from tests.server.desk import page
from tests.server.panel_kit import Desk, worth
from tests.server.paper_kit import pages, sizes
from tests.server.review_kit import LEAST, hand_in, make_review
from tests.server.script_kit import ZONE, PaperRoom, make_paper_room

QUIET = lambda *_: None  # noqa: E731


@pytest.fixture
def room(host: Host, person_as: Callable[..., Actor], machine: Machine) -> PaperRoom:
    """A level 2 batch whose theory sitting is on paper."""
    made = make_paper_room(host, person_as, machine)

    def level_two(session: Any) -> None:
        policy = without_required_checks(policy_for(read_profile("national"), "baowei", 2))
        batch = session.get_one(Batch, 1)
        batch.level, batch.policy = 2, policy.to_json()
        session.get_one(Sitting, 1).method = str(Method.PAPER)

    host.db.write(level_two)
    return made


def printed(room: PaperRoom, document: str) -> tuple[int, bytes]:
    """A seat-coded copy for everybody on A3 with two spare ones; the line of the register, and the PDF."""
    asked = PrintOrder(room.room, ALL_FORMS, document=document, spares=1, size="A3")
    with room.host.db.read() as session:
        payload = paper_prints.work(session, room.keepers, asked, now=room.host.now(), zone=ZONE)
    pdf = document_pdf(payload, QUIET)["data"]
    first = paper_prints.first_number(payload)
    number = room.scene.write(paper_prints.print_form, room.keepers, asked, pdf, first=first)
    return number, pdf


@pytest.mark.dear
def test_a_level_two_paper_is_printed_registered_and_marked_by_two_and_a_third(
    room: PaperRoom, machine: Machine, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    scene = room.scene
    paper, pdf = printed(room, "paper")
    sheet, sheets = printed(room, "sheet")
    assert sizes(pdf) == sizes(sheets) == {(420, 297)}
    assert [re.search(r"座位(\d)", text)[1] for text in pages(sheets)[:3]] == ["1", "2", "3"]
    machine.advance(minutes=10)
    scene.start()
    machine.advance(minutes=91)
    scene.write(commands.end_room, room.room, Command(scene.invigilator, "时间到", scene.chief))
    for number in (paper, sheet):  # three candidates, a spare of each of two forms
        with pytest.raises(Refused, match="register_missing"):
            scene.write(paper_register.enter, scene.invigilator, number, Counts(3, 2, 4))
        scene.write(paper_register.enter, scene.invigilator, number, Counts(3, 2, 5))
    with room.host.db.read() as session:
        lines = paper_register.lines(session, room.room)
    assert [(line.row.copies, line.complete) for line in lines] == [(5, True), (5, True)]

    stored = room.store(read_scans({"data": sheets, "name": "scan.pdf"}, QUIET))
    assert stored.matched == 3  # the two spare sheets are nobody's
    room.allot(*room.markers[:3])
    first, second = room.readings("1")
    room.hand_in(first, objective="60", four="10", five="8")
    room.hand_in(second, objective="60", four="2", five="3")  # 13 apart, the tolerance is 5
    third = room.readings("1")[2]
    assert len({first.user_id, second.user_id, third.user_id}) == 3
    address = f"/scripts/readings/{third.id}"
    desk = page(sign_in(room.marker(third)).get(address))
    assert "78" not in desk
    assert scene.tickets["1"] not in desk
    room.hand_in(third, objective="60", four="9", five="6")
    for seat in "23":
        for reading in room.readings(seat):
            room.hand_in(reading, objective="40", four="9", five="10.5" if reading.turn == 1 else "10")
    points = {seat: script.points for seat, script in room.scripts().items()}
    assert points == {"1": Decimal(75), "2": Decimal("59.25"), "3": Decimal("59.25")}

    def collected(session: Any) -> None:
        session.get_one(RoomSitting, room.room).state = "collected"

    room.host.db.write(collected)
    with room.host.db.read() as session:
        payload = marks.work(session, scene.chief, room.host.answers, room.room)
    scene.write(marks.store_marks, scene.chief, room.room, mark_papers(payload, QUIET))
    with room.host.db.read() as session:
        rows = {row.attempt_id: row for row in session.scalars(select(ComponentResult))}
    results = {seat: rows[attempt] for seat, attempt in scene.attempts.items()}
    assert (results["1"].total, results["1"].passed) == (Decimal(75), True)
    assert (results["2"].total, results["2"].passed) == (Decimal("59.25"), False)


@pytest.mark.dear
def test_a_thesis_is_defended_before_three(
    host: Host, person_as: Callable[..., Actor], machine: Machine
) -> None:
    stage = make_review(host, person_as)
    desk = Desk(stage, person_as("scorer"), person_as("mark_checker"))
    hand_in(stage)
    plan = Plan(machine.wall + timedelta(minutes=10), LEAST)
    stage.write(defences.schedule, stage.administrator, stage.room_sitting, plan)
    machine.advance(minutes=10)
    for number in (1, 2, 3):
        turn = stage.perform(number)
        assert len(turn.panel) == 3
        stage.write(defences.ask, stage.leader, turn.id, Asked(stage.leader.user_id or 0, "方案的依据？"))
        machine.advance(minutes=LEAST)
        stage.write(turns.finish, stage.invigilator, turn.id)
        for who, total in zip(stage.examiners, (70, 74, 78), strict=True):
            desk.send(who, number, worth(total))
    assert desk.aggregate(1).score == Decimal(74)
    desk.aggregate(2)
    desk.aggregate(3)
    desk.end()
    for number in (1, 2, 3):
        desk.finish(number)
    assert stage.room_row().state == "marked"
    with host.db.read() as session:
        value = panel_scores.recompute(session, stage.turn(1))
    assert value.score == Decimal(74)
    stage.write(batch_results.fold, desk.scorer, stage.batch)
    with host.db.read() as session:
        found = batch_results.current(session, stage.batch)
    statuses = {row.status for (_person, component), row in found.items() if component == "review"}
    assert statuses == {"pass"}


@pytest.mark.parametrize(("examiners", "starts"), [(2, False), (3, True), (4, False)])
def test_two_members_or_an_even_number_do_not_start(
    host: Host, person_as: Callable[..., Actor], examiners: int, starts: bool
) -> None:
    stage = make_review(host, person_as, examiners=examiners)
    turn = stage.turn(1)
    stage.write(turns.call, stage.invigilator, turn.id)
    if starts:
        stage.write(turns.start, stage.invigilator, turn.id, checked=True)
        return
    with pytest.raises(Refused) as refused:
        stage.write(turns.start, stage.invigilator, turn.id, checked=True)
    assert refused.value.code == ("panel_too_small" if examiners == 2 else "panel_even")
    assert stage.turn(1).state == "called"


def test_a_supervisor_of_the_thesis_stands_back(host: Host, person_as: Callable[..., Actor]) -> None:
    """The teacher of a candidate on the panel: the turn does not start (R16)."""
    stage = make_review(host, person_as)

    def link(session: Any) -> None:
        registration = session.get_one(Registration, stage.turn(1).registration_id)
        author = session.get_one(Candidate, registration.candidate_id)
        teacher = stage.examiners[1].user_id
        row = StaffRecusal(
            user_id=teacher, kind="teacher", candidate_index=author.id_index, added_at=host.now()
        )
        session.add(row)

    host.db.write(link)
    stage.write(turns.call, stage.invigilator, stage.turn(1).id)
    with pytest.raises(Refused, match="duty_recused"):
        stage.write(turns.start, stage.invigilator, stage.turn(1).id, checked=True)
