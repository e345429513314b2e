"""A site's requests to its authority: signed, over one connection that stays open, trusting one CA alone."""

import http.client
import ssl
from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from server.rules.site_signing import headers

TIMEOUT_SECONDS = 20.0
ANSWER_MOST = 32 << 20
"""Bytes of an answer: the heads of fifty files are the most that an authority says at once."""


class LinkDown(Exception):
    """Nobody answers at the authority's address, or it does not take our word; the text says why."""


class Line:
    """One exchange's way to the authority; `close` it.

    `where`: HTTPS address and the CA's certificate as PEM; `who`: the site's code and signing key.
    """

    def __init__(
        self, where: tuple[str, str], who: tuple[str, Ed25519PrivateKey], now: Callable[[], datetime]
    ) -> None:
        address, ca_pem = where
        self._who, self._now = who, now
        split = urlsplit(address)
        self._place = split.hostname or "", split.port
        self._context: ssl.SSLContext | None = None
        if split.scheme == "https":
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self._context.check_hostname = False  # the authority's CA signs nobody else (design D20)
            self._context.load_verify_locations(cadata=ca_pem)
        self._open: http.client.HTTPConnection | None = None

    def ask(self, method: str, path: str, body: bytes = b"") -> bytes:
        """The body of the answer. Raises `LinkDown`."""
        kept = self._open is not None
        try:
            return self._asked(method, path, body)
        except (OSError, http.client.HTTPException) as fault:
            self.close()
            if not kept:
                raise LinkDown(str(fault) or type(fault).__name__) from fault
        return self.ask(method, path, body)  # the server lets go of a quiet connection; asking twice is safe

    def close(self) -> None:
        """Gives the connection back."""
        if self._open is not None:
            self._open.close()
        self._open = None

    def _asked(self, method: str, path: str, body: bytes) -> bytes:
        code, key = self._who
        told = headers(code, key, (method, path, body), now=self._now())
        if method == "POST":
            kind = "application/json" if path.endswith("exchange") else "application/octet-stream"
            told["Content-Type"] = kind
        self._open = self._open or self._connection()
        self._open.request(method, path, body or None, told)
        answer = self._open.getresponse()
        data = answer.read(ANSWER_MOST + 1)
        if answer.status != 200 or len(data) > ANSWER_MOST:
            self.close()
            raise LinkDown(f"{answer.status} {path}")
        return data

    def _connection(self) -> http.client.HTTPConnection:
        name, port = self._place
        if self._context is None:
            return http.client.HTTPConnection(name, port, timeout=TIMEOUT_SECONDS)
        return http.client.HTTPSConnection(name, port, timeout=TIMEOUT_SECONDS, context=self._context)
