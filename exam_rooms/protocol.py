"""THE protocol between a kiosk agent and the room server: version, messages, routes, event names.

Requests and answers are JSON bodies of the frozen messages below (see `wire.py`). Everything under
`/agent/` but pairing needs the agent's bearer token. Answers travel by HTTP; the socket only pushes.
A change of a message's shape raises `VERSION`; docs/protocol.md is the reference for other hands.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from json.encoder import encode_basestring as _text

from exam_rooms.kiosk_messages import (
    Accommodation,
    AnnouncementView,
    CheckPlan,
    CommandNote,
    FreezeView,
    KioskPlan,
    KioskReport,
    MessageView,
    PageTools,
    PauseView,
    SeatOrder,
    SebState,
)
from exam_rooms.routes import Route as Route
from exam_rooms.watch_messages import CameraReport, WarningView, WatchPlan
from exam_rooms.wire import canonical

VERSION = 7
VERSION_HEADER = "X-Examhall-Protocol"
EPOCH_HEADER = "X-Examhall-Epoch"
"""In every request of an agent the highest epoch it has met, in every reply the server's own."""
ZERO_HEAD = "0" * 64
NAMESPACE_SEAT = "/seat"
NAMESPACE_MONITOR = "/monitor"
EVENT_STATE = "state"
"""Server to seat: the whole `SeatState`; the newest version wins."""
EVENT_LOOK = "look"
"""Server to seat: an invigilator asks for one small picture; {"ref": text} to send it with."""
EVENT_SEATS = "seats"
"""Server to monitor: a list of seat cells that changed, each with what has changed of it."""
EVENT_ROOM = "room"
"""Server to monitor: the room's phase, counts and clock."""
EVENT_ACTIVITY = "activity"
"""Server to monitor: one line for the activity list (incident or act)."""
EVENT_SERVER = "server"
"""Server to monitor: how busy the server is and what time it has."""


class Step(StrEnum):
    """What the seat shows; derived by the server from the attempt and the room's phase."""

    UNASSIGNED = "unassigned"  # nobody is seated here, or no sitting is open
    SIGN_IN = "sign_in"  # ticket and ID number asked
    IDENTIFIED = "identified"  # waits for an invigilator
    ADMITTED = "admitted"  # candidate confirms photo and name
    CONFIRMED = "confirmed"  # candidate reads the rules, decides on face comparison
    READY = "ready"  # waits for the start
    ANSWERING = "answering"
    SUBMITTED = "submitted"  # by the candidate
    TIME_OVER = "time_over"  # submitted by the server at the deadline
    ENDED = "ended"  # ended by an invigilator
    MOVED = "moved"  # the candidate continues at another seat
    ABSENT = "absent"


class RecordKind(StrEnum):
    """What a journal record says."""

    OPEN = "open"  # first record of a journal; `prev` is the parent head it continues
    ANSWER = "answer"
    CLEAR = "clear"
    MARK = "mark"  # flagged for another look
    UNMARK = "unmark"
    SUBMIT = "submit"


@dataclass(frozen=True, slots=True)
class Record:
    """One answer event (design D1). Only the agent makes links; `hash` covers every other field.

    `body` is base64 of AES-GCM under the attempt key with AAD `attempt|journal|seq`, holding
    `{"response": [texts]}` for ANSWER and `{}` else, so no hash can be guessed back to an answer.
    `boot_ns` is CLOCK_BOOTTIME at the moment of writing, `boot_id` the kernel's boot id.
    """

    attempt: int
    journal: int
    seq: int
    kind: RecordKind
    item: str
    body: str
    boot_id: str
    boot_ns: int
    prev: str
    hash: str

    def digest(self) -> str:
        """SHA-256 hex over the canonical form of all fields but `hash`."""
        return record_digest(self)


def record_digest(record: Record) -> str:
    """The link a record must carry."""
    # `canonical` of the list of these fields, written out: a submission is checked by hundreds of them.
    place = f'[{record.attempt:d},{record.journal:d},{record.seq:d},"{record.kind!s}",{_text(record.item)}'
    stamps = f"{_text(record.body)},{_text(record.boot_id)},{record.boot_ns:d},{_text(record.prev)}]"
    return hashlib.sha256(f"{place},{stamps}".encode()).hexdigest()


def record_aad(attempt: int, journal: int, seq: int) -> bytes:
    """Associated data that binds a sealed response to its place in the stream."""
    return f"{attempt}|{journal}|{seq}".encode()


@dataclass(frozen=True, slots=True)
class PairRequest:
    """Pairing by code: `secret` is the one-time part, `public_key` Ed25519 raw bytes in base64."""

    secret: str
    public_key: str
    hostname: str
    software: str


@dataclass(frozen=True, slots=True)
class PairReply:
    """`site_key` is the site's Ed25519 public key in base64: packages and receipts are signed with it.

    `rescue_key` is its X25519 public key in base64: rescue files are sealed to it.
    """

    workstation: int
    room: str
    seat: str
    site_key: str
    rescue_key: str = ""


@dataclass(frozen=True, slots=True)
class Challenge:
    """A server nonce, valid for a minute."""

    nonce: str


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """`signature`: Ed25519 over `session_message(workstation, nonce)`, base64."""

    workstation: int
    nonce: str
    signature: str
    software: str


def session_message(workstation: int, nonce: str) -> bytes:
    """What an agent signs to prove that it holds the seat's key."""
    return f"examhall/session|{workstation}|{nonce}".encode()


@dataclass(frozen=True, slots=True)
class SessionReply:
    """A bearer token for the other routes and the socket."""

    token: str
    expires_at: datetime
    server_time: datetime


