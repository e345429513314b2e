"""Locked workstations on the screens of invigilators: how well they are closed, the PIN, orders to quit."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from exam_rooms.kiosk_messages import KioskReport, Lockdown
from exam_rooms.pins import spelled_pin
from server.access import Permission
from server.errors import Refused
from server.services import kiosk_orders, monitoring
from server.services.kiosk_orders import Whom
from server.services.monitoring import SeatCard
from server.services.signed import Signed
from server.web import forms, guard, monitor
from server.web.forms import returns_to
from server.web.guard import actor, current_host, requires

bp = Blueprint("kiosk", __name__)


@bp.get("/monitor/<int:room_sitting_id>/kiosk")
@requires(Permission.RUN_ROOM)
def room(room_sitting_id: int) -> str:
    """All workstations of a room: how well each is closed; the PIN and the orders."""
    with current_host().db.read() as session:
        return _page(session, room_sitting_id)


@bp.post("/monitor/<int:room_sitting_id>/kiosk/pin")
@requires(Permission.RUN_ROOM)
@returns_to("kiosk.room")
def pin(room_sitting_id: int) -> ResponseReturnValue:
    """The PIN in clear on the page, once; the look stands on the record."""
    host = current_host()
    clear = host.db.write(kiosk_orders.show_pin, actor(), room_sitting_id, now=host.now())
    with host.db.read() as session:
        return _page(session, room_sitting_id, spelled_pin(clear))


@bp.post("/monitor/<int:room_sitting_id>/kiosk/pin/renew")
@requires(Permission.RUN_ROOM)
@returns_to("kiosk.room")
def renew(room_sitting_id: int) -> ResponseReturnValue:
    """A new PIN for the room."""
    host = current_host()
    host.db.write(kiosk_orders.renew_pin, actor(), room_sitting_id, now=host.now())
    flash(_("退出口令已更换。断网的考试机在恢复连接前仍使用旧口令。"), "good")
    return redirect(url_for("kiosk.room", room_sitting_id=room_sitting_id))


@bp.post("/monitor/<int:room_sitting_id>/kiosk/quit")
@requires(Permission.RUN_ROOM)
@returns_to("kiosk.room")
def quit_room(room_sitting_id: int) -> ResponseReturnValue:
    """Every workstation of the room leaves the lock."""
    count = _order(room_sitting_id, None)
    flash(_("已向 %(n)d 台考试机发出退出指令。", n=count), "good")
    return redirect(url_for("kiosk.room", room_sitting_id=room_sitting_id))


@bp.post("/monitor/<int:room_sitting_id>/seats/<int:seat_id>/quit")
@requires(Permission.RUN_ROOM)
def quit_seat(room_sitting_id: int, seat_id: int) -> ResponseReturnValue:
    """One workstation leaves the lock; the seat's drawer comes back."""
    problem = field = ""
    try:
        _order(room_sitting_id, frozenset({seat_id}))
    except Refused as refusal:
        problem = guard.say(refusal.code, refusal.params)
        field = refusal.params.get("field", "")
    if "HX-Request" in request.headers:
        return monitor.drawer(room_sitting_id, seat_id, act="quit", problem=problem, field=field)
    if problem:
        flash(problem, "act")
    return redirect(url_for("monitor.room", room_sitting_id=room_sitting_id))


def _order(room_sitting_id: int, seats: frozenset[int] | None) -> int:
    host, form = current_host(), request.form
    second = guard.cosigner(form) if form.get("cosign_username") else None
    signed = Signed(actor(), forms.text("reason"), second)
    whom = Whom(host.site.signing_key, seats)
    count: int = host.db.write(kiosk_orders.order_quit, signed, room_sitting_id, whom, now=host.now())
    return count


def _page(session: Session, room_sitting_id: int, clear: str = "") -> str:
    host, board = current_host(), monitor.board_of(session, room_sitting_id)
    cards = monitoring.seat_cards(session, host.answers, host.presence, room_sitting_id)
    lines = [(card, host.presence.of(card.workstation).kiosk) for card in cards if card.workstation]
    return render_template(
        "monitor/kiosk.html",
        board=board,
        lines=sorted(lines, key=_worst_first),
        pin=clear,
        working=kiosk_orders.somebody_answers(session, room_sitting_id),
    )


def _worst_first(line: tuple[SeatCard, KioskReport]) -> tuple[bool, bool, int]:
    card, kiosk = line
    return (kiosk.lockdown is not Lockdown.OPEN, kiosk.lockdown is not Lockdown.NONE, card.seat)
