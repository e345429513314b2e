"""The `tools` of a policy: read with every fault by its path, frozen with the batch, absent in old ones."""

from pathlib import Path

import pytest

from exam_rooms.kiosk_messages import PageTools
from itembank.blueprint_reading import Reader
from itembank.problems import Problem
from server.rules.policy import LevelPolicy, policy_for
from server.rules.policy_tools import read_tools
from server.services.batches import read_profile

WHOLE = {"eliminate": True, "notes": False, "warn_minutes": [15, 5]}


def read(data: object) -> tuple[PageTools, list[Problem]]:
    reader = Reader()
    return read_tools(reader, data), reader.problems


def test_the_shipped_profiles_name_their_tools() -> None:
    text = (Path(__file__).parents[3] / "server" / "policies" / "national.yaml").read_text(encoding="utf-8")
    assert "\ntools:" in text
    for name in ("national", "rehearsal"):
        policy = policy_for(read_profile(name), "baowei", 3)
        assert policy.tools == PageTools(eliminate=True, notes=True, warn_minutes=(15, 5))


def test_a_batch_keeps_its_tools_and_an_old_one_gets_the_usual() -> None:
    policy = policy_for(read_profile("national"), "baowei", 3)
    plain = policy.to_json()
    assert LevelPolicy.from_json(plain).tools == policy.tools
    plain["tools"] = {"eliminate": False, "notes": False, "warn_minutes": [30]}
    assert LevelPolicy.from_json(plain).tools == PageTools(False, False, (30,))
    del plain["tools"]
    assert LevelPolicy.from_json(plain).tools == PageTools()


def test_warnings_come_longest_first_and_once_each() -> None:
    tools, problems = read({**WHOLE, "warn_minutes": [5, 30, 5]})
    assert (tools, problems) == (PageTools(True, False, (30, 5)), [])
    assert read({**WHOLE, "warn_minutes": []})[0].warn_minutes == ()
    assert read(None) == (PageTools(), [])


@pytest.mark.parametrize(
    ("change", "place", "code"),
    [
        ({"eliminate": "maybe"}, "tools.eliminate", "not_yes_or_no"),
        ({"notes": None}, "tools.notes", "missing_value"),
        ({"warn_minutes": None}, "tools.warn_minutes", "missing_value"),
        ({"warn_minutes": 5}, "tools.warn_minutes", "not_a_list"),
        ({"warn_minutes": [0]}, "tools.warn_minutes.1", "number_out_of_range"),
        ({"warn_minutes": [15, 241]}, "tools.warn_minutes.2", "number_out_of_range"),
        ({"warn_minutes": ["soon"]}, "tools.warn_minutes.1", "not_a_whole_number"),
        ({"warn_minutes": [6, 5, 4, 3, 2, 1]}, "tools.warn_minutes", "too_many_time_warnings"),
        ({"calculator": True}, "tools.calculator", "unknown_key"),
    ],
)
def test_every_fault_has_its_path(change: dict[str, object], place: str, code: str) -> None:
    _tools, problems = read({**WHOLE, **change})
    assert [(problem.place, problem.code) for problem in problems] == [(place, code)]
