"""One room in one sitting: roster, photos, staff, seats, package; the way to the monitor and the results."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from exam_rooms.room_checks import Finding
from server.access import Permission
from server.db.sittings import RoomSitting
from server.services import (
    arrangement,
    collection,
    duty,
    packages,
    person_register,
    plans,
    rosters,
    seating,
)
from server.web.candidate_files import sent_photos, sent_roster, tell_photos, tell_roster
from server.web.forms import shown_again, text
from server.web.guard import actor, current_host, requires

bp = Blueprint("sittings", __name__)


@bp.get("/sittings/<int:room_sitting_id>")
@requires(Permission.SEE_BATCHES)
def show(room_sitting_id: int) -> str:
    """Everything that prepares a room's sitting, as steps."""
    manages = actor().can(Permission.MANAGE_BATCHES)
    with current_host().db.read() as session:
        package = packages.current(session, room_sitting_id)
        return render_template(
            "sittings/show.html",
            plan=plans.room_plan(session, room_sitting_id),
            roster=rosters.roster(session, room_sitting_id) if manages else (),
            holders=packages.key_holders(session),
            package=packages.view(session, package) if package else None,
            again=packages.sealed_before(session, room_sitting_id),
            findings=_findings(session, room_sitting_id),
            near=duty.may_see_room(session, actor(), room_sitting_id),
            left=collection.left_before(session, room_sitting_id),
        )


@bp.post("/sittings/<int:room_sitting_id>/roster")
@requires(Permission.MANAGE_BATCHES)
@shown_again("sittings.show")
def import_roster(room_sitting_id: int) -> ResponseReturnValue:
    """Candidates from a file: all of it or nothing, every fault with row and column."""
    host, reading = current_host(), sent_roster()
    zone = ZoneInfo(host.settings.timezone)
    count = host.db.write(
        rosters.store_roster, actor(), room_sitting_id, reading.entries, now=host.now(), zone=zone
    )
    with host.db.read() as session:
        listed = person_register.listed_in_room(session, room_sitting_id, now=host.now())
    tell_roster(reading, count, listed)
    return redirect(url_for("sittings.show", room_sitting_id=room_sitting_id))


@bp.post("/sittings/<int:room_sitting_id>/photos")
@requires(Permission.MANAGE_BATCHES)
@shown_again("sittings.show")
def import_photos(room_sitting_id: int) -> ResponseReturnValue:
    """Photos from a zip, named by ticket or ID number; checked and re-encoded in a child process.

    Any faulty or ownerless one refuses them all, unless it was chosen to skip those.
    """
    host = current_host()

    def unmatched(photos: Mapping[str, bytes]) -> list[str]:
        with host.db.read() as session:
            return rosters.unmatched_photos(session, room_sitting_id, photos)

    good, skipped = sent_photos(unmatched)
    host.db.write(rosters.store_photos, actor(), room_sitting_id, good, now=host.now())
    tell_photos(len(good), skipped)
    return redirect(url_for("sittings.show", room_sitting_id=room_sitting_id))


@bp.post("/sittings/<int:room_sitting_id>/seating")
@requires(Permission.MANAGE_BATCHES)
@shown_again("sittings.show")
def draw_seats(room_sitting_id: int) -> ResponseReturnValue:
    """The draw of seats and forms."""
    host = current_host()
    seed = host.db.write(seating.draw, actor(), room_sitting_id, seed=text("seed", limit=40), now=host.now())
    flash(_("座位已随机编排，种子 %(seed)s 已保存。", seed=seed), "good")
    return redirect(url_for("sittings.show", room_sitting_id=room_sitting_id))


def _findings(session: Session, room_sitting_id: int) -> tuple[Finding, ...]:
    """What stands in the way of locking a room's seats; nothing before the draw and after the lock."""
    row = session.get_one(RoomSitting, room_sitting_id)
    if row.locked_at is not None or row.state not in ("arranged", "released"):
        return ()
    return arrangement.lock_findings(session, row, current_host().presence)
