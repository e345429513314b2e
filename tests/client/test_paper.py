"""Packages on the seat: only the site's own, whole ones are kept, and they open with their section key."""

import base64
import json
import random
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from client import exchange
from client.agent import Agent, Parts
from client.board import Board
from client.books import Books
from client.clock import ServerClock
from client.device import DataFolder
from client.link import Link
from client.outbox import Outbox
from client.paper import PaperFault, Shelf
from client.seat import Seat, Surroundings
from exam_rooms.protocol import PaperView, SeatState, Step
from tests.client.fake_paper import SealedPaper, make_paper

NOW = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
SITE = Ed25519PrivateKey.generate()
PUBLIC = SITE.public_key().public_bytes_raw()
PAPER = make_paper(SITE.private_bytes_raw())
OTHERS = make_paper(Ed25519PrivateKey.generate().private_bytes_raw())


def view(paper: SealedPaper, *, key: bytes | None = None) -> PaperView:
    text = base64.b64encode(key).decode() if key else None
    return PaperView("pkg-1", paper.sealed.sha256, len(paper.sealed.data), "A", text)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path, PUBLIC)


def test_a_package_is_kept_and_found_after_a_restart(shelf: Shelf, tmp_path: Path) -> None:
    assert not shelf.look_for(PAPER.sealed.sha256)
    shelf.store(PAPER.sealed.data, PAPER.sealed.sha256)
    assert shelf.ready == PAPER.sealed.sha256
    again = Shelf(tmp_path, PUBLIC)
    assert again.look_for(PAPER.sealed.sha256)
    assert "绝密题干".encode() not in next(tmp_path.iterdir()).read_bytes()


def test_a_package_of_another_site_is_refused(shelf: Shelf, tmp_path: Path) -> None:
    with pytest.raises(PaperFault):
        shelf.store(OTHERS.sealed.data, OTHERS.sealed.sha256)
    assert list(tmp_path.iterdir()) == []


def test_a_changed_package_is_refused(shelf: Shelf) -> None:
    data = bytearray(PAPER.sealed.data)
    data[len(data) // 2] ^= 1
    with pytest.raises(PaperFault):
        shelf.store(bytes(data), PAPER.sealed.sha256)
    with pytest.raises(PaperFault):
        shelf.store(PAPER.sealed.data[:-1], PAPER.sealed.sha256)


def test_a_package_that_rots_on_the_disk_is_fetched_again(shelf: Shelf, tmp_path: Path) -> None:
    shelf.store(PAPER.sealed.data, PAPER.sealed.sha256)
    path = next(tmp_path.iterdir())
    path.write_bytes(path.read_bytes()[:-1])
    assert not Shelf(tmp_path, PUBLIC).look_for(PAPER.sealed.sha256)


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "g" * 64, "A" * 64, "0" * 63])
def test_only_a_hash_names_a_file(shelf: Shelf, name: str) -> None:
    with pytest.raises(PaperFault):
        shelf.look_for(name)
    assert shelf.ready == ""


def test_the_paper_opens_with_its_key_only(shelf: Shelf) -> None:
    shelf.store(PAPER.sealed.data, PAPER.sealed.sha256)
    paper = shelf.open(view(PAPER, key=PAPER.key))
    assert list(paper.rules) == list(PAPER.items)
    assert json.loads(paper.json)["items"][0]["stem"] == "绝密题干 0"
    for wrong in (view(PAPER), view(PAPER, key=bytes(32)), replace(view(PAPER, key=PAPER.key), form="B")):
        with pytest.raises(PaperFault):
            shelf.open(wrong)


def test_a_package_for_newer_software_is_kept_but_never_ready(tmp_path: Path) -> None:
    paper = make_paper(SITE.private_bytes_raw(), min_version="0.5")
    old = Shelf(tmp_path, PUBLIC, version="0.4.9")
    for _ in range(2):
        with pytest.raises(PaperFault) as caught:
            old.store(paper.sealed.data, paper.sealed.sha256)
        assert (caught.value.code, old.ready) == ("package_needs_newer", "")
        with pytest.raises(PaperFault) as caught:
            old.look_for(paper.sealed.sha256)
        assert caught.value.code == "package_needs_newer"
    assert Shelf(tmp_path, PUBLIC, version="0.5").look_for(paper.sealed.sha256)


def test_a_cleared_shelf_is_empty(shelf: Shelf, tmp_path: Path) -> None:
    shelf.store(PAPER.sealed.data, PAPER.sealed.sha256)
    shelf.clear()
    assert (shelf.ready, list(tmp_path.iterdir())) == ("", [])
    assert not shelf.look_for(PAPER.sealed.sha256)


def test_a_new_package_takes_the_place_of_the_old(shelf: Shelf, tmp_path: Path) -> None:
    second = make_paper(SITE.private_bytes_raw(), size=3)
    shelf.store(PAPER.sealed.data, PAPER.sealed.sha256)
    shelf.store(second.sealed.data, second.sealed.sha256)
    assert [path.name for path in tmp_path.iterdir()] == [f"{second.sealed.sha256}.expkg"]


def test_a_seat_keeps_no_package_that_its_server_no_longer_names(tmp_path: Path) -> None:
    folder, outbox = DataFolder(tmp_path), Outbox()
    seat = Seat(ServerClock("boot-1"), outbox)
    seat.around = Surroundings(paired=True)
    link = Link(exchange.Credentials(3, lambda message: message, "1.0"), outbox, random.Random(1))
    books = Books(folder, bytes(32), outbox, lambda: ("boot-1", 0))
    own = Shelf(folder.packages, PUBLIC)
    agent = Agent(Parts(Board(seat, lambda: 0.0), books, link, outbox, own, PUBLIC, "boot-1"))
    own.store(PAPER.sealed.data, PAPER.sealed.sha256)
    named = SeatState(1, NOW, "5", Step.SIGN_IN, None, None, None, paper=view(PAPER))
    agent.handle([exchange.StateSeen(named)])
    assert own.ready == PAPER.sealed.sha256
    agent.handle([exchange.StateSeen(replace(named, version=2, paper=None))])
    assert (own.ready, list(folder.packages.iterdir())) == ("", [])
