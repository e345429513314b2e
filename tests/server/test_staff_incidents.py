"""What staff saw: on one list with what programs raise, leaves with both moments."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from exam_rooms.incidents import LEAVES, SEEN_BY_PEOPLE, IncidentKind, Severity
from server.access import Actor
from server.db.record import AuditEntry
from server.db.sittings import Incident
from server.errors import Forbidden, NotFound, Refused
from server.events import Activity
from server.host import Host
from server.services import incident_views, incidents, staff_incidents
from server.services.incidents import Episode, Place, raise_incident
from server.services.roomstate import load
from server.services.staff_incidents import Return, Sighting
from tests.server.case_kit import CaseRoom, case_room, incident_row
from tests.server.conftest import Machine


@pytest.fixture
def room(host: Host, person_as: Callable[..., Actor], machine: Machine) -> CaseRoom:
    return case_room(host, person_as, machine)


def seat_list(room: CaseRoom, seat: str = "1") -> list[incident_views.IncidentView]:
    with room.host.db.read() as session:
        return incident_views.of_seat(session, room.scene.room_sitting, room.scene.seats[seat])


def empty_seat(room: CaseRoom, name: str, since: float = 0) -> Incident:
    """The seat's camera sees nobody since so many seconds ago."""
    place = Place(room.scene.room_sitting, room.scene.seats["1"], room.scene.attempts["1"])
    episode = Episode(name, room.host.now() - timedelta(seconds=since), {})
    return room.scene.write(incidents.raise_episode, place, IncidentKind.NO_FACE, episode)


def end_episode(room: CaseRoom, incident: int, name: str) -> None:
    def end(session, *, now) -> None:
        incidents.end_episode(session, session.get_one(Incident, incident), name, now=now)

    room.scene.write(end)


@pytest.mark.both_stores
def test_people_and_programs_share_one_list_at_the_seat_and_in_the_room(room: CaseRoom) -> None:
    told: list[Activity] = []
    room.host.events.subscribe(Activity, told.append)
    place = Place(room.scene.room_sitting, room.scene.seats["1"], room.scene.attempts["1"])
    room.scene.write(raise_incident, place, IncidentKind.DARK)
    phone = room.report("PHONE", by=room.rover, witnesses=("李四",))
    assert [view.kind for view in seat_list(room)] == ["PHONE", "DARK"]
    with room.host.db.read() as session:
        waiting = incident_views.waiting(session, room.scene.room_sitting)
    assert [view.kind for view in waiting] == ["PHONE", "DARK"]
    report = waiting[0].report
    assert (report.by, report.witnesses, report.note) == (room.rover.name, ("李四",), "考生座位上有一部手机")
    assert (waiting[0].answered_for, waiting[1].answered_for) == (True, False)
    assert [line.code for line in told] == ["incident_dark", "incident_phone"]
    room.handle(phone, "recorded")
    assert incident_row(room, phone).details["recorded_by"] == room.scene.invigilator.user_id


@pytest.mark.both_stores
def test_scenario_31_a_leave_of_four_minutes_stands_with_both_moments_while_the_clock_runs_on(
    room: CaseRoom,
) -> None:
    with room.host.db.read() as session:
        deadline = load(session, room.scene.room_sitting).deadline(room.scene.attempt("1"))
    leave = room.report("ILLNESS", note="头晕，去医务室", escort="王五（流动监考）")
    with room.host.db.read() as session:
        assert set(staff_incidents.away(session, room.scene.room_sitting)) == {room.scene.seats["1"]}
    assert (
        room.scene.attempt("1").frozen_why == "IDENTITY"
    )  # the page is covered until the look at the return
    room.machine.advance(seconds=10)
    empty = empty_seat(room, "e1", since=8)
    with room.host.db.read() as session:
        assert incident_views.waiting(session, room.scene.room_sitting) == []
    room.machine.advance(minutes=3, seconds=50)
    back = Return("face", "面部比对一致")
    room.scene.write(staff_incidents.back, room.scene.invigilator, leave, back)
    assert room.scene.attempt("1").frozen_at is None
    room.machine.advance(seconds=2)
    end_episode(room, empty.id, "e1")
    by_kind = {view.kind: view for view in seat_list(room)}
    assert (by_kind["ILLNESS"].seconds, by_kind["ILLNESS"].report.back_check) == (240.0, "face")
    assert by_kind["NO_FACE"].on_leave
    assert (by_kind["NO_FACE"].state, by_kind["NO_FACE"].severity) == ("recorded", Severity.INFO)
    assert incident_row(room, empty.id).details["leave"] == leave
    with room.host.db.read() as session:
        assert load(session, room.scene.room_sitting).deadline(room.scene.attempt("1")) == deadline
        assert staff_incidents.away(session, room.scene.room_sitting) == {}
        acts = session.scalars(
            select(AuditEntry.act).where(AuditEntry.object == f"incident/{leave}").order_by(AuditEntry.id)
        ).all()
    assert acts == ["incident_reported", "leave_ended"]
    room.machine.advance(minutes=10)
    again = empty_seat(room, "e2")
    assert (again.id != empty.id, again.severity, "leave" in again.details) == (True, Severity.ALERT, False)


