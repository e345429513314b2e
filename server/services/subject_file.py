"""What is kept about one candidate of one sitting: which data, since when, until when, who has looked.

Nothing of anybody else is in it: no other candidate's seat, name or picture, and no picture at all. What the
three ways to it say (the seat, a member of staff, paper) is put into words by `web.subject_words`.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exam_rooms.admission import clean_ticket
from exam_rooms.identity import clean_id
from server.access import Actor, Permission
from server.db.base import vault_of
from server.db.cases import CaseIncident, StaffReport
from server.db.look_logs import LookBatch
from server.db.privacy import FaceProbe
from server.db.record import AuditEntry
from server.db.room_cameras import RoomCameraFrame
from server.db.rooms import Room, Seat
from server.db.signins import SignInRow
from server.db.sittings import Attempt, Batch, Candidate, Incident, Registration, SeatStay, Sitting
from server.db.watching import CandidateWarning, Enrolment, EvidenceFrame
from server.errors import NotFound
from server.services import archive_records, audit, consents, holds, rosters
from server.services.consent import rules_of
from server.services.consents import ConsentLine
from server.services.roomstate import load
from server.services.signed import need

_Frame = EvidenceFrame | RoomCameraFrame
LOOKS = ("frame_viewed", "desk_picture_viewed", "seat_looked_at")
"""Acts of the audit record that say that somebody looked at a picture."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """Stored pictures of one purpose: enrolment, alert, capture, room, desk. `gone`: how many are deleted."""

    purpose: str
    count: int
    gone: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Happened:
    """An incident: what it is called, when, what people made of it (`state`), and whether any person stands
    behind it at all (else nothing follows from it); `case`: a case rests on it.
    """

    kind: str
    at: datetime
    state: str
    by_person: bool
    case: bool


@dataclass(frozen=True, slots=True)
class Look:
    """Somebody looked at a picture: who, when, at what (an act of `LOOKS`)."""

    at: datetime
    by: str
    what: str


@dataclass(frozen=True, slots=True)
class SubjectFile:
    """Everything. `registration`: the id of the candidate's place in the sitting; `attempt` None: nobody was
    seated. `consent`: how it stands now, None where nothing was asked. `template_until`: until when a face
    vector is kept, None without one; `probe_until` the same of one that did not match. `smart`: cameras are
    used in the room; `logged`: looks of the camera that are kept as numbers, until `log_until`; `held`: an
    open case or a legal hold keeps everything longer; `records`: what was handed in or written
    (`archive_records`).
    """

    registration: int
    attempt: int | None
    room_sitting: int | None
    name: str
    ticket: str
    id_masked: str
    employer: str
    has_photo: bool
    title: str
    room: str
    seat: str
    starts_at: datetime
    smart: bool
    keep_days: int
    consent: bool | None
    consents: Sequence[ConsentLine]
    desk_said: bool | None
    template_until: datetime | None
    probe_until: datetime | None
    pictures: Sequence[Pictures]
    incidents: Sequence[Happened]
    warnings: int
    looks: Sequence[Look]
    held: bool
    records: Mapping[str, int] = field(default_factory=dict)
    logged: int = 0
    log_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A candidate's place in a sitting, for who looks for it."""

    registration: int
    name: str
    ticket: str
    id_masked: str
    title: str
    room: str
    starts_at: datetime


def of_attempt(session: Session, attempt_id: int) -> SubjectFile:
    """The file of who sits at a seat, for that seat."""
    attempt = session.get(Attempt, attempt_id)
    if attempt is None:
        raise NotFound("attempt")
    return _file(session, session.get_one(Registration, attempt.registration_id))


def of_registration(session: Session, actor: Actor, registration_id: int) -> SubjectFile:
    """The same for a member of staff whom the candidate asked; the caller notes it (`note_shown`)."""
    need(actor, Permission.MANAGE_BATCHES)
    row = session.get(Registration, registration_id)
    if row is None:
        raise NotFound("registration")
    return _file(session, row)


def note_shown(
    session: Session, actor: Actor, registration_id: int, *, now: datetime, printed: bool = False
) -> None:
    """Puts on the record that a candidate's file was opened or printed."""
    act = "subject_file_printed" if printed else "subject_file_shown"
    object_ = f"registration/{registration_id}"
    audit.record(session, audit.SYSTEM_STREAM, actor, act, object_, now=now)


def find(session: Session, actor: Actor, typed: str) -> list[Found]:
    """A candidate's places in sittings by ticket or ID number, the newest first."""
    need(actor, Permission.MANAGE_BATCHES)
    rows = session.execute(
        select(Registration, Candidate)
        .join(Candidate, Candidate.id == Registration.candidate_id)
        .where(Registration.candidate_id.in_(_persons(session, typed)))
        .order_by(Registration.id.desc())
    )
    found = []
    for row, candidate in rows:
        title, room, starts_at = _place(session, row)
        masked = rosters.masked_id(session, candidate)
        found.append(Found(row.id, candidate.name, row.ticket, masked, title, room, starts_at))
    return found


