"""A standby over real HTTP with real litestream: paired, fed, asked, promoted; and what goes wrong on the way."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from exam_rooms.pairing import decode_code, encode_code, fingerprint, spell
from server.db.record import AuditEntry
from server.db.shipping import StandbyServer
from server.errors import Refused
from server.host import Host, open_host
from server.jobs import litestream, promotion
from server.jobs.following import Inbox
from server.jobs.primary import Primary, load_pairing, pair
from server.live.shipping import Shipper
from server.services import audit, shipping, standby_pairing
from server.services.shipping import STORES, Outbox
from server.settings import Settings
from tests.server.conftest import MASTER, Machine
from tests.server.holdings import FRAME
from tests.server.shipping_kit import ADDRESS, ADMIN, Couple, coupled, until


@pytest.fixture
def couple(app: Flask, host: Host, tmp_path: Path) -> Iterator[Couple]:
    with coupled(app, host, tmp_path) as found:
        yield found


def acts(host: Host) -> list[str]:
    with host.db.read() as session:
        return list(session.scalars(select(AuditEntry.act).order_by(AuditEntry.id)))


class TestPairing:
    def test_a_code_opens_once(self, couple: Couple) -> None:
        code = couple.code()
        pairing = pair(couple.url, code, ADDRESS)
        assert pairing.token
        with pytest.raises(Refused, match="pairing_code_invalid"):
            pair(couple.url, code, ADDRESS)
        with couple.host.db.read() as session:
            standby = standby_pairing.active(session)
        assert standby is not None
        assert standby.address == ADDRESS

    def test_an_old_code_and_a_replaced_one_open_nothing(self, couple: Couple, machine: Machine) -> None:
        first, second = couple.code(), couple.code()
        with pytest.raises(Refused, match="pairing_code_invalid"):
            pair(couple.url, first, ADDRESS)
        machine.advance(minutes=30)
        with pytest.raises(Refused, match="pairing_code_invalid"):
            pair(couple.url, second, ADDRESS)

    def test_neither_code_nor_token_lies_in_the_store(self, couple: Couple) -> None:
        code = couple.code()
        pairing = pair(couple.url, code, ADDRESS)
        secret = decode_code(code)[0]
        data = couple.host.settings.data
        stored = (data / "examhall.db").read_bytes() + (data / "examhall.db-wal").read_bytes()
        assert not [one for one in (secret.hex(), spell(secret), pairing.token) if one.encode() in stored]

    def test_a_new_standby_ends_the_one_before(self, couple: Couple) -> None:
        first, second = couple.pair(), couple.pair()
        with couple.host.db.read() as session:
            assert standby_pairing.bearer(session, second.token).id == second.standby
            with pytest.raises(Refused, match="standby_unknown"):
                standby_pairing.bearer(session, first.token)

    def test_guessing_is_slowed_down(self, client: FlaskClient) -> None:
        asked = {"secret": spell(bytes(5)), "name": "x", "address": ""}
        answers = [client.post("/agent/standby/pair", json=asked).status_code for _ in range(12)]
        assert set(answers[:3]) == {403}
        assert answers[-1] == 429

    def test_a_code_of_another_site_is_told_before_the_secret_is(self) -> None:
        from server.jobs import primary

        told: list[object] = []
        code = encode_code(b"12345", fingerprint(b"another certificate"))
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(Primary, "ask", lambda *asked: told.append(asked))
            with pytest.raises(Refused, match="server_not_reached"):
                primary.pair("https://127.0.0.1:1", code, ADDRESS)
        assert told == []


@pytest.mark.parametrize("route", ["pull", "pictures", "pictures/00000", f"pictures/00000/{FRAME}"])
@pytest.mark.parametrize("token", ["", "Bearer ", "Bearer wrong", "Basic x"])
def test_nothing_is_handed_out_without_the_token(client: FlaskClient, route: str, token: str) -> None:
    asked = client.post if route == "pull" else client.get
    answer = asked(f"/agent/standby/{route}", headers={"Authorization": token} if token else {})
    assert answer.status_code == 401
    assert answer.get_json()["code"] == "standby_unknown"


def test_everything_arrives_and_the_standby_takes_over(couple: Couple, machine: Machine) -> None:
    couple.host.evidence.put(FRAME, b"sealed picture")
    couple.pair()
    couple.ship()
    with couple.following() as follower:
        couple.note(20)
        couple.arrived(follower)
        until(lambda: couple.host.shipping.protection().state == "protected")
        until(lambda: (couple.standby.evidence / "00000" / FRAME).exists())
        couple.host.evidence.delete(FRAME)
        until(lambda: not (couple.standby.evidence / "00000" / FRAME).exists())
        with pytest.raises(Refused, match="standby_still_follows"):
            promotion.promote(couple.standby)
    before = acts(couple.host)
    promotion.promote(couple.standby)
    promotion.promote(couple.standby)  # again: nothing happens
    again = open_host(couple.standby, MASTER, look=machine.look)
    try:
        assert acts(again)[: len(before)] == before
        with again.db.read() as session:
            assert not [one.stream for one in audit.verify_all(session) if one.breaks]
        assert again.site.public_key == couple.host.site.public_key
        Shipper(again).begin()
        with again.db.read() as session:
            assert standby_pairing.active(session) is None, "that pairing was the old primary's"
        assert not (couple.standby.data / "standby").exists()
        assert shipping.protection(again).state == "none"
    finally:
        again.close()


@pytest.mark.long
def test_kills_on_both_sides_lose_nothing(couple: Couple) -> None:
    couple.pair()
    couple.ship()
    with couple.following() as follower:
        couple.note(3)
        couple.arrived(follower)
        for child in follower._children.values():
            child.kill()
        assert couple.shipper._child is not None
        couple.shipper._child.kill()
        couple.shipper._child.wait()
        with closing(sqlite3.connect(couple.host.settings.data / "examhall.db")) as store:
            couple.note(3)
            store.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # the log that nobody shipped is gone
        couple.note(3)
        couple.shipper._not_before = 0.0
        couple.shipper.tick()
        couple.arrived(follower)
        couple.note(1)
        couple.arrived(follower)
    promotion.promote(couple.standby)
    with closing(sqlite3.connect(couple.standby.data / "examhall.db")) as copy:
        (count,) = copy.execute("SELECT count(*) FROM audit_entries WHERE act = 'backup_made'").fetchone()
    assert count == 10


@pytest.mark.long
def test_an_outbox_that_was_begun_anew_is_followed_from_its_beginning(couple: Couple) -> None:
    couple.pair()
    couple.ship()
    with couple.following() as follower:
        couple.note(5)
        couple.arrived(follower)
        before = couple.inbox.lineage()
        couple.shipper.stop()
        shutil.rmtree(couple.host.settings.data / "shipping")
        couple.shipper._not_before = 0.0
        couple.note(1)
        couple.ship()
        until(lambda: couple.inbox.lineage() not in {"", before})
        until(lambda: bool(follower.status().have.get("main")))
        couple.arrived(follower)
    promotion.promote(couple.standby)
    with closing(sqlite3.connect(couple.standby.data / "examhall.db")) as copy:
        assert copy.execute("SELECT count(*) FROM audit_entries WHERE act = 'backup_made'").fetchone() == (6,)


class TestProtection:
    @pytest.mark.both_stores
    def test_without_a_standby_there_is_none(self, host: Host) -> None:
        seen = shipping.protection(host)
        assert (seen.state, seen.lag_seconds, seen.peer) == ("none", None, "")

    def test_paired_and_never_heard_is_unprotected_from_that_moment(self, couple: Couple) -> None:
        couple.pair()
        seen = shipping.protection(couple.host)
        assert (seen.state, seen.lag_seconds, seen.since) == ("unprotected", None, couple.host.now())
        assert seen.peer

    def test_a_silent_standby_and_an_unshipped_change_are_told_by_their_age(self, couple: Couple) -> None:
        pairing = couple.pair()
        couple.ship()
        ships = couple.host.shipping
        moment = ships.clock()
        ships.clock = lambda: moment
        primary = Primary(pairing)
        have = {store: ships.outbox.newest(store, 0) for store in STORES}
        with primary.pull(ships.outbox.lineage(), have) as pulled:
            for _store, _shipment, chunks in pulled.files():
                assert sum(map(len, chunks))
        primary.close()
        couple.shipper.settle()
        have = {store: ships.outbox.newest(store, have[store]) for store in STORES}
        ships.confirmed(have)
        moment += 1  # what was looked up before counts no more
        assert ships.protection().state == "protected"
        moment += 59
        assert (ships.protection().state, ships.protection().lag_seconds) == ("unprotected", 60.0)
        ships.confirmed(have)
        moment += 2
        couple.shipper.stop()  # nobody ships what is committed from here on
        couple.note(1)
        assert ships.protection().state == "protected"  # not yet old enough to worry
        wall = ships.wall
        ships.wall = lambda: wall() + 3
        moment += 2
        ships.confirmed(have)
        seen = ships.protection()
        assert seen.state == "unprotected"
        assert seen.lag_seconds is not None
        assert 2.5 < seen.lag_seconds < 10

    def test_changes_of_the_state_stand_on_the_record(self, couple: Couple, machine: Machine) -> None:
        couple.pair()
        couple.shipper._tell(couple.host.shipping.protection())
        assert "standby_lost" not in acts(couple.host)  # a hiccup is no news
        machine.advance(seconds=3)
        for _again in range(2):
            couple.shipper._tell(couple.host.shipping.protection())
        assert acts(couple.host).count("standby_lost") == 1

    def test_a_server_without_room_for_the_outbox_goes_on(self, couple: Couple) -> None:
        couple.pair()
        (couple.host.settings.data / "shipping").write_text("in the way")
        couple.shipper.tick()
        couple.note(1)
        assert shipping.protection(couple.host).state == "unprotected"

    def test_a_server_without_the_program_goes_on(
        self, couple: Couple, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def missing() -> str:
            raise Refused("program_missing", program="litestream")

        monkeypatch.setattr(litestream, "binary", missing)
        couple.pair()
        couple.shipper.tick()
        assert shipping.protection(couple.host).state == "unprotected"


@pytest.fixture(scope="module")
def fed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a standby that has both stores and follows nobody."""
    folder = tmp_path_factory.mktemp("fed")
    first = Settings.load({"EXAMHALL_DATA": str(folder / "primary"), "EXAMHALL_PLAIN_HTTP": "1"})
    inbox = Inbox(replace(first, data=folder / "standby"))
    inbox.root.mkdir(parents=True)
    inbox.begin("a lineage")
    outbox = Outbox(first)
    children = []
    try:
        first.data.mkdir()
        for file in STORES.values():
            with closing(sqlite3.connect(first.data / file)) as store:
                store.executescript("PRAGMA journal_mode=WAL; CREATE TABLE word (said)")
                store.execute("INSERT INTO word VALUES ('kept')")
                store.commit()
        children.append(litestream.replicate(first, outbox.root))
        until(lambda: all(outbox.newest(store, 0) for store in STORES))
        for store in STORES:
            for shipment in outbox.after(store, 0):
                inbox.put(store, shipment, iter([outbox.path(store, shipment).read_bytes()]))
            children.append(litestream.follow(inbox.folder(store), inbox.copy(store)))
        until(lambda: all(inbox.applied(store) for store in STORES))
    finally:
        for child in children:
            litestream.end(child)
    return inbox.root.parent


