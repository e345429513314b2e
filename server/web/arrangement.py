"""The draw of rooms and seats for a sitting and those that start with it; the lock of a room's seats."""

from collections.abc import Mapping
from urllib.parse import quote
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from exam_rooms.draw_parts import Rules
from server.access import Permission
from server.messages import N_
from server.services import arrangement, arrangement_views, person_register, plans, sitting_rosters
from server.services.arrangement_question import Choice
from server.services.signed import Signed
from server.web import guard, language
from server.web.candidate_files import sent_photos, sent_roster, tell_photos, tell_roster
from server.web.forms import row_numbers, shown_again, text
from server.web.guard import actor, current_host, requires

bp = Blueprint("arrangement", __name__)
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
RULES: dict[str, str] = {
    "employers_apart": N_("同单位的考生尽量不相邻"),
    "accommodations_apart": N_("批准加时、大字版或单独考场的考生，考场够用时另室安排"),
    "seats_anew": N_("不坐以前坐过的座位"),
    "even": N_("各考场人数均匀；不选则按考场表的顺序逐个坐满"),
    "by_ticket": N_("准考证号按考场连续；不选则随机分到各考场"),
}
"""The named rules of a draw in plain words."""
UNKEPT: dict[str, str] = {
    "form": N_("相邻且同卷"),
    "employer": N_("相邻且同单位"),
    "sat_before": N_("坐在以前坐过的座位"),
    "own_room": N_("批准单独考场，但考场不够"),
    "accommodation_room": N_("批准了便利安排，但没有能另室安排的考场"),
}
"""What could not be kept, by the kind of a note."""


@bp.app_template_global("draw_rules")
def draw_rules(rules: Rules) -> list[tuple[str, str, bool]]:
    """The rules to choose from: (name, words, whether chosen before)."""
    chosen = rules.to_json()
    return [(name, _(words), chosen[name]) for name, words in RULES.items()]


@bp.app_template_global("unkept_text")
def unkept_text(kind: str) -> str:
    """What could not be kept."""
    return str(_(UNKEPT[kind]))


@bp.get("/batches/<int:batch_id>/arrange/<int:sitting_id>")
@requires(Permission.SEE_BATCHES)
def show(batch_id: int, sitting_id: int) -> str:
    """Sittings of one start, rooms, rules; what the last draw gave."""
    with current_host().db.read() as session:
        batch = plans.batch(session, batch_id).batch
        return render_template(
            "arrangement/show.html", batch=batch, page=arrangement_views.page(session, sitting_id)
        )


@bp.post("/batches/<int:batch_id>/arrange/<int:sitting_id>")
@requires(Permission.MANAGE_BATCHES)
@shown_again("arrangement.show")
def draw(batch_id: int, sitting_id: int) -> ResponseReturnValue:
    """The draw: made by a child, stored when nothing of what it was made of has changed."""
    host, rules = current_host(), request.form.getlist("rule")
    choice = Choice(Rules(**{name: name in rules for name in RULES}), tuple(row_numbers("room")))
    sittings = row_numbers("sitting")
    with host.db.read() as session:
        asked = arrangement.prepare(session, actor(), sittings, choice, seed=text("seed", limit=40))
    mark = asked.pop("mark")
    result = host.jobs.run("arrange_seats", asked)
    host.db.write(arrangement.take_in, actor(), sittings, choice, mark, result, now=host.now())
    flash(
        _(
            "%(people)s 名考生已编排到 %(rooms)s 个考场，种子 %(seed)s 已保存。",
            people=len(result["seated"]),
            rooms=len(result["rooms"]),
            seed=result["seed"],
        ),
        "good",
    )
    return _back(batch_id, sitting_id, "result")


@bp.post("/batches/<int:batch_id>/arrange/<int:sitting_id>/withdraw")
@requires(Permission.MANAGE_BATCHES)
@shown_again("arrangement.show")
def withdraw(batch_id: int, sitting_id: int) -> ResponseReturnValue:
    """Takes the sitting's draw back, so that its roster can change."""
    host = current_host()
    count = host.db.write(arrangement.withdraw, actor(), sitting_id, now=host.now())
    flash(_("已撤销 %(n)s 个考场的座位编排。", n=count), "good")
    return _back(batch_id, sitting_id)


@bp.post("/batches/<int:batch_id>/arrange/<int:sitting_id>/lock")
@requires(Permission.MANAGE_BATCHES)
@shown_again("arrangement.show")
def lock_all(batch_id: int, sitting_id: int) -> ResponseReturnValue:
    """Locks all rooms of the sitting of which nothing is wrong."""
    host = current_host()
    count, left = host.db.write(
        arrangement.lock_all, actor(), sitting_id, now=host.now(), presence=host.presence
    )
    flash(_("已锁定 %(n)s 个考场的座位。", n=count), "good")
    if left:
        flash(_("这些考场有待解决的问题，没有锁定：%(rooms)s。", rooms=_("、").join(left)), "look")
    return _back(batch_id, sitting_id, "result")


