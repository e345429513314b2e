"""How well the examiners of a session agreed, how strict each was, how that moved, and who did how much.

Figures come only after the session and are for people: published scores stay what the panel gave. With few
candidates a coefficient says little, so below `FEW` none is shown, and below `MANY` one decimal only.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from sqlalchemy.orm import Session

from itembank.agreement import IntraClass, Metric, Ratings, exact_share, intraclass, kendall_w, krippendorff
from itembank.severity import Drift, Severity, drifts, severities
from itembank.sheet_marks import SheetScore, fold, score
from server.access import Actor
from server.db.assessing import Turn
from server.services import sheets, staff, turns
from server.services.assessment_room import DONE
from server.services.panel_scores import need_over
from server.services.panel_sight import Seen, need_room
from server.services.template_release import released_template

FEW, MANY = 5, 15
"""Candidates below whose number no coefficient is computed, or only a rough one is shown."""
_LEVELS = ((0.9, "high"), (0.75, "good"), (0.5, "fair"))
_ALPHA_LEVELS = ((0.8, "high"), (2 / 3, "fair"))


@dataclass(frozen=True, slots=True)
class Reading:
    """One figure in words: the code of a sentence with its parameters."""

    code: str
    params: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ExaminerLine:
    """One examiner of the session. `minutes`: of the turns with a sheet; `mean`: of the sheets' totals."""

    name: str
    turns: int
    minutes: int
    mean: float
    severity: Severity
    drift: Drift


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a room. `numbers`: drawn numbers of the turns that they rest on, in their order."""

    numbers: tuple[int, ...]
    examiners: tuple[ExaminerLine, ...]
    agreement: IntraClass | None
    alpha: float | None
    concordance: float | None
    exact: float | None

    @property
    def shown(self) -> bool:
        """Whether there are enough candidates to show a coefficient at all."""
        return len(self.numbers) >= FEW

    @property
    def span(self) -> int:
        """From the first candidate to the last one, in turns."""
        return max(len(self.numbers) - 1, 0)

    def text(self, value: float | None) -> str:
        """A coefficient with as many decimals as the candidates warrant."""
        if value is None or not self.shown:
            return "—"
        return f"{value:.{2 if len(self.numbers) >= MANY else 1}f}"


def figures(session: Session, actor: Actor, room_sitting_id: int) -> Figures:
    """The figures of a session that is over; refused as `panel_sight.need_room`, and `panel_not_over`."""
    return of_room(session, need_room(session, actor, room_sitting_id))


def of_room(session: Session, seen: Seen) -> Figures:
    """The same; who may see it was asked before."""
    need_over(seen.place)
    used, scores = _scores(session, seen.place.row.id)
    order = Counter(user for turn in used for user in turn.panel)
    people = [user for user, _count in order.most_common()]
    names = staff.names(session, people)
    totals = _table(used, people, lambda turn, user: scores[turn.id][user].total)
    severity, drift = severities(totals), drifts(totals)
    lines = tuple(
        ExaminerLine(
            names.get(user, ""),
            order[user],
            _minutes(used, user),
            float(np.nanmean(totals[:, place])),
            severity[place],
            drift[place],
        )
        for place, user in enumerate(people)
    )
    whole = _complete(totals)
    return Figures(
        tuple(turn.number for turn in used),
        lines,
        intraclass(whole),
        krippendorff(totals, Metric.INTERVAL) if used else None,
        kendall_w(whole),
        exact_share(_items(used, people, scores)) if used else None,
    )


def readings(found: Figures) -> list[Reading]:
    """The figures in words, the most important first."""
    return [*_agreement(found), *_severity(found)]


def _agreement(found: Figures) -> Iterator[Reading]:
    count = len(found.numbers)
    if not any(line.severity.sheets for line in found.examiners):
        yield Reading("figures_none", {})
        return
    if not found.shown:
        yield Reading("figures_few", {"turns": str(count)})
    else:
        if count < MANY:
            yield Reading("figures_some", {"turns": str(count)})
        yield from _coefficients(found)
    if found.exact is not None:
        yield Reading("figures_exact", {"share": f"{found.exact * 100:.0f}"})


def _coefficients(found: Figures) -> Iterator[Reading]:
    if found.agreement is None:
        yield Reading("figures_same", {})
    else:
        one, mean = found.agreement.one_2, found.agreement.mean_2
        yield Reading(f"figures_level_{_level(mean, _LEVELS)}", {})
        yield Reading("figures_one", {"value": found.text(one), "share": _percent(one)})
        yield Reading("figures_mean", {"value": found.text(mean), "share": _percent(mean)})
    if found.alpha is not None:
        level = f"figures_alpha_{_level(found.alpha, _ALPHA_LEVELS)}"
        yield Reading("figures_alpha", {"value": found.text(found.alpha), "level": level})
    if found.concordance is not None:
        yield Reading("figures_order", {"value": found.text(found.concordance)})


def _severity(found: Figures) -> Iterator[Reading]:
    if not found.shown:
        return
    clear = [line for line in found.examiners if line.severity.effect.clear]
    for line in clear:
        effect = line.severity.effect
        told = {
            "name": line.name,
            "points": f"{abs(effect.value):.1f}",
            "margin": f"{effect.margin or 0:.1f}",
        }
        yield Reading("figures_mild" if effect.value > 0 else "figures_strict", told)
    if not clear:
        yield Reading("figures_even", {})
    for line in found.examiners:
        slope = line.drift.per_turn
        if slope is not None and slope.clear:
            told = {"name": line.name, "points": f"{abs(slope.value) * found.span:.1f}"}
            yield Reading("figures_drift_up" if slope.value > 0 else "figures_drift_down", told)


def _level(value: float, levels: Sequence[tuple[float, str]]) -> str:
    return next((name for least, name in levels if value >= least), "low")


def _percent(value: float) -> str:
    return f"{max(value, 0) * 100:.0f}"


# --- tables ---------------------------------------------------------------------------------------------

Scores = Mapping[int, Mapping[int, SheetScore]]
Value = Callable[[Turn, int], Decimal]


def _scores(session: Session, room_sitting_id: int) -> tuple[list[Turn], Scores]:
    """The turns with all sheets locked, in their order, and what each examiner's sheet came to."""
    listed = turns.turns_of(session, room_sitting_id)
    used = [turn for turn in listed if turn.state == DONE and sheets.locked(session, turn)]
    if not used:
        return [], {}
    template = released_template(session, room_sitting_id)
    found = {}
    for turn in used:
        marks = sheets.opened_marks(session, turn)
        found[turn.id] = {
            user: score(template, fold(acts), turn.overtime_seconds) for user, acts in marks.items()
        }
    return used, found


