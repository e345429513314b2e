"""Examiners' tablets for the browser walks: profiles that outlive their browser, and what fingers do on a sheet."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, Playwright, expect

from tests.system.chromium import PROGRAMS, QUIET, ChromiumMissing, _port
from tests.system.screens import PATIENCE_MS
from tests.unprivileged import user_and_prefix

TABLET = {"width": 1024, "height": 768}
MARK_ALL = """() => {
  for (const item of document.querySelectorAll('.score-item')) {
    const wanted = [...item.querySelectorAll('button')].find((one) => ['满分', '不扣分'].includes(one.textContent.trim()));
    if (wanted) wanted.click();
  }
}"""
"""Everything right: full points where points are given, nothing deducted elsewhere."""


@dataclass
class Profile:
    """A browser's folder on a tablet. `kill` ends the browser at once; `start` opens the same folder again."""

    playwright: Playwright
    home: Path
    process: subprocess.Popen[bytes] | None = None
    browsers: list[Browser] = field(default_factory=list)

    def start(self) -> Browser:
        program = next((path for name in PROGRAMS if (path := shutil.which(name))), None)
        if program is None:
            raise ChromiumMissing("chromium is not installed; packages.txt names its package")
        _user, prefix = user_and_prefix()
        folder, log = self.home / "profile", self.home / "log"
        port_file = folder / "DevToolsActivePort"
        port_file.unlink(missing_ok=True)
        flags = [f"--user-data-dir={folder}", "--remote-debugging-port=0", "about:blank"]
        env = {"HOME": str(self.home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [*prefix, program, *QUIET, *flags],
                env=env | {"XDG_RUNTIME_DIR": str(self.home)},
                cwd="/",
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        address = f"http://127.0.0.1:{_port(port_file, self.process, log)}"
        self.browsers.append(self.playwright.chromium.connect_over_cdp(address))
        return self.browsers[-1]

    def kill(self) -> None:
        """As a tablet whose battery was taken out, or nearly so: SIGKILL to every process of the browser."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(30)
            self.process = None


@contextmanager
def profile(playwright: Playwright) -> Iterator[Profile]:
    home = Path(tempfile.mkdtemp(prefix="eh-tablet-"))
    user, prefix = user_and_prefix()
    if prefix:
        shutil.chown(home, user)
    made = Profile(playwright, home)
    try:
        yield made
    finally:
        made.kill()
        shutil.rmtree(home, ignore_errors=True)


@dataclass
class Tablet:
    """One examiner's page; `url` is where the server is for this tablet."""

    page: Page
    url: str
    faults: list[str] = field(default_factory=list)

    @classmethod
    def at(cls, page: Page, url: str) -> "Tablet":
        page.set_default_timeout(PATIENCE_MS)
        page.set_viewport_size(TABLET)
        made = cls(page, url)
        page.on("pageerror", lambda fault: made.faults.append(str(fault)))
        return made

    def sign_in(self, username: str, password: str) -> None:
        self.page.goto(f"{self.url}/language/zh?next=/login")  # whatever the browser asks for
        self.page.goto(f"{self.url}/login?next=/scoring/")
        self.page.fill("#username", username)
        self.page.fill("#password", password)
        self.page.click("main .btn-primary")
        self.page.wait_for_url("**/scoring/")

    def open(self) -> None:
        self.page.goto(f"{self.url}/scoring/")

    def rows(self) -> Locator:
        return self.page.locator(".order-card")

    def saving(self, state: str) -> None:
        expect(self.page.locator(f'[data-saving="{state}"]')).to_be_visible()

    def choose(self, number: int) -> None:
        back = self.page.locator(".score-head .btn")
        if back.count():
            back.click()
        self.rows().nth(number - 1).click()
        expect(self.page.locator(".lock-bar")).to_be_visible()

    def begin_offline(self) -> None:
        self.page.get_by_role("button", name="没有网络，但考生已经开始：离线评分").click()

    def mark_all(self) -> None:
        self.page.evaluate(MARK_ALL)
        expect(self.page.get_by_role("button", name="不扣分")).to_have_count(0)
        expect(self.page.locator(".score-item-points strong", has_text="–")).to_have_count(0)

    def total(self) -> str:
        return self.page.locator("[data-total]").inner_text()

    def lock(self) -> None:
        self.page.locator(".lock-button:enabled").click()
        self.page.locator("[data-confirm-lock]").click()
        expect(self.page.locator(".lock-why")).to_contain_text("已锁定并签名")

    def kept(self) -> None:
        """Waits until the worker keeps the page."""
        self.page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
