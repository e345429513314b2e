"""Everything the monitor tells of one seat when it is opened: person, history, what may be done now."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.kiosk_messages import KioskReport
from exam_rooms.protocol import RecordKind
from exam_rooms.seats import Act, AttemptState, SeatLink, allowed, may_change_seat
from exam_rooms.watch_messages import CameraReport
from server.access import Actor, Permission
from server.db.answers import AnswerStore
from server.db.rooms import Seat
from server.db.sittings import Attempt, Candidate, LinkGapRow, Registration, SeatStay, TimeCredit
from server.errors import Forbidden, NotFound
from server.presence import Presence
from server.rules.record_sums import outcome
from server.services import enrolments, incident_views, monitoring, rosters
from server.services.accommodations import Granted, granted_of
from server.services.cameras import CameraWord
from server.services.duty import may_act
from server.services.incident_views import IncidentView, WarningLine
from server.services.monitoring import SeatCard
from server.services.pairing import free_seats
from server.services.roomstate import RoomState, load

_MINUTES_SHOWN = 30
_LOOKING = frozenset({"look"})
_ADDABLE = frozenset({AttemptState.READY, AttemptState.ANSWERING, AttemptState.AUTO_SUBMITTED})


@dataclass(frozen=True, slots=True)
class Person:
    """The candidate as staff see them; the ID number is masked."""

    registration: int
    name: str
    ticket: str
    id_masked: str
    employer: str
    has_photo: bool


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of a seat's history. `code`: identified, admitted, ..., gap, credit, moved, incident kinds."""

    at: datetime
    code: str
    note: str = ""
    until: datetime | None = None
    incident: int | None = None
    state: str = ""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """Who was enrolled at the seat, compared with the registration photo: a `Likeness`, a cosine or None.

    `challenge`: a `ChallengeResult`; `tries`, `reason`: of it; `liveness`: the passive score or None.
    """

    at: datetime
    likeness: str
    similarity: float | None
    count: int
    challenge: str = ""
    tries: int = 0
    reason: str = ""
    liveness: float | None = None


@dataclass(frozen=True, slots=True)
class SeatFile:
    """What the drawer shows. `acts` names what this person may do now, `on_duty` whether acts are theirs
    here at all; `per_minute` counts answers, latest last.

    `granted` is the approved accommodation, `extra` its minutes in this test.
    `frozen_at`: the paper is covered since then, for a breach of the kind `frozen_why`.
    `expected` is the camera of the seat ("": any), `camera` what its workstation says of it.
    """

    card: SeatCard
    person: Person | None
    deadline: datetime | None
    credit: Decimal
    face_consent: bool | None
    history: tuple[Happening, ...]
    open_incidents: tuple[IncidentView, ...]
    acts: frozenset[str]
    free_seats: tuple[tuple[int, str], ...]
    per_minute: tuple[int, ...]
    camera: CameraReport
    expected: str = ""
    enrolled: Enrolled | None = None
    warnings: tuple[WarningLine, ...] = ()
    granted: Granted = field(default_factory=Granted)
    extra: Decimal = Decimal(0)
    on_duty: bool = True
    hand_reason: str = ""
    kiosk: KioskReport = field(default_factory=KioskReport)
    frozen_at: datetime | None = None
    frozen_why: str = ""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a seat's file comes from beside the database: answers, links, the time."""

    answers: AnswerStore
    presence: Presence
    now: datetime


def seat_file(
    session: Session, actor: Actor, room_sitting_id: int, seat_id: int, sources: Sources
) -> SeatFile:
    """The file of one seat of a room's sitting."""
    if not actor.can(Permission.MONITOR_ROOM):
        raise Forbidden(Permission.MONITOR_ROOM)
    room = load(session, room_sitting_id)
    cards = monitoring.seat_cards(session, sources.answers, sources.presence, room_sitting_id, {seat_id})
    if not cards:
        raise NotFound("seat")
    card = cards[0]
    attempt = session.get(Attempt, card.attempt) if card.attempt else None
    on_duty = may_act(session, actor, room_sitting_id)
    raised = incident_views.of_seat(session, room_sitting_id, seat_id)
    told = incident_views.warnings_of(session, attempt.id) if attempt else []
    enrolled = _enrolled(session, attempt) if attempt else None
    acts = _open_acts(room, card, attempt, enrolled)
    lines = [*_history(session, attempt), *map(_happening, raised), *map(_told, told)]
    return SeatFile(
        card=card,
        person=_person(session, attempt) if attempt else None,
        deadline=room.standing(attempt, sources.now) if attempt and room.row.started_at else None,
        credit=room.credit(attempt) if attempt else Decimal(0),
        face_consent=attempt.face_consent if attempt else None,
        history=tuple(sorted(lines, key=lambda line: line.at, reverse=True)),
        open_incidents=tuple(view for view in raised if view.open),
        acts=acts if on_duty else acts & _LOOKING,
        on_duty=on_duty,
        hand_reason=attempt.hand_reason if attempt else "",
        kiosk=sources.presence.of(card.workstation).kiosk,
        frozen_at=attempt.frozen_at if attempt else None,
        frozen_why=(attempt.frozen_why or "") if attempt else "",
        free_seats=free_seats(session, room.row.id),
        per_minute=_per_minute(sources, attempt) if attempt else (),
        camera=sources.presence.of(card.workstation).camera,
        expected=session.get_one(Seat, seat_id).camera,
        enrolled=enrolled,
        warnings=tuple(told),
        granted=_granted(session, attempt),
        extra=room.extra_time(attempt) if attempt else Decimal(0),
    )


