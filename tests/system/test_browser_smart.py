"""A smart room as people see it, in a real Chromium: consent, camera check, an alert, a warning that is read.

The candidate in the browser sits before a recorded camera, and so do simulated ones. One workstation has the
camera of another seat; one seat has none. With EXAMHALL_SCREENSHOTS set to a folder the pictures of the
documentation are made on the way.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from decimal import Decimal

import pytest
from playwright.sync_api import Page, expect

from exam_rooms.seatmap import RoomKind
from server.access import Role
from server.cli.rehearse.cameras import Scene as Shown
from server.cli.rehearse.cameras import known_people
from server.cli.rehearse.crew import Names, hire
from server.cli.rehearse.hall import private_hall
from server.cli.rehearse.play import Play
from server.cli.rehearse.stage import Wish, fictional_people, stage_sitting
from server.cli.rehearse.staging import Recording, recorded
from server.cli.rehearse.telling import tell
from tests.system.chromium import chromium
from tests.system.screens import PASSWORD, Scene, shot, shots, sign_in_at_the_seat

pytestmark = [pytest.mark.system, pytest.mark.long]  # a long walk: `make test-long`
SEED = "7"
LOOKS_MS = 4_000
ALERT_MS = 90_000
"""An empty chair is an alert after eight seconds; the rest is the patience of a busy machine."""


@pytest.fixture
def scene() -> Iterator[Scene]:
    """Three simulated candidates and the visitor; the first simulated one has the visitor's camera."""
    with ExitStack() as stack:
        hall = stack.enter_context(private_hall(tls=False))
        crew = hire(hall.host, Names("demo-", "示例", PASSWORD), invigilators=2)
        people = fictional_people(4, named="示例考生")
        wish = Wish("示例场次", people, Decimal(40), SEED, kind=RoomKind.SMART)
        staged = stage_sitting(hall.host, crew, wish, told=tell)
        play = stack.enter_context(Play(hall, crew, staged, told=tell))
        mistaken, second, _without, visitor = staged.entrants
        sitters = [(number, entrant) for number, entrant in enumerate((mistaken, second, visitor), 1)]
        director = recorded(hall, crew, staged, Recording(known_people(), sitters, SEED, None), tell)
        director.cameras.record(visitor.seat, Shown.EMPTY)
        play.direct(director)
        play.camera_of = lambda seat: mixed_up(play, seat, mistaken.seat, visitor.seat)
        play.simulated = staged.entrants[:-1]
        hall.serve()
        browser = stack.enter_context(chromium())
        yield Scene(play, browser)


def mixed_up(play: Play, seat: str, mistaken: str, owner: str) -> Sequence[str]:
    """The arguments of a seat's camera; one seat's camera says that it is another one's."""
    assert play.director is not None
    given = play.director.cameras.arguments(seat)
    return (*given[:-1], play.stage.cameras[owner]) if seat == mistaken else given


def test_a_smart_room_in_the_browser(scene: Scene) -> None:
    scene.play.prepare()
    monitor = scene.signed_in(Role.INVIGILATOR)
    candidate = sign_in_at_the_seat(scene)
    admit(scene, monitor)
    consent(candidate)
    scene.play.seat_everybody()
    scene.play.await_enrolments()
    expect(candidate.locator(".enrolment")).to_contain_text("采集完成")
    shots(candidate, "candidate-enrolled")
    check_cameras(scene, monitor)
    start(scene, monitor, candidate)
    leave_the_chair(scene, candidate)
    see_the_alert(scene, monitor)
    warn(scene, monitor)
    read_the_warning(scene, candidate)
    see_that_it_was_read(scene, monitor)
    read_the_record(scene, monitor)
    look_at_the_seat(scene, monitor)
    for page in (candidate, monitor):
        assert page.faults == []


def room_path(scene: Scene, tail: str = "") -> str:
    """An address of the monitor."""
    return f"{scene.address}/monitor/{scene.play.stage.room_sitting}{tail}"


def seat_of(scene: Scene, monitor: Page):
    """The visitor's seat on the map."""
    return monitor.locator(f"#seat-{scene.play.stage.seats[scene.visitor.seat]}")


def admit(scene: Scene, monitor: Page) -> None:
    monitor.goto(room_path(scene))
    seat_of(scene, monitor).click()
    monitor.locator("#drawer .btn-primary").first.click()
    expect(seat_of(scene, monitor)).to_have_attribute("data-state", "admitted")
    monitor.keyboard.press("Escape")


def consent(page: Page) -> None:
    """What the camera does is said, both answers are offered, none is preset, and one is needed."""
    page.locator(".confirm-actions .btn-primary").click()
    choices = page.locator("input[name=consent]")
    expect(choices).to_have_count(2)
    expect(page.locator("input[name=consent]:checked")).to_have_count(0)
    side = page.locator(".pledge-side")
    for said in ("180 天", "不作任何判定", "没有任何不利", "两名工作人员"):
        expect(side).to_contain_text(said)
    page.locator(".rules").focus()
    page.keyboard.press("End")
    page.locator(".promise input:enabled").check()
    expect(side).to_contain_text("请选择是否同意人脸比对")
    expect(side.locator(".btn-primary")).to_have_attribute("aria-disabled", "true")
    choices.first.check()
    shots(page, "candidate-consent")
    side.locator(".btn-primary").click()
    page.locator(".enrolment").wait_for()
    shot(page, "candidate-enrolling")


