"""Backups: damage named, made whole or not at all, in chunks, moved between stores."""

import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from itembank.vault import key_name
from server.access import SYSTEM, Actor
from server.cli import opening
from server.host import Host
from server.services import audit, backup_file, evidence
from server.services.backup_file import BackupReader
from server.services.locking import DataLock
from tests.postgres import PostgresServer
from tests.server.backup_kit import restored, rows
from tests.server.centre import (  # noqa: F401 - fixtures
    WORDS,
    Centre,
    copied_centre,
    initialised_folder,
    make_centre,
)
from tests.server.conftest import Machine
from tests.server.holdings import FRAME, PICTURE, Holdings, check, holdings


@pytest.fixture
def host(centre: Centre, machine: Machine) -> Iterator[Host]:
    """The installation as its running server holds it."""
    with centre.host(machine.look) as opened:
        yield opened


@pytest.fixture
def held(host: Host, person_as: Callable[..., Actor], machine: Machine) -> Holdings:
    return holdings(host, person_as, machine)


@pytest.fixture
def small(centre: Centre, host: Host, tmp_path: Path) -> Path:
    """A backup of an installation with nothing but a picture."""
    evidence.keep(host.vault, host.evidence, FRAME, PICTURE)
    centre.done("backup", "--out", tmp_path / "small.backup")
    return tmp_path / "small.backup"


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

    @pytest.mark.dear
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


@pytest.mark.dear
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
