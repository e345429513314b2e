"""The processes of the kiosk: window manager and browser of an unprivileged user, and what sets the display.

Nothing here decides when; `client.launcher` does. The browser always has its sandbox: as root it is never
started, the kiosk's own user is.
"""

import contextlib
import logging
import os
import pwd
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from client.lockdown_check import browser_program
from client.lockdown_leftovers import end_leftovers
from client.lockdown_openbox import RC_PATH, rc_xml, swallowed_keys
from client.lockdown_policy import browser_flags
from client.lockdown_screens import kept, leave, outputs
from client.warden_signs import lid_closed

LOG = logging.getLogger("examhall.kiosk")
PASSED_ON = (
    *("DISPLAY", "XAUTHORITY", "LANG", "LC_ALL", "PATH", "XDG_RUNTIME_DIR"),
    *("GTK_IM_MODULE", "XMODIFIERS", "DBUS_SESSION_BUS_ADDRESS"),
)
"""Variables that the display, its fonts and an input method need; the browser gets no others."""
_CHINESE = {"LANGUAGE": "zh_CN"}
"""The exam's language for what little the browser says itself; no offer to translate the page either."""
_STOP_SECONDS = 5.0
_TOOL_SECONDS = 10.0
READY_SECONDS = 5.0
"""How long a start waits for the window manager to hold the display; alone on it takes a tenth."""
_REMOVE_TRIES, _PAUSE = 20, 0.05