@dataclass(frozen=True, slots=True)
class SignInRequest:
    """What the candidate typed."""

    ticket: str
    id_number: str


@dataclass(frozen=True, slots=True)
class ConfirmRequest:
    """The candidate's answer to "is this you?"; false calls the invigilator."""

    is_me: bool


@dataclass(frozen=True, slots=True)
class AcceptRequest:
    """Rules and pledge accepted; face comparison is a choice of its own (R38 path).

    `consent_version`: which text the candidate was shown about it; "" where nothing was asked.
    """

    rules_version: str
    face_consent: bool
    consent_version: str = ""


@dataclass(frozen=True, slots=True)
class CandidateView:
    """What the seat may show of its candidate; `face_consent`: what was said of it at the sign-in desk."""

    name: str
    ticket: str
    id_masked: str
    employer: str
    has_photo: bool
    face_consent: bool | None = None


@dataclass(frozen=True, slots=True)
class PaperView:
    """Which package and which section this seat needs. `key` (base64) is there once the room started."""

    package: str
    sha256: str
    size: int
    form: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class SittingView:
    """The sitting as a candidate sees it. `demo` marks every screen."""

    title: str
    room: str
    occupation: str
    level_name: str
    starts_at: datetime
    minutes: float
    rules_version: str
    demo: bool = False
    rehearsal: bool = False


@dataclass(frozen=True, slots=True)
class SeatState:
    """All a seat needs to know; pushed whole on every change, so a lost push heals with the next.

    `link_required_by` is not part of it on purpose: a seat without link goes on to its own deadline (R46).
    """

    version: int
    server_time: datetime
    seat: str
    step: Step
    sitting: SittingView | None = None
    candidate: CandidateView | None = None
    attempt: int | None = None
    paper: PaperView | None = None
    started_at: datetime | None = None
    deadline: datetime | None = None
    submit_from: datetime | None = None
    credit_minutes: float = 0.0
    collect: bool = False
    journal: int = 0
    notice: str = ""
    watch: WatchPlan | None = None
    warnings: tuple[WarningView, ...] = ()
    frozen: FreezeView | None = None
    check: CheckPlan | None = None
    seb: SebState = SebState.NOT_NEEDED
    kiosk: KioskPlan = field(default_factory=KioskPlan)
    tools: PageTools = field(default_factory=PageTools)
    accommodation: Accommodation = field(default_factory=Accommodation)
    hand_raised_at: datetime | None = None
    announcements: tuple[AnnouncementView, ...] = ()
    messages: tuple[MessageView, ...] = ()
    paused: PauseView | None = None
    paused_minutes: float = 0.0
    commands: tuple[SeatOrder, ...] = ()


@dataclass(frozen=True, slots=True)
class JournalRequest:
    """Asks for a journal of an attempt on this workstation."""

    attempt: int


@dataclass(frozen=True, slots=True)
class JournalReply:
    """A new journal number, the attempt key (base64, 32 bytes) and the head to continue from.

    `records` are the attempt's earlier records, so that another machine resumes with all answers. `proof`
    (base64) is for this site alone: by it a server that took over knows a grant that it never heard of.
    """

    attempt: int
    journal: int
    parent: str
    key: str
    records: tuple[Record, ...] = ()
    proof: str = ""


@dataclass(frozen=True, slots=True)
class AnswersRequest:
    """A batch of records of one attempt, in order of seq."""

    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class RefusedRecord:
    """A record that was kept aside, not taken into the stream; resending it changes nothing."""

    journal: int
    seq: int
    code: str


@dataclass(frozen=True, slots=True)
class AnswersReply:
    """`upto`: per journal number (as text) the highest contiguous seq that is durable at the server."""

    upto: dict[str, int]
    refused: tuple[RefusedRecord, ...] = ()
    hint: int = 0


@dataclass(frozen=True, slots=True)
class StatusRequest:
    """The agent's heartbeat, every few seconds and at every change of `waiting`.

    `waiting`: records on this workstation that the server has not acknowledged. `head`, `seq`: the
    journal's end, so the server knows when a seat is collected. `journal_fault`: "" or a code.
    """

    boot_id: str
    boot_ns: int
    state_version: int
    attempt: int | None = None
    journal: int = 0
    seq: int = 0
    head: str = ZERO_HEAD
    waiting: int = 0
    package_sha256: str = ""
    journal_fault: str = ""
    camera: CameraReport = field(default_factory=CameraReport)
    kiosk: KioskReport = field(default_factory=KioskReport)
    commands: tuple[CommandNote, ...] = ()


@dataclass(frozen=True, slots=True)
class StatusReply:
    """`hint` 0-10: how much agents should slow down; `state_version`: fetch the state if newer."""

    server_time: datetime
    state_version: int
    hint: int = 0


@dataclass(frozen=True, slots=True)
class Receipt:
    """The head of the chain signed by the server: `signature` is Ed25519 over `receipt_message`, base64."""

    attempt: int
    ticket: str
    journal: int
    seq: int
    head: str
    answered: int
    submitted_at: datetime
    signature: str


def receipt_message(receipt: Receipt) -> bytes:
    """The bytes a receipt's signature covers."""
    parts = [receipt.attempt, receipt.ticket, receipt.journal, receipt.seq, receipt.head, receipt.answered]
    return canonical(["examhall/receipt", *parts, receipt.submitted_at.isoformat()])


@dataclass(frozen=True, slots=True)
class ErrorReply:
    """Why a request was refused; the page has a sentence for every code in both languages."""

    code: str
    params: dict[str, str]
