"""Comprehensive reviews: what is handed in and counts, who may read it, defences planned, asked and timed."""

import io
import zipfile
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfWriter
from pypdf.generic import DictionaryObject, NameObject, TextStringObject
from sqlalchemy import select

from server.access import Actor
from server.db.assessing import Turn
from server.db.record import AuditEntry
from server.db.reviewing import DefenceQuestion, ReviewFile
from server.errors import Forbidden, NotFound, Refused
from server.host import Host
from server.jobs.works import count_characters, read_work
from server.services import defences, theses, thesis_views, turns
from server.services.defences import Asked, Plan
from server.services.signed import Signed
from server.services.theses import Similarity
from server.services.thesis_views import FileLine
from tests.server.assessing_kit import Stage
from tests.server.conftest import Machine
from tests.server.paper_kit import png
from tests.server.review_kit import LEAST, docx, hand_in, make_review


@pytest.fixture
def stage(host: Host, person_as: Callable[..., Actor]) -> Stage:
    return make_review(host, person_as)


def lines(stage: Stage, place: int = 0, least: int = 0) -> tuple[FileLine, ...]:
    with stage.host.db.read() as session:
        found = thesis_views.files_of(session, [stage.registrations[place]], least)
    return found.get(stage.registrations[place], ())


def counting(stage: Stage, place: int = 0, least: int = 0) -> list[int]:
    return [line.row.id for line in lines(stage, place, least) if line.counts]


def turn_of(stage: Stage, place: int = 0) -> Turn:
    with stage.host.db.read() as session:
        query = select(Turn).where(Turn.registration_id == stage.registrations[place])
        return session.scalars(query).one()


def entries(stage: Stage, act: str) -> list[AuditEntry]:
    with stage.host.db.read() as session:
        return list(session.scalars(select(AuditEntry).where(AuditEntry.act == act)))


def pdf(pages: int = 2, **more: Any) -> bytes:
    writer = PdfWriter()
    for _page in range(pages):
        writer.add_blank_page(595, 842)
    if more.get("script"):
        act = {
            NameObject("/S"): NameObject("/JavaScript"),
            NameObject("/JS"): TextStringObject("app.alert(1)"),
        }
        writer.root_object[NameObject("/OpenAction")] = DictionaryObject(act)
    if more.get("attached"):
        writer.add_attachment("a.txt", b"x")
    if more.get("password"):
        writer.encrypt("secret")
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


# --- what a file is --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "mime", "pages", "characters"),
    [
        (docx("保卫管理员 security 2026 年。"), "wordprocessingml", 3, 9),
        (docx("论文", None), "wordprocessingml", None, 2),
        (pdf(4), "pdf", 4, 0),
        (png(300, 200), "png", 1, 0),
    ],
)
def test_a_file_is_what_its_content_says(data: bytes, mime: str, pages: int | None, characters: int) -> None:
    found = read_work({"data": data}, lambda *_: None)
    assert mime in found["mime"]
    assert (found["pages"], found["characters"]) == (pages, characters)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"MZ an executable", "work_not_readable"),
        (b"%PDF-1.7 cut off", "work_damaged"),
        (pdf(script=True), "work_active"),
        (pdf(attached=True), "work_active"),
        (pdf(password=True), "work_encrypted"),
        (docx("x", **{"word/vbaProject.bin": b"x"}), "work_active"),
        (docx("x")[:-30], "work_damaged"),
        (docx("<w:broken>"), "work_damaged"),
        (pdf(501), "work_too_long"),
    ],
)
def test_a_file_that_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(Refused, match=code):
        read_work({"data": data}, lambda *_: None)


def test_an_entity_of_a_document_is_not_followed() -> None:
    buffer = io.BytesIO()
    evil = (
        b'<!DOCTYPE d [<!ENTITY a "' + b"A" * 1000 + b'"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
        b'<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:t>&b;</w:t></w:document>'
    )
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("word/document.xml", evil)
    assert read_work({"data": buffer.getvalue()}, lambda *_: None)["characters"] == 0


