"""The dossier of a sitting: what is in it, and that one altered byte anywhere is named."""

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table, select
from sqlalchemy.orm import Session

from server.access import SYSTEM, Actor
from server.cli import main
from server.db.base import Base
from server.db.evidence_store import frame_name
from server.db.record import AuditEntry
from server.db.rooms import Room
from server.db.sittings import Incident, RoomSitting
from server.db.watching import EvidenceFrame
from server.errors import Forbidden, Refused
from server.host import Host
from server.jobs.dossier import dossier as pack_dossier
from server.rules import archive, merkle
from server.rules.archive_check import Verified, verify
from server.services import audit, dossier, dossier_tables, evidence
from tests.server.conftest import Machine
from tests.server.delivery_kit import ID_NUMBERS, Scene, make_scene
from tests.server.record_kit import ZONE, Over, over


@pytest.fixture
def day(app: Flask, host: Host, person_as: Callable[..., Actor], machine: Machine) -> Over:
    return over(app, host, person_as, machine)


_PACKED: list[tuple[bytes, bytes]] = []


@pytest.fixture
def packed(request: pytest.FixtureRequest, store: str) -> tuple[bytes, bytes]:
    """A dossier and the site's key, made once: for tests of the file alone."""
    assert not store  # only so that the day can be prepared from here
    if not _PACKED:
        scene = request.getfixturevalue("day").scene
        _PACKED.append((made(scene), scene.host.site.public_key))
    return _PACKED[0]


def made(scene: Scene, **wish: bool) -> bytes:
    """The dossier's bytes; the packing is done here, without a child."""
    host, asked = scene.host, dossier.Wish(scene.room_sitting, **wish)
    stores = dossier.Stores(host.answers, host.evidence, host.site, ZONE)
    scene.write(dossier.ask, scene.chief, asked)
    with host.db.read() as session:
        payload = dossier.work(session, scene.chief, asked, stores, now=host.now())
    return dossier.sealed_file(pack_dossier(payload, lambda *_: None), host.site)


