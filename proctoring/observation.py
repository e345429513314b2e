"""What one frame showed: plain values, no pixels, no state."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from exam_rooms.watching import Likeness, ObservationNote
from proctoring.quality import Quality


@dataclass(frozen=True, slots=True)
class FoundFace:
    """One face. `box`: left, top, width, height in pixels of the frame; `score` 0-1.

    `landmarks`: five points (x, y) in pixels: the person's right eye (left in the picture), left eye, nose,
    right and left corner of the mouth. `main`: the face of whoever sits here, at most one in a frame.
    """

    box: tuple[float, float, float, float]
    score: float
    landmarks: tuple[tuple[float, float], ...]
    main: bool = False


@dataclass(frozen=True, slots=True)
class Identity:
    """How like the enrolled face the main one is: cosine -1 to 1, and what that means."""

    similarity: float
    likeness: Likeness


@dataclass(frozen=True, slots=True)
class Attention:
    """Where the main face looks, as the picture shows it.

    `yaw`, `pitch`, `roll`: degrees; to the right edge of the picture (the person's own left), up and
    clockwise are positive. `gaze`: place of the iris between the left and the right corner of the eye in the
    picture, 0-1, None when it was not looked for. `eyes`, `mouth`: how far they are open, height by width;
    the eyes by the finer of the two networks when `gaze` was looked for, which measures otherwise than the
    coarser one: compare only looks of one sort.
    """

    yaw: float
    pitch: float
    roll: float
    eyes: float
    mouth: float
    gaze: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class HeadShape:
    """The rigid points of the main face in the picture (n x 2, pixels; the order is `pose.RIGID`), and how
    badly a head fits them (`pose.Pose.misfit`). For the moment only: neither sent nor kept.
    """

    points: NDArray[np.float64]
    misfit: float


@dataclass(frozen=True, slots=True)
class FoundObject:
    """Something in the picture: `kind` "phone", "book" or "person"; box in pixels of the frame."""

    kind: str
    score: float
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Observation:
    """One look. `persons`: faces that count as sitting here (the main one and large enough others).

    `identity` is None when nothing was compared: nobody enrolled, not asked for, no model, or a frame too
    poor to compare (`comparable` false). `fingerprint` is equal only for frames with the very same pixels.
    `models`: purpose -> name and version; `unavailable`: purposes whose model is missing or wrong;
    `ms`: milliseconds by step. `attention`, `liveness` (1: a living face, 0: a picture of one) and
    `objects` are None when they were not looked for, their model is missing, or the frame does not show
    enough to tell. `probe`: the compared face as a vector, `shape`: the head whose `attention` this is; both
    stay in memory.
    """

    width: int
    height: int
    quality: Quality
    faces: tuple[FoundFace, ...]
    persons: int
    comparable: bool
    identity: Identity | None
    fingerprint: str
    models: Mapping[str, str] = field(default_factory=dict)
    unavailable: tuple[str, ...] = ()
    ms: Mapping[str, float] = field(default_factory=dict)
    attention: Attention | None = None
    liveness: float | None = None
    objects: tuple[FoundObject, ...] | None = None
    probe: NDArray[np.float32] | None = field(default=None, repr=False, compare=False)
    shape: HeadShape | None = field(default=None, repr=False, compare=False)

    def note(self) -> ObservationNote:
        """The same in the values that are sent and kept."""
        identity, attention = self.identity, self.attention
        pose = {} if attention is None else {name: _short(getattr(attention, name)) for name in _ATTENTION}
        return ObservationNote(
            faces=len(self.faces),
            persons=self.persons,
            brightness=round(self.quality.brightness, 1),
            sharpness=round(self.quality.sharpness, 1),
            quality=str(self.quality.verdict),
            similarity=None if identity is None else round(identity.similarity, 4),
            likeness="" if identity is None else str(identity.likeness),
            models=dict(self.models),
            unavailable=self.unavailable,
            liveness=_short(self.liveness),
            objects=None if self.objects is None else _best(self.objects),
            **pose,
        )


BESIDE = 0.6
"""Least height of a second person as a share of the first one's."""
SAME = 0.7
"""Share of a person's box within the largest one's from which it is a part of that same person."""
_ATTENTION = ("yaw", "pitch", "roll", "gaze", "eyes", "mouth")


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _best(objects: tuple[FoundObject, ...]) -> dict[str, float]:
    """The best score of each kind; of persons that of the likeliest beside the one who sits here."""
    best: dict[str, float] = {}
    for each in (*(one for one in objects if one.kind != "person"), *_beside(objects)):
        best[each.kind] = max(best.get(each.kind, 0.0), round(float(each.score), 3))
    return best


def _beside(objects: tuple[FoundObject, ...]) -> list[FoundObject]:
    """Persons beside the largest one that are large enough not to sit in the rows behind."""
    persons = sorted(
        (one for one in objects if one.kind == "person"), key=lambda one: one.box[2] * one.box[3]
    )
    return [
        one
        for one in persons[:-1]
        if one.box[3] >= BESIDE * persons[-1].box[3] and _inside(one, persons[-1]) < SAME
    ]


def _inside(one: FoundObject, other: FoundObject) -> float:
    """Which share of a thing's box lies within another's."""
    wide, high = (
        min(one.box[side] + one.box[side + 2], other.box[side] + other.box[side + 2])
        - max(one.box[side], other.box[side])
        for side in (0, 1)
    )
    return max(0.0, wide) * max(0.0, high) / max(one.box[2] * one.box[3], 1.0)
