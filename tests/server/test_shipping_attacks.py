"""Shipping under attack and in trouble: forged requests, lines that hang, full disks, clocks set back."""

import errno
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from exam_rooms.pairing import spell
from server.errors import Refused
from server.host import Host
from server.jobs import following, primary, promotion
from server.jobs.inbox import Inbox, write_synced
from server.jobs.primary import Pairing, Primary, load_pairing, save_pairing
from server.services import standby_pairing
from server.services.shipping import SINGLES_KEPT, STORES, Outbox
from tests.server.shipping_kit import Couple, coupled, until

BROKEN = [
    b"[" * 4000,
    b"{" * 4000,
    b"\xff\xfe",
    b"null",
    b"[]",
    b'{"lineage": 1, "have": {}}',
    b'{"lineage": "x", "have": []}',
    b'{"lineage": "x", "have": {"main": true}}',
    b'{"lineage": "x", "have": {"main": "1"}}',
    b'{"lineage": "x", "have": {"main": 1.5}}',
    b'{"lineage": "x", "have": {"main": 1' + b"0" * 300 + b"}}",
    b'{"secret": ["a"]}',
    b'{"secret": "a", "name": 5}',
    b'{"secret": "a", "name": "\\u0000"}',
    b'{"secret": "a", "address": "\\ud800"}',
    b"",
]


@pytest.fixture
def couple(app: Flask, host: Host, tmp_path: Path) -> Iterator[Couple]:
    with coupled(app, host, tmp_path) as found:
        yield found


# --- what comes in -----------------------------------------------------------------------------------


@pytest.mark.parametrize("route", ["pair", "pull"])
@pytest.mark.parametrize("body", BROKEN)
def test_a_malformed_question_is_refused_by_name(
    client: FlaskClient, couple: Couple, route: str, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    headers = {"Authorization": f"Bearer {couple.pair().token}"}
    answer = client.post(f"/agent/standby/{route}", data=body, headers=headers)
    assert (answer.status_code, answer.get_json()["code"]) == (400, "message_malformed")
    assert "fault at" not in caplog.text


@pytest.mark.parametrize("route", ["pair", "pull"])
def test_a_question_that_is_too_long_is_not_read(client: FlaskClient, couple: Couple, route: str) -> None:
    headers = {"Authorization": f"Bearer {couple.pair().token}"}
    answer = client.post(f"/agent/standby/{route}", data=b" " * 5000, headers=headers)
    assert (answer.status_code, answer.get_json()["code"]) == (413, "message_too_large")


@pytest.mark.parametrize("have", [{"main": 2**62}, {"main": -1, "answers": 0}, {"../main": 3}, {"": 1}])
def test_a_strange_number_or_store_gets_nothing_strange(
    client: FlaskClient, couple: Couple, have: dict[str, int]
) -> None:
    headers = {"Authorization": f"Bearer {couple.pair().token}"}
    couple.ship()
    asked = {"lineage": couple.host.shipping.outbox.lineage(), "have": have}
    answer = client.post("/agent/standby/pull", json=asked, headers=headers)
    told = json.loads(answer.data.split(b"\n", 1)[0])
    assert (answer.status_code, told["behind"]) == (200, None)
    assert couple.host.shipping.protection().state == "unprotected"


@pytest.mark.parametrize(
    "path", ["../00000", "00000/..%2f..%2fexamhall.db", "00000/x", "00000/" + "0" * 8 + "-" + "g" * 64, "%00"]
)
def test_no_path_leads_out_of_the_pictures(client: FlaskClient, couple: Couple, path: str) -> None:
    headers = {"Authorization": f"Bearer {couple.pair().token}"}
    assert client.get(f"/agent/standby/pictures/{path}", headers=headers).status_code == 404


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "https://0.0.0.0:8443",
        "https://[::]:8443",
        "https://user@10.0.0.3",
        "https://10.0.0.3/x",
        "https://10.0.0.3:99999",
        "10.0.0.3:8443",
        "https://",
        "https://a\nb",
        "https://" + "a" * 200,
    ],
)
def test_an_address_that_nobody_can_use_is_refused(client: FlaskClient, couple: Couple, address: str) -> None:
    with pytest.raises(Refused, match="standby_address_wrong"):
        standby_pairing.usable_address(address)
    asked = {"secret": spell(b"12345"), "name": "x", "address": address}
    answer = client.post("/agent/standby/pair", json=asked)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "standby_address_wrong")
    for fine in ("", "https://10.0.0.3:8443", "https://standby.local/", "https://[fd00::3]:8443"):
        assert standby_pairing.usable_address(fine) == fine


# --- whether all is safe -----------------------------------------------------------------------------


