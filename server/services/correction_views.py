"""What pages show of corrections, rechecks and key fixes: old beside new, who said what, what is due."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.key_fixes import KeyFix, written_keys
from server.access import Actor, Permission
from server.db.papers import Package, PaperSet
from server.db.publicity import Correction, Recheck
from server.db.publicity import KeyFix as KeyFixRow
from server.db.rooms import Room
from server.db.sittings import Batch, Registration, RoomSitting, Sitting
from server.rules.key_fixes import RoomChange
from server.rules.publicity import local_day
from server.rules.results import Status
from server.services import corrections, key_fixes, recheck_sums, rechecks
from server.services.filings import Said, opened
from server.services.publicity_views import Person, names, people
from server.services.recheck_sums import SumLine
from server.services.signed import need

OPEN, DUE, OVERDUE = "open", "due", "overdue"


@dataclass(frozen=True, slots=True)
class VoteLine:
    """What one person said."""

    name: str
    approved: bool
    note: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CorrectionLine:
    """A correction with both values. `crosses`: "up" to a pass, "down" from one, or ""."""

    id: int
    person: Person
    component: str
    old: tuple[str, Decimal | None]
    new: tuple[str, Decimal | None]
    crosses: str
    reason: str
    evidence: str
    source: Mapping[str, object]
    state: str
    proposed_at: datetime
    proposed_by: str
    votes: tuple[VoteLine, ...]
    may_vote: bool
    mine: bool


@dataclass(frozen=True, slots=True)
class RecheckLine:
    """A request. `due`: open, due (today is the last day), overdue, or "" when answered."""

    id: int
    person: Person
    component: str
    grounds: str
    state: str
    due: str
    due_on: date
    received_at: datetime
    outcome: str
    correction: int | None


@dataclass(frozen=True, slots=True)
class RecheckView:
    """One request with what was said and the sums, kept ones once it is answered."""

    line: RecheckLine
    said: Said
    sums: tuple[SumLine, ...]
    answer: str
    answered_at: datetime | None
    answered_by: str
    cosigned_by: str


@dataclass(frozen=True, slots=True)
class RoomLine:
    """What a key fix does in one room; `moved` by ticket, only for who may see results."""

    room: str
    change: RoomChange
    tickets: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class KeyFixLine:
    """A key fix with its preview. `keys`: what is right now, for who proposes or approves fixes alone."""

    id: int
    papers: str
    places: tuple[str, ...]
    effect: str
    keys: str
    reason: str
    evidence: str
    state: str
    proposed_at: datetime
    proposed_by: str
    rooms: tuple[RoomLine, ...]
    votes: tuple[VoteLine, ...]
    may_vote: bool
    mine: bool

    def crossing(self, way: str) -> int:
        """How many cross the pass mark in all rooms."""
        return sum(room.change.crossing(way) for room in self.rooms)


def corrections_of(session: Session, actor: Actor, batch_id: int) -> list[CorrectionLine]:
    """The corrections of a batch, open ones first, then the newest."""
    need(actor, Permission.SEE_RESULTS)
    who, persons = names(session), people(session, batch_id)
    query = select(Correction).where(Correction.batch_id == batch_id)
    rows = session.scalars(query.order_by((Correction.state != "proposed"), Correction.id.desc()))
    return [_correction(session, actor, row, persons[row.candidate_id], who) for row in rows]


def _correction(
    session: Session, actor: Actor, row: Correction, person: Person, who: Mapping[int | None, str]
) -> CorrectionLine:
    votes = corrections.votes_of(session, row.id)
    voted = {each.user_id for each in votes} | {row.proposed_by}
    passed = Status.PASS
    ways = (row.new_status == passed) - (row.old_status == passed)
    return CorrectionLine(
        id=row.id,
        person=person,
        component=row.component,
        old=(row.old_status, row.old_score),
        new=(row.new_status, row.new_score),
        crosses={1: "up", -1: "down"}.get(ways, ""),
        reason=row.reason,
        evidence=row.evidence,
        source=row.source,
        state=row.state,
        proposed_at=row.proposed_at,
        proposed_by=who[row.proposed_by],
        votes=tuple(VoteLine(who[each.user_id], each.approved, each.note, each.at) for each in votes),
        may_vote=_may_vote(actor, row.state, voted),
        mine=row.state == "proposed" and actor.user_id == row.proposed_by,
    )


def _may_vote(actor: Actor, state: str, voted: set[int | None]) -> bool:
    free = state == "proposed" and actor.user_id not in voted
    return free and actor.can(Permission.APPROVE_CORRECTION)


def rechecks_of(
    session: Session, actor: Actor, batch_id: int, zone: tzinfo, *, now: datetime
) -> list[RecheckLine]:
    """The requests of a batch, those that wait first, by the day they are due."""
    need(actor, Permission.HANDLE_RECHECKS)
    persons, today = people(session, batch_id), local_day(now, zone)
    query = select(Recheck).where(Recheck.batch_id == batch_id)
    rows = session.scalars(query.order_by((Recheck.state != "open"), Recheck.due_on, Recheck.id))
    return [_recheck(row, persons[row.candidate_id], today) for row in rows]


def recheck(session: Session, actor: Actor, recheck_id: int, zone: tzinfo, *, now: datetime) -> RecheckView:
    """One request, for who answers it. Raises `NotFound`."""
    need(actor, Permission.HANDLE_RECHECKS)
    row, who = rechecks.get(session, recheck_id), names(session)
    kept = tuple(SumLine(**each) for each in row.sums)
    standard = row.grounds == rechecks.STANDARD
    fresh = () if standard or row.state != "open" else tuple(recheck_sums.sums(session, row))
    person = people(session, row.batch_id)[row.candidate_id]
    return RecheckView(
        line=_recheck(row, person, local_day(now, zone)),
        said=opened(session, rechecks.PURPOSE, row.sealed),
        sums=kept or fresh,
        answer=row.answer,
        answered_at=row.answered_at,
        answered_by=who[row.answered_by],
        cosigned_by=who[row.cosigned_by],
    )


def _recheck(row: Recheck, person: Person, today: date) -> RecheckLine:
    return RecheckLine(
        id=row.id,
        person=person,
        component=row.component,
        grounds=row.grounds,
        state=row.state,
        due=_due(row, today),
        due_on=row.due_on,
        received_at=row.received_at,
        outcome=row.outcome,
        correction=row.correction_id,
    )


def _due(row: Recheck, today: date) -> str:
    if row.state != "open":
        return ""
    if today == row.due_on:
        return DUE
    return OVERDUE if today > row.due_on else OPEN


def papers_of(session: Session, batch_id: int) -> dict[int, str]:
    """The paper sets by which rooms of a batch were marked -> their titles."""
    query = (
        select(PaperSet.id, PaperSet.title)
        .join(Package, Package.paper_set_id == PaperSet.id)
        .join(RoomSitting, RoomSitting.id == Package.room_sitting_id)
        .join(Sitting, Sitting.id == RoomSitting.sitting_id)
        .where(Sitting.batch_id == batch_id, RoomSitting.marked_at.is_not(None))
        .distinct()
        .order_by(PaperSet.id)
    )
    return {row.id: row.title for row in session.execute(query)}


def key_fixes_of(session: Session, actor: Actor, batch_id: int) -> list[KeyFixLine]:
    """The fixes of the papers of a batch, the newest first; whose marks move only for who sees results."""
    titles, who = papers_of(session, batch_id), names(session)
    rows = key_fixes.of_papers(session, titles)
    return [_key_fix(session, actor, row, titles[row.paper_set_id], who) for row in rows]


def _key_fix(
    session: Session, actor: Actor, row: KeyFixRow, title: str, who: Mapping[int | None, str]
) -> KeyFixLine:
    votes = key_fixes.votes_of(session, row.id)
    voted = {each.user_id for each in votes} | {row.proposed_by}
    return KeyFixLine(
        id=row.id,
        papers=title,
        places=tuple(row.places),
        effect=row.effect,
        keys=_keys(session, actor, row),
        reason=row.reason,
        evidence=row.evidence,
        state=row.state,
        proposed_at=row.proposed_at,
        proposed_by=who[row.proposed_by],
        rooms=tuple(_room(session, actor, RoomChange.from_json(each)) for each in row.preview),
        votes=tuple(VoteLine(who[each.user_id], each.approved, each.note, each.at) for each in votes),
        may_vote=_may_vote(actor, row.state, voted),
        mine=row.state == "proposed" and actor.user_id == row.proposed_by,
    )


def _keys(session: Session, actor: Actor, row: KeyFixRow) -> str:
    """Nobody can agree to a key unseen; others are not told what is right."""
    if not (actor.can(Permission.APPROVE_CORRECTION) or actor.can(Permission.PROPOSE_CORRECTION)):
        return ""
    return written_keys(KeyFix.from_json(key_fixes.plain(session, row)).entries)


def _room(session: Session, actor: Actor, change: RoomChange) -> RoomLine:
    place = (
        select(Batch.name, Room.name)
        .select_from(RoomSitting)
        .join(Room, Room.id == RoomSitting.room_id)
        .join(Sitting, Sitting.id == RoomSitting.sitting_id)
        .join(Batch, Batch.id == Sitting.batch_id)
        .where(RoomSitting.id == change.room_sitting)
    )
    batch, room = session.execute(place).one()
    tickets: dict[int, str] = {}
    if actor.can(Permission.SEE_RESULTS):
        wanted = Registration.id.in_([each.registration for each in change.moved])
        rows = session.execute(select(Registration.id, Registration.ticket).where(wanted))
        tickets = {row.id: row.ticket for row in rows}
    return RoomLine(f"{batch} · {room}", change, tickets)
