"""One seat for the browser tests of the candidate's page: a fake room, a real agent, a page in Chromium."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

from exam_rooms.pairing import encode_code, fingerprint
from itembank.paper_building import PaperPlan, build_form
from itembank.papers import MarkingKey, PaperForm, Shuffle
from tests.client.conftest import AgentProcess
from tests.client.fake_room import ID_NUMBER, TICKET, FakeRoom
from tests.client.tls_kit import make_ca
from tests.itembank.every_kind import ITEMS, MEDIA, POINTS, picture

SHUFFLE = Shuffle(items=False, options=True, secret="5a" * 32)
PLAN = PaperPlan("A", "示例试卷", Decimal(90), POINTS, shuffle=SHUFFLE)
DESK: ViewportSize = {"width": 1366, "height": 768}


def every_kind() -> tuple[PaperForm, MarkingKey]:
    """A form with one item of every kind, and its key."""
    return build_form(PLAN, ITEMS, MEDIA)


@dataclass
class Stand:
    """The room, the agent and the page in front of it. `faults`: what the page threw or complained of."""

    room: FakeRoom
    agent: AgentProcess
    context: BrowserContext
    page: Page
    faults: list[str] = field(default_factory=list)

    def open(self) -> Page:
        """The page by the launch address, as the kiosk's browser opens it."""
        self.page.goto((self.agent.data / "launch").read_text().strip())
        return self.page

    def restart_agent(self) -> None:
        """Kills the agent and starts another on the same folder."""
        self.agent.kill()
        self.agent = AgentProcess(self.agent.data, self.room.url, None)

    def sign_in(self) -> None:
        """By the keyboard, as a candidate does."""
        self.page.fill("#ticket", TICKET)
        self.page.fill("#id-number", ID_NUMBER)
        self.page.keyboard.press("Enter")
        expect(self.page.locator("#id-number")).to_have_count(0)

    def on(self, number: int) -> None:
        """Goes to a question by the answer card."""
        self.page.locator(".answer-card-cells .cell").nth(number - 1).click()
        expect(self.page.locator("#question-title")).to_have_text(_of(number, self.page))


def _of(number: int, page: Page) -> str:
    english = page.evaluate("document.documentElement.lang") == "en"
    return f"Question {number}" if english else f"第 {number} 题"


@contextmanager
def stand(
    browser: Browser,
    folder: Path,
    built: tuple[PaperForm, MarkingKey] | None = None,
    extra: tuple[str, ...] = (),
) -> Iterator[Stand]:
    """A seat with nobody signed in, its page not yet opened; `extra`: further arguments of its agent."""
    ca = make_ca("site")
    room = FakeRoom(ca_pem=ca.pem, built=built or every_kind())
    room.photo = picture(240, 320)
    room.code = encode_code(room.secret, fingerprint(ca.der))
    agent = AgentProcess(folder / "seat", room.url, room.code, extra)
    context = browser.new_context(viewport=DESK, locale="zh-CN")
    page = context.new_page()
    page.set_default_timeout(60_000)
    made = Stand(room, agent, context, page)
    page.on("pageerror", lambda fault: made.faults.append(str(fault)))
    try:
        yield made
    finally:
        context.close()
        made.agent.kill()
        room.close()


FORCED_VIEWS = """(() => {
  const real = window.fetch.bind(window);
  let last = null, forced = null, wake = () => {}, number = 1e6;
  const reply = () => new Response(JSON.stringify(forced), { headers: { "Content-Type": "application/json" } });
  const changed = () => new Promise((done) => (wake = done));
  window.forceView = (change) => { forced = { ...(forced || last), ...change, version: ++number }; wake(); };
  window.releaseView = () => { forced = null; wake(); };
  window.fetch = async (path, options) => {
    if (!String(path).startsWith("/api/view")) return real(path, options);
    const after = Number(new URLSearchParams(String(path).split("?")[1]).get("after"));
    if (forced && forced.version === after) await changed();
    if (forced) return reply();
    const answer = real(path, options).then(async (got) => ((last = await got.clone().json()), got));
    await Promise.race([answer, changed()]);
    return forced ? reply() : answer;
  };
})()"""
"""The agent's view stands, with single facts changed: states that a fake room would need minutes for."""


def force(page: Page, **change: object) -> None:
    """Shows the page the agent's last view with these facts in it; needs `FORCED_VIEWS`."""
    page.evaluate("(change) => window.forceView(change)", change)
