"""Words for the parts of a score sheet's template, where a difference is told."""

import re

from flask import Blueprint
from flask_babel import gettext as _

from server.messages import N_

bp = Blueprint("template_words", __name__)
_STEP = re.compile(r"(?P<name>[a-z_]+)(?:\[(?P<number>[^\]]+)\])?")
PARTS = {
    "title": N_("名称"),
    "component": N_("科目"),
    "minutes": N_("考核时间"),
    "sample": N_("示例"),
    "notice": N_("准备通知单"),
    "site": N_("考场"),
    "candidate": N_("考生"),
    "site_text": N_("考场说明"),
    "candidate_text": N_("考生说明"),
    "tasks": N_("考核试题"),
    "items": N_("评分项"),
    "vetoes": N_("否定项"),
    "overtime": N_("超时"),
    "deductions": N_("扣分项"),
    "number": N_("序号"),
    "weight": N_("比重"),
    "full": N_("满分"),
    "content": N_("考核内容"),
    "points": N_("分数"),
    "criterion": N_("评分标准"),
    "required": N_("必评"),
    "code": N_("代码"),
    "text": N_("内容"),
    "per_instance": N_("按次"),
    "most": N_("最多扣"),
    "effect": N_("后果"),
    "item": N_("评分项"),
    "from_seconds": N_("超时秒数"),
    "stop": N_("停止操作"),
}


@bp.app_template_global("change_place")
def change_place(place: str) -> str:
    """ "tasks[1].items[1.3].points" as 试题 1 · 项目 1.3 · 分数."""
    words = []
    for found in _STEP.finditer(place):
        part = found["name"]
        name = _(PARTS[part]) if part in PARTS else part
        words.append(f"{name} {found['number']}" if found["number"] else str(name))
    return " · ".join(words)
