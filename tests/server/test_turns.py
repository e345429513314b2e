"""The order before a panel, and each candidate's way through it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.access import Actor
from server.db.assessing import OrderDraw, ScoreRecord, ScoreSheet, ScoringDevice, SheetJournal, Station
from server.db.record import AuditEntry
from server.db.sittings import Registration, RoomSitting
from server.errors import Forbidden, Refused
from server.host import Host
from server.rules.assessment_order import drawn_order
from server.services import assessments, stations, template_release, turns
from server.services.signed import Signed
from tests.server.assessing_kit import Stage, make_assessment, sheet_template
from tests.server.conftest import Machine

People = Callable[..., Actor]


@pytest.fixture
def stage(host: Host, person_as: People) -> Stage:
    return make_assessment(host, person_as)


def redraw(stage: Stage, reason: str = "名单有变", **given: object) -> object:
    return stage.write(turns.draw_order, Signed(stage.administrator, reason), stage.room_sitting, **given)


def places(stage: Stage) -> list[tuple[int, int, int | None]]:
    """(registration, number, station) of every turn."""
    with stage.host.db.read() as session:
        found = turns.turns_of(session, stage.room_sitting)
        return [(turn.registration_id, turn.number, turn.station_id) for turn in found]


def records(stage: Stage) -> list[AuditEntry]:
    with stage.host.db.read() as session:
        stream = f"sitting/{stage.room_sitting}"
        return list(session.scalars(select(AuditEntry).where(AuditEntry.stream == stream)))


# --- the order ------------------------------------------------------------------------------------------


@pytest.mark.both_stores
def test_the_seed_replays_order_and_stations(host: Host, person_as: People) -> None:
    stage = make_assessment(host, person_as, candidates=7, stations=3, state="arranged")
    with host.db.read() as session:
        tickets = {row.id: row.ticket for row in session.scalars(select(Registration))}
        draw = turns.last_draw(session, stage.room_sitting)
        ready = [station.id for station in stations.active(session, stage.room)]
    assert draw is not None
    replayed = {place.ref: place for place in drawn_order(tickets.values(), 3, draw.seed)}
    for registration, number, station in places(stage):
        place = replayed[tickets[registration]]
        assert (number, station) == (place.number, ready[place.station or 0])
    assert sorted(number for _, number, _ in places(stage)) == list(range(1, 8))


def test_another_draw_needs_a_reason_and_keeps_the_earlier_one(host: Host, person_as: People) -> None:
    stage = make_assessment(host, person_as, candidates=9, state="released")
    before, codes = places(stage), {stage.turn(n).code for n in range(1, 10)}
    with pytest.raises(Refused, match="reason_missing"):
        redraw(stage, " ")
    redraw(stage, seed="other")
    assert places(stage) != before
    assert codes.isdisjoint({stage.turn(n).code for n in range(1, 10)})
    assert stage.room_row().state == "released"
    with host.db.read() as session:
        assert [draw.reason for draw in session.scalars(select(OrderDraw))] == ["", "名单有变"]


def test_nobody_draws_again_once_somebody_was_called(stage: Stage) -> None:
    stage.write(turns.call, stage.invigilator, stage.turn(1).id)
    with pytest.raises(Refused, match="order_called"):
        redraw(stage)


def test_the_same_seed_gives_other_codes_each_time(host: Host, person_as: People) -> None:
    stage = make_assessment(host, person_as, candidates=5, state="arranged")
    first = {stage.turn(n).registration_id: stage.turn(n).code for n in range(1, 6)}
    redraw(stage, seed="order")
    second = {stage.turn(n).registration_id: stage.turn(n).code for n in range(1, 6)}
    assert first.keys() == second.keys()
    assert not set(first.values()) & set(second.values())


def test_stations_out_of_use_are_not_drawn(host: Host, person_as: People) -> None:
    stage = make_assessment(host, person_as, candidates=6, stations=3, state="arranged")

    def close(session: Session) -> None:
        session.get_one(Station, stage.stations[1]).active = False

    host.db.write(close)
    redraw(stage)
    assert {station for *_, station in places(stage)} == {stage.stations[0], stage.stations[2]}


def test_a_withdrawn_ticket_is_not_drawn_and_an_empty_room_is_refused(host: Host, person_as: People) -> None:
    stage = make_assessment(host, person_as, candidates=1, state="planned")

    def void(session: Session) -> None:
        session.get_one(Registration, stage.registrations[0]).void_at = host.now()

    host.db.write(void)
    with pytest.raises(Refused, match="roster_empty"):
        redraw(stage)


def test_who_may_not_arrange_draws_nothing(stage: Stage) -> None:
    for who in (stage.invigilator, stage.leader, stage.supervisor):
        with pytest.raises(Forbidden):
            stage.write(turns.draw_order, Signed(who, "x"), stage.room_sitting)


# --- a candidate's way ----------------------------------------------------------------------------------


@pytest.mark.both_stores
def test_a_candidate_is_called_starts_and_finishes_by_the_server_clock(
    stage: Stage, machine: Machine
) -> None:
    performing = stage.perform(1)
    assert performing.state == "performing"
    assert performing.panel == sorted(who.user_id or 0 for who in stage.examiners)
    machine.advance(minutes=30, seconds=95)
    stage.write(turns.finish, stage.invigilator, performing.id, note="器材故障一次")
    done = stage.turn(1)
    assert (done.state, done.overtime_seconds, done.note) == ("done", 95, "器材故障一次")


@pytest.mark.parametrize(("seconds", "over"), [(1799, 0), (1800, 0), (1800.9, 0), (1801, 1), (2100, 300)])
def test_overtime_begins_after_the_minutes_of_the_template(
    stage: Stage, machine: Machine, seconds: float, over: int
) -> None:
    turn = stage.perform(1)
    machine.advance(seconds=seconds)
    stage.write(turns.finish, stage.invigilator, turn.id)
    assert stage.turn(1).overtime_seconds == over


def test_approved_extra_time_is_no_overtime(stage: Stage, machine: Machine) -> None:
    turn = stage.perform(1)

    def grant(session: Session) -> None:
        row = session.get_one(Registration, turn.registration_id)
        row.extra_percent = Decimal(50)

    stage.host.db.write(grant)
    machine.advance(minutes=45, seconds=7)
    stage.write(turns.finish, stage.invigilator, turn.id)
    assert stage.turn(1).overtime_seconds == 7


def test_nobody_starts_without_a_look_at_the_document(stage: Stage) -> None:
    stage.write(turns.call, stage.invigilator, stage.turn(1).id)
    with pytest.raises(Refused, match="identity_unchecked"):
        stage.write(turns.start, stage.invigilator, stage.turn(1).id, checked=False)
    assert stage.turn(1).state == "called"


def test_a_station_has_one_candidate_at_a_time(stage: Stage) -> None:
    first, third = stage.perform(1), stage.turn(3)
    assert first.station_id == third.station_id
    stage.write(turns.call, stage.invigilator, third.id)
    with pytest.raises(Refused, match="station_occupied"):
        stage.write(turns.start, stage.invigilator, third.id, checked=True)
    assert stage.perform(2).state == "performing"
    stage.write(turns.finish, stage.invigilator, first.id)
    stage.write(turns.start, stage.invigilator, third.id, checked=True)


def test_one_station_calls_one_candidate_at_a_time(stage: Stage) -> None:
    stage.write(turns.call, stage.invigilator, stage.turn(1).id)
    with pytest.raises(Refused, match="station_called"):
        stage.write(turns.call, stage.invigilator, stage.turn(3).id)
    stage.write(turns.call, stage.invigilator, stage.turn(2).id)


def test_steps_out_of_their_order_are_refused(stage: Stage) -> None:
    waiting, done = stage.turn(2), stage.done(1)
    for act, turn, code, more in [
        (turns.start, waiting, "turn_not_called", {"checked": True}),
        (turns.finish, waiting, "turn_not_performing", {}),
        (turns.call, done, "turn_not_waiting", {}),
        (turns.absent, done, "turn_begun", {}),
        (turns.start, done, "turn_not_called", {"checked": True}),
    ]:
        with pytest.raises(Refused, match=code):
            stage.write(act, stage.invigilator, turn.id, **more)


def test_a_mistaken_call_is_taken_back_with_a_reason(stage: Stage) -> None:
    turn = stage.turn(1)
    stage.write(turns.call, stage.invigilator, turn.id)
    with pytest.raises(Refused, match="reason_missing"):
        stage.write(turns.take_back, Signed(stage.invigilator), turn.id)
    assert stage.write(turns.take_back, Signed(stage.invigilator, "叫错了"), turn.id) == "waiting"
    stage.write(turns.absent, stage.invigilator, turn.id)
    assert stage.write(turns.take_back, Signed(stage.invigilator, "考生到了"), turn.id) == "waiting"
    acts = [(entry.act, entry.details.get("was")) for entry in records(stage)][-4:]
    assert acts[1] == ("turn_taken_back", "called")
    assert acts[3] == ("turn_taken_back", "absent")


def test_a_mistaken_start_is_taken_back_until_something_is_marked(stage: Stage) -> None:
    turn = stage.perform(1)
    assert stage.write(turns.take_back, Signed(stage.invigilator, "人不对"), turn.id) == "called"
    assert stage.turn(1).panel == []
    stage.write(turns.start, stage.invigilator, turn.id, checked=True)
    stage.host.db.write(_mark, stage, turn.id)
    with pytest.raises(Refused, match="turn_has_marks"):
        stage.write(turns.take_back, Signed(stage.invigilator, "人不对"), turn.id)


def test_the_record_of_the_day_does_not_tell_who_is_behind_a_code(stage: Stage) -> None:
    stage.done(1)
    stage.write(turns.absent, stage.invigilator, stage.turn(2).id)
    with stage.host.db.read() as session:
        tickets = list(session.scalars(select(Registration.ticket)))
    text = "".join(f"{entry.object}{entry.details}" for entry in records(stage))
    assert stage.turn(1).code in text
    assert not any(ticket in text for ticket in tickets)
    assert "某" not in text


# --- who may --------------------------------------------------------------------------------------------


def test_examiners_and_strangers_call_nobody(stage: Stage, person_as: People) -> None:
    turn = stage.turn(1)
    with pytest.raises(Forbidden):
        stage.write(turns.call, stage.leader, turn.id)
    with pytest.raises(Refused, match="not_on_duty"):
        stage.write(turns.call, person_as("invigilator"), turn.id)
    assert stage.turn(1).state == "waiting"


def test_nothing_is_called_before_the_session_and_after_it(host: Host, person_as: People) -> None:
    stage = make_assessment(host, person_as, state="released")
    with pytest.raises(Refused, match="assessment_not_begun"):
        stage.write(turns.call, stage.invigilator, stage.turn(1).id)

    def end(session: Session) -> None:
        session.get_one(RoomSitting, stage.room_sitting).state = "ended"

    host.db.write(end)
    with pytest.raises(Refused, match="assessment_over"):
        stage.write(turns.call, stage.invigilator, stage.turn(1).id)


# --- beginning and ending -------------------------------------------------------------------------------


def test_a_session_begins_when_every_gate_is_open(host: Host, person_as: People) -> None:
    stage = make_assessment(host, person_as, state="released")
    stage.write(assessments.begin, stage.invigilator, stage.room_sitting)
    assert stage.room_row().state == "running"
    with pytest.raises(Refused, match="assessment_begun"):
        stage.write(assessments.begin, stage.invigilator, stage.room_sitting)


def test_each_gate_stops_the_beginning_by_name(host: Host, person_as: People) -> None:
    stage = make_assessment(host, person_as, state="arranged")
    with pytest.raises(Refused, match="template_not_released"):
        stage.write(assessments.begin, stage.invigilator, stage.room_sitting)

    def release(session: Session) -> None:
        session.get_one(RoomSitting, stage.room_sitting).state = "released"

    host.db.write(release)
    stage.duty(stage.examiners[2], present=False)
    with pytest.raises(Refused, match="panel_incomplete") as refused:
        stage.write(assessments.begin, stage.invigilator, stage.room_sitting)
    assert refused.value.params["names"] == "考评员3"
    stage.duty(stage.examiners[2], present=True)
    for who in (stage.invigilator, stage.chief):
        stage.duty(who, present=False)
    with pytest.raises(Refused, match="assessment_staff_away"):
        stage.write(assessments.begin, stage.invigilator, stage.room_sitting)


def test_a_candidate_who_came_after_the_draw_stops_the_beginning(host: Host, person_as: People) -> None:
    stage = make_assessment(host, person_as, state="released")

    def forget(session: Session) -> None:
        session.delete(turns.turns_of(session, stage.room_sitting)[0])

    host.db.write(forget)
    with pytest.raises(Refused, match="order_without_some"):
        stage.write(assessments.begin, stage.invigilator, stage.room_sitting)


def test_a_session_ends_when_everybody_had_the_turn_or_is_absent(host: Host, person_as: People) -> None:
    stage = make_assessment(host, person_as, candidates=3)
    stage.done(1)
    stage.perform(2)
    with pytest.raises(Refused, match="turns_open") as refused:
        stage.write(assessments.end, Signed(stage.invigilator), stage.room_sitting)
    assert refused.value.params["numbers"] == "2、3"
    stage.write(turns.finish, stage.invigilator, stage.turn(2).id)
    stage.write(turns.absent, stage.invigilator, stage.turn(3).id)
    stage.write(assessments.end, Signed(stage.invigilator), stage.room_sitting)
    assert (stage.room_row().state, records(stage)[-1].details["absent"]) == ("ended", 1)
    stage.write(assessments.reopen, Signed(stage.chief, "漏一名考生"), stage.room_sitting)
    assert stage.room_row().state == "running"


def _mark(session: Session, stage: Stage, turn_id: int) -> None:
    """One record of one examiner's sheet, as its tablet would send it."""
    now, user = stage.host.now(), stage.leader.user_id
    add, flush = session.add, session.flush
    sheet = ScoreSheet(uid="sheet-1", turn_id=turn_id, user_id=user, opened_at=now)
    device = ScoringDevice(user_id=user, public_key=b"-", registered_at=now)
    add(sheet)
    add(device)
    flush()
    add(SheetJournal(sheet_id=sheet.id, journal=1, device_id=device.id, parent="", opened_at=now))
    record = ScoreRecord(sheet_id=sheet.id, journal=1, seq=1, hash="h", prev="", sealed=b"-")
    record.stamped_at = record.received_at = now
    add(record)
    flush()


def test_the_stage_of_the_tests_opens_its_template_like_a_panel(stage: Stage) -> None:
    with stage.host.db.read() as session:
        assert template_release.released_template(session, stage.room_sitting) == sheet_template()


@pytest.mark.on_postgresql
def test_two_callers_at_once_call_one_candidate_to_a_station(stage: Stage) -> None:
    first, third = stage.turn(1).id, stage.turn(3).id  # of the same station
    both = Barrier(2)

    def call(turn: int) -> str:
        both.wait()
        try:
            stage.write(turns.call, stage.invigilator, turn)
        except Refused as refusal:
            return refusal.code
        return "called"

    with ThreadPoolExecutor(2) as callers:
        answers = sorted(callers.map(call, (first, third)))
    assert answers == ["called", "station_called"]
