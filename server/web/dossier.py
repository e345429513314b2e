"""Dossiers: ask for one, follow the job, download it within a day."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from server.access import Permission
from server.rules.archive import root_in
from server.services import dossier, dossier_shelf, record_book, roomstate
from server.services.dossier import Stores, Wish
from server.web.forms import shown_again
from server.web.guard import actor, current_host, requires

bp = Blueprint("dossier", __name__)
PIECE = 1 << 20


@bp.get("/sittings/<int:room_sitting_id>/dossier")
@requires(Permission.EXPORT_ARCHIVE)
def show(room_sitting_id: int) -> str:
    """What a dossier holds, the form that asks for one, and those that were made."""
    zone = ZoneInfo(current_host().settings.timezone)
    with current_host().db.read() as session:
        return render_template(
            "dossier/show.html",
            room=roomstate.load(session, room_sitting_id),
            book=record_book.book(session, record_book.Page(room_sitting_id, zone)),
            shelved=dossier_shelf.shelved(session, room_sitting_id, now=current_host().now()),
            finished=dossier.FINISHED,
        )


@bp.post("/sittings/<int:room_sitting_id>/dossier")
@requires(Permission.EXPORT_ARCHIVE)
@shown_again("dossier.show")
def ask(room_sitting_id: int) -> ResponseReturnValue:
    """Gathers, packs in a child, signs; the page of the job shows how far it is."""
    host, who = current_host(), actor()
    wish = Wish(room_sitting_id, "whole" in request.form, "frames" in request.form)
    zone = ZoneInfo(host.settings.timezone)
    for name in host.db.write(dossier_shelf.clear, now=host.now()):
        dossier_shelf.shelf(host.settings.dossiers).delete(name)
    number = host.db.write(dossier.ask, who, wish, now=host.now())

    def gathered() -> dict[str, Any]:
        with host.db.read() as session:
            stores = Stores(host.answers, host.evidence, host.site, zone)
            return dossier.work(session, who, wish, stores, now=host.now())

    def done(result: dict[str, Any]) -> None:
        data = dossier.sealed_file(result, host.site)
        name = dossier_shelf.put(host.db.vault, dossier_shelf.shelf(host.settings.dossiers), number, data)
        facts = (len(data), root_in(result["index"]))
        host.db.write(dossier_shelf.made, number, name, facts, now=host.now())

    link = url_for("dossier.show", room_sitting_id=room_sitting_id)
    job = host.jobs.start(
        "dossier",
        host.native.call(gathered),
        actor=who,
        link=link,
        done=done,
        failed=lambda _code: host.db.write(dossier_shelf.failed, number),
    )
    return redirect(url_for("jobs.show", job_id=job))


@bp.get("/sittings/<int:room_sitting_id>/dossier/<int:dossier_id>.zip")
@requires(Permission.EXPORT_ARCHIVE)
def file(room_sitting_id: int, dossier_id: int) -> Response:
    """A finished dossier; who takes it stands on the record before it is handed out."""
    host, shelf = current_host(), dossier_shelf.shelf(current_host().settings.dossiers)
    name = host.db.write(dossier_shelf.fetch, actor(), (room_sitting_id, dossier_id), now=host.now())
    data = host.native.call(lambda: dossier_shelf.opened(host.db.vault, shelf, name))
    response = Response(_pieces(data), mimetype="application/zip")
    response.headers["Content-Length"] = str(len(data))
    title = quote(f"dossier-{room_sitting_id}-{dossier_id}.zip")
    response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{title}"
    response.headers["Cache-Control"] = "no-store"
    return response


def _pieces(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), PIECE):
        yield data[start : start + PIECE]
