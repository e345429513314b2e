"""Taking in what somebody carried here from a workstation (`exam_rooms.rescue`).

A file is believed as far as its signatures go: a journal is taken when it was granted to a workstation
whose key signed the file, paired still or not. Its records pass the same desk as any others, so bringing
a file twice changes nothing and a fork is kept and told. What counts is rule R45's, not the carrier's: a
record that comes after deadline and grace counts if it was written before the deadline inside a silence
that the server itself saw begin before the deadline and that lasted, until the file came, no longer than
the policy allows. Everything else is kept, is not counted, and is shown to the chief.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exam_rooms.protocol import Record
from exam_rooms.rescue import RescueBroken, RescueFile, RescueHead, RescueJournal, read_body, take_apart
from exam_rooms.seats import AttemptState
from itembank.letters import open_letter
from itembank.sealing import SealBroken
from server.access import SYSTEM, Actor, Permission
from server.db.base import emit
from server.db.rooms import Seat, Workstation
from server.db.sittings import Attempt, Candidate, JournalGrant, Registration, SeatStay
from server.errors import Forbidden, Refused
from server.events import Activity
from server.services import arrivals, audit, boot_clocks, duty, roomstate
from server.services.answers import BATCH_LIMIT, Sender
from server.services.collection import collect_if_complete
from server.services.delivery import Parts, delivery_of
from server.services.roomstate import CLOSED, locked_attempt
from server.services.signed import Signed, params_of


@dataclass(frozen=True, slots=True)
class Opened:
    """A file whose signatures are right. `signers`: workstations that vouch for it; `head` as it says."""

    signers: frozenset[int]
    head: RescueHead
    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class JournalReport:
    """What became of one journal. `code`: "" or why nothing of it was taken; `refused`: (seq, code).

    `taken` are new to the server, `known` it had already; in a dry run `taken` is what would be. `upto`: the
    highest contiguous seq that is durable.
    """

    attempt: int
    journal: int
    seat: str
    name: str
    ticket: str
    room_sitting: int
    records: int
    taken: int
    known: int
    refused: tuple[tuple[int, str], ...]
    not_counted: int
    whole: bool
    upto: int = 0
    code: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a file."""

    workstation: int
    seat: str
    dry_run: bool
    journals: tuple[JournalReport, ...]

    @property
    def taken(self) -> int:
        """Records that are new here."""
        return sum(line.taken for line in self.journals)

    @property
    def journals_taken(self) -> tuple[JournalReport, ...]:
        """The journals that belong here and were looked at record by record."""
        return tuple(line for line in self.journals if not line.code)


@dataclass(frozen=True, slots=True)
class Errand:
    """Who brings a file, for which room (None: any), and whether it is only looked at."""

    actor: Actor
    room_sitting: int | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a journal belongs: its grant's workstation, and whose attempt it is."""

    workstation: int
    room_sitting: int
    seat: str
    name: str
    ticket: str


def bring(parts: Parts, data: bytes, errand: Errand, *, now: datetime, boot_ns: int) -> Report:
    """Takes a file in, of rooms where the person acts. Refuses one that is broken, not sealed for this site
    or not signed by its machine, and `not_on_duty` for a room that is somebody else's.
    """
    if not errand.actor.can(Permission.RUN_ROOM) and not errand.actor.can(Permission.MARK_RESULTS):
        raise Forbidden(Permission.RUN_ROOM)
    if errand.room_sitting is not None:
        with parts.db.read() as session:
            if not _may_bring(session, errand.actor, errand.room_sitting):
                raise Refused("not_on_duty", 403)
    return take_in(parts, opened(parts, data), errand, now=now, boot_ns=boot_ns)


def opened(parts: Parts, data: bytes) -> Opened:
    """The records of a file and who vouches for them. Raises `Refused`."""
    try:
        file = take_apart(data)
        with parts.db.read() as session:
            signers = _signers(session, file)
        body = file.body
        if file.head.sealed:
            body = open_letter(parts.site.rescue_key, body, file.head_bytes)
        return Opened(signers, file.head, read_body(body))
    except SealBroken as fault:
        raise Refused("rescue_other_site", 422, field="file") from fault
    except RescueBroken as fault:
        raise Refused(fault.code, 422, field="file") from fault


