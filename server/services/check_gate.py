"""How the self-checks of a room stand, what keeps it from starting, and the chief who says otherwise.

A used seat is one with a candidate who is not absent. One that has not passed, or has not reported within
the policy's time, keeps the room closed until it does, its candidate moves, or the chief overrules it with a
reason. Seats without a candidate are checked and shown, and keep nobody waiting.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.kiosk_messages import CheckName, CheckResult, Verdict
from exam_rooms.seats import AttemptState
from exam_rooms.wire import decode
from server.access import Permission
from server.db.checks import CheckOverrule, SeatCheck
from server.db.people import User
from server.db.rooms import Seat, Workstation
from server.db.sittings import Attempt, Candidate, Registration, RoomSitting
from server.errors import Refused
from server.rules.check_findings import FOLLOW
from server.services import seat_checks
from server.services.roomstate import CLOSED, RoomState, load
from server.services.seat_checks import InForce
from server.services.signed import Signed, need, need_reason, note_room


class CheckWord(StrEnum):
    """How a seat's check stands."""

    NOT_ASKED = ""
    UNPAIRED = "unpaired"
    WAITING = "waiting"  # asked, not reported
    OLD = "old"  # reported too long ago
    GOOD = "good"
    LOOK = "look"
    BAD = "bad"


