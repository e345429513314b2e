"""Blueprints: the list, one as a tree with its sums, and a new version from a file."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from server.access import Permission
from server.errors import Refused
from server.services import blueprints
from server.web.forms import shown_again, upload
from server.web.guard import actor, current_host, requires

bp = Blueprint("blueprints", __name__)


@bp.get("/blueprints")
@requires(Permission.MANAGE_BLUEPRINTS)
def index() -> str:
    """All blueprints."""
    with current_host().db.read() as session:
        return render_template("blueprints/index.html", rows=blueprints.blueprints(session))


@bp.post("/blueprints")
@requires(Permission.MANAGE_BLUEPRINTS)
@shown_again("blueprints.index")
def create() -> ResponseReturnValue:
    """A blueprint from an uploaded YAML or JSON file; every sum is checked first."""
    host = current_host()
    file = upload()
    try:
        text = file.data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise Refused("file_not_utf8", 422, field="file", name=file.name) from fault
    blueprint_id = host.db.write(blueprints.store, actor(), text, now=host.now())
    flash(_("细目表已保存，各级比重与分值核对无误。"), "good")
    return redirect(url_for("blueprints.show", blueprint_id=blueprint_id))


@bp.get("/blueprints/<int:blueprint_id>")
@requires(Permission.MANAGE_BLUEPRINTS)
def show(blueprint_id: int) -> str:
    """One blueprint as a tree with weights and item counts."""
    with current_host().db.read() as session:
        return render_template("blueprints/show.html", view=blueprints.view(session, blueprint_id))
