"""What a kiosk agent and the room server tell each other beside paper, answers and pictures.

Part of `exam_rooms.protocol`: how well the workstation is locked down, breaches, self-check, calls of the
invigilator, announcements, what the candidate's page may offer, and signed orders to a kiosk.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from exam_rooms.wire import canonical


class Lockdown(StrEnum):
    """What keeps the candidate inside the page."""

    NONE = "none"  # no launcher: a demo or a test
    LOCKED = "locked"  # our launcher, everything closed
    OPEN = "open"  # our launcher, and something that must be closed is open
    SEB = "seb"  # Safe Exam Browser stands before the page


@dataclass(frozen=True, slots=True)
class KioskReport:
    """Part of every heartbeat. `open`: codes of what is not closed.

    `screens`: how many displays show a picture; `browser`: restarts of the kiosk's browser since the agent
    began.
    """

    lockdown: Lockdown = Lockdown.NONE
    open: tuple[str, ...] = ()
    screens: int = 0
    browser: int = 0


# --- breaches ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BreachNote:
    """One thing that should not happen at a seat, seen by its agent. Sending it again changes nothing.

    `ref`: the agent's own name of it (32 hex digits, unique); `kind`: an `IncidentKind` among `BREACHES`;
    `since_ns` when it began and `boot_ns` when it was noticed, both on the boot clock of `boot_id`. With
    `ended` the cause called `ref` is gone since `since_ns`. `detail`: a short name (of a process, a device
    class), never a content. `count`: how often it happened since the last note of its kind.
    """

    ref: str
    kind: str
    boot_id: str
    since_ns: int
    boot_ns: int
    ended: bool = False
    detail: str = ""
    count: int = 1


class LossKind(StrEnum):
    """Why a candidate could not work although the time went on."""

    MACHINE_OFF = "machine_off"  # the workstation was off or was started anew
    AGENT_OFF = "agent_off"  # the workstation was on, its seat agent was not
    PAGE_GONE = "page_gone"  # the agent was there, the candidate's page was not


@dataclass(frozen=True, slots=True)
class LossNote:
    """A time for which the open paper could not be worked at, by the agent's own log.

    From `since_ns` on the boot clock of `since_boot` to `until_ns` on that of `until_boot`; the two boots
    differ when the machine was off. `ref` is the agent's own name of it (32 hex digits): sending it again
    adds nothing.
    """

    ref: str
    kind: str
    since_boot: str
    since_ns: int
    until_boot: str
    until_ns: int


@dataclass(frozen=True, slots=True)
class BreachRequest:
    """What the agent noticed at its seat for this attempt: breaches, oldest first; a cover that was released
    there; times that were lost.
    """

    attempt: int
    notes: tuple[BreachNote, ...]
    release: "SeatRelease | None" = None
    losses: tuple[LossNote, ...] = ()


@dataclass(frozen=True, slots=True)
class FreezeView:
    """The paper is covered until an invigilator releases it; time goes on. `kind`: the incident's kind."""

    kind: str
    since: datetime


@dataclass(frozen=True, slots=True)
class SeatRelease:
    """The cover of that `kind` and `since` was released at the seat by the room's PIN, at `boot_ns` on the
    boot clock of `boot_id`.
    """

    kind: str
    since: datetime
    boot_id: str
    boot_ns: int


# --- before the bell ---------------------------------------------------------------------------------


class CheckName(StrEnum):
    """What is checked at a seat before the bell."""

    PACKAGE = "package"  # the sealed paper lies here, sound
    VERSION = "version"  # the agent is of the server's version
    JOURNAL = "journal"  # a record can be written, flushed, read and removed
    SPACE = "space"
    KEY = "key"  # the seat's key can be read and signs
    CLOCK = "clock"  # how well the server's time is known here
    WALL = "wall"  # the machine's own clock, which no deadline uses
    LABEL = "label"  # the number on the screen is the one that was paired
    LOCKDOWN = "lockdown"
    SCREENS = "screens"  # one display and no more
    CAMERA = "camera"
    LIGHT = "light"
    CANARY = "canary"  # the synthetic paper, answered end to end


@dataclass(frozen=True, slots=True)
class CheckPlan:
    """A self-check that this seat shall make. `ref` names the round: a report of another round is old.

    `canary`: a sealed synthetic paper (base64 of its package), with its section key and form, answered
    end to end as `ref` would see it; limits are data of the level policy. `version`: the server's own;
    `lockdown`: the page should stand in a locked browser.
    """

    ref: str
    canary: str = ""
    canary_key: str = ""
    canary_form: str = ""
    least_free_mb: int = 0
    most_offset_ms: int = 0
    package_sha256: str = ""
    camera: bool = False
    version: str = ""
    lockdown: bool = False


