"""What changed between two versions of an item."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itembank.item_diff import CAME, GONE, SAME, differences, pieces
from itembank.items import ItemKind, Option
from tests.itembank.every_kind import BODIES, item

TEXTS = st.text(alphabet="甲乙丙 abc12\n<b>", max_size=60)


@given(TEXTS, TEXTS)
def test_both_texts_can_be_read_off_the_pieces(old: str, new: str) -> None:
    found = pieces(old, new)
    assert "".join(piece.text for piece in found if piece.sort in (SAME, GONE)) == old
    assert "".join(piece.text for piece in found if piece.sort in (SAME, CAME)) == new
    assert all(piece.text for piece in found)


def test_a_chinese_character_is_a_word_and_a_number_is_one_too() -> None:
    assert [(piece.sort, piece.text) for piece in pieces("应在 15 分钟内", "须在 30 分钟内")] == [
        (GONE, "应"),
        (CAME, "须"),
        (SAME, "在 "),
        (GONE, "15"),
        (CAME, "30"),
        (SAME, " 分钟内"),
    ]


def test_long_texts_are_compared_by_lines() -> None:
    old = "\n".join(f"第{number}行" for number in range(2_000))
    new = old.replace("第7行", "第七行")
    changed = [piece for piece in pieces(old, new) if piece.sort != SAME]
    assert [(piece.sort, piece.text) for piece in changed] == [(GONE, "第7行\n"), (CAME, "第七行\n")]


@pytest.mark.parametrize("kind", list(BODIES))
def test_an_item_does_not_differ_from_itself(kind: ItemKind) -> None:
    same = item("A", kind, BODIES[kind])
    assert differences(same, same) == ()


@pytest.mark.parametrize("kind", [kind for kind in BODIES if kind is not ItemKind.SINGLE])
def test_two_kinds_differ_in_their_kind_and_stem(kind: ItemKind) -> None:
    changes = differences(item("A", ItemKind.SINGLE, BODIES[ItemKind.SINGLE]), item("A", kind, BODIES[kind]))
    assert {"kind", "stem"} <= {change.field for change in changes}


def test_what_came_and_what_went_is_named_by_field_and_key() -> None:
    body = BODIES[ItemKind.SINGLE]
    old = item("A", ItemKind.SINGLE, body)
    options = (*body.options[:3], Option("D", "擅自离岗"), Option("E", "都不对"))
    new = replace(old, body=replace(body, options=options, answer=("B",)))
    new = replace(new, facts=replace(new.facts, difficulty=0, point="A-A-A-002"))
    found = {(change.field, change.key): (change.old, change.new) for change in differences(old, new)}
    assert found == {
        ("point", ""): ("A-A-A-001", "A-A-A-002"),
        ("difficulty", ""): ("3", ""),
        ("option", "D"): ("提前离岗", "擅自离岗"),
        ("option", "E"): ("", "都不对"),
        ("answer", ""): ("A", "B"),
    }


def test_a_part_of_a_case_is_named() -> None:
    body = BODIES[ItemKind.CASE]
    first = body.parts[0]
    parts = (replace(first, body=replace(first.body, answer=("C",))), *body.parts[1:])
    old = item("A", ItemKind.CASE, body)
    (change,) = differences(old, replace(old, body=replace(body, parts=parts)))
    assert (change.part, change.field, change.old, change.new) == ("1", "answer", "A", "C")


def test_the_right_choice_of_a_gap_is_part_of_it() -> None:
    body = BODIES[ItemKind.INLINE_CHOICE]
    old = item("A", ItemKind.INLINE_CHOICE, body)
    gap = replace(body.gaps[0], answer="A")
    (change,) = differences(old, replace(old, body=replace(body, gaps=(gap,))))
    assert (change.field, change.key) == ("gap", "1")
    assert change.new.startswith("= A 红区")
