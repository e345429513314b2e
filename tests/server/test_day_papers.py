"""Papers of the day as PDFs: what stands on them, who may print, the ticket's code, the file that waits."""

import io
import zipfile
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import cv2
import numpy as np
import pytest
import typst
from flask import Flask
from flask.testing import FlaskClient
from pypdf import PdfReader
from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.ticket_code import PURPOSE, read_ticket, ticket_text
from server.access import Actor
from server.db.base import vault_of
from server.db.day_prints import DayPrint
from server.db.record import AuditEntry
from server.db.sittings import Attempt, Candidate, Registration
from server.documents.typesetting import qr
from server.errors import Forbidden, Refused
from server.host import Host
from server.jobs.day_papers import day_papers as typeset_papers
from server.services import day_papers
from server.services.day_paper_data import BUILDERS
from server.services.day_papers import KEPT, Made, Printer
from server.services.rosters import PHOTO_PURPOSE
from server.services.site_facts import SiteFacts
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, another_sitting, make_scene
from tests.server.desk import page, said
from tests.server.paper_kit import pages, sizes

ZONE = ZoneInfo("Asia/Shanghai")
FACTS = SiteFacts("示例评价机构", "示例考点", "示例市示例路 1 号")
RARE = ("㼆小宁", "𠮷田惠", "阿卜杜热西提·买买提")


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    made = make_scene(host, person_as)

    def rename(session: Session) -> None:
        for person, name in zip(session.scalars(select(Candidate).order_by(Candidate.id)), RARE, strict=True):
            person.name = name

    host.db.write(rename)
    return made


@pytest.fixture
def administrator(person_as: Callable[..., Actor]) -> Actor:
    return person_as("administrator")


def work(scene: Scene, kind: str, who: Actor | None = None) -> dict[str, Any]:
    printer = Printer(who or scene.invigilator, FACTS, ZONE)

    def opened(session: Session) -> dict[str, Any]:
        return day_papers.room_work(session, printer, scene.room_sitting, kind, now=scene.host.now())

    return scene.host.db.write(opened)


def printed(scene: Scene, kind: str) -> bytes:
    return typeset_papers(work(scene, kind), lambda *_: None)["data"]


def jpeg(shade: int) -> bytes:
    picture = np.full((160, 120, 3), shade, np.uint8)
    picture[:, :60] //= 2
    return cv2.imencode(".jpg", picture)[1].tobytes()


def put_photo(scene: Scene, seat: str, data: bytes) -> None:
    def put(session: Session) -> None:
        attempt = session.get_one(Attempt, scene.attempts[seat])
        row = session.get_one(Registration, attempt.registration_id)
        row.sealed_photo = vault_of(session).seal_value(PHOTO_PURPOSE, str(row.id), data)
        row.has_photo = True

    scene.host.db.write(put)


# --- what stands on them ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", BUILDERS)
def test_every_paper_names_institution_batch_page_time_and_mark(scene: Scene, kind: str) -> None:
    asked = work(scene, kind)
    texts = pages(typeset_papers(asked, lambda *_: None)["data"])
    mark = asked["papers"][0]["head"]["hash"]
    for number, text in enumerate(texts, 1):
        assert "示例评价机构" in text
        assert "2026年第4批·第1场·第一考场" in text
        assert f"第{number}页共{len(texts)}页" in text
        assert "打印时间2026-11-2108:30" in text
        assert mark in text


def test_a_ticket_says_what_a_candidate_needs(scene: Scene) -> None:
    pdf = printed(scene, "ticket")
    texts = pages(pdf)
    assert len(texts) == 3 and sizes(pdf) == {(148, 210)}
    first = texts[0]
    for part in (
        "准考证", RARE[0], "男", "110***********109X"[:3], scene.tickets["1"], "保卫管理员", "三级/高级工",
        "示例考点", "示例市示例路1号", "第一考场", "2026年11月21日", "08:10起，08:55止", "08:40—10:10",
        "考生须知", "08:40开考，08:55后不得入场；开考30分钟后方可交卷离场。",
    ):  # fmt: skip
        assert part in first, part
    assert "11010119900307109X" not in "".join(texts)
    for name, text in zip(RARE, texts, strict=True):
        assert name in text


