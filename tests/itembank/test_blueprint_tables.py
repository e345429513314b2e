"""Blueprints in workbooks: trees with merged cells, rules of kinds and weights, sums that do not hold."""

import json
from typing import Any

import pytest

from itembank.blueprint import Blueprint, load_blueprint
from itembank.importing.pipeline import read_bank
from itembank.importing.reading import BankReading
from tests.itembank.bank_files import Cell, csv_bytes, xlsx_bytes

TREE_HEADER: list[Cell] = [
    "一级代码", "一级名称", "鉴定比重", "二级代码", "二级名称", "", "三级代码", "三级名称", "鉴定比重", "四级", "",
    "鉴定点代码", "鉴定点名称", "重要程度",
]  # fmt: skip


def tree(*rows: list[Cell]) -> BankReading:
    title: list[Cell] = ["保安员（五级/初级工）理论知识鉴定要素细目表"]
    return read_bank(xlsx_bytes({"Sheet1": [title, TREE_HEADER, [""], *rows]}), "细目表.xlsx")


def scope(one: tuple[Cell, ...], two: tuple[Cell, ...], three: tuple[Cell, ...], *point: Cell) -> list[Cell]:
    blank: tuple[Cell, ...] = ("", "", "")
    return [*(one or blank), *((*two, "") if two else blank), *(three or blank), "", "", *point]


ROWS = [
    scope(("A", "基本要求", 20), ("A", "职业道德"), ("A", "基本知识", 20), "001", "道德", "X"),
    scope((), (), (), 2, "守则", "y"),
    scope(("B", "相关知识", 80), ("A", "守护"), ("A", "出入", 30), "001", "验证", "X"),
    scope((), (), ("B", "巡逻", 50), "001", "路线", "Z"),
]


def blueprint_of(reading: BankReading) -> dict[str, Any]:
    assert reading.blueprint is not None
    assert reading.format.startswith("blueprint-")
    return dict(reading.blueprint)


def test_a_tree_with_blanks_for_as_above() -> None:
    found = blueprint_of(tree(*ROWS))
    assert (found["points"], found["rules"]) == (4, 0)
    data = found["data"]
    assert (data["title"], data["occupation"], data["level"]) == (
        "保安员（五级/初级工）理论知识鉴定要素细目表", "保安员", 5,
    )  # fmt: skip
    assert data["scopes"] == [
        {"code": "A", "name": "基本要求", "weight": "20", "children": [
            {"code": "A-A", "name": "职业道德", "weight": "20", "children": [
                {"code": "A-A-A", "name": "基本知识", "weight": "20", "points": [
                    {"code": "A-A-A-001", "name": "道德", "importance": "X"},
                    {"code": "A-A-A-002", "name": "守则", "importance": "Y"}]}]}]},
        {"code": "B", "name": "相关知识", "weight": "80", "children": [
            {"code": "B-A", "name": "守护", "weight": "80", "children": [
                {"code": "B-A-A", "name": "出入", "weight": "30", "points": [
                    {"code": "B-A-A-001", "name": "验证", "importance": "X"}]},
                {"code": "B-A-B", "name": "巡逻", "weight": "50", "points": [
                    {"code": "B-A-B-001", "name": "路线", "importance": "Z"}]}]}]},
    ]  # fmt: skip


def test_with_kinds_and_size_a_tree_is_a_blueprint() -> None:
    data = blueprint_of(tree(*ROWS))["data"] | {"size": 20, "kinds": {"single": {"count": 20, "points": "5"}}}
    loaded = load_blueprint(json.dumps(data, ensure_ascii=False))
    assert isinstance(loaded, Blueprint)
    assert [leaf.code for leaf in loaded.leaves()] == ["A-A-A", "B-A-A", "B-A-B"]


def test_sums_that_do_not_hold_are_noted_and_not_repaired() -> None:
    reading = tree(
        *ROWS[:2], scope(("B", "相关知识", 70), ("A", "守护"), ("A", "出入", 30), "001", "验证", "Q")
    )
    assert [(note.code, note.place) for note in reading.warnings] == [
        ("unknown_importance", "Sheet1 row 6"),
        ("weights_not_100", "Sheet1 row 4"),
        ("weights_not_parent", "Sheet1 row 6"),
    ]
    assert [note.params.get("total") for note in reading.warnings[1:]] == ["90", "30"]
    assert blueprint_of(reading)["data"]["scopes"][1]["weight"] == "70"


def test_a_tree_in_a_text_table_is_read_too() -> None:
    rows = [[str(cell) for cell in cells] for cells in ([*TREE_HEADER], *ROWS)]
    reading = read_bank(csv_bytes(rows), "细目表.csv")
    assert (reading.format, blueprint_of(reading)["points"]) == ("blueprint-csv", 4)


KINDS: list[list[Cell]] = [
    ["题库名称", "题型", "题量", "每题分数"],
    ["保卫管理员（三级）理论", "B（单选题）", 10, 2],
    ["保卫管理员（三级）理论", "G（多选题）", 5, 6],
    ["保卫管理员（三级）理论", "C（判断题）", 5, 10],
]
WEIGHTS: list[list[Cell]] = [
    ["1级代码", "1级比重(%)", "2级代码", "2级比重(%)", "3级代码", "3级比重(%)"],
    ["A", 20, "A", 100, "A", 30], ["A", 20, "A", 100, "B", 70],
    ["B", 80, "A", 50, "A", 100], ["B", 80, "B", 50, "A", 100],
]  # fmt: skip


def test_rules_of_kinds_and_weights_make_a_blueprint() -> None:
    reading = read_bank(xlsx_bytes({"题型分布": KINDS, "知识点分布": WEIGHTS}), "组题规则.xlsx")
    found = blueprint_of(reading)
    assert (found["points"], found["rules"], reading.warnings) == (0, 4, ())
    loaded = load_blueprint(json.dumps(found["data"], ensure_ascii=False))
    assert isinstance(loaded, Blueprint)
    assert (loaded.occupation, loaded.level, loaded.size) == ("保卫管理员", 3, 20)
    assert {leaf.code: str(leaf.weight) for leaf in loaded.leaves()} == {
        "A-A-A": "6", "A-A-B": "14", "B-A-A": "40", "B-B-A": "40",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("row", "codes"),
    [
        (["", "Q", 5, 2], ["rule_not_readable"]),
        (["", "单选题", 5, 2], ["kind_twice"]),
        (["", "填空题", 5, 2], ["points_not_100"]),
        (["", "填空题", "许多", 2], ["rule_not_readable"]),
        (["", "填空题", 0, 2], []),
    ],
)
def test_rules_that_cannot_hold_are_noted(row: list[Cell], codes: list[str]) -> None:
    reading = read_bank(xlsx_bytes({"题型分布": [*KINDS, row], "知识点分布": WEIGHTS}), "组题规则.xlsx")
    assert [note.code for note in reading.warnings] == codes
