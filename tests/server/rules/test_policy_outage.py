"""The `outage` part of a policy: every number has to be said, nothing is guessed."""

from decimal import Decimal

import pytest

from itembank.blueprint_reading import Reader
from server.rules.policy_outage import OutageRules, read_outage
from server.services.batches import read_profile

SAID = {"most_minutes": 45, "step_seconds": 60, "room_percent": 30, "second_person": True}


def test_the_national_policy_says_fifty_minutes() -> None:
    for name in ("national", "rehearsal"):
        rules = read_profile(name).terms.outage
        assert (rules.most, rules.step_seconds, rules.second_person) == (Decimal(50), 30, False)


def test_a_profile_without_it_gets_the_defaults_of_older_batches() -> None:
    assert read_outage(Reader(), None) == OutageRules()


def test_what_is_said_is_read() -> None:
    read = Reader()
    assert read_outage(read, SAID) == OutageRules(45, 60, 30, second_person=True)
    assert read.problems == []


@pytest.mark.parametrize(
    ("changed", "place", "code"),
    [
        ({"most_minutes": 0}, "outage.most_minutes", "number_out_of_range"),
        ({"most_minutes": None}, "outage.most_minutes", "missing_value"),
        ({"step_seconds": "half"}, "outage.step_seconds", "not_a_whole_number"),
        ({"room_percent": 101}, "outage.room_percent", "number_out_of_range"),
        ({"second_person": "perhaps"}, "outage.second_person", "not_yes_or_no"),
        ({"second_person": None}, "outage.second_person", "missing_value"),
        ({"extra": 1}, "outage.extra", "unknown_key"),
    ],
)
def test_a_fault_is_named_with_its_place(changed: dict[str, object], place: str, code: str) -> None:
    read = Reader()
    read_outage(read, {key: value for key, value in {**SAID, **changed}.items() if value is not None})
    assert [(problem.place, problem.code) for problem in read.problems] == [(place, code)]
