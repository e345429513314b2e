"""One look of the room camera: its heads on the seat map, each seat with one, the rest walking about.

Heads come as shares of the picture, go through the calibration to metres and are given to seats one to one.
A head that is near no seat is a person on the way, and never an incident. Nothing is remembered here; what
several looks mean together is the affair of `room_episodes`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from proctoring.assignment import assign
from proctoring.calibration import Calibration, pitch_of

Floats = NDArray[np.float64]
GATE = 0.75
"""Of the seat pitch: a head further from a seat does not sit there. Along the line of sight the gate is as
much longer as heights differ: a head 6 cm higher seems to lie far behind where the camera looks flat."""
FURTHEST = 1.0
"""Of the seat pitch: beyond it no head belongs to a seat, however the camera looks."""
LEAN, TALL = 0.18, 0.06
"""Deviations in metres: of heads to every side, and of their height over the plane."""
SECOND = 0.45
"""Of the seat pitch: a further head so near a taken seat counts as a second person there; who passes in the
aisle is half a pitch away and more."""
EDGE = 0.01
"""Share of the picture: a seat whose head would be nearer to its edge is not in view."""

Offsets = Mapping[str, tuple[float, float]]
"""Seat -> metres by which the head there usually lies beside the middle of its desk."""


@dataclass(frozen=True)
class RoomView:
    """A calibrated view of a room: `places` are the seats in metres (as the seat map has them)."""

    calibration: Calibration
    places: Mapping[str, tuple[float, float]]
    aspect: float = 16 / 9
    """Width of the picture by its height."""

    @cached_property
    def seats(self) -> tuple[str, ...]:
        """The seats, in a fixed order."""
        return tuple(sorted(self.places))

    @cached_property
    def pitch(self) -> float:
        """Usual distance of neighbouring seats in metres."""
        return pitch_of(list(self.places.values()))

    @cached_property
    def points(self) -> Floats:
        """Where the seats' heads lie in the picture (n x 2, shares), in the order of `seats`; NaN: behind."""
        return self.calibration.to_picture(self._metres)

    @cached_property
    def in_view(self) -> frozenset[str]:
        """The seats whose heads the picture shows, others standing in the way apart."""
        with np.errstate(invalid="ignore"):
            inside = np.all((self.points > EDGE) & (self.points < 1 - EDGE), axis=1).tolist()
        return frozenset(seat for seat, seen in zip(self.seats, inside, strict=True) if seen)

    @cached_property
    def closeness(self) -> Floats:
        """By seat what turns an offset in metres into one whose length says how unlikely it is (n x 2 x 2).

        Lengths are metres still, for offsets across the line of sight.
        """
        step = 1e-3
        around = [self.calibration.to_room(self.points + move) for move in ((step, 0.0), (0.0, step))]
        aside, below = ((moved - self._metres) / step for moved in around)
        wide = np.linalg.norm(aside, axis=1, keepdims=True) / self.aspect  # metres for one picture's height
        with np.errstate(invalid="ignore", divide="ignore"):
            higher = np.nan_to_num(-below / wide) * TALL  # where a head seems to lie that is so much higher
        far = np.linalg.norm(higher, axis=1, keepdims=True)
        higher *= np.minimum(1.0, self.pitch / np.maximum(far, 1e-9))
        spread = LEAN**2 * np.eye(2) + higher[:, :, None] * higher[:, None, :]
        return np.asarray(LEAN * np.linalg.cholesky(np.linalg.inv(spread)).transpose(0, 2, 1))

    @cached_property
    def _metres(self) -> Floats:
        return np.array([self.places[seat] for seat in self.seats], np.float64).reshape(-1, 2)


@dataclass(frozen=True, slots=True)
class Placed:
    """One head: metres in the room (None beyond the horizon), its seat ("" for somebody on the way), and by
    how many metres it lies beside that seat. `second`: another head sits there, this one is beside it.
    """

    at: tuple[float, float] | None
    seat: str = ""
    off: tuple[float, float] = (0.0, 0.0)
    second: bool = False


def place(view: RoomView, heads: Sequence[tuple[float, float]], offsets: Offsets) -> tuple[Placed, ...]:
    """Every head's place, in the order of the heads."""
    if not heads or not view.seats:
        return tuple(Placed(None) for _ in heads)
    points = view.calibration.to_room(np.asarray(heads, np.float64).reshape(-1, 2))
    shifts = np.array([offsets.get(seat, (0.0, 0.0)) for seat in view.seats], np.float64)
    middles = np.array([view.places[seat] for seat in view.seats], np.float64)
    offs = points[:, None] - (middles + shifts)[None]
    apart = np.linalg.norm(np.einsum("sij,hsj->hsi", view.closeness, offs), axis=2)
    gate = GATE * view.pitch
    # Squared: leaning is spread like a bell, so the least sum of squares is the likeliest seating.
    near = np.linalg.norm(offs, axis=2) <= FURTHEST * view.pitch  # not so for what is no number
    apart = np.where(near, apart, np.inf)
    seats = assign(apart**2, gate**2)
    taken = set(seats.values())
    found = []
    for number, point in enumerate(points):
        at = None if np.isnan(point).any() else (float(point[0]), float(point[1]))
        seat = seats.get(number)
        second = seat is None and at is not None
        if second:
            seat = _beside(apart[number], taken, SECOND * view.pitch)
        if at is None or seat is None:
            found.append(Placed(at))
            continue
        off = point - middles[seat]
        found.append(Placed(at, view.seats[seat], (float(off[0]), float(off[1])), second))
    return tuple(found)


def _beside(distances: Floats, taken: set[int], limit: float) -> int | None:
    """The nearest seat to a head that found none, when somebody sits there and it is near enough."""
    nearest = int(np.argmin(distances))
    return nearest if nearest in taken and distances[nearest] <= limit else None
