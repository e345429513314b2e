"""What the page's requests mean: JSON checked, then the agent asked. No HTTP here."""

import hmac
import io
import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from client.agent import Agent
from client.board import LONGEST_POLL, Board
from client.device import write_atomically
from client.responses import PARTS_LIMIT
from client.seat import PageRefused, receipt_text
from exam_rooms.kiosk_messages import CallRequest, SebProof
from exam_rooms.protocol import AcceptRequest, ConfirmRequest, Route, SignInRequest
from exam_rooms.watch_messages import WarningReadRequest

LOG = logging.getLogger("examhall.kiosk")
Body = Mapping[str, object]
TEXT_LIMIT = 64
MEDIA = "/api/media/"
MEDIA_TYPES = frozenset({
    *("image/png", "image/jpeg", "image/webp", "image/gif"),
    *("audio/mpeg", "audio/mp4", "audio/ogg", "audio/wav", "video/mp4", "video/webm", "video/ogg"),
})  # fmt: skip
"""Types that nothing in them can run."""
CALL_REASONS = ("", "question", "technical", "unwell")
NUMBER_LIMIT = 2**53
"""Whole numbers that every JSON reader keeps exactly."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply to the page: bytes of a type."""

    data: bytes
    content_type: str


class Launch:
    """The one-time nonce in the launch file, and the token of the one page that may talk to the agent.

    `free`: a page of ours may launch itself without the nonce. Safe Exam Browser opens a fixed address; the
    server lets nobody on who did not come from there.
    """

    def __init__(self, file: Path, origin: str) -> None:
        self._file = file
        self._origin = origin
        self._nonce = ""
        self._token = ""
        self._former: set[str] = set()
        self.free = False
        self.renew()

    @property
    def url(self) -> str:
        """The address that opens the page, good for one use."""
        return f"{self._origin}/#launch={self._nonce}"

    def renew(self) -> None:
        """Writes a new nonce into the file that only this user can read.

        The kiosk's browser and Safe Exam Browser need no file: a disk that takes none closes the page to
        nobody, and there the fault is told.
        """
        self._nonce = secrets.token_urlsafe(24)
        try:
            write_atomically(self._file, f"{self.url}\n".encode())
        except OSError as fault:
            LOG.error("launch file not written: %s", fault.strerror)

    def redeem(self, nonce: str) -> str:
        """A token for a nonce; pages with older tokens are out. Raises `PageRefused`."""
        right = bool(nonce) and hmac.compare_digest(nonce.encode(), self._nonce.encode())
        if not right and (nonce or not self.free):
            raise PageRefused("launch_refused", 403)
        if self._token:
            self._former.add(self._token)
        self._token = secrets.token_urlsafe(32)
        self.renew()
        return self._token

    def holds(self, token: str) -> bool:
        """Whether this is the token of the page in charge."""
        return bool(self._token) and hmac.compare_digest(token.encode(), self._token.encode())

    def check(self, token: str) -> None:
        """Raises `PageRefused` (401) unless the token is the current one."""
        if not self.holds(token):
            raise PageRefused("taken_over" if token in self._former else "no_token", 401)


