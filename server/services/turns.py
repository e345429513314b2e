"""Candidates before a panel, one after the other: the drawn order, calling, performing, absent, taken back.

Everything stands in the sitting's audit chain under number and code; names and tickets never do, so that the
record of the day does not say who is behind a code.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from server.access import Actor, Permission
from server.db.assessing import OrderDraw, ScoreRecord, ScoreSheet, Turn
from server.db.base import vault_of
from server.db.reviewing import DefenceQuestion, DefenceShort
from server.db.sittings import Registration
from server.errors import Refused
from server.rules.assessment_order import Place, blind_codes, drawn_order
from server.services import assessment_room, defence_minutes, panels, sheets, stations
from server.services.assessment_room import (
    ABSENT,
    CALLED,
    DONE,
    PERFORMING,
    WAITING,
    AssessmentRoom,
    need_running,
)
from server.services.duty import need_duty
from server.services.signed import Signed, need, need_reason, note_room

CODE_PURPOSE = "blind-code"
SEED_LIMIT = 40


def turns_of(session: Session, room_sitting_id: int) -> list[Turn]:
    """The turns of a room in the drawn order; none before the draw."""
    query = select(Turn).where(Turn.room_sitting_id == room_sitting_id).order_by(Turn.number)
    return list(session.scalars(query))


def last_draw(session: Session, room_sitting_id: int) -> OrderDraw | None:
    """The draw in force."""
    query = select(OrderDraw).where(OrderDraw.room_sitting_id == room_sitting_id)
    return session.scalar(query.order_by(OrderDraw.id.desc()).limit(1))


def draw_order(
    session: Session, signed: Signed, room_sitting_id: int, *, seed: str = "", now: datetime
) -> OrderDraw:
    """Draws the order of the room's candidates, their stations and codes; the seed replays the first two.

    A further draw needs a reason and replaces the turns; the row of the earlier one stays. Refused:
    `roster_empty`, `order_called` once anybody was called, `assessment_over`.
    """
    need(signed.actor, Permission.ARRANGE_ASSESSMENT)
    place = assessment_room.load(session, room_sitting_id, lock=True)
    assessment_room.need_open(place)
    assessment_room.need_off_panel(session, signed.actor, room_sitting_id)
    before = turns_of(session, room_sitting_id)
    if before:
        need_reason(signed)
        _need_untouched(session, before)
    listed = {row.ticket: row.id for row in assessment_room.candidates(session, place)}
    if not listed:
        raise Refused("roster_empty")
    seed = seed.strip()[:SEED_LIMIT] or secrets.token_hex(16)
    ready = stations.active(session, place.room.id)
    places = drawn_order(listed, len(ready), seed)
    draw = OrderDraw(room_sitting_id=room_sitting_id, seed=seed, drawn_at=now, drawn_by=signed.actor.user_id)
    draw.reason = signed.why().get("reason", "")
    session.add(draw)
    sheets.drop_empty(session, [turn.id for turn in before])
    session.execute(delete(Turn).where(Turn.room_sitting_id == room_sitting_id))
    session.flush()
    codes = _codes(session, draw, places)
    session.add_all(
        Turn(
            room_sitting_id=room_sitting_id,
            registration_id=listed[each.ref],
            number=each.number,
            code=codes[each.ref],
            station_id=None if each.station is None else ready[each.station].id,
        )
        for each in places
    )
    if place.row.state == "planned":
        place.row.state, place.row.arranged_at = "arranged", now
    session.flush()
    told = {"seed": seed, "candidates": len(places), "stations": len(ready), "draw": draw.id}
    note_room(session, room_sitting_id, signed, "order_redrawn" if before else "order_drawn", now, **told)
    return draw


def _codes(session: Session, draw: OrderDraw, places: Sequence[Place]) -> dict[str, str]:
    """Codes by a key that the store alone holds: who knows seed and tickets does not know them."""
    vault = vault_of(session)
    return blind_codes(
        sorted(each.ref for each in places), lambda text: vault.index(CODE_PURPOSE, f"{draw.id}|{text}")
    )


# --- calling --------------------------------------------------------------------------------------------


def call(session: Session, actor: Actor, turn_id: int, *, now: datetime) -> None:
    """Calls a waiting candidate to the station.

    Refused: `assessment_not_begun`, `turn_not_waiting`, `turn_ticket_void`, `station_called` while somebody
    is on the way there.
    """
    turn, place = _turn(session, actor, turn_id, now)
    if turn.state != WAITING:
        raise Refused("turn_not_waiting", number=turn.number)
    _need_ticket(session, turn)
    _need_none(session, turn, CALLED, "station_called")
    turn.state, turn.called_at = CALLED, now
    _note(session, place, turn, Signed(actor), "turn_called", now)


def start(session: Session, actor: Actor, turn_id: int, *, checked: bool, now: datetime) -> None:
    """Starts a called candidate's time; the panel of those present is fixed with it.

    `checked`: whoever starts it has compared the candidate's document. Refused: `turn_not_called`,
    `identity_unchecked`, `station_occupied`, and as `panels.present_panel` does.
    """
    turn, place = _turn(session, actor, turn_id, now)
    if turn.state != CALLED:
        raise Refused("turn_not_called", number=turn.number)
    _need_ticket(session, turn)
    if not checked:
        raise Refused("identity_unchecked", 422, field="checked", number=turn.number)
    _need_none(session, turn, PERFORMING, "station_occupied")
    turn.panel = panels.present_panel(session, place, _performing(session, place) + 1)
    turn.state, turn.started_at = PERFORMING, now
    _note(session, place, turn, Signed(actor), "turn_started", now, examiners=len(turn.panel))


def finish(session: Session, actor: Actor, turn_id: int, *, note: str = "", now: datetime) -> None:
    """Ends a candidate's performance; the time beyond the allowed one is kept in seconds."""
    turn, place = _turn(session, actor, turn_id, now)
    if turn.state != PERFORMING:
        raise Refused("turn_not_performing", number=turn.number)
    defence_minutes.check_minutes(session, place, turn, now=now)
    turn.overtime_seconds = assessment_room.overtime(session, place, turn, now)
    turn.state, turn.ended_at = DONE, now
    turn.note = note.strip()[:200]
    _note(session, place, turn, Signed(actor), "turn_finished", now, overtime=turn.overtime_seconds)


