"""The seat ledger and a seat's course: who sat where, on what, and what was so at a moment."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.protocol import Record, RecordKind
from exam_rooms.watch_messages import CameraReport, CameraState
from server.access import Actor
from server.db.commands import PauseRow, SeatCommand
from server.db.record import AuditEntry
from server.db.record_book import CameraStay
from server.errors import Forbidden, Refused
from server.host import Host
from server.rules import ledger as rules
from server.rules.ledger import Camera, Heard, Paired, Span, Stay
from server.services import camera_stays, ledger, replay
from server.services.agents import Agent
from server.services.signed import Signed
from tests.server.agent_kit import TestAgent
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene, right_answer
from tests.server.record_kit import Over, over

START = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
MINUTES = st.integers(0, 90)


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


# --- spans --------------------------------------------------------------------------------------------------


@st.composite
def intervals(draw: st.DrawFn) -> tuple[datetime, datetime | None]:
    begin, length = draw(MINUTES), draw(st.one_of(st.none(), st.integers(1, 60)))
    return at(begin), None if length is None else at(begin + length)


@st.composite
def one_after_another(draw: st.DrawFn) -> list[tuple[datetime, datetime | None]]:
    edges = sorted(draw(st.sets(MINUTES, min_size=1, max_size=5)))
    found = [(at(a), at(b)) for a, b in pairwise(edges)]
    return [*found, (at(edges[-1]), None)] if draw(st.booleans()) else found


@pytest.mark.dear
@given(intervals(), one_after_another(), one_after_another())
def test_spans_cover_a_stay_once_and_are_true_at_every_moment(
    stay: tuple[datetime, datetime | None],
    machines: list[tuple[datetime, datetime | None]],
    cameras: list[tuple[datetime, datetime | None]],
) -> None:
    paired = [Paired(7, number, *one) for number, one in enumerate(machines, 1)]
    seen = [Camera(1, f"cam{number}", *one) for number, one in enumerate(cameras)]
    found = rules.spans([Stay(5, 7, *stay)], paired, seen)
    assert (found[0].from_at, found[-1].until_at) == stay
    for one, other in pairwise(found):
        assert one.until_at == other.from_at
        assert (one.workstation, one.camera) != (other.workstation, other.camera)
    for minute in range(0, 160, 3):
        moment = at(minute + 0.5)
        here = [span for span in found if span.holds(moment)]
        assert len(here) == rules.holds(Stay(5, 7, *stay), moment)
        for span in here:
            station = [one.workstation for one in paired if rules.holds(one, moment)]
            assert [span.workstation] == (station or [None])
            camera = [one.identity for one in seen if rules.holds(one, moment)] if station == [1] else []
            assert span.camera == (camera[-1] if camera else "")


def test_the_end_of_a_span_belongs_to_the_next_one() -> None:
    span = Span(1, 1, None, "", at(0), at(10))
    assert [span.holds(moment) for moment in (at(0), at(9.99), at(10))] == [True, True, False]


# --- what a journal said ---------------------------------------------------------------------------------------

ENTRY = st.tuples(
    st.sampled_from([RecordKind.ANSWER, RecordKind.CLEAR, RecordKind.MARK, RecordKind.UNMARK]),
    st.sampled_from("abc"),
    st.integers(0, 30),
    st.integers(0, 40),
)


def heard(entries: list[tuple[RecordKind, str, int, int]]) -> list[Heard]:
    """Records of one journal, each so many minutes after the one before, received later still."""
    found, clock = [], 0
    for seq, (kind, item, later, delay) in enumerate(entries, 1):
        clock += later
        stamp = clock * 60_000_000_000
        record = Record(1, 1, seq, kind, item, "", "boot", stamp, "", f"{seq}")
        found.append(Heard(record, at(clock + delay), 3))
    return found


OFFSETS = {(3, "boot"): int(START.timestamp()) * 1_000_000_000}


@pytest.mark.dear
@given(st.lists(ENTRY, max_size=12), st.integers(0, 200))
def test_a_fold_up_to_a_moment_is_the_state_when_the_moment_was_now(
    entries: list[tuple[RecordKind, str, int, int]], minute: int
) -> None:
    records = heard(entries)
    then = [one for one in records if one.record.boot_ns <= minute * 60_000_000_000]
    whole = rules.snapshot(rules.written(records, OFFSETS), at(minute))
    now = rules.snapshot(rules.written(then, OFFSETS), at(minute))
    assert whole.answers.keys() == now.answers.keys()
    assert {i: w.record for i, w in whole.answers.items()} == {i: w.record for i, w in now.answers.items()}
    assert (whole.marked, whole.submitted, whole.records) == (now.marked, now.submitted, now.records)


@pytest.mark.dear
@given(st.lists(ENTRY, max_size=12), st.booleans())
def test_nothing_is_written_after_it_came_or_after_what_follows_it(
    entries: list[tuple[RecordKind, str, int, int]], known: bool
) -> None:
    records = heard(entries)
    found = rules.written(records, OFFSETS if known else {})
    assert [one.record for one in found] == [one.record for one in records]
    assert all(one.at <= one.received_at for one in found)
    assert all(one.at <= other.at for one, other in pairwise(found))


# --- asked of a real day -----------------------------------------------------------------------------------------


@pytest.fixture
def day(app: Flask, host: Host, person_as: Callable[..., Actor], machine: Machine) -> Over:
    return over(app, host, person_as, machine)


def asked(scene: Scene, seat: str, moment: datetime, who: Actor | None = None) -> ledger.Moment:
    with scene.host.db.read() as session:
        place = (scene.room_sitting, seat)
        return ledger.at(session, who or scene.chief, scene.host.answers, place, moment)


@pytest.mark.dear
@pytest.mark.both_stores
def test_seat_at_a_moment_gives_candidate_machine_and_answers(day: Over, machine: Machine) -> None:
    scene = day.scene
    begun = scene.room_row().started_at
    assert begun is not None
    soon = asked(scene, "1", begun + timedelta(minutes=1))
    assert soon.line is not None and soon.line.machine is not None
    assert soon.line.ticket == scene.tickets["1"]
    key = scene.keys["1"].public_key().public_bytes_raw()
    assert soon.line.machine.fingerprint == ledger.fingerprint(key)
    assert [(one.number, one.answered) for one in soon.questions][:3] == [(1, True), (2, False), (3, False)]
    later = asked(scene, "1", begun + timedelta(minutes=21))
    assert [one.number for one in later.questions if one.answered] == [1, 2]
    assert later.last is not None and later.last.number == 2
    assert asked(scene, "1", begun + timedelta(minutes=80)).line is None  # handed in after 60 minutes
    assert asked(scene, "3", begun + timedelta(minutes=5)).line is None  # absent
    former, spare = (asked(scene, seat, begun + timedelta(minutes=25)) for seat in "24")
    assert former.line is None
    assert spare.line is not None and spare.line.ticket == scene.tickets["2"]
    with scene.host.db.read() as session:
        lines = ledger.by_ticket(session, scene.chief, scene.tickets["2"])
        assert [line.seat for line in lines] == ["2", "4"]
        assert lines[0].span.until_at == lines[1].span.from_at
        host_name = [line.seat for line in ledger.by_machine(session, scene.chief, "PC4")]
        by_key = ledger.by_machine(session, scene.chief, ledger.fingerprint(key)[:8])
    assert host_name == ["4"]
    assert [line.ticket for line in by_key] == [scene.tickets["1"]]


def test_a_response_is_opened_for_a_reason_by_who_may_mark_and_stands_on_the_record(
    day: Over, sign_in: Callable[[Actor], FlaskClient], client_as: Callable[..., FlaskClient]
) -> None:
    scene = day.scene
    begun = scene.room_row().started_at
    assert begun is not None
    place = ("item-1", begun + timedelta(minutes=1))
    with scene.host.db.read() as session:
        opened = replay.response(
            session, Signed(scene.chief, "申诉"), scene.host.answers, scene.attempts["1"], place
        )
        assert opened == (right_answer(1),)
        with pytest.raises(Refused, match="reason_missing"):
            replay.response(session, Signed(scene.chief), scene.host.answers, scene.attempts["1"], place)
        with pytest.raises(Forbidden):
            replay.response(
                session, Signed(scene.invigilator, "x"), scene.host.answers, scene.attempts["1"], place
            )
        with pytest.raises(Refused, match="response_none"):
            early = ("item-2", begun + timedelta(minutes=1))
            replay.response(session, Signed(scene.chief, "x"), scene.host.answers, scene.attempts["1"], early)
    browser, local = sign_in(scene.chief), "2026-11-21T09:05:00"
    url = f"/ledger/{scene.room_sitting}?seat=1&at={local}"
    assert "已答 2 题" in browser.get(url).text
    shown = browser.post(url, data={"number": "1", "reason": "考生申诉"})
    assert f"第 1 题当时的作答：{'D'}" in shown.text
    with scene.host.db.read() as session:
        row = session.scalars(select(AuditEntry).where(AuditEntry.act == "response_seen")).one()
    assert (row.details["number"], row.details["reason"], row.actor) == (1, "考生申诉", scene.chief.name)
    assert "D" not in row.details.values()
    supervisor = client_as("supervisor")
    assert supervisor.get(url).status_code == 200
    assert supervisor.post(url, data={"number": "1", "reason": "x"}).status_code == 403
    assert sign_in(scene.invigilator).get(url).status_code == 403


@pytest.mark.parametrize("query", ["?ticket=T2026-0001", "?machine=pc1", "?ticket=nobody", ""])
def test_the_page_of_all_rooms_finds_by_candidate_and_machine(
    day: Over, sign_in: Callable[[Actor], FlaskClient], query: str
) -> None:
    shown = sign_in(day.scene.chief).get(f"/ledger{query}").text
    assert ("T2026-0001" in shown) == (query in ("?ticket=T2026-0001", "?machine=pc1"))


def test_a_course_tells_answers_link_and_acts_in_their_order(
    day: Over, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    scene = day.scene
    with scene.host.db.read() as session:
        found = replay.course(
            session, scene.chief, scene.host.answers, (scene.room_sitting, scene.seats["1"])
        )
    assert [event.at for event in found.events] == sorted(event.at for event in found.events)
    answers = [(event.kind, event.number) for event in found.events if event.track == "answers"]
    assert answers == [("open", 0), ("answer", 1), ("answer", 1), ("answer", 2), ("submit", 0)]
    acts = {event.kind for event in found.events if event.track == "acts"}
    assert {"admitted", "room_started", "submitted"} <= acts
    page = f"/monitor/{scene.room_sitting}/seats/{scene.seats['1']}/replay"
    assert "第 2 题：写下答案" in sign_in(scene.chief).get(page).text
    assert sign_in(scene.invigilator).get(page).status_code == 403
    other = sign_in(scene.chief).get(f"/monitor/{scene.room_sitting}/seats/99999/replay")
    assert other.status_code == 404


def test_commands_with_their_confirmation_and_pauses_are_part_of_the_course(day: Over) -> None:
    scene = day.scene
    began = scene.room_row().started_at
    assert began is not None

    def happened(session: Session) -> None:
        room, one = {"room_sitting_id": scene.room_sitting}, scene.attempts["1"]
        sent = began + timedelta(minutes=5)
        row = SeatCommand(**room, attempt_id=one, seat_id=scene.seats["1"], kind="message", sent_at=sent)
        row.received_at, row.sent_by = sent + timedelta(seconds=1), scene.invigilator.user_id
        other = SeatCommand(**room, attempt_id=scene.attempts["2"], seat_id=scene.seats["2"], kind="lock")
        other.sent_at = sent
        session.add_all([row, other])
        for attempt, since in ((None, 6), (scene.attempts["2"], 7)):
            since_at, until_at = began + timedelta(minutes=since), began + timedelta(minutes=since + 3)
            session.add(
                PauseRow(**room, attempt_id=attempt, since_at=since_at, until_at=until_at, reason="x")
            )

    scene.host.db.write(happened)
    place = (scene.room_sitting, scene.seats["1"])
    with scene.host.db.read() as session:
        events = replay.course(session, scene.chief, scene.host.answers, place).events
    said = [event for event in events if event.kind == replay.COMMAND]
    (command,) = (event for event in said if event.details["command"] == "message")
    assert command.by == scene.invigilator.name
    assert "lock" not in {event.details["command"] for event in said}  # of the other seat
    assert command.details["received"] and not command.details["done"]
    (pause,) = (event for event in events if event.kind == replay.PAUSE)
    assert pause.until is not None and pause.until - pause.at == timedelta(minutes=3)


def test_which_camera_stood_there_is_kept_from_report_to_report(
    host: Host, person_as: Callable[..., Actor], machine: Machine
) -> None:
    scene = make_scene(host, person_as)
    agent = Agent(scene.workstations["1"], scene.seats["1"], scene.room, b"key")
    for identity in ("cam-a", "cam-a", "cam-b", "", ""):
        with host.db.read() as session:
            news = camera_stays.differs(session, agent, identity)
        if news:
            scene.write(camera_stays.keep, agent, identity)
        machine.advance(minutes=1)
    with host.db.read() as session:
        rows = list(session.scalars(select(CameraStay).order_by(CameraStay.id)))
    assert [row.identity for row in rows] == ["cam-a", "cam-b"]
    assert rows[0].until_at == rows[1].from_at == rows[0].from_at + timedelta(minutes=2)
    assert rows[1].until_at == rows[1].from_at + timedelta(minutes=1)


def test_a_heartbeat_tells_the_ledger_of_its_camera(
    app: Flask, host: Host, person_as: Callable[..., Actor], machine: Machine
) -> None:
    scene = make_scene(host, person_as)
    agent = TestAgent(app, scene, "1")
    agent.enter()
    agent.beat(camera=CameraReport(CameraState.LIVE, "usb-7", "", ()))
    machine.advance(minutes=1)
    agent.beat(camera=CameraReport(CameraState.LIVE, "usb-7", "", ()))
    with host.db.read() as session:
        (line,) = ledger.room_lines(session, scene.chief, scene.room_sitting)
        (row,) = session.scalars(select(CameraStay))
    assert (row.identity, row.until_at, line.span.camera) == ("usb-7", None, "usb-7")
