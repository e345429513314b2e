"""Exemptions of a batch: licences as they were seen, what the policy proposes, what two people decide."""

from datetime import date
from zoneinfo import ZoneInfo

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from server.access import Actor, Permission
from server.errors import NotFound, Refused
from server.messages import N_
from server.services import exemptions, result_views
from server.services.exemptions import Proposal
from server.services.licences import Licence
from server.services.signed import Signed
from server.web.batch_results import component_word
from server.web.forms import row_number, shown_again, text, whole
from server.web.guard import actor, cosigner, current_host, requires

bp = Blueprint("exemptions", __name__)
WHY = {
    "": N_("可以免试"),
    "no_licence": N_("没有登记保安员证"),
    "licence_revoked": N_("证件已吊销"),
    "too_old": N_("证件已超过期限"),
    "issued_later": N_("证件晚于考试日签发"),
}


@bp.app_template_global("exemption_word")
def exemption_word(why: str) -> str:
    """What the policy says of somebody."""
    return str(_(WHY[why]))


@bp.get("/results/batches/<int:batch_id>/exemptions")
@requires(Permission.SEE_RESULTS)
def show(batch_id: int) -> str:
    """Everybody against the policy's exemptions, decisions beside them."""
    host = current_host()
    with host.db.read() as session:
        view = result_views.view(session, actor(), batch_id, now=host.now())
        rows = exemptions.proposals(session, batch_id, _zone())
    return render_template(
        "results/exemptions.html",
        view=view,
        rows=rows,
        people=[("", _("请选择")), *((row.candidate, _name(row)) for row in rows)],
        open_people=[
            ("", _("请选择")),
            *(
                (f"{row.component}/{row.candidate}", f"{_name(row)} · {component_word(row.component)}")
                for row in rows
                if row.row is None and not row.why
            ),
        ],
    )


def _name(row: Proposal) -> str:
    return f"{row.name} · {row.ticket or row.id_masked}"


@bp.post("/results/batches/<int:batch_id>/exemptions/licence")
@requires(Permission.DECIDE_EXEMPTIONS)
@shown_again("exemptions.show")
def licence(batch_id: int) -> ResponseReturnValue:
    """A licence that somebody showed."""
    host, candidate = current_host(), whole("candidate")
    with host.db.read() as session:
        if candidate not in {each.candidate for each in exemptions.proposals(session, batch_id, _zone())}:
            raise NotFound("candidate")
    seen = Licence(text("number", limit=60), _day("issued_on"), text("state", limit=8) or "valid")
    host.db.write(exemptions.note_licence, actor(), candidate, seen, now=host.now())
    flash(_("已登记保安员证。"), "good")
    return redirect(url_for("exemptions.show", batch_id=batch_id))


@bp.post("/results/batches/<int:batch_id>/exemptions/decide")
@requires(Permission.DECIDE_EXEMPTIONS)
@shown_again("exemptions.show")
def decide(batch_id: int) -> ResponseReturnValue:
    """Two people exempt somebody."""
    host, second = current_host(), _second()
    component, _slash, candidate = text("who", limit=40).partition("/")
    number = row_number(candidate)
    if number is None:
        raise NotFound("candidate")
    place = Signed(actor(), cosigner=second), batch_id, number, component
    host.db.write(exemptions.decide, *place, now=host.now(), zone=_zone())
    flash(_("已准予免试。"), "good")
    return redirect(url_for("exemptions.show", batch_id=batch_id))


@bp.post("/results/batches/<int:batch_id>/exemptions/<int:exemption_id>/revoke")
@requires(Permission.DECIDE_EXEMPTIONS)
@shown_again("exemptions.show", exemption_id=None)
def revoke(batch_id: int, exemption_id: int) -> ResponseReturnValue:
    """Two people take an exemption back."""
    host = current_host()
    signed = Signed(actor(), text("reason"), _second())
    host.db.write(exemptions.revoke, signed, exemption_id, now=host.now())
    flash(_("已撤销免试。"), "good")
    return redirect(url_for("exemptions.show", batch_id=batch_id))


def _second() -> Actor:
    return cosigner(request.form, Permission.DECIDE_EXEMPTIONS)


def _day(name: str) -> date:
    try:
        return date.fromisoformat(text(name, limit=10))
    except ValueError as fault:
        raise Refused("date_missing", 422, field=name) from fault


def _zone() -> ZoneInfo:
    return ZoneInfo(current_host().settings.timezone)
