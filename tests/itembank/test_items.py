"""Items: what may enter a bank, what counts as the same item, and the stored forms."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itembank.item_json import body_from_json, body_to_json, facts_from_json, item_from_json, item_to_json
from itembank.item_rules import MAX_TEXT, body_problems, missing_facts, validate
from itembank.items import (
    TRUE_FALSE_OPTIONS,
    Area,
    Item,
    ItemBody,
    ItemFacts,
    ItemKind,
    Option,
    content_hash,
    is_point_code,
    stem_hash,
)
from tests.itembank.every_kind import ITEMS

FACTS = ItemFacts("B-A-B-C-001-002", "A-B-C-001", ItemKind.SINGLE, 3, 4, "X", sample=False)
OPTIONS = tuple(Option(key, text) for key, text in zip("ABCD", ("甲", "乙", "丙", "丁"), strict=True))
BODY = ItemBody("下列选项中正确的是（　　）。", OPTIONS, ("B",))
SINGLE = Item(FACTS, BODY)
MULTIPLE = Item(replace(FACTS, kind=ItemKind.MULTIPLE), replace(BODY, answer=("A", "C")))
TRUE_FALSE = Item(
    replace(FACTS, kind=ItemKind.TRUE_FALSE),
    ItemBody("消防通道可以临时停车。", TRUE_FALSE_OPTIONS, ("B",)),
)


def codes(item: Item) -> list[str]:
    return [problem.code for problem in validate(item)]


def options(*texts: str) -> tuple[Option, ...]:
    return tuple(Option(key, text) for key, text in zip("ABCDEFGHI", texts, strict=False))


@pytest.mark.parametrize("item", [SINGLE, MULTIPLE, TRUE_FALSE])
def test_good_items_have_no_problem(item: Item) -> None:
    assert validate(item) == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"uid": ""}, "bad_uid"),
        ({"uid": "a b"}, "bad_uid"),
        ({"uid": "x" * 65}, "bad_uid"),
        ({"point": "A-B-C-1"}, "bad_point"),
        ({"point": "a-b-c-001"}, "bad_point"),
        ({"difficulty": -1}, "bad_difficulty"),
        ({"difficulty": 6}, "bad_difficulty"),
        ({"consistency": 0}, "bad_consistency"),
        ({"consistency": 6}, "bad_consistency"),
        ({"importance": "W"}, "bad_importance"),
    ],
)
def test_facts_at_fault(changes: dict[str, object], code: str) -> None:
    assert codes(replace(SINGLE, facts=replace(FACTS, **changes))) == [code]


@pytest.mark.parametrize(
    "changes",
    [{"difficulty": 1}, {"difficulty": 5}, {"consistency": None}, {"importance": ""}, {"uid": "x" * 64}],
)
def test_facts_at_the_edge_are_good(changes: dict[str, object]) -> None:
    assert codes(replace(SINGLE, facts=replace(FACTS, **changes))) == []


@pytest.mark.parametrize(
    ("item", "changes", "code"),
    [
        (SINGLE, {"stem": " \u200b　"}, "empty_stem"),
        (SINGLE, {"stem": "x" * (MAX_TEXT + 1)}, "text_too_long"),
        (SINGLE, {"stem": "a\x07b"}, "control_character"),
        (SINGLE, {"explanation": "a\x1bb"}, "control_character"),
        (SINGLE, {"answer": ()}, "answer_missing"),
        (SINGLE, {"answer": ("E",)}, "answer_not_an_option"),
        (SINGLE, {"answer": ("A", "B")}, "single_needs_one"),
        (SINGLE, {"options": options("甲"), "answer": ("A",)}, "option_count"),
        (SINGLE, {"options": tuple(Option(chr(65 + n), str(n)) for n in range(27))}, "option_count"),
        (SINGLE, {"options": (Option("A", "甲"), Option("C", "乙")), "answer": ("A",)}, "option_keys"),
        (SINGLE, {"options": options("甲", "", "丙")}, "empty_option"),
        (SINGLE, {"options": options("ＡＢ", "a b", "AB")}, "equal_options"),
        (MULTIPLE, {"answer": ("A",)}, "multiple_needs_two"),
        (MULTIPLE, {"answer": ("C", "A")}, "answer_not_in_order"),
        (MULTIPLE, {"answer": ("A", "A")}, "answer_not_in_order"),
        (TRUE_FALSE, {"options": options("错误", "正确")}, "true_false_options"),
        (TRUE_FALSE, {"answer": ("A", "B")}, "single_needs_one"),
    ],
)
def test_bodies_at_fault(item: Item, changes: dict[str, object], code: str) -> None:
    assert codes(replace(item, body=replace(item.body, **changes))) == [code]


@pytest.mark.parametrize(("most", "good"), [(0, True), (1, False), (2, True), (3, True)])
def test_no_more_is_right_than_a_candidate_may_choose(most: int, good: bool) -> None:
    every = {item.facts.kind: item.body for item in ITEMS}
    areas = (Area("A", "rect", (0, 0, 5, 5)), Area("B", "rect", (9, 9, 15, 15)))
    hotspot = replace(every[ItemKind.HOTSPOT], areas=areas, answer=("A", "B"), most=most)
    match = replace(every[ItemKind.MATCH], answer=("A-1", "A-2", "B-1"), most=most)
    wanted = [] if good else ["most_below_answer"]
    assert [each.code for each in body_problems(hotspot, ItemKind.HOTSPOT)] == wanted
    assert [each.code for each in body_problems(match, ItemKind.MATCH)] == wanted


def test_a_multiple_choice_item_may_have_every_option_right() -> None:
    assert codes(replace(MULTIPLE, body=replace(MULTIPLE.body, answer=tuple("ABCD")))) == []


def test_every_fault_is_named_not_only_the_first() -> None:
    bad = Item(replace(FACTS, point="?", difficulty=9), replace(BODY, stem="", answer=("H",)))
    assert codes(bad) == ["bad_point", "bad_difficulty", "empty_stem", "answer_not_an_option"]


@pytest.mark.parametrize(
    ("text", "good"),
    [("A-001", True), ("A-B-C-001", True), ("A-B-C-D-001", True), ("A-B-C-D-E-F-001", True), ("A-B-C-D-E-F-G-001", False), ("001", False),
     ("A-B-C-0001", False), ("A-B-C-001\n", False)],
)  # fmt: skip
def test_point_codes(text: str, good: bool) -> None:
    assert is_point_code(text) is good


def test_the_same_item_in_other_dress_has_the_same_hash() -> None:
    dressed = ItemBody("下列 选项中\u200b正确的是(  )。", tuple(reversed(OPTIONS)), ("C",), "解析", "出处")
    assert content_hash(dressed) == content_hash(BODY)
    assert stem_hash(dressed) == stem_hash(BODY)


def test_other_options_are_another_item_with_the_same_stem() -> None:
    other = replace(BODY, options=options("甲", "乙", "丙", "戊"))
    assert content_hash(other) != content_hash(BODY)
    assert stem_hash(other) == stem_hash(BODY)


def test_texts_do_not_run_into_each_other_in_the_hash() -> None:
    assert content_hash(ItemBody("ab", options("c", "d"), ())) != content_hash(
        ItemBody("a", options("bc", "d"), ())
    )


texts = st.text(max_size=30)


@given(texts, st.lists(texts, max_size=8), st.sets(st.sampled_from("ABCDEFGH")), texts, texts)
def test_bodies_survive_json(
    stem: str, said: list[str], answer: set[str], explanation: str, source: str
) -> None:
    body = ItemBody(stem, options(*said), tuple(sorted(answer)), explanation, source)
    assert body_from_json(json.loads(json.dumps(body_to_json(body)))) == body


@pytest.mark.parametrize("item", [SINGLE, MULTIPLE, TRUE_FALSE, Item(replace(FACTS, consistency=None), BODY)])
def test_items_survive_json(item: Item) -> None:
    assert item_from_json(json.loads(json.dumps(item_to_json(item)))) == item


@pytest.mark.parametrize(
    "data",
    [{}, {"options": [], "answer": []}, {"stem": "x", "options": [{}], "answer": []}, {"options": "A"}],
)
def test_a_body_of_another_shape_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="item body"):
        body_from_json(data)


def test_facts_and_items_of_another_shape_are_refused() -> None:
    good = item_to_json(SINGLE)["facts"]
    assert isinstance(good, dict)
    for changes in ({"difficulty": "3"}, {"consistency": "high"}, {"kind": "riddle"}):
        with pytest.raises(ValueError):
            facts_from_json({**good, **changes})
    with pytest.raises(ValueError):
        facts_from_json({"difficulty": 3})
    with pytest.raises(ValueError):
        item_from_json({"facts": good})


def test_a_flawed_item_is_kept_with_its_raw_text_and_lacks_what_use_needs() -> None:
    flawed = Item(replace(FACTS, flaw="no_fixed_answer"), ItemBody("旧题", raw="<assessmentItem/>"))
    assert codes(flawed) == []
    assert missing_facts(flawed.facts) == ["flaw"]
    assert item_from_json(json.loads(json.dumps(item_to_json(flawed)))) == flawed
    assert codes(replace(flawed, body=ItemBody("旧题"))) == ["raw_missing"]


def test_what_is_not_classified_may_wait_but_not_be_used() -> None:
    waiting = replace(FACTS, point="", difficulty=0)
    assert codes(Item(waiting, BODY)) == []
    assert missing_facts(waiting) == ["point", "difficulty"]
    assert missing_facts(FACTS) == []
