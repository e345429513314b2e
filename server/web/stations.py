"""Stations of a room: numbers, equipment, in use or not."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from server.access import Permission
from server.services import rooms, stations
from server.services.stations import StationPlan
from server.web import forms
from server.web.forms import shown_again
from server.web.guard import actor, current_host, requires

bp = Blueprint("stations", __name__)


@bp.get("/rooms/<int:room_id>/stations")
@requires(Permission.SEE_ROOMS)
def show(room_id: int) -> str:
    """All stations of a room."""
    with current_host().db.read() as session:
        return render_template(
            "rooms/stations.html",
            room=rooms.get(session, room_id),
            stations=stations.of_room(session, room_id),
        )


@bp.post("/rooms/<int:room_id>/stations")
@requires(Permission.ARRANGE_ASSESSMENT)
@shown_again("stations.show")
def add(room_id: int) -> ResponseReturnValue:
    """Adds one."""
    host = current_host()
    host.db.write(stations.add, actor(), room_id, _plan(active=True), now=host.now())
    flash(_("工位已添加。"), "good")
    return redirect(url_for("stations.show", room_id=room_id))


@bp.post("/rooms/<int:room_id>/stations/from-plan")
@requires(Permission.ARRANGE_ASSESSMENT)
@shown_again("stations.show")
def from_plan(room_id: int) -> ResponseReturnValue:
    """One for every normal seat of the plan."""
    host = current_host()
    count = host.db.write(stations.from_plan, actor(), room_id, now=host.now())
    flash(_("已按座位图添加 %(n)s 个工位。", n=count), "good")
    return redirect(url_for("stations.show", room_id=room_id))


@bp.post("/rooms/<int:room_id>/stations/<int:station_id>")
@requires(Permission.ARRANGE_ASSESSMENT)
@shown_again("stations.show", station_id=None)
def change(room_id: int, station_id: int) -> ResponseReturnValue:
    """Writes one anew."""
    host = current_host()
    plan = _plan(active=request.form.get("active") == "1")
    room_id = host.db.write(stations.change, actor(), station_id, plan, now=host.now())
    flash(_("工位已保存。"), "good")
    return redirect(url_for("stations.show", room_id=room_id))


@bp.post("/rooms/<int:room_id>/stations/<int:station_id>/remove")
@requires(Permission.ARRANGE_ASSESSMENT)
@shown_again("stations.show", station_id=None)
def remove(room_id: int, station_id: int) -> ResponseReturnValue:
    """Removes one that nobody was drawn for."""
    host = current_host()
    room_id = host.db.write(stations.remove, actor(), station_id, now=host.now())
    flash(_("工位已删除。"), "good")
    return redirect(url_for("stations.show", room_id=room_id))


def _plan(*, active: bool) -> StationPlan:
    lines = request.form.get("equipment", "").splitlines()
    tidy = ("".join(ch for ch in line if ch.isprintable()).strip() for line in lines[:200])
    return StationPlan(forms.text("number", limit=8), tuple(line for line in tidy if line), active)
