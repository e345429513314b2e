"""The room record: filled, corrected with traces, signed, sealed with a checkpoint, then only added to."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
import typst
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader
from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.seats import AttemptState
from server.access import Actor, Role
from server.db.cases import StaffReport
from server.db.commands import PauseRow
from server.db.record import AuditEntry, AuditHead
from server.db.sittings import Assignment, Attempt, Incident
from server.documents.typesetting import qr
from server.errors import Forbidden, Refused
from server.host import Host
from server.jobs.documents import document_pdf
from server.rules.audit_chain import CHECKPOINT_MARK, checkpoint_message, signed_by
from server.rules.record_sums import Place, sums
from server.services import audit, record_book, room_record
from server.services.record_book import Book, Change
from tests.server.conftest import PASSWORD, Machine
from tests.server.delivery_kit import make_scene
from tests.server.record_kit import ZONE, Over, over


@pytest.fixture
def day(app: Flask, host: Host, person_as: Callable[..., Actor], machine: Machine) -> Over:
    return over(app, host, person_as, machine)


def book(day: Over) -> Book:
    with day.scene.host.db.read() as session:
        return record_book.book(session, day.page)


def sign_all(day: Over) -> None:
    for person in (*day.scene.staff, day.scene.chief):
        day.scene.write(record_book.sign, person, day.page, book(day).sha256)


# --- the sums, without a store ------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.sampled_from(["", *map(str, AttemptState)]), st.booleans())))
def test_a_room_without_gaps_is_submitted_ended_and_absent(found: list[tuple[str, bool]]) -> None:
    places = [Place(str(n), str(n), state, collected) for n, (state, collected) in enumerate(found)]
    counted = sums(places)
    assert counted.expected == len(places)
    if not counted.gaps:
        assert counted.expected == counted.submitted + counted.ended + counted.absent
    named = {gap.ticket for gap in counted.gaps}
    closed = {"submitted", "auto_submitted", "ended"}
    assert named == {
        place.ticket
        for place in places
        if not (place.state == "absent" or (place.state in closed and place.collected))
    }


# --- the book -----------------------------------------------------------------------------------------------


@pytest.mark.dear
@pytest.mark.both_stores
def test_filled_corrected_signed_sealed_and_added_to(day: Over) -> None:
    scene, before = day.scene, book(day)
    assert before.content["facts"]["expected"] == "3"
    assert before.content["facts"]["absent_tickets"] == scene.tickets["3"]
    assert ("4", "2 号换到 4 号：断电") in [(one["seat"], one["text"]) for one in before.content["lines"]]
    assert [one.role for one in before.signers] == ["invigilator", "invigilator", "chief_invigilator"]
    (moved,) = (one for one in before.content["lines"] if one["key"].startswith("stay/"))
    for change in (
        Change(moved["key"], "2 号换到 4 号：主机故障", "原因写错"),
        Change("added", "10:05 消防铃响", "补记"),
    ):
        scene.write(record_book.correct, scene.invigilator, day.page, change)
    after = book(day)
    assert after.sha256 != before.sha256
    first, second = after.content["corrections"]
    assert (first["old"], first["new"]) == ("2 号换到 4 号：断电", "2 号换到 4 号：主机故障")
    assert (first["reason"], first["by"], second["field"]) == ("原因写错", scene.invigilator.name, "added/1")
    sign_all(day)
    root = scene.write(record_book.seal, scene.chief, day.page)
    sealed = book(day)
    assert sealed.sealed_at is not None and sealed.checkpoint is not None
    assert (sealed.sha256, sealed.checkpoint.root) == (after.sha256, root)
    point = sealed.checkpoint.as_json()
    assert signed_by(scene.host.site.public_key, checkpoint_message(point), point["signature"])
    with pytest.raises(Refused, match="record_sealed"):
        scene.write(record_book.correct, scene.invigilator, day.page, Change("remarks", "迟了", "迟了"))
    with pytest.raises(Refused, match="record_sealed"):
        scene.write(record_book.sign, scene.chief, day.page, sealed.sha256)
    with pytest.raises(Refused, match="record_sealed"):
        scene.write(record_book.seal, scene.chief, day.page)
    scene.write(record_book.add, scene.chief, scene.room_sitting, "考生次日补交说明")
    assert [text for text, _at, _by in book(day).annexes] == ["考生次日补交说明"]
    assert book(day).content == sealed.content
    with scene.host.db.read() as session:
        assert not audit.verify(session, audit.sitting_stream(scene.room_sitting)).breaks


def test_a_sealed_record_stays_as_it_was_whatever_happens_later(day: Over) -> None:
    sign_all(day)
    day.scene.write(record_book.seal, day.scene.chief, day.page)
    before = book(day).content

    def late(session: Session) -> None:
        session.get_one(Attempt, day.scene.attempts["3"]).state = "submitted"

    day.scene.host.db.write(late)
    assert book(day).content == before


def test_a_signature_holds_only_while_the_record_says_the_same(day: Over) -> None:
    scene = day.scene
    stale = book(day).sha256
    scene.write(record_book.sign, scene.invigilator, day.page, stale)
    assert [bool(one.name) for one in book(day).signers] == [True, False, False]
    scene.write(record_book.correct, scene.staff[1], day.page, Change("remarks", "无其他情况", "补充"))
    assert [bool(one.name) for one in book(day).signers] == [False, False, False]
    with pytest.raises(Refused, match="record_changed"):
        scene.write(record_book.sign, scene.invigilator, day.page, stale)
    with pytest.raises(Refused, match="record_unsigned"):
        scene.write(record_book.seal, scene.chief, day.page)
    scene.write(record_book.sign, scene.invigilator, day.page, book(day).sha256)
    with pytest.raises(Refused, match="record_signed_before"):
        scene.write(record_book.sign, scene.invigilator, day.page, book(day).sha256)


def test_sums_refuse_closing_and_name_the_seats(day: Over) -> None:
    scene = day.scene

    def reopen(session: Session, seat: str, **change: object) -> None:
        row = session.get_one(Attempt, scene.attempts[seat])
        for name, value in change.items():
            setattr(row, name, value)

    scene.host.db.write(reopen, "1", state="answering")
    scene.host.db.write(reopen, "2", collected_at=None)
    found = book(day)
    assert found.sums is not None
    assert [(gap.seat, gap.code) for gap in found.sums.gaps] == [("1", "still_open"), ("4", "rest_missing")]
    for act in (
        lambda: scene.write(record_book.sign, scene.chief, day.page, found.sha256),
        lambda: scene.write(record_book.seal, scene.chief, day.page),
    ):
        with pytest.raises(Refused, match="record_sums") as refused:
            act()
        assert refused.value.params["seats"] == "1、4"


def test_a_rover_on_duty_signs_too_and_changes_nothing(day: Over, person_as: Callable[..., Actor]) -> None:
    scene, rover = day.scene, person_as("rover")
    with pytest.raises(Refused, match="not_on_duty"):
        scene.write(record_book.sign, rover, day.page, book(day).sha256)
    scene.host.db.write(
        lambda session: session.add(
            Assignment(room_sitting_id=scene.room_sitting, user_id=rover.user_id or 0, role=str(Role.ROVER))
        )
    )
    assert "rover" in [one.role for one in book(day).signers]
    with pytest.raises(Forbidden):
        scene.write(record_book.correct, rover, day.page, Change("remarks", "x", "y"))
    sign_all(day)
    with pytest.raises(Refused, match="record_unsigned"):
        scene.write(record_book.seal, scene.chief, day.page)
    scene.write(record_book.sign, rover, day.page, book(day).sha256)
    scene.write(record_book.seal, scene.chief, day.page)


def test_nothing_is_signed_before_the_end(host: Host, person_as: Callable[..., Actor]) -> None:
    scene = make_scene(host, person_as)
    page = record_book.Page(scene.room_sitting, ZONE)
    with pytest.raises(Refused, match="record_too_early"):
        scene.write(record_book.correct, scene.invigilator, page, Change("remarks", "x", "y"))
    with pytest.raises(Forbidden):
        scene.write(record_book.seal, scene.invigilator, page)


def test_a_chain_written_anew_after_the_seal_is_found_by_the_checkpoint(day: Over) -> None:
    """Whoever can write the table can make all hashes fit again; the signed root does not fit."""
    scene = day.scene
    sign_all(day)
    scene.write(record_book.seal, scene.chief, day.page)
    stream = audit.sitting_stream(scene.room_sitting)

    def forge(session: Session) -> None:
        last = audit.FIRST_HASH
        for row in session.scalars(
            select(AuditEntry).where(AuditEntry.stream == stream).order_by(AuditEntry.seq)
        ):
            row.actor = "somebody else" if row.act == "room_started" else row.actor
            row.prev = last
            row.hash = last = audit.digest(row)
        session.get_one(AuditHead, stream).hash = last

    scene.host.db.write(forge)
    with scene.host.db.read() as session:
        verdict = audit.verify(session, stream)
    assert [one.code for one in verdict.breaks] == ["checkpoint"]


def test_late_entries_leaves_queries_pauses_and_violations_are_filled_in(day: Over) -> None:
    scene = day.scene
    began = scene.room_row().started_at
    assert began is not None

    def happened(session: Session) -> None:
        place = {"room_sitting_id": scene.room_sitting, "attempt_id": scene.attempts["1"]}
        session.get_one(Attempt, scene.attempts["1"]).admitted_at = began + timedelta(minutes=12)
        kinds = (
            ("LEAVE_ALLOWED", 4, "流动监考甲"),
            ("ITEM_QUERY", None, ""),
            ("ILLNESS", None, ""),
            ("ILLNESS", None, "乙"),
        )
        for kind, back, escort in kinds:
            seen = began + timedelta(minutes=20)
            incident = Incident(**place, kind=kind, severity=1, first_at=seen, last_at=seen)
            session.add(incident)
            session.flush()
            report = StaffReport(**place, incident_id=incident.id, kind=kind, note="第 3 题", seen_at=seen)
            report.reported_at, report.escort = seen, escort
            report.back_at = seen + timedelta(minutes=back) if back else None
            session.add(report)
        pause = {"room_sitting_id": scene.room_sitting, "reason": "消防演习"}
        session.add(PauseRow(**pause, since_at=began, until_at=began + timedelta(minutes=3)))

    scene.host.db.write(happened)
    texts = [(one["key"].split("/")[0], one["seat"], one["text"]) for one in book(day).content["lines"]]
    assert ("late", "1", "迟到入场，开考后 12 分钟") in texts
    assert ("leave", "1", "离场，流动监考甲 陪同，4 分钟后返回：第 3 题") in texts
    assert ("leave", "1", "身体不适，没有离场：第 3 题") in texts
    assert ("leave", "1", "身体不适，乙 陪同，没有返回的记录：第 3 题") in texts
    assert ("query", "1", "试题疑问：第 3 题") in texts
    assert ("pause", "全场", "暂停，3.0 分钟：消防演习") in texts


# --- on paper and on the page --------------------------------------------------------------------------------


@pytest.mark.dear
def test_the_sealed_record_prints_its_hash_and_the_checkpoint_as_a_code(day: Over, tmp_path: Path) -> None:
    scene = day.scene
    scene.write(
        record_book.correct, scene.invigilator, day.page, Change("remarks", "考生㼆·𠮷提出表扬", "补充")
    )
    sign_all(day)
    root = scene.write(record_book.seal, scene.chief, day.page)
    with scene.host.db.read() as session:
        payload = room_record.document(session, scene.room_sitting, now=scene.host.now(), zone=ZONE)
    file = tmp_path / "record.pdf"
    file.write_bytes(document_pdf(payload, lambda *_: None)["data"])
    text = text_of(file)
    assert "㼆·𠮷" in text
    for part in (root, book(day).sha256, payload["head"]["hash"], scene.tickets["1"], scene.tickets["3"]):
        assert part in text.replace("\n", ""), part
    assert "第 1 页" in text.replace("\n", " ")
    code = read_code(payload["seal_code"], 34)
    point = json.loads(code.removeprefix(CHECKPOINT_MARK))
    assert point["root"] == root
    assert signed_by(scene.host.site.public_key, checkpoint_message(point), point["signature"])


@pytest.mark.dear
def test_each_signs_on_the_page_with_the_own_password(
    day: Over, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    scene = day.scene
    browser = sign_in(scene.invigilator)
    url = f"/sittings/{scene.room_sitting}/record"
    shown = browser.get(url).text
    assert "2 号换到 4 号：断电" in shown
    given = {"sha256": book(day).sha256, "cosign_username": scene.staff[1].name, "cosign_password": PASSWORD}
    wrong = browser.post(f"{url}/sign", data=given | {"cosign_password": "not the password"})
    assert wrong.status_code == 422
    assert browser.post(f"{url}/sign", data=given).status_code == 302
    given["cosign_username"] = scene.invigilator.name
    assert browser.post(f"{url}/sign", data=given).status_code == 302
    assert [one.name for one in book(day).signers][:2] == [scene.staff[1].name, scene.invigilator.name]
    assert browser.post(f"{url}/seal").status_code == 403
    chief = sign_in(scene.chief)
    assert chief.post(f"{url}/seal").status_code == 409
    assert chief.post(f"{url}/sign", data=given | {"cosign_username": scene.chief.name}).status_code == 302
    assert chief.post(f"{url}/seal").status_code == 302
    page = chief.get(url).text
    assert book(day).sha256 in page
    assert (
        browser.post(f"{url}/correct", data={"field": "remarks", "new": "x", "reason": "y"}).status_code
        == 409
    )
    assert browser.post(f"{url}/annex", data={"text": "附注一"}).status_code == 302
    assert "附注一" in browser.get(url).text


# --- looking at paper ------------------------------------------------------------------------------------------


def text_of(file: Path) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(file).pages)


def read_code(text: str, millimetres: int) -> str:
    """What a camera reads off a code of this text, as high as on the page, from nearer and farther away."""
    source = f"""#set page(width: auto, height: auto, margin: 6mm)
#image(bytes(json("data.json").svg), format: "svg", height: {millimetres}mm)"""
    files = {"main.typ": source.encode(), "data.json": json.dumps({"svg": qr(text)}).encode()}
    found = ""
    for dots in (150, 200, 250, 300, 400):
        picture = typst.Compiler(files).compile(format="png", ppi=dots)  # type: ignore
        image = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_GRAYSCALE)
        found = found or str(cv2.QRCodeDetector().detectAndDecode(image)[0])
    return found
