"""Blueprints: the list, the editor of drafts, files in and out, the second person's approval."""

import json
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from itembank.blueprint import BANDS, IMPORTANCES, PARTED, SIZE_LIMIT
from itembank.items import ItemKind
from itembank.problems import InputRefused
from server.access import Permission
from server.db.bank import BlueprintRow
from server.errors import Refused
from server.rules.blueprint_diff import differences
from server.rules.blueprint_form import KINDS, edited, file_text, sketch, sketch_of
from server.services import blueprint_drafts, blueprints, staff
from server.web.blueprint_words import SCORING, faults_shown, part_of
from server.web.forms import kept, shown_again, text, turned, upload, whole
from server.web.guard import actor, current_host, requires
from server.web.words import level_choices

bp = Blueprint("blueprints", __name__)
_PATH = "/blueprints/<int:blueprint_id>"
TREE_FIRST = {"code": "A", "name": "", "weight": ""}


@bp.get("/blueprints")
@requires(Permission.MANAGE_BLUEPRINTS)
def index() -> str:
    """All versions by family, and two ways to a new draft: an empty one, or a file."""
    with current_host().db.read() as session:
        rows = blueprints.blueprints(session)
        people = staff.names(session, [row.created_by for row in rows])
        return render_template(
            "blueprints/index.html", rows=rows, people=people, occupations=level_choices(), limit=SIZE_LIMIT
        )


@bp.post("/blueprints")
@requires(Permission.MANAGE_BLUEPRINTS)
@shown_again("blueprints.index")
def create() -> ResponseReturnValue:
    """A draft from an uploaded YAML or JSON file; what is wrong with it is listed on its page."""
    return _begun(_uploaded())


@bp.post("/blueprints/new")
@requires(Permission.MANAGE_BLUEPRINTS)
@shown_again("blueprints.index")
def begin() -> ResponseReturnValue:
    """A draft with nothing but its head, to be filled in the editor."""
    occupation, _sep, level = text("occupation_level").partition("/")
    if not level.isdecimal():
        raise Refused("level_missing", 422, field="occupation_level")
    head = {"title": text("name", limit=blueprints.TITLE_LIMIT), "occupation": occupation}
    sums = {"level": int(level), "size": whole("size"), "sample": False}
    return _begun(file_text({**head, **sums, "scopes": [TREE_FIRST], "kinds": {}}))


@bp.get(_PATH)
@requires(Permission.MANAGE_BLUEPRINTS)
def show(blueprint_id: int) -> str:
    """One version: its tree and sums or its faults, what it changes, and what may be done with it."""
    with current_host().db.read() as session:
        view = blueprints.view(session, blueprint_id)
        wrote = blueprints.writers(view.row)
        people = staff.names(session, [*wrote, view.row.approved_by])
        fields = _sketch(view.row.text)
        before = _sketch(view.before.text) if view.before else None
        return render_template(
            "blueprints/show.html",
            view=view,
            row=view.row,
            base=blueprints.digest(view.row.text),
            faults=faults_shown(view.faults, fields),
            changes=differences(before, fields) if before else [],
            part_of=part_of,
            scoring=SCORING,
            people=people,
            authors=[people[each] for each in wrote if each in people],
            mine=actor().user_id in wrote,
        )


@bp.get(_PATH + "/edit")
@requires(Permission.MANAGE_BLUEPRINTS)
def edit(blueprint_id: int) -> ResponseReturnValue:
    """The editor of a draft; another version's page otherwise."""
    with current_host().db.read() as session:
        row = blueprints.get(session, blueprint_id)
        if row.state != "draft":
            return redirect(url_for("blueprints.show", blueprint_id=blueprint_id))
        fields = _fields(row)
        return render_template(
            "blueprints/edit.html",
            row=row,
            base=kept("blueprints.save", "base", blueprints.digest(row.text)),
            fields=fields,
            content=json.dumps(fields, ensure_ascii=False),
            faults=[] if turned() else faults_shown(blueprints.faults(row.text), fields),
            occupations=level_choices(),
            current=f"{row.occupation}/{row.level}",
            kinds=KINDS,
            parted=[kind for kind in KINDS if ItemKind(kind) in PARTED],
            bands=BANDS,
            ranks=IMPORTANCES,
        )


@bp.post(_PATH + "/edit")
@requires(Permission.MANAGE_BLUEPRINTS)
@shown_again("blueprints.edit")
def save(blueprint_id: int) -> ResponseReturnValue:
    """Keeps the editor's fields; faults are no reason to refuse, they are listed beside the fields."""
    with current_host().db.read() as session:
        known = blueprints.get(session, blueprint_id).text
    changed = current_host().native.call(edited, known, request.form.get("content", ""))
    return _saved(blueprint_id, changed)


