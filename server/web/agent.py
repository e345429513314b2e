"""The agents' HTTP interface (docs/protocol.md): pairing, session, rescued journals.

What is asked all the time stands in `agent_lane`, a candidate's acts and what they fetch in `agent_entry`.
"""

import base64
import time
from collections.abc import Callable
from typing import TypeVar

from flask import Blueprint, g, request
from werkzeug.wrappers import Response

from exam_rooms import protocol as p
from exam_rooms.pairing import SECRET_BYTES, unspell
from exam_rooms.protocol import Route
from exam_rooms.rescue import RescuedJournal, RescueReply
from server.access import SYSTEM
from server.db.answers import StoreUnavailable
from server.errors import Refused
from server.services import pairing, rescue
from server.services.agents import Agent
from server.services.delivery import Delivery, delivery_of
from server.web.agent_message import (
    DOOR_MOST,
    MESSAGE_MOST,
    Knock,
    epoch_seen,
    need_version,
    read_message,
    token_of,
    written,
)
from server.web.fast_lane import door_route
from server.web.guard import agent_authenticated, current_host

bp = Blueprint("agent", __name__)
M = TypeVar("M")
T = TypeVar("T")
RESCUE_MOST = 16 << 20
"""Bytes of a rescue file."""
_KEY_BYTES = 32


def delivery() -> Delivery:
    """The live process's memory of its agents."""
    return delivery_of(current_host())


def authenticate() -> None:
    """Puts the agent of the bearer token into `g`. Raises `StrangeAgent`."""
    token, now = bearer(), current_host().now()
    g.agent = delivery().door.admit(token, now)
    current_host().epoch.meet(epoch_seen(request.environ))
    delivery().links.heard(g.agent, now)


def bearer() -> str:
    """The token that a request of this protocol's version brings. Raises `StrangeAgent`, `Refused`."""
    return token_of(request.environ)


def check_version() -> None:
    """An agent of another protocol version is told so before anything else."""
    need_version(request.environ)


def message(kind: type[M], most: int = MESSAGE_MOST) -> M:
    """The request's body as a message; anything else is refused by the field's name. `most`: bytes."""
    return read_message(request.environ, kind, most)


def reply(body: object) -> Response:
    """A message as JSON."""
    return Response(written(body), mimetype="application/json")


def me() -> Agent:
    """The authenticated agent of this request."""
    agent = g.agent
    assert isinstance(agent, Agent)
    return agent


agents_only = agent_authenticated(authenticate)


# --- identity ----------------------------------------------------------------------------------------


@bp.post(Route.PAIR)
def pair() -> Response:
    """A new workstation proves its one-time code and leaves its key (design D20)."""
    paired, site = paired_by(pairing.pair), current_host().site
    keys = [base64.b64encode(key).decode() for key in (site.public_key, site.rescue_public)]
    return reply(p.PairReply(paired.workstation, paired.room, paired.seat, *keys))


def paired_by(pair: Callable[..., T]) -> T:
    """What a service makes of the code and key that a stranger brings; failed tries of an address count."""
    check_version()
    host, moment = current_host(), time.monotonic()
    key = f"pair|{request.remote_addr}"
    if delivery().tries.wait_seconds(key, moment) > 0:
        raise Refused("too_many_tries", 429, minutes=5)
    try:
        secret, agent_key = _pairing_of(message(p.PairRequest, DOOR_MOST))
        return host.db.write(pair, secret, agent_key, now=host.now())
    except Refused:
        delivery().tries.failed(key, moment)
        raise


def _pairing_of(asked: p.PairRequest) -> tuple[bytes, pairing.AgentKey]:
    """The one-time secret and the agent's key out of the request's texts."""
    secret, public_key = _secret(asked.secret), _b64(asked.public_key)
    if len(secret) != SECRET_BYTES or len(public_key) != _KEY_BYTES:
        raise Refused("message_malformed", 400, message="PairRequest", fault="key")
    return secret, pairing.AgentKey(public_key, asked.hostname, asked.software)


@door_route(bp, "POST", Route.CHALLENGE)
def challenge(knock: Knock) -> p.Challenge:
    """A nonce to sign."""
    return p.Challenge(knock.delivery.door.challenge(knock.now))


@door_route(bp, "POST", Route.SESSION)
def session(knock: Knock) -> p.SessionReply:
    """A bearer token for who signs the nonce with a paired seat's key."""
    need_version(knock.environ)
    asked = knock.message(p.SessionRequest, DOOR_MOST)
    token, expires = knock.delivery.door.open_session(asked, knock.now)
    knock.delivery.seb.forget(asked.workstation)
    return p.SessionReply(token, expires, knock.now)


# --- journals ----------------------------------------------------------------------------------------


@bp.post(Route.RESCUE)
@agents_only
def rescued() -> Response:
    """Journals of an earlier pairing of this machine, as a rescue file; the reply names what is durable."""
    host = current_host()
    if (request.content_length or 0) > RESCUE_MOST:
        raise Refused("message_too_large", 413, limit_kb=RESCUE_MOST >> 10)
    request.max_content_length = RESCUE_MOST
    file = rescue.opened(host, request.get_data())
    if me().workstation not in file.signers:
        raise Refused("rescue_not_signed", 403)
    errand = rescue.Errand(SYSTEM)
    boot_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    try:
        made = rescue.take_in(host, file, errand, now=host.now(), boot_ns=boot_ns)
    except StoreUnavailable as fault:
        raise Refused("store_unavailable", 503) from fault
    known = sum(line.known for line in made.journals)
    return reply(RescueReply(made.taken, known, tuple(map(_rescued_journal, made.journals_taken))))


def _rescued_journal(line: rescue.JournalReport) -> RescuedJournal:
    refused = tuple(p.RefusedRecord(line.journal, seq, code) for seq, code in line.refused)
    return RescuedJournal(line.attempt, line.journal, line.upto, refused)


# --- small parts -------------------------------------------------------------------------------------


def _b64(text: str) -> bytes:
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except ValueError:
        return b""


def _secret(text: str) -> bytes:
    try:
        return unspell(text)
    except ValueError:
        return b""
