"""Orders and PINs: whose counts, how often, how old."""

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from client.leaving import FIRST_PAUSE, FREE_TRIES, LONGEST_PAUSE, Authority, Nonces, Tries
from exam_rooms.kiosk_messages import KioskOrder, order_message
from exam_rooms.pins import hashed_pin, pin_matches, spelled_pin, tidy_pin

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
AUTHORITY = Authority(7, KEY.public_key().public_bytes_raw())


def signed(order: KioskOrder, key: Ed25519PrivateKey = KEY) -> KioskOrder:
    return replace(order, signature=base64.b64encode(key.sign(order_message(order))).decode())


BARE = KioskOrder("quit", 7, NOW, "n1", "")


def test_a_good_order_is_obeyed() -> None:
    assert AUTHORITY.refusal(signed(BARE), NOW) == ""


@pytest.mark.parametrize(
    ("minutes", "refusal"), [(-5.01, "age"), (-5, ""), (0, ""), (5, ""), (5.01, "age"), (600, "age")]
)
def test_an_order_lives_five_minutes_in_both_directions(minutes: float, refusal: str) -> None:
    assert AUTHORITY.refusal(signed(BARE), NOW + timedelta(minutes=minutes)) == refusal


@pytest.mark.parametrize(
    ("order", "refusal"),
    [
        (signed(replace(BARE, action="format")), "action"),
        (signed(replace(BARE, workstation=8)), "workstation"),
        (BARE, "signature"),
        (signed(BARE, Ed25519PrivateKey.generate()), "signature"),
        (replace(signed(BARE), nonce="n2"), "signature"),
        (replace(signed(BARE), issued_at=NOW + timedelta(seconds=1)), "signature"),
        (replace(signed(BARE), signature="???"), "signature"),
    ],
)
def test_any_other_order_is_not(order: KioskOrder, refusal: str) -> None:
    assert AUTHORITY.refusal(order, NOW) == refusal


def test_a_nonce_counts_once_even_for_an_agent_that_starts_again(tmp_path: Path) -> None:
    file = tmp_path / "orders.json"
    assert Nonces(file).spend("a")
    assert not Nonces(file).spend("a")
    assert Nonces(file).spend("b")
    file.write_text("broken")
    assert Nonces(file).spend("c")


def test_wrong_pins_make_growing_pauses() -> None:
    tries, now, waits = Tries(), 100.0, []
    for _ in range(12):
        assert tries.wait(now) == 0
        tries.failed(now)
        waits.append(tries.wait(now))
        now += waits[-1]
    assert waits[: FREE_TRIES - 1] == [0.0] * (FREE_TRIES - 1)
    assert waits[FREE_TRIES - 1] == FIRST_PAUSE
    assert waits == sorted(waits) and waits[-1] == LONGEST_PAUSE


PIN = hashed_pin("u", "01234567", b"salt")


@pytest.mark.parametrize("typed", ["01234567", "0123 4567", " 0123-4567 ", "０１２３４５６７"])
def test_a_pin_is_known_however_it_is_spelled(typed: str) -> None:
    assert pin_matches(typed, PIN)


@pytest.mark.parametrize("typed", ["", "1234567", "01234568", "012345678", "pin"])
def test_any_other_is_wrong(typed: str) -> None:
    assert not pin_matches(typed, PIN)


def test_a_hash_that_is_damaged_or_would_cost_too_much_matches_nothing() -> None:
    for damaged in (replace(PIN, hash="?"), replace(PIN, n=1 << 20), replace(PIN, n=1), replace(PIN, n=1000)):
        assert not pin_matches("01234567", damaged)


@given(st.integers(0, 10**8 - 1))
def test_what_people_read_out_is_what_was_made(number: int) -> None:
    pin = f"{number:08d}"
    assert tidy_pin(spelled_pin(pin)) == pin
