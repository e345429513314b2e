"""What makes a template of a score sheet sound: each fault by its place, and nothing for a sound one."""

from dataclasses import replace
from decimal import Decimal

import pytest

from itembank.sheet_template import (
    Deduction,
    Notice,
    OvertimeStep,
    SheetItem,
    Supply,
    Task,
    Template,
    Veto,
    digest,
    faults,
)

ITEM = SheetItem("1.1", "巡查", Decimal(60), "每漏一处扣 5 分", (Deduction("a", "漏查", Decimal(5), True),))
OTHER = SheetItem("1.2", "记录", Decimal(40))
TASK = Task("1", "巡逻", Decimal(100), (ITEM, OTHER), (Veto("V1", "危险动作", "fail"),))
TEMPLATE = Template("u", 1, "巡逻评分表", "practical", Decimal(30), (TASK,))


def _with_task(**change: object) -> Template:
    return replace(TEMPLATE, tasks=(replace(TASK, **change),))


def _with_item(**change: object) -> Template:
    return _with_task(items=(replace(ITEM, **change), OTHER))


def _with_deduction(**change: object) -> Template:
    return _with_item(deductions=(replace(ITEM.deductions[0], **change),))


def _with_steps(*steps: OvertimeStep) -> Template:
    return _with_task(overtime=steps)


def _weights(*weights: str) -> Template:
    def task(n: int, weight: str) -> Task:
        items = (SheetItem(f"{n}.1", "项", Decimal(10)),)
        return Task(str(n), "题", Decimal(weight), items, full=Decimal(10))

    return replace(TEMPLATE, tasks=tuple(task(n, each) for n, each in enumerate(weights, 1)))


STEP = OvertimeStep(60, Decimal(5))
LONG = "长" * 601


@pytest.mark.parametrize(
    "template",
    [
        TEMPLATE,
        _weights("33.3", "33.3", "33.4"),
        _with_item(number="1-a"),
        _with_deduction(most=Decimal(5)),
        _with_deduction(points=Decimal(60)),
        _with_steps(STEP, OvertimeStep(61, Decimal(5), stop=True)),
        _with_steps(OvertimeStep(60, Decimal(0), stop=True)),
        _with_task(vetoes=(Veto("V1", "未着装", "item_zero", "1.2"),)),
        replace(TEMPLATE, minutes=Decimal("0.5"), component="review"),
        replace(TEMPLATE, notice=Notice((Supply("灭火器", count="1"),), site_text="场地平整")),
    ],
)
def test_a_sound_template_has_no_faults(template: Template) -> None:
    assert faults(template) == []


