"""Who marks a room's scripts: the people who were named, and what is given to whom by a draw.

A marker holds no right that shows who wrote a script or what another one gave, was not on duty in the room,
and stands back for whoever they are linked with (R16).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.access import PERMISSIONS, Actor, Permission, Role
from server.db.scripts import Script, ScriptMarker, ScriptReading
from server.db.sittings import Attempt, Candidate, Registration
from server.errors import NotFound, Refused
from server.rules.recusal import Examinee, conflicts
from server.rules.script_draw import Wanting
from server.rules.script_draw import allot as drawn
from server.services import audit, script_room, staff
from server.services.eligibility import Fit, fits
from server.services.script_room import MARKING, SETTLED, THIRD, WAITING, may_mark_here
from server.services.signed import Signed, need_reason

APART = (Permission.MANAGE_SCRIPTS, Permission.MARK_RESULTS, Permission.SEE_RESULTS)
"""Rights that a marker must not hold: each shows whose script it is, or marks of others."""
MOST_MARKERS = 60
_NEEDED = {WAITING: 2, MARKING: 2, THIRD: 3}


@dataclass(frozen=True, slots=True)
class MarkerLine:
    """A line of the marking register: how many scripts somebody got, how many are handed in, and when."""

    user: int
    name: str
    allotted: int
    handed: int
    thirds: int
    first_at: datetime | None
    last_at: datetime | None


def candidates(session: Session, room_sitting_id: int) -> list[tuple[int, str]]:
    """Active staff who may be named as markers of the room, by name; nobody who was on duty there."""
    found = [one for one in fits(session).values() if not _fault(one)]
    free = [one for one in found if may_mark_here(session, Actor(one.id, one.name), room_sitting_id)]
    return sorted(((one.id, one.name) for one in free), key=lambda each: (each[1], each[0]))


def name(
    session: Session, actor: Actor, room_sitting_id: int, users: Collection[int], *, now: datetime
) -> None:
    """Adds people to those who mark the room's scripts. Raises `Refused` by name: script_marker_role,
    script_marker_apart, script_marker_was_here, duty_account_closed, duty_card_expired.
    """
    script_room.managed(session, actor, room_sitting_id, lock=True)
    have = markers(session, room_sitting_id)
    new = [user for user in dict.fromkeys(users) if user not in have]
    known = fits(session, new)
    if len(have) + len(new) > MOST_MARKERS or not users:
        raise Refused("script_markers_count", 422, field="markers", most=MOST_MARKERS)
    for user in new:
        if user not in known:
            raise NotFound("user")
        _need_fit(session, known[user], room_sitting_id, now)
        row = ScriptMarker(
            room_sitting_id=room_sitting_id, user_id=user, named_at=now, named_by=actor.user_id
        )
        session.add(row)
    session.flush()
    if new:
        stream = audit.sitting_stream(room_sitting_id)
        audit.record(session, stream, actor, "script_markers_named", stream, now=now, users=sorted(new))


def markers(session: Session, room_sitting_id: int) -> list[int]:
    """Ids of the people who mark the room's scripts."""
    query = select(ScriptMarker.user_id).where(ScriptMarker.room_sitting_id == room_sitting_id)
    return list(session.scalars(query.order_by(ScriptMarker.user_id)))


def allot(session: Session, actor: Actor, room_sitting_id: int, seed: str, *, now: datetime) -> int:
    """Gives every script that lacks markers to as many as it needs; how many readings were given out.

    Raises `Refused` (`script_too_few_markers`) and gives out nothing when one cannot be served.
    """
    script_room.managed(session, actor, room_sitting_id, lock=True)
    query = select(Script).where(Script.room_sitting_id == room_sitting_id, Script.state.in_(_NEEDED))
    scripts = {script.id: script for script in session.scalars(query.order_by(Script.id))}
    wanting = _wanting(session, scripts.values())
    given, short = drawn(wanting, markers(session, room_sitting_id), _loads(session, room_sitting_id), seed)
    if short:
        codes = "、".join(sorted(scripts[script].code for script in short)[:10])
        raise Refused("script_too_few_markers", 422, field="markers", codes=codes)
    made = sum(_give(session, actor, scripts[script], users, now) for script, users in given.items())
    stream = audit.sitting_stream(room_sitting_id)
    audit.record(session, stream, actor, "scripts_allotted", stream, now=now, readings=made, seed=seed)
    return made


