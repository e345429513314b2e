"""Marks: what counts, what is kept but does not, exact points, and the list that people get."""

import io
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openpyxl import load_workbook
from sqlalchemy import select

from exam_rooms.protocol import RecordKind
from server.access import Actor
from server.db.sittings import ComponentResult, Incident, LinkGapRow
from server.errors import Refused
from server.host import Host
from server.jobs.results import mark, results_xlsx
from server.live.watch import Watch
from server.services import collection, commands, incidents, marks, merges
from server.services.commands import Signed
from tests.server.agent_kit import TestAgent, seated
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, another_sitting, make_scene


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return make_scene(host, person_as)


@pytest.fixture
def agents(app: Flask, scene: Scene, machine: Machine) -> list[TestAgent]:
    """Seats 1 and 2 with open journals; candidate 3 does not come."""
    made = list(seated(app, scene, "12").values())
    machine.advance(minutes=10)
    scene.start()
    for agent in made:
        agent.state()
        agent.open_journal()
        agent.sent()
        agent.beat()
    return made


def close(scene: Scene, machine: Machine, agents: list[TestAgent]) -> None:
    """The time has run out: the room is ended and collected."""
    if machine.wall < scene.starts_at + timedelta(minutes=91):
        machine.wall = scene.starts_at + timedelta(minutes=91)
        machine.boot_ns += round(timedelta(minutes=91).total_seconds() * 1e9)
    Watch(scene.host).tick()
    scene.write(commands.end_room, scene.room_sitting, scene.signed())
    for agent in agents:
        agent.state()
        agent.beat(waiting=0)
    Watch(scene.host).tick()


def mark_room(scene: Scene) -> dict[str, ComponentResult]:
    """Marks in this process; the results by seat."""
    with scene.host.db.read() as session:
        payload = marks.work(session, scene.chief, scene.host.answers, scene.room_sitting)
    result = mark(payload, lambda *_: None)
    scene.write(marks.store_marks, scene.chief, scene.room_sitting, result)
    with scene.host.db.read() as session:
        rows = {row.attempt_id: row for row in session.scalars(select(ComponentResult))}
    return {seat: rows[attempt] for seat, attempt in scene.attempts.items()}


@pytest.mark.dear
@pytest.mark.both_stores
def test_marks_passed_failed_and_absent(agents: list[TestAgent], scene: Scene, machine: Machine) -> None:
    one, two = agents
    for number in range(1, 4):
        one.answer(number)
    one.answer(4, "A")  # wrong: brings nothing and takes nothing
    two.answer(1)
    two.answer(2, "D")
    one.sent()
    two.sent()
    close(scene, machine, agents)
    results = mark_room(scene)
    assert (results["1"].total, results["1"].passed, results["1"].answered) == (Decimal(60), True, 4)
    assert (results["2"].total, results["2"].passed) == (Decimal(20), False)
    assert (results["3"].status, results["3"].total, results["3"].passed) == ("absent", None, None)
    assert scene.room_row().state == "marked"


def test_the_last_answer_and_a_cleared_one(agents: list[TestAgent], scene: Scene, machine: Machine) -> None:
    one = agents[0]
    one.answer(1, "D")
    one.answer(1)
    one.answer(2)
    one.write(RecordKind.CLEAR, "item-2")
    one.write(RecordKind.MARK, "item-1")
    one.sent()
    close(scene, machine, agents)
    result = mark_room(scene)["1"]
    assert (result.total, result.answered) == (Decimal(20), 1)


@pytest.mark.dear
def test_order_is_journal_then_seq_whatever_came_first(
    agents: list[TestAgent], app: Flask, scene: Scene, machine: Machine
) -> None:
    old = agents[0]
    unsent = old.answer(1, "D")
    scene.write(commands.move_seat, scene.attempts["1"], scene.seats["4"], Signed(scene.invigilator, "broke"))
    new = TestAgent(app, scene, "4")
    new.open_session()
    new.state()
    new.open_journal(scene.attempts["1"])
    new.answer(1)
    new.sent()
    old.sent(unsent)  # comes later, is older
    close(scene, machine, [old, new, agents[1]])
    with scene.host.db.read() as session:
        (fork,) = merges.views(session, scene.host.answers, scene.room_sitting)
    scene.write(merges.decide, fork.id, "confirmed", scene.signed())
    assert mark_room(scene)["1"].total == Decimal(20)


@pytest.mark.parametrize(("seconds", "total"), [(0, 20), (4.999, 20), (5, 20), (5.001, 0), (60, 0)])
def test_grace_after_the_deadline(
    agents: list[TestAgent], scene: Scene, machine: Machine, seconds: float, total: int
) -> None:
    machine.advance(minutes=89, seconds=59)
    record = agents[0].answer(1)
    machine.advance(seconds=1 + seconds)
    agents[0].sent(record)
    close(scene, machine, agents)
    result = mark_room(scene)["1"]
    assert (result.total, result.not_counted) == (Decimal(total), 0 if total else 1)


