"""Packages on the seat: only the site's own, whole ones are kept, and they open with their section key."""

import base64
import json
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from client.paper import PaperFault, Shelf
from exam_rooms.protocol import PaperView
from tests.client.fake_room import SealedPaper, make_paper

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
    assert list(paper.choices) == list(PAPER.items)
    assert json.loads(paper.json)["items"][0]["stem"] == "绝密题干 0"
    for wrong in (view(PAPER), view(PAPER, key=bytes(32)), replace(view(PAPER, key=PAPER.key), form="B")):
        with pytest.raises(PaperFault):
            shelf.open(wrong)


def test_a_new_package_takes_the_place_of_the_old(shelf: Shelf, tmp_path: Path) -> None:
    second = make_paper(SITE.private_bytes_raw(), size=3)
    shelf.store(PAPER.sealed.data, PAPER.sealed.sha256)
    shelf.store(second.sealed.data, second.sealed.sha256)
    assert [path.name for path in tmp_path.iterdir()] == [f"{second.sealed.sha256}.expkg"]