def absent(session: Session, actor: Actor, turn_id: int, *, now: datetime) -> None:
    """Marks a candidate who does not come; `take_back` undoes it until the session ends."""
    turn, place = _turn(session, actor, turn_id, now)
    if turn.state not in (WAITING, CALLED):
        raise Refused("turn_begun", number=turn.number)
    turn.state, turn.ended_at = ABSENT, now
    _note(session, place, turn, Signed(actor), "turn_absent", now)


def take_back(session: Session, signed: Signed, turn_id: int, *, now: datetime) -> str:
    """Undoes the last step of a turn, with a reason; returns the state it goes back to.

    Called or absent: waiting again. Begun by mistake: called again, as long as no examiner has marked
    anything (`turn_has_marks`). A finished turn stays finished.
    """
    need_reason(signed)
    turn, place = _turn(session, signed.actor, turn_id, now)
    if turn.state in (WAITING, DONE):
        raise Refused("turn_nothing_to_undo", number=turn.number)
    was = turn.state
    if was == PERFORMING:
        _need_unmarked(session, turn)
        turn.state, turn.started_at, turn.panel = CALLED, None, []
    else:
        turn.state, turn.called_at, turn.ended_at = WAITING, None, None
    _note(session, place, turn, signed, "turn_taken_back", now, was=was)
    return turn.state


# --- parts ----------------------------------------------------------------------------------------------


def _turn(session: Session, actor: Actor, turn_id: int, now: datetime) -> tuple[Turn, AssessmentRoom]:
    turn, place = assessment_room.turn_and_room(session, turn_id, lock=True)
    need_duty(session, actor, Permission.RUN_ASSESSMENT, place.row.id, now=now)
    assessment_room.need_off_panel(session, actor, place.row.id)
    need_running(place)
    return turn, place


def _need_none(session: Session, turn: Turn, state: str, code: str) -> None:
    """Nobody else is in that state at the turn's station; without stations, before the panel."""
    query = select(Turn).where(
        Turn.room_sitting_id == turn.room_sitting_id, Turn.state == state, Turn.id != turn.id
    )
    for other in session.scalars(query):
        if other.station_id == turn.station_id:
            raise Refused(code, number=other.number)


def _performing(session: Session, place: AssessmentRoom) -> int:
    query = select(func.count()).select_from(Turn)
    here = Turn.room_sitting_id == place.row.id, Turn.state == PERFORMING
    return session.scalar(query.where(*here)) or 0


def _need_untouched(session: Session, before: Sequence[Turn]) -> None:
    """Nobody was called, and nothing was noted of a turn that was taken back since."""
    ids = [turn.id for turn in before]
    kept = (DefenceQuestion.turn_id, DefenceShort.turn_id)
    noted = any(session.scalar(select(of).where(of.in_(ids)).limit(1)) for of in kept)
    if noted or any(turn.state != WAITING for turn in before):
        raise Refused("order_called")


def _need_ticket(session: Session, turn: Turn) -> None:
    if session.get_one(Registration, turn.registration_id).void_at is not None:
        raise Refused("turn_ticket_void", number=turn.number)


def _need_unmarked(session: Session, turn: Turn) -> None:
    # The sheets are held until the commit: a mark that is just coming in waits, then finds no turn begun.
    mine = select(ScoreSheet).where(ScoreSheet.turn_id == turn.id).order_by(ScoreSheet.id)
    sheets = [sheet.id for sheet in session.scalars(mine.with_for_update(key_share=True))]
    if session.scalar(select(ScoreRecord.id).where(ScoreRecord.sheet_id.in_(sheets)).limit(1)):
        raise Refused("turn_has_marks", number=turn.number)


def _note(  # noqa: PLR0913 - what an entry of the record says
    session: Session,
    place: AssessmentRoom,
    turn: Turn,
    signed: Signed,
    act: str,
    now: datetime,
    **facts: object,
) -> None:
    place.row.version += 1
    session.flush()
    told = {"number": turn.number, "code": turn.code, **facts}
    note_room(session, place.row.id, signed, act, now, **told)
