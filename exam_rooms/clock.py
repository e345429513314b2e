"""The clock of a room: phases, deadlines, what may happen when, and which late answers count.

Every time is an aware datetime on the server's steady clock (see `steady_now`); nothing here reads a
clock. Intervals are half open unless a function says otherwise: at the deadline itself time is over.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import IntEnum, StrEnum

NO_CREDIT = Decimal(0)
STEP_SECONDS = 2.0
"""A wall clock further from the steady clock than this has been stepped."""
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""A moment that no sitting reaches: where a deadline stands while a pause has no end yet."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Phase(StrEnum):
    """What a room is doing."""

    BEFORE = "before"  # sign-in is not open yet
    ENTRY = "entry"  # candidates sign in and wait; lasts until somebody starts the room
    RUNNING = "running"
    OVER = "over"  # the room's time has run out
    ENDED = "ended"  # a person ended it


@dataclass(frozen=True, slots=True)
class Schedule:
    """The plan of a room's sitting (R25: the minutes of late entry and earliest submission are policy).

    `earliest_submit_minutes` counts from the start; None means that nobody submits before the end.
    """

    starts_at: datetime
    minutes: Decimal
    late_entry_minutes: int
    earliest_submit_minutes: int | None
    grace_seconds: int = 5
    entry_opens_minutes: int = 30


@dataclass(frozen=True, slots=True)
class Pause:
    """Time that stands still, from a moment (itself included) to another; `until` None: it goes on."""

    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class RoomClock:
    """A plan and what became of it. `credits_minutes` is time given to everybody in the room.

    `pauses` are disjoint and in order (see `merged`); those of one seat come in by `with_pauses`.
    """

    schedule: Schedule
    started_at: datetime | None = None
    ended_at: datetime | None = None
    credits_minutes: Decimal = NO_CREDIT
    pauses: tuple[Pause, ...] = ()


def entry_opens(room: RoomClock) -> datetime:
    """From when on candidates may sign in."""
    return room.schedule.starts_at - timedelta(minutes=room.schedule.entry_opens_minutes)


def phase(room: RoomClock, now: datetime) -> Phase:
    """The room's phase at `now`; a seat with a credit of its own may run on while the room is over."""
    if room.ended_at is not None and now >= room.ended_at:
        return Phase.ENDED
    if room.started_at is None or now < room.started_at:
        opened = room.started_at is not None or now >= entry_opens(room)
        return Phase.ENTRY if opened else Phase.BEFORE
    return Phase.RUNNING if now < deadline(room) else Phase.OVER


def deadline(room: RoomClock, credit_minutes: Decimal = NO_CREDIT) -> datetime:
    """When a seat with this credit stops, or would stop by the plan while the room has not started.

    A late candidate gets no later deadline: everybody shares the start. A pause moves it by exactly its
    length; while one goes on it is `NEVER`. Ending the room ends every seat.
    """
    runs_out = _after(room, room.schedule.minutes + room.credits_minutes + credit_minutes)
    return runs_out if room.ended_at is None else min(runs_out, room.ended_at)


def locked(room: RoomClock, now: datetime, credit_minutes: Decimal = NO_CREDIT) -> bool:
    """Whether a seat takes no more input (R46).

    The seat's own deadline decides, with or without a link; a time credit moves it and so reopens the seat.
    A pause locks nothing: it covers the paper, see `paused_since`.
    """
    return room.started_at is None or not room.started_at <= now < deadline(room, credit_minutes)


def late_entry_closes(room: RoomClock) -> datetime:
    """The last moment of sign-in, itself included; counts from the real start, without the pauses."""
    return min(_after(room, Decimal(room.schedule.late_entry_minutes)), deadline(room))


def entry_open(room: RoomClock, now: datetime) -> bool:
    """Whether the door is open for a candidate at `now`."""
    if phase(room, now) is Phase.ENTRY:
        return True
    return phase(room, now) is Phase.RUNNING and now <= late_entry_closes(room)


def submit_allowed_at(room: RoomClock, credit_minutes: Decimal = NO_CREDIT) -> datetime:
    """From when on a candidate may hand in; never later than the seat's deadline."""
    ends = deadline(room, credit_minutes)
    earliest = room.schedule.earliest_submit_minutes
    return ends if earliest is None else min(ends, _after(room, Decimal(earliest)))


# --- pauses ----------------------------------------------------------------------------------------


def merged(pauses: Iterable[Pause]) -> tuple[Pause, ...]:
    """The same time standing still, as disjoint pauses in order; those without length fall out."""
    found: list[Pause] = []
    for pause in sorted(pauses, key=lambda pause: pause.since):
        if pause.until is not None and pause.until <= pause.since:
            continue
        last = found[-1] if found else None
        if last is None or (last.until is not None and last.until < pause.since):
            found.append(pause)
        elif last.until is not None:
            until = None if pause.until is None else max(last.until, pause.until)
            found[-1] = Pause(last.since, until)
    return tuple(found)


