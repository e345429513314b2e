"""Who may leave the kiosk: the server by a signed order, an invigilator by the PIN. No clock, no sockets."""

import base64
import json
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from client.device import write_atomically
from exam_rooms.kiosk_messages import KioskOrder, order_message

LOG = logging.getLogger("examhall.kiosk")
QUIT = "quit"
ORDER_LIFE = timedelta(minutes=5)
"""An order older than this (or from the future by as much) is no order."""
FREE_TRIES = 3
FIRST_PAUSE, LONGEST_PAUSE = 30.0, 900.0
"""Seconds until the next PIN may be tried: doubled from wrong try to wrong try."""
_NONCES_KEPT = 50


class Tries:
    """Wrong PINs and the growing pause after them. Moments are boot seconds."""

    def __init__(self) -> None:
        self.wrong = 0
        self._open_at = 0.0

    def wait(self, now: float) -> float:
        """Seconds until a PIN may be tried, 0.0 when it may."""
        return max(0.0, self._open_at - now)

    def failed(self, now: float) -> None:
        """One more wrong PIN."""
        self.wrong += 1
        if self.wrong >= FREE_TRIES:
            pause = FIRST_PAUSE * 2 ** min(self.wrong - FREE_TRIES, 10)
            self._open_at = now + min(pause, LONGEST_PAUSE)


@dataclass(frozen=True, slots=True)
class Authority:
    """Whose orders count, and for which workstation. `site_key`: Ed25519 public key, raw."""

    workstation: int
    site_key: bytes

    def refusal(self, order: KioskOrder, now: datetime) -> str:
        """Why an order is not obeyed: `action`, `workstation`, `age` or `signature`; "" when it is good."""
        if order.action != QUIT:
            return "action"
        if order.workstation != self.workstation:
            return "workstation"
        if abs(now - order.issued_at) > ORDER_LIFE:
            return "age"
        try:
            key = Ed25519PublicKey.from_public_bytes(self.site_key)
            key.verify(base64.b64decode(order.signature), order_message(order))
        except (InvalidSignature, ValueError):
            return "signature"
        return ""


class Nonces:
    """Orders that were obeyed, on the disk: an agent that starts again must not obey one twice."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def spend(self, nonce: str) -> bool:
        """Notes a nonce; false when it was spent before. Raises OSError when it cannot be kept."""
        known = self._known()
        if nonce in known:
            return False
        write_atomically(self._file, json.dumps([*known, nonce][-_NONCES_KEPT:]).encode())
        return True

    def _known(self) -> list[str]:
        try:
            value = json.loads(self._file.read_bytes())
        except (OSError, ValueError):
            return []
        return [str(one) for one in value] if isinstance(value, list) else []