def _table(used: Sequence[Turn], people: Sequence[int], value: Value) -> Ratings:
    table = np.full((len(used), len(people)), np.nan)
    for row, turn in enumerate(used):
        for column, user in enumerate(people):
            if user in turn.panel:
                table[row, column] = float(value(turn, user))
    return table


def _items(used: Sequence[Turn], people: Sequence[int], scores: Scores) -> Ratings:
    """Every item of every turn as a row of its own."""
    numbers = list(next(iter(scores[used[0].id].values())).items)
    tables = [_table(used, people, _item_of(scores, number)) for number in numbers]
    return np.concatenate(tables)


def _item_of(scores: Scores, number: str) -> Value:
    return lambda turn, user: scores[turn.id][user].items[number]


def _complete(totals: Ratings) -> Ratings:
    """The turns of the panel that marked most of them, without gaps: what the coefficients are about."""
    patterns = Counter(tuple(row) for row in ~np.isnan(totals))
    if not patterns:
        return totals
    most = np.array(patterns.most_common(1)[0][0], dtype=bool)
    rows = (~np.isnan(totals))[:, most].all(axis=1)
    return np.asarray(totals[rows][:, most])


def _minutes(used: Sequence[Turn], user: int) -> int:
    spans = [
        (turn.ended_at - turn.started_at).total_seconds()
        for turn in used
        if user in turn.panel and turn.started_at and turn.ended_at
    ]
    return round(sum(spans) / 60)
