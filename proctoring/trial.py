"""A trial with a centre's own labelled photos: what the networks make of its people, light and cameras.

Every picture is looked at as a seat's camera would. Nothing is kept: a picture leaves its scores behind and
its vector for as long as the trial runs.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exam_rooms.watching import WatchRules
from proctoring import accuracy
from proctoring.accuracy import Errors, GroupErrors, Point, Recommended
from proctoring.faces import Vector
from proctoring.frames import FrameFault, decode_frame
from proctoring.measure import Rate, wilson
from proctoring.observe import SEAT, Eyes, Looks, main_face
from proctoring.trial_index import Fault, Labelled

FAR = 0.001
"""The share of false accepts for which a threshold is recommended."""
LOOKS = Looks(attention=True, liveness=True)
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Seen:
    """One picture as the networks see it. `vector` only of a face good enough to be compared."""

    row: Labelled
    persons: int
    verdict: str
    vector: Vector | None
    liveness: float | None
    yaw: float | None
    pitch: float | None


@dataclass(frozen=True, slots=True)
class Detection:
    """Pictures with somebody in which a face was found, and pictures of nobody in which one was."""

    found: Rate | None
    false: Rate | None


@dataclass(frozen=True, slots=True)
class Separation:
    """How well two sorts are told apart. `at`: name of a threshold of the policy -> errors there."""

    positives: int
    negatives: int
    auc: float | None
    roc: tuple[Point, ...]
    at: Mapping[str, Errors]
    recommended: Recommended | None


@dataclass(frozen=True, slots=True)
class Trial:
    """All of it. A part is None when its network is missing (`unavailable`).

    `people` and `compared`: identities and pictures that could be compared; `not_comparable`: pictures of a
    known person of which nothing would be claimed.
    """

    pictures: int
    people: int
    compared: int
    not_comparable: int
    detection: Detection | None
    identity: Separation | None
    liveness: Separation | None
    groups: tuple[GroupErrors, ...]
    heads: Mapping[str, tuple[int, float, float]]
    models: Mapping[str, str]
    unavailable: tuple[str, ...]


def look(eyes: Eyes, row: Labelled, rules: WatchRules) -> Seen | Fault:
    """One picture, or why it cannot be used."""
    try:
        frame = decode_frame(row.path.read_bytes())
    except FrameFault as fault:
        return Fault(row.row, "file", row.path.name, fault.code, dict(fault.params))
    except OSError:
        return Fault(row.row, "file", row.path.name, "trial_file_missing")
    seen = eyes.observe(frame, None, rules, sizes=SEAT, compare=False, look=LOOKS)
    main = main_face(seen.faces)
    can = seen.comparable and main is not None and "verify" not in eyes.unavailable
    return Seen(
        row=row,
        persons=seen.persons,
        verdict=str(seen.quality.verdict),
        vector=eyes.vector(frame, main) if can and main is not None else None,
        liveness=seen.liveness,
        yaw=None if seen.attention is None else seen.attention.yaw,
        pitch=None if seen.attention is None else seen.attention.pitch,
    )


def summed(eyes: Eyes, seen: Sequence[Seen], columns: Iterable[str], rules: WatchRules) -> Trial:
    """The figures of a trial; the order of the pictures does not matter."""
    missing = eyes.missing(LOOKS)
    known = [each for each in seen if each.row.identity and not each.row.is_spoof]
    pairs = _Pairs.of([each for each in known if each.vector is not None])
    names = {each.row.identity for each in pairs.rows}
    return Trial(
        pictures=len(seen),
        people=len(names),
        compared=len(pairs.rows),
        not_comparable=len(known) - len(pairs.rows),
        detection=None if "detect" in missing else _detection(seen),
        identity=None if {"detect", "verify"} & set(missing) else _identity(pairs, rules),
        liveness=None if {"detect", "liveness"} & set(missing) else _liveness(seen, rules),
        groups=tuple(one for column in columns for one in _by_group(pairs, column, rules)),
        heads=_heads(seen),
        models=dict(eyes.models),
        unavailable=tuple(missing),
    )


def _detection(seen: Sequence[Seen]) -> Detection:
    somebody = [each for each in seen if each.row.wanted]
    nobody = [each for each in seen if each.row.wanted == 0]
    return Detection(
        wilson(sum(each.persons > 0 for each in somebody), len(somebody)),
        wilson(sum(each.persons > 0 for each in nobody), len(nobody)),
    )


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Every pair of comparable pictures once: places of the two in `rows`, score, whether one person."""

    rows: Sequence[Seen]
    one: NDArray[np.intp]
    other: NDArray[np.intp]
    scores: accuracy.Scores
    same: Mask

    @classmethod
    def of(cls, rows: Sequence[Seen]) -> "_Pairs":
        one, other = np.triu_indices(len(rows), 1)
        names = np.array([each.row.identity for each in rows], dtype=object)
        if not len(one):
            return cls(rows, one, other, np.empty(0), np.empty(0, bool))
        vectors = np.array([each.vector for each in rows], np.float32)
        scores = (vectors @ vectors.T)[one, other].astype(np.float64)
        return cls(rows, one, other, scores, np.asarray(names[one] == names[other], bool))

    def inside(self, column: str, value: str) -> Mask:
        """Pairs whose two pictures both have this value."""
        has = np.array([each.row.groups.get(column, "") == value for each in self.rows], bool)
        return np.asarray(has[self.one] & has[self.other], bool)