class Page:
    """The acts of the page. `agent` is empty until the workstation is paired."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.agent: Agent | None = None
        self.second_page: Callable[[], None] = lambda: None
        self.opened: Callable[[SebProof], None] = lambda proof: None
        self.patience = LONGEST_POLL
        self.acts: Mapping[str, Callable[[Body], None]] = {
            "/api/sign-in": self._sign_in,
            "/api/confirm": self._confirm,
            "/api/accept": self._accept,
            "/api/answer": self._answer,
            "/api/mark": self._mark,
            "/api/submit": lambda body: self._paired().submit(),
            "/api/warning": self._warning,
            "/api/call": self._call,
            "/api/challenge": lambda body: self._paired().challenge.press(_text(body, "act")),
        }
        self.files: Mapping[str, Callable[[], Answer]] = {
            "/api/paper": lambda: Answer(self._paired().paper(), "application/json"),
            "/api/photo": self._photo,
            "/api/receipt.svg": self._receipt,
            "/api/kept/zh": lambda: self._kept("zh"),
            "/api/kept/en": lambda: self._kept("en"),
        }

    def file(self, path: str) -> Callable[[], Answer] | None:
        """What a path gives: one of `files`, or a medium of the open paper; None for anything else."""
        if path.startswith(MEDIA):
            return lambda: self._medium(path.removeprefix(MEDIA))
        return self.files.get(path)

    def view(self, after: int, wanted: Callable[[], bool]) -> dict[str, object]:
        """The view, as soon as it differs from version `after`."""
        return self.board.view(after, self.patience, wanted)

    def _paired(self) -> Agent:
        if self.agent is None:
            raise PageRefused("unpaired")
        return self.agent

    def _sign_in(self, body: Body) -> None:
        message = SignInRequest(_text(body, "ticket"), _text(body, "id_number"))
        self._paired().ask_server(Route.SIGN_IN, message)

    def _confirm(self, body: Body) -> None:
        message = ConfirmRequest(_flag(body, "is_me"))
        self._paired().ask_server(Route.CONFIRM, message)

    def _accept(self, body: Body) -> None:
        shown = _text(body, "consent_version") if body.get("consent_version") else ""
        message = AcceptRequest(_text(body, "rules_version"), _flag(body, "face_consent"), shown)
        self._paired().ask_server(Route.ACCEPT, message)

    def _answer(self, body: Body) -> None:
        response = body.get("response")
        if not isinstance(response, list) or len(response) > PARTS_LIMIT:
            raise PageRefused("bad_request", 400, {"field": "response"})
        if not all(isinstance(part, str) for part in response):
            raise PageRefused("bad_request", 400, {"field": "response"})
        item = _text(body, "item")
        self._paired().answer(item, tuple(response))

    def _mark(self, body: Body) -> None:
        item, marked = _text(body, "item"), _flag(body, "marked")
        self._paired().mark(item, marked)

    def _warning(self, body: Body) -> None:
        message = WarningReadRequest(_number(body, "warning"))
        self._paired().ask_server(Route.WARNING_READ, message)

    def _call(self, body: Body) -> None:
        reason = body.get("reason", "")
        if reason not in CALL_REASONS:
            raise PageRefused("bad_request", 400, {"field": "reason"})
        self._paired().ask_server(Route.CALL, CallRequest(_flag(body, "raised"), str(reason)))

    def _medium(self, sha256: str) -> Answer:
        medium = self._paired().medium(sha256)
        if medium.mime not in MEDIA_TYPES:
            raise PageRefused("not_found", 404)
        return Answer(medium.data, medium.mime)

    def _photo(self) -> Answer:
        data = self._paired().photo()
        return Answer(data, "image/png" if data.startswith(b"\x89PNG") else "image/jpeg")

    def _kept(self, language: str) -> Answer:
        return Answer(self._paired().kept(language), "application/json")

    def _receipt(self) -> Answer:
        with self.board.lock:
            receipt = self.board.seat.receipt
        if receipt is None:
            raise PageRefused("no_receipt", 404)
        import segno

        out = io.BytesIO()
        segno.make(receipt_text(receipt), error="m", micro=False).save(out, kind="svg", border=2)
        return Answer(out.getvalue(), "image/svg+xml")


def _text(body: Body, field: str) -> str:
    value = body.get(field)
    if not isinstance(value, str) or not 0 < len(value.strip()) <= TEXT_LIMIT:
        raise PageRefused("bad_request", 400, {"field": field})
    return value.strip()


def _number(body: Body, field: str) -> int:
    value = body.get(field)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < NUMBER_LIMIT:
        raise PageRefused("bad_request", 400, {"field": field})
    return value


def _flag(body: Body, field: str) -> bool:
    value = body.get(field)
    if not isinstance(value, bool):
        raise PageRefused("bad_request", 400, {"field": field})
    return value
