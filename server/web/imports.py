"""Imports of bank files: progress, explaining an unknown layout, the report of the dry run, the decision."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from itembank.importing.drafts import Declared
from itembank.importing.readers import HEADINGS
from itembank.item_rules import DIFFICULTIES
from itembank.problems import Problem
from server.access import Permission
from server.errors import NotFound, Refused
from server.jobs import importing
from server.services import banks, blueprints, import_mapping, imports, joblist
from server.services.import_commit import Choice
from server.services.imports import ImportReport
from server.services.signed import Signed
from server.web.forms import place_text, sentence_of, shown_again, text, upload, whole
from server.web.guard import actor, cosigner, current_host, requires
from server.web.headers import CONTENT_POLICY
from server.web.words import kind_name

bp = Blueprint("imports", __name__)
PREVIEW_ITEMS = 20
SHOWN_FAULTS = 300
REJECTED = "reject"
"""What a person chooses for a type code whose rows are not to come in."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_QUOTING = frozenset({"text", "value", "keys", "letter"})
"""Parameters of problems that quote a stem, an option or an answer."""
_PATH = "/banks/<int:bank_id>/imports/<int:import_id>"


@dataclass(frozen=True, slots=True)
class Fault:
    """One line of the fault table; `bad`: the row does not come in."""

    bad: bool
    problem: Problem


@bp.post("/banks/<int:bank_id>/imports")
@requires(Permission.IMPORT_BANK)
@shown_again("banks.show")
def begin(bank_id: int) -> ResponseReturnValue:
    """Takes a file and keeps it sealed; a child process reads it, nothing is stored in the bank yet."""
    host, sent = current_host(), upload()
    file = imports.UploadedFile(sent.name, sent.data)
    import_id = host.db.write(imports.begin, actor(), bank_id, file, now=host.now())
    return _read(bank_id, import_id)


@bp.get(_PATH)
@requires(Permission.SEE_BANKS)
def show(bank_id: int, import_id: int) -> Response:
    """The import as it stands: being read, asking, checked with what would come in, or decided."""
    host, report = current_host(), _report(bank_id, import_id)
    readable = report.readable_by(actor())
    with host.db.read() as session:
        bank = banks.view(session, bank_id)
        job = joblist.look(session, report.job_id) if report.job_id and report.state == "reading" else None
        chosen = import_mapping.suggestion(session, report) if report.state == "mapping" else None
    own = report.begun_by == actor().user_id
    if report.reading is not None and readable and not own and report.state in ("mapping", "checked"):
        host.db.write(imports.note_reading, actor(), import_id, "preview", now=host.now())
    faults = _faults(report, readable=readable)
    wanted = request.args.get("code", "")
    page = render_template(
        "banks/import.html",
        bank=bank,
        report=report,
        job=job if job and job.running else None,
        interrupted=report.state == "reading" and not (job and job.running),
        preview=report.reading.items[:PREVIEW_ITEMS] if report.reading and readable else (),
        readable=readable,
        faults=[each for each in faults if wanted in ("", each.problem.code)][:SHOWN_FAULTS],
        causes=_causes(faults),
        wanted=wanted,
        chosen_mapping=chosen,
        column_choices=_column_choices(),
        code_choices=_code_choices(),
        difficulty_choices=[("", _("不填")), *((str(n), str(n)) for n in DIFFICULTIES)],
    )
    response = Response(page, mimetype="text/html")
    # Sounds and films of a bank play on this page, by their own route.
    response.headers["Content-Security-Policy"] = f"{CONTENT_POLICY}; media-src 'self'"
    return response


@bp.post(_PATH + "/again")
@requires(Permission.IMPORT_BANK)
def again(bank_id: int, import_id: int) -> ResponseReturnValue:
    """Reads a kept file again whose reading was interrupted by a restart of the server."""
    report = _report(bank_id, import_id)
    host = current_host()
    with host.db.read() as session:
        job = joblist.look(session, report.job_id) if report.job_id else None
    if report.state != "reading" or (job and job.running):
        raise Refused("import_not_ready")
    return _read(bank_id, import_id)


@bp.post(_PATH + "/mapping")
@requires(Permission.IMPORT_BANK)
@shown_again("imports.show")
def declare(bank_id: int, import_id: int) -> ResponseReturnValue:
    """Takes what columns and type codes mean, and reads the kept file with it."""
    wish = imports.wish_of(_report(bank_id, import_id).known)
    columns = {heading: text(f"column_{number}") for number, heading in enumerate(wish.columns)}
    said = {code: text(f"code_{number}") for number, code in enumerate(wish.codes)}
    missing = next((number for number, kind in enumerate(said.values()) if not kind), None)
    if missing is not None:
        raise Refused("code_undeclared", 422, field=f"code_{missing}", value=list(said)[missing])
    codes = {code: "" if kind == REJECTED else kind for code, kind in said.items()}
    host, told = current_host(), Declared(columns, codes)
    host.db.write(import_mapping.declare, actor(), import_id, told, now=host.now())
    return _read(bank_id, import_id)


@bp.post(_PATH + "/ask")
@requires(Permission.IMPORT_BANK)
@shown_again("imports.show")
def ask(bank_id: int, import_id: int) -> ResponseReturnValue:
    """Goes back to the question what columns and type codes mean."""
    _report(bank_id, import_id)
    current_host().db.write(import_mapping.ask, actor(), import_id)
    return _read(bank_id, import_id)


