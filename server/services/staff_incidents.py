"""What members of staff saw: put on the list of incidents with note, witnesses and photos.

What has to be dealt with is raised like any other incident; what is only logged (a leave, an illness, a doubt
about an item) is on the record at once. Of a leave both moments are kept; the clock of the test runs on, the
page is covered meanwhile, and whoever logs the return has looked who comes back.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from exam_rooms.catalogue import CATALOGUE, ONLY_LOGGED
from exam_rooms.incidents import LEAVES, SEEN_BY_PEOPLE, IncidentKind
from exam_rooms.seats import AttemptState
from server.access import Actor, Permission
from server.db.base import emit, vault_of
from server.db.cases import ReportPhoto, StaffReport
from server.db.commands import IDENTITY
from server.db.record import AuditEntry
from server.db.rooms import Seat
from server.db.sittings import Attempt, Candidate, Incident, Registration, RoomSitting, SeatStay
from server.errors import NotFound, Refused
from server.events import Activity, SeatChanged
from server.services import audit, seat_commands
from server.services.duty import may_act, need_duty, on_duty, roves
from server.services.incidents import EMPTY_SEAT, OPEN, Place, put_on_list, under_leave
from server.services.roomstate import load
from server.services.signed import Signed, need

PHOTO_PURPOSE = "report-photo"
NOTE_MOST, NAME_MOST, WITNESSES_MOST = 400, 40, 6
EARLIEST = timedelta(hours=24)
"""What was seen longer than this before the planned start does not belong to the sitting."""
CHECKS = ("face", "document")
"""How identity is checked when somebody comes back."""
_AT_WORK = frozenset({AttemptState.READY, AttemptState.ANSWERING})


@dataclass(frozen=True, slots=True)
class Sighting:
    """What somebody saw. `seat` None: it concerns the room. `escort`: who leaves the room with the candidate,
    "" when the candidate stays in it. `attempt`: who it was, told where a seat has changed hands.
    """

    room_sitting: int
    kind: str
    seat: int | None
    seen_at: datetime
    note: str = ""
    witnesses: tuple[str, ...] = ()
    escort: str = ""
    attempt: int | None = None


@dataclass(frozen=True, slots=True)
class Return:
    """How somebody was let in again: what was checked (`CHECKS`), and a note."""

    check: str
    note: str = ""


def kinds() -> tuple[IncidentKind, ...]:
    """What may be reported, in the order in which it is offered."""
    return SEEN_BY_PEOPLE


def photos_most(session: Session, room_sitting_id: int) -> int:
    """How many photos one report may bring under the frozen policy."""
    return load(session, room_sitting_id).policy.incidents.photos_most


@dataclass(frozen=True, slots=True)
class Seated:
    """Somebody at a seat of the room, now or before."""

    seat: int
    number: str
    attempt: int
    name: str


def seats(session: Session, room_sitting_id: int) -> list[Seated]:
    """Who sits where, in the order of the plan."""
    query = _seated().join(Seat, Seat.id == Attempt.seat_id)
    query = query.where(Attempt.room_sitting_id == room_sitting_id)
    return [Seated(*row) for row in session.execute(query.order_by(Seat.id))]


def shared_seats(session: Session, room_sitting_id: int) -> list[Seated]:
    """Everybody who has been at a seat where somebody else has been, too, in the order of plan and time."""
    query = (
        _seated()
        .join(SeatStay, SeatStay.attempt_id == Attempt.id)
        .join(Seat, Seat.id == SeatStay.seat_id)
        .where(Attempt.room_sitting_id == room_sitting_id)
    )
    found = [Seated(*row) for row in session.execute(query.order_by(Seat.id, SeatStay.from_at))]
    people = Counter(one.seat for one in set(found))
    return [one for one in dict.fromkeys(found) if people[one.seat] > 1]


def report(
    session: Session, actor: Actor, sighting: Sighting, photos: Sequence[bytes] = (), *, now: datetime
) -> int:
    """Puts on the list what the actor saw; the incident's id. `photos`: JPEG without metadata.

    People report in the rooms of their duty, rovers of the sitting in all its rooms, chiefs everywhere.
    """
    _need_reporter(session, actor, sighting.room_sitting)
    kind = _kind(sighting)
    _check(session, sighting, kind, now)
    if len(photos) > photos_most(session, sighting.room_sitting):
        raise Refused("report_photos_too_many", 422, field="photos")
    attempt = _attempt(session, sighting)
    if attempt is not None and sighting.escort:
        _cover(session, actor, sighting, attempt, now)
    at_seat = attempt.seat_id if attempt and sighting.escort else sighting.seat  # leaves begin where one sits
    place = Place(sighting.room_sitting, at_seat, attempt.id if attempt else None)
    said = {"said": sighting.note} if sighting.note else {}
    row = put_on_list(session, place, kind, seen_at=sighting.seen_at, now=now, by=actor.name, **said)
    if kind in ONLY_LOGGED:
        row.state, row.handled_at, row.handled_by = "recorded", now, actor.user_id
    kept = StaffReport(
        incident_id=row.id,
        room_sitting_id=sighting.room_sitting,
        attempt_id=place.attempt,
        kind=str(kind),
        note=sighting.note,
        seen_at=sighting.seen_at,
        reported_at=now,
        reported_by=actor.user_id,
        witnesses=list(sighting.witnesses),
        escort=sighting.escort,
    )
    session.add(kept)
    session.flush()
    _keep_photos(session, kept, photos, now)
    if sighting.escort:
        _explain_empty_seat(session, row)
    facts = {"kind": str(kind), "photos": len(photos), "witnesses": len(sighting.witnesses)}
    _record(session, actor, "incident_reported", row, now, **facts)
    return row.id


def back(session: Session, actor: Actor, incident_id: int, returned: Return, *, now: datetime) -> None:
    """The candidate of a logged leave is back at the seat, and who it is was checked."""
    kept = of_incident(session, incident_id)
    if kept is None or not kept.escort:
        raise NotFound("leave")
    need_duty(session, actor, Permission.RUN_ROOM, kept.room_sitting_id, now=now)
    if kept.back_at is not None:
        raise Refused("leave_over")
    if returned.check not in CHECKS:
        raise Refused("return_check_missing", 422, field="check")
    attempt = session.get_one(Attempt, kept.attempt_id)
    if attempt.frozen_why == IDENTITY:  # the attempt is locked before its incident
        signed = Signed(actor, returned.note)
        seat_commands.identity_looked(session, signed, attempt.id, same=True, now=now)
    row = session.get_one(Incident, incident_id, with_for_update=True, populate_existing=True)
    kept.back_at, kept.back_by = now, actor.user_id
    kept.back_check, kept.back_note = returned.check, returned.note.strip()[:200]
    row.last_at = now
    row.details = row.details | {"ended_at": now.isoformat()}
    for empty in _explained(session, row):
        if empty.state in (*OPEN, "cleared"):
            empty.state, empty.handled_at, empty.handled_by = "recorded", now, actor.user_id
    seconds = round((now - kept.seen_at).total_seconds())
    _record(session, actor, "leave_ended", row, now, seconds=seconds, check=returned.check)
    params = (("actor", actor.name), ("minutes", f"{seconds / 60:.1f}"), ("seat", _number(session, row)))
    emit(session, Activity(row.room_sitting_id, "line_leave_ended", params, row.seat_id, row.id))
    if row.seat_id is not None:
        emit(session, SeatChanged(row.room_sitting_id, row.seat_id))


def away(session: Session, room_sitting_id: int) -> dict[int, StaffReport]:
    """Seat -> the leave that its candidate is on now."""
    rows = session.execute(
        select(Incident.seat_id, StaffReport)
        .join(StaffReport, StaffReport.incident_id == Incident.id)
        .where(
            StaffReport.room_sitting_id == room_sitting_id,
            StaffReport.escort != "",
            StaffReport.back_at.is_(None),
        )
    )
    return {seat: kept for seat, kept in rows if seat is not None}


def of_incident(session: Session, incident_id: int) -> StaffReport | None:
    """The report that an incident came from."""
    return session.scalar(select(StaffReport).where(StaffReport.incident_id == incident_id))


def photo(session: Session, photo_id: int) -> bytes:
    """A report's photo, JPEG, for who may see it; the caller checks that and calls `note_photo_viewed`."""
    row = _photo(session, photo_id)
    return vault_of(session).open_value(PHOTO_PURPOSE, f"{row.report_id}/{row.number}", row.sealed)