def files_of(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        return {entry.filename: book.read(entry) for entry in book.infolist()}


def rows(data: bytes) -> list[dict[str, object]]:
    return [json.loads(line) for line in data.splitlines()]


def codes(found: Verified) -> set[tuple[str, str, str]]:
    return {(one.file, one.code, one.row) for one in found.wrong}


@pytest.mark.dear
@pytest.mark.both_stores
def test_scenario_39_the_file_of_a_room_is_proved_without_the_server(day: Over, tmp_path: Path) -> None:
    data = made(day.scene)
    found = verify(data, site_key=day.scene.host.site.public_key)
    assert found.wrong == ()
    assert (found.chains, found.attempts) == (2, 3)
    file = tmp_path / "room.zip"
    file.write_bytes(data)
    key = day.scene.host.site.public_key.hex()
    done = CliRunner().invoke(main, ["archive", "verify", str(file), "--site-key", key, "--json"])
    assert (done.exit_code, json.loads(done.stdout)["good"]) == (0, True)
    inside = files_of(data)
    assert next(iter(inside)) == archive.INDEX
    assert {name.split("/")[0] for name in inside if "/" in name} >= {
        *("1-plan", "2-filing", "3-process", "4-results")
    }
    place = data.index(b'"act":"room_started"') + 12
    file.write_bytes(data[:place] + b"x" + data[place + 1 :])
    done = CliRunner().invoke(main, ["archive", "verify", str(file)])
    assert done.exit_code == 1
    name = f"3-process/audit/sitting-{day.scene.room_sitting}.jsonl"
    started = next(row["seq"] for row in rows(inside[name]) if row["act"] == "room_started")
    assert f"{name}\t{started}\t" in done.stdout


@pytest.mark.dear
def test_one_altered_byte_anywhere_is_named(packed: tuple[bytes, bytes]) -> None:
    data, _key = packed
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        entries = [(entry.filename, entry.header_offset, entry.file_size) for entry in book.infolist()]
        directory = book.start_dir
    assert len(entries) > 20
    for name, offset, size in entries:
        begin = offset + 30 + len(name)
        for place in {begin, begin + size // 2} if size else ():
            found = verify(altered(data, place))
            assert name in {one.file for one in found.wrong}, (name, place)
        for place in (offset + 10, offset + 30):
            assert not verify(altered(data, place)).good, (name, place)
    for place in range(directory, len(data), 61):
        assert not verify(altered(data, place)).good, place


def altered(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 0x01]) + data[place + 1 :]


def test_a_file_taken_out_or_put_in_is_named(packed: tuple[bytes, bytes]) -> None:
    inside = files_of(packed[0])
    gone = {name: data for name, data in inside.items() if name != "1-plan/roster.jsonl"}
    assert codes(verify(archive.pack(gone))) == {("1-plan/roster.jsonl", "missing", "")}
    more = {**inside, "3-process/more.json": b"{}"}
    assert codes(verify(archive.pack(more))) == {("3-process/more.json", "added", "")}


def test_whoever_signs_anew_with_another_key_is_found_by_the_sites_key(packed: tuple[bytes, bytes]) -> None:
    inside = files_of(packed[0])
    index = json.loads(inside.pop(archive.INDEX))
    inside.pop(archive.SIGNATURE)
    other = Ed25519PrivateKey.generate()
    facts = {name: value for name, value in index.items() if name not in ("files", "root")}
    facts["site_key"] = base64.b64encode(other.public_key().public_bytes_raw()).decode()
    forged = archive.index_of(facts, inside)
    signature = base64.b64encode(other.sign(archive.index_message(forged)))
    data = archive.signed(archive.pack({archive.INDEX: forged, **inside}), signature)
    wrong = {one.code for one in verify(data, site_key=packed[1]).wrong}
    assert {"site_key", "index_signature"} <= wrong
    # Even by its own key it does not hold: checkpoints and attempts were signed by the site.
    assert {"checkpoint_signature", "attempt_export_signature"} <= {one.code for one in verify(data).wrong}


def test_the_signature_is_packed_as_if_it_had_been_there_from_the_start() -> None:
    files = {archive.INDEX: b"{}", "a/b.json": b"1"}
    assert archive.signed(archive.pack(files), b"s") == archive.pack({**files, archive.SIGNATURE: b"s"})


def test_rows_of_the_day_are_inside_and_personal_data_is_not(day: Over) -> None:
    scene = day.scene
    data = made(scene)
    inside = files_of(data)
    assert [row["ticket"] for row in rows(inside["1-plan/roster.jsonl"])] == sorted(scene.tickets.values())
    for number in ID_NUMBERS:
        assert number.encode() not in data
    (stay,) = (row for row in rows(inside["3-process/ledger.jsonl"]) if row["seat"] == "4")
    assert stay["ticket"] == scene.tickets["2"]
    packages = json.loads(inside["4-results/packages.json"])
    assert packages[0]["whole"]
    assert packages[0]["header"]["room"] == "room-sitting-1"
    kept = rows(inside["4-results/tables/packages.jsonl"])[0]
    assert set(kept["data"]) == {"sha256", "size"}
    assert b'"id_index"' not in data
    assert inside[f"3-process/record-{scene.room_sitting}.pdf"].startswith(b"%PDF")


@pytest.mark.dear
def test_rows_of_another_room_of_the_sitting_stay_out_unless_the_whole_is_asked_for(day: Over) -> None:
    scene = day.scene

    def other(session: Session) -> int:
        sitting = session.get_one(RoomSitting, scene.room_sitting).sitting_id
        room = Room(name="第二考场", layout={}, created_at=scene.host.now())
        session.add(room)
        session.flush()
        row = RoomSitting(uid="other", sitting_id=sitting, room_id=room.id, state="ended")
        session.add(row)
        session.flush()
        said = {"first_at": scene.host.now(), "last_at": scene.host.now(), "kind": "DARK", "severity": 1}
        session.add(Incident(room_sitting_id=row.id, **said))
        audit.record(session, audit.sitting_stream(row.id), SYSTEM, "room_ended", "x", now=scene.host.now())
        return row.id

    number = scene.host.db.write(other)
    alone, whole = files_of(made(scene)), files_of(made(scene, whole=True))
    assert f"3-process/audit/sitting-{number}.jsonl" not in alone
    assert f"3-process/audit/sitting-{number}.jsonl" in whole
    mine = [row["room_sitting_id"] for row in rows(alone.get("3-process/tables/incidents.jsonl", b""))]
    assert number not in mine
    assert number in {row["room_sitting_id"] for row in rows(whole["3-process/tables/incidents.jsonl"])}


def test_nothing_is_taken_out_before_the_end_or_without_the_permission(
    app: Flask, host: Host, person_as: Callable[..., Actor]
) -> None:
    scene = make_scene(host, person_as)
    wish = dossier.Wish(scene.room_sitting)
    with pytest.raises(Refused, match="dossier_too_early"):
        scene.write(dossier.ask, scene.chief, wish)
    with pytest.raises(Forbidden):
        scene.write(dossier.ask, scene.invigilator, wish)


def test_every_table_is_walked_or_left_out_for_a_reason() -> None:
    """A new table of a sitting is walked by its keys; any other one has to be decided on."""
    assert dossier_tables.undecided(Base.metadata) == set()
    names = {table.name for table in dossier_tables.belonging(Base.metadata)}
    assert dossier_tables.ELSEWHERE.keys() & names == set()
    assert dossier_tables.EXCLUDED.keys() <= names


def test_a_new_table_of_a_sitting_cannot_be_forgotten() -> None:
    grown = MetaData()
    for table in Base.metadata.sorted_tables:
        table.to_metadata(grown)
    Table("by_attempt", grown, Column("id", Integer, primary_key=True), attempt())
    behind = Column("parent", Integer, ForeignKey("by_attempt.id"))
    Table("behind_it", grown, Column("id", Integer, primary_key=True), behind)
    Table("without_a_key", grown, Column("id", Integer, primary_key=True), Column("attempt", Integer))
    names = {table.name for table in dossier_tables.belonging(grown)}
    assert {"by_attempt", "behind_it"} <= names
    assert dossier_tables.undecided(grown) == {"without_a_key"}


def attempt() -> Column[int]:
    return Column("attempt_id", Integer, ForeignKey("attempts.id"))


@pytest.mark.dear
def test_the_page_makes_a_dossier_in_a_child_and_gives_it_once_it_is_there(
    day: Over, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    scene, browser = day.scene, sign_in(day.scene.chief)
    page = f"/sittings/{scene.room_sitting}/dossier"
    assert browser.get(page).status_code == 200
    asked = browser.post(page)
    job = int(asked.location.rpartition("/")[2])
    scene.host.jobs.wait(job)
    shown = browser.get(page).text
    assert "/dossier/1.zip" in shown
    assert fetched_by(scene) == []
    data = browser.get(f"{page}/1.zip").data
    assert fetched_by(scene) == [(scene.chief.user_id, "dossier/1", hashlib.sha256(data).hexdigest())]
    assert browser.get(f"{page}/2.zip").status_code == 404
    assert len(fetched_by(scene)) == 1
    assert verify(data, site_key=scene.host.site.public_key).good
    lying = list((scene.host.settings.data / "dossiers").rglob("*-*"))
    assert len(lying) == 1
    assert scene.tickets["1"].encode() not in lying[0].read_bytes()  # sealed where it lies
    assert sign_in(scene.invigilator).get(page).status_code == 403


def fetched_by(scene: Scene) -> list[tuple[int | None, str, str]]:
    query = select(AuditEntry).where(
        AuditEntry.act == "dossier_fetched", AuditEntry.stream == audit.sitting_stream(scene.room_sitting)
    )
    with scene.host.db.read() as session:
        return [(row.actor_id, row.object, row.details["sha256"]) for row in session.scalars(query)]


@pytest.mark.dear
def test_sealed_pictures_come_along_when_asked_for(day: Over) -> None:
    scene, picture = day.scene, b"\xff\xd8 a picture"
    sha256 = hashlib.sha256(picture).hexdigest()

    def keep(session: Session) -> str:
        now, seat = scene.host.now(), "1"
        place = {"room_sitting_id": scene.room_sitting, "attempt_id": scene.attempts[seat]}
        where = {"seat_id": scene.seats[seat], "workstation_id": scene.workstations[seat], "sha256": sha256}
        times = {"taken_at": now, "announced_at": now, "stored_at": now, "keep_until": now}
        row = EvidenceFrame(**place, **where, **times, purpose="alert", size=len(picture))
        session.add(row)
        session.flush()
        row.file = frame_name(row.id, sha256)
        return row.file

    name = scene.host.db.write(keep)
    evidence.keep(scene.host.vault, scene.host.evidence, name, picture)
    without, along = made(scene), made(scene, with_frames=True)
    inside = f"5-evidence/frames/{name}.sealed"
    assert inside not in files_of(without)
    assert [row["sha256"] for row in rows(files_of(without)["5-evidence/tables/evidence_frames.jsonl"])] == [
        sha256
    ]
    assert verify(along).good
    assert picture not in along
    assert scene.host.vault.open_value(evidence.FRAME_PURPOSE, name, files_of(along)[inside]) == picture


@pytest.mark.dear
def test_the_command_line_exports_and_names_what_is_no_dossier(
    day: Over, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    @contextmanager
    def opened(*, writes: bool) -> Iterator[Host]:
        assert writes
        yield day.scene.host

    monkeypatch.setattr("server.cli.opening.opened", opened)
    file, other = tmp_path / "room.zip", tmp_path / "other.zip"
    asked = ["archive", "export", str(day.scene.room_sitting), "--out", str(file), "--whole", "--json"]
    done = CliRunner().invoke(main, asked)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["size"] == file.stat().st_size
    assert verify(file.read_bytes(), site_key=day.scene.host.site.public_key).good
    other.write_bytes(b"PK nothing")
    done = CliRunner().invoke(main, ["archive", "verify", str(other), "--json"])
    assert (done.exit_code, json.loads(done.stdout)["wrong"][0]["code"]) == (1, "not_a_dossier")


@given(st.binary(max_size=300))
def test_whatever_comes_is_judged_and_never_breaks_the_check(data: bytes) -> None:
    assert not verify(data).good
    assert not verify(archive.pack({archive.INDEX: data})).good


@pytest.mark.parametrize("leaves", range(9))
def test_the_merkle_root_is_that_of_rfc_6962(leaves: int) -> None:
    def plain(hashes: list[bytes]) -> bytes:
        if len(hashes) == 1:
            return hashlib.sha256(b"\x00" + hashes[0]).digest()
        half = max(1 << n for n in range(4) if 1 << n < len(hashes))
        return hashlib.sha256(b"\x01" + plain(hashes[:half]) + plain(hashes[half:])).digest()

    data = [bytes([n]) for n in range(leaves)]
    assert merkle.root(data) == (plain(data) if data else hashlib.sha256(b"").digest())
