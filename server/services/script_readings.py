"""One marker's marking of one script, and what two or three of them come to.

A marker sees the pages without name and number, the questions with their points, and their own points: never
whose script it is, how many marked it before, or what they gave. What is handed in does not change.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.access import Actor, Permission
from server.db.base import TO_CHANGE
from server.db.rooms import Room
from server.db.scripts import Script, ScriptReading
from server.db.sittings import Attempt, Batch, RoomSitting, Sitting
from server.errors import NotFound, Refused
from server.rules.script_marks import Settled, settle
from server.services import entered_marks, scans, script_markers, script_objectives, script_room
from server.services.entered_marks import Agreed
from server.services.roomstate import RoomState, load
from server.services.scans import MarkedPage
from server.services.script_room import MARKING, OBJECTIVE, SETTLED, THIRD, Question, questions
from server.services.signed import need

NOTE_MOST = 200
_SAID = {"mean": "双人评阅，取平均", "median": "三人评阅，取中间值", "mean_of_three": "三人评阅，取平均"}
# Written into the entered mark, which stands on Chinese documents whatever language the screens speak.


@dataclass(frozen=True, slots=True)
class MyScript:
    """A script that waits for, or had, the marker's marks. `closed`: it is to be taken back."""

    reading: int
    code: str
    batch: str
    component: str
    pages: int
    handed_at: datetime | None
    begun: bool
    closed: bool

    @property
    def open(self) -> bool:
        """Whether it waits for the marker."""
        return self.handed_at is None and not self.closed


@dataclass(frozen=True, slots=True)
class Desk:
    """What a marker has before them. `given`: own points by place, as text. `computed`: what two people typed
    of the questions with a key came to; None when the marker gives these points, too. `next`: another reading
    of the marker that is open.
    """

    reading: int
    code: str
    batch: str
    questions: tuple[Question, ...]
    given: Mapping[str, str]
    note: str
    pages: tuple[MarkedPage, ...]
    computed: Decimal | None
    most: Decimal
    handed_at: datetime | None
    next: int | None


@dataclass(frozen=True, slots=True)
class Given:
    """What a marker gives: points by place of a question as typed, and a note to who manages the scripts."""

    points: Mapping[str, str]
    note: str = ""


def mine(session: Session, actor: Actor) -> list[MyScript]:
    """The marker's scripts: open ones first, in the order of their codes."""
    need(actor, Permission.MARK_SCRIPTS)
    rows = session.execute(
        select(ScriptReading, Script, Batch.name, Sitting.component)
        .join(Script, Script.id == ScriptReading.script_id)
        .join(RoomSitting, RoomSitting.id == Script.room_sitting_id)
        .join(Sitting, Sitting.id == RoomSitting.sitting_id)
        .join(Batch, Batch.id == Sitting.batch_id)
        .join(Room, Room.id == RoomSitting.room_id)
        .where(ScriptReading.user_id == actor.user_id, ScriptReading.withdrawn_at.is_(None))
    ).all()
    pages = scans.marked_pages(session, {script.id for _reading, script, *_rest in rows})
    barred = script_markers.barred(
        session, {script for reading, script, *_rest in rows if not reading.handed_at}
    )
    found = [
        MyScript(
            reading=reading.id,
            code=script.code,
            batch=batch,
            component=component,
            pages=len(pages[script.id]),
            handed_at=reading.handed_at,
            begun=bool(reading.given),
            closed=reading.handed_at is None and reading.user_id in barred.get(script.id, ()),
        )
        for reading, script, batch, component in rows
    ]
    return sorted(found, key=lambda one: (one.handed_at is not None, one.code))


def desk(session: Session, actor: Actor, reading_id: int, *, now: datetime) -> Desk:
    """One script for its marker; that it was opened stands on the record once."""
    reading, script, room = _own(session, actor, reading_id)
    if reading.handed_at is None:
        _need_fit(session, script, reading)
    if reading.opened_at is None:
        reading.opened_at = now
        script_room.note(session, actor, "script_opened", script, now)
    found = _questions(session, script, room)
    computed = script_objectives.points(session, script.id)
    left = [one.reading for one in mine(session, actor) if one.open and one.reading != reading_id]
    return Desk(
        reading=reading.id,
        code=script.code,
        batch=room.batch.name,
        questions=tuple(one for one in found if computed is None or one.place != OBJECTIVE),
        given=dict(reading.given),
        note=reading.note,
        pages=scans.marked_pages(session, [script.id])[script.id],
        computed=computed if any(one.place == OBJECTIVE for one in found) else None,
        most=sum((one.most for one in found), Decimal(0)),
        handed_at=reading.handed_at,
        next=left[0] if left else None,
    )


def save(session: Session, actor: Actor, reading_id: int, given: Given, *, now: datetime) -> None:
    """Keeps what the marker has so far; places left empty are no fault yet."""
    reading, script, room = _writable(session, actor, reading_id)
    reading.given = _checked(given.points, _asked(session, script, room), complete=False)
    reading.note, reading.opened_at = given.note.strip()[:NOTE_MOST], reading.opened_at or now


