"""Assessed rooms on the day: what is missing, the session, calling, timers, the board on the wall."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from server.access import Permission
from server.db.assessing import Turn
from server.errors import NotFound, Refused
from server.messages import N_
from server.services import assessment_room, assessment_views, assessments, panels, staffing, turns
from server.services.assessment_room import AssessmentRoom
from server.services.signed import Signed
from server.web import feed, forms
from server.web.forms import returns_to, shown_again
from server.web.guard import actor, cosigner, current_host, may, requires

bp = Blueprint("assessments", __name__)

LINES = 20
"""Of the room's activity, the newest."""
GATES: dict[str, str] = {
    "order": N_("考核顺序"),
    "template": N_("评分表"),
    "panel": N_("考评组"),
    "present": N_("考评员到岗"),
    "staff": N_("叫号人员"),
    "supervisor": N_("督导员"),
    "time": N_("时间"),
}


@bp.get("/assessments")
@requires(Permission.SEE_BATCHES)
def index() -> str:
    """All assessed rooms, in numbers."""
    host = current_host()
    with host.db.read() as session:
        rows = assessments.lines(session, now=host.now())
    return render_template("assessments/index.html", rows=rows)


@bp.get("/assessments/<int:room_sitting_id>")
@requires(Permission.SEE_BATCHES)
def show(room_sitting_id: int) -> str:
    """One room: gates, session, calling; names only for those who may know them."""
    host = current_host()
    with host.db.read() as session:
        place = assessment_room.load(session, room_sitting_id)
        arranges = may(Permission.ARRANGE_ASSESSMENT) and not _on_panel(session, place)
        return render_template(
            "assessments/show.html",
            **_live(session, place),
            title=assessments.title_of(session, place),
            gates=assessments.gates(session, place, now=host.now()),
            panel=panels.panel(session, room_sitting_id),
            draw=turns.last_draw(session, room_sitting_id),
            arranges=arranges,
            examiners=panels.choices(session, place) if arranges else (),
            supervisor=staffing.supervisor_of(session, place.sitting.id),
            lines=feed.lines(session, room_sitting_id)[:LINES],
        )


@bp.get("/assessments/<int:room_sitting_id>/live")
@requires(Permission.SEE_BATCHES)
def live(room_sitting_id: int) -> str:
    """The part of the room's page that changes all the time."""
    with current_host().db.read() as session:
        place = assessment_room.load(session, room_sitting_id)
        return render_template("assessments/live.html", **_live(session, place))


@bp.get("/assessments/<int:room_sitting_id>/board")
@requires(Permission.SEE_BATCHES)
def board(room_sitting_id: int) -> str:
    """The calling board for a screen on the wall: number, code, station and state, nothing else."""
    with current_host().db.read() as session:
        return render_template("assessments/board.html", **_board(session, room_sitting_id))


@bp.get("/assessments/<int:room_sitting_id>/board/part")
@requires(Permission.SEE_BATCHES)
def board_part(room_sitting_id: int) -> str:
    """What of the board changes."""
    with current_host().db.read() as session:
        return render_template("assessments/board_part.html", **_board(session, room_sitting_id))


@bp.get("/assessments/<int:room_sitting_id>/order")
@requires(Permission.SEE_BATCHES)
def order(room_sitting_id: int) -> str:
    """The order with names, for the caller to print; who looked stands on the record."""
    host = current_host()
    place, found, people = host.db.write(
        assessment_views.order_list, actor(), room_sitting_id, now=host.now()
    )
    with host.db.read() as session:
        draw = turns.last_draw(session, room_sitting_id)
    return render_template(
        "assessments/order.html", place=place, turns=found, people=people, draw=draw, now=host.now()
    )


@bp.get("/assessments/<int:room_sitting_id>/turns/<int:turn_id>/photo")
@requires(Permission.SEE_BATCHES)
def photo(room_sitting_id: int, turn_id: int) -> Response:
    """The registration photo of whoever is behind a code, for those who compare documents."""
    with current_host().db.read() as session:
        data = assessment_views.photo(session, actor(), room_sitting_id, turn_id)
    return Response(data, mimetype="image/jpeg")


# --- the session ----------------------------------------------------------------------------------------


@bp.post("/assessments/<int:room_sitting_id>/begin")
@requires(Permission.RUN_ASSESSMENT)
@returns_to("assessments.show")
def begin(room_sitting_id: int) -> ResponseReturnValue:
    """Opens the session."""
    host = current_host()
    host.db.write(assessments.begin, actor(), room_sitting_id, now=host.now())
    flash(_("考核已开始，可以叫号。"), "good")
    return _back(room_sitting_id)


@bp.post("/assessments/<int:room_sitting_id>/end")
@requires(Permission.RUN_ASSESSMENT)
@returns_to("assessments.show")
def end(room_sitting_id: int) -> ResponseReturnValue:
    """Closes the session."""
    host = current_host()
    host.db.write(assessments.end, Signed(actor(), forms.text("reason")), room_sitting_id, now=host.now())
    flash(_("考核已结束。考评员仍可锁定和上传评分表。"), "good")
    return _back(room_sitting_id)


