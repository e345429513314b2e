"""What the actions on a score sheet come to: published vectors, and laws that hold for every sheet."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itembank.sheet_marks import check_action, fold, overtime_points, score, struck
from itembank.sheet_template import Template, faults

VECTORS = json.loads((Path(__file__).parents[1] / "data/sheet_scores.json").read_text("utf-8"))
TEMPLATES = {name: Template.from_json(data) for name, data in VECTORS["templates"].items()}
ONE, ODD = TEMPLATES["one"], TEMPLATES["odd"]


def _deduct(item: str, code: str, count: int) -> dict[str, Any]:
    return {"act": "deduct", "item": item, "code": code, "count": count}


@st.composite
def actions(draw: st.DrawFn, template: Template) -> list[dict[str, Any]]:
    """Any number of good actions without a lock."""

    def one() -> dict[str, Any]:
        item = draw(st.sampled_from(list(template.items())))
        if draw(st.booleans()) and (vetoes := list(template.vetoes())):
            return {"act": "veto", "code": draw(st.sampled_from(vetoes)).code, "on": draw(st.booleans())}
        if item.direct:
            tenths = draw(st.integers(0, int(item.points * 10)))
            return {"act": "points", "item": item.number, "points": str(Decimal(tenths) / 10)}
        each = draw(st.sampled_from(item.deductions))
        return _deduct(item.number, each.code, draw(st.integers(0, 99 if each.per_instance else 1)))

    return [one() for _ in range(draw(st.integers(0, 12)))]


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda vector: vector["name"])
def test_a_sheet_comes_to_what_its_vector_says(vector: dict[str, Any]) -> None:
    template = TEMPLATES[vector["template"]]
    assert [check_action(template, each) for each in vector["actions"]] == [None] * len(vector["actions"])
    found = score(template, fold(vector["actions"]), vector["overtime_seconds"])
    assert found.to_json() == vector["score"]


@pytest.mark.parametrize("each", VECTORS["refused"], ids=lambda each: json.dumps(each["action"])[:60])
def test_a_bad_action_is_refused_by_its_code(each: dict[str, Any]) -> None:
    problem = check_action(TEMPLATES[each["template"]], each["action"])
    assert problem is not None
    assert problem.code == each["code"]


def test_the_vectors_templates_are_sound_and_survive_their_json() -> None:
    for name, data in VECTORS["templates"].items():
        assert faults(TEMPLATES[name]) == []
        assert TEMPLATES[name].to_json() == data
    assert len(VECTORS["vectors"]) >= 25


@pytest.mark.dear
@given(st.data(), st.sampled_from(sorted(TEMPLATES)), st.integers(0, 1000))
def test_a_score_is_between_nothing_and_a_hundred(data: st.DataObject, name: str, overtime: int) -> None:
    template = TEMPLATES[name]
    found = score(template, fold(data.draw(actions(template))), overtime)
    assert 0 <= found.total <= 100
    assert all(0 <= points <= template.item(number).points for number, points in found.items.items())
    assert all(0 <= found.tasks[task.number] <= task.full for task in template.tasks)


@pytest.mark.dear
@given(st.data(), st.sampled_from(["one", "odd"]))
def test_one_more_deduction_never_brings_points(data: st.DataObject, name: str) -> None:
    template = TEMPLATES[name]
    before = data.draw(actions(template))
    item = data.draw(st.sampled_from([each for each in template.items() if not each.direct]))
    each = data.draw(st.sampled_from(item.deductions))
    count = fold(before).counts.get((item.number, each.code), 0)
    more = _deduct(item.number, each.code, count + 1)
    assert score(template, fold([*before, more])).total <= score(template, fold(before)).total


@pytest.mark.dear
@given(st.data())
def test_the_order_across_items_does_not_matter(data: st.DataObject) -> None:
    told = data.draw(actions(ONE))
    by_thing = sorted(told, key=lambda each: (each.get("item", ""), each.get("code", "")))
    assert fold(told) == fold(by_thing)


@pytest.mark.dear
@given(st.data(), st.booleans())
def test_a_resent_stream_changes_nothing(data: st.DataObject, lock: bool) -> None:
    photo = {"act": "photo", "item": "1.1", "sha256": "a" * 64}
    told = [*data.draw(actions(ONE)), photo, *([{"act": "lock", "total": "1"}] if lock else [])]
    assert fold([*told, *told]) == fold(told)


@given(st.integers(0, 400))
def test_more_overtime_never_costs_less(seconds: int) -> None:
    task = ONE.tasks[0]
    assert overtime_points(task, seconds) <= overtime_points(task, seconds + 1) <= Decimal(10)


@pytest.mark.parametrize(
    ("codes", "total", "items", "tasks"),
    [
        ((), "100", "20", "100"),
        (("V2",), "80", "0", "80"),
        (("V3",), "0", "20", "0"),
        (("V1",), "0", "20", "0"),
        (("V9",), "100", "20", "100"),
    ],
)
def test_a_veto_in_effect_strikes_its_item_its_task_or_everything(
    codes: tuple[str, ...], total: str, items: str, tasks: str
) -> None:
    marks = fold([{"act": "points", "item": "1.3", "points": "20"}])
    found = struck(ONE, marks, codes)
    assert found.total == Decimal(total)
    assert found.items["1.3"] == Decimal(items)
    assert found.tasks["1"] == Decimal(tasks)


def test_overtime_is_taken_of_a_task_whose_item_a_veto_struck() -> None:
    marks = fold([{"act": "points", "item": "1.3", "points": "20"}])
    assert struck(ONE, marks, ["V2"], 60).total == Decimal(75)


def test_notes_and_photos_stay_with_their_item() -> None:
    told = [
        {"act": "note", "item": "1.1", "text": "漏查"},
        {"act": "note", "item": "", "text": "整体"},
        {"act": "note", "item": "1.1", "text": ""},
        {"act": "photo", "item": "1.1", "sha256": "b" * 64},
        {"act": "photo", "item": "1.1", "sha256": "a" * 64},
    ]
    marks = fold(told)
    assert marks.notes == {"": "整体"}
    assert marks.photos == {"1.1": ("b" * 64, "a" * 64)}
    assert not marks.locked
