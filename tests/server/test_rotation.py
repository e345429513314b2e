"""A bank's new key: readable all the time, resumed after a kill, closed only when nothing of the old is left."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.items import ItemBody, Option
from itembank.sealing import SealBroken, suite_of
from itembank.vault import bank_suite
from server.access import Actor
from server.db.bank import Bank, BankImport, BankItem, BankMedium, ImportMedium, ItemVersion
from server.db.keys import BankRotation
from server.db.record import AuditEntry
from server.errors import Forbidden, Refused
from server.host import Host
from server.jobs import rotating
from server.services import rotation
from server.services.signed import Signed
from tests.server.conftest import MASTER

ITEMS = 23
PICTURE = b"\x89PNG\r\n" + bytes(range(256))
SHA = "ab" * 32


def body(number: int) -> ItemBody:
    return ItemBody(f"第 {number} 题（　　）。", (Option("A", "甲"), Option("B", "乙")), ("A",), "", "")


@pytest.fixture
def keepers(person_as: Callable[..., Actor]) -> tuple[Actor, Actor]:
    return person_as("administrator"), person_as("bank_keeper")


@pytest.fixture
def signed(keepers: tuple[Actor, Actor]) -> Signed:
    return Signed(keepers[0], cosigner=keepers[1])


@pytest.fixture
def filled(host: Host, now: datetime) -> int:
    return host.db.write(fill, host, now)


def fill(session: Session, host: Host, now: datetime) -> int:
    """A bank with items in two versions, a medium, and a medium of a dry run."""
    bank = Bank(
        name="题库", occupation="baowei", level=3, wrapped_key=host.vault.new_bank_key(), created_at=now
    )
    session.add(bank)
    session.flush()
    for number in range(1, ITEMS + 1):
        add_item(session, host, bank, number, now)
    facts = {"mime": "image/png", "size": len(PICTURE)}
    sealed = host.vault.seal_medium(bank.wrapped_key, SHA, PICTURE)
    session.add(BankMedium(bank_id=bank.id, sha256=SHA, sealed=sealed, **facts))
    run = BankImport(bank_id=bank.id, filename="f", sha256="", size=1, state="checked", created_at=now)
    session.add(run)
    session.flush()
    session.add(ImportMedium(import_id=run.id, sha256=SHA, sealed=sealed, **facts))
    return bank.id


def add_item(session: Session, host: Host, bank: Bank, number: int, now: datetime) -> BankItem:
    facts = {"point": "A-1-1-1", "kind": "single", "difficulty": 3, "content_index": str(number)}
    sealed = host.vault.seal_item(bank.wrapped_key, f"U-{number}", 2, body(number))
    item = BankItem(bank_id=bank.id, uid=f"U-{number}", version=2, sealed_body=sealed, **facts)
    session.add(item)
    session.flush()
    for version in (1, 2):
        kept = host.vault.seal_item(bank.wrapped_key, item.uid, version, body(number))
        session.add(
            ItemVersion(
                item_id=item.id, version=version, facts={}, sealed_body=kept, content_index="", created_at=now
            )
        )
    return item


def everything(host: Host, bank_id: int, wrapped: bytes | None = None) -> int:
    """Opens all that the bank sealed with its present key (or the given one); how many pieces."""
    with host.db.read() as session:
        key = wrapped or session.get_one(Bank, bank_id).wrapped_key
        items = session.scalars(select(BankItem).where(BankItem.bank_id == bank_id)).all()
        for item in items:
            number = int(item.uid[2:])
            assert host.vault.open_item(key, item.uid, item.version, item.sealed_body) == body(number)
        versions = session.scalars(select(ItemVersion)).all()
        for one in versions:
            uid = session.get_one(BankItem, one.item_id).uid
            assert host.vault.open_item(key, uid, one.version, one.sealed_body) == body(int(uid[2:]))
        media = [*session.scalars(select(BankMedium)), *session.scalars(select(ImportMedium))]
        assert all(host.vault.open_medium(key, one.sha256, one.sealed) == PICTURE for one in media)
        return len(items) + len(versions) + len(media)


def bank_of(host: Host, bank_id: int) -> Bank:
    with host.db.read() as session:
        return session.get_one(Bank, bank_id)


def desk(host: Host, pause: Callable[[float], None] = lambda _seconds: None) -> rotating.Desk:
    return rotating.Desk(host.db, host.native, host.now, pause)


def begun(host: Host, signed: Signed, bank_id: int, suite: str = "") -> int:
    return host.db.write(rotation.begin, signed, bank_id, suite, now=host.now())


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "STEP_ROWS", 4)


@pytest.mark.dear
@pytest.mark.both_stores
@pytest.mark.usefixtures("small_steps")
def test_every_piece_gets_the_new_key_and_the_old_one_opens_nothing(
    host: Host, signed: Signed, filled: int
) -> None:
    old, pieces = bank_of(host, filled).wrapped_key, everything(host, filled)
    told: list[int] = []
    rotating.rotate(desk(host), begun(host, signed, filled, "gm"), told.append)
    bank = bank_of(host, filled)
    assert everything(host, filled) == pieces == ITEMS * 3 + 2
    assert (bank.suite, bank_suite(bank.wrapped_key), bank.next_key) == ("gm", "gm", None)
    assert bank.key_made_at == host.now()
    assert sum(told) == pieces * 2  # a round that changes, and one that finds nothing
    with pytest.raises(SealBroken):
        everything(host, filled, old)
    with host.db.read() as session:
        blobs = [
            *session.scalars(select(ItemVersion.sealed_body)),
            *session.scalars(select(BankMedium.sealed)),
        ]
    assert {suite_of(blob) for blob in blobs} == {"gm"}


@pytest.mark.dear
@pytest.mark.both_stores
@pytest.mark.usefixtures("small_steps")
def test_everything_is_readable_and_writable_at_each_step(
    host: Host, signed: Signed, filled: int, now: datetime
) -> None:
    made = iter(range(100, 200))

    def look(_seconds: float) -> None:
        everything(host, filled)
        number = next(made)
        if number < 110:
            host.db.write(lambda session: add_item(session, host, session.get_one(Bank, filled), number, now))

    before = everything(host, filled)
    rotating.rotate(desk(host, look), begun(host, signed, filled))
    assert everything(host, filled) == before + 10 * 3


@pytest.mark.dear
@pytest.mark.usefixtures("small_steps")
def test_a_body_changed_between_reading_and_storing_is_kept(host: Host, signed: Signed, filled: int) -> None:
    number = begun(host, signed, filled)
    with host.db.read() as session:
        step = rotation.next_step(session, number)
    assert step is not None
    work = rotation.reseal(host.vault, step)

    def edit(session: Session) -> None:
        item = session.scalars(select(BankItem).where(BankItem.uid == "U-1")).one()
        key = session.get_one(Bank, filled).wrapped_key
        item.version, item.sealed_body = 3, host.vault.seal_item(key, "U-1", 3, body(1))

    host.db.write(edit)
    host.db.write(rotation.store, work)
    rotating.rotate(desk(host), number)
    with host.db.read() as session:
        item = session.scalars(select(BankItem).where(BankItem.uid == "U-1")).one()
        key = session.get_one(Bank, filled).wrapped_key
        assert item.version == 3
        assert host.vault.open_item(key, "U-1", 3, item.sealed_body) == body(1)


KILLED = """
import sys
from pathlib import Path
from server.host import open_host
from server.jobs import rotating
from server.services import rotation
from server.settings import Settings
rotation.STEP_ROWS = 4
host = open_host(Settings.load({"EXAMHALL_DATA": sys.argv[1]}), bytes.fromhex(sys.argv[2]))
def pause(_seconds):
    print("step", flush=True)
    sys.stdin.readline()
