"""Lost time with its proof, for the chief to grant or decline; and the decision on a long outage."""

from collections.abc import Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import select

from exam_rooms.compensation import Lost
from server.access import Permission
from server.db.commands import OutageRow
from server.db.rooms import Seat
from server.db.sittings import Attempt
from server.errors import NotFound
from server.messages import N_
from server.services import (
    case_views,
    compensation,
    lost_time,
    outage_decision,
    rescheduling,
    roomstate,
    staff,
)
from server.services.lost_time import Pick
from server.services.rescheduling import Again
from server.services.signed import Signed
from server.web import forms, guard
from server.web.forms import returns_to
from server.web.guard import actor, current_host, requires
from server.web.monitor import board_of

bp = Blueprint("compensation", __name__)
OFFICE = (Permission.MANAGE_BATCHES, Permission.DECIDE_CASES)
"""What an administrator and the head of the institution may; either signs the decision on an outage."""
CAUSES: dict[str, str] = {
    "machine_off": N_("考试机断电或重新启动"),
    "agent_off": N_("考试端程序没有运行"),
    "page_gone": N_("答题页面没有显示"),
    "covered": N_("试卷被误遮住"),
    "moved": N_("原座位中断，换座位后继续"),
    "unheard": N_("显示试卷的命令晚到座位"),
    "waited": N_("到时之后，等待补时决定"),
    "link": N_("断网，考生仍可作答"),
}
CLOCKS: dict[str, str] = {"server": N_("服务器"), "agent": N_("考试机")}
DECISIONS: dict[str, str] = {
    "granted": N_("准予"),
    "declined": N_("不予补时"),
    "credited": N_("手动补时已包括"),
}
OUTAGES: dict[str, str] = {"pause": N_("全场暂停"), "link": N_("多数座位断网"), "told": N_("主考报告")}


@bp.app_template_global("lost_word")
def lost_word(name: str) -> str:
    """The word of a cause of lost time, of a clock, of a decision, of an outage."""
    found = CAUSES.get(name) or CLOCKS.get(name) or DECISIONS.get(name) or OUTAGES.get(name)
    return _(found) if found else name


@bp.app_template_global("lost_lines")
def lost_lines(evidence: Sequence[Lost]) -> list[Lost]:
    """Evidence in order of time; what one clock says without a break is one line."""
    lines: list[Lost] = []
    for each in sorted(evidence, key=lambda lost: (lost.clock, lost.cause, lost.since)):
        last = lines[-1] if lines else None
        if last and (last.clock, last.cause) == (each.clock, each.cause) and each.since <= last.until:
            until = max(last.until, each.until)
            lines[-1] = replace(last, until=until, answers=last.answers + each.answers)
        else:
            lines.append(each)
    return sorted(lines, key=lambda lost: lost.since)


@bp.get("/monitor/<int:room_sitting_id>/compensation")
@requires(Permission.MONITOR_ROOM)
def page(room_sitting_id: int) -> str:
    """What is proposed, seat by seat, and what was decided."""
    host = current_host()
    with host.db.read() as session:
        board = board_of(session, room_sitting_id)
        lines = lost_time.proposed(session, room_sitting_id, now=host.now(), store=host.answers)
        decided = compensation.decided(session, room_sitting_id)
        people = staff.names(session, [row.decided_by for row in decided])
        seats = dict(
            session.execute(
                select(Attempt.id, Seat.number)
                .join(Seat, Seat.id == Attempt.seat_id)
                .where(Attempt.room_sitting_id == room_sitting_id)
            ).all()
        )
        rules = roomstate.load(session, room_sitting_id).policy.outage
    return render_template(
        "commands/compensation.html",
        board=board,
        lines=lines,
        rows=sorted({line.row for line in lines if line.minutes}),
        decided=decided,
        people=people,
        seats=seats,
        rules=rules,
    )