@pytest.mark.parametrize(
    ("written", "silent_minutes", "total", "reason"),
    [
        (89.0, 20, 20, ""),
        (90.0, 20, 0, "written_late"),
        (89.0, 50, 20, ""),
        (89.0, 52, 0, "gap_too_long"),
    ],
)
def test_late_records_count_when_the_line_was_broken(
    agents: list[TestAgent],
    scene: Scene,
    machine: Machine,
    written: float,
    silent_minutes: int,
    total: int,
    reason: str,
) -> None:
    one, watch = agents[0], Watch(scene.host)
    machine.advance(minutes=88)
    agents[1].beat()
    one.beat(waiting=0)  # the last word before the silence
    for _ in range(2):
        machine.advance(seconds=5)
        watch.tick()
    with scene.host.db.read() as session:
        gap = session.scalars(select(LinkGapRow).where(LinkGapRow.attempt_id == one.attempt)).one()
        assert (gap.lost_at, gap.boot_id) == (scene.starts_at + timedelta(minutes=88), "boot-1")
    machine.advance(minutes=written - 88, seconds=-10)
    record = one.answer(1)
    machine.advance(minutes=88 + silent_minutes - written)
    one.sent(record)
    close(scene, machine, agents)
    result = mark_room(scene)["1"]
    assert result.total == Decimal(total)
    with scene.host.db.read() as session:
        left = marks.uncounted(session, scene.chief, scene.host.answers, one.attempt)
    assert [row.reason for row in left] == ([reason] if reason else [])


def test_a_restarted_machine_cannot_prove_when_it_wrote(
    agents: list[TestAgent], scene: Scene, machine: Machine
) -> None:
    one, watch = agents[0], Watch(scene.host)
    machine.advance(minutes=88)
    agents[1].beat()
    one.beat(waiting=0)
    machine.advance(seconds=10)
    watch.tick()
    one.boot_id = "another boot"
    record = one.answer(1)
    machine.advance(minutes=10)
    one.sent(record)
    close(scene, machine, agents)
    assert mark_room(scene)["1"].total == Decimal(0)


def test_after_a_seat_was_ended_nothing_counts(
    agents: list[TestAgent], scene: Scene, machine: Machine
) -> None:
    one = agents[0]
    one.answer(1)
    one.sent()
    scene.write(commands.end_seat, scene.attempts["1"], scene.signed("left"))
    machine.advance(seconds=6)
    one.sent(one.answer(2))
    close(scene, machine, agents)
    result = mark_room(scene)["1"]
    assert (result.total, result.not_counted) == (Decimal(20), 1)


def test_late_records_are_told_to_the_room(agents: list[TestAgent], scene: Scene, machine: Machine) -> None:
    machine.advance(minutes=90, seconds=6)
    Watch(scene.host).tick()
    agents[0].sent(agents[0].answer(1))
    agents[0].sent(agents[0].answer(2))
    with scene.host.db.read() as session:
        (row,) = incidents.open_incidents(session, scene.room_sitting)
        assert (row.kind, row.details) == ("LATE_RECORDS", {"count": 2, "records": "2"})


def test_after_the_submission_nothing_counts(agents: list[TestAgent], scene: Scene, machine: Machine) -> None:
    one = agents[0]
    one.answer(1)
    machine.advance(minutes=31)
    one.write(RecordKind.SUBMIT)
    one.answer(2)
    one.sent()
    close(scene, machine, agents)
    result = mark_room(scene)["1"]
    assert (result.total, result.answered, result.not_counted) == (Decimal(20), 1, 1)


def test_no_marks_before_everything_is_collected(agents: list[TestAgent], scene: Scene) -> None:
    with pytest.raises(Refused, match="room_not_collected"):
        mark_room(scene)


def test_an_invigilator_may_not_mark(agents: list[TestAgent], scene: Scene, machine: Machine) -> None:
    close(scene, machine, agents)
    with scene.host.db.read() as session, pytest.raises(Refused, match="forbidden"):
        marks.work(session, scene.invigilator, scene.host.answers, scene.room_sitting)


def test_marking_again_replaces_the_results(agents: list[TestAgent], scene: Scene, machine: Machine) -> None:
    agents[0].answer(1)
    agents[0].sent()
    close(scene, machine, agents)
    first, second = mark_room(scene)["1"], mark_room(scene)["1"]
    assert first.total == second.total
    with scene.host.db.read() as session:
        assert len(session.scalars(select(ComponentResult)).all()) == 3


def given_up(scene: Scene, machine: Machine, agents: list[TestAgent]) -> TestAgent:
    """Seat 1 hangs with an unsent answer; the chief closes it, the room is marked, and it comes back."""
    one, two = agents
    one.answer(1)
    one.sent()
    machine.advance(minutes=88)
    agents[1].beat()
    one.beat()
    watch = Watch(scene.host)
    machine.advance(seconds=10)
    watch.tick()  # its silence is seen
    one.answer(2)
    machine.advance(minutes=3)
    watch.tick()
    scene.write(commands.end_room, scene.room_sitting, scene.signed())
    two.state()
    two.beat()
    scene.write(collection.close_missing, scene.chief, scene.attempts["1"], "主机故障")
    watch.tick()
    assert scene.room_row().state == "collected"
    return one