def _persons(session: Session, typed: str) -> list[int]:
    """Ids of the candidates whose ticket or ID number was typed."""
    spellings = {clean_ticket(typed), typed.strip()}
    by_ticket = select(Registration.candidate_id).where(Registration.ticket.in_(spellings))
    index = vault_of(session).index(rosters.ID_PURPOSE, clean_id(typed))
    by_number = select(Candidate.id).where(Candidate.id_index == index)
    return [*session.scalars(by_ticket), *session.scalars(by_number)]


def _place(session: Session, row: Registration) -> tuple[str, str, datetime]:
    """Title of the exam, name of the room ("" without one), planned start."""
    sitting = session.get_one(Sitting, row.sitting_id)
    room = session.get(Room, row.room_id) if row.room_id else None
    return session.get_one(Batch, sitting.batch_id).name, room.name if room else "", sitting.starts_at


def _file(session: Session, row: Registration) -> SubjectFile:
    candidate = session.get_one(Candidate, row.candidate_id)
    attempt = session.scalar(select(Attempt).where(Attempt.registration_id == row.id))
    title, room_name, starts_at = _place(session, row)
    rules = rules_of(load(session, attempt.room_sitting_id)) if attempt else None
    seat = session.get_one(Seat, attempt.seat_id).number if attempt else ""
    attempt_id = attempt.id if attempt else 0
    logged, log_until = _log(session, attempt_id)
    return SubjectFile(
        registration=row.id,
        attempt=attempt.id if attempt else None,
        room_sitting=attempt.room_sitting_id if attempt else None,
        name=candidate.name,
        ticket=row.ticket,
        id_masked=rosters.masked_id(session, candidate),
        employer=row.employer,
        has_photo=row.has_photo,
        title=title,
        room=room_name,
        seat=seat,
        starts_at=starts_at,
        smart=rules is not None,
        keep_days=rules.keep_days if rules else 0,
        consent=attempt.face_consent if attempt else None,
        consents=consents.of_attempt(session, attempt_id),
        desk_said=_desk_said(session, row.id),
        template_until=_vector_until(session, attempt_id),
        probe_until=_probe_until(session, attempt_id),
        pictures=[*_pictures(session, attempt_id), *_desk(session, row.id)],
        incidents=_incidents(session, attempt_id),
        warnings=_count_warnings(session, attempt_id),
        looks=_looks(session, attempt, row.id),
        records=archive_records.of_candidate(session, row.id),
        logged=logged,
        log_until=log_until,
        held=attempt is not None and holds.held(session).covers(attempt.room_sitting_id, attempt.id),
    )


def _vector_until(session: Session, attempt_id: int) -> datetime | None:
    query = select(func.max(Enrolment.keep_until)).where(Enrolment.attempt_id == attempt_id)
    return session.scalar(query.where(Enrolment.sealed_template.is_not(None)))


def _probe_until(session: Session, attempt_id: int) -> datetime | None:
    query = select(func.max(FaceProbe.keep_until)).where(FaceProbe.attempt_id == attempt_id)
    return session.scalar(query.where(FaceProbe.sealed_probe.is_not(None)))


def _log(session: Session, attempt_id: int) -> tuple[int, datetime | None]:
    query = select(func.sum(LookBatch.looks), func.max(LookBatch.keep_until))
    count, until = session.execute(
        query.where(LookBatch.attempt_id == attempt_id, LookBatch.sealed.is_not(None))
    ).one()
    return int(count or 0), until


def _pictures(session: Session, attempt_id: int) -> list[Pictures]:
    """By purpose. What was announced and never came was no picture here: neither kept nor deleted."""
    groups: dict[str, list[_Frame]] = defaultdict(list)
    for frame in session.scalars(select(EvidenceFrame).where(EvidenceFrame.attempt_id == attempt_id)):
        if frame.stored_at is not None and (frame.file or frame.size):
            groups[frame.purpose].append(frame)
    groups["room"] = _of_room(session, attempt_id)
    return [_group(purpose, frames) for purpose, frames in sorted(groups.items()) if frames]


def _of_room(session: Session, attempt_id: int) -> list[_Frame]:
    """Pictures of the room's camera around the seat, for incidents of this candidate."""
    query = select(RoomCameraFrame).join(Incident, Incident.id == RoomCameraFrame.incident_id)
    mine = query.where(Incident.attempt_id == attempt_id, RoomCameraFrame.sha256 != "")
    return list(session.scalars(mine))


