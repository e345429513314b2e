"""Words of a score table as rules: what a criterion takes away, what overtime costs, what fails a candidate.

Only what is unmistakable is read: "每错一处扣 2 分", "未检查扣 5 分", "不得分", "最多扣 6 分", "扣完为止". A
range of points, a choice left to the examiner, "错一处扣 2 分" (once, or each time?) or words without points
are for a person to settle: then the whole criterion is unclear, since half a rule would mark wrongly.
"""

import re
from dataclasses import dataclass
from decimal import Decimal

from itembank.sheet_values import Deduction, OvertimeStep

MINUTE = 60  # seconds
STEPS_FOR_EACH = 40
"""The most steps that "每超 2 分钟扣 1 分" is written out into."""

_N = r"\s*([0-9]{1,3}(?:\.[0-9])?)\s*"
_CLAUSE = re.compile(r"[；;。\n]+|(?<=分)[，,、](?=[^，,]{0,30}(?:扣|不得分))")
_NUMBERED = re.compile(r"^\s*(?:[(（]\s*[0-9]{1,2}\s*[)）]|[0-9]{1,2}\s*[.、．)）](?![0-9])|[①-⑳])\s*")
_EACH = re.compile(
    r"(每[^，,]{1,40}?|.{1,60}?[，,]?每(?:处|项|次|个|人|点|条|步|件)(?:错误|遗漏)?)"
    rf"[，,]?\s*扣(?:去|除)?{_N}分"
)
_ONCE = re.compile(rf"(.{{2,80}}?)[，,]?\s*(?:者)?扣(?:去|除)?{_N}分")
_NOTHING = re.compile(r"(.{2,80}?)[，,]?\s*(?:者)?(?:该项|本项|此项)?不(?:得|给)分")
_HOW_OFTEN = re.compile(r"每|一(?:处|项|次|个|人|点|条|步|件)")
_MOST = re.compile(rf"(?:最多扣|扣分不超过|最高扣){_N}分")
_UNTIL = re.compile(r"(?:该项|本项)?(?:直至|直到)?(?:扣完|扣光)(?:该项|本项|配分|分值|分)?(?:为止)?")
_VAGUE = re.compile(r"酌情|适当|或|[0-9]\s*[-—–~～至到]\s*[0-9.]+\s*分|视情|左右|扣分$")
_EACH_OVER = re.compile(rf"每超(?:时|过|出)?{_N}(分钟|分|秒)[，,]?\s*扣{_N}分")
_OVER = re.compile(rf"超(?:时|过|出)?(?:时间)?{_N}(分钟|分|秒)(?:以上|及以上)?[，,]?\s*扣{_N}分")
_LEFT = re.compile(r"超|扣|每|最|得分|给分|零分|取消|不合格")  # of a rule that was not read whole
_STOP = re.compile(
    rf"超(?:时|过|出)?(?:时间)?{_N}(分钟|分|秒)(?:以上|及以上)?[，,]?\s*(?:应|须|则|即)?(?:停止|终止|结束)"
)


@dataclass(frozen=True, slots=True)
class Criterion:
    """The deductions of a criterion, and the words that could not be read; with any of these trust none."""

    deductions: tuple[Deduction, ...]
    unclear: tuple[str, ...]


def read_criterion(text: str, points: Decimal) -> Criterion:
    """The deductions of an item of so many points; codes are a, b, c in their order."""
    found: list[Deduction] = []
    unclear: list[str] = []
    for raw in _CLAUSE.split(text):
        clause = _NUMBERED.sub("", raw).strip(" ，,、.")
        if not clause or _UNTIL.fullmatch(clause):
            continue
        most = _MOST.fullmatch(clause)
        if most and found and found[-1].per_instance:
            found[-1] = _limited(found[-1], Decimal(most[1]))
            continue
        deduction = _deduction(clause, points, chr(ord("a") + len(found)))
        if deduction is None or len(found) > 25:
            unclear.append(clause[:60])
        else:
            found.append(deduction)
    return Criterion(tuple(found), tuple(unclear))


def read_overtime(text: str) -> tuple[OvertimeStep, ...] | None:
    """The steps of a rule on overtime; None when it is none, or words of it are left that may change it."""
    stops = [_seconds(found) for found in _STOP.finditer(text)]
    stop = stops[0] if len(stops) == 1 else None
    each = _EACH_OVER.search(text)
    if len(stops) > 1 or (each and stop is None):
        return None  # how often would have no end
    if _LEFT.search(_STOP.sub("", (_EACH_OVER if each else _OVER).sub("", text))):
        return None
    if each and stop is not None:
        return _written_out(_seconds(each), Decimal(each[3]), stop)
    matches = list(_OVER.finditer(text))
    steps = {_seconds(found): Decimal(found[3]) for found in matches}
    if len(steps) != len(matches) or (not steps and stop is None):
        return None
    last = max(steps.values(), default=Decimal(0))
    made = [OvertimeStep(at, lost) for at, lost in sorted(steps.items()) if stop is None or at < stop]
    return (*made, *([OvertimeStep(stop, last, stop=True)] if stop is not None else []))


def _written_out(every: int, points: Decimal, stop: int) -> tuple[OvertimeStep, ...] | None:
    times = (stop - 1) // every if every else STEPS_FOR_EACH
    if not 0 < times < STEPS_FOR_EACH:
        return None
    made = [OvertimeStep(every * n, points * n) for n in range(1, times + 1)]
    lost = points * (stop // every)
    return (*made, OvertimeStep(stop, lost, stop=True))


def _seconds(found: re.Match[str]) -> int:
    unit = 1 if found[2] == "秒" else MINUTE
    return int(Decimal(found[1]) * unit)


def _deduction(clause: str, points: Decimal, code: str) -> Deduction | None:
    if _VAGUE.search(clause):
        return None
    clause, most = _without_most(clause)
    body = _UNTIL.sub("", clause).strip(" ，,、")
    each = _EACH.fullmatch(body)
    once = None if _HOW_OFTEN.search(body) else _ONCE.fullmatch(body)
    if (found := each or once) and body.count("扣") == 1:
        made = Deduction(code, found[1].strip(), Decimal(found[2]), bool(each))
        if most is not None:
            return _limited(made, most) if each else None  # of one deduction, or of the whole item?
        return made
    nothing = _NOTHING.fullmatch(body)
    return Deduction(code, nothing[1].strip(), points) if nothing and "扣" not in body else None


def _without_most(clause: str) -> tuple[str, Decimal | None]:
    found = _MOST.search(clause)
    if found is None:
        return clause, None
    return (clause[: found.start()] + clause[found.end() :]).strip(" ，,、"), Decimal(found[1])


def _limited(deduction: Deduction, most: Decimal) -> Deduction:
    return Deduction(deduction.code, deduction.text, deduction.points, deduction.per_instance, most)