def without(pauses: Iterable[Pause], worked: Iterable[Pause]) -> tuple[Pause, ...]:
    """The pauses less the time in which a seat went on because it had not heard of them.

    A seat's pause is what it really was: time in which its paper was covered or its machine was off. What
    it worked meanwhile is no paused time and does not come back.
    """
    rest = list(merged(pauses))
    for away in merged(worked):
        rest = [part for pause in rest for part in _cut(pause, away)]
    return tuple(rest)


def with_pauses(room: RoomClock, own: Iterable[Pause], worked: Iterable[Pause] = ()) -> RoomClock:
    """The clock of one seat: the room's pauses and its own, less what it worked before it heard of them."""
    return replace(room, pauses=without((*room.pauses, *own), worked))


def paused_since(room: RoomClock, now: datetime) -> datetime | None:
    """Since when time has stood still at `now`, None when it goes on."""
    for pause in room.pauses:
        if pause.since <= now and (pause.until is None or now < pause.until):
            return pause.since
    return None


def standing(room: RoomClock, now: datetime, credit_minutes: Decimal = NO_CREDIT) -> datetime:
    """The deadline as a seat is told it: in a pause, as if the pause ended where it began.

    `standing - paused_since` is then what is left, and the seat's own clock need not know the pause's end.
    """
    since = paused_since(room, now)
    if since is None:
        return deadline(room, credit_minutes)
    heard = tuple(pause for pause in room.pauses if pause.since < since)
    return deadline(replace(room, pauses=heard), credit_minutes)