def room_of_photo(session: Session, photo_id: int) -> int:
    """In which room's sitting a photo was taken."""
    return session.get_one(StaffReport, _photo(session, photo_id).report_id).room_sitting_id


def note_photo_viewed(session: Session, actor: Actor, photo_id: int, *, now: datetime) -> None:
    """Puts on the record, once for each person and photo, that it was looked at."""
    stream, object_ = audit.sitting_stream(room_of_photo(session, photo_id)), f"report-photo/{photo_id}"
    if not looked_before(session, actor, stream, object_):
        audit.record(session, stream, actor, "report_photo_viewed", object_, now=now)


def looked_before(session: Session, actor: Actor, stream: str, object_: str) -> bool:
    """Whether it stands on the record already that the person looked at a picture."""
    seen = select(AuditEntry.id).where(
        AuditEntry.stream == stream, AuditEntry.object == object_, AuditEntry.actor_id == actor.user_id
    )
    return session.scalar(seen.limit(1)) is not None


def _need_reporter(session: Session, actor: Actor, room_sitting_id: int) -> None:
    need(actor, Permission.REPORT_INCIDENTS)
    if session.get(RoomSitting, room_sitting_id) is None:
        raise NotFound("sitting")
    here = on_duty(session, actor, room_sitting_id, Permission.REPORT_INCIDENTS)
    if (
        not here
        and not may_act(session, actor, room_sitting_id)
        and not roves(session, actor, room_sitting_id)
    ):
        raise Refused("not_on_duty", 403)


