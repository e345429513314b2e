"""A display of its own, a real seat agent with an open paper, and observers of what an escape did to it."""

import argparse
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from PIL import ImageGrab

from client import local, lockdown
from client.__main__ import Kiosk, _parser
from client.device import DataFolder
from client.endpoint import parse_endpoint
from client.lockdown import Processes, Wish
from client.lockdown_policy import POLICY_PATH, policy_text
from exam_rooms.pairing import encode_code, fingerprint
from tests.client.fake_room import FakeRoom
from tests.client.tls_kit import make_ca
from tests.unprivileged import user_and_prefix

PAGES = Path(__file__).parent / "kiosk_pages"
WIDTH, HEIGHT = 1280, 800
PICTURE = "picture"
NOISE = 150
"""Pixels that may differ besides the clock: a caret, the edge of a glyph."""


@contextmanager
def display() -> Iterator[str]:
    """An Xvfb with one display, as long as the block."""
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", f"{WIDTH}x{HEIGHT}x24", "-nolisten", "tcp"],
        pass_fds=(writing,),
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    try:
        with os.fdopen(reading) as told:
            yield f":{told.readline().strip()}"
    finally:
        server.terminate()
        server.wait(60)


@contextmanager
def running_room() -> Iterator[FakeRoom]:
    """A room to pair with by its code, whose exam runs, as long as the block."""
    ca = make_ca("site")
    room = FakeRoom(ca_pem=ca.pem)
    room.code = encode_code(room.secret, fingerprint(ca.der))
    room.start()
    try:
        yield room
    finally:
        room.close()


def private_mounts(mount: str, *words: str) -> tuple[str, ...]:
    """A command before another one, which sees mounts that nobody else sees; `mount`: a line of shell, its $0 and
    $1 the first of `words`. Root needs a mount namespace for that, anybody else a user namespace too; the command
    runs as the same user.
    """
    if os.geteuid() == 0:
        outer, inner = ["unshare", "--mount"], ""
    else:
        outer = ["unshare", "--user", "--map-root-user", "--mount"]
        inner = f"unshare --user --map-user={os.geteuid()} --map-group={os.getegid()} "
    line = f'{mount} && shift {len(words) - 1} && exec {inner}"$@"'
    return (*outer, "--propagation", "private", "sh", "-c", line, *words)


def need_private_mounts() -> None:
    """Fails where the tests of the kiosk cannot be run: left out they would hide that nothing was tried."""
    done = subprocess.run(
        [*private_mounts("mount --bind /etc /mnt", "sh"), "true"], capture_output=True, text=True
    )
    assert done.returncode == 0, (
        "the kiosk is tried in a private mount namespace: run the tests as root, or allow user namespaces"
        f" (kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns): {done.stderr}"
    )


