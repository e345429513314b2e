"""Who an agent is: challenge, proof by the seat's key, bearer token; all stateless HMAC (design D20).

A token names the workstation and its key. It holds for twelve hours, but only while that workstation is
the paired one of its seat: a new pairing or a release ends it at once.
"""

import base64
import hashlib
import hmac
import secrets
import struct
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from exam_rooms.protocol import SessionRequest, session_message
from server.db.rooms import Seat, Workstation
from server.errors import Refused
from server.services.shared_look import SharedLook

TOKEN_LIFE = timedelta(hours=12)
NONCE_LIFE = timedelta(seconds=60)
_MAC_BYTES = 16
_KEPT_TOKENS = 20_000
_NONCE = struct.Struct(">q8s")
_TOKEN = struct.Struct(">qq8s")


class StrangeAgent(Refused):
    """Not the agent of a paired workstation, or no longer."""

    def __init__(self, code: str, status: int = 401) -> None:
        super().__init__(code, status)


@dataclass(frozen=True, slots=True)
class Agent:
    """A paired workstation as the routes see it. `key_id` is a fingerprint of its public key."""

    workstation: int
    seat: int
    room: int
    key_id: bytes


class Reads(Protocol):
    """Whatever gives sessions for looking."""

    def read(self) -> AbstractContextManager[Session]:
        """A session."""
        ...


class AgentDoor:
    """Proves agents. Paired workstations are kept in memory until `forget` (a pairing changed).

    What was looked up before a change and comes after it is not kept: `_changes` tells.
    """

    def __init__(self, db: Reads, token_key: bytes) -> None:
        self._db = db
        self._key = token_key
        self._paired: dict[int, Agent] = {}
        self._keys: dict[int, bytes] = {}
        """Their public keys: a room that is switched on asks for all of them within a minute."""
        self._admitted: dict[str, tuple[Agent, int]] = {}
        """Tokens that were right, whose they are, and when they end: seats come often with the same one."""
        self._changes = 0
        self._look = SharedLook[int, tuple[Agent, bytes]]()

    def forget(self) -> None:
        """Some pairing has changed: look again."""
        self._changes += 1
        self._paired.clear()
        self._keys.clear()
        self._admitted.clear()

    def challenge(self, now: datetime) -> str:
        """A fresh nonce; nothing is kept."""
        return self._sign(b"challenge", _NONCE.pack(_seconds(now), secrets.token_bytes(8)))

    def open_session(self, request: SessionRequest, now: datetime) -> tuple[str, datetime]:
        """A token and its end for an agent that signs our nonce with its seat's key."""
        made, _ = _NONCE.unpack(self._checked(b"challenge", request.nonce, _NONCE.size))
        if not 0 <= _seconds(now) - made <= NONCE_LIFE.total_seconds():
            raise StrangeAgent("challenge_expired")
        agent, public_key = self._known(request.workstation)
        message = session_message(request.workstation, request.nonce)
        try:
            Ed25519PublicKey.from_public_bytes(public_key).verify(_decode(request.signature), message)
        except (InvalidSignature, ValueError) as fault:
            raise StrangeAgent("signature_wrong", 403) from fault
        expires = now + TOKEN_LIFE
        text = _TOKEN.pack(agent.workstation, _seconds(expires), agent.key_id)
        return self._sign(b"token", text), expires

    def admit(self, token: str, now: datetime) -> Agent:
        """The agent behind a bearer token. Raises `StrangeAgent`."""
        known = self._admitted.get(token)
        if known is not None and now.timestamp() < known[1]:
            return known[0]
        changes = self._changes
        agent, expires = self._proved(token, now)
        if changes == self._changes:
            if len(self._admitted) >= _KEPT_TOKENS:
                self._admitted.clear()
            self._admitted[token] = agent, expires
        return agent

    def _proved(self, token: str, now: datetime) -> tuple[Agent, int]:
        """The same by looking at every part of the token; and when it ends, in seconds since 1970."""
        workstation, expires, key_id = _TOKEN.unpack(self._checked(b"token", token, _TOKEN.size))
        if _seconds(now) >= expires:
            raise StrangeAgent("token_expired")
        agent = self._paired.get(workstation) or self._met(workstation)
        if agent.key_id != key_id:
            raise StrangeAgent("workstation_not_paired", 403)
        return agent, expires

    def _met(self, workstation: int) -> Agent:
        """One look serves the whole room, and whoever waited: all may have been forgotten at once."""
        return self._known(workstation)[0]

    def _known(self, workstation: int) -> tuple[Agent, bytes]:
        """A paired workstation and its public key."""
        return self._look.find(
            workstation, lambda: self._kept(workstation), lambda: self._looked_up(workstation)
        )

    def _kept(self, workstation: int) -> tuple[Agent, bytes] | None:
        agent, key = self._paired.get(workstation), self._keys.get(workstation)
        return None if agent is None or key is None else (agent, key)

    def _looked_up(self, workstation: int) -> dict[int, tuple[Agent, bytes]]:
        changes = self._changes
        with self._db.read() as session:
            found = self._find(session, workstation)
            company = self._company(session, found[0])
        both = {each.workstation: (each, key) for each, key in [*company, found]}
        if changes == self._changes:
            for each, key in both.values():
                self._paired[each.workstation] = each
                self._keys[each.workstation] = key
        return both

    def _find(self, session: Session, number: int) -> tuple[Agent, bytes]:
        return find_agent(session, number)

    def _company(self, session: Session, agent: Agent) -> list[tuple[Agent, bytes]]:
        """Who else will come, with their public keys."""
        return _found(session, Seat.room_id == agent.room)

    def _sign(self, purpose: bytes, body: bytes) -> str:
        return base64.urlsafe_b64encode(body + self._mac(purpose, body)).decode()

    def _checked(self, purpose: bytes, text: str, size: int) -> bytes:
        raw = _decode(text, altchars=b"-_")
        body, mac = raw[:size], raw[size:]
        if len(raw) != size + _MAC_BYTES or not hmac.compare_digest(mac, self._mac(purpose, body)):
            raise StrangeAgent("token_wrong")
        return body

    def _mac(self, purpose: bytes, body: bytes) -> bytes:
        return hmac.digest(self._key, purpose + b"|" + body, "sha256")[:_MAC_BYTES]


