"""The first word of an agent to a server that took over: what lies at the seat, and what this server holds.

A standby may lack the last moments of the server before: records that were acknowledged, and journals that
were granted. Records come again from the agent's own journal. A journal that this store never heard of is
granted again, under its own number and to the same workstation, when the site itself had granted it: the
grant carries a proof that only this site can make. New numbers after a takeover leave room for all that may
come so (`attempts.open_journals`).
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from exam_rooms.standby_messages import HeldJournal, ResumedJournal
from exam_rooms.wire import canonical
from server.access import SYSTEM
from server.db.base import emit
from server.db.sittings import Attempt, JournalGrant, Registration
from server.errors import Refused
from server.events import RoomChanged
from server.services import audit
from server.services.agents import Agent
from server.services.delivery import Parts
from server.services.roomstate import locked_attempt

JOURNALS_MOST = 200
PROOF_BYTES = 16
_INT31 = 2**31 - 1
_TICKET = (
    select(Registration.ticket)
    .join(Attempt, Attempt.registration_id == Registration.id)
    .where(Attempt.id == bindparam("attempt"))
)


def proof_of(token_key: bytes, grant: JournalGrant, ticket: str) -> str:
    """What the site says of a grant to the candidate with this ticket, for itself alone (base64)."""
    held = HeldJournal(grant.attempt_id, grant.journal, 0, grant.parent)
    mac = _mac(token_key, held, grant.workstation_id, ticket)
    return base64.b64encode(mac).decode()


def resume(
    parts: Parts, agent: Agent, held: Sequence[HeldJournal], *, now: datetime
) -> tuple[ResumedJournal, ...]:
    """For every journal named: up to where it is durable here, or why nothing of it is taken.

    Codes: `journal_not_yours` (another workstation's), `journal_unknown` (the site never granted it so).
    """
    if len(held) > JOURNALS_MOST:
        raise Refused("too_many_journals", 413, limit=JOURNALS_MOST)
    with parts.db.read() as session:
        codes = [_code(session, agent, one) for one in held]
    unknown = [one for one, code in zip(held, codes, strict=True) if code == "journal_unknown"]
    regranted: set[tuple[int, int]] = set()
    if unknown:
        regranted = parts.db.write(_grant_again, parts.site.token_key, agent, unknown, now=now)
    codes = [
        "" if (one.attempt, one.journal) in regranted else code for one, code in zip(held, codes, strict=True)
    ]
    attempts = {one.attempt for one, code in zip(held, codes, strict=True) if not code}
    upto = {attempt: parts.answers.contiguous(attempt) for attempt in sorted(attempts)}
    return tuple(
        ResumedJournal(one.attempt, one.journal, upto.get(one.attempt, {}).get(one.journal, 0), code)
        for one, code in zip(held, codes, strict=True)
    )


def _code(session: Session, agent: Agent, held: HeldJournal) -> str:
    if not (0 < held.attempt <= _INT31 and 0 < held.journal <= _INT31):
        return "journal_unknown"
    grant = session.get(JournalGrant, (held.attempt, held.journal))
    if grant is None:
        return "journal_unknown"
    return "" if grant.workstation_id == agent.workstation else "journal_not_yours"


def _grant_again(
    session: Session, token_key: bytes, agent: Agent, unknown: Sequence[HeldJournal], *, now: datetime
) -> set[tuple[int, int]]:
    """Puts grants back that the site can prove; attempt and number of each."""
    done = set()
    for one in sorted(unknown, key=lambda one: (one.attempt, one.journal)):
        if one.attempt > _INT31 or session.get(Attempt, one.attempt) is None:
            continue
        attempt = locked_attempt(session, one.attempt)
        right = _mac(token_key, one, agent.workstation, _ticket(session, one.attempt))
        known = session.get(JournalGrant, (one.attempt, one.journal)) is not None
        if known or not hmac.compare_digest(right, _decoded(one.proof)):
            continue
        _put_back(session, agent, attempt, one, now=now)
        done.add((one.attempt, one.journal))
    return done


def _put_back(session: Session, agent: Agent, attempt: Attempt, held: HeldJournal, *, now: datetime) -> None:
    query = select(func.max(JournalGrant.journal)).where(JournalGrant.attempt_id == attempt.id)
    newest = held.journal > (session.scalar(query) or 0)
    session.add(
        JournalGrant(
            attempt_id=attempt.id,
            journal=held.journal,
            workstation_id=agent.workstation,
            parent=held.parent,
            opened_at=now,
        )
    )
    if newest and attempt.seat_id == agent.seat:
        attempt.workstation_id = agent.workstation
    session.flush()
    stream, object_ = audit.sitting_stream(attempt.room_sitting_id), f"attempt/{attempt.id}"
    facts = {"journal": held.journal, "workstation": agent.workstation}
    audit.record(session, stream, SYSTEM, "journal_granted_again", object_, now=now, **facts)
    emit(session, RoomChanged(attempt.room_sitting_id))


def _ticket(session: Session, attempt: int) -> str:
    """Whose attempt it is: a number that was given to another candidate meanwhile proves nothing."""
    return session.execute(_TICKET, {"attempt": attempt}).scalar_one()


def _mac(token_key: bytes, held: HeldJournal, workstation: int, ticket: str) -> bytes:
    said = ["examhall/journal", held.attempt, held.journal, workstation, held.parent, ticket]
    return hmac.new(token_key, canonical(said), hashlib.sha256).digest()[:PROOF_BYTES]


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except ValueError:
        return b""
