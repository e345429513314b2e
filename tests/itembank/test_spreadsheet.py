"""Tables as people have them: other layouts, options in one cell, columns that have to be explained, prose."""

import time

import pytest

from itembank.importing.drafts import Declared
from itembank.importing.options import split_cell
from itembank.importing.pipeline import read_bank
from itembank.importing.reading import BankReading
from itembank.importing.source import Source
from itembank.importing.spreadsheet import SpreadsheetFormat
from itembank.items import ItemBody
from itembank.problems import InputRefused
from tests.itembank.bank_files import csv_bytes, xlsx_bytes, zipped

FORMAT = SpreadsheetFormat()


def bodies(reading: BankReading) -> list[ItemBody]:
    assert reading.rejected == ()
    return [placed.item.body for placed in reading.items]


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("A-甲|B-乙|C-丙", ["甲", "乙", "丙"]),
        ("A. 甲$;$B. 乙", ["甲", "乙"]),
        ("A：甲\nB：乙", ["甲", "乙"]),
        ("（A）甲（的）\n（B）乙", ["甲（的）", "乙"]),
        ("A. 10 kg B. 20 kg C. A类火灾", ["10 kg", "20 kg", "A类火灾"]),
        ("Ａ、甲；Ｂ、乙", ["甲", "乙"]),
        ("甲|乙|丙", ["甲", "乙", "丙"]),
        ("甲；乙，丙", ["甲", "乙，丙"]),
        ("甲||乙|丙", ["甲", "", "乙", "丙"]),
        ("甲|乙||", ["甲", "乙"]),
        ("A. 甲\nB.\nC. 丙\nD. 丁", ["甲", "", "丙", "丁"]),
        ("甲|乙|A、B均可", ["甲", "乙", "A、B均可"]),
        ("A. 甲|B. 乙|D. 丁", None),
        ("A. 甲|C. 丙|D. 丁", None),
        ("A. 甲 B. 乙 D. 丁", None),
        ("B. 乙|A. 甲", None),
        ("只有一个", ["只有一个"]),
        ("", []),
    ],
)
def test_options_in_one_cell(text: str, options: list[str] | None) -> None:
    assert split_cell(text) == options


def test_options_and_true_false_in_one_cell_are_read() -> None:
    rows = [
        ["题型", "题干", "选项", "答案"],
        ["单选题", "甲题", "A-一|B-二", "B"],
        ["判断题", "乙题", "A-正确|B-错误", "A"],
        ["多选题", "丙题", "A. 一$;$B. 二$;$C. 三", "AC"],
    ]
    reading = read_bank(xlsx_bytes({"表": rows}), "x.xlsx")
    assert reading.format == "onecell-xlsx"
    assert [body.answer for body in bodies(reading)] == [("B",), ("A",), ("A", "C")]


def test_numbered_options_and_answers_below_a_title_block() -> None:
    rows = [
        ["磨题"], ["说明一"], ["说明二"],
        ["题干", "题型", "选择项1", "选择项2", "选择项3", "解析", "答案1", "答案2"],
        ["甲题", "多选题", "一", "二", "三", "理由", "A", "C"],
        ["乙____和____", "填空题", "", "", "", "", "五；六", "七"],
    ]  # fmt: skip
    first, second = bodies(read_bank(xlsx_bytes({"表": rows}), "x.xlsx"))
    assert (first.answer, [option.text for option in first.options]) == (("A", "C"), ["一", "二", "三"])
    assert [gap.accepted for gap in second.gaps] == [("五；六",), ("七",)]


def test_english_headings_with_an_index_and_no_kinds() -> None:
    rows = [["", "Question", "A", "B", "C", "D", "Answer"], ["0", "Which?", "w", "x", "y", "z", "D"],
            ["1", "Which two?", "w", "x", "y", "z", "A,B"]]  # fmt: skip
    reading = read_bank(csv_bytes(rows), "x.csv")
    assert [body.answer for body in bodies(reading)] == [("D",), ("A", "B")]
    assert [placed.label for placed in reading.items] == ["0", "1"]
    assert [note.code for note in reading.warnings] == ["kinds_inferred"]


def test_cells_that_look_like_formulas_are_text() -> None:
    rows = [["题型", "题干", "选项A", "选项B", "答案"], ["单选题", "=cmd|'/C calc'!A0", "+1", "-1", "A"]]
    (body,) = bodies(read_bank(csv_bytes(rows), "x.csv"))
    assert (body.stem, body.options[0].text) == ("=cmd|'/C calc'!A0", "+1")


