"""The assembly page, the pages of a proof and doing it again, through a browser; jobs are real children."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page, Route, expect
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from exam_rooms.wire import canonical
from server.access import Actor
from server.db.bank import BlueprintRow
from server.db.papers import PaperSet
from server.host import Host
from server.services import assembly_runs
from server.services.assembly_runs import FurtherRules
from server.web.assembly import asked_plan
from tests.server import assembly_kit as kit
from tests.server import desk, preparing
from tests.server.desk import page, said
from tests.system.chromium import chromium
from tests.system.screens import shot


@dataclass
class Office:
    """A bank keeper's browser beside a small bank, its blueprint and a room of nine seats."""

    host: Host
    crew: preparing.Crew
    browser: FlaskClient
    sources: tuple[int, int]
    room: int

    def assemble(self, **fields: str) -> TestResponse:
        bank, blueprint = map(str, self.sources)
        form = {"title": "小试卷", "bank": bank, "blueprint": blueprint, "max_overlap": "0", "seed": "7"}
        return self.browser.post("/papers", data=form | fields)

    def assembled(self, **fields: str) -> str:
        """The path of a paper set whose job has ended."""
        answer = self.assemble(**fields)
        assert answer.status_code == 302, page(answer)
        self.wait()
        return answer.location

    def wait(self) -> None:
        with self.host.db.read() as session:
            job = session.scalars(select(PaperSet.job_id).order_by(PaperSet.id.desc())).first()
        self.host.jobs.wait(job)

    def row(self) -> PaperSet:
        with self.host.db.read() as session:
            return session.scalars(select(PaperSet).order_by(PaperSet.id.desc())).first()


@pytest.fixture
def office(host: Host, person_as: Callable[..., Actor], sign_in: Callable[[Actor], FlaskClient]) -> Office:
    crew = preparing.crew(person_as)
    sources = kit.small(host, crew.keeper)
    return Office(host, crew, sign_in(crew.keeper), sources, kit.room(host, crew.administrator))


WRONG: list[tuple[dict[str, str], str]] = [
    ({"mode": "sideways"}, said("assembly_mode_unknown")),
    ({"mode": "seats"}, said("room_not_chosen")),
    ({"mode": "ab", "spare_forms": "-1"}, said("spares_out_of_range", limit=119)),
    ({"mode": "ab", "spare_forms": "119"}, said("spares_out_of_range", limit=118)),
    ({"mode": "ab", "spare_forms": "x"}, said("field_not_a_number", field="备用卷数", value="x")),
    ({"mode": "ab", "fixed": "T-1\nT-999"}, said("uid_not_active", uid="T-999")),
    (
        {"mode": "ab", "fixed": "T-1", "forbidden": "T-1"},
        said("uid_fixed_and_forbidden", uid="T-1"),
    ),
    (
        {"mode": "ab", "recent_sittings": "51"},
        said("number_out_of_range", value="51", low=0, high=50),
    ),
]
"""What a form brings beside the plain fields, and the sentence at the field."""


