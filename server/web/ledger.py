"""The seat ledger: who sat where, on which machine, before which camera; a seat at a moment; one response."""

from datetime import datetime
from zoneinfo import ZoneInfo

from flask import Blueprint, g, render_template, request
from flask.typing import ResponseReturnValue

from server.access import Permission
from server.errors import Refused
from server.services import ledger, replay, roomstate
from server.services.signed import Signed
from server.web.forms import shown_again, text, whole
from server.web.guard import actor, current_host, requires

bp = Blueprint("ledger", __name__)


@bp.get("/ledger")
@requires(Permission.SEE_LEDGER)
def index() -> str:
    """Rooms with a ledger, and where a candidate or who at a machine sat."""
    ticket, machine = request.args.get("ticket", "")[:40], request.args.get("machine", "")[:120]
    who = actor()
    with current_host().db.read() as session:
        lines = None
        if ticket.strip():
            lines = ledger.by_ticket(session, who, ticket)
        elif machine.strip():
            lines = ledger.by_machine(session, who, machine)
        return render_template(
            "ledger/index.html", rooms=ledger.rooms(session, who), lines=lines, ticket=ticket, machine=machine
        )


@bp.get("/ledger/<int:room_sitting_id>")
@requires(Permission.SEE_LEDGER)
def show(room_sitting_id: int) -> str:
    """The ledger of a room, and what was so at `seat` at the moment `at`, when both are asked for."""
    host, who = current_host(), actor()
    seat, given = request.args.get("seat", "")[:8], request.args.get("at", "")[:30]
    found, problem = None, ""
    with host.db.read() as session:
        room = roomstate.load(session, room_sitting_id)
        at = _moment(given, host.settings.timezone)
        if seat and given and at is None:
            problem = "field_not_a_time"
        elif seat and at is not None:
            try:
                found = ledger.at(session, who, host.answers, (room_sitting_id, seat), at)
            except Refused as refusal:
                problem = refusal.code
        questions = found.questions if found else ()
        return render_template(
            "ledger/show.html",
            room=room,
            lines=ledger.room_lines(session, who, room_sitting_id),
            seats=[row.number for row in room.room.seats],
            seat=seat,
            at=given or _local(room.row.started_at, host.settings.timezone),
            found=found,
            problem=problem,
            problem_params={"seat": seat, "field": "at", "value": given},
            opened=g.get("opened_response"),
            choices=[(one.number, str(one.number)) for one in questions if one.answered],
        )


@bp.post("/ledger/<int:room_sitting_id>")
@requires(Permission.MARK_RESULTS)
@shown_again("ledger.show")
def response(room_sitting_id: int) -> ResponseReturnValue:
    """Opens what the candidate had answered to one question at the moment; it stands on the record first."""
    host, signed = current_host(), Signed(actor(), text("reason"))
    at = _moment(request.args.get("at", "")[:30], host.settings.timezone)
    if at is None:
        raise Refused("field_not_a_time", 422, field="at", value="")
    seat = request.args.get("seat", "")[:8]
    with host.db.read() as session:
        found = ledger.at(session, signed.actor, host.answers, (room_sitting_id, seat), at)
        item = next((one for one in found.questions if one.number == whole("number")), None)
        if found.line is None or item is None:
            raise Refused("response_none", 404)
        attempt = found.line.span.attempt
        given = replay.response(session, signed, host.answers, attempt, (item.item, at))
    host.db.write(replay.note_response, signed, attempt, item.number, now=host.now())
    g.opened_response = (item.number, given)
    return show(room_sitting_id)


def _moment(given: str, zone: str) -> datetime | None:
    try:
        local = datetime.fromisoformat(given)
    except ValueError:
        return None
    if not 2000 <= local.year <= 2100:
        return None
    return local if local.tzinfo else local.replace(tzinfo=ZoneInfo(zone))


def _local(moment: datetime | None, zone: str) -> str:
    """A moment as a field for date and time takes it."""
    return f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%dT%H:%M:%S}" if moment else ""
