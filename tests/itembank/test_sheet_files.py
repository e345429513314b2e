"""Templates out of files: our workbook comes back as it went, the usual table is read where it is unmistakable."""

import io
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.worksheet.worksheet import Worksheet

from itembank.exporting.sheet_xlsx import sheet_xlsx
from itembank.importing.criteria import read_criterion, read_overtime
from itembank.importing.sheet_file import read_sheet_file
from itembank.importing.sheet_origins import ReadTemplate
from itembank.problems import InputRefused
from itembank.sheet_diff import changes
from itembank.sheet_template import (
    Deduction,
    Notice,
    OvertimeStep,
    SheetItem,
    Supply,
    Task,
    Template,
    Veto,
    faults,
)

D = Decimal
TEMPLATE = Template(
    "",
    0,
    "巡逻与消防评分表",
    "practical",
    D(45),
    (
        Task(
            "1",
            "巡逻",
            D(60),
            (
                SheetItem(
                    "1.1",
                    "按路线巡查",
                    D(40),
                    "每漏一处扣 5 分",
                    (Deduction("a", "漏查", D(5), True, D(20)),),
                ),
                SheetItem("1.10", "口头报告", D(20), "", (), True),
            ),
            (Veto("V1", "翻越护栏", "fail"), Veto("V2", "未报告", "item_zero", "1.10")),
            (OvertimeStep(60, D(2)), OvertimeStep(180, D(5), True)),
            D(60),
        ),
        Task("2", "灭火", D(40), (SheetItem("2.1", "灭火动作", D(100), "", (), True),)),
    ),
    Notice((Supply("灭火器", "4 kg", "具", "2", "压力正常"),), (), "场地平整\n通道畅通", "着工作服"),
)


def changed(change: Callable[[openpyxl.Workbook], object], template: Template = TEMPLATE) -> bytes:
    """The workbook of a template after somebody worked on it."""
    book = openpyxl.load_workbook(io.BytesIO(sheet_xlsx(template)))
    change(book)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def read(change: Callable[[openpyxl.Workbook], object]) -> list[tuple[str, str, object]]:
    found = read_sheet_file(changed(change), "sheet.xlsx")
    return [(each.code, each.place, each.params.get("column")) for each in found.faults]


def put(sheet: str, cell: str, value: object) -> Callable[[openpyxl.Workbook], object]:
    return lambda book: book[sheet].__setitem__(cell, value)


POINTS = st.integers(1, 400).map(lambda tenths: Decimal(tenths) / 10)
WORDS = st.text("巡查报告处置记录=+-@ABC123 ，。", min_size=1, max_size=20).map(str.strip).filter(bool)


@st.composite
def templates(draw: st.DrawFn) -> Template:
    """Any sound template of one task."""
    deductions = st.builds(
        Deduction, st.just("a"), WORDS, st.integers(1, 10).map(D), st.booleans(), st.none() | st.just(D(10))
    )
    points = draw(st.lists(POINTS, min_size=1, max_size=5))
    points = [each / 5 if sum(points) >= 100 else each for each in points]
    points = [each.quantize(D("0.1")) for each in points if each >= 1] + [D(0)]
    points[-1] = D(100) - sum(points)
    items = tuple(
        SheetItem(f"1.{n}", draw(WORDS), each, draw(st.just("") | WORDS), one, draw(st.booleans()))
        for n, each in enumerate(points, 1)
        for one in [(draw(deductions),) if each >= 10 and draw(st.booleans()) else ()]
    )
    return Template(
        "",
        0,
        draw(WORDS),
        draw(st.sampled_from(["practical", "review"])),
        D(30),
        (Task("1", draw(WORDS), D(100), items),),
    )


@pytest.mark.dear
@given(templates())
@settings(max_examples=40, deadline=None)
def test_a_workbook_comes_back_as_it_went(template: Template) -> None:
    assert faults(template) == []
    found = read_sheet_file(sheet_xlsx(template), "sheet.xlsx")
    assert (found.faults, found.doubts) == ((), ())
    assert found.template == template


