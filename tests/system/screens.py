"""What the browser tests share: people at their screens, and pictures of what they see."""

import os
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from server.access import Role
from server.cli.rehearse.crew import Member
from server.cli.rehearse.play import Play

PASSWORD = "a long enough password"
PATIENCE_MS = 60_000
SHOTS = os.environ.get("EXAMHALL_SCREENSHOTS", "")  # noqa: TID251 - a switch of these tests alone
DESK = {"width": 1366, "height": 768}
SMALL = {"width": 1024, "height": 768}
FACES_BLURRED = """() => {
  for (const one of document.querySelectorAll("img.photo, .thumb img, .look-picture img, .signin-camera video"))
    one.style.filter = `blur(${Math.round(one.clientWidth / 16)}px)`;
}"""
"""The sample photos show people: the documentation does not show who they are."""
PICTURES_SHOWN = "() => [...document.images].every((one) => one.loading === 'lazy' || one.naturalWidth)"


@dataclass
class Scene:
    """A staged sitting, a browser, and the seat left for it."""

    play: Play
    browser: Browser

    @property
    def address(self) -> str:
        return self.play.hall.address.url

    @property
    def visitor(self):
        return self.play.stage.entrants[-1]

    def member(self, role: Role) -> Member:
        return self.play.shift._crew.one(role)

    def page(self, language: str = "zh") -> Page:
        context = self.browser.new_context(viewport=DESK, locale="zh-CN" if language == "zh" else "en-GB")
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.faults = []
        page.on("pageerror", lambda fault: page.faults.append(str(fault)))
        return page

    def signed_in(self, role: Role) -> Page:
        """A page at which a member of the crew has signed in."""
        page, member = self.page(), self.member(role)
        page.goto(f"{self.address}/login")
        page.fill("#username", member.username)
        page.fill("#password", member.password)
        page.click("main .btn-primary")
        page.wait_for_url(lambda url: "/login" not in url)
        return page


def shot(page: Page, name: str) -> None:
    """A picture for the documentation, when asked for."""
    if SHOTS:
        Path(SHOTS).mkdir(parents=True, exist_ok=True)
        page.wait_for_function(PICTURES_SHOWN)
        page.evaluate(FACES_BLURRED)
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"))


def shots(page: Page, name: str) -> None:
    """The picture on both sizes of screens."""
    shot(page, name)
    if SHOTS:
        page.set_viewport_size(SMALL)
        page.wait_for_timeout(300)
        shot(page, f"{name}-1024")
        page.set_viewport_size(DESK)


def sign_in_at_the_seat(scene: Scene) -> Page:
    """The visitor's page: its agent started, ticket and ID number typed."""
    visitor = scene.visitor
    scene.play.start_agents([visitor.seat])
    page = scene.page()
    page.goto(scene.play.agents[visitor.seat].launch_file.read_text().strip())
    shot(page, "candidate-sign-in")
    page.fill("#ticket", visitor.ticket)
    page.fill("#id-number", visitor.id_number)
    page.locator("#id-number").press("Enter")
    expect(page.locator("#id-number")).to_have_count(0)
    return page
