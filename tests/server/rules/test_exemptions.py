"""The window of an exemption: the boundary day counts, 29 February ends on 28 February."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.rules.exemptions import exempt, last_day
from server.rules.policy_components import Component, ExemptionRule

RULE = ExemptionRule(Component.THEORY, "guard_licence", within_years=3)
DAYS = st.dates(date(1990, 1, 1), date(2060, 12, 31))


@pytest.mark.parametrize(
    ("issued", "anchor", "expected"),
    [
        ("2023-06-15", "2026-06-14", True),
        ("2023-06-15", "2026-06-15", True),
        ("2023-06-15", "2026-06-16", False),
        ("2024-02-29", "2027-02-28", True),
        ("2024-02-29", "2027-03-01", False),
        ("2023-02-28", "2026-02-28", True),
        ("2023-03-01", "2026-03-01", True),
        ("2021-02-28", "2024-02-28", True),
        ("2021-02-28", "2024-02-29", False),
        ("2023-12-31", "2026-12-31", True),
        ("2023-12-31", "2027-01-01", False),
        ("2026-06-15", "2026-06-15", True),
        ("2026-06-16", "2026-06-15", False),
    ],
)
def test_on_both_sides_of_the_boundary(issued: str, anchor: str, expected: bool) -> None:
    assert exempt(RULE, date.fromisoformat(issued), date.fromisoformat(anchor)) is expected


def test_of_29_february_four_years_later_is_29_february() -> None:
    assert last_day(date(2024, 2, 29), 4) == date(2028, 2, 29)
    assert last_day(date(2096, 2, 29), 4) == date(2100, 2, 28)


@given(DAYS, st.integers(1, 10))
def test_a_later_licence_never_ends_earlier(issued: date, years: int) -> None:
    end, next_end = last_day(issued, years), last_day(issued + timedelta(days=1), years)
    assert end <= next_end <= end + timedelta(days=2)
    assert (end + timedelta(days=1)).year - issued.year <= years + 1


@given(DAYS, DAYS)
def test_exempt_from_the_day_of_issue_to_the_last_day_and_on_no_other(issued: date, anchor: date) -> None:
    assert exempt(RULE, issued, anchor) is (issued <= anchor <= last_day(issued, 3))
