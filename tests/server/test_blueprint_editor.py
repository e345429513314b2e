"""The blueprint editor in a real browser: live sums, rows by keyboard, undo, pasted points, saving."""

import threading
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from playwright.sync_api import Page
from werkzeug.serving import make_server

from server.access import Actor
from server.host import Host
from server.services import blueprints
from tests.server.blueprint_kit import SHORT
from tests.system.chromium import chromium

PASTE = """([selector, text]) => {
  const data = new DataTransfer();
  data.setData("text/plain", text);
  const event = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
  document.querySelector(selector).dispatchEvent(event);
}"""


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()


@pytest.fixture
def page(address: str, password: str, person_as: Callable[..., Actor]) -> Iterator[Page]:
    """A page at 1280 px at which a keeper has signed in."""
    who = person_as("bank_keeper")
    with chromium() as browser:
        view = {"width": 1280, "height": 800}
        opened = browser.new_context(viewport=view, base_url=address, locale="zh-CN").new_page()
        opened.goto("/login")
        opened.fill("#username", who.name)
        opened.fill("#password", password)
        opened.click("main .btn-primary")
        opened.wait_for_url(lambda url: "/login" not in url)
        yield opened


@pytest.mark.dear
def test_a_draft_is_mended_in_the_editor(page: Page, host: Host, person_as: Callable[..., Actor]) -> None:
    faults: list[str] = []
    page.on("pageerror", lambda fault: faults.append(str(fault)))
    text = SHORT.replace("{code: A-A-002, name: 治安保卫机构和人员的设置}", "{code: A-A-002}")
    number = host.db.write(blueprints.store, person_as("bank_keeper"), text, now=host.now())
    page.goto(f"/blueprints/{number}/edit")
    assert page.inner_text("#f-scopes") == "99 / 100"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    # a fault stands at its field, though its points are folded
    name = page.locator("#f-scopes-0-children-0-points-1-name")
    assert name.get_attribute("aria-invalid") == "true"
    assert page.inner_text("#f-scopes-0-children-0-points-1-name-e") == "缺少内容。"
    name.fill("机构和人员")

    # sums follow the typing: the parent first, then its children
    page.fill("#f-scopes-0-weight", "20")
    assert page.inner_text("#f-scopes") == "100 / 100"
    assert page.inner_text("#f-scopes-0-children") == "19 / 20"
    page.fill("#f-scopes-0-children-1-weight", "4")
    page.fill("#f-scopes-0-children-1-children-0-weight", "4")
    assert "good" in (page.get_attribute("#f-scopes-0-children", "class") or "")

    # rows by keyboard; a removed one comes back
    page.focus("#f-scopes-0-name")
    page.keyboard.press("Enter")
    page.keyboard.type("新范围")
    rows = page.locator("#scopes > .scope")
    assert (rows.count(), rows.nth(1).locator("input").nth(1).input_value()) == (3, "新范围")
    page.keyboard.press("Alt+ArrowUp")
    assert rows.nth(0).locator("input").nth(1).input_value() == "新范围"
    rows.nth(0).locator(":scope > .scope-row [data-act=remove]").click()
    assert rows.count() == 2
    page.click("#undo button")
    assert rows.count() == 3
    rows.nth(0).locator(":scope > .scope-row [data-act=remove]").click()

    page.evaluate(PASTE, ["#f-scopes-0-children-0-points-1-code", "A-A-901\t甲\tX\nA-A-902\t乙"])
    page.click("text=保存草稿")
    page.wait_for_url(f"**/blueprints/{number}")
    assert faults == []
    with host.db.read() as session:
        row = blueprints.get(session, number)
        assert blueprints.faults(row.text) == ()
        scope = blueprints.read(row).scopes[0].children[0]
    assert [(point.code[-3:], point.importance) for point in scope.points] == [
        ("001", ""), ("002", ""), ("901", "X"), ("902", ""), ("003", ""),
    ]  # fmt: skip
