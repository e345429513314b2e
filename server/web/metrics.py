"""Figures for a watching program: `/metrics` for Prometheus, by its own token or for who may see health."""

import hmac

from flask import Blueprint, request
from werkzeug.wrappers import Response

from server.access import Permission
from server.errors import NotFound
from server.metrics import CONTENT_TYPE, text
from server.web.guard import actor_or_none, current_host

bp = Blueprint("metrics", __name__)
_LEAST = 20
"""Characters of the shortest token that opens anything."""


@bp.get("/metrics")
def metrics() -> Response:
    """The figures; whoever may not see them is told that there is no such page."""
    if not (_by_token() or _by_person()):
        raise NotFound("page")
    return Response(text(current_host().figures), content_type=CONTENT_TYPE)


def _by_token() -> bool:
    wanted = current_host().settings.metrics_token
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    same = hmac.compare_digest(token.strip().encode(), wanted.encode())
    return same and scheme == "Bearer" and len(wanted) >= _LEAST


def _by_person() -> bool:
    who = actor_or_none()
    return who is not None and who.can(Permission.SEE_HEALTH)
