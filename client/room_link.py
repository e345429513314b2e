"""The line between a room camera's agent and the server: pairing, a token, reports, pictures. One thread.

Nothing waits here for the network to come back: heads of a minute ago tell nothing, so what cannot be sent
is dropped, and the next look is sent instead.
"""

import base64
import http.client
import json
import logging
import ssl
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from client.caller import Caller
from client.clock import boot_seconds
from client.device import sign_with, write_atomically
from client.endpoint import Endpoint, parse_endpoint, trusting
from client.exchange import Ask, Request
from client.pair import Applicant, answered, code_hash
from client.scout import PATIENCE, asked
from client.servers import Question, Servers
from exam_rooms.protocol import (
    EPOCH_HEADER,
    VERSION,
    VERSION_HEADER,
    Challenge,
    ErrorReply,
    SessionReply,
    SessionRequest,
    session_message,
)
from exam_rooms.room_camera_messages import RoomCameraOrders, RoomCameraReport, RoomPairReply
from exam_rooms.routes import Route
from exam_rooms.standby_messages import FIRST, Reign, reign_of
from exam_rooms.wire import WireError, decode, encode

LOG = logging.getLogger("examhall.kiosk")
FILE = "room_camera.json"
TIMEOUT = 8.0
REPLY_LIMIT = 1 << 20
M = TypeVar("M")


class LinkFault(Exception):
    """Nothing came of a request; `code` says why, a network's fault or the server's refusal."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class RoomDevice:
    """The pairing of a room camera, as kept in the data folder."""

    camera: int
    room: str
    server: str
    private_key: str
    ca_pem: str
    code_hash: str


def load_device(folder: Path) -> RoomDevice | None:
    """The pairing of a data folder, None before the first. Raises OSError, ValueError."""
    try:
        return decode(RoomDevice, json.loads((folder / FILE).read_text("utf-8")))
    except FileNotFoundError:
        return None


def pair(endpoint: Endpoint, code: str, me: Applicant, folder: Path) -> RoomDevice:
    """Pairs this machine as the camera of a room and keeps that.

    Raises `client.pair.PairingRefused` as pairing a seat does; OSError or http.client.HTTPException without
    a link.
    """
    reply, ca_pem = answered(endpoint, code, me, (Route.ROOM_PAIR, RoomPairReply))
    device = RoomDevice(reply.camera, reply.room, endpoint.url, _b64(me.private_key), ca_pem, code_hash(code))
    write_atomically(folder / FILE, json.dumps(asdict(device), indent=1).encode())
    return device


class RoomLink:
    """Requests of a paired camera. Every method raises `LinkFault`."""

    def __init__(
        self, device: RoomDevice, endpoint: Endpoint, software: str, servers: Servers | None = None
    ) -> None:
        """`servers`: where to go when the server at `endpoint` was replaced; without it, nowhere."""
        self._servers = servers or Servers()
        self._device = device
        self._endpoint = endpoint
        self._software = software
        self._context = trusting(device.ca_pem) if endpoint.secure else None
        self._token = ""

    def report(self, told: RoomCameraReport) -> RoomCameraOrders:
        """Sends one look; what to do next."""
        body = json.dumps(encode(told)).encode()
        return self._asked(RoomCameraOrders, lambda: self._send(Route.ROOM_REPORT, body, "application/json"))

    def picture(self, ref: str, data: bytes) -> None:
        """Sends a picture that was asked for, b"" when there is none."""
        self._authorised(lambda: self._send(f"{Route.ROOM_PICTURE}?ref={ref}", data, "image/jpeg"))

    def _asked(self, kind: type[M], send: Callable[[], tuple[int, bytes]]) -> M:
        return _decoded(kind, self._authorised(send))

    def _authorised(self, send: Callable[[], tuple[int, bytes]]) -> bytes:
        """Sends with a token; a new one is fetched once when the old one is not taken any more."""
        if not self._token:
            self._open()
        status, data = send()
        if status in (401, 403):
            self._open()
            status, data = send()
        if status != 200:
            raise LinkFault(_refusal(data))
        return data

    def _open(self) -> None:
        self._token = ""
        status, data = self._send(Route.ROOM_CHALLENGE, b"", "application/json")
        if status != 200:
            raise LinkFault(_refusal(data))
        nonce = _decoded(Challenge, data).nonce
        camera = self._device.camera
        signature = _b64(sign_with(self._device.private_key, session_message(camera, nonce)))
        asked = SessionRequest(camera, nonce, signature, self._software)
        status, data = self._send(Route.ROOM_SESSION, json.dumps(encode(asked)).encode(), "application/json")
        if status != 200:
            raise LinkFault(_refusal(data))
        self._token = _decoded(SessionReply, data).token

    def _send(self, path: str, body: bytes, kind: str) -> tuple[int, bytes]:
        """Status and body. A reply of a lower epoch than one that was met is none (docs/standby.md)."""
        self._look_around()
        try:
            status, data, reign = self._exchanged(path, body, kind)
            if reign < max(FIRST, self._servers.reign) and (reign.number or status < 300):
                raise LinkFault("no_link")
        except LinkFault:
            self._servers.failed(boot_seconds())
            raise
        self._servers.raised(reign)
        if status < 500:
            self._servers.answered()
        else:
            self._servers.failed(boot_seconds())
        return status, data

    def _look_around(self) -> None:
        """Asks another server who it is, when one is to be asked."""
        question = self._servers.question(boot_seconds()) if self._servers.addresses else None
        if isinstance(question, Question):
            caller = Caller(parse_endpoint(question.address), self._context, PATIENCE)
            word = asked(
                caller, Request(Ask.EPOCH, "GET", Route.EPOCH, self._headers(), 0.0, timeout=PATIENCE)
            )
            caller.close()
            if word is not None:
                self._servers.told(question.address, word, boot_seconds())

    def _headers(self) -> dict[str, str]:
        return {VERSION_HEADER: str(VERSION), EPOCH_HEADER: str(self._servers.reign)}

    def _exchanged(self, path: str, body: bytes, kind: str) -> tuple[int, bytes, Reign]:
        headers = self._headers() | {"Content-Type": kind}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        address = self._servers.current
        connection = (parse_endpoint(address) if address else self._endpoint).connect(self._context)
        connection.timeout = TIMEOUT
        try:
            connection.request("POST", path, body, headers)
            reply = connection.getresponse()
            return reply.status, reply.read(REPLY_LIMIT), reign_of(reply.headers.get(EPOCH_HEADER, ""))
        except ssl.SSLCertVerificationError as fault:
            raise LinkFault("wrong_certificate") from fault
        except (OSError, http.client.HTTPException) as fault:
            raise LinkFault("no_link") from fault
        finally:
            connection.close()


def _decoded(kind: type[M], data: bytes) -> M:
    try:
        return decode(kind, json.loads(data))
    except (WireError, ValueError) as fault:
        raise LinkFault("unreadable_reply") from fault


def _refusal(data: bytes) -> str:
    try:
        return decode(ErrorReply, json.loads(data)).code
    except (WireError, ValueError):
        return "unreadable_reply"


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