def give_third(session: Session, actor: Actor, script: Script, *, now: datetime) -> bool:
    """Gives a script that two marked too differently to a third one; False when nobody is left for it."""
    (wanting,) = _wanting(session, [script])
    pool = markers(session, script.room_sitting_id)
    seed = f"third/{script.code}"
    given, _short = drawn([wanting], pool, _loads(session, script.room_sitting_id), seed)
    if script.id not in given:
        return False
    _give(session, actor, script, given[script.id], now)
    return True


def take_back(session: Session, signed: Signed, reading_id: int, *, now: datetime) -> None:
    """Takes a script from a marker who has not handed it in; what was given so far stays on the record."""
    found = session.get(ScriptReading, reading_id)
    if found is None:
        raise NotFound("script")
    script = script_room.locked(session, signed.actor, found.script_id)
    reading = session.get_one(ScriptReading, reading_id, populate_existing=True)
    need_reason(signed)
    if reading.handed_at is not None or reading.withdrawn_at is not None:
        raise Refused("script_handed_in", 409)
    reading.withdrawn_at, reading.withdrawn_by = now, signed.actor.user_id
    reading.withdrawn_reason = signed.reason.strip()[:200]
    session.flush()
    if script.state == MARKING and not script_room.active_readings(session, script.id):
        script.state = WAITING
    script_room.note(
        session, signed.actor, "script_taken_back", script, now, user=reading.user_id, **signed.why()
    )


def register(session: Session, room_sitting_id: int) -> list[MarkerLine]:
    """Who got how many scripts and handed in how many, when; no marks."""
    query = (
        select(ScriptReading)
        .join(Script, Script.id == ScriptReading.script_id)
        .where(Script.room_sitting_id == room_sitting_id, ScriptReading.withdrawn_at.is_(None))
    )
    rows: dict[int, list[ScriptReading]] = {user: [] for user in markers(session, room_sitting_id)}
    for reading in session.scalars(query):
        rows.setdefault(reading.user_id, []).append(reading)
    names = staff.names(session, rows)
    found = [_line(user, names.get(user, ""), readings) for user, readings in rows.items()]
    return sorted(found, key=lambda line: (line.name, line.user))


def _line(user: int, name: str, readings: list[ScriptReading]) -> MarkerLine:
    handed = sorted(reading.handed_at for reading in readings if reading.handed_at is not None)
    return MarkerLine(
        user=user,
        name=name,
        allotted=len(readings),
        handed=len(handed),
        thirds=sum(reading.turn == 3 for reading in readings),
        first_at=handed[0] if handed else None,
        last_at=handed[-1] if handed else None,
    )


def _fault(one: Fit) -> str:
    if Role.EXAMINER not in one.roles:
        return "script_marker_role"
    held = frozenset().union(*(PERMISSIONS[Role(role)] for role in one.roles))
    return "script_marker_apart" if held & set(APART) else ""


def _need_fit(session: Session, one: Fit, room_sitting_id: int, now: datetime) -> None:
    fault = _fault(one)
    if fault:
        raise Refused(fault, 422, field="markers", name=one.name)
    if not one.active:
        raise Refused("duty_account_closed", 422, name=one.name)
    if one.valid_to is not None and one.valid_to < now.date():
        raise Refused("duty_card_expired", 422, name=one.name, valid_to=one.valid_to)
    if not may_mark_here(session, Actor(one.id, one.name), room_sitting_id):
        raise Refused("script_marker_was_here", 422, field="markers", name=one.name)


