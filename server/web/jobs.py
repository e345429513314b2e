"""Long work as it goes: a page to come back to, a fragment that renews itself, cancel."""

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response

from server.access import Permission
from server.errors import Forbidden
from server.services import joblist
from server.web.guard import actor, current_host, requires

bp = Blueprint("jobs", __name__)


@bp.get("/jobs/<int:job_id>")
@requires(Permission.SEE_HOME)
def show(job_id: int) -> str:
    """One job with its progress."""
    return render_template("jobs/job.html", job=_look(job_id))


@bp.get("/jobs/<int:job_id>/fragment")
@requires(Permission.SEE_HOME)
def fragment(job_id: int) -> str:
    """The progress part alone, for the page that shows it."""
    return render_template("jobs/fragment.html", job=_look(job_id))


@bp.post("/jobs/<int:job_id>/cancel")
@requires(Permission.SEE_HOME)
def cancel(job_id: int) -> Response:
    """Ends a running job: the person who began it, or who looks after the staff."""
    job = _look(job_id)
    if job.created_by != actor().user_id and not actor().can(Permission.MANAGE_STAFF):
        raise Forbidden(Permission.MANAGE_STAFF)
    current_host().jobs.cancel(job_id)
    return redirect(url_for("jobs.show", job_id=job_id))


def _look(job_id: int) -> joblist.JobView:
    with current_host().db.read() as session:
        return joblist.look(session, job_id)
