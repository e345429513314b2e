"""What people see of the standby, in a real Chromium: that nothing protects the room, and that another server
took over.

With EXAMHALL_SCREENSHOTS set to a folder pictures are made on the way.
"""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, Page, expect

from exam_rooms.pairing import decode_code
from server.access import Actor, Role
from server.epoch import MARK
from server.services import standby_pairing
from tests.system.chromium import chromium
from tests.system.monitor_stage import Large, large_rooms
from tests.system.screens import DESK, PATIENCE_MS, shots

pytestmark = [pytest.mark.system, pytest.mark.walk]
OVER = {"zh": "本机已被接管", "en": "Taken over"}
ALONE = {"zh": "无备份", "en": "Unprotected"}
LANGUAGES = ("zh", "en")
PEER = "https://standby.example:8443"


@pytest.fixture(scope="module")
def large() -> Iterator[Large]:
    """A room that a paired standby does not follow yet."""
    with large_rooms(240) as made:
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with ExitStack() as stack:
        yield stack.enter_context(chromium())


def pair_standby(large: Large) -> None:
    host = large.hall.host
    admin = Actor(None, "console/root", frozenset({Role.ADMINISTRATOR}))
    code = host.db.write(standby_pairing.issue_code, admin, host.site.ca_fingerprint, now=host.now())
    secret, _fingerprint = decode_code(code)
    host.db.write(standby_pairing.pair, secret, "standby-2", PEER, now=host.now())


def signed_in(large: Large, browser: Browser, role: Role, language: str) -> Page:
    member = large.rooms[0].crew.one(role)
    page = browser.new_context(viewport=DESK, locale="zh-CN").new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{large.hall.address.url}/login")
    page.fill("#username", member.username)
    page.fill("#password", member.password)
    page.click("main .btn-primary")
    page.wait_for_url(lambda url: "/login" not in url)
    page.goto(f"{large.hall.address.url}/language/{language}?next=/")
    return page


def is_on_the_screen(page: Page, selector: str) -> bool:
    """Whether all of it can be read without scrolling, and nothing else lies over it."""
    return page.evaluate(
        """(selector) => {
          const node = document.querySelector(selector), box = node.getBoundingClientRect();
          const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
          return box.left >= 0 && box.right <= innerWidth && box.top >= 0 && box.bottom <= innerHeight
            && (node === top || node.contains(top)) && document.documentElement.scrollWidth <= innerWidth;
        }""",
        selector,
    )


def test_a_room_without_protection_and_then_taken_over_says_so_in_red(large: Large, browser: Browser) -> None:
    pages = {language: signed_in(large, browser, Role.INVIGILATOR, language) for language in LANGUAGES}
    pair_standby(large)
    room = f"{large.hall.address.url}/monitor/{large.rooms[0].stage.room_sitting}"
    for language, page in pages.items():
        page.goto(room)
        expect(page.locator("#standby-state")).to_contain_text(ALONE[language])
        expect(page.locator("#standby-state")).to_have_class("tag-line act")
        assert is_on_the_screen(page, "#standby-state")
        shots(page, f"standby-unprotected-{language}")
    for language in LANGUAGES:
        page = signed_in(large, browser, Role.ADMINISTRATOR, language)
        page.goto(f"{large.hall.address.url}/health/detail")
        expect(page.locator("main")).to_contain_text("standby-2")
        shots(page, f"standby-health-{language}")
    (large.hall.host.settings.data / MARK).write_text("2\n")  # as another process of the server writes it
    for language, page in pages.items():
        expect(page.locator("#standby-state")).to_contain_text(OVER[language])
        expect(page.locator("#standby-state")).to_have_class("tag-line act")
        expect(page.locator("#taken-over")).to_be_visible()
        expect(page.locator("#taken-over a")).to_have_attribute("href", PEER)
        assert is_on_the_screen(page, "#taken-over")
        shots(page, f"standby-taken-over-{language}")
        page.goto(f"{large.hall.address.url}/")
        assert is_on_the_screen(page, "#taken-over") and is_on_the_screen(page, "h1")
        shots(page, f"standby-taken-over-home-{language}")
    stranger = browser.new_context(viewport=DESK, locale="zh-CN").new_page()
    stranger.goto(f"{large.hall.address.url}/login")
    expect(stranger.locator("#taken-over a")).to_have_attribute("href", PEER)
    assert is_on_the_screen(stranger, "#taken-over") and is_on_the_screen(stranger, "#username")
    shots(stranger, "standby-taken-over-login")