def _group(purpose: str, frames: Sequence[_Frame]) -> Pictures:
    there = [frame for frame in frames if frame.file]
    if not there:
        return Pictures(purpose, 0, len(frames))
    taken = [frame.taken_at for frame in there]
    until = max(frame.keep_until for frame in there)
    return Pictures(purpose, len(there), len(frames) - len(there), min(taken), max(taken), until)


def _desk(session: Session, registration_id: int) -> list[Pictures]:
    query = select(SignInRow).where(
        SignInRow.registration_id == registration_id, SignInRow.has_picture.is_(True)
    )
    rows = list(session.scalars(query.order_by(SignInRow.signed_at)))
    if not rows:
        return []
    until = max((row.keep_until for row in rows if row.keep_until), default=None)
    return [Pictures("desk", len(rows), 0, rows[0].signed_at, rows[-1].signed_at, until)]


def _desk_said(session: Session, registration_id: int) -> bool | None:
    query = select(SignInRow.consent).where(
        SignInRow.registration_id == registration_id, SignInRow.consent.is_not(None)
    )
    return session.scalar(query.order_by(SignInRow.id.desc()).limit(1))


def _incidents(session: Session, attempt_id: int) -> list[Happened]:
    query = select(Incident).where(Incident.attempt_id == attempt_id).order_by(Incident.first_at, Incident.id)
    rows = list(session.scalars(query))
    ids = [row.id for row in rows]
    reported = set(session.scalars(select(StaffReport.incident_id).where(StaffReport.incident_id.in_(ids))))
    cases = set(session.scalars(select(CaseIncident.incident_id).where(CaseIncident.incident_id.in_(ids))))
    return [
        Happened(
            kind=row.kind,
            at=row.first_at,
            state=row.state,
            by_person=row.id in reported or "recorded_by" in row.details,
            case=row.id in cases,
        )
        for row in rows
    ]


def _count_warnings(session: Session, attempt_id: int) -> int:
    query = select(func.count()).select_from(CandidateWarning)
    return session.scalar(query.where(CandidateWarning.attempt_id == attempt_id)) or 0


def _looks(session: Session, attempt: Attempt | None, registration_id: int) -> list[Look]:
    """Who looked at pictures of this candidate, out of the chains of the rooms in which that is noted: the
    attempt's own, and those of the desks where the candidate stood.
    """
    query = select(SignInRow.id, SignInRow.room_sitting_id)
    signins = session.execute(query.where(SignInRow.registration_id == registration_id)).all()
    mine = {f"signin/{number}" for number, _ in signins}
    rooms = {room for _, room in signins}
    if attempt is not None:
        frames = select(EvidenceFrame.id).where(EvidenceFrame.attempt_id == attempt.id)
        mine |= {f"frame/{number}" for number in session.scalars(frames)}
        mine |= {f"room-frame/{frame.id}" for frame in _of_room(session, attempt.id)}
        rooms.add(attempt.room_sitting_id)
    streams = [audit.sitting_stream(room) for room in rooms]
    entries = select(AuditEntry).where(AuditEntry.stream.in_(streams), AuditEntry.act.in_(LOOKS))
    at_seat = _at_seat(session, attempt) if attempt is not None else frozenset()
    return [
        Look(entry.at, entry.actor, entry.act)
        for entry in session.scalars(entries.order_by(AuditEntry.at, AuditEntry.id))
        if entry.object in mine or entry.id in at_seat
    ]


def _at_seat(session: Session, attempt: Attempt) -> frozenset[int]:
    """Entries of the attempt's room that name its seat. Another room's seat of the same number is not it."""
    stream, stays = audit.sitting_stream(attempt.room_sitting_id), _stays(session, attempt)
    query = select(AuditEntry).where(AuditEntry.stream == stream, AuditEntry.act == "seat_looked_at")
    return frozenset(entry.id for entry in session.scalars(query) if _at_my_seat(entry, stays))


def _stays(session: Session, attempt: Attempt) -> list[tuple[str, datetime, datetime | None]]:
    query = (
        select(Seat.number, SeatStay.from_at, SeatStay.until_at)
        .join(SeatStay, SeatStay.seat_id == Seat.id)
        .where(SeatStay.attempt_id == attempt.id)
    )
    return [(number, since, until) for number, since, until in session.execute(query)]


def _at_my_seat(entry: AuditEntry, stays: Sequence[tuple[str, datetime, datetime | None]]) -> bool:
    numbers = str(entry.details.get("seats", "")).split("、")
    return any(
        number in numbers and since <= entry.at and (until is None or entry.at <= until)
        for number, since, until in stays
    )
