"""Items as fields of a form and back: nothing of any kind is lost, and faults stand at their fields."""

from dataclasses import replace

import pytest

from itembank.item_rules import validate
from itembank.items import Gap, Item, ItemBody, ItemKind, Markup, NumberRange, Option
from server.web.item_fields import fields_of, letters, numbers, parts, read_item
from tests.itembank.every_kind import BODIES, item


def back(one: Item) -> tuple[Item, list[str]]:
    read, problems = read_item(fields_of(one), one.facts.uid, one.facts.kind)
    return read, [problem.code for problem in problems]


@pytest.mark.parametrize("kind", list(BODIES))
def test_every_kind_comes_back_as_it_was(kind: ItemKind) -> None:
    one = item("A", kind, replace(BODIES[kind], media=(), explanation="见教材", source="GB 1"))
    if kind is ItemKind.NUMERIC:  # a table gets its body when HTML is cleaned
        one = replace(one, body=replace(one.body, stem="<p>合 [[1]] 分钟。</p>"))
    assert back(one) == (one, [])
    assert validate(replace(one, body=BODIES[kind])) == []


def test_all_facts_come_back() -> None:
    one = item("A", ItemKind.SINGLE, BODIES[ItemKind.SINGLE])
    facts = replace(
        one.facts, consistency=4, importance="X", path="第一章/第二节", enemy="E1", seconds=90, sample=False
    )
    assert back(replace(one, facts=facts)) == (replace(one, facts=facts), [])


def test_choices_of_a_gap_that_look_like_marks_come_back() -> None:
    choices = (Option("A", "=1"), Option("B", "\\2"), Option("C", "三"))
    body = ItemBody("[[1]]", gaps=(Gap("1", choices=choices, answer="B"),))
    one = item("A", ItemKind.INLINE_CHOICE, body)
    assert back(one) == (one, [])


@pytest.mark.parametrize("line", ["44.5~45.5", "44.5 ～ 45.5", "44.5–45.5", "44.5 至 45.5", "44.5..45.5"])
def test_a_range_of_numbers_is_read_as_people_write_it(line: str) -> None:
    fields = {"stem": "[[1]]", "gap_1": f"{line}\n-3", "gap_1_sort": "numeric"}
    read, problems = read_item(fields, "A", ItemKind.NUMERIC)
    first, second = read.body.gaps[0].ranges
    assert (str(first.low), str(first.high)) == ("44.5", "45.5")
    assert second == NumberRange(second.low, second.low)
    assert (str(second.low), problems) == ("-3", [])


@pytest.mark.parametrize(
    ("fields", "kind", "code", "place"),
    [
        ({"difficulty": "x"}, "single", "not_a_whole_number", "difficulty"),
        ({"seconds": "1.5"}, "single", "not_a_whole_number", "seconds"),
        ({"stem": "[[1]]", "gap_1": "many", "gap_1_sort": "numeric"}, "numeric", "not_a_number", "gap_1"),
        ({"stem": "[[1]]", "gap_1": "1.2.3", "gap_1_sort": "numeric"}, "numeric", "not_a_number", "gap_1"),
        ({"stem": "no mark", "gap_1": "119"}, "text", "gap_not_in_stem", "gap_1"),
        ({"stem": "[[1]] [[1]]", "gap_1": "119"}, "text", "gap_not_in_stem", "gap_1"),
        ({"area_1": "1, x, 3, 4"}, "hotspot", "not_a_whole_number", "area_1"),
        (
            {"criterion_1": "要点", "criterion_1_points": "两分"},
            "essay",
            "not_a_number",
            "criterion_1_points",
        ),
        (
            {"part_1_kind": "text", "part_1_stem": "", "part_1_gap_1": "a"},
            "case",
            "gap_not_in_stem",
            "part_1_gap_1",
        ),
        ({"part_1_kind": "single", "part_1_weight": "x"}, "case", "not_a_number", "part_1_weight"),
    ],
)
def test_what_cannot_be_read_stands_at_its_field(fields: dict, kind: str, code: str, place: str) -> None:
    _read, problems = read_item(fields, "A", ItemKind(kind))
    assert [(problem.code, problem.place) for problem in problems] == [(code, place)]


def test_html_is_cleaned_and_plain_text_is_not_touched() -> None:
    stem = '<p onclick="x()">一</p><script>1</script>'
    html = read_item(
        {"stem": stem, "markup": "html", "option_A": "<b>甲</b><iframe></iframe>"}, "A", ItemKind.SINGLE
    )
    assert (html[0].body.stem, html[0].body.options[0].text) == ("<p>一</p>", "<b>甲</b>")
    plain = read_item({"stem": stem}, "A", ItemKind.SINGLE)[0].body
    assert (plain.stem, plain.markup) == (stem, Markup.PLAIN)


def test_empty_lines_at_the_end_are_no_options_and_one_in_between_is() -> None:
    read, _problems = read_item({"option_A": "甲", "option_C": "丙", "option_D": " "}, "A", ItemKind.SINGLE)
    assert [option.text for option in read.body.options] == ["甲", "", "丙"]
    assert "empty_option" in [problem.code for problem in validate(read)]


def test_a_question_of_a_case_without_a_stem_is_a_fault_and_not_left_out() -> None:
    read, _problems = read_item({"stem": "材料", "part_1_kind": "essay"}, "A", ItemKind.CASE)
    assert [(fault.code, fault.params.get("part")) for fault in validate(read)[:1]] == [("empty_stem", "1")]
    assert read_item({"part_1_kind": "practical"}, "A", ItemKind.CASE)[0].body.parts == ()


def test_a_form_shows_the_filled_lines_and_two_more() -> None:
    assert letters({}, "") == "ABCD"
    assert letters({"option_D": "丁"}, "") == "ABCDEF"
    assert letters({"option_Z": "末"}, "") == "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    assert list(numbers({"gap_2": "x"}, "gap_")) == [1, 2, 3, 4]
    assert list(numbers({"gap_30": "x"}, "gap_"))[-1] == 30
    assert list(parts({"part_2_kind": "single"})) == [1, 2]
