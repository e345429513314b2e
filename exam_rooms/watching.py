"""What a seat's camera looks for: the numbers of a level policy, and what one look tells in plain values.

No pixels here. `proctoring` sees, the seat's agent sends, the server keeps: all three speak in these values.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from exam_rooms.incidents import IncidentKind

CAMERA_KINDS = (
    IncidentKind.NO_FACE,
    IncidentKind.MULTI_FACE,
    IncidentKind.FACE_MISMATCH,
    IncidentKind.CAMERA_COVERED,
    IncidentKind.DARK,
    IncidentKind.FROZEN,
    IncidentKind.CAMERA_LOST,
)
"""What the seat's own agent raises, one alert for each episode."""


class Likeness(StrEnum):
    """What a comparison of two faces says. `NO_FACE`: there was none to compare; `NO_PHOTO`: no picture."""

    MATCH = "match"
    UNSURE = "unsure"
    MISMATCH = "mismatch"
    NO_FACE = "no_face"
    NO_PHOTO = "no_photo"


@dataclass(frozen=True, slots=True)
class EpisodeRule:
    """How long a cause must hold before it is an alert, and be gone before its episode ends; seconds."""

    kind: str
    hold_seconds: float
    clear_seconds: float


@dataclass(frozen=True, slots=True)
class WatchRules:
    """How a seat's camera is used: data of the level policy, sent to the seat in its plan.

    A second face counts from `second_face_score` and from `second_face_share` of the main face's width on:
    people in the rows behind do not. A face is compared every `verify_seconds`; FACE_MISMATCH looks at the
    median of the last `mismatch_frames` good frames, which is too unlike below a cosine of `mismatch_below`;
    from `match_from` on two pictures show the same person, between the two nothing is claimed.
    `captures`: random pictures of each seat in a sitting; `recheck_share`: which part of them the server
    looks at again; `frame_limit`: pictures sent for one sitting of one seat at most; `keep_days`: how long
    pictures and vectors are kept.
    """

    sample_seconds: float = 1.0
    verify_seconds: float = 3.0
    second_face_score: float = 0.7
    second_face_share: float = 0.35
    mismatch_frames: int = 5
    mismatch_below: float = 0.35
    match_from: float = 0.5
    enrol_frames: int = 3
    captures: int = 2
    recheck_share: float = 0.5
    frame_limit: int = 120
    keep_days: int = 180
    episodes: tuple[EpisodeRule, ...] = ()


@dataclass(frozen=True, slots=True)
class ObservationNote:
    """One look in plain values, as it travels and is kept with a picture.

    `faces`: all that were found, `persons`: those that count as sitting here; `quality`: good, dark, blurred
    or covered; `similarity` (cosine) and `likeness` only when the face was compared. `unavailable`: checks
    that were not made for want of a model ("detect", "verify"): without "detect" the counts say nothing.
    """

    faces: int
    persons: int
    brightness: float
    sharpness: float
    quality: str
    similarity: float | None = None
    likeness: str = ""
    models: dict[str, str] = field(default_factory=dict)
    unavailable: tuple[str, ...] = ()
    yaw: float | None = None
    pitch: float | None = None
    roll: float | None = None
    gaze: float | None = None
    eyes: float | None = None
    mouth: float | None = None
    liveness: float | None = None
    objects: dict[str, float] | None = None
