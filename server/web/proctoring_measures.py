"""How the cameras did: of one room, of all rooms of a batch, on screen and as a table to take along."""

from collections.abc import Sequence

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from proctoring.measure import Rate
from server.access import Permission
from server.db.sittings import Batch
from server.errors import NotFound
from server.messages import N_
from server.services import duty, muting, plans
from server.services import proctoring_measures as measures
from server.services.proctoring_measures import CheckLine, Measures, SeatLine
from server.services.signed import Signed
from server.web.camera_words import check_text, incident_text
from server.web.forms import shown_again, text
from server.web.guard import actor, current_host, requires
from server.web.items import as_csv

bp = Blueprint("measures", __name__)
REASONS = {
    "unlinked": N_("座位断网"),
    "none": N_("没有摄像头"),
    "opening": N_("正在打开摄像头"),
    "lost": N_("摄像头没有画面"),
    "stalled": N_("摄像头画面中断"),
    "unavailable": N_("考试机无法检测"),
    "detect": N_("缺人脸检测模型"),
    "idle": N_("没有开始检测"),
    "unknown": N_("没有记录"),
}
"""Why a camera could not see (`proctoring.watched.REASONS`)."""


@bp.get("/sittings/<int:room_sitting_id>/proctoring")
@requires(Permission.SEE_BATCHES)
def show(room_sitting_id: int) -> str:
    """One room: every check, every seat, what is muted."""
    with current_host().db.read() as session:
        plan = plans.room_plan(session, room_sitting_id)
        found = _of_room(session, room_sitting_id)
    return render_template("measures/room.html", plan=plan, found=found, room=found.rooms[0])


@bp.get("/sittings/<int:room_sitting_id>/proctoring.csv")
@requires(Permission.SEE_BATCHES)
def table(room_sitting_id: int) -> Response:
    """The same for a spreadsheet."""
    with current_host().db.read() as session:
        found = _of_room(session, room_sitting_id)
    return as_csv(f"{_('监考统计')}-{found.rooms[0].room}-{room_sitting_id}", cells(found))


@bp.post("/sittings/<int:room_sitting_id>/proctoring")
@requires(Permission.COSIGN)
@shown_again("measures.show")
def unmute(room_sitting_id: int) -> ResponseReturnValue:
    """The chief wants to be called by a check again."""
    host, kind = current_host(), text("kind", limit=32)
    signed = Signed(actor(), text("reason"))
    host.db.write(muting.lift, signed, room_sitting_id, kind, now=host.now())
    flash(_("“%(what)s”已恢复提醒。", what=incident_text(kind)), "good")
    return redirect(url_for("measures.show", room_sitting_id=room_sitting_id))


@bp.get("/batches/<int:batch_id>/proctoring")
@requires(Permission.SEE_BATCHES)
def batch(batch_id: int) -> str:
    """All rooms of a batch in which an exam has begun, each and together."""
    with current_host().db.read() as session:
        name, found = _of_batch(session, batch_id)
    return render_template("measures/batch.html", batch_id=batch_id, name=name, found=found)


@bp.get("/batches/<int:batch_id>/proctoring.csv")
@requires(Permission.SEE_BATCHES)
def batch_table(batch_id: int) -> Response:
    """The same for a spreadsheet."""
    with current_host().db.read() as session:
        name, found = _of_batch(session, batch_id)
    return as_csv(f"{_('监考统计')}-{name}", cells(found))


def _of_room(session: Session, room_sitting_id: int) -> Measures:
    found = measures.of_room(session, room_sitting_id, now=current_host().now())
    duty.need_room_sight(session, actor(), room_sitting_id)
    return found


def _of_batch(session: Session, batch_id: int) -> tuple[str, Measures]:
    """Only the rooms that this person may see into."""
    row = session.get(Batch, batch_id)
    if row is None:
        raise NotFound("batch")
    who, begun = actor(), measures.rooms_of_batch(session, batch_id)
    rooms = [room for room in begun if duty.may_see_room(session, who, room)]
    return row.name, measures.of_rooms(session, rooms, now=current_host().now())


# --- words -------------------------------------------------------------------------------------------


@bp.app_template_global()
def reason_text(reason: str) -> str:
    """Why a camera could not see."""
    return _(REASONS[reason]) if reason in REASONS else reason


@bp.app_template_global()
def kinds_text(kinds: Sequence[str]) -> str:
    """Several checks in one line."""
    return str(_("、")).join(incident_text(kind) for kind in kinds)


@bp.app_template_global()
def share_text(rate: Rate | None) -> str:
    """A share with its interval; nothing was looked at: no share."""
    if rate is None:
        return "—"
    return str(_("%(share).0f%%（%(low).0f–%(high).0f%%）", **_percent(rate)))


@bp.app_template_global()
def number_text(value: float | None, digits: int = 1) -> str:
    """A number of the tables; "—" for what has no meaning there."""
    return "—" if value is None else f"{value:.{digits}f}"


def _percent(rate: Rate) -> dict[str, float]:
    return {"share": 100 * rate.share, "low": 100 * rate.low, "high": 100 * rate.high}


# --- a table for spreadsheets ------------------------------------------------------------------------


def cells(found: Measures) -> list[Sequence[object]]:
    """Two tables under each other: checks by room, then times by seat in seconds."""
    rows: list[Sequence[object]] = [_check_head()]
    for room in found.rooms:
        rows += [[room.batch, room.sitting, room.room, *_check_cells(line)] for line in room.checks]
    rows += [[], _seat_head()]
    for room in found.rooms:
        rows += [[room.batch, room.sitting, room.room, *_seat_cells(line)] for line in room.seats]
    return rows


def _check_head() -> list[str]:
    return [
        *(_("批次"), _("场次"), _("考场"), _("检查"), _("代码"), _("观察座时"), _("提示数"), _("每座时提示")),
        *(_("已核实"), _("属实"), _("不属实"), _("误报率"), _("区间下限"), _("区间上限"), _("误报目标")),
        *(_("待核实"), _("自行恢复"), _("已知晓未定"), _("只记录的提示"), _("现为只记录")),
    ]


def _check_cells(line: CheckLine) -> list[object]:
    one, rate = line.figures, line.figures.false_alarms
    return [
        *(incident_text(one.kind), one.kind, _short(one.hours), one.flags, _short(one.per_hour)),
        *(one.reviewed, one.confirmed, one.dismissed),
        *((_short(rate.share), _short(rate.low), _short(rate.high)) if rate else ("", "", "")),
        *(_short(line.target), one.waiting, one.cleared, one.seen, one.muted),
        _("是") if line.silent else _("否"),
    ]


def _seat_head() -> list[str]:
    return [
        *(_("批次"), _("场次"), _("考场"), _("座位"), _("作答（秒）"), _("观察（秒）"), _("人工核验（秒）")),
        *(_("看不见（秒）"), _("原因"), _("缺模型")),
    ]


def _seat_cells(line: SeatLine) -> list[object]:
    time = line.time
    why = "；".join(f"{reason_text(name)} {seconds:.0f}" for name, seconds in time.blind.items())
    missing = "；".join(f"{check_text(name)} {seconds:.0f}" for name, seconds in time.missing.items())
    seconds = (time.work, time.watched, time.manual, time.unavailable)
    return [line.seat, *(round(value) for value in seconds), why, missing]


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
