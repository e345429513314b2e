"""The pages of written papers: scans brought in by a job, scripts given out, marks handed in at the desk."""

import io
from collections.abc import Callable
from decimal import Decimal

import pytest
from flask.testing import FlaskClient
from pypdf import PdfReader
from sqlalchemy import select

from server.access import Actor
from server.db.scripts import ScanPage
from server.host import Host
from server.services import scans, script_room
from tests.server.conftest import Machine
from tests.server.desk import page
from tests.server.script_kit import PaperRoom, loose_pages, make_paper_room

SignIn = Callable[[Actor], FlaskClient]


@pytest.fixture
def room(host: Host, person_as: Callable[..., Actor], machine: Machine) -> PaperRoom:
    made = make_paper_room(host, person_as, machine)
    made.end()
    return made


@pytest.mark.dear
def test_from_scans_to_a_mark_through_the_pages(room: PaperRoom, sign_in: SignIn) -> None:
    manager, here = sign_in(room.manager), f"/scripts/rooms/{room.room}"
    pdf = room.sheets_before_the_end("1")
    data = {"file": (io.BytesIO(pdf), "scan.pdf")}
    job = manager.post(f"{here}/scans", data=data, content_type="multipart/form-data")
    room.host.jobs.wait(int(job.location.rsplit("/", 1)[1]))
    shown = page(manager.get(here))
    script = room.scripts()["1"]
    assert script.code in shown
    assert "待分配" in shown
    people = [str(marker.user_id) for marker in room.markers[:2]]
    assert manager.post(f"{here}/markers", data={"markers": people}).status_code == 302
    assert manager.post(f"{here}/allot").status_code == 302
    for reading in room.readings("1"):
        marker = sign_in(room.marker(reading))
        address = f"/scripts/readings/{reading.id}"
        desk = page(marker.get(address))
        assert script.code in desk
        assert room.scene.tickets["1"] not in desk
        assert "考生1" not in desk
        points = {"points-objective": "40", "points-item-4": "", "points-item-5": "10"}
        missing = marker.post(address, data={**points, "act": "hand_in"})
        assert missing.status_code == 422
        assert "还有题目没有给分" in page(missing)
        assert marker.post(address, data={**points, "act": "save"}).status_code == 302
        points["points-item-4"] = "12"
        assert marker.post(address, data={**points, "act": "hand_in"}).status_code == 302
    assert room.scripts()["1"].points == Decimal(62)
    assert "二评平均" in page(manager.get(here))


@pytest.mark.dear
def test_the_desk_shows_pages_without_the_head_of_the_first(room: PaperRoom, sign_in: SignIn) -> None:
    room.store(loose_pages(2))
    room.allot(*room.markers[:2])
    with room.host.db.read() as session:
        pages = list(session.scalars(select(ScanPage.id).order_by(ScanPage.id)))
    for page_id in pages:
        room.scene.write(scans.match, room.manager, page_id, "1")
    reading = room.readings("1")[0]
    marker = sign_in(room.marker(reading))
    desk = page(marker.get(f"/scripts/readings/{reading.id}"))
    mine = f"/scripts/readings/{reading.id}/pages"
    assert f"{mine}/1/body.jpg" in desk
    assert f"{mine}/2/head.jpg" in desk
    assert f"{mine}/1/head.jpg" not in desk
    assert "stamp.jpg" not in desk
    assert "/scripts/pages/" not in desk  # numbers of pages follow the scanner, and so the seats
    shown = marker.get(f"{mine}/1/body.jpg")
    assert (shown.status_code, shown.mimetype) == (200, "image/jpeg")
    assert shown.headers["Cache-Control"] == "private, no-store"
    assert marker.get(f"{mine}/1/stamp.jpg").status_code == 404
    assert marker.get(f"/scripts/pages/{pages[0]}/body.jpg").status_code == 403


def test_every_role_at_every_address(
    room: PaperRoom, sign_in: SignIn, person_as: Callable[..., Actor]
) -> None:
    room.store(loose_pages(2))
    room.allot(*room.markers[:2])
    reading = room.readings("1")[0]
    here = f"/scripts/rooms/{room.room}"
    other = next(marker for marker in room.markers if marker.user_id != reading.user_id)
    assert sign_in(other).get(f"/scripts/readings/{reading.id}").status_code == 404
    assert sign_in(other).post(f"/scripts/readings/{reading.id}", data={}).status_code == 404
    for who in (room.marker(reading), room.scene.invigilator, person_as("auditor"), person_as("scorer")):
        client = sign_in(who)
        assert client.get(here).status_code == 403
        assert client.get(f"{here}/register.pdf").status_code == 403
        assert client.post(f"{here}/allot").status_code == 403
    nothing = page(sign_in(room.scene.invigilator).get("/scripts"))
    assert "没有需要您处理的答卷" in nothing
    assert "第一考场" not in nothing
    assert sign_in(room.manager).get(f"/scripts/readings/{reading.id}").status_code == 403


def test_pages_before_the_end_and_without_scans(
    host: Host, person_as: Callable[..., Actor], machine: Machine, sign_in: SignIn
) -> None:
    room = make_paper_room(host, person_as, machine)
    client, here = sign_in(room.manager), f"/scripts/rooms/{room.room}"
    assert "考试还没有结束" in page(client.get(here))
    room.end()
    assert "直接建立密号" in page(client.get(here))
    assert client.post(f"{here}/prepare").status_code == 302
    codes = [script.code for script in room.scripts().values()]
    shown = page(client.get(here))
    assert all(code in shown for code in codes)


def test_a_refused_act_shows_the_page_with_the_reason(room: PaperRoom, sign_in: SignIn) -> None:
    client, here = sign_in(room.manager), f"/scripts/rooms/{room.room}"
    room.scene.write(script_room.prepare, room.manager, room.room)
    assert "请选择评卷人" in page(client.post(f"{here}/markers", data={}))
    script = room.scripts()["2"].id
    assert "请填写原因" in page(client.post(f"{here}/scripts/{script}/out", data={}))
    assert "的题号" in page(client.post(f"{here}/scripts/{script}/typed", data={"typed": "77 A"}))
    assert client.post(f"{here}/scripts/{script}/burn").status_code == 404
    data = {"file": (io.BytesIO(b"GIF89a"), "scan.gif")}
    job = client.post(f"{here}/scans", data=data, content_type="multipart/form-data")
    room.host.jobs.wait(int(job.location.rsplit("/", 1)[1]))
    assert "不是 PDF" in page(client.get(job.location))


def test_the_register_on_paper(room: PaperRoom, sign_in: SignIn) -> None:
    room.allot(*room.markers[:2])
    for reading in room.readings("1"):
        room.hand_in(reading, objective="40", four="12", five="10")
    answer = sign_in(room.manager).get(f"/scripts/rooms/{room.room}/register.pdf")
    text = "".join("".join(p.extract_text().split()) for p in PdfReader(io.BytesIO(answer.data)).pages)
    assert "阅卷登记表" in text
    assert room.scripts()["1"].code in text
    assert "二评平均" in text
    assert room.scene.tickets["1"] not in text