def _signers(session: Session, file: RescueFile) -> frozenset[int]:
    """Workstations whose signature is right; the machine's own must be among them."""
    good = set()
    for number, signature in file.signatures.items():
        row = session.get(Workstation, number)
        if row is None:
            continue
        try:
            Ed25519PublicKey.from_public_bytes(row.public_key).verify(signature, file.message)
        except (InvalidSignature, ValueError):
            continue
        good.add(number)
    if file.head.workstation not in good:
        raise Refused("rescue_not_signed", 422, field="file")
    return frozenset(good)


def take_in(parts: Parts, file: Opened, errand: Errand, *, now: datetime, boot_ns: int) -> Report:
    """Passes an opened file's records over the answer desk, journal by journal."""
    lines, by_journal = [], defaultdict(list)
    for one in file.records:
        by_journal[one.attempt, one.journal].append(one)
    for note in file.head.journals:
        with parts.db.read() as session:
            place = _place(session, note)
            code = _obstacle(session, place, file, errand)
        mine = by_journal[note.attempt, note.journal]
        if place is None or code:
            lines.append(_line(note, place, len(mine), code=code))
        elif errand.dry_run:
            lines.append(_foreseen(parts, note, place, mine))
        else:
            line = _take(parts, note, place, mine, (now, boot_ns))
            if note.whole and line.upto >= len(mine) == note.records > 0:
                parts.db.write(_complete, note, line.upto, file, now=now)
            lines.append(line)
    report = Report(min(file.signers), file.head.seat, errand.dry_run, tuple(lines))
    if not errand.dry_run:
        parts.db.write(_record, report, errand.actor, now=now)
    return report


def _place(session: Session, note: RescueJournal) -> _Place | None:
    grant = session.get(JournalGrant, (note.attempt, note.journal))
    if grant is None:
        return None
    attempt = session.get_one(Attempt, note.attempt)
    registration = session.get_one(Registration, attempt.registration_id)
    seat = session.get_one(Workstation, grant.workstation_id).seat_id
    return _Place(
        workstation=grant.workstation_id,
        room_sitting=attempt.room_sitting_id,
        seat=session.get_one(Seat, seat).number,
        name=session.get_one(Candidate, registration.candidate_id).name,
        ticket=registration.ticket,
    )


def _may_bring(session: Session, actor: Actor, room_sitting: int) -> bool:
    """Whoever is on duty in the room; who marks it or unlocked the server needs none, nor do machines."""
    return not actor.can(Permission.RUN_ROOM) or duty.may_act(session, actor, room_sitting)


def _obstacle(session: Session, place: _Place | None, file: Opened, errand: Errand) -> str:
    if place is None:
        return "rescue_journal_unknown"
    if place.workstation not in file.signers:
        return "rescue_journal_of_another"
    if errand.room_sitting not in (None, place.room_sitting):
        return "rescue_other_room"
    return "" if _may_bring(session, errand.actor, place.room_sitting) else "not_on_duty"


def _line(note: RescueJournal, place: _Place | None, records: int, **facts: object) -> JournalReport:
    told: dict[str, object] = {"taken": 0, "known": 0, "refused": (), "not_counted": 0, **facts}
    return JournalReport(
        attempt=note.attempt,
        journal=note.journal,
        seat=place.seat if place else "",
        name=place.name if place else "",
        ticket=place.ticket if place else "",
        room_sitting=place.room_sitting if place else 0,
        records=records,
        whole=note.whole,
        **told,  # type: ignore[arg-type]
    )


def _held(parts: Parts, note: RescueJournal) -> dict[int, str]:
    """Hash by seq of the journal's records in the stream."""
    events = parts.answers.events(note.attempt)
    return {one.record.seq: one.record.hash for one in events if one.record.journal == note.journal}


def _foreseen(parts: Parts, note: RescueJournal, place: _Place, mine: Sequence[Record]) -> JournalReport:
    held = _held(parts, note)
    known = sum(held.get(record.seq) == record.hash for record in mine)
    forks = tuple((r.seq, "fork") for r in mine if held.get(r.seq, r.hash) != r.hash)
    return _line(note, place, len(mine), taken=len(mine) - known - len(forks), known=known, refused=forks)


