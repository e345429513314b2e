"""Lost time granted or declined by the chief; nothing is decided twice (R26).

What is proposed, and its proof, is `lost_time`'s to say. A grant is an ordinary time credit that names its
proof; a credit entered by hand may say which proposals it was for.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.compensation import Lost, Proposal
from server.access import Permission
from server.db.answers import AnswerStore
from server.db.base import emit
from server.db.commands import CompensationRow
from server.db.sittings import Attempt, TimeCredit
from server.errors import Refused
from server.events import Activity, RoomChanged
from server.services import audit, commands
from server.services.commands import Credit, credit_row, credited, give
from server.services.duty import need_duty
from server.services.lost_time import Pick, SeatProposals, proposed
from server.services.outage_gate import need_decided
from server.services.roomstate import RoomState, load
from server.services.signed import Signed, need, need_cosigner, need_reason, params_of

GRANTED, DECLINED, CREDITED = "granted", "declined", "credited"


def grant(  # noqa: PLR0913 - who gives whom what, by which proof
    session: Session,
    signed: Signed,
    room_sitting_id: int,
    picks: Sequence[Pick],
    *,
    now: datetime,
    store: AnswerStore | None = None,
) -> Decimal:
    """Gives the proposed time; returns the minutes in all. The chief's own signature is enough unless the
    policy asks for a second one.

    To a seat whose time has run out it gives what has passed since, too: what was lost is ahead of it then.

    Refused: `reason_missing`, `proposal_gone` (decided meanwhile, or nothing to give), `outage_undecided`,
    `room_not_running`, `act_not_possible` for a candidate who has handed in.
    """
    room = _begin(session, signed, room_sitting_id, now)
    if room.policy.outage.second_person:
        need_cosigner(signed)
    if room.row.state != "running":
        raise Refused("room_not_running")
    need_decided(session, room_sitting_id)
    total = Decimal(0)
    for line, proposal in _with_waits(_picked(session, room_sitting_id, picks, now, store)):
        if proposal.minutes <= 0:
            raise Refused("proposal_gone")
        place = Credit(room_sitting_id, line.attempt)
        attempt = credited(session, place, proposal.minutes)
        given = credit_row(place, proposal.minutes, signed, now)
        give(session, given, [attempt], signed, now=now)
        _keep(session, signed, (line, proposal), GRANTED, now, given.id)
        total += proposal.minutes
    emit(session, RoomChanged(room_sitting_id))
    return total


def _with_waits(
    picked: Sequence[tuple[SeatProposals, Proposal]],
) -> list[tuple[SeatProposals, Proposal]]:
    """The same, and behind it what each of their seats has waited: the last credit reopens it."""
    lines = {line.attempt: line for line, _proposal in picked}
    return [*picked, *((line, each) for line in lines.values() for each in line.proposals if each.waited)]


def decline(  # noqa: PLR0913 - who turns what down, by which proof
    session: Session,
    signed: Signed,
    room_sitting_id: int,
    picks: Sequence[Pick],
    *,
    now: datetime,
    store: AnswerStore | None = None,
) -> int:
    """Turns proposals down, with a reason; they are not proposed again. Returns how many."""
    _begin(session, signed, room_sitting_id, now)
    picked = _picked(session, room_sitting_id, picks, now, store)
    for line, proposal in picked:
        _keep(session, signed, (line, proposal), DECLINED, now, None)
    return len(picked)


def add_time(  # noqa: PLR0913 - who gives whom how much for what, by which proof
    session: Session,
    signed: Signed,
    place: Credit,
    minutes: Decimal,
    *,
    now: datetime,
    covers: Sequence[Pick] = (),
    store: AnswerStore | None = None,
) -> list[int] | None:
    """A credit entered by hand (`commands.add_time`) that was for these proposals: they are decided by it.

    Refused also: `proposal_gone`, and `covers_other_seat` for a proposal of somebody who gets nothing by it.
    """
    if place.attempt is not None and any(pick.attempt != place.attempt for pick in covers):
        raise Refused("covers_other_seat")
    load(session, place.room_sitting, lock=True)
    found = _offered(session, place.room_sitting, covers, now, store)
    reopened = commands.add_time(session, place, minutes, signed, now=now)
    if reopened is None:
        return None
    if None in found:
        raise Refused("proposal_gone")
    newest = select(TimeCredit.id).where(TimeCredit.room_sitting_id == place.room_sitting)
    credit = session.scalar(newest.order_by(TimeCredit.id.desc()).limit(1))
    for each in found:
        if each is not None:
            _keep(session, signed, each, CREDITED, now, credit)
    return reopened


def decided(session: Session, room_sitting_id: int) -> list[CompensationRow]:
    """Every decision in the room, the newest first."""
    query = select(CompensationRow).where(CompensationRow.room_sitting_id == room_sitting_id)
    return list(session.scalars(query.order_by(CompensationRow.id.desc())))


def _begin(session: Session, signed: Signed, room_sitting_id: int, now: datetime) -> RoomState:
    need_reason(signed)
    need(signed.actor, Permission.COSIGN)
    need_duty(session, signed.actor, Permission.GRANT_TIME, room_sitting_id, now=now)
    return load(session, room_sitting_id, lock=True)


def _picked(
    session: Session, room_sitting_id: int, picks: Sequence[Pick], now: datetime, store: AnswerStore | None
) -> list[tuple[SeatProposals, Proposal]]:
    """The proposals meant, as they stand now: what was decided meanwhile is gone."""
    found = _offered(session, room_sitting_id, picks, now, store)
    if None in found:
        raise Refused("proposal_gone")
    real = [each for each in found if each is not None and not each[1].waited]
    if not real:
        raise Refused("proposal_gone")
    return real


def _offered(
    session: Session, room_sitting_id: int, picks: Sequence[Pick], now: datetime, store: AnswerStore | None
) -> list[tuple[SeatProposals, Proposal] | None]:
    only = {pick.attempt for pick in picks}
    lines = proposed(session, room_sitting_id, now=now, store=store, only=only) if only else []
    offered = {(line.attempt, each.since): (line, each) for line in lines for each in line.proposals}
    return [offered.get((pick.attempt, pick.since)) for pick in dict.fromkeys(picks)]


def _keep(  # noqa: PLR0913 - what was decided of what, by whom and when
    session: Session,
    signed: Signed,
    what: tuple[SeatProposals, Proposal],
    decision: str,
    now: datetime,
    credit: int | None,
) -> None:
    line, proposal = what
    attempt = session.get_one(Attempt, line.attempt)
    minutes = proposal.minutes if decision == GRANTED else Decimal(0)
    session.add(
        CompensationRow(
            room_sitting_id=attempt.room_sitting_id,
            attempt_id=attempt.id,
            since_at=proposal.since,
            until_at=proposal.until,
            minutes=minutes,
            decision=decision,
            reason=signed.why()["reason"],
            evidence=[_as_json(each) for each in proposal.evidence],
            credit_id=credit,
            decided_at=now,
            decided_by=signed.actor.user_id,
            cosigned_by=signed.cosigner.user_id if signed.cosigner else None,
        )
    )
    session.flush()
    act = f"compensation_{decision}"
    told = {"seat": line.number, "minutes": minutes, "since": proposal.since.isoformat()}
    stream, object_ = audit.sitting_stream(attempt.room_sitting_id), f"attempt/{attempt.id}"
    until = proposal.until.isoformat()
    audit.record(session, stream, signed.actor, act, object_, now=now, until=until, **signed.why(), **told)
    shown = params_of(signed, seat=line.number, minutes=proposal.minutes.normalize())
    emit(session, Activity(attempt.room_sitting_id, f"line_{act}", shown, attempt.seat_id))


def _as_json(lost: Lost) -> dict[str, Any]:
    times = {"since": lost.since.isoformat(), "until": lost.until.isoformat()}
    return {"cause": str(lost.cause), "clock": str(lost.clock), "answers": lost.answers, **times}
