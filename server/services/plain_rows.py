"""Rows as the states of seats need them, read without the ORM.

A room is looked at thousands of times for each time that it is changed, and to make objects that could be
changed costs more than to read them.

Fields are named as those of the tables' classes, so that a rule reads either.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement

from server.db.base import Base
from server.db.checks import SeatCheck
from server.db.sittings import RoomSitting


class RoomSittingRow(NamedTuple):
    """Of `RoomSitting`."""

    id: int
    uid: str
    sitting_id: int
    room_id: int
    state: str
    started_at: datetime | None
    ended_at: datetime | None
    capture_seed: str
    version: int


AnyRoomSitting = RoomSitting | RoomSittingRow
"""Read to be changed, or only read."""


class SittingRow(NamedTuple):
    """Of `Sitting`."""

    starts_at: datetime
    minutes: Decimal


class BatchRow(NamedTuple):
    """Of `Batch`."""

    name: str
    rehearsal: bool


class RoomRow(NamedTuple):
    """Of `Room`."""

    name: str
    kind: str


class AttemptRow(NamedTuple):
    """Of `Attempt`."""

    id: int
    registration_id: int
    seat_id: int
    form: str
    state: str
    face_consent: bool | None
    credit_minutes: Decimal
    closed_at: datetime | None
    close_reason: str
    collected_at: datetime | None
    hand_raised_at: datetime | None
    frozen_at: datetime | None
    frozen_why: str | None
    version: int


class RegistrationRow(NamedTuple):
    """Of `Registration`."""

    ticket: str
    employer: str
    has_photo: bool
    large_print: bool


class CandidateRow(NamedTuple):
    """Of `Candidate`."""

    id_index: str
    sealed_id: bytes
    name: str


class CheckRow(NamedTuple):
    """Of `SeatCheck`."""

    seat_id: int
    round: int
    ref: str


AnyCheck = SeatCheck | CheckRow


class EnrolmentRow(NamedTuple):
    """Of `Enrolment`."""

    attempt_id: int
    sealed_template: bytes | None
    models: Mapping[str, Any]


def columns_of(kind: type[NamedTuple], table: type[Base]) -> list[ColumnElement[Any]]:
    """The columns of a table's class that a kind of row holds, in its order."""
    return [getattr(table, name) for name in kind._fields]


def cut(row: Sequence[Any], *kinds: type[NamedTuple]) -> tuple[list[Any], Sequence[Any]]:
    """One row of each kind out of a longer one that holds their columns one after the other, and the rest."""
    found, at = [], 0
    for kind in kinds:
        end = at + len(kind._fields)
        found.append(kind._make(row[at:end]))
        at = end
    return found, row[at:]
