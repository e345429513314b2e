"""What the fold over looks of a room camera takes, remembers and tells, as plain values."""

from dataclasses import dataclass, field
from typing import Any

from exam_rooms import wire
from exam_rooms.incidents import IncidentKind
from proctoring.roomview import Placed

UNCLEAR = 0.5
"""Share of looks: whose head is found less often is not watched by this camera."""


@dataclass(frozen=True, slots=True)
class RoomLook:
    """One look: seconds of any clock that goes forward, and the heads' middles as shares of the picture.

    `blind`: why nothing could be seen ("lost", "dark", "covered", ...); then there are no heads.
    """

    at: float
    heads: tuple[tuple[float, float], ...] = ()
    blind: str = ""


@dataclass(frozen=True, slots=True)
class SeatSight:
    """What the last looks say of one seat. `marks`: how many were seen there, the newest last.

    `vote`: "" (not known), "taken", "empty" or "two", since `since`. `seen`: share of looks in which
    somebody who sits there is found; `missing` looks in a row without count only once the head is found
    again. `dx`, `dy`: usual offset of the head in metres.
    """

    seat: str
    marks: tuple[int, ...] = ()
    vote: str = ""
    since: float = 0.0
    seen: float = 1.0
    missing: int = 0
    known: bool = False
    dx: float = 0.0
    dy: float = 0.0

    @property
    def unclear(self) -> bool:
        """Whether an empty look at this seat says nothing."""
        return not self.known or self.seen < UNCLEAR


@dataclass(frozen=True, slots=True)
class RoomSpell:
    """A cause that holds since `since`; `told`: it is an open episode; `gone`: since when it was not there.

    `seat`: "" when it concerns the camera. `other`: the seat that somebody changed to; `why`: a word.
    """

    kind: IncidentKind
    seat: str
    since: float
    told: bool = False
    gone: float | None = None
    other: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class RoomState:
    """All that the fold remembers. `counted`: when the last look was that voted for seats; `looks`: those of
    this view, up to `SETTLING`; `drift`: of the last looks
    x and y in pitches, how far heads lie beside their usual places, and 1 for strays, else 0.
    """

    at: float | None = None
    seats: tuple[SeatSight, ...] = ()
    spells: tuple[RoomSpell, ...] = ()
    drift: tuple[tuple[float, ...], ...] = ()
    moved: bool = False
    looks: int = 0
    counted: float | None = None

    def seat(self, name: str) -> SeatSight:
        """What is known of a seat."""
        return next((sight for sight in self.seats if sight.seat == name), SeatSight(name))

    @property
    def open(self) -> tuple[RoomSpell, ...]:
        """The open episodes."""
        return tuple(spell for spell in self.spells if spell.told)


@dataclass(frozen=True, slots=True)
class RoomNews:
    """An episode opened, or closed: `since` when its cause began, `at` when it was told, or ended."""

    kind: IncidentKind
    seat: str
    since: float
    at: float
    closed: bool = False
    other: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Expected:
    """Where somebody is to sit (`seats`), and of these who is away with leave (`away`)."""

    seats: frozenset[str] = frozenset()
    away: frozenset[str] = frozenset()


START = RoomState()


@dataclass(frozen=True, slots=True)
class Stepped:
    """The new state, what it tells, and where the look's heads were placed."""

    state: RoomState
    news: tuple[RoomNews, ...] = ()
    placed: tuple[Placed, ...] = field(default=())


def encode(state: RoomState) -> dict[str, Any]:
    """A state as plain JSON values."""
    return wire.encode(state)


def decode(data: object) -> RoomState:
    """The inverse of `encode`. Raises `wire.WireError` for anything else."""
    return wire.decode(RoomState, data)
