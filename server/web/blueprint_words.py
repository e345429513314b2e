"""Where a fault of a blueprint stands, in the words of its page: "scopes[0].weight" is 鉴定范围“A”：比重."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _

from itembank.problems import Problem
from server.messages import N_
from server.web.forms import sentence_of
from server.web.words import kind_name

FIELDS: dict[str, str] = {
    "title": N_("名称"),
    "occupation": N_("职业"),
    "level": N_("等级"),
    "size": N_("试卷题数"),
    "sample": N_("示例"),
    "scopes": N_("鉴定范围"),
    "children": N_("下级"),
    "points": N_("鉴定点"),
    "kinds": N_("题型与分值"),
    "scoring": N_("计分方式"),
    "bands": N_("难度"),
    "importance": N_("重要程度"),
    "seconds_max": N_("预计用时上限（秒）"),
    "recent_max": N_("近期用过的题上限"),
    "expected_score": N_("预期得分"),
    "target": N_("目标"),
    "tolerance": N_("允差"),
    "code": N_("代码"),
    "name": N_("名称"),
    "weight": N_("比重"),
    "count": N_("题量"),
}
POINTS_EACH = N_("每题分值")
SCORING: dict[str, str] = {"all": N_("全对才得分"), "per_part": N_("按对的部分得分")}
STEP = re.compile(r"([^.\[\]]+)(?:\[([0-9]+)\])?")
NOT_IN_ID = re.compile(r"[^A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault for eyes: `id` of the input it belongs to, where that is in words, and what is wrong."""

    id: str
    where: str
    why: str


def faults_shown(problems: Iterable[Problem], fields: Mapping[str, Any]) -> list[Fault]:
    """The problems of a draft whose fields are the sketch `fields`."""
    return [
        Fault(input_id(each.place), place_of(each.place, fields), sentence_of(each.code, each.params))
        for each in problems
    ]


def input_id(place: str) -> str:
    """The id that an input of the editor has: scopes[0].weight -> f-scopes-0-weight."""
    return "f-" + NOT_IN_ID.sub("-", place).strip("-")


def place_of(place: str, fields: Mapping[str, Any]) -> str:
    """A path in the reader's language; names come out of the sketch. A path of no field shows itself."""
    steps = STEP.findall(place)
    if not steps or steps[0][0] not in FIELDS:
        return place
    if steps[0][0] == "scopes":
        return _scope_place(steps, fields)
    if steps[0][0] in ("kinds", "scoring") and len(steps) > 1:
        words = [kind_name(steps[1][0]), _kind_field(steps)]
    else:
        words = [_field(steps[0][0]), *(_field(name) for name, _index in steps[1:])]
    return " · ".join(words)


def _scope_place(steps: list[tuple[str, str]], fields: Mapping[str, Any]) -> str:
    entry, words = fields, [_field("scopes")]
    for name, index in steps:
        found = entry.get(name) if isinstance(entry, Mapping) else None
        if index == "" or not isinstance(found, list) or int(index) >= len(found):
            if name != "scopes":
                words.append(_field(name))
            break
        entry = found[int(index)]
        named = f"{entry.get('code', '')} {entry.get('name', '')}".strip()
        number = _("第 %(n)s 个", n=int(index) + 1)
        words = [_field("points" if name == "points" else "scopes"), named or number]
    return " · ".join(words)


def _kind_field(steps: list[tuple[str, str]]) -> str:
    if steps[0][0] == "scoring":
        return _field("scoring")
    last = steps[-1][0]
    return _(POINTS_EACH) if last == "points" else _field(last if last in FIELDS else "kinds")


def _field(name: str) -> str:
    return _(FIELDS[name]) if name in FIELDS else name


def part_of(part: str, of: str) -> str:
    """What a line of a comparison is about."""
    named = kind_name(of) if part in ("kinds", "scoring") else of
    return f"{_field(part)} {named}".strip()
