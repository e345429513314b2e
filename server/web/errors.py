"""Refusals and faults as pages, or as JSON for agents and scripts."""

import logging

from flask import Flask, g, jsonify, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DataError
from werkzeug.exceptions import HTTPException, InternalServerError
from werkzeug.wrappers import Response

from server.errors import Refused
from server.web.guard import SignInNeeded, actor_or_none, current_host, say

log = logging.getLogger(__name__)
_CODES = {
    400: "bad_request",
    404: "page_missing",
    405: "bad_request",
    413: "upload_too_large",
    500: "server_fault",
}


def init_errors(app: Flask) -> None:
    """Registers the answers."""
    app.register_error_handler(SignInNeeded, _sign_in)
    app.register_error_handler(Refused, _refused)
    app.register_error_handler(CSRFError, lambda _fault: answer(Refused("form_expired", 400)))
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(DataError, _unstorable)
    app.register_error_handler(OverflowError, _unstorable)
    app.register_error_handler(Exception, _fault)


def wants_json() -> bool:
    """Whether the asker is an agent or a script of a page rather than a person."""
    if request.path.startswith("/agent/") or request.is_json or "HX-Request" in request.headers:
        return True
    return request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json"


def answer(refusal: Refused) -> Response:
    """The answer to a refusal."""
    message = say(refusal.code, refusal.params)
    if wants_json():
        response: Response = jsonify(code=refusal.code, params=refusal.params, message=message)
    else:
        page = render_template("errors/refused.html", message=message, code=refusal.code, known=_known())
        response = Response(page, mimetype="text/html")
    response.status_code = refusal.status
    return response


def _known() -> bool:
    # An error page must not fail again when the account cannot be read.
    return "actor" in g or (not g.get("fault", False) and actor_or_none() is not None)


def _sign_in(refusal: SignInNeeded) -> Response:
    if wants_json() or request.method != "GET":
        return answer(refusal)
    goal = request.full_path.rstrip("?")
    return redirect(url_for("security.login", next=goal if goal != "/" else None))


def _refused(refusal: Refused) -> Response:
    return answer(refusal)


def _http(fault: HTTPException) -> Response:
    if fault.code is not None and fault.code < 400:
        return fault.get_response()
    status = fault.code or 500
    limit = current_host().settings.upload_limit >> 20
    return answer(Refused(_CODES.get(status, "bad_request"), status, megabytes=limit))


def _unstorable(_fault: DataError | OverflowError) -> Response:
    # A number or a text that no column can hold: the asker's doing. PostgreSQL says so, for SQLite Python
    # does. The values stay out of the log.
    log.warning("a value that no store holds at %s %s", request.method, request.endpoint)
    return answer(Refused("bad_request", 400))


def _fault(fault: Exception) -> Response:
    log.exception("fault at %s %s", request.method, request.endpoint)
    g.fault = True
    return _http(InternalServerError(original_exception=fault))
