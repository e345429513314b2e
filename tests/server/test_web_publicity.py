"""Pages after the marks: lists, the public page, objections, rechecks, corrections, and who sees none of it."""

import io
import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openpyxl import load_workbook
from pypdf import PdfReader
from sqlalchemy import select

from server.access import Actor, Role
from server.db.publicity import PublicityList
from server.host import Host
from server.jobs.documents import document_pdf
from server.jobs.results import results_xlsx
from server.live.publicity import Settler
from server.services import publicity_documents
from server.services.printed_at import At
from server.services.result_documents import Press
from tests.server.conftest import PASSWORD, Machine
from tests.server.desk import page, said
from tests.server.publicity_kit import SAID, SHANGHAI, Office, office


@pytest.fixture
def machine() -> Machine:
    """A Monday in March 2025, ten in the morning in Shanghai."""
    return Machine(wall=datetime(2025, 3, 3, 2, 0, tzinfo=UTC))


@pytest.fixture
def desk(app: Flask, host: Host, person_as: Callable[..., Actor]) -> Office:
    return office(host, person_as)


SignIn = Callable[[Actor], FlaskClient]


def second(who: Actor) -> dict[str, str]:
    return {"cosign_username": who.name, "cosign_password": PASSWORD}


def base(desk: Office) -> str:
    return f"/results/batches/{desk.stage.batch}"


def text_of(payload: dict[str, object]) -> str:
    pdf = document_pdf(payload, lambda *_: None)["data"]
    return "".join("".join(sheet.extract_text().split()) for sheet in PdfReader(io.BytesIO(pdf)).pages)


def press(desk: Office) -> Press:
    return Press(At(desk.host.now(), SHANGHAI), "某某评价中心")


def test_a_list_is_published_by_two_and_read_by_anybody_with_its_address(
    desk: Office, sign_in: SignIn, client: FlaskClient
) -> None:
    clerk, path = sign_in(desk.clerk), f"{base(desk)}/publicity"
    shown = page(clerk.get(path))
    assert "公布 4 名考生的名单" in shown
    alone = clerk.post(path)
    assert (alone.status_code, said("cosign_missing") in page(alone)) == (422, True)
    wrong = clerk.post(path, data=second(desk.scorer))
    assert said("cosign_not_allowed", name=desk.scorer.name) in page(wrong)
    done = clerk.post(path, data=second(desk.head))
    assert done.headers["Location"] == f"{path}/1"
    listed = page(clerk.get(f"{path}/1"))
    assert "59.5" in listed and "2025-03-10" in listed
    address = re.search(r'href="(/publicity/[^"]+)"', listed)
    assert address is not None
    public = client.get(address[1])
    assert (public.status_code, public.mimetype) == (200, "text/html")
    assert "noindex" in public.headers["X-Robots-Tag"]
    assert public.headers["Cache-Control"] == "no-store"
    assert "公示中" in page(public) and "退出" not in page(public)
    assert client.get("/publicity/" + "x" * 43).status_code == 404


def test_the_public_page_goes_when_the_report_is_due(
    desk: Office, client: FlaskClient, machine: Machine
) -> None:
    desk.publish()
    with desk.host.db.read() as session:
        token = session.scalars(select(PublicityList.token)).one()
    machine.advance(seconds=(datetime(2025, 3, 24, 23, tzinfo=SHANGHAI) - machine.wall).total_seconds())
    assert "已生效" in page(client.get(f"/publicity/{token}"))
    machine.advance(hours=2)
    assert client.get(f"/publicity/{token}").status_code == 404


def test_a_list_on_paper_and_as_a_workbook(desk: Office) -> None:
    desk.publish()
    with desk.host.db.read() as session:
        place = desk.stage.batch, 1
        paper = publicity_documents.list_pdf(session, desk.clerk, place, press(desk))
        book = publicity_documents.list_workbook(session, desk.clerk, place, now=desk.host.now())
    words = text_of(paper)
    assert all(each in words for each in ("公示名单", "第1号", "59.5", "缺考", "2025-03-10", "某某评价中心"))
    sheet = load_workbook(io.BytesIO(results_xlsx(book, lambda *_: None)["data"])).active
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert rows[-3][4:] == [59.5, "不合格", "公示中"]
    assert rows[-1][4:] == ["缺考", "缺考", "公示中"]


