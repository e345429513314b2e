"""Where a point of the room camera's picture lies in the room, by the plane of the seated heads.

A plane seen by a camera maps to itself in metres by a homography. Faces lie about 1.2 m above the floor: the
homography of the floor would put every head a row or two too far back, so it is fitted to heads of people
whose seats are known. Picture coordinates are shares of width and height, so that a picture of the same
view in another size needs no new calibration; room coordinates are metres, as `exam_rooms.seatmap` has them.
"""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LEAST_SAMPLES = 4
AUTO_SAMPLES = 6
"""Samples after which a calibration made by itself may be used: four always fit, two more prove it."""
RESIDUAL_SHARE = 0.25
"""Of the seat pitch: a fit that misses its seats by more is refused."""
OUTLIER_SHARE = 0.5
"""Of the seat pitch: a sample that misses its seat by more is nearer to another one, and left out."""
AGREEING_SHARE = 2 / 3
"""Of the samples have to fit: else they, or the plan, are wrong, and nobody can say which."""
FLAT = 0.02
"""Area of a triangle of three samples, in squares of the seat pitch (room) or of the picture times a tenth,
below which they lie on one line."""
SAME_POINT = 0.004
"""Shares of the picture: two heads are never so close to each other."""
ROUNDS = 8
TRIES = 250
"""Drawn groups of four beyond which no more are tried; with ten samples that is all of them."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The head of whoever sits at a seat: its middle in the picture as shares of width and height."""

    seat: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """`matrix`: nine numbers by rows, from the picture (shares) to the room (metres).

    `residual`: root mean square of what the samples that fit miss their seats by, in metres; for four
    samples it is 0 whatever they are, so `proven` says whether there were more. `left_out`: seats whose
    samples do not fit.
    """

    matrix: tuple[float, ...]
    residual: float
    used: tuple[str, ...]
    left_out: tuple[str, ...] = ()

    @property
    def proven(self) -> bool:
        """Whether more samples fit than any four do by themselves."""
        return len(self.used) > LEAST_SAMPLES

    def to_room(self, points: Floats) -> Floats:
        """Points of the picture (n x 2, shares) in metres; what lies beyond the horizon becomes NaN."""
        return _mapped(np.array(self.matrix).reshape(3, 3), points)

    def to_picture(self, places: Floats) -> Floats:
        """Places in the room (n x 2, metres) as shares of the picture; behind the camera: NaN."""
        return _mapped(np.linalg.inv(np.array(self.matrix).reshape(3, 3)), places)


class CalibrationRefused(Exception):
    """No calibration comes of these samples. `code` is in the message table, `params` are its figures."""

    def __init__(self, code: str, **params: str | int | float) -> None:
        super().__init__(code)
        self.code = code
        self.params = params


def fit(samples: Sequence[Sample], places: Mapping[str, tuple[float, float]], pitch: float) -> Calibration:
    """The homography of the head plane through at least four samples.

    `places`: seat -> metres; `pitch`: usual distance of neighbouring seats in metres. Outliers are found by
    groups of four (RANSAC, all of them while they are few; else a fixed draw, so that the same samples give
    the same answer in any order). Raises `CalibrationRefused`: too few samples, a seat twice or unknown, two
    at one point, all near one line, seats mixed up, more than a third that do not fit, too great a residual.
    """
    ordered = sorted(samples, key=lambda sample: sample.seat)
    _check(ordered, places)
    picture = np.array([(sample.x, sample.y) for sample in ordered])
    room = np.array([places[sample.seat] for sample in ordered])
    agreeing = _settled(_best_agreement(picture, room, pitch), picture, room, pitch)
    names = [sample.seat for sample in ordered]
    if agreeing.sum() < max(LEAST_SAMPLES, math.ceil(AGREEING_SHARE * len(ordered))):
        raise CalibrationRefused("calibration_disagrees", seats="、".join(_misfits(names, agreeing)))
    matrix = homography(picture[agreeing], room[agreeing])
    if not _is_right_way_round(matrix, picture[agreeing]):
        raise CalibrationRefused("calibration_mixed_up")
    missed = np.linalg.norm(_mapped(matrix, picture[agreeing]) - room[agreeing], axis=1)
    residual = float(np.sqrt((missed**2).mean()))
    if not residual <= RESIDUAL_SHARE * pitch:
        cm = (round(100 * residual), round(100 * RESIDUAL_SHARE * pitch))
        raise CalibrationRefused("calibration_residual", residual=cm[0], most=cm[1])
    used = tuple(name for name, fits in zip(names, agreeing, strict=True) if fits)
    numbers = tuple(float(number) for number in matrix.ravel())
    return Calibration(numbers, residual, used, tuple(_misfits(names, agreeing)))