def _kind(sighting: Sighting) -> IncidentKind:
    if sighting.kind not in [str(kind) for kind in SEEN_BY_PEOPLE]:
        raise Refused("report_kind_unknown", 422, field="kind")
    return IncidentKind(sighting.kind)


def _check(session: Session, sighting: Sighting, kind: IncidentKind, now: datetime) -> None:
    if sighting.seen_at > now:
        raise Refused("report_in_future", 422, field="seen_at")
    if sighting.seen_at < load(session, sighting.room_sitting).sitting.starts_at - EARLIEST:
        raise Refused("report_too_early", 422, field="seen_at")
    if len(sighting.note) > NOTE_MOST or any(len(name) > NAME_MOST for name in sighting.witnesses):
        raise Refused("field_too_long", 422, field="note", limit=NOTE_MOST)
    if len(sighting.witnesses) > WITNESSES_MOST:
        raise Refused("report_witnesses_too_many", 422, field="witnesses", limit=WITNESSES_MOST)
    if sighting.seat is None and CATALOGUE[kind].needs_seat:
        raise Refused("report_seat_missing", 422, field="seat")
    _check_escort(sighting, kind)
    if kind not in LEAVES and not sighting.note:
        raise Refused("report_note_missing", 422, field="note")


def _check_escort(sighting: Sighting, kind: IncidentKind) -> None:
    if kind not in LEAVES and sighting.escort:
        raise Refused("report_escort_not_for_this", 422, field="escort")
    if kind is IncidentKind.LEAVE_ALLOWED and not sighting.escort:
        raise Refused("report_escort_missing", 422, field="escort")


def _attempt(session: Session, sighting: Sighting) -> Attempt | None:
    if sighting.seat is None:
        return None
    attempt = _whom(session, sighting, sighting.seat)
    if not sighting.escort:
        return attempt
    if attempt.id in {kept.attempt_id for kept in away(session, sighting.room_sitting).values()}:
        raise Refused("leave_already", 409)
    if AttemptState(attempt.state) not in _AT_WORK:
        raise Refused("leave_not_now", state=attempt.state)
    return attempt


