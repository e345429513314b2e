"""Settings on screen: level policies in force, versions, where this server keeps things. Nothing secret."""

import platform
from importlib.metadata import PackageNotFoundError, version

from flask import Blueprint, render_template

from server.access import Permission
from server.db import migrate
from server.services import batches
from server.web.guard import current_host, requires

bp = Blueprint("preferences", __name__)
LIBRARIES = ("Flask", "Flask-SocketIO", "SQLAlchemy", "cryptography", "gevent", "highspy")


@bp.get("/settings")
@requires(Permission.SEE_HEALTH)
def settings() -> str:
    """One page of facts."""
    chosen = current_host().settings
    return render_template(
        "settings/settings.html",
        settings=chosen,
        profiles=[batches.read_profile(name) for name in batches.profile_names()],
        schema=migrate.versions(chosen),
        versions=_versions(),
        store="PostgreSQL" if chosen.database_url else "SQLite",
    )


def _versions() -> dict[str, str]:
    found = {"examhall": _version("examhall"), "Python": platform.python_version()}
    return found | {name: _version(name) for name in LIBRARIES}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "—"
