"""The sample bank shipped with the product reads cleanly and is rich enough to assemble papers from."""

import csv
import io
from collections import Counter
from pathlib import Path

import pytest

from itembank.importing.pipeline import read_bank
from itembank.importing.reading import BankReading
from itembank.items import Item, ItemKind

BANK = Path(__file__).parents[2] / "server" / "samples" / "bank_baowei_3.csv"
SCOPES = "ABCDE"
COLUMNS = 17
KINDS = (ItemKind.SINGLE, ItemKind.MULTIPLE, ItemKind.TRUE_FALSE)


@pytest.fixture(scope="module")
def reading() -> BankReading:
    return read_bank(BANK.read_bytes(), BANK.name)


@pytest.fixture(scope="module")
def items(reading: BankReading) -> list[Item]:
    return [placed.item for placed in reading.items]


@pytest.fixture(scope="module")
def rows() -> list[list[str]]:
    """The raw rows, read without the project's reader, so that one checks the other."""
    return list(csv.reader(io.StringIO(BANK.read_text("utf-8-sig"), newline="")))


def test_no_row_is_rejected_or_warned_about(reading: BankReading, rows: list[list[str]]) -> None:
    assert list(reading.rejected) == []
    assert list(reading.warnings) == []
    assert len(reading.items) == len(rows) - 1 >= 240


def test_every_scope_offers_every_kind(items: list[Item]) -> None:
    found = Counter((item.facts.point[0], item.facts.kind) for item in items)
    missing = [(scope, kind) for scope in SCOPES for kind in KINDS if not found[scope, kind]]
    assert missing == []
    assert {scope for scope, _ in found} == set(SCOPES)


def test_read_items_agree_with_the_file(items: list[Item], rows: list[list[str]]) -> None:
    letters = {"正确": ("A",), "错误": ("B",)}
    expected = {row[6]: (row[3], letters.get(row[13], tuple(row[13])), int(row[14])) for row in rows[1:]}
    read = {item.body.stem: (item.facts.point, item.body.answer, item.facts.difficulty) for item in items}
    assert read == expected


def test_every_explanation_names_its_source(items: list[Item], rows: list[list[str]]) -> None:
    assert [row[1] for row in rows[1:] if "来源：《" not in row[16]] == []
    unnamed = [item for item in items if "来源：" not in item.body.explanation and not item.body.source]
    assert unnamed == []


def test_file_is_a_marked_sample_in_the_17_column_layout(rows: list[list[str]]) -> None:
    assert BANK.read_bytes().startswith(b"\xef\xbb\xbf")
    assert {len(row) for row in rows} == {COLUMNS}
    assert all("示例" in row[0] for row in rows[1:])
    ids = [row[1] for row in rows[1:]]
    assert len(set(ids)) == len(ids)
    assert all(row[1] == f"{row[4]}-{row[3]}-{row[5]}" for row in rows[1:])


def test_single_choice_answers_are_spread_evenly(items: list[Item]) -> None:
    spread = Counter(item.body.answer[0] for item in items if item.facts.kind is ItemKind.SINGLE)
    assert set(spread) == set("ABCD")
    assert max(spread.values()) - min(spread.values()) <= 4
