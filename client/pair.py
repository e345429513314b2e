"""Pairing a workstation with a seat: check who answers, then show the one-time secret (design D20)."""

import base64
import hashlib
import http.client
import json
import os
import ssl
from dataclasses import dataclass
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from client.device import Device
from client.endpoint import Endpoint, trusting, unverified
from exam_rooms.pairing import decode_code, matches, spell, tidy
from exam_rooms.protocol import VERSION, VERSION_HEADER, ErrorReply, PairReply, PairRequest, Route
from exam_rooms.wire import WireError, decode, encode

M = TypeVar("M")
_CA_LIMIT = 64 * 1024
_HEADERS = {VERSION_HEADER: str(VERSION)}


class PairingRefused(Exception):
    """Pairing cannot succeed with this code; `code` is shown at the page."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Applicant:
    """What an unpaired workstation says of itself, with the key pair it will keep."""

    private_key: bytes
    hostname: str
    software: str


def new_private_key() -> bytes:
    """A fresh Ed25519 private key, 32 raw bytes."""
    return Ed25519PrivateKey.generate().private_bytes_raw()


def code_hash(code: str) -> str:
    """Recognises a code that was used before without keeping it."""
    return hashlib.sha256(tidy(code).encode()).hexdigest()


def pair(endpoint: Endpoint, code: str, me: Applicant, journal_key: bytes | None = None) -> Device:
    """Pairs and returns what to keep. `journal_key`: that of an earlier pairing, if any.

    Raises `PairingRefused` when the code is bad, the server is not the one the code was made for, or the
    server says no; OSError or http.client.HTTPException when it cannot be reached.
    """
    reply, ca_pem = answered(endpoint, code, me, (Route.PAIR, PairReply))
    return Device(
        workstation=reply.workstation,
        room=reply.room,
        seat=reply.seat,
        server=endpoint.url,
        private_key=_b64(me.private_key),
        journal_key=_b64(journal_key or os.urandom(32)),
        site_key=reply.site_key,
        rescue_key=reply.rescue_key,
        ca_pem=ca_pem,
        code_hash=code_hash(code),
    )


def answered(endpoint: Endpoint, code: str, me: Applicant, asked: tuple[str, type[M]]) -> tuple[M, str]:
    """The server's answer to a code at a route, and the certificate (PEM) that the code names.

    `asked`: the route, and what kind of message answers there. Raises as `pair`.
    """
    try:
        secret, expected = decode_code(code)
    except ValueError as fault:
        raise PairingRefused("pairing_code_unreadable") from fault
    ca_pem = _checked_ca(_fetch_ca(endpoint), expected)
    public = Ed25519PrivateKey.from_private_bytes(me.private_key).public_key().public_bytes_raw()
    request = PairRequest(spell(secret), _b64(public), me.hostname, me.software)
    return _ask(endpoint, ca_pem, request, asked), ca_pem


def _fetch_ca(endpoint: Endpoint) -> str:
    status, body = _exchange(endpoint, unverified() if endpoint.secure else None, "GET", Route.SITE_CA)
    if status != 200:
        raise PairingRefused("site_ca_missing")
    return body.decode("ascii", "replace")


def _checked_ca(pem: str, expected: bytes) -> str:
    """The one certificate the code names, written anew so that nothing beside it is trusted."""
    try:
        der = ssl.PEM_cert_to_DER_cert(pem.strip())
    except ValueError as fault:
        raise PairingRefused("site_ca_unreadable") from fault
    if not matches(der, expected):
        raise PairingRefused("wrong_fingerprint")
    return ssl.DER_cert_to_PEM_cert(der)


def _ask(endpoint: Endpoint, ca_pem: str, request: PairRequest, asked: tuple[str, type[M]]) -> M:
    route, kind = asked
    try:
        context = trusting(ca_pem) if endpoint.secure else None
        body = json.dumps(encode(request)).encode()
        status, data = _exchange(endpoint, context, "POST", route, body)
    except ssl.SSLError as fault:
        raise PairingRefused("wrong_certificate") from fault
    try:
        content = json.loads(data)
        if status != 200:
            raise PairingRefused(decode(ErrorReply, content).code)
        return decode(kind, content)
    except (WireError, ValueError) as fault:
        raise PairingRefused("unreadable_reply") from fault


def _exchange(
    endpoint: Endpoint, context: ssl.SSLContext | None, method: str, path: str, body: bytes | None = None
) -> tuple[int, bytes]:
    connection: http.client.HTTPConnection = endpoint.connect(context)
    headers = _HEADERS | ({"Content-Type": "application/json"} if body is not None else {})
    try:
        connection.request(method, path, body, headers)
        reply = connection.getresponse()
        return reply.status, reply.read(_CA_LIMIT)
    finally:
        connection.close()


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
