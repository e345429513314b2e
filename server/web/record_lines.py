"""The lines of the room record for those who read it in another language than Chinese.

The record itself is one Chinese text, signed and sealed as it stands. What the server wrote into it is known
again by its shape and shown translated; what a person wrote stays as it was written.
"""

import re
from collections.abc import Iterator

from flask_babel import gettext as _

from server.messages import N_
from server.web.language import SOURCE, language

SHAPES = (
    N_("迟到入场，开考后 %(minutes)s 分钟"),
    N_("迟到 %(minutes)s 分钟，已过入场时限，不得入场，记为缺考"),
    N_("签到存疑：%(reason)s，尚未决定"),
    N_("签到存疑：%(reason)s；准许入场（%(who)s）：%(why)s"),
    N_("签到存疑：%(reason)s；不准入场（%(who)s）：%(why)s"),
    N_("纸质签到，%(who)s 补录"),
    N_("由其他考场安排到本考场（%(who)s）：%(why)s"),
    N_("名单外考生，主考决定接收（%(who)s）：%(why)s"),
    N_("%(before)s 号换到 %(after)s 号：%(why)s"),
    N_("断网，未恢复"),
    N_("断网 %(minutes)s 分钟，已恢复"),
    N_("暂停，未恢复：%(why)s"),
    N_("暂停，%(minutes)s 分钟：%(why)s"),
    N_("补时 %(minutes)s 分钟（%(who)s）：%(why)s"),
    N_("换座前后均有作答 %(count)s 题，待确认"),
    N_("换座前后均有作答 %(count)s 题，已确认合并"),
    N_("换座前后均有作答 %(count)s 题，原座位后到记录不计"),
    N_("提前结束本场，收回 %(count)s 份（%(who)s）：%(why)s"),
    N_("终止考试（%(who)s）：%(why)s"),
    N_("撤销终止或缺考，恢复考试（%(who)s）：%(why)s"),
    N_("中断后改期，收回 %(count)s 份（%(who)s）：%(why)s"),
    N_("违纪记录 %(number)s 号，条款 %(article)s（已撤回）"),
    N_("违纪记录 %(number)s 号，条款 %(article)s"),
    N_("违纪记录 %(number)s 号（已撤回）"),
    N_("违纪记录 %(number)s 号"),
    N_("试题疑问"),
)
"""Whole lines as `services.record_events`, `desk_record` and `record_acts` write them, first fit first."""
CLAUSES = (
    *(N_("离场"), N_("身体不适"), N_("没有离场"), N_("%(who)s 陪同")),
    *(N_("%(minutes)s 分钟后返回"), N_("没有返回的记录")),
)
"""Parts of a line about somebody who left, in their order."""
COVERED = re.compile(
    r"(?P<what>锁定屏幕|再次核对身份，遮住试卷|遮住试卷) (?:没有解除|(?P<minutes>[\d.]+) 分钟)，计时照常"
    r"(?:（(?:下令：(?P<put>.+?))?，?(?:解除：(?P<off>.+?))?）)?：(?P<why>.*?)(?:；解除原因：(?P<end>.*))?"
)
WORDS = {
    "锁定屏幕": N_("已锁定屏幕"),
    "再次核对身份，遮住试卷": N_("再次核对身份，遮住试卷"),
    "遮住试卷": N_("遮住试卷"),
}
CAUSES = (
    *(N_("离开答题页面"), N_("打开第二个答题页面"), N_("运行了禁用程序"), N_("接入 USB 设备")),
    *(N_("接入第二块屏幕"), N_("考试机是虚拟机"), N_("考试机时钟被改动"), N_("考试机曾休眠")),
    *(N_("考试机曾重新启动"), N_("考试端程序曾退出"), N_("考试浏览器曾重新启动"), N_("考试机锁定不完整")),
)
"""What a breach covered a paper for, as `record_acts.CAUSES` has it."""
ALL = "全场"
NONE = "无"


def shown(text: str) -> str:
    """A line in the reader's language where the server wrote it, else as it is."""
    if language() == SOURCE:
        return text
    return _whole(text) or _covered(text) or _left(text) or text


def word(text: str) -> str:
    """A box of the record that holds one of the server's own words, else as it is."""
    return str(_(text)) if text in (ALL, NONE) else text


def _whole(text: str) -> str:
    """The line by its shape; a note may follow a shape that has no place for one."""
    head, colon, note = text.partition("：")
    for shape in SHAPES:
        if found := _pattern(shape).fullmatch(text):
            return _said(shape, found)
    for shape in SHAPES if colon else ():
        if "：" not in shape and (found := _pattern(shape).fullmatch(head)):
            return f"{_said(shape, found)}{_('：')}{note}"
    return ""


def _left(text: str) -> str:
    head, colon, note = text.partition("：")
    parts = [_clause(part) for part in head.split("，")]
    return str(_("，")).join(parts) + (str(_("：")) + note if colon else "") if all(parts) else ""


def _clause(part: str) -> str:
    for shape in CLAUSES:
        if found := _pattern(shape).fullmatch(part):
            return _said(shape, found)
    return ""


def _covered(text: str) -> str:
    found = COVERED.fullmatch(text)
    if found is None:
        return ""
    return str(_("，")).join(_parts_of_cover(found.groupdict()))


def _parts_of_cover(said: dict[str, str | None]) -> Iterator[str]:
    covered = WORDS[said["what"] or ""]
    yield str(_(covered))
    yield str(_("%(minutes)s 分钟", minutes=said["minutes"]) if said["minutes"] else _("没有解除"))
    yield str(_("计时照常"))
    if said["put"]:
        yield str(_("下令：%(who)s", who=said["put"]))
    if said["off"]:
        yield str(_("解除：%(who)s", who=said["off"]))
    why = said["why"] or ""
    if why:
        yield str(_("原因：%(why)s", why=_(why) if why in CAUSES else why))
    if said["end"]:
        yield str(_("解除原因：%(why)s", why=said["end"]))


def _said(shape: str, found: re.Match[str]) -> str:
    """The shape in the reader's language; names stay, the comma between them does not."""
    told = {
        name: part.replace("、", str(_("、"))) if name == "who" else part
        for name, part in found.groupdict().items()
    }
    return str(_(shape, **told))


def _pattern(shape: str) -> re.Pattern[str]:
    """What a text of this shape looks like; `re` keeps what was compiled last."""
    parts = re.split(r"%\((\w+)\)s", shape)
    names = (f"(?P<{part}>.+?)" if place % 2 else re.escape(part) for place, part in enumerate(parts))
    return re.compile("".join(names), re.DOTALL)
