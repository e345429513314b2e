"""`examhall kiosk --install | --check`: sets a Linux workstation up as a locked seat, and says what is open.

Needs the kiosk's packages only. `--install` writes files and starts nothing; docs/kiosk.md says what a person
does next.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from client.lockdown_check import Opening, files_open, machine_open, sticks_unmounted
from client.lockdown_policy import page_origin, policy_hash
from client.lockdown_system import CONFIG_PATH, EXECUTABLE, Plan, system_files

EXIT_OPEN, EXIT_FAILED = 1, 2
_AFTER = (
    "systemd-sysusers && sysctl --system && systemctl daemon-reload && "
    "systemctl enable examhall-kiosk && systemctl reboot"
)
_WORDS = {
    "missing": "is missing",
    "differs": "is not as this version writes it",
    "policy_other": "another policy file sets the same policies",
    "browser_missing": "none that reads /etc/chromium (a snap does not)",
    "sandbox_unusable": "Chromium's sandbox cannot be used (user namespaces are off, no setuid helper)",
    "user_privileged": "the kiosk's user is in a privileged group",
    "sysrq_active": "the kernel obeys SysRq keys until the next boot",
    "forbidden_process": "a forbidden program runs",
    "screens_many": "more than one display shows a picture",
    "screens_plugged": "more than one display is plugged in",
    "virtual_machine": "this looks like a virtual machine",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """0: done, or nothing is open. 1: something is open. 2: a file could not be written."""
    given, rest = _parser().parse_known_args(arguments)
    root, origin = given.root, given.origin or page_origin()
    if given.install:
        extra = tuple(word for word in rest if word != "--")
        try:
            written = install(Plan(origin, given.python, extra), root)
        except OSError as fault:
            sys.stderr.write(f"{fault.filename}: {fault.strerror}\n")
            return EXIT_FAILED
        _say_installed(written, as_json=given.json, real=root == Path("/"))
        return 0
    if rest:
        sys.stderr.write(f"unknown: {' '.join(rest)}\n")
        return EXIT_FAILED
    return _check(origin, root, as_json=given.json)


def install(plan: Plan, root: Path) -> list[tuple[str, str]]:
    """Writes all files below `root`; each path with "new", "changed", "same" or "kept". Raises OSError."""
    made = []
    for path, text in system_files(plan).items():
        if path == CONFIG_PATH and not plan.arguments and (root / path.lstrip("/")).exists():
            made.append((path, "kept"))
            continue
        mode = 0o755 if path in EXECUTABLE else 0o644
        made.append((path, _write(root / path.lstrip("/"), text, mode)))
    return made


def _write(file: Path, text: str, mode: int) -> str:
    file.parent.mkdir(parents=True, exist_ok=True)
    before = file.read_text("utf-8") if file.is_file() else None
    if before != text:
        file.write_text(text, "utf-8")
    file.chmod(mode)
    if before is None:
        return "new"
    return "same" if before == text else "changed"


def _say_installed(written: list[tuple[str, str]], *, as_json: bool, real: bool) -> None:
    if as_json:
        _out(json.dumps({"files": dict(written)}, ensure_ascii=False))
        return
    for path, how in written:
        _out(f"{how:8}{path}")
    if real:
        _out(f"\nNext: {_AFTER}")


def _check(origin: str, root: Path, *, as_json: bool) -> int:
    """The machine itself is looked at only below `/`; another root holds files alone."""
    files = [*files_open(origin, root), *sticks_unmounted(root)]
    found = [*files, *(machine_open(root) if root == Path("/") else [])]
    is_open = any(not opening.hint for opening in found)
    if as_json:
        openings = [asdict(opening) for opening in found]
        told = {"open": is_open, "origin": origin, "policy_sha256": policy_hash(origin), "openings": openings}
        _out(json.dumps(told, ensure_ascii=False))
    else:
        for opening in found:
            _out(f"{'look' if opening.hint else 'open'}  {opening.code}: {_words(opening)}")
        _out("something is open" if is_open else "everything that can be checked from here is closed")
    return EXIT_OPEN if is_open else 0


def _words(opening: Opening) -> str:
    words = _WORDS.get(opening.code) or _WORDS.get(opening.code.rpartition("_")[2], "")
    return " ".join(filter(None, (opening.found, f"- {words}" if words else "")))


def _out(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="examhall kiosk", description="Locked seat on a Linux workstation.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--install", action="store_true", help="write policy and session files")
    what.add_argument(
        "--check", action="store_true", help="say what is not closed; status 1 when something is"
    )
    parser.add_argument("--root", type=Path, default=Path("/"), help="another root: an image, a test")
    parser.add_argument("--origin", metavar="URL", help="the page's address, http://127.0.0.1:8321")
    parser.add_argument("--python", default=sys.executable, help="interpreter that has this package")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.epilog = "Behind `--` with --install: the agent's own arguments, -- --server URL --camera 0"
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
