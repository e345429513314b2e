"""Who is on duty: a room's staff, the draw over a sitting, one's own duties, and the register of a person."""

from datetime import date

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from server.access import Permission, Role
from server.errors import Refused
from server.messages import N_
from server.rules.recusal import LinkKind
from server.services import duties, plans, staff, staff_draws, staff_profiles, staffing
from server.services.signed import Signed
from server.services.staff_profiles import Link, Profile
from server.web import forms
from server.web.forms import returns_to, shown_again
from server.web.guard import actor, current_host, may, requires

bp = Blueprint("staffing", __name__)

KINDS: dict[str, str] = {
    LinkKind.KIN: N_("亲属"),
    LinkKind.SUPERIOR: N_("用人单位负责人或上级"),
    LinkKind.TEACHER: N_("师生"),
    LinkKind.MASTER: N_("师徒"),
}
GRADES: dict[str, str] = {
    "": N_("未填"),
    "examiner": N_("考评员"),
    "senior_examiner": N_("高级考评员"),
    "invigilator": N_("监考员"),
    "technician": N_("系统管理员"),
    "supervisor": N_("质量督导员"),
}


# --- a room's staff -------------------------------------------------------------------------------------


@bp.get("/sittings/<int:room_sitting_id>/staffing")
@requires(Permission.SEE_BATCHES)
def show(room_sitting_id: int) -> str:
    """Everybody on duty in a room: how many are asked for, who is present; the draw of the whole sitting."""
    host = current_host()
    with host.db.read() as session:
        plan = plans.room_plan(session, room_sitting_id)
        sitting = staffing.parts(session, room_sitting_id)[1]
        people = [one for one in staff.people(session) if one.active]
        return render_template(
            "staffing/show.html",
            plan=plan,
            staffing=staffing.staffing(session, room_sitting_id),
            lines=staffing.lines(session, room_sitting_id),
            people=[one for one in people if not set(staffing.IN_ROOM).isdisjoint(one.roles)],
            duty_roles=staffing.IN_ROOM,
            supervisors=[one for one in people if Role.SUPERVISOR in one.roles],
            supervisor=staffing.supervisor_of(session, sitting.id),
            draw=staff_draws.last(session, sitting.id),
            rooms=_rooms(session, sitting.id),
            manages=may(Permission.MANAGE_STAFFING) and plan.state not in duties.OVER,
        )


def _rooms(session: Session, sitting_id: int) -> list[tuple[int, str, staffing.Staffing]]:
    rows = staffing.rooms_of(session, sitting_id)
    return [
        (row.id, staffing.parts(session, row.id)[2].name, staffing.staffing(session, row.id)) for row in rows
    ]


@bp.post("/sittings/<int:room_sitting_id>/staffing")
@requires(Permission.MANAGE_STAFFING)
@shown_again("staffing.show")
def assign(room_sitting_id: int) -> ResponseReturnValue:
    """Who is on duty in the room, named one by one."""
    host = current_host()
    host.db.write(staffing.assign_staff, actor(), room_sitting_id, chosen_duties(), now=host.now())
    flash(_("监考安排已保存。"), "good")
    return redirect(url_for("staffing.show", room_sitting_id=room_sitting_id))


def chosen_duties() -> dict[int, Role]:
    """User id -> role, from the fields `duty` ("user/role") of a form."""
    found: dict[int, Role] = {}
    for value in filter(None, request.form.getlist("duty")):
        number, _sep, role = value.partition("/")
        user = forms.row_number(number)
        if user is None or role not in set(Role):
            raise Refused("duty_without_role", 422, user=number)
        found[user] = Role(role)
    return found


@bp.post("/sittings/<int:room_sitting_id>/staffing/draw")
@requires(Permission.MANAGE_STAFFING)
@shown_again("staffing.show")
def draw(room_sitting_id: int) -> ResponseReturnValue:
    """Draws the people of all rooms of the sitting."""
    host, seed = current_host(), forms.text("seed", limit=40)
    with host.db.read() as session:
        sitting_id = staffing.parts(session, room_sitting_id)[1].id
    drawn = host.db.write(staff_draws.draw, actor(), sitting_id, seed=seed, now=host.now())
    missing = sum(each.count for each in drawn.shortages)
    if missing:
        flash(_("已抽取，种子 %(seed)s；还缺 %(n)d 人，见下表。", seed=drawn.seed, n=missing), "look")
    else:
        flash(_("考务人员已随机抽取，种子 %(seed)s 已保存。", seed=drawn.seed), "good")
    return redirect(url_for("staffing.show", room_sitting_id=room_sitting_id))


@bp.post("/sittings/<int:room_sitting_id>/staffing/supervisor")
@requires(Permission.MANAGE_STAFFING)
@shown_again("staffing.show")
def supervisor(room_sitting_id: int) -> ResponseReturnValue:
    """The internal quality supervisor of the sitting."""
    host = current_host()
    with host.db.read() as session:
        sitting_id = staffing.parts(session, room_sitting_id)[1].id
    who = forms.whole("supervisor") if request.form.get("supervisor") else None
    host.db.write(staffing.name_supervisor, actor(), sitting_id, who, now=host.now())
    flash(_("内部质量督导员已保存。"), "good")
    return redirect(url_for("staffing.show", room_sitting_id=room_sitting_id))


