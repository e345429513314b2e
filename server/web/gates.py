"""Go or no go for a room, gate by gate, and the system administrator's check of its machines."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import force_locale
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from exam_rooms.drawing import drawing
from server.access import Permission
from server.messages import N_
from server.rules.policy_gates import OWN_PAGE, GateName
from server.services import check_gate, gates, plans, rooms, roomstate, seat_checks, site_check
from server.services.gate_findings import Outside
from server.services.gates import Gate, Overruling
from server.services.signed import Signed
from server.web import checks, forms
from server.web.forms import returns_to, shown_again
from server.web.guard import actor, cosigner, current_host, requires, say
from server.web.pdf import attachment, printed_now

bp = Blueprint("gates", __name__)
NOTE_ROOM, WIDE, NARROW = 82.0, 11.0, 6.2
"""Pixels: what a seat has for a line of the map of checks, and its letters."""

GATES: dict[str, tuple[str, str, str]] = {
    # gate -> what it asks, endpoint and fragment of the page where it is put right
    GateName.PAPERS: (N_("试卷已选定"), "sittings.show", ""),
    GateName.SEATED: (N_("考生全部有座位"), "sittings.show", "seating"),
    GateName.LOCKED: (N_("座位编排已锁定"), "sittings.show", "seating"),
    GateName.ROOM: (N_("考场布置符合要求"), "rooms.show", ""),
    GateName.RECUSAL: (N_("上岗人员无须回避"), "staffing.show", ""),
    GateName.SUPERVISOR: (N_("已指定内部质量督导员"), "staffing.show", "supervisor"),
    GateName.SITE_CHECK: (N_("系统管理员已签字"), "gates.site", ""),
    GateName.PACKAGE: (N_("试卷包已送达并启封"), "sittings.show", "package"),
    GateName.CLOCK: (N_("服务器时间可信"), "monitor.room", ""),
    GateName.TIME: (N_("已到开考时间"), "monitor.room", ""),
    GateName.STAFFING: (N_("在场监考员够数"), "staffing.show", ""),
    GateName.CHIEF: (N_("主考在场"), "staffing.show", ""),
    GateName.CAMERAS: (N_("摄像头与座位相符"), "watching.cameras_page", ""),
    GateName.CHECKS: (N_("有考生的座位通过自检"), "checks.page", ""),
}


@bp.app_template_global()
def gate_word(name: str) -> str:
    """What a gate asks for."""
    return str(_(GATES[name][0])) if name in GATES else name


@bp.app_template_global()
def gate_text(gate: Gate) -> str:
    """What a gate found, in words."""
    if gate.code == "gate_site_outdated":
        return say(gate.code, {key: gate.params.get(key, "") for key in ("name", "seats")})
    return forms.sentence_of(gate.code, gate.params) if gate.code else ""


@bp.app_template_global()
def squeezed(words: str) -> bool:
    """Whether a line is wider than a seat of the drawing, so that it has to be squeezed into it."""
    return sum(WIDE if ord(sign) > 0x2E80 else NARROW for sign in words) > NOTE_ROOM


@bp.app_template_global()
def gate_link(name: str, room_sitting_id: int, room_id: int) -> str:
    """Where a gate is put right."""
    _word, endpoint, fragment = GATES[name]
    if endpoint == "rooms.show":
        return url_for(endpoint, room_id=room_id)
    return url_for(endpoint, room_sitting_id=room_sitting_id, _anchor=fragment or None)


@bp.get("/sittings/<int:room_sitting_id>/gates")
@requires(Permission.SEE_BATCHES)
def show(room_sitting_id: int) -> str:
    """Every gate: green, red with what to do, or overruled by whom and why."""
    host = current_host()
    with host.db.read() as session:
        plan = plans.room_plan(session, room_sitting_id)
        stood = gates.stood(session, room_sitting_id)
        found = stood[1] if stood else _standing(session, room_sitting_id)
        started = roomstate.load(session, room_sitting_id).row.started_at
    return render_template(
        "gates/show.html",
        plan=plan,
        gates=found,
        stood_at=stood[0] if stood else None,
        started=started,
        own_page=OWN_PAGE,
        red=[gate for gate in found if gate.state == gates.RED],
    )


def _standing(session: Session, room_sitting_id: int) -> tuple[Gate, ...]:
    host = current_host()
    return gates.gates(session, host.presence, room_sitting_id, now=host.now(), outside=_outside())


def _outside() -> Outside:
    return Outside(current_host().clock.proven)


@bp.post("/sittings/<int:room_sitting_id>/gates")
@requires(Permission.COSIGN)
@returns_to("gates.show")
def overrule(room_sitting_id: int) -> ResponseReturnValue:
    """The chief lets the room start with what one gate found."""
    host = current_host()
    second = cosigner(request.form, *gates.SECONDS) if request.form.get("cosign_username") else None
    signed = Signed(actor(), forms.text("reason"), second)
    gate, finding = forms.text("gate", limit=16), forms.text("finding", limit=64)
    wanted = Overruling(room_sitting_id, gate, finding, _outside())
    host.db.write(gates.overrule, host.presence, signed, wanted, now=host.now())
    flash(_("已放行：%(gate)s。", gate=gate_word(gate)), "good")
    return redirect(url_for("gates.show", room_sitting_id=room_sitting_id))


# --- the machines of a room -----------------------------------------------------------------------------


@bp.get("/sittings/<int:room_sitting_id>/site-check")
@requires(Permission.SEE_BATCHES)
def site(room_sitting_id: int) -> str:
    """Every seat's last self-check on the map, cameras at other seats, and the signature."""
    host = current_host()
    with host.db.read() as session:
        room = roomstate.load(session, room_sitting_id)
        seats = site_check.look(session, host.presence, room_sitting_id, now=host.now())
        return render_template(
            "gates/site.html",
            plan=plans.room_plan(session, room_sitting_id),
            picture=drawing(rooms.map_of(room.room)),
            seats=seats,
            by_number={seat.number: seat for seat in seats},
            standing=site_check.standing(session, host.presence, room_sitting_id, now=host.now()),
            signatures=site_check.signatures(session, room_sitting_id),
            asked=check_gate.tally_of(session, room_sitting_id, now=host.now()),
        )


