"""The link's way in: challenge, proof by the seat's key, bearer token (sans-io; moments in boot seconds)."""

import base64

from client.exchange import FOREVER, Ask, Credentials
from exam_rooms import protocol as p
from exam_rooms.protocol import Route
from exam_rooms.wire import encode

RENEW_EARLY = 60.0
"""Seconds before its end at which a token is replaced."""


class Door:
    """The token in force, or what to ask for to get one."""

    def __init__(self, credentials: Credentials) -> None:
        self.token: str | None = None
        self._credentials = credentials
        self._until = FOREVER
        self._nonce: str | None = None

    def is_closed(self, now: float) -> bool:
        """Whether a token has to be fetched first."""
        return self.token is None or now >= self._until

    def request(self) -> tuple[Ask, str, object]:
        """The next step towards a token: what it is for, its path and its body."""
        self.token = None
        if self._nonce is None:
            return Ask.CHALLENGE, Route.CHALLENGE, {}
        me = self._credentials
        signed = base64.b64encode(me.sign(p.session_message(me.workstation, self._nonce))).decode()
        message = p.SessionRequest(me.workstation, self._nonce, signed, me.software)
        self._nonce = None
        return Ask.SESSION, Route.SESSION, encode(message)

    def challenged(self, challenge: p.Challenge) -> None:
        """A nonce to sign."""
        self._nonce = challenge.nonce

    def opened(self, session: p.SessionReply, now: float) -> None:
        """A token, and how long it holds by the server's clock."""
        self.token = session.token
        lifetime = (session.expires_at - session.server_time).total_seconds()
        self._until = now + max(lifetime - RENEW_EARLY, lifetime / 2)
