"""Corrections of results and keys put right after the test: proposals, and what two others say to them."""

from decimal import Decimal
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from server.access import Permission
from server.messages import N_
from server.services import (
    correction_views,
    corrections,
    key_fix_marking,
    key_fixes,
    publicity_views,
)
from server.services.batches import policy_of
from server.services.corrections import MOST_TEXT, Change
from server.services.key_fixes import Proposal
from server.services.result_lines import STATUS_WORDS
from server.services.votes import Vote
from server.web.batch_results import component_word
from server.web.forms import decimal, returns_to, row_number, shown_again, text, whole
from server.web.guard import actor, current_host, requires
from server.web.publicity import choices
from server.web.results import points

bp = Blueprint("corrections", __name__)
CHANGES = {
    corrections.SCORE: N_("更正分数"),
    corrections.VETOED: N_("更正分数，且触犯否定项"),
    "absent": N_("更正为缺考"),
}
EFFECTS = {
    "key": N_("更正答案"),
    "credit": N_("题目作废，全体得分"),
    "drop": N_("题目作废，其余题折算满分"),
}
STATES: dict[str, tuple[str, str]] = {
    "proposed": ("look", N_("待批准")),
    "approved": ("look", N_("已批准，待重新评分")),
    "applied": ("good", N_("已生效")),
    "rejected": ("off", N_("未同意")),
    "withdrawn": ("off", N_("已撤回")),
}


@bp.app_template_global("change_badge")
def change_badge(state: str) -> tuple[str, str]:
    """Colour class and word of a proposal's state."""
    colour, word = STATES[state]
    return colour, _(word)


@bp.app_template_global("effect_word")
def effect_word(effect: str) -> str:
    """What a key fix does."""
    return str(_(EFFECTS[effect]))


@bp.app_template_global("result_text")
def result_text(value: tuple[str, Decimal | None]) -> str:
    """A status with its score."""
    status, score = value
    word = str(_(STATUS_WORDS[status]))  # type: ignore[index]  # a status is its own word
    return word if score is None else f"{points(score)} · {word}"


@bp.get("/results/batches/<int:batch_id>/corrections")
@requires(Permission.SEE_RESULTS)
def index(batch_id: int) -> str:
    """The corrections of a batch, and the form for a new one, prefilled by links (`person`, `kind` ...)."""
    with current_host().db.read() as session:
        batch = publicity_views.batch_of(session, batch_id)
        lines = correction_views.corrections_of(session, actor(), batch_id)
        people = list(publicity_views.people(session, batch_id).values())
    required = [str(each) for each in policy_of(batch).required]
    return render_template(
        "publicity/corrections.html",
        batch=batch,
        lines=lines,
        people=choices(people),
        components=[("", _("请选择")), *((name, component_word(name)) for name in required)],
        changes=[(name, _(word)) for name, word in CHANGES.items()],
        given=request.args,
    )


@bp.post("/results/batches/<int:batch_id>/corrections")
@requires(Permission.PROPOSE_CORRECTION)
@shown_again("corrections.index")
def propose(batch_id: int) -> ResponseReturnValue:
    """Puts a correction before the others."""
    host, to = current_host(), text("to", limit=12)
    score = decimal("score") if to in (corrections.SCORE, corrections.VETOED) else None
    change = Change(
        batch_id,
        whole("person"),
        text("component", limit=16),
        to,
        score,
        text("reason", limit=MOST_TEXT),
        text("evidence", limit=MOST_TEXT),
        _source(),
    )
    host.db.write(corrections.propose, actor(), change, now=host.now())
    flash(_("更正已提出，需要另外两人各自登录批准。"), "good")
    return redirect(url_for("corrections.index", batch_id=batch_id))


def _source() -> dict[str, Any]:
    kind, number = text("kind", limit=12) or corrections.OWN, row_number(text("source", limit=12))
    return {"kind": kind} | ({"id": number} if number is not None else {"id": 0})


def _vote() -> Vote:
    return Vote(text("vote", limit=8) == "yes", text("note"))


@bp.post("/results/batches/<int:batch_id>/corrections/<int:correction_id>")
@requires(Permission.APPROVE_CORRECTION)
@returns_to("corrections.index", correction_id=None)
def vote(batch_id: int, correction_id: int) -> ResponseReturnValue:
    """One person's word; the second approval puts it in force."""
    host = current_host()
    state = host.db.write(corrections.vote, actor(), correction_id, _vote(), now=host.now())
    flash(_voted(state), "good")
    return redirect(url_for("corrections.index", batch_id=batch_id))


def _voted(state: str) -> str:
    if state == "applied":
        return str(_("更正已生效；该考生需要重新公示。"))
    return str(_("您的意见已登记。"))


@bp.post("/results/batches/<int:batch_id>/corrections/<int:correction_id>/withdraw")
@requires(Permission.PROPOSE_CORRECTION)
@returns_to("corrections.index", correction_id=None)
def withdraw(batch_id: int, correction_id: int) -> ResponseReturnValue:
    """The proposer takes it back."""
    host = current_host()
    host.db.write(corrections.withdraw, actor(), correction_id, now=host.now())
    flash(_("已撤回。"), "good")
    return redirect(url_for("corrections.index", batch_id=batch_id))


