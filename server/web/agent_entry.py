"""A candidate's way to the paper and, in the end, to the receipt (docs/protocol.md); on the fast lane.

A whole room signs in within minutes and hands in within minutes, so these routes do without Flask as well.
"""

import base64
import time

from flask import Blueprint
from werkzeug.wrappers import Response

from exam_rooms import protocol as p
from exam_rooms.protocol import Route
from server.db.sittings import Attempt, Registration
from server.errors import NotFound, Refused
from server.services import attempts, handing_in, packages, resuming, rosters, stream
from server.services.attempts import JournalWanted
from server.services.seb import need_proof
from server.services.signin import sign_in as sign_in_service
from server.web.agent_message import Call
from server.web.fast_lane import lane_route

bp = Blueprint("agent_entry", __name__)


@lane_route(bp, "POST", Route.SIGN_IN)
def sign_in(call: Call) -> p.SeatState:
    """Ticket and ID number."""
    agent, asked = call.agent, call.message(p.SignInRequest)
    view = call.delivery.view(agent, call.now)
    need_proof(view.state.seb)
    tries, key, moment = call.delivery.tries, f"seat|{agent.workstation}", time.monotonic()
    wait = tries.begin(key, moment)
    if wait > 0:
        raise Refused("too_many_tries", 429, minutes=int(wait // 60) + 1)
    try:
        outcome = call.host.db.write(sign_in_service, agent, view.room_sitting, asked, now=call.now)
    except Refused:  # a fault of the moment, no guess
        tries.take_back(key, moment)
        raise
    if outcome.code:
        raise Refused(outcome.code, 409, **outcome.params)
    tries.succeeded(key)
    return _state(call)


@lane_route(bp, "POST", Route.CONFIRM)
def confirm(call: Call) -> p.SeatState:
    """This is me, or not."""
    asked = call.message(p.ConfirmRequest)
    call.host.db.write(attempts.confirm, call.agent, _room_sitting(call), asked.is_me, now=call.now)
    return _state(call)


@lane_route(bp, "POST", Route.ACCEPT)
def accept(call: Call) -> p.SeatState:
    """Rules, pledge, and the free choice about face comparison."""
    asked = call.message(p.AcceptRequest)
    call.host.db.write(attempts.accept, call.agent, _room_sitting(call), asked, now=call.now)
    return _state(call)


@lane_route(bp, "GET", Route.PHOTO)
def photo(call: Call) -> Response:
    """The registered photo of the candidate who signed in here."""
    shown = call.delivery.kept(call.agent, call.now).state
    if shown.candidate is None or shown.attempt is None:
        raise NotFound("photo")
    with call.host.db.read() as found:
        attempt = found.get_one(Attempt, shown.attempt)
        data = rosters.photo_of(found, found.get_one(Registration, attempt.registration_id))
    if data is None:
        raise NotFound("photo")
    return Response(data, mimetype="image/jpeg")


@lane_route(bp, "GET", Route.PACKAGE)
def package(call: Call) -> Response:
    """The sealed package of this seat's sitting."""
    room_sitting = _room_sitting(call)
    with call.host.db.read() as found:
        sealed = packages.sealed_bytes(found, room_sitting)
    if sealed is None:
        raise NotFound("package")
    data, sha256 = sealed
    response = Response(data, mimetype="application/octet-stream")
    response.set_etag(sha256)
    return response.make_conditional(call.environ)


@lane_route(bp, "POST", Route.JOURNALS)
def journals(call: Call) -> p.JournalReply:
    """A journal number, the attempt's key and what was answered before."""
    host, asked = call.host, call.message(p.JournalRequest)
    need_proof(call.delivery.view(call.agent, call.now).state.seb)
    events = host.answers.events(asked.attempt)
    end = stream.tail(events)
    opened = call.delivery.journals.put(JournalWanted(call.agent, asked.attempt, end))
    if isinstance(opened, Refused):
        raise opened
    grant = opened.grant
    call.delivery.granted(asked.attempt)
    key = base64.b64encode(host.vault.attempt_key(asked.attempt)).decode()
    earlier = tuple(stored.record for stored in events)
    proof = resuming.proof_of(host.site.token_key, grant, opened.ticket)
    return p.JournalReply(asked.attempt, grant.journal, grant.parent, key, earlier, proof)


@lane_route(bp, "GET", Route.RECEIPT)
def receipt(call: Call) -> p.Receipt:
    """The signed head of the candidate's stream."""
    host, attempt = call.host, call.delivery.kept(call.agent, call.now).state.attempt
    if attempt is None:
        raise NotFound("attempt")
    with host.db.read() as session:
        made = handing_in.receipt_of(session, attempt)
    if made is not None:
        return made
    events = host.answers.events(attempt)
    end, answered = stream.tail(events), len(stream.last_answers(events))
    return host.db.write(handing_in.receipt, attempt, end, answered, host.site.signing_key)


def _state(call: Call) -> p.SeatState:
    return call.delivery.state(call.agent, call.host.now())


def _room_sitting(call: Call) -> int:
    room_sitting = call.delivery.kept(call.agent, call.now).room_sitting
    if room_sitting is None:
        raise NotFound("sitting")
    return room_sitting
