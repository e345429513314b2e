"""How a site signs what it asks the authority for over HTTPS."""

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exam_rooms.wire import canonical
from server.rules.audit_chain import signed_by

CODE, TIME, SIGNATURE = "X-Examhall-Site", "X-Examhall-Time", "X-Examhall-Signature"
WINDOW = timedelta(minutes=5)
"""How far the site's clock may be from the authority's. Within it the same request may come again: each
does no more a second time than once.
"""


def headers(
    code: str, key: Ed25519PrivateKey, request: tuple[str, str, bytes], *, now: datetime
) -> dict[str, str]:
    """The headers of a request (method, path with query, body)."""
    time = now.astimezone(UTC).isoformat()
    signature = base64.b64encode(key.sign(_message(code, time, request))).decode()
    return {CODE: code, TIME: time, SIGNATURE: signature}


def signed_at(
    found: Mapping[str, str], public_key: bytes, request: tuple[str, str, bytes], *, now: datetime
) -> datetime | None:
    """When a request was signed; None unless this very key signed it, near enough to `now`."""
    code, time = found.get(CODE, ""), found.get(TIME, "")
    try:
        at = datetime.fromisoformat(time)
        near = abs(at - now) <= WINDOW
    except (TypeError, ValueError, OverflowError):
        return None
    good = near and signed_by(public_key, _message(code, time, request), found.get(SIGNATURE, ""))
    return at if good else None


def _message(code: str, time: str, request: tuple[str, str, bytes]) -> bytes:
    method, path, body = request
    return canonical(["examhall/site-request", code, time, method, path, hashlib.sha256(body).hexdigest()])
