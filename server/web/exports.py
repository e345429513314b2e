"""Taking a bank out as a file: choose the format, the child writes it, the act is on record."""

from urllib.parse import quote

from flask import Blueprint, Response, flash, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from itembank.problems import Problem
from server.access import Permission
from server.services import banks, export_formats, exports
from server.web.forms import problem_text, shown_again, text
from server.web.guard import actor, current_host, requires

bp = Blueprint("exports", __name__)
SHOWN_NOTES = 5


@bp.get("/banks/<int:bank_id>/export")
@requires(Permission.READ_ITEMS)
def choose(bank_id: int) -> str:
    """What can be taken out and in which formats."""
    with current_host().db.read() as session:
        bank = banks.view(session, bank_id)
    choices = [(key, str(_(form.name))) for key, form in export_formats.available().items()]
    return render_template("banks/export.html", bank=bank, choices=choices)


@bp.post("/banks/<int:bank_id>/export")
@requires(Permission.READ_ITEMS)
@shown_again("exports.choose")
def take(bank_id: int) -> ResponseReturnValue:
    """The bank as a file. Noted before it is sent: a download that breaks off has been read too."""
    host, who = current_host(), actor()
    status, wanted = text("status"), text("format")
    statuses = (status,) if status in exports.STATUSES else exports.STATUSES

    def opened() -> dict[str, object]:
        with host.db.read() as session:
            return exports.payload(session, who, bank_id, wanted, statuses)

    work = host.native.call(opened)
    written = host.jobs.run("export_bank", work)
    host.db.write(exports.note, who, bank_id, work, now=host.now())
    for note in written["notes"][:SHOWN_NOTES]:
        flash(problem_text(Problem.from_json(note)), "look")
    form = export_formats.FORMATS[str(work["format"])]
    response = Response(written["data"], mimetype=form.mime)
    name = quote(f"{work['title']}.{form.suffix}")
    response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{name}"
    return response