def test_tasks_vetoes_overtime_and_notices_come_back_too() -> None:
    found = read_sheet_file(sheet_xlsx(TEMPLATE), "sheet.xlsx")
    assert found == ReadTemplate(TEMPLATE)
    assert sheet_xlsx(TEMPLATE) == sheet_xlsx(TEMPLATE)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (put("考核信息", "B2", None), ("sheet_text_missing", "考核信息 row 2", "内容")),
        (put("考核信息", "B3", "笔试"), ("sheet_component", "考核信息 row 3", "内容")),
        (put("考核信息", "B4", "半小时"), ("sheet_cell_not_number", "考核信息 row 4", "内容")),
        (put("考核信息", "A4", "时长"), ("sheet_row_unknown", "考核信息 row 4", "项目")),
        (put("考核信息", "C5", "59"), ("sheet_weights", "比重", None)),
        (put("考核信息", "D5", "61"), ("sheet_task_sum", "考核信息 row 5", "配分")),
        (put("评分项目", "E2", "40.05"), ("sheet_points", "评分项目 row 2", "配分")),
        (put("评分项目", "E2", "四十"), ("sheet_cell_not_number", "评分项目 row 2", "配分")),
        (put("评分项目", "C2", None), ("sheet_text_missing", "评分项目 row 2", "考核内容")),
        (put("评分项目", "B3", "1.1"), ("sheet_twice", "评分项目 row 3", "序号")),
        (put("评分项目", "F3", "也许"), ("sheet_cell_not_yes", "评分项目 row 3", "必评")),
        (put("评分项目", "A4", "3"), ("sheet_task_unknown", "评分项目 row 4", "试题")),
        (put("评分项目", "I2", "45"), ("sheet_deduction_large", "评分项目 row 2", "扣分")),
        (put("评分项目", "K2", "4"), ("sheet_most_small", "评分项目 row 2", "最多扣")),
        (put("评分项目", "J2", "次"), ("sheet_cell_not_yes", "评分项目 row 2", "按次")),
        (put("评分项目", "D20", "另有标准"), ("sheet_row_unknown", "评分项目 row 20", "序号")),
        (put("评分项目", "E20", "5"), ("sheet_row_unknown", "评分项目 row 20", "序号")),
        (put("否定项", "C2", "重考"), ("sheet_effect", "否定项 row 2", "后果")),
        (put("否定项", "E3", "2.1"), ("sheet_veto_item", "否定项 row 3", "项目")),
        (put("否定项", "A3", "V1"), ("sheet_twice", "否定项 row 3", "代码")),
        (put("超时", "B2", "0"), ("sheet_seconds", "超时 row 2", "超时秒数")),
        (put("超时", "B2", "60.5"), ("sheet_seconds", "超时 row 2", "超时秒数")),
        (put("超时", "C3", "1"), ("sheet_steps_order", "超时 row 3", None)),
        (put("准备通知单", "A2", "家长"), ("sheet_side", "准备通知单 row 2", "部分")),
        (put("准备通知单", "B4", None), ("sheet_text_missing", "准备通知单 row 4", "名称")),
        (put("评分项目", "E1", "分数"), ("sheet_column_missing", "评分项目 row 1", "配分")),
        (lambda book: book["评分项目"].delete_rows(1), ("sheet_column_missing", "评分项目 row 1", "试题")),
    ],
)
def test_a_fault_is_told_by_sheet_row_and_column(
    change: Callable[[openpyxl.Workbook], object], fault: tuple[str, str, str | None]
) -> None:
    assert fault in read(change)


def test_columns_may_stand_in_any_order_and_optional_sheets_may_be_missing() -> None:
    def work(book: openpyxl.Workbook) -> None:
        for name in ("否定项", "超时", "准备通知单"):
            del book[name]
        sheet: Worksheet = book["评分项目"]
        sheet.insert_cols(1)
        for row in range(1, sheet.max_row + 1):
            sheet.cell(row, 1).value = sheet.cell(row, 4).value
            sheet.cell(row, 4).value = None

    found = read_sheet_file(changed(work), "sheet.xlsx")
    assert found.faults == ()
    assert found.template is not None
    assert [item.content for item in found.template.items()] == [item.content for item in TEMPLATE.items()]


