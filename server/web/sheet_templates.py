"""Templates of score sheets: the list, files in and out, versions, the second person's approval, notices."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from itembank.problems import Problem
from itembank.sheet_diff import SheetChange
from itembank.sheet_template import Template
from server.access import Permission
from server.errors import NotFound, Refused
from server.messages import N_
from server.services import banks, sample_templates, sheet_templates, template_prints
from server.web.forms import row_number, shown_again, text, upload
from server.web.guard import actor, current_host, requires

bp = Blueprint("templates", __name__)
_PATH = "/templates/<int:template_id>"
PDF = "application/pdf"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CONTENT_MOST = 400_000
"""Characters of a template on its way from the look at a file to its keeping."""
EFFECTS = {"item_zero": N_("项目零分"), "task_zero": N_("试题零分"), "fail": N_("不合格")}


@bp.app_template_global("veto_word")
def veto_word(effect: str) -> str:
    """What a veto item leads to, in the reader's language."""
    return _(EFFECTS[effect]) if effect in EFFECTS else effect


@bp.get("/templates")
@requires(Permission.SEE_TEMPLATES)
def index() -> str:
    """All versions by title; for authors the ways to a new one."""
    with current_host().db.read() as session:
        return render_template(
            "templates/index.html",
            rows=sheet_templates.templates(session),
            banks=[(row.id, row.name) for row in banks.banks(session)],
        )


@bp.post("/templates/read")
@requires(Permission.AUTHOR_TEMPLATES)
@shown_again("templates.index")
def read() -> ResponseReturnValue:
    """What a file holds, shown before anything is kept: the template, its faults, and what is in doubt."""
    file = upload()
    found = current_host().jobs.run("read_template", {"data": file.data, "name": file.name})
    return _looked_at(found, file.name)


@bp.post("/templates/sample")
@requires(Permission.AUTHOR_TEMPLATES)
@shown_again("templates.index")
def sample() -> ResponseReturnValue:
    """Keeps one of the product's own samples as a draft of a bank."""
    try:
        template = sample_templates.sample(text("component", limit=16))
    except KeyError as fault:
        raise NotFound("template") from fault
    host = current_host()
    number = host.db.write(sheet_templates.store, actor(), _bank(), template, now=host.now())
    flash(_("示例评分表已保存为草稿，由另一人批准后使用。"), "good")
    return redirect(url_for("templates.show", template_id=number))


@bp.get("/templates/example/<component>.xlsx")
@requires(Permission.SEE_TEMPLATES)
def example(component: str) -> Response:
    """A filled-in workbook to write one's own template by."""
    try:
        template = sample_templates.sample(component)
    except KeyError as fault:
        raise NotFound("template") from fault
    return _workbook(template, f"示例评分表-{component}.xlsx")


@bp.post("/templates")
@requires(Permission.AUTHOR_TEMPLATES)
@shown_again("templates.index")
def keep() -> ResponseReturnValue:
    """Keeps what was looked at: a new template of a bank, or the next version of one."""
    host, who, template = current_host(), actor(), _sent()
    doubts = text("doubts", limit=6)
    if doubts not in ("", "0") and request.form.get("seen") != "1":
        raise Refused("template_doubts_unseen", 422, field="seen", count=doubts)
    of = row_number(request.form.get("of", ""))
    if of is None:
        number = host.db.write(sheet_templates.store, who, _bank(), template, now=host.now())
    else:
        note = text("note")
        number = host.db.write(sheet_templates.store_version, who, of, template, note, now=host.now())
    flash(_("评分表已保存为草稿，由另一人批准后使用。"), "good")
    return redirect(url_for("templates.show", template_id=number))


@bp.get(_PATH)
@requires(Permission.SEE_TEMPLATES)
def show(template_id: int) -> str:
    """One version; its content and what it changes for those who write or approve templates alone."""
    host, who = current_host(), actor()
    reads = who.can(Permission.AUTHOR_TEMPLATES) or who.can(Permission.APPROVE_TEMPLATES)
    opened: tuple[Template | None, int, list[SheetChange]] = (None, 0, [])
    closed = False
    if reads:
        try:
            opened = host.db.write(sheet_templates.compared, who, template_id, now=host.now())
        except Refused as refusal:
            closed = refusal.code == "template_of_own_panel"
            if not closed:
                raise
    template, before, changed = opened
    with host.db.read() as session:
        view = sheet_templates.view(session, template_id)
        return render_template(
            "templates/show.html",
            view=view,
            template=template,
            closed=closed,
            before=before,
            changed=changed,
            versions=sheet_templates.versions(session, view.uid),
            mine=view.author_id == who.user_id,
        )


