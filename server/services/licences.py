"""Guards' licences (保安员证) as somebody saw them: numbers sealed, earlier entries kept as replaced."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.access import Actor
from server.db.base import vault_of
from server.db.outcomes import GuardLicence
from server.db.sittings import Candidate
from server.errors import Refused
from server.rules.roster import LICENCE_NUMBER, RosterEntry

PURPOSE = "guard-licence"
STATES = ("valid", "revoked")
_SHOWN = 4
_EASTERNMOST = timedelta(hours=14)


@dataclass(frozen=True, slots=True)
class Licence:
    """A licence that somebody has seen: number as printed, day of issue, whether it stands or was revoked."""

    number: str
    issued_on: date
    state: str = "valid"


def keep(
    session: Session, actor: Actor, candidate: Candidate, licence: Licence, *, now: datetime
) -> GuardLicence:
    """The row of a licence in force; one that says the same is kept, another one replaced.

    Refused: licence_number_shape, licence_from_the_future, licence_state_unknown. Whether `actor` may note
    licences is the caller's matter.
    """
    number = "".join(licence.number.split())
    if not re.fullmatch(LICENCE_NUMBER, number):
        raise Refused("licence_number_shape", 422, field="number")
    if licence.issued_on > _latest_day(now):
        raise Refused("licence_from_the_future", 422, field="issued_on")
    if licence.state not in STATES:
        raise Refused("licence_state_unknown", 422, field="state")
    before = in_force(session, candidate.id)
    if before is not None:
        if _same(session, before, number, licence):
            return before
        before.replaced_at = now
    row = GuardLicence(
        candidate_id=candidate.id,
        sealed_number=vault_of(session).seal_value(PURPOSE, str(candidate.id), number.encode()),
        issued_on=licence.issued_on,
        state=licence.state,
        noted_at=now,
        noted_by=actor.user_id,
    )
    session.add(row)
    session.flush()
    return row


def keep_listed(
    session: Session, actor: Actor, listed: Iterable[tuple[Candidate, RosterEntry]], *, now: datetime
) -> int:
    """Keeps the licences that a roster names; how many. A day in the future is refused by its row."""
    count = 0
    for candidate, entry in listed:
        if entry.licence_on is None:
            continue
        if entry.licence_on > _latest_day(now):
            raise Refused("licence_from_the_future_in_row", 422, place=entry.place)
        keep(session, actor, candidate, Licence(entry.licence, entry.licence_on), now=now)
        count += 1
    return count


def _latest_day(now: datetime) -> date:
    """The day that it is by now where days begin first: a licence of this morning is not of the future."""
    return (now + _EASTERNMOST).date()


def in_force(session: Session, candidate_id: int) -> GuardLicence | None:
    """The licence in force of a candidate, be it valid or revoked."""
    query = select(GuardLicence).where(
        GuardLicence.candidate_id == candidate_id, GuardLicence.replaced_at.is_(None)
    )
    return session.scalars(query.order_by(GuardLicence.id.desc())).first()


def shown_number(session: Session, row: GuardLicence) -> str:
    """The last characters of a licence's number, all that screens show of it."""
    return "…" + _number(session, row)[-_SHOWN:]


def _same(session: Session, row: GuardLicence, number: str, licence: Licence) -> bool:
    return (_number(session, row), row.issued_on, row.state) == (number, licence.issued_on, licence.state)


def _number(session: Session, row: GuardLicence) -> str:
    return vault_of(session).open_value(PURPOSE, str(row.candidate_id), row.sealed_number).decode()
