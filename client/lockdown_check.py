"""What of a workstation's lockdown is open: files that differ, programs that are missing, ways out of X.

Read below a root (`/` in earnest). The launcher asks for `files_open` while it works, `kiosk --check` for
everything.
"""

import json
import os
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from client import warden_signs
from client.lockdown_openbox import RC_PATH
from client.lockdown_policy import POLICY_PATH
from client.lockdown_stick import RULE_PATH, SCRIPT_PATH, stick_files
from client.lockdown_stick import UNIT_PATH as STICK_UNIT_PATH
from client.lockdown_system import KIOSK_USER, LOGIND_PATH, SYSCTL_PATH, XORG_PATH, lockdown_files

BROWSER = "chromium"
"""Debian's. Called chromium-browser, or as a snap, it reads its policies elsewhere than ours lie."""
PROGRAMS = {"openbox": "window_manager", "xrandr": "xrandr", "setxkbmap": "setxkbmap"}
FORBIDDEN = (
    *("anydesk*", "teamviewer*", "rustdesk*", "x11vnc", "*vnc*server*", "xrdp", "sunlogin*", "todesk*"),
    *("obs", "simplescreenrecorder", "ffmpeg", "wechat*", "qq", "tim", "telegram*", "discord"),
)
"""Programs that show or record the screen or talk to somebody outside; the room's policy may name more."""
_AREAS = {
    POLICY_PATH: "policy",
    RC_PATH: "window_manager_keys",
    XORG_PATH: "xorg",
    LOGIND_PATH: "logind",
    SYSCTL_PATH: "sysrq_file",
    RULE_PATH: "stick_rule",
    STICK_UNIT_PATH: "stick_unit",
    SCRIPT_PATH: "stick_script",
}
_STRONG_GROUPS = frozenset(
    {"root", "sudo", "wheel", "adm", "docker", "lxd", "disk", "shadow", "systemd-journal"}
)


@dataclass(frozen=True, slots=True)
class Opening:
    """One thing that is not closed: a code, and what was found. A `hint` does not fail the check."""

    code: str
    found: str = ""
    hint: bool = False


def files_open(origin: str, root: Path = Path("/")) -> list[Opening]:
    """Set-up files that are missing or differ from what this version writes, and strange policy files."""
    return [*_differing(lockdown_files(origin), root), *_other_policies(_below(root, POLICY_PATH))]


def sticks_unmounted(root: Path = Path("/")) -> list[Opening]:
    """Files that mount sticks, which are missing or differ: answers could not be taken away from here.

    The seat is as locked as ever, so the launcher does not ask for these.
    """
    return list(_differing(stick_files(KIOSK_USER), root))


def _differing(files: Mapping[str, str], root: Path) -> Iterator[Opening]:
    for path, wanted in files.items():
        text = _text(_below(root, path))
        if text != wanted:
            yield Opening(f"{_AREAS[path]}_{'missing' if text is None else 'differs'}", path)


def _other_policies(ours: Path) -> Iterator[Opening]:
    """Another file of policies may take back what ours closes: Chromium merges them all."""
    wanted = _json(ours) or {}
    for file in sorted(ours.parent.glob("*.json")):
        if file != ours and (_json(file) or {}).keys() & wanted.keys():
            yield Opening("policy_other", file.name)


def machine_open(root: Path = Path("/"), forbidden: Sequence[str] = FORBIDDEN) -> list[Opening]:
    """What is missing or open on this very machine."""
    return [
        *_programs_missing(),
        *_sandbox_open(root),
        *_user_open(root),
        *_kernel_open(root),
        *(Opening("forbidden_process", name) for name in sorted(_running(root, forbidden))),
        *_screens_open(root),
        *_hints(root),
    ]


def browser_program() -> str:
    """Chromium on this machine, "" when there is none that obeys the policy file."""
    path = shutil.which(BROWSER) or ""
    return "" if path.startswith("/snap/") or os.path.realpath(path).endswith("/snap") else path


def sandbox_usable(root: Path = Path("/")) -> bool:
    """Whether Chromium can shut its renderers in: by user namespaces, or by its setuid helper."""
    helper = _below(root, "/usr/lib/chromium/chrome-sandbox")
    try:
        mode = helper.stat()
    except OSError:
        mode = None
    if mode is not None and mode.st_uid == 0 and mode.st_mode & stat.S_ISUID:
        return True
    kernel = root / "proc/sys"
    closed = _text(kernel / "kernel/unprivileged_userns_clone") == "0\n"
    restricted = _text(kernel / "kernel/apparmor_restrict_unprivileged_userns") == "1\n"
    none = _text(kernel / "user/max_user_namespaces") == "0\n"
    return not (closed or restricted or none)


def _programs_missing() -> Iterator[Opening]:
    if not browser_program():
        yield Opening("browser_missing", BROWSER)
    for program, area in PROGRAMS.items():
        if shutil.which(program) is None:
            yield Opening(f"{area}_missing", program)


def _sandbox_open(root: Path) -> Iterator[Opening]:
    if not sandbox_usable(root):
        yield Opening("sandbox_unusable")


def _user_open(root: Path) -> Iterator[Opening]:
    lines = [line.split(":") for line in (_text(root / "etc/passwd") or "").splitlines()]
    entry = next((line for line in lines if line[0] == KIOSK_USER and len(line) > 3), None)
    if entry is None:
        yield Opening("user_missing", KIOSK_USER)
        return
    groups = [line.split(":") for line in (_text(root / "etc/group") or "").splitlines()]
    member = {line[0] for line in groups if len(line) > 3 and KIOSK_USER in line[3].split(",")}
    member |= {line[0] for line in groups if len(line) > 2 and line[2] == entry[3]}
    strong = sorted(member & _STRONG_GROUPS)
    if entry[2] == "0" or strong:
        yield Opening("user_privileged", ", ".join(strong) or "uid 0")


def _kernel_open(root: Path) -> Iterator[Opening]:
    value = (_text(root / "proc/sys/kernel/sysrq") or "0").strip()
    if value != "0":
        yield Opening("sysrq_active", value)


def _running(root: Path, forbidden: Sequence[str]) -> frozenset[str]:
    return warden_signs.forbidden(warden_signs.programs(root), forbidden)


def _screens_open(root: Path) -> Iterator[Opening]:
    lit, plugged = warden_signs.screens(root), warden_signs.screens_plugged(root)
    if lit > 1:
        yield Opening("screens_many", str(lit))
    elif plugged > 1:
        yield Opening("screens_plugged", str(plugged), hint=True)


def _hints(root: Path) -> Iterator[Opening]:
    machine = warden_signs.machine(root)
    if machine:
        yield Opening("virtual_machine", machine, hint=True)


def _below(root: Path, path: str) -> Path:
    return root / path.lstrip("/")


def _text(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except OSError:
        return None


def _json(path: Path) -> dict[str, object] | None:
    try:
        value = json.loads(_text(path) or "")
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def root_user() -> bool:
    """Whether this process may become another user."""
    return os.geteuid() == 0
