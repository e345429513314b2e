"""How a standby speaks to its primary: one kept HTTPS connection that trusts the site's CA alone."""

import http.client
import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from exam_rooms.pairing import decode_code, matches, spell
from server.errors import Refused
from server.rules.shipping import Shipment
from server.settings import Settings

PATIENCE = 5.0
CHUNK = 1 << 18
HEADER_MOST = 1 << 20
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
    path.touch(mode=0o600)
    path.write_text(json.dumps(asdict(pairing)))
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
    except OSError as fault:
        raise Refused("server_not_reached", url=url) from fault
    finally:
        primary.close()
    return Pairing(url, int(answer["standby"]), str(answer["token"]), ca_pem)


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
        return http.client.HTTPConnection(host, port, timeout=PATIENCE)
    return http.client.HTTPSConnection(host, port, timeout=PATIENCE, context=context)


@dataclass(frozen=True, slots=True)
class Pulled:
    """An answer to a pull: whose outbox, how many seconds behind the asker was, and the files one by one."""

    lineage: str
    behind: float
    _listed: list[Mapping[str, Any]]
    _body: http.client.HTTPResponse

    def files(self) -> Iterator[tuple[str, Shipment, Iterator[bytes]]]:
        """(store, file, its bytes) in order; each must be read before the next. ValueError when cut off."""
        for one in self._listed:
            shipment = Shipment.of(int(one["level"]), str(one["name"]))
            if shipment is None or one["store"] not in ("main", "answers"):
                raise ValueError("not a shipment")
            yield str(one["store"]), shipment, self._bytes(int(one["size"]))

    def _bytes(self, size: int) -> Iterator[bytes]:
        while size:
            chunk = self._body.read(min(size, CHUNK))
            if not chunk:
                raise ValueError("cut off")
            size -= len(chunk)
            yield chunk


class Primary:
    """Questions to the primary. OSError, ValueError: no good answer; `Refused`: the primary refuses."""

    def __init__(self, pairing: Pairing) -> None:
        self._pairing = pairing
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        if pairing.ca_pem:
            self._context.load_verify_locations(cadata=pairing.ca_pem)
        self._kept: http.client.HTTPConnection | None = None

    def close(self) -> None:
        """Ends the connection."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    @contextmanager
    def pull(self, lineage: str, have: Mapping[str, int]) -> Iterator[Pulled]:
        """What lies beyond `have`; waits up to a second for something new."""
        response = self._send("POST", "/agent/standby/pull", {"lineage": lineage, "have": dict(have)})
        try:
            header = json.loads(response.readline(HEADER_MOST))
            yield Pulled(str(header["lineage"]), float(header["behind"]), header["files"], response)
            if response.read(1):
                raise ValueError("more than announced")
        except BaseException:
            self.close()
            raise

    def picture_folders(self) -> dict[str, int]:
        """Folder -> a number that is another one after every change."""
        return dict(self.ask("GET", "/agent/standby/pictures"))

    def pictures(self, folder: str) -> list[str]:
        """The names in a folder."""
        return list(self.ask("GET", f"/agent/standby/pictures/{folder}")["names"])

    def picture(self, folder: str, name: str) -> bytes | None:
        """A sealed picture; None when it was purged meanwhile."""
        response = self._send("GET", f"/agent/standby/pictures/{folder}/{name}", None, missing=True)
        data = response.read()
        return None if response.status == 404 else data

    def ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """A question with a JSON object as answer."""
        answer = json.loads(self._send(method, path, body).read())
        if not isinstance(answer, dict):
            raise TypeError("not an object")
        return answer

    def _send(
        self, method: str, path: str, body: object, *, missing: bool = False
    ) -> http.client.HTTPResponse:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if data else {}
        if self._pairing.token:
            headers["Authorization"] = f"Bearer {self._pairing.token}"
        try:
            if self._kept is None:
                self._kept = _connection(self._pairing.url, self._context)
            self._kept.request(method, path, data, headers)
            response = self._kept.getresponse()
        except http.client.HTTPException as fault:
            self.close()
            raise OSError(type(fault).__name__) from fault
        except OSError:
            self.close()
            raise
        if response.status >= 400 and not (missing and response.status == 404):
            raise self._refusal(response)
        return response

    def _refusal(self, response: http.client.HTTPResponse) -> Refused:
        try:
            answer = json.loads(response.read(HEADER_MOST))
            return Refused(str(answer["code"]), response.status, **answer.get("params", {}))
        except (ValueError, KeyError, TypeError):
            self.close()
            return Refused("server_not_reached", url=self._pairing.url)


def pairing_file(settings: Settings) -> Path:
    """Where the pairing lies, whether it is there or not."""
    return settings.data / "standby" / PAIRING