class TestTheForm:
    def test_offers_blueprints_in_use_and_rooms_with_their_seats(self, office: Office) -> None:
        shown = page(office.browser.get("/papers/new"))
        assert "小细目表 · 第 1 版" in shown
        assert "小考场（9 个座位）" in shown
        assert "小题库（120 道试题）" in shown
        change = update(BlueprintRow).values(state="retired")
        office.host.db.write(lambda s: s.execute(change) and None)
        assert "还不能组卷" in page(office.browser.get("/papers/new"))

    @pytest.mark.parametrize(
        ("fields", "forms", "rules"),
        [
            ({"mode": "one", "spare_forms": "3", "max_overlap": ""}, 1, {}),
            ({"mode": "ab"}, 2, {}),
            ({"mode": "ab", "spare_forms": "1"}, 3, {"spares": 1}),
            ({"mode": "parallel", "forms": "3", "spare_forms": "1"}, 4, {"spares": 1}),
            ({"mode": "parallel", "forms": "2", "room": "1"}, 2, {}),
            ({"mode": "seats", "room": "1", "forms": "77"}, 9, {"room_id": 1}),
            ({"mode": "seats", "room": "1", "spare_forms": "2"}, 11, {"room_id": 1, "spares": 2}),
            (
                {"mode": "ab", "fixed": "T-1\r\nT-2，T-1", "forbidden": " T-9 ", "max_overlap": "2"},
                2,
                {"fixed": ("T-1", "T-2"), "forbidden": ("T-9",)},
            ),
            (
                {"mode": "ab", "recent_sittings": "2", "recent_max": "3", "per_point_max": "5"},
                2,
                {"recent_sittings": 2, "recent_max": 3, "per_point_max": 5},
            ),
        ],
    )
    def test_each_way_to_assemble_becomes_its_plan(
        self, app: Flask, fields: dict[str, str], forms: int, rules: dict[str, object]
    ) -> None:
        data = {"title": "小试卷", "bank": "1", "blueprint": "2", "max_overlap": "0", **fields}
        with app.test_request_context("/papers", method="POST", data=data):
            plan = asked_plan()
        if "room_id" not in rules:  # else the room's seats decide
            assert plan.forms == forms
        assert (plan.bank_id, plan.blueprint_id, plan.rules) == (1, 2, FurtherRules(**rules))

    def test_what_is_wrong_stands_at_its_field_and_the_rest_stays(self, office: Office) -> None:
        for fields, reason in WRONG:
            answer = office.assemble(**fields)
            shown = page(answer)
            assert answer.status_code == 422
            assert shown.count(reason) == 2, "at the top and at the field"
            assert 'value="小试卷"' in shown
            for name, value in fields.items():
                assert name == "mode" or value in shown
        assert desk.counts(office.host, PaperSet) == [0]

    def test_a_room_that_is_not_there(self, office: Office) -> None:
        assert office.assemble(mode="seats", room="99").status_code == 404

    def test_is_filled_in_as_an_earlier_set_was_asked_for(self, office: Office) -> None:
        office.assembled(mode="seats", room=str(office.room), spare_forms="1", forbidden="T-5")
        shown = page(office.browser.get("/papers/new?like=1"))
        assert 'name="mode" value="seats" checked' in shown
        assert f'<option value="{office.room}" selected>' in shown
        assert ">T-5</textarea>" in shown
        assert office.browser.get("/papers/new?like=9").status_code == 404


class TestTheResult:
    def test_two_forms_stand_side_by_side_with_their_overlap(self, office: Office) -> None:
        path = office.assembled(mode="ab", spare_forms="1")
        shown = page(office.browser.get(path))
        row = office.row()
        for part in (row.snapshot, "120 道", "目标值", "备用", "共 20 题", office.crew.keeper.name):
            assert part in shown
        assert f"{path}/proof.pdf" in shown
        assert f"{path}/preview/C" in shown
        assert "必须满足的各项全部达到" in shown
        assert "最少" not in shown, "a matrix needs no spread"

    def test_a_form_each_seat_is_told_in_sum_with_a_page_for_each_form(self, office: Office) -> None:
        path = office.assembled(mode="seats", room=str(office.room))
        shown = page(office.browser.get(path))
        for part in ("小考场 一座一卷，9 份", "09 座", "相邻座位", "各卷达到", "全部达到"):
            assert part in shown
        form = page(office.browser.get(f"{path}/proof/E"))
        assert "A-A 范围 A-A" in form
        assert "05 座" in form
        assert (f"{path}/proof/D" in form, f"{path}/proof/F" in form) == (True, True)
        assert all(f"与 {neighbour} 卷" in form for neighbour in "ABCDFGHI")
        assert office.browser.get(f"{path}/proof/Z").status_code == 404

    def test_many_forms_without_seats_are_told_by_mean_and_most(self, office: Office) -> None:
        path = office.assembled(mode="parallel", forms="13", max_overlap="20")
        shown = page(office.browser.get(path))
        assert "任意两卷" in shown
        assert "共 20 题" not in shown
        assert '<td class="num">78</td>' in shown, "pairs of thirteen"

    @pytest.mark.parametrize("language", ["zh", "en"])
    def test_what_is_missing_leads_to_the_coverage(self, office: Office, language: str) -> None:
        path = office.assembled(mode="parallel", forms="9")
        office.browser.set_cookie("language", language)
        shown = page(office.browser.get(path))
        bank, blueprint = office.sources
        assert f"/banks/{bank}/coverage?blueprint={blueprint}" in shown
        assert "/papers/new?like=1" in shown
        assert office.browser.get(f"/banks/{bank}/coverage?blueprint={blueprint}").status_code == 200

    def test_those_who_only_see_papers_see_the_proof_and_no_act(
        self, office: Office, client_as: Callable[..., FlaskClient]
    ) -> None:
        path, browser = office.assembled(mode="ab"), client_as("custodian")
        shown = page(browser.get(path))
        assert f"{path}/proof/A" in shown
        assert not any(f"{path}/{act}" in shown for act in ("approve", "rebuild", "retire", "preview"))
        assert browser.get(f"{path}/proof/A").status_code == 200
        assert browser.get("/papers/new").status_code == 403
        assert browser.post(f"{path}/rebuild").status_code == 403
        assert browser.post(f"{path}/retire", data={"reason": "x"}).status_code == 403