rotating.rotate(rotating.Desk(host.db, host.native, host.now, pause), int(sys.argv[3]))
"""


@pytest.mark.dear
@pytest.mark.usefixtures("small_steps")
def test_a_killed_process_goes_on_where_it_was(host: Host, signed: Signed, filled: int) -> None:
    number, pieces = begun(host, signed, filled, "gm"), everything(host, filled)
    root = str(Path(__file__).parents[2])
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(host.settings.data), MASTER.hex(), str(number)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": root, "PATH": "/usr/bin:/bin"},
        cwd=root,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    for _ in range(5):
        assert child.stdout.readline() == b"step\n"
        child.stdin.write(b"\n")
        child.stdin.flush()
    assert child.stdout.readline() == b"step\n"
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    with host.db.read() as session:
        row = session.get_one(BankRotation, number)
        assert (row.finished_at, row.done) == (None, 23)  # all items: five steps of 4, one of 3
    assert everything(host, filled) == pieces
    (thread,) = rotating.resume(desk(host))
    thread.join(60)
    assert bank_of(host, filled).next_key is None
    assert everything(host, filled) == pieces


def test_what_was_damaged_before_is_counted_and_stops_nothing(
    host: Host, signed: Signed, filled: int
) -> None:
    def damage(session: Session) -> None:
        medium = session.get_one(BankMedium, (filled, SHA))
        medium.sealed = medium.sealed[:-1] + bytes([medium.sealed[-1] ^ 1])

    host.db.write(damage)
    number = begun(host, signed, filled)
    rotating.rotate(desk(host), number)
    with host.db.read() as session:
        row = session.get_one(BankRotation, number)
        assert (row.broken, row.done, row.finished_at) == (1, row.total, host.now())


@pytest.mark.dear
@pytest.mark.usefixtures("small_steps")
def test_two_drivers_at_once_do_no_harm(host: Host, signed: Signed, filled: int) -> None:
    number, pieces = begun(host, signed, filled), everything(host, filled)
    threads = [threading.Thread(target=rotating.rotate, args=(desk(host), number)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert bank_of(host, filled).next_key is None
    assert everything(host, filled) == pieces


def test_other_banks_stay_as_they_are(host: Host, signed: Signed, filled: int, now: datetime) -> None:
    other = Bank(
        name="另一题库", occupation="baowei", level=3, wrapped_key=host.vault.new_bank_key(), created_at=now
    )

    def add(session: Session) -> tuple[int, bytes]:
        session.add(other)
        session.flush()
        sealed = host.vault.seal_medium(other.wrapped_key, SHA, PICTURE)
        session.add(BankMedium(bank_id=other.id, sha256=SHA, mime="", size=1, sealed=sealed))
        return other.id, sealed

    bank_id, sealed = host.db.write(add)
    rotating.rotate(desk(host), begun(host, signed, filled))
    with host.db.read() as session:
        assert session.get_one(BankMedium, (bank_id, SHA)).sealed == sealed


def test_it_rests_while_a_room_is_in_its_sitting(
    host: Host, signed: Signed, filled: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, rooms, rested = begun(host, signed, filled), [[1], [1], []], []
    monkeypatch.setattr(rotating, "running_rooms", lambda _session: rooms.pop(0) if rooms else [])
    rotating.rotate(desk(host, rested.append), number)
    assert rested[:3] == [rotating.SITTING_SECONDS] * 2 + [rotating.PAUSE_SECONDS]


@pytest.mark.on_postgresql
def test_it_waits_for_transactions_from_before_the_ring(host: Host, signed: Signed, filled: int) -> None:
    with host.db.read() as older:
        older.get_one(Bank, filled)
        number = begun(host, signed, filled)
        with host.db.read() as session:
            moment = rotation.clock(session)
        with host.db.read() as session:
            assert rotation.waits_for(session, moment)
    with host.db.read() as session:
        assert not rotation.waits_for(session, moment)
    rotating.rotate(desk(host), number)


class TestBeginning:
    def test_it_takes_two(self, host: Host, keepers: tuple[Actor, Actor], filled: int) -> None:
        administrator, _ = keepers
        with pytest.raises(Refused, match="cosign_missing"):
            begun(host, Signed(administrator), filled)
        with pytest.raises(Refused, match="cosign_same_person"):
            begun(host, Signed(administrator, cosigner=administrator), filled)
        assert bank_of(host, filled).next_key is None

    @pytest.mark.parametrize("role", ["bank_keeper", "custodian", "chief_invigilator", "auditor"])
    def test_only_an_administrator_begins(
        self, host: Host, person_as: Callable[..., Actor], filled: int, role: str
    ) -> None:
        with pytest.raises(Forbidden):
            begun(host, Signed(person_as(role), cosigner=person_as("administrator")), filled)

    def test_the_second_must_be_of_the_bank(
        self, host: Host, person_as: Callable[..., Actor], filled: int
    ) -> None:
        with pytest.raises(Forbidden):
            begun(host, Signed(person_as("administrator"), cosigner=person_as("invigilator")), filled)

    def test_one_at_a_time(self, host: Host, signed: Signed, filled: int) -> None:
        begun(host, signed, filled)
        with pytest.raises(Refused, match="rotation_under_way"):
            begun(host, signed, filled)

    def test_not_in_a_sitting(
        self, host: Host, signed: Signed, filled: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(rotation, "running_rooms", lambda _session: [1])
        with pytest.raises(Refused, match="rotation_in_sitting"):
            begun(host, signed, filled)

    def test_no_other_suite(self, host: Host, signed: Signed, filled: int) -> None:
        with pytest.raises(Refused, match="suite_unknown"):
            begun(host, signed, filled, "rot13")

    @pytest.mark.dear
    def test_the_bank_keeps_its_suite_when_none_is_named(
        self, host: Host, signed: Signed, filled: int
    ) -> None:
        rotating.rotate(desk(host), begun(host, signed, filled, "gm"))
        rotating.rotate(desk(host), begun(host, signed, filled))
        assert bank_of(host, filled).suite == "gm"

    def test_beginning_and_end_stand_in_the_banks_chain(
        self, host: Host, signed: Signed, filled: int
    ) -> None:
        rotating.rotate(desk(host), begun(host, replace(signed, reason="每年更换"), filled))
        with host.db.read() as session:
            acts = {e.act: e for e in session.query(AuditEntry).filter_by(stream=f"bank/{filled}")}
        begin, end = acts["bank_rotation_begun"], acts["bank_rotation_done"]
        assert begin.details["cosigned_by"] == signed.cosigner.name
        assert begin.details["reason"] == "每年更换"
        assert (end.details["pieces"], end.details["rounds"]) == (ITEMS * 3 + 2, 2)


def test_the_page_says_how_far_it_is(host: Host, signed: Signed, filled: int) -> None:
    with host.db.read() as session:
        (before,) = rotation.bank_keys(session)
    assert (before.suite, before.changing, before.percent) == ("intl", False, 0)
    number = begun(host, signed, filled, "gm")
    with host.db.read() as session:
        step = rotation.next_step(session, number)
    host.db.write(rotation.store, rotation.reseal(host.vault, step))
    with host.db.read() as session:
        (now_,) = rotation.bank_keys(session)
    assert (now_.suite, now_.to_suite, now_.changing) == ("intl", "gm", True)
    assert now_.percent == 100 * ITEMS // (ITEMS * 3 + 2)
    assert (now_.started_by, now_.cosigned_by) == (signed.actor.name, signed.cosigner.name)
