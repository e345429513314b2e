"""Incidents as people see them: who, what, for how long, the pictures, the numbers, what was made of it.

One list for all screens: what waits in the room, one seat's open ones, the record of the whole sitting.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from exam_rooms.incidents import LASTING_BREACHES, IncidentKind, Severity
from exam_rooms.room_watching import SEAT_KINDS
from exam_rooms.watching import CAMERA_KINDS
from server.db.cases import ReportPhoto, StaffReport
from server.db.people import User
from server.db.rooms import Seat
from server.db.sittings import Attempt, Candidate, Incident, Registration
from server.db.watching import CandidateWarning, EvidenceFrame
from server.services import frame_views
from server.services.frame_views import FrameView, frame_view
from server.services.incidents import OPEN, open_incidents

_FROM_CAMERAS = frozenset(
    str(kind)
    for kind in (
        *CAMERA_KINDS,
        *SEAT_KINDS,
        IncidentKind.SEAT_SWAP,
        IncidentKind.AGENT_DISAGREES,
        IncidentKind.ENROLMENT_DOUBT,
    )
)
_LASTING = frozenset(
    {str(IncidentKind.LINK_LOST), str(IncidentKind.JOURNAL_FAILED), str(IncidentKind.HAND_RAISED)}
    | {str(kind) for kind in LASTING_BREACHES}
)
_MOMENTS = ("before", "at", "after")


@dataclass(frozen=True, slots=True)
class WarningLine:
    """What a candidate was told, by whom and when, and when it was read."""

    id: int
    text: str
    given_at: datetime
    given_by: str
    read_at: datetime | None
    incident: int | None


@dataclass(frozen=True, slots=True)
class ReportView:
    """What a person reported: `photos` are (id, number); of a leave who went along and how it ended."""

    note: str
    by: str
    seen_at: datetime
    reported_at: datetime
    witnesses: tuple[str, ...]
    photos: tuple[tuple[int, int], ...]
    escort: str = ""
    back_at: datetime | None = None
    back_by: str = ""
    back_check: str = ""
    back_note: str = ""


@dataclass(frozen=True, slots=True)
class IncidentView:
    """One incident. `state` as in `services.incidents`; `handled_by` is a name, "" when nobody has.

    `shade`: act or look, how urgent it is now; `scores` are the numbers behind a camera's alert, `models`
    what computed them (purpose -> name and version), `note` what a person wrote.
    """

    id: int
    kind: str
    severity: int
    state: str
    seat: int | None
    number: str
    name: str
    attempt: int | None
    first_at: datetime
    last_at: datetime
    count: int
    details: Mapping[str, Any]
    shade: str = "look"
    frames: tuple[FrameView, ...] = ()
    warnings: tuple[WarningLine, ...] = ()
    note: str = ""
    handled_at: datetime | None = None
    handled_by: str = ""
    report: ReportView | None = None

    @property
    def answered_for(self) -> bool:
        """Whether a person reported or recorded it; what a program alone brought has no effect."""
        return self.report is not None or "recorded_by" in self.details

    @property
    def on_leave(self) -> bool:
        """Whether a logged leave explains it."""
        return "leave" in self.details

    @property
    def open(self) -> bool:
        """Whether it waits for a person."""
        return self.state in OPEN

    @property
    def from_camera(self) -> bool:
        """Whether a camera brought it, so that pictures may belong to it."""
        return self.kind in _FROM_CAMERAS

    @property
    def calls(self) -> bool:
        """Whether the candidate raised the hand: somebody is to come."""
        return self.kind == IncidentKind.HAND_RAISED

    @property
    def lasts(self) -> bool:
        """Whether its cause goes on until it is told to be gone; others happen in one moment."""
        return "episodes" in self.details or self.kind in _LASTING

    @property
    def ended_at(self) -> datetime | None:
        """When its cause went away by itself, if it has."""
        told = self.details.get("ended_at")
        return datetime.fromisoformat(told) if isinstance(told, str) else None

    @property
    def scores(self) -> Mapping[str, Any]:
        """The numbers behind it."""
        return _mapping(self.details.get("scores"))

    @property
    def models(self) -> Mapping[str, Any]:
        """Models by purpose."""
        return _mapping(self.details.get("models"))

    @property
    def seconds(self) -> float | None:
        """How long the cause lasted, when it is over."""
        ended = self.ended_at or (self.last_at if self.state == "cleared" else None)
        return (ended - self.first_at).total_seconds() if ended else None

    @property
    def picture(self) -> FrameView | None:
        """The picture that stands for it in a list: the one at the moment, else any that is there."""
        stored = [frame for frame in self.frames if frame.state == "stored"]
        return next((frame for frame in stored if frame.moment == "at"), stored[0] if stored else None)


def waiting(session: Session, room_sitting_id: int) -> list[IncidentView]:
    """What waits for a person: worst first, then calls, then oldest; what has ended by itself comes last."""
    found = views(session, open_incidents(session, room_sitting_id))
    return sorted(found, key=_urgency)


def _urgency(view: IncidentView) -> tuple[bool, int, bool, datetime]:
    return view.ended_at is not None, -view.severity, not view.calls, view.first_at


def worst_by_seat(rows: Iterable[Incident]) -> dict[int, str]:
    """Seat id -> act or look, for the seats where one of these incidents waits for a person."""
    found: dict[int, str] = {}
    for row in rows:
        if row.seat_id is not None and found.get(row.seat_id) != "act":
            found[row.seat_id] = shade(row)
    return found


def shade(row: Incident) -> str:
    """act or look: how urgent an incident is now; one whose cause is gone is no longer act."""
    ended = row.state == "cleared" or "ended_at" in row.details
    return "act" if row.severity >= Severity.ALERT and not ended else "look"


def of_seat(session: Session, room_sitting_id: int, seat_id: int) -> list[IncidentView]:
    """All incidents at a seat, worst first, then oldest first."""
    query = select(Incident).where(Incident.room_sitting_id == room_sitting_id, Incident.seat_id == seat_id)
    return views(session, list(session.scalars(query.order_by(Incident.severity.desc(), Incident.first_at))))


def record(session: Session, room_sitting_id: int, seat: str = "") -> list[IncidentView]:
    """Every incident of a sitting in the order of time, handled or not; `seat`: number of one seat only."""
    query = select(Incident).where(Incident.room_sitting_id == room_sitting_id)
    if seat:
        query = query.join(Seat, Seat.id == Incident.seat_id).where(Seat.number == seat)
    return views(session, list(session.scalars(query.order_by(Incident.first_at, Incident.id))))


def one(session: Session, room_sitting_id: int, incident_id: int) -> IncidentView | None:
    """One incident of a room's sitting."""
    row = session.get(Incident, incident_id)
    return views(session, [row])[0] if row and row.room_sitting_id == room_sitting_id else None