class TestDoingItAgain:
    def test_says_that_the_forms_are_the_same_with_date_and_name(self, office: Office) -> None:
        path = office.assembled(mode="ab")
        assert "完全一致" not in page(office.browser.get(path))
        assert office.browser.post(f"{path}/rebuild").location == path
        office.wait()
        shown = page(office.browser.get(path))
        assert "完全一致" in shown
        assert office.crew.keeper.name in shown
        assert "2026-11-21 08:30" in shown
        assert "重建核对不一致" not in shown

    def test_says_that_they_are_not(self, office: Office) -> None:
        path = office.assembled(mode="ab")
        facts = assembly_runs.snapshot(kit.row(office.host, 1))
        changed = update(PaperSet).values(pool_facts=zlib.compress(canonical(facts[5:])))
        office.host.db.write(lambda s: s.execute(changed) and None)
        office.browser.post(f"{path}/rebuild")
        office.wait()
        assert "重建核对不一致" in page(office.browser.get(path))

    def test_a_failed_run_says_why(self, office: Office) -> None:
        path = office.assembled(mode="ab")
        failed = update(PaperSet).values(state="failed", outcome={"fault": "pool_changed"})
        office.host.db.write(lambda s: s.execute(failed) and None)
        shown = page(office.browser.get(path))
        assert said("pool_changed") in shown
        again = office.browser.post(f"{path}/rebuild")
        assert said("papers_not_rebuildable", title="小试卷") in page(again)


class TestRetirement:
    def test_takes_a_reason_and_is_shown(self, office: Office) -> None:
        path = office.assembled(mode="ab")
        bare = office.browser.post(f"{path}/retire", data={"reason": " "})
        assert (bare.status_code, said("reason_missing") in page(bare)) == (422, True)
        assert office.browser.post(f"{path}/retire", data={"reason": "卷面有误"}).location == path
        shown = page(office.browser.get(path))
        assert "卷面有误" in shown
        assert "已停用" in shown
        assert "批准试卷" not in shown
        assert "已停用" in page(office.browser.get("/papers"))


@pytest.mark.system
def test_the_pages_run_in_a_browser_under_the_servers_own_policy(office: Office) -> None:
    """Only the fields of the chosen way are asked for, by keyboard; nothing scrolls sideways."""
    faults: list[str] = []
    paths = [office.assembled(mode="ab", spare_forms="1", title="三卷"), ""]
    paths[1] = office.assembled(mode="seats", room=str(office.room), spare_forms="1", title="一座一卷")
    missing = office.assembled(mode="parallel", forms="9", title="题量不足")

    def answered(route: Route) -> None:
        parts = urlsplit(route.request.url)
        reply = office.browser.get(f"{parts.path}?{parts.query}")
        route.fulfill(status=reply.status_code, headers=dict(reply.headers), body=reply.data)

    def no_wider(screen: Page) -> None:
        assert screen.evaluate("document.documentElement.scrollWidth <= innerWidth")

    with chromium() as browser:
        screen = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
        screen.on("pageerror", lambda fault: faults.append(str(fault)))
        screen.on("console", lambda said: said.type == "error" and faults.append(said.text))
        screen.route("**/*", answered)
        screen.goto("http://127.0.0.1:8765/papers/new")
        forms, room, spares, overlap = (
            screen.locator(f"[name={name}]") for name in ("forms", "room", "spare_forms", "max_overlap")
        )
        asked = {"one": "", "ab": "spares overlap", "parallel": "forms spares overlap"}
        asked["seats"] = "room spares overlap"
        fields = {"forms": forms, "room": room, "spares": spares, "overlap": overlap}
        screen.locator("[value=one]").check()
        for mode, shown in asked.items():
            expect(screen.locator(f"[value={mode}]")).to_be_checked()
            for name, field in fields.items():
                expect(field).to_be_visible(visible=name in shown)
            if mode == "seats":
                screen.locator("summary").click()
                shot(screen, "keeper-assembly")
            no_wider(screen)
            screen.locator(f"[value={mode}]").press("ArrowDown")
        for path, name in ((paths[0], "proof"), (paths[1], "proof-seats"), (missing, "shortage")):
            screen.goto(f"http://127.0.0.1:8765{path}")
            shot(screen, f"keeper-{name}")
            no_wider(screen)
        screen.goto(f"http://127.0.0.1:8765{paths[1]}/proof/E")
        shot(screen, "keeper-proof-form")
        no_wider(screen)
        screen.goto("http://127.0.0.1:8765/papers")
        shot(screen, "keeper-papers")
        no_wider(screen)
    assert faults == []
