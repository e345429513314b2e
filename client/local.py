"""The page's server: this machine only, one page at a time, no cookies (design D21).

Every request must carry exactly our own Host, and our own Origin if any: a foreign page whose name was
made to point at 127.0.0.1 gets nothing. Everything under /api/ needs the token that the launch file's
nonce bought, in a header that no other page may send.
"""

import json
import logging
import socket
import sys
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import cast
from urllib.parse import parse_qs, urlsplit

from client.page import Answer, Launch, Page
from client.page_signs import Viewers
from client.pulse import Pulse
from client.seat import PageRefused
from client.seb import proof_of_request

LOG = logging.getLogger("examhall.kiosk")
ADDRESS = "127.0.0.1"
BODY_LIMIT = 64 * 1024
IDLE_SECONDS = 60
TOKEN_HEADER = "X-Kiosk-Token"  # noqa: S105 - the header's name
UI = Path(__file__).parent / "ui"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
}
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src blob:; "
        "font-src 'self'; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}


class LocalServer(ThreadingHTTPServer):
    """Serves one page on 127.0.0.1. `port` 0 takes a free one."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 32

    def __init__(self, page: Page, launch_file: Path, port: int, ui: Path = UI) -> None:
        super().__init__((ADDRESS, port), _Handler)
        self.host = f"{ADDRESS}:{self.server_port}"
        self.origin = f"http://{self.host}"
        self.page = page
        self.launch = Launch(launch_file, self.origin)
        self.ui = ui.resolve()
        self._viewers = Viewers()
        self.pulse = Pulse(page.board.boot)

    def run(self, poll_seconds: float = 0.5) -> threading.Thread:
        """Serves in a thread of its own; `poll_seconds` is how soon it notices a shutdown."""
        thread = threading.Thread(target=self.serve_forever, args=(poll_seconds,), name="page", daemon=True)
        thread.start()
        return thread

    def redeem(self, nonce: str) -> str:
        """`Launch.redeem` under the lock; wakes the long poll of the page that is out now."""
        with self.page.board.lock:
            another = self._viewers.any()
            token = self.launch.redeem(nonce)
            if another:
                self.page.second_page()
            self.page.board.changed.notify_all()
            return token

    def view(self, token: str, after: int, connection: socket.socket) -> dict[str, object]:
        """`Page.view` for who holds the token; a second page that waits at the same time is told."""
        lock = self.page.board.lock
        with lock:
            if self._viewers.arrived(connection):
                self.page.second_page()
        try:
            with self.pulse.beat():
                return self.page.view(after, lambda: self.launch.holds(token))
        finally:
            with lock:
                self._viewers.left(connection)

    def handle_error(self, request: object, client_address: object) -> None:
        """A page that went away is no news; anything else is a fault of ours, told without the request."""
        fault = sys.exception()
        if not isinstance(fault, ConnectionError | TimeoutError):
            LOG.error("page request failed: %s", type(fault).__name__, exc_info=fault)

    def static(self, path: str) -> tuple[bytes, str] | None:
        """A file of the page's folder with its type; nothing outside of it and nothing hidden."""
        file = (self.ui / (path.lstrip("/") or "index.html")).resolve()
        kind = TYPES.get(file.suffix)
        if kind is None or not file.is_relative_to(self.ui) or not file.is_file():
            return None
        return file.read_bytes(), kind


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "examhall"
    sys_version = ""
    timeout = IDLE_SECONDS
    wbufsize = -1  # head and body leave together,
    disable_nagle_algorithm = True  # or each answer would wait 40 ms for the other side's acknowledgement

    @property
    def kiosk(self) -> LocalServer:
        return cast("LocalServer", self.server)

    def do_GET(self) -> None:
        """Static files, the view, the paper, photo and receipt."""
        self._guarded(self._get)

    def do_POST(self) -> None:
        """Launch and the candidate's acts."""
        self._guarded(self._post)

    def _guarded(self, work: Callable[[str], None]) -> None:
        try:
            self._check_sender()
            work(self._path())
        except PageRefused as refused:
            self._json({"code": refused.code, "params": refused.params}, refused.status)
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            self.close_connection = True  # the page went away

    def _check_sender(self) -> None:
        """Host must be ours to the letter; Origin and the browser's own word on the sender, if given."""
        if self.headers.get_all("Host") != [self.kiosk.host]:
            raise self._closing("wrong_host", HTTPStatus.MISDIRECTED_REQUEST)
        origin = self.headers.get("Origin")
        if origin is not None and origin != self.kiosk.origin:
            raise self._closing("wrong_origin", HTTPStatus.FORBIDDEN)
        if self.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            raise self._closing("wrong_origin", HTTPStatus.FORBIDDEN)

    def _closing(self, code: str, status: int) -> PageRefused:
        """A refusal after which the connection ends: its body was not read."""
        self.close_connection = True
        return PageRefused(code, status)

    def _get(self, path: str) -> None:
        if not path.startswith("/api/"):
            found = self.kiosk.static(path)
            if found is None:
                raise PageRefused("not_found", 404)
            if path == "/":
                self.kiosk.page.opened(proof_of_request(self.kiosk.origin + self.path, self.headers.get))
            self._send(Answer(*found), 200)
            return
        token = self._token()
        if path == "/api/view":
            self._view(token)
            return
        file = self.kiosk.page.file(path)
        if file is None:
            raise PageRefused("not_found", 404)
        self._send(file(), 200)

    def _view(self, token: str) -> None:
        after = parse_qs(urlsplit(self.path).query).get("after", [""])[0]
        known = int(after) if after.isascii() and after.isdigit() and len(after) < 10 else -1
        view = self.kiosk.view(token, known, self.connection)
        self.kiosk.launch.check(token)
        self._json(view, 200)

    def _post(self, path: str) -> None:
        if path != "/api/launch":
            self._token()
            self.kiosk.pulse.heard()
        body = self._body()
        if path == "/api/launch":
            nonce = str(body.get("nonce", ""))
            if not nonce and "Origin" not in self.headers:
                raise PageRefused("launch_refused", 403)  # every page says where its request comes from
            self._json({"token": self.kiosk.redeem(nonce)}, 200)
            return
        act = self.kiosk.page.acts.get(path)
        if act is None:
            raise PageRefused("not_found", 404)
        act(body)
        self._json({}, 200)

    def _token(self) -> str:
        token = self.headers.get(TOKEN_HEADER, "")
        try:
            self.kiosk.launch.check(token)
        except PageRefused:
            self.close_connection = self.command == "POST"
            raise
        return token

    def _body(self) -> dict[str, object]:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or "Transfer-Encoding" in self.headers:
            raise self._closing("length_required", 411)
        if len(length) > 9 or int(length) > BODY_LIMIT:
            raise self._closing("too_large", 413)
        if self.headers.get_content_type() != "application/json":
            raise self._closing("not_json", 415)
        try:
            body = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError) as fault:
            raise PageRefused("bad_request", 400) from fault
        if not isinstance(body, dict):
            raise PageRefused("bad_request", 400)
        return body

    def _path(self) -> str:
        return urlsplit(self.path).path

    def _json(self, value: object, status: int) -> None:
        self._send(Answer(json.dumps(value, ensure_ascii=False).encode(), "application/json"), status)

    def _send(self, answer: Answer, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.data)))
        for name, value in HEADERS.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer.data)

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing: requests hold what a candidate types."""