class Verdict(StrEnum):
    """The outcome of one check."""

    GOOD = "good"
    LOOK = "look"  # works, but somebody should look
    BAD = "bad"  # the seat must not be used


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check: `name` is a `CheckName`, `found` a short value to show (a version, MiB, ms) or a code."""

    name: str
    verdict: Verdict
    found: str = ""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """All checks of a round. `canary_answers`: the records of a journal that the seat kept for it, as base64
    of their canonical JSON, responses sealed as always; `canary_map`: SHA-256 of order and keys as this seat
    delivered them (`itembank.canary_answers`).
    """

    ref: str
    results: tuple[CheckResult, ...]
    canary_answers: tuple[str, ...] = ()
    canary_map: str = ""


# --- the candidate and the invigilator ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CallRequest:
    """The candidate raises or lowers the hand. `reason`: "", "question", "technical" or "unwell"."""

    raised: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AnnouncementView:
    """What an invigilator said to the whole room."""

    announcement: int
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class MessageView:
    """What an invigilator said to this candidate alone."""

    message: int
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PageTools:
    """What the candidate's page offers, from the level policy. `warn_minutes`: remaining minutes at which
    the time is said once.
    """

    eliminate: bool = True
    notes: bool = True
    warn_minutes: tuple[int, ...] = (15, 5)


@dataclass(frozen=True, slots=True)
class Accommodation:
    """What was approved for this candidate. `extra_minutes` are in the deadline already."""

    large_print: bool = False
    extra_minutes: float = 0.0


# --- Safe Exam Browser -------------------------------------------------------------------------------

SEB_PORT = 18080
"""The page's fixed port where a room chooses no other: SEB's settings name the whole address."""


class SebState(StrEnum):
    """Whether this seat needs Safe Exam Browser and has proved it."""

    NOT_NEEDED = ""
    WANTED = "wanted"
    GOOD = "good"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class SebProof:
    """What Safe Exam Browser said at the page, forwarded as it came: the server compares.

    `url`: the exact address that was asked for; the hashes are 64 hex digits or "".
    """

    url: str
    config_key_hash: str
    browser_exam_key_hash: str = ""
    version: str = ""


# --- commands to a seat ------------------------------------------------------------------------------


class CommandKind(StrEnum):
    """What staff do to a seat; each is confirmed by it."""

    START = "start"
    PAUSE = "pause"  # the paper is covered and time stands still
    RESUME = "resume"
    CREDIT = "credit"  # compensation time
    MESSAGE = "message"
    IDENTITY = "identity"  # the page is covered until an invigilator has looked; time goes on
    LOCK = "lock"  # the page is covered; time goes on
    UNLOCK = "unlock"
    MOVE = "move"  # the candidate goes on at another seat
    END = "end"
    REOPEN = "reopen"  # an end is taken back


@dataclass(frozen=True, slots=True)
class SeatOrder:
    """A command that this seat has not confirmed; what it means stands in the rest of the state."""

    command: int
    kind: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CommandNote:
    """Part of every heartbeat until the state does not name the command any more.

    Stamps are on the boot clock of the heartbeat's `boot_id`: when the agent had the command, and when the
    candidate's page showed it (0: not yet). `worked_ns`: since when the seat's time had gone on without a
    break when the command came (0: it had not), which tells what was worked in a pause.
    """

    command: int
    received_ns: int
    done_ns: int = 0
    worked_ns: int = 0


@dataclass(frozen=True, slots=True)
class PauseView:
    """Time stands still at this seat since then; the deadline is told as if the pause ended there."""

    since: datetime


# --- orders to a kiosk -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KioskOrder:
    """A signed command of the server. `action`: "quit". `signature`: Ed25519 by the site's key, base64."""

    action: str
    workstation: int
    issued_at: datetime
    nonce: str
    signature: str


def order_message(order: KioskOrder) -> bytes:
    """The bytes that an order's signature covers."""
    return canonical(
        ["examhall/order", order.action, order.workstation, order.issued_at.isoformat(), order.nonce]
    )


@dataclass(frozen=True, slots=True)
class QuitPin:
    """A salted hash of the invigilators' PIN, so that a kiosk without link can be left: scrypt, base64.

    `uid` tells one PIN from the next.
    """

    uid: str
    salt: str
    hash: str
    n: int = 1 << 14


@dataclass(frozen=True, slots=True)
class KioskPlan:
    """What the launcher and the warden of this seat have to know.

    `forbidden`: patterns of program names; `grace`: kind of a breach -> seconds for which its cause may last
    before it is told.
    """

    pin: QuitPin | None = None
    order: KioskOrder | None = None
    forbidden: tuple[str, ...] = field(default=())
    grace: dict[str, float] = field(default_factory=dict)
