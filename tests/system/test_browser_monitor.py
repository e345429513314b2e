"""A room of 240 seats on the monitor, in a real Chromium: the worst first, one key to its seat, keyboard, touch.

With EXAMHALL_SCREENSHOTS set to a folder the pictures of the documentation are made on the way.
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute, expect

from server.access import Role
from server.cli.rehearse.acts import Shift
from tests.system.axe import violations
from tests.system.chromium import chromium
from tests.system.monitor_stage import ABSENT, HAND, LOST, WORST, Large, large_rooms
from tests.system.screens import DESK, PATIENCE_MS, SMALL, shot

pytestmark = [pytest.mark.system, pytest.mark.walk]
CENTRE = """(seat) => {
  const map = document.getElementById('seatmap').getBoundingClientRect();
  const box = document.getElementById(`seat-${seat}`).getBoundingClientRect();
  return [(box.x + box.width / 2 - map.x) / map.width, (box.y + box.height / 2 - map.y) / map.height, box.width];
}"""


@pytest.fixture(scope="module")
def large() -> Iterator[Large]:
    with large_rooms(240, 60) as made:
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with ExitStack() as stack:
        yield stack.enter_context(chromium())


def signed_in(large: Large, browser: Browser, role: Role, language: str = "zh", room: int = 0) -> Page:
    """A page at which somebody of the room's crew has signed in."""
    member = large.rooms[room].crew.one(role)
    context = browser.new_context(
        viewport=DESK, locale="zh-CN" if language == "zh" else "en-GB", has_touch=True
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.faults = []
    page.on("pageerror", lambda fault: page.faults.append(str(fault)))
    page.goto(f"{large.hall.address.url}/login")
    page.fill("#username", member.username)
    page.fill("#password", member.password)
    page.click("main .btn-primary")
    page.wait_for_url(lambda url: "/login" not in url)
    if language == "en":
        page.goto(f"{large.hall.address.url}/language/en?next=/")
    return page


def open_room(large: Large, page: Page, room: int = 0) -> None:
    """The room's monitor, with its cards."""
    page.goto(f"{large.hall.address.url}/monitor/{large.rooms[room].stage.room_sitting}")
    expect(page.locator("#socket-state")).to_have_class("tag-line good")
    expect(page.locator("[data-filter=all] [data-filter-count]")).not_to_have_text("")


def seat(page: Page, large: Large, number: str):
    """A seat of the first room."""
    return page.locator(f"#seat-{large.seat(number)}")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_with_240_seats_one_key_goes_to_the_worst_of_three_incidents(
    large: Large, browser: Browser, language: str
) -> None:
    page = signed_in(large, browser, Role.INVIGILATOR, language)
    open_room(large, page)
    mark = "" if language == "zh" else "-en"
    entries = page.locator("#todo [data-entry]")
    expect(entries).to_have_count(4)
    expect(entries.first).to_contain_text(WORST)
    expect(entries.first.locator("img")).to_have_count(3)
    assert page.title().startswith("(1) ")
    assert page.locator("#seatmap").get_attribute("data-far") == "yes"
    expect(seat(page, large, WORST)).to_have_attribute("data-far", "act")
    shot(page, f"monitor-240{mark}")
    page.keyboard.press("n")
    expect(entries.first).to_have_attribute("aria-current", "true")
    expect(seat(page, large, WORST)).to_have_attribute("aria-current", "true")
    x, y, width = page.evaluate(CENTRE, large.seat(WORST))
    assert 0.4 < x < 0.6
    assert 0.3 < y < 0.7
    assert width > 60  # near enough to read name and words
    shot(page, f"monitor-240-worst{mark}")
    assert page.faults == []
    page.context.close()


def test_a_server_whose_store_is_away_is_asked_again(large: Large, browser: Browser) -> None:
    page, refused = signed_in(large, browser, Role.INVIGILATOR), []

    def line(socket: WebSocketRoute) -> None:
        if refused:
            socket.connect_to_server()
            return
        refused.append(socket.url)
        answer = '44/monitor,{"message":"store_unavailable"}'
        socket.on_message(lambda said: socket.send(answer) if str(said).startswith("40") else None)
        socket.send('0{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":100000}')

    page.route_web_socket(re.compile("/socket.io/"), line)
    open_room(large, page)  # waits until the line is up and the cards have come
    assert len(refused) == 1
    assert page.faults == []
    page.context.close()


def test_keys_chips_search_and_picking_work_without_a_mouse(large: Large, browser: Browser) -> None:
    page = signed_in(large, browser, Role.INVIGILATOR)
    open_room(large, page)
    page.keyboard.press("n")
    page.keyboard.press("a")
    expect(page.locator("#todo [data-entry]").first).to_contain_text(
        HAND
    )  # the worst is taken on, calls come next
    assert not page.title().startswith("(")
    page.keyboard.press("n")
    expect(seat(page, large, HAND)).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(seat(page, large, "089")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(seat(page, large, "109")).to_be_focused()
    page.evaluate(
        "document.body.addEventListener('examhall:selection', (e) => { window.told = e.detail.seats; })"
    )
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+Space")
    expect(page.locator("#selection input[name=seat]")).to_have_count(3)
    assert page.evaluate("window.told") == [large.seat(number) for number in ("109", "110", "111")]
    page.locator("[data-pick=row]").click()
    expect(page.locator("#selection input[name=seat]")).to_have_count(20)
    page.keyboard.press("Escape")
    expect(page.locator("#selection")).to_be_hidden()
    page.keyboard.press("/")
    page.keyboard.type(LOST)
    page.keyboard.press("Enter")
    expect(page.locator("#drawer-title")).to_contain_text(LOST)
    page.keyboard.press("Escape")
    expect(page.locator("#drawer")).to_be_hidden()
    page.keyboard.press("0")
    expect(page.locator("#seatmap")).to_have_attribute("data-zoomed", "no")
    page.locator("[data-filter=away]").click()
    expect(page.locator(".seat:not(.is-dim)")).to_have_count(len(ABSENT))
    assert violations(page) == []
    assert page.faults == []
    page.context.close()


def test_sixty_seats_fit_the_screen_and_a_tablet_is_tapped(large: Large, browser: Browser) -> None:
    page = signed_in(large, browser, Role.INVIGILATOR, room=1)
    for size, name in ((DESK, "monitor-60"), (SMALL, "monitor-60-1024")):
        page.set_viewport_size(size)
        open_room(large, page, room=1)
        overflow = page.evaluate(
            "[document.documentElement.scrollHeight - innerHeight, document.documentElement.scrollWidth - innerWidth]"
        )
        assert overflow == [0, 0]
        bars = page.locator("#bar").bounding_box()
        assert bars["y"] + bars["height"] <= size["height"]
        shot(page, name)
    page.locator("#pick-mode").tap()
    for number in ("01", "02"):
        page.locator(f"[data-number='0{number}']").tap()
    expect(page.locator("#selection-count")).to_contain_text("2")
    page.locator("#pick-mode").tap()
    page.locator("[data-pick=none]").tap()
    page.locator("[data-number='005']").tap()
    expect(page.locator("#drawer-title")).to_contain_text("005")
    assert page.faults == []
    page.context.close()


def test_the_chief_sees_all_rooms_the_worst_first(large: Large, browser: Browser) -> None:
    page = signed_in(large, browser, Role.CHIEF_INVIGILATOR)
    page.goto(f"{large.hall.address.url}/monitor")
    expect(page.locator("#socket-state")).to_have_class("tag-line good")
    tiles = page.locator(".room-tile")
    expect(tiles).to_have_count(2)
    expect(tiles.first.locator("[data-count=present]")).to_have_text("236")
    expect(page.locator("#todo [data-entry]")).to_have_count(4)
    shot(page, "monitor-rooms")
    page.keyboard.press("n")
    page.keyboard.press("Enter")
    page.wait_for_url("**/monitor/*#seat-*")
    expect(page.locator(".seat[aria-current=true]")).to_have_count(1)
    assert page.faults == []
    page.context.close()


def test_seats_picked_by_keys_are_commanded_in_one_step_and_say_how_far_it_came(
    large: Large, browser: Browser
) -> None:
    page = signed_in(large, browser, Role.INVIGILATOR, room=1)
    open_room(large, page, room=1)
    first = page.locator("[data-number='001']")
    first.focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+Space")
    page.keyboard.press("c")
    expect(page.locator("#dialog-title")).to_contain_text("3")
    expect(page.locator("#dialog")).to_contain_text("001、002、003")
    expect(page.locator("#reason")).to_be_focused()
    assert violations(page) == []
    shot(page, "monitor-commands")
    page.keyboard.type("检查插座")
    page.locator("#dialog button", has_text="暂停").click()
    expect(page.locator(".flash-list")).to_contain_text("3")
    for number in ("001", "002", "003"):
        expect(page.locator(f"[data-number='{number}'] .seat-note")).to_have_text("暂停 已发送")
    expect(page.locator("[data-number='004'] .seat-note")).not_to_contain_text("暂停")
    expect(page.locator("#selection input[name=seat]")).to_have_count(3)  # for what comes next
    page.locator("#selection-command").click()
    page.locator("#dialog button", has_text="恢复").click()
    expect(first.locator(".seat-note")).to_have_text("恢复 已发送")
    page.keyboard.press("Escape")
    expect(page.locator("#selection")).to_be_hidden()
    page.locator("#work summary").press("Enter")
    expect(page.locator("#work a", has_text="签到台")).to_be_visible()
    overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert overflow == 0
    shot(page, "monitor-work")
    assert page.faults == []
    page.context.close()


def test_240_changes_at_once_are_drawn_in_few_frames(large: Large, browser: Browser) -> None:
    """The end of the room changes every card; what that costs in time is the bench's matter."""
    page = signed_in(large, browser, Role.CHIEF_INVIGILATOR)
    open_room(large, page)
    frames = int(page.locator("#main").get_attribute("data-frames") or 0)
    shift = Shift(large.hall.address, large.rooms[0].crew, large.rooms[0].stage.room_sitting)
    shift.sign_in()
    shift.end()
    expect(page.locator(".seat[data-state=auto_submitted], .seat[data-state=ended]")).to_have_count(
        240 - len(ABSENT)
    )
    assert int(page.locator("#main").get_attribute("data-frames") or 0) - frames <= 8
    assert page.faults == []
    page.context.close()
