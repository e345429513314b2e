"""Rooms that do not exist, seen by a camera that does not either: how well heads find their seats.

A camera hangs 2.8 m high and sees people whose heads are about 1.2 m above the floor, lean about, are not
found in one look of ten, and among whom an invigilator walks. Everything follows from a seed. The poorer
ways to do the same are measured beside, over the same looks.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from proctoring.assignment import assign
from proctoring.calibration import Calibration, Sample, fit, homography
from proctoring.roomview import GATE, RoomView, place

Floats = NDArray[np.float64]
CAMERA_HEIGHT, HEAD_HEIGHT, WALKER_HEIGHT = 2.8, 1.2, 1.65  # metres
LEAN, HABIT = 0.18, 0.09
"""Deviations in metres: of a head across and along in all, and the part of it that is a person's habit."""
STATURE, POSTURE = 0.04, 0.05
"""The same of its height: by person, and from look to look."""
MISSED, WALKS, JITTER = 0.1, 0.7, 0.0015
"""Share of heads that are not found, of looks with an invigilator on the way, and the detector's deviation
in shares of the picture."""
WIDTH, HEIGHT = 1280, 720
CALIBRATED_BY = 12
"""Seats whose heads the calibration comes from: the corners, as the page asks for, and some others."""
CALIBRATION_LOOKS = 10
LEARN = 0.05


@dataclass(frozen=True, slots=True)
class Hall:
    """A room of `columns` x `rows` seats, metres apart, and where its camera hangs and looks."""

    name: str
    columns: int
    rows: int
    across: float
    along: float
    camera: tuple[float, float]
    looks_at: tuple[float, float]
    focal: float = 0.75  # of the picture's width: 67 degrees

    @property
    def places(self) -> dict[str, tuple[float, float]]:
        """Seat -> metres."""
        return {
            f"{row * self.columns + column + 1:02d}": (column * self.across, 1.5 + row * self.along)
            for row in range(self.rows)
            for column in range(self.columns)
        }


