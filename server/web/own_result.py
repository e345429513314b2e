"""A candidate's own result: a public page with two fields and one answer; no address ever holds either."""

import time

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from exam_rooms.admission import clean_ticket
from server.errors import Refused
from server.services import own_result
from server.services.own_result import OwnResult
from server.web.forms import shown_again, text
from server.web.guard import current_host

bp = Blueprint("own_result", __name__)
LONGEST = 40


@bp.get("/result")
def form() -> str:
    """The two fields."""
    return render_template("results/own.html", own=None)


@bp.post("/result")
@shown_again("own_result.form")
def look_up() -> ResponseReturnValue:
    """The result of who knows both; every wrong pair has the same answer and is counted."""
    ticket, number = text("ticket", limit=LONGEST), text("id_number", limit=LONGEST)
    if not ticket or not number:
        raise Refused("result_form_empty", 422)
    return render_template("results/own.html", own=_found(ticket, number))


def _found(ticket: str, number: str) -> OwnResult:
    host, moment = current_host(), time.monotonic()
    key, address = clean_ticket(ticket), str(request.remote_addr)
    _count(key, address, moment)
    with host.db.read() as session:
        found = own_result.look_up(session, ticket, number, now=host.now())
    if found is None:
        raise Refused("result_not_found", 422)
    host.result_tickets.take_back(key, moment)
    host.result_addresses.take_back(address, moment)
    return found


def _count(key: str, address: str, moment: float) -> None:
    """Counts a try before it is made. Raises `Refused` (too_many_tries) when ticket or address must wait."""
    host = current_host()
    wait = host.result_addresses.begin(address, moment)
    if wait == 0:
        wait = host.result_tickets.begin(key, moment)
    if wait > 0:
        raise Refused("too_many_tries", 429, minutes=int(wait // 60) + 1)
