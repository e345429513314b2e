"""Results of a room: marking, the list on screen and as a workbook."""

from decimal import Decimal
from typing import Any
from urllib.parse import quote

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from server.access import Permission
from server.errors import Refused
from server.rules.results import score_text
from server.services import (
    case_views,
    duty,
    entered_marks,
    incident_views,
    marks,
    paper_forms,
    roomstate,
)
from server.services.collection import tally
from server.services.incident_views import IncidentView
from server.services.marks import ResultRow
from server.web.forms import returns_to
from server.web.guard import actor, current_host, requires
from server.web.item_acts import renew_figures_of_room
from server.web.layout import state_word
from server.web.policy_words import component_name

bp = Blueprint("results", __name__)
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@bp.get("/results")
@requires(Permission.SEE_RESULTS)
def index() -> str:
    """Rooms that are collected or marked, the latest first."""
    with current_host().db.read() as session:
        return render_template("results/index.html", rooms=marks.finished(session))


@bp.get("/results/<int:room_sitting_id>")
@requires(Permission.SEE_RESULTS)
def show(room_sitting_id: int) -> str:
    """The list, or what is still missing before it can be made."""
    host = current_host()
    with host.db.read() as session:
        room = roomstate.load(session, room_sitting_id)
        return render_template(
            "results/show.html",
            room=room,
            arrived=marks.arrived_since(session, host.answers, room),
            void=marks.void(room.row),
            entered=entered_marks.not_counted_yet(session, room),
            tally=tally(session, room_sitting_id),
            rows=marks.results(session, actor(), room_sitting_id),
            flags=_flags(session, room_sitting_id),
            near=duty.may_see_room(session, actor(), room_sitting_id),
            points=points,
            passed_word=passed_word,
        )


def _flags(session: Session, room_sitting_id: int) -> list[IncidentView]:
    """What programs flagged and no person recorded; a raised hand is no flag."""
    found = case_views.flags_without_effect(session, room_sitting_id)
    return [view for view in incident_views.views(session, found) if not view.calls]


@bp.post("/results/<int:room_sitting_id>/mark")
@requires(Permission.MARK_RESULTS)
@returns_to("results.show")
def mark(room_sitting_id: int) -> ResponseReturnValue:
    """Marks the whole room in a child process."""
    host, who = current_host(), actor()
    read_at = host.now()
    with host.db.read() as session:
        payload = marks.work(session, who, host.answers, room_sitting_id)
    result = host.jobs.run("mark", payload)
    count = host.db.write(marks.store_marks, who, room_sitting_id, result, now=read_at)
    renew_figures_of_room(room_sitting_id)
    flash(_("已评分 %(n)d 名考生。", n=count), "good")
    return redirect(url_for("results.show", room_sitting_id=room_sitting_id))


@bp.get("/results/<int:room_sitting_id>/attempts/<int:attempt_id>")
@requires(Permission.SEE_RESULTS)
def left_out(room_sitting_id: int, attempt_id: int) -> str:
    """Records of one candidate that were kept but not counted."""
    host = current_host()
    with host.db.read() as session:
        seen, why = _seen(session, attempt_id)
        rows = marks.uncounted(session, actor(), host.answers, attempt_id)
        people = [
            row for row in marks.results(session, actor(), room_sitting_id) if row.attempt == attempt_id
        ]
    return render_template(
        "results/left_out.html",
        rows=rows,
        person=people[0] if people else None,
        room_sitting=room_sitting_id,
        seen=seen,
        why=why,
    )


def _seen(session: Session, attempt_id: int) -> tuple[list[dict[str, Any]], str]:
    """What the candidate saw at each number; nothing, and why, while the package is not open here."""
    try:
        return paper_forms.seen_by(session, actor(), attempt_id), ""
    except Refused as refused:
        return [], refused.code


@bp.get("/results/<int:room_sitting_id>.xlsx")
@requires(Permission.SEE_RESULTS)
def workbook(room_sitting_id: int) -> Response:
    """The list as a workbook; text cells, no formulas."""
    host = current_host()
    with host.db.read() as session:
        room = roomstate.load(session, room_sitting_id)
        rows = marks.results(session, actor(), room_sitting_id)
        title, name = f"{room.batch.name} {room.room.name}", room.room.name
    head = [
        _("%(component)s成绩表", component=component_name(room.sitting.component)),
        title,
        *([_("演练，成绩无效")] if room.batch.rehearsal else []),
    ]
    columns = _columns()
    payload = {
        "sheet": _("成绩"),
        "head": head,
        "columns": columns,
        "rows": [_cells(row) | {"number": str(number)} for number, row in enumerate(rows, 1)],
    }
    data = host.jobs.run("results_xlsx", payload)["data"]
    response = Response(data, mimetype=XLSX)
    file = quote(f"{_('成绩')}-{name}-{room_sitting_id}.xlsx")
    response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{file}"
    return response


def points(value: Decimal | None) -> str:
    """A score as written on lists: no needless zeros, one decimal at least."""
    return "—" if value is None else score_text(value)


def passed_word(row: ResultRow) -> str:
    """Passed, failed or absent."""
    if row.passed is None:
        return state_word(row.status)
    return str(_("合格") if row.passed else _("不合格"))


def _columns() -> list[list[str]]:
    return [
        ["number", _("序号")],
        ["ticket", _("准考证号")],
        ["name", _("姓名")],
        ["id_masked", _("证件号码")],
        ["employer", _("单位")],
        ["seat", _("座位")],
        ["total", _("成绩（分）")],
        ["passed", _("结果")],
    ]


def _cells(row: ResultRow) -> dict[str, str]:
    return {
        "ticket": row.ticket,
        "name": row.name,
        "id_masked": row.id_masked,
        "employer": row.employer,
        "seat": row.seat,
        "total": "" if row.total is None else str(row.total),
        "passed": passed_word(row),
    }
