"""What one frame showed: plain values, no pixels, no state."""

from collections.abc import Mapping
from dataclasses import dataclass, field

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
class Observation:
    """One look. `persons`: faces that count as sitting here (the main one and large enough others).

    `identity` is None when nothing was compared: nobody enrolled, not asked for, no model, or a frame too
    poor to compare (`comparable` false). `fingerprint` is equal only for frames with the very same pixels.
    `models`: purpose -> name and version; `unavailable`: purposes whose model is missing or wrong;
    `ms`: milliseconds by step.
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

    def note(self) -> ObservationNote:
        """The same in the values that are sent and kept."""
        identity = self.identity
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
        )