def _identity(pairs: _Pairs, rules: WatchRules) -> Separation:
    limits = {"match_from": rules.match_from, "mismatch_below": rules.mismatch_below}
    return _separation(pairs.scores[pairs.same], pairs.scores[~pairs.same], limits, FAR)


def _liveness(seen: Sequence[Seen], rules: WatchRules) -> Separation:
    scored = [each for each in seen if each.liveness is not None]
    alive = np.array([each.liveness for each in scored if not each.row.is_spoof], np.float64)
    spoof = np.array([each.liveness for each in scored if each.row.is_spoof], np.float64)
    return _separation(alive, spoof, {"liveness_below": rules.hints.liveness_below}, None)


def _separation(
    positives: accuracy.Scores, negatives: accuracy.Scores, limits: Mapping[str, float], far: float | None
) -> Separation:
    return Separation(
        len(positives),
        len(negatives),
        accuracy.auc(positives, negatives),
        accuracy.roc(positives, negatives),
        {name: accuracy.errors(positives, negatives, limit) for name, limit in limits.items()},
        None if far is None else accuracy.recommended(positives, negatives, far),
    )


def _by_group(pairs: _Pairs, column: str, rules: WatchRules) -> tuple[GroupErrors, ...]:
    values = sorted({each.row.groups.get(column, "") for each in pairs.rows})
    masks = {value: pairs.inside(column, value) for value in values}
    return accuracy.by_group(
        column,
        {value: pairs.scores[mask & pairs.same].tolist() for value, mask in masks.items()},
        {value: pairs.scores[mask & ~pairs.same].tolist() for value, mask in masks.items()},
        rules.match_from,
    )


def _heads(seen: Sequence[Seen]) -> dict[str, tuple[int, float, float]]:
    """Sort of picture -> how many heads, their median yaw and pitch in degrees."""
    told: dict[str, tuple[int, float, float]] = {}
    for kind in sorted({each.row.shows for each in seen}):
        heads = [
            (each.yaw, each.pitch)
            for each in seen
            if each.row.shows == kind and each.yaw is not None and each.pitch is not None
        ]
        if heads:
            yaw, pitch = np.median(np.array(heads, np.float64), axis=0)
            told[kind or "-"] = len(heads), round(float(yaw), 1), round(float(pitch), 1)
    return told
