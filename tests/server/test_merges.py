"""Two seats wrote of one attempt: found, shown without answers, decided by two people, marked accordingly."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from exam_rooms.protocol import ZERO_HEAD, Record, RecordKind
from server.access import Actor
from server.db.answers import Stored
from server.db.rescues import AttemptMerge
from server.db.sittings import Incident
from server.errors import NotFound, Refused
from server.host import Host
from server.jobs.results import mark
from server.live.watch import Watch
from server.services import collection, commands, marks, merges
from server.services.branches import Grant, branches
from server.services.signed import Signed
from tests.server.agent_kit import TestAgent, seated
from tests.server.conftest import NOW, PASSWORD, Machine
from tests.server.delivery_kit import Scene, make_scene


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return make_scene(host, person_as)


@pytest.fixture
def old(app: Flask, scene: Scene, machine: Machine) -> TestAgent:
    """Seat 1, where question 1 was answered and sent."""
    agent = seated(app, scene, "1")["1"]
    machine.advance(minutes=10)
    scene.start()
    agent.state()
    agent.open_journal()
    agent.answer(1)
    agent.sent()
    agent.beat()
    return agent


@pytest.fixture
def new(app: Flask, scene: Scene, old: TestAgent) -> Callable[[], TestAgent]:
    """`new()` moves the candidate to the spare seat and opens a journal there."""

    def move() -> TestAgent:
        scene.write(commands.move_seat, old.attempt, scene.seats["4"], Signed(scene.invigilator, "power"))
        agent = TestAgent(app, scene, "4")
        agent.open_session()
        agent.state()
        assert agent.open_journal(old.attempt).status_code == 200
        agent.sent()
        agent.beat()
        return agent

    return move


def back(old: TestAgent) -> None:
    """The old machine has its link again and sends what it holds."""
    old.sent()
    old.state()
    old.beat(waiting=0)


def finish(scene: Scene, machine: Machine, *agents: TestAgent) -> None:
    passed = scene.starts_at + timedelta(minutes=91) - machine.wall
    machine.advance(seconds=passed.total_seconds())
    Watch(scene.host).tick()
    scene.write(commands.end_room, scene.room_sitting, scene.signed())
    for agent in agents:
        agent.state()
        agent.beat(waiting=0)
    Watch(scene.host).tick()
    scene.write(collection.settle_room, scene.room_sitting)


def total(scene: Scene, attempt: int) -> Decimal:
    with scene.host.db.read() as session:
        payload = marks.work(session, scene.chief, scene.host.answers, scene.room_sitting)
    result = mark(payload, lambda *_: None)
    scene.write(marks.store_marks, scene.chief, scene.room_sitting, result)
    with scene.host.db.read() as session:
        rows = marks.results(session, scene.chief, scene.room_sitting)
    return next(row.total for row in rows if row.attempt == attempt) or Decimal(0)


def shown(scene: Scene) -> tuple[merges.MergeView, ...]:
    with scene.host.db.read() as session:
        return merges.views(session, scene.host.answers, scene.room_sitting)


def open_incidents(scene: Scene) -> list[str]:
    with scene.host.db.read() as session:
        rows = session.scalars(select(Incident).where(Incident.state == "raised")).all()
    return [row.kind for row in rows if row.kind == "BOTH_WROTE"]


@pytest.mark.dear
@pytest.mark.both_stores
@pytest.mark.parametrize(("outcome", "points"), [("confirmed", 60), ("left_out", 40)])
def test_both_seats_wrote_and_two_people_decide(
    old: TestAgent,
    new: Callable[[], TestAgent],
    scene: Scene,
    machine: Machine,
    outcome: str,
    points: int,
) -> None:
    """Questions 2 and 3 were answered at the old seat alone and late; 2 again, rightly, at the new one."""
    machine.advance(minutes=1)
    old.answer(2, "A")  # wrong; the new seat says otherwise
    old.answer(3)  # right, and nowhere else
    there = new()
    machine.advance(minutes=1)
    there.answer(2)
    there.sent()
    assert shown(scene) == ()
    back(old)
    (view,) = shown(scene)
    assert (view.old_seat, view.new_seat, view.state, view.name) == ("1", "4", "open", "考生1")
    assert [(item.number, item.new_stands, item.after_move) for item in view.items] == [
        ("2", True, False),
        ("3", False, False),
    ]
    assert [item.new_at is None for item in view.items] == [False, True]
    assert open_incidents(scene) == ["BOTH_WROTE"]
    finish(scene, machine, old, there)
    with pytest.raises(Refused, match="merges_open"):
        total(scene, old.attempt)
    with pytest.raises(Refused, match="cosign_missing"):
        scene.write(merges.decide, view.id, outcome, Signed(scene.invigilator, "checked"))
    with pytest.raises(Refused, match="reason_missing"):
        scene.write(merges.decide, view.id, outcome, Signed(scene.invigilator, "", scene.chief))
    scene.write(merges.decide, view.id, outcome, scene.signed("checked"))
    assert open_incidents(scene) == []
    assert total(scene, old.attempt) == points
    with scene.host.db.read() as session:
        left = marks.uncounted(session, scene.chief, scene.host.answers, old.attempt)
    assert [row.reason for row in left] == (["merge_left_out"] * 2 if outcome == "left_out" else [])


def test_what_comes_back_before_anybody_writes_again_waits_for_the_new_seats_word(
    old: TestAgent, new: Callable[[], TestAgent], scene: Scene
) -> None:
    old.answer(2)
    there = new()
    back(old)
    assert shown(scene) == ()  # only one side has written since the move
    there.answer(4)
    there.sent()
    assert [view.state for view in shown(scene)] == ["open"]


def test_the_same_answer_at_both_seats_needs_nobody(
    old: TestAgent, new: Callable[[], TestAgent], scene: Scene
) -> None:
    old.answer(2, "C")
    there = new()
    there.answer(2, "C")
    there.sent()
    back(old)
    assert shown(scene) == ()


def test_everything_had_arrived_before_the_move(
    old: TestAgent, new: Callable[[], TestAgent], scene: Scene
) -> None:
    there = new()
    there.answer(1, "C")
    there.sent()
    back(old)
    assert shown(scene) == ()


def test_somebody_writes_at_the_old_seat_after_the_move(
    old: TestAgent, new: Callable[[], TestAgent], scene: Scene, machine: Machine
) -> None:
    there = new()
    there.answer(2)
    there.sent()
    machine.advance(minutes=2)
    old.answer(2, "D")
    machine.advance(minutes=1)
    back(old)
    (view,) = shown(scene)
    (item,) = view.items
    assert (item.after_move, item.new_stands) == (True, True)
    assert item.old_at is not None and item.new_at is not None and item.old_at > item.new_at


def test_a_decision_can_be_taken_again_and_both_stand_on_the_record(
    old: TestAgent, new: Callable[[], TestAgent], scene: Scene
) -> None:
    old.answer(2)
    there = new()
    there.answer(3)
    there.sent()
    back(old)
    (view,) = shown(scene)
    scene.write(merges.decide, view.id, "confirmed", scene.signed("first"))
    scene.write(merges.decide, view.id, "left_out", scene.signed("second thoughts"))
    with scene.host.db.read() as session:
        row = session.scalars(select(AttemptMerge)).one()
        assert (row.state, row.note, row.upto) == ("left_out", "second thoughts", 2)
        assert merges.left_out(session, old.attempt) == {1: 2}


@pytest.mark.both_stores
@pytest.mark.parametrize("outcome", ["confirmed", "left_out"])
def test_what_comes_after_a_decision_is_decided_on_anew(
    old: TestAgent, new: Callable[[], TestAgent], scene: Scene, outcome: str
) -> None:
    """The old machine comes back in two batches, and people have decided between them."""
    old.answer(2, "A")
    old.answer(3)
    old.answer(4)
    there = new()
    there.answer(2)
    there.sent()
    old.sent(*old.records[:3])
    (view,) = shown(scene)
    scene.write(merges.decide, view.id, outcome, scene.signed())
    old.sent(*old.records[:3])
    assert (shown(scene)[0].state, open_incidents(scene)) == (outcome, [])  # nothing new came
    old.sent()
    (view,) = shown(scene)
    assert (view.state, [item.number for item in view.items]) == ("open", ["2", "3", "4"])
    assert open_incidents(scene) == ["BOTH_WROTE"]
    assert (view.decided_at, view.note) == (None, "")
    scene.write(merges.decide, view.id, outcome, scene.signed())
    assert (shown(scene)[0].state, open_incidents(scene)) == (outcome, [])


def test_more_that_says_nothing_new_leaves_the_decision(
    old: TestAgent, new: Callable[[], TestAgent], scene: Scene
) -> None:
    old.answer(3)
    old.answer(2, "C")
    there = new()
    there.answer(2, "C")
    there.sent()
    old.sent(*old.records[:3])
    (view,) = shown(scene)
    scene.write(merges.decide, view.id, "confirmed", scene.signed())
    old.sent()
    assert (shown(scene)[0].state, open_incidents(scene)) == ("confirmed", [])


@pytest.mark.dear
def test_a_merge_decided_otherwise_after_marking_calls_for_marking_again(
    old: TestAgent,
    new: Callable[[], TestAgent],
    scene: Scene,
    machine: Machine,
    sign_in: Callable[[Actor], FlaskClient],
) -> None:
    old.answer(2, "A")
    old.answer(3)
    there = new()
    there.answer(2)
    there.sent()
    back(old)
    (view,) = shown(scene)
    scene.write(merges.decide, view.id, "confirmed", scene.signed())
    finish(scene, machine, old, there)
    assert total(scene, old.attempt) == 60
    scene.write(merges.decide, view.id, "confirmed", scene.signed("once more"))
    assert scene.room_row().state == "marked"  # nothing has changed
    scene.write(merges.decide, view.id, "left_out", scene.signed("not the candidate"))
    assert scene.room_row().state == "collected"
    chief = sign_in(scene.chief)
    assert "评分之后合并的决定有变，请重新评分" in chief.get(f"/results/{scene.room_sitting}").text
    assert "须重新评分" in chief.get("/results").text
    assert total(scene, old.attempt) == 40
    assert scene.room_row().state == "marked"
    assert "请重新评分" not in chief.get(f"/results/{scene.room_sitting}").text


def test_only_who_is_on_duty_in_the_room_decides(
    old: TestAgent, new: Callable[[], TestAgent], scene: Scene, person_as: Callable[..., Actor]
) -> None:
    old.answer(2)
    there = new()
    there.answer(3)
    there.sent()
    back(old)
    (view,) = shown(scene)
    signed = Signed(person_as("invigilator"), "checked", scene.chief)
    with pytest.raises(Refused, match="not_on_duty"):
        scene.write(merges.decide, view.id, "confirmed", signed)
    assert shown(scene)[0].state == "open"
    with pytest.raises(NotFound):
        scene.write(merges.decide, view.id + 1, "confirmed", signed)


@pytest.mark.dear
def test_the_page_decides_with_the_chiefs_signature(
    old: TestAgent,
    new: Callable[[], TestAgent],
    scene: Scene,
    sign_in: Callable[[Actor], FlaskClient],
) -> None:
    old.answer(2)
    there = new()
    there.answer(2, "A")
    there.sent()
    back(old)
    browser, place = sign_in(scene.invigilator), f"/monitor/{scene.room_sitting}"
    page = browser.get(f"{place}/rescue").text
    assert "考生1" in page and "待确认" in page and "确认按规则合并" in page
    (view,) = shown(scene)
    fields = {"outcome": "confirmed", "reason": "本人作答", "cosign_username": scene.chief.name}
    assert f'name="last" value="{view.last}"' in page
    browser.post(f"{place}/merges/{view.id}", data={**fields, "cosign_password": PASSWORD, "last": "1"})
    assert shown(scene)[0].state == "open"  # they saw less than has come
    wrong = browser.post(f"{place}/merges/{view.id}", data={**fields, "cosign_password": "no"})
    assert wrong.status_code == 302
    assert shown(scene)[0].state == "open"
    browser.post(f"{place}/merges/{view.id}", data={**fields, "cosign_password": PASSWORD})
    assert shown(scene)[0].state == "confirmed"
    assert "已确认合并" in browser.get(f"{place}/rescue").text
    assert browser.post(f"{place}/merges/{view.id + 1}", data=fields).status_code == 404


# --- the fold itself -------------------------------------------------------------------------------------


def test_a_second_journal_of_the_same_machine_is_no_fork(old: TestAgent) -> None:
    old.answer(2)
    events = [_stored(record) for record in old.records]
    assert branches(events, [Grant(1, 7, ZERO_HEAD), Grant(2, 7, old.records[0].hash)]) == []


@given(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5))
def test_what_lies_between_move_and_end_is_the_tail(before: int, tail: int, follow: int) -> None:
    """`before` answers had arrived at the move, `tail` came later, `follow` were given at the new seat."""
    first = _journal(1, ZERO_HEAD, before + tail)
    second = _journal(2, first[before].hash, follow)
    grants = [Grant(1, 7, ZERO_HEAD), Grant(2, 8, first[before].hash)]
    found = branches([_stored(one) for one in (*first, *second)], grants)
    if not tail or not follow:
        assert found == []
        return
    (branch,) = found
    assert (branch.old, branch.new, branch.upto) == (1, 2, before + 1)
    assert [one.record for one in branch.tail] == first[before + 1 :]
    assert [one.record for one in branch.follow] == second[1:]


def _journal(journal: int, parent: str, answers: int) -> list[Record]:
    made: list[Record] = []
    for seq in range(1, answers + 2):
        kind = RecordKind.ANSWER if seq > 1 else RecordKind.OPEN
        prev = made[-1].hash if made else parent
        record = Record(1, journal, seq, kind, f"item-{seq}", "", "boot", seq, prev, "")
        made.append(replace(record, hash=record.digest()))
    return made


def _stored(record: Record) -> Stored:
    return Stored(record, NOW, 7)