@given(st.text(max_size=60), st.text(max_size=60))
def test_characters_of_two_lines_add_up(one: str, other: str) -> None:
    assert count_characters(f"{one}\n{other}") == count_characters(one) + count_characters(other)


# --- which version counts --------------------------------------------------------------------------------


@pytest.mark.both_stores
def test_the_last_version_before_the_due_time_counts(stage: Stage, machine: Machine) -> None:
    due = machine.wall + timedelta(minutes=5)
    stage.write(theses.set_due, stage.administrator, stage.room_sitting, due)
    first = hand_in(stage, text="第一稿")
    machine.advance(minutes=5)
    second = hand_in(stage, text="第二稿")  # at the very moment
    machine.advance(seconds=1)
    third = hand_in(stage, text="第三稿")
    assert counting(stage) == [second]
    assert [(line.row.id, line.waits) for line in lines(stage)] == [
        (third, "late"),
        (second, ""),
        (first, ""),
    ]
    with pytest.raises(Refused, match="reason_missing"):
        stage.write(theses.accept, Signed(stage.administrator), third)
    stage.write(theses.accept, Signed(stage.administrator, "网络故障"), third)
    assert counting(stage) == [third]
    stage.write(theses.withdraw, Signed(stage.administrator, "交错文件"), third)
    assert counting(stage) == [second]
    with pytest.raises(Refused, match="work_withdrawn_already"):
        stage.write(theses.withdraw, Signed(stage.administrator, "再次"), third)


@pytest.mark.parametrize(("length", "waits"), [(1999, "short"), (2000, ""), (2001, "")])
def test_the_least_length_of_the_policy(
    host: Host, person_as: Callable[..., Actor], length: int, waits: str
) -> None:
    stage = make_review(host, person_as, characters=2000)
    hand_in(stage, text="字" * length)
    assert [line.waits for line in lines(stage, least=2000)] == [waits]


def test_materials_of_several_kinds_count_beside_each_other(stage: Stage) -> None:
    ids = [hand_in(stage, kind=kind, text=kind) for kind in ("summary", "thesis", "achievement")]
    assert set(counting(stage)) == set(ids)
    assert [line.row.kind for line in lines(stage)] == ["thesis", "summary", "achievement"]
    with pytest.raises(Refused, match="work_again"):
        hand_in(stage, kind="summary", text="summary")


def test_nothing_comes_or_goes_once_the_turn_began(stage: Stage) -> None:
    number = turn_of(stage).number
    kept = hand_in(stage)
    stage.perform(number)
    with pytest.raises(Refused, match="work_after_turn"):
        hand_in(stage, text="新稿")
    with pytest.raises(Refused, match="work_after_turn"):
        stage.write(theses.withdraw, Signed(stage.administrator, "x"), kept)


def test_a_due_time_lies_before_the_sitting(stage: Stage, machine: Machine) -> None:
    late = machine.wall + timedelta(hours=5)
    with pytest.raises(Refused, match="work_due_too_late"):
        stage.write(theses.set_due, stage.administrator, stage.room_sitting, late)


# --- who sees what ---------------------------------------------------------------------------------------


def test_the_panel_reads_what_counts_under_the_code_and_every_reading_is_on_record(stage: Stage) -> None:
    old, new = hand_in(stage, text="旧稿"), hand_in(stage, text="新稿")
    member = stage.examiners[1]
    opened = stage.write(thesis_views.read, member, new)
    assert opened.data == docx("新稿")
    assert opened.name == f"{turn_of(stage).code}-thesis-2.docx"
    with pytest.raises(NotFound):
        stage.write(thesis_views.read, member, old)
    assert [entry.actor for entry in entries(stage, "work_read")] == [member.name]
    with stage.host.db.read() as session:
        found = thesis_views.works(session, member, stage.room_sitting)
    assert {(line.ticket, line.name) for line in found} == {("", "")}
    assert [line.number for line in found] == [1, 2, 3]


