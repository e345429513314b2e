"""A form as candidates will see it: by their own scripts and style sheets, from where the kiosk has them."""

from importlib.util import find_spec
from pathlib import Path

from flask import Blueprint, abort, render_template, request, send_from_directory
from werkzeug.wrappers import Response

from server.access import Permission
from server.errors import NotFound
from server.services import paper_forms, papers
from server.web.guard import actor, current_host, requires
from server.web.headers import CONTENT_POLICY

bp = Blueprint("preview", __name__)
MOST_EXAMPLE = 999
_SERVED = frozenset({".js", ".css", ".json", ".svg"})


@bp.get("/papers/<int:paper_set_id>/preview/<form>")
@requires(Permission.READ_ITEMS)
def show(paper_set_id: int, form: str) -> Response:
    """The page; what it shows is fetched by `data`, which is where the reading is recorded."""
    with current_host().db.read() as session:
        row = paper_forms.previewable(session, actor(), paper_set_id)
        if form not in papers.form_letters(session, row.id):
            raise NotFound("form")
        response = Response(render_template("papers/preview.html", row=row, form=form), mimetype="text/html")
    # The page plays a paper's sounds and films, from memory.
    response.headers["Content-Security-Policy"] = f"{CONTENT_POLICY}; media-src blob:"
    return response


@bp.get("/papers/<int:paper_set_id>/preview/<form>/data")
@requires(Permission.READ_ITEMS)
def data(paper_set_id: int, form: str) -> dict[str, object]:
    """The form in clear for an example candidate ("who"), with the key when asked for; audited."""
    who = request.args.get("who", "1")
    if not (who.isascii() and who.isdigit() and 0 < int(who[:4]) <= MOST_EXAMPLE):
        abort(404)
    look = paper_forms.Look(form, who, keys=request.args.get("keys") == "1")
    host = current_host()
    found: dict[str, object] = host.db.write(paper_forms.preview, actor(), paper_set_id, look, now=host.now())
    return found


@bp.get("/preview/ui/<path:name>")
@requires(Permission.READ_ITEMS)
def ui(name: str) -> Response:
    """A script, style sheet or catalogue of the candidate page."""
    if Path(name).suffix not in _SERVED:
        abort(404)
    response = send_from_directory(_folder(), name)
    response.headers["Cache-Control"] = "no-cache"
    return response


def _folder() -> Path:
    """Where the kiosk's page lies; its package is found, never imported."""
    spec = find_spec("client")
    if spec is None or not spec.submodule_search_locations:
        abort(404)
    return Path(next(iter(spec.submodule_search_locations))) / "ui"
