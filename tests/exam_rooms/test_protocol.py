"""The protocol's own promises: what a hash covers, what a signature covers."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import pytest

from exam_rooms.protocol import (
    ZERO_HEAD,
    Receipt,
    Record,
    RecordKind,
    Route,
    receipt_message,
    record_aad,
    session_message,
)

RECORD = Record(7, 1, 2, RecordKind.ANSWER, "q1", "Ym9keQ==", "boot", 12345, ZERO_HEAD, "")
RECEIPT = Receipt(7, "T1", 1, 9, "ab" * 32, 5, datetime(2026, 11, 21, 9, tzinfo=UTC), "")
OTHER = {int: 99, str: "other", RecordKind: RecordKind.CLEAR}


@pytest.mark.parametrize("field", [field.name for field in fields(Record) if field.name != "hash"])
def test_a_hash_covers_every_field(field: str) -> None:
    changed = replace(RECORD, **{field: OTHER[type(getattr(RECORD, field))]})
    assert changed.digest() != RECORD.digest()


def test_a_hash_does_not_cover_itself() -> None:
    assert replace(RECORD, hash="x").digest() == RECORD.digest()


def test_the_digest_is_fixed() -> None:
    """Other hands compute it too: it must never change by accident."""
    assert RECORD.digest() == "93821369c8417c1c0dd425934a42c390aa84a3e88172ba7eaa264883f7fb1e22"


@pytest.mark.parametrize("field", [field.name for field in fields(Receipt) if field.name != "signature"])
def test_a_receipt_signature_covers_every_field(field: str) -> None:
    value = getattr(RECEIPT, field)
    other = value + timedelta(seconds=1) if isinstance(value, datetime) else OTHER[type(value)]
    assert receipt_message(replace(RECEIPT, **{field: other})) != receipt_message(RECEIPT)


def test_a_sealed_body_is_bound_to_its_place() -> None:
    places = {record_aad(a, j, s) for a in (1, 11) for j in (1, 11) for s in (1, 11)}
    assert len(places) == 8


def test_a_session_is_bound_to_the_workstation() -> None:
    assert session_message(1, "n") != session_message(2, "n")


def test_routes_are_distinct() -> None:
    routes = [value for name, value in vars(Route).items() if not name.startswith("_")]
    assert len(set(routes)) == len(routes)
    assert all(route.startswith("/agent/") for route in routes if route != Route.SITE_CA)
