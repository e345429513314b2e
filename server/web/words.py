"""Names of domain things in the reader's language, for every template."""

from collections.abc import Mapping

from flask import Blueprint
from flask_babel import gettext as _

from server.messages import N_
from server.services.batches import occupations
from server.web.guard import say

bp = Blueprint("words", __name__)
KINDS = {
    "single": N_("单选题"),
    "multiple": N_("多选题"),
    "true_false": N_("判断题"),
    "text": N_("填空题"),
    "numeric": N_("计算填空题"),
    "inline_choice": N_("选词填空题"),
    "match": N_("匹配题"),
    "order": N_("排序题"),
    "hotspot": N_("图上选择题"),
    "essay": N_("问答题"),
    "case": N_("案例题"),
    "practical": N_("操作技能题"),
    "unsupported": N_("不支持的题型"),
}
DUTIES = {"normal": N_("普通座位"), "spare": N_("备用座位"), "broken": N_("停用座位")}
ROOM_KINDS = {"standard": N_("标准考场"), "smart": N_("智能考场"), "practical": N_("实操考场")}
STEPS = {
    "papers": N_("选定试卷"),
    "roster": N_("考生名册"),
    "staff": N_("监考安排"),
    "seating": N_("编排座位"),
    "lock": N_("锁定座位"),
    "pairing": N_("考试机配对"),
    "package": N_("密封试卷包"),
    "release": N_("启封"),
    "running": N_("开考"),
    "collected": N_("收卷"),
    "marked": N_("评分"),
    # of a room that a panel assesses
    "template": N_("选定评分表"),
    "panel": N_("考评小组"),
    "order": N_("抽取顺序和工位"),
    "template_release": N_("启封评分表"),
    "assessment": N_("开始考核"),
    "scored": N_("统分、核分"),
}
PROOF = {
    "kind": N_("题型"),
    "scope": N_("鉴定范围"),
    "band": N_("难度"),
    "importance": N_("重要程度"),
    "overlap": N_("重题"),
    "points": N_("总分"),
    "per_point": N_("同一鉴定点"),
    "kind_area": N_("题型与领域"),
    "area_points": N_("领域分值"),
    "length": N_("题数"),
    "enemy": N_("互斥题组"),
    "stimulus": N_("题干材料数"),
    "stimulus_whole": N_("不完整的题组"),
    "seconds": N_("预计用时（秒）"),
    "recent": N_("近期用过的题"),
    "key": N_("答案字母"),
    "characteristic": N_("特征值"),
    "information": N_("信息量"),
    "expected_score": N_("预期得分"),
    "fixed": N_("缺少的必选题"),
    "forbidden": N_("含有的禁用题"),
}

LAYOUTS = {
    "guobiao": N_("国标 17 列"),
    "guojiatiku": N_("国家题库"),
    "kaoshibao": N_("考试宝"),
    "motibang": N_("磨题帮"),
    "generic": N_("通用表格"),
    "unmapped": N_("自定表格"),
    "blueprint": N_("细目表"),
    "text": N_("文本模板"),
    "json": N_("JSON 试题"),
    "docx": N_("Word 文档"),
    "qti": "QTI",
    "moodle": "Moodle",
    "gift": "GIFT",
    "aiken": "Aiken",
}


@bp.app_template_global("kind_name")
def kind_name(kind: object) -> str:
    """An item kind."""
    return _(KINDS[str(kind)]) if str(kind) in KINDS else str(kind)


@bp.app_template_global("occupation_name")
def occupation_name(occupation: str) -> str:
    """An occupation by its key in the profiles; its name is Chinese in every language, as on certificates."""
    return next((name for key, name, _level, _level_name in occupations() if key == occupation), occupation)


@bp.app_template_global("level_name")
def level_name(occupation: str, level: int) -> str:
    """A level of an occupation by its name."""
    names = [entry for key, _name, number, entry in occupations() if (key, number) == (occupation, level)]
    return names[0] if names else _("%(level)s 级", level=level)


def level_choices() -> list[tuple[str, str]]:
    """Every occupation and level as a choice: ("baowei/3", "保卫管理员 · 三级/高级工"); none is preset."""
    return [("", str(_("请选择")))] + [
        (f"{key}/{level}", f"{name} · {level_name}") for key, name, level, level_name in occupations()
    ]


@bp.app_template_global("format_name")
def format_name(name: str) -> str:
    """The format of a bank file: layout and kind of table."""
    layout, _sep, table = name.partition("-")
    known = str(_(LAYOUTS[layout])) if layout in LAYOUTS else layout
    return f"{known} · {table.upper()}" if table not in ("", "text", "template", "items") else known


@bp.app_template_global("step_name")
def step_name(step: str) -> str:
    """A step of a room's sitting."""
    return str(_(STEPS[step]))


@bp.app_template_global("proof_name")
def proof_name(name: str) -> str:
    """What a line of the proof counts."""
    return _(PROOF[name]) if name in PROOF else name


@bp.app_template_global("proof_of")
def proof_of(line: Mapping[str, str], scopes: Mapping[str, str]) -> str:
    """Of what a line of the proof counts: the kind, the scope with its name, the other form."""
    of = line["of"]
    if line["name"] == "kind":
        return kind_name(of)
    if line["name"] == "scope":
        return f"{of} {scopes.get(of, '')}".strip()
    return str(_("与 %(letter)s 卷", letter=of)) if line["name"] == "overlap" else of


@bp.app_template_global("seat_kind")
def seat_kind(kind: str) -> str:
    """What a seat is for."""
    return _(DUTIES[kind]) if kind in DUTIES else kind


@bp.app_template_global("room_kind")
def room_kind(kind: str) -> str:
    """What kind of room it is."""
    return _(ROOM_KINDS[kind]) if kind in ROOM_KINDS else kind


@bp.app_template_global("shortage_text")
def shortage_text(shortage: Mapping[str, object]) -> str:
    """What the bank lacks for an assembly, in words; empty parts mean any."""
    anything = _("不限")
    words = {name: value or anything for name, value in shortage.items()}
    if shortage.get("kind"):
        words["kind"] = kind_name(shortage["kind"])
    if shortage.get("name"):
        words["name"] = proof_name(str(shortage["name"]))
    if shortage.get("name") == "kind":
        words["of"] = kind_name(shortage["of"])
    return say(f"shortage_{shortage['reason']}", words)
