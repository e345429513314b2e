"""The agents' route for self-checks (docs/protocol.md): a report for each round that the server asks for."""

from flask import Blueprint
from werkzeug.wrappers import Response

from exam_rooms.kiosk_messages import CheckReport
from exam_rooms.protocol import Route
from exam_rooms.watch_messages import Taken
from server.errors import NotFound
from server.services import seat_checks
from server.web.agent import agents_only, delivery, me, message, reply
from server.web.guard import current_host

bp = Blueprint("agent_checks", __name__)


@bp.post(Route.CHECK)
@agents_only
def check() -> Response:
    """What a seat found out about itself."""
    host, asked = current_host(), message(CheckReport)
    room_sitting = delivery().view(me(), host.now()).room_sitting
    if room_sitting is None:
        raise NotFound("sitting")
    host.db.write(seat_checks.take, me(), room_sitting, asked, now=host.now())
    return reply(Taken(hint=host.answers.pressure()))
