"""The incident table: complete, ordered, and with the hold time's edge on the right side."""

import pytest

from exam_rooms.incidents import INCIDENTS, IncidentKind, Severity, holds_long_enough, severity

RED = [IncidentKind.CHAIN_FORK, IncidentKind.CHAIN_ERROR, IncidentKind.JOURNAL_FAILED]


def test_every_kind_has_a_rule() -> None:
    assert set(INCIDENTS) == set(IncidentKind)


def test_the_worst_sorts_last_so_the_reverse_lists_it_first() -> None:
    assert sorted(Severity, reverse=True) == [Severity.ALERT, Severity.WARNING, Severity.INFO]


@pytest.mark.parametrize("kind", RED)
def test_what_endangers_answers_is_red(kind: IncidentKind) -> None:
    assert severity(kind) is Severity.ALERT
    assert holds_long_enough(kind, 0.0)


@pytest.mark.parametrize(("seconds", "raised"), [(0.0, False), (1.499, False), (1.5, True), (60.0, True)])
def test_a_blink_of_the_link_is_no_incident(seconds: float, raised: bool) -> None:
    assert holds_long_enough(IncidentKind.LINK_LOST, seconds) is raised


@pytest.mark.parametrize(("hold", "raised"), [(0.0, True), (2.0, True), (2.001, False), (None, True)])
def test_a_policy_may_say_how_long_a_cause_must_last(hold: float | None, raised: bool) -> None:
    assert holds_long_enough(IncidentKind.LINK_LOST, 2.0, hold) is raised