def _whom(session: Session, sighting: Sighting, seat: int) -> Attempt:
    """Who a report is about: who was at the seat at that moment, which is not always who is there now."""
    here = select(Attempt).where(Attempt.room_sitting_id == sighting.room_sitting)
    now = session.scalar(here.where(Attempt.seat_id == seat))
    stays = here.join(SeatStay, SeatStay.attempt_id == Attempt.id).where(SeatStay.seat_id == seat)
    if sighting.attempt is not None:
        known: dict[int, Attempt] = {
            one.id: one for one in (*session.scalars(stays), *([now] if now else []))
        }
        if sighting.attempt not in known:
            raise Refused("report_person_not_there", 422, field="person")
        return known[sighting.attempt]
    then = session.scalar(
        stays.where(
            SeatStay.from_at <= sighting.seen_at,
            SeatStay.until_at.is_(None) | (SeatStay.until_at > sighting.seen_at),
        ).order_by(SeatStay.id.desc())
    )
    found = then or now
    if found is None:
        raise Refused("report_seat_empty", 422, field="seat")
    if now is not None and found is not now:
        raise Refused("report_seat_changed_hands", 422, field="person", name=_name(session, found))
    return found


def _name(session: Session, attempt: Attempt) -> str:
    query = select(Candidate.name).join(Registration, Registration.candidate_id == Candidate.id)
    return session.scalars(query.where(Registration.id == attempt.registration_id)).one()


def _seated() -> Select[int, str, int, str]:
    """Seat, number, attempt, name; the seat is still to be joined."""
    return (
        select(Seat.id, Seat.number, Attempt.id, Candidate.name)
        .select_from(Attempt)
        .join(Registration, Registration.id == Attempt.registration_id)
        .join(Candidate, Candidate.id == Registration.candidate_id)
    )


def _cover(session: Session, actor: Actor, sighting: Sighting, attempt: Attempt, now: datetime) -> None:
    """Nobody reads or answers at the seat of who has left, where the actor may command it."""
    running = session.get_one(RoomSitting, sighting.room_sitting).state == "running"
    answering = attempt.state == AttemptState.ANSWERING and attempt.frozen_at is None
    if running and answering and actor.can(Permission.COMMAND_SEATS):
        signed = Signed(actor, f"离场，陪同：{sighting.escort}")
        whom = seat_commands.Whom(sighting.room_sitting, frozenset({attempt.seat_id}))
        seat_commands.check_identity(session, signed, whom, now=now)


def _keep_photos(session: Session, kept: StaffReport, photos: Sequence[bytes], now: datetime) -> None:
    vault = vault_of(session)
    for number, data in enumerate(photos, 1):
        session.add(
            ReportPhoto(
                report_id=kept.id,
                number=number,
                sha256=hashlib.sha256(data).hexdigest(),
                size=len(data),
                sealed=vault.seal_value(PHOTO_PURPOSE, f"{kept.id}/{number}", data),
                added_at=now,
            )
        )


def _explain_empty_seat(session: Session, leave: Incident) -> None:
    """A camera that saw the seat empty before the leave was logged had the same cause."""
    query = select(Incident).where(
        Incident.attempt_id == leave.attempt_id,
        Incident.kind.in_(EMPTY_SEAT),
        Incident.state.in_(OPEN),
    )
    for row in session.scalars(query):
        if "ended_at" not in row.details:
            under_leave(row, leave.id)


def _explained(session: Session, leave: Incident) -> list[Incident]:
    query = select(Incident).where(Incident.attempt_id == leave.attempt_id, Incident.kind.in_(EMPTY_SEAT))
    return [row for row in session.scalars(query) if row.details.get("leave") == leave.id]


def _photo(session: Session, photo_id: int) -> ReportPhoto:
    row = session.get(ReportPhoto, photo_id)
    if row is None:
        raise NotFound("picture")
    return row


def _number(session: Session, row: Incident) -> str:
    return session.get_one(Seat, row.seat_id).number if row.seat_id else ""


def _record(session: Session, actor: Actor, act: str, row: Incident, now: datetime, **facts: object) -> None:
    stream = audit.sitting_stream(row.room_sitting_id)
    audit.record(
        session, stream, actor, act, f"incident/{row.id}", now=now, seat=_number(session, row), **facts
    )
