"""A candidate's own result by ticket and ID number: only what is published, and one answer for all else."""

import hmac
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.admission import clean_ticket
from exam_rooms.identity import clean_id
from server.db.base import vault_of
from server.db.sittings import Batch, Candidate, Registration, Sitting
from server.rules.policy import LevelPolicy
from server.services import batch_results, publicity
from server.services.batches import policy_of
from server.services.result_lines import ResultLine
from server.services.rosters import ID_PURPOSE


@dataclass(frozen=True, slots=True)
class OwnResult:
    """What the candidate sees. `stage`: publicity | held | final; `final_at`: when it is final."""

    batch: str
    policy: LevelPolicy
    ticket: str
    line: ResultLine
    stage: str
    final_at: datetime


def look_up(session: Session, ticket: str, id_number: str, *, now: datetime) -> OwnResult | None:
    """The published result that ticket and ID number belong to together; None for anything else."""
    index = vault_of(session).index(ID_PURPOSE, clean_id(id_number))
    query = (
        select(Registration.ticket, Candidate, Batch)
        .join(Candidate, Candidate.id == Registration.candidate_id)
        .join(Sitting, Sitting.id == Registration.sitting_id)
        .join(Batch, Batch.id == Sitting.batch_id)
        .where(Registration.ticket.in_({clean_ticket(ticket), ticket.strip()}))
    )
    found = session.execute(query).first()
    known = found[1].id_index if found else ""
    if not hmac.compare_digest(known.encode(), index.encode()) or found is None:
        return None
    own_ticket, candidate, batch = found
    standing = publicity.standings(session, batch.id, now=now, candidates=[candidate.id]).get(candidate.id)
    if standing is None:
        return None
    return OwnResult(
        batch=batch.name,
        policy=policy_of(batch),
        ticket=own_ticket,
        line=batch_results.line_of(session, batch, candidate),
        stage=str(standing.stage),
        final_at=standing.entry.final_at,
    )