def test_a_leave_that_a_rover_logs_covers_no_page(room: CaseRoom) -> None:
    leave = room.report("LEAVE_ALLOWED", note="", escort=room.rover.name, by=room.rover)
    assert room.scene.attempt("1").frozen_at is None
    room.scene.write(staff_incidents.back, room.scene.invigilator, leave, Return("document"))
    assert incident_row(room, leave).details["ended_at"] == room.host.now().isoformat()


def test_an_empty_seat_that_was_seen_before_the_leave_was_logged_is_explained_too(room: CaseRoom) -> None:
    empty = empty_seat(room, "e1")
    room.machine.advance(seconds=30)
    leave = room.report("LEAVE_ALLOWED", note="", escort="王五")
    assert incident_row(room, empty.id).details["leave"] == leave
    late = empty_seat(room, "e2", since=20)  # began before the leave, arrives afterwards: one open incident
    assert late.id == empty.id


def test_what_began_before_or_after_a_leave_is_not_explained_by_it(room: CaseRoom) -> None:
    before = empty_seat(room, "e1")
    end_episode(room, before.id, "e1")
    room.machine.advance(minutes=5)
    leave = room.report("LEAVE_ALLOWED", note="", escort="王五")
    room.machine.advance(minutes=1)
    room.scene.write(staff_incidents.back, room.scene.invigilator, leave, Return("document"))
    assert "leave" not in incident_row(room, before.id).details


def test_an_illness_at_the_seat_is_no_leave(room: CaseRoom) -> None:
    ill = room.report("ILLNESS", note="流鼻血，在座位处理")
    with room.host.db.read() as session:
        assert staff_incidents.away(session, room.scene.room_sitting) == {}
    with pytest.raises(NotFound):
        room.scene.write(staff_incidents.back, room.scene.invigilator, ill, Return("face"))


def test_a_return_is_checked_once_and_by_the_room(room: CaseRoom, person_as: Callable[..., Actor]) -> None:
    leave = room.report("LEAVE_ALLOWED", note="", escort="王五")
    for who, returned, code in (
        (room.scene.invigilator, Return(""), "return_check_missing"),
        (person_as("invigilator"), Return("face"), "not_on_duty"),
    ):
        with pytest.raises(Refused) as told:
            room.scene.write(staff_incidents.back, who, leave, returned)
        assert told.value.code == code
    with pytest.raises(Forbidden):
        room.scene.write(staff_incidents.back, room.rover, leave, Return("face"))
    room.scene.write(staff_incidents.back, room.scene.invigilator, leave, Return("document"))
    with pytest.raises(Refused, match="leave_over"):
        room.scene.write(staff_incidents.back, room.scene.invigilator, leave, Return("document"))


def test_what_is_only_logged_waits_for_nobody(room: CaseRoom) -> None:
    for kind in SEEN_BY_PEOPLE:
        room.report(str(kind), escort="王五" if kind is IncidentKind.LEAVE_ALLOWED else "")
    with room.host.db.read() as session:
        waiting = [view.kind for view in incident_views.waiting(session, room.scene.room_sitting)]
    assert waiting == ["PHONE", "NOTES", "PASSING", "DISORDER", "ID_FORGED"]
    logged = [view for view in seat_list(room) if view.kind not in waiting]
    assert {view.state for view in logged} == {"recorded"}
    assert {IncidentKind(view.kind) for view in logged} >= LEAVES


def test_each_report_is_refused_for_its_reason(room: CaseRoom, person_as: Callable[..., Actor]) -> None:
    now, seats = room.host.now(), room.scene.seats
    good = Sighting(room.scene.room_sitting, "PHONE", seats["1"], now, "手机")
    cases = [
        (replace(good, kind="NO_FACE"), "report_kind_unknown"),
        (replace(good, kind=""), "report_kind_unknown"),
        (replace(good, seat=None), "report_seat_missing"),
        (replace(good, seat=seats["4"]), "report_seat_empty"),
        (replace(good, seen_at=now + timedelta(seconds=1)), "report_in_future"),
        (replace(good, note=""), "report_note_missing"),
        (replace(good, note="长" * 401), "field_too_long"),
        (replace(good, witnesses=("李四",) * 7), "report_witnesses_too_many"),
        (replace(good, escort="王五"), "report_escort_not_for_this"),
        (replace(good, kind="LEAVE_ALLOWED"), "report_escort_missing"),
    ]
    for sighting, code in cases:
        with pytest.raises(Refused) as told:
            room.scene.write(staff_incidents.report, room.scene.invigilator, sighting)
        assert told.value.code == code
    with pytest.raises(Refused, match="not_on_duty"):
        room.scene.write(staff_incidents.report, person_as("invigilator"), good)
    with pytest.raises(Forbidden):
        room.scene.write(staff_incidents.report, person_as("supervisor"), good)
    room.scene.write(staff_incidents.report, room.rover, replace(good, kind="DISORDER", seat=None))
    leave = replace(good, kind="LEAVE_ALLOWED", escort="王五", note="")
    room.scene.write(staff_incidents.report, room.scene.invigilator, leave)
    with pytest.raises(Refused, match="leave_already"):
        room.scene.write(staff_incidents.report, room.scene.invigilator, leave)
