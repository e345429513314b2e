"""The self-checks of a room on the invigilators' screens: a row for each seat, a column for each check."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from exam_rooms.kiosk_messages import CheckName, CheckResult, Verdict
from server.access import Permission
from server.messages import N_
from server.rules.check_findings import SHOWN_HASH
from server.services import check_gate, monitoring, seat_checks
from server.services.check_gate import CheckWord
from server.services.roomstate import load
from server.services.signed import Signed
from server.web import forms, monitor
from server.web.forms import returns_to
from server.web.guard import actor, current_host, requires

bp = Blueprint("checks", __name__)

NAMES: dict[str, str] = {
    CheckName.PACKAGE: N_("试卷包"),
    CheckName.VERSION: N_("软件版本"),
    CheckName.JOURNAL: N_("答案写盘"),
    CheckName.SPACE: N_("可用空间"),
    CheckName.KEY: N_("设备密钥"),
    CheckName.CLOCK: N_("对时误差"),
    CheckName.WALL: N_("系统时间"),
    CheckName.LABEL: N_("座位号"),
    CheckName.LOCKDOWN: N_("锁定"),
    CheckName.SCREENS: N_("屏幕"),
    CheckName.CAMERA: N_("摄像头"),
    CheckName.LIGHT: N_("光线"),
    CheckName.CANARY: N_("验证卷"),
}
VERDICTS: dict[str, str] = {Verdict.GOOD: N_("通过"), Verdict.LOOK: N_("请看一下"), Verdict.BAD: N_("不通过")}
WORDS: dict[str, str] = {
    CheckWord.NOT_ASKED: N_("尚未自检"),
    CheckWord.UNPAIRED: N_("未配对"),
    CheckWord.WAITING: N_("等待自检结果"),
    CheckWord.OLD: N_("结果已过期"),
    CheckWord.GOOD: N_("自检通过"),
    CheckWord.LOOK: N_("自检通过，有提示"),
    CheckWord.BAD: N_("自检不通过"),
}
FOUND: dict[str, str] = {
    "missing": N_("没有报告"),
    "none": N_("没有"),
    "broken": N_("已损坏"),
    "other": N_("不是本场的"),
    "disk_full": N_("磁盘已满"),
    "read_only": N_("磁盘只读"),
    "disk_error": N_("磁盘故障"),
    "unknown": N_("不明"),
    "locked": N_("已锁定"),
    "open": N_("锁定不完整"),
    "seb": N_("Safe Exam Browser"),
    "opening": N_("正在打开"),
    "live": N_("有画面"),
    "lost": N_("没有画面"),
    "stalled": N_("画面中断"),
    "unavailable": N_("无法检测"),
    "manual": N_("人工核验"),
    "good": N_("清楚"),
    "dark": N_("过暗"),
    "blurred": N_("模糊"),
    "covered": N_("被遮挡"),
    "unreadable": N_("答案无法读取"),
    "chain": N_("答案记录链断开"),
    "not_opened": N_("答案无法解封"),
    "package_broken": N_("验证卷损坏"),
    "package_needs_newer": N_("软件版本过低"),
    "paper_unopened": N_("验证卷打不开"),
    "question_unreadable": N_("题目显示不全"),
    "answer_refused": N_("答案不被接受"),
    "failed": N_("自检程序出错"),
}
KINDS: dict[str, str] = {
    "map": N_("题序或选项对应"),
    "single": N_("单选"),
    "multiple": N_("多选"),
    "true_false": N_("判断"),
    "text": N_("填空题"),
    "numeric": N_("计算"),
    "inline_choice": N_("选词填空"),
    "match": N_("匹配"),
    "order": N_("排序题"),
    "hotspot": N_("识图"),
    "essay": N_("简答"),
    "unknown": N_("不明题目"),
}


@bp.app_template_global()
def check_name(name: str) -> str:
    """The word of a check."""
    return str(_(NAMES[name])) if name in NAMES else name


@bp.app_template_global()
def check_word(word: str) -> str:
    """The words of how a seat's check stands."""
    return str(_(WORDS[word])) if word in WORDS else word


@bp.app_template_global()
def check_verdict(verdict: str) -> str:
    """The word of a verdict."""
    return str(_(VERDICTS[verdict]))


@bp.app_template_global()
def check_found(result: CheckResult) -> str:
    """What was found, in words; of the canary paper the points, and what differs."""
    if result.name == CheckName.PACKAGE and len(result.found) == SHOWN_HASH:
        return result.found[:6]  # the whole would make the column wide, and nobody compares by eye
    points, _space, differs = result.found.partition(" ")
    if result.name == CheckName.CANARY and differs:
        kinds = [_(KINDS[kind]) if kind in KINDS else kind for kind in differs.split(",")]
        return str(_("%(points)s 分，不一致：%(kinds)s", points=points, kinds=_("、").join(kinds)))
    return str(_(FOUND[result.found])) if result.found in FOUND else result.found


@bp.get("/monitor/<int:room_sitting_id>/checks")
@requires(Permission.MONITOR_ROOM)
def page(room_sitting_id: int) -> str:
    """Every seat's self-check."""
    return _shown("monitor/checks.html", room_sitting_id)


@bp.get("/monitor/<int:room_sitting_id>/checks/table")
@requires(Permission.MONITOR_ROOM)
def table(room_sitting_id: int) -> str:
    """The summary and the table again, as a fragment."""
    return _shown("monitor/check_table.html", room_sitting_id)


def _shown(template: str, room_sitting_id: int) -> str:
    host = current_host()
    with host.db.read() as session:
        monitor.check_room(session, room_sitting_id)
        cards = monitoring.seat_cards(session, host.answers, host.presence, room_sitting_id)
        board = monitoring.board(session, room_sitting_id, cards, now=host.now())
        room = load(session, room_sitting_id)
        lines = check_gate.lines(session, room_sitting_id, now=host.now())
        return render_template(
            template,
            board=board,
            lines=lines,
            names=[name for name in CheckName if board.smart or name not in ("camera", "light")],
            tally=check_gate.tally(room, lines),
            overruled=check_gate.overruled(session, room_sitting_id),
            unlinked=monitoring.unlinked(cards),
        )


@bp.post("/monitor/<int:room_sitting_id>/checks")
@requires(Permission.RUN_ROOM)
@returns_to("checks.page")
def ask(room_sitting_id: int) -> ResponseReturnValue:
    """Asks one seat (`seat`), or the whole room, for a new self-check."""
    host = current_host()
    seats = {forms.whole("seat")} if request.form.get("seat") else None
    count = host.db.write(seat_checks.ask, actor(), room_sitting_id, seats, now=host.now())
    flash(_("已要求 %(n)d 个座位重新自检。", n=count), "good")
    return redirect(url_for("checks.page", room_sitting_id=room_sitting_id))


@bp.post("/monitor/<int:room_sitting_id>/checks/overrule")
@requires(Permission.COSIGN)
@returns_to("checks.page")
def overrule(room_sitting_id: int) -> ResponseReturnValue:
    """The chief lets the room start with the findings that are ticked (`finding`: seat, space, finding)."""
    host = current_host()
    signed = Signed(actor(), forms.text("reason"))
    ticked = [value.partition(" ") for value in request.form.getlist("finding")]
    numbers = [(forms.row_number(seat), finding) for seat, _space, finding in ticked]
    seats = {seat: finding for seat, finding in numbers if seat is not None}
    count = host.db.write(check_gate.overrule, signed, room_sitting_id, seats, now=host.now())
    flash(_("已放行 %(n)d 个座位。", n=count), "good")
    return redirect(url_for("checks.page", room_sitting_id=room_sitting_id))
