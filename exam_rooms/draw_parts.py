"""What a draw over rooms is asked and what it answers: values that go to a child process and back."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from exam_rooms.seatmap import RoomMap, SeatPosition


@dataclass(frozen=True, slots=True)
class Rules:
    """The named rules of a draw, each of which may be left out.

    `even`: all rooms are filled alike, else one after the other; `by_ticket`: tickets run on from room to
    room, which leaves it to chance how colleagues fall to rooms.
    """

    employers_apart: bool = True
    accommodations_apart: bool = True
    seats_anew: bool = True
    even: bool = True
    by_ticket: bool = False

    def to_json(self) -> dict[str, bool]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Rules":
        """The rules out of plain values; what is not said keeps its default."""
        return cls(**{each.name: bool(data[each.name]) for each in fields(cls) if each.name in data})


@dataclass(frozen=True, slots=True)
class Entrant:
    """Somebody to be given a room and a seat in `sitting`.

    `room`: the room is chosen already. `alone`: a room of one's own was approved; `apart`: extra time or
    large print was. `sat_at`: (room, seat number) of earlier sittings. `form`: the one that must be given.
    """

    ref: str
    sitting: str
    employer: str = ""
    ticket: str = ""
    form: str | None = None
    room: str | None = None
    alone: bool = False
    apart: bool = False
    sat_at: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Hall:
    """A room that the draw may use. `sitting`: the only one it may be given to, None for any."""

    ref: str
    plan: RoomMap
    sitting: str | None = None

    @property
    def capacity(self) -> int:
        """How many candidates it takes."""
        return len(self.plan.normal)


@dataclass(frozen=True, slots=True)
class Question:
    """Everything that decides a draw but the seed. `forms`: those that are given out, by sitting."""

    entrants: tuple[Entrant, ...]
    halls: tuple[Hall, ...]
    forms: Mapping[str, Sequence[str]]
    rules: Rules = field(default_factory=Rules)

    def to_json(self) -> dict[str, Any]:
        """Plain values in an order of their own: equal questions give equal values."""
        entrants = sorted(self.entrants, key=lambda each: each.ref)
        return {
            "entrants": [asdict(each) | {"sat_at": sorted(map(list, each.sat_at))} for each in entrants],
            "halls": [_hall_json(hall) for hall in self.halls],
            "forms": {sitting: list(forms) for sitting, forms in sorted(self.forms.items())},
            "rules": self.rules.to_json(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Question":
        """The inverse of `to_json`."""
        entrants = (
            Entrant(**each | {"sat_at": frozenset((room, seat) for room, seat in each["sat_at"])})
            for each in data["entrants"]
        )
        halls = tuple(_hall(each) for each in data["halls"])
        return cls(tuple(entrants), halls, dict(data["forms"]), Rules.from_json(data["rules"]))


@dataclass(frozen=True, slots=True)
class Note:
    """A rule that could not be kept: for whom, in which room, at which seats.

    `kind`: form | employer (two neighbours share it, `shared` names it) | sat_before | own_room |
    accommodation_room.
    """

    kind: str
    room: str
    refs: tuple[str, ...]
    seats: tuple[str, ...] = ()
    shared: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain values for the stored notes of a draw."""
        return asdict(self) | {"refs": list(self.refs), "seats": list(self.seats)}


@dataclass(frozen=True, slots=True)
class Seated:
    """Where somebody sits, and with which form."""

    room: str
    seat: str
    form: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a draw gives: sitting by room (rooms left out stay empty), seat by person, the exceptions."""

    rooms: Mapping[str, str]
    seated: Mapping[str, Seated]
    notes: tuple[Note, ...]
    seed: str

    def to_json(self) -> dict[str, Any]:
        """Plain values in an order of their own."""
        return {
            "rooms": dict(sorted(self.rooms.items())),
            "seated": {ref: list(_seat_parts(self.seated[ref])) for ref in sorted(self.seated)},
            "notes": [note.to_json() for note in self.notes],
            "seed": self.seed,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Outcome":
        """The inverse of `to_json`."""
        notes = tuple(
            Note(note["kind"], note["room"], tuple(note["refs"]), tuple(note["seats"]), note["shared"])
            for note in data["notes"]
        )
        seated = {ref: Seated(*place) for ref, place in data["seated"].items()}
        return cls(dict(data["rooms"]), seated, notes, data["seed"])


def hashed(seed: str, purpose: str, value: str) -> bytes:
    """The place of a value in an order that the seed decides."""
    return hashlib.sha256(f"{seed}|{purpose}|{value}".encode()).digest()


def _seat_parts(place: Seated) -> tuple[str, str, str]:
    return place.room, place.seat, place.form


def _hall_json(hall: Hall) -> dict[str, Any]:
    plan = hall.plan
    return {
        "ref": hall.ref,
        "sitting": hall.sitting,
        "name": plan.name,
        "kind": str(plan.kind),
        "layout": plan.layout_json(),
        "seats": [asdict(seat) | {"kind": str(seat.kind)} for seat in plan.seats],
    }


def _hall(data: Mapping[str, Any]) -> Hall:
    seats = [SeatPosition(**seat) for seat in data["seats"]]
    return Hall(
        data["ref"], RoomMap.from_parts(data["name"], seats, data["layout"], data["kind"]), data["sitting"]
    )
