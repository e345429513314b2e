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
    """Where the main face looks. `yaw`, `pitch`, `roll`: degrees (right turn, up, clockwise positive, as
    the person feels them); `gaze`: place of the iris between the corners of the eye, 0-1, None when it was
    not looked for; `eyes`, `mouth`: how far they are open, height by width.
    """

    yaw: float
    pitch: float
    roll: float
    eyes: float
    mouth: float
    gaze: float | None = None


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
    `objects` are None when they were not looked for or their model is missing. `probe`: the compared face as
    a vector; it stays in memory.
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


_ATTENTION = ("yaw", "pitch", "roll", "gaze", "eyes", "mouth")


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _best(objects: tuple[FoundObject, ...]) -> dict[str, float]:
    """The best score of each kind."""
    best: dict[str, float] = {}
    for each in objects:
        best[each.kind] = max(best.get(each.kind, 0.0), round(each.score, 3))
    return best