class LockdownFault(Exception):
    """The kiosk cannot be started; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Wish:
    """How the kiosk's processes are started.

    `user`: who runs them when this process is root; `home`: a folder on the disk that belongs to the kiosk
    alone (`Processes` lays it out); `environ`: variables of this process; `before`: a command that the
    browser is started through.
    """

    home: Path
    environ: Mapping[str, str]
    user: str = ""
    before: tuple[str, ...] = field(default=())


class Processes:
    """Window manager and browser of one kiosk. Not for several threads at once."""

    def __init__(self, wish: Wish) -> None:
        """Checks what is needed. Raises `LockdownFault` (`browser_missing`, `display_missing`, ...)."""
        self._wish = wish
        self._program = browser_program()
        if not self._program:
            raise LockdownFault("browser_missing")
        if shutil.which("openbox") is None:
            raise LockdownFault("window_manager_missing")
        self._uid, self._gid = _account(wish.user)
        if "DISPLAY" not in wish.environ:
            raise LockdownFault("display_missing")
        self.user_home = wish.home / "browser"
        self._held = self.user_home / "run" / "display-held"
        self._browser: subprocess.Popen[bytes] | None = None
        self._manager: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Ends what a killed agent left behind, and lays fresh folders; the X server's own keys are off.

        Raises `LockdownFault` (`home_unusable`).
        """
        try:
            end_leftovers(self.user_home, self._uid)
            _remove(self._wish.home)
            self._lay_folders()
        except OSError as fault:
            raise LockdownFault("home_unusable") from fault
        self._tool("setxkbmap", "-option", "srvrkeys:none")

    def _lay_folders(self) -> None:
        """`home` is this process's own; only `browser` in it belongs to the browser's user.

        As root nothing is written, read or given away below that folder once the user can get at it: what
        lies there may be a link to anything. Until the last line nobody else gets into `home`.
        """
        self._wish.home.mkdir(mode=0o700)
        for folder in (self.user_home, self.user_home / "profile", self.user_home / "run"):
            folder.mkdir(mode=0o700)
            os.chown(folder, self._uid, self._gid, follow_symlinks=False)
        if os.geteuid() == 0:
            self._wish.home.chmod(0o711)

    def start_manager(self) -> None:
        """openbox with the keys swallowed, in place of any other; waits for it, at most `READY_SECONDS`."""
        config = ["--config-file", str(self._rc())]
        self._held = self._held.with_name(f"display-held-{time.monotonic_ns()}")
        told = ["--startup", f"touch {shlex.quote(str(self._held))}"]
        self._manager = self._start(["openbox", "--replace", "--sm-disable", *config, *told])
        until = time.monotonic() + READY_SECONDS
        while self.manager_runs() and not self.manager_holds() and time.monotonic() < until:
            time.sleep(_PAUSE)

    def start_browser(self, url: str) -> None:
        """Chromium on `url`, in the profile it had before, if any."""
        flags = browser_flags(str(self.user_home / "profile"), url)
        self._browser = self._start([self._program, *flags], self._wish.before)

    def manager_runs(self) -> bool:
        """Whether the window manager is there."""
        return self._manager is not None and self._manager.poll() is None

    def manager_holds(self) -> bool:
        """Whether it has the display; it waits while another one does not give way."""
        return self.manager_runs() and os.path.lexists(self._held)

    def browser_runs(self) -> bool:
        """Whether the browser's main process is there; a hung one is."""
        return self._browser is not None and self._browser.poll() is None

    def end_browser(self) -> None:
        """Ends the browser, whatever state it is in."""
        _end(self._browser, gently=False)
        self._browser = None

    def close(self) -> None:
        """Ends everything and removes the folder."""
        _end(self._browser, gently=True)
        _end(self._manager, gently=True)
        self._browser = self._manager = None
        with contextlib.suppress(OSError):
            end_leftovers(self.user_home, self._uid)
            _remove(self._wish.home)

    def one_screen(self) -> int:
        """Leaves one display on; how many show a picture then. 0 when it cannot be told."""
        found = outputs(self._tool("xrandr", "--current"))
        change = leave(found, kept(found, lid_closed=lid_closed(Path("/"))))
        if change:
            self._tool("xrandr", *change)
            found = outputs(self._tool("xrandr", "--current"))
        return sum(output.lit for output in found)

    def _rc(self) -> Path:
        """The installed file when it is as it should be (its owner is root), else a copy of our own."""
        installed, wanted = Path(RC_PATH), rc_xml(swallowed_keys())
        try:
            if installed.read_text("utf-8") == wanted:
                return installed
        except (OSError, ValueError):
            pass  # not installed, or not ours
        own = self._wish.home / "openbox.xml"
        own.unlink(missing_ok=True)
        with own.open("x", encoding="utf-8") as stream:
            stream.write(wanted)
            os.fchmod(stream.fileno(), 0o644)
        return own

    def _as_user(self) -> list[str]:
        """What every program is started through: as root it becomes the user; it dies with its starter.

        The kernel forgets the second wish with a change of user, so setpriv says it after the change.
        """
        user = ("--reuid", str(self._uid), "--regid", str(self._gid), "--init-groups")
        return ["setpriv", *(user if os.geteuid() == 0 else ()), "--pdeathsig", "KILL", "--"]

    def _environment(self) -> dict[str, str]:
        given = {name: value for name, value in self._wish.environ.items() if name in PASSED_ON}
        if os.geteuid() == 0:
            given["XDG_RUNTIME_DIR"] = str(self.user_home / "run")
        return {"PATH": "/usr/bin:/bin", **given, **_CHINESE, "HOME": str(self.user_home)}

    def _start(self, command: Sequence[str], before: Sequence[str] = ()) -> subprocess.Popen[bytes]:
        """Starts a program that ends when the thread that calls this does, at the latest with the process."""
        return subprocess.Popen(
            [*before, *self._as_user(), *command],
            env=self._environment(),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _tool(self, *command: str) -> str:
        """Runs one of X's small programs; its output, "" when it failed or is missing."""
        try:
            done = subprocess.run(
                [*self._as_user(), *command],
                env=self._environment(),
                cwd="/",
                capture_output=True,
                text=True,
                timeout=_TOOL_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as fault:
            LOG.warning("%s: %s", command[0], type(fault).__name__)
            return ""
        return done.stdout if done.returncode == 0 else ""


def _account(user: str) -> tuple[int, int]:
    """User and group that run the kiosk: this process's own, or those of `user` when it is root."""
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    try:
        account = pwd.getpwnam(user)
    except (KeyError, ValueError):
        raise LockdownFault("user_missing" if user else "user_privileged") from None
    if account.pw_uid == 0:
        raise LockdownFault("user_privileged")
    return account.pw_uid, account.pw_gid


def _remove(folder: Path) -> None:
    """Takes a folder away; a link is no folder of ours and is never followed. Raises OSError.

    A process that is just ending may still write into it.
    """
    if folder.is_symlink() or not folder.is_dir():
        folder.unlink(missing_ok=True)
        return
    for tried in range(_REMOVE_TRIES):
        try:
            shutil.rmtree(folder)
        except OSError:
            if not folder.exists():
                return
            if tried + 1 == _REMOVE_TRIES:
                raise
            time.sleep(_PAUSE)
        else:
            return


def _end(process: subprocess.Popen[bytes] | None, *, gently: bool) -> None:
    """Ends a process with its whole group; a stopped one hears nothing but SIGKILL."""
    if process is None:
        return
    if gently and process.poll() is None:
        _signal(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
    _signal(process.pid, signal.SIGKILL)
    process.wait()


def _signal(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)
