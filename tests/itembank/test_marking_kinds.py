"""Marks of every kind: tables of what is right, laws that hold for any response."""

import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itembank.item_rules import validate
from itembank.items import DELIVERED, Gap, ItemKind, NumberRange, Option
from itembank.marking import gap_is_right, mark, number_of
from itembank.paper_building import PaperPlan, build_form, shares
from itembank.papers import KeyEntry, MarkingKey
from tests.itembank.every_kind import CASE, ITEMS, MEDIA, POINTS

FORM, KEY = build_form(PaperPlan("A", "示例卷", Decimal(90), POINTS), ITEMS, MEDIA)
K = ItemKind


def perfect(entry: KeyEntry) -> tuple[str, ...]:
    """A right response by the key."""
    if entry.gaps:
        return tuple(_fill(gap) for gap in entry.gaps)
    return ("已写",) if entry.kind is K.ESSAY else entry.answer


def _fill(gap: Gap) -> str:
    if gap.choices:
        return gap.answer
    return str(gap.ranges[0].low) if gap.ranges else gap.accepted[0]


def awarded(entry: KeyEntry, *response: str) -> str:
    marks = mark({"q": response}, MarkingKey("A", {"q": entry}))
    return str(marks.total)


def test_the_samples_are_valid_and_cover_every_delivered_kind() -> None:
    assert [problem for item in ITEMS for problem in validate(item)] == []
    assert {item.facts.kind for item in ITEMS} == set(DELIVERED)


def test_a_faultless_paper_brings_all_points_but_the_essays() -> None:
    marks = mark({uid: perfect(entry) for uid, entry in KEY.items.items()}, KEY)
    essays = [uid for uid, entry in KEY.items.items() if entry.kind is K.ESSAY]
    assert marks.total == KEY.total - sum(KEY.items[uid].points for uid in essays)
    assert list(marks.pending) == essays
    assert marks.oddities == ()
    assert KEY.total == sum(POINTS.values())


def test_an_essay_without_a_text_waits_for_nobody() -> None:
    for response in ((), (" \n",)):
        marks = mark({"SHILI-essay": response} if response else {}, KEY)
        found = next(m for m in marks.items if m.uid == "SHILI-essay")
        assert (found.state, found.awarded) == ("blank", 0)


@pytest.mark.parametrize(
    ("points", "weights", "expected"),
    [
        ("10", (1, 1, 1), ("3.33", "3.33", "3.34")),
        ("10", (1, 2, 2), ("2.00", "4.00", "4.00")),
        ("0.5", (1, 1, 1), ("0.16", "0.16", "0.18")),
        ("7", (1,), ("7",)),
    ],
)
def test_a_case_splits_its_points_exactly(
    points: str, weights: tuple[int, ...], expected: tuple[str, ...]
) -> None:
    from dataclasses import replace

    parts = [replace(CASE.parts[0], weight=Decimal(weight)) for weight in weights]
    found = shares(parts, Decimal(points))
    assert tuple(map(str, found)) == expected
    assert sum(found) == Decimal(points)


@pytest.mark.parametrize(
    ("accepted", "text", "right"),
    [
        ("119", "119", True),
        ("119", "１１９", True),
        ("119", " 1 1 9 ", True),
        ("119", "1199", False),
        ("119", "", False),
        ("*", "", False),
        ("*", "随便", True),
        ("GB 50016", "gb50016", True),
        ("*路口", "东路口", True),
        ("*路口", "路口", True),
        ("*路口", "路口东", False),
        ("东*路口", "东路口", True),
        ("东*东", "东", False),
        ("a*b*c", "aXbXc", True),
        ("a*b*c", "acb", False),
        ("(a|b)+", "aa", False),
        ("ＡＢＣ", "abc", True),
        ("Straße", "STRASSE", True),
    ],
)
def test_texts_are_compared_as_people_read_them(accepted: str, text: str, right: bool) -> None:
    assert gap_is_right(Gap("1", (accepted,)), text) is right


