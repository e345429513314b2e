"""The invigilators' PIN that opens a kiosk: how it is spelled and hashed, for server and agent. Pure."""

import base64
import hashlib
import hmac
import unicodedata

from exam_rooms.kiosk_messages import QuitPin

PIN_DIGITS = 8
PIN_COST = 1 << 14
"""scrypt's n: some 40 ms and 16 MiB a try."""
_MOST_COST = 1 << 17
_BLOCK, _LANES, _BYTES = 8, 1, 32


def tidy_pin(text: str) -> str:
    """The digits of what somebody typed: blanks, hyphens and full-width digits are no mistakes."""
    return "".join(ch for ch in unicodedata.normalize("NFKC", text) if ch.isascii() and ch.isdigit())


def spelled_pin(pin: str) -> str:
    """As people read it: two groups of four digits."""
    return f"{pin[: PIN_DIGITS // 2]} {pin[PIN_DIGITS // 2 :]}"


def hashed_pin(uid: str, pin: str, salt: bytes) -> QuitPin:
    """What a kiosk is told of a PIN."""
    digest = _digest(pin, salt, PIN_COST)
    return QuitPin(uid, base64.b64encode(salt).decode(), base64.b64encode(digest).decode(), PIN_COST)


def pin_matches(text: str, known: QuitPin) -> bool:
    """Whether what was typed is this PIN. False for a hash that is damaged or would cost too much."""
    pin = tidy_pin(text)
    if len(pin) != PIN_DIGITS or not 2 <= known.n <= _MOST_COST:
        return False
    try:
        salt, digest = base64.b64decode(known.salt), base64.b64decode(known.hash)
        return hmac.compare_digest(_digest(pin, salt, known.n), digest)
    except ValueError:
        return False


def _digest(pin: str, salt: bytes, cost: int) -> bytes:
    most = 130 * _BLOCK * cost
    return hashlib.scrypt(pin.encode(), salt=salt, n=cost, r=_BLOCK, p=_LANES, maxmem=most, dklen=_BYTES)
