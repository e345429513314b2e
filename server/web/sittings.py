"""One room in one sitting: roster, photos, staff, seats, package; the way to the monitor and the results."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from itembank.problems import InputRefused, Problem
from server.access import Permission, Role
from server.errors import Refused
from server.jobs.rosters import sheets_from_json
from server.rules.roster import read_roster
from server.services import packages, plans, rosters, seating, staff
from server.web.forms import problem_text, returns_to, text, upload
from server.web.guard import actor, current_host, requires

bp = Blueprint("sittings", __name__)


@bp.get("/sittings/<int:room_sitting_id>")
@requires(Permission.SEE_BATCHES)
def show(room_sitting_id: int) -> str:
    """Everything that prepares a room's sitting, as steps."""
    with current_host().db.read() as session:
        package = packages.current(session, room_sitting_id)
        return render_template(
            "sittings/show.html",
            plan=plans.room_plan(session, room_sitting_id),
            roster=rosters.roster(session, room_sitting_id),
            staffing=seating.staffing(session, room_sitting_id),
            people=[person for person in staff.people(session) if person.active],
            holders=packages.key_holders(session),
            package=packages.view(session, package) if package else None,
        )


@bp.post("/sittings/<int:room_sitting_id>/roster")
@requires(Permission.MANAGE_BATCHES)
@returns_to("sittings.show")
def import_roster(room_sitting_id: int) -> ResponseReturnValue:
    """Candidates from a file: all of it or nothing, every fault with row and column."""
    host, file = current_host(), upload()
    result = host.jobs.run("read_roster", {"data": file.data, "name": file.name})
    reading = read_roster(sheets_from_json(result["sheets"]), today=host.now().date())
    if reading.problems:
        raise InputRefused(*reading.problems)
    count = host.db.write(
        rosters.store_roster, actor(), room_sitting_id, list(reading.entries), now=host.now()
    )
    flash(_("已导入 %(n)d 名考生。", n=count), "good")
    for warning in reading.warnings:
        flash(problem_text(warning), "look")
    return redirect(url_for("sittings.show", room_sitting_id=room_sitting_id))


@bp.post("/sittings/<int:room_sitting_id>/photos")
@requires(Permission.MANAGE_BATCHES)
@returns_to("sittings.show")
def import_photos(room_sitting_id: int) -> ResponseReturnValue:
    """Photos from a zip, named by ticket or ID number; checked and re-encoded in a child process."""
    host, file = current_host(), upload()
    result = host.jobs.run("read_photos", {"data": file.data, "name": file.name})
    photos = {name: value for name, value in result.items() if isinstance(value, bytes)}
    unmatched = host.db.write(rosters.store_photos, actor(), room_sitting_id, photos, now=host.now())
    flash(_("已保存 %(n)d 张照片。", n=len(photos) - len(unmatched)), "good")
    if unmatched:
        flash(_("%(n)d 张照片没有对应的考生。", n=len(unmatched)), "look")
    for row in result["problems"]:
        flash(problem_text(Problem.from_json(row)), "act")
    return redirect(url_for("sittings.show", room_sitting_id=room_sitting_id))


@bp.post("/sittings/<int:room_sitting_id>/staff")
@requires(Permission.MANAGE_BATCHES)
@returns_to("sittings.show")
def assign_staff(room_sitting_id: int) -> ResponseReturnValue:
    """Who is on duty in the room."""
    host = current_host()
    duties: dict[int, Role] = {}
    for value in request.form.getlist("duty"):
        user, _sep, role = value.partition("/")
        if not user.isdigit() or role not in set(Role):
            raise Refused("duty_without_role", 422, user=user)
        duties[int(user)] = Role(role)
    host.db.write(seating.assign_staff, actor(), room_sitting_id, duties, now=host.now())
    flash(_("监考安排已保存。"), "good")
    return redirect(url_for("sittings.show", room_sitting_id=room_sitting_id))


@bp.post("/sittings/<int:room_sitting_id>/seating")
@requires(Permission.MANAGE_BATCHES)
@returns_to("sittings.show")
def draw_seats(room_sitting_id: int) -> ResponseReturnValue:
    """The draw of seats and forms."""
    host = current_host()
    seed = host.db.write(seating.draw, actor(), room_sitting_id, seed=text("seed", limit=40), now=host.now())
    flash(_("座位已随机编排，种子 %(seed)s 已保存。", seed=seed), "good")
    return redirect(url_for("sittings.show", room_sitting_id=room_sitting_id))
