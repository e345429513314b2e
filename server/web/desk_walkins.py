"""A candidate of no list at the desk: the chief decides, the desk enters name and ID number."""

from zoneinfo import ZoneInfo

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from server.access import Permission
from server.db.rooms import Room
from server.services import desk_find, desk_walkins
from server.services.desk_walkins import Stranger
from server.services.duty import need_duty_to_look
from server.services.pairing import free_seats
from server.services.signed import Signed
from server.web import forms, guard
from server.web.forms import shown_again
from server.web.guard import actor, current_host, requires

bp = Blueprint("desk_walkins", __name__)


@bp.get("/monitor/<int:room_sitting_id>/desk/walk-in")
@requires(Permission.ADMIT_CANDIDATES)
def page(room_sitting_id: int) -> str:
    """The form for somebody on no list, and who was taken in before."""
    with current_host().db.read() as session:
        row = desk_find.room_of(session, room_sitting_id)
        need_duty_to_look(session, actor(), Permission.ADMIT_CANDIDATES, room_sitting_id)
        return render_template(
            "desk/walk_in.html",
            room_sitting=room_sitting_id,
            room=session.get_one(Room, row.room_id).name,
            spare=free_seats(session, room_sitting_id),
        )


@bp.post("/monitor/<int:room_sitting_id>/desk/walk-in")
@requires(Permission.ADMIT_CANDIDATES)
@shown_again("desk_walkins.page")
def take_in(room_sitting_id: int) -> ResponseReturnValue:
    """Registration, ticket number and seat for the candidate; the sign-in itself follows at the desk."""
    host = current_host()
    stranger = Stranger(
        forms.text("name", limit=50),
        forms.text("id_number", limit=40),
        forms.text("employer", limit=120),
        forms.whole("seat"),
    )
    signed = Signed(actor(), forms.text("reason"), guard.cosigner(request.form))
    zone = ZoneInfo(host.settings.timezone)
    host.db.write(desk_walkins.take_in, signed, room_sitting_id, stranger, now=host.now(), zone=zone)
    flash(_("已登记名单外考生，请在签到台用证件号码签到。"), "good")
    return redirect(url_for("desk.page", room_sitting_id=room_sitting_id))
