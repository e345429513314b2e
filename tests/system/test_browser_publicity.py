"""Publicity with an objection in a real Chromium, across days that the server's clock is moved over.

The server runs in this process, on a clock that the test moves. With EXAMHALL_SCREENSHOTS set to a folder the
pictures of the documentation are made on the way.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from werkzeug.serving import make_server

from server.access import SYSTEM, Actor, Role
from server.app import build_app
from server.host import Host, open_host
from server.services import passwords, staff
from tests.server.conftest import MASTER, Machine, _fill, _settings
from tests.server.publicity_kit import SHANGHAI, Office, office
from tests.system.axe import violations
from tests.system.chromium import chromium
from tests.system.screens import DESK, PASSWORD, PATIENCE_MS, shots

pytestmark = [pytest.mark.system, pytest.mark.walk]


@dataclass
class Scene:
    """The office, its clock, the server's address, and one page for each person."""

    desk: Office
    machine: Machine
    url: str
    browser: Browser
    pages: dict[str, Page] = field(default_factory=dict)

    def page(self, who: Actor | None) -> Page:
        name = who.name if who else ""
        if name not in self.pages:
            page = self.browser.new_context(viewport=DESK, locale="zh-CN").new_page()
            page.set_default_timeout(PATIENCE_MS)
            self.pages[name] = page
            if who:
                page.goto(f"{self.url}/login")
                page.fill("#username", name)
                page.fill("#password", PASSWORD)
                page.click("main .btn-primary")
                page.wait_for_url(lambda url: "/login" not in url)
        return self.pages[name]

    def at(self, who: Actor | None, path: str) -> Page:
        page = self.page(who)
        page.goto(f"{self.url}{path}")
        return page

    def to(self, *moment: int) -> None:
        """Moves the server's clock to a moment of 2025 in Shanghai."""
        wanted = datetime(2025, *moment, tzinfo=SHANGHAI)
        self.machine.advance(seconds=(wanted - self.machine.wall).total_seconds())


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    settings = _settings(tmp_path, "")
    _fill(settings)
    machine = Machine(wall=datetime(2025, 9, 26, 2, 0, tzinfo=UTC))
    host = open_host(replace(settings, institution="示例评价中心"), MASTER, look=machine.look)
    server = make_server("127.0.0.1", 0, build_app(host), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        desk = office(host, hired(host), {"示例甲": "85", "示例乙": "59.5", "示例丙": "60", "示例丁": None})
        with chromium() as browser:
            yield Scene(desk, machine, f"http://127.0.0.1:{server.server_port}", browser)
    finally:
        server.shutdown()
        server.server_close()
        host.close()


def hired(host: Host) -> Callable[..., Actor]:
    """Adds people as the tests of the server do."""
    numbers, stored = count(1), passwords.hash_password(PASSWORD)

    def add(*roles: str) -> Actor:
        name = f"{roles[0]}{next(numbers)}"
        new = staff.NewPerson(name, name, stored, frozenset(map(Role, roles)))
        return Actor(host.db.write(staff.add_person, SYSTEM, new, now=host.now()), name, new.roles)

    return add


def tidy(page: Page) -> None:
    """Nothing scrolls sideways, nothing serious for people with a screen reader."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert violations(page) == []


def sign(page: Page, form: str, who: Actor) -> None:
    page.fill(f"{form} [name=cosign_username]", who.name)
    page.fill(f"{form} [name=cosign_password]", PASSWORD)
    page.click(f"{form} .btn-primary")


def test_publicity_with_an_objection_in_the_browser(scene: Scene) -> None:
    desk = scene.desk
    base = f"/results/batches/{desk.stage.batch}"
    page = scene.at(desk.clerk, f"{base}/publicity")
    tidy(page)
    sign(page, "form[action$='/publicity']", desk.head)
    expect(page.locator("h1")).to_contain_text("第 1 号公示名单")
    expect(page.get_by_text("公示中", exact=True)).to_have_count(4)
    tidy(page)
    shots(page, "publicity-list")
    address = page.get_by_role("link", name="公示页面").get_attribute("href")

    anybody = scene.at(None, str(address))
    expect(anybody.get_by_text("公示中", exact=True)).to_have_count(4)
    expect(anybody.locator("body")).not_to_contain_text("退出")
    tidy(anybody)
    shots(anybody, "publicity-public")

    scene.to(10, 9, 9)  # day 4, after the holidays
    page = scene.at(desk.clerk, f"{base}/objections")
    page.select_option("#person", index=1)
    page.fill("#who", "示例提出人")
    page.fill("#contact", "示例电话")
    page.fill("#text", "该考生不符合申报条件。")
    page.get_by_role("button", name="登记异议").click()
    expect(page.locator(".badge", has_text="待处理")).to_be_visible()
    tidy(page)
    shots(page, "objections")

    scene.to(10, 11, 0)  # day 6, a Saturday that is worked
    page = scene.at(desk.clerk, f"{base}/publicity/1")
    expect(page.get_by_text("已生效", exact=True)).to_have_count(3)
    expect(page.get_by_text("暂缓：异议处理中", exact=True)).to_have_count(1)
    anybody = scene.at(None, str(address))
    expect(anybody.get_by_text("已生效", exact=True)).to_have_count(3)
    expect(anybody.locator("body")).not_to_contain_text("示例提出人")

    page = scene.at(desk.clerk, f"{base}/objections")
    page.select_option("[name=outcome]", "rejected")
    page.fill("[name=reason]", "经核实，符合申报条件。")
    sign(page, "form[action$='/objections/1']", desk.head)
    expect(page.locator(".badge", has_text="不成立")).to_be_visible()
    page = scene.at(desk.clerk, f"{base}/publicity/1")
    expect(page.get_by_text("已生效", exact=True)).to_have_count(4)
    for name in ("rechecks", "corrections", "key-fixes"):
        page = scene.at(desk.clerk, f"{base}/{name}")
        tidy(page)
        shots(page, f"results-{name}")
