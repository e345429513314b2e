"""What the monitor of a room shows: a card for every seat, the room's phase, counts and next step."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exam_rooms.clock import NEVER, Phase, late_entry_closes, standing
from exam_rooms.incidents import IncidentKind
from exam_rooms.kiosk_messages import Lockdown
from exam_rooms.seats import PRESENT, AttemptState, SeatLink
from server.db.answers import AnswerStore
from server.db.papers import FormItem
from server.db.rooms import Room, Seat, Workstation
from server.db.sittings import Attempt, Candidate, Registration, RoomSitting, Sitting
from server.db.watching import Enrolment
from server.presence import Presence, SeatPresence
from server.rules.record_sums import ended_with_room
from server.services import breaches, cameras, check_gate, desk_marks, incident_views, incidents, muting
from server.services.cameras import CameraSeat, CameraWord
from server.services.check_gate import CheckWord
from server.services.roomstate import AT_SEATS, CLOSED, RoomState, attempts_of, extras_of, load
from server.services.seat_marks import SeatMarks

EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class SeatCard:
    """One seat. `state` is an attempt's state or "empty"; `alert` is "", look or act; `waiting` counts
    records at the seat that the server has not acknowledged; `link_since` is when the link came or went,
    `heard_at` the last word before it went;
    `camera` is a `CameraWord`, "" outside of smart rooms; `frozen`: the paper is covered; `kiosk` is "open"
    when the workstation is; `hand_since` is when the candidate raised the hand;
    `extra` are the minutes of an approved accommodation; `check` is a `CheckWord`, "" once the room started.
    `cover` says why the paper is covered; `paused`: time stands still; `command` is the last one to the seat,
    `command_state` is sent, received or done since `command_at`; `desk` is a word of `desk_marks.mark_of`;
    `with_room`: ended with the whole room, not by a decision about this seat. `room_seen`: how the room's
    camera sees the seat, a word of `RoomSight.mark`.
    """

    seat: int
    number: str
    kind: str
    workstation: int | None = None
    state: str = EMPTY
    attempt: int | None = None
    name: str = ""
    ticket: str = ""
    answered: int = 0
    total: int = 0
    link: str = SeatLink.NEVER
    link_since: datetime | None = None
    heard_at: datetime | None = None
    waiting: int = 0
    alert: str = ""
    package: bool = False
    camera: str = CameraWord.NOT_USED
    frozen: bool = False
    kiosk: str = ""
    hand_since: datetime | None = None
    extra: float = 0.0
    check: str = CheckWord.NOT_ASKED
    cover: str = ""
    paused: bool = False
    command: str = ""
    command_state: str = ""
    command_at: datetime | None = None
    desk: str = ""
    with_room: bool = False
    room_seen: str = ""

    @property
    def doubted(self) -> bool:
        """Whether the desk's doubt about this candidate waits for the chief."""
        return self.desk == desk_marks.DOUBT and AttemptState(self.state) not in CLOSED


@dataclass(frozen=True, slots=True)
class Counts:
    """The bar at the bottom of the monitor. `cameras`: those that do not do their work at open seats."""

    expected: int = 0
    present: int = 0
    absent: int = 0
    answering: int = 0
    submitted: int = 0
    ended: int = 0
    lost: int = 0
    hands: int = 0
    alerts: int = 0
    cameras: int = 0


@dataclass(frozen=True, slots=True)
class RoomBoard:
    """A room in its sitting. `next_step`: arrange, release, start, end, collect, mark, results or "".

    `ends_at` is the room's own deadline; `last_ends_at` that of the open seat with the most time beyond it.
    `muted`: kinds of incidents that call nobody here any more.
    """

    room_sitting: int
    title: str
    room: str
    state: str
    phase: str
    next_step: str
    starts_at: datetime
    started_at: datetime | None
    ends_at: datetime | None
    entry_closes_at: datetime | None
    server_time: datetime
    counts: Counts
    rehearsal: bool
    smart: bool = False
    last_ends_at: datetime | None = None
    sitting: int = 0
    muted: tuple[str, ...] = ()


_NEXT = {
    "planned": "arrange",
    "arranged": "release",
    "released": "start",
    "running": "end",
    "ended": "collect",
    "collected": "mark",
    "marked": "results",
}


