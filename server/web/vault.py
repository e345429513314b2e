"""The keys on one page: suite and age, progress of a change; a bank's change begins with a second person."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from server.access import Permission
from server.jobs.rotating import Desk, begin_thread
from server.messages import N_
from server.services import datakey, rotation
from server.services.signed import Signed
from server.settings import SUITES
from server.web.forms import shown_again, text
from server.web.guard import actor, cosigner, current_host, requires

bp = Blueprint("vault", __name__)
SUITE_NAMES = {"intl": N_("国际（AES-256-GCM）"), "gm": N_("国密（SM4-GCM）")}


@bp.get("/vault")
@requires(Permission.MANAGE_VAULT)
def index() -> str:
    """Master key and bank keys; no key is ever shown."""
    with current_host().db.read() as session:
        master, banks = datakey.master_view(session), rotation.bank_keys(session)
    return render_template(
        "vault/index.html",
        master=master,
        banks=banks,
        now=current_host().now(),
        installed=current_host().settings.suite,
        suites=[(name, suite_word(name)) for name in SUITES],
        suite_word=suite_word,
    )


@bp.get("/vault/progress")
@requires(Permission.MANAGE_VAULT)
def progress() -> ResponseReturnValue:
    """How far the changes are, for the page that waits; it is loaded again when none is left."""
    with current_host().db.read() as session:
        banks = rotation.bank_keys(session)
    page = render_template("vault/progress.html", banks=banks, suite_word=suite_word)
    return page, {} if any(bank.changing for bank in banks) else {"HX-Refresh": "true"}


@bp.post("/vault/banks/<int:bank_id>/rotate")
@requires(Permission.MANAGE_VAULT)
@shown_again("vault.index", bank_id=None)
def rotate(bank_id: int) -> ResponseReturnValue:
    """Begins the change of a bank's key; the work goes on beside the request."""
    host = current_host()
    signed = Signed(actor(), text("reason"), cosigner(request.form, Permission.IMPORT_BANK))
    number = host.db.write(rotation.begin, signed, bank_id, text("suite"), now=host.now())
    begin_thread(Desk(host.db, host.native, host.now, alone_at=host.membership.alone_at), number)
    flash(_("已开始更换题库密钥，题库照常使用。"), "good")
    return redirect(url_for("vault.index"))


def suite_word(name: str) -> str:
    """A suite in the reader's language."""
    return str(_(SUITE_NAMES[name]))
