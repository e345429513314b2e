"""Papers built from items, and marks by their key."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itembank.items import Item, ItemBody, ItemFacts, ItemKind, Option
from itembank.marking import Oddity, mark
from itembank.paper_building import PaperPlan, build_form
from itembank.papers import KeyEntry, MarkingKey

KEY = MarkingKey(
    "A",
    {
        "q2": KeyEntry(ItemKind.SINGLE, ("B",), Decimal("0.5")),
        "q1": KeyEntry(ItemKind.MULTIPLE, ("A", "C"), Decimal("1.5")),
        "q3": KeyEntry(ItemKind.TRUE_FALSE, ("A",), Decimal("98")),
    },
)
POINTS = {ItemKind.SINGLE: Decimal(1), ItemKind.MULTIPLE: Decimal("1.5"), ItemKind.TRUE_FALSE: Decimal("0.5")}


def item(uid: str, kind: ItemKind, answer: tuple[str, ...]) -> Item:
    """A small item with a text that never stands in a paper: its explanation."""
    keys = "AB" if kind is ItemKind.TRUE_FALSE else "ABCD"
    options = tuple(Option(key, f"{uid} 选项 {key}") for key in keys)
    facts = ItemFacts(uid, "A-A-A-001", kind, 3, None, "", True)
    return Item(facts, ItemBody(f"{uid} 题干（　　）。", options, answer, "解析不外露", "来源不外露"))


ITEMS = [
    item("s1", ItemKind.SINGLE, ("B",)),
    item("s2", ItemKind.SINGLE, ("D",)),
    item("m1", ItemKind.MULTIPLE, ("A", "C")),
    item("t1", ItemKind.TRUE_FALSE, ("B",)),
]


@pytest.mark.parametrize(
    ("uid", "response", "awarded"),
    [
        ("q2", ("B",), "0.5"),
        ("q2", ("A",), "0"),
        ("q2", ("A", "B"), "0"),
        ("q2", (), "0"),
        ("q1", ("A", "C"), "1.5"),
        ("q1", ("C", "A"), "1.5"),
        ("q1", ("A",), "0"),
        ("q1", ("A", "B", "C"), "0"),
        ("q3", ("A",), "98"),
        ("q3", ("B",), "0"),
    ],
)
def test_all_or_nothing(uid: str, response: tuple[str, ...], awarded: str) -> None:
    marks = mark({uid: response}, KEY)
    found = next(m for m in marks.items if m.uid == uid)
    assert found.awarded == Decimal(awarded) == marks.total
    assert found.correct is (found.awarded > 0)
    assert marks.oddities == ()


def test_marks_stand_in_the_order_of_the_key_and_sum_exactly() -> None:
    marks = mark({"q1": ("A", "C"), "q2": ("B",), "q3": ("A",)}, KEY)
    assert [m.uid for m in marks.items] == ["q2", "q1", "q3"]
    assert marks.total == KEY.total == Decimal(100)
    assert mark({}, KEY).total == 0


def test_tenths_do_not_drift() -> None:
    entries = {f"q{i}": KeyEntry(ItemKind.SINGLE, ("A",), Decimal("0.1")) for i in range(1000)}
    marks = mark(dict.fromkeys(list(entries)[:594], ("A",)), MarkingKey("A", entries))
    assert str(marks.total) == "59.4"


@pytest.mark.parametrize(
    ("responses", "oddity"),
    [
        ({"q9": ("A",)}, Oddity("unknown_item", "q9", ("A",))),
        ({"q2": ("1",)}, Oddity("unknown_option", "q2", ("1",))),
        ({"q2": ("B", "1")}, Oddity("unknown_option", "q2", ("B", "1"))),
        ({"q2": ("b",)}, Oddity("unknown_option", "q2", ("b",))),
        ({"q3": ("C",)}, Oddity("unknown_option", "q3", ("C",))),
        ({"q2": ("B", "B")}, Oddity("repeated_option", "q2", ("B", "B"))),
    ],
)
def test_what_no_page_sends_is_wrong_and_listed(
    responses: dict[str, tuple[str, ...]], oddity: Oddity
) -> None:
    marks = mark(responses, KEY)
    assert marks.total == 0
    assert marks.oddities == (oddity,)


@pytest.mark.dear
@given(
    st.dictionaries(
        st.sampled_from(["q1", "q2", "q3", "q9"]),
        st.lists(st.sampled_from("ABCDX"), max_size=4).map(tuple),
    )
)
def test_marks_never_leave_the_scale_and_another_answer_never_deducts(
    responses: dict[str, tuple[str, ...]],
) -> None:
    marks = mark(responses, KEY)
    assert 0 <= marks.total <= KEY.total
    for uid in responses:
        without = {other: response for other, response in responses.items() if other != uid}
        assert mark(without, KEY).total <= marks.total


def test_a_paper_shows_no_answer_and_its_key_no_text() -> None:
    plan = PaperPlan("B", "保卫管理员三级（示例）", Decimal(90), POINTS)
    paper, key = build_form(plan, ITEMS)
    shown = paper.to_json()
    assert "不外露" not in str(shown)
    assert "answer" not in str(shown)
    assert "题干" not in str(key.to_json())
    assert [i["number"] for i in shown["items"]] == [1, 2, 3, 4]  # type: ignore[index,union-attr,attr-defined]
    assert shown["minutes"] == 90
    assert shown["sections"] == [
        {"kind": "single", "title": "单项选择题", "from": 1, "to": 2, "points": "1"},
        {"kind": "multiple", "title": "多项选择题", "from": 3, "to": 3, "points": "1.5"},
        {"kind": "true_false", "title": "判断题", "from": 4, "to": 4, "points": "0.5"},
    ]
    assert key.total == Decimal("4.0")
    assert mark({"s1": ("B",), "m1": ("A", "C")}, key).total == Decimal("2.5")


def test_half_minutes_stay_halves() -> None:
    paper, _ = build_form(PaperPlan("A", "演练", Decimal("0.5"), POINTS), ITEMS)
    assert paper.to_json()["minutes"] == 0.5


def test_an_item_stands_once_in_a_form() -> None:
    with pytest.raises(ValueError, match="twice"):
        build_form(PaperPlan("A", "x", Decimal(1), POINTS), [*ITEMS, ITEMS[0]])


def test_a_key_survives_its_json_and_refuses_a_changed_one() -> None:
    _, key = build_form(PaperPlan("A", "x", Decimal(1), POINTS), ITEMS)
    assert MarkingKey.from_json(key.to_json()) == key
    assert list(MarkingKey.from_json(key.to_json()).items) == ["s1", "s2", "m1", "t1"]
    for change in ({"total": "5"}, {"order": ["s1"]}, {"items": {}}):
        with pytest.raises((ValueError, KeyError)):
            MarkingKey.from_json(key.to_json() | change)
