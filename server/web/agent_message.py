"""How an agent's request is read and answered, from its WSGI environment: in Flask and on the fast lane."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from werkzeug.wsgi import get_content_length, get_input_stream

from exam_rooms import protocol as p
from exam_rooms.standby_messages import Reign, reign_of
from exam_rooms.wire import WireError, decode, encode
from server.errors import Refused
from server.host import Host
from server.services.agents import Agent, StrangeAgent
from server.services.delivery import Delivery

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

M = TypeVar("M")
DOOR_MOST = 4 << 10
"""Bytes of a message from a stranger: nobody has proved anything yet."""
MESSAGE_MOST = 64 << 10
"""Bytes of any other message but answers."""
ANSWERS_MOST = 1 << 20
"""Bytes of a batch of records: the most that docs/protocol.md allows, each as long as it may be."""
_VERSION = str(p.VERSION)
_VERSION_KEY = "HTTP_" + p.VERSION_HEADER.upper().replace("-", "_")
_EPOCH_KEY = "HTTP_" + p.EPOCH_HEADER.upper().replace("-", "_")
_COMPACT = json.JSONEncoder(separators=(",", ":"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Knock:
    """One request of somebody who has proved nothing yet; `now`: when it came."""

    environ: "WSGIEnvironment"
    host: Host
    delivery: Delivery
    now: datetime

    def message(self, kind: type[M], most: int = MESSAGE_MOST) -> M:
        """The body as a message of at most so many bytes. Raises `Refused`."""
        return read_message(self.environ, kind, most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Knock):
    """One request of an agent that has proved who it is."""

    agent: Agent


def token_of(environ: "WSGIEnvironment") -> str:
    """The token that a request of this protocol's version brings. Raises `StrangeAgent`, `Refused`."""
    scheme, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme != "Bearer":
        raise StrangeAgent("token_missing")
    need_version(environ)
    return str(token)


def need_version(environ: "WSGIEnvironment") -> None:
    """An agent of another protocol version is told so before anything else."""
    spoken = environ.get(_VERSION_KEY, _VERSION)
    if spoken != _VERSION:
        raise Refused("protocol_version", 426, spoken=spoken, needed=p.VERSION)


def epoch_seen(environ: "WSGIEnvironment") -> Reign:
    """The highest epoch that the agent has met; number 0 of one that says none, or no number."""
    return reign_of(str(environ.get(_EPOCH_KEY, "")))


def read_message(environ: "WSGIEnvironment", kind: type[M], most: int) -> M:
    """The request's body as a message; anything else is refused by the field's name. `most`: bytes."""
    try:
        return decode(kind, _json(environ, most))
    except WireError as fault:
        raise Refused("message_malformed", 400, message=fault.message, fault=fault.fault) from fault


def _json(environ: "WSGIEnvironment", most: int) -> object:
    """The body's JSON, None for what is none.

    Refused by its announced length before a byte of it is read; without one it is cut off beyond the limit.
    """
    announced = get_content_length(environ)
    if announced is None:
        body = get_input_stream(environ, max_content_length=most).read()
    elif announced > most:
        raise Refused("message_too_large", 413, limit_kb=most >> 10)
    else:
        body = environ["wsgi.input"].read(announced)
    try:
        return json.loads(body)
    except (ValueError, RecursionError):  # RecursionError: brackets without end
        return None


def written(message: object) -> bytes:
    """A message as JSON."""
    return _COMPACT.encode(encode(message)).encode()
