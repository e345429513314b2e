"""Commands to seats of a room and how far they have come, as a page of its own beside the room's screen."""

from collections.abc import Callable

from flask import Blueprint, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from exam_rooms.seats import AttemptState
from server.access import Permission
from server.db.rooms import Seat
from server.errors import NotFound, Refused
from server.messages import N_
from server.services import command_log, monitoring, roomstate, seat_commands
from server.services.command_log import CommandView
from server.services.outage_gate import undecided
from server.services.roomstate import CLOSED
from server.services.seat_commands import Whom
from server.services.signed import Signed
from server.web import forms
from server.web.all_rooms import in_every_room
from server.web.forms import returns_to
from server.web.guard import actor, current_host, requires
from server.web.monitor import board_of, check_room

bp = Blueprint("commands", __name__)
KINDS: dict[str, str] = {
    "start": N_("开考"),
    "pause": N_("暂停"),
    "resume": N_("恢复"),
    "credit": N_("补时"),
    "message": N_("消息"),
    "identity": N_("核对身份"),
    "lock": N_("锁定屏幕"),
    "unlock": N_("解锁屏幕"),
    "move": N_("换座位"),
    "end": N_("结束"),
    "reopen": N_("恢复作答"),
}
"""Kind of a command -> its word."""
COVERS: dict[str, str] = {"LOCKED": N_("监考员锁定了屏幕"), "IDENTITY": N_("等待核对身份")}
ACTS: dict[str, Callable[..., int]] = {
    "pause": seat_commands.pause,
    "resume": seat_commands.resume,
    "lock": seat_commands.lock,
    "unlock": seat_commands.unlock,
    "identity": seat_commands.check_identity,
}
"""What a button of the page does; a message has its words as well."""
PANEL = {
    "pause": N_("暂停"),
    "resume": N_("恢复"),
    "lock": N_("锁定屏幕"),
    "unlock": N_("解锁屏幕"),
    "identity": N_("再次核对身份"),
}
"""The words of the buttons."""
WAYS: dict[str, tuple[str, str]] = {
    "monitor": ("monitor.room", "monitor.room"),
    "hall": ("monitor.index", "all_rooms.page"),
}
"""`back` of a form -> where it leads when it was obeyed, and when it was refused."""


@bp.app_template_global("command_word")
def command_word(kind: str) -> str:
    """The word of a kind of command."""
    return _(KINDS[kind]) if kind in KINDS else kind


@bp.app_template_global("cover_word")
def cover_word(kind: str) -> str:
    """Why a command covers a page; empty for a cover of another cause."""
    return _(COVERS[kind]) if kind in COVERS else ""


@bp.get("/monitor/<int:room_sitting_id>/commands")
@requires(Permission.MONITOR_ROOM)
def page(room_sitting_id: int) -> str:
    """Every seat with its last command; the acts for those who may. `seat`: seats ticked beforehand.

    As a fragment it is the panel for these seats alone, over the map on which they were picked.
    """
    numbers = map(forms.row_number, request.args.getlist("seat"))
    chosen = {number for number in numbers if number is not None}
    shown = _panel if "HX-Request" in request.headers else _page
    return shown(room_sitting_id, chosen)


def _panel(room_sitting_id: int, chosen: set[int]) -> str:
    host = current_host()
    with host.db.read() as session:
        board = board_of(session, room_sitting_id)
        cards = monitoring.seat_cards(session, host.answers, host.presence, room_sitting_id, chosen)
    meant = [card for card in cards if card.attempt is not None and card.state not in set(map(str, CLOSED))]
    acts = [(name, PANEL[name]) for name in ACTS]
    told = {"cards": meant, "passed_over": len(chosen) - len(meant), "acts": [(n, _(w)) for n, w in acts]}
    return render_template("commands/panel.html", board=board, **told)