def late_records(scene: Scene) -> list[dict[str, object]]:
    with scene.host.db.read() as session:
        kinds = select(Incident).where(Incident.kind == "LATE_RECORDS")
        return [row.details for row in session.scalars(kinds)]


@pytest.mark.dear
@pytest.mark.both_stores
def test_a_record_that_counts_but_comes_after_the_marking_asks_for_it_again(
    agents: list[TestAgent], scene: Scene, machine: Machine, sign_in: Callable[..., FlaskClient]
) -> None:
    one = given_up(scene, machine, agents)
    assert mark_room(scene)["1"].answered == 1
    chief, page = sign_in(scene.chief), f"/results/{scene.room_sitting}"
    assert "请重新评分" not in chief.get(page).text
    machine.advance(minutes=1)
    one.sent()
    assert late_records(scene) == [{"count": 1, "records": "0", "collected": True}]
    shown = chief.get(page).text
    assert "评分之后又收到作答记录，请重新评分" in shown
    assert "座位：1。" in shown
    assert "须重新评分" in chief.get("/results").text
    one.sent()  # the same again is nothing new
    assert late_records(scene) == [{"count": 1, "records": "0", "collected": True}]
    machine.advance(minutes=1)
    assert mark_room(scene)["1"].answered == 2
    assert "请重新评分" not in chief.get(page).text
    assert "须重新评分" not in chief.get("/results").text


def test_a_record_that_comes_after_the_collection_is_told_though_another_sits_there_now(
    agents: list[TestAgent], scene: Scene, machine: Machine, host: Host
) -> None:
    one = given_up(scene, machine, agents)
    machine.advance(hours=13)
    another_sitting(scene, (machine.wall - scene.starts_at).total_seconds() / 3600)
    one.open_session()
    assert one.state().sitting.starts_at > scene.starts_at
    one.sent()
    assert [details.get("collected") for details in late_records(scene)] == [True]


def test_a_submission_in_time_is_no_late_record(
    agents: list[TestAgent], scene: Scene, machine: Machine
) -> None:
    machine.advance(minutes=31)
    for agent in agents:
        agent.write(RecordKind.SUBMIT)
        agent.sent()
    assert scene.attempt("1").collected_at is not None
    assert late_records(scene) == []


# --- pages -------------------------------------------------------------------------------------------


@pytest.mark.dear
def test_marking_and_the_list_through_the_browser(
    agents: list[TestAgent], scene: Scene, machine: Machine, sign_in: Callable[..., object]
) -> None:
    for number in range(1, 4):
        agents[0].answer(number)
    agents[0].sent()
    chief = sign_in(scene.chief)
    page = f"/results/{scene.room_sitting}"
    assert "收卷还没有完成" in chief.get(page).text
    close(scene, machine, agents)
    assert "收卷完成，可以评分" in chief.get(page).text
    assert chief.post(f"{page}/mark").status_code == 302  # in a real child process
    shown = chief.get(page).text
    assert "60.0" in shown
    assert "合格" in shown
    assert "缺考" in shown
    assert "11010119900307109X" not in shown
    assert "第一考场" in chief.get("/results").text
    book = load_workbook(io.BytesIO(chief.get(f"{page}.xlsx").data))
    rows = [[cell.value for cell in row] for row in book.active.iter_rows()]
    assert rows[4][1:3] == ["T2026-0001", "考生1"]
    assert rows[4][6:8] == [60, "合格"]
    assert rows[6][6:8] == ["", "缺考"]
    assert chief.get(f"{page}/attempts/{scene.attempts['1']}").status_code == 200


def test_results_are_not_for_invigilators(scene: Scene, sign_in: Callable[..., object]) -> None:
    browser = sign_in(scene.invigilator)
    assert browser.get(f"/results/{scene.room_sitting}").status_code == 403
    assert browser.get(f"/results/{scene.room_sitting}.xlsx").status_code == 403
    assert browser.post(f"/results/{scene.room_sitting}/mark").status_code == 403


def test_a_name_cannot_become_a_formula() -> None:
    row = {"name": '=HYPERLINK("http://x")', "ticket": "0012", "total": "59.5"}
    payload = {
        "sheet": "成绩",
        "head": ["t"],
        "columns": [["name", "姓名"], ["ticket", "号"], ["total", "成绩"]],
        "rows": [row],
    }
    data = results_xlsx(payload, lambda *_: None)["data"]
    cells = next(load_workbook(io.BytesIO(data)).active.iter_rows(min_row=4, max_row=4))
    assert [(cell.value, cell.data_type) for cell in cells] == [
        ('=HYPERLINK("http://x")', "s"),
        ("0012", "s"),
        (59.5, "n"),
    ]