def test_strangers_read_nothing(stage: Stage, person_as: Callable[..., Actor]) -> None:
    kept = hand_in(stage)
    for stranger in (person_as("examiner"), stage.invigilator, stage.supervisor):
        with pytest.raises(Forbidden):
            stage.write(thesis_views.read, stranger, kept)
    with stage.host.db.read() as session, pytest.raises(Forbidden):
        thesis_views.works(session, person_as("examiner"), stage.room_sitting)
    with pytest.raises(Forbidden):
        stage.write(theses.withdraw, Signed(stage.leader, "x"), kept)


def test_files_are_kept_sealed(stage: Stage) -> None:
    kept = hand_in(stage, text="可识别的一句话")
    with stage.host.db.read() as session:
        row = session.get_one(ReviewFile, kept)
        assert docx("可识别的一句话")[:40] not in row.sealed


@pytest.mark.parametrize(
    ("percent", "source", "sha256", "code"),
    [
        ("100", "某系统", "a" * 64, ""),
        ("0", "某系统", "", ""),
        ("100.01", "某系统", "", "similarity_out_of_range"),
        ("-0.01", "某系统", "", "similarity_out_of_range"),
        ("12", " ", "", "similarity_source_missing"),
        ("12", "某系统", "xyz", "similarity_hash_form"),
    ],
)
def test_similarity_is_entered_with_its_source(
    stage: Stage, percent: str, source: str, sha256: str, code: str
) -> None:
    found = Similarity(Decimal(percent), source, sha256)
    act = (theses.note_similarity, stage.administrator, stage.registrations[0], found)
    if code:
        with pytest.raises(Refused, match=code):
            stage.write(*act)
        return
    stage.write(*act)
    (entry,) = entries(stage, "similarity_noted")
    assert entry.details["percent"] == percent


# --- defences --------------------------------------------------------------------------------------------


def test_defences_are_planned_in_the_drawn_order(stage: Stage, machine: Machine) -> None:
    first = machine.wall + timedelta(minutes=10)
    plan = Plan(first, LEAST, 5)
    assert stage.write(defences.schedule, stage.administrator, stage.room_sitting, plan) == 3
    planned = [stage.turn(number).planned_at for number in (1, 2, 3)]
    assert planned == [first + timedelta(minutes=20 * position) for position in range(3)]


@pytest.mark.parametrize(
    ("minutes", "early", "code"),
    [(LEAST - 1, 0, "schedule_too_short"), (LEAST, 1, "schedule_too_early"), (300, 0, "schedule_too_long")],
)
def test_a_plan_that_is_refused(stage: Stage, machine: Machine, minutes: int, early: int, code: str) -> None:
    plan = Plan(machine.wall + timedelta(minutes=10, seconds=-early), minutes)
    with pytest.raises(Refused, match=code):
        stage.write(defences.schedule, stage.administrator, stage.room_sitting, plan)


def test_no_plan_before_the_order_is_drawn(host: Host, person_as: Callable[..., Actor]) -> None:
    stage = make_review(host, person_as, state="planned")
    with pytest.raises(Refused, match="schedule_no_order"):
        stage.write(defences.schedule, stage.administrator, stage.room_sitting, Plan(host.now(), LEAST))


@pytest.mark.parametrize(("seconds", "ends"), [(LEAST * 60 - 1, False), (LEAST * 60, True)])
def test_a_defence_lasts_the_minutes_of_the_policy(
    stage: Stage, machine: Machine, seconds: int, ends: bool
) -> None:
    turn = stage.perform(1)
    machine.advance(seconds=seconds)
    if ends:
        stage.write(turns.finish, stage.invigilator, turn.id)
        assert stage.turn(1).state == "done"
        return
    with pytest.raises(Refused, match="defence_too_short") as refused:
        stage.write(turns.finish, stage.invigilator, turn.id)
    assert refused.value.params == {"minutes": str(LEAST - 1), "least": str(LEAST)}