@bp.post(_PATH + "/commit")
@requires(Permission.IMPORT_BANK)
@shown_again("imports.show")
def commit(bank_id: int, import_id: int) -> ResponseReturnValue:
    """Adds the items of a dry run to the bank."""
    report, desk = _report(bank_id, import_id), _desk()
    choice = _choice(report)
    who = Signed(actor())
    if choice.reviewed:
        who = Signed(actor(), text("reason"), cosigner(request.form, Permission.REVIEW_ITEMS))
    count = importing.take_in(desk, who, import_id, choice)
    state = _("已启用资料齐全的试题。") if choice.reviewed else _("试题为草稿，审定后才能用于组卷。")
    flash(_("已导入 %(count)d 道试题，正文已加密保存。", count=count) + state, "good")
    return redirect(url_for("banks.show", bank_id=bank_id))


@bp.post(_PATH + "/discard")
@requires(Permission.IMPORT_BANK)
@shown_again("imports.show")
def discard(bank_id: int, import_id: int) -> ResponseReturnValue:
    """Forgets a dry run."""
    _report(bank_id, import_id)
    host = current_host()
    host.db.write(imports.discard, actor(), import_id, now=host.now())
    flash(_("已放弃本次导入，题库没有变化。"), "info")
    return redirect(url_for("banks.show", bank_id=bank_id))


@bp.get(_PATH + "/faults.csv")
@requires(Permission.SEE_BANKS)
def faults(bank_id: int, import_id: int) -> Response:
    """Everything wrong or doubtful as a table for a spreadsheet; no cell of it is a formula."""
    host, report = current_host(), _report(bank_id, import_id)
    readable = report.readable_by(actor())
    if report.reading is not None and readable:
        host.db.write(imports.note_reading, actor(), import_id, "faults", now=host.now())
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([_("位置"), _("结果"), _("列"), _("代码"), _("原因")])
    for each in _faults(report, readable=readable):
        writer.writerow(list(map(_cell, _fault_cells(each))))
    response = Response("\ufeff" + out.getvalue(), mimetype="text/csv")
    problems = _("问题")
    name = quote(f"{report.filename}-{problems}.csv")
    response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{name}"
    return response


@bp.get(_PATH + "/media/<string(length=64):sha256>")
@requires(Permission.IMPORT_BANK)
def medium(bank_id: int, import_id: int, sha256: str) -> Response:
    """A picture, sound or film of a dry run, for who may see its items."""
    host = current_host()
    _report(bank_id, import_id)
    with host.db.read() as session:
        file = imports.medium(session, actor(), import_id, sha256)
    host.db.write(imports.note_reading, actor(), import_id, f"media/{sha256[:12]}", now=host.now())
    return Response(file.data, mimetype=file.medium.mime)


@bp.post(_PATH + "/blueprint")
@requires(Permission.MANAGE_BLUEPRINTS)
@shown_again("imports.show")
def take_blueprint(bank_id: int, import_id: int) -> ResponseReturnValue:
    """Keeps the blueprint table that the file holds."""
    report, host = _report(bank_id, import_id), current_host()
    if report.state != "checked" or report.reading is None or report.reading.blueprint is None:
        raise Refused("import_not_ready")
    data = report.reading.blueprint["data"]
    blueprint_id = host.db.write(blueprints.create, actor(), data, now=host.now())
    return redirect(url_for("blueprints.show", blueprint_id=blueprint_id))


def _read(bank_id: int, import_id: int) -> ResponseReturnValue:
    link = url_for("imports.show", bank_id=bank_id, import_id=import_id)
    importing.start_reading(_desk(), actor(), import_id, link)
    return redirect(link)


def _desk() -> importing.Desk:
    host = current_host()
    return importing.Desk(host.db, host.jobs, host.native, host.now)


def _report(bank_id: int, import_id: int) -> ImportReport:
    report = importing.report(_desk(), import_id)
    if report.bank_id != bank_id:
        raise NotFound("import")
    return report


def _choice(report: ImportReport) -> Choice:
    paths = report.paths_without_point()
    points = {path: text(f"path_{number}").upper() for number, (path, _count) in enumerate(paths)}
    return Choice(
        good_rows=request.form.get("good_rows") == "1",
        reviewed=request.form.get("reviewed") == "1",
        point=text("point").upper(),
        difficulty=whole("difficulty") if text("difficulty") else 0,
        points={path: point for path, point in points.items() if point},
    )


def _faults(report: ImportReport, *, readable: bool) -> Sequence[Fault]:
    """Every fault; for who may not read the items without what it quotes of them."""
    if report.reading is None:
        return ()
    shown = (lambda problem: problem) if readable else _unquoted
    bad = [Fault(True, shown(problem)) for problem in report.reading.rejected]
    return [*bad, *(Fault(False, shown(problem)) for problem in report.reading.warnings)]


def _unquoted(problem: Problem) -> Problem:
    return replace(problem, params={k: "…" if k in _QUOTING else v for k, v in problem.params.items()})


def _causes(faults: Sequence[Fault]) -> list[tuple[tuple[str, bool], int, Problem]]:
    """Every cause with its number and one example, the most frequent first."""
    counted = Counter((each.problem.code, each.bad) for each in faults)
    example = {(each.problem.code, each.bad): each.problem for each in reversed(faults)}
    return [(cause, count, example[cause]) for cause, count in counted.most_common()]


def _fault_cells(fault: Fault) -> Iterable[str]:
    problem = fault.problem
    yield place_text(problem.place)
    yield _("不导入") if fault.bad else _("请留意")
    yield str(problem.params.get("column", ""))
    yield problem.code
    yield sentence_of(problem.code, problem.params)


def _cell(value: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{value}" if value.startswith(_FORMULA) else value


def _code_choices() -> list[tuple[str, str]]:
    kinds = ((str(kind), kind_name(kind)) for kind in import_mapping.CODE_KINDS)
    return [("", _("请选择")), *kinds, (REJECTED, _("不导入（列为错误）"))]


def _column_choices() -> list[tuple[str, str]]:
    return [("", _("不导入")), *HEADINGS.items()]
