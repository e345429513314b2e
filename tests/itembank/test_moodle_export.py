"""Export to Moodle XML and GIFT: what goes out comes back in, and what is lost is named."""

import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, example, given, settings

from itembank.exporting import Exported
from itembank.exporting.gift import export_gift
from itembank.exporting.moodle import export_moodle
from itembank.importing.pipeline import cleaned
from itembank.items import TRUE_FALSE_OPTIONS, Gap, Item, ItemBody, ItemFacts, ItemKind, Markup, Option
from tests.itembank import every_kind
from tests.itembank.moodle_kit import MEDIA, MEDIUM, PICTURE, alike, items, options, reading

XML_KINDS = (
    ItemKind.SINGLE, ItemKind.MULTIPLE, ItemKind.TRUE_FALSE, ItemKind.TEXT, ItemKind.NUMERIC,
    ItemKind.INLINE_CHOICE, ItemKind.MATCH, ItemKind.ORDER, ItemKind.ESSAY,
)  # fmt: skip
GIFT_KINDS = tuple(kind for kind in XML_KINDS if kind is not ItemKind.INLINE_CHOICE)
_OWN_BRACKETS = re.compile(r"\[\[(?![0-9]+\]\])")
LAW = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


def item(kind: ItemKind, body: ItemBody, uid: str = "q1", **facts: object) -> Item:
    return Item(replace(ItemFacts(uid, "", kind, 0, None, "", sample=False), **facts), body)


def noted(exported: Exported) -> list[tuple[str, str]]:
    return [(note.place, note.code) for note in exported.notes]


@pytest.mark.dear
@LAW
@given(items(XML_KINDS))
@example(item(ItemKind.TEXT, ItemBody("[[ [[1]]", gaps=(Gap("1", accepted=("1",)),))))
def test_every_kind_of_moodle_xml_comes_back_as_it_went(made: Item) -> None:
    exported = export_moodle([made], {}, "题库")
    if "export_gaps_left_out" in {note.code for note in exported.notes}:
        assert made.body.stem.count("[[") > len(made.body.gaps)  # its words look like a gap
        return
    found = reading(exported.data)
    assert (found.format, found.rejected) == ("moodle-xml", ())
    if "export_text_changed" in {note.code for note in exported.notes}:  # brackets of its own, kept apart
        made = replace(made, body=replace(made.body, stem=_OWN_BRACKETS.sub("[ [", made.body.stem)))
    assert alike(found.items[0].item) == alike(made)


@pytest.mark.dear
@LAW
@given(items(GIFT_KINDS, one_gap=True))
def test_every_kind_of_gift_comes_back_as_it_went(made: Item) -> None:
    exported = export_gift([made], {}, "题库")
    if "export_text_not_in_gift" in {note.code for note in exported.notes}:
        assert made.facts.kind in (ItemKind.TEXT, ItemKind.NUMERIC, ItemKind.MATCH)
        return
    found = reading(exported.data)
    assert (found.format, found.rejected) == ("gift", ())
    assert alike(found.items[0].item) == alike(without_losses(made, {note.code for note in exported.notes}))


def without_losses(made: Item, lost: set[str]) -> Item:
    """The item without what the export said that it left out."""
    body = made.body
    if "export_criteria_left_out" in lost:
        body = replace(body, criteria=())
    if "export_fixed_left_out" in lost:
        body = replace(body, options=tuple(replace(option, fixed=False) for option in body.options))
    if "export_case_left_out" in lost:
        body = replace(body, gaps=tuple(replace(gap, case_sensitive=False) for gap in body.gaps))
    return replace(made, body=body)


def test_files_are_the_same_every_time_and_keep_order_and_paths() -> None:
    bodies = [every_kind.ORDER, every_kind.ESSAY, every_kind.TRUE_FALSE, every_kind.SINGLE]
    kinds = [ItemKind.ORDER, ItemKind.ESSAY, ItemKind.TRUE_FALSE, ItemKind.SINGLE]
    paths = ["甲/乙", "", "甲/乙", "甲/乙"]
    made = [item(kind, body, f"q{path}{n}".replace("/", "-"), path=path) for n, (kind, body, path) in enumerate(zip(kinds, bodies, paths, strict=True))]  # fmt: skip
    for export in (export_moodle, export_gift):
        assert export(made, {}, "库") == export(made, {}, "库")
        found = [placed.item.facts for placed in reading(export(made, {}, "库").data).items]
        assert found == [each.facts for each in made]


def test_the_example_items_of_every_kind_come_back_or_are_named() -> None:
    bodies = {
        ItemKind.SINGLE: every_kind.SINGLE, ItemKind.MULTIPLE: every_kind.MULTIPLE,
        ItemKind.TRUE_FALSE: every_kind.TRUE_FALSE, ItemKind.TEXT: every_kind.TEXT,
        ItemKind.NUMERIC: every_kind.NUMERIC, ItemKind.INLINE_CHOICE: every_kind.INLINE,
        ItemKind.MATCH: every_kind.MATCH, ItemKind.ORDER: every_kind.ORDER, ItemKind.ESSAY: every_kind.ESSAY,
        ItemKind.HOTSPOT: every_kind.HOTSPOT, ItemKind.CASE: every_kind.CASE,
    }  # fmt: skip
    made = [item(kind, body, f"q-{kind}") for kind, body in bodies.items()]
    exported = export_moodle(made, {}, "示例")
    left = [("q-hotspot", "export_kind_left_out"), ("q-case", "export_kind_left_out")]
    assert noted(exported) == left
    assert [alike(placed.item) for placed in reading(exported.data).items] == [
        alike(replace(each, body=cleaned(each.body))) for each in made[:9]
    ]
    short = export_gift(made, {}, "示例")
    assert noted(short) == [
        ("q-text", "export_text_not_in_gift"),
        ("q-inline_choice", "export_kind_left_out"),
        *left,
    ]
    assert [placed.item.facts.uid for placed in reading(short.data).items] == [
        f"q-{kind}" for kind in bodies if f"q-{kind}" not in dict(noted(short))
    ]


