"""What the page of a draw shows: sittings of one start, rooms with their seats, what the last draw gave."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exam_rooms.draw_parts import Rules
from exam_rooms.seatmap import SeatKind
from server.access import Actor, Permission
from server.db.arrangements import ArrangementRow
from server.db.rooms import Room, Seat
from server.db.sittings import Attempt, Batch, Candidate, Registration, RoomSitting, Sitting
from server.errors import Forbidden, NotFound
from server.services import audit, sitting_rosters
from server.services.arrangement_question import busy_rooms, span
from server.services.batches import policy_of


@dataclass(frozen=True, slots=True)
class SittingLine:
    """One sitting that starts then. `arranged`: seats are drawn in one of its rooms."""

    id: int
    batch_id: int
    batch: str
    occupation: str
    number: int
    candidates: int
    unseated: int
    has_papers: bool
    arranged: bool


@dataclass(frozen=True, slots=True)
class RoomLine:
    """One room that a draw may use. `held_by`: number of the sitting it is planned for, None while free;
    `state` is "" then; only rooms that are `open` can be chosen.
    """

    id: int
    name: str
    kind: str
    seats: int
    held_by: int | None
    state: str
    locked: bool

    @property
    def open(self) -> bool:
        """Whether its seats may be drawn (again)."""
        return self.state in ("", "planned", "arranged") and not self.locked


@dataclass(frozen=True, slots=True)
class Unkept:
    """A rule that was not kept, with the people by name and ticket."""

    kind: str
    room: str
    people: tuple[str, ...]
    seats: tuple[str, ...]
    shared: str


@dataclass(frozen=True, slots=True)
class RoomResult:
    """One room after the draw."""

    id: int
    room: str
    batch: str
    number: int
    state: str
    locked: bool
    candidates: int
    seats: int
    employers: int
    first: str
    last: str
    seed: str
    exceptions: tuple[Unkept, ...]


@dataclass(frozen=True, slots=True)
class DrawPage:
    """Everything on the page of a draw. `general`: exceptions that belong to no room."""

    sitting: int
    starts_at: datetime
    sittings: tuple[SittingLine, ...]
    rooms: tuple[RoomLine, ...]
    results: tuple[RoomResult, ...]
    general: tuple[Unkept, ...]
    rules: Rules
    seed: str
    inputs_hash: str
    result_hash: str


def page(session: Session, sitting_id: int) -> DrawPage:
    """The page of a draw that begins with one sitting. Raises `NotFound`."""
    sitting = session.get(Sitting, sitting_id)
    if sitting is None:
        raise NotFound("sitting")
    same = _same_start(session, sitting.starts_at)
    rows = list(session.scalars(select(RoomSitting).where(RoomSitting.sitting_id.in_(list(same)))))
    seats = _seats(session)
    made = _latest(session, [row for row in rows if row.sitting_id == sitting_id])
    people = _People(session, [note for row in rows for note in row.seating_notes], made)
    return DrawPage(
        sitting=sitting_id,
        starts_at=sitting.starts_at,
        sittings=_sittings(session, same, rows),
        rooms=_rooms(session, same, rows, seats),
        results=_results(session, same, rows, (seats, people)),
        general=people.general(made),
        rules=Rules.from_json(made.rules) if made else Rules(),
        seed=made.seed if made else "",
        inputs_hash=made.inputs_hash if made else "",
        result_hash=made.result_hash if made else "",
    )


def seating_list(session: Session, sitting_id: int) -> list[dict[str, str]]:
    """Who sits where in all rooms of sittings that start with this one, by room and seat."""
    sitting = session.get(Sitting, sitting_id)
    if sitting is None:
        raise NotFound("sitting")
    query = (
        select(Room.name, Seat.number, Registration.ticket, Candidate.name, Registration.employer, Batch.name)
        .join(Attempt, Attempt.registration_id == Registration.id)
        .join(RoomSitting, RoomSitting.id == Attempt.room_sitting_id)
        .join(Sitting, Sitting.id == RoomSitting.sitting_id)
        .join(Batch, Batch.id == Sitting.batch_id)
        .join(Room, Room.id == RoomSitting.room_id)
        .join(Seat, Seat.id == Attempt.seat_id)
        .join(Candidate, Candidate.id == Registration.candidate_id)
        .where(Sitting.starts_at == sitting.starts_at)
        .order_by(Room.id, Seat.id)
    )
    keys = ("room", "seat", "ticket", "name", "employer", "batch")
    return [dict(zip(keys, row, strict=True)) for row in session.execute(query)]


def note_list_taken(session: Session, actor: Actor, sitting_id: int, *, now: datetime) -> None:
    """Puts on the record of every room on the seating list that somebody took it; before it is handed out.

    It names everybody of all rooms: for who plans the batch, and for chiefs. Raises `Forbidden`, `NotFound`.
    """
    if not (actor.can(Permission.MANAGE_BATCHES) or actor.can(Permission.COSIGN)):
        raise Forbidden(Permission.MANAGE_BATCHES)
    sitting = session.get(Sitting, sitting_id)
    if sitting is None:
        raise NotFound("sitting")
    together = select(Sitting.id).where(Sitting.starts_at == sitting.starts_at)
    rooms = select(RoomSitting.id).where(RoomSitting.sitting_id.in_(together)).order_by(RoomSitting.id)
    for room_sitting_id in session.scalars(rooms).all():
        stream = audit.sitting_stream(room_sitting_id)
        audit.record(session, stream, actor, "seating_list_taken", stream, now=now)


def exceptions_of(session: Session, row: RoomSitting) -> tuple[Unkept, ...]:
    """What was not kept in one room, with the people by name and ticket."""
    people = _People(session, row.seating_notes, None)
    return tuple(people.exception(note, "") for note in row.seating_notes)


class _People:
    """Names of those whom notes are about."""

    def __init__(
        self, session: Session, notes: Iterable[Mapping[str, Any]], made: ArrangementRow | None
    ) -> None:
        told = [*notes, *(made.notes if made else ())]
        refs = {int(ref) for note in told for ref in note["refs"]}
        query = (
            select(Registration.id, Candidate.name, Registration.ticket)
            .join(Candidate, Candidate.id == Registration.candidate_id)
            .where(Registration.id.in_(refs))
        )
        found = session.execute(query) if refs else ()
        self.names = {str(ref): f"{name}（{ticket}）" for ref, name, ticket in found}

    def general(self, made: ArrangementRow | None) -> tuple[Unkept, ...]:
        """What belongs to no room."""
        notes = made.notes if made else ()
        return tuple(self.exception(note, "") for note in notes if not note["room"])

    def exception(self, note: Mapping[str, Any], room: str) -> Unkept:
        """One note with the people's names; one who is no longer registered shows a dash."""
        people = tuple(self.names.get(ref, "—") for ref in note["refs"])
        return Unkept(note["kind"], room, people, tuple(note["seats"]), note["shared"])


