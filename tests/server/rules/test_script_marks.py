"""Two markers, a tolerance, a third one: both sides of the boundary, and what holds for all totals."""

from dataclasses import replace
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.rules.policy_components import ResultRules, ThirdMark
from server.rules.script_marks import Settled, code_of, settle

RULES = ResultRules(double_tolerance=D(5))
TOTALS = st.integers(0, 10_000).map(lambda hundredths: D(hundredths) / 100)


@pytest.mark.parametrize(
    ("first", "second", "points"),
    [
        ("60", "60", "60"),
        ("60", "65", "62.5"),
        ("65", "60", "62.5"),
        ("60", "65.01", None),
        ("65.01", "60", None),
        ("59.99", "65", None),
        ("0", "5", "2.5"),
        ("0", "0", "0"),
        ("60.01", "60.02", "60.02"),  # 60.015 to the hundredth, half up
    ],
)
def test_two_markers_on_both_sides_of_the_tolerance(first: str, second: str, points: str | None) -> None:
    found = settle([D(first), D(second)], RULES)
    assert (found.points if found else None) == (D(points) if points else None)


@pytest.mark.parametrize(
    ("totals", "points", "readers", "wide"),
    [
        (("50", "70", "60"), "60", (2, 0), True),
        (("50", "70", "68"), "68", (2, 1), False),
        (("50", "70", "52"), "52", (2, 0), False),
        (("50", "70", "40"), "50", (0, 2), True),
        (("50", "70", "90"), "70", (1, 0), True),
        (("50", "70", "70"), "70", (1, 2), False),
        (("50", "56", "61"), "56", (1, 2), False),
    ],
)
def test_the_middle_of_three_counts(
    totals: tuple[str, ...], points: str, readers: tuple[int, int], wide: bool
) -> None:
    assert settle([D(each) for each in totals], RULES) == Settled(D(points), "median", readers, wide)


def test_the_mean_of_three_when_the_policy_says_so() -> None:
    found = settle([D(50), D(70), D(61)], replace(RULES, third_mark=ThirdMark.MEAN))
    assert found is not None
    assert (found.points, found.rule) == (D("60.33"), "mean_of_three")


@given(st.lists(TOTALS, min_size=2, max_size=3))
def test_a_mark_lies_between_the_totals_and_names_two_people(totals: list[D]) -> None:
    found = settle(totals, RULES)
    if found is None:
        assert len(totals) == 2
        assert abs(totals[0] - totals[1]) > 5
        return
    assert min(totals) <= found.points <= max(totals)
    assert len(set(found.readers)) == 2


@given(TOTALS, TOTALS)
def test_who_marked_first_changes_nothing(one: D, other: D) -> None:
    first, second = settle([one, other], RULES), settle([other, one], RULES)
    assert (first and first.points) == (second and second.points)


def test_one_or_four_totals() -> None:
    assert settle([D(60)], RULES) is None
    with pytest.raises(ValueError, match="more than three"):
        settle([D(1)] * 4, RULES)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("EXAMHALL1 sheet A 3 abcdefgh 0123", ("sheet", "A", "3", "abcdefgh 0123")),
        ("EXAMHALL1 paper B spare abcdefgh 0123", ("paper", "B", "spare", "abcdefgh 0123")),
        ("EXAMHALL1 record 0123", None),
        ("https://example.org/ A 3 a b c", None),
        ("", None),
    ],
)
def test_what_a_printed_code_says(text: str, found: tuple[str, ...] | None) -> None:
    assert code_of(text) == found