@bp.post("/batches/<int:batch_id>/arrange/<int:sitting_id>/roster")
@requires(Permission.MANAGE_BATCHES)
@shown_again("arrangement.show")
def import_roster(batch_id: int, sitting_id: int) -> ResponseReturnValue:
    """Candidates of the whole sitting from a file; the draw gives them rooms."""
    host, reading = current_host(), sent_roster()
    zone = ZoneInfo(host.settings.timezone)
    count = host.db.write(
        sitting_rosters.store_roster, actor(), sitting_id, reading.entries, now=host.now(), zone=zone
    )
    with host.db.read() as session:
        listed = person_register.listed_in_sitting(session, sitting_id, now=host.now())
    tell_roster(reading, count, listed)
    return _back(batch_id, sitting_id)


@bp.post("/batches/<int:batch_id>/arrange/<int:sitting_id>/photos")
@requires(Permission.MANAGE_BATCHES)
@shown_again("arrangement.show")
def import_photos(batch_id: int, sitting_id: int) -> ResponseReturnValue:
    """Photos of the whole sitting from a zip, named by ticket or ID number."""
    host = current_host()

    def unmatched(photos: Mapping[str, bytes]) -> list[str]:
        with host.db.read() as session:
            return sitting_rosters.unmatched_photos(session, sitting_id, photos)

    good, skipped = sent_photos(unmatched)
    host.db.write(sitting_rosters.store_photos, actor(), sitting_id, good, now=host.now())
    tell_photos(len(good), skipped)
    return _back(batch_id, sitting_id)


@bp.get("/batches/<int:batch_id>/arrange/<int:sitting_id>/seating.xlsx")
@requires(Permission.SEE_BATCHES)
def workbook(batch_id: int, sitting_id: int) -> Response:
    """Who sits where, by room and seat, with the seed and the proof of the draw; who took it is recorded."""
    host = current_host()
    host.db.write(arrangement_views.note_list_taken, actor(), sitting_id, now=host.now())
    with host.db.read() as session:
        batch = plans.batch(session, batch_id).batch
        page = arrangement_views.page(session, sitting_id)
        rows = arrangement_views.seating_list(session, sitting_id)
    zone = ZoneInfo(host.settings.timezone)
    head = [
        _("座位编排表"),
        f"{batch.name} {language.moment(page.starts_at, zone=zone)}",
        _("种子 %(seed)s，结果摘要 %(hash)s", seed=page.seed or "—", hash=page.result_hash or "—"),
        _("制表时间 %(moment)s", moment=language.moment(host.now(), zone=zone)),
    ]
    columns = [
        ["room", _("考场")],
        ["seat", _("座位")],
        ["ticket", _("准考证号")],
        ["name", _("姓名")],
        ["employer", _("单位")],
        ["batch", _("批次")],
    ]
    payload = {"sheet": _("座位编排表"), "head": head, "columns": columns, "rows": rows}
    response = Response(host.jobs.run("results_xlsx", payload)["data"], mimetype=XLSX)
    file = quote(f"{_('座位编排表')}-{batch.name}-{sitting_id}.xlsx")
    response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{file}"
    return response


@bp.post("/sittings/<int:room_sitting_id>/lock")
@requires(Permission.MANAGE_BATCHES)
@shown_again("sittings.show")
def lock(room_sitting_id: int) -> ResponseReturnValue:
    """Fixes the seats of a room; with open findings the chief signs."""
    host = current_host()
    second = guard.cosigner(request.form) if request.form.get("cosign_username") else None
    signed = Signed(actor(), text("reason"), second)
    host.db.write(arrangement.lock, signed, room_sitting_id, now=host.now(), presence=host.presence)
    flash(_("座位已锁定。"), "good")
    return redirect(url_for("sittings.show", room_sitting_id=room_sitting_id, _anchor="seating"))


@bp.post("/sittings/<int:room_sitting_id>/unlock")
@requires(Permission.MANAGE_BATCHES)
@shown_again("sittings.show")
def unlock(room_sitting_id: int) -> ResponseReturnValue:
    """Opens the seats for a new draw: a reason and the chief's signature."""
    host = current_host()
    signed = Signed(actor(), text("reason"), guard.cosigner(request.form))
    host.db.write(arrangement.unlock, signed, room_sitting_id, now=host.now())
    flash(_("座位锁定已解除，可以重新编排。"), "good")
    return redirect(url_for("sittings.show", room_sitting_id=room_sitting_id, _anchor="seating"))


def _back(batch_id: int, sitting_id: int, anchor: str | None = None) -> ResponseReturnValue:
    return redirect(url_for("arrangement.show", batch_id=batch_id, sitting_id=sitting_id, _anchor=anchor))
