"""How a standby speaks to its primary: one kept HTTPS connection that trusts the site's CA alone."""

import http.client
import json
import os
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from exam_rooms.pairing import decode_code, matches, spell
from server.errors import Refused
from server.rules.shipping import Shipment
from server.settings import Settings

CONNECTING = 2.0
"""Seconds until a primary that takes no connection counts as away: a takeover waits for no longer."""
PATIENCE = 5.0
"""Seconds without a byte."""
WHOLE = 15.0
"""Seconds that an answer may take, however steadily it drips; one with files longer by their size."""
SLOWEST = 32 << 10
"""Bytes of files in a second, at least."""
CHUNK = 1 << 18
HEADER_MOST = 1 << 20
ANSWER_MOST = 16 << 20
"""Bytes of a list of pictures, or of one of them."""
PAIRING = "standby.json"


@dataclass(frozen=True, slots=True)
class Pairing:
    """What a standby keeps of its primary."""

    url: str
    standby: int
    token: str
    ca_pem: str


def load_pairing(settings: Settings) -> Pairing:
    """The pairing in the data folder. Raises `Refused` (standby_not_paired)."""
    path = settings.data / "standby" / PAIRING
    try:
        return Pairing(**json.loads(path.read_text()))
    except (FileNotFoundError, ValueError, TypeError) as fault:
        raise Refused("standby_not_paired", path=path) from fault


def save_pairing(settings: Settings, pairing: Pairing) -> Path:
    """Keeps it, readable by its owner only."""
    folder = settings.data / "standby"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / PAIRING
    part = path.with_suffix(".part")  # a disk that is full must not cost the pairing before
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(asdict(pairing), file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    return path


def pair(url: str, code: str, address: str) -> Pairing:
    """Pairs with the server at `url`; `address`: where this standby will serve.

    The CA is checked against the code before the secret is told to anybody. Raises `Refused`.
    """
    try:
        secret, fingerprint = decode_code(code)
    except ValueError as fault:
        raise Refused("pairing_code_invalid", 422) from fault
    ca_pem = ""
    if urlsplit(url).scheme == "https":
        ca_pem = _authority(url, fingerprint)
    primary = Primary(Pairing(url, 0, "", ca_pem))
    try:
        asked = {"secret": spell(secret), "name": socket.gethostname(), "address": address}
        answer = primary.ask("POST", "/agent/standby/pair", asked)
    except (OSError, ValueError) as fault:
        raise Refused("server_not_reached", url=url) from fault
    finally:
        primary.close()
    try:
        return Pairing(url, int(answer["standby"]), str(answer["token"]), ca_pem)
    except (KeyError, TypeError, ValueError) as fault:
        raise Refused("server_not_reached", url=url) from fault


def _authority(url: str, fingerprint: bytes) -> str:
    unsure = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unsure.check_hostname, unsure.verify_mode = False, ssl.CERT_NONE  # the code's fingerprint decides
    connection = _connection(url, unsure)
    try:
        connection.request("GET", "/site-ca")
        pem = connection.getresponse().read(HEADER_MOST)
        certificate = x509.load_pem_x509_certificate(pem)
    except (OSError, http.client.HTTPException, ValueError) as fault:
        raise Refused("server_not_reached", url=url) from fault
    finally:
        connection.close()
    if not matches(certificate.public_bytes(Encoding.DER), fingerprint):
        raise Refused("standby_other_site", url=url)
    return pem.decode("ascii")


def _connection(url: str, context: ssl.SSLContext) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=CONNECTING)
    return http.client.HTTPSConnection(host, port, timeout=CONNECTING, context=context)


@dataclass(frozen=True, slots=True)
class Pulled:
    """An answer to a pull: whose outbox, how many seconds behind the asker was (None: nobody knows), and the
    files one by one.
    """

    lineage: str
    behind: float | None
    _listed: tuple[tuple[str, Shipment, int], ...]
    _body: http.client.HTTPResponse

    @classmethod
    def of(cls, header: object, body: http.client.HTTPResponse) -> "Pulled":
        """What the first line of an answer announces. Raises ValueError."""
        try:
            told = dict(cast("Mapping[str, Any]", header))
            behind = None if told["behind"] is None else float(told["behind"])
            return cls(str(told["lineage"]), behind, tuple(map(_announced, told["files"])), body)
        except (KeyError, TypeError, AttributeError) as fault:
            raise ValueError("not an answer to a pull") from fault

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(size for _store, _shipment, size in self._listed)

    def files(self) -> Iterator[tuple[str, Shipment, Iterator[bytes]]]:
        """(store, file, its bytes) in order; each must be read before the next. ValueError when cut off."""
        for store, shipment, size in self._listed:
            yield store, shipment, self._bytes(size)

    def _bytes(self, size: int) -> Iterator[bytes]:
        while size:
            chunk = self._body.read(min(size, CHUNK))
            if not chunk:
                raise ValueError("cut off")
            size -= len(chunk)
            yield chunk


