"""The agents' HTTP interface for calling an invigilator (docs/protocol.md)."""

from flask import Blueprint
from werkzeug.wrappers import Response

from exam_rooms.kiosk_messages import CallRequest
from exam_rooms.protocol import Route
from server.errors import NotFound
from server.services import calls
from server.web.agent import agents_only, delivery, me, message, reply
from server.web.guard import current_host

bp = Blueprint("agent_calls", __name__)


@bp.post(Route.CALL)
@agents_only
def call() -> Response:
    """The candidate raises or lowers the hand; the seat's new state."""
    host, asked = current_host(), message(CallRequest)
    room_sitting = delivery().view(me(), host.now()).room_sitting
    if room_sitting is None:
        raise NotFound("sitting")
    host.db.write(calls.call, me(), room_sitting, asked, now=host.now())
    return reply(delivery().state(me(), host.now()))