def seat_cards(
    session: Session,
    answers: AnswerStore,
    presence: Presence,
    room_sitting_id: int,
    only: Collection[int] | None = None,
) -> list[SeatCard]:
    """Cards of a room's seats in the order of its plan; `only`: of these seat ids."""
    row = session.get_one(RoomSitting, room_sitting_id)
    seats = select(Seat).where(Seat.room_id == row.room_id).order_by(Seat.id)
    if only is not None:
        seats = seats.where(Seat.id.in_(only))
    people = _people(session, room_sitting_id, only)
    stations = _workstations(session, row.room_id)
    watched = _Watched.of(session, row)
    checks = check_gate.words(session, row, only)
    marks = SeatMarks.of(session, row, [attempt for attempt, *_ in people.values()], only)
    extras = extras_of(session, row, session.get_one(Sitting, row.sitting_id))
    alerts = incident_views.worst_by_seat(incidents.open_incidents(session, room_sitting_id))
    alerts |= _doubts(people, marks)
    totals = form_sizes(session, row)
    writing = [attempt.id for attempt, *_ in people.values() if attempt.answering_at is not None]
    answered = answers.answered(writing) if writing else {}
    room_seen = presence.room_marks(room_sitting_id)
    cards = []
    for seat in session.scalars(seats):
        attempt, name, ticket = people.get(seat.id, (None, "", ""))
        seen = presence.of(stations.get(seat.id))
        cover = breaches.frozen_view(attempt) if attempt is not None else None
        cards.append(
            SeatCard(
                seat=seat.id,
                number=seat.number,
                kind=seat.kind,
                workstation=stations.get(seat.id),
                state=attempt.state if attempt else EMPTY,
                attempt=attempt.id if attempt else None,
                name=name,
                ticket=ticket,
                answered=answered.get(attempt.id, 0) if attempt else 0,
                total=totals.get(attempt.form, 0) if attempt else 0,
                link=_link(seen.linked, seen.since),
                link_since=seen.since,
                heard_at=seen.heard_at,
                waiting=seen.waiting,
                alert=alerts.get(seat.id, ""),
                package=bool(seen.package_sha256),
                camera=watched.word(seat, attempt, seen),
                check=checks.get(seat.id, CheckWord.NOT_ASKED),
                frozen=cover is not None,
                kiosk=kiosk_word(seen),
                room_seen=room_seen.get(seat.id, ""),
                hand_since=attempt.hand_raised_at if attempt else None,
                extra=float(extras.get(attempt.registration_id, 0)) if attempt else 0.0,
                cover=cover.kind if cover else "",
                with_room=attempt is not None and ended_with_room(attempt.state, attempt.close_reason),
                **marks.fields(seat.id, attempt),
            )
        )
    return cards


@dataclass(frozen=True, slots=True)
class _Watched:
    """What the words of a room's cameras need beside seats and reports; empty outside of smart rooms."""

    smart: bool = False
    owners: Mapping[str, str] = field(default_factory=dict)
    enrolled: frozenset[int] = frozenset()

    @classmethod
    def of(cls, session: Session, row: RoomSitting) -> "_Watched":
        if session.get_one(Room, row.room_id).kind != cameras.SMART:
            return cls()
        seats = session.scalars(select(Seat).where(Seat.room_id == row.room_id, Seat.camera != ""))
        attempts = select(Enrolment.attempt_id).join(Attempt, Attempt.id == Enrolment.attempt_id)
        current = attempts.where(Attempt.room_sitting_id == row.id, Enrolment.dropped_at.is_(None))
        return cls(True, cameras.owners_of(seats), frozenset(session.scalars(current)))

    def word(self, seat: Seat, attempt: Attempt | None, seen: SeatPresence) -> CameraWord:
        place = CameraSeat(
            smart=self.smart,
            linked=seen.linked,
            misplaced=cameras.misplaced(seat, seen.camera, self.owners),
            state=attempt.state if attempt else "",
            consent=attempt.face_consent if attempt else None,
            enrolled=attempt is not None and attempt.id in self.enrolled,
        )
        return cameras.camera_word(place, seen.camera)


def _doubts(people: Mapping[int, tuple[Attempt, str, str]], marks: SeatMarks) -> dict[int, str]:
    """Seat -> "act", of the candidates who wait at the desk for the chief."""
    held = {
        seat: attempt for seat, (attempt, *_) in people.items() if AttemptState(attempt.state) not in CLOSED
    }
    return {seat: "act" for seat, attempt in held.items() if marks.desk.get(attempt.id) == desk_marks.DOUBT}


def kiosk_word(seen: SeatPresence) -> str:
    """How a workstation is closed, as far as the map says it: "open" or nothing."""
    return str(Lockdown.OPEN) if seen.linked and seen.kiosk.lockdown is Lockdown.OPEN else ""


def _people(
    session: Session, room_sitting_id: int, only: Collection[int] | None
) -> dict[int, tuple[Attempt, str, str]]:
    query = (
        select(Attempt, Candidate.name, Registration.ticket)
        .join(Registration, Registration.id == Attempt.registration_id)
        .join(Candidate, Candidate.id == Registration.candidate_id)
        .where(Attempt.room_sitting_id == room_sitting_id)
    )
    if only is not None:
        query = query.where(Attempt.seat_id.in_(only))
    return {attempt.seat_id: (attempt, name, ticket) for attempt, name, ticket in session.execute(query)}


