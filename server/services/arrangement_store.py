"""A draw written down: old seats given back, new ones given, each room on its record."""

import uuid
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, FromClause, delete, exists, select, update
from sqlalchemy.orm import Session

from exam_rooms.draw_parts import Note, Outcome, Seated
from exam_rooms.seats import AttemptState
from server.access import Actor
from server.db.arrangements import ArrangementRow
from server.db.base import Base, emit
from server.db.papers import PaperPrint, PaperSet
from server.db.sittings import Attempt, Registration, RoomSitting, SeatStay
from server.errors import Refused
from server.events import RoomChanged
from server.services import assembly_runs, audit, kiosk_orders, packages
from server.services.arrangement_question import Asked, marked

_OWN = {Attempt.__tablename__, SeatStay.__tablename__}


def store(session: Session, actor: Actor, asked: Asked, outcome: Outcome, *, now: datetime) -> int:
    """Seats everybody as drawn; the id of the arrangement. Ticket numbers stay as they are.

    Refused (draw_too_late, draw_after_printing) when something hangs on the seats of an earlier draw.
    """
    clear(session, list(asked.rows.values()))
    row = ArrangementRow(
        seed=outcome.seed,
        rules=asked.question.rules.to_json(),
        sittings=sorted(asked.sittings),
        candidates=len(outcome.seated),
        inputs_hash=asked.mark,
        result_hash=marked(outcome.to_json()),
        notes=[note.to_json() for note in outcome.notes],
        made_at=now,
        made_by=actor.user_id,
    )
    session.add(row)
    session.flush()
    held = _rows(session, asked, outcome)
    _give_rooms(session, asked, outcome)
    _seat(session, asked, outcome, held, now)
    for room, room_sitting in held.items():
        notes = [note for note in outcome.notes if note.room == str(room)]
        _finish(session, actor, room_sitting, (row, notes), now)
    return row.id


def clear(session: Session, rows: Sequence[RoomSitting]) -> None:
    """Takes the seats of an earlier draw back; the rooms are as if never drawn. Refused as `store` says."""
    ids = [row.id for row in rows]
    need_untouched(session, ids)
    attempts = select(Attempt.id).where(Attempt.room_sitting_id.in_(ids))
    quietly = {"synchronize_session": False}
    session.execute(delete(SeatStay).where(SeatStay.attempt_id.in_(attempts)), execution_options=quietly)
    session.execute(delete(Attempt).where(Attempt.room_sitting_id.in_(ids)), execution_options=quietly)
    for row in rows:
        row.state, row.seating_seed, row.seating_notes = "planned", "", []
        row.arranged_at = row.arrangement_id = None
        row.version += 1


def need_untouched(session: Session, rows: Collection[int]) -> None:
    """Nobody has signed in, and no other table points at the seats' attempts or their registrations."""
    if session.scalar(select(PaperPrint.id).where(PaperPrint.room_sitting_id.in_(rows)).limit(1)):
        raise Refused("draw_after_printing")
    seated = select(Attempt).where(Attempt.room_sitting_id.in_(rows))
    begun = seated.where((Attempt.state != AttemptState.ASSIGNED) | Attempt.identified_at.is_not(None))
    attempts = seated.with_only_columns(Attempt.id)
    registrations = seated.with_only_columns(Attempt.registration_id)
    if session.scalar(begun.with_only_columns(Attempt.id).limit(1)) is not None:
        raise Refused("draw_too_late")
    for table, targets in ((Attempt.__table__, attempts), (Registration.__table__, registrations)):
        for foreign in _pointing_at(table):
            if session.scalar(select(exists().where(foreign.in_(targets)))):
                raise Refused("draw_too_late")


def _pointing_at(target: FromClause) -> Iterable[Column[Any]]:
    for table in Base.metadata.sorted_tables:
        if table.name not in _OWN:
            yield from (key.parent for key in table.foreign_keys if key.column.table is target)


def _rows(session: Session, asked: Asked, outcome: Outcome) -> dict[int, RoomSitting]:
    """The used rooms in their sittings: moved to another one where the draw says so, new where none was."""
    held = {}
    for room, sitting in ((int(room), int(sitting)) for room, sitting in outcome.rooms.items()):
        row = asked.rows.get(room)
        if row is None:
            row = RoomSitting(uid=str(uuid.uuid4()), sitting_id=sitting, room_id=room, version=1)
            session.add(row)
        row.sitting_id = sitting
        held[room] = row
    session.flush()
    return held


def _give_rooms(session: Session, asked: Asked, outcome: Outcome) -> None:
    changes = []
    for entrant in asked.question.entrants:
        if entrant.room is None:
            room = int(outcome.seated[entrant.ref].room)
            changes.append({"id": int(entrant.ref), "room_id": room, "drawn_room": True})
    if changes:
        session.execute(update(Registration), changes)
    for known in [each for each in session if isinstance(each, Registration)]:
        session.expire(known)


def _seat(
    session: Session, asked: Asked, outcome: Outcome, held: dict[int, RoomSitting], now: datetime
) -> None:
    used = {room: [p.seat for p in outcome.seated.values() if int(p.room) == room] for room in held}
    shown = {room: _forms(session, row, asked, used[room]) for room, row in held.items()}
    seats = {room: {seat.number: seat.id for seat in asked.rooms[room].seats} for room in held}
    attempts = []
    for ref, place in outcome.seated.items():
        room = int(place.room)
        attempts.append(
            Attempt(
                registration_id=int(ref),
                room_sitting_id=held[room].id,
                seat_id=seats[room][place.seat],
                form=_form(shown[room], place),
                state=AttemptState.ASSIGNED,
            )
        )
    session.add_all(attempts)
    session.flush()
    session.add_all(
        SeatStay(attempt_id=attempt.id, seat_id=attempt.seat_id, from_at=now, reason="drawn")
        for attempt in attempts
    )
    session.flush()


def _forms(
    session: Session, row: RoomSitting, asked: Asked, used: Iterable[str]
) -> tuple[dict[str, str], dict[str, str]]:
    """What a drawn form is shown as, and the form of each seat where the papers give every seat its own."""
    sitting, room = asked.sittings[row.sitting_id], asked.rooms[row.room_id]
    papers = session.get(PaperSet, sitting.paper_set_id) if sitting.paper_set_id else None
    own = assembly_runs.forms_by_seat(papers, room, used) if papers else {}
    return packages.seat_forms(session, row.id), own


def _form(known: tuple[dict[str, str], dict[str, str]], place: Seated) -> str:
    shown, own = known
    return shown[own.get(place.seat, place.form)]


def _finish(
    session: Session,
    actor: Actor,
    row: RoomSitting,
    made: tuple[ArrangementRow, Sequence[Note]],
    now: datetime,
) -> None:
    arrangement, notes = made
    row.state, row.arranged_at, row.arrangement_id = "arranged", now, arrangement.id
    row.seating_seed, row.seating_notes = arrangement.seed, [note.to_json() for note in notes]
    kiosk_orders.ensure_pin(session, row.id, now=now)
    count = _seated(session, row.id)
    stream = audit.sitting_stream(row.id)
    audit.record(
        session,
        stream,
        actor,
        "seats_drawn",
        stream,
        now=now,
        seed=arrangement.seed,
        candidates=count,
        arrangement=arrangement.id,
    )
    emit(session, RoomChanged(row.id))


def _seated(session: Session, room_sitting_id: int) -> int:
    query = select(Attempt.id).where(Attempt.room_sitting_id == room_sitting_id)
    return len(session.scalars(query).all())