def check_cameras(scene: Scene, monitor: Page) -> None:
    """A workstation with another seat's camera keeps the room from starting until the chief signs for it."""
    monitor.goto(room_path(scene, "/cameras"))
    mistaken = scene.play.simulated[0].seat
    expect(monitor.locator(".camera-tile.act")).to_have_count(1)
    expect(monitor.locator(".camera-tile.act h3")).to_contain_text(mistaken)
    expect(monitor.locator(".camera-tile.act")).to_contain_text(f"{scene.visitor.seat} 号")
    monitor.locator("[data-look-all]").click()
    expect(monitor.locator(".camera-tile .look-picture img")).to_have_count(3)
    shots(monitor, "monitor-cameras")
    monitor.goto(room_path(scene))
    monitor.locator("#bar .btn-primary").click()
    expect(monitor.locator("#dialog .alert.act")).to_contain_text(mistaken)
    expect(monitor.locator("#dialog .btn-primary")).to_be_disabled()
    monitor.locator("#dialog [data-close]").click()
    expect(seat_of(scene, monitor)).to_have_attribute("data-state", "ready")
    chief = scene.signed_in(Role.CHIEF_INVIGILATOR)
    chief.goto(room_path(scene, "/cameras"))
    chief.locator(".overrule summary").click()
    chief.locator("main [name=reason]").fill("线缆接反，考后更换")
    chief.locator("main form:has([name=reason]) button").click()
    expect(chief.locator("main")).to_contain_text("已放行")
    chief.close()


def start(scene: Scene, monitor: Page, candidate: Page) -> None:
    scene.play.await_checks()
    monitor.goto(room_path(scene))
    monitor.locator("#bar .btn-primary").click()
    monitor.locator("#dialog .btn-primary").click()
    expect(seat_of(scene, monitor)).to_have_attribute("data-state", "answering")
    candidate.locator(".exam").wait_for()
    candidate.keyboard.press("b")
    candidate.keyboard.press("ArrowRight")
    expect(candidate.locator(".camera-sign")).to_contain_text("摄像头工作中")
    shots(candidate, "candidate-watched")


def leave_the_chair(scene: Scene, candidate: Page) -> None:
    """After a few looks at somebody who sits there: a picture from before needs one."""
    assert scene.play.director is not None
    candidate.wait_for_timeout(LOOKS_MS)
    scene.play.director.cameras.show(scene.visitor.seat, Shown.EMPTY)


def see_the_alert(scene: Scene, monitor: Page) -> None:
    """It stands in the list of what is to be done, with a picture, and opens the seat with all of them."""
    alert = monitor.locator("#todo .alert-card", has_text="座位无人")
    expect(alert).to_have_count(1, timeout=ALERT_MS)
    expect(alert).to_contain_text(scene.visitor.seat)
    expect(alert.locator("img").first).to_be_visible()
    shots(monitor, "monitor-alert")
    seat_of(scene, monitor).click()
    frames = monitor.locator("#drawer .frames img")
    expect(frames).not_to_have_count(0)
    expect(monitor.locator("#drawer .frames")).to_contain_text("之前")
    shots(monitor, "monitor-evidence")


def warn(scene: Scene, monitor: Page) -> None:
    monitor.locator("#drawer .alert-card [data-dialog]", has_text="警告").click()
    dialog = monitor.locator("#dialog")
    expect(dialog).to_contain_text("座位无人")
    shot(monitor, "monitor-warn")
    dialog.locator(".btn-primary").click()
    expect(monitor.locator("#drawer")).to_contain_text("考生尚未读")


def read_the_warning(scene: Scene, page: Page) -> None:
    """Over the paper, closed by nothing but reading; what was answered stays."""
    dialog = page.get_by_role("alertdialog")
    expect(dialog).to_contain_text("请回到座位，面向屏幕作答。")
    expect(dialog).to_contain_text("监考员")
    page.keyboard.press("Escape")
    page.keyboard.press("Space")
    page.keyboard.press("a")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_role("button")).to_be_enabled()
    shots(page, "candidate-warning")
    assert scene.play.director is not None
    scene.play.director.cameras.show(scene.visitor.seat, Shown.NORMAL)
    dialog.get_by_role("button").click()
    expect(dialog).to_have_count(0)
    expect(page.locator(".answer-card [data-answered]:not(.cell-sample)")).to_have_count(1)
    page.keyboard.press("a")
    expect(page.locator(".answer-card [data-answered]:not(.cell-sample)")).to_have_count(2)


def see_that_it_was_read(scene: Scene, monitor: Page) -> None:
    drawer = monitor.locator("#drawer")
    expect(drawer).to_contain_text("考生已读")
    expect(drawer).to_contain_text("已恢复", timeout=ALERT_MS)
    shots(monitor, "monitor-warned")
    monitor.keyboard.press("Escape")


def read_the_record(scene: Scene, monitor: Page) -> None:
    """All that happened, for the files: alert, pictures, warning and the time it was read."""
    monitor.goto(room_path(scene, "/incidents"))
    main = monitor.locator("main")
    for said in ("座位无人", "请回到座位，面向屏幕作答。", "考生已读", "持续"):
        expect(main).to_contain_text(said)
    expect(main.locator("img")).not_to_have_count(0)
    shots(monitor, "monitor-record")


def look_at_the_seat(scene: Scene, monitor: Page) -> None:
    """A picture on demand, which comes by itself and is put on the record."""
    monitor.goto(room_path(scene))
    seat_of(scene, monitor).click()
    monitor.locator("#drawer [data-look]").click()
    expect(monitor.locator("#drawer .look-picture img")).to_be_visible()
    shot(monitor, "monitor-look")
    expect(monitor.locator("#side")).not_to_contain_text("摄像头没有画面")
