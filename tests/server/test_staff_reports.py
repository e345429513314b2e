"""Reports of what staff saw: of an earlier moment, from the form, with photos that are sealed."""

import io
import re
from collections.abc import Callable
from datetime import datetime, timedelta

import cv2
import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from exam_rooms.incidents import Severity
from server.access import Actor, Role
from server.db.cases import ReportPhoto, StaffReport
from server.db.record import AuditEntry
from server.db.rooms import Room
from server.db.sittings import Assignment, Batch, RoomSitting
from server.errors import Refused
from server.host import Host
from server.jobs.report_photos import read_report_photos
from server.services import commands, staff_incidents
from server.services.signed import Signed
from tests.server.case_kit import SHANGHAI, CaseRoom, case_room, incident_row
from tests.server.conftest import Machine
from tests.server.desk import page, said


@pytest.fixture
def room(host: Host, person_as: Callable[..., Actor], machine: Machine) -> CaseRoom:
    return case_room(host, person_as, machine)


def picture(width: int = 2400, height: int = 1800) -> bytes:
    noise = np.random.default_rng(3).integers(0, 255, (height // 8, width // 8, 3), dtype=np.uint8)
    frame = cv2.resize(noise, (width, height))
    return cv2.imencode(".jpg", frame)[1].tobytes()


def with_metadata(jpeg: bytes) -> bytes:
    """The same picture with an APP1 segment, as cameras add with place and time."""
    told = b"Exif\x00\x00GPS 31.2304N 121.4737E"
    return jpeg[:2] + b"\xff\xe1" + (len(told) + 2).to_bytes(2, "big") + told + jpeg[2:]


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
        incident_row(room, room.report("PHONE", "1", seen_at=swapped, attempt=first)),
        incident_row(room, room.report("PHONE", "1", seen_at=moved)),
        incident_row(room, room.report("PHONE", "1")),
        incident_row(room, room.report("PHONE", "2", seen_at=swapped)),  # the seat is free now
        incident_row(room, room.report("PHONE", "4")),
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
    assert incident_row(room, room.report("ITEM_QUERY")).severity == Severity.ALERT
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


@pytest.mark.dear
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
