"""Members of staff at their browsers: sign-in, forms with their tokens, and the acts of a sitting."""

import html
import http.client
import json
import re
import secrets
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode, urlsplit

from server.access import Actor, Role
from server.cli.rehearse.crew import Member
from server.settings import Settings

TIMEOUT_SECONDS = 30.0
_TOKEN = re.compile(r'name="csrf-token" content="([^"]+)"|name="csrf_token"[^>]*value="([^"]+)"')
_ALERT = re.compile(r'<li class="alert act"><div>(.*?)</div>', re.DOTALL)
_REFUSALS = re.compile(r'<p class="field-problem"[^>]*>(.*?)</p>|<h1[^>]*>(.*?)</h1>', re.DOTALL)
_TAG = re.compile(r"<[^>]+>")


class StaffRefused(Exception):
    """The server did not do what a member of staff asked; the text is the page's own."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server is, and the one CA that is trusted there (empty for plain HTTP on loopback)."""

    url: str
    ca_pem: str = ""

    @property
    def parts(self) -> tuple[str, int]:
        """Host and port."""
        split = urlsplit(self.url)
        assert split.hostname and split.port
        return split.hostname, split.port

    def context(self) -> ssl.SSLContext:
        """Trusts the site's CA alone; the name is not checked, as agents do not either (design D20)."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(cadata=self.ca_pem)
        return context

    def connect(self) -> http.client.HTTPConnection:
        """A connection that is not open yet."""
        host, port = self.parts
        if not self.ca_pem:
            return http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
        return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=self.context())

    def alive(self) -> bool:
        """Whether the server answers."""
        connection = self.connect()
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def server_address(settings: Settings, ca_pem: bytes) -> Address:
    """Where the server of this installation listens, seen from its own machine."""
    here = "127.0.0.1" if settings.host in {"0.0.0.0", "::", ""} else settings.host  # noqa: S104 - compared only
    trusted = "" if settings.plain_http else ca_pem.decode()
    return Address(f"{settings.scheme}://{here}:{settings.port}", trusted)


@dataclass(frozen=True, slots=True)
class Page:
    """An answer of the server; `place` is where a redirect led."""

    status: int
    text: str
    place: str = ""

    def json(self) -> Any:  # noqa: ANN401 - plain JSON
        """The body as JSON."""
        return json.loads(self.text)


class Desk:
    """One person at a browser. Not for several threads."""

    def __init__(self, address: Address, member: Member) -> None:
        self.address = address
        self.member = member
        self._cookies: dict[str, str] = {}
        self._token = ""

    @classmethod
    def of(cls, address: Address, username: str, password: str) -> "Desk":
        """Somebody whose roles only the server knows."""
        return cls(address, Member(Actor(None, username), Role.INVIGILATOR, username, password))

    @property
    def cookie(self) -> str:
        """The Cookie header."""
        return "; ".join(f"{name}={value}" for name, value in self._cookies.items())

    def sign_in(self) -> None:
        """Opens the session. Raises `StaffRefused`."""
        self._take_token(self._exchange("GET", "/login").text)
        fields = {"username": self.member.username, "password": self.member.password}
        answer = self._exchange("POST", "/login", fields)
        if answer.status != 302:
            raise StaffRefused(_told(answer))
        self._take_token(self.get("/").text)

    def get(self, path: str, *, accept: str = "text/html") -> Page:
        """A page. Raises `StaffRefused`."""
        answer = self._exchange("GET", path, accept=accept)
        if answer.status >= 400:
            raise StaffRefused(_told(answer))
        return answer

    def post(
        self,
        path: str,
        fields: Sequence[tuple[str, str]] = (),
        *,
        accept: str = "text/html",
        unseen: bool = False,
    ) -> Page:
        """A form. Follows the redirect and raises `StaffRefused` when that page says why it was refused.

        `unseen`: does not follow; what was refused in words of that page stays unknown.
        """
        answer = self._exchange("POST", path, fields, accept=accept)
        if answer.status >= 400:
            raise StaffRefused(_told(answer))
        if answer.place and not unseen:
            answer = self.get(answer.place)
            told = _ALERT.findall(answer.text)
            if told:
                raise StaffRefused(" / ".join(_plain(text) for text in told))
        return answer

    def upload(self, path: str, file: tuple[str, bytes], fields: Sequence[tuple[str, str]] = ()) -> Page:
        """A form with one file (name, content); the answer as it came, refused or not."""
        border = secrets.token_hex(16)
        parts = [
            f'--{border}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in [*fields, ("csrf_token", self._token)]
        ]
        title = f'--{border}\r\nContent-Disposition: form-data; name="file"; filename="{file[0]}"\r\n\r\n'
        body = b"".join([*parts, title.encode(), file[1], f"\r\n--{border}--\r\n".encode()])
        headers = {"Accept": "application/json", "Cookie": self.cookie, "Referer": self.address.url + path}
        headers["Content-Type"] = f"multipart/form-data; boundary={border}"
        connection = self.address.connect()
        try:
            connection.request("POST", path, body, headers)
            reply = connection.getresponse()
            return Page(reply.status, reply.read().decode("utf-8", "replace"))
        finally:
            connection.close()

    def _take_token(self, text: str) -> None:
        found = _TOKEN.search(text)
        if found:
            self._token = html.unescape(found.group(1) or found.group(2))

    def _exchange(
        self,
        method: str,
        path: str,
        fields: Sequence[tuple[str, str]] | dict[str, str] | None = None,
        *,
        accept: str = "text/html",
    ) -> Page:
        headers = {"Accept": accept, "Cookie": self.cookie, "Referer": self.address.url + path}
        body = None
        if method == "POST":
            pairs = list(fields.items()) if isinstance(fields, dict) else list(fields or ())
            body = urlencode([*pairs, ("csrf_token", self._token)])
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection = self.address.connect()
        try:
            connection.request(method, path, body, headers)
            reply = connection.getresponse()
            for value in reply.headers.get_all("Set-Cookie", []):
                self._cookies |= {name: part.value for name, part in SimpleCookie(value).items()}
            place = _path(reply.headers.get("Location", "")) if reply.status in (302, 303) else ""
            return Page(reply.status, reply.read().decode("utf-8", "replace"), place)
        finally:
            connection.close()


def _path(location: str) -> str:
    parts = urlsplit(location)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def _plain(text: str) -> str:
    return html.unescape(_TAG.sub("", text)).strip()


def _told(answer: Page) -> str:
    """What an answer says of its refusal."""
    if answer.text.startswith("{"):
        content = answer.json()
        return f"{content.get('code')}: {content.get('message')}"
    found = [_plain(first or second) for first, second in _REFUSALS.findall(answer.text)]
    return f"{answer.status} " + " / ".join(text for text in found if text)