def test_rows_after_an_open_quote_are_not_swallowed_in_silence() -> None:
    text = '题型,题干,选项A,选项B,答案\n单选题,好的,甲,乙,A\n单选题,"坏的,甲,乙,B\n判断题,后一题,,,对\n'
    reading = read_bank(text.encode(), "x.csv")
    assert len(reading.items) == 1
    assert [(fault.code, fault.place) for fault in reading.rejected] == [("rows_after_quotes", "row 3")]


STRANGE = [
    ["考察点", "考题正文", "首项", "次项", "末项", "正解"],
    ["甲", "发现火情怎么办？", "跑", "报警", "等", "B"],
]


def test_columns_that_nobody_knows_are_asked_with_a_suggestion() -> None:
    reading = read_bank(csv_bytes(STRANGE), "x.csv")
    assert (reading.format, reading.items) == ("unmapped-csv", ())
    assert reading.wish is not None
    assert reading.wish.columns == tuple(STRANGE[0])
    assert len(reading.wish.template) == 64
    assert (reading.wish.suggested_columns["考题正文"], reading.wish.suggested_columns["正解"]) == (
        "stem",
        "answer",
    )


def test_declared_columns_read_the_file() -> None:
    columns = {
        "考题正文": "stem",
        "首项": "option_A",
        "次项": "option_B",
        "末项": "option_C",
        "正解": "answer",
    }
    reading = read_bank(csv_bytes(STRANGE), "x.csv", declared=Declared(columns))
    (body,) = bodies(reading)
    assert (body.stem, body.answer, len(body.options)) == ("发现火情怎么办？", ("B",), 3)
    assert {note.params.get("column") for note in reading.warnings} == {None, "考察点"}


def test_a_suggestion_by_likeness() -> None:
    rows = [
        ["序", "试题的题干内容", "A项", "B项", "标准正确答案", "试题难易度"],
        ["1", "题", "甲", "乙", "A", "易"],
    ]
    wish = read_bank(csv_bytes(rows), "x.csv").wish
    assert wish is not None
    assert dict(wish.suggested_columns) == {
        "试题的题干内容": "stem", "A项": "option_A", "B项": "option_B", "标准正确答案": "answer", "试题难易度": "difficulty",
    }  # fmt: skip
    reading = read_bank(csv_bytes(rows), "x.csv", declared=Declared(wish.suggested_columns))
    assert (bodies(reading)[0].answer, reading.items[0].item.facts.difficulty) == (("A",), 2)


def test_a_table_without_a_stem_is_asked_and_nothing_suggested() -> None:
    wish = read_bank(
        csv_bytes([["姓名", "证件", "电话"], ["张", "12", "34"], ["李", "13", "35"]]), "x.csv"
    ).wish
    assert wish is not None
    assert "answer" not in wish.suggested_columns.values()


@pytest.mark.parametrize(
    "text",
    [
        "1、下列关于消防的说法，正确的是，（  ）\nA. 甲，乙\nB. 丙\n正确答案：B\n",
        "一、单选题\n1. 用量是（A）kg\t（B）t\n答案：A\n",
        "::题:: 1+1 {=2 ~3}\n",
        "只有一行",
        "姓名,证件\n张,1\n",
    ],
)
def test_prose_is_left_to_other_formats(text: str) -> None:
    assert FORMAT.sniff(Source(text.encode(), "x.txt")) == ""


def test_archives_that_hold_no_table_are_left_to_other_formats() -> None:
    package = zipped({"imsmanifest.xml": b"<manifest/>", "questions.xlsx": b"PK"})
    assert FORMAT.sniff(Source(package, "x.zip")) == ""
    assert FORMAT.sniff(Source(zipped({"a.png": b"x"}), "x.zip")) == ""


def test_an_old_workbook_that_cannot_be_read_says_what_to_do() -> None:
    with pytest.raises(InputRefused) as caught:
        read_bank(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(4096), "旧.xls")
    assert caught.value.problems[0].code == "file_old_office"


def codes(reading: BankReading) -> list[tuple[str, str]]:
    return [(fault.code, fault.place) for fault in reading.rejected]