HALLS = (
    Hall("6x5 front", 6, 5, 1.2, 1.2, (3.0, -1.5), (3.0, 4.0)),
    Hall("6x5 corner", 6, 5, 1.2, 1.2, (-1.2, -1.2), (3.2, 4.2)),
    Hall("6x5 tight corner", 6, 5, 1.0, 1.0, (-1.2, -1.2), (2.7, 3.4)),
    Hall("5x8 front", 5, 8, 1.2, 1.2, (2.4, -1.5), (2.4, 5.0)),
)
Method = Callable[[Floats], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Score:
    """`shares`: method -> share of found heads put on the right seat in one look; `wrong`: heads at a wrong
    seat; `heads`: found heads in all."""

    hall: str
    shares: Mapping[str, float]
    wrong: Mapping[str, int]
    heads: int
    residual: float


def measure(hall: Hall, looks: int = 400, seed: int = 1) -> Score:
    """Plays the looks and scores all methods."""
    drawn = np.random.default_rng(seed)
    seats = list(hall.places)
    habits = drawn.normal(0, (HABIT, HABIT, STATURE), (len(seats), 3))
    calibration = _calibrated(hall, drawn, habits)
    methods = _methods(hall, RoomView(calibration, hall.places))
    right, wrong, heads = dict.fromkeys(methods, 0), dict.fromkeys(methods, 0), 0
    for _ in range(looks):
        points = _heads(hall, drawn, habits)
        there = drawn.random(len(seats)) >= MISSED
        owners = [seat for seat, found in zip(seats, there, strict=True) if found]
        everybody = np.concatenate([points[: len(seats)][there], points[len(seats) :]])
        owners += [""] * (len(everybody) - len(owners))
        heads += int(there.sum())
        for name, method in methods.items():
            pairs = list(zip(method(everybody), owners, strict=True))
            right[name] += sum(bool(owner) and found == owner for found, owner in pairs)
            wrong[name] += sum(bool(found) and found != owner for found, owner in pairs)
    shares = {name: count / heads for name, count in right.items()}
    return Score(hall.name, shares, wrong, heads, calibration.residual)


def picture(hall: Hall, points: Floats) -> Floats:
    """Points in the room (n x 3, metres) as shares of the picture (n x 2)."""
    eye = np.array([*hall.camera, CAMERA_HEIGHT])
    ahead = np.array([*hall.looks_at, HEAD_HEIGHT]) - eye
    ahead /= np.linalg.norm(ahead)
    # A plan has y downwards: with heights upwards it is a left-handed space, and right is up x ahead.
    right = np.cross(np.array([0.0, 0.0, 1.0]), ahead)
    right /= np.linalg.norm(right)
    down = -np.cross(ahead, right) if np.cross(ahead, right)[2] > 0 else np.cross(ahead, right)
    apart = points - eye
    depth = apart @ ahead
    focal = hall.focal * WIDTH
    across, below = apart @ right / depth * focal + WIDTH / 2, apart @ down / depth * focal + HEIGHT / 2
    return np.stack([across / WIDTH, below / HEIGHT], axis=1)


def _heads(hall: Hall, drawn: np.random.Generator, habits: Floats) -> Floats:
    """The heads of one look in the picture: one a seat in their order, then whoever walks about."""
    places = np.array(list(hall.places.values()))
    lean = drawn.normal(0, math.sqrt(LEAN**2 - HABIT**2), places.shape)
    height = HEAD_HEIGHT + habits[:, 2:] + drawn.normal(0, POSTURE, (len(places), 1))
    points = np.concatenate([places + habits[:, :2] + lean, height], axis=1)
    if drawn.random() < WALKS:
        low, high = places.min(axis=0) - 0.8, places.max(axis=0) + 0.8
        walker = np.array([[*drawn.uniform(low, high), WALKER_HEIGHT]])
        points = np.concatenate([points, walker])
    seen = picture(hall, points)
    return np.asarray(seen + drawn.normal(0, JITTER, seen.shape))


def _calibrated(hall: Hall, drawn: np.random.Generator, habits: Floats) -> Calibration:
    """A calibration as sign-in makes one: single looks at some of the seats, lean and all."""
    seats, places = list(hall.places), hall.places
    last, columns = len(seats) - 1, hall.columns
    corners = {0, columns - 1, last - columns + 1, last}
    others = drawn.permutation([number for number in range(len(seats)) if number not in corners])
    chosen = sorted(corners | {int(number) for number in others[: CALIBRATED_BY - len(corners)]})
    samples = []
    for number in chosen:
        x, y = np.median([_heads(hall, drawn, habits)[number] for _ in range(CALIBRATION_LOOKS)], axis=0)
        samples.append(Sample(seats[number], float(np.clip(x, 0, 1)), float(np.clip(y, 0, 1))))
    pitch = min(hall.across, hall.along)
    return fit(samples, places, pitch)


def _methods(hall: Hall, view: RoomView) -> dict[str, Method]:
    seats = view.seats
    metres = np.array([view.places[seat] for seat in seats])
    on_floor = _floor_plane(hall)
    gate = GATE * view.pitch

    def floor(heads: Floats) -> list[str]:
        return _nearest(seats, _apart(on_floor.to_room(heads), metres), gate)

    def anchor(heads: Floats) -> list[str]:
        return _nearest(seats, _apart(_square(heads), _square(view.points)), math.inf)

    def anchor_one_to_one(heads: Floats) -> list[str]:
        return _one_to_one(seats, _apart(_square(heads), _square(view.points)), 10.0)

    def nearest(heads: Floats) -> list[str]:
        return _nearest(seats, _apart(view.calibration.to_room(heads), metres), math.inf)

    def plane(heads: Floats) -> list[str]:
        return [one.seat if not one.second else "" for one in place(view, _pairs(heads), {})]

    offsets = dict.fromkeys(seats, (0.0, 0.0))

    return {
        "floor": floor,
        "anchor": anchor,
        "anchor_one_to_one": anchor_one_to_one,
        "nearest": nearest,
        "plane": plane,
        "plane_with_offset": lambda heads: _with_offset(view, heads, offsets),
    }


def _with_offset(view: RoomView, heads: Floats, offsets: dict[str, tuple[float, float]]) -> list[str]:
    placed = place(view, _pairs(heads), offsets)
    for one in placed:
        if one.seat and not one.second:
            x, y = offsets[one.seat]
            offsets[one.seat] = x + LEARN * (one.off[0] - x), y + LEARN * (one.off[1] - y)
    return [one.seat if not one.second else "" for one in placed]


def _floor_plane(hall: Hall) -> Calibration:
    """What somebody would have who marks the seats on the floor."""
    places = np.array(list(hall.places.values()))
    floor = np.concatenate([places, np.zeros((len(places), 1))], axis=1)
    matrix = homography(picture(hall, floor), places)
    return Calibration(tuple(float(number) for number in matrix.ravel()), 0.0, tuple(hall.places))


def _apart(points: Floats, middles: Floats) -> Floats:
    apart = np.linalg.norm(points[:, None] - middles[None], axis=2)
    return np.asarray(np.nan_to_num(apart, nan=1e6), np.float64)


def _square(points: Floats) -> Floats:
    return np.asarray(points * np.array([WIDTH / HEIGHT, 1.0]), np.float64)


def _pairs(points: Floats) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in points]


def _nearest(seats: Sequence[str], apart: Floats, gate: float) -> list[str]:
    places = apart.argmin(axis=1)
    return [seats[at] if apart[row, at] < gate else "" for row, at in enumerate(places)]


def _one_to_one(seats: Sequence[str], apart: Floats, gate: float) -> list[str]:
    pairs = assign(apart, gate)
    return [seats[pairs[row]] if row in pairs else "" for row in range(len(apart))]
