"""What the sheets of a panel come to: R32, R33, and the laws any combination keeps."""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itembank.sheet_marks import Marks
from itembank.sheet_values import OvertimeStep, SheetItem, Task, Template, Veto
from server.rules.panel_scores import (
    ARBITRATION,
    SUPERVISOR,
    Decisions,
    PanelValue,
    Sheet,
    combine,
    half_up,
    median,
    panel_value,
)
from server.rules.policy_components import Combine, PanelRules, VetoBy

VETOES = (
    Veto("V1", "不安全操作", "fail"),
    Veto("V2", "未按规定着装", "item_zero", "1.1"),
    Veto("V3", "设备损坏", "task_zero"),
)
TEMPLATE = Template(
    "t",
    1,
    "示例",
    "practical",
    Decimal(30),
    (
        Task(
            "1",
            "甲",
            Decimal(60),
            (SheetItem("1.1", "一", Decimal(40)), SheetItem("1.2", "二", Decimal(60))),
            VETOES,
            (OvertimeStep(60, Decimal(5)),),
        ),
        Task("2", "乙", Decimal(40), (SheetItem("2.1", "三", Decimal(100)),)),
    ),
)
RULES = PanelRules()


def sheet(examiner: int, *points: str, vetoes: tuple[str, ...] = ()) -> Sheet:
    """Points of 1.1, 1.2 and 2.1; one number alone is the whole total, given by all three alike."""
    given_points = points if len(points) == 3 else shares(points[0])
    numbers = ("1.1", "1.2", "2.1")
    return Sheet(
        examiner,
        Marks(points=dict(zip(numbers, map(Decimal, given_points), strict=True)), vetoes=frozenset(vetoes)),
    )


def shares(total: str) -> tuple[str, str, str]:
    whole = Decimal(total)
    return str(whole * 40 / 100), str(whole * 60 / 100), total


def value_of(
    *totals: str,
    rules: PanelRules = RULES,
    vetoes: Mapping[int, tuple[str, ...]] | None = None,
    **decided: object,
) -> PanelValue:
    marked = vetoes or {}
    sheets = [sheet(n, total, vetoes=marked.get(n, ())) for n, total in enumerate(totals, 1)]
    return panel_value(TEMPLATE, sheets, rules, Decisions(**decided))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("totals", "spread", "needs"),
    [
        (("62", "58", "85"), "27", (ARBITRATION,)),  # scenario 35
        (("60", "65", "70"), "10", ()),  # exactly the limit is not over it
        (("60", "65", "70.5"), "10.5", (ARBITRATION,)),
        (("60", "65", "69.5"), "9.5", ()),
        (("80", "80", "80"), "0", ()),
    ],
)
def test_a_spread_over_the_limit_asks_for_arbitration(
    totals: tuple[str, ...], spread: str, needs: tuple[str, ...]
) -> None:
    found = value_of(*totals)
    assert found.spread == Decimal(spread)
    assert found.needs == needs
    assert (found.score is None) == bool(needs)


def test_a_policy_without_a_limit_never_asks() -> None:
    assert value_of("0", "50", "100", rules=PanelRules(spread_most=None)).score == Decimal("50.0")


@pytest.mark.parametrize(
    ("totals", "decimals", "score"),
    [
        (("60", "60", "59.5"), 1, "59.8"),  # 59.8333
        (("60", "60", "59.9"), 1, "60.0"),  # 59.9667
        (("59.9", "59.9", "60"), 1, "59.9"),  # 59.9333
        (("60", "60.1"), 1, "60.1"),  # 60.05: half goes up
        (("60", "60.1"), 2, "60.05"),
        (("59.4", "59.5", "59.6"), 0, "60"),  # 59.5
        (("59.4", "59.4", "59.6"), 0, "59"),
        (("0", "0", "0"), 1, "0.0"),
        (("100", "100", "100"), 1, "100.0"),
    ],
)
def test_the_mean_is_exact_and_rounded_half_up_once(
    totals: tuple[str, ...], decimals: int, score: str
) -> None:
    found = combine([Decimal(total) for total in totals], PanelRules(decimals=decimals))
    assert str(found) == score


