"""Attempts as a signed document; the check of such a document stands in `server.rules.attempt_check`."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.attempt_proof import (
    FORMAT,
    AttemptExport,
    ExportedAside,
    ExportedAttempt,
    ExportedJournal,
    ExportedRecord,
    export_message,
)
from exam_rooms.protocol import Receipt
from exam_rooms.wire import decode, encode
from server.access import Actor, Permission
from server.db.answers import AnswerStore
from server.db.rooms import Seat, Workstation
from server.db.sittings import Attempt, JournalGrant, Registration
from server.errors import Forbidden, Refused
from server.rules.attempt_check import RECEIPT_MARK, Checked, check, read, read_receipt
from server.services import audit, origins
from server.services.site import Site

__all__ = [
    "RECEIPT_MARK",
    "Checked",
    "Sources",
    "check",
    "document",
    "export",
    "find",
    "read",
    "read_receipt",
]


@dataclass(frozen=True, slots=True)
class Sources:
    """Where records come from and who signs for them."""

    answers: AnswerStore
    site: Site


def find(session: Session, names: Sequence[str], room_sitting: int | None = None) -> list[int]:
    """Attempts by ticket or number, or all of a room. Raises `Refused` for a name that is neither."""
    if not names and room_sitting is None:
        raise Refused("export_nothing_chosen", 422)
    query = select(Attempt.id).join(Registration, Registration.id == Attempt.registration_id)
    found = []
    if room_sitting is not None:
        found += list(session.scalars(query.where(Attempt.room_sitting_id == room_sitting)))
    for name in names:
        attempt = session.scalar(query.where(Registration.ticket == name))
        if attempt is None and name.isascii() and name.isdigit() and len(name) < 10:
            attempt = session.scalar(query.where(Attempt.id == int(name)))
        if attempt is None:
            raise Refused("attempt_unknown", 404, name=name)
        found.append(attempt)
    return sorted(set(found))


def export(
    session: Session, actor: Actor, sources: Sources, attempts: Sequence[int], *, now: datetime
) -> bytes:
    """The signed document of these attempts; that it was made stands on the record of their rooms."""
    if not actor.can(Permission.SEE_RESULTS):
        raise Forbidden(Permission.SEE_RESULTS)
    rows = [session.get_one(Attempt, number) for number in attempts]
    made = document(session, sources, attempts, now=now)
    for room in sorted({row.room_sitting_id for row in rows}):
        stream = audit.sitting_stream(room)
        count = sum(row.room_sitting_id == room for row in rows)
        audit.record(session, stream, actor, "attempts_exported", stream, now=now, attempts=count)
    return made


def document(session: Session, sources: Sources, attempts: Sequence[int], *, now: datetime) -> bytes:
    """The signed document alone, for an act that stands on the record by itself."""
    rows = [session.get_one(Attempt, number) for number in attempts]
    unsigned = AttemptExport(
        format=FORMAT,
        site_key=_b64(sources.site.public_key),
        ca_pem=sources.site.ca_pem.decode(),
        exported_at=now,
        attempts=tuple(_exported(session, sources.answers, row) for row in rows),
    )
    signature = sources.site.signing_key.sign(export_message(unsigned))
    made = replace(unsigned, signature=_b64(signature))
    return json.dumps(encode(made), ensure_ascii=False, sort_keys=True, indent=1).encode()


def _exported(session: Session, store: AnswerStore, row: Attempt) -> ExportedAttempt:
    grants = session.execute(
        select(JournalGrant, Seat.number)
        .join(Workstation, Workstation.id == JournalGrant.workstation_id)
        .join(Seat, Seat.id == Workstation.seat_id)
        .where(JournalGrant.attempt_id == row.id)
        .order_by(JournalGrant.journal)
    )
    number, site_key = origins.whose(session, row.id)
    events = origins.as_written(store.events(row.id), number)
    return ExportedAttempt(
        attempt=number,
        ticket=session.get_one(Registration, row.registration_id).ticket,
        seat=session.get_one(Seat, row.seat_id).number,
        form=row.form,
        state=row.state,
        journals=tuple(
            ExportedJournal(g.journal, g.parent, g.workstation_id, seat, g.opened_at, g.final_seq)
            for g, seat in grants
        ),
        records=tuple(ExportedRecord(one.record, one.received_at) for one in events),
        aside=tuple(ExportedAside(one.journal, one.seq, one.reason) for one in store.aside(row.id)),
        receipt=decode(Receipt, row.receipt) if row.receipt else None,
        site_key=site_key,
    )


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
