"""The agents' HTTP interface for Safe Exam Browser (docs/protocol.md): what it said, and who may go on.

The server alone compares: an agent forwards what it was told, with the address it was told at.
"""

from flask import Blueprint
from werkzeug.wrappers import Response

from exam_rooms.kiosk_messages import SebProof
from exam_rooms.protocol import Route
from server.events import SeatChanged
from server.rules.seb.proof import judge
from server.services import seb
from server.services.seb import SebNews
from server.web.agent import agents_only, delivery, me, message, reply
from server.web.agent_message import DOOR_MOST
from server.web.guard import current_host

bp = Blueprint("agent_seb", __name__)


@bp.post(Route.SEB)
@agents_only
def proof() -> Response:
    """What Safe Exam Browser said at the seat's page; the state tells what it is worth."""
    host, said, seats = current_host(), message(SebProof, DOOR_MOST), delivery().seb
    begun = seats.begun(me().workstation)
    with host.db.read() as session:
        wanted = seb.expected(session, me().room)
    if wanted is not None:
        verdict = judge(wanted, said)
        if verdict is not seats.of(me().workstation):
            _changed(SebNews(verdict, said.version), begun)
    return reply(delivery().state(me(), host.now()))


def _changed(news: SebNews, begun: tuple[int, int]) -> None:
    """On the record first, then in force, then shown."""
    host, agent = current_host(), me()
    room_sitting = delivery().view(agent, host.now()).room_sitting
    host.db.write(seb.note_proof, agent, room_sitting, news, now=host.now())
    delivery().seb.put(agent.workstation, news.state, begun)
    if room_sitting is not None:
        host.events.publish([SeatChanged(room_sitting, agent.seat)])
