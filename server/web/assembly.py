"""The assembly page: what to assemble and under which rules, the job that does it, and doing it again."""

import re
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from itembank.assembly import FORMS_LIMIT
from server.access import Actor, Permission
from server.db.papers import PaperSet
from server.errors import Refused
from server.messages import N_
from server.services import assembly_runs, banks, blueprints, papers, rooms
from server.services.assembly_runs import AssemblyPlan, FurtherRules
from server.web.forms import shown_again, text, whole
from server.web.guard import actor, current_host, requires
from server.web.words import level_name, occupation_name

bp = Blueprint("assembly", __name__)
MODES: dict[str, tuple[str, str]] = {
    "one": (N_("一份试卷"), N_("所有考生用同一份试卷")),
    "ab": (N_("A、B 卷"), N_("两份平行卷，可以另备备用卷")),
    "parallel": (N_("多份平行卷"), N_("四份即可使相邻八个座位都不同卷")),
    "seats": (N_("一座一卷"), N_("考场的每个座位一份，相邻座位尽量不重题")),
}
"""How many forms, as people choose it: the word and what it means."""
_BETWEEN = re.compile(r"[\s,，、;；]+")
_TITLE, _SEED = 120, 38


@bp.get("/papers/new")
@requires(Permission.ASSEMBLE_PAPERS)
def new() -> str:
    """What to assemble; `like` fills the form in as an earlier paper set was asked for."""
    like = request.args.get("like", type=int)
    with current_host().db.read() as session:
        stock = banks.banks(session)
        plans = blueprints.active(session)
        places = rooms.summary(session)
        wish = _wish(papers.get(session, like) if like is not None else None)
    return render_template(
        "papers/new.html",
        wish=wish,
        modes=MODES,
        banks=[(bank.id, _("%(name)s（%(n)s 道试题）", name=bank.name, n=bank.items)) for bank in stock],
        blueprints=[
            (
                row.id,
                f"{occupation_name(row.occupation)} {level_name(row.occupation, row.level)} · "
                + _("%(name)s · 第 %(n)s 版", name=row.title, n=row.version),
            )
            for row in plans
        ],
        rooms=[("", _("请选择"))]
        + [(room.id, _("%(name)s（%(n)s 个座位）", name=room.name, n=room.seats)) for room in places],
        limit=FORMS_LIMIT,
    )


@bp.post("/papers")
@requires(Permission.ASSEMBLE_PAPERS)
@shown_again("assembly.new")
def assemble() -> ResponseReturnValue:
    """Begins an assembly; a child process solves it."""
    paper_set_id = _started(actor(), asked_plan())
    return redirect(url_for("papers.show", paper_set_id=paper_set_id))


@bp.post("/papers/<int:paper_set_id>/rebuild")
@requires(Permission.ASSEMBLE_PAPERS)
@shown_again("papers.show")
def rebuild(paper_set_id: int) -> ResponseReturnValue:
    """Assembles again from what was stored and notes whether the forms are the same."""
    host, who = current_host(), actor()
    with host.db.read() as session:
        payload = assembly_runs.begin_rebuild(session, who, paper_set_id)

    def done(outcome: dict[str, Any]) -> None:
        host.db.write(assembly_runs.store_rebuild, who, paper_set_id, outcome, now=host.now())

    link = url_for("papers.show", paper_set_id=paper_set_id)
    job_id = host.jobs.start("rebuild", payload, actor=who, link=link, done=done)
    host.db.write(assembly_runs.link_job, paper_set_id, job_id)
    return redirect(link)


def _started(who: Actor, plan: AssemblyPlan) -> int:
    """Stores the plan with its seed and starts the job."""
    host = current_host()
    paper_set_id = host.db.write(assembly_runs.begin, who, plan, now=host.now())
    with host.db.read() as session:
        payload = assembly_runs.job_payload(session, paper_set_id)

    def done(outcome: dict[str, Any]) -> None:
        host.db.write(assembly_runs.store_outcome, paper_set_id, outcome)

    job_id = host.jobs.start(
        "assemble",
        payload,
        actor=who,
        link=url_for("papers.show", paper_set_id=paper_set_id),
        done=done,
        failed=lambda code: host.db.write(assembly_runs.fail, paper_set_id, code),
    )
    host.db.write(assembly_runs.link_job, paper_set_id, job_id)
    return paper_set_id


def asked_plan() -> AssemblyPlan:
    """The plan of the form in this request; fields that its mode does not ask for are left aside."""
    mode = text("mode") or "parallel"
    if mode not in MODES:
        raise Refused("assembly_mode_unknown", 422, field="mode")
    spares = 0 if mode == "one" else _number("spare_forms", 0)
    forms = whole("forms") if mode == "parallel" else 2 if mode == "ab" else 1
    room = text("room", limit=9)
    if mode == "seats" and not room:
        raise Refused("room_not_chosen", 422, field="room")
    rules = FurtherRules(
        spares=spares,
        fixed=_uids("fixed"),
        forbidden=_uids("forbidden"),
        recent_sittings=_number("recent_sittings", 0),
        recent_max=_number("recent_max", 0),
        room_id=whole("room") if mode == "seats" else None,
        per_point_max=_number("per_point_max", 1),
    )
    return AssemblyPlan(
        title=text("title", limit=_TITLE),
        bank_id=whole("bank"),
        blueprint_id=whole("blueprint"),
        forms=forms + spares,
        max_overlap=0 if mode == "one" else whole("max_overlap"),
        seed=text("seed", limit=_SEED),
        rules=rules,
    )


def _number(name: str, empty: int) -> int:
    return whole(name) if request.form.get(name, "").strip() else empty


def _uids(name: str) -> tuple[str, ...]:
    """One id a line; blanks and commas part them too."""
    return tuple(dict.fromkeys(filter(None, _BETWEEN.split(request.form.get(name, "")))))


def _wish(row: PaperSet | None) -> dict[str, Any]:
    """What the form's fields begin with."""
    if row is None:
        return {"mode": "ab", "forms": 4, "spare_forms": 0, "max_overlap": 0, "per_point_max": 1}
    rules = FurtherRules.of(row.rules)
    seated = row.forms - rules.spares
    mode = "seats" if rules.room_id is not None else {1: "one", 2: "ab"}.get(seated, "parallel")
    if mode == "one" and rules.spares:
        mode = "parallel"
    return {
        "title": row.title,
        "bank": row.bank_id,
        "blueprint": row.blueprint_id,
        "mode": mode,
        "forms": seated,
        "spare_forms": rules.spares,
        "room": rules.room_id or "",
        "max_overlap": row.max_overlap,
        "recent_sittings": rules.recent_sittings or "",
        "recent_max": rules.recent_max or "",
        "fixed": "\n".join(rules.fixed),
        "forbidden": "\n".join(rules.forbidden),
        "per_point_max": rules.per_point_max,
    }
