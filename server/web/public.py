"""What anybody may ask for: language, script catalogue, the site's certificate, a sign of life."""

from flask import Blueprint, abort, redirect, request, url_for
from werkzeug.wrappers import Response

from server.access import Permission
from server.services import readiness
from server.web.auth import inside
from server.web.guard import current_host, may
from server.web.language import COOKIE, LOCALES, catalog_json

bp = Blueprint("public", __name__)
YEAR_SECONDS = 365 * 86400


@bp.get("/language/<code>")
def language(code: str) -> Response:
    """Chooses the language by a cookie and goes back to where the reader was."""
    if code not in LOCALES:
        abort(404)
    response = redirect(inside(request.args.get("next", "")) or url_for("home.home"))
    secure = not current_host().settings.plain_http
    response.set_cookie(COOKIE, code, max_age=YEAR_SECONDS, secure=secure, httponly=True, samesite="Lax")
    return response


@bp.get("/catalog/<code>.json")
def catalog(code: str) -> Response:
    """The words of the scripts in one language."""
    if code not in LOCALES:
        abort(404)
    return Response(catalog_json(code), mimetype="application/json")


@bp.get("/site-ca")
def site_ca() -> Response:
    """The site's CA certificate (PEM) for staff browsers and for agents that check its fingerprint."""
    response = Response(current_host().site.ca_pem, mimetype="application/x-pem-file")
    response.headers["Content-Disposition"] = 'attachment; filename="examhall-site-ca.pem"'
    return response


@bp.get("/health")
def health() -> dict[str, str]:
    """A sign of life, without numbers."""
    return {"status": "ok"}


@bp.get("/health/ready")
def ready() -> tuple[dict[str, object], int]:
    """Whether requests may be sent here: 200, or 503 with codes of what does not work."""
    host = current_host()
    seen = host.readiness.look()
    told: dict[str, object] = {"status": "ok" if seen.well else "wrong", "wrong": list(seen.wrong)}
    if seen.well and may(Permission.SEE_HEALTH):
        told["standby"] = readiness.standby_told(host.epoch, host.shipping).plain()
    return told, 200 if seen.well else 503
