"""Values that pass between the sans-io link and whoever moves the bytes."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from exam_rooms.protocol import ErrorReply, JournalReply, Receipt, SeatState, StatusRequest
from exam_rooms.standby_messages import FIRST, Reign
from exam_rooms.wire import decode

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 8.0
"""Back-off in seconds: doubled after every failure, drawn at random between the first and the bound."""
LONGEST_STRETCHED = 30.0
"""The longest pause in seconds, whatever the server asked for before it went away."""
FOREVER = float("inf")


class Ask(StrEnum):
    """What a request is for."""

    CHALLENGE = "challenge"
    SESSION = "session"
    STATE = "state"
    STATUS = "status"
    JOURNAL = "journal"
    ANSWERS = "answers"
    ACT = "act"
    RECEIPT = "receipt"
    RESUME = "resume"
    EPOCH = "epoch"
    PHOTO = "photo"
    PACKAGE = "package"
    ENROLMENT = "enrolment"
    ALERT = "alert"
    CAPTURE = "capture"
    LOOKS = "looks"
    FRAME = "frame"
    LOOK = "look"
    BREACH = "breach"
    RESCUE = "rescue"
    KEPT = "kept"


BULK_ASKS = frozenset({
    *(Ask.PHOTO, Ask.PACKAGE, Ask.BREACH, Ask.ENROLMENT, Ask.ALERT, Ask.CAPTURE, Ask.FRAME, Ask.LOOK),
    *(Ask.LOOKS, Ask.RESCUE, Ask.KEPT),
})  # fmt: skip
"""What travels in the second lane."""


class Lane(StrEnum):
    """One request at a time in each lane, so that nothing large ever holds up an answer."""

    MAIN = "main"
    BULK = "bulk"


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request to make. `ref` is the link's own note; `sent` the boot time of asking, seconds.

    `load` reads the body from the disk, so that nobody does it under the agent's lock; it may raise OSError.
    """

    ask: Ask
    method: str
    path: str
    headers: dict[str, str]
    sent: float
    body: bytes = b""
    timeout: float = 10.0
    ref: object = None
    load: Callable[[], bytes] | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. `reign`: the server's own, number 0 when the reply does not say."""

    status: int
    body: bytes
    reign: Reign = FIRST


@dataclass(frozen=True, slots=True)
class StateSeen:
    """A newer state of the seat."""

    state: SeatState


@dataclass(frozen=True, slots=True)
class TimeSeen:
    """The server's clock in one exchange; `sent` and `received` in boot seconds."""

    server_time: datetime
    sent: float
    received: float


@dataclass(frozen=True, slots=True)
class JournalGranted:
    """A journal this workstation may write."""

    reply: JournalReply


@dataclass(frozen=True, slots=True)
class AnswersTaken:
    """The outbox learned something about an attempt."""

    attempt: int


@dataclass(frozen=True, slots=True)
class ActDone:
    """The outcome of something the candidate did; `code` is empty when the server agreed."""

    ref: int
    code: str
    params: dict[str, str]


@dataclass(frozen=True, slots=True)
class ReceiptSeen:
    """The server's receipt, not yet verified."""

    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Fetched:
    """A photo, a package or what is kept of the candidate; `key` is what was asked for."""

    ask: Ask
    key: str
    data: bytes


@dataclass(frozen=True, slots=True)
class LinkMoved:
    """The link went up or down."""

    up: bool


@dataclass(frozen=True, slots=True)
class LookAsked:
    """An invigilator asks for one small picture, to be sent with `ref`."""

    ref: str


@dataclass(frozen=True, slots=True)
class EpochMoved:
    """A server of a higher epoch serves us: what the former one acknowledged has to be asked for again."""

    epoch: int


Event = (
    StateSeen
    | TimeSeen
    | JournalGranted
    | AnswersTaken
    | ActDone
    | ReceiptSeen
    | Fetched
    | LinkMoved
    | LookAsked
    | EpochMoved
)


class Pace:
    """When something that failed may be tried again."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._failures = 0
        self.ready_at = 0.0

    @property
    def eased(self) -> bool:
        """Whether it only holds back for the server's ease: nothing has failed."""
        return self._failures == 0

    def failed(self, now: float, stretch: int = 1) -> None:
        """Wait longer than the last time, with jitter; `stretch` for a server that asked for it."""
        self._failures += 1
        bound = min(LONGEST_PAUSE, FIRST_PAUSE * 2**self._failures)
        self.ready_at = now + min(LONGEST_STRETCHED, stretch * self._rng.uniform(FIRST_PAUSE, bound))

    def worked(self) -> None:
        """No wait, and start small again."""
        self._failures = 0
        self.ready_at = 0.0

    def not_before(self, moment: float) -> None:
        """Hold back until a moment without counting a failure."""
        self.ready_at = max(self.ready_at, moment)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who this workstation is. `sign` is Ed25519 with the seat's private key."""

    workstation: int
    sign: Callable[[bytes], bytes]
    software: str


@dataclass(frozen=True, slots=True)
class Act:
    """Something the candidate did that waits to be sent."""

    ref: int
    path: str
    body: dict[str, object]


def worth_telling(status: StatusRequest) -> object:
    """The part of a status whose change is told before the next heartbeat is due."""
    answers = (status.attempt, status.journal, status.waiting, status.journal_fault)
    return (*answers, status.package_sha256, status.camera, status.kiosk, status.commands)


def read_error(reply: Reply) -> ErrorReply:
    """Why the server said no; a reply without a readable reason gets a code from its HTTP status."""
    try:
        return decode(ErrorReply, json.loads(reply.body))
    except ValueError:
        return ErrorReply(f"http_{reply.status}", {})


def is_unauthorised(reply: Reply) -> bool:
    """The token is not taken any more; whether the workstation still is, the next session tells."""
    if reply.status == 403:
        return read_error(reply).code == "workstation_not_paired"
    return reply.status == 401
