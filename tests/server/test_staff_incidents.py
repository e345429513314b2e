"""What staff saw: on one list with what programs raise, leaves with both moments, photos sealed."""

import io
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import cv2
import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from exam_rooms.incidents import LEAVES, SEEN_BY_PEOPLE, IncidentKind, Severity
from server.access import Actor, Role
from server.db.cases import ReportPhoto, StaffReport
from server.db.record import AuditEntry
from server.db.rooms import Room
from server.db.sittings import Assignment, Batch, Incident, RoomSitting
from server.errors import Forbidden, NotFound, Refused
from server.events import Activity
from server.host import Host
from server.jobs.report_photos import read_report_photos
from server.services import commands, incident_views, incidents, staff_incidents
from server.services.incidents import Episode, Place, raise_incident
from server.services.roomstate import load
from server.services.signed import Signed
from server.services.staff_incidents import Return, Sighting
from tests.server.case_kit import SHANGHAI, CaseRoom, case_room
from tests.server.conftest import Machine
from tests.server.desk import page, said


@pytest.fixture
def room(host: Host, person_as: Callable[..., Actor], machine: Machine) -> CaseRoom:
    return case_room(host, person_as, machine)


def row(room: CaseRoom, incident: int) -> Incident:
    with room.host.db.read() as session:
        return session.get_one(Incident, incident)


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


