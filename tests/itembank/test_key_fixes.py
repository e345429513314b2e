"""Keys put right after a test: who gets what, and what may be written as a key."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itembank.items import Gap, ItemKind, NumberRange, Option
from itembank.key_fixes import Effect, FixedMark, KeyFix, added_up, mark_fixed, read_keys, written_keys
from itembank.marking import EXAMINER, MARKED
from itembank.papers import KeyEntry, MarkingKey
from itembank.problems import InputRefused

SINGLE = KeyEntry(ItemKind.SINGLE, ("A",), Decimal(2), keys=("A", "B", "C", "D"))
MULTIPLE = KeyEntry(ItemKind.MULTIPLE, ("A", "B"), Decimal(3), keys=("A", "B", "C", "D"))
ORDER = KeyEntry(ItemKind.ORDER, ("B", "A", "C"), Decimal(2), keys=("A", "B", "C"))
MATCH = KeyEntry(ItemKind.MATCH, ("A-1", "B-2"), Decimal(2))
TRUE = KeyEntry(ItemKind.TRUE_FALSE, ("A",), Decimal(1))
ESSAY = KeyEntry(ItemKind.ESSAY, (), Decimal(10))
WORDS = KeyEntry(ItemKind.TEXT, (), Decimal(2), gaps=(Gap("1", ("门岗",)), Gap("2", ("巡逻",))))
NUMBER = KeyEntry(
    ItemKind.NUMERIC, (), Decimal(2), gaps=(Gap("1", ranges=(NumberRange(Decimal(1), Decimal(2)),)),)
)
INLINE = KeyEntry(
    ItemKind.INLINE_CHOICE,
    (),
    Decimal(1),
    gaps=(Gap("1", choices=(Option("A", "甲"), Option("B", "乙")), answer="A"),),
)
KEY = MarkingKey("A", {"one": SINGLE, "two": MULTIPLE, "essay": ESSAY})
RESPONSES = {"one": ("C",), "two": ("A", "B"), "essay": ("文",)}


def plain(marks: tuple[FixedMark, ...]) -> list[dict[str, str]]:
    return [
        {"awarded": str(m.mark.awarded), "points": str(m.mark.points), "dropped": str(m.dropped)}
        for m in marks
    ]


def total(fixes: dict[str, KeyFix], responses: dict[str, tuple[str, ...]] = RESPONSES) -> Decimal:
    return added_up(plain(mark_fixed(responses, KEY, fixes)))


def fixed(entry: KeyEntry, text: str) -> KeyFix:
    return KeyFix(Effect.KEY, read_keys(entry, text))


def test_another_key_turns_marks_round() -> None:
    assert total({}) == 3
    assert total({"one": fixed(SINGLE, "C")}) == 5
    assert total({"one": fixed(SINGLE, "C")}, {"one": ("A",)}) == 0


def test_of_two_right_keys_the_better_one_counts() -> None:
    either = {"one": fixed(SINGLE, "A|C")}
    assert [total(either, {"one": (each,)}) for each in "ABCD"] == [2, 0, 2, 0]


def test_credit_gives_everybody_the_points() -> None:
    for responses in (RESPONSES, {}, {"one": ("Z",)}):
        marks = mark_fixed(responses, KEY, {"one": KeyFix(Effect.CREDIT)})
        assert marks[0].mark.awarded == 2
    essay = mark_fixed(RESPONSES, KEY, {"essay": KeyFix(Effect.CREDIT)})[2].mark
    assert (essay.awarded, essay.state) == (10, MARKED)
    assert mark_fixed(RESPONSES, KEY, {})[2].mark.state == EXAMINER


def test_a_dropped_question_lets_the_rest_count_for_all() -> None:
    assert total({"essay": KeyFix(Effect.DROP)}) == Decimal(9)  # 3 of 5 becomes 9 of 15
    assert total({"essay": KeyFix(Effect.DROP)}, {"one": ("A",), "two": ("A", "B")}) == 15


def test_dropping_never_rounds_up_to_a_pass() -> None:
    items = [
        {"awarded": "59.9996", "points": "99", "dropped": "0"},
        {"awarded": "0", "points": "0", "dropped": "0.0001"},
    ]
    assert added_up(items) < 60
    assert (
        added_up([{"awarded": "54", "points": "90"}, {"awarded": "0", "points": "0", "dropped": "10"}]) == 60
    )
    assert added_up([{"awarded": "0", "points": "0", "dropped": "10"}]) == 0


@pytest.mark.parametrize(
    ("entry", "text", "answers"),
    [
        (SINGLE, "b", [("B",)]),
        (SINGLE, "A | C", [("A",), ("C",)]),
        (MULTIPLE, "D C，A", [("A", "C", "D")]),
        (TRUE, "B", [("B",)]),
        (ORDER, "C A B", [("C", "A", "B")]),
        (MATCH, "B-1 A-2", [("A-2", "B-1")]),
    ],
)
def test_written_keys(entry: KeyEntry, text: str, answers: list[tuple[str, ...]]) -> None:
    assert [each.answer for each in read_keys(entry, text)] == answers


def test_written_gaps() -> None:
    (words,) = read_keys(WORDS, "门岗|大门；巡逻")
    assert [gap.accepted for gap in words.gaps] == [("门岗", "大门"), ("巡逻",)]
    (number,) = read_keys(NUMBER, "3.5|4..5")
    assert [(span.low, span.high) for span in number.gaps[0].ranges] == [
        (Decimal("3.5"), Decimal("3.5")),
        (4, 5),
    ]
    assert read_keys(INLINE, "b")[0].gaps[0].answer == "B"


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        (SINGLE, "A|C"),
        (MULTIPLE, "ACD"),
        (TRUE, "B"),
        (ORDER, "CAB"),
        (MATCH, "A-2 B-1"),
        (WORDS, "门岗|大门; 巡逻"),
        (NUMBER, "3.5|4..5"),
        (INLINE, "B"),
    ],
)
def test_keys_are_shown_as_they_are_written(entry: KeyEntry, text: str) -> None:
    assert written_keys(read_keys(entry, text)) == text


@pytest.mark.parametrize(
    ("entry", "text", "code"),
    [
        (SINGLE, "A", "key_unchanged"),
        (SINGLE, "", "key_empty"),
        (SINGLE, "E", "key_not_an_option"),
        (SINGLE, "AB", "key_count"),
        (SINGLE, "B|B", "key_repeated"),
        (MULTIPLE, "A", "key_count"),
        (MULTIPLE, "AA", "key_repeated"),
        (TRUE, "C", "key_not_an_option"),
        (ORDER, "AB", "key_order_incomplete"),
        (MATCH, "A1", "key_not_an_option"),
        (ESSAY, "A", "key_by_examiner"),
        (WORDS, "门岗", "key_gaps"),
        (WORDS, "门岗;", "key_empty"),
        (NUMBER, "x", "key_not_a_number"),
        (NUMBER, "5..4", "key_not_a_number"),
        (NUMBER, "NaN", "key_not_a_number"),
        (INLINE, "C", "key_not_an_option"),
    ],
)
def test_keys_that_the_kind_does_not_allow(entry: KeyEntry, text: str, code: str) -> None:
    with pytest.raises(InputRefused) as refused:
        read_keys(entry, text)
    assert refused.value.problems[0].code == code


@given(st.lists(st.sampled_from("ABCD"), max_size=4), st.sampled_from(["B", "C|D", "A|B|C|D"]))
def test_a_fix_keeps_marks_in_bounds_and_its_plain_form(chosen: list[str], text: str) -> None:
    fix = fixed(SINGLE, text)
    assert KeyFix.from_json(fix.to_json()) == fix
    (one,) = mark_fixed({"one": tuple(chosen)}, MarkingKey("A", {"one": SINGLE}), {"one": fix})
    assert 0 <= one.mark.awarded <= one.mark.points == 2


def test_without_fixes_nothing_changes() -> None:
    assert all(each.effect is None and not each.dropped for each in mark_fixed(RESPONSES, KEY, {}))