def test_media_travel_in_moodle_xml_and_keep_an_item_out_of_gift() -> None:
    shown = f'<img src="media:{MEDIUM.sha256}" alt="图">'
    body = ItemBody(
        f"看{shown}",
        (Option("A", shown), Option("B", "乙")),
        ("A",),
        explanation=shown,
        markup=Markup.HTML,
        media=(MEDIUM,),
    )
    exported = export_moodle([item(ItemKind.SINGLE, body)], MEDIA, "库")
    found = reading(exported.data)
    assert found.items[0].item.body == body
    assert found.media[MEDIUM.sha256].data == PICTURE
    assert noted(export_moodle([item(ItemKind.SINGLE, body)], {}, "库")) == [("q1", "export_medium_missing")]
    assert noted(export_gift([item(ItemKind.SINGLE, body)], MEDIA, "库")) == [("q1", "export_media_left_out")]


def test_a_question_kept_raw_goes_back_as_it_came() -> None:
    raw = '<question type="calculated"><name><text>算</text></name><questiontext><text>1+{a}</text></questiontext></question>'
    kept = reading(f"<quiz>{raw}</quiz>").items[0].item
    again = export_moodle([kept], {}, "库")
    assert again.notes == ()
    assert reading(again.data).items[0].item.body == kept.body
    foreign = item(ItemKind.UNSUPPORTED, ItemBody("题", raw="<assessmentItem/>"))
    assert noted(export_moodle([foreign], {}, "库")) == [("q1", "export_kind_left_out")]


@pytest.mark.parametrize("export", [export_moodle, export_gift])
@pytest.mark.parametrize(
    ("kind", "answer", "shares"),
    [
        (ItemKind.SINGLE, "B", ("0.5", "1", "-0.25")),
        (ItemKind.SINGLE, "A", ("1", "0.3333333", "0")),
        (ItemKind.MULTIPLE, "AB", ("0.6", "0.4", "0")),
        (ItemKind.MULTIPLE, "AC", ("0.5", "-1", "0.5")),
    ],
)
def test_weights_of_the_file_come_back(
    export: Callable[..., Exported], kind: ItemKind, answer: str, shares: tuple[str, ...]
) -> None:
    weights = tuple(zip("ABC", map(Decimal, shares), strict=True))
    body = ItemBody("题", options(["甲", "乙", "丙"]), tuple(answer), weights=weights)
    assert reading(export([item(kind, body)], {}, "库").data).items[0].item.body == body


@pytest.mark.parametrize("shares", [("2", "1", "0"), ("0.5", "0.5", "1"), ("0.2", "0.2", "0")])
def test_weights_that_moodle_cannot_mean_are_written_as_usual(shares: tuple[str, ...]) -> None:
    body = ItemBody(
        "题",
        options(["甲", "乙", "丙"]),
        ("A", "B"),
        weights=tuple(zip("ABC", map(Decimal, shares), strict=True)),
    )
    found = reading(export_moodle([item(ItemKind.MULTIPLE, body)], {}, "库").data)
    assert found.items[0].item.body == replace(body, weights=())


LOSSES = [
    (item(ItemKind.ESSAY, ItemBody("题"), enemy="甲组"), "export_fact_left_out"),
    (item(ItemKind.MATCH, ItemBody("题", options(["甲", "乙"]), ("A-1", "A-2"), targets=(Option("1", "子"), Option("2", "丑")))), "export_pairs_left_out"),
    (item(ItemKind.MATCH, ItemBody("题", options(["甲"]), ("A-1",), targets=(Option("1", "<b>子</b>"),), markup=Markup.HTML)), "export_markup_shown"),
    (item(ItemKind.SINGLE, ItemBody("题", (Option("A", "甲"), Option("B", "以上都是", fixed=True)), ("A",))), "export_fixed_left_out"),
    (item(ItemKind.TEXT, ItemBody("两处", gaps=(Gap("1", ("甲",)), Gap("2", ("乙",))))), "export_gap_appended"),
    (item(ItemKind.ESSAY, ItemBody("题\uffff目")), "export_text_changed"),
    (item(ItemKind.TEXT, ItemBody("{1:SA:=x} [[1]] {2:NM:=3}", gaps=(Gap("1", choices=options(["甲", "乙"]), answer="A"),))), "export_gaps_left_out"),
]  # fmt: skip


@pytest.mark.parametrize(("made", "code"), LOSSES)
def test_what_moodle_xml_cannot_carry_is_named(made: Item, code: str) -> None:
    assert ("q1", code) in noted(export_moodle([made], {}, "库"))


def test_what_is_no_answer_never_reads_as_one() -> None:
    words = ["%50%甲", "=乙", "[html]丙", "->丁", "// 戊", "{己}", "\\", "a:b", "#庚"]
    body = ItemBody("%100%:: {T} //", options(words), ("B",), explanation="#### {x}")
    for export in (export_moodle, export_gift):
        assert reading(export([item(ItemKind.SINGLE, body)], {}, "库").data).items[0].item.body == body


def test_true_false_items_are_moodles_own() -> None:
    data = export_moodle(
        [item(ItemKind.TRUE_FALSE, ItemBody("对", TRUE_FALSE_OPTIONS, ("B",)))], {}, "库"
    ).data
    assert b'fraction="0" format="plain_text"' in data
    assert b"<text>true</text>" in data
