"""Rosters: names of every kind, ID numbers checked, every fault with row and column."""

import io
from datetime import date
from importlib.resources import files

import openpyxl
import pytest

from exam_rooms.identity import check_character
from itembank.importing.cells import Sheet
from itembank.importing.tables import read_table
from itembank.problems import Problem
from server.rules.roster import RosterReading, clean_name, name_fault, read_roster
from tests.server.rules.sheets_for_tests import sheet

HEAD = ("姓名", "身份证号", "单位")


def id_number(sequence: int = 1, birth: str = "19900115") -> str:
    digits = f"110000{birth}{sequence:03d}"
    return digits + check_character(digits)


ID = id_number()


def read(*lines: tuple[object, ...], head: tuple[str, ...] = HEAD) -> RosterReading:
    return read_roster([sheet(head, *lines)])


def only_problem(reading: RosterReading) -> Problem:
    (problem,) = reading.problems
    return problem


def test_the_sample_roster_is_right() -> None:
    data = (files("server") / "samples" / "roster_sample.csv").read_bytes()
    reading = read_roster(read_table(data, "roster_sample.csv"), today=date(2026, 3, 14))
    assert reading.problems == [] and reading.warnings == []
    assert len(reading.entries) == 12
    names = [entry.name for entry in reading.entries]
    assert {"王㼆例", "吉𠮷例", "阿卜杜拉·示例"} <= set(names)
    assert any(entry.id_number.endswith("X") for entry in reading.entries)
    assert all("示例" in entry.name + entry.employer for entry in reading.entries)


def test_a_roster_from_a_spreadsheet() -> None:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    page.title = "考生"
    for line in [
        ("某批次名册",),
        HEAD,
        ("示例 甲", ID, "示例公司"),
        ("示例乙", int(id_number(2)[:17] + "0"), ""),
    ]:
        page.append(line)
    file = io.BytesIO()
    book.save(file)
    reading = read_roster(read_table(file.getvalue(), "名册.xlsx"))
    (entry,) = reading.entries
    assert (entry.place, entry.name, entry.id_number) == ("考生 row 3", "示例甲", ID)
    problem = only_problem(reading)
    assert (problem.code, problem.place) == ("id_as_number", "考生 row 4")
    assert problem.params["column"] == "身份证号"


def test_all_fields() -> None:
    head = ("序号", "姓 名", "证件号码（必填）", "工作单位", "准考证号", "照片")
    (entry,) = read(("1", "示例甲", ID.lower(), " 示例  公司 ", "a-100 1", "a.jpg"), head=head).entries
    assert (entry.employer, entry.ticket, entry.photo) == ("示例 公司", "A1001", "a.jpg")


@pytest.mark.parametrize(
    "heading",
    [
        "身份证号",
        "身份证号码",
        "证件号码",
        " 证件号 ",
        "身份证号\n（18位）",
        "【必填】身份证号",
        "ID Number",
        "身份证号:",
    ],
)
def test_headings_as_people_write_them(heading: str) -> None:
    assert len(read(("示例甲", ID), head=("姓名", heading)).entries) == 1


def test_the_headings_may_stand_below_a_title_and_on_a_later_sheet() -> None:
    notes = sheet(("填写说明",), ("姓名必须与证件一致",), name="说明")
    roster = sheet(("名册",), ("",), HEAD, ("示例甲", ID, ""), name="名册")
    (entry,) = read_roster([notes, roster]).entries
    assert entry.place == "名册 row 4"


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("", "id_missing"),
        ("11000019900115001", "id_shape"),
        ("110105491231002", "id_15_digits"),
        ("990000199001150016", "id_province"),
        ("110000199013150016", "id_birth_date"),
        (ID[:-1] + ("1" if ID[-1] != "1" else "2"), "id_check_digit"),
        (110000199001150016, "id_as_number"),
        ("1.10000199001E+17", "id_as_number"),
    ],
)
def test_id_faults(cell: object, code: str) -> None:
    reading = read(("示例甲", cell, ""))
    problem = only_problem(reading)
    assert (problem.code, problem.place, problem.params["column"]) == (code, "row 2", "身份证号")
    assert reading.entries == []


def test_messages_never_carry_a_whole_id_number() -> None:
    wrong = ID[:-1] + ("1" if ID[-1] != "1" else "2")
    assert wrong not in str(only_problem(read(("示例甲", wrong, ""))).params)


