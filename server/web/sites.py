"""Pages of authority and sites: the wall, the register, files in and out by hand."""

from dataclasses import asdict, replace

from flask import Blueprint, Response, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.access import Permission
from server.db.sites import SiteAuthority, SiteSitting
from server.db.sittings import Batch, RoomSitting, Sitting
from server.errors import Refused
from server.jobs.site_desk import desk_of
from server.rules.site_file import fingerprint
from server.services import exam_sites, site_exchange, site_files, site_taking, site_wall
from server.services.dispatches import Order
from server.services.roomstate import AT_SEATS
from server.services.signed import Signed
from server.web import forms
from server.web.forms import shown_again, text
from server.web.guard import actor, cosigner, current_host, requires

bp = Blueprint("sites", __name__)


@bp.get("/sites")
@requires(Permission.SEE_SITES)
def index() -> str:
    """The wall of all sites, the register, and what goes out and comes in."""
    host = current_host()
    with host.db.read() as session:
        authority = session.get(SiteAuthority, 1)
        return render_template(
            "sites/index.html",
            wall=site_wall.wall(session, actor(), now=host.now()),
            sites=(known := exam_sites.sites(session)),
            choosing=(choosing := _choosing(known)),
            rooms=exam_sites.free_rooms(session, choosing.id) if choosing else [],
            sittings=_sittings(session),
            files=site_files.files(session),
            authority=authority,
            authority_key=fingerprint(authority.public_key) if authority else "",
            held=_held(session),
            own_key=fingerprint(host.site.public_key),
            role=host.settings.role,
        )


@bp.get("/sites/wall.json")
@requires(Permission.SEE_SITES)
def wall() -> ResponseReturnValue:
    """The wall as data, for screens of one's own."""
    host = current_host()
    with host.db.read() as session:
        lines = site_wall.wall(session, actor(), now=host.now())
    return jsonify(now=host.now().isoformat(), sites=[_plain(line) for line in lines])


def _choosing(known: list[exam_sites.SiteView]) -> exam_sites.SiteView | None:
    """The open site whose rooms somebody is choosing: one alone, since a list of all rooms at each of two
    thousand sites would be millions of boxes.
    """
    wanted = request.args.get("site", type=int)
    return next((one for one in known if one.id == wanted and one.closed_at is None), None)


def _plain(line: site_wall.WallLine) -> dict[str, object]:
    times = {"starts_at": line.starts_at.isoformat()}
    times["contact_at"] = line.contact_at.isoformat() if line.contact_at else ""
    refused = line.refused.to_json() if line.refused else None
    return asdict(replace(line, refused=None)) | times | {"refused": refused}


def _sittings(session: Session) -> list[tuple[int, str]]:
    """Sittings at seats with a room that is drawn: what may go out."""
    query = (
        select(Sitting.id, Batch.name, Sitting.number)
        .join(Batch, Batch.id == Sitting.batch_id)
        .join(RoomSitting, RoomSitting.sitting_id == Sitting.id)
        .where(RoomSitting.state == "arranged", Sitting.method.in_(AT_SEATS))
        .distinct()
        .order_by(Sitting.id)
    )
    return [(number, f"{name} · {place}") for number, name, place in session.execute(query)]


def _held(session: Session) -> list[tuple[str, str, int, bool]]:
    """Sittings that came with a dispatch: uid, batch, number, whether the results are at the authority."""
    query = (
        select(SiteSitting, Batch.name, Sitting.number)
        .join(Sitting, Sitting.id == SiteSitting.sitting_id)
        .join(Batch, Batch.id == Sitting.batch_id)
        .where(SiteSitting.site == 0)
        .order_by(Sitting.starts_at)
    )
    return [
        (row.uid, name, place, row.returned_at is not None) for row, name, place in session.execute(query)
    ]


def _signed() -> Signed:
    return Signed(actor(), text("reason"), cosigner(request.form, Permission.MANAGE_SITES))


@bp.get("/sites/introduction.json")
@requires(Permission.MANAGE_SITES)
def introduce() -> ResponseReturnValue:
    """The introduction of this installation, as a file to carry over."""
    host = current_host()
    role = "authority" if request.args.get("role") == "authority" else "site"
    name = host.settings.institution if role == "authority" else host.settings.site
    with host.db.read() as session:
        data = exam_sites.introduction(session, host.site, (role, name, ""), now=host.now())
    return _file(data, f"introduction-{role}.json")


@bp.post("/sites/register")
@requires(Permission.MANAGE_SITES)
@shown_again("sites.index")
def register() -> ResponseReturnValue:
    """A site's introduction enters the register."""
    host = current_host()
    signed, data = _signed(), forms.upload().data
    host.db.write(exam_sites.register, signed, data, text("code"), now=host.now())
    flash(_("考点已登记。请用电话核对密钥指纹。"), "good")
    return redirect(url_for("sites.index"))


