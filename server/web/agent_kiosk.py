"""The agents' HTTP interface for the workstation itself (docs/protocol.md): breaches."""

from flask import Blueprint
from werkzeug.wrappers import Response

from exam_rooms.kiosk_messages import BreachRequest
from exam_rooms.protocol import Route
from exam_rooms.watch_messages import Taken
from server.services import breaches
from server.web.agent import agents_only, me, message, reply
from server.web.guard import current_host

bp = Blueprint("agent_kiosk", __name__)


@bp.post(Route.BREACHES)
@agents_only
def take_breaches() -> Response:
    """What should not happen at this seat, and has; acknowledged once it is on the record."""
    host, asked = current_host(), message(BreachRequest)
    host.db.write(breaches.take, me(), asked, now=host.now())
    return reply(Taken(hint=host.answers.pressure()))