@pytest.mark.dear
def test_an_objection_is_taken_decided_and_leads_to_a_correction(desk: Office, sign_in: SignIn) -> None:
    desk.publish()
    clerk, scorer, path = sign_in(desk.clerk), sign_in(desk.scorer), f"{base(desk)}/objections"
    person = str(desk.stage.people["乙"])
    bare = clerk.post(path, data={"person": person, "who": "", "text": "成绩漏加"})
    assert (bare.status_code, said("said_missing") in page(bare), "成绩漏加" in page(bare)) == (
        422,
        True,
        True,
    )
    taken = {"person": person, "who": "王某", "contact": "139", "text": "成绩漏加"}
    assert clerk.post(path, data=taken).status_code == 302
    shown = page(clerk.get(path))
    assert "待处理" in shown and "王某" in shown
    ruling = {"outcome": "upheld", "reason": "属实"}
    assert clerk.post(f"{path}/1", data=ruling).status_code == 422
    assert clerk.post(f"{path}/1", data=ruling | second(desk.head)).status_code == 302
    assert "提出更正" in page(clerk.get(path))
    form = f"{base(desk)}/corrections"
    offered = page(scorer.get(f"{form}?person={person}&kind=objection&source=1"))
    assert f'value="{person}" selected' in offered and 'name="source" value="1"' in offered
    wish = {"person": person, "component": "theory", "to": "score", "score": "61", "reason": "漏加"}
    wish |= {"evidence": "答卷", "kind": "objection", "source": "1"}
    too_much = scorer.post(form, data=wish | {"score": "101"})
    assert (too_much.status_code, said("correction_score", most=100) in page(too_much)) == (422, True)
    assert scorer.post(form, data=wish).status_code == 302
    seen = page(sign_in(desk.head).get(form))
    assert "由不合格变为合格" in seen and "59.5" in seen
    for who in (desk.head, desk.checker):
        assert sign_in(who).post(f"{form}/1", data={"vote": "yes"}).status_code == 302
    assert desk.stage.result("乙", "theory")[0] == "pass"
    old = page(scorer.get(f"{base(desk)}/publicity/1"))
    assert "已更正，见后续名单" in old


@pytest.mark.dear
def test_a_recheck_is_taken_answered_and_printed(desk: Office, sign_in: SignIn, machine: Machine) -> None:
    desk.publish()
    scorer, path = sign_in(desk.scorer), f"{base(desk)}/rechecks"
    asked = {"person": str(desk.stage.people["乙"]), "who": SAID.who, "contact": "", "text": "漏评"}
    asked |= {"component": "theory", "grounds": "omission"}
    taken = scorer.post(path, data=asked)
    assert taken.headers["Location"] == f"{path}/1"
    assert scorer.get("/results/rechecks/1.pdf").status_code == 409
    machine.advance(days=14)
    assert "今天到期" in page(scorer.get(path))
    machine.advance(days=1)
    assert "已超期" in page(scorer.get(path))
    reply = {"outcome": "unchanged", "answer": "逐题核对无误"}
    assert scorer.post(f"{path}/1", data=reply | second(desk.checker)).status_code == 302
    with desk.host.db.read() as session:
        words = text_of(publicity_documents.letter(session, desk.scorer, 1, press(desk)))
    assert all(each in words for each in ("成绩复核回执", "复核无误", "逐题核对无误", "59.5"))
    other = office_batch(desk)
    assert scorer.get(f"/results/batches/{other}/rechecks/1").status_code == 404


def office_batch(desk: Office) -> int:
    return desk.stage.batch + 1


def test_the_record_of_what_is_final_is_kept_by_a_look_at_the_clock(desk: Office, machine: Machine) -> None:
    desk.publish()
    settler = Settler(desk.host)
    assert settler.tick() == 0
    machine.advance(days=9)
    assert (settler.tick(), settler.tick()) == (4, 0)


@pytest.mark.dear
def test_who_may_not_see_is_turned_away(
    desk: Office, client_as: Callable[..., FlaskClient], client: FlaskClient
) -> None:
    desk.publish()
    pages = (
        "publicity",
        "publicity/1",
        "publicity/1.xlsx",
        "objections",
        "rechecks",
        "corrections",
        "key-fixes",
    )
    for name in pages:
        assert client.get(f"{base(desk)}/{name}").status_code in (302, 401)
    for role in (Role.EXAMINER, Role.INVIGILATOR, Role.BANK_KEEPER, Role.CUSTODIAN, Role.ROVER):
        browser = client_as(str(role))
        assert {browser.get(f"{base(desk)}/{name}").status_code for name in pages} == {403}
    auditor = client_as("auditor")
    assert auditor.get(f"{base(desk)}/objections").status_code == 403
    assert auditor.get(f"{base(desk)}/publicity/1").status_code == 200
    assert auditor.post(f"{base(desk)}/publicity").status_code == 403


def test_pages_of_what_is_not_there(desk: Office, sign_in: SignIn) -> None:
    clerk = sign_in(desk.clerk)
    for name in ("publicity", "objections", "rechecks", "corrections", "key-fixes"):
        assert clerk.get(f"{base(desk)}/{name}").status_code == 200
        assert clerk.get(f"/results/batches/{desk.stage.batch + 1}/{name}").status_code == 404
    assert clerk.get(f"{base(desk)}/publicity/1").status_code == 404
