"""The sums of a candidate's component, worked out again beside what is stored: what a recheck looks at.

An examiner's judgement of an item is not touched; only whether every item was counted and added up.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.key_fixes import added_up
from server.db.assessing import PanelScore, Turn
from server.db.publicity import Recheck
from server.db.sittings import ComponentResult, Registration, Sitting
from server.errors import Refused
from server.rules.results import score_text
from server.services import batch_results, marked_texts, panel_scores


@dataclass(frozen=True, slots=True)
class SumLine:
    """One number: `what` paper | panel | result, `ticket` where it was reached, as stored and again.

    `again` is empty where it cannot be worked out here (any more).
    """

    what: str
    ticket: str
    stored: str
    again: str

    @property
    def differs(self) -> bool:
        """Whether something was left out or added up wrongly."""
        return bool(self.again) and self.stored != self.again

    def to_json(self) -> dict[str, str]:
        """Plain values."""
        return {"what": self.what, "ticket": self.ticket, "stored": self.stored, "again": self.again}


def sums(session: Session, row: Recheck) -> list[SumLine]:
    """Papers and panels of the component, then the result that follows from them."""
    return [*_papers(session, row), *_panels(session, row), *_result(session, row)]


def _papers(session: Session, row: Recheck) -> Iterator[SumLine]:
    query = (
        select(ComponentResult, Registration.ticket)
        .join(Registration, Registration.id == ComponentResult.registration_id)
        .join(Sitting, Sitting.id == Registration.sitting_id)
        .where(
            Registration.candidate_id == row.candidate_id,
            Sitting.batch_id == row.batch_id,
            Sitting.component == row.component,
        )
        .order_by(Sitting.starts_at)
    )
    for result, ticket in session.execute(query):
        items = marked_texts.opened(session, result)
        if result.total is not None and items:
            yield SumLine("paper", ticket, score_text(result.total), score_text(added_up(items)))


def _panels(session: Session, row: Recheck) -> Iterator[SumLine]:
    query = (
        select(PanelScore, Turn, Registration.ticket)
        .join(Turn, Turn.id == PanelScore.turn_id)
        .join(Registration, Registration.id == Turn.registration_id)
        .join(Sitting, Sitting.id == Registration.sitting_id)
        .where(
            Registration.candidate_id == row.candidate_id,
            Sitting.batch_id == row.batch_id,
            Sitting.component == row.component,
            PanelScore.state == "checked",
            PanelScore.replaced_at.is_(None),
        )
        .order_by(Sitting.starts_at)
    )
    for score, turn, ticket in session.execute(query):
        if score.score is not None:
            yield SumLine("panel", ticket, score_text(score.score), _panel_again(session, turn))


def _panel_again(session: Session, turn: Turn) -> str:
    try:
        again = panel_scores.recompute(session, turn).score
    except Refused:  # the template of the sheets may be destroyed
        return ""
    return "" if again is None else score_text(again)


def _result(session: Session, row: Recheck) -> Iterator[SumLine]:
    key = row.candidate_id, row.component
    stored = batch_results.current(session, row.batch_id).get(key)
    if stored is None or stored.score is None:
        return
    other: Decimal | None = stored.score
    for each in batch_results.differences(session, row.batch_id):
        if (each.candidate, each.component) == key:
            other = each.computed.score
    yield SumLine("result", "", score_text(stored.score), "—" if other is None else score_text(other))
