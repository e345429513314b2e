"""Epochs in the agents' interface, and their first word to a server that took over (docs/standby.md)."""

import contextlib

from flask import Blueprint, Flask, request
from werkzeug.wrappers import Response

from exam_rooms.protocol import EPOCH_HEADER, Route
from exam_rooms.standby_messages import EpochReply, ResumeReply, ResumeRequest, ServerState
from server.errors import Refused
from server.services import resuming
from server.services.peers import peers_of
from server.web.agent import agents_only, bearer, delivery, me, message, reply
from server.web.agent_message import epoch_seen
from server.web.errors import answer
from server.web.guard import current_host

bp = Blueprint("agent_standby", __name__)
_AGENTS = "/agent/"
_OPEN = (Route.EPOCH, Route.PRIMARY_GONE)
"""Routes that a server that was replaced answers, too: it says so."""


def init_epoch(app: Flask) -> None:
    """Once replaced, this server serves no agent; every reply names its epoch.

    Who may tell of a higher one is an agent that was let in (`agent.authenticate`, `fast_lane`), with the
    proof of the server it met.
    """
    app.before_request(_check)
    app.after_request(_tell)


def _check() -> None:
    if request.path.startswith(_AGENTS) and request.path not in _OPEN:
        current_host().epoch.check()


def _tell(response: Response) -> Response:
    """Nothing is acknowledged that was done while the server was being replaced."""
    if not request.path.startswith(_AGENTS):
        return response
    reign = current_host().epoch
    if reign.fenced and response.status_code < 400 and request.path not in _OPEN:
        response = answer(Refused("server_fenced", 503))
    response.headers[EPOCH_HEADER] = reign.word
    return response


@bp.get(Route.EPOCH)
def epoch() -> Response:
    """Who answers here. Anybody may ask; what epoch was met is believed from an agent with its token."""
    return _who()


@bp.post(Route.PRIMARY_GONE)
def primary_gone() -> Response:
    """A seat does not reach its server and asks here: this one serves, so there is nothing to vote on."""
    return _who()


def _who() -> Response:
    host = current_host()
    with contextlib.suppress(Refused):  # a stranger is answered, and not believed
        delivery().door.admit(bearer(), host.now())
        host.epoch.meet(epoch_seen(request.environ))
    state = ServerState.FENCED if host.epoch.fenced else ServerState.ACTIVE
    reign = host.epoch.reign
    return reply(EpochReply(reign.number, state, peers_of(host).addresses(), reign.since, reign.proof))


@bp.post(Route.RESUME)
@agents_only
def resume() -> Response:
    """What lies at a seat against what this server holds; journals it never heard of are granted again."""
    host, asked = current_host(), message(ResumeRequest)
    return reply(ResumeReply(resuming.resume(host, me(), asked.journals, now=host.now())))