def _announced(one: Mapping[str, Any]) -> tuple[str, Shipment, int]:
    shipment, size = Shipment.of(int(one["level"]), str(one["name"])), int(one["size"])
    if shipment is None or size < 0 or one["store"] not in ("main", "answers"):
        raise ValueError("not a shipment")
    return str(one["store"]), shipment, size


class Primary:
    """Questions to the primary. OSError, ValueError: no good answer; `Refused`: the primary refuses.

    No answer takes longer than `WHOLE` seconds or fills the memory, whatever the line or the primary does.
    """

    def __init__(self, pairing: Pairing) -> None:
        self._pairing = pairing
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        if pairing.ca_pem:
            self._context.load_verify_locations(cadata=pairing.ca_pem)
        self._kept: http.client.HTTPConnection | None = None
        self._over = False

    def end(self) -> None:
        """Nothing is asked any more, and nobody waits for an answer. From any thread."""
        self._over = True
        self._cut()

    def _cut(self) -> None:
        line = self._kept.sock if self._kept is not None else None
        if line is not None:
            with suppress(OSError):
                socket.socket.shutdown(line, socket.SHUT_RDWR)

    @contextmanager
    def _within(self, seconds: float) -> Iterator[None]:
        """What is read inside is cut off after so long; faults of HTTP are faults of the line."""
        alarm = threading.Timer(seconds, self._cut)
        alarm.daemon = True
        alarm.start()
        try:
            yield
        except http.client.HTTPException as fault:
            self.close()
            raise OSError(type(fault).__name__) from fault
        except BaseException:
            self.close()
            raise
        finally:
            alarm.cancel()

    def close(self) -> None:
        """Ends the connection."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    @contextmanager
    def pull(self, lineage: str, have: Mapping[str, int]) -> Iterator[Pulled]:
        """What lies beyond `have`; waits up to a second for something new."""
        with self._within(WHOLE):
            response = self._send("POST", "/agent/standby/pull", {"lineage": lineage, "have": dict(have)})
            pulled = Pulled.of(_json(response.readline(HEADER_MOST)), response)
        with self._within(WHOLE + pulled.size / SLOWEST):
            yield pulled
            if response.read(1):
                raise ValueError("more than announced")

    def picture_folders(self) -> dict[str, int]:
        """Folder -> a number that is another one after every change."""
        found = self.ask("GET", "/agent/standby/pictures")
        return {folder: changed for folder, changed in found.items() if isinstance(changed, int)}

    def pictures(self, folder: str) -> list[str]:
        """The names in a folder."""
        names = self.ask("GET", f"/agent/standby/pictures/{folder}").get("names")
        if not isinstance(names, list):
            raise ValueError("not a list of pictures")
        return [name for name in names if isinstance(name, str)]

    def picture(self, folder: str, name: str) -> bytes | None:
        """A sealed picture; None when it was purged meanwhile."""
        with self._within(WHOLE):
            response = self._send("GET", f"/agent/standby/pictures/{folder}/{name}", None, missing=True)
            data = _whole(response)
        return None if response.status == 404 else data

    def ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """A question with a JSON object as answer."""
        with self._within(WHOLE):
            answer = _json(_whole(self._send(method, path, body)))
        if not isinstance(answer, dict):
            raise ValueError("not an object")
        return answer

    def _send(
        self, method: str, path: str, body: object, *, missing: bool = False
    ) -> http.client.HTTPResponse:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if data else {}
        if self._pairing.token:
            headers["Authorization"] = f"Bearer {self._pairing.token}"
        try:
            kept = self._connected()
            kept.request(method, path, data, headers)
            response = kept.getresponse()
        except http.client.HTTPException as fault:
            self.close()
            raise OSError(type(fault).__name__) from fault
        except OSError:
            self.close()
            raise
        if response.status >= 400 and not (missing and response.status == 404):
            raise self._refusal(response)
        return response

    def _connected(self) -> http.client.HTTPConnection:
        if self._over:
            raise OSError("nothing is asked any more")
        if self._kept is None:
            self._kept = _connection(self._pairing.url, self._context)
        if self._kept.sock is None:
            self._kept.connect()
            cast("socket.socket", self._kept.sock).settimeout(PATIENCE)
        return self._kept

    def _refusal(self, response: http.client.HTTPResponse) -> Refused:
        try:
            answer = cast("dict[str, Any]", _json(_whole(response, HEADER_MOST)))
            return Refused(str(answer["code"]), response.status, **answer.get("params", {}))
        except (ValueError, KeyError, TypeError, AttributeError):
            self.close()
            return Refused("server_not_reached", url=self._pairing.url)


def _whole(response: http.client.HTTPResponse, most: int = ANSWER_MOST) -> bytes:
    """All of an answer. ValueError for one that is too long or was cut off."""
    data = response.read(most + 1)
    if len(data) > most or response.length:
        raise ValueError("too long" if len(data) > most else "cut off")
    return data


def _json(text: bytes) -> object:
    try:
        return cast("object", json.loads(text))
    except RecursionError as fault:  # brackets without end
        raise ValueError("not JSON") from fault


def pairing_file(settings: Settings) -> Path:
    """Where the pairing lies, whether it is there or not."""
    return settings.data / "standby" / PAIRING
