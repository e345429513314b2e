"""The floor's bearer tokens; apart from the floor, which patches the standard library when it is loaded."""

import base64
import hmac

TOKEN_BYTES = 16


def token_of(secret: bytes, workstation: int) -> str:
    """The bearer token of a workstation."""
    name = str(workstation).encode()
    mac = hmac.digest(secret, name, "sha256")[:TOKEN_BYTES]
    return base64.urlsafe_b64encode(name + b"." + mac).decode()


def holder(secret: bytes, token: str) -> int:
    """Whose token it is; 0 for nobody's."""
    name, _, mac = base64.urlsafe_b64decode(token).partition(b".")
    right = hmac.digest(secret, name, "sha256")[:TOKEN_BYTES]
    return int(name) if hmac.compare_digest(mac, right) else 0