def pitch_of(places: Sequence[tuple[float, float]]) -> float:
    """The usual distance to the next seat in metres: the median over the seats; 1 for fewer than two."""
    if len(places) < 2:
        return 1.0
    points = np.array(places)
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    apart[apart == 0] = np.inf
    nearest = apart.min(axis=1)
    return float(np.median(nearest[np.isfinite(nearest)])) if np.isfinite(nearest).any() else 1.0


def _check(samples: Sequence[Sample], places: Mapping[str, tuple[float, float]]) -> None:
    if len(samples) < LEAST_SAMPLES:
        raise CalibrationRefused("calibration_too_few", have=len(samples), least=LEAST_SAMPLES)
    for one, other in combinations(samples, 2):
        if one.seat == other.seat:
            raise CalibrationRefused("calibration_seat_twice", seat=one.seat)
        if math.hypot(one.x - other.x, one.y - other.y) < SAME_POINT:
            raise CalibrationRefused("calibration_same_point", seat=one.seat, other=other.seat)
    for sample in samples:
        if sample.seat not in places:
            raise CalibrationRefused("calibration_seat_unknown", seat=sample.seat)
        if not (0 <= sample.x <= 1 and 0 <= sample.y <= 1):
            raise CalibrationRefused("calibration_outside", seat=sample.seat)


def _best_agreement(picture: Floats, room: Floats, pitch: float) -> NDArray[np.bool_]:
    """Which samples fit the best group of four: least sum of squares, where an outlier costs the limit."""
    limit = OUTLIER_SHARE * pitch
    best, agreeing, groups = math.inf, np.zeros(len(picture), bool), 0
    for four in _groups_of_four(len(picture)):
        places = list(four)
        if _is_flat(room[places] / pitch) or _is_flat(picture[places] * 10):
            continue
        groups += 1
        matrix = homography(picture[places], room[places])
        if not _is_right_way_round(matrix, picture[places]):
            continue
        missed = _missed(matrix, picture, room)
        cost = float(np.minimum(missed, limit) @ np.minimum(missed, limit))
        if cost < best:
            best, agreeing = cost, missed <= limit
    if groups == 0:
        raise CalibrationRefused("calibration_in_line")
    if not agreeing.any():
        raise CalibrationRefused("calibration_mixed_up")
    return agreeing


def _settled(agreeing: NDArray[np.bool_], picture: Floats, room: Floats, pitch: float) -> NDArray[np.bool_]:
    """The samples that fit the homography through all that fit, until they are the same."""
    for _ in range(ROUNDS):
        if agreeing.sum() < LEAST_SAMPLES:
            break
        missed = _missed(homography(picture[agreeing], room[agreeing]), picture, room)
        after = missed <= OUTLIER_SHARE * pitch
        if (after == agreeing).all():
            break
        agreeing = after
    return agreeing


def _missed(matrix: Floats, picture: Floats, room: Floats) -> Floats:
    """By how many metres each sample misses its seat."""
    missed = np.linalg.norm(_mapped(matrix, picture) - room, axis=1)
    return np.asarray(np.nan_to_num(missed, nan=np.inf), np.float64)


def _groups_of_four(count: int) -> list[tuple[int, ...]]:
    if math.comb(count, 4) <= TRIES:
        return list(combinations(range(count), 4))
    drawn = random.Random(count)  # noqa: S311 - a fixed draw, nothing is secret
    return [tuple(sorted(drawn.sample(range(count), 4))) for _ in range(TRIES)]