def test_leader_and_another_member_may_end_it_earlier(stage: Stage, machine: Machine) -> None:
    turn = stage.perform(1)
    machine.advance(minutes=5)
    leader, member = stage.examiners[0], stage.examiners[1]
    for signed, code in (
        (Signed(leader, "", member), "reason_missing"),
        (Signed(leader, "考生身体不适"), "cosign_missing"),
        (Signed(leader, "考生身体不适", leader), "cosign_same_person"),
        (Signed(member, "考生身体不适", leader), "defence_leader_only"),
        (Signed(leader, "考生身体不适", stage.chief), "defence_second_member"),
    ):
        with pytest.raises(Refused, match=code):
            stage.write(defences.allow_short, signed, turn.id)
    stage.write(defences.allow_short, Signed(leader, "考生身体不适", member), turn.id)
    stage.write(turns.finish, stage.invigilator, turn.id)
    (entry,) = entries(stage, "defence_short_allowed")
    assert (entry.details["reason"], entry.details["cosigned_by"]) == ("考生身体不适", member.name)


def test_questions_are_noted_with_who_asked_and_corrections_kept(stage: Stage) -> None:
    turn = stage.perform(1)
    asked = Asked(stage.examiners[2].user_id or 0, "为什么选择这种布防？", "答得完整")
    first = stage.write(defences.ask, stage.leader, turn.id, asked)
    stage.write(defences.ask, stage.invigilator, turn.id, Asked(stage.leader.user_id or 0, "第二问"))
    stage.write(defences.change, stage.leader, first, Asked(asked.by, asked.text, "答得不完整"))
    with pytest.raises(Refused, match="question_changed"):
        stage.write(defences.change, stage.leader, first, asked)
    with stage.host.db.read() as session:
        found = defences.questions(session, turn.id)
        rows = list(session.scalars(select(DefenceQuestion)))
    assert [(one.number, one.by_name, one.answer) for one in found] == [
        (1, "考评员3", "答得不完整"),
        (2, "考评员1", ""),
    ]
    assert len(rows) == 3
    assert not any("布防".encode() in row.sealed for row in rows)
    assert "布防" not in str([entry.details for entry in entries(stage, "question_noted")])


def test_questions_of_people_outside_or_before_the_turn(
    stage: Stage, person_as: Callable[..., Actor]
) -> None:
    waiting = stage.turn(1)
    asked = Asked(stage.leader.user_id or 0, "问题")
    with pytest.raises(Refused, match="turn_not_performing"):
        stage.write(defences.ask, stage.leader, waiting.id, asked)
    turn = stage.perform(1)
    for who in (person_as("examiner"), stage.supervisor, stage.administrator):
        with pytest.raises(Forbidden):
            stage.write(defences.ask, who, turn.id, asked)
    with pytest.raises(Refused, match="question_of_nobody"):
        stage.write(defences.ask, stage.leader, turn.id, Asked(stage.chief.user_id or 0, "问题"))
    with pytest.raises(Refused, match="question_missing"):
        stage.write(defences.ask, stage.leader, turn.id, Asked(stage.leader.user_id or 0, " "))


def test_a_turn_shows_its_panel_the_work_and_never_the_name(stage: Stage, machine: Machine) -> None:
    hand_in(stage)
    stage.write(theses.describe, stage.administrator, stage.registrations[0], "商业综合体保卫方案")
    turn = turn_of(stage)
    stage.perform(turn.number)
    machine.advance(seconds=90)
    with stage.host.db.read() as session:
        found = defences.view(session, stage.examiners[1], turn.id, now=stage.host.now())
    assert (found.title, found.seconds, found.least) == ("商业综合体保卫方案", 90, LEAST)
    assert (found.member, found.leader, found.may_note) == (True, False, True)
    assert len(found.files) == 1
    with stage.host.db.read() as session, pytest.raises(Forbidden):
        defences.view(session, stage.supervisor, turn.id, now=stage.host.now())
