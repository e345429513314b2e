"""The system administrator's look at a room's machines, signed: what was found, and whether it still is so.

A finding is what is wrong, seat by seat: the last self-check that was not passed, a camera that belongs to
another seat (scenario 15). The age of a good self-check is no finding, nor is a link that comes and goes.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.kiosk_messages import CheckName, CheckResult
from exam_rooms.seatmap import SeatKind
from exam_rooms.wire import canonical
from server.access import Permission
from server.db.people import User
from server.db.staffing import SiteCheckSign
from server.errors import Refused
from server.presence import Presence
from server.services import cameras, check_gate
from server.services.cameras import CameraLine, CameraWord
from server.services.check_gate import CheckLine, CheckWord
from server.services.duty import need_duty
from server.services.paper_prints import content_mark, head
from server.services.printed_at import At
from server.services.roomstate import load
from server.services.signed import Signed, need_reason, note_room

MOST_REMARKS = 500
_PASSED = (CheckWord.GOOD, CheckWord.LOOK, CheckWord.OLD)
_AFTER = ("ended", "collected", "marked")


@dataclass(frozen=True, slots=True)
class SeatFinding:
    """One seat as the map shows it. `canary` is the last report's result of the canary paper.

    `expected`, `found` and `owner` are set where the camera is another one than the seat's: the seat's own,
    the one plugged in, and the number of the seat it belongs to. `hostname`: the paired machine.
    """

    seat: int
    number: str
    kind: str
    name: str
    used: bool
    word: str
    bad: tuple[CheckResult, ...] = ()
    canary: CheckResult | None = None
    reported_at: datetime | None = None
    misplaced: bool = False
    expected: str = ""
    found: str = ""
    owner: str = ""

    @property
    def faulty(self) -> bool:
        """Whether something is wrong here."""
        return self.misplaced or self.word not in _PASSED

    @property
    def state(self) -> str:
        """The class of the seat on the map: good, look, act, or off for a seat that was never checked."""
        if self.misplaced or self.word == CheckWord.BAD:
            return "act"
        if self.word == CheckWord.NOT_ASKED:
            return "off"
        return "good" if self.word == CheckWord.GOOD else "look"

    def fault(self) -> dict[str, Any]:
        """What is wrong, as it is signed."""
        bad = [[str(each.name), each.found] for each in self.bad]
        camera = [self.expected, self.found, self.owner] if self.misplaced else []
        return {"seat": self.number, "word": str(self.word), "bad": bad, "camera": camera}


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature under a site check; `faults`: what was wrong then, as `SeatFinding.fault` says it."""

    by: str
    at: datetime
    remarks: str
    finding: str
    faults: list[dict[str, Any]] = field(default_factory=list)

    def unsigned(self, seats: Iterable[SeatFinding]) -> tuple[SeatFinding, ...]:
        """Seats in use or in reserve with a fault that was not signed for: a mended one troubles nobody."""
        known = {each["seat"]: _atoms(each) for each in self.faults}
        return tuple(
            seat
            for seat in seats
            if (seat.used or seat.kind == SeatKind.SPARE)
            and seat.faulty
            and not _atoms(seat.fault()) <= known.get(seat.number, frozenset())
        )


def _atoms(fault: Mapping[str, Any]) -> frozenset[str]:
    """Each thing that is wrong at a seat. A self-check that failed is its causes, where it names them."""
    found = {canonical(each).hex() for each in (*fault["bad"], fault["camera"]) if each}
    if fault["word"] not in _PASSED and not (fault["word"] == CheckWord.BAD and fault["bad"]):
        found.add(str(fault["word"]))
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Standing:
    """The last signature of a room, the finding as it is now, and how many seats are faulty.

    `unsigned`: seats in use or in reserve where something is wrong that the signature does not name.
    """

    signed: Signature | None
    finding: str
    faulty: int
    unsigned: tuple[SeatFinding, ...] = ()

    @property
    def outdated(self) -> bool:
        """Whether something is wrong now that was not signed for; fewer faults outdate nothing."""
        return bool(self.unsigned)


def look(
    session: Session, presence: Presence, room_sitting_id: int, *, now: datetime
) -> tuple[SeatFinding, ...]:
    """Every seat of the room in the order of its plan."""
    lines = check_gate.lines(session, room_sitting_id, now=now, aging=False)
    wrong = {
        line.seat: line
        for line in cameras.check(session, presence, room_sitting_id)
        if line.state == CameraWord.WRONG
    }
    return tuple(_seat(line, wrong.get(line.seat)) for line in lines)


def _seat(line: CheckLine, camera: CameraLine | None) -> SeatFinding:
    return SeatFinding(
        seat=line.seat,
        number=line.number,
        kind=line.kind,
        name=line.name,
        used=line.used,
        word=line.word,
        bad=line.causes,
        canary=next((each for each in line.results if each.name == CheckName.CANARY), None),
        reported_at=line.reported_at,
        misplaced=camera is not None,
        expected=camera.expected if camera else "",
        found=camera.found if camera else "",
        owner=camera.owner if camera else "",
    )


