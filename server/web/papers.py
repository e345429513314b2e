"""Papers: the list, the proof of a set and of one form, approval by a second person, retirement."""

from datetime import datetime
from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from server.access import Permission
from server.db.papers import PaperSet
from server.errors import NotFound
from server.rules import proof_tables
from server.services import assembly_runs, blueprints, joblist, papers, rooms, staff
from server.services.assembly_runs import FurtherRules
from server.services.signed import Signed
from server.web.forms import shown_again, text
from server.web.guard import actor, current_host, requires

bp = Blueprint("papers", __name__)
COLUMNS = 6
"""Up to so many forms the proof is one table with a column each; beyond it is told in sum."""
MATRIX = 12
"""Up to so many forms the overlap is told pair by pair."""


@bp.get("/papers")
@requires(Permission.SEE_PAPERS)
def index() -> str:
    """All paper sets."""
    with current_host().db.read() as session:
        rows = papers.paper_sets(session)
        return render_template(
            "papers/index.html",
            rows=rows,
            rules={row.id: FurtherRules.of(row.rules) for row in rows},
            people=staff.names(session, [row.created_by for row in rows]),
        )


@bp.get("/papers/<int:paper_set_id>")
@requires(Permission.SEE_PAPERS)
def show(paper_set_id: int) -> str:
    """One paper set: the proof line by line, or the shortages."""
    with current_host().db.read() as session:
        row = papers.get(session, paper_set_id)
        bank, blueprint = papers.sources(session, row)
        rules = FurtherRules.of(row.rules)
        return render_template(
            "papers/show.html",
            row=row,
            rules=rules,
            room=_room_name(session, rules),
            job=joblist.look(session, row.job_id) if row.job_id else None,
            people=staff.names(session, [row.created_by, row.approved_by]),
            bank=bank,
            blueprint=blueprint,
            scopes=_scopes(session, row),
            unmet=len(papers.unmet(row)),
            rebuilt=_noted(row, "rebuilt"),
            retired=_noted(row, "retired"),
            awaited=papers.awaited(session, row.id),
            stopped=papers.stopped(session, row.id) if row.state in ("assembled", "approved") else {},
            rebuildable=assembly_runs.rebuildable(row),
            wide=row.forms <= COLUMNS,
            matrix=row.forms <= MATRIX,
            **_proof(session, row),
        )


@bp.get("/papers/<int:paper_set_id>/proof/<form>")
@requires(Permission.SEE_PAPERS)
def form_proof(paper_set_id: int, form: str) -> str:
    """The proof of one form."""
    with current_host().db.read() as session:
        row = papers.get(session, paper_set_id)
        facts = _proof(session, row)
        if form not in facts["letters"]:
            raise NotFound("form")
        place = facts["letters"].index(form)
        return render_template(
            "papers/proof.html",
            row=row,
            form=form,
            lines=proof_tables.form_lines(facts["proof"], facts["letters"], form),
            before=facts["letters"][place - 1] if place else "",
            after=facts["letters"][place + 1] if place + 1 < len(facts["letters"]) else "",
            scopes=_scopes(session, row),
            **facts,
        )


@bp.post("/papers/<int:paper_set_id>/approve")
@requires(Permission.APPROVE_PAPERS)
@shown_again("papers.show")
def approve(paper_set_id: int) -> ResponseReturnValue:
    """The second person's approval."""
    host = current_host()
    host.db.write(papers.approve, actor(), paper_set_id, now=host.now())
    flash(_("试卷已批准，可以用于场次。"), "good")
    return redirect(url_for("papers.show", paper_set_id=paper_set_id))


@bp.post("/papers/<int:paper_set_id>/retire")
@requires(Permission.APPROVE_PAPERS)
@shown_again("papers.show")
def retire(paper_set_id: int) -> ResponseReturnValue:
    """Takes papers out of use."""
    host = current_host()
    signed = Signed(actor(), text("reason"))
    host.db.write(papers.retire, signed, paper_set_id, now=host.now())
    flash(_("试卷已停用，不能再用于场次。"), "good")
    return redirect(url_for("papers.show", paper_set_id=paper_set_id))


def _proof(session: Session, row: PaperSet) -> dict[str, Any]:
    """What the pages of a proof show: forms by name, spares, seats, lines, sums and overlaps."""
    forms, proof = assembly_runs.forms_of(session, row.id), row.outcome.get("proof") or []
    letters, rules = list(forms), FurtherRules.of(row.rules)
    if len(proof) != len(letters):  # sets of tests and of older releases may have items without a proof
        proof = [[] for _letter in letters]
    near = [] if rules.room_id is None else proof_tables.neighbour_pairs(proof, letters)
    seats = [number for number, _x, _y in assembly_runs.seats_of(row)]
    return {
        "proof": proof,
        "letters": letters,
        "kept_back": papers.kept_back(session, row),
        "spares": letters[len(letters) - rules.spares :],
        "seat_of": dict(zip(letters, seats, strict=False)),
        "table": proof_tables.proof_lines(proof),
        "summaries": proof_tables.summaries(proof, letters),
        "overlaps": proof_tables.overlaps(forms, near),
        "missed": {
            letter: sum(not line["met"] and line["binding"] for line in lines)
            for letter, lines in zip(letters, proof, strict=True)
        },
    }


def _noted(row: PaperSet, name: str) -> dict[str, Any] | None:
    """What the outcome notes of a later act, its moment as one."""
    noted = row.outcome.get(name)
    return noted and {**noted, "at": datetime.fromisoformat(noted["at"])}


def _scopes(session: Session, row: PaperSet) -> dict[str, str]:
    _bank, blueprint = papers.sources(session, row)
    return {scope.code: scope.name for scope in blueprints.read(blueprint).walk()}


def _room_name(session: Session, rules: FurtherRules) -> str:
    """The room whose seats got a form each; empty for none and for one that is gone."""
    known = {} if rules.room_id is None else {room.id: room.name for room in rooms.rooms(session)}
    return known.get(rules.room_id or 0, "")
