"""A room's sealed packages: sealing, where they are, the room code, the spare one, the end of them."""

import io

import segno
from flask import Blueprint, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from markupsafe import Markup
from werkzeug.wrappers import Response

from server.access import Permission, Role
from server.errors import NotFound, Refused
from server.services import (
    package_delivery,
    package_destruction,
    package_proofs,
    package_release,
    package_sealing,
    package_swap,
    packages,
)
from server.services.signed import Signed
from server.web.forms import row_number, shown_again, text
from server.web.guard import actor, cosigner, current_host, requires, witnessed

bp = Blueprint("packages", __name__)


@bp.post("/sittings/<int:room_sitting_id>/package")
@requires(Permission.SEAL_PACKAGE)
@shown_again("sittings.show")
def seal(room_sitting_id: int) -> ResponseReturnValue:
    """Seals the sitting's forms for this room and the chosen custodians, spare forms apart."""
    host = current_host()
    chosen: dict[int, Role] = {}
    for value in request.form.getlist("custodian"):
        number, _sep, role = value.partition("/")
        user = row_number(number)
        if user is None or role not in set(Role):
            raise Refused("custodians_of_two_roles", 422, field="custodians")
        if user in chosen:
            raise Refused("custodian_in_one_role", 422, field="custodians")
        chosen[user] = Role(role)
    signing_key = host.site.signing_key.private_bytes_raw()
    host.db.write(package_sealing.seal, witnessed(), room_sitting_id, chosen, signing_key, now=host.now())
    flash(_("试卷包已密封。考试机会提前取得密封包，启封前谁也打不开。"), "good")
    return redirect(url_for("sittings.show", room_sitting_id=room_sitting_id))


@bp.get("/sittings/<int:room_sitting_id>/package")
@requires(Permission.HOLD_KEY)
def show(room_sitting_id: int) -> str:
    """Every package of the room, where it is, who proved a share, and what may be done now."""
    host = current_host()
    with host.db.read() as session:
        held = packages.room_sitting(session, room_sitting_id)
        package = packages.current(session, room_sitting_id)
        spare = packages.spare_of(session, room_sitting_id)
        rows = packages.all_of(session, room_sitting_id)
        rows.sort(key=lambda row: (row is not package, row is not spare))  # the rest stays newest first
        found = package_delivery.seats(session, host.presence, room_sitting_id)
        return render_template(
            "papers/package.html",
            id=room_sitting_id,
            place=packages.place(session, room_sitting_id),
            sitting=held.sitting_id,
            started=held.started_at is not None,
            assessed=packages.assessed(session, room_sitting_id),
            views=[packages.view(session, row) for row in rows],
            due={row.id: package_destruction.due(session, row) for row in rows},
            current=package.id if package else None,
            package=packages.view(session, package) if package else None,
            spare=packages.view(session, spare) if spare else None,
            shares_seats=_shares_seats(packages.seat_forms(session, room_sitting_id)) if package else False,
            proofs={
                row.id: package_proofs.proofs(session, row, now=host.now())
                for row in rows
                if row.state == "sealed"
            },
            warning=package_proofs.warning(session, room_sitting_id, now=host.now()),
            seats=found,
            counted=package_delivery.count(found),
        )


def _shares_seats(forms: dict[str, str]) -> bool:
    return len(set(forms.values())) < len(forms)


@bp.post("/sittings/<int:room_sitting_id>/package/<int:package_id>/check")
@requires(Permission.HOLD_KEY)
@shown_again("packages.show", package_id=None)
def check(room_sitting_id: int, package_id: int) -> ResponseReturnValue:
    """Reads the stored bytes again and notes that they are sound."""
    host = current_host()
    _belongs(room_sitting_id, package_id)
    where = (host.site.public_key, host.presence)
    header = host.db.write(package_delivery.check, actor(), package_id, where, now=host.now())
    flash(_("试卷包完好：签名和 %(n)s 个部分的哈希都相符。", n=len(header.sections)), "good")
    return redirect(url_for("packages.show", room_sitting_id=room_sitting_id))


@bp.post("/sittings/<int:room_sitting_id>/package/<int:package_id>/file")
@requires(Permission.HOLD_KEY)
@shown_again("packages.show", package_id=None)
def take_out(room_sitting_id: int, package_id: int) -> Response:
    """The sealed file, to carry it to a room without a link."""
    host = current_host()
    _belongs(room_sitting_id, package_id)
    name, data = host.db.write(package_delivery.take_out, actor(), package_id, now=host.now())
    return send_file(
        io.BytesIO(data), mimetype="application/octet-stream", as_attachment=True, download_name=name
    )


@bp.post("/sittings/<int:room_sitting_id>/package/code")
@requires(Permission.HOLD_KEY)
@shown_again("packages.show")
def issue_code(room_sitting_id: int) -> ResponseReturnValue:
    """The room code and its QR code, shown in this answer and never again."""
    host = current_host()
    code = host.db.write(package_release.issue_code, _two(), room_sitting_id, now=host.now())
    with host.db.read() as session:
        package, place = packages.needed(session, room_sitting_id), packages.place(session, room_sitting_id)
        view = packages.view(session, package)
    picture = segno.make(code, error="m", micro=False).svg_inline(scale=6, border=2, svgclass=None)
    return render_template(
        "papers/code.html",
        id=room_sitting_id,
        code=code,
        picture=Markup(picture),  # noqa: S704 - made by segno of signs of the code's alphabet
        view=view,
        place=place,
    )


@bp.post("/sittings/<int:room_sitting_id>/package/swap")
@requires(Permission.HOLD_KEY)
@shown_again("packages.show")
def swap(room_sitting_id: int) -> ResponseReturnValue:
    """Puts the spare paper in force in this room, or in every room of the sitting."""
    host, signed = current_host(), _two()
    if request.form.get("scope") == "sitting":
        with host.db.read() as session:
            sitting = packages.room_sitting(session, room_sitting_id).sitting_id
        done = host.db.write(package_swap.swap_sitting, signed, sitting, now=host.now())
        flash(_("已在本场次的 %(n)s 个考场换用备用卷，请保管人按程序启封。", n=len(done)), "good")
    else:
        host.db.write(package_swap.swap_room, signed, room_sitting_id, now=host.now())
        flash(_("已换用备用卷，请保管人按程序启封。"), "good")
    return redirect(url_for("packages.show", room_sitting_id=room_sitting_id))


@bp.post("/sittings/<int:room_sitting_id>/package/<int:package_id>/destroy")
@requires(Permission.HOLD_KEY)
@shown_again("packages.show", package_id=None)
def destroy(room_sitting_id: int, package_id: int) -> ResponseReturnValue:
    """Two people destroy a package that is no longer needed."""
    host = current_host()
    _belongs(room_sitting_id, package_id)
    site_key = host.site.public_key
    host.db.write(package_destruction.destroy, _two(), package_id, site_key, now=host.now())
    flash(_("试卷包已销毁，记录和哈希保留。"), "good")
    return redirect(url_for("packages.show", room_sitting_id=room_sitting_id))


def _two() -> Signed:
    """The signed-in person, the reason, and the second person of the form."""
    return Signed(actor(), text("reason"), cosigner(request.form, Permission.HOLD_KEY))


def _belongs(room_sitting_id: int, package_id: int) -> None:
    with current_host().db.read() as session:
        if packages.room_sitting_of(session, package_id) != room_sitting_id:
            raise NotFound("package")
