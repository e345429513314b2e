"""`examhall vault`: the master key changes under a running server, whatever is cut off; a bank by its name."""

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from itembank.keyfile import WrongPassphrase, open_keyfile
from itembank.vault import key_name
from server.cli import opening, vault
from server.db.bank import Bank
from server.errors import Refused
from server.host import Host, open_host
from server.services import datakey, unlocked
from server.services.locking import DataLock
from server.services.staff import people
from tests.server.centre import (  # noqa: F401 - fixtures
    WORDS,
    Centre,
    copied_centre,
    initialised_folder,
    make_centre,
)
from tests.server.test_rotation import everything, fill
from tests.server.test_serving import Installation, _workers, installation  # noqa: F401 - a fixture


@pytest.fixture
def running(centre: Centre) -> Iterator[Host]:
    """The stores as a server holds them that was started before anything else happened."""
    with centre.host() as host:
        yield host


@pytest.fixture
def bank(running: Host) -> int:
    return running.db.write(fill, running, running.now())


def master(centre: Centre, path: Path | None = None, words: str = WORDS) -> bytes:
    return open_keyfile(path or centre.keyfile, words).master


def opens(centre: Centre, key: bytes) -> bool:
    try:
        open_host(centre.settings, key).close()
    except Refused as refusal:
        assert refusal.code == "keyfile_of_another"
        return False
    return True