@bp.post("/monitor/<int:room_sitting_id>/compensation/<decision>")
@requires(Permission.GRANT_TIME)
@returns_to("compensation.page", decision=None)
def decide(room_sitting_id: int, decision: str) -> ResponseReturnValue:
    """Grants or declines what the form names: one seat's, a row's or the room's proposals."""
    host, picks = current_host(), [Pick.of(value) for value in request.form.getlist("pick")]
    reason = forms.text("reason")
    second = guard.cosigner(request.form) if request.form.get("cosign_username") else None
    signed = Signed(actor(), reason, second)
    if decision == "grant":
        given = host.db.write(
            compensation.grant, signed, room_sitting_id, picks, now=host.now(), store=host.answers
        )
        flash(_("已补时，共 %(minutes)s 分钟。", minutes=f"{given.normalize():f}"), "good")
    elif decision == "decline":
        count = host.db.write(
            compensation.decline, signed, room_sitting_id, picks, now=host.now(), store=host.answers
        )
        flash(_("已记录不予补时：%(count)d 条。", count=count), "good")
    else:
        raise NotFound("act")
    return redirect(url_for("compensation.page", room_sitting_id=room_sitting_id))


@bp.get("/monitor/<int:room_sitting_id>/outage")
@requires(Permission.MONITOR_ROOM)
def outage(room_sitting_id: int) -> str:
    """Whether an outage waits for its decision, and what was decided before."""
    host = current_host()
    with host.db.read() as session:
        board = board_of(session, room_sitting_id)
        room = roomstate.load(session, room_sitting_id)
        query = select(OutageRow).where(OutageRow.room_sitting_id == room_sitting_id)
        rows = list(session.scalars(query.order_by(OutageRow.id.desc())))
        signed = [person for row in rows for person in (row.decided_by, row.cosigned_by)]
        people = staff.names(session, signed)
        following = set(rescheduling.cases_with_them(session, room_sitting_id))
        sees = actor().can(Permission.SEE_CASES)
        cases = case_views.listing(session, actor(), room_sitting_id) if sees else []
    return render_template(
        "commands/outage.html",
        board=board,
        room=room,
        rows=rows,
        waiting=next((row for row in rows if not row.decision), None),
        people=people,
        cases=[line for line in cases if line.id in following],
    )


@bp.post("/monitor/<int:room_sitting_id>/outage")
@requires(Permission.COSIGN)
@returns_to("compensation.outage")
def tell(room_sitting_id: int) -> ResponseReturnValue:
    """The chief reports an outage that will last."""
    host, signed = current_host(), Signed(actor(), forms.text("reason"))
    host.db.write(outage_decision.tell, signed, room_sitting_id, forms.moment("began_at"), now=host.now())
    flash(_("已登记中断，等待上级决定。"), "good")
    return redirect(url_for("compensation.outage", room_sitting_id=room_sitting_id))


@bp.post("/monitor/<int:room_sitting_id>/outage/<decision>")
@requires(Permission.COSIGN)
@returns_to("compensation.outage", decision=None)
def decide_outage(room_sitting_id: int, decision: str) -> ResponseReturnValue:
    """The higher office signs: go on, or hold the sitting again."""
    host = current_host()
    signed = Signed(actor(), forms.text("reason"), guard.cosigner(request.form, *OFFICE))
    if decision == "continue":
        host.db.write(outage_decision.go_on, signed, room_sitting_id, now=host.now())
        flash(_("已决定继续考试。暂停的考场请另行恢复。"), "good")
    elif decision == "reschedule":
        again = Again(forms.moment("starts_at"), ZoneInfo(host.settings.timezone))
        host.db.write(outage_decision.reschedule, signed, room_sitting_id, again, now=host.now())
        flash(
            _("已决定改期：本场答卷密封留存、不评分，新的场次和准考证已经生成。请为新场次选定其他试卷。"),
            "good",
        )
    else:
        raise NotFound("act")
    return redirect(url_for("compensation.outage", room_sitting_id=room_sitting_id))