def _take(
    parts: Parts, note: RescueJournal, place: _Place, mine: Sequence[Record], moment: tuple[datetime, int]
) -> JournalReport:
    before = _held(parts, note)
    sender = Sender(place.workstation, *moment)
    refused: list[tuple[int, str]] = []
    for start in range(0, len(mine), BATCH_LIMIT):
        taken = delivery_of(parts).desk.take(mine[start : start + BATCH_LIMIT], sender)
        delivery_of(parts).links.excuse(place.workstation, note.attempt, moment[0])
        later = arrivals.settle(parts, taken, working=False, now=moment[0])
        refused += [(one.seq, one.code) for one in (*taken.reply.refused, *later)]
    after = _held(parts, note)
    known = sum(before.get(record.seq) == record.hash for record in mine)
    return _line(
        note,
        place,
        len(mine),
        taken=len(after) - len(before),
        known=known,
        refused=tuple(dict.fromkeys(refused)),
        not_counted=_not_counted(parts, note, set(after) - set(before)),
        upto=parts.answers.contiguous(note.attempt).get(note.journal, 0),
    )


def _not_counted(parts: Parts, note: RescueJournal, fresh: set[int]) -> int:
    """How many of the new records do not count."""
    with parts.db.read() as session:
        left = arrivals.uncounted(session, parts.answers, note.attempt)
    return sum(1 for one in left if one.journal == note.journal and one.seq in fresh)


def _complete(session: Session, note: RescueJournal, upto: int, file: Opened, *, now: datetime) -> None:
    """A machine's whole journal is here; if nobody could write to it once the file was made, nothing is
    missing of it. Of an older file, or one whose moment is not known, the rest may still come.
    """
    attempt = locked_attempt(session, note.attempt)
    grant = session.get_one(JournalGrant, (note.attempt, note.journal))
    made_at = _made_at(session, file, now)
    if grant.final_seq is not None or made_at is None:
        return
    if any(made_at > moment for moment in _written_until(session, attempt, grant)):
        grant.final_seq = upto
        session.flush()
        collect_if_complete(session, attempt, now)


def _made_at(session: Session, file: Opened, now: datetime) -> datetime | None:
    """When the file was made by the server's clock; None when nobody knows the clock of that boot."""
    stamp = (file.head.boot_id, file.head.boot_ns)
    placed = (boot_clocks.placed_surely(session, one, *stamp, now=now) for one in sorted(file.signers))
    return next((moment for moment in placed if moment is not None), None)


def _written_until(session: Session, attempt: Attempt, grant: JournalGrant) -> list[datetime]:
    """Moments after which the candidate writes to a journal no more: the attempt's end, the move to another
    seat, the machine's new pairing.
    """
    found: list[datetime | None] = []
    if AttemptState(attempt.state) in CLOSED:
        found.append(roomstate.load(session, attempt.room_sitting_id).taken_until(attempt))
    workstation = session.get_one(Workstation, grant.workstation_id)
    if workstation.seat_id != attempt.seat_id:
        left = select(func.max(SeatStay.until_at)).where(
            SeatStay.attempt_id == attempt.id, SeatStay.seat_id == workstation.seat_id
        )
        found.append(session.scalar(left))
    if not workstation.active:
        found.append(workstation.retired_at)
    return [moment for moment in found if moment is not None]


def _record(session: Session, report: Report, actor: Actor, *, now: datetime) -> None:
    """Every room concerned has it in its record: whose journals, how many records, never what they say."""
    for line in report.journals_taken:
        if actor is SYSTEM and not line.taken:
            continue  # a machine that was paired anew told where its journals end
        if actor.can(Permission.RUN_ROOM):
            duty.need_duty(session, actor, Permission.RUN_ROOM, line.room_sitting, now=now)
        told = {"seat": line.seat, "journal": line.journal, "taken": line.taken, "known": line.known}
        told |= {"refused": len(line.refused), "workstation": report.workstation}
        stream, object_ = audit.sitting_stream(line.room_sitting), f"attempt/{line.attempt}"
        audit.record(session, stream, actor, "rescue_imported", object_, now=now, **told)
        params = params_of(Signed(actor), seat=line.seat, taken=line.taken, known=line.known)
        seat = session.get_one(Attempt, line.attempt).seat_id
        emit(session, Activity(line.room_sitting, "line_rescue_imported", params, seat))


def as_json(report: Report) -> dict[str, object]:
    """The report as programs read it."""
    return {
        "workstation": report.workstation,
        "seat": report.seat,
        "dry_run": report.dry_run,
        "taken": report.taken,
        "journals": [
            {**asdict(line), "refused": [{"seq": seq, "code": code} for seq, code in line.refused]}
            for line in report.journals
        ],
    }