class TestMaster:
    def test_a_new_key_file_takes_over_and_the_server_goes_on(
        self, centre: Centre, running: Host, bank: int
    ) -> None:
        old = master(centre)
        told = centre.done("vault", "rotate-master")
        new, aside = master(centre), centre.keyfile.with_name(f"master-{key_name(old)}.json")
        assert new != old
        assert master(centre, aside) == old
        assert str(aside) in told
        assert everything(running, bank)
        running.db.write(lambda session: people(session))
        sealed = running.vault.seal_value("id_number", "1", b"110101199003070230")
        assert (opens(centre, old), opens(centre, new)) == (False, True)
        with centre.host() as later:  # with what is unlocked now
            assert later.vault.open_value("id_number", "1", sealed) == b"110101199003070230"
            assert everything(later, bank)
            assert later.site.public_key == running.site.public_key

    def test_the_new_passphrase_may_be_another(self, centre: Centre, tmp_path: Path) -> None:
        (tmp_path / "new").write_text("quite another passphrase\n")
        centre.done("vault", "rotate-master", "--passphrase-file", tmp_path / "new")
        assert master(centre, words="quite another passphrase")
        with pytest.raises(WrongPassphrase):
            master(centre)

    def test_the_passphrase_is_asked_for_even_when_the_key_is_unlocked(
        self, centre: Centre, tmp_path: Path
    ) -> None:
        (tmp_path / "words").write_text("not the passphrase\n")
        before = centre.keyfile.read_bytes()
        assert "口令不正确" in centre.refused("vault", "rotate-master")
        assert centre.keyfile.read_bytes() == before

    def test_a_short_passphrase_changes_nothing(self, centre: Centre, tmp_path: Path) -> None:
        (tmp_path / "new").write_text("short\n")
        before = centre.keyfile.read_bytes()
        assert "口令须为 12" in centre.refused(
            "vault", "rotate-master", "--passphrase-file", tmp_path / "new"
        )
        assert centre.keyfile.read_bytes() == before
        assert opens(centre, master(centre))

    def test_the_demo_mark_stays(self, centre: Centre, tmp_path: Path) -> None:
        shutil.rmtree(tmp_path / "data")
        centre.keyfile.unlink()
        centre.done("init", "--demo")
        centre.done("vault", "rotate-master")
        assert open_keyfile(centre.keyfile, WORDS).demo
        kept = unlocked.read_unlocked(centre.settings)
        assert kept is not None
        assert kept.demo

    def test_not_while_the_server_runs_a_sitting(
        self, centre: Centre, running: Host, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(opening, "running_rooms", lambda _session: [1])
        lock = DataLock(centre.settings.data)
        lock.take()
        before = centre.keyfile.read_bytes()
        assert "正在进行考试" in centre.refused("vault", "rotate-master")
        lock.release()
        assert centre.keyfile.read_bytes() == before

    def test_a_locked_installation_stays_locked(self, centre: Centre) -> None:
        centre.done("lock")
        centre.done("vault", "rotate-master")
        assert unlocked.read_unlocked(centre.settings) is None
        assert json.loads(centre.done("vault", "status", "--json"))["master"]["name"] == key_name(
            master(centre)
        )

    @pytest.mark.parametrize(
        "last", ["datakey.begin_change", "replace_keyfile", "keep_unlocked", "datakey.complete_change"]
    )
    def test_whatever_is_cut_off_the_key_file_opens_and_a_second_try_succeeds(
        self, centre: Centre, bank: int, last: str
    ) -> None:
        """The process dies instead of the step named."""
        place, name = (datakey, last.split(".")[1]) if "." in last else (vault, last)
        with pytest.MonkeyPatch.context() as broken:
            broken.setattr(place, name, killed)
            result = centre.run("vault", "rotate-master")
            assert isinstance(result.exception, Killed)
        with centre.host() as host:  # a worker that is replaced
            assert everything(host, bank)
        centre.done("lock")  # a power cut: only the key file is left
        assert opens(centre, master(centre))
        left = master(centre)
        centre.done("vault", "rotate-master")
        assert (opens(centre, left), opens(centre, master(centre))) == (False, True)

    def test_cut_off_twice_with_the_old_key_still_unlocked(self, centre: Centre, bank: int) -> None:
        for place, name in ((vault, "keep_unlocked"), (vault, "replace_keyfile")):
            with pytest.MonkeyPatch.context() as broken:
                broken.setattr(place, name, killed)
                centre.run("vault", "rotate-master")
        centre.done("lock")
        with_file = master(centre)
        assert opens(centre, with_file)

    def test_a_refused_second_try_leaves_what_is_unlocked_fitting(
        self, centre: Centre, bank: int, tmp_path: Path
    ) -> None:
        with pytest.MonkeyPatch.context() as broken:
            broken.setattr(vault, "keep_unlocked", killed)
            centre.run("vault", "rotate-master")
        (tmp_path / "new").write_text("short\n")
        centre.refused("vault", "rotate-master", "--passphrase-file", tmp_path / "new")
        with centre.host() as host:
            assert everything(host, bank)


class Killed(Exception):
    """Stands for kill -9."""


def killed(*_args: object, **_kwargs: object) -> None:
    raise Killed


class TestBank:
    @pytest.mark.dear
    def test_by_its_name_and_with_another_suite(self, centre: Centre, running: Host, bank: int) -> None:
        told = centre.done("vault", "rotate-bank", "题库", "--suite", "gm")
        assert "已更换" in told
        everything(running, bank)
        with running.db.read() as session:
            assert session.get_one(Bank, bank).suite == "gm"
        listed = json.loads(centre.done("vault", "status", "--json"))["banks"]
        assert [(one["name"], one["suite"], one["changing"]) for one in listed] == [("题库", "gm", False)]
        assert "题库\tgm\t" in centre.done("vault", "status")

    @pytest.mark.dear
    def test_one_that_was_cut_off_goes_on(self, centre: Centre, running: Host, bank: int) -> None:
        with pytest.MonkeyPatch.context() as broken:
            broken.setattr("server.services.rotation.store", killed)
            assert isinstance(centre.run("vault", "rotate-bank", "题库").exception, Killed)
        everything(running, bank)
        assert "-> intl 0 %" in centre.done("vault", "status")
        centre.done("vault", "rotate-bank", "题库")
        with running.db.read() as session:
            assert session.get_one(Bank, bank).next_key is None

    def test_a_name_that_is_not_there_is_told(self, centre: Centre) -> None:
        assert "没有找到" in centre.refused("vault", "rotate-bank", "没有的题库")


def test_the_installations_suite_seals_key_file_values_and_new_banks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import base64

    from itembank.sealing import suite_of

    monkeypatch.setenv("EXAMHALL_SUITE", "gm")
    centre = make_centre(tmp_path, monkeypatch)
    centre.set("EXAMHALL_SUITE", "gm")
    sealed = base64.b64decode(json.loads(centre.keyfile.read_text())["sealed"])
    with centre.host() as host:
        kept = [sealed, host.vault.seal_value("a", "b", b"c"), host.vault.new_bank_key()]
        assert {suite_of(blob) for blob in kept} == {"gm"}
    centre.set("EXAMHALL_SUITE", "rot13")
    assert "EXAMHALL_SUITE" in centre.refused("vault", "status")


@pytest.mark.system
@pytest.mark.walk
@pytest.mark.parametrize("installation", ["sqlite"], indirect=True)  # test_rotation.py tries both stores
def test_a_server_that_runs_outlives_the_change_and_so_does_its_next_worker(
    installation: Installation,  # noqa: F811
) -> None:
    server = installation.serve()
    authority = installation.get("/site-ca").decode()
    done = installation.examhall("vault", "rotate-master")
    assert done.returncode == 0, done.stderr
    assert json.loads(installation.get("/health", cadata=authority)) == {"status": "ok"}
    os.kill(_workers(server.pid)[0], signal.SIGKILL)  # the next worker opens the stores anew
    time.sleep(0.5)
    end = time.monotonic() + 60
    while not installation.answers():
        assert time.monotonic() < end
        time.sleep(0.1)
    assert installation.get("/site-ca").decode() == authority
    server.terminate()
    assert server.wait(60) == 0
    assert installation.examhall("audit", "verify").returncode == 0
