"""What a candidate has reached: one component from what its sittings gave, and the whole from its components.

Pure: whoever has the same marks, decisions and policy comes to the same result, today and in five years.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from server.rules.policy import passes
from server.rules.policy_components import RetakeCounts, Scale

OVERALL = "overall"
"""Stands in the place of a component for the result of the whole."""


class Status(StrEnum):
    """What a result says. Only pass and fail of a component carry a number."""

    PASS = "pass"  # noqa: S105 - a word of results
    FAIL = "fail"
    EXEMPT = "exempt"
    ABSENT = "absent"
    VOID = "void"
    PENDING = "pending"


class Ground(StrEnum):
    """What a result rests on."""

    MARKS = "marks"  # the marks of an attempt at a seat, or on paper
    PANEL = "panel"  # the checked score of a panel
    ABSENCE = "absence"
    EXEMPTION = "exemption"
    CASE = "case"  # a decided case took it away
    CORRECTION = "correction"
    COMPONENTS = "components"  # the whole: its components
    WAITING = "waiting"  # nothing yet


NOT_MET = frozenset({Status.FAIL, Status.ABSENT, Status.VOID})
"""Of a required component: with it the whole is not passed."""
MAY_RETAKE = frozenset({Status.FAIL, Status.ABSENT})
"""Components in these states may be sat again; what a decided case took away may not."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A result: `origin` is plain values, its "kind" a `Ground`."""

    status: Status
    score: Decimal | None = None
    origin: Mapping[str, object] = field(default_factory=lambda: {"kind": str(Ground.WAITING)})

    @property
    def ground(self) -> Ground:
        """What it rests on."""
        return Ground(str(self.origin["kind"]))


@dataclass(frozen=True, slots=True)
class Try:
    """What one sitting of a component gave a candidate; neither a score nor an absence: nothing yet.

    `starts_at` puts the sittings in their order. `vetoed`: the panel's veto fails it whatever the sum (R33).
    """

    starts_at: datetime
    registration: int
    ground: Ground = Ground.MARKS
    score: Decimal | None = None
    absent: bool = False
    vetoed: bool = False


@dataclass(frozen=True, slots=True)
class Correction:
    """What two people put in the place of a result, and when."""

    outcome: Outcome
    at: datetime


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that decides one component of one candidate. The numbers are ids of the rows that say so."""

    tries: tuple[Try, ...] = ()
    exemption: int | None = None
    case: int | None = None
    correction: Correction | None = None


def graded(score: Decimal, scale: Scale, *, vetoed: bool = False) -> Status:
    """Pass or fail of a score (R01). Raises ValueError for a score outside the scale."""
    reached = passes(score, scale)
    return Status.PASS if reached and not vetoed else Status.FAIL


def fold_component(scale: Scale, evidence: Evidence, counts: RetakeCounts) -> Outcome:
    """The result of one component.

    A decided case takes everything away. A correction stands in the place of all sittings before it. An
    exemption needs no sitting and gives no number (R10). Of several sittings that gave a score the policy's
    one counts; a sitting without a score takes away nothing that an earlier one gave.
    """
    if evidence.case is not None:
        return Outcome(Status.VOID, None, {"kind": str(Ground.CASE), "case": evidence.case})
    if evidence.correction is not None:
        return _corrected(scale, evidence.correction, evidence.tries, counts)
    if evidence.exemption is not None:
        origin = {"kind": str(Ground.EXEMPTION), "exemption": evidence.exemption}
        return Outcome(Status.EXEMPT, None, origin)
    return _of_tries(scale, evidence.tries, counts)


def _corrected(scale: Scale, correction: Correction, tries: Sequence[Try], counts: RetakeCounts) -> Outcome:
    later = [one for one in _in_order(tries) if one.starts_at > correction.at and one.score is not None]
    scored = [_scored(scale, one) for one in later]
    if correction.outcome.score is not None:
        scored.insert(0, correction.outcome)
    return _counting(scored, counts) if later else correction.outcome


def _of_tries(scale: Scale, tries: Sequence[Try], counts: RetakeCounts) -> Outcome:
    ordered = _in_order(tries)
    scored = [_scored(scale, one) for one in ordered if one.score is not None]
    if scored:
        return _counting(scored, counts)
    absent = [one for one in ordered if one.absent]
    if not absent:
        return Outcome(Status.PENDING)
    return Outcome(Status.ABSENT, None, _origin(Ground.ABSENCE, absent[-1]))


def _in_order(tries: Iterable[Try]) -> list[Try]:
    return sorted(tries, key=lambda one: (one.starts_at, one.registration))


def _counting(scored: Sequence[Outcome], counts: RetakeCounts) -> Outcome:
    """The one of several that counts; of equally good ones the first."""
    return scored[-1] if counts is RetakeCounts.LATEST else max(scored, key=_worth)


def _scored(scale: Scale, one: Try) -> Outcome:
    assert one.score is not None
    return Outcome(graded(one.score, scale, vetoed=one.vetoed), one.score, _origin(one.ground, one))


def _worth(outcome: Outcome) -> tuple[bool, Decimal]:
    assert outcome.score is not None
    return outcome.status is Status.PASS, outcome.score


def _origin(ground: Ground, one: Try) -> dict[str, object]:
    return {"kind": str(ground), "registration": one.registration}


def fold_overall(required: Iterable[str], components: Mapping[str, Status]) -> Outcome:
    """The whole (R02): passed when every required component is passed or exempt.

    Void or absent when that is all there is; failed as soon as one required component is not met, whatever
    is still to come, for no later component can make up for it; else pending while one is.
    """
    found = [components.get(each, Status.PENDING) for each in required]
    if not found:
        raise ValueError("a level needs at least one component")
    return Outcome(_whole(found), None, {"kind": str(Ground.COMPONENTS)})


def _whole(found: Sequence[Status]) -> Status:
    sat = {status for status in found if status is not Status.EXEMPT}
    if sat in ({Status.VOID}, {Status.ABSENT}):
        return sat.pop()
    if sat & NOT_MET:
        return Status.FAIL
    return Status.PENDING if Status.PENDING in sat else Status.PASS


def score_text(score: Decimal) -> str:
    """A score as lists print it: exact, no needless zeros, one decimal at least."""
    text = f"{score.normalize():f}"
    return text if "." in text else f"{text}.0"
