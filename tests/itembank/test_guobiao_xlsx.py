"""The workbook a bank goes out in: what comes back in through the reader equals what went out."""

import io
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from itembank.exporting.guobiao_xlsx import KIND_CELLS, export_guobiao_xlsx, guarded
from itembank.importing.media import MediaBox
from itembank.importing.normalise import shown_text
from itembank.importing.pipeline import read_bank
from itembank.importing.reading import BankReading
from itembank.item_rules import validate
from itembank.items import (
    TRUE_FALSE_OPTIONS,
    Criterion,
    Gap,
    Item,
    ItemBody,
    ItemFacts,
    ItemKind,
    Markup,
    Medium,
    NumberRange,
    Option,
    compact,
)
from tests.itembank.bank_files import png_bytes

FACTS = ItemFacts("B-1", "A-B-C-001", ItemKind.SINGLE, 3, 4, "X", False, "第一章")
OPTIONS = (Option("A", "设置警戒"), Option("B", "打开查看"), Option("C", "搬走"))


def back(items: list[Item], media: Mapping[str, bytes] | None = None, title: str = "试验") -> BankReading:
    exported = export_guobiao_xlsx(items, media or {}, title)
    assert exported.notes == ()
    reading = read_bank(exported.data, "x.xlsx")
    assert (reading.format, reading.rejected) == ("guobiao-xlsx", ())
    return reading


def item(kind: ItemKind, body: ItemBody, **facts: object) -> Item:
    made = Item(replace(FACTS, kind=kind, **facts), body)  # type: ignore[arg-type]
    assert validate(made) == []
    return made


BODIES = {
    ItemKind.SINGLE: ItemBody("首先应当（　　）。", OPTIONS, ("B",), "先警戒。", "某条例"),
    ItemKind.MULTIPLE: ItemBody("=1+1", OPTIONS, ("A", "C")),
    ItemKind.TRUE_FALSE: ItemBody("'-1 是负数。", TRUE_FALSE_OPTIONS, ("B",), "不是。"),
    ItemKind.TEXT: ItemBody("甲[[1]]，乙[[2]]。", gaps=(Gap("1", ("一", "壹")), Gap("2", ("二；三",)))),
    ItemKind.NUMERIC: ItemBody(
        "水温[[1]]到[[2]]度",
        gaps=(Gap("1", ranges=(NumberRange(Decimal(36), Decimal("37.5")),)),
              Gap("2", ranges=(NumberRange(Decimal(-5), Decimal(-5)),))),
    ),
    ItemKind.ESSAY: ItemBody("怎样处置？", criteria=(Criterion("警戒", Decimal(2)), Criterion("报告", Decimal("1.5")))),
    ItemKind.ORDER: ItemBody("排列", (Option("A", "A. 甲"), Option("B", "B. 乙")), ("B", "A")),
}  # fmt: skip


@pytest.mark.parametrize("kind", BODIES)
def test_every_kind_comes_back_as_it_went(kind: ItemKind) -> None:
    made = item(kind, BODIES[kind])
    (placed,) = back([made]).items
    assert placed.item == made


def test_every_kind_that_the_format_carries_is_tried() -> None:
    assert BODIES.keys() == KIND_CELLS.keys()


words = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Co", "Cn"]), min_size=1, max_size=12
)
texts = st.builds(
    lambda lead, text: shown_text(lead + text), st.sampled_from(["", "=", "'", "A. ", "@", "-"]), words
)
texts = texts.filter(
    lambda text: bool(compact(text)) and shown_text(text) == text and "DISPIMG(" not in text.upper()
)


@st.composite
def choices(draw: st.DrawFn) -> Item:
    kind = draw(st.sampled_from([ItemKind.SINGLE, ItemKind.MULTIPLE, ItemKind.TRUE_FALSE, ItemKind.ORDER]))
    shown = draw(st.lists(texts, min_size=2, max_size=10, unique_by=compact))
    options = TRUE_FALSE_OPTIONS if kind is ItemKind.TRUE_FALSE else tuple(map(Option, "ABCDEFGHIJ", shown))
    keys = [option.key for option in options]
    several = {ItemKind.MULTIPLE: 2, ItemKind.ORDER: len(keys)}.get(kind, 1)
    answer = draw(st.permutations(keys))[:several]
    body = ItemBody(draw(texts), options, tuple(answer if kind is ItemKind.ORDER else sorted(answer)))
    facts = replace(
        FACTS, kind=kind, difficulty=draw(st.integers(0, 5)), consistency=draw(st.none() | st.integers(1, 5)),
        point=draw(st.sampled_from(["", "A-001", "B-C-D-E-F-G-999"])), sample=draw(st.booleans()), path="",
    )  # fmt: skip
    return Item(facts, body)


@pytest.mark.dear
@settings(max_examples=60, deadline=None)
@given(choices())
def test_choices_come_back_as_they_went(made: Item) -> None:
    (placed,) = back([made]).items
    assert placed.item == made