def hand_in(session: Session, actor: Actor, reading_id: int, given: Given, *, now: datetime) -> None:
    """The marker's last word on the script. With the second one the script has its mark, or goes to a third.

    Raises `Refused`: script_points_missing, mark_out_of_range, field_not_a_number, script_handed_in.
    """
    reading, script, room = _writable(session, actor, reading_id)
    reading.given = _checked(given.points, _asked(session, script, room), complete=True)
    reading.note, reading.opened_at = given.note.strip()[:NOTE_MOST], reading.opened_at or now
    reading.total, reading.handed_at = _total(reading, script_objectives.points(session, script.id)), now
    session.flush()
    script_room.note(session, actor, "script_handed_in", script, now)
    conclude(session, actor, script, room, now=now)


def conclude(session: Session, actor: Actor, script: Script, room: RoomState, *, now: datetime) -> None:
    """Settles a script whose readings suffice, or gives it to a third marker."""
    if script.state not in (MARKING, THIRD):
        return
    handed = [r for r in script_room.active_readings(session, script.id) if r.handed_at is not None]
    computed = script_objectives.points(session, script.id)
    totals = [_total(reading, computed) for reading in handed]
    if len(handed) < (3 if script.state == THIRD else 2):
        return
    found = settle(totals, room.policy.results)
    if found is None:
        script.state = THIRD
        given = script_markers.give_third(session, actor, script, now=now)
        script_room.note(session, actor, "script_to_third", script, now, given=given)
        return
    _settled(session, actor, script, found, dict(zip(handed, totals, strict=True)), now)


def _settled(  # noqa: PLR0913 - a script, its mark and the totals it rests on
    session: Session,
    actor: Actor,
    script: Script,
    found: Settled,
    totals: Mapping[ScriptReading, Decimal],
    now: datetime,
) -> None:
    handed = list(totals)
    first, second = (handed[place].user_id for place in found.readers)
    agreed = Agreed(script.attempt_id, found.points, (first, second), _SAID[found.rule])
    script.mark_id = entered_marks.agree(session, actor, agreed, now=now)
    script.state, script.settled_at, script.points = SETTLED, now, found.points
    script.settled = {
        "rule": found.rule,
        "readings": [reading.id for reading in handed],
        "totals": [f"{total.normalize():f}" for total in totals.values()],
        "wide": found.wide,
    }
    script_room.note(session, actor, "script_settled", script, now, rule=found.rule, wide=found.wide)


def _own(session: Session, actor: Actor, reading_id: int) -> tuple[ScriptReading, Script, RoomState]:
    need(actor, Permission.MARK_SCRIPTS)
    reading = session.get(ScriptReading, reading_id)
    if reading is None or reading.user_id != actor.user_id or reading.withdrawn_at is not None:
        raise NotFound("script")  # others' readings are not even said to be there
    script = session.get_one(Script, reading.script_id)
    return reading, script, load(session, script.room_sitting_id)


def _writable(session: Session, actor: Actor, reading_id: int) -> tuple[ScriptReading, Script, RoomState]:
    reading, script, room = _own(session, actor, reading_id)
    load(session, script.room_sitting_id, lock=True)  # the room before its scripts, as everywhere
    session.get_one(Script, script.id, with_for_update=TO_CHANGE, populate_existing=True)
    session.refresh(reading)
    if reading.withdrawn_at is not None:
        raise NotFound("script")
    if reading.handed_at is not None:
        raise Refused("script_handed_in", 409)
    _need_fit(session, script, reading)
    return reading, script, room


def _need_fit(session: Session, script: Script, reading: ScriptReading) -> None:
    """Links and rights may have come after the draw. Why is not said: it would say whose script it is."""
    if reading.user_id in script_markers.barred(session, [script])[script.id]:
        raise Refused("script_not_yours", 403)


def _questions(session: Session, script: Script, room: RoomState) -> tuple[Question, ...]:
    return questions(session, room, session.get_one(Attempt, script.attempt_id).form)


def _asked(session: Session, script: Script, room: RoomState) -> list[Question]:
    computed = script_objectives.points(session, script.id)
    return [one for one in _questions(session, script, room) if computed is None or one.place != OBJECTIVE]


def _checked(points: Mapping[str, str], asked: list[Question], *, complete: bool) -> dict[str, str]:
    found = {}
    for question in asked:
        typed = points.get(question.place, "").strip()
        field = f"points-{question.place}"
        if not typed and not complete:
            continue
        if not typed:
            raise Refused("script_points_missing", 422, field=field, number=question.number)
        try:
            value = Decimal(typed)
        except InvalidOperation as fault:
            raise Refused("field_not_a_number", 422, field=field, value=typed[:20]) from fault
        entered_marks.check_points(value, question.most, field=field)
        found[question.place] = f"{value:f}"
    return found


def _total(reading: ScriptReading, computed: Decimal | None) -> Decimal:
    """The marker's points; what two people typed of the keyed questions goes before a marker's own sum."""
    own = [Decimal(value) for place, value in reading.given.items() if computed is None or place != OBJECTIVE]
    return sum(own, computed or Decimal(0))
