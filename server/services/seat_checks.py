"""Rounds of self-checks: who has to make one, what with, and the reports that come back.

A round is not begun by anybody: its `ref` follows from the workstation, the package in force, its release
and the number of times a person asked. A seat that is paired anew, a spare package, an opened one, each
makes a new `ref`; a report of another one is old.
"""

import base64
import hashlib
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from exam_rooms.kiosk_messages import CheckPlan, CheckReport, CheckResult, Verdict
from exam_rooms.wire import encode
from itembank.canary import FORM, make, seal_canary
from itembank.version import VERSION
from server.access import Actor, Permission
from server.db.base import emit
from server.db.checks import CanaryPackage, SeatCheck
from server.db.papers import Package
from server.db.rooms import Seat
from server.errors import NotFound, Refused
from server.events import SeatChanged
from server.rules.check_findings import Expected, settled, worst
from server.services import site
from server.services.agents import Agent
from server.services.consent import rules_of
from server.services.duty import need_duty
from server.services.plain_rows import AnyCheck, AnyRoomSitting, CheckRow, columns_of
from server.services.roomstate import RoomSeen, load
from server.services.signed import Signed, note_room

_ASKED_BY_ITSELF, _ASKED_BY_PEOPLE = "released", "arranged"


@dataclass(frozen=True, slots=True)
class InForce:
    """The package that a round is about. `stamp` changes when it is opened, or another takes its place."""

    stamp: str
    sha256: str


def in_force(session: Session, room_sitting_id: int) -> InForce | None:
    """The package in force without its bytes; as `packages.current` chooses it."""
    columns = (Package.uid, Package.sha256, Package.released_at, Package.spare, Package.swapped_in)
    rows = session.execute(
        select(*columns)
        .where(Package.room_sitting_id == room_sitting_id, Package.state.in_(["sealed", "released"]))
        .order_by(Package.id.desc())
    )
    for uid, sha256, released_at, spare, swapped_in in rows:
        if not spare or swapped_in:
            opened = released_at.isoformat() if released_at else ""
            return InForce(f"{uid}|{opened}", sha256)
    return None


def ref_of(row: AnyRoomSitting, package: InForce, workstation: int, turn: int) -> str:
    """The name of the round that a workstation is in."""
    text = f"{row.uid}|{package.stamp}|{workstation}|{turn}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def asks(row: AnyRoomSitting, check: AnyCheck | None) -> bool:
    """Whether a seat of this room has to prove itself now: an opened package asks every seat by itself,
    before that only people do, and nobody once the room has started.
    """
    if row.started_at is not None:
        return False
    by_people = row.state == _ASKED_BY_PEOPLE and check is not None and check.round > 0
    return row.state == _ASKED_BY_ITSELF or by_people


def current_ref(row: AnyRoomSitting, package: InForce, workstation: int, check: AnyCheck | None) -> str:
    """The round that a report must name to count."""
    return ref_of(row, package, workstation, check.round if check else 0)


def prepare(session: Session, room_sitting_id: int, *, now: datetime) -> None:
    """Makes the room's canary paper unless it has one; sealed with the site's key as packages are."""
    if session.get(CanaryPackage, room_sitting_id) is not None:
        return
    seed = secrets.token_hex(32)
    name = f"canary-{room_sitting_id}"
    sealed = seal_canary(make(seed), name, site.signing_secret(session))
    session.add(
        CanaryPackage(
            room_sitting_id=room_sitting_id,
            seed=seed,
            data=sealed.data,
            paper_key=sealed.paper_key,
            made_at=now,
        )
    )


def ask(
    session: Session, actor: Actor, room_sitting_id: int, seats: Collection[int] | None, *, now: datetime
) -> int:
    """Asks seats (ids; None: the whole room) for a new self-check; returns how many.

    Who runs the room asks, or who signs for its machines.
    """
    row = load(session, room_sitting_id, lock=True).row
    signs = actor.can(Permission.SIGN_SITE_CHECK) and not actor.can(Permission.RUN_ROOM)
    permission = Permission.SIGN_SITE_CHECK if signs else Permission.RUN_ROOM
    need_duty(session, actor, permission, room_sitting_id, now=now)
    if row.started_at is not None:
        raise Refused("room_already_started")
    if row.state not in (_ASKED_BY_ITSELF, _ASKED_BY_PEOPLE):
        raise Refused("seats_not_drawn")
    if in_force(session, room_sitting_id) is None:
        raise Refused("package_missing")
    prepare(session, room_sitting_id, now=now)
    found = list(session.scalars(select(Seat).where(Seat.room_id == row.room_id).order_by(Seat.id)))
    wanted = [seat for seat in found if seats is None or seat.id in seats]
    if not wanted:
        raise NotFound("seat")
    for seat in wanted:
        check = _row_of(session, room_sitting_id, seat.id)
        check.round += 1
        check.asked_at = now
    row.version += 1
    numbers = "" if seats is None else "、".join(seat.number for seat in wanted)
    note_room(session, room_sitting_id, Signed(actor), "checks_asked", now, count=len(wanted), seats=numbers)
    return len(wanted)


