"""From the key file to a running process: init, unlock into memory, one server for one data folder."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from gettext import NullTranslations
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from itembank.keyfile import KeyFile, open_keyfile
from server.cli import main, words
from server.cli.opening import refuse_in_sitting
from server.db.people import User
from server.errors import Refused
from server.host import Host
from server.services import locking, unlocked
from server.settings import Settings

WORDS = "a passphrase for tests"
Run = Callable[..., Result]


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A fresh place for one installation."""
    (tmp_path / "words").write_text(WORDS + "\n")
    chosen = {
        "EXAMHALL_DATA": str(tmp_path / "data"),
        "EXAMHALL_KEYFILE": str(tmp_path / "keys" / "master.json"),
        "EXAMHALL_UNLOCKED": str(tmp_path / "unlocked"),
        "EXAMHALL_PASSPHRASE_FILE": str(tmp_path / "words"),
        "EXAMHALL_ARGON_MEMORY": "64",
        "DATABASE_URL": "",
    }
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    return chosen


@pytest.fixture
def run(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command as if `unlocked` lay in memory; its result."""
    monkeypatch.setattr(unlocked, "file_system", lambda _path: "tmpfs")
    monkeypatch.setattr(words, "_catalogue", NullTranslations)
    runner = CliRunner()
    return lambda *typed, **more: runner.invoke(main, list(typed), **more)


def test_init_makes_key_and_stores(run: Run, environment: dict[str, str], tmp_path: Path) -> None:
    assert run("init").exit_code == 0
    keyfile = tmp_path / "keys" / "master.json"
    assert keyfile.stat().st_mode & 0o777 == 0o600
    opened = open_keyfile(keyfile, WORDS)
    assert (len(opened.master), opened.demo) == (32, False)
    kept = unlocked.read_unlocked(Settings.load(environment))
    assert kept == opened


def test_init_never_overwrites(run: Run, tmp_path: Path) -> None:
    run("init")
    before = (tmp_path / "keys" / "master.json").read_bytes()
    again = run("init")
    assert (again.exit_code, "已存在" in again.output) == (1, True)
    assert (tmp_path / "keys" / "master.json").read_bytes() == before


def test_demo_key_says_so(run: Run, environment: dict[str, str]) -> None:
    assert run("init", "--demo").exit_code == 0
    kept = unlocked.read_unlocked(Settings.load(environment))
    assert kept is not None
    assert kept.demo


def test_short_passphrase_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "words").write_text("short\n")
    refused = run("init")
    assert (refused.exit_code, "口令须为 12" in refused.output) == (1, True)
    assert not (tmp_path / "keys").exists()


def test_typed_passphrase_must_be_typed_twice(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("EXAMHALL_PASSPHRASE_FILE")
    done = run("init", input=f"{WORDS}\nother words here\n{WORDS}\n{WORDS}\n")
    assert done.exit_code == 0
    assert WORDS not in done.output
    assert open_keyfile(tmp_path / "keys" / "master.json", WORDS)


def test_keyfile_in_the_data_folder_is_refused(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EXAMHALL_KEYFILE", str(tmp_path / "data" / "key.json"))
    refused = run("init")
    assert (refused.exit_code, "EXAMHALL_KEYFILE" in refused.output) == (1, True)


def test_locked_key_needs_the_right_passphrase(run: Run, tmp_path: Path) -> None:
    run("init")
    assert run("lock").exit_code == 0
    (tmp_path / "words").write_text("quite the wrong words\n")
    wrong = run("user", "list")
    assert (wrong.exit_code, "口令不正确" in wrong.output) == (1, True)
    (tmp_path / "words").write_text(WORDS + "\n")
    assert run("user", "list").exit_code == 0


def test_without_keyfile_the_command_says_what_to_do(run: Run) -> None:
    refused = run("user", "list")
    assert (refused.exit_code, "examhall init" in refused.output) == (1, True)


def test_users_from_the_command_line(run: Run, tmp_path: Path) -> None:
    run("init")
    (tmp_path / "pw").write_text("first words 1\n")
    add = (
        "user",
        "add",
        "Li.Lei",
        "--name",
        "李雷",
        "--role",
        "auditor",
        "--password-file",
        str(tmp_path / "pw"),
    )
    assert run(*add).exit_code == 0
    assert (run(*add).exit_code, "已被使用" in run(*add).output) == (1, True)
    listed = json.loads(run("user", "list", "--json").output)
    assert listed == {"username": "li.lei", "name": "李雷", "roles": ["auditor"], "active": True}


def test_audit_verify_finds_a_changed_entry(run: Run, tmp_path: Path) -> None:
    import sqlite3

    run("init")
    run("user", "list")
    assert run("audit", "verify").exit_code == 0
    with sqlite3.connect(tmp_path / "data" / "examhall.db") as store:
        store.execute("UPDATE audit_entries SET actor = 'mallory' WHERE seq = 2")
    store.close()
    found = run("audit", "verify", "--json")
    assert found.exit_code == 1
    assert {"seq": 2, "code": "hash"} in json.loads(found.output)["breaks"]


class TestUnlocked:
    KEY = KeyFile(b"k" * 32, False)

    def test_disk_is_refused(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(unlocked, "file_system", lambda _path: "ext4")
        with pytest.raises(Refused, match="unlocked_on_disk"):
            unlocked.keep_unlocked(settings, self.KEY)
        assert unlocked.read_unlocked(settings) is None

    def test_a_demo_key_may_lie_on_disk(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(unlocked, "file_system", lambda _path: "ext4")
        path = unlocked.keep_unlocked(settings, replace(self.KEY, demo=True))
        assert path.stat().st_mode & 0o777 == 0o600

    def test_folder_open_to_others_is_refused(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(unlocked, "file_system", lambda _path: "tmpfs")
        unlocked.keep_unlocked(settings, self.KEY)
        settings.unlocked.chmod(0o755)
        with pytest.raises(Refused, match="unlocked_not_private"):
            unlocked.read_unlocked(settings)

    def test_link_in_its_place_is_refused(self, settings: Settings, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        settings.unlocked.symlink_to(tmp_path / "elsewhere")
        with pytest.raises(Refused, match="unlocked_not_private"):
            unlocked.keep_unlocked(settings, self.KEY)

    def test_two_installations_do_not_share_a_file(self, settings: Settings, tmp_path: Path) -> None:
        other = replace(settings, keyfile=tmp_path / "other" / "master.json")
        assert unlocked.unlocked_path(settings) != unlocked.unlocked_path(other)

    def test_file_system_is_that_of_the_nearest_mount(self, tmp_path: Path) -> None:
        mounts = tmp_path / "mountinfo"
        mounts.write_text(
            "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
            "22 21 0:5 / /dev rw - devtmpfs udev rw\n"
            "23 22 0:6 / /dev/shm rw,nosuid shared:4 - tmpfs tmpfs rw\n"
            "24 21 0:7 / /mnt/with\\040blank rw - ramfs none rw\n"
        )
        find = unlocked.file_system
        assert find(Path("/dev/shm/examhall"), mounts) == "tmpfs"
        assert find(Path("/dev/shmx"), mounts) == "devtmpfs"
        assert find(Path("/home/x"), mounts) == "ext4"
        assert find(Path("/mnt/with blank/x"), mounts) == "ramfs"


class TestDataLock:
    def test_second_server_is_refused_at_once(self, tmp_path: Path) -> None:
        first, second = locking.DataLock(tmp_path), locking.DataLock(tmp_path)
        first.take()
        assert locking.server_runs(tmp_path)
        with pytest.raises(Refused) as caught:
            second.take(patience=60)
        assert (caught.value.code, caught.value.params["pid"]) == ("server_runs_already", str(os.getpid()))
        first.release()
        assert not locking.server_runs(tmp_path)
        second.take()
        second.release()

    def test_killed_holder_frees_it(self, tmp_path: Path) -> None:
        code = (
            "import sys, pathlib, time; from server.services.locking import DataLock;"
            "DataLock(pathlib.Path(sys.argv[1])).take(); print('held', flush=True); time.sleep(60)"
        )
        root = str(Path(__file__).parents[2])
        holder = subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)],
            stdout=subprocess.PIPE,
            cwd=root,
            env={"PYTHONPATH": root},
        )
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert locking.server_runs(tmp_path)
        holder.kill()
        holder.communicate()
        lock = locking.DataLock(tmp_path)
        lock.take()
        lock.release()

    def test_folder_without_lock_runs_no_server(self, tmp_path: Path) -> None:
        assert not locking.server_runs(tmp_path / "nothing")


def test_command_line_writes_wait_for_the_end_of_a_sitting(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    from server.cli import opening

    monkeypatch.setattr(opening, "running_rooms", lambda _session: [1])
    refuse_in_sitting(host)  # no server holds the folder
    lock = locking.DataLock(host.settings.data)
    lock.take()
    with pytest.raises(Refused, match="sitting_runs"):
        refuse_in_sitting(host)
    monkeypatch.setattr(opening, "running_rooms", lambda _session: [])
    refuse_in_sitting(host)
    lock.release()
    with host.db.read() as session:
        assert session.query(User).count() == 0