class TestPromotion:
    @pytest.fixture
    def standby(self, fed: Path, tmp_path: Path) -> Settings:
        shutil.copytree(fed, tmp_path / "data")
        return Settings.load({"EXAMHALL_DATA": str(tmp_path / "data"), "EXAMHALL_PLAIN_HTTP": "1"})

    @staticmethod
    def said(standby: Settings) -> list[list[tuple[str]]]:
        found = []
        for file in STORES.values():
            with closing(sqlite3.connect(standby.data / file)) as store:
                found.append(store.execute("SELECT said FROM word").fetchall())
        return found

    def test_the_copies_become_the_stores(self, standby: Settings) -> None:
        promotion.promote(standby)
        assert self.said(standby) == [[("kept",)], [("kept",)]]
        assert promotion.was_promoted(standby)

    def test_what_was_fetched_and_not_applied_is_applied_first(self, standby: Settings) -> None:
        for store in STORES:
            copy = Inbox(standby).copy(store)
            copy.unlink()
            copy.with_name(f"{copy.name}-txid").unlink()
        promotion.promote(standby)
        assert self.said(standby) == [[("kept",)], [("kept",)]]

    def test_cut_off_between_the_two_stores_it_is_finished_by_the_next(self, standby: Settings) -> None:
        inbox = Inbox(standby)
        (inbox.root / "promoting").touch()
        inbox.copy("main").replace(standby.data / "examhall.db")
        promotion.promote(standby)
        promotion.promote(standby)
        assert self.said(standby) == [[("kept",)], [("kept",)]]

    def test_a_damaged_copy_is_refused(self, standby: Settings) -> None:
        copy = Inbox(standby).copy("main")
        data = bytearray(copy.read_bytes())
        data[4096 : 4096 + 200] = b"\xff" * 200
        copy.write_bytes(data)
        with pytest.raises(Refused, match="standby_copy_broken"):
            promotion.promote(standby)
        assert not (standby.data / "examhall.db").exists()

    def test_a_folder_with_stores_of_its_own_is_left_alone(self, standby: Settings) -> None:
        (standby.data / "answers.db").touch()
        with pytest.raises(Refused, match="standby_has_stores"):
            promotion.promote(standby)

    def test_a_standby_that_has_nothing_yet_cannot_take_over(self, standby: Settings) -> None:
        Inbox(standby).begin("begun")
        with pytest.raises(Refused, match="standby_empty"):
            promotion.promote(standby)

    def test_a_start_prunes_what_the_copy_holds(self, standby: Settings) -> None:
        inbox = Inbox(standby)
        have = {store: inbox.have(store) for store in STORES}
        for store in STORES:
            inbox.prune(store)
            assert inbox.waiting(store) == []
        assert {store: inbox.have(store) for store in STORES} == have


