"""What follows when records have arrived, by the link or out of a rescue file.

A SUBMIT record closes the attempt; records that come after the close are told to the chief; answers from
a former seat wait for two people when the new seat has written as well.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from exam_rooms.protocol import RefusedRecord
from server.db.answers import AnswerStore
from server.db.sittings import Attempt
from server.errors import Refused
from server.services import attempts, handing_in, marks, merges, roomstate, stream
from server.services.answers import Taken
from server.services.delivery import Parts, delivery_of
from server.services.marks import Uncounted


def settle(parts: Parts, taken: Taken, *, working: bool, now: datetime) -> tuple[RefusedRecord, ...]:
    """Draws the consequences of a batch; `working`: its sender is the seat where the attempt goes on.

    Returns the records that are kept but refused as a submission.
    """
    collected = not working and taken.new and _collected(parts, taken.attempt)
    refused = _submit(parts, taken, now) if taken.submits else ()
    if taken.new:
        _note_merge(parts, taken.attempt, now)
    if collected or not (working or taken.submits):
        _tell_late(parts, taken.attempt, collected=collected, now=now)
    return refused


def uncounted(session: Session, store: AnswerStore, attempt_id: int) -> tuple[Uncounted, ...]:
    """What is kept but not counted of an attempt as it stands now."""
    attempt = session.get_one(Attempt, attempt_id)
    return marks.sheet(session, store, roomstate.load(session, attempt.room_sitting_id), attempt).uncounted


def _collected(parts: Parts, attempt: int) -> bool:
    with parts.db.read() as session:
        return session.get_one(Attempt, attempt).collected_at is not None


def _note_merge(parts: Parts, attempt: int, now: datetime) -> None:
    """Only attempts at several workstations can fork; who they are is in memory."""
    if len(delivery_of(parts).desk.machines(attempt)) < 2:
        return
    with parts.db.read() as session:
        found = merges.undecided(session, parts.answers, parts.vault, attempt)
    if found:
        parts.db.write(merges.note, attempt, found, now=now)


def _tell_late(parts: Parts, attempt: int, *, collected: bool, now: datetime) -> None:
    with parts.db.read() as session:
        count = marks.late(session, parts.answers, attempt)
    if count or collected:
        parts.db.write(marks.tell_late, attempt, count, collected=collected, now=now)


def _submit(parts: Parts, taken: Taken, now: datetime) -> tuple[RefusedRecord, ...]:
    events = parts.answers.events(taken.attempt)
    whole = stream.unbroken(events)  # what was kept aside may stand in a gap: then the store is asked
    upto = whole if whole is not None else parts.answers.contiguous(taken.attempt)
    found = stream.submission(events, upto)
    if found is None:
        return ()
    faults = stream.chain_faults(events, delivery_of(parts).desk.parents(taken.attempt))
    if any(fault.code != "gap" for fault in faults):
        parts.db.write(attempts.tell_broken_chain, taken.attempt, now=now)
    try:
        parts.db.write(handing_in.submit, taken.attempt, found, parts.site.signing_key, now=now)
    except Refused as refusal:
        record = found.stored.record
        return (RefusedRecord(record.journal, record.seq, refusal.code),)
    return ()