def test_rare_characters_have_their_own_shapes(scene: Scene) -> None:
    """A character that the font lacks is drawn as a box, and all boxes look alike."""

    def drawn(character: str) -> bytes:
        from server.documents.typesetting import face

        source = f'#set text(font: "{face().family}", size: 40pt)\n#set page(width: 60pt, height: 60pt)\n{character}'
        fonts = {"font_paths": [face().folder], "ignore_system_fonts": True} if face().folder else {}
        return bytes(typst.compile(source.encode(), format="png", **fonts))

    missing = drawn("\U0003fffd")
    shapes = {drawn(character) for character in "㼆𠮷宁"}
    assert len(shapes) == 3 and missing not in shapes


@pytest.mark.dear
def test_photos_are_the_ones_that_were_taken_in(scene: Scene) -> None:
    put_photo(scene, "1", jpeg(200))
    put_photo(scene, "2", b"\xff\xd8 damaged")
    put_photo(scene, "3", jpeg(90))
    reader = PdfReader(io.BytesIO(printed(scene, "ticket")))
    found = [page.images for page in reader.pages]
    assert [len(images) for images in found] == [1, 0, 1]
    shades = [int(np.asarray(found[n][0].image.convert("L")).max()) for n in (0, 2)]
    assert abs(shades[0] - 200) < 6 and abs(shades[1] - 90) < 6
    assert "照片" in pages(printed(scene, "ticket"))[1]


def test_the_tickets_code_reads_back_and_belongs_to_the_site(scene: Scene) -> None:
    asked = work(scene, "ticket")
    with scene.host.db.read() as session:
        vault = vault_of(session)
        found = read_ticket(
            asked["papers"][0]["data"]["tickets"][0]["qr"], lambda text: vault.index(PURPOSE, text)
        )
    assert found is not None and found.marked and found.ticket == scene.tickets["1"]


def test_a_camera_reads_the_code() -> None:
    text = ticket_text("2611210100017", lambda _: "5" * 32)
    source = f'#set page(width: 40mm, height: 40mm, margin: 5mm)\n#image(bytes("{_typed(qr(text))}"), format: "svg", width: 30mm)'
    picture = cv2.imdecode(np.frombuffer(typst.compile(source.encode(), format="png"), np.uint8), 0)
    assert cv2.QRCodeDetector().detectAndDecode(picture)[0] == text


def _typed(svg: str) -> str:
    return svg.replace("\\", "\\\\").replace('"', '\\"')


@pytest.mark.dear
def test_lists_of_a_room(scene: Scene) -> None:
    (door,) = pages(printed(scene, "door"))
    assert f"{scene.tickets['1']}——{scene.tickets['3']}（共3人）" in door and "第一考场" in door
    (labels,) = pages(printed(scene, "label"))
    assert all(name in labels for name in RARE) and "备用" in labels
    (plan,) = pages(printed(scene, "plan"))
    assert all(name in plan for name in RARE) and "备用" in plan and scene.tickets["2"] in plan
    (sheet,) = pages(printed(scene, "sign_in"))
    assert "应考3人" in sheet and "109X" in sheet
    (staff,) = pages(printed(scene, "staff"))
    assert scene.chief.name.replace(" ", "") in staff and "主考" in staff


@pytest.mark.dear
def test_accommodations_end_later_and_are_listed(scene: Scene) -> None:
    def grant(session: Session) -> None:
        attempt = session.get_one(Attempt, scene.attempts["2"])
        row = session.get_one(Registration, attempt.registration_id)
        row.extra_percent, row.large_print, row.accommodation_note = 30, True, "批 2026-3"

    scene.host.db.write(grant)
    (text,) = pages(printed(scene, "accommodation"))
    assert RARE[1] in text and "加时27分钟，大字版" in text and "10:37" in text and "批2026-3" in text
    assert RARE[0] not in text
    tickets = pages(printed(scene, "ticket"))
    assert "08:40—10:37" in tickets[1] and "加时27分钟" in tickets[1] and "08:40—10:10" in tickets[0]


def test_the_mark_is_of_what_is_said(scene: Scene) -> None:
    def mark() -> str:
        return str(work(scene, "door")["papers"][0]["head"]["hash"])

    before = mark()
    assert mark() == before

    def rename(session: Session) -> None:
        session.get_one(Candidate, 1).name = "改名"

    scene.host.db.write(rename)
    assert mark() != before


# --- who, and the register -------------------------------------------------------------------------------


def test_who_may_print(scene: Scene, administrator: Actor, person_as: Callable[..., Actor]) -> None:
    assert work(scene, "door", administrator)["copies"] == 1
    with pytest.raises(Refused, match="not_on_duty"):
        work(scene, "door", person_as("invigilator"))
    for role in ("rover", "custodian", "auditor", "bank_keeper"):
        with pytest.raises(Forbidden):
            work(scene, "door", person_as(role))
    with pytest.raises(Refused, match="paper_kind_unknown"):
        work(scene, "paper", administrator)