BLOCKING = frozenset(CheckWord) - {CheckWord.GOOD, CheckWord.LOOK}
"""Words of a used seat with which a room does not start where checks are required."""


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One seat of the check. `used`: a candidate is expected there; `results` are of the last report, which
    counts unless the word says otherwise; `ref` names the round asked for now, "" when none is;
    `overruled`: the chief lets the room start with this finding.
    """

    seat: int
    number: str
    kind: str
    name: str
    used: bool
    word: str
    results: tuple[CheckResult, ...] = ()
    reported_at: datetime | None = None
    ref: str = ""
    overruled: bool = False

    @property
    def blocks(self) -> bool:
        """Whether the room does not start because of it, where checks are required."""
        return self.used and self.word in BLOCKING and not self.overruled

    @property
    def overrulable(self) -> bool:
        """Whether the chief may let the room start with it: never before a check was asked for."""
        return self.blocks and self.word != CheckWord.NOT_ASKED

    @property
    def finding(self) -> str:
        """What an overruling is about: the word, the round, and the checks that are bad in it."""
        bad = [str(result.name) for result in self._bad()]
        return " ".join([str(self.word), self.ref, *([",".join(bad)] if bad else [])])

    @property
    def causes(self) -> tuple[CheckResult, ...]:
        """The bad checks, the version first; with a bad version not those that follow from it."""
        bad = sorted(self._bad(), key=lambda result: result.name != CheckName.VERSION)
        too_old = bool(bad) and bad[0].name == CheckName.VERSION
        return tuple(r for r in bad if not too_old or r.name == CheckName.VERSION or r.found not in FOLLOW)

    def _bad(self) -> list[CheckResult]:
        if self.word != CheckWord.BAD:
            return []
        return [result for result in self.results if result.verdict is Verdict.BAD]


@dataclass(frozen=True, slots=True)
class CheckTally:
    """Sums over the used seats. `blocked`: the numbers of those that keep the room from starting;
    `overruled`: of those that have not passed, and do not.
    """

    used: int
    passed: int
    look: int
    blocked: tuple[str, ...]
    overruled: tuple[str, ...]
    required: bool


@dataclass(frozen=True, slots=True)
class CheckOverruled:
    """One act of overruling: who, when, why, which seats (numbers)."""

    by: str
    at: datetime
    reason: str
    seats: tuple[str, ...]


def lines(
    session: Session, room_sitting_id: int, *, now: datetime, whole: bool = True, aging: bool = True
) -> tuple[CheckLine, ...]:
    """Every seat of the room in the order of its plan; unless `whole`, with the results of bad ones only.

    Unless `aging` a result counts however old it is.
    """
    room = load(session, room_sitting_id)
    found = _found(session, room.row)
    oldest = now - timedelta(minutes=room.policy.checks.max_age_minutes)
    people = _people(session, room_sitting_id)
    accepted = _accepted(session, room_sitting_id)
    made = []
    for seat in session.scalars(select(Seat).where(Seat.room_id == room.room.id).order_by(Seat.id)):
        name, used = people.get(seat.id, ("", False))
        check = found.checks.get(seat.id)
        line = CheckLine(
            seat=seat.id,
            number=seat.number,
            kind=seat.kind,
            name=name,
            used=used,
            word=found.word(seat.id, oldest if aging and not room.row.started_at else None),
            results=_results(check) if whole or _is_bad(check) else (),
            reported_at=check.reported_at if check else None,
            ref=found.ref(seat.id),
        )
        made.append(_accept(line, accepted))
    return tuple(made)


def tally(room: RoomState, found: Iterable[CheckLine]) -> CheckTally:
    """The sums that a go or no-go line tells."""
    used = [line for line in found if line.used]
    return CheckTally(
        used=len(used),
        passed=sum(line.word in (CheckWord.GOOD, CheckWord.LOOK) for line in used),
        look=sum(line.word == CheckWord.LOOK for line in used),
        blocked=tuple(line.number for line in used if line.blocks),
        overruled=tuple(line.number for line in used if line.overruled),
        required=room.policy.checks.required,
    )


def tally_of(session: Session, room_sitting_id: int, *, now: datetime) -> CheckTally:
    """The sums of a room as it stands."""
    return tally(load(session, room_sitting_id), lines(session, room_sitting_id, now=now, whole=False))


def gate(room: RoomState, found: Callable[[], Iterable[CheckLine]]) -> None:
    """Raises `Refused` (seats_not_checked, with the seats) while a used seat has not passed.

    `found`: looks the room's lines up; asked only where checks are required.
    """
    if not room.policy.checks.required:
        return
    blocked = tally(room, found()).blocked
    if blocked:
        raise Refused("seats_not_checked", seats="、".join(blocked), count=len(blocked))


def overrule(
    session: Session, signed: Signed, room_sitting_id: int, seats: Mapping[int, str], *, now: datetime
) -> int:
    """The chief lets the room start with what was found at some `seats` (id -> the finding that was read);
    returns at how many.

    It holds for these findings at these seats: another one, or a new round, blocks again. Refused
    (check_changed, with the seats) when one of them is not what was read any more, (check_not_asked) before
    any seat was asked, (no_check_chosen).
    """
    need(signed.actor, Permission.COSIGN)
    need_reason(signed)
    room = load(session, room_sitting_id, lock=True)
    if room.row.started_at is not None:
        raise Refused("room_already_started")
    found = _chosen(lines(session, room_sitting_id, now=now), seats)
    session.add_all(
        CheckOverrule(
            room_sitting_id=room_sitting_id,
            seat_id=line.seat,
            finding=line.finding,
            reason=signed.why()["reason"],
            overruled_at=now,
            overruled_by=signed.actor.user_id,
        )
        for line in found
    )
    numbers = "、".join(line.number for line in found)
    findings = [f"{line.number} {line.finding}" for line in found]
    note_room(session, room_sitting_id, signed, "checks_overruled", now, seats=numbers, findings=findings)
    return len(found)


def _chosen(found: Sequence[CheckLine], seats: Mapping[int, str]) -> list[CheckLine]:
    if not any(line.blocks for line in found):
        raise Refused("no_check_blocks")
    if not any(line.overrulable for line in found):
        raise Refused("check_not_asked")
    chosen = [line for line in found if line.seat in seats]
    if not chosen:
        raise Refused("no_check_chosen")
    changed = [line.number for line in chosen if not line.overrulable or line.finding != seats[line.seat]]
    if changed:
        raise Refused("check_changed", seats="、".join(changed))
    return chosen


def overruled(session: Session, room_sitting_id: int) -> list[CheckOverruled]:
    """Every overruling of a room's sitting, the newest first."""
    rows = session.execute(
        select(CheckOverrule, Seat.number, User.name)
        .join(Seat, Seat.id == CheckOverrule.seat_id)
        .outerjoin(User, User.id == CheckOverrule.overruled_by)
        .where(CheckOverrule.room_sitting_id == room_sitting_id)
        .order_by(CheckOverrule.id)
    )
    acts: dict[tuple[datetime, str, str], list[str]] = {}
    for row, number, name in rows:
        acts.setdefault((row.overruled_at, name or "", row.reason), []).append(number)
    made = [CheckOverruled(by, at, why, tuple(seats)) for (at, by, why), seats in acts.items()]
    return made[::-1]


