"""Approved accommodations on a sitting's page: changed before the start by two people."""

from collections.abc import Iterable
from decimal import Decimal

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from server.access import Permission
from server.db.sittings import Registration, RoomSitting
from server.errors import NotFound
from server.rules.accommodation import Extra
from server.services import accommodations
from server.services.accommodations import Granted
from server.services.rosters import RosterRow
from server.services.signed import Signed
from server.web import forms, guard
from server.web.forms import shown_again, text
from server.web.guard import actor, current_host, requires

bp = Blueprint("accommodations", __name__)


@bp.app_template_global("granted_text")
def granted_text(row: RosterRow) -> str:
    """What a candidate was granted, in a few words."""
    words = []
    if row.extra:
        words.append(_("加时 %(n)s 分钟", n=f"{row.extra.normalize():f}"))
    if row.granted.large_print:
        words.append(_("大字版"))
    if row.granted.own_room:
        words.append(_("单独考场"))
    return str(_("，")).join(words)


@bp.app_template_global("granted_choices")
def granted_choices(rows: Iterable[RosterRow]) -> list[tuple[int, str]]:
    """The candidates to choose from, each with what was granted so far."""
    return [
        (row.registration, " · ".join(filter(None, (row.ticket, row.name, granted_text(row)))))
        for row in rows
    ]


@bp.post("/sittings/<int:room_sitting_id>/accommodation")
@requires(Permission.MANAGE_BATCHES)
@shown_again("sittings.show")
def change(room_sitting_id: int) -> ResponseReturnValue:
    """Sets one candidate's extra time and print; the chief co-signs."""
    host, registration = current_host(), forms.whole("registration")
    extra = Extra(_number("extra_percent"), _number("extra_minutes"))
    ticked = {name: request.form.get(name) == "1" for name in ("large_print", "own_room")}
    granted = Granted(extra, note=text("note"), **ticked)
    with host.db.read() as session:
        row, room = session.get(Registration, registration), session.get(RoomSitting, room_sitting_id)
        if row is None or room is None or (row.sitting_id, row.room_id) != (room.sitting_id, room.room_id):
            raise NotFound("candidate")
    signed = Signed(actor(), text("reason"), guard.cosigner(request.form))
    host.db.write(accommodations.change, signed, registration, granted, now=host.now())
    flash(_("便利安排已更改。"), "good")
    return redirect(url_for("sittings.show", room_sitting_id=room_sitting_id))


def _number(name: str) -> Decimal | None:
    """A decimal number, None for an empty field or zero."""
    return (forms.decimal(name) if request.form.get(name, "").strip() else None) or None
