"""What an agent with a camera and the room server tell each other (part of `exam_rooms.protocol`).

Pictures travel by themselves: first a message that names them by their SHA-256, then each as the body of
`Route.FRAMES`, so that the news is there before its pictures and a picture nobody announced is not taken.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from exam_rooms.challenge import ChallengeNote, ChallengePlan
from exam_rooms.watching import ObservationNote, WatchRules


class CameraState(StrEnum):
    """What an agent says of its camera."""

    NONE = "none"  # this workstation has no camera
    OPENING = "opening"  # no picture yet
    LIVE = "live"
    LOST = "lost"  # there were pictures, and none come any more
    STALLED = "stalled"  # the camera is there, and gives no new pictures
    UNAVAILABLE = "unavailable"  # the workstation lacks what it needs to look (library, models)


@dataclass(frozen=True, slots=True)
class CameraReport:
    """Part of every heartbeat. `identity`: which camera this is (serial, port, or the name of a recording).

    `checks`: the plan that the agent follows right now, as it understood it: "" (none), "enrol", "watch".
    `unavailable`: checks it cannot do ("detect", "verify"), shown as such, never passed over. `width` and
    `height`: of its newest picture in pixels, 0 before the first; `odd_size`: it should give others.
    `reconnects`, `stalls`: how often pictures came again after the camera was opened anew, and after a pause
    without that, since the agent was started.
    """

    state: CameraState = CameraState.NONE
    identity: str = ""
    checks: str = ""
    unavailable: tuple[str, ...] = ()
    width: int = 0
    height: int = 0
    odd_size: bool = False
    reconnects: int = 0
    stalls: int = 0


@dataclass(frozen=True, slots=True)
class WatchPlan:
    """What the camera at a seat of a smart room does now; absent in other rooms.

    `manual`: the candidate did not consent, nothing is looked at (R38). `enrol`: take an enrolment from
    frames and the registration photo. `watch`: fold looks into alerts. Neither: the camera only stands by
    for a technical check. `template`: enrolled vector, float32 little-endian in base64, "" without one;
    `model`: the network that made it, as in `EnrolmentRequest.models`: vectors of another one are never held
    against it.
    `captures`: seconds after `SeatState.started_at` at which this seat takes a random picture. `challenge`:
    what the candidate is asked to do before the enrolment is sent, None for nothing.
    """

    rules: WatchRules
    manual: bool = False
    enrol: bool = False
    watch: bool = False
    template: str = ""
    captures: tuple[float, ...] = ()
    challenge: ChallengePlan | None = None
    model: str = ""


@dataclass(frozen=True, slots=True)
class WarningView:
    """A warning that the candidate has not confirmed yet."""

    warning: int
    text: str


class Moment(StrEnum):
    """When a picture of an alert was taken."""

    BEFORE = "before"
    AT = "at"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class FrameNote:
    """One picture to come: SHA-256 hex of its JPEG bytes, its size in bytes, when it was taken (boot clock).

    `moment`: a `Moment` for pictures of alerts, "" else.
    """

    sha256: str
    size: int
    boot_ns: int
    moment: str = ""


@dataclass(frozen=True, slots=True)
class EnrolmentRequest:
    """Who sits here, as the agent enrolled it. `template` as in `WatchPlan`; sealed before it is stored.

    `similarity` and `likeness` compare it with the registration photo; `spread` is the similarity of the
    two of its `count` frames that are least alike: below `match_from` they may show two people. `challenge`:
    how the one of the plan ended; `liveness`: the median over the frames (0-1, 1 is alive), None without a
    model for it.
    """

    attempt: int
    template: str
    likeness: str
    count: int
    spread: float
    boot_id: str
    boot_ns: int
    similarity: float | None = None
    models: dict[str, str] = field(default_factory=dict)
    frames: tuple[FrameNote, ...] = ()
    challenge: ChallengeNote | None = None
    liveness: float | None = None


@dataclass(frozen=True, slots=True)
class AlertRequest:
    """An episode began or ended at the seat. Sending it again changes nothing.

    `episode`: the agent's own name of it (hex, unique); `since_ns` when the cause began, `boot_ns` when the
    agent decided, both on the boot clock of `boot_id`. With `closed` the cause is gone since `since_ns`.
    `scores`: numbers behind the decision; `frames`: those not announced before. `probe`: the face that did
    not match, a vector like `WatchPlan.template`, so that the server can look for it in the room; "" else.
    """

    attempt: int
    episode: str
    kind: str
    boot_id: str
    since_ns: int
    boot_ns: int
    closed: bool = False
    scores: dict[str, float] = field(default_factory=dict)
    models: dict[str, str] = field(default_factory=dict)
    note: ObservationNote | None = None
    frames: tuple[FrameNote, ...] = ()
    probe: str = ""


@dataclass(frozen=True, slots=True)
class CaptureRequest:
    """A random picture: which of the plan's (`number` from 0), and what the seat saw in it.

    Without a `frame` the camera gave none: `note` is None then, and the capture stands as missed.
    """

    attempt: int
    number: int
    boot_id: str
    boot_ns: int
    note: ObservationNote | None = None
    frame: FrameNote | None = None


@dataclass(frozen=True, slots=True)
class LookLog:
    """A batch of the log of looks, `body`: base64 of `look_log.pack`. Sending it again changes nothing.

    `batch`: the agent's own name of it (hex, unique); `since_ns`, `until_ns`: its first and its last look on
    the boot clock of `boot_id`; `count`: how many there are.
    """

    attempt: int
    batch: str
    boot_id: str
    since_ns: int
    until_ns: int
    count: int
    body: str


@dataclass(frozen=True, slots=True)
class WarningReadRequest:
    """The candidate confirmed a warning."""

    warning: int


@dataclass(frozen=True, slots=True)
class Taken:
    """The server has what was sent, durably. `wanted`: SHA-256 of announced pictures it still lacks."""

    wanted: tuple[str, ...] = ()
    hint: int = 0