def picture(width: int = 2400, height: int = 1800) -> bytes:
    noise = np.random.default_rng(3).integers(0, 255, (height // 8, width // 8, 3), dtype=np.uint8)
    frame = cv2.resize(noise, (width, height))
    return cv2.imencode(".jpg", frame)[1].tobytes()


def with_metadata(jpeg: bytes) -> bytes:
    """The same picture with an APP1 segment, as cameras add with place and time."""
    told = b"Exif\x00\x00GPS 31.2304N 121.4737E"
    return jpeg[:2] + b"\xff\xe1" + (len(told) + 2).to_bytes(2, "big") + told + jpeg[2:]


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
    assert row(room, phone).details["recorded_by"] == room.scene.invigilator.user_id


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
    assert row(room, empty.id).details["leave"] == leave
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
    assert row(room, leave).details["ended_at"] == room.host.now().isoformat()


def test_an_empty_seat_that_was_seen_before_the_leave_was_logged_is_explained_too(room: CaseRoom) -> None:
    empty = empty_seat(room, "e1")
    room.machine.advance(seconds=30)
    leave = room.report("LEAVE_ALLOWED", note="", escort="王五")
    assert row(room, empty.id).details["leave"] == leave
    late = empty_seat(room, "e2", since=20)  # began before the leave, arrives afterwards: one open incident
    assert late.id == empty.id


def test_what_began_before_or_after_a_leave_is_not_explained_by_it(room: CaseRoom) -> None:
    before = empty_seat(room, "e1")
    end_episode(room, before.id, "e1")
    room.machine.advance(minutes=5)
    leave = room.report("LEAVE_ALLOWED", note="", escort="王五")
    room.machine.advance(minutes=1)
    room.scene.write(staff_incidents.back, room.scene.invigilator, leave, Return("document"))
    assert "leave" not in row(room, before.id).details


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


@pytest.fixture
def swapped(room: CaseRoom) -> datetime:
    """Candidate 1 has gone from seat 1 to the spare and candidate 2 sits at seat 1; a moment before that."""
    before = room.host.now()
    room.machine.advance(minutes=1)
    for seat, to in (("1", "4"), ("2", "1")):
        signed = Signed(room.scene.invigilator, "机器故障")
        room.scene.write(commands.move_seat, room.scene.attempts[seat], room.scene.seats[to], signed)
    room.machine.advance(minutes=1)
    return before


@pytest.mark.both_stores
def test_a_report_of_an_earlier_moment_is_about_who_sat_there_then(room: CaseRoom, swapped: datetime) -> None:
    first, second = room.scene.attempts["1"], room.scene.attempts["2"]
    with pytest.raises(Refused) as told:
        room.report("PHONE", "1", seen_at=swapped)
    assert (told.value.code, told.value.params["name"]) == ("report_seat_changed_hands", "考生1")
    moved = swapped + timedelta(minutes=1)
    found = [
        row(room, room.report("PHONE", "1", seen_at=swapped, attempt=first)),
        row(room, room.report("PHONE", "1", seen_at=moved)),
        row(room, room.report("PHONE", "1")),
        row(room, room.report("PHONE", "2", seen_at=swapped)),  # the seat is free now
        row(room, room.report("PHONE", "4")),
    ]
    assert [incident.attempt_id for incident in found] == [first, second, second, second, first]
    assert found[0].seat_id == room.scene.seats["1"]
    for seat, attempt in (("1", room.scene.attempts["3"]), ("4", second), ("4", 999)):
        with pytest.raises(Refused, match="report_person_not_there"):
            room.report("PHONE", seat, attempt=attempt)
    with pytest.raises(Refused, match="report_seat_empty"):
        room.report("PHONE", "2", seen_at=moved)


def test_a_leave_that_began_at_another_seat_is_logged_where_its_candidate_sits(
    room: CaseRoom, swapped: datetime
) -> None:
    leave = {"note": "", "escort": "王五", "seen_at": swapped, "attempt": room.scene.attempts["1"]}
    room.report("LEAVE_ALLOWED", "1", **leave)
    with room.host.db.read() as session:
        assert set(staff_incidents.away(session, room.scene.room_sitting)) == {room.scene.seats["4"]}
    with pytest.raises(Refused, match="leave_already"):
        room.report("LEAVE_ALLOWED", "4", note="", escort="王五")


def test_the_form_asks_who_it_was_where_seats_have_changed_hands(
    room: CaseRoom, swapped: datetime, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    browser, path = sign_in(room.scene.invigilator), f"/monitor/{room.scene.room_sitting}/report"
    first, second = room.scene.attempts["1"], room.scene.attempts["2"]
    fields = {"kind": "PHONE", "seat": str(room.scene.seats["1"]), "note": "手机"}
    fields["seen_at"] = f"{swapped.astimezone(SHANGHAI):%Y-%m-%dT%H:%M:%S}"
    answer = browser.post(path, data=fields)
    assert answer.status_code == 422
    assert said("report_seat_changed_hands", name="考生1") in page(answer)
    choices = re.findall(r'<option value="(\d+)"', page(answer).partition('name="person"')[2])
    assert choices[:2] == [str(first), str(second)]
    assert browser.post(path, data={**fields, "person": str(first)}).status_code == 302
    with room.host.db.read() as session:
        assert session.scalar(select(StaffReport.attempt_id)) == first


def test_where_everybody_stayed_the_form_asks_for_the_seat_alone(
    room: CaseRoom, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    shown = page(sign_in(room.scene.invigilator).get(f"/monitor/{room.scene.room_sitting}/report"))
    assert 'name="seat"' in shown
    assert 'name="person"' not in shown


@pytest.mark.both_stores
def test_who_roves_today_reports_everywhere_and_others_where_they_are_on_duty(
    room: CaseRoom, person_as: Callable[..., Actor]
) -> None:
    both, elsewhere = person_as("rover", "invigilator"), person_as("rover", "invigilator")
    room.on_duty(both, Role.ROVER)
    room.report("PHONE", by=both)
    room.report("PHONE", by=person_as("chief_invigilator"))

    def another_room(session) -> None:
        first = session.get_one(RoomSitting, room.scene.room_sitting)
        hall = Room(name="第二考场", layout={}, created_at=room.host.now())
        session.add(hall)
        session.flush()
        second = RoomSitting(uid="second", sitting_id=first.sitting_id, room_id=hall.id, state="running")
        session.add(second)
        session.flush()
        for who, role in ((elsewhere, "rover"), (invigilator, "invigilator")):
            session.add(Assignment(room_sitting_id=second.id, user_id=who.user_id, role=role))

    invigilator = person_as("invigilator", "rover")
    for who in (elsewhere, invigilator, person_as("rover")):
        with pytest.raises(Refused, match="not_on_duty"):
            room.report("PHONE", by=who)
    room.host.db.write(another_room)
    room.report("PHONE", by=elsewhere)  # a rover of this sitting
    with pytest.raises(Refused, match="not_on_duty"):
        room.report("PHONE", by=invigilator)


def test_a_policy_decides_how_urgent_a_kind_is(room: CaseRoom) -> None:
    def louder(session) -> None:
        batch = session.scalar(select(Batch))
        rules = {"photos_most": 1, "severities": [{"kind": "ITEM_QUERY", "severity": 3}]}
        batch.policy = batch.policy | {"incidents": rules}

    room.host.db.write(louder)
    assert row(room, room.report("ITEM_QUERY")).severity == Severity.ALERT
    with pytest.raises(Refused, match="report_photos_too_many"):
        room.report("PHONE", "1", b"a", b"b")


def test_photos_come_out_small_plain_and_without_metadata() -> None:
    wild = with_metadata(picture())
    assert b"GPS" in wild
    done = read_report_photos({"0": wild, "1": picture(300, 200)}, lambda *_: None)
    assert b"GPS" not in done["0"]
    shapes = [cv2.imdecode(np.frombuffer(done[name], np.uint8), 1).shape[:2] for name in "01"]
    assert shapes == [(1200, 1600), (200, 300)]


@pytest.mark.parametrize(
    ("data", "code"), [(b"GIF89a...", "picture_not_jpeg_or_png"), (picture()[:400], "picture_damaged")]
)
def test_what_is_no_picture_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(Refused) as told:
        read_report_photos({"0": data}, lambda *_: None)
    assert told.value.code == code


@pytest.mark.both_stores
def test_a_report_by_tablet_with_photos_is_sealed_and_every_look_recorded(
    room: CaseRoom, app: Flask, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    room_sitting = room.scene.room_sitting
    browser = sign_in(room.rover)
    path = f"/monitor/{room_sitting}/report"
    assert 'capture="environment"' in browser.get(path).text
    fields = {
        "kind": "NOTES",
        "seat": str(room.scene.seats["2"]),
        "note": "桌下有纸条",
        "witnesses": "李四、赵六",
    }
    photos = [(io.BytesIO(with_metadata(picture())), "a.jpg"), (io.BytesIO(picture(200, 200)), "b.jpg")]
    answer = browser.post(path, data={**fields, "photos": photos}, content_type="multipart/form-data")
    assert answer.status_code == 302
    with room.host.db.read() as session:
        (kept,) = session.scalars(select(StaffReport))
        rows = session.scalars(select(ReportPhoto).order_by(ReportPhoto.number)).all()
        assert (kept.witnesses, [photo.number for photo in rows]) == (["李四", "赵六"], [1, 2])
        assert not rows[0].sealed.startswith(b"\xff\xd8")
        numbers = [photo.id for photo in rows]
    shown = browser.get(f"/monitor/{room_sitting}/report-photos/{numbers[0]}")
    assert (shown.status_code, shown.mimetype, shown.data[:3]) == (200, "image/jpeg", b"\xff\xd8\xff")
    assert shown.headers["Cache-Control"] == "no-store"
    browser.get(f"/monitor/{room_sitting}/report-photos/{numbers[0]}")
    assert browser.get(f"/monitor/{room_sitting + 1}/report-photos/{numbers[0]}").status_code == 404
    with room.host.db.read() as session:
        looks = session.scalars(select(AuditEntry).where(AuditEntry.act == "report_photo_viewed")).all()
    assert [(look.object, look.actor) for look in looks] == [(f"report-photo/{numbers[0]}", room.rover.name)]
    again = page(browser.get(path))
    assert "桌下有纸条" in again
    assert "李四、赵六" in again


def test_a_refused_report_comes_back_as_it_was_filled_in(
    room: CaseRoom, app: Flask, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    browser = sign_in(room.scene.invigilator)
    answer = browser.post(
        f"/monitor/{room.scene.room_sitting}/report", data={"kind": "PHONE", "note": "一部手机"}
    )
    assert answer.status_code == 422
    assert said("report_seat_missing") in page(answer)
    assert "一部手机" in page(answer)


def test_who_left_is_let_in_again_on_the_same_page(
    room: CaseRoom, app: Flask, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    leave = room.report("LEAVE_ALLOWED", note="", escort="王五")
    browser = sign_in(room.scene.invigilator)
    path = f"/monitor/{room.scene.room_sitting}/report"
    assert "离场未返回" in page(browser.get(path))
    room.machine.advance(minutes=4)
    back = f"/monitor/{room.scene.room_sitting}/leaves/{leave}/back"
    assert browser.post(back, data={"check": "document", "note": "身份证"}).status_code == 302
    shown = page(browser.get(path))
    assert "离场未返回" not in shown
    assert "核对证件" in shown
    assert browser.post(back, data={"check": "document"}).status_code == 302  # said again, on the page
    assert said("leave_over") in page(browser.get(path))
