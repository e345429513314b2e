"""What the pages of an assessed room show: turns by station, who is behind a code for those who may know."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.access import Actor
from server.db.assessing import ScoreSheet, Turn
from server.db.sittings import Candidate, Registration
from server.errors import NotFound, Refused
from server.services import assessment_room, audit, rosters, stations, turns
from server.services.assessment_room import CALLED, PERFORMING, WAITING, AssessmentRoom


@dataclass(frozen=True, slots=True)
class TurnView:
    """One turn without the person. `locked` of `sheets` are the sheets that the panel has locked;
    `allowed_seconds` is the candidate's time, approved extra time included.
    """

    id: int
    number: int
    code: str
    station: str
    station_id: int | None
    state: str
    called_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    overtime: int
    allowed_seconds: int
    planned_at: datetime | None
    panel: tuple[int, ...]
    locked: int
    note: str

    @property
    def sheets(self) -> int:
        """How many sheets the turn needs."""
        return len(self.panel)


@dataclass(frozen=True, slots=True)
class Person:
    """Who is behind a code: for staff who run or arrange the room alone."""

    name: str
    ticket: str
    id_masked: str
    employer: str
    registration: int
    has_photo: bool


@dataclass(frozen=True, slots=True)
class StationView:
    """A station (number "" without stations): who performs there, who is called, who comes next."""

    number: str
    performing: TurnView | None
    called: TurnView | None
    following: TurnView | None
    waiting: int


def turn_views(session: Session, place: AssessmentRoom) -> list[TurnView]:
    """The turns of a room in the drawn order."""
    numbers = stations.numbers(session, place.room.id)
    locked = _locked(session, place)
    return [_view(session, place, turn, numbers, locked) for turn in turns.turns_of(session, place.row.id)]


def by_station(found: list[TurnView]) -> list[StationView]:
    """The turns as each station sees them, stations in the order in which they were drawn."""
    order = list(dict.fromkeys(turn.station_id for turn in found))
    return [_station([turn for turn in found if turn.station_id == station]) for station in order]


def people(session: Session, actor: Actor, place: AssessmentRoom) -> Mapping[int, Person]:
    """Who is behind each turn (by its id); empty for whom that is not (`may_see_names`)."""
    if not assessment_room.may_see_names(session, actor, place.row.id):
        return {}
    rows = session.execute(
        select(Turn.id, Registration, Candidate)
        .join(Registration, Registration.id == Turn.registration_id)
        .join(Candidate, Candidate.id == Registration.candidate_id)
        .where(Turn.room_sitting_id == place.row.id)
    )
    return {
        turn: Person(
            name=candidate.name,
            ticket=registration.ticket,
            id_masked=rosters.masked_id(session, candidate),
            employer=registration.employer,
            registration=registration.id,
            has_photo=registration.has_photo,
        )
        for turn, registration, candidate in rows
    }


def order_list(
    session: Session, actor: Actor, room_sitting_id: int, *, now: datetime
) -> tuple[AssessmentRoom, list[TurnView], Mapping[int, Person]]:
    """The order with names for the caller, on the record. Raises `Refused` (`names_not_yours`)."""
    place = assessment_room.load(session, room_sitting_id)
    if not assessment_room.may_see_names(session, actor, room_sitting_id):
        raise Refused("names_not_yours", 403)
    stream = audit.sitting_stream(room_sitting_id)
    audit.record(session, stream, actor, "order_list_shown", stream, now=now)
    return place, turn_views(session, place), people(session, actor, place)


def photo(session: Session, actor: Actor, room_sitting_id: int, turn_id: int) -> bytes:
    """The registration photo behind a code, JPEG. Raises `Refused` (`names_not_yours`), `NotFound`."""
    assessment_room.load(session, room_sitting_id)
    if not assessment_room.may_see_names(session, actor, room_sitting_id):
        raise Refused("names_not_yours", 403)
    turn = session.get(Turn, turn_id)
    if turn is None or turn.room_sitting_id != room_sitting_id:
        raise NotFound("turn")
    data = rosters.photo_of(session, session.get_one(Registration, turn.registration_id))
    if data is None:
        raise NotFound("photo")
    return data


def counts(found: list[TurnView]) -> dict[str, int]:
    """How many turns are in each state."""
    return {state: sum(turn.state == state for turn in found) for state in assessment_room.STATES}


def _view(
    session: Session,
    place: AssessmentRoom,
    turn: Turn,
    numbers: Mapping[int, str],
    locked: Mapping[int, int],
) -> TurnView:
    allowed: timedelta = assessment_room.allowed(session, place, turn)
    return TurnView(
        id=turn.id,
        number=turn.number,
        code=turn.code,
        station=numbers.get(turn.station_id or 0, ""),
        station_id=turn.station_id,
        state=turn.state,
        called_at=turn.called_at,
        started_at=turn.started_at,
        ended_at=turn.ended_at,
        overtime=turn.overtime_seconds,
        allowed_seconds=int(allowed.total_seconds()),
        planned_at=turn.planned_at,
        panel=tuple(turn.panel),
        locked=locked.get(turn.id, 0),
        note=turn.note,
    )


def _locked(session: Session, place: AssessmentRoom) -> dict[int, int]:
    query = (
        select(ScoreSheet.turn_id, func.count())
        .join(Turn, Turn.id == ScoreSheet.turn_id)
        .where(Turn.room_sitting_id == place.row.id, ScoreSheet.state == "locked")
        .group_by(ScoreSheet.turn_id)
    )
    return dict(session.execute(query).all())


def _station(here: list[TurnView]) -> StationView:
    def first(state: str) -> TurnView | None:
        return next((turn for turn in here if turn.state == state), None)

    waiting = sum(turn.state == WAITING for turn in here)
    return StationView(here[0].station, first(PERFORMING), first(CALLED), first(WAITING), waiting)
