"""Batches: filing with the frozen policy, sittings, and the step that comes next."""

from zoneinfo import ZoneInfo

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from server.access import Permission
from server.errors import Refused
from server.rules.policy import LevelPolicy
from server.rules.policy_components import Component
from server.services import batches, papers, plans, rooms, sitting_templates
from server.web.forms import decimal, moment, row_numbers, shown_again, text, whole
from server.web.guard import actor, current_host, requires
from server.web.policy_words import component_name, expired_titles, method_name
from server.web.words import level_choices

bp = Blueprint("batches", __name__)


@bp.get("/batches")
@requires(Permission.SEE_BATCHES)
def index() -> str:
    """All batches, and the form that files one."""
    with current_host().db.read() as session:
        rows = plans.batches(session)
    return render_template(
        "batches/index.html", rows=rows, choices=level_choices(), profiles=_profile_choices()
    )


@bp.post("/batches")
@requires(Permission.MANAGE_BATCHES)
@shown_again("batches.index")
def create() -> ResponseReturnValue:
    """Files a batch; the rule that forbids it is named."""
    host = current_host()
    occupation, _sep, level = text("occupation_level").partition("/")
    if not level.isdecimal():
        raise Refused("level_missing", 422, field="occupation_level")
    plan = batches.BatchPlan(text("name", limit=120), occupation, int(level), text("profile", limit=40))
    filed = host.now().astimezone(ZoneInfo(host.settings.timezone))
    batch_id = host.db.write(batches.create, actor(), plan, now=filed)
    flash(_("批次已建档，等级政策已固定在批次中。"), "good")
    return redirect(url_for("batches.show", batch_id=batch_id))


@bp.get("/batches/<int:batch_id>")
@requires(Permission.SEE_BATCHES)
def show(batch_id: int) -> str:
    """One batch: policy in words, its sittings with the next step of each room."""
    with current_host().db.read() as session:
        view = plans.batch(session, batch_id)
        return render_template(
            "batches/show.html",
            view=view,
            rooms=rooms.summary(session),
            papers=papers.approved_for(session, view.batch.occupation, view.batch.level),
            templates={
                component: sitting_templates.choices(session, view.batch, component)
                for component in view.policy.required
            },
            parts_of_policy=_parts(view.policy),
        )


@bp.post("/batches/<int:batch_id>/sittings")
@requires(Permission.MANAGE_BATCHES)
@shown_again("batches.show")
def add_sitting(batch_id: int) -> ResponseReturnValue:
    """Plans a sitting."""
    host = current_host()
    component, _sep, method = text("part", limit=40).partition("/")
    plan = batches.SittingPlan(
        moment("starts_at"),
        decimal("minutes"),
        tuple(row_numbers("room")),
        component=component or Component.THEORY,
        method=method,
        retake=bool(text("retake")),
    )
    host.db.write(batches.add_sitting, actor(), batch_id, plan, now=host.now())
    flash(_("场次已安排。"), "good")
    return redirect(url_for("batches.show", batch_id=batch_id))


@bp.post("/batches/<int:batch_id>/sittings/<int:sitting_id>/papers")
@requires(Permission.MANAGE_BATCHES)
@shown_again("batches.show", sitting_id=None)
def choose_papers(batch_id: int, sitting_id: int) -> ResponseReturnValue:
    """Gives a sitting its forms."""
    host = current_host()
    host.db.write(batches.choose_papers, actor(), sitting_id, whole("papers"), now=host.now())
    flash(_("已选定试卷。"), "good")
    return redirect(url_for("batches.show", batch_id=batch_id))


@bp.post("/batches/<int:batch_id>/sittings/<int:sitting_id>/template")
@requires(Permission.MANAGE_BATCHES)
@shown_again("batches.show", sitting_id=None)
def choose_template(batch_id: int, sitting_id: int) -> ResponseReturnValue:
    """Gives a sitting the template of its score sheets."""
    host = current_host()
    template = whole("template")
    host.db.write(sitting_templates.choose_template, actor(), sitting_id, template, now=host.now())
    flash(_("已选定评分表。"), "good")
    return redirect(url_for("batches.show", batch_id=batch_id))


def _parts(policy: LevelPolicy) -> list[tuple[str, str]]:
    """Component and method as one choice: what the frozen policy allows."""
    return [
        (f"{terms.component}/{method}", f"{component_name(terms.component)} · {method_name(method)}")
        for terms in policy.components
        for method in terms.methods
    ]


def _profile_choices() -> list[tuple[str, str]]:
    return [
        (name, _("%(title)s（仅演练）", title=title) if rehearsal else _with_doubt(name, title))
        for name, title, rehearsal in batches.profiles()
    ]


def _with_doubt(name: str, title: str) -> str:
    """A profile's title; one that rests on a text that has expired says so where it is chosen."""
    expired = expired_titles(batches.read_profile(name).sources)
    return str(_("%(title)s（依据已失效）", title=title)) if expired else title