@bp.post("/sites/accept")
@requires(Permission.MANAGE_SITES)
@shown_again("sites.index")
def accept() -> ResponseReturnValue:
    """At the site: the authority's introduction."""
    host = current_host()
    signed, data = _signed(), forms.upload().data
    host.db.write(exam_sites.accept_authority, signed, data, text("code"), now=host.now())
    flash(_("机构已登记。请用电话核对密钥指纹。"), "good")
    return redirect(url_for("sites.index"))


@bp.post("/sites/<int:site_id>/rooms")
@requires(Permission.MANAGE_SITES)
@shown_again("sites.index", site_id=None)
def rooms(site_id: int) -> ResponseReturnValue:
    """Which rooms of the plan are the site's."""
    host = current_host()
    chosen = [_as_number("room", value) for value in request.form.getlist("room")]
    host.db.write(exam_sites.give_rooms, actor(), site_id, chosen, now=host.now())
    flash(_("考点的考场已保存。"), "good")
    return redirect(url_for("sites.index"))


@bp.post("/sites/<int:site_id>/close")
@requires(Permission.MANAGE_SITES)
@shown_again("sites.index", site_id=None)
def close(site_id: int) -> ResponseReturnValue:
    """Nothing goes to the site any more."""
    host = current_host()
    host.db.write(exam_sites.close, _signed(), site_id, now=host.now())
    flash(_("考点已停用。"), "good")
    return redirect(url_for("sites.index"))


@bp.post("/sites/dispatch")
@requires(Permission.MANAGE_SITES)
@shown_again("sites.index")
def dispatch() -> ResponseReturnValue:
    """Makes the dispatch of a sitting to a site; it goes over the line or as a file."""
    order = Order(_number("site"), _number("sitting"))
    made = site_exchange.make_dispatch(desk_of(current_host()), actor(), order)
    flash(_("下发包已制作。") if made.fresh else _("内容没有变化，仍用上一次的下发包。"), "good")
    return redirect(url_for("sites.index"))


@bp.post("/sites/results")
@requires(Permission.MANAGE_SITES)
@shown_again("sites.index")
def results() -> ResponseReturnValue:
    """At the site: seals what goes back of a collected sitting."""
    made = site_exchange.make_results(desk_of(current_host()), actor(), text("about"))
    flash(_("回传包已制作。") if made.fresh else _("内容没有变化，仍用上一次的回传包。"), "good")
    return redirect(url_for("sites.index"))


@bp.get("/sites/files/<int:file_id>")
@requires(Permission.MANAGE_SITES)
def download(file_id: int) -> ResponseReturnValue:
    """A sealed file that goes out."""
    with current_host().db.read() as session:
        row = site_files.get(session, file_id)
        if row.incoming or not site_files.with_parts(session, [row.id]):
            raise Refused("site_file_older")
        data = site_files.as_file(session, row)
    return _file(data, f"{row.kind}-{row.about[:8]}-{row.number}.exsf")


@bp.post("/sites/files")
@requires(Permission.MANAGE_SITES)
@shown_again("sites.index")
def upload() -> ResponseReturnValue:
    """A sealed file that somebody carried here; whole, it is taken in at once."""
    desk = desk_of(current_host())
    came = site_exchange.receive(desk, actor(), forms.upload().data)
    if came.missing:
        flash(_("已收到一部分，还缺 %(count)s 部分，请再次上传。", count=len(came.missing)), "look")
        return redirect(url_for("sites.index"))
    site_taking.take_in(desk, Signed(actor()), came.id)
    flash(_("密封文件已收下。"), "good")
    return redirect(url_for("sites.index"))


@bp.post("/sites/files/<int:file_id>/take")
@requires(Permission.MANAGE_SITES)
@shown_again("sites.index", file_id=None)
def take(file_id: int) -> ResponseReturnValue:
    """Takes in a file that was refused: again, or by two people with a reason in spite of broken chains."""
    signed = _signed() if text("reason") else Signed(actor())
    site_taking.take_in(desk_of(current_host()), signed, file_id)
    flash(_("密封文件已收下。"), "good")
    return redirect(url_for("sites.index"))


def _number(name: str) -> int:
    return _as_number(name, text(name))


def _as_number(name: str, value: str) -> int:
    if not value.isascii() or not value.isdigit() or len(value) > 9:
        raise Refused("field_missing", 422, field=name)
    return int(value)


def _file(data: bytes, name: str) -> Response:
    answer = Response(data, mimetype="application/octet-stream")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
