"""The page of authority and sites in a real Chromium: a site enters the register, gets a sitting, sends it back.

With EXAMHALL_SCREENSHOTS set to a folder the pictures are made on the way, in both languages.
"""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from werkzeug.serving import make_server

from server.access import Actor
from server.app import build_app
from server.host import Host, open_host
from server.services import exam_sites, site_exchange, site_files, site_taking
from tests.server.conftest import MASTER, Machine, _fill, _settings
from tests.server.site_kit import CODE, Pair, desk, hold_exam, make_pair, site_host
from tests.system.axe import violations
from tests.system.chromium import chromium
from tests.system.screens import DESK, PASSWORD, PATIENCE_MS, SMALL, shots
from tests.system.test_browser_publicity import hired

pytestmark = [pytest.mark.system, pytest.mark.walk]


@dataclass
class Scene:
    """Both installations, the authority's address, and a third that nobody knows yet."""

    pair: Pair
    third: Host
    url: str
    browser: Browser

    def page(self, who: Actor, language: str = "zh-CN") -> Page:
        page = self.browser.new_context(viewport=DESK, locale=language).new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(f"{self.url}/login")
        page.fill("#username", who.name)
        page.fill("#password", PASSWORD)
        page.click("main .btn-primary")
        page.wait_for_url(lambda url: "/login" not in url)
        page.goto(f"{self.url}/sites")
        return page


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    settings = _settings(tmp_path, "")
    _fill(settings)
    machine = Machine(wall=datetime(2025, 9, 26, 2, 0, tzinfo=UTC))
    host = open_host(settings, MASTER, look=machine.look)
    server = make_server("127.0.0.1", 0, build_app(host), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with ExitStack() as stack:
            site = stack.enter_context(site_host(tmp_path / "site", machine))
            third = stack.enter_context(site_host(tmp_path / "third", machine, number=3))
            pair = make_pair(host, site, machine, hired(host))
            browser = stack.enter_context(chromium())
            yield Scene(pair, third, f"http://127.0.0.1:{server.server_port}", browser)
    finally:
        server.shutdown()
        server.server_close()
        host.close()


def tidy(page: Page) -> None:
    for size in (SMALL, DESK):
        page.set_viewport_size(size)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert violations(page) == []


def test_a_site_is_registered_gets_a_sitting_and_sends_it_back(scene: Scene, tmp_path: Path) -> None:
    pair = scene.pair
    page = scene.page(pair.here[0])
    introduced = tmp_path / "third.json"
    with scene.third.db.read() as session:
        said = ("site", "镇江考点", "")
        told = exam_sites.introduction(session, scene.third.site, said, now=scene.third.now())
    introduced.write_bytes(told)
    page.fill("#site-code", "ZJ-01")
    page.set_input_files("#site-file", introduced)
    form = "form[action$='/sites/register']"
    page.fill(f"{form} [name=cosign_username]", pair.here[1].name)
    page.fill(f"{form} [name=cosign_password]", PASSWORD)
    page.click(f"{form} .btn-primary")
    expect(page.get_by_role("cell", name="镇江考点")).to_be_visible()
    page.locator("tr", has_text="ZJ-01").get_by_role("link", name="选择考场").click()
    expect(page.locator("#rooms").get_by_text("没有空闲的考场。")).to_be_visible()
    tidy(page)
    page.locator("tr", has_text=CODE).get_by_role("link", name="选择考场").click()
    expect(page.locator("#rooms input[type=checkbox]")).to_be_checked()
    page.select_option("#d-site", str(pair.site_id))
    page.click("form[action$='/sites/dispatch'] .btn-primary")
    expect(page.get_by_text("待送达").first).to_be_visible()
    way = page.get_by_role("link", name="下载", exact=True).get_attribute("href")
    carried = site_exchange.receive(
        desk(pair.site), pair.there[0], page.context.request.get(f"{scene.url}{way}").body()
    )
    site_taking.take_in(desk(pair.site), pair.at_site(), carried.id)
    hold_exam(pair, {"1": 5})
    made = site_exchange.make_results(desk(pair.site), pair.there[0], pair.about)
    back = tmp_path / "results.exsf"
    with pair.site.db.read() as session:
        back.write_bytes(site_files.as_file(session, site_files.get(session, made.id)))
    page.goto(f"{scene.url}/sites")
    page.set_input_files("#sealed-file", back)
    page.click("form[action$='/sites/files'] .btn-primary")
    expect(page.get_by_text("已回传").first).to_be_visible()
    tidy(page)
    shots(page, "sites-zh")
    english = scene.page(pair.here[0], "en-GB")
    tidy(english)
    shots(english, "sites-en")
