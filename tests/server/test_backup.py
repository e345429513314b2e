"""Backups: complete, useless without the key, damage named, restored into either store."""

import json
import shutil
import sqlite3
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect

from itembank.vault import key_name
from server.access import SYSTEM, Actor
from server.cli import opening
from server.db.migrate import HISTORIES
from server.host import Host, open_host
from server.services import audit, backup_file, epochs, evidence, unlocked
from server.services.backup_file import BackupReader
from server.services.locking import DataLock
from tests.postgres import PostgresServer
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


def restored(place: Centre, folder: Path) -> Host:
    """The restored stores, opened like a server would."""
    key = unlocked.read_unlocked(place.settings)
    assert key is not None
    place.set("EXAMHALL_DATA", str(folder))
    return open_host(place.settings, key.master)


def rows(engine: Engine) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, as values that compare between stores."""
    with engine.connect() as connection:
        return {
            table.name: sorted(
                tuple(repr(value) for value in row) for row in connection.execute(table.select())
            )
            for history in HISTORIES
            for table in history.metadata.sorted_tables
            if table.name in inspect(engine).get_table_names()
        }


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


class TestDamage:
    @pytest.mark.parametrize("name", ["examhall.db", "answers.db", f"evidence/{FRAME}"])
    def test_a_flipped_bit_names_its_file_and_nothing_is_written(
        self,
        centre: Centre,
        small: Path,
        tmp_path: Path,
        name: str,
    ) -> None:
        with closing(BackupReader(small)) as reader:
            (part,) = (entry.part for entry in reader.entries if entry.name == name)
        with zipfile.ZipFile(small) as archive:
            at = archive.getinfo(part).header_offset + 300
        data = bytearray(small.read_bytes())
        data[at] ^= 1
        small.write_bytes(data)
        assert name in centre.refused("restore", small, "--into", tmp_path / "new")
        assert name in centre.refused("restore", small, "--check")
        assert not (tmp_path / "new").exists()

    @pytest.mark.parametrize("kept", [0, 10, 5000, -1])
    def test_a_cut_file_is_no_backup(
        self,
        centre: Centre,
        small: Path,
        tmp_path: Path,
        kept: int,
    ) -> None:
        small.write_bytes(small.read_bytes()[:kept])
        assert "不是备份文件" in centre.refused("restore", small, "--into", tmp_path / "new")

    def test_any_other_file_is_no_backup(self, centre: Centre, tmp_path: Path) -> None:
        for name, members in (("plain", None), ("empty", {}), ("other", {"manifest.json": "[]"})):
            path = tmp_path / name
            path.write_text("text")
            if members is not None:
                with zipfile.ZipFile(path, "w") as archive:
                    for member, text in members.items():
                        archive.writestr(member, text)
            assert "不是备份文件" in centre.refused("restore", path, "--check")

    @pytest.mark.parametrize(
        "change",
        [
            lambda fields: fields.update(made_at="2020-01-01T00:00:00+00:00"),
            lambda fields: fields["files"].pop(),
            lambda fields: fields["files"].reverse(),
            lambda fields: fields.update(stamp="AAAA"),
            lambda fields: fields.update(key="AAAA"),
        ],
    )
    def test_a_manifest_that_was_changed_is_named(
        self,
        centre: Centre,
        small: Path,
        tmp_path: Path,
        change: Callable[[dict], object],
    ) -> None:
        _rewritten(small, change)
        assert "manifest.json" in centre.refused("restore", small, "--into", tmp_path / "new")
        assert not (tmp_path / "new").exists()

    def test_parts_that_changed_places_are_noticed_even_when_the_sums_fit(
        self,
        centre: Centre,
        small: Path,
        tmp_path: Path,
    ) -> None:
        with zipfile.ZipFile(small) as archive:
            members = {info.filename: archive.read(info) for info in archive.infolist()}
        members["0000001.sealed"], members["0000002.sealed"] = (
            members["0000002.sealed"],
            members["0000001.sealed"],
        )

        def swap(fields: dict) -> None:
            one, two, *_ = fields["files"]
            one["sha256"], two["sha256"] = two["sha256"], one["sha256"]

        _written(small, members)
        _rewritten(small, swap)
        assert "完好" in centre.done("restore", small, "--check")  # sums alone cannot tell
        assert "manifest.json" in centre.refused("restore", small, "--into", tmp_path / "new")

    @pytest.mark.parametrize(
        "name", ["../escape.db", "/etc/passwd", "evidence/../../x", "tls/server-key.pem"]
    )
    def test_a_name_that_leads_elsewhere_is_no_backup(
        self,
        centre: Centre,
        small: Path,
        name: str,
    ) -> None:
        _rewritten(small, lambda fields: fields["files"][0].update(name=name))
        assert "不是备份文件" in centre.refused("restore", small, "--check")


class TestMaking:
    def test_a_file_that_is_there_is_left_alone(self, centre: Centre, small: Path) -> None:
        before = small.read_bytes()
        assert "不会覆盖" in centre.refused("backup", "--out", small)
        assert small.read_bytes() == before

    def test_it_tells_what_it_made(self, centre: Centre, host: Host, tmp_path: Path) -> None:
        told = json.loads(centre.done("backup", "--out", tmp_path / "b", "--json"))
        assert (told["files"], told["bytes"]) == (2, (tmp_path / "b").stat().st_size)
        assert (tmp_path / "b").stat().st_mode & 0o077 == 0
        with host.db.read() as session:
            (line, *_) = audit.page(session, stream=audit.SYSTEM_STREAM)
        assert (line.act, line.details["sha256"]) == ("backup_made", told["sha256"])

    def test_not_while_the_server_runs_a_sitting(
        self,
        centre: Centre,
        host: Host,
        tmp_path: Path,
    ) -> None:
        centre.monkeypatch.setattr(opening, "running_rooms", lambda _session: [1])
        lock = DataLock(centre.settings.data)
        lock.take()
        assert "正在进行考试" in centre.refused("backup", "--out", tmp_path / "b")
        lock.release()
        assert not (tmp_path / "b").exists()

    def test_a_copy_made_under_writing_is_whole(self, centre: Centre, host: Host, tmp_path: Path) -> None:
        ended = threading.Event()

        def write() -> None:
            while not ended.is_set():
                host.db.write(lambda session: _note(session, host))

        writer = threading.Thread(target=write)
        writer.start()
        for number in range(3):
            centre.done("backup", "--out", tmp_path / f"b{number}")
        ended.set()
        writer.join()
        for number in range(3):
            centre.done("restore", tmp_path / f"b{number}", "--into", tmp_path / f"new{number}")

    def test_what_a_killed_backup_left_is_cleared(self, centre: Centre, tmp_path: Path) -> None:
        left = centre.settings.data / "backup-killed"
        left.mkdir()
        (left / "examhall.db").write_bytes(b"half")
        (tmp_path / "b.part").write_bytes(b"half")
        centre.done("backup", "--out", tmp_path / "b")
        assert not left.exists()
        assert sorted(path.name for path in tmp_path.glob("b*")) == ["b"]

    @pytest.mark.parametrize("suite", ["intl", "gm"])
    def test_each_suite_seals_it(self, centre: Centre, host: Host, tmp_path: Path, suite: str) -> None:
        centre.set("EXAMHALL_SUITE", suite)
        centre.done("backup", "--out", tmp_path / "b")
        with zipfile.ZipFile(tmp_path / "b") as archive:
            assert archive.read("0000001.sealed")[4] == {"intl": 1, "gm": 2}[suite]
        centre.done("restore", tmp_path / "b", "--into", tmp_path / "new")


class TestChunks:
    """The container alone, with small chunks."""

    MASTER = b"m" * 32

    @pytest.fixture(autouse=True)
    def small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(backup_file, "CHUNK_BYTES", 8)

    @pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 16, 17, 100])
    def test_every_length_comes_back(self, tmp_path: Path, now, size: int) -> None:
        path, data = tmp_path / "b", bytes(range(size))
        self.make(path, data, now)
        with closing(BackupReader(path)) as reader:
            (entry,) = reader.entries
            assert b"".join(reader.chunks(entry, reader.content_key(self.MASTER))) == data
            assert (entry.size, reader.master) == (size, key_name(self.MASTER))

    @pytest.mark.parametrize("cut", [1, 2])
    def test_a_missing_end_is_noticed(self, tmp_path: Path, now, cut: int) -> None:
        from server.errors import Refused

        path = tmp_path / "b"
        self.make(path, bytes(24), now)
        with zipfile.ZipFile(path) as archive:
            members = {info.filename: archive.read(info) for info in archive.infolist()}
        whole = members["0000001.sealed"]
        members["0000001.sealed"] = whole[: len(whole) * (3 - cut) // 3]
        _written(path, members)
        with closing(BackupReader(path)) as reader:
            assert reader.damaged() == ["examhall.db"]
            with pytest.raises(Refused, match="backup_broken"):
                list(reader.chunks(reader.entries[0], reader.content_key(self.MASTER)))

    def test_no_other_file_gets_in(self, tmp_path: Path, now) -> None:
        with (tmp_path / "b").open("wb") as file, pytest.raises(ValueError, match="no file of a backup"):
            self.writer(file, now).add("keys/master.json", file)

    def writer(self, file, now) -> backup_file.BackupWriter:
        about = backup_file.About(now, "1.2.3", "intl", {"main": "0003"})
        return backup_file.BackupWriter(file, self.MASTER, about)

    def make(self, path: Path, data: bytes, now) -> None:
        source = path.with_name("source")
        source.write_bytes(data)
        with path.open("wb") as file, source.open("rb") as found_:
            writer = self.writer(file, now)
            writer.add("examhall.db", found_)
            writer.finish()


@pytest.mark.parametrize("ways", ["sqlite to postgresql", "postgresql to sqlite"])
def test_a_backup_moves_between_stores(
    ways: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    postgres: PostgresServer,
) -> None:
    names = []

    def store(kind: str) -> str:
        if kind == "sqlite":
            return ""
        names.append(postgres.create())
        return postgres.url(names[-1])

    one, two = (store(kind) for kind in ways.split(" to "))
    place = make_centre(tmp_path, monkeypatch, one)
    with place.host(Machine().look) as before:
        held = _filled(before)
        place.done("backup", "--out", tmp_path / "b")
        content = rows(before.db.engine) | rows(before.answers._engine)
    place.set("DATABASE_URL", two)
    place.done("restore", tmp_path / "b", "--into", tmp_path / "new")
    after = restored(place, tmp_path / "new")
    check(after, held)
    moved = rows(after.db.engine) | rows(after.answers._engine)
    changing = {"audit_entries", "audit_heads", "server_boot", "server_epochs"}
    assert {name for name in content if content[name] != moved.get(name)} <= changing
    after.db.write(lambda session: _note(session, after))  # numbers go on where they were
    after.close()
    assert place.run("audit", "verify").exit_code == 0
    if two:
        assert "不是空的" in place.refused("restore", tmp_path / "b", "--into", tmp_path / "again")
    for name in names:
        postgres.drop(name)


def _filled(host: Host) -> Holdings:
    from server.access import Role
    from server.services import passwords, staff

    numbers = iter(range(1, 100))
    secret = passwords.hash_password(WORDS)

    def add(*roles: str, username: str = "", name: str = "") -> Actor:
        username = username or f"{roles[0]}{next(numbers)}"
        new = staff.NewPerson(username, name or username, secret, frozenset(map(Role, roles)))
        return Actor(
            host.db.write(staff.add_person, SYSTEM, new, now=host.now()), name or username, new.roles
        )

    machine = Machine()
    host.clock._look = machine.look
    return holdings(host, add, machine)


def _note(session, host: Host) -> None:
    audit.record(session, audit.SYSTEM_STREAM, SYSTEM, "site_secret_made", "test", now=host.now())


def _written(path: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def _rewritten(path: Path, change: Callable[[dict], object]) -> None:
    """The same backup with another manifest."""
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    fields = json.loads(members["manifest.json"])
    change(fields)
    _written(path, members | {"manifest.json": json.dumps(fields).encode()})
