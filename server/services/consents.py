"""What candidates said about face comparison: every answer with the text they were shown, never overwritten.

`Attempt.face_consent` is how it stands now; what follows from it is `services.consent`'s.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.db.privacy import Consent
from server.services.signed import MOST_REASON, Signed

How = Literal["seat", "withdrawn"]
MOST_VERSION = 20


@dataclass(frozen=True, slots=True)
class ConsentLine:
    """One answer: yes or no, how it was given, to which text, when."""

    given: bool
    how: str
    text_version: str
    at: datetime


def note_answer(session: Session, attempt_id: int, given: bool, text_version: str, *, now: datetime) -> None:
    """The candidate's own answer at the seat."""
    session.add(
        Consent(
            attempt_id=attempt_id,
            given=given,
            how="seat",
            text_version=text_version.strip()[:MOST_VERSION],
            at=now,
        )
    )


def note_withdrawal(session: Session, signed: Signed, attempt_id: int, *, now: datetime) -> None:
    """The candidate has taken it back; two members of staff say so."""
    second = signed.cosigner
    session.add(
        Consent(
            attempt_id=attempt_id,
            given=False,
            how="withdrawn",
            text_version=_last_version(session, attempt_id),
            at=now,
            reason=signed.reason.strip()[:MOST_REASON],
            by_id=signed.actor.user_id,
            second_id=second.user_id if second else None,
        )
    )


def of_attempt(session: Session, attempt_id: int) -> Sequence[ConsentLine]:
    """All answers in the order of time."""
    query = select(Consent).where(Consent.attempt_id == attempt_id).order_by(Consent.id)
    return [ConsentLine(row.given, row.how, row.text_version, row.at) for row in session.scalars(query)]


def _last_version(session: Session, attempt_id: int) -> str:
    query = select(Consent.text_version).where(Consent.attempt_id == attempt_id).order_by(Consent.id.desc())
    return session.scalar(query.limit(1)) or ""