def find_agent(session: Session, workstation: int) -> tuple[Agent, bytes]:
    """The active workstation and its public key. Raises `StrangeAgent` for a retired or unknown one."""
    row = session.get(Workstation, workstation)
    if row is None or not row.active:
        raise StrangeAgent("workstation_not_paired", 403)
    seat = session.get_one(Seat, row.seat_id)
    return Agent(row.id, seat.id, seat.room_id, fingerprint_of(row.public_key)), row.public_key


def find_room(session: Session, room: int) -> list[Agent]:
    """The active workstations of a room."""
    return [agent for agent, _ in _found(session, Seat.room_id == room)]


def find_all(session: Session) -> list[Agent]:
    """All active workstations."""
    return [agent for agent, _ in _found(session)]


def _found(session: Session, *where: ColumnElement[bool]) -> list[tuple[Agent, bytes]]:
    query = (
        select(Workstation.id, Workstation.seat_id, Seat.room_id, Workstation.public_key)
        .join(Seat, Seat.id == Workstation.seat_id)
        .where(Workstation.active.is_(True), *where)
    )
    return [
        (Agent(row, seat, room, fingerprint_of(key)), key) for row, seat, room, key in session.execute(query)
    ]


def fingerprint_of(public_key: bytes) -> bytes:
    """Eight bytes that name a public key."""
    return hashlib.sha256(public_key).digest()[:8]


def _decode(text: str, altchars: bytes | None = None) -> bytes:
    try:
        return base64.b64decode(text.encode("ascii"), altchars, validate=True)
    except ValueError:
        return b""


def _seconds(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp())
