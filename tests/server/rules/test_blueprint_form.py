"""The editor's fields of a blueprint, its file text, and what a new version changes."""

import json
from decimal import Decimal
from importlib.resources import files
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from itembank.blueprint import Blueprint, load_blueprint
from itembank.problems import InputRefused
from server.rules.blueprint_diff import differences
from server.rules.blueprint_form import edited, file_text, plain_values, sketch, sketch_of

SAMPLE = (files("server") / "samples" / "blueprint_baowei_3.yaml").read_text(encoding="utf-8")
WHOLE: dict[str, Any] = {
    "title": "细目表",
    "occupation": "baowei",
    "level": 3,
    "size": 4,
    "sample": False,
    "scopes": [
        {"code": "A", "name": "甲", "weight": Decimal("62.5"), "points": [{"code": "A-1", "name": "点"}]},
        {"code": "B", "name": "乙", "weight": Decimal("37.5")},
    ],
    "kinds": {"single": {"count": 4, "points": 25}},
    "scoring": {"single": "all"},
    "bands": {1: [0, 4], 3: 2},
    "importance": {"X": [1, 3]},
    "seconds_max": 600,
    "recent_max": 0,
    "expected_score": {"target": 70, "tolerance": Decimal("2.5")},
}


def form(text: str, **changes: object) -> str:
    return json.dumps(sketch_of(text) | changes, ensure_ascii=False)


@pytest.mark.parametrize("text", [SAMPLE, file_text(WHOLE)])
def test_saving_without_a_change_keeps_the_text_with_its_comments(text: str) -> None:
    assert edited(text, form(text)) == text


@pytest.mark.parametrize("text", [SAMPLE, file_text(WHOLE)])
def test_a_change_keeps_everything_else(text: str) -> None:
    before, after = load_blueprint(text), load_blueprint(edited(text, form(text, title="新名称")))
    assert isinstance(before, Blueprint)
    assert isinstance(after, Blueprint)
    assert after.title == "新名称"
    assert after.to_json() | {"title": before.title} == before.to_json()


def test_numbers_are_written_as_numbers_and_codes_as_text() -> None:
    text = file_text(WHOLE | {"scopes": [{"code": "01", "name": "1", "weight": Decimal("100")}]})
    changed = yaml.safe_load(edited(text, form(text, size="9")))
    assert changed["scopes"] == [{"code": "01", "name": "1", "weight": 100}]
    assert (changed["size"], changed["bands"][3], changed["expected_score"]["tolerance"]) == (9, [2, 2], 2.5)


@pytest.mark.parametrize(
    ("changes", "place", "code"),
    [
        ({"size": ""}, "size", "missing_value"),
        ({"size": "vier"}, "size", "not_a_whole_number"),
        ({"bands": {"2": ["1", ""]}}, "bands.2", "not_a_range"),
        ({"kinds": {"single": {"count": "4", "points": ""}}}, "kinds.single.points", "missing_value"),
        ({"seconds_max": "0"}, "seconds_max", "number_out_of_range"),
        ({"expected_score": {"target": "70", "tolerance": ""}}, "expected_score.tolerance", "missing_value"),
        ({"scopes": [{"code": "A", "name": "", "weight": "100"}]}, "scopes[0].name", "missing_value"),
        ({"scopes": []}, "scopes", "empty_list"),
    ],
)
def test_what_is_missing_or_wrong_keeps_its_place(changes: dict[str, Any], place: str, code: str) -> None:
    text = file_text(WHOLE)
    problems = load_blueprint(edited(text, form(text, **changes)))
    assert isinstance(problems, list)
    assert (problems[0].place, problems[0].code) == (place, code)


def test_what_has_no_field_goes_with_the_next_saving() -> None:
    text = file_text(WHOLE | {"titel": "x"})
    assert isinstance(load_blueprint(edited(text, form(text))), Blueprint)


@pytest.mark.parametrize("content", ["", "{", "[" * 100_000, "nul", '{"title": '])
def test_what_no_editor_sends_is_refused(content: str) -> None:
    with pytest.raises(InputRefused) as refused:
        edited(SAMPLE, content)
    assert refused.value.problems[0].code == "blueprint_form_broken"


@pytest.mark.parametrize("content", ["[]", "7", '{"scopes": [1, null, {"points": {}}]}', '{"kinds": []}'])
def test_odd_shapes_become_a_draft_with_faults(content: str) -> None:
    assert isinstance(load_blueprint(edited(SAMPLE, content)), list)


def test_scopes_are_kept_at_most_twice_as_deep_as_they_may_be() -> None:
    scope: dict[str, Any] = {"code": "A"}
    for _level in range(300):
        scope = {"code": "A", "children": [scope]}
    depth, at = 0, sketch({"scopes": [scope]})["scopes"]
    while at:
        depth, at = depth + 1, at[0]["children"]
    assert depth == 12


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("title: [", "blueprint_not_readable"),
        ("- 1", "not_a_mapping"),
        ("", "not_a_mapping"),
        ('title: "a\\0b"', "control_character"),
        ('{"title": "\\ud800"}', "control_character"),
    ],
)
def test_a_text_that_no_draft_can_be_made_of(text: str, code: str) -> None:
    with pytest.raises(InputRefused) as refused:
        plain_values(text)
    assert refused.value.problems[0].code == code


KEYS = st.sampled_from([*WHOLE, "children", "code", "1", "X", "single", "count"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.decimals(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_any_data_has_a_sketch_that_comes_back_as_it_went(data: dict[str, Any]) -> None:
    text = edited("title: 旧", json.dumps(sketch(data)))
    shown = sketch_of(text)
    assert sketch_of(edited(text, json.dumps(shown))) == shown


def test_a_version_says_what_it_changes() -> None:
    newer = json.loads(json.dumps(sketch(WHOLE)))
    newer["scopes"][0]["weight"] = "60"
    newer["scopes"][0]["points"] = []
    newer["scopes"].append({"code": "C", "name": "丙", "weight": "2.5", "points": [], "children": []})
    newer["kinds"]["single"]["count"] = "5"
    newer["expected_score"] = {"target": "", "tolerance": ""}
    found = [(line.part, line.of, line.before, line.after) for line in differences(sketch(WHOLE), newer)]
    assert found == [
        ("kinds", "single", "4 × 25", "5 × 25"),
        ("scopes", "A", "甲 · 62.5", "甲 · 60"),
        ("scopes", "C", "", "丙 · 2.5"),
        ("expected_score", "", "70 ± 2.5", ""),
        ("points", "A-1", "点", ""),
    ]
    assert differences(newer, newer) == []