@pytest.mark.parametrize(
    ("totals", "score"),
    [
        (("50", "60", "61", "62", "90"), "61.0"),
        (("50", "60", "70"), "60.0"),  # three sheets are not trimmed
        (("50", "60", "70", "80"), "65.0"),
    ],
)
def test_trimming_leaves_out_the_highest_and_the_lowest_of_more_than_three(
    totals: tuple[str, ...], score: str
) -> None:
    rules = PanelRules(combine=Combine.TRIMMED)
    assert str(combine([Decimal(total) for total in totals], rules)) == score


def test_points_per_item_are_rounded_item_by_item() -> None:
    # 1.1: 10, 10, 11 -> 10.3; 1.2: 50; 2.1: 80, 80, 81 -> 80.3; 60.3 x .6 + 80.3 x .4 = 68.3.
    sheets = [sheet(1, "10", "50", "80"), sheet(2, "10", "50", "80"), sheet(3, "11", "50", "81")]
    per_item = panel_value(TEMPLATE, sheets, PanelRules(combine=Combine.PER_ITEM))
    assert per_item.score == Decimal("68.3")


def test_points_per_item_lose_overtime_and_struck_tasks_once() -> None:
    sheets = [sheet(n, "40", "60", "100", vetoes=("V3",)) for n in (1, 2, 3)]
    rules = PanelRules(combine=Combine.PER_ITEM)
    assert panel_value(TEMPLATE, sheets, rules).score == Decimal("40.0")
    late = [sheet(n, "40", "60", "100") for n in (1, 2, 3)]
    assert panel_value(TEMPLATE, late, rules, overtime_seconds=61).score == Decimal("97.0")
    assert panel_value(TEMPLATE, late, RULES, overtime_seconds=61).score == Decimal("97.0")


@pytest.mark.parametrize(
    ("by", "veto_by", "holds", "needs"),
    [
        ((1, 2), VetoBy.MAJORITY, True, ()),
        ((1, 2, 3), VetoBy.MAJORITY, True, ()),
        ((3,), VetoBy.MAJORITY, None, (SUPERVISOR,)),
        ((3,), VetoBy.ANY, True, ()),
    ],
)
def test_a_veto_counts_by_the_policy(
    by: tuple[int, ...], veto_by: VetoBy, holds: bool | None, needs: tuple[str, ...]
) -> None:
    marked = dict.fromkeys(by, ("V1",))
    found = value_of("85", "86", "87", rules=PanelRules(veto_by=veto_by), vetoes=marked)
    assert [(each.code, each.by, each.holds) for each in found.vetoes] == [("V1", by, holds)]
    assert found.vetoed is (holds is True)
    assert found.needs == needs


def test_half_of_an_even_panel_is_no_majority() -> None:
    assert value_of("85", "85", "85", "85", vetoes={1: ("V1",), 2: ("V1",)}).needs == (SUPERVISOR,)


def test_nobody_marked_no_veto() -> None:
    found = value_of("85", "86", "87")
    assert (found.vetoes, found.vetoed) == ((), False)


@pytest.mark.parametrize(("holds", "vetoed"), [(True, True), (False, False)])
def test_the_supervisor_decides_what_a_minority_marked(holds: bool, vetoed: bool) -> None:
    found = value_of("85", "86", "87", vetoes={2: ("V1",)}, rulings={"V1": holds})
    assert (found.vetoed, found.needs, found.score) == (vetoed, (), Decimal("86.0"))


def test_no_ruling_takes_back_what_the_majority_marked() -> None:
    found = value_of("85", "86", "87", vetoes={1: ("V1",), 2: ("V1",)}, rulings={"V1": False})
    assert found.vetoed


def test_a_failing_veto_leaves_the_sum_and_fails_whatever_it_is() -> None:
    found = value_of("95", "95", "95", vetoes={1: ("V1",), 2: ("V1",)})
    assert (found.score, found.vetoed) == (Decimal("95.0"), True)