def touch(outbox: Outbox, store: str, *names: str) -> None:
    for name in names:
        path = outbox.root / store / "ltx" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def name(first: int, last: int) -> str:
    return f"{first:016x}-{last:016x}.ltx"


def test_a_standby_that_is_stuck_while_others_are_merged_is_not_called_protected(couple: Couple) -> None:
    outbox = couple.host.shipping.outbox
    for store in STORES:
        touch(outbox, store, f"1/{name(1, 60)}", f"0/{name(60, 60)}")
    assert couple.host.shipping.behind({"main": 10, "answers": 10}) == pytest.approx(SINGLES_KEPT, abs=5)
    assert outbox.pending("main", 60, time.time()) is None


def test_a_clock_that_is_set_back_hides_nothing(couple: Couple) -> None:
    ships = couple.host.shipping
    moment = ships.clock()
    ships.clock = lambda: moment
    for store in STORES:
        touch(ships.outbox, store, *(f"0/{name(number, number)}" for number in range(1, 9)))
    have = dict.fromkeys(STORES, 8)
    for store in STORES:
        ships.outbox.settled(store, time.time())
    assert ships.behind(have) == 0
    ships.wall = lambda: time.time() - 3600  # what is on the disk was written in the future now
    assert ships.outbox.pending("main", 8, ships.wall()) == ships.outbox.touched("main"), "nobody knows: ask"
    assert ships.unsure() == {}
    ships.confirmed(dict.fromkeys(STORES, 7))
    moment += 40
    assert ships.behind(dict.fromkeys(STORES, 7)) == pytest.approx(40)


@pytest.mark.dear
def test_a_standby_that_has_more_than_is_here_is_followed_by_a_new_outbox(couple: Couple) -> None:
    pairing = couple.pair()
    couple.ship()
    before = couple.host.shipping.outbox.lineage()
    asker = Primary(pairing)
    with asker.pull(before, dict.fromkeys(STORES, 1000)) as pulled:
        assert (pulled.lineage, list(pulled.files())) == ("", [])
    asker.close()
    couple.shipper.tick()
    couple.shipper._not_before = 0.0
    couple.ship()
    assert couple.host.shipping.outbox.lineage() not in {"", before}


# --- disks -------------------------------------------------------------------------------------------


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    def chunks() -> Iterable[bytes]:
        yield b"some"
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match="No space"):
        write_synced(tmp_path / "file", chunks())
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """`narrow(True)`: the disk of the inbox takes no file any more."""
    full, put = [False], Inbox.put

    def putting(inbox: Inbox, store: str, *rest: object) -> None:
        if full[0] and store == "answers":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/somewhere/secret")
        put(inbox, store, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Inbox, "put", putting)
    return lambda is_full: full.__setitem__(0, is_full)


@pytest.mark.dear
def test_a_standby_whose_disk_is_full_says_so_and_goes_on_when_there_is_room(
    couple: Couple, narrow: Callable[[bool], None]
) -> None:
    couple.pair()
    couple.ship()
    couple.note(3)
    narrow(True)  # from the first file on: one store arrives, the other does not
    with couple.following() as follower:
        until(lambda: follower.status().fault == "No space left on device")
        until(lambda: bool(couple.inbox.have("main")))
        assert follower.status().behind is None
        assert couple.host.shipping.behind({"main": couple.inbox.have("main")}) is None
        narrow(False)
        couple.arrived(follower)
        until(lambda: not follower.status().fault)
    promotion.promote(couple.standby)


@pytest.mark.dear
def test_a_change_of_the_outbox_that_is_cut_off_claims_nothing_of_the_one_before(
    couple: Couple, narrow: Callable[[bool], None]
) -> None:
    couple.pair()
    couple.ship()
    with couple.following() as follower:
        couple.note(6)
        couple.arrived(follower)
        before = couple.inbox.lineage()
        couple.shipper.stop()
        narrow(True)
        couple.host.shipping.lost = True
        couple.shipper.tick()
        couple.shipper._not_before = 0.0
        couple.ship()
        until(lambda: couple.inbox.lineage() not in {"", before} and bool(follower.status().fault))
        assert not couple.inbox.have("answers")
        promotable = Inbox(couple.standby)
        assert (promotable.root / "former" / "copy" / STORES["main"]).exists(), "nothing better is here yet"
        narrow(False)
        couple.arrived(follower)
    assert couple.inbox.whole()
    couple.inbox.prune("main")
    assert not (couple.inbox.root / "former").exists()


