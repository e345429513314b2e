"""What a killed agent left behind is found and ended; root writes and gives away nothing that a link leads to."""

import os
import pwd
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from client import lockdown
from client.lockdown import LockdownFault, Processes, Wish
from client.lockdown_leftovers import end_leftovers, leftovers
from tests.unprivileged import user_and_prefix

UNWORN = "/nowhere/home"


def put(
    root: Path, pid: int, *, uid: int = 7, session: int = 50, home: str = UNWORN, state: str = "S"
) -> None:
    folder = root / f"proc/{pid}"
    folder.mkdir(parents=True)
    (folder / "stat").write_text(f"{pid} (a) b) c) {state} 1 {pid} {session} 0\n")
    (folder / "status").write_text(f"Name:\tx\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\n")
    (folder / "environ").write_text(f"A=b\0HOME={home}\0C=d\0")


def test_leftovers_are_those_of_the_home_and_of_their_sessions_and_of_that_user(tmp_path: Path) -> None:
    put(tmp_path, 50, home="/k/browser")
    put(tmp_path, 51)  # the same session, shut in
    put(tmp_path, 52, uid=8)  # another user's
    put(tmp_path, 60, session=60, home="/k/browser2")
    put(tmp_path, 70, session=70, home="/k/browser", uid=8)
    put(tmp_path, 80, session=80, home="/k/browser", state="Z")
    (tmp_path / "proc/self").mkdir()
    (tmp_path / "proc/90").mkdir()
    assert leftovers(Path("/k/browser"), 7, tmp_path) == {50, 51}


def test_real_leftovers_are_ended_and_nobody_else(tmp_path: Path) -> None:
    def sleeper(home: str) -> subprocess.Popen[bytes]:
        command = ["sh", "-c", "env -i sleep 60 & exec sleep 60"]
        return subprocess.Popen(command, env={"HOME": home, "PATH": "/usr/bin:/bin"}, start_new_session=True)

    ours, other = sleeper(str(tmp_path)), sleeper(UNWORN)
    try:
        until = time.monotonic() + 60
        while len(leftovers(tmp_path, os.geteuid())) < 2 and time.monotonic() < until:
            time.sleep(0.02)
        assert len(leftovers(tmp_path, os.geteuid())) == 2
        end_leftovers(tmp_path, os.geteuid())
        assert ours.wait(60) < 0 and not leftovers(tmp_path, os.geteuid())
        assert other.poll() is None and len(leftovers(Path(UNWORN), os.geteuid())) == 2
    finally:
        ours.kill()
        end_leftovers(Path(UNWORN), os.geteuid())
        other.wait(60)


@pytest.fixture
def kiosk() -> Iterator[Processes]:
    """One below the folder that everybody may write in, as in earnest."""
    user, _ = user_and_prefix()
    home = Path(f"/var/tmp/eh-processes-{os.getpid()}")
    made = Processes(Wish(home, {"DISPLAY": ":77"}, user if os.geteuid() == 0 else ""))
    yield made
    made.close()
    assert not home.exists()


def test_only_the_browsers_folder_is_its_users(kiosk: Processes) -> None:
    kiosk.prepare()
    user, prefix = user_and_prefix()
    account = pwd.getpwnam(user)
    home = kiosk.user_home.parent
    assert home.stat().st_uid == os.geteuid()
    for folder in (kiosk.user_home, kiosk.user_home / "profile", kiosk.user_home / "run"):
        assert (folder.stat().st_uid, folder.stat().st_mode & 0o777) == (account.pw_uid, 0o700)
    written = subprocess.run([*prefix, "touch", kiosk.user_home / "profile/x"], check=False)
    assert written.returncode == 0


def test_a_window_managers_file_is_roots_and_no_link_of_the_browsers_user_is_followed(
    kiosk: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() != 0:
        pytest.skip("as an ordinary user the agent owns nothing that its browser does not own")
    monkeypatch.setattr(lockdown, "RC_PATH", str(tmp_path / "not installed"))
    victim = tmp_path / "roots own"
    victim.write_text("kept")
    victim.chmod(0o600)
    kiosk.prepare()
    _user, prefix = user_and_prefix()
    home = kiosk.user_home.parent
    for place in (home / "openbox.xml", kiosk.user_home / "openbox.xml", home / "browser2"):
        subprocess.run([*prefix, "ln", "-s", victim, place], check=False, capture_output=True)
    moved = subprocess.run([*prefix, "mv", kiosk.user_home, home / "away"], check=False, capture_output=True)
    assert moved.returncode != 0
    for _ in range(2):
        rc = kiosk._rc()
        assert (rc.stat().st_uid, rc.stat().st_mode & 0o777, rc.is_symlink()) == (0, 0o644, False)
    kiosk.prepare()
    assert (victim.read_text(), victim.stat().st_uid, victim.stat().st_mode & 0o777) == ("kept", 0, 0o600)


def test_a_link_in_the_place_of_the_home_is_taken_away_and_not_followed(
    kiosk: Processes, tmp_path: Path
) -> None:
    (tmp_path / "something").write_text("kept")
    kiosk.user_home.parent.symlink_to(tmp_path)
    kiosk.prepare()
    assert (tmp_path / "something").read_text() == "kept"
    assert not kiosk.user_home.parent.is_symlink()


@pytest.mark.parametrize(
    ("user", "code"),
    [("", "user_privileged"), ("root", "user_privileged"), ("nobody-at-all", "user_missing")],
)
def test_root_starts_no_browser_for_itself_or_for_nobody(
    monkeypatch: pytest.MonkeyPatch, user: str, code: str
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(LockdownFault) as fault:
        Processes(Wish(Path("/var/tmp/eh-none"), {"DISPLAY": ":77"}, user))
    assert fault.value.code == code
