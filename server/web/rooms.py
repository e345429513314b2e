"""Rooms: plans from files, the map, and pairing of workstations to seats."""

from importlib.resources import files

from flask import Blueprint, flash, make_response, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from exam_rooms.drawing import drawing
from exam_rooms.seatmap import RoomKind, RoomMap, smallest_gap
from itembank.problems import Problem
from server.access import Permission
from server.errors import NotFound
from server.jobs.rosters import sheets_from_json
from server.rules.roomfile import read_rooms, room_warnings
from server.services import pairing, room_checks, rooms, stations
from server.services.signed import Signed
from server.services.sittings_now import open_sitting
from server.web.forms import problem_text, shown_again, text, upload
from server.web.guard import actor, current_host, requires

bp = Blueprint("rooms", __name__)
EXAMPLES = {RoomKind.STANDARD: "room_standard_30.csv", RoomKind.SMART: "room_smart_24.csv"}


@bp.get("/rooms")
@requires(Permission.SEE_ROOMS)
def index() -> str:
    """All rooms with seats and pairings."""
    with current_host().db.read() as session:
        found = rooms.summary(session)
        return render_template("rooms/index.html", rows=found, capacity=rooms.capacity(found))


@bp.post("/rooms")
@requires(Permission.MANAGE_ROOMS)
@shown_again("rooms.index")
def create() -> ResponseReturnValue:
    """Rooms from a file: all of it or nothing."""
    host, file = current_host(), upload()
    result = host.jobs.run("read_room", {"data": file.data, "name": file.name})
    maps = read_rooms(sheets_from_json(result["sheets"]))
    ids = host.db.write(rooms.store_rooms, actor(), maps, now=host.now())
    flash(_added(maps), "good")
    for warning in room_warnings(maps):
        flash(problem_text(warning), "look")
    return redirect(url_for("rooms.show", room_id=ids[0]))


def _added(maps: list[RoomMap]) -> str:
    """What an import brought; cameras only when there are smart rooms."""
    smart = [plan for plan in maps if plan.kind == RoomKind.SMART]
    if not smart:
        return str(_("已添加 %(n)d 个考场。", n=len(maps)))
    cameras = sum(len(plan.cameras) for plan in smart)
    told = _(
        "已添加 %(n)d 个考场，其中智能考场 %(smart)d 个，摄像头 %(cameras)d 个。",
        n=len(maps),
        smart=len(smart),
        cameras=cameras,
    )
    return str(told)


@bp.get("/rooms/example/<kind>.csv")
@requires(Permission.SEE_ROOMS)
def example(kind: str) -> ResponseReturnValue:
    """A room file to start from."""
    if kind not in EXAMPLES:
        raise NotFound("room")
    name = EXAMPLES[RoomKind(kind)]
    response = make_response((files("server") / "samples" / name).read_bytes())
    response.headers["Content-Type"] = "text/csv; charset=utf-8"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@bp.get("/rooms/<int:room_id>")
@requires(Permission.SEE_ROOMS)
def show(room_id: int) -> str:
    """One room as drawn, with the pairing of each seat."""
    with current_host().db.read() as session:
        room = rooms.get(session, room_id)
        paired, plan = pairing.active_workstations(session, room_id), rooms.map_of(room)
        return render_template(
            "rooms/show.html",
            room=room,
            drawing=drawing(plan),
            paired=paired,
            seats={seat.number: seat for seat in room.seats},
            plan=plan,
            findings=[
                Problem(each.code, "", {"rule": each.rule, **each.params})
                for each in room_checks.findings(session, room_id)
            ],
            gap=smallest_gap(plan) if len(plan.seats) > 1 else None,
            held=rooms.held_in(session, room_id),
            stations=len(stations.active(session, room_id)),
        )


@bp.post("/rooms/<int:room_id>/delete")
@requires(Permission.MANAGE_ROOMS)
@shown_again("rooms.show")
def delete(room_id: int) -> ResponseReturnValue:
    """Removes an unused room."""
    host = current_host()
    host.db.write(rooms.delete_room, actor(), room_id, now=host.now())
    flash(_("考场已删除。"), "info")
    return redirect(url_for("rooms.index"))


@bp.get("/rooms/<int:room_id>/pairing")
@requires(Permission.PAIR_WORKSTATIONS)
def pairing_page(room_id: int) -> str:
    """Seats with their workstations."""
    return _pairing(room_id, {})


@bp.post("/rooms/<int:room_id>/pairing/<int:seat_id>/code")
@requires(Permission.PAIR_WORKSTATIONS)
@shown_again("rooms.pairing_page", seat_id=None)
def issue_code(room_id: int, seat_id: int) -> ResponseReturnValue:
    """A one-time code for one seat; it is shown once, on this page, and kept only as a keyed hash."""
    return _with_codes(room_id, [seat_id])


@bp.post("/rooms/<int:room_id>/pairing/codes")
@requires(Permission.PAIR_WORKSTATIONS)
@shown_again("rooms.pairing_page")
def issue_codes(room_id: int) -> ResponseReturnValue:
    """Codes for every seat that has no workstation yet."""
    with current_host().db.read() as session:
        paired = pairing.active_workstations(session, room_id)
        free = [seat.id for seat in rooms.get(session, room_id).seats if seat.id not in paired]
    return _with_codes(room_id, free)


def _with_codes(room_id: int, seat_ids: list[int]) -> str:
    host = current_host()
    signed, fingerprint = Signed(actor(), text("reason")), host.site.ca_fingerprint
    return _pairing(
        room_id, host.db.write(pairing.issue_codes, signed, seat_ids, fingerprint, now=host.now())
    )


def _pairing(room_id: int, codes: dict[int, str]) -> str:
    host = current_host()
    with host.db.read() as session:
        return render_template(
            "rooms/pairing.html",
            room=rooms.get(session, room_id),
            paired=pairing.active_workstations(session, room_id),
            under_way=open_sitting(session, room_id, host.now()),
            codes=codes,
        )


@bp.post("/rooms/<int:room_id>/pairing/<int:seat_id>/release")
@requires(Permission.PAIR_WORKSTATIONS)
@shown_again("rooms.pairing_page", seat_id=None)
def release(room_id: int, seat_id: int) -> ResponseReturnValue:
    """Takes the workstation away from a seat."""
    host = current_host()
    host.db.write(pairing.release, Signed(actor(), text("reason")), seat_id, now=host.now())
    flash(_("已解除配对。"), "info")
    return redirect(url_for("rooms.pairing_page", room_id=room_id))
