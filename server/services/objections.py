"""Objections to published results: each holds one candidate's result until two people have decided it."""

from datetime import datetime

from sqlalchemy.orm import Session

from server.access import Actor, Permission
from server.db.publicity import Objection
from server.errors import NotFound, Refused
from server.rules.publicity import HOLDING, Stage, takes_objections
from server.services import publicity
from server.services.filings import Filing, seal
from server.services.signed import Signed, need, need_reason, second_person

PURPOSE = "objection"
UPHELD, REJECTED = "upheld", "rejected"


def receive(session: Session, actor: Actor, filing: Filing, *, now: datetime) -> int:
    """Puts an objection on file; from now on the candidate's result is held. Its id.

    Refused: objection_not_public (on no list in force), objection_too_late (the publicity is over).
    """
    need(actor, Permission.PUBLISH_RESULTS)
    batch_id, candidate_id = filing.batch_id, filing.candidate_id
    publicity.locked_batch(session, batch_id)
    found = publicity.standings(session, batch_id, now=now, candidates=[candidate_id]).get(candidate_id)
    if found is None:
        raise Refused("objection_not_public")
    if found.stage is Stage.FINAL or not takes_objections(found.entry.final_at, now):
        raise Refused("objection_too_late")
    row = Objection(
        batch_id=batch_id,
        candidate_id=candidate_id,
        entry_id=found.entry.id,
        sealed=seal(session, PURPOSE, filing.said),
        received_at=now,
        received_by=actor.user_id,
    )
    session.add(row)
    session.flush()
    facts = {"objection": row.id, "candidate": candidate_id}
    publicity.note(session, actor, "objection_received", batch_id, now, **facts)
    return row.id


def decide(session: Session, signed: Signed, objection_id: int, outcome: str, *, now: datetime) -> None:
    """Two people decide, with a reason. Upheld: held on until a correction; rejected: held no longer.

    One that was upheld may still be rejected while nothing was corrected. Refused: objection_closed,
    outcome_unknown, reason_missing.
    """
    need(signed.actor, Permission.PUBLISH_RESULTS)
    second = second_person(signed)
    need(second, Permission.PUBLISH_RESULTS)
    need_reason(signed)
    row = session.get(Objection, objection_id)
    if row is None:
        raise NotFound("objection")
    publicity.locked_batch(session, row.batch_id)
    session.refresh(row)
    if outcome not in (UPHELD, REJECTED):
        raise Refused("outcome_unknown", 422, field="outcome")
    if row.state not in HOLDING or row.state == outcome:
        raise Refused("objection_closed")
    row.state, row.reason = outcome, signed.reason.strip()[:400]
    row.decided_at, row.decided_by, row.cosigned_by = now, signed.actor.user_id, second.user_id
    session.flush()
    facts = {"objection": row.id, "candidate": row.candidate_id, "cosigned_by": second.name}
    publicity.note(session, signed.actor, f"objection_{outcome}", row.batch_id, now, **facts)