def test_today_is_the_last_day_of_birth() -> None:
    born = id_number(1, "20080512")
    page = sheet(HEAD, ("示例甲", born, ""))
    assert read_roster([page], today=date(2008, 5, 12)).problems == []
    assert [each.code for each in read_roster([page], today=date(2008, 5, 11)).problems] == ["id_birth_date"]


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("王㼆", None),
        ("𠮷", None),
        ("阿卜杜·外力", None),
        ("阿卜杜拉·示例", None),
        ("二〇", None),
        ("Anna-Maria O'Neil", None),
        ("\U00031350", None),  # an ideograph newer than this Python's tables
        ("甲" * 50, None),
        ("甲" * 51, "name_too_long"),
        ("", "name_missing"),
        ("   ", "name_missing"),
        ("王?", "name_damaged"),
        ("王？", "name_damaged"),
        ("王\ufffd", "name_damaged"),
        ("王□", "name_damaged"),
        ("王\ue863", "name_private_use"),
        ("王\x07", "name_bad_character"),
        ("王\u202e", "name_bad_character"),
        ("⿰王王", "name_bad_character"),
        ("=cmd", "name_bad_character"),
        ("张三1", "name_bad_character"),
    ],
)
def test_names(name: str, fault: str | None) -> None:
    assert name_fault(clean_name(name)) == fault


@pytest.mark.parametrize(
    ("typed", "clean"),
    [
        ("张　三", "张三"),
        (" 张 三 ", "张三"),
        ("阿卜杜•外力", "阿卜杜·外力"),
        ("阿卜杜・外力", "阿卜杜·外力"),
        ("Anna  Maria", "Anna Maria"),
        ("\ufa1e", "\ufa1e"),  # a compatibility ideograph stays as it is
        ("e\u0301", "e\u0301"),
    ],
)
def test_cleaning_of_names(typed: str, clean: str) -> None:
    assert clean_name(typed) == clean


def test_a_name_fault_has_its_place() -> None:
    problem = only_problem(read(("", ID, "示例公司")))
    assert (problem.code, problem.place, problem.params["column"]) == ("name_missing", "row 2", "姓名")


def test_every_fault_of_a_file_is_told() -> None:
    reading = read(("", "", "某公司"), ("示例甲", ID, "长" * 121), ("示例乙", id_number(2), ""))
    assert [(p.code, p.place) for p in reading.problems] == [
        ("name_missing", "row 2"),
        ("id_missing", "row 2"),
        ("cell_too_long", "row 3"),
    ]
    assert [entry.name for entry in reading.entries] == ["示例乙"]


def test_the_same_person_twice_names_both_rows() -> None:
    problem = only_problem(read(("示例甲", ID, ""), ("示例乙", id_number(2), ""), ("示例甲", ID.lower(), "")))
    assert (problem.code, problem.place, problem.params["first"]) == ("id_twice", "row 4", "row 2")


@pytest.mark.parametrize(
    ("tickets", "codes"),
    [
        (("A001", "A002"), []),
        (("", ""), []),
        (("A001", "a-001"), ["ticket_twice"]),
        ((2603140, "A2"), ["ticket_as_number", "ticket_shape"]),
        (("准1", "A002"), ["ticket_shape"]),
        (("A" * 25, "A" * 24), ["ticket_shape"]),
    ],
)
def test_tickets(tickets: tuple[object, object], codes: list[str]) -> None:
    head = ("姓名", "身份证号", "准考证号")
    reading = read(("示例甲", ID, tickets[0]), ("示例乙", id_number(2), tickets[1]), head=head)
    assert [problem.code for problem in reading.problems] == codes


def test_other_columns_are_told_but_do_no_harm() -> None:
    head = ("序号", "姓名", "身份证号", "性别", "手机", "姓名")
    reading = read(("1", "示例甲", ID, "男", "1", "x"), head=head)
    assert len(reading.entries) == 1
    assert [(each.code, each.params["column"]) for each in reading.warnings] == [
        ("heading_ignored", "性别"),
        ("heading_ignored", "手机"),
        ("heading_repeated", "姓名"),
    ]


@pytest.mark.parametrize(
    ("sheets", "code"),
    [
        ([], "roster_no_header"),
        ([Sheet("空", ())], "roster_no_header"),
        ([sheet(("a", "b"), ("1", "2"))], "roster_no_header"),
        ([sheet(("姓名", "单位"), ("示例甲", "x"))], "heading_missing"),
        ([sheet(HEAD)], "roster_without_rows"),
        ([sheet(HEAD, ("", "", ""))], "roster_without_rows"),
        ([sheet(*[("注",)] * 10, HEAD, ("示例甲", ID, ""))], "roster_no_header"),
    ],
)
def test_files_that_are_no_roster(sheets: list[Sheet], code: str) -> None:
    assert [problem.code for problem in read_roster(sheets).problems] == [code]


def test_the_headings_may_stand_in_the_tenth_row() -> None:
    assert len(read_roster([sheet(*[("注",)] * 9, HEAD, ("示例甲", ID, ""))]).entries) == 1