def test_case_counts_when_the_gap_says_so() -> None:
    assert not gap_is_right(Gap("1", ("pH",), case_sensitive=True), "PH")
    assert gap_is_right(Gap("1", ("pH",), case_sensitive=True), "ｐＨ")


def test_many_wildcards_take_no_time() -> None:
    gap = Gap("1", ("a*" * 200 + "b",))
    began = time.process_time()
    assert not gap_is_right(gap, "a" * 500)
    assert time.process_time() - began < 2  # trying every way would take for ever


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1,234.5", "1234.5"),
        ("１２．５", "12.5"),
        ("50%", "0.5"),
        ("５０％", "0.5"),
        ("-3", "-3"),
        ("\u22123", "-3"),
        ("+.5", "0.5"),
        ("5.", "5"),
        ("1e3", "1000"),
        ("1，234", "1234"),
        ("12。5", "12.5"),
        ("1,23", None),
        ("45 分钟", None),
        ("45kg", None),
        (".", None),
        ("", None),
        ("NaN", None),
        ("inf", None),
        ("1/2", None),
        ("9" * 61, None),
        ("1e999", "1E+999"),
    ],
)
def test_numbers_as_people_write_them(text: str, number: str | None) -> None:
    assert number_of(text) == (None if number is None else Decimal(number))


@pytest.mark.parametrize(
    ("text", "right"),
    [("44.49", False), ("44.5", True), ("45.50", True), ("45.51", False), ("60", True), ("45 分", False)],
)
def test_ranges_hold_their_ends(text: str, right: bool) -> None:
    spans = (NumberRange(Decimal("44.5"), Decimal("45.5")), NumberRange(Decimal(60), Decimal(60)))
    assert gap_is_right(Gap("1", ranges=spans), text) is right


@pytest.mark.parametrize(
    ("response", "points"),
    [
        ((), "0"),
        (("A-1",), "1.00"),
        (("A-1", "B-2"), "2.00"),
        (("A-1", "B-2", "C-3"), "3"),
        (("A-1", "B-3", "C-2"), "1.00"),
        (("A-2", "B-3", "C-1"), "0"),
        (("A-1", "B-2", "C-3", "A-2"), "2.00"),
        (("A-1", "B-2", "C-3", "A-2", "A-3"), "1.00"),
        (tuple(f"{left}-{right}" for left in "ABC" for right in "123"), "0"),
    ],
)
def test_match_gives_a_share_and_pairs_beyond_the_right_number_cancel(
    response: tuple[str, ...], points: str
) -> None:
    assert awarded(KeyEntry(K.MATCH, ("A-1", "B-2", "C-3"), Decimal(3)), *response) == points


def test_choosing_every_pair_never_wins_even_with_two() -> None:
    entry = KeyEntry(K.MATCH, ("A-1", "B-2"), Decimal(2))
    assert awarded(entry, "A-1", "A-2", "B-1", "B-2") == "0"
    every = KeyEntry(K.MATCH, ("A-1", "A-2", "B-1", "B-2"), Decimal(2))
    assert awarded(every, "A-1", "A-2", "B-1", "B-2") == "2"


@pytest.mark.parametrize(
    ("scoring", "response", "points"),
    [
        ("", ("A", "B", "C"), "3"),
        ("", ("A", "B"), "0"),
        ("", ("A", "B", "C", "D"), "0"),
        ("per_part", ("A", "B"), "2.00"),
        ("per_part", ("A", "D"), "1.00"),
        ("per_part", ("A", "B", "D"), "2.00"),
        ("per_part", ("A", "B", "C", "D"), "2.00"),
    ],
)
def test_multiple_by_parts_only_when_the_paper_says_so(
    scoring: str, response: tuple[str, ...], points: str
) -> None:
    entry = KeyEntry(K.MULTIPLE, ("A", "B", "C"), Decimal(3), scoring=scoring)
    assert awarded(entry, *response) == points