@pytest.mark.parametrize(
    ("template", "code", "place"),
    [
        (replace(TEMPLATE, title=" "), "sheet_text_missing", "title"),
        (replace(TEMPLATE, title="长" * 121), "sheet_text_long", "title"),
        (replace(TEMPLATE, component="theory"), "sheet_component", "component"),
        (replace(TEMPLATE, minutes=Decimal(0)), "sheet_minutes", "minutes"),
        (replace(TEMPLATE, minutes=Decimal("600.5")), "sheet_minutes", "minutes"),
        (replace(TEMPLATE, tasks=()), "sheet_nothing", "tasks"),
        (_weights("33.3", "33.3", "33.3"), "sheet_weights", "tasks"),
        (_weights("50", "50.1"), "sheet_weights", "tasks"),
        (_weights("100", "0"), "sheet_points", "tasks[1].weight"),
        (_with_task(number="1 "), "sheet_number", "tasks[0].number"),
        (_with_task(title=""), "sheet_text_missing", "tasks[0].title"),
        (_with_task(full=Decimal("99.9")), "sheet_task_sum", "tasks[0].items"),
        (_with_task(items=()), "sheet_nothing", "tasks[0].items"),
        (_with_item(points=Decimal("60.1")), "sheet_task_sum", "tasks[0].items"),
        (_with_item(points=Decimal("60.05")), "sheet_points", "tasks[0].items[0].points"),
        (_with_item(points=Decimal(-60)), "sheet_points", "tasks[0].items[0].points"),
        (_with_item(number="1.2"), "sheet_twice", "tasks[0].items[1].number"),
        (_with_item(content=LONG), "sheet_text_long", "tasks[0].items[0].content"),
        (_with_item(criterion=LONG), "sheet_text_long", "tasks[0].items[0].criterion"),
        (_with_deduction(code=""), "sheet_number", "tasks[0].items[0].deductions[0].code"),
        (_with_deduction(text=""), "sheet_text_missing", "tasks[0].items[0].deductions[0].text"),
        (_with_deduction(points=Decimal("0.25")), "sheet_points", "tasks[0].items[0].deductions[0].points"),
        (
            _with_deduction(points=Decimal("60.1")),
            "sheet_deduction_large",
            "tasks[0].items[0].deductions[0].points",
        ),
        (_with_deduction(most=Decimal("4.9")), "sheet_most_small", "tasks[0].items[0].deductions[0].most"),
        (_with_item(deductions=ITEM.deductions * 2), "sheet_twice", "tasks[0].items[0].deductions[1].code"),
        (_with_task(vetoes=TASK.vetoes * 2), "sheet_twice", "tasks[0].vetoes[1].code"),
        (_with_task(vetoes=(Veto("V1", "x", "none"),)), "sheet_effect", "tasks[0].vetoes[0].effect"),
        (_with_task(vetoes=(Veto("V1", "x", "item_zero"),)), "sheet_veto_item", "tasks[0].vetoes[0].item"),
        (_with_task(vetoes=(Veto("V1", "x", "fail", "2.1"),)), "sheet_veto_item", "tasks[0].vetoes[0].item"),
        (_with_steps(OvertimeStep(0, Decimal(5))), "sheet_seconds", "tasks[0].overtime[0].from_seconds"),
        (_with_steps(OvertimeStep(60, Decimal(0))), "sheet_points", "tasks[0].overtime[0].points"),
        (_with_steps(STEP, STEP), "sheet_steps_order", "tasks[0].overtime[1]"),
        (_with_steps(STEP, OvertimeStep(90, Decimal(4))), "sheet_steps_order", "tasks[0].overtime[1]"),
        (
            _with_steps(replace(STEP, stop=True), OvertimeStep(90, Decimal(9))),
            "sheet_step_after_stop",
            "tasks[0].overtime[1]",
        ),
        (replace(TEMPLATE, notice=Notice((Supply(""),))), "sheet_text_missing", "notice.site[0].name"),
        (
            replace(TEMPLATE, notice=Notice((), (Supply("笔", note="长" * 121),))),
            "sheet_text_long",
            "notice.candidate[0].note",
        ),
        (
            replace(TEMPLATE, notice=Notice(candidate_text="长" * 4001)),
            "sheet_text_long",
            "notice.candidate_text",
        ),
        (
            replace(TEMPLATE, tasks=(TASK, replace(TASK, number="2"))),
            "sheet_twice",
            "tasks[1].items[0].number",
        ),
    ],
)
def test_a_fault_is_told_with_its_place(template: Template, code: str, place: str) -> None:
    assert (code, place) in {(problem.code, problem.place) for problem in faults(template)}


def test_a_template_comes_back_from_its_json() -> None:
    template = replace(_with_steps(STEP), notice=Notice((Supply("灭火器", "4 kg"),)), sample=True)
    assert Template.from_json(template.to_json()) == template


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"tasks": [{}]},
        {"minutes": "x"},
        {"minutes": "1" * 13},
        {"minutes": "1e99"},
        {"minutes": 5},
        {"notice": None},
        {"tasks": 3},
    ],
)
def test_what_is_no_template_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"template|number"):
        Template.from_json(TEMPLATE.to_json() | change)


def test_the_hash_tells_versions_apart() -> None:
    assert digest(TEMPLATE) == digest(Template.from_json(TEMPLATE.to_json()))
    assert digest(TEMPLATE) != digest(replace(TEMPLATE, version=2))
    assert digest(TEMPLATE) != digest(_with_item(points=Decimal(59)))
