"""The floor's nonces and tokens; apart from the floor, which patches the standard library when loaded."""

import base64
import hmac
import secrets
import struct

TOKEN_BYTES = 16
NONCE_SECONDS = 60
_NONCE = struct.Struct(">q8s")


def token_of(secret: bytes, workstation: int) -> str:
    """The bearer token of a workstation."""
    name = str(workstation).encode()
    return base64.urlsafe_b64encode(name + b"." + _mac(secret, name)).decode()


def holder(secret: bytes, token: str) -> int:
    """Whose token it is; 0 for nobody's."""
    name, _, mac = base64.urlsafe_b64decode(token).partition(b".")
    return int(name) if hmac.compare_digest(mac, _mac(secret, name)) else 0


def nonce_of(secret: bytes, now: float) -> str:
    """A nonce to sign, made at `now`; nothing is kept."""
    body = _NONCE.pack(int(now), secrets.token_bytes(8))
    return base64.urlsafe_b64encode(body + _mac(secret, b"nonce|" + body)).decode()


def is_fresh(secret: bytes, nonce: str, now: float) -> bool:
    """Whether a nonce is our own and no older than a minute. Raises ValueError for what is not base64."""
    raw = base64.urlsafe_b64decode(nonce)
    body, mac = raw[: _NONCE.size], raw[_NONCE.size :]
    if not hmac.compare_digest(mac, _mac(secret, b"nonce|" + body)):
        return False
    made, _ = _NONCE.unpack(body)
    return 0 <= now - int(made) <= NONCE_SECONDS


def _mac(secret: bytes, text: bytes) -> bytes:
    return hmac.digest(secret, text, "sha256")[:TOKEN_BYTES]
