"""A real, sandboxed, headless Chromium for the browser tests, driven over its debugging port."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.unprivileged import user_and_prefix

PROGRAMS = ("chromium", "chromium-browser", "google-chrome-stable")
START_SECONDS = 60.0
QUIET = (
    "--headless=new",
    "--disable-gpu",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-dev-shm-usage",
    "--disable-features=Translate,OptimizationHints,MediaRouter",
    "--password-store=basic",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
    "--lang=zh-CN",
)


class ChromiumMissing(Exception):
    """No Chromium on this machine; packages.txt names its package."""


@contextmanager
def chromium(*flags: str) -> Iterator[Browser]:
    """A browser for the length of the block, run by an unprivileged user with its sandbox on."""
    program = next((path for name in PROGRAMS if (path := shutil.which(name))), None)
    if program is None:
        raise ChromiumMissing("chromium is not installed; packages.txt names its package")
    user, prefix = user_and_prefix()
    home = Path(tempfile.mkdtemp(prefix="eh-chromium-"))
    try:
        if prefix:
            shutil.chown(home, user)
        with _running([*prefix, program, *QUIET, *flags], home) as address, sync_playwright() as playwright:
            browser = playwright.chromium.connect_over_cdp(address)
            try:
                yield browser
            finally:
                browser.close()
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def _running(command: list[str], home: Path) -> Iterator[str]:
    profile = home / "profile"
    port_file = profile / "DevToolsActivePort"
    env = {"HOME": str(home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "XDG_RUNTIME_DIR": str(home)}
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, f"--user-data-dir={profile}", "--remote-debugging-port=0", "about:blank"],
            env=env,
            cwd="/",
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield f"http://127.0.0.1:{_port(port_file, process, home / 'log')}"
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _port(port_file: Path, process: subprocess.Popen[bytes], log: Path) -> int:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"chromium ended at start:\n{log.read_text(errors='replace')[-2000:]}")
        if port_file.exists() and port_file.read_text().strip():
            return int(port_file.read_text().split("\n")[0])
        time.sleep(0.1)
    raise RuntimeError(f"chromium did not start in time:\n{log.read_text(errors='replace')[-2000:]}")
