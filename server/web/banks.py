"""Item banks: list, numbers, import with its dry run, one item for those who may read bodies."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from itembank.importing.pipeline import BankReading
from itembank.items import ItemKind
from itembank.problems import Problem
from server.access import Permission
from server.errors import NotFound, Refused
from server.services import banks, joblist
from server.web.forms import Upload, shown_again, text, upload
from server.web.guard import actor, current_host, requires
from server.web.words import level_choices

bp = Blueprint("banks", __name__)
PREVIEW_ROWS = 20


@bp.get("/banks")
@requires(Permission.SEE_BANKS)
def index() -> str:
    """All banks in numbers."""
    with current_host().db.read() as session:
        return render_template("banks/index.html", banks=banks.banks(session), occupations=level_choices())


@bp.post("/banks")
@requires(Permission.IMPORT_BANK)
@shown_again("banks.index")
def create() -> ResponseReturnValue:
    """A new empty bank."""
    host = current_host()
    occupation, _sep, level = text("occupation_level").partition("/")
    if not level.isdecimal():
        raise Refused("level_missing", 422, field="occupation_level")
    facts = banks.new_bank(
        text("name", limit=120), occupation, int(level), sample=request.form.get("sample") == "1"
    )
    bank_id = host.db.write(banks.create, actor(), facts, now=host.now())
    return redirect(url_for("banks.show", bank_id=bank_id))


@bp.get("/banks/<int:bank_id>")
@requires(Permission.SEE_BANKS)
def show(bank_id: int) -> str:
    """One bank: items by scope and kind, imports."""
    with current_host().db.read() as session:
        bank = banks.view(session, bank_id)
        return render_template("banks/show.html", bank=bank, imports=banks.imports(session, bank_id))


@bp.post("/banks/<int:bank_id>/imports")
@requires(Permission.IMPORT_BANK)
@shown_again("banks.show")
def begin_import(bank_id: int) -> ResponseReturnValue:
    """Takes a file; a child process reads it, nothing is stored in the bank yet."""
    file = upload()
    codes = _codes()
    import_id = start_reading(bank_id, file, codes)
    return redirect(url_for("banks.show_import", bank_id=bank_id, import_id=import_id))


def start_reading(bank_id: int, file: Upload, codes: dict[str, str] | None) -> int:
    """Notes the import and starts the job that reads the file."""
    host, who = current_host(), actor()
    facts = banks.UploadedFile(file.name, file.sha256, len(file.data))
    import_id = host.db.write(banks.begin_import, who, bank_id, facts, now=host.now())

    def done(result: dict[str, Any]) -> None:
        if "refused" in result:
            host.db.write(banks.fail_import, import_id, Problem.from_json(result["refused"]))
        else:
            host.db.write(banks.store_reading, import_id, BankReading.from_json(result["reading"]))

    job_id = host.jobs.start(
        "read_bank",
        {"data": file.data, "name": file.name, "codes": codes},
        actor=who,
        link=url_for("banks.show_import", bank_id=bank_id, import_id=import_id),
        done=done,
        failed=lambda code: host.db.write(banks.fail_import, import_id, Problem(code)),
    )
    host.db.write(banks.link_job, import_id, job_id)
    return import_id


@bp.get("/banks/<int:bank_id>/imports/<int:import_id>")
@requires(Permission.SEE_BANKS)
def show_import(bank_id: int, import_id: int) -> str:
    """The dry run: what would come in, what would not and why."""
    with current_host().db.read() as session:
        report = banks.report(session, import_id)
        if report.bank_id != bank_id:
            raise NotFound("import")
        job = joblist.look(session, report.job_id) if report.job_id and report.state == "reading" else None
        bank = banks.view(session, bank_id)
    # Who began an import has the file; of anybody else's the bodies are for those who may read items.
    readable = actor().can(Permission.READ_ITEMS) or report.begun_by == actor().user_id
    preview = report.reading.items[:PREVIEW_ROWS] if report.reading and readable else ()
    return render_template("banks/import.html", bank=bank, report=report, job=job, preview=preview)


@bp.post("/banks/<int:bank_id>/imports/<int:import_id>/commit")
@requires(Permission.IMPORT_BANK)
@shown_again("banks.show_import")
def commit_import(bank_id: int, import_id: int) -> ResponseReturnValue:
    """Adds the items of a dry run to the bank."""
    host = current_host()
    good_rows = request.form.get("good_rows") == "1"
    count = host.db.write(banks.commit_import, actor(), import_id, good_rows=good_rows, now=host.now())
    flash(_("已导入 %(count)d 道试题，正文已加密保存。", count=count), "good")
    return redirect(url_for("banks.show", bank_id=bank_id))


@bp.post("/banks/<int:bank_id>/imports/<int:import_id>/discard")
@requires(Permission.IMPORT_BANK)
@shown_again("banks.show_import")
def discard_import(bank_id: int, import_id: int) -> ResponseReturnValue:
    """Forgets a dry run."""
    host = current_host()
    host.db.write(banks.discard_import, actor(), import_id, now=host.now())
    flash(_("已放弃本次导入，题库没有变化。"), "info")
    return redirect(url_for("banks.show", bank_id=bank_id))


@bp.get("/banks/<int:bank_id>/items")
@requires(Permission.SEE_BANKS)
def items(bank_id: int) -> str:
    """The facts of a bank's items, never their bodies."""
    wanted = request.args.get("page", 1, type=int)
    with current_host().db.read() as session:
        bank = banks.view(session, bank_id)
        found = banks.item_page(session, bank_id, wanted)
    return render_template(
        "banks/items.html",
        bank=bank,
        rows=found.rows,
        total=found.total,
        page=found.page,
        pages=found.pages,
    )


@bp.post("/banks/<int:bank_id>/items/<int:item_id>/read")
@requires(Permission.READ_ITEMS)
def read_item(bank_id: int, item_id: int) -> str:
    """One item with its body; the reading is noted in the bank's audit chain."""
    host = current_host()
    facts, body = host.db.write(banks.read_item, actor(), bank_id, item_id, now=host.now())
    with host.db.read() as session:
        bank = banks.view(session, bank_id)
    return render_template("banks/item.html", bank=bank, facts=facts, body=body)


def _codes() -> dict[str, str] | None:
    """Which kind the letters D and G stand for, when the person has said so."""
    chosen = {code: text(f"code_{code}") for code in ("D", "G") if text(f"code_{code}")}
    unknown = set(chosen.values()) - set(ItemKind)
    if unknown:
        raise Refused("kind_unknown", 422, value=min(unknown)[:20])
    return chosen or None