@bp.post(_PATH + "/file")
@requires(Permission.MANAGE_BLUEPRINTS)
@shown_again("blueprints.edit")
def replace(blueprint_id: int) -> ResponseReturnValue:
    """Puts an uploaded file in the place of a draft's text."""
    return _saved(blueprint_id, _uploaded())


@bp.get(_PATH + "/file")
@requires(Permission.MANAGE_BLUEPRINTS)
def file(blueprint_id: int) -> Response:
    """The text as a file, as it was uploaded or as the editor wrote it."""
    with current_host().db.read() as session:
        row = blueprints.get(session, blueprint_id)
    kind = "json" if row.text.lstrip().startswith("{") else "yaml"
    response = Response(row.text.encode(), mimetype=f"application/{kind}")
    name = f"blueprint-{row.id}-v{row.version}.{kind}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@bp.post(_PATH + "/change")
@requires(Permission.MANAGE_BLUEPRINTS)
@shown_again("blueprints.show")
def change(blueprint_id: int) -> ResponseReturnValue:
    """A new draft that starts from this version; the open one, if there is one already."""
    host = current_host()
    draft = host.db.write(blueprint_drafts.change, actor(), blueprint_id, now=host.now())
    return redirect(url_for("blueprints.edit", blueprint_id=draft))


@bp.post(_PATH + "/approve")
@requires(Permission.APPROVE_BLUEPRINTS)
@shown_again("blueprints.show")
def approve(blueprint_id: int) -> ResponseReturnValue:
    """The second person brings the draft, as it was shown, into use."""
    host = current_host()
    with host.db.read() as session:
        known = blueprints.get(session, blueprint_id).text
    host.native.call(blueprints.looked_through, known)
    seen = request.form.get("base", "-")
    host.db.write(blueprint_drafts.approve, actor(), blueprint_id, now=host.now(), seen=seen)
    flash(_("细目表已批准，可以用于组卷。"), "good")
    return redirect(url_for("blueprints.show", blueprint_id=blueprint_id))


@bp.post(_PATH + "/retire")
@requires(Permission.APPROVE_BLUEPRINTS)
@shown_again("blueprints.show")
def retire(blueprint_id: int) -> ResponseReturnValue:
    """Takes the version out of use."""
    host = current_host()
    host.db.write(blueprint_drafts.retire, actor(), blueprint_id, now=host.now())
    flash(_("细目表已停用。已组成的试卷不受影响。"), "good")
    return redirect(url_for("blueprints.show", blueprint_id=blueprint_id))


@bp.post(_PATH + "/discard")
@requires(Permission.MANAGE_BLUEPRINTS)
@shown_again("blueprints.show")
def discard(blueprint_id: int) -> ResponseReturnValue:
    """Gives the draft up."""
    host = current_host()
    host.db.write(blueprint_drafts.discard, actor(), blueprint_id, now=host.now())
    flash(_("草稿已放弃。"), "good")
    return redirect(url_for("blueprints.index"))


def _begun(content: str) -> ResponseReturnValue:
    host = current_host()
    problems = host.native.call(blueprints.looked_through, content)
    draft = host.db.write(blueprints.store, actor(), content, now=host.now())
    _tell(len(problems))
    return redirect(url_for("blueprints.edit" if problems else "blueprints.show", blueprint_id=draft))


def _saved(blueprint_id: int, content: str) -> ResponseReturnValue:
    host = current_host()
    problems = host.native.call(blueprints.looked_through, content)
    change = blueprint_drafts.Edit(content, request.form.get("base", ""))
    host.db.write(blueprint_drafts.save, actor(), blueprint_id, change, now=host.now())
    _tell(len(problems))
    return redirect(url_for("blueprints.edit" if problems else "blueprints.show", blueprint_id=blueprint_id))


def _tell(problems: int) -> None:
    if problems:
        flash(_("草稿已保存，还有 %(n)s 处需要改正。", n=problems), "look")
    else:
        flash(_("草稿已保存，各级比重与分值核对无误，请由另一人批准。"), "good")


def _uploaded() -> str:
    sent = upload()
    try:
        return sent.data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise Refused("file_not_utf8", 422, field="file", name=sent.name) from fault


def _fields(row: BlueprintRow) -> dict[str, Any]:
    """The draft's fields, or those of a form that comes again."""
    try:
        again = json.loads(kept("blueprints.save", "content", "null"))
    except (ValueError, RecursionError):
        again = None
    return sketch(again) if again else _sketch(row.text)


def _sketch(text_kept: str) -> dict[str, Any]:
    """The fields of a stored text; empty ones for a row that something else than `store` wrote."""
    try:
        return sketch_of(text_kept)
    except InputRefused:
        return sketch({})