@pytest.mark.dear
@pytest.mark.parametrize("intact", [0.0, 0.5, 0.99])
def test_what_was_damaged_on_the_standbys_disk_is_fetched_again(
    couple: Couple, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, intact: float
) -> None:
    """litestream ends over some damage, and over other damage it lives on and tries for ever."""
    monkeypatch.setattr(following, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(following, "STUCK_SECONDS", 0.5)
    damage, put = [False], Inbox.put

    def putting(inbox: Inbox, store: str, shipment: object, chunks: Iterator[bytes]) -> None:
        data = b"".join(chunks)
        if damage[0] and store == "main":
            whole = int(len(data) * intact)
            damage[0], data = False, data[:whole] + b"\xff" * (len(data) - whole)
        put(inbox, store, shipment, iter([data]))  # type: ignore[arg-type]

    monkeypatch.setattr(Inbox, "put", putting)
    couple.pair()
    couple.ship()
    with couple.following() as follower:
        couple.arrived(follower)
        damage[0] = True
        couple.note(2)
        until(lambda: not damage[0])
        until(lambda: couple.inbox.applied("main") >= couple.host.shipping.outbox.newest("main", 1) > 1)
    assert "is fetched anew" in caplog.text
    promotion.promote(couple.standby)


# --- the line ----------------------------------------------------------------------------------------


@contextmanager
def server_that(answers: Callable[[socket.socket], None]) -> Iterator[Pairing]:
    """A primary that takes the question and answers as told."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                line, _ = listening.accept()
                threading.Thread(target=one, args=(line,), daemon=True).start()

    def one(line: socket.socket) -> None:
        with suppress(OSError), line:
            line.recv(65536)
            answers(line)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield Pairing(f"http://127.0.0.1:{listening.getsockname()[1]}", 1, "token", "")
    finally:
        listening.close()


def drip(line: socket.socket) -> None:
    line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        line.sendall(b" ")
        time.sleep(0.02)


def says(body: bytes, length: int = 0) -> Callable[[socket.socket], None]:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {length or len(body)}\r\n\r\n".encode()
    return lambda line: line.sendall(head + body)


def test_an_answer_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(primary, "WHOLE", 0.2)
    with server_that(drip) as pairing:
        asker = Primary(pairing)
        for ask in (asker.picture_folders, lambda: asker.pictures("00000"), lambda: asker.picture("0", "x")):
            with pytest.raises((OSError, ValueError)):
                ask()
        with pytest.raises((OSError, ValueError)), asker.pull("x", {}):
            pass


def test_a_takeover_waits_for_no_primary_that_drips(couple: Couple) -> None:
    with server_that(drip) as pairing:
        save_pairing(couple.standby, pairing)
        follower = following.follow(couple.standby)
        until(lambda: follower._primary._kept is not None and follower._pictures_from._kept is not None)
        stopped = threading.Thread(target=follower.stop, daemon=True)
        stopped.start()
        stopped.join(following.STOP_SECONDS - 3)
        assert not stopped.is_alive() and not any(thread.is_alive() for thread in follower._threads)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[" * 5000,
        b"[]",
        b"{}",
        b'{"lineage": "x", "behind": 0, "files": 5}\n',
        b'{"lineage": "x", "behind": 0, "files": [{}]}\n',
        b'{"lineage": "x", "behind": 0, "files": [{"store": "main", "level": 0, "name": "../x", "size": 1}]}\n',
        b'{"lineage": "x", "behind": 0, "files": [{"store": "etc", "level": 0, "name": "%s", "size": 1}]}\n'
        % name(1, 1).encode(),
        b'{"lineage": "x", "behind": 0, "files": [{"store": "main", "level": 0, "name": "%s", "size": -1}]}\n'
        % name(1, 1).encode(),
        b'{"lineage": "x", "behind": 0, "files": [{"store": "main", "level": 0, "name": "%s", "size": 1}]}\n'
        % name(7, 7).encode()
        + b"x",
    ],
)
def test_an_answer_that_is_none_ends_no_standby(couple: Couple, body: bytes) -> None:
    with server_that(says(body)) as pairing:
        save_pairing(couple.standby, pairing)
        with couple.following() as follower:
            until(lambda: bool(follower.status().fault) and bool(follower.status().pictures))
            assert all(thread.is_alive() for thread in follower._threads)
    assert couple.inbox.have("main") == 0


def test_pictures_that_are_cut_off_or_endless_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(primary, "ANSWER_MOST", 1000)
    monkeypatch.setattr(primary._whole, "__defaults__", (1000,))
    for body, length in ((b"half", 500), (b"x" * 2000, 0)):
        with server_that(says(body, length)) as pairing, pytest.raises(ValueError, match=r"too long|cut off"):
            Primary(pairing).picture("00000", "x")


def test_a_full_disk_does_not_cost_the_pairing_before(
    couple: Couple, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairing = couple.pair()

    def full(_file: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(primary.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        save_pairing(couple.standby, Pairing("http://other", 2, "another", ""))
    assert load_pairing(couple.standby) == pairing