@dataclass(frozen=True, slots=True)
class RoomRound:
    """What the rounds of all seats of a room have in common."""

    canary: CanaryPackage
    package: InForce


def round_of(session: Session, room: RoomSeen) -> RoomRound | None:
    """The room's canary and package while seats may be asked to prove themselves, else None."""
    row = room.row
    if row.started_at is not None or row.state not in (_ASKED_BY_ITSELF, _ASKED_BY_PEOPLE):
        return None
    canary = session.scalar(_CANARY, {"here": row.id})
    package = in_force(session, row.id) if canary is not None else None
    return RoomRound(canary, package) if canary is not None and package is not None else None


def plan_for(
    room: RoomSeen, asked: RoomRound | None, check: AnyCheck | None, agent: Agent
) -> CheckPlan | None:
    """What this workstation has to check now; None when nothing is asked, or it has reported already."""
    if asked is None or not asks(room.row, check):
        return None
    ref = current_ref(room.row, asked.package, agent.workstation, check)
    if check is not None and check.ref == ref:
        return None
    rules, canary = room.policy.checks, asked.canary
    return CheckPlan(
        ref=ref,
        canary=base64.b64encode(canary.data).decode(),
        canary_key=base64.b64encode(canary.paper_key).decode(),
        canary_form=FORM,
        least_free_mb=rules.least_free_mb,
        most_offset_ms=rules.most_offset_ms,
        package_sha256=asked.package.sha256,
        camera=rules_of(room) is not None,
        version=VERSION,
        lockdown=rules.lockdown,
    )


def take(
    session: Session, agent: Agent, room_sitting_id: int, report: CheckReport, *, now: datetime
) -> Verdict:
    """Keeps a seat's report with what the server makes of it; the newest replaces the one before.

    Refused (check_outdated) when another round is asked for by now, or none.
    """
    room = load(session, room_sitting_id, lock=True)
    check, canary = find(session, room_sitting_id, agent.seat), session.get(CanaryPackage, room_sitting_id)
    package = in_force(session, room_sitting_id)
    if canary is None or package is None or not asks(room.row, check):
        raise Refused("check_outdated")
    if report.ref != current_ref(room.row, package, agent.workstation, check):
        raise Refused("check_outdated")
    expected = Expected(
        canary=make(canary.seed),
        paper_key=canary.paper_key,
        package_sha256=package.sha256,
        version=VERSION,
        seat=session.get_one(Seat, agent.seat).number,
        camera=rules_of(room) is not None,
    )
    results = settled(report, expected)
    verdict = worst(results)
    check = check or _row_of(session, room_sitting_id, agent.seat)
    check.workstation_id, check.ref, check.reported_at = agent.workstation, report.ref, now
    check.verdict, check.results = str(verdict), _plain(results)
    emit(session, SeatChanged(room_sitting_id, agent.seat))
    return verdict


def find(session: Session, room_sitting_id: int, seat_id: int) -> SeatCheck | None:
    """The check of one seat, if it was ever asked by people or reported."""
    here = SeatCheck.room_sitting_id == room_sitting_id, SeatCheck.seat_id == seat_id
    return session.scalar(select(SeatCheck).where(*here))


_OF_SEATS = select(*columns_of(CheckRow, SeatCheck)).where(
    SeatCheck.room_sitting_id == bindparam("here"), SeatCheck.seat_id.in_(bindparam("seats", expanding=True))
)
_CANARY = select(CanaryPackage).where(CanaryPackage.room_sitting_id == bindparam("here"))


def of_seats(session: Session, room_sitting_id: int, seats: Collection[int]) -> dict[int, CheckRow]:
    """The checks of several seats, as `find` finds one, to be read."""
    session.flush()
    found = session.connection().execute(_OF_SEATS, {"here": room_sitting_id, "seats": list(seats)})
    return {row.seat_id: CheckRow._make(row) for row in found}


def _row_of(session: Session, room_sitting_id: int, seat_id: int) -> SeatCheck:
    found = find(session, room_sitting_id, seat_id)
    if found is None:
        found = SeatCheck(room_sitting_id=room_sitting_id, seat_id=seat_id, round=0, ref="", verdict="")
        session.add(found)
    return found


def _plain(results: Sequence[CheckResult]) -> list[dict[str, Any]]:
    return [encode(result) for result in results]