def photo(session: Session, room_sitting_id: int, seat_id: int) -> bytes | None:
    """The registered photo of who sits at a seat."""
    query = (
        select(Registration)
        .join(Attempt, Attempt.registration_id == Registration.id)
        .where(Attempt.room_sitting_id == room_sitting_id, Attempt.seat_id == seat_id)
    )
    registration = session.scalars(query).first()
    return rosters.photo_of(session, registration) if registration else None


def _person(session: Session, attempt: Attempt) -> Person:
    registration = session.get_one(Registration, attempt.registration_id)
    candidate = session.get_one(Candidate, registration.candidate_id)
    return Person(
        registration=registration.id,
        name=candidate.name,
        ticket=registration.ticket,
        id_masked=rosters.masked_id(session, candidate),
        employer=registration.employer,
        has_photo=registration.has_photo,
    )


def _granted(session: Session, attempt: Attempt | None) -> Granted:
    if attempt is None:
        return Granted()
    return granted_of(session.get_one(Registration, attempt.registration_id))


def _history(session: Session, attempt: Attempt | None) -> list[Happening]:
    if attempt is None:
        return []
    closed = outcome(attempt.state, attempt.close_reason)
    moments = [
        (attempt.identified_at, "identified", ""),
        (attempt.admitted_at, "admitted", ""),
        (attempt.confirmed_at, "confirmed", ""),
        (attempt.accepted_at, "ready", ""),
        (attempt.answering_at, "answering", ""),
        (attempt.closed_at, closed, attempt.close_reason if closed == AttemptState.ENDED else ""),
        (attempt.collected_at, "collected", attempt.collect_note),
    ]
    lines = [Happening(at, code, note) for at, code, note in moments if at is not None]
    gaps = select(LinkGapRow).where(LinkGapRow.attempt_id == attempt.id)
    lines += [Happening(row.lost_at, "gap", until=row.back_at) for row in session.scalars(gaps)]
    credits_ = select(TimeCredit).where(
        TimeCredit.room_sitting_id == attempt.room_sitting_id,
        (TimeCredit.attempt_id == attempt.id) | TimeCredit.attempt_id.is_(None),
    )
    lines += [
        Happening(row.granted_at, "credit", f"{row.minutes.normalize():f}")
        for row in session.scalars(credits_)
    ]
    stays = session.execute(
        select(SeatStay, Seat.number)
        .join(Seat, Seat.id == SeatStay.seat_id)
        .where(SeatStay.attempt_id == attempt.id)
        .order_by(SeatStay.id)
    ).all()
    return lines + [Happening(stay.from_at, "moved", number) for stay, number in stays[1:]]


def _happening(view: IncidentView) -> Happening:
    return Happening(view.first_at, view.kind, view.note, incident=view.id, state=view.state)


def _told(line: WarningLine) -> Happening:
    return Happening(line.given_at, "warned", line.text)


def _enrolled(session: Session, attempt: Attempt) -> Enrolled | None:
    row = enrolments.latest(session, attempt.id)
    if row is None:
        return None
    note = row.challenge_note or {}
    return Enrolled(
        row.enrolled_at,
        row.likeness,
        row.similarity,
        row.count,
        challenge=row.challenge,
        tries=int(note.get("tries", 0)),
        reason=str(note.get("reason", "")),
        liveness=row.liveness,
    )


def _open_acts(
    room: RoomState, card: SeatCard, attempt: Attempt | None, enrolled: Enrolled | None
) -> frozenset[str]:
    acts = _acts(room, attempt) if attempt else frozenset()
    hand = {"answer"} if card.hand_since else set()
    return acts | hand | _camera_acts(room, card, attempt, enrolled)


def _camera_acts(
    room: RoomState, card: SeatCard, attempt: Attempt | None, enrolled: Enrolled | None
) -> set[str]:
    """look: a picture on demand; warn: a sentence on the screen; enrol_again: a new enrolment."""
    acts = set()
    if card.camera and card.camera != CameraWord.MANUAL and card.link == SeatLink.UP:
        acts.add("look")
    if attempt is None or room.row.ended_at is not None:
        return acts
    if attempt.state in enrolments.AT_SEAT:
        acts.add("warn")
        if card.camera and enrolled:
            acts.add("enrol_again")
    return acts


def _acts(room: RoomState, attempt: Attempt) -> frozenset[str]:
    state = AttemptState(attempt.state)
    possible = allowed(state)
    acts = {str(act) for act in (Act.ADMIT, Act.REFUSE) if act in possible}
    if room.row.ended_at is not None:
        return frozenset({"close_missing"} if _missing(attempt) else set())
    running = room.row.started_at is not None
    if running and state in _ADDABLE:
        acts.add("add_time")
    if running and state is not AttemptState.ASSIGNED and Act.END in possible:
        acts.add("end")
    if {Act.REOPEN, Act.READMIT, Act.REINSTATE} & possible and state is not AttemptState.AUTO_SUBMITTED:
        acts.add("resume")
    if may_change_seat(state):
        acts.add("move")
    if attempt.frozen_at is not None:
        acts.add("unfreeze")
    if _missing(attempt):
        acts.add("close_missing")
    return frozenset(acts)


def _missing(attempt: Attempt) -> bool:
    closed = attempt.closed_at is not None and attempt.state != AttemptState.ABSENT
    return closed and attempt.collected_at is None


def _per_minute(sources: Sources, attempt: Attempt) -> tuple[int, ...]:
    since = sources.now - timedelta(minutes=_MINUTES_SHOWN)
    ages = Counter(
        int((sources.now - stored.received_at).total_seconds() // 60)
        for stored in sources.answers.events(attempt.id)
        if stored.received_at > since and stored.record.kind is RecordKind.ANSWER
    )
    return tuple(ages.get(age, 0) for age in reversed(range(_MINUTES_SHOWN)))
