"""The panel of an assessed room: named, drawn, its leader, and who takes whose place."""

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from server.access import Permission
from server.services import panel_draws, panel_swaps, panels, turns
from server.services.panels import PanelPlan, Swap
from server.services.signed import Signed
from server.web import forms
from server.web.assessments import panel_cosigner
from server.web.forms import shown_again
from server.web.guard import actor, current_host, requires
from server.web.staffing import GRADES

bp = Blueprint("assessment_panels", __name__)


@bp.post("/assessments/<int:room_sitting_id>/panel")
@requires(Permission.ARRANGE_ASSESSMENT)
@shown_again("assessments.show")
def assign(room_sitting_id: int) -> ResponseReturnValue:
    """Names the whole panel."""
    host = current_host()
    leader = forms.row_number(request.form.get("leader", "")) or 0
    plan = PanelPlan(tuple(forms.row_numbers("examiner")), leader)
    host.db.write(panels.assign, actor(), room_sitting_id, plan, now=host.now())
    flash(_("考评组已安排。"), "good")
    return _back(room_sitting_id)


@bp.post("/assessments/<int:room_sitting_id>/panel/draw")
@requires(Permission.ARRANGE_ASSESSMENT)
@shown_again("assessments.show")
def draw(room_sitting_id: int) -> ResponseReturnValue:
    """Draws it."""
    host, seed = current_host(), forms.text("seed", limit=turns.SEED_LIMIT)
    drawn = host.db.write(panel_draws.draw, actor(), room_sitting_id, seed=seed, now=host.now())
    flash(_("考评员已随机抽取，种子 %(seed)s 已保存。", seed=drawn), "good")
    return _back(room_sitting_id)


@bp.post("/assessments/<int:room_sitting_id>/panel/leader")
@requires(Permission.ARRANGE_ASSESSMENT)
@shown_again("assessments.show")
def leader(room_sitting_id: int) -> ResponseReturnValue:
    """Gives the lead to another member."""
    host, signed = current_host(), Signed(actor(), forms.text("reason"))
    host.db.write(panels.name_leader, signed, room_sitting_id, forms.whole("leader"), now=host.now())
    flash(_("考评组长已更改。"), "good")
    return _back(room_sitting_id)


@bp.post("/assessments/<int:room_sitting_id>/panel/join")
@requires(Permission.ARRANGE_ASSESSMENT)
@shown_again("assessments.show")
def join(room_sitting_id: int) -> ResponseReturnValue:
    """Somebody more sits on it."""
    host, signed = current_host(), Signed(actor(), forms.text("reason"))
    host.db.write(panels.join, signed, room_sitting_id, forms.whole("joins"), now=host.now())
    flash(_("考评员已加入考评组，请签到上岗。"), "good")
    return _back(room_sitting_id)


@bp.post("/assessments/<int:room_sitting_id>/panel/remove")
@requires(Permission.ARRANGE_ASSESSMENT)
@shown_again("assessments.show")
def remove(room_sitting_id: int) -> ResponseReturnValue:
    """Takes a member off the panel."""
    host, signed = current_host(), Signed(actor(), forms.text("reason"))
    host.db.write(panels.remove, signed, room_sitting_id, forms.whole("out"), now=host.now())
    flash(_("已移出考评组。"), "good")
    return _back(room_sitting_id)


@bp.post("/assessments/<int:room_sitting_id>/panel/replace")
@requires(Permission.ARRANGE_ASSESSMENT)
@shown_again("assessments.show")
def replace(room_sitting_id: int) -> ResponseReturnValue:
    """Somebody else takes a member's place; turns that have begun keep their panel."""
    host, signed = current_host(), Signed(actor(), forms.text("reason"))
    host.db.write(panels.replace, signed, room_sitting_id, _swap(), now=host.now())
    flash(_("考评员已替换，接替的人员请签到上岗。"), "good")
    return _back(room_sitting_id)


@bp.post("/assessments/<int:room_sitting_id>/panel/replace-in-turn")
@requires(Permission.COSIGN)
@shown_again("assessments.show")
def replace_in_turn(room_sitting_id: int) -> ResponseReturnValue:
    """Chief and supervisor change the panel of a turn that has begun."""
    host, turn = current_host(), forms.whole("turn")
    with host.db.read() as session:
        panel_swaps.need_turn_of(session, turn, room_sitting_id)
    host.db.write(panel_swaps.in_turn, panel_cosigner(), turn, _swap(), now=host.now())
    flash(_("这名考生的考评员已替换，原评分表保留在案。"), "good")
    return _back(room_sitting_id)


@bp.app_template_global()
def card_grade_word(grade: str) -> str:
    """The word of an examiner's card."""
    return str(_(GRADES.get(grade, grade)))


def _swap() -> Swap:
    return Swap(forms.whole("out"), forms.whole("into"))


def _back(room_sitting_id: int) -> ResponseReturnValue:
    return redirect(url_for("assessments.show", room_sitting_id=room_sitting_id) + "#panel")