def test_the_pairing_is_kept_for_its_owner_alone(couple: Couple) -> None:
    with pytest.raises(Refused, match="standby_not_paired"):
        load_pairing(couple.standby)
    pairing = couple.pair()
    path = couple.standby.data / "standby" / "standby.json"
    assert path.stat().st_mode & 0o077 == 0
    assert load_pairing(couple.standby) == pairing
    path.write_text(json.dumps({"url": 1}))
    with pytest.raises(Refused, match="standby_not_paired"):
        load_pairing(couple.standby)


def test_one_store_of_a_big_outbox_comes_in_several_answers(
    couple: Couple, monkeypatch: pytest.MonkeyPatch
) -> None:
    from server.web import agent_shipping

    monkeypatch.setattr(agent_shipping, "FILES_MOST", 2)
    pairing = couple.pair()
    couple.ship()
    ships = couple.host.shipping
    for _each in range(4):
        newest = ships.outbox.newest("main", 0)
        couple.note(1)
        until(lambda newest=newest: ships.outbox.newest("main", 0) > newest)  # type: ignore[misc]
    primary, have, answers = Primary(pairing), dict.fromkeys(STORES, 0), 0
    while any(ships.outbox.after(store, number) for store, number in have.items()):
        with primary.pull(ships.outbox.lineage(), have) as pulled:
            files = [(store, one.last) for store, one, chunks in pulled.files() if b"".join(chunks)]
        assert 1 <= len(files) <= 2
        have |= dict(files)
        answers += 1
    primary.close()
    assert answers >= 3


def test_a_row_of_a_standby_names_who_paired_it(couple: Couple) -> None:
    couple.pair()
    with couple.host.db.read() as session:
        row = session.scalars(select(StandbyServer)).one()
    assert (row.paired_by, row.active, row.address) == (ADMIN.user_id, True, ADDRESS)
    assert replace(couple.standby).data != couple.host.settings.data