@bp.post("/assessments/<int:room_sitting_id>/reopen")
@requires(Permission.RUN_ASSESSMENT)
@returns_to("assessments.show")
def reopen(room_sitting_id: int) -> ResponseReturnValue:
    """Opens a session again that was ended by mistake."""
    host = current_host()
    host.db.write(assessments.reopen, Signed(actor(), forms.text("reason")), room_sitting_id, now=host.now())
    flash(_("考核已重新开放。"), "good")
    return _back(room_sitting_id)


@bp.post("/assessments/<int:room_sitting_id>/draw")
@requires(Permission.ARRANGE_ASSESSMENT)
@shown_again("assessments.show")
def draw_order(room_sitting_id: int) -> ResponseReturnValue:
    """Draws the order."""
    host, signed = current_host(), Signed(actor(), forms.text("reason"))
    seed = forms.text("seed", limit=turns.SEED_LIMIT)
    drawn = host.db.write(turns.draw_order, signed, room_sitting_id, seed=seed, now=host.now())
    flash(_("考核顺序已抽签排定，种子 %(seed)s 已保存。", seed=drawn.seed), "good")
    return _back(room_sitting_id)


# --- one candidate --------------------------------------------------------------------------------------


@bp.post("/assessments/<int:room_sitting_id>/turns/<int:turn_id>/<word>")
@requires(Permission.RUN_ASSESSMENT)
@returns_to("assessments.show", turn_id=None, word=None)
def act(room_sitting_id: int, turn_id: int, word: str) -> ResponseReturnValue:
    """Calls, starts, finishes, marks absent, or takes the last step back."""
    host, turn = current_host(), _turn_in(room_sitting_id, turn_id)
    if word not in _ACTS:
        raise NotFound("act")
    said = _ACTS[word]()
    who = Signed(actor(), forms.text("reason")) if word == "back" else actor()
    host.db.write(_WRITES[word], who, turn, **said, now=host.now())
    return _back(room_sitting_id)


_WRITES: dict[str, Callable[..., object]] = {
    "call": turns.call,
    "start": turns.start,
    "finish": turns.finish,
    "absent": turns.absent,
    "back": turns.take_back,
}
_ACTS: dict[str, Callable[[], dict[str, Any]]] = {
    "call": dict,
    "start": lambda: {"checked": request.form.get("checked") == "1"},
    "finish": lambda: {"note": forms.text("note")},
    "absent": dict,
    "back": dict,
}


@bp.app_template_global()
def assessment_gate_word(name: str) -> str:
    """The word of a gate."""
    return str(_(GATES[name])) if name in GATES else name


def panel_cosigner() -> Signed:
    """The signed-in chief with the supervisor whose credentials the form brings."""
    return Signed(actor(), forms.text("reason"), cosigner(request.form, Permission.SUPERVISE))


def _live(session: Session, place: AssessmentRoom) -> dict[str, Any]:
    host, who = current_host(), actor()
    found = assessment_views.turn_views(session, place)
    sees = assessment_room.may_see_turns(session, who, place.row.id)
    names = assessment_room.may_see_names(session, who, place.row.id)
    return {
        "place": place,
        "counts": assessment_views.counts(found),
        "drawn": bool(found),
        "expected": len(found) or len(assessment_room.candidates(session, place)),
        "turns": found if sees else [],
        "stations": assessment_views.by_station(found) if sees else [],
        "people": assessment_views.people(session, who, place),
        "sees": sees,
        "names": names,
        "runs": names and may(Permission.RUN_ASSESSMENT) and place.row.state == "running",
        "now": host.now(),
    }


def _board(session: Session, room_sitting_id: int) -> dict[str, Any]:
    place = assessment_room.load(session, room_sitting_id)
    if not assessment_room.may_see_turns(session, actor(), room_sitting_id):
        raise Refused("not_on_duty", 403)
    found = assessment_views.turn_views(session, place)
    now = [turn for turn in found if turn.state in (assessment_room.CALLED, assessment_room.PERFORMING)]
    waiting = [turn for turn in found if turn.state == assessment_room.WAITING]
    return {
        "place": place,
        "called": sorted(now, key=lambda turn: (turn.state, turn.number)),
        "waiting": waiting,
        "over": len(found) - len(now) - len(waiting),
        "now": current_host().now(),
    }


def _on_panel(session: Session, place: AssessmentRoom) -> bool:
    return assessment_room.on_panel(session, actor(), place.row.id)


def _turn_in(room_sitting_id: int, turn_id: int) -> int:
    with current_host().db.read() as session:
        turn = session.get(Turn, turn_id)
        if turn is None or turn.room_sitting_id != room_sitting_id:
            raise NotFound("turn")
    return turn_id


def _back(room_sitting_id: int) -> ResponseReturnValue:
    return redirect(url_for("assessments.show", room_sitting_id=room_sitting_id))
