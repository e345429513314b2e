"""A tablet in trouble: a network that answers with its own page, leaving without network, a store that does not open."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import expect, sync_playwright

from server.access import Role
from server.cli.bench.panels import PanelRoom, PanelWish, panel_rooms
from server.cli.rehearse.crew import Names, hire
from server.cli.rehearse.hall import Hall, private_hall
from server.services import turns
from tests.system.proxy import Wire
from tests.system.screens import PASSWORD
from tests.system.tablet_kit import Tablet, profile

pytestmark = [pytest.mark.system, pytest.mark.walk]
LATE_PAINT = "requestAnimationFrame = (act) => setTimeout(act, 5000);"
"""As on a tablet that is busy: what is drawn first comes on the screen long after it was made."""
NO_STORE = "indexedDB.open = () => { throw new DOMException('no', 'UnknownError'); };"
NO_LOCKS = "navigator.locks.request = () => Promise.reject(new DOMException('no', 'SecurityError'));"
UNREADABLE = "读不出这台平板上的评分"
INSECURE = "Object.defineProperty(globalThis, 'isSecureContext', { value: false });"


@pytest.fixture(scope="module")
def staged() -> Iterator[tuple[Hall, PanelRoom]]:
    with private_hall(tls=False) as hall:
        crew = hire(hall.host, Names("demo-", "示例", PASSWORD), invigilators=1)
        keeper, arranger = crew.one(Role.BANK_KEEPER).actor, crew.one(Role.ADMINISTRATOR).actor
        (room,) = panel_rooms(hall.host, keeper, arranger, PanelWish(1, 2, 3, PASSWORD))
        hall.host.db.write(turns.call, room.invigilator.actor, 1, now=hall.host.now())
        hall.host.db.write(turns.start, room.invigilator.actor, 1, checked=True, now=hall.host.now())
        hall.serve()
        yield hall, room


class SignInPage(BaseHTTPRequestHandler):
    """What a guest network says to everything."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<h1>Wi-Fi</h1>")

    do_POST = do_GET

    def log_message(self, *_said: object) -> None:
        pass


@contextmanager
def guest_network() -> Iterator[tuple[str, int]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), SignInPage)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield ("127.0.0.1", server.server_address[1])
    server.shutdown()


def test_a_tablet_survives_a_strange_network_leaving_and_a_store_that_fails(
    staged: tuple[Hall, PanelRoom],
) -> None:
    hall, room = staged
    wire, server = Wire(hall.address.parts), hall.address.parts
    first, second = (member.username for member in room.examiners[:2])
    with sync_playwright() as playwright, profile(playwright) as one, guest_network() as guest:
        tablet = Tablet.at(one.start().contexts[0].new_page(), f"http://127.0.0.1:{wire.port}")
        page = tablet.page
        tablet.sign_in(first, PASSWORD)
        tablet.kept()
        tablet.choose(1)
        expect(page.locator(".score-facts .badge").first).to_have_text("正在考核")

        wire.turn(guest)
        tablet.mark_all()
        expect(page.get_by_text("没有连接到服务器")).to_be_visible()
        tablet.saving("here")
        tablet.open()
        expect(tablet.rows()).to_have_count(2)
        tablet.saving("here")
        wire.turn(server)
        tablet.saving("server")

        wire.cut()
        expect(page.get_by_text("没有连接到服务器")).to_be_visible()
        page.get_by_role("button", name="退出").click()
        page.get_by_role("dialog").get_by_role("button", name="退出").click()
        expect(page.get_by_role("heading", name="没有连接到服务器")).to_be_visible()
        expect(tablet.rows()).to_have_count(0)
        wire.mend()
        expect(page.get_by_role("heading", name="请先登录")).to_be_visible()
        tablet.sign_in(second, PASSWORD)
        expect(page.get_by_text("示例考评员2")).to_be_visible()

        page.goto(f"{tablet.url}/")
        page.get_by_role("button", name="退出").click()
        page.wait_for_url("**/login**")
        wire.cut()
        tablet.open()
        expect(page.get_by_role("heading", name="没有连接到服务器")).to_be_visible()
        wire.mend()

        tablet.sign_in(first, PASSWORD)
        tablet.saving("server")
        page.add_init_script(LATE_PAINT)
        for trouble, told in ((NO_STORE, UNREADABLE), (NO_LOCKS, UNREADABLE), (INSECURE, "这里不能保存评分")):
            page.add_init_script(trouble)
            tablet.open()
            expect(page.get_by_role("heading", name=told)).to_be_visible()
        assert tablet.faults == []
    wire.close()