def _same_start(session: Session, starts_at: datetime) -> dict[int, tuple[Sitting, Batch]]:
    query = (
        select(Sitting, Batch)
        .join(Batch, Batch.id == Sitting.batch_id)
        .where(Sitting.starts_at == starts_at)
        .order_by(Batch.name, Sitting.number)
    )
    return {sitting.id: (sitting, batch) for sitting, batch in session.execute(query)}


def _sittings(
    session: Session, same: Mapping[int, tuple[Sitting, Batch]], rows: Iterable[RoomSitting]
) -> tuple[SittingLine, ...]:
    arranged = {row.sitting_id for row in rows if row.arranged_at is not None}
    lines = []
    for number, (sitting, batch) in same.items():
        count = sitting_rosters.count(session, number)
        policy = policy_of(batch)
        lines.append(
            SittingLine(
                id=number,
                batch_id=batch.id,
                batch=batch.name,
                occupation=f"{policy.occupation_name} {policy.level_name}",
                number=sitting.number,
                candidates=count.candidates,
                unseated=count.unseated,
                has_papers=sitting.paper_set_id is not None,
                arranged=number in arranged,
            )
        )
    return tuple(lines)


def _rooms(
    session: Session,
    same: Mapping[int, tuple[Sitting, Batch]],
    rows: Iterable[RoomSitting],
    seats: Mapping[int, int],
) -> tuple[RoomLine, ...]:
    """Rooms of these sittings, and those that nobody holds at the time."""
    held = {row.room_id: row for row in rows}
    busy = busy_rooms(session, *span(sitting for sitting, _ in same.values()), list(same))
    lines = []
    for room in session.scalars(select(Room).order_by(Room.id)):
        row = held.get(room.id)
        if row is None and room.id in busy:
            continue
        lines.append(
            RoomLine(
                id=room.id,
                name=room.name,
                kind=room.kind,
                seats=seats.get(room.id, 0),
                held_by=row.sitting_id if row else None,
                state=row.state if row else "",
                locked=bool(row and row.locked_at),
            )
        )
    return tuple(lines)


def _results(
    session: Session,
    same: Mapping[int, tuple[Sitting, Batch]],
    rows: Sequence[RoomSitting],
    known: tuple[Mapping[int, int], _People],
) -> tuple[RoomResult, ...]:
    seats, people = known
    drawn = [row for row in rows if row.arranged_at is not None]
    named = select(Room.id, Room.name).where(Room.id.in_([row.room_id for row in drawn]))
    names = dict(session.execute(named).all())
    sums = _sums(session, [row.id for row in drawn])
    results = []
    for row in sorted(drawn, key=lambda row: row.room_id):
        sitting, batch = same[row.sitting_id]
        count, employers, first, last = sums[row.id]
        results.append(
            RoomResult(
                id=row.id,
                room=names[row.room_id],
                batch=batch.name,
                number=sitting.number,
                state=row.state,
                locked=row.locked_at is not None,
                candidates=count,
                seats=seats.get(row.room_id, 0),
                employers=employers,
                first=first,
                last=last,
                seed=row.seating_seed,
                exceptions=tuple(people.exception(note, names[row.room_id]) for note in row.seating_notes),
            )
        )
    return tuple(results)


def _sums(session: Session, rows: Collection[int]) -> dict[int, tuple[int, int, str, str]]:
    """By room in a sitting: candidates, employers, first and last ticket."""
    query = (
        select(
            Attempt.room_sitting_id,
            func.count(Registration.id),
            func.count(func.distinct(func.nullif(Registration.employer, ""))),
            func.min(Registration.ticket),
            func.max(Registration.ticket),
        )
        .join(Registration, Registration.id == Attempt.registration_id)
        .where(Attempt.room_sitting_id.in_(rows))
        .group_by(Attempt.room_sitting_id)
    )
    found: dict[int, tuple[int, int, str, str]] = defaultdict(lambda: (0, 0, "", ""))
    for row, count, employers, first, last in session.execute(query):
        found[row] = (count, employers, first, last)
    return found


def _seats(session: Session) -> dict[int, int]:
    """Normal seats by room."""
    query = select(Seat.room_id, func.count(Seat.id)).where(Seat.kind == str(SeatKind.NORMAL))
    return dict(session.execute(query.group_by(Seat.room_id)).all())


def _latest(session: Session, rows: Iterable[RoomSitting]) -> ArrangementRow | None:
    newest = max((row.arrangement_id for row in rows if row.arrangement_id), default=None)
    return session.get(ArrangementRow, newest) if newest else None