@bp.get("/results/batches/<int:batch_id>/key-fixes")
@requires(Permission.SEE_RESULTS)
def fixes(batch_id: int) -> str:
    """The key fixes of the papers of a batch, each with what it would change."""
    with current_host().db.read() as session:
        batch = publicity_views.batch_of(session, batch_id)
        lines = correction_views.key_fixes_of(session, actor(), batch_id)
        papers = correction_views.papers_of(session, batch_id)
    default = str(policy_of(batch).results.void_item)
    order = ["key", default, *(name for name in EFFECTS if name not in ("key", default))]
    return render_template(
        "publicity/key_fixes.html",
        batch=batch,
        lines=lines,
        papers=[(str(number), title) for number, title in papers.items()],
        effects=[(name, _(EFFECTS[name])) for name in order],
        points=points,
    )


@bp.post("/results/batches/<int:batch_id>/key-fixes")
@requires(Permission.PROPOSE_CORRECTION)
@shown_again("corrections.fixes")
def propose_fix(batch_id: int) -> ResponseReturnValue:
    """Puts a fix before the others, and marks everybody without storing to show what it would change."""
    host = current_host()
    proposal = Proposal(
        whole("papers"),
        text("form", limit=4).upper(),
        whole("number"),
        text("effect", limit=8),
        text("keys"),
        text("reason", limit=MOST_TEXT),
        text("evidence", limit=MOST_TEXT),
    )
    key_fix_id = host.db.write(key_fixes.propose, actor(), proposal, now=host.now())
    _preview(key_fix_id)
    flash(_("已提出。下面是重新评分后的变化，成绩尚未改变。"), "good")
    return redirect(url_for("corrections.fixes", batch_id=batch_id))


@bp.post("/results/batches/<int:batch_id>/key-fixes/<int:key_fix_id>/preview")
@requires(Permission.PROPOSE_CORRECTION)
@returns_to("corrections.fixes", key_fix_id=None)
def preview_fix(batch_id: int, key_fix_id: int) -> ResponseReturnValue:
    """Marks everybody without storing, when that was broken off at the proposal."""
    _preview(key_fix_id)
    return redirect(url_for("corrections.fixes", batch_id=batch_id))


def _marked_again(key_fix_id: int) -> dict[int, dict[str, Any]]:
    host = current_host()
    with host.db.read() as session:
        works = key_fix_marking.works(session, actor(), host.answers, key_fix_id)
    return {room: host.jobs.run("mark", payload) for room, payload in works.items()}


def _preview(key_fix_id: int) -> None:
    host = current_host()
    results = _marked_again(key_fix_id)
    host.db.write(key_fix_marking.keep_preview, actor(), key_fix_id, results, now=host.now())


def _apply(key_fix_id: int) -> None:
    host = current_host()
    read_at = host.now()
    results = _marked_again(key_fix_id)
    done = host.db.write(key_fix_marking.apply, actor(), key_fix_id, results, now=read_at)
    flash(
        _(
            "%(rooms)d 个考场已重新评分，%(results)d 名考生的结果改变，%(lists)d 名需要重新公示。",
            rooms=done.rooms,
            results=done.results,
            lists=done.unpublished,
        ),
        "good",
    )


@bp.post("/results/batches/<int:batch_id>/key-fixes/<int:key_fix_id>")
@requires(Permission.APPROVE_CORRECTION)
@returns_to("corrections.fixes", key_fix_id=None)
def vote_fix(batch_id: int, key_fix_id: int) -> ResponseReturnValue:
    """One person's word; the second approval marks everybody again."""
    host = current_host()
    state = host.db.write(key_fixes.vote, actor(), key_fix_id, _vote(), now=host.now())
    if state == "approved":
        _apply(key_fix_id)
    else:
        flash(_("您的意见已登记。"), "good")
    return redirect(url_for("corrections.fixes", batch_id=batch_id))


@bp.post("/results/batches/<int:batch_id>/key-fixes/<int:key_fix_id>/apply")
@requires(Permission.APPROVE_CORRECTION)
@returns_to("corrections.fixes", key_fix_id=None)
def apply_fix(batch_id: int, key_fix_id: int) -> ResponseReturnValue:
    """Marks everybody again under an approved fix, when that was broken off."""
    _apply(key_fix_id)
    return redirect(url_for("corrections.fixes", batch_id=batch_id))


@bp.post("/results/batches/<int:batch_id>/key-fixes/<int:key_fix_id>/withdraw")
@requires(Permission.PROPOSE_CORRECTION)
@returns_to("corrections.fixes", key_fix_id=None)
def withdraw_fix(batch_id: int, key_fix_id: int) -> ResponseReturnValue:
    """The proposer takes it back."""
    host = current_host()
    host.db.write(key_fixes.withdraw, actor(), key_fix_id, now=host.now())
    flash(_("已撤回。"), "good")
    return redirect(url_for("corrections.fixes", batch_id=batch_id))
