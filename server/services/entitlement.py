"""Who may take a place in a sitting: nobody exempt or with a result, but at a make-up only who has failed."""

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from server.db.outcomes import Exemption, Result
from server.db.sittings import Batch, Candidate, Registration, Sitting
from server.errors import Refused
from server.rules.results import MAY_RETAKE, Status
from server.services.batches import policy_of

_DECIDED = frozenset({Status.PASS, Status.VOID, *MAY_RETAKE})
"""Results that another ordinary sitting of the component would be a hidden make-up of."""


class Entitlement:
    """Who may take a place in one sitting, for lists of people: what was decided is looked up once."""

    def __init__(self, session: Session, sitting: Sitting) -> None:
        self._session = session
        self._sitting = sitting
        self._exempt = frozenset(session.scalars(_exemptions(sitting)))
        self._status = dict(session.execute(_results(sitting)).all())

    def need(self, candidate: Candidate, place: str) -> None:
        """Refuses a candidate who has no business in the sitting; `place`: where the row stands in its list.

        Codes: candidate_exempt; retake_without_result, retake_not_failed and retakes_used_up for a make-up
        sitting; result_there_already for another one.
        """
        said = {"place": place, "name": candidate.name}
        if candidate.id in self._exempt:
            raise Refused("candidate_exempt", 422, **said)
        status = self._status.get(candidate.id)
        if not self._sitting.retake:
            if status in _DECIDED:
                raise Refused("result_there_already", 422, **said)
            return
        if status is None or status == Status.PENDING:
            raise Refused("retake_without_result", 422, **said)
        if status not in MAY_RETAKE:
            raise Refused("retake_not_failed", 422, **said)
        most = policy_of(self._session.get_one(Batch, self._sitting.batch_id)).results.retakes_most
        if _retakes(self._session, self._sitting, candidate.id) >= most:
            raise Refused("retakes_used_up", 422, most=most, **said)


def _exemptions(sitting: Sitting) -> Select[int]:
    return select(Exemption.candidate_id).where(
        Exemption.batch_id == sitting.batch_id,
        Exemption.component == sitting.component,
        Exemption.revoked_at.is_(None),
    )


def _results(sitting: Sitting) -> Select[int, str]:
    return select(Result.candidate_id, Result.status).where(
        Result.batch_id == sitting.batch_id,
        Result.component == sitting.component,
        Result.replaced_at.is_(None),
    )


def _retakes(session: Session, sitting: Sitting, candidate_id: int) -> int:
    """Make-up places of the component that the candidate has had; one that was held again counts once."""
    query = (
        select(func.count())
        .select_from(Registration)
        .join(Sitting, Sitting.id == Registration.sitting_id)
        .where(
            Sitting.batch_id == sitting.batch_id,
            Sitting.component == sitting.component,
            Sitting.retake.is_(True),
            Registration.candidate_id == candidate_id,
            Registration.void_at.is_(None),
        )
    )
    return session.scalar(query) or 0
