"""What a seat's camera looks for: the numbers of a level policy, and what one look tells in plain values.

No pixels here. `proctoring` sees, the seat's agent sends, the server keeps: all three speak in these values.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from exam_rooms.incidents import IncidentKind, Severity

PRESENCE_KINDS = (
    IncidentKind.NO_FACE,
    IncidentKind.MULTI_FACE,
    IncidentKind.FACE_MISMATCH,
    IncidentKind.CAMERA_COVERED,
    IncidentKind.DARK,
    IncidentKind.FROZEN,
    IncidentKind.CAMERA_LOST,
)
"""What every policy that watches says something about."""
OPTIONAL_KINDS = (
    IncidentKind.CAMERA_STALLED,
    IncidentKind.CAMERA_RESOLUTION,
    IncidentKind.TURNED_AWAY,
    IncidentKind.GAZE_AWAY,
    IncidentKind.TALKING,
    IncidentKind.LIVENESS_DOUBT,
    IncidentKind.PHONE_HINT,
    IncidentKind.BOOK_HINT,
    IncidentKind.PERSON_HINT,
)
"""What a policy may ask for; without a rule a kind is off, and the steps that only it needs are not made."""
CAMERA_KINDS = (*PRESENCE_KINDS, *OPTIONAL_KINDS)
"""What the seat's own agent raises, one alert for each episode."""
OBJECT_KINDS = {
    IncidentKind.PHONE_HINT: "phone",
    IncidentKind.BOOK_HINT: "book",
    IncidentKind.PERSON_HINT: "person",
}
"""A hint -> the thing in `ObservationNote.objects` that it is about."""
SEVERITIES = tuple(severity.name.lower() for severity in Severity)
"""The words for `Severity`, the least first."""


class Likeness(StrEnum):
    """What a comparison of two faces says. `NO_FACE`: there was none to compare; `NO_PHOTO`: no picture."""

    MATCH = "match"
    UNSURE = "unsure"
    MISMATCH = "mismatch"
    NO_FACE = "no_face"
    NO_PHOTO = "no_photo"


@dataclass(frozen=True, slots=True)
class EpisodeRule:
    """How long a cause must hold before it is an alert, and be gone before its episode ends; seconds.

    `severity`: one of `SEVERITIES`, "" for the kind's usual one. For `cool_down_seconds` after an episode has
    ended no new one of its kind opens: a cause that comes back meanwhile is counted, and opens one only when
    it is still there afterwards.
    """

    kind: str
    hold_seconds: float
    clear_seconds: float
    severity: str = ""
    cool_down_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class AttentionRules:
    """When head, eyes and mouth are where they usually are, against the candidate's own usual place.

    The usual place is the median of the first `baseline_seconds` of good looks and follows slowly. Away is a
    head turned by more than `yaw_away` degrees, or bent down by more than `pitch_down` for `down_seconds`
    (who writes on scrap paper looks down); `gaze_away`: how far the iris may move between the corners of the
    eye; `mouth_moves`: change of the mouth's opening from look to look that counts as a movement, and
    `mouth_count` of these within `mouth_looks` looks are talking.
    """

    baseline_seconds: float = 30.0
    yaw_away: float = 30.0
    pitch_down: float = 20.0
    down_seconds: float = 15.0
    gaze_away: float = 0.07
    mouth_moves: float = 0.12
    mouth_count: int = 6
    mouth_looks: int = 12


@dataclass(frozen=True, slots=True)
class HintRules:
    """How scores become causes: by several looks, since one look with a small network errs.

    A face that seems no living one: `liveness_votes` of the last `liveness_of` looks below `liveness_below`.
    An object: `object_sure` in the last look, or `object_likely` in `object_votes` of the last `object_of`.
    """

    liveness_below: float = 0.35
    liveness_votes: int = 3
    liveness_of: int = 5
    object_sure: float = 0.35
    object_likely: float = 0.25
    object_votes: int = 3
    object_of: int = 6


@dataclass(frozen=True, slots=True)
class PaceRules:
    """How often a seat is looked at. None: always every `WatchRules.sample_seconds`.

    After `calm_after` seconds without anything doubtful a look every `calm_seconds`, with something doubtful
    every `doubt_seconds`, as far as `cpu_share` of one processor allows; never more seldom than the slowest
    of these, whatever it costs. `gaze_seconds`, `liveness_seconds`, `objects_seconds`: the pace of each of
    the costly steps.
    """

    calm_after: float = 60.0
    calm_seconds: float | None = None
    doubt_seconds: float | None = None
    cpu_share: float = 0.15
    gaze_seconds: float = 1.0
    liveness_seconds: float = 5.0
    objects_seconds: float = 3.0


@dataclass(frozen=True, slots=True)
class WatchRules:
    """How a seat's camera is used: data of the level policy, sent to the seat in its plan.

    A second face counts from `second_face_score` and from `second_face_share` of the main face's width on:
    people in the rows behind do not. A face is compared every `verify_seconds`; FACE_MISMATCH looks at the
    median of the last `mismatch_frames` good frames, which is too unlike below a cosine of `mismatch_below`;
    from `match_from` on two pictures show the same person, between the two nothing is claimed.
    `captures`: random pictures of each seat in a sitting; `recheck_share`: which part of them the server
    looks at again; `frame_limit`: pictures sent for one sitting of one seat at most; `keep_days`: how long
    pictures, vectors and looks are kept. `log_seconds`: how much time one batch of the log of looks holds,
    0 for no log.
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
    attention: AttentionRules = AttentionRules()
    hints: HintRules = HintRules()
    pace: PaceRules = PaceRules()
    log_seconds: float = 0.0

    @property
    def slowest(self) -> float:
        """Seconds between two looks at most, while the camera gives pictures."""
        return max(self.sample_seconds, self.pace.calm_seconds or 0.0)

    @property
    def fastest(self) -> float:
        """Seconds between two looks at least."""
        return min(self.sample_seconds, self.pace.doubt_seconds or self.sample_seconds)

    def rule(self, kind: str) -> EpisodeRule | None:
        """The rule of a kind; None for one that is off."""
        return next((rule for rule in self.episodes if rule.kind == kind), None)


@dataclass(frozen=True, slots=True)
class ObservationNote:
    """One look in plain values, as it travels and is kept with a picture.

    `faces`: all that were found, `persons`: those that count as sitting here; `quality`: good, dark, blurred
    or covered; `similarity` (cosine) and `likeness` only when the face was compared. `unavailable`: checks
    that were not made for want of a model ("detect", "verify"): without "detect" the counts say nothing.
    From `yaw` on as in `proctoring.observation.Observation`, each only when it was looked for; `objects`: the
    best score of each thing, and of "person" that of a second one.
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