def _is_flat(points: Floats) -> bool:
    """Whether any three of four points lie on one line, nearly."""
    for a, b, c in combinations(points, 3):
        if abs((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])) / 2 < FLAT:
            return True
    return False


def _misfits(names: Sequence[str], fits: NDArray[np.bool_]) -> list[str]:
    return [name for name, is_good in zip(names, fits, strict=True) if not is_good]


def homography(source: Floats, target: Floats) -> Floats:
    """The least-squares homography from points (n x 2, four and more) to others; no check of any kind.

    By a direct linear transform with coordinates normalised before, then polished in the target's units.
    """
    a, from_source = _normalised(source)
    b, from_target = _normalised(target)
    rows = []
    for (x, y), (u, v) in zip(a, b, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y, -u], [0, 0, 0, x, y, 1, -v * x, -v * y, -v]]
    _, _, turned = np.linalg.svd(np.array(rows))
    matrix = np.linalg.inv(from_target) @ turned[-1].reshape(3, 3) @ from_source
    matrix /= np.linalg.norm(matrix)
    return _polished(np.asarray(matrix / _sign(matrix, source), np.float64), source, target)


def _polished(matrix: Floats, source: Floats, target: Floats) -> Floats:
    """The matrix with the least sum of squares in metres (Gauss-Newton): where the camera looks along the
    floor the algebraic solution gives too much weight to heads far away."""
    best, cost = matrix, _cost(matrix, source, target)
    if len(source) == LEAST_SAMPLES or not math.isfinite(cost):
        return matrix
    for _ in range(ROUNDS):
        raised = np.concatenate([source, np.ones((len(source), 1))], axis=1)
        depth, found = raised @ best[2], _mapped(best, source)
        scaled = raised / depth[:, None]
        zero = np.zeros_like(scaled)
        down = np.stack(
            [
                np.concatenate([scaled, zero, -scaled * found[:, :1]], axis=1),
                np.concatenate([zero, scaled, -scaled * found[:, 1:]], axis=1),
            ],
            axis=1,
        ).reshape(-1, 9)
        change = np.linalg.lstsq(down, (target - found).ravel(), rcond=1e-10)[0].reshape(3, 3)
        after = best + change
        after = after / np.linalg.norm(after)
        now = _cost(after, source, target)
        if not now < cost * (1 - 1e-9):
            break
        best, cost = after, now
    return best


def _cost(matrix: Floats, source: Floats, target: Floats) -> float:
    missed = _mapped(matrix, source) - target
    return float(np.nan_to_num((missed**2).sum(), nan=np.inf))


def _sign(matrix: Floats, points: Floats) -> float:
    """The sign that makes the denominator positive at the middle of some points."""
    x, y = np.nanmean(points, axis=0)
    return -1.0 if matrix[2] @ np.array([x, y, 1.0]) < 0 else 1.0


def _normalised(points: Floats) -> tuple[Floats, Floats]:
    middle = points.mean(axis=0)
    scale = math.sqrt(2) / max(float(np.linalg.norm(points - middle, axis=1).mean()), 1e-9)
    matrix = np.array([[scale, 0, -scale * middle[0]], [0, scale, -scale * middle[1]], [0, 0, 1]])
    return (points - middle) * scale, matrix


def _mapped(matrix: Floats, points: Floats) -> Floats:
    raised = np.concatenate([points, np.ones((len(points), 1))], axis=1) @ matrix.T
    depth = np.where(raised[:, 2:] > 1e-9, raised[:, 2:], np.nan)
    return np.asarray(raised[:, :2] / depth, np.float64)


def _is_right_way_round(matrix: Floats, points: Floats) -> bool:
    """Whether the plane is seen from above, all of it before the camera: right stays right of front.

    Who mixes up two seats turns the plane over at some of the points, which even four samples show.
    """
    raised = np.concatenate([points, np.ones((len(points), 1))], axis=1)
    depth = raised @ matrix[2]
    # The Jacobian of a homography has the determinant det(H) / depth^3.
    return bool((depth > 0).all() and np.linalg.det(matrix) > 0)