@pytest.mark.dear
@settings(max_examples=40, deadline=None)
@given(texts, st.lists(st.lists(texts, min_size=1, max_size=3), min_size=1, max_size=4))
def test_gaps_come_back_or_are_named(stem: str, accepted: list[list[str]]) -> None:
    gaps = tuple(Gap(str(number), tuple(each)) for number, each in enumerate(accepted, start=1))
    marked = " ".join([stem, *(f"[[{gap.key}]]" for gap in gaps)])
    made = Item(replace(FACTS, kind=ItemKind.TEXT), ItemBody(marked, gaps=gaps))
    exported = export_guobiao_xlsx([made], {}, "试验")
    reading = read_bank(exported.data, "x.xlsx")
    same = [placed.item for placed in reading.items] == [made]
    assert same or "not_in_sheets" in {note.code for note in exported.notes}


@given(st.text(max_size=8))
def test_no_cell_is_a_formula_and_the_reader_takes_the_guard_off(text: str) -> None:
    cell = guarded(text)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    if text == shown_text(text) and not text.startswith("'"):
        assert shown_text(cell) == text


def pictured() -> tuple[Item, dict[str, bytes]]:
    box = MediaBox()
    media = [box.add(png_bytes(shade), "") for shade in (1, 2)]
    assert all(isinstance(medium, Medium) for medium in media)
    first, second = (
        f'<img src="media:{medium.sha256}" alt="">' for medium in media if isinstance(medium, Medium)
    )
    body = ItemBody(
        f"看图 &lt;1&gt;<br>{first}", (Option("A", "甲"), Option("B", f"乙<br>{second}")), ("A",), markup=Markup.HTML,
        media=tuple(medium for medium in media if isinstance(medium, Medium)),
    )  # fmt: skip
    return item(ItemKind.SINGLE, body), {sha: file.data for sha, file in box.files.items()}


def test_pictures_come_back_where_they_were() -> None:
    made, media = pictured()
    reading = back([made], media)
    assert reading.items[0].item == made
    assert {sha: file.data for sha, file in reading.media.items()} == media


def test_what_a_row_cannot_carry_is_named() -> None:
    made, _media = pictured()
    lost = [
        (made, "not_in_sheets"),
        (item(ItemKind.ESSAY, ItemBody("<p>一</p><table><tr><td>x</td></tr></table>", markup=Markup.HTML)), "not_in_sheets"),
        (item(ItemKind.SINGLE, ItemBody("甲", (replace(OPTIONS[0], fixed=True), *OPTIONS[1:]), ("A",))), "not_in_sheets"),
        (item(ItemKind.UNSUPPORTED, ItemBody("", raw="<x/>")), "export_kind_left_out"),
    ]  # fmt: skip
    for each, code in lost:
        exported = export_guobiao_xlsx([each], {}, "试验")
        assert {(note.code, note.place) for note in exported.notes} == {(code, "B-1")}


def test_the_layout_is_the_national_one_and_the_bytes_are_the_same_each_time() -> None:
    items = [item(kind, body, uid=kind.value) for kind, body in BODIES.items()]
    first, second = (export_guobiao_xlsx(items, {}, "试验").data for _ in range(2))
    assert first == second
    sheet = openpyxl.load_workbook(io.BytesIO(first)).active
    assert sheet is not None
    rows = [[str(cell.value or "") for cell in cells] for cells in sheet.iter_rows()]
    assert rows[0][:7] == ["题库名称", "ID", "序号", "认定点代码", "题型代码", "题号", "试题（题干）"]
    assert rows[1][:5] == ["试验", "single", "1", "A-B-C-001", "B（单选题）"]
    assert all(cell.data_type in "sn" for cells in sheet.iter_rows() for cell in cells)


def test_samples_stay_samples() -> None:
    sample = item(ItemKind.SINGLE, BODIES[ItemKind.SINGLE], sample=True)
    assert back([sample], title="试验").items[0].item.facts.sample
    own = item(ItemKind.SINGLE, BODIES[ItemKind.SINGLE])
    assert not back([own], title="示例题库").items[0].item.facts.sample


@pytest.mark.parametrize(
    "gap", [Gap("1", ("a",), case_sensitive=True), Gap("1", ("甲 或 乙",)), Gap("1", ("*",))]
)
def test_gaps_of_html_items_that_change_are_named(gap: Gap) -> None:
    body = ItemBody("首<br>都[[1]]", markup=Markup.HTML, gaps=(gap,))
    exported = export_guobiao_xlsx([item(ItemKind.TEXT, body)], {}, "试验")
    assert [(note.code, note.params["field"]) for note in exported.notes] == [("not_in_sheets", "正确答案")]


def test_asterisks_that_stand_for_themselves_come_back() -> None:
    made = item(ItemKind.TEXT, ItemBody("乘号[[1]]", gaps=(Gap("1", (r"3\*5",)),)))
    exported = export_guobiao_xlsx([made], {}, "试验")
    assert exported.notes == ()
    assert read_bank(exported.data, "x.xlsx").items[0].item.body.gaps == made.body.gaps