def table(
    *rows: list[object], title: str = "消防器材操作技能考核评分表", time: str = "考核时间：10 分钟"
) -> bytes:
    """The usual score table as centres keep it."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append([title])
    sheet.append([time])
    sheet.append(["序号", "考核内容", "考核要点", "配分", "评分标准", "检测结果", "扣分", "得分", "备注"])
    for row in rows:
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_the_usual_table_is_read_with_its_joined_cells_sum_overtime_and_veto() -> None:
    found = read_sheet_file(
        table(
            [1, "准备", "检查压力", 10, "未检查不得分"],
            [2, "", "检查铅封", 20, "每漏一处扣5分，扣完为止"],
            [3, "灭火", "站位与喷射", 70, "(1)站位错误扣10分；(2)每停顿一次扣2.5分，最多扣10分"],
            ["", "合计", "", 100],
            ["否定项：对人喷射"],
            ["每超1分钟扣2分，超3分钟停止操作"],
            ["考评员：", "", "核分人：", "", "得分："],
            ["考核时间：10 分钟", "", "扣分", "", "备注"],
        ),
        "table.xlsx",
    )
    assert found.faults == ()
    assert [each.code for each in found.doubts] == ["sheet_rule_veto"]
    template = found.template
    assert template is not None
    first, second, third = template.items()
    assert (template.title, template.component, template.minutes) == (
        "消防器材操作技能考核评分表",
        "practical",
        10,
    )
    assert first.deductions == (Deduction("a", "未检查", D(10)),)
    assert (second.content, second.deductions[0].per_instance) == ("准备：检查铅封", True)
    assert third.deductions == (
        Deduction("a", "站位错误", D(10)),
        Deduction("b", "每停顿一次", D("2.5"), True, D(10)),
    )
    assert template.tasks[0].vetoes == (Veto("V1", "对人喷射", "fail"),)
    assert template.tasks[0].overtime == (
        OvertimeStep(60, D(2)),
        OvertimeStep(120, D(4)),
        OvertimeStep(180, D(6), True),
    )


def test_a_criterion_that_is_not_clear_makes_the_item_direct_and_is_told_at_its_row() -> None:
    found = read_sheet_file(
        table([1, "灭火", "", 60, "每错一处扣2分；酌情扣分"], [2, "报告", "", 40, ""]), "t.xlsx"
    )
    assert found.faults == ()
    (doubt,) = found.doubts
    assert (doubt.code, doubt.place, doubt.params["column"]) == (
        "sheet_criterion_unclear",
        "Sheet row 4",
        "评分标准",
    )
    assert found.template is not None
    assert [item.direct and item.required for item in found.template.items()] == [True, True]


def test_a_table_that_does_not_add_up_or_has_no_time_is_faulty() -> None:
    found = read_sheet_file(table([1, "灭火", "", 60, ""], time="时间见通知"), "t.xlsx")
    assert {each.code for each in found.faults} == {"sheet_task_sum", "sheet_minutes_missing"}
    bad = read_sheet_file(table([1, "灭火", "", "六十", ""], [2, "报告", "", 100, ""]), "t.xlsx")
    assert [(each.code, each.place) for each in bad.faults] == [("sheet_cell_not_number", "Sheet row 4")]


@pytest.mark.parametrize(
    "words",
    [
        "备注：发生人身伤害的，成绩不合格",
        "未填写姓名、考号的扣5分",
        "考核时间10分钟，每超1分钟扣2分",
        "操作日期未签字不得分",
    ],
)
def test_no_rule_below_the_table_is_passed_over_in_silence(words: str) -> None:
    found = read_sheet_file(table([1, "灭火", "", 100, "未检查扣5分"], [words]), "t.xlsx")
    assert [(each.code, each.place) for each in found.doubts] == [("sheet_rule_unclear", "Sheet row 5")]


def test_overtime_over_several_rows_is_one_rule() -> None:
    item: list[object] = [1, "灭火", "", 100, "未检查扣5分"]
    found = read_sheet_file(table(item, ["超时1分钟扣5分"], ["超时3分钟停止操作"]), "t.xlsx")
    assert found.doubts == ()
    assert found.template is not None
    steps = (OvertimeStep(60, D(5)), OvertimeStep(180, D(5), True))
    assert found.template.tasks[0].overtime == steps
    half = read_sheet_file(table(item, ["每超1分钟扣2分"], ["超时3分钟停止操作，成绩取消"]), "t.xlsx")
    assert [each.place for each in half.doubts] == ["Sheet row 5", "Sheet row 6"]
    assert half.template is not None
    assert half.template.tasks[0].overtime == ()


def test_a_criterion_goes_on_in_the_rows_below_its_item() -> None:
    found = read_sheet_file(
        table(
            [1, "灭火", "", 60, "未检查扣5分"],
            ["", "", "", "", "每漏一处扣2分"],
            [2, "报告", "", 20, "未报告扣5分"],
            ["", "", "", "", "酌情扣分"],
            ["", "", "", 20, "未复位扣5分"],
        ),
        "t.xlsx",
    )
    assert found.faults == ()
    assert [(each.code, each.place) for each in found.doubts] == [("sheet_criterion_unclear", "Sheet row 7")]
    assert found.template is not None
    first, second, third = found.template.items()
    assert [(d.code, d.text, d.points) for d in first.deductions] == [
        ("a", "未检查", 5),
        ("b", "每漏一处", 2),
    ]
    assert (second.direct, second.required, second.criterion) == (True, True, "未报告扣5分\n酌情扣分")
    assert (third.content, third.points) == ("报告", 20)


def test_what_is_no_score_table_is_refused() -> None:
    book = openpyxl.Workbook()
    book.active.append(["姓名", "成绩"])
    out = io.BytesIO()
    book.save(out)
    for data, code in ((out.getvalue(), "sheet_no_score_table"), (b"PK\x03\x04broken", "workbook_broken")):
        with pytest.raises(InputRefused) as caught:
            read_sheet_file(data, "x.xlsx")
        assert caught.value.problems[0].code == code


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("每错一处扣2分，扣完为止", [("每错一处", 2, True, None)]),
        ("未按要求每次扣0.5分", [("未按要求每次", D("0.5"), True, None)]),
        ("遗漏要点，每处扣 2 分。", [("遗漏要点，每处", 2, True, None)]),
        ("未检查扣5分", [("未检查", 5, False, None)]),
        ("1.未佩戴扣2分\n2.顺序错误者扣3分", [("未佩戴", 2, False, None), ("顺序错误", 3, False, None)]),
        ("选用错误该项不得分", [("选用错误", 10, False, None)]),
        ("每错一处扣2分；最多扣6分", [("每错一处", 2, True, 6)]),
        ("错一处扣2分", None),
        ("未对每个房间检查扣5分", None),
        ("酌情扣1-3分", None),
        ("操作不规范扣1～3分", None),
        ("漏报扣2分或不得分", None),
        ("动作规范", None),
        ("扣2分", None),
        ("每错一处扣2分；动作规范", None),
        ("每错一处扣2分，未做扣10分，最多扣12分", None),
        ("未做扣5分最多扣6分", None),
    ],
)
def test_only_unmistakable_criteria_are_read(text: str, read: list[tuple[object, ...]] | None) -> None:
    found = read_criterion(text, D(10))
    if read is None:
        assert found.unclear
        return
    assert found.unclear == ()
    assert [(d.text, d.points, d.per_instance, d.most) for d in found.deductions] == read


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("超时1分钟扣5分，超过3分钟停止操作", [(60, 5, False), (180, 5, True)]),
        ("每超2分钟扣1分，超6分钟停止", [(120, 1, False), (240, 2, False), (360, 3, True)]),
        ("超时30秒扣1分，超时1分钟扣3分", [(30, 1, False), (60, 3, False)]),
        ("超过5分钟终止考核", [(300, 0, True)]),
        ("每超1分钟扣2分", None),
        ("按时完成", None),
        ("每超1分钟扣1分，最多扣5分，超过10分钟停止操作", None),
        ("每超时1分钟从总分中扣2分，超时5分钟终止", None),
        ("超时不超过5分钟扣5分，超过5分钟停止", None),
        ("超时5分钟扣5分，超时10分钟不得分", None),
        ("超时1分钟扣5分，超时1分钟扣3分", None),
        ("考核时间10分钟；超时1分钟扣5分，超过3分钟停止操作", [(60, 5, False), (180, 5, True)]),
    ],
)
def test_overtime_is_read_when_it_has_an_end(text: str, steps: list[tuple[int, int, bool]] | None) -> None:
    found = read_overtime(text)
    assert (found and [(s.from_seconds, s.points, s.stop) for s in found]) == steps


def test_differences_are_told_by_the_numbers_of_their_rows() -> None:
    task = TEMPLATE.tasks[0]
    later = replace(
        TEMPLATE,
        tasks=(
            replace(
                task, items=(replace(task.items[0], points=D(35)), *task.items[1:]), vetoes=task.vetoes[:1]
            ),
            replace(TEMPLATE.tasks[1], title="初起火情"),
        ),
    )
    found = {each.place: (each.before, each.after) for each in changes(TEMPLATE, later)}
    assert found["tasks[1].items[1.1].points"] == ("40", "35")
    assert found["tasks[2].title"] == ("灭火", "初起火情")
    assert found["tasks[1].vetoes[V2]"] == ("V2 · 未报告 · item_zero · 1.10", "")
    assert changes(TEMPLATE, replace(TEMPLATE, uid="x", version=9)) == []