def _workstations(session: Session, room_id: int) -> dict[int, int]:
    query = (
        select(Workstation.seat_id, Workstation.id)
        .join(Seat, Seat.id == Workstation.seat_id)
        .where(Seat.room_id == room_id, Workstation.active.is_(True))
    )
    return dict(session.execute(query).all())


def form_sizes(session: Session, row: RoomSitting) -> dict[str, int]:
    """Items of each form of the sitting's papers."""
    papers = session.get_one(Sitting, row.sitting_id).paper_set_id
    query = select(FormItem.form, func.count()).where(FormItem.paper_set_id == papers).group_by(FormItem.form)
    return dict(session.execute(query).all())


def _link(linked: bool, since: datetime | None) -> str:
    if linked:
        return SeatLink.UP
    return SeatLink.NEVER if since is None else SeatLink.LOST


def board(session: Session, room_sitting_id: int, cards: Sequence[SeatCard], *, now: datetime) -> RoomBoard:
    """The room as a whole, from all its cards."""
    room = load(session, room_sitting_id)
    waiting = incidents.open_incidents(session, room_sitting_id)
    ahead = sum(row.kind != IncidentKind.HAND_RAISED for row in waiting)  # hands are counted by themselves
    ahead += sum(card.doubted for card in cards)
    return RoomBoard(
        room_sitting=room_sitting_id,
        title=room.batch.name,
        room=room.room.name,
        state=room.row.state,
        phase=str(room.phase(now)),
        next_step=_NEXT.get(room.row.state, ""),
        starts_at=room.sitting.starts_at,
        started_at=room.row.started_at,
        ends_at=standing(room.clock, now) if room.row.started_at else None,
        entry_closes_at=_entry_closes(room, now),
        server_time=now,
        counts=count(cards, ahead),
        rehearsal=room.batch.rehearsal,
        smart=room.room.kind == cameras.SMART,
        last_ends_at=_last_ends(session, room, now),
        sitting=room.sitting.id,
        muted=muting.standing(session, room_sitting_id),
    )


def _last_ends(session: Session, room: RoomState, now: datetime) -> datetime | None:
    """When the last open seat stops, if that is after the room's own deadline."""
    if room.row.started_at is None or room.row.ended_at is not None:
        return None
    open_seats = [
        each for each in attempts_of(session, room.row.id) if AttemptState(each.state) not in CLOSED
    ]
    last = max((room.standing(each, now) for each in open_seats), default=None)
    return last if last is not None and last > standing(room.clock, now) else None


def _entry_closes(room: RoomState, now: datetime) -> datetime | None:
    closes = late_entry_closes(room.clock) if room.phase(now) is Phase.RUNNING else None
    return closes if closes is not None and closes < NEVER else None  # in a pause no moment can be named


def count(cards: Sequence[SeatCard], alerts: int) -> Counts:
    """The sums of all cards."""
    taken = [card for card in cards if card.state != EMPTY]
    states = [AttemptState(card.state) for card in taken]
    with_room = sum(card.with_room for card in taken)
    return Counts(
        expected=len(taken),
        present=sum(state in PRESENT for state in states),
        absent=states.count(AttemptState.ABSENT),
        answering=states.count(AttemptState.ANSWERING),
        submitted=with_room + sum(s in (AttemptState.SUBMITTED, AttemptState.AUTO_SUBMITTED) for s in states),
        ended=states.count(AttemptState.ENDED) - with_room,
        lost=sum(card.link == SeatLink.LOST for card in taken),
        hands=sum(card.hand_since is not None for card in taken),
        alerts=alerts,
        cameras=sum(
            card.camera in cameras.BROKEN and AttemptState(card.state) not in CLOSED for card in taken
        ),
    )


def unlinked(cards: Iterable[SeatCard]) -> tuple[str, ...]:
    """The numbers of seats with a candidate whose paired workstation is not connected."""
    return tuple(
        card.number for card in cards if _used(card) and card.workstation and card.link != SeatLink.UP
    )


def _used(card: SeatCard) -> bool:
    return card.state != EMPTY and AttemptState(card.state) not in CLOSED


def rooms_at_work(session: Session) -> list[int]:
    """Rooms in a sitting at seats that is drawn and not yet marked, by start."""
    query = (
        select(RoomSitting.id)
        .join(Sitting, Sitting.id == RoomSitting.sitting_id)
        .where(RoomSitting.state.in_(["arranged", "released", "running", "ended", "collected"]))
        .where(Sitting.method.in_(AT_SEATS))
        .order_by(Sitting.starts_at, RoomSitting.id)
    )
    return list(session.scalars(query))
