"""One monitor in a real Chromium, told by its debugging port what to open and asked what it has shown."""

import json
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from websocket import create_connection

from server.cli.bench.screens import Sight
from server.cli.rehearse.fleet import FleetFault
from server.cli.rehearse.staff import Desk

PROGRAMS = ("chromium", "chromium-browser", "google-chrome-stable")
NOBODY = "nobody"
START_SECONDS, ANSWER_SECONDS = 60.0, 60.0
QUIET = (
    *("--headless=new", "--disable-gpu", "--no-first-run", "--no-default-browser-check", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-extensions"),
    *("--disable-dev-shm-usage", "--ignore-certificate-errors", "--remote-allow-origins=*"),
    *("--remote-debugging-port=0", "--window-size=1366,768"),
)
WATCH = """(() => {
  const seen = window.benchSights = []; const long = window.benchLong = [];
  new PerformanceObserver((list) => { for (const one of list.getEntries()) long.push(one.duration); })
    .observe({ type: 'longtask', buffered: false });
  const changed = new Map();
  const note = () => {
    const now = performance.timeOrigin + performance.now();
    for (const [seat, counted] of changed) seen.push([seat, counted, now]);
    changed.clear();
  };
  new MutationObserver((list) => {
    for (const one of list) {
      const node = one.target.nodeType === 1 ? one.target : one.target.parentElement;
      const group = node?.closest('.seat');
      const counted = group?.querySelector('.seat-note')?.textContent.match(/(\\d+)\\/\\d+/)?.[1];
      if (counted) changed.set(Number(group.dataset.seat), Number(counted));
    }
    requestAnimationFrame(() => setTimeout(note, 0));
  }).observe(document.getElementById('seatmap'), { subtree: true, childList: true, characterData: true });
  return true;
})()"""
"""Notes what is on the screen: after the picture that shows a change was painted."""


def program() -> str | None:
    """The browser of this machine; None without one."""
    return next((path for name in PROGRAMS if (path := shutil.which(name))), None)


class Chromium:
    """A headless browser at one page, as a context manager. `FleetFault` when it does not start."""

    def __init__(self, desk: Desk, path: str) -> None:
        self._desk, self._path = desk, path
        self._home = Path(tempfile.mkdtemp(prefix="examhall-bench-"))
        self._calls = 0
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Chromium":
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the browser and removes its profile."""
        if self._child is not None:
            self._child.terminate()
            try:
                self._child.wait(10)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
        shutil.rmtree(self._home, ignore_errors=True)

    def _start(self) -> None:
        user = NOBODY if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        if os.geteuid() == 0:
            shutil.chown(self._home, user)  # a browser is never run as root
        profile = self._home / "profile"
        browser = program()
        assert browser is not None
        self._child = subprocess.Popen(
            [browser, *QUIET, f"--user-data-dir={profile}", "about:blank"],
            env={"HOME": str(self._home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=user if os.geteuid() == 0 else None,
        )
        port, place = self._port(profile / "DevToolsActivePort")
        self._line = create_connection(f"ws://127.0.0.1:{port}{place}", timeout=ANSWER_SECONDS)
        self._open()

    def _port(self, file: Path) -> tuple[str, str]:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            assert self._child is not None
            if self._child.poll() is not None:
                break
            if file.exists() and len(lines := file.read_text().split("\n")) > 1:
                return lines[0], lines[1]
            time.sleep(0.1)
        raise FleetFault("chromium")

    def _open(self) -> None:
        target = self._call("Target.createTarget", {"url": "about:blank"})["targetId"]
        attached = self._call("Target.attachToTarget", {"targetId": target, "flatten": True})
        self._session = attached["sessionId"]
        for cookie in self._desk.cookie.split("; "):
            name, _sign, value = cookie.partition("=")
            told = {"name": name, "value": value, "url": self._desk.address.url}
            self._call("Network.setCookie", told, page=True)
        self._call("Page.navigate", {"url": self._desk.address.url + self._path}, page=True)
        until = time.monotonic() + START_SECONDS
        while not self.evaluate("document.querySelector('#socket-state.good') !== null"):
            if time.monotonic() > until:
                raise FleetFault(f"chromium: {self.evaluate('document.title')}")
            time.sleep(0.2)

    def watch(self) -> None:
        """Notes from now on what the map shows, and long tasks."""
        self.evaluate(WATCH)

    def sights(self) -> list[Sight]:
        """What was shown since `watch`, on this machine's boot clock."""
        offset = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.time_ns()
        found = json.loads(str(self.evaluate("JSON.stringify(window.benchSights)")))
        return [(int(seat), int(counted), int(at * 1e6) + offset) for seat, counted, at in found]

    def long_tasks(self) -> list[float]:
        """Milliseconds of every task over 50 ms since `watch`."""
        return [float(one) for one in json.loads(str(self.evaluate("JSON.stringify(window.benchLong)")))]

    def evaluate(self, script: str) -> object:
        """The value of an expression in the page."""
        found = self._call("Runtime.evaluate", {"expression": script, "returnByValue": True}, page=True)
        if "exceptionDetails" in found:
            raise FleetFault(f"chromium: {found['exceptionDetails']}")
        return found["result"].get("value")

    def _call(self, method: str, told: dict[str, Any], *, page: bool = False) -> dict[str, Any]:
        self._calls += 1
        message: dict[str, Any] = {"id": self._calls, "method": method, "params": told}
        if page:
            message["sessionId"] = self._session
        self._line.send(json.dumps(message))
        while True:
            answer = json.loads(self._line.recv())
            if answer.get("id") == self._calls:
                if "error" in answer:
                    raise FleetFault(f"chromium: {answer['error']}")
                return dict(answer["result"])
