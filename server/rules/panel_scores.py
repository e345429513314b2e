"""What the sheets of a panel come to: one score, how far the sheets lie apart, and which vetoes count.

Exact arithmetic: totals are added as fractions and rounded half up once, to the policy's decimals (R32).
A veto counts by the policy's `veto_by`; one that only a minority marked waits for the supervisor. What it
does, its template says (R33): an item or a task at 0 on every sheet, or the whole component failed. In the
last case the sum stays on paper beside the failure, for it is what the panel saw; a template that wants 0
says so by `task_zero` on its tasks.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from itembank.sheet_marks import Marks, SheetScore, overtime_points, struck
from itembank.sheet_values import Template, Veto
from server.rules.policy_components import Combine, PanelRules, VetoBy

FAIL = "fail"
"""The effect of a veto that fails the component."""
SUPERVISOR, ARBITRATION = "supervisor", "arbitration"
"""What a value may wait for."""
_TRIMMED_FROM = 4


@dataclass(frozen=True, slots=True)
class Sheet:
    """The marks of one examiner, by user id."""

    examiner: int
    marks: Marks


@dataclass(frozen=True, slots=True)
class Decisions:
    """What people decided about a turn. `rulings`: veto code -> whether it counts, by the supervisor.

    `settled`: the score that an arbitration put on record; `kept`: an arbitration let the combined score
    stand; `second_panel`: it called two more examiners, and the median of all sheets counts; `returned`:
    somebody asked for an arbitration although the sheets lie close, or for another one.
    """

    rulings: Mapping[str, bool] = field(default_factory=dict)
    settled: Decimal | None = None
    kept: bool = False
    second_panel: bool = False
    returned: bool = False


@dataclass(frozen=True, slots=True)
class VetoCount:
    """One veto that somebody marked. `holds` None: a minority did, and the supervisor has not decided."""

    code: str
    effect: str
    by: tuple[int, ...]
    holds: bool | None


@dataclass(frozen=True, slots=True)
class PanelValue:
    """What the sheets come to under the policy and what people decided.

    `combined`: of the sheets alone; `score`: what counts, None while `needs` names what it waits for.
    `totals`: examiner -> the sheet's total with the vetoes that hold. `vetoed`: fails whatever the sum.
    """

    combined: Decimal
    score: Decimal | None
    spread: Decimal
    vetoed: bool
    vetoes: tuple[VetoCount, ...]
    totals: Mapping[int, Decimal]
    needs: tuple[str, ...]


def panel_value(
    template: Template,
    sheets: Sequence[Sheet],
    rules: PanelRules,
    decisions: Decisions | None = None,
    overtime_seconds: int = 0,
) -> PanelValue:
    """What the sheets of one turn come to. Raises ValueError without sheets."""
    if not sheets:
        raise ValueError("a panel's score needs sheets")
    decided = decisions or Decisions()
    vetoes = count_vetoes(template, sheets, rules.veto_by, decided.rulings)
    zeroing = frozenset(each.code for each in vetoes if each.holds and each.effect != FAIL)
    scores = [struck(template, sheet.marks, zeroing, overtime_seconds) for sheet in sheets]
    totals = {sheet.examiner: one.total for sheet, one in zip(sheets, scores, strict=True)}
    spread = max(totals.values()) - min(totals.values())
    if decided.second_panel:
        combined = median(totals.values(), rules.decimals)
    elif rules.combine is Combine.PER_ITEM:
        combined = _per_item(template, scores, rules.decimals, _Cut(zeroing, overtime_seconds))
    else:
        combined = combine(list(totals.values()), rules)
    needs = tuple(_needs(vetoes, spread, rules, decided))
    counts = combined if decided.settled is None else decided.settled
    failed = any(each.holds and each.effect == FAIL for each in vetoes)
    return PanelValue(combined, None if needs else counts, spread, failed, vetoes, totals, needs)


def combine(totals: Sequence[Decimal], rules: PanelRules) -> Decimal:
    """One score of several totals, rounded half up: mean, or the mean without the highest and the lowest."""
    chosen = sorted(map(Fraction, totals))
    if rules.combine is Combine.TRIMMED and len(chosen) >= _TRIMMED_FROM:
        chosen = chosen[1:-1]
    return half_up(sum(chosen, Fraction(0)) / len(chosen), rules.decimals)


def median(totals: Iterable[Decimal], decimals: int) -> Decimal:
    """The middle total; of an even number the mean of the two in the middle. Rounded half up."""
    ordered = sorted(map(Fraction, totals))
    middle = len(ordered) // 2
    value = ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    return half_up(value, decimals)


def half_up(value: Fraction, decimals: int) -> Decimal:
    """A fraction from 0 on, as a decimal with so many places."""
    steps: int = 10**decimals
    return Decimal((value * steps * 2 + 1) // 2).scaleb(-decimals)


def count_vetoes(
    template: Template, sheets: Sequence[Sheet], veto_by: VetoBy, rulings: Mapping[str, bool]
) -> tuple[VetoCount, ...]:
    """Every veto that somebody marked, in the template's order. A ruling decides what the votes left open."""
    counted = (_count_veto(veto, sheets, veto_by, rulings) for veto in template.vetoes())
    return tuple(each for each in counted if each.by)


@dataclass(frozen=True, slots=True)
class _Cut:
    """What takes points from whole tasks: vetoes that hold, time taken beyond the limit."""

    vetoes: frozenset[str]
    overtime_seconds: int


def _count_veto(
    veto: Veto, sheets: Sequence[Sheet], veto_by: VetoBy, rulings: Mapping[str, bool]
) -> VetoCount:
    by = tuple(sheet.examiner for sheet in sheets if veto.code in sheet.marks.vetoes)
    enough = bool(by) if veto_by is VetoBy.ANY else len(by) * 2 > len(sheets)
    return VetoCount(veto.code, veto.effect, by, True if enough else rulings.get(veto.code))


def _needs(
    vetoes: Iterable[VetoCount], spread: Decimal, rules: PanelRules, decided: Decisions
) -> Iterator[str]:
    if any(each.holds is None for each in vetoes):
        yield SUPERVISOR
    far = rules.spread_most is not None and spread > rules.spread_most and not decided.second_panel
    if (far or decided.returned) and decided.settled is None and not decided.kept:
        yield ARBITRATION


def _per_item(template: Template, scores: Sequence[SheetScore], decimals: int, cut: _Cut) -> Decimal:
    """The mean of each item's points, rounded, then summed as a sheet is."""
    total = Fraction(0)
    for task in template.tasks:
        if any(veto.code in cut.vetoes and veto.effect == "task_zero" for veto in task.vetoes):
            continue
        means = (_item_mean(scores, item.number, decimals) for item in task.items)
        points = max(Decimal(0), sum(means, Decimal(0)) - overtime_points(task, cut.overtime_seconds))
        total += Fraction(points) * Fraction(task.weight) / Fraction(task.full)
    return half_up(total, decimals)


def _item_mean(scores: Sequence[SheetScore], item: str, decimals: int) -> Decimal:
    points = sum((Fraction(one.items[item]) for one in scores), Fraction(0))
    return half_up(points / len(scores), decimals)