def finding_of(seats: Iterable[SeatFinding]) -> tuple[str, list[dict[str, Any]]]:
    """The hash of what is wrong, and what it is made of; without any fault it is the same for every room."""
    faults = [seat.fault() for seat in seats if seat.faulty]
    return hashlib.sha256(canonical({"faults": faults})).hexdigest(), faults


def standing(session: Session, presence: Presence, room_sitting_id: int, *, now: datetime) -> Standing:
    """Whether the room's machines are signed for, and whether what was signed still holds."""
    seats, signed = look(session, presence, room_sitting_id, now=now), last(session, room_sitting_id)
    finding, faults = finding_of(seats)
    return Standing(signed, finding, len(faults), signed.unsigned(seats) if signed else ())


def last(session: Session, room_sitting_id: int) -> Signature | None:
    """The last signature of a room."""
    found = signatures(session, room_sitting_id)
    return found[0] if found else None


def signatures(session: Session, room_sitting_id: int) -> list[Signature]:
    """Every signature of a room, the newest first."""
    query = (
        select(SiteCheckSign, User.name)
        .outerjoin(User, User.id == SiteCheckSign.signed_by)
        .where(SiteCheckSign.room_sitting_id == room_sitting_id)
        .order_by(SiteCheckSign.id.desc())
    )
    return [
        Signature(name or "", row.signed_at, row.remarks, row.finding, list(row.snapshot))
        for row, name in session.execute(query)
    ]


@dataclass(frozen=True, slots=True)
class Read:
    """Which finding of which room was read and is signed."""

    room_sitting: int
    finding: str


def sign(session: Session, presence: Presence, signed: Signed, read: Read, *, now: datetime) -> None:
    """The system administrator on duty signs for the machines as they were read; the reason is the remarks.

    Remarks are needed while a seat is faulty. Refused: `not_on_duty`, `reason_missing`, `room_already_ended`,
    `site_check_changed` when something else is found by now.
    """
    room_sitting_id = read.room_sitting
    row = load(session, room_sitting_id, lock=True).row
    need_duty(session, signed.actor, Permission.SIGN_SITE_CHECK, room_sitting_id, now=now)
    if row.state in _AFTER:
        raise Refused("room_already_ended")
    finding, faults = finding_of(look(session, presence, room_sitting_id, now=now))
    if finding != read.finding:
        raise Refused("site_check_changed")
    if faults:
        need_reason(signed)
    session.add(
        SiteCheckSign(
            room_sitting_id=room_sitting_id,
            finding=finding,
            snapshot=faults,
            remarks=signed.reason.strip()[:MOST_REMARKS],
            signed_at=now,
            signed_by=signed.actor.user_id,
        )
    )
    session.flush()
    who = Signed(signed.actor)
    note_room(session, room_sitting_id, who, "site_check_signed", now, faulty=len(faults), finding=finding)


@dataclass(frozen=True, slots=True)
class Words:
    """The words of the sheet: of a self-check's state, of a check, of what one found."""

    states: Mapping[str, str]
    checks: Mapping[str, str]
    found: Mapping[str, str]


def document(
    session: Session, seats: Sequence[SeatFinding], room_sitting_id: int, words: Words, *, at: At
) -> dict[str, Any]:
    """The payload of the typesetting job: the inspection sheet of the room, to sign."""
    room = load(session, room_sitting_id)
    sign = last(session, room_sitting_id)
    finding, faults = finding_of(seats)
    passed = sum(seat.word in _PASSED and not seat.misplaced for seat in seats)
    stands = "未签字" if sign is None else "已过时" if sign.unsigned(seats) else "有效"
    data = {
        "facts": [
            ["考场", room.room.name],
            ["职业与等级", f"{room.policy.occupation_name} {room.policy.level_name}"],
            ["计划开考", at.text(room.sitting.starts_at)],
            ["座位／正常／有问题", f"{len(seats)}／{passed}／{len(faults)}"],
            ["检查结果校验", finding[:16]],
            ["签字", f"{sign.by} {at.text(sign.at)}（{stands}）" if sign else stands],
        ],
        "remarks": sign.remarks if sign else "",
        "seats": [_printed(seat, words, at) for seat in seats],
    }
    return {
        "document": "inspection",
        "at": at.now.isoformat(),
        "head": head(room, content_mark(data), now=at.now, zone=at.zone),
        "data": data,
    }


def _printed(seat: SeatFinding, words: Words, at: At) -> dict[str, str]:
    notes = [
        f"{words.checks.get(each.name, each.name)}：{words.found.get(each.found, each.found)}"
        for each in seat.bad
    ]
    if seat.misplaced:
        owner = f"属于 {seat.owner} 号" if seat.owner else "不属于本座"
        notes.append(f"接入的摄像头 {seat.found or '无法识别'} {owner}")
    canary = seat.canary.found.partition(" ")[0] if seat.canary else ""
    return {
        "seat": seat.number,
        "kind": {"spare": "备用", "broken": "停用"}.get(seat.kind, ""),
        "word": words.states.get(seat.word, seat.word),
        "canary": canary or "—",
        "at": at.text(seat.reported_at),
        "notes": "；".join(notes),
    }
