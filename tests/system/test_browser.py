"""One sitting as people see it, in a real Chromium: every role's screen, and the free seat to its receipt.

Three simulated candidates sit beside the one in the browser. With EXAMHALL_SCREENSHOTS set to a folder the
pictures of the documentation are made on the way.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal

import pytest
from playwright.sync_api import Page, expect

from server.access import Role
from server.cli.rehearse.crew import Names, hire
from server.cli.rehearse.hall import private_hall
from server.cli.rehearse.play import Play
from server.cli.rehearse.stage import Wish, fictional_people, stage_sitting
from server.cli.rehearse.telling import tell
from tests.system.chromium import chromium
from tests.system.screens import PASSWORD, Scene, shot, sign_in_at_the_seat

pytestmark = [pytest.mark.system, pytest.mark.walk]
FAULTY = (
    "题库名称,ID,序号,认定点代码,题型代码,题号,试题（题干）,试题（选项A）,试题（选项B）,试题（选项C）,试题（选项D）,"
    "试题（选项E）,【图】及位置,正确答案,难度代码,一致性代码,解析\n"
    "示例,B-A-A-A-001-901,1,A-A-A-001,B,1,值班人员交接班时应当做到,当面交接,电话交接,不作记录,提前离岗,,,A,2,5,\n"
    "示例,B-A-A-A-001-902,2,A-A-A-001,B,2,下列做法正确的是,甲,乙,丙,丁,,,E,2,5,\n"
)


@pytest.fixture
def scene() -> Iterator[Scene]:
    with ExitStack() as stack:
        hall = stack.enter_context(private_hall(tls=False))
        crew = hire(hall.host, Names("demo-", "示例", PASSWORD), invigilators=2)
        wish = Wish("示例场次", fictional_people(4, named="示例考生"), Decimal(15), "7")
        staged = stage_sitting(hall.host, crew, wish, told=tell)
        hall.serve()
        play = stack.enter_context(Play(hall, crew, staged, told=tell))
        play.simulated = staged.entrants[:-1]
        browser = stack.enter_context(chromium())
        yield Scene(play, browser)


def test_a_sitting_in_the_browser(scene: Scene) -> None:
    administrator = scene.signed_in(Role.ADMINISTRATOR)
    walk_the_administrators_screens(scene, administrator)
    import_a_faulty_file(scene, administrator)
    release_by_two_custodians(scene)
    candidate = sign_in_at_the_seat(scene)
    monitor = scene.signed_in(Role.INVIGILATOR)
    admit_and_start(scene, monitor, candidate)
    answer_by_keyboard(scene, candidate)
    add_time(scene, monitor, candidate)
    submit(scene, candidate)
    end_and_mark(scene, monitor)
    read_the_audit(scene)
    for page in (administrator, candidate, monitor):
        assert page.faults == []


def walk_the_administrators_screens(scene: Scene, page: Page) -> None:
    stage = scene.play.stage
    for path, name in (
        ("/", "home"),
        ("/banks/1", "bank"),
        ("/blueprints/1", "blueprint"),
        ("/papers/1", "papers"),
        ("/batches/1", "batch"),
        (f"/sittings/{stage.room_sitting}", "sitting"),
        (f"/rooms/{stage.room}", "room"),
        (f"/rooms/{stage.room}/pairing", "pairing"),
        ("/staff", "staff"),
    ):
        answer = page.goto(scene.address + path)
        assert answer is not None and answer.status == 200, path
        expect(page.locator("h1")).to_have_count(1)
        shot(page, f"administrator-{name}")


def import_a_faulty_file(scene: Scene, page: Page) -> None:
    page.goto(f"{scene.address}/banks/1")
    file = {"name": "新题.csv", "mimeType": "text/csv", "buffer": FAULTY.encode()}
    page.set_input_files("input[type=file]", file)
    with page.expect_navigation():
        page.locator("form:has(input[type=file]) .btn-primary").click()
    for _ in range(40):
        if page.locator("tr.is-bad").count():
            break
        page.wait_for_timeout(250)
        page.reload()
    row = page.locator("tr.is-bad")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("3")
    shot(page, "administrator-import")


def release_by_two_custodians(scene: Scene) -> None:
    scene.play.shift.sign_in()
    scene.play.monitor.connect()
    chief, second = scene.member(Role.CHIEF_INVIGILATOR), scene.member(Role.CUSTODIAN)
    page = scene.signed_in(Role.CHIEF_INVIGILATOR)
    page.goto(f"{scene.address}/sittings/{scene.play.stage.room_sitting}/release")
    shot(page, "custodians-release")
    page.fill("[name=first_passphrase]", chief.passphrase)
    page.fill("[name=second_username]", second.username)
    page.fill("[name=second_password]", second.password)
    page.fill("[name=second_passphrase]", second.passphrase)
    page.locator("main .btn-primary").click()
    page.wait_for_url("**/sittings/*")
    expect(page.locator("main")).to_contain_text("已启封")


def admit_and_start(scene: Scene, monitor: Page, candidate: Page) -> None:
    stage = scene.play.stage
    monitor.goto(f"{scene.address}/monitor/{stage.room_sitting}")
    seat = monitor.locator(f"#seat-{stage.seats[scene.visitor.seat]}")
    expect(seat).to_have_attribute("data-state", "identified")
    seat.click()
    monitor.locator("#drawer .btn-primary").first.wait_for()
    shot(monitor, "monitor-admit")
    monitor.locator("#drawer .btn-primary").first.click()
    expect(seat).to_have_attribute("data-state", "admitted")
    candidate.locator(".confirm-actions .btn-primary").wait_for()
    shot(candidate, "candidate-confirm")
    candidate.locator(".confirm-actions .btn-primary").click()
    candidate.locator(".rules").focus()
    candidate.keyboard.press("End")
    candidate.locator(".promise input:enabled").check()
    expect(candidate.locator("input[name=consent]")).to_have_count(0)  # a standard room asks nothing of faces
    shot(candidate, "candidate-rules")
    candidate.locator(".pledge-side .btn-primary").click()
    candidate.locator(".clocks").wait_for()
    shot(candidate, "candidate-waiting")
    scene.play.seat_everybody()
    scene.play.await_checks()
    monitor.keyboard.press("Escape")
    monitor.locator("#bar .btn-primary").click()
    monitor.locator("#dialog .btn-primary").click()
    expect(seat).to_have_attribute("data-state", "answering")
    candidate.locator(".exam").wait_for()


def answer_by_keyboard(scene: Scene, page: Page) -> None:
    expect(page.locator(".option").first).to_be_visible()
    for key in ("a", "b", "c"):
        page.keyboard.press(key)
        page.keyboard.press("ArrowRight")
    page.keyboard.press("2")
    page.keyboard.press("Space")
    expect(page.locator("[aria-checked=true]")).to_have_count(1)
    expect(page.locator("body")).to_contain_text("已保存到考场服务器")
    shot(page, "candidate-paper")


def add_time(scene: Scene, monitor: Page, candidate: Page) -> None:
    chief = scene.member(Role.CHIEF_INVIGILATOR)
    monitor.goto(f"{scene.address}/monitor/{scene.play.stage.room_sitting}")
    monitor.locator(f"#seat-{scene.play.stage.seats[scene.visitor.seat]}").click()
    drawer = monitor.locator("#drawer")
    drawer.locator("#add-minutes").wait_for(state="attached")
    drawer.locator("details:has(#add-minutes) summary").click()
    drawer.locator("#add-minutes").fill("6")
    drawer.locator("#add_time-reason").fill("断电 6 分钟")
    drawer.locator("#time-cosign_username").fill(chief.username)
    drawer.locator("#time-cosign_password").fill(chief.password)
    drawer.locator("details:has(#add-minutes) .btn-primary").click()
    expect(drawer).to_contain_text("补时 6")
    shot(monitor, "monitor-seat")
    monitor.keyboard.press("Escape")
    shot(monitor, "monitor")


def submit(scene: Scene, page: Page) -> None:
    page.keyboard.press("Control+Enter")
    page.locator("dialog .btn").first.wait_for()
    shot(page, "candidate-submit")
    page.locator("dialog .btn", has_text="交卷").click()
    page.locator(".receipt img").wait_for()
    shot(page, "candidate-receipt")


def end_and_mark(scene: Scene, monitor: Page) -> None:
    scene.play.shift.end()
    scene.play.finish()
    chief = scene.signed_in(Role.CHIEF_INVIGILATOR)
    chief.goto(f"{scene.address}/results/{scene.play.stage.room_sitting}")
    expect(chief.locator("tbody tr")).to_have_count(4)
    expect(chief.locator("main")).to_contain_text(scene.visitor.ticket)
    shot(chief, "results")
    chief.goto(f"{scene.address}/language/en?next=/results/{scene.play.stage.room_sitting}")
    expect(chief.locator("html")).to_have_attribute("lang", "en")
    shot(chief, "results-en")
    link = chief.locator("a[href$='.xlsx']").get_attribute("href")
    assert chief.request.get(f"{scene.address}{link}").body().startswith(b"PK")


def read_the_audit(scene: Scene) -> None:
    page = scene.signed_in(Role.AUDITOR)
    page.goto(f"{scene.address}/audit")
    expect(page.locator("h1")).to_have_count(1)
    shot(page, "auditor-audit")
    with scene.play.hall.host.db.read() as session:
        from server.services import audit

        assert all(not verdict.breaks for verdict in audit.verify_all(session))