@bp.post("/sittings/<int:room_sitting_id>/staffing/<int:user_id>/<word>")
@requires(Permission.COSIGN)
@returns_to("staffing.show", user_id=None, word=None)
def sign_for(room_sitting_id: int, user_id: int, word: str) -> ResponseReturnValue:
    """The chief signs somebody in or out, with a reason."""
    host, signed = current_host(), Signed(actor(), forms.text("reason"))
    act = {"in": duties.sign_in_for, "out": duties.sign_out_for}.get(word)
    if act is None:
        raise Refused("bad_request", 400)
    host.db.write(act, signed, room_sitting_id, user_id, now=host.now())
    flash(_("已代为签到。") if word == "in" else _("已代为签退。"), "good")
    return redirect(url_for("staffing.show", room_sitting_id=room_sitting_id))


# --- one's own duties -----------------------------------------------------------------------------------


@bp.get("/duties")
@requires(Permission.SIGN_DUTY)
def own() -> str:
    """One's own duties, with signing in and out."""
    host = current_host()
    with host.db.read() as session:
        found = duties.mine(session, actor(), now=host.now())
    return render_template("staffing/duties.html", duties=found, now=host.now())


@bp.post("/duties/<int:room_sitting_id>/in")
@requires(Permission.SIGN_DUTY)
@returns_to("staffing.own", room_sitting_id=None)
def sign_in(room_sitting_id: int) -> ResponseReturnValue:
    """Signs oneself in."""
    host = current_host()
    host.db.write(duties.sign_in, actor(), room_sitting_id, now=host.now())
    flash(_("已签到上岗。"), "good")
    return redirect(url_for("staffing.own"))


@bp.post("/duties/<int:room_sitting_id>/out")
@requires(Permission.SIGN_DUTY)
@returns_to("staffing.own", room_sitting_id=None)
def sign_out(room_sitting_id: int) -> ResponseReturnValue:
    """Signs oneself out."""
    host, signed = current_host(), Signed(actor(), forms.text("reason"))
    host.db.write(duties.sign_out, signed, room_sitting_id, now=host.now())
    flash(_("已签退。"), "good")
    return redirect(url_for("staffing.own"))


# --- the register of a person ---------------------------------------------------------------------------


@bp.get("/staff/<int:user_id>/profile")
@requires(Permission.MANAGE_STAFF)
def profile(user_id: int) -> str:
    """Employer, card, and for whom the person stands back."""
    with current_host().db.read() as session:
        return render_template(
            "staffing/profile.html",
            person=staff.person(session, user_id),
            profile=staff_profiles.profile(session, user_id),
            links=staff_profiles.links(session, user_id),
            grades=[(code, _(word)) for code, word in GRADES.items()],
            kinds=[(code, _(word)) for code, word in KINDS.items()],
        )


@bp.post("/staff/<int:user_id>/profile")
@requires(Permission.MANAGE_STAFF)
@shown_again("staffing.profile")
def set_profile(user_id: int) -> ResponseReturnValue:
    """Writes the profile."""
    host = current_host()
    wanted = Profile(
        employer=forms.text("employer", limit=120),
        card_number=forms.text("card_number", limit=40),
        card_grade=forms.text("card_grade", limit=20),
        valid_to=_day("valid_to"),
    )
    host.db.write(staff_profiles.set_profile, actor(), user_id, wanted, now=host.now())
    flash(_("单位与证卡已保存。"), "good")
    return redirect(url_for("staffing.profile", user_id=user_id))


@bp.post("/staff/<int:user_id>/recusals")
@requires(Permission.MANAGE_STAFF)
@shown_again("staffing.profile")
def add_recusal(user_id: int) -> ResponseReturnValue:
    """Adds a link; the ID number is kept as an index only."""
    host = current_host()
    wanted = Link(
        kind=forms.text("kind", limit=12),
        id_number=forms.text("id_number", limit=32),
        employer=forms.text("other_employer", limit=120),
        note=forms.text("note"),
    )
    host.db.write(staff_profiles.add_link, actor(), user_id, wanted, now=host.now())
    flash(_("回避关系已登记。"), "good")
    return redirect(url_for("staffing.profile", user_id=user_id))


@bp.post("/staff/<int:user_id>/recusals/<int:link_id>/remove")
@requires(Permission.MANAGE_STAFF)
@returns_to("staffing.profile", link_id=None)
def remove_recusal(user_id: int, link_id: int) -> ResponseReturnValue:
    """Withdraws a link."""
    host = current_host()
    host.db.write(staff_profiles.remove_link, actor(), user_id, link_id, now=host.now())
    flash(_("回避关系已撤销。"), "good")
    return redirect(url_for("staffing.profile", user_id=user_id))


@bp.app_template_global()
def recusal_word(kind: str) -> str:
    """The word of a link."""
    return str(_(KINDS[kind])) if kind in KINDS else kind


def _day(name: str) -> date | None:
    value = request.form.get(name, "").strip()
    try:
        return date.fromisoformat(value) if value else None
    except ValueError as fault:
        raise Refused("field_not_a_day", 422, field=name, value=value[:20]) from fault