def test_options_in_one_cell_whose_letters_leave_one_out_are_refused() -> None:
    rows = [
        ["题型", "题干", "选项", "答案"],
        ["单选", "甲", "A. 一|C. 二|D. 三", "B"],
        ["单选", "乙", "一||二", "C"],
    ]
    reading = read_bank(csv_bytes(rows), "x.csv")
    assert (reading.items, codes(reading)) == ((), [("option_keys", "row 2"), ("empty_option", "row 3")])


SHIFTED = [
    ["题干", "选项A", "选项B", "答案", "解析"],
    ["甲", "一", "二", "A", ""],
    ["乙", "丙", "一", "二", "B", ""],
]


def test_a_row_that_an_unquoted_comma_shifts_is_refused() -> None:
    reading = read_bank(csv_bytes(SHIFTED), "x.csv")
    assert len(reading.items) == 1
    assert codes(reading)[0] == ("row_too_long", "row 3")
    alone = read_bank(csv_bytes([SHIFTED[0], SHIFTED[2]]), "x.csv")
    assert (alone.items, codes(alone)[0]) == ((), ("row_too_long", "row 2"))


def test_empty_cells_beyond_the_headings_of_all_rows_are_nothing() -> None:
    rows = [SHIFTED[0], *([stem, "一", "二", "A", "", "", ""] for stem in "甲乙丙")]
    assert len(bodies(read_bank(csv_bytes(rows), "x.csv"))) == 3
    rows[2][6] = "余"
    padded = read_bank(csv_bytes([[*rows[0], "", ""], *rows[1:]]), "x.csv")
    assert (len(padded.items), codes(padded)) == (2, [("row_too_long", "row 3")])


def test_a_sheet_named_instructions_is_read_when_it_holds_items_and_mentioned_otherwise() -> None:
    rows = [["题型", "题干", "答案"], ["判断", "甲", "对"]]
    sheets = {"题库说明与试题": rows, "填写说明": [["请逐行填写"]], "表": [rows[0], ["判断", "乙", "错"]]}
    reading = read_bank(xlsx_bytes(sheets), "x.xlsx")
    assert [body.stem for body in bodies(reading)] == ["甲", "乙"]
    assert [(note.code, note.place) for note in reading.warnings] == [("sheet_ignored", "填写说明")]


@pytest.mark.parametrize(
    "again", [["题型", "题干", "选项B", "选项A", "答案"], ["Type", "Question", "B", "A", "Answer"]]
)
def test_a_header_among_the_rows_holds_for_those_below_it(again: list[str]) -> None:
    first = ["题型", "题干", "选项A", "选项B", "答案"]
    rows = [first, ["单选", "甲", "一", "二", "A"], again, ["单选", "乙", "二", "一", "A"]]
    reading = read_bank(xlsx_bytes({"表": rows}), "x.xlsx")
    assert [[option.text for option in body.options] for body in bodies(reading)] == [["一", "二"]] * 2
    repeated = read_bank(xlsx_bytes({"表": [*rows[:2], first, *rows[3:]]}), "x.xlsx")
    assert len(bodies(repeated)) == 2


def test_a_kind_that_does_not_exist_is_refused_as_a_declaration() -> None:
    with pytest.raises(InputRefused) as caught:
        read_bank(csv_bytes(SHIFTED[:2]), "x.csv", declared=Declared(codes={"9": "foo"}))
    assert caught.value.problems[0].code == "kind_not_known"


def test_a_cell_longer_than_a_workbook_holds_refuses_its_row() -> None:
    rows = [SHIFTED[0], ["甲", "一", "二", "A", "理" * 32_768], ["乙", "一", "二", "A", "理" * 1_000]]
    reading = read_bank(csv_bytes(rows), "x.csv")
    assert (len(reading.items), codes(reading)) == (1, [("cell_too_big", "row 2")])


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("解析", "来源：甲" + " " * 32_000 + "乙"),
        ("认定点代码", "(" * 32_000),
        ("(" * 32_000, ""),
        ("答案", "." * 32_000 + "甲"),
        ("选项", " " * 32_000 + "甲"),
        ("答案", "甲" + " " * 32_000 + "乙"),
    ],
)
def test_no_cell_takes_longer_than_its_length_explains(column: str, cell: str) -> None:
    filled = {"题型": "数值", "题干": "甲", "答案": "1", "选项": "一|二", column: cell}
    began = time.process_time()
    read_bank(csv_bytes([list(filled), list(filled.values())]), "x.csv")
    assert time.process_time() - began < 1  # quadratic ones took minutes
