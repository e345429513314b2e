"""One command of the chief for all rooms of a sitting: each room obeys or refuses by itself, and says why."""

import hashlib
from collections.abc import Callable

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from server.access import Permission
from server.errors import Forbidden, NotFound, Refused
from server.messages import N_
from server.services import commands, seat_commands
from server.services.commands import Credit, Start
from server.services.delivery import delivery_of
from server.services.signed import Signed
from server.web import forms
from server.web.forms import returns_to
from server.web.guard import actor, cosigner, current_host, requires
from server.web.monitor import board_of

bp = Blueprint("all_rooms", __name__)
WORDS = {"start": N_("开考"), "end": N_("结束考试"), "time": N_("补时")}
"""What can be done to whole rooms here; commands to their seats are `server.web.commands`'s."""


def in_every_room(room_sitting_id: int, act: Callable[[int], object], word: str) -> bool:
    """Does `act` in each room of the sitting, a transaction of its own for each; says who obeyed, who not.

    `act` takes the room's id in the sitting. Returns whether any room obeyed. Refused: `rooms_not_confirmed`.
    """
    if not actor().can(Permission.COSIGN):
        raise Forbidden(Permission.COSIGN)
    if not request.form.get("confirm"):
        raise Refused("rooms_not_confirmed", 422, field="confirm")
    with current_host().db.read() as session:
        rooms = seat_commands.rooms_meant(session, room_sitting_id)
    done = []
    for room in rooms:
        try:
            act(room.id)
        except (NotFound, Forbidden):
            raise
        except Refused as refusal:
            why = forms.sentence_of(refusal.code, refusal.params)
            flash(_("%(room)s没有执行“%(act)s”：%(why)s", room=room.name, act=word, why=why), "look")
        else:
            done.append(room.name)
    if done:
        flash(_("%(act)s：%(rooms)s。", act=word, rooms=_("、").join(done)), "good")
    return bool(done)


@bp.get("/monitor/<int:room_sitting_id>/everywhere")
@requires(Permission.COSIGN)
def page(room_sitting_id: int) -> str:
    """What the chief may say and do in all rooms of a sitting at once, with their names."""
    with current_host().db.read() as session:
        board = board_of(session, room_sitting_id)
        rooms = seat_commands.rooms_meant(session, room_sitting_id)
    return render_template("commands/everywhere.html", board=board, rooms=rooms)


@bp.post("/monitor/<int:room_sitting_id>/everywhere/<act>")
@requires(Permission.COSIGN)
@returns_to("all_rooms.page", act=None)
def obey(room_sitting_id: int, act: str) -> ResponseReturnValue:
    """Starts, ends or gives time to every room, through its own gates and rules."""
    if act not in WORDS:
        raise NotFound("act")
    done = in_every_room(room_sitting_id, {"start": _start, "end": _end, "time": _time}[act](), _(WORDS[act]))
    delivery_of(current_host()).seats_first()
    if done:
        return redirect(url_for("monitor.index"))
    return redirect(url_for("all_rooms.page", room_sitting_id=room_sitting_id))


def _start() -> Callable[[int], object]:
    host, chief = current_host(), actor()
    order = Start(frozenset(), host.clock.anchor, host.presence, host.clock.proven)

    def start(room: int) -> None:
        host.db.write(commands.start_room, chief, room, order, now=host.now())

    return start


def _end() -> Callable[[int], object]:
    host, signed = current_host(), _signed()

    def end(room: int) -> None:
        host.db.write(commands.end_room, room, signed, now=host.now())

    return end


def _time() -> Callable[[int], object]:
    host, signed, minutes, number = current_host(), _signed(), forms.decimal("minutes"), forms.once()

    def give(room: int) -> None:
        once = hashlib.sha256(f"{number}/{room}".encode()).hexdigest()[:32]  # a credit's number is one room's
        host.db.write(commands.add_time, Credit(room, once=once), minutes, signed, now=host.now())

    return give


def _signed() -> Signed:
    return Signed(actor(), forms.text("reason"), cosigner(request.form))