def views(session: Session, rows: Sequence[Incident]) -> list[IncidentView]:
    """Rows with all that belongs to them, in their order."""
    seats = _numbers(session, [row.seat_id for row in rows])
    names = _names(session, [row.attempt_id for row in rows])
    people = staff_names(session, [row.handled_by for row in rows])
    frames, told = _frames(session, rows), _warnings(session, [row.id for row in rows])
    reports = _reports(session, [row.id for row in rows])
    return [
        IncidentView(
            id=row.id,
            kind=row.kind,
            severity=row.severity,
            state=row.state,
            seat=row.seat_id,
            number=seats.get(row.seat_id or 0, ""),
            name=names.get(row.attempt_id or 0, ""),
            attempt=row.attempt_id,
            first_at=row.first_at,
            last_at=row.last_at,
            count=int(row.details.get("count", 1)),
            details=row.details,
            shade=shade(row),
            frames=tuple(frames.get(row.id, ())),
            warnings=tuple(told.get(row.id, ())),
            note=row.note,
            handled_at=row.handled_at,
            handled_by=people.get(row.handled_by or 0, ""),
            report=reports.get(row.id),
        )
        for row in rows
    ]


def warnings_of(session: Session, attempt_id: int) -> list[WarningLine]:
    """The warnings of one candidate in the order of time."""
    return _lines(session, CandidateWarning.attempt_id == attempt_id)


def loose_warnings(session: Session, room_sitting_id: int) -> list[tuple[str, WarningLine]]:
    """Warnings of a sitting that belong to no incident, each with the number of the candidate's seat."""
    found = _lines(
        session,
        (CandidateWarning.room_sitting_id == room_sitting_id) & CandidateWarning.incident_id.is_(None),
    )
    query = (
        select(CandidateWarning.id, Seat.number)
        .join(Attempt, Attempt.id == CandidateWarning.attempt_id)
        .join(Seat, Seat.id == Attempt.seat_id)
        .where(CandidateWarning.id.in_([line.id for line in found]))
    )
    seats = dict(session.execute(query).all())
    return [(seats.get(line.id, ""), line) for line in found]


def capture_frames(session: Session, room_sitting_id: int) -> dict[int, FrameView]:
    """Capture -> its picture, of a room's sitting."""
    query = select(EvidenceFrame).where(
        EvidenceFrame.room_sitting_id == room_sitting_id, EvidenceFrame.capture_id.is_not(None)
    )
    return {row.capture_id or 0: frame_view(row) for row in session.scalars(query)}


def seats_of(session: Session, room_sitting_id: int) -> list[str]:
    """Numbers of the seats that somebody was given, in the order of the plan."""
    query = select(Seat.number).join(Attempt, Attempt.seat_id == Seat.id)
    return list(session.scalars(query.where(Attempt.room_sitting_id == room_sitting_id).order_by(Seat.id)))


