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
from server.jobs.primary import Primary, load_pairing, pair
from server.live.shipping import Shipper
from server.rules.shipping import Shipment
from server.services import audit, shipping, standby_pairing
from server.services.shipping import LINEAGE, STORES
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


@pytest.mark.dear
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

    @pytest.mark.dear
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
    outbox = couple.host.shipping.outbox
    wanted = [("main", number) for number in range(1, 6)] + [("answers", 1)]
    for store, number in wanted:  # by hand: litestream merges files when it likes
        path = outbox.path(store, Shipment.single(number))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"%d" % number)
    (outbox.root / LINEAGE).write_text("an outbox")
    primary, have, answers = Primary(pairing), dict.fromkeys(STORES, 0), []
    while any(outbox.after(store, number) for store, number in have.items()):
        with primary.pull(outbox.lineage(), have) as pulled:
            files = [(store, one.last, b"".join(chunks)) for store, one, chunks in pulled.files()]
        assert all(content == b"%d" % number for _store, number, content in files)
        answers.append([(store, number) for store, number, _content in files])
        have |= dict(answers[-1])
    primary.close()
    assert answers == [wanted[:2], wanted[2:4], wanted[4:]]


def test_a_row_of_a_standby_names_who_paired_it(couple: Couple) -> None:
    couple.pair()
    with couple.host.db.read() as session:
        row = session.scalars(select(StandbyServer)).one()
    assert (row.paired_by, row.active, row.address) == (ADMIN.user_id, True, ADDRESS)
    assert replace(couple.standby).data != couple.host.settings.data
