"""The preview of a form: the candidate's own scripts, every look recorded, keys only when asked for."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Route, expect
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.access import Actor
from server.db.bank import Bank, BankItem, BankMedium, ItemVersion
from server.db.papers import FormItem, PaperSet
from server.db.record import AuditEntry
from server.db.sittings import RoomSitting
from server.host import Host
from tests.itembank.every_kind import ESSAY, HOTSPOT, PICTURE, SHA
from tests.server import preparing
from tests.server.desk import page
from tests.system.chromium import chromium
from tests.system.screens import shot

UI = Path(__file__).parents[2] / "client" / "ui"


@pytest.fixture
def crew(person_as: Callable[..., Actor]) -> preparing.Crew:
    return preparing.crew(person_as)


@pytest.fixture
def papers(host: Host, crew: preparing.Crew) -> int:
    """A form A of ten items of the sample bank."""
    bank, blueprint = preparing.bank(host, crew.keeper), preparing.blueprint(host, crew.keeper)

    def add(session: Session) -> int:
        row = PaperSet(
            title="理论知识试卷", bank_id=bank, blueprint_id=blueprint, seed="7", forms=1, max_overlap=0
        )
        row.state, row.created_at = "assembled", host.now()
        session.add(row)
        session.flush()
        kind = {"single": 6, "multiple": 2, "true_false": 2}
        items = [
            item
            for name, count in kind.items()
            for item in session.scalars(select(BankItem).where(BankItem.kind == name).limit(count))
        ]
        for number, item in enumerate(items, 1):
            place = {"paper_set_id": row.id, "form": "A", "number": number, "points": Decimal(1)}
            session.add(FormItem(**place, item_id=item.id, item_uid=item.uid, item_version=item.version))
        return row.id

    return host.db.write(add)


def looks(host: Host) -> list[AuditEntry]:
    with host.db.read() as session:
        return list(session.scalars(select(AuditEntry).where(AuditEntry.act == "form_previewed")))


def test_the_form_comes_without_its_key_unless_asked_for(
    host: Host, crew: preparing.Crew, papers: int, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    browser = sign_in(crew.keeper)
    assert f"/papers/{papers}/preview/A" in page(browser.get(f"/papers/{papers}"))
    shell = browser.get(f"/papers/{papers}/preview/A")
    assert "media-src blob:" in shell.headers["Content-Security-Policy"]
    assert looks(host) == []
    plain = browser.get(f"/papers/{papers}/preview/A/data").get_json()
    assert "keys" not in plain and "answer" not in json.dumps(plain) and "shuffle" not in plain
    other = browser.get(f"/papers/{papers}/preview/A/data?who=2").get_json()
    assert [i["id"] for i in other["items"]] != [i["id"] for i in plain["items"]]
    keyed = browser.get(f"/papers/{papers}/preview/A/data?keys=1").get_json()
    assert set(keyed["keys"]) == {item["id"] for item in keyed["items"]}
    assert [entry.details["keys"] for entry in looks(host)] == [False, False, True]


@pytest.mark.parametrize(("state", "status"), [("assembled", 200), ("approved", 403), ("retired", 200)])
def test_nobody_alone_looks_at_a_form_that_candidates_may_still_get(
    host: Host,
    crew: preparing.Crew,
    papers: int,
    sign_in: Callable[[Actor], FlaskClient],
    state: str,
    status: int,
) -> None:
    host.db.write(lambda session: setattr(session.get_one(PaperSet, papers), "state", state))
    browser = sign_in(crew.keeper)
    for path in ("", "/data", "/data?keys=1"):
        assert browser.get(f"/papers/{papers}/preview/A{path}").status_code == status
    assert len(looks(host)) == (2 if status == 200 else 0)
    for path in ("", "/proof/A"):
        shown = browser.get(f"/papers/{papers}{path}")
        assert shown.status_code == 200
        assert ("/preview/A" in shown.text) is (status == 200)


@pytest.mark.parametrize(("state", "status"), [("running", 403), ("ended", 403), ("collected", 200)])
def test_a_form_chosen_for_a_room_is_kept_back_until_its_answers_are_collected(
    host: Host,
    person_as: Callable[..., Actor],
    sign_in: Callable[[Actor], FlaskClient],
    state: str,
    status: int,
) -> None:
    stage = preparing.staged(host, person_as)

    def change(session: Session) -> None:
        session.get_one(PaperSet, stage.papers).state = "retired"
        session.get_one(RoomSitting, stage.room_sitting).state = state

    host.db.write(change)
    found = sign_in(stage.crew.keeper).get(f"/papers/{stage.papers}/preview/A/data?keys=1")
    assert found.status_code == status


@pytest.mark.parametrize(
    "path",
    [
        "preview/Z",
        "preview/Z/data",
        "preview/A/data?who=0",
        "preview/A/data?who=x",
        "preview/A/data?who=1000",
    ],
)
def test_what_there_is_not_is_not_found(
    host: Host, crew: preparing.Crew, papers: int, sign_in: Callable[[Actor], FlaskClient], path: str
) -> None:
    assert sign_in(crew.keeper).get(f"/papers/{papers}/{path}").status_code == 404
    assert looks(host) == []


def test_who_may_not_read_items_sees_no_preview(
    crew: preparing.Crew, papers: int, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    browser = sign_in(crew.invigilator)
    for path in (f"/papers/{papers}/preview/A", f"/papers/{papers}/preview/A/data", "/preview/ui/exam.js"):
        assert browser.get(path).status_code == 403


def test_scripts_are_the_kiosks_and_nothing_else_is_served(
    crew: preparing.Crew, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    browser = sign_in(crew.keeper)
    for name in ("exam.js", "exam.css", "vendor/htm-preact.js"):
        assert browser.get(f"/preview/ui/{name}").data == (UI / name).read_bytes()
    for name in ("../agent.py", "index.html", "..%2fagent.py", "missing.js"):
        assert browser.get(f"/preview/ui/{name}").status_code == 404


def test_media_come_with_the_form_and_a_missing_one_is_told(
    host: Host, crew: preparing.Crew, papers: int, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    def change(session: Session, *, medium: bool) -> None:
        first = session.scalars(select(FormItem).where(FormItem.form == "A", FormItem.number == 1)).one()
        item, bank = session.get_one(BankItem, first.item_id), session.scalars(select(Bank)).first()
        sealed = host.vault.seal_item(bank.wrapped_key, item.uid, item.version, HOTSPOT if medium else ESSAY)
        item.sealed_body = sealed
        kept = session.get(ItemVersion, (item.id, item.version))
        if kept is not None:
            kept.sealed_body = sealed

    def add(session: Session) -> None:
        bank = session.scalars(select(Bank)).first()
        blob = host.vault.seal_medium(bank.wrapped_key, SHA, PICTURE)
        session.add(BankMedium(bank_id=bank.id, sha256=SHA, mime="image/png", size=len(PICTURE), sealed=blob))

    browser = sign_in(crew.keeper)
    host.db.write(change, medium=True)
    assert browser.get(f"/papers/{papers}/preview/A/data").status_code == 409
    host.db.write(add)
    found = browser.get(f"/papers/{papers}/preview/A/data").get_json()
    assert list(found["media"]) == [SHA]


@pytest.mark.system
def test_the_page_runs_in_a_browser_under_the_servers_own_policy(
    crew: preparing.Crew, papers: int, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    staff, faults = sign_in(crew.keeper), []

    def answered(route: Route) -> None:
        parts = urlsplit(route.request.url)
        reply = staff.get(f"{parts.path}?{parts.query}")
        route.fulfill(status=reply.status_code, headers=dict(reply.headers), body=reply.data)

    with chromium() as browser:
        screen = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
        screen.on("pageerror", lambda fault: faults.append(str(fault)))
        screen.on("console", lambda said: said.type == "error" and faults.append(said.text))
        screen.route("**/*", answered)
        screen.goto(f"http://127.0.0.1:8765/papers/{papers}/preview/A")
        expect(screen.locator(".option").first).to_be_visible()
        expect(screen.locator(".preview-key")).to_have_count(0)
        screen.locator(".preview-bar .choice input").check()
        right = screen.locator(".preview-key").inner_text().split()[-1]
        screen.locator(".question-body").focus()
        screen.keyboard.press(right.lower())
        expect(screen.locator(".option[aria-checked=true] .option-key")).to_have_text(right)
        first = screen.locator(".stem").inner_text()
        screen.locator(".preview-who input").fill("7")
        screen.locator(".preview-who input").press("Tab")
        expect(screen.locator(".stem")).not_to_have_text(first)
        shot(screen, "administrator-preview")
        assert screen.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert faults == []