@bp.post("/sittings/<int:room_sitting_id>/site-check")
@requires(Permission.SIGN_SITE_CHECK)
@shown_again("gates.site")
def sign(room_sitting_id: int) -> ResponseReturnValue:
    """The system administrator signs."""
    host = current_host()
    signed = Signed(actor(), forms.text("reason", limit=site_check.MOST_REMARKS))
    read = site_check.Read(room_sitting_id, forms.text("finding", limit=64))
    host.db.write(site_check.sign, host.presence, signed, read, now=host.now())
    flash(_("考试机检查已签字。"), "good")
    return redirect(url_for("gates.site", room_sitting_id=room_sitting_id))


@bp.post("/sittings/<int:room_sitting_id>/site-check/ask")
@requires(Permission.SIGN_SITE_CHECK)
@returns_to("gates.site")
def ask(room_sitting_id: int) -> ResponseReturnValue:
    """The system administrator asks every seat for a new self-check."""
    host = current_host()
    count = host.db.write(seat_checks.ask, actor(), room_sitting_id, None, now=host.now())
    flash(_("已要求 %(n)d 个座位重新自检。", n=count), "good")
    return redirect(url_for("gates.site", room_sitting_id=room_sitting_id))


@bp.get("/sittings/<int:room_sitting_id>/site-check.pdf")
@requires(Permission.SEE_BATCHES)
def sheet(room_sitting_id: int) -> ResponseReturnValue:
    """The inspection sheet to sign and file, in Chinese whatever the reader's language."""
    host = current_host()
    at = printed_now()
    with host.db.read() as session, force_locale("zh_Hans_CN"):
        seats = site_check.look(session, host.presence, room_sitting_id, now=at.now)
        words = site_check.Words(
            {word: str(_(text)) for word, text in checks.WORDS.items()},
            {name: str(_(text)) for name, text in checks.NAMES.items()},
            {found: str(_(text)) for found, text in checks.FOUND.items()},
        )
        payload = site_check.document(session, seats, room_sitting_id, words, at=at)
    return attachment(host.jobs.run("document_pdf", payload)["data"], f"site-check-{room_sitting_id}.pdf")