def paused_minutes(room: RoomClock, now: datetime) -> Decimal:
    """Minutes for which the clock has stood still so far; they are no compensation."""
    begin = _start(room)
    return Decimal(_paused(room, begin, max(now, begin)) // timedelta(microseconds=1)) / 60_000_000


def _cut(pause: Pause, away: Pause) -> list[Pause]:
    """What is left of a pause without a closed interval."""
    until = pause.until if pause.until is not None else NEVER
    gone = away.until if away.until is not None else NEVER
    if gone <= pause.since or away.since >= until:
        return [pause]
    before = [Pause(pause.since, away.since)] if away.since > pause.since else []
    return before + ([Pause(gone, pause.until)] if gone < until else [])


def _paused(room: RoomClock, begin: datetime, end: datetime) -> timedelta:
    """How long time stood still between two moments."""
    total = timedelta(0)
    for pause in room.pauses:
        until = end if pause.until is None else min(pause.until, end)
        total += max(timedelta(0), until - max(pause.since, begin))
    return total


def _after(room: RoomClock, minutes: Decimal) -> datetime:
    """The moment at which so much time has passed since the start, pauses not counted; `NEVER` if none."""
    moment, left = _start(room), _minutes(minutes)
    for pause in room.pauses:
        if pause.until is not None and pause.until <= moment:
            continue
        since = max(pause.since, moment)
        if since - moment >= left:
            break
        if pause.until is None:
            return NEVER
        left -= since - moment
        moment = pause.until
    return moment + left


def _start(room: RoomClock) -> datetime:
    return room.started_at or room.schedule.starts_at


def _minutes(minutes: Decimal) -> timedelta:
    """A timedelta without the rounding that a float of minutes would bring."""
    return timedelta(microseconds=int(minutes * 60_000_000))


# --- which records count ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LateRule:
    """Seconds of grace after a deadline, and the longest link gap whose records still count."""

    grace_seconds: int
    link_gap_max_minutes: int


@dataclass(frozen=True, slots=True)
class AnswerStamp:
    """When a record came and when it was written.

    `written_at` is the agent's boot-time stamp on the server's clock (see `written_at`), None when the
    server never heard the agent's clock in that boot.
    """

    received_at: datetime
    boot_id: str
    written_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LinkGap:
    """A silence of a seat that the server saw: last heard of at `opened_at`, back at `closed_at`.

    `boot_id` is the workstation's boot before the gap. A gap that still lasts has no `closed_at`.
    `clear_at` is the last moment of which the server knew that nothing waited at the seat (None: when it
    was heard last); what was written since then may still have been on its way when the gap opened.
    """

    opened_at: datetime
    closed_at: datetime | None
    boot_id: str
    clear_at: datetime | None = None


class Basis(StrEnum):
    """Why a record counts."""

    IN_TIME = "in_time"
    LINK_GAP = "link_gap"


class Late(IntEnum):
    """Why a record does not count, in the order in which a gap fails; the furthest one is told."""

    NO_GAP = 1  # the server saw no silence of this seat before the deadline
    OTHER_BOOT = 2  # the machine was restarted: its stamp says nothing about the gap
    GAP_TOO_LONG = 3  # the outage is beyond what compensation covers; people decide
    OUTSIDE_GAP = 4  # written while the link was up, so it should have come in time
    WRITTEN_LATE = 5  # written after the deadline


@dataclass(frozen=True, slots=True)
class Counted:
    """The record counts."""

    basis: Basis


@dataclass(frozen=True, slots=True)
class NotCounted:
    """The record is kept and shown to the chief, but not counted."""

    reason: Late

    @property
    def code(self) -> str:
        """The reason as a message code."""
        return f"late_{self.reason.name.lower()}"


def in_time(received_at: datetime, deadline: datetime, rule: LateRule) -> bool:
    """Whether a record came by deadline + grace, the edge included: nothing else has to be looked at then."""
    return received_at <= deadline + timedelta(seconds=rule.grace_seconds)


def counts(
    stamp: AnswerStamp, deadline: datetime, rule: LateRule, gaps: Iterable[LinkGap] = ()
) -> Counted | NotCounted:
    """Whether a record counts (R45).

    It does when received by deadline + grace (the edge included), or when it was written before the
    deadline inside a gap that had opened before the deadline, lasted no longer than the rule allows, and
    lies in the same boot of the machine. What waited when the gap opened counts as written inside it, if it
    was written no longer before the gap's end than the rule allows.
    """
    if in_time(stamp.received_at, deadline, rule):
        return Counted(Basis.IN_TIME)
    faults = [_gap_fault(stamp, deadline, rule, gap) for gap in gaps]
    if None in faults:
        return Counted(Basis.LINK_GAP)
    return NotCounted(max((fault for fault in faults if fault is not None), default=Late.NO_GAP))


def _gap_fault(stamp: AnswerStamp, deadline: datetime, rule: LateRule, gap: LinkGap) -> Late | None:
    closed_at = min(gap.closed_at or stamp.received_at, stamp.received_at)
    if gap.opened_at >= deadline:
        return Late.NO_GAP
    if gap.boot_id != stamp.boot_id or stamp.written_at is None:
        return Late.OTHER_BOOT
    longest = timedelta(minutes=rule.link_gap_max_minutes)
    if closed_at - gap.opened_at > longest:
        return Late.GAP_TOO_LONG
    clear_at = min(gap.clear_at or gap.opened_at, gap.opened_at)
    if not max(clear_at, closed_at - longest) <= stamp.written_at <= closed_at:
        return Late.OUTSIDE_GAP
    return Late.WRITTEN_LATE if stamp.written_at >= deadline else None


def clock_offset_ns(received_at: datetime, boot_ns: int) -> int:
    """Server time minus an agent's boot time at one message, in nanoseconds.

    The least offset seen in a boot has the least network delay in it. It is never less than the true
    one, so a stamp placed by it is never earlier than the truth.
    """
    return int((received_at - _EPOCH) / timedelta(microseconds=1)) * 1000 - boot_ns


def written_at(boot_ns: int, offset_ns: int) -> datetime:
    """An agent's boot-time stamp on the server's clock, by the least offset seen in that boot."""
    return _EPOCH + timedelta(microseconds=(boot_ns + offset_ns) // 1000)


# --- the server's own clock ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Anchor:
    """One moment on three clocks: wall time, CLOCK_BOOTTIME in nanoseconds, and the boot it belongs to."""

    wall: datetime
    boot_ns: int
    boot_id: str


def steady_now(anchor: Anchor, boot_id: str, boot_ns: int, wall: datetime) -> tuple[datetime, float]:
    """The time that deadlines run on, and how far (seconds) the wall clock stands from it (design D22).

    Inside the anchor's boot it is the anchor plus boot time, whatever the wall clock says. After a reboot
    only the wall clock is left; it is believed unless it stands before the anchor, since time has passed.
    """
    if boot_id == anchor.boot_id:
        now = anchor.wall + timedelta(microseconds=(boot_ns - anchor.boot_ns) // 1000)
    else:
        now = max(wall, anchor.wall)
    return now, (wall - now).total_seconds()


def rebooted(anchor: Anchor, boot_id: str) -> bool:
    """Whether the machine was restarted since the anchor: its time has to be checked against the agents."""
    return boot_id != anchor.boot_id


def stepped(step_seconds: float) -> bool:
    """Whether a difference from `steady_now` deserves an alert; it never moves a deadline."""
    return abs(step_seconds) > STEP_SECONDS