@pytest.mark.parametrize(
    ("scoring", "response", "points"),
    [
        ("", ("C", "A", "B"), "4"),
        ("", ("A", "B", "C"), "0"),
        ("per_part", ("C", "B", "A"), "1.33"),
        ("per_part", ("A", "B", "C"), "0"),
        ("per_part", ("C", "A"), "0"),
    ],
)
def test_order_counts_places(scoring: str, response: tuple[str, ...], points: str) -> None:
    assert awarded(KeyEntry(K.ORDER, ("C", "A", "B"), Decimal(4), scoring=scoring), *response) == points


@pytest.mark.parametrize(
    ("scoring", "points"), [("", "0.67"), ("per_part", "0.67"), ("all", "0")], ids=["default", "parts", "all"]
)
def test_gaps_bring_a_share_each_unless_all_must_be_right(scoring: str, points: str) -> None:
    gaps = (
        Gap("1", ("甲",)),
        Gap("2", ranges=(NumberRange(Decimal(1), Decimal(2)),)),
        Gap("3", choices=(Option("A", "是"), Option("B", "否")), answer="B"),
    )
    entry = KeyEntry(K.TEXT, (), Decimal(1), gaps, scoring)
    assert awarded(entry, "甲", "1.5", "A") == points
    assert awarded(entry, "甲", "1.5", "B") == "1"
    assert awarded(entry, "", "", "") == "0"


@pytest.mark.parametrize(
    ("uid", "response", "code"),
    [
        ("SHILI-text", ("119",), "malformed"),
        ("SHILI-text", ("119", "路口", "x"), "malformed"),
        ("SHILI-inline_choice", ("Z",), "unknown_option"),
        ("SHILI-match", ("A1",), "unknown_option"),
        ("SHILI-match", ("A-1", "A-1"), "repeated_option"),
        ("SHILI-order", ("A", "B"), "malformed"),
        ("SHILI-hotspot", ("Q",), "unknown_option"),
        ("SHILI-single", ("Z",), "unknown_option"),
        ("SHILI-essay", ("a", "b"), "malformed"),
    ],
)
def test_what_no_page_sends_is_listed(uid: str, response: tuple[str, ...], code: str) -> None:
    marks = mark({uid: response}, KEY)
    assert [oddity.code for oddity in marks.oddities] == [code]
    assert marks.total == 0


PARTS = st.sampled_from(
    ["", "A", "B", "C", "D", "A-1", "B-2", "C-3", "C-1", "119", "路口", "45", "文字", "Z"]
)


@given(
    st.sampled_from(sorted(KEY.items)), st.lists(PARTS, max_size=6), st.sampled_from(["", "all", "per_part"])
)
def test_no_response_leaves_the_scale(uid: str, response: list[str], scoring: str) -> None:
    from dataclasses import replace

    entry = replace(KEY.items[uid], scoring=scoring)
    marks = mark({uid: tuple(response)}, MarkingKey("A", {uid: entry}))
    assert 0 <= marks.total <= entry.points
    full = mark({uid: perfect(entry)}, MarkingKey("A", {uid: entry}))
    assert full.total == (0 if entry.kind is K.ESSAY else entry.points)


@given(st.permutations(["A-1", "B-2", "C-3", "A-3"]), st.integers(0, 4))
def test_the_order_of_chosen_pairs_is_nothing(pairs: list[str], count: int) -> None:
    entry = KeyEntry(K.MATCH, ("A-1", "B-2", "C-3"), Decimal(3))
    assert awarded(entry, *pairs[:count]) == awarded(entry, *sorted(pairs[:count]))


def test_keys_survive_their_json_and_older_ones_are_still_read() -> None:
    assert MarkingKey.from_json(KEY.to_json()) == KEY
    old = {
        "form": "A",
        "items": {"q": {"kind": "single", "answer": ["A"], "points": "1"}},
        "order": ["q"],
        "total": "1",
    }
    assert mark({"q": ("A",)}, MarkingKey.from_json(old)).total == 1
    for change in ({"answer": "A"}, {"scoring": "some"}, {"gaps": 3}):
        broken = {**old, "items": {"q": old["items"]["q"] | change}}  # type: ignore[index]
        with pytest.raises((TypeError, ValueError)):
            MarkingKey.from_json(broken)
