"""The seat map editor: a plan drawn in the browser, checked by the server's rules while it is drawn."""

from collections.abc import Iterable
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import force_locale
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from exam_rooms.room_checks import Finding
from exam_rooms.seatmap import RoomKind
from itembank.problems import InputRefused, Problem
from server.access import Permission
from server.errors import Refused
from server.rules.roomdraft import Draft, read_draft
from server.services import room_checks, room_editing, room_prints, rooms
from server.services.room_editing import NewRoom
from server.web.forms import decimal, problem_text, shown_again, text, whole
from server.web.guard import actor, current_host, requires
from server.web.pdf import attachment

bp = Blueprint("room_editor", __name__)
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@bp.post("/rooms/new")
@requires(Permission.MANAGE_ROOMS)
@shown_again("rooms.index")
def create() -> ResponseReturnValue:
    """A new room of rows and columns, opened in the editor."""
    host = current_host()
    new = NewRoom(
        name=text("name"),
        kind=_kind(text("kind", limit=16)),
        rows=whole("rows"),
        columns=whole("columns"),
        across=float(decimal("across")),
        behind=float(decimal("behind")),
    )
    number = host.db.write(room_editing.create, actor(), new, now=host.now())
    return redirect(url_for("room_editor.edit", room_id=number))


@bp.post("/rooms/<int:room_id>/copy")
@requires(Permission.MANAGE_ROOMS)
@shown_again("rooms.show")
def copy(room_id: int) -> ResponseReturnValue:
    """The same plan under another name, opened in the editor."""
    host = current_host()
    number = host.db.write(room_editing.copy, actor(), room_id, text("name"), now=host.now())
    flash(_("考场已复制；摄像头和监控需要重新登记。"), "good")
    return redirect(url_for("room_editor.edit", room_id=number))


@bp.get("/rooms/<int:room_id>/edit")
@requires(Permission.MANAGE_ROOMS)
def edit(room_id: int) -> str:
    """The editor; the plan itself comes as JSON."""
    with current_host().db.read() as session:
        return render_template("rooms/edit.html", room=rooms.get(session, room_id))


@bp.get("/rooms/<int:room_id>/plan")
@requires(Permission.MANAGE_ROOMS)
def plan(room_id: int) -> Response:
    """The stored plan, its version, seats that a sitting holds, machines, and what the rules say."""
    with current_host().db.read() as session:
        found = room_editing.draft(session, room_id)
        findings = room_checks.findings(session, room_id)
    return jsonify(found | {"findings": _told(findings)})


@bp.post("/rooms/<int:room_id>/plan/check")
@requires(Permission.MANAGE_ROOMS)
def check(room_id: int) -> ResponseReturnValue:
    """What the rules say of a plan being drawn."""
    try:
        return jsonify({"findings": _told(room_editing.checked(_drawn().plan))})
    except InputRefused as fault:
        return _problem(problem_text(fault.problems[0]), 422)


@bp.post("/rooms/<int:room_id>/plan")
@requires(Permission.MANAGE_ROOMS)
def save(room_id: int) -> ResponseReturnValue:
    """Stores the drawn plan; the answer holds it as stored, with new ids and version."""
    host = current_host()
    try:
        host.db.write(room_editing.save, actor(), room_id, _drawn(), now=host.now())
    except InputRefused as fault:
        return _problem(problem_text(fault.problems[0]), 422)
    except Refused as refusal:
        return _problem(problem_text(Problem(refusal.code, "", dict(refusal.params))), refusal.status)
    return plan(room_id)


@bp.get("/rooms/<int:room_id>/plan.xlsx")
@requires(Permission.SEE_ROOMS)
def workbook(room_id: int) -> Response:
    """The plan as a room file, which an import reads back."""
    with current_host().db.read() as session:
        room = rooms.map_of(rooms.get(session, room_id))
    made = current_host().jobs.run("results_xlsx", room_prints.sheet_work(room))
    return attachment(made["data"], f"{room.name}.xlsx", XLSX)


@bp.get("/rooms/<int:room_id>/plan.pdf")
@requires(Permission.SEE_ROOMS)
def printed(room_id: int) -> Response:
    """The plan to print and hang up."""
    host = current_host()
    with host.db.read() as session:
        room = rooms.map_of(rooms.get(session, room_id))
        findings = room_checks.findings(session, room_id)
    with force_locale("zh_Hans_CN"):
        told = [each["text"] for each in _told(findings)]
    zone = ZoneInfo(host.settings.timezone)
    work = room_prints.plan_work(room, told, host.settings.institution, now=host.now(), zone=zone)
    return attachment(host.jobs.run("day_papers", work)["data"], f"{room.name}.pdf")


@bp.get("/rooms/capacity.pdf")
@requires(Permission.SEE_ROOMS)
def capacity() -> Response:
    """Rooms by kind and their single desks, as the filing form asks for them."""
    host = current_host()
    with host.db.read() as session:
        found = rooms.summary(session)
    zone = ZoneInfo(host.settings.timezone)
    work = room_prints.capacity_work(found, host.settings.institution, now=host.now(), zone=zone)
    return attachment(host.jobs.run("day_papers", work)["data"], "capacity.pdf")


def _kind(said: str) -> str:
    if said not in set(RoomKind):
        raise Refused("bad_request", 400)
    return said


def _drawn() -> Draft:
    try:
        return read_draft(request.get_json(silent=True))
    except RecursionError:  # brackets without end
        return read_draft(None)


def _told(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Findings as the editor shows them."""
    return [
        {
            "text": problem_text(Problem(each.code, "", {"rule": each.rule, **each.params})),
            "hard": each.refuses,
            "seats": list(each.seats),
        }
        for each in findings
    ]


def _problem(sentence: str, status: int) -> ResponseReturnValue:
    return jsonify({"problem": sentence}), status