def _page(room_sitting_id: int, chosen: set[int]) -> str:
    host = current_host()
    with host.db.read() as session:
        board = board_of(session, room_sitting_id)
        cards = monitoring.seat_cards(session, host.answers, host.presence, room_sitting_id)
        room = roomstate.load(session, room_sitting_id)
        attempts = {each.seat_id: each for each in roomstate.attempts_of(session, room_sitting_id)}
        last = command_log.commands_of(session, room_sitting_id)
        rows = {seat.id: seat.row for seat in session.query(Seat).filter(Seat.room_id == room.room.id)}
        outage = undecided(session, room_sitting_id)
    lines = [
        (card, attempts[card.seat], last.get(card.seat), rows[card.seat])
        for card in cards
        if card.seat in attempts
    ]
    return render_template(
        "commands/room.html",
        board=board,
        room=room,
        lines=lines,
        outage=outage,
        chosen=chosen,
        closed={str(state) for state in CLOSED},
        answering=str(AttemptState.ANSWERING),
    )


@bp.get("/monitor/<int:room_sitting_id>/commands/state")
@requires(Permission.MONITOR_ROOM)
def state(room_sitting_id: int) -> Response:
    """How far the last command of each seat has come, for the page's script."""
    with current_host().db.read() as session:
        check_room(session, room_sitting_id)
        last = command_log.commands_of(session, room_sitting_id)
    told = {str(seat): _told(view) for seat, view in last.items()}
    answer: Response = jsonify(told)
    return answer


def _told(view: CommandView) -> dict[str, str]:
    return {"state": view.state, "html": render_template("commands/cell.html", command=view)}


@bp.post("/monitor/<int:room_sitting_id>/commands/<act>")
@requires(Permission.COMMAND_SEATS)
def command(room_sitting_id: int, act: str) -> ResponseReturnValue:
    """Pauses, resumes, locks, unlocks, asks for an identity check, or says something to the seats chosen."""
    done, refused = WAYS.get(request.form.get("back", ""), ("commands.page", "commands.page"))
    return returns_to(refused, act=None)(_command)(room_sitting_id, act, done)


def _command(room_sitting_id: int, act: str, done: str) -> ResponseReturnValue:
    if act not in ACTS and act != "message":
        raise NotFound("act")
    host, signed = current_host(), Signed(actor(), forms.text("reason"))

    def send(whom: Whom) -> int:
        if act == "message":
            words = forms.text("text", limit=300)
            return host.db.write(seat_commands.message, signed, whom, words, now=host.now())
        return host.db.write(ACTS[act], signed, whom, now=host.now())

    if request.form.get("scope") == "all":
        number = forms.once()
        obeyed = in_every_room(room_sitting_id, lambda room: send(Whom(room, once=number)), command_word(act))
        if not obeyed:
            return redirect(url_for("all_rooms.page", room_sitting_id=room_sitting_id))
        return redirect(url_for("monitor.index"))
    reached = send(_whom(room_sitting_id))
    flash(_("%(act)s：已发送到 %(count)d 个座位。", act=command_word(act), count=reached), "good")
    return redirect(url_for(done, room_sitting_id=room_sitting_id))


@bp.post("/monitor/<int:room_sitting_id>/commands/identity/<int:attempt_id>")
@requires(Permission.COMMAND_SEATS)
@returns_to("commands.page", attempt_id=None)
def looked(room_sitting_id: int, attempt_id: int) -> ResponseReturnValue:
    """The outcome of a look at person and document."""
    host, signed = current_host(), Signed(actor(), forms.text("reason"))
    same = request.form.get("outcome") == "same"
    host.db.write(seat_commands.identity_looked, signed, attempt_id, same=same, now=host.now())
    flash(_("已记录核对结果。"), "good")
    return redirect(url_for("commands.page", room_sitting_id=room_sitting_id))


def _whom(room_sitting_id: int) -> Whom:
    """Whom the form means: `scope` is "seats" (those ticked) or "room"."""
    scope, number = request.form.get("scope", "seats"), forms.once()
    if scope == "seats":
        ticked = frozenset(forms.row_numbers("seats"))
        if not ticked:
            raise Refused("no_seat_meant", 422, field="seats")
        return Whom(room_sitting_id, ticked, once=number)
    return Whom(room_sitting_id, once=number)
