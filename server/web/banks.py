"""Item banks: list and numbers. Imports, items and the coverage have pages of their own."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from server.access import Permission
from server.errors import Refused
from server.services import banks, imports
from server.web.forms import shown_again, text
from server.web.guard import actor, current_host, requires
from server.web.words import level_choices

bp = Blueprint("banks", __name__)


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
        return render_template("banks/show.html", bank=bank, imports=imports.imports(session, bank_id))