def words(session: Session, row: RoomSitting, only: Collection[int] | None = None) -> dict[int, str]:
    """Seat id -> how its check stands, for the map (`only`: of these seats); empty once the room has started.

    Age is not looked at: the map is drawn when something happens, not when time passes.
    """
    if row.started_at is not None or row.state not in ("arranged", "released"):
        return {}
    found = _found(session, row, only)
    return {seat: found.word(seat, None) for seat in found.seats}


# --- small parts ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Found:
    """All that tells how a room's checks stand, or those of some of its `seats` (ids)."""

    row: RoomSitting
    seats: Sequence[int]
    package: InForce | None
    stations: Mapping[int, int | None]
    checks: Mapping[int, SeatCheck]

    def ref(self, seat: int) -> str:
        """The round that one seat is in; "" without a package."""
        if self.package is None:
            return ""
        station = self.stations.get(seat) or 0
        return seat_checks.current_ref(self.row, self.package, station, self.checks.get(seat))

    def word(self, seat: int, oldest: datetime | None) -> CheckWord:
        """The word of one seat; `oldest`: reports before it do not count any more."""
        check, station = self.checks.get(seat), self.stations.get(seat)
        if self.row.started_at is not None:
            return CheckWord(check.verdict) if check else CheckWord.NOT_ASKED
        if self.package is None or not seat_checks.asks(self.row, check):
            return CheckWord.NOT_ASKED
        if station is None:
            return CheckWord.UNPAIRED
        if check is None or check.ref != self.ref(seat) or check.reported_at is None:
            return CheckWord.WAITING
        return CheckWord.OLD if oldest and check.reported_at < oldest else CheckWord(check.verdict)


def _found(session: Session, row: RoomSitting, only: Collection[int] | None = None) -> _Found:
    stations = (
        select(Seat.id, Workstation.id)
        .outerjoin(Workstation, (Workstation.seat_id == Seat.id) & Workstation.active.is_(True))
        .where(Seat.room_id == row.room_id)
    )
    checks = select(SeatCheck).where(SeatCheck.room_sitting_id == row.id)
    if only is not None:
        stations, checks = stations.where(Seat.id.in_(only)), checks.where(SeatCheck.seat_id.in_(only))
    paired: dict[int, int | None] = dict(session.execute(stations).all())
    package = seat_checks.in_force(session, row.id)
    return _Found(row, list(paired), package, paired, {c.seat_id: c for c in session.scalars(checks)})


def _people(session: Session, room_sitting_id: int) -> dict[int, tuple[str, bool]]:
    """Seat id -> name of its candidate, and whether the seat will be used."""
    query = (
        select(Attempt.seat_id, Candidate.name, Attempt.state)
        .join(Registration, Registration.id == Attempt.registration_id)
        .join(Candidate, Candidate.id == Registration.candidate_id)
        .where(Attempt.room_sitting_id == room_sitting_id)
    )
    found = session.execute(query)
    return {seat: (name, AttemptState(state) not in CLOSED) for seat, name, state in found}


def _accepted(session: Session, room_sitting_id: int) -> set[tuple[int, str]]:
    query = select(CheckOverrule.seat_id, CheckOverrule.finding)
    rows = session.execute(query.where(CheckOverrule.room_sitting_id == room_sitting_id))
    return {(seat, finding) for seat, finding in rows}


def _accept(line: CheckLine, accepted: set[tuple[int, str]]) -> CheckLine:
    known = line.word in BLOCKING and (line.seat, line.finding) in accepted
    return replace(line, overruled=True) if known else line


def _is_bad(check: SeatCheck | None) -> bool:
    return check is not None and check.verdict == CheckWord.BAD


def _results(check: SeatCheck | None) -> tuple[CheckResult, ...]:
    return tuple(decode(CheckResult, entry) for entry in (check.results or ())) if check else ()
