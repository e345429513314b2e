"""Results made void by decided cases, and by nothing else; a decision taken back brings them back.

What a result was is sealed in its row, so that no list shows marks of a void one. Marks that come after the
decision come out void the same way.
"""

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, aliased

from server.db.base import vault_of
from server.db.cases import Case
from server.db.sittings import ComponentResult, Registration, RoomSitting, Sitting

VOID = "void"
VOID_PURPOSE = "before-void"
TAKING = ("subject", "all")
"""Outcomes of a decision that take a result away."""


def void_registrations(session: Session, registrations: Iterable[int]) -> set[int]:
    """Those of these registrations whose result a standing decision takes away.

    A decision on a subject follows the candidate through the batch: also into a sitting that is held again.
    """
    judged = aliased(Sitting)
    query = (
        select(Registration.id)
        .join(Sitting, Sitting.id == Registration.sitting_id)
        .join(Case, (Case.candidate_id == Registration.candidate_id) & (Case.batch_id == Sitting.batch_id))
        .join(RoomSitting, RoomSitting.id == Case.room_sitting_id)
        .join(judged, judged.id == RoomSitting.sitting_id)
        .where(
            Registration.id.in_(list(registrations)),
            Case.outcome.in_(TAKING),
            or_(Case.outcome == "all", judged.component == Sitting.component),
        )
    )
    return set(session.scalars(query))


def settle(session: Session, rows: Iterable[ComponentResult]) -> list[int]:
    """Makes these results void or brings them back as the standing decisions say; whose were changed."""
    found = list(rows)
    taken = void_registrations(session, [row.registration_id for row in found])
    changed = []
    for row in found:
        if (row.registration_id in taken) != (row.status == VOID):
            (_void if row.registration_id in taken else _bring_back)(session, row)
            changed.append(row.registration_id)
    return changed


def settle_candidate(session: Session, case: Case) -> list[int]:
    """The same for all results that a case can reach: those of the person in the batch."""
    query = (
        select(ComponentResult)
        .join(Registration, Registration.id == ComponentResult.registration_id)
        .join(Sitting, Sitting.id == Registration.sitting_id)
        .where(Registration.candidate_id == case.candidate_id, Sitting.batch_id == case.batch_id)
    )
    return settle(session, session.scalars(query))


def _void(session: Session, row: ComponentResult) -> None:
    kept = {
        "status": row.status,
        "total": None if row.total is None else str(row.total),
        "passed": row.passed,
    }
    text = json.dumps(kept).encode()
    row.sealed_before_void = vault_of(session).seal_value(VOID_PURPOSE, str(row.attempt_id), text)
    row.status, row.total, row.passed = VOID, None, None


def before(session: Session, row: ComponentResult) -> tuple[str, Decimal | None]:
    """Status and total that a void result had."""
    kept = _kept(session, row)
    return kept["status"], None if kept["total"] is None else Decimal(kept["total"])


def _kept(session: Session, row: ComponentResult) -> dict[str, Any]:
    assert row.sealed_before_void is not None
    opened = vault_of(session).open_value(VOID_PURPOSE, str(row.attempt_id), row.sealed_before_void)
    kept: dict[str, Any] = json.loads(opened)
    return kept


def _bring_back(session: Session, row: ComponentResult) -> None:
    row.passed = _kept(session, row)["passed"]
    row.status, row.total = before(session, row)
    row.sealed_before_void = None
