"""Rescue of answers: files brought by hand, merges to confirm, exports, the room's record on paper."""

import time
from urllib.parse import quote
from zoneinfo import ZoneInfo

from flask import Blueprint, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from exam_rooms.rescue import MOST_BYTES
from server.access import Permission
from server.db.answers import StoreUnavailable
from server.errors import NotFound, Refused
from server.services import attempt_export, merges, monitoring, outages, rescue, room_record
from server.services.rescue import Errand, Report
from server.services.signed import Signed
from server.web import forms, guard, monitor
from server.web.forms import returns_to, shown_again
from server.web.guard import actor, current_host, requires

bp = Blueprint("rescue", __name__)
JSON = "application/json"


@bp.get("/monitor/<int:room_sitting_id>/rescue")
@requires(Permission.RUN_ROOM)
def show(room_sitting_id: int) -> str:
    """Seats that are away, merges that wait, and the form for a file."""
    return _page(room_sitting_id, None)


@bp.post("/monitor/<int:room_sitting_id>/rescue")
@requires(Permission.RUN_ROOM)
@shown_again("rescue.show")
def upload(room_sitting_id: int) -> str:
    """Takes a rescue file in and shows what became of it."""
    return _page(room_sitting_id, _bring(Errand(actor(), room_sitting_id)))


@bp.post("/rescue")
@requires(Permission.RUN_ROOM)
def upload_any() -> ResponseReturnValue:
    """A rescue file of any room, for the command line beside a running server; JSON comes back."""
    try:
        report = _bring(Errand(actor(), dry_run=request.form.get("dry_run") == "1"))
    except Refused as refusal:
        return jsonify(code=refusal.code, message=guard.say(refusal.code, refusal.params)), refusal.status
    return jsonify(rescue.as_json(report))


def _bring(errand: Errand) -> Report:
    host, file = current_host(), forms.upload()
    if len(file.data) > MOST_BYTES:
        raise Refused("rescue_too_large", 422, field="file")
    boot_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    try:
        return rescue.bring(host, file.data, errand, now=host.now(), boot_ns=boot_ns)
    except StoreUnavailable as fault:
        raise Refused("store_unavailable", 503) from fault


def _page(room_sitting_id: int, report: Report | None) -> str:
    host = current_host()
    with host.db.read() as session:
        board = monitor.board_of(session, room_sitting_id)
        cards = monitoring.seat_cards(session, host.answers, host.presence, room_sitting_id)
        return render_template(
            "monitor/rescue.html",
            board=board,
            outages=outages.outages(cards, host.now()),
            merges=merges.views(session, host.answers, room_sitting_id),
            report=report,
        )


@bp.post("/monitor/<int:room_sitting_id>/merges/<int:merge_id>")
@requires(Permission.RUN_ROOM)
@returns_to("rescue.show", merge_id=None)
def decide(room_sitting_id: int, merge_id: int) -> ResponseReturnValue:
    """Two people confirm a merge, or leave the former seat's late records out."""
    host = current_host()
    with host.db.read() as session:
        views = {view.id: view for view in merges.views(session, host.answers, room_sitting_id)}
    if merge_id not in views:
        raise NotFound("merge")
    if request.form.get("last", "") not in ("", str(views[merge_id].last)):
        raise Refused("merge_grown")  # more came since the page was shown
    signed = Signed(actor(), forms.text("reason"), guard.cosigner(request.form))
    host.db.write(merges.decide, merge_id, request.form.get("outcome", ""), signed, now=host.now())
    flash(_("已登记。"), "good")
    return redirect(url_for("rescue.show", room_sitting_id=room_sitting_id))


@bp.get("/monitor/<int:room_sitting_id>/record.pdf")
@requires(Permission.MONITOR_ROOM)
def record(room_sitting_id: int) -> Response:
    """The room's record to sign, with every candidate's receipt."""
    host = current_host()
    zone = ZoneInfo(host.settings.timezone)
    with host.db.read() as session:
        monitor.check_room(session, room_sitting_id)
        payload = room_record.document(session, room_sitting_id, now=host.now(), zone=zone)
    data = host.jobs.run("document_pdf", payload)["data"]
    return _file(data, f"record-{room_sitting_id}.pdf", "application/pdf")


@bp.post("/results/<int:room_sitting_id>/attempts.json")
@requires(Permission.MARK_RESULTS)
@returns_to("results.show")
def export(room_sitting_id: int) -> ResponseReturnValue:
    """Every attempt of the room as a signed document that proves itself."""
    host = current_host()
    with host.db.read() as session:
        monitor.check_room(session, room_sitting_id)
        chosen = attempt_export.find(session, (), room_sitting_id)
    sources = attempt_export.Sources(host.answers, host.site)
    data = host.db.write(attempt_export.export, actor(), sources, chosen, now=host.now())
    return _file(data, f"attempts-{room_sitting_id}.json", JSON)


def _file(data: bytes, name: str, kind: str) -> Response:
    response = Response(data, mimetype=kind)
    response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name)}"
    return response