def staff_names(session: Session, ids: Iterable[int | None]) -> dict[int, str]:
    """Names of members of staff by their id."""
    wanted = {user for user in ids if user is not None}
    return dict(session.execute(select(User.id, User.name).where(User.id.in_(wanted))).all())


def _reports(session: Session, incidents: Sequence[int]) -> dict[int, ReportView]:
    kept = session.scalars(select(StaffReport).where(StaffReport.incident_id.in_(incidents))).all()
    if not kept:
        return {}
    people = staff_names(session, [user for row in kept for user in (row.reported_by, row.back_by)])
    photos: dict[int, list[tuple[int, int]]] = defaultdict(list)
    query = select(ReportPhoto.report_id, ReportPhoto.id, ReportPhoto.number).order_by(ReportPhoto.number)
    for report, photo, number in session.execute(
        query.where(ReportPhoto.report_id.in_([row.id for row in kept]))
    ):
        photos[report].append((photo, number))
    return {
        row.incident_id: ReportView(
            note=row.note,
            by=people.get(row.reported_by or 0, ""),
            seen_at=row.seen_at,
            reported_at=row.reported_at,
            witnesses=tuple(row.witnesses),
            photos=tuple(photos[row.id]),
            escort=row.escort,
            back_at=row.back_at,
            back_by=people.get(row.back_by or 0, ""),
            back_check=row.back_check,
            back_note=row.back_note,
        )
        for row in kept
    }


def _frames(session: Session, rows: Sequence[Incident]) -> dict[int, list[FrameView]]:
    """Incident -> its pictures: its own, those of the enrolment it doubts, or of the capture it is about."""
    by_owner: dict[tuple[str, int | None], list[EvidenceFrame]] = defaultdict(list)
    for picture in sorted(_pictures(session, rows), key=_order):
        for owner in (
            ("incident", picture.incident_id),
            ("capture", picture.capture_id),
            (f"{picture.purpose} of", picture.attempt_id),
        ):
            by_owner[owner].append(picture)
    room = frame_views.of_room(session, [row.id for row in rows])
    return {row.id: [*map(frame_view, _mine(by_owner, row)), *room.get(row.id, ())] for row in rows}


def _mine(
    by_owner: Mapping[tuple[str, int | None], list[EvidenceFrame]], row: Incident
) -> list[EvidenceFrame]:
    if row.kind == IncidentKind.ENROLMENT_DOUBT:
        enrolled = by_owner.get(("enrolment of", row.attempt_id), [])
        return [picture for picture in enrolled if picture.taken_at <= row.last_at]  # not of a later one
    owner = ("capture", row.details["capture"]) if "capture" in row.details else ("incident", row.id)
    return by_owner.get(owner, [])


def _pictures(session: Session, rows: Sequence[Incident]) -> list[EvidenceFrame]:
    doubts = [row.attempt_id for row in rows if row.kind == IncidentKind.ENROLMENT_DOUBT]
    about = [row.details["capture"] for row in rows if "capture" in row.details]
    which = or_(
        EvidenceFrame.incident_id.in_([row.id for row in rows]),
        and_(EvidenceFrame.purpose == "enrolment", EvidenceFrame.attempt_id.in_(doubts)),
        EvidenceFrame.capture_id.in_(about),
    )
    return list(session.scalars(select(EvidenceFrame).where(which)))


def _order(picture: EvidenceFrame) -> tuple[datetime, int, int]:
    moment = _MOMENTS.index(picture.moment) if picture.moment in _MOMENTS else 0
    return picture.taken_at, moment, picture.id


def _warnings(session: Session, incidents: Sequence[int]) -> dict[int, list[WarningLine]]:
    found: dict[int, list[WarningLine]] = defaultdict(list)
    for line in _lines(session, CandidateWarning.incident_id.in_(incidents)):
        found[line.incident or 0].append(line)
    return found


def _lines(session: Session, which: ColumnElement[bool]) -> list[WarningLine]:
    rows = session.scalars(
        select(CandidateWarning).where(which).order_by(CandidateWarning.given_at, CandidateWarning.id)
    ).all()
    people = staff_names(session, [row.given_by for row in rows])
    return [
        WarningLine(
            row.id, row.text, row.given_at, people.get(row.given_by or 0, ""), row.read_at, row.incident_id
        )
        for row in rows
    ]


def _numbers(session: Session, seats: Iterable[int | None]) -> dict[int, str]:
    wanted = {seat for seat in seats if seat is not None}
    return dict(session.execute(select(Seat.id, Seat.number).where(Seat.id.in_(wanted))).all())


def _names(session: Session, attempts: Iterable[int | None]) -> dict[int, str]:
    query = (
        select(Attempt.id, Candidate.name)
        .join(Registration, Registration.id == Attempt.registration_id)
        .join(Candidate, Candidate.id == Registration.candidate_id)
        .where(Attempt.id.in_({attempt for attempt in attempts if attempt is not None}))
    )
    return dict(session.execute(query).all())


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
