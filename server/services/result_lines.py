"""Results of a batch as lists, slips and tables show them; words are those of paper, in Chinese."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.db.outcomes import Result
from server.db.sittings import Batch, Candidate, Registration, Sitting
from server.rules.policy_components import COMPONENT_WORDS
from server.rules.results import OVERALL, Status, score_text
from server.services.batches import policy_of
from server.services.result_evidence import candidates_of
from server.services.rosters import masked_id

STATUS_WORDS: Mapping[Status, str] = {
    Status.PASS: "合格",
    Status.FAIL: "不合格",
    Status.EXEMPT: "免试",
    Status.ABSENT: "缺考",
    Status.VOID: "无效",
    Status.PENDING: "待定",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One result: the number only where there is one; `row` is the stored result's id, None for none yet."""

    component: str
    status: str = str(Status.PENDING)
    score: Decimal | None = None
    checked: bool = False
    row: int | None = None

    @property
    def text(self) -> str:
        """What paper shows: the score of a component that has one, else the word."""
        return self.word if self.score is None else score_text(self.score)

    @property
    def word(self) -> str:
        """合格, 不合格, 免试 …"""
        return STATUS_WORDS[Status(self.status)]


@dataclass(frozen=True, slots=True)
class ResultLine:
    """One candidate of a batch. `ticket`: that of the earliest sitting, "" for who has a place in none.

    `parts`: the required components in the policy's order.
    """

    candidate_id: int
    ticket: str
    name: str
    id_masked: str
    employer: str
    parts: tuple[Cell, ...]
    whole: Cell

    @property
    def checked(self) -> bool:
        """Whether all that is stored of this candidate was checked by another person."""
        stored = [cell for cell in (*self.parts, self.whole) if cell.row is not None]
        return bool(stored) and all(cell.checked for cell in stored)

    @property
    def components(self) -> tuple[tuple[str, str], ...]:
        """Each required component's name with what paper shows of it."""
        return tuple((COMPONENT_WORDS[cell.component], cell.text) for cell in self.parts)

    @property
    def overall(self) -> str:
        """The word of the whole."""
        return self.whole.word

    @property
    def overall_status(self) -> str:
        """The status of the whole."""
        return self.whole.status

    def part(self, component: str) -> Cell | None:
        """One component's cell."""
        return next((cell for cell in self.parts if cell.component == component), None)


def lines(session: Session, batch: Batch, current: Mapping[tuple[int, str], Result]) -> list[ResultLine]:
    """All candidates of a batch with their results in force, in ticket order."""
    required = [str(each) for each in policy_of(batch).required]
    tickets = tickets_of(session, batch.id)
    found = [
        _line(session, candidate, tickets.get(candidate.id, ("", "")), required, current)
        for candidate in candidates_of(session, batch.id)
    ]
    return sorted(found, key=lambda line: (not line.ticket, line.ticket, line.candidate_id))


def line_of(
    session: Session, batch: Batch, candidate: Candidate, current: Mapping[tuple[int, str], Result]
) -> ResultLine:
    """One candidate's line; what it costs does not grow with the batch."""
    required = [str(each) for each in policy_of(batch).required]
    place = tickets_of(session, batch.id, candidate.id).get(candidate.id, ("", ""))
    return _line(session, candidate, place, required, current)


def _line(
    session: Session,
    candidate: Candidate,
    place: tuple[str, str],
    required: Sequence[str],
    current: Mapping[tuple[int, str], Result],
) -> ResultLine:
    ticket, employer = place
    return ResultLine(
        candidate_id=candidate.id,
        ticket=ticket,
        name=candidate.name,
        id_masked=masked_id(session, candidate),
        employer=employer,
        parts=tuple(_cell(current, candidate.id, each) for each in required),
        whole=_cell(current, candidate.id, OVERALL),
    )


def tickets_of(
    session: Session, batch_id: int, candidate_id: int | None = None
) -> dict[int, tuple[str, str]]:
    """Candidate -> the ticket of the earliest valid place in the batch, and the employer named there.

    `candidate_id`: that one alone.
    """
    query = (
        select(Registration.candidate_id, Registration.ticket, Registration.employer)
        .join(Sitting, Sitting.id == Registration.sitting_id)
        .where(Sitting.batch_id == batch_id, Registration.void_at.is_(None))
        .order_by(Sitting.starts_at.desc(), Sitting.id.desc())
    )
    if candidate_id is not None:
        query = query.where(Registration.candidate_id == candidate_id)
    return {candidate: (ticket, employer) for candidate, ticket, employer in session.execute(query)}


def _cell(current: Mapping[tuple[int, str], Result], candidate: int, component: str) -> Cell:
    row = current.get((candidate, component))
    if row is None:
        return Cell(component)
    return Cell(component, row.status, row.score, row.checked_at is not None, row.id)
