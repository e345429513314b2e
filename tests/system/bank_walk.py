"""What the walk of bank and papers stands on: a server with its crew, people at screens, files made here."""

import io
from dataclasses import dataclass
from http import HTTPStatus

from openpyxl import Workbook
from playwright.sync_api import Browser, Locator, Page, Response, expect

from server.access import SYSTEM, Actor, Role
from server.cli.rehearse.crew import Crew, Member
from server.cli.rehearse.hall import Hall
from server.services import passwords, staff
from tests.system.screens import PASSWORD, PATIENCE_MS, shot

SCREEN = {"width": 1280, "height": 800}
MOST_TABS = 150
REVIEWER = "demo-reviewer"
UNREACHABLE = """() => [...document.querySelectorAll("main a[href], main button, main input, main select, main textarea, main summary")]
  .filter((one) => one.type !== "hidden" && !one.disabled && one.checkVisibility() && one.tabIndex < 0)
  .filter((one) => !one.classList.contains("sr-only")).map((one) => one.outerHTML)"""
NAMELESS = """() => [...document.querySelectorAll("main input, main select, main textarea")]
  .filter((one) => one.type !== "hidden" && one.checkVisibility())
  .filter((one) => !one.labels.length && !one.ariaLabel && !one.getAttribute("aria-labelledby")).map((one) => one.outerHTML)"""
SCROLLED_TO = "(at) => (at === 'h1' ? scrollTo(0, 0) : document.querySelector(at).scrollIntoView())"
SIDEWAYS = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"

HEAD = ("编号列", "考核单元", "类", "题面", "甲选", "乙选", "丙选", "丁选", "标答", "难易")
MEANING = {
    "编号列": "uid",
    "考核单元": "point",
    "类": "kind",
    "题面": "stem",
    **dict(
        zip(("甲选", "乙选", "丙选", "丁选"), ("option_A", "option_B", "option_C", "option_D"), strict=True)
    ),
    "标答": "answer",
    "难易": "difficulty",
}
SCOPE_A = [f"A-A-A-{n:03d}" for n in range(1, 7)]
SCOPE_B = [f"B-A-A-{n:03d}" for n in range(1, 5)]
SUBJECTS = (
    "值班交接",
    "出入口管理",
    "巡查路线",
    "消防器材",
    "应急疏散",
    "安全检查",
    "事件报告",
    "监控值守",
    "人群疏导",
    "现场保护",
)


@dataclass
class Desk:
    """A private server, its crew, and a browser that records what goes wrong on any page."""

    hall: Hall
    crew: Crew
    browser: Browser

    def __post_init__(self) -> None:
        self.faults: list[str] = []
        self.reviewer = second_keeper(self.hall)

    @property
    def address(self) -> str:
        return self.hall.address.url

    def page(self, member: Member | Role) -> Page:
        """A page at which somebody has signed in; every word on its console counts as a fault."""
        who = self.crew.one(member) if isinstance(member, Role) else member
        page = self.browser.new_context(viewport=SCREEN, locale="zh-CN").new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda fault: self.faults.append(f"{page.url}: {fault}"))
        page.on("console", lambda said: self._said(page, said.type, said.text))
        page.on("response", lambda answer: self._answered(page, answer))
        page.goto(f"{self.address}/login")
        page.fill("#username", who.username)
        page.fill("#password", who.password)
        page.locator("#password").press("Enter")
        page.wait_for_url(lambda url: "/login" not in url)
        return page

    def open(self, page: Page, path: str) -> None:
        answer = page.goto(self.address + path)
        assert answer is not None and answer.status == 200, path

    def look(self, page: Page, name: str, at: str = "h1") -> None:
        """What holds on every page: one heading, no scrolling sideways, all within reach of the keyboard.

        The picture begins at `at`.
        """
        expect(page.locator("h1")).to_have_count(1)
        assert page.evaluate(SIDEWAYS) == 0, name
        assert page.evaluate(UNREACHABLE) == [], name
        assert page.evaluate(NAMELESS) == [], name
        page.evaluate(SCROLLED_TO, at)
        shot(page, name)

    def in_english(self, page: Page, name: str) -> None:
        here = page.url.removeprefix(self.address)
        self.open(page, f"/language/en?next={here}")
        expect(page.locator("html")).to_have_attribute("lang", "en")
        self.look(page, f"{name}-en")
        self.open(page, f"/language/zh?next={here}")

    def _said(self, page: Page, sort: str, text: str) -> None:
        if sort in ("error", "warning") and not text.startswith("Failed to load resource"):
            self.faults.append(f"{page.url}: {text}")

    def _answered(self, page: Page, answer: Response) -> None:
        """A refused form is an answer; anything else that fails is a fault, of a picture or a script too."""
        if answer.status >= HTTPStatus.BAD_REQUEST and answer.request.method != "POST":
            self.faults.append(f"{page.url}: {answer.status} {answer.url}")


def by_keyboard(page: Page, target: Locator, start: str = "#main") -> None:
    """Walks to something by Tab alone, from the head of the page's content or from a field, and presses Enter."""
    page.locator(start).focus()
    for _step in range(MOST_TABS):
        page.keyboard.press("Tab")
        if target.evaluate("(one) => one === document.activeElement"):
            page.keyboard.press("Enter")
            return
    raise AssertionError(f"not reached by Tab: {target}")


def second_keeper(hall: Hall) -> Member:
    """The other person who may review items."""
    new = staff.NewPerson(
        REVIEWER, "示例审题员", passwords.hash_password(PASSWORD), frozenset({Role.BANK_KEEPER})
    )
    user_id = hall.host.db.write(staff.add_person, SYSTEM, new, now=hall.host.now())
    actor = Actor(user_id, new.name, new.roles)
    return Member(actor, Role.BANK_KEEPER, REVIEWER, PASSWORD)


def bank_file() -> bytes:
    """Forty good rows under headings of somebody's own, and three faulty ones: rows 42, 43 and 44."""
    rows: list[list[object]] = []
    for subject, point in zip(SUBJECTS, [*SCOPE_A, *SCOPE_B], strict=True):
        rows += items_of(subject, point, len(rows) + 1)
    bad = row(41, "A-A-A-001", "单选题", "交接班记录应当", "E")
    empty = row(42, "A-A-A-001", "单选题", " ", "A")
    stray = row(43, "??", "单选题", "巡查发现门窗未关时应当", "B")
    return workbook([HEAD, *rows, bad, empty, stray])


def items_of(subject: str, point: str, first: int) -> list[list[object]]:
    """Two single-choice items, a multiple-choice one under a code of the file's own, a statement."""
    return [
        row(first, point, "单选题", f"关于{subject}，下列做法符合规定的是", "A"),
        row(first + 1, point, "单选题", f"{subject}中发现异常，首先应当", "B"),
        row(first + 2, point, "D", f"{subject}的记录应当包括", "AC"),
        [f"示-{first + 3:03d}", point, "判断题", f"{subject}的记录可以事后补写。", *[""] * 4, "错", 3],
    ]


def row(number: int, point: str, kind: str, stem: str, answer: str) -> list[object]:
    options = ["当面核对并签字", "立即报告值班领导", "写明时间和地点", "由他人代为处理"]
    return [f"示-{number:03d}", point, kind, stem, *options, answer, 3]


def workbook(rows: list[object]) -> bytes:
    book, out = Workbook(), io.BytesIO()
    for each in rows:
        book.active.append(list(each))
    book.save(out)
    return out.getvalue()
