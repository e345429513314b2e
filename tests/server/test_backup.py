"""Backups: useless without the key, everything there again after a restore."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from server.access import Actor
from server.cli import opening
from server.errors import Refused
from server.host import Host, open_host
from server.services import audit, epochs, evidence, unlocked
from server.services.backup_file import BackupReader
from tests.server.backup_kit import restored, rows
from tests.server.centre import (  # noqa: F401 - fixtures
    WORDS,
    Centre,
    copied_centre,
    initialised_folder,
    make_centre,
)
from tests.server.conftest import Machine
from tests.server.holdings import FRAME, PICTURE, Holdings, check, found, holdings


@pytest.fixture
def host(centre: Centre, machine: Machine) -> Iterator[Host]:
    """The installation as its running server holds it."""
    with centre.host(machine.look) as opened:
        yield opened


@pytest.fixture
def held(host: Host, person_as: Callable[..., Actor], machine: Machine) -> Holdings:
    return holdings(host, person_as, machine)


@pytest.fixture
def saved(centre: Centre, held: Holdings, tmp_path: Path) -> Path:
    """A backup made beside the running server."""
    path = tmp_path / "stick" / "2026.backup"
    path.parent.mkdir()
    centre.done("backup", "--out", path)
    return path


@pytest.fixture
def small(centre: Centre, host: Host, tmp_path: Path) -> Path:
    """A backup of an installation with nothing but a picture."""
    evidence.keep(host.vault, host.evidence, FRAME, PICTURE)
    centre.done("backup", "--out", tmp_path / "small.backup")
    return tmp_path / "small.backup"


class TestWithoutTheKey:
    def test_it_shows_no_item_answer_number_name_or_key(
        self,
        centre: Centre,
        held: Holdings,
        saved: Path,
    ) -> None:
        data = saved.read_bytes()
        assert len(held.sealed) > 100
        assert found(held.sealed + held.people, data) == []
        key = unlocked.read_unlocked(centre.settings)
        assert key is not None
        assert found([key.master, key.master.hex().encode(), b"CREATE TABLE", b"SQLite format"], data) == []
        with closing(BackupReader(saved)) as reader:
            assert reader.damaged() == []
            names = [entry.name for entry in reader.entries]
        assert names == ["examhall.db", "answers.db", f"evidence/{FRAME}"]

    def test_the_search_itself_would_find_what_lies_open(self, centre: Centre, held: Holdings) -> None:
        stored = (centre.settings.data / "examhall.db").read_bytes()
        stored += (centre.settings.data / "examhall.db-wal").read_bytes()
        assert found(held.people, stored) == held.people  # names lie open in the database, not in a backup

    def test_another_key_file_opens_nothing(
        self, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = tmp_path / "other"
        other.mkdir()
        stranger = make_centre(other, monkeypatch)
        told = stranger.refused("restore", small, "--into", tmp_path / "new")
        with closing(BackupReader(small)) as reader:
            assert reader.master in told
        assert not (tmp_path / "new").exists()

    def test_a_wrong_passphrase_opens_nothing(self, centre: Centre, small: Path, tmp_path: Path) -> None:
        centre.done("lock")
        (tmp_path / "words").write_text("not the passphrase\n")
        assert "口令不正确" in centre.refused("restore", small, "--into", tmp_path / "new")
        assert not (tmp_path / "new").exists()


class TestRestore:
    @pytest.mark.dear
    def test_everything_is_there_again(
        self,
        centre: Centre,
        host: Host,
        held: Holdings,
        saved: Path,
        tmp_path: Path,
    ) -> None:
        before = rows(host.db.engine), rows(host.answers._engine)
        told = centre.done("restore", saved, "--into", tmp_path / "new")
        assert str(tmp_path / "new") in told
        again = restored(centre, tmp_path / "new")
        check(again, held)
        assert again.site.public_key == host.site.public_key
        assert again.site.session_key == host.site.session_key
        assert again.site.ca_pem == host.site.ca_pem
        after = rows(again.db.engine), rows(again.answers._engine)
        again.close()
        told_since = {"audit_entries", "audit_heads", "server_boot", "server_epochs"}
        for one, other in zip(before, after, strict=True):
            assert set(one) == set(other)
            assert {name: one[name] for name in set(one) - told_since} == {
                name: other[name] for name in set(one) - told_since
            }
        made = {row for row in before[0]["audit_entries"] if "'backup_made'" in row}  # told when it was done
        assert len(made) == 1
        assert set(before[0]["audit_entries"]) - made < set(after[0]["audit_entries"])
        assert centre.run("audit", "verify").exit_code == 0
        assert not list((tmp_path / "new").glob("backup-*"))
        assert (tmp_path / "new" / "examhall.db").stat().st_mode & 0o077 == 0

    @pytest.mark.dear
    def test_a_restored_store_begins_an_epoch_that_nobody_can_have_met(
        self, centre: Centre, host: Host, saved: Path, tmp_path: Path
    ) -> None:
        """Seats send all they have to a server of a new epoch, also when another had taken over meanwhile."""
        for _takeover in range(3):
            met = host.db.write(epochs.take_over, Actor(None, "console/admin"), "fire", 1, now=host.now())
        centre.done("restore", saved, "--into", tmp_path / "new")
        again = restored(centre, tmp_path / "new")
        assert again.epoch.number > met
        with again.db.read() as session:
            assert set(audit.acts(session)) >= {"standby_promoted", "backup_restored"}
        again.close()

    @pytest.mark.dear
    def test_two_machines_restored_in_the_same_minutes_are_two_servers(
        self, centre: Centre, saved: Path, tmp_path: Path
    ) -> None:
        """Their number may be one; who began later replaces the other as soon as a seat has met both."""
        reigns = []
        for name in ("here", "there"):
            centre.done("restore", saved, "--into", tmp_path / name)
            again = restored(centre, tmp_path / name)
            reigns.append(again.epoch.reign)
            again.close()
        earlier, after = reigns
        assert earlier < after and earlier.proof != after.proof
        first = restored(centre, tmp_path / "here")
        with pytest.raises(Refused, match="server_fenced"):
            first.epoch.meet(after)
        first.close()
        second = restored(centre, tmp_path / "there")
        second.epoch.meet(earlier)
        second.close()

    @pytest.mark.dear
    def test_it_works_with_the_passphrase_alone_after_a_power_cut(
        self,
        centre: Centre,
        held: Holdings,
        saved: Path,
        tmp_path: Path,
    ) -> None:
        centre.done("lock")
        shutil.rmtree(tmp_path / "data")
        centre.done("restore", saved, "--into", tmp_path / "new")
        unlocked.keep_unlocked(centre.settings, opening.keyfile_opened(centre.settings, centre.keyfile))
        again = restored(centre, tmp_path / "new")
        check(again, held)
        again.close()

    @pytest.mark.dear
    def test_an_older_backup_takes_the_key_file_of_its_time(
        self,
        centre: Centre,
        held: Holdings,
        saved: Path,
        tmp_path: Path,
    ) -> None:
        with closing(BackupReader(saved)) as reader:
            aside = centre.keyfile.with_name(f"master-{reader.master}.json")
        centre.done("vault", "rotate-master")
        assert "密钥文件打开" in centre.refused("restore", saved, "--into", tmp_path / "new")
        centre.done("restore", saved, "--into", tmp_path / "new", "--keyfile", aside)
        old = opening.keyfile_opened(centre.settings, aside)
        centre.set("EXAMHALL_DATA", str(tmp_path / "new"))
        again = open_host(centre.settings, old.master)
        check(again, held)
        again.close()

    def test_a_folder_with_anything_in_it_is_left_alone(
        self,
        centre: Centre,
        small: Path,
        tmp_path: Path,
    ) -> None:
        (tmp_path / "new").mkdir()
        (tmp_path / "new" / "mine").write_text("mine")
        assert "不是空的" in centre.refused("restore", small, "--into", tmp_path / "new")
        assert [path.name for path in (tmp_path / "new").iterdir()] == ["mine"]

    def test_never_around_the_key_file(self, centre: Centre, small: Path) -> None:
        assert "不能包含密钥文件" in centre.refused("restore", small, "--into", centre.keyfile.parent)

    def test_a_backup_of_a_newer_version_is_told(
        self,
        centre: Centre,
        host: Host,
        tmp_path: Path,
    ) -> None:
        host.close()
        with closing(sqlite3.connect(centre.settings.data / "examhall.db")) as store, store:
            store.execute("UPDATE schema_version SET version_num = '9999'")
        centre.monkeypatch.setattr(opening, "upgrade", lambda _settings: None)
        centre.done("backup", "--out", tmp_path / "b")
        assert "更新的版本" in centre.refused("restore", tmp_path / "b", "--into", tmp_path / "new")

    def test_broken_chains_are_named(self, centre: Centre, host: Host, tmp_path: Path) -> None:
        with closing(sqlite3.connect(centre.settings.data / "examhall.db")) as store, store:
            store.execute("UPDATE audit_entries SET actor = 'mallory' WHERE seq = 2")
        centre.done("backup", "--out", tmp_path / "b")
        assert "审计链 system 不完整" in centre.refused("restore", tmp_path / "b", "--into", tmp_path / "new")
