"""What is kept about a candidate, in words: one text for the seat's screen, the staff's page, the paper."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from flask_babel import gettext as _

from exam_rooms.kept_messages import KeptRow, KeptSection
from server.messages import N_
from server.services.subject_file import Happened, Look, Pictures, SubjectFile
from server.web.camera_words import incident_text
from server.web.layout import state_word

PURPOSES: dict[str, tuple[str, str]] = {
    # purpose -> (what they are, what for)
    "enrolment": (N_("入场采集的画面"), N_("与报名照片比对")),
    "alert": (N_("告警前后的画面"), N_("供监考员核实当时的情况")),
    "capture": (N_("随机抓拍"), N_("供监考员抽查")),
    "room": (N_("考场摄像头在座位周围的画面"), N_("供监考员核实离座、换座等提示")),
    "desk": (N_("签到台画面"), N_("签到时与报名照片比对")),
}
LOOKS: dict[str, str] = {
    "frame_viewed": N_("查看告警、抓拍或采集的画面"),
    "desk_picture_viewed": N_("查看签到台画面"),
    "seat_looked_at": N_("查看座位的当时画面（不保存）"),
}
RECORDS: dict[str, str] = {
    "works": N_("提交的论文和材料"),
    "scans": N_("答卷的扫描页"),
    "photos": N_("技能考核时拍摄的照片"),
}
HOW: dict[tuple[str, bool], str] = {
    ("seat", True): N_("在座位上同意"),
    ("seat", False): N_("在座位上选择不同意"),
    ("withdrawn", False): N_("撤回同意"),
}
OF_ALERTS = ("alert", "room")
"""Purposes of pictures of which there are none without an alert."""
MOST_LOOKS = 40
"""Looks that are listed one by one; the number of all is always said."""


def sections(file: SubjectFile, zone: ZoneInfo, *, answering: bool = False) -> tuple[KeptSection, ...]:
    """The whole file in the reader's language, times in the site's zone.

    `answering`: for a seat whose test goes on. Whoever controls its page must not see there whether the seat
    was flagged: incidents, what exists only because of them, and who looked are left out.
    """
    words = _Words(_before_alerts(file) if answering else file, zone)
    first = (
        (_("身份信息"), words.identity()),
        (_("人脸比对"), words.face()),
        (_("画面和检测数值"), words.pictures(said_none=not answering)),
    )
    told = ((_("考试中的情况"), words.incidents()), (_("谁看过画面"), words.looks()))
    later = ((_("考试中的情况"), words.later()),)
    parts = (*first, *(later if answering else told), (_("您的权利"), words.rights()))
    return tuple(
        KeptSection(title, tuple(KeptRow(term, text) for term, text in rows)) for title, rows in parts
    )


def _before_alerts(file: SubjectFile) -> SubjectFile:
    """The file without anything that an alert leaves behind."""
    pictures = [group for group in file.pictures if group.purpose not in OF_ALERTS]
    return replace(file, pictures=pictures, incidents=(), warnings=0, looks=(), probe_until=None, held=False)


class _Words:
    """The sentences of each part."""

    def __init__(self, file: SubjectFile, zone: ZoneInfo) -> None:
        self._file = file
        self._zone = zone

    def identity(self) -> Iterator[tuple[str, str]]:
        file = self._file
        yield _("姓名"), file.name
        yield _("准考证号"), file.ticket
        yield _("证件号码"), _("%(number)s（加密保存，页面上只显示首尾）", number=file.id_masked)
        yield _("工作单位"), file.employer or _("未填写")
        yield _("报名照片"), _("有，加密保存，用于核对本人") if file.has_photo else _("没有")
        place = "  ".join(
            part for part in (file.room, file.seat and _("%(seat)s 号座位", seat=file.seat)) if part
        )
        yield _("考试"), f"{file.title}  {self._at(file.starts_at)}"
        yield _("考场与座位"), place or _("尚未编排")
        for kind, count in file.records.items():
            yield _(RECORDS[kind]), _("%(n)s 份，加密保存，随考试档案保管", n=count)
        yield _("保存期限"), _("身份信息、作答和成绩属于考试档案，电子档案保存不少于五年。")

    def face(self) -> Iterator[tuple[str, str]]:
        file = self._file
        yield _("当前选择"), self._choice()
        if file.desk_said is not None:
            yield _("签到台"), _("同意") if file.desk_said else _("不同意")
        for line in file.consents:
            words = _(HOW.get((line.how, line.given), HOW["seat", line.given]))
            shown = _("（告知文本 %(version)s）", version=line.text_version) if line.text_version else ""
            yield self._at(line.at), f"{words}{shown}"
        yield _("人脸特征"), self._vector(file.template_until)
        if file.probe_until is not None:
            yield (
                _("待核实的人脸特征"),
                _(
                    "有，加密保存；监考员处理完毕后的当夜删除，最迟 %(until)s。",
                    until=self._day(file.probe_until),
                ),
            )

    def _choice(self) -> str:
        if not self._file.smart:
            return str(_("本考场不使用摄像头，没有询问。"))
        said = {True: _("同意"), False: _("不同意，由工作人员人工核验"), None: _("尚未选择")}
        return str(said[self._file.consent])

    def _vector(self, until: datetime | None) -> str:
        if until is None:
            return str(_("没有保存。"))
        return str(_("有，加密保存，只用于本场比对，%(until)s 后自动删除。", until=self._day(until)))

    def pictures(self, *, said_none: bool) -> Iterator[tuple[str, str]]:
        for group in self._file.pictures:
            name, purpose = PURPOSES.get(group.purpose, (group.purpose, ""))
            yield _(name), self._group(group, _(purpose) if purpose else "")
        if said_none and not self._file.pictures:
            yield _("画面"), _("没有保存。")
        if self._file.logged:
            yield (
                _("检测数值"),
                _(
                    "%(n)s 条（人数、亮度、头部角度等，不含画面），用于核对告警。%(until)s 后自动删除。",
                    n=self._file.logged,
                    until=self._day(self._file.log_until),
                ),
            )
        yield _("视频"), _("不保存视频，画面不离开考场局域网。")

    def _group(self, group: Pictures, purpose: str) -> str:
        if not group.count:
            return str(_("%(gone)s 张，已全部删除。用途：%(purpose)s。", gone=group.gone, purpose=purpose))
        since, until = self._at(group.first_at), self._at(group.last_at)
        when = since if since == until else f"{since} – {until}"
        text = _(
            "%(n)s 张（%(when)s），用途：%(purpose)s。%(until)s 后自动删除；已记录在案的，保存到处理完毕。",
            n=group.count,
            when=when,
            purpose=purpose,
            until=self._day(group.until),
        )
        return str(text)

    def incidents(self) -> Iterator[tuple[str, str]]:
        for event in self._file.incidents:
            yield self._at(event.at), self._event(event)
        if not self._file.incidents:
            yield _("记录"), _("没有。")
        if self._file.warnings:
            yield _("警告"), _("%(n)s 次", n=self._file.warnings)
        yield _("说明"), _("程序的提示不作任何判定；没有工作人员核实记录的，不产生任何后果。")

    @staticmethod
    def later() -> Iterator[tuple[str, str]]:
        yield (
            _("说明"),
            _("作答期间不显示程序提示、有关的画面和查看画面的记录，以免影响监考；交卷后可以查看。"),
        )

    @staticmethod
    def _event(event: Happened) -> str:
        parts = [incident_text(event.kind), state_word(event.state)]
        parts.append(_("有工作人员核实") if event.by_person else _("仅程序提示，无后果"))
        if event.case:
            parts.append(_("已立案"))
        return " · ".join(map(str, parts))

    def looks(self) -> Iterator[tuple[str, str]]:
        looks = self._file.looks
        for look in looks[:MOST_LOOKS]:
            yield self._at(look.at), self._look(look)
        yield _("合计"), _("%(n)s 次", n=len(looks))

    @staticmethod
    def _look(look: Look) -> str:
        return f"{look.by} · {_(LOOKS[look.what])}"

    def rights(self) -> Iterator[tuple[str, str]]:
        if self._file.held:
            yield _("暂不删除"), _("与您有关的事项正在处理，相关数据保存到处理完毕。")
        if self._file.consent:
            yield (
                _("撤回同意"),
                _("随时可以：请举手告诉监考员。撤回后立即删除人脸特征，改为人工核验，不影响考试。"),
            )
        yield (
            _("查询与更正"),
            _(
                "考试中请举手告诉监考员；考试后向评价机构的考务管理员提出，可以查看、打印这份说明，并要求更正。"
            ),
        )

    def _at(self, moment: datetime | None) -> str:
        return f"{moment.astimezone(self._zone):%Y-%m-%d %H:%M}" if moment else "—"

    def _day(self, moment: datetime | None) -> str:
        return f"{moment.astimezone(self._zone):%Y-%m-%d}" if moment else "—"