def test_a_room_without_a_draw_prints_nothing(scene: Scene, administrator: Actor) -> None:
    other = another_sitting(scene, 4, "planned")
    printer = Printer(administrator, FACTS, ZONE)
    with pytest.raises(Refused, match="seats_not_drawn_in"):
        scene.write(day_papers.room_work, printer, other, "ticket")


@pytest.mark.both_stores
def test_printings_are_lines_of_the_register_and_the_chain(scene: Scene) -> None:
    made = Made("ticket", 3, b"%PDF-1.7")
    number = scene.write(day_papers.note_room, scene.invigilator, scene.room_sitting, made)
    with scene.host.db.read() as session:
        (line,) = day_papers.lines(session, scene.room_sitting, now=scene.host.now())
        entry = session.scalars(select(AuditEntry).where(AuditEntry.act == "day_paper_printed")).one()
        assert session.get_one(DayPrint, number).sealed is None
    assert (line.id, line.kind, line.copies, line.waiting) == (number, "ticket", 3, False)
    assert entry.details["copies"] == 3 and entry.details["sha256"] == line.sha256


@pytest.mark.both_stores
def test_the_file_of_a_sitting_waits_a_day_sealed(
    scene: Scene, administrator: Actor, machine: Machine
) -> None:
    data = b"PK the tickets of every room"
    number = scene.write(day_papers.keep_sitting, administrator, scene.room_sitting, Made("ticket", 3, data))
    with scene.host.db.read() as session:
        row = session.get_one(DayPrint, number)
        assert row.sealed is not None and b"tickets" not in row.sealed
    machine.advance(seconds=KEPT.total_seconds() - 1)
    assert scene.write(day_papers.fetch, administrator, number) == ("ticket", data)
    with pytest.raises(Forbidden):
        scene.write(day_papers.fetch, scene.invigilator, number)
    machine.advance(seconds=1)
    with pytest.raises(Refused, match="print_gone"):
        scene.write(day_papers.fetch, administrator, number)
    scene.write(day_papers.keep_sitting, administrator, scene.room_sitting, Made("door", 1, b"%PDF"))
    with scene.host.db.read() as session:
        assert session.get_one(DayPrint, number).sealed is None


def test_several_rooms_come_as_one_file(scene: Scene) -> None:
    asked = work(scene, "door")
    two = asked | {"papers": [*asked["papers"], asked["papers"][0] | {"name": "第二/考场"}]}
    told: list[float] = []
    made = typeset_papers(two, lambda share, _note: told.append(share))
    archive = zipfile.ZipFile(io.BytesIO(made["data"]))
    assert archive.namelist() == ["001 第一考场 door.pdf", "002 第二_考场 door.pdf"]
    assert told == [0.5, 1.0] and pages(archive.read("002 第二_考场 door.pdf"))


# --- the page --------------------------------------------------------------------------------------------


def test_the_page_prints_and_lists(app: Flask, scene: Scene, client_as: Callable[..., FlaskClient]) -> None:
    browser = client_as("administrator")
    path = f"/sittings/{scene.room_sitting}/documents"
    assert "还没有打印过" in page(browser.get(path))
    answer = browser.post(path, data={"kind": "label"})
    assert answer.mimetype == "application/pdf" and answer.data.startswith(b"%PDF")
    assert "桌贴" in page(browser.get(path)) and "还没有打印过" not in page(browser.get(path))
    wrong = browser.post(path, data={"kind": "nothing"})
    assert wrong.status_code == 422 and said("paper_kind_unknown") in page(wrong)


def test_a_whole_sitting_is_made_beside_the_request(
    app: Flask, scene: Scene, client_as: Callable[..., FlaskClient]
) -> None:
    browser = client_as("administrator")
    path = f"/sittings/{scene.room_sitting}/documents"
    answer = browser.post(f"{path}/all", data={"kind": "door"})
    assert answer.status_code == 302
    scene.host.jobs.wait(int(answer.location.rsplit("/", 1)[1]), 60)
    with scene.host.db.read() as session:
        row = session.scalars(select(DayPrint)).one()
    assert row.room_sitting_id is None and row.expires_at == scene.host.now() + KEPT
    assert "下载" in page(browser.get(path))
    file = browser.post(f"/documents/{row.id}")
    assert file.data.startswith(b"%PDF") and "attachment" in file.headers["Content-Disposition"]
    assert client_as("invigilator").post(f"/documents/{row.id}").status_code == 403
