"""Where custodians meet a package: the release, the proof the day before, the register of the ceremony."""

import base64
import hashlib
import io

from flask import Blueprint, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from itembank.custody import ReleaseRefused, open_custodian_key
from server.access import Actor, Permission
from server.errors import Refused
from server.services import ceremony, package_proofs, package_release, packages, staff
from server.services.package_release import Unlocked
from server.web.forms import shown_again, text
from server.web.guard import actor, check_credentials, current_host, requires

bp = Blueprint("custodians", __name__)
CODE_LONGEST = 120
"""Signs of a typed room code with all its blanks and hyphens."""


@bp.get("/papers/packages/<int:package_id>")
@requires(Permission.HOLD_KEY)
def package(package_id: int) -> ResponseReturnValue:
    """A package's release page, by the package."""
    with current_host().db.read() as session:
        room_sitting_id = packages.room_sitting_of(session, package_id)
    return redirect(url_for("custodians.release_page", room_sitting_id=room_sitting_id))


@bp.get("/sittings/<int:room_sitting_id>/release")
@requires(Permission.HOLD_KEY)
def release_page(room_sitting_id: int) -> str:
    """Where two custodians release the package."""
    host = current_host()
    with host.db.read() as session:
        package = packages.needed(session, room_sitting_id)
        return render_template(
            "papers/release.html",
            view=packages.view(session, package),
            place=packages.place(session, room_sitting_id),
            proofs=package_proofs.proofs(session, package, now=host.now()),
            warning=package_proofs.warning(session, room_sitting_id, now=host.now()),
            has_secret=bool(package.sealed_release_secret),
            id=room_sitting_id,
        )


@bp.post("/sittings/<int:room_sitting_id>/release")
@requires(Permission.HOLD_KEY)
@shown_again("custodians.release_page")
def release(room_sitting_id: int) -> ResponseReturnValue:
    """Both custodians give their passphrases; the second one also the account (R20 stands in the policy)."""
    host, first = current_host(), actor()
    form, code = request.form, text("room_code", limit=CODE_LONGEST)
    account = check_credentials(
        text("second_username"), form.get("second_password", ""), field="second_username"
    )
    if account.actor.user_id == first.user_id:
        raise Refused("release_same_person", 422, field="second_username")
    holders = (
        _unlock(first, form.get("first_passphrase", ""), "first_passphrase"),
        _unlock(account.actor, form.get("second_passphrase", ""), "second_passphrase"),
    )
    key, now = host.site.public_key, host.now()
    host.db.write(package_release.open_package, room_sitting_id, holders, key, now=now, code=code)
    with host.db.read() as session:
        assessed = packages.assessed(session, room_sitting_id)
    if assessed:
        flash(_("评分表已启封，本考场的考评员现在可以看到考核内容。"), "good")
    else:
        flash(_("试卷包已启封。开考命令下达后，考试机才得到各自试卷的密钥。"), "good")
    return redirect(url_for("sittings.show", room_sitting_id=room_sitting_id))


@bp.get("/papers/proofs")
@requires(Permission.HOLD_KEY)
def proofs() -> str:
    """The sealed packages that one holds, and the form that proves the shares."""
    host = current_host()
    with host.db.read() as session:
        held = package_proofs.held(session, actor().user_id, now=host.now())
    return render_template("papers/proofs.html", held=held)


@bp.post("/papers/proofs")
@requires(Permission.HOLD_KEY)
@shown_again("custodians.proofs")
def prove() -> ResponseReturnValue:
    """Opens every share that one holds; no paper is opened."""
    host = current_host()
    holder = _unlock(actor(), request.form.get("passphrase", ""), "passphrase")
    outcome = host.db.write(package_proofs.prove, holder, host.site.public_key, now=host.now())
    if outcome.opened:
        flash(_("口令有效：%(n)s 份试卷包的密钥份额可以打开，试卷没有打开。", n=outcome.opened), "good")
    if outcome.failed:
        words = _("%(rooms)s的试卷包是用您以前的密钥密封的，须由其他保管人启封或重新密封。")
        flash(words % {"rooms": "、".join(outcome.failed)}, "act")
    return redirect(url_for("custodians.proofs"))


@bp.get("/papers/ceremony")
@requires(Permission.HOLD_KEY)
def register() -> str:
    """Holders, keys, proofs, and what each coming sitting lacks: one page to print."""
    host = current_host()
    key = host.site.public_key
    with host.db.read() as session:
        return render_template(
            "papers/ceremony.html",
            holders=ceremony.holders(session, now=host.now()),
            rooms=ceremony.rooms_ahead(session, now=host.now()),
            site_key=base64.b64encode(key).decode(),
            fingerprint=hashlib.sha256(key).hexdigest()[:32],
        )


@bp.post("/papers/ceremony/key")
@requires(Permission.HOLD_KEY)
@shown_again("custodians.register")
def take_key() -> Response:
    """One's own custodian key as a file, sealed under the passphrase."""
    host, who = current_host(), actor()
    data = host.db.write(ceremony.take_key, who, now=host.now())
    name = f"custodian-{who.user_id}.json"
    return send_file(io.BytesIO(data), mimetype="application/json", as_attachment=True, download_name=name)


def _unlock(holder: Actor, passphrase: str, field: str) -> Unlocked:
    """Opens a custodian's private key; Argon2id takes a while and runs in a native thread."""
    host = current_host()
    with host.db.read() as session:
        sealed = staff.sealed_custodian_key(session, holder.user_id)
    if sealed is None:
        raise Refused("custodian_without_key", 422, field=field, name=holder.name)
    try:
        private = host.native.call(open_custodian_key, sealed, passphrase)
    except ReleaseRefused as fault:
        raise Refused("release_wrong_passphrase", 422, field=field, name=holder.name) from fault
    return Unlocked(holder, private)
