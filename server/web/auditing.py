"""The audit record on screen: newest first, by chain or act; verify all chains."""

import time

from flask import Blueprint, render_template, request

from server.access import Permission
from server.services import audit
from server.web.guard import current_host, requires

bp = Blueprint("auditing", __name__)


@bp.get("/audit")
@requires(Permission.SEE_AUDIT)
def entries() -> str:
    """One page of entries."""
    chosen = {"stream": request.args.get("stream", ""), "act": request.args.get("act", "")}
    before = request.args.get("before", 0, type=int)
    with current_host().db.read() as session:
        lines = audit.page(session, **chosen, before=before)
        streams, acts = audit.streams(session), audit.acts(session)
    return render_template(
        "audit/entries.html", lines=lines, streams=streams, acts=acts, chosen=chosen, page=audit.PAGE
    )


@bp.post("/audit/verify")
@requires(Permission.SEE_AUDIT)
def verify() -> str:
    """Checks every chain and shows the verdicts."""
    with current_host().db.read() as session:
        verdicts = [_breathing(audit.verify(session, stream)) for stream in audit.streams(session)]
    return render_template("audit/verdicts.html", verdicts=verdicts)


def _breathing(verdict: audit.Verdict) -> audit.Verdict:
    time.sleep(0)  # lets other greenlets go on between two chains
    return verdict