@contextmanager
def policies(origin: str) -> Iterator[tuple[str, ...]]:
    """A command before the browser's: it sees our policy in /etc/chromium, nobody else does."""
    with tempfile.TemporaryDirectory(prefix="eh-policy-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        file = folder / Path(POLICY_PATH).relative_to("/etc/chromium")
        file.parent.mkdir(parents=True)
        file.write_text(policy_text(origin))
        yield private_mounts('mount --bind "$0" /etc/chromium', name)


@dataclass
class Log:
    """Paths that the page asked for."""

    paths: list[str] = field(default_factory=list)

    def since(self, mark: int) -> list[str]:
        return [path.removeprefix("/seen/") for path in self.paths[mark:] if self._tells(path)]

    @staticmethod
    def _tells(path: str) -> bool:
        return path.startswith("/seen/") or path in ("/", "/links.html")


@contextmanager
def observed_pages(log: Log, *, guarded: bool) -> Iterator[None]:
    """Every local server serves the test's pages too, the candidate page with the observer in it.

    Without `guarded` the page's own handlers are left out.
    """
    serve = local.LocalServer.static

    def static(self: local.LocalServer, path: str) -> tuple[bytes, str] | None:
        log.paths.append(path)
        name = path.lstrip("/") or "index.html"
        if name == "guard.js" and not guarded:
            return b"export const guard = () => {};", local.TYPES[".js"]
        own = PAGES / name
        if own.is_file():
            return own.read_bytes(), local.TYPES[own.suffix]
        found = serve(self, path)
        if found is not None and name == "index.html":
            observer = b'<script type="module" src="kiosk_observer.js"></script></head>'
            return found[0].replace(b"</head>", observer), found[1]
        return found

    with mock.patch.object(local.LocalServer, "static", static):
        yield


class RunningAgent:
    """A real agent in this process, its page opened by nobody yet."""

    def __init__(self, folder: Path, room: FakeRoom) -> None:
        self._folder = DataFolder(folder)
        given = ["--data", str(folder), "--server", room.url, "--pair", room.code, "--no-browser"]
        arguments: argparse.Namespace = _parser().parse_args([*given, "--shared-machine"])
        self._kiosk = Kiosk(arguments, self._folder, parse_endpoint(room.url))
        self._thread = threading.Thread(target=self._kiosk.run, daemon=True)
        self._thread.start()
        wait_until(lambda: self._folder.launch_file.exists() and self.url(), 60, "launch file")

    def url(self) -> str:
        """The page's address with a fresh nonce."""
        return self._folder.launch_file.read_text().strip()

    def close(self) -> None:
        self._kiosk.stopping.set()
        self._thread.join(60)
        self._folder.close()


@dataclass(frozen=True)
class Layers:
    """Which layers are on beside `--kiosk` itself."""

    policies: bool = True
    keys: bool = True
    page: bool = True


class Screen:
    """Keys and mouse into a display, and what can be seen of it from outside."""

    def __init__(self, name: str, log: Log) -> None:
        self.name = name
        self.log = log
        self._still = np.ones((HEIGHT, WIDTH), dtype=bool)

    def xdotool(self, *words: str) -> str:
        done = subprocess.run(
            ["xdotool", *words],
            env={"DISPLAY": self.name, "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def key(self, name: str) -> None:
        self.xdotool("key", "--clearmodifiers", name)

    def picture(self) -> Any:
        return np.asarray(ImageGrab.grab(xdisplay=self.name).convert("L"), dtype=np.int16)

    def learn_noise(self) -> None:
        """What changes by itself (the clock) is left out of comparisons, with a margin around it."""
        first, moving = self.picture(), np.zeros((HEIGHT, WIDTH), dtype=bool)
        for _ in range(4):
            time.sleep(0.35)
            moving |= np.abs(self.picture() - first) > 8
        self._still = np.ones((HEIGHT, WIDTH), dtype=bool)
        rows, columns = np.nonzero(moving)
        if rows.size:
            top, left = max(0, rows.min() - 12), max(0, columns.min() - 120)
            self._still[top : rows.max() + 12, left : columns.max() + 60] = False

    def look(self) -> "Look":
        windows = tuple(sorted(self.xdotool("search", "--onlyvisible", "--name", "").split()))
        title = self.xdotool("getactivewindow", "getwindowname")
        return Look(windows, title, len(self.log.paths), self.picture())

    def effects(self, before: "Look", after: "Look") -> list[str]:
        """What an action did, in words; empty when it did nothing."""
        found = []
        if len(after.windows) > len(before.windows):
            found.append("new window")
        elif before.windows != after.windows:
            found.append("windows changed")
        if before.title != after.title:
            found.append(f"title {after.title!r}")
        found += dict.fromkeys(self.log.since(before.mark))
        differing = (np.abs(after.picture - before.picture) > 8) & self._still
        if int(differing.sum()) > NOISE:
            rows, columns = np.nonzero(differing)
            found.append(f"{PICTURE} {columns.min()},{rows.min()}-{columns.max()},{rows.max()}")
        return found


@dataclass(frozen=True)
class Look:
    """Windows, active title, length of the page's log, and the picture of the display at one moment."""

    windows: tuple[str, ...]
    title: str
    mark: int
    picture: Any


@dataclass(frozen=True)
class Opening:
    """Which page a seat opens, and whether it is a paper: that is calm when its first answer is on the server."""

    url: Callable[[], str]
    paper: bool


class Seat:
    """Window manager and browser on a display, with some layers on."""

    def __init__(self, screen: Screen, layers: Layers, before: Sequence[str], opening: Opening) -> None:
        self.screen = screen
        user, _ = user_and_prefix()
        self.home = Path(tempfile.gettempdir()) / f"eh-kiosk-{os.getpid()}-{screen.name[1:]}"
        wish = Wish(
            self.home,
            {"DISPLAY": screen.name, "LANG": "C.UTF-8"},
            user if os.geteuid() == 0 else "",
            tuple(before) if layers.policies else (),
        )
        self.processes = Processes(wish)
        self._layers = layers
        self._opening = opening

    def open(self) -> None:
        """Everything anew; returns when the page stands still."""
        self.processes.prepare()
        keys = lockdown.rc_xml if self._layers.keys else lambda keys: _default_rc()
        with mock.patch.object(lockdown, "rc_xml", keys):
            self.processes.start_manager()
        mark = len(self.screen.log.paths)
        self.screen.xdotool("mousemove", "20", "760")
        self.processes.start_browser(self._opening.url())
        wait_until(lambda: "loaded" in self.screen.log.since(mark), 60, "page")
        if self._opening.paper:
            wait_until(lambda: self._answered(mark), 60, "an answer")
        self._stand_still()

    def _answered(self, mark: int) -> bool:
        """Presses the key of an answer and waits for calm; a key that came before the paper did nothing."""
        self.screen.key("a")
        until = time.monotonic() + 1.5
        while "calm" not in self.screen.log.since(mark) and time.monotonic() < until:
            time.sleep(0.05)
        return "calm" in self.screen.log.since(mark)

    def _stand_still(self) -> None:
        """Until nothing happened to window and page for a moment, as while they still go to full screen."""
        seen, until = self.screen.look(), time.monotonic() + 60
        calm = 0
        while calm < 3 and time.monotonic() < until:
            time.sleep(0.15)
            now = self.screen.look()
            calm = (
                calm + 1 if (now.windows, now.title, now.mark) == (seen.windows, seen.title, seen.mark) else 0
            )
            seen = now

    def downloads(self) -> list[str]:
        folder = self.processes.user_home / "Downloads"
        return sorted(os.listdir(folder)) if folder.is_dir() else []

    def alive(self) -> bool:
        return self.processes.browser_runs()

    def close(self) -> None:
        self.processes.close()


def _default_rc() -> str:
    return Path("/etc/xdg/openbox/rc.xml").read_text()


def wait_until(ready: Callable[[], object], seconds: float, what: str) -> None:
    until = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < until, f"{what}: not within {seconds} s"
        time.sleep(0.05)


def page_url(agent: RunningAgent, path: str) -> str:
    """The address of another page of the agent's server."""
    return f"{agent.url().partition('/#')[0]}/{path}"


def processes_below(pid: int) -> list[int]:
    """Ids of all processes that a process started, directly or not."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                stat = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents.setdefault(int(stat[1]), []).append(int(folder.name))
    found, open_ = [], [pid]
    while open_:
        children = parents.get(open_.pop(), [])
        found += children
        open_ += children
    return found