def _wanting(session: Session, scripts: Iterable[Script]) -> list[Wanting]:
    """What each script still needs; barred: who ever had it, and who stands back for its author (R16)."""
    wanted = list(scripts)
    authors = _authors(session, [script.id for script in wanted])
    people = fits(session, {user for script in wanted for user in markers(session, script.room_sitting_id)})
    found = []
    for script in wanted:
        active = script_room.active_readings(session, script.id)
        had = set(session.scalars(select(ScriptReading.user_id).where(ScriptReading.script_id == script.id)))
        back = {
            user
            for user, one in people.items()
            if _unfit(one, authors[script.id])
            or not may_mark_here(session, Actor(user, one.name), script.room_sitting_id)
        }
        lacking = _NEEDED[script.state] - len(active)
        if lacking > 0:
            found.append(Wanting(script.id, lacking, frozenset(had | back)))
    return found


def _unfit(one: Fit, author: Examinee) -> bool:
    """Whether somebody who was named may not have this script (any more)."""
    return not one.active or bool(_fault(one)) or bool(conflicts(one.links, [author]))


def _authors(session: Session, scripts: Collection[int]) -> Mapping[int, Examinee]:
    query = (
        select(Script.id, Candidate.id_index, Candidate.name, Registration.employer)
        .join(Attempt, Attempt.id == Script.attempt_id)
        .join(Registration, Registration.id == Attempt.registration_id)
        .join(Candidate, Candidate.id == Registration.candidate_id)
        .where(Script.id.in_(scripts))
    )
    return {
        script: Examinee(index, person, employer)
        for script, index, person, employer in session.execute(query)
    }


def _loads(session: Session, room_sitting_id: int) -> dict[int, int]:
    query = (
        select(ScriptReading.user_id, func.count())
        .join(Script, Script.id == ScriptReading.script_id)
        .where(Script.room_sitting_id == room_sitting_id, ScriptReading.withdrawn_at.is_(None))
        .group_by(ScriptReading.user_id)
    )
    return {int(user): int(count) for user, count in session.execute(query)}


def _give(session: Session, actor: Actor, script: Script, users: Iterable[int], now: datetime) -> int:
    free = [
        turn
        for turn in (1, 2, 3)
        if turn not in {r.turn for r in script_room.active_readings(session, script.id)}
    ]
    given = 0
    for turn, user in zip(free, users, strict=False):
        row = ScriptReading(
            script_id=script.id, user_id=user, turn=turn, allotted_at=now, allotted_by=actor.user_id
        )
        session.add(row)
        given += 1
    if script.state == WAITING:
        script.state = MARKING
    session.flush()
    return given


def barred(session: Session, scripts: Collection[Script]) -> Mapping[int, frozenset[int]]:
    """Who of a script's markers may not have it (any more), by script: linked with its author by now (R16),
    an account that was closed or got a right that shows names, on duty in the room after all.
    """
    authors = _authors(session, [script.id for script in scripts])
    readings = {script.id: script_room.active_readings(session, script.id) for script in scripts}
    people = fits(session, {one.user_id for found in readings.values() for one in found})
    here = {
        (script.room_sitting_id, user)
        for script in scripts
        for user in people
        if not may_mark_here(session, Actor(user, ""), script.room_sitting_id)
    }
    return {
        script.id: frozenset(
            one.user_id
            for one in readings[script.id]
            if one.user_id not in people
            or _unfit(people[one.user_id], authors[script.id])
            or (script.room_sitting_id, one.user_id) in here
        )
        for script in scripts
    }


def done(session: Session, room_sitting_id: int) -> bool:
    """Whether every paper that was handed in has its mark."""
    query = select(Script.id).where(
        Script.room_sitting_id == room_sitting_id, Script.state.not_in((SETTLED, script_room.NONE))
    )
    return session.scalar(query.limit(1)) is None
