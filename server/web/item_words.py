"""Items in the reader's words: where they may go next, what their figures say, which field changed."""

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from flask import Blueprint
from flask_babel import gettext as _

from itembank.item_diff import Change
from itembank.statistics import LEAST_FOR_DISCRIMINATION, LEAST_FOR_FACILITY
from server.messages import N_
from server.web.guard import current_host

bp = Blueprint("item_words", __name__)
STEPS = {
    "draft": N_("退回修改"),
    "reviewed": N_("审定通过"),
    "trial": N_("试用"),
    "active": N_("启用"),
    "suspended": N_("暂停使用"),
    "retired": N_("已停用"),
}
STATUSES = ("draft", "reviewed", "trial", "active", "suspended", "retired")
FLAGS = {
    "too_hard": N_("过难：平均只得到不足两成的分"),
    "too_easy": N_("过易：几乎人人答对"),
    "key_suspect": N_("请核对答案：成绩好的考生反而答错"),
    "weak": N_("区分度低：答对与否几乎与水平无关"),
}
LACKING = {"point": N_("鉴定点"), "difficulty": N_("难度"), "flaw": N_("改写文件中的缺陷")}
FIELDS = {
    "point": N_("鉴定点"),
    "kind": N_("题型"),
    "difficulty": N_("难度"),
    "consistency": N_("一致性"),
    "importance": N_("重要程度"),
    "path": N_("分类路径"),
    "enemy": N_("互斥题组"),
    "seconds": N_("预计用时（秒）"),
    "markup": N_("文字格式"),
    "stem": N_("题干"),
    "option": N_("选项"),
    "target": N_("右侧选项"),
    "gap": N_("空"),
    "answer": N_("答案"),
    "most": N_("最多选几个"),
    "picture": N_("题图"),
    "area": N_("区域"),
    "criterion": N_("评分要点"),
    "explanation": N_("解析"),
    "source": N_("来源"),
    "raw": N_("文件原文"),
    "part": N_("小题"),
}
SHAPES = {"rect": N_("矩形"), "circle": N_("圆"), "poly": N_("多边形")}
SORTS = {
    "point": N_("鉴定点"),
    "uid": N_("编号"),
    "difficulty": N_("难度"),
    "uses": N_("使用次数，多的在前"),
    "last_used": N_("最近使用，早的在前"),
    "facility": N_("得分率，低的在前"),
    "discrimination": N_("区分度，低的在前"),
    "changed": N_("改动时间，近的在前"),
}


@bp.app_template_global("step_word")
def step_word(status: str) -> str:
    """What taking an item to a state is called."""
    return str(_(STEPS[status]))


@bp.app_template_global("flag_word")
def flag_word(flag: str) -> str:
    """What a figure of an item tells a person to look at."""
    return str(_(FLAGS[flag]))


@bp.app_template_global("lacking_words")
def lacking_words(names: Iterable[str]) -> str:
    """The facts that an item lacks."""
    return str(_("、")).join(str(_(LACKING[name])) for name in names)


@bp.app_template_global("day_text")
def day_text(moment: datetime | None) -> str:
    """The day of a moment on the site's calendar; nothing for none."""
    zone = ZoneInfo(current_host().settings.timezone)
    return moment.astimezone(zone).date().isoformat() if moment else ""


@bp.app_template_global("field_word")
def field_word(change: Change) -> str:
    """The field that a change is about, with its key and its part."""
    word = f"{_(FIELDS[change.field])} {change.key}".strip()
    return _("小题 %(part)s：%(field)s", part=change.part, field=word) if change.part else word


@bp.app_template_global("shape_word")
def shape_word(shape: str) -> str:
    """The shape of an area."""
    return str(_(SHAPES[shape]))


@bp.app_template_global("facility_text")
def facility_text(row: object) -> str:
    """The mean share of an item as the list shows it; a dash while too few answered."""
    return _figure(row, "facility", LEAST_FOR_FACILITY)


@bp.app_template_global("discrimination_text")
def discrimination_text(row: object) -> str:
    """The discrimination of an item likewise."""
    return _figure(row, "discrimination", LEAST_FOR_DISCRIMINATION)


def _figure(row: object, name: str, least: int) -> str:
    value, answered = getattr(row, name), int(getattr(row, "answered"))  # noqa: B009 - rows of several types
    return f"{value:.2f}" if value is not None and answered >= least else "–"