def test_an_item_or_a_task_goes_to_zero_on_every_sheet() -> None:
    item = value_of("100", "100", "100", vetoes={1: ("V2",), 2: ("V2",)})
    assert (item.score, item.vetoed, item.spread) == (Decimal("76.0"), False, Decimal(0))
    task = value_of("100", "100", "100", vetoes={1: ("V3",), 3: ("V3",)})
    assert (task.score, task.vetoed) == (Decimal("40.0"), False)


def test_a_veto_that_does_not_hold_costs_nothing() -> None:
    assert value_of("90", "90", "90", vetoes={1: ("V3",)}, rulings={"V3": False}).score == Decimal("90.0")


def test_both_may_be_asked_for_at_once() -> None:
    found = value_of("62", "58", "85", vetoes={1: ("V1",)})
    assert found.needs == (SUPERVISOR, ARBITRATION)
    assert value_of("62", "58", "85", vetoes={1: ("V1",)}, kept=True).needs == (SUPERVISOR,)


def test_what_an_arbitration_settles() -> None:
    assert value_of("62", "58", "85", kept=True).score == Decimal("68.3")
    settled = value_of("62", "58", "85", settled=Decimal("62.0"))
    assert (settled.score, settled.combined, settled.needs) == (Decimal("62.0"), Decimal("68.3"), ())
    second = value_of("62", "58", "85", "63", "60", second_panel=True)
    assert (second.score, second.needs) == (Decimal("62.0"), ())


def test_a_returned_score_waits_for_an_arbitration_of_its_own() -> None:
    assert value_of("80", "80", "80", returned=True).needs == (ARBITRATION,)
    assert value_of("80", "80", "80", returned=True, kept=True).needs == ()
    assert value_of("80", "80", "80", "80", "80", second_panel=True, returned=True).needs == (ARBITRATION,)


def test_no_sheets_make_no_score() -> None:
    with pytest.raises(ValueError, match="sheets"):
        panel_value(TEMPLATE, [], RULES)


tenths = st.integers(0, 1000).map(lambda n: Decimal(n) / 10)
panels = st.lists(tenths, min_size=1, max_size=7)
rules_of = st.builds(
    PanelRules, combine=st.sampled_from((Combine.MEAN, Combine.TRIMMED)), decimals=st.integers(0, 3)
)


@pytest.mark.dear
@given(panels, rules_of, st.randoms())
def test_the_order_of_examiners_does_not_matter(
    totals: list[Decimal], rules: PanelRules, chance: object
) -> None:
    shuffled = list(totals)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert combine(totals, rules) == combine(shuffled, rules)
    assert median(totals, rules.decimals) == median(shuffled, rules.decimals)


@given(panels, rules_of)
def test_a_score_lies_within_its_sheets(totals: list[Decimal], rules: PanelRules) -> None:
    low, high = (half_up(Fraction(each), rules.decimals) for each in (min(totals), max(totals)))
    assert low <= combine(totals, rules) <= high
    assert low <= median(totals, rules.decimals) <= high


@given(tenths, st.integers(1, 7), rules_of)
def test_equal_sheets_make_their_own_total(total: Decimal, count: int, rules: PanelRules) -> None:
    assert combine([total] * count, rules) == half_up(Fraction(total), rules.decimals)


@given(panels, tenths, rules_of)
def test_a_higher_sheet_never_lowers_the_score(
    totals: list[Decimal], more: Decimal, rules: PanelRules
) -> None:
    raised = [min(totals[0] + more, Decimal(100)), *totals[1:]]
    assert combine(raised, rules) >= combine(totals, rules)


@pytest.mark.dear
@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 60), st.integers(0, 100)), min_size=3, max_size=5)
)
def test_per_item_and_mean_differ_by_rounding_alone(points: list[tuple[int, int, int]]) -> None:
    sheets = [sheet(n, *map(str, each)) for n, each in enumerate(points, 1)]
    mean = panel_value(TEMPLATE, sheets, PanelRules(decimals=2, spread_most=None))
    per_item = panel_value(
        TEMPLATE, sheets, PanelRules(decimals=2, spread_most=None, combine=Combine.PER_ITEM)
    )
    assert abs(mean.combined - per_item.combined) <= Decimal("0.03")