@bp.post(_PATH + "/approve")
@requires(Permission.APPROVE_TEMPLATES)
@shown_again("templates.show")
def approve(template_id: int) -> ResponseReturnValue:
    """The second person's approval of the version that the page showed."""
    host = current_host()
    seen = text("seen", limit=64)
    host.db.write(sheet_templates.approve, actor(), template_id, seen=seen, now=host.now())
    flash(_("评分表已批准，可以选给场次。"), "good")
    return redirect(url_for("templates.show", template_id=template_id))


@bp.post(_PATH + "/retire")
@requires(Permission.AUTHOR_TEMPLATES)
@shown_again("templates.show")
def retire(template_id: int) -> ResponseReturnValue:
    """Takes a version out of use."""
    host = current_host()
    host.db.write(sheet_templates.retire, actor(), template_id, now=host.now())
    flash(_("评分表已停用。"), "good")
    return redirect(url_for("templates.show", template_id=template_id))


@bp.get(_PATH + "/file.xlsx")
@requires(Permission.AUTHOR_TEMPLATES)
def file(template_id: int) -> Response:
    """The version as a workbook, to change and to import as the next one."""
    host = current_host()
    template = host.db.write(sheet_templates.content, actor(), template_id, now=host.now())
    with host.db.read() as session:
        view = sheet_templates.view(session, template_id)
    return _workbook(template, f"{view.title}-v{view.version}.xlsx")


@bp.get(_PATH + "/notice-<side>.pdf")
@requires(Permission.SEE_TEMPLATES)
def notice(template_id: int, side: str) -> Response:
    """One part of the 准备通知单 of an approved version, which tells no task."""
    host = current_host()
    with host.db.read() as session:
        work = template_prints.notice(session, actor(), template_id, side, _frame(), now=host.now())
    return _document(work, f"notice-{side}-{template_id}.pdf")


@bp.get(_PATH + "/sheet.pdf")
@requires(Permission.AUTHOR_TEMPLATES)
def sheet(template_id: int) -> Response:
    """A blank score sheet as it will look on paper, for authors."""
    host = current_host()
    work = host.db.write(template_prints.draft_sheet, actor(), template_id, _frame(), now=host.now())
    return _document(work, f"sheet-{template_id}.pdf")


@bp.post("/sittings/<int:room_sitting_id>/score-sheets")
@requires(Permission.RUN_ASSESSMENT)
def room_sheets(room_sitting_id: int) -> Response:
    """Blank score sheets of a room whose template was released, for when tablets fail; on the record."""
    host, who, now = current_host(), actor(), current_host().now()
    with host.db.read() as session:
        work = template_prints.room_sheets(session, who, room_sitting_id, _frame(), now=now)
    answer = _document(work, f"score-sheets-{room_sitting_id}.pdf")
    host.db.write(template_prints.note_printed, who, room_sitting_id, work, now=now)
    return answer


def _looked_at(found: Mapping[str, Any], name: str) -> str:
    faults, doubts = ([Problem.from_json(each) for each in found[kind]] for kind in ("faults", "doubts"))
    plainly = found["template"]
    with current_host().db.read() as session:
        of = row_number(request.form.get("of", ""))
        return render_template(
            "templates/look.html",
            name=name,
            template=Template.from_json(plainly) if plainly else None,
            content=json.dumps(plainly, ensure_ascii=False),
            faults=faults,
            doubts=doubts,
            of=sheet_templates.view(session, of) if of else None,
            bank=banks.view(session, _bank()) if not of else None,
        )


def _bank() -> int:
    number = row_number(request.form.get("bank", ""))
    if number is None:
        raise NotFound("bank")
    return number


def _sent() -> Template:
    """The template that the look at a file put into the form; it is checked anew when it is stored."""
    content = request.form.get("content", "")
    try:
        if len(content) > CONTENT_MOST:
            raise ValueError("too long")
        return Template.from_json(json.loads(content))
    except (ValueError, RecursionError) as fault:
        raise Refused("template_not_read", 422) from fault


def _workbook(template: Template, name: str) -> Response:
    data = current_host().jobs.run("template_xlsx", {"template": template.to_json()})["data"]
    return _sent_file(data, XLSX, name)


def _document(work: dict[str, Any], name: str) -> Response:
    return _sent_file(current_host().jobs.run("document_pdf", work)["data"], PDF, name)


def _sent_file(data: bytes, mime: str, name: str) -> Response:
    response = Response(data, mimetype=mime)
    response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name)}"
    return response


def _frame() -> template_prints.Frame:
    settings = current_host().settings
    return template_prints.Frame(ZoneInfo(settings.timezone), settings.institution)
