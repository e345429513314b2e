"""The RNCryptor container that SEB seals settings with, version 2 (and 3, which differs in its number).

version(1) options(1) | salt of the cipher key(8) | salt of the HMAC key(8) | IV(16) | AES-256-CBC | HMAC(32)

The HMAC covers everything before it. SEB's own page tells of version 1, whose HMAC leaves the head out;
the programs write 2. Source: RNCryptor-Spec, and the files of seb-server and Moodle.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

ROUNDS = 10_000
"""Of PBKDF2-HMAC-SHA1; fixed by the format."""
VERSIONS = (2, 3)
_SALT, _IV, _MAC, _BLOCK = 8, 16, 32, 16
_HEAD = 2 + 2 * _SALT + _IV
_BY_PASSWORD = 1


class NotOpened(Exception):
    """Not such a container, or (`wrong_password`) not sealed with this password."""

    def __init__(self, *, wrong_password: bool = False) -> None:
        super().__init__("wrong password" if wrong_password else "broken")
        self.wrong_password = wrong_password


@dataclass(frozen=True, slots=True)
class _Keys:
    cipher: bytes
    mac: bytes


def seal(data: bytes, password: str) -> bytes:
    """Seals data with a password (any text, empty too)."""
    salts, iv = secrets.token_bytes(2 * _SALT), secrets.token_bytes(_IV)
    keys = _keys(password, salts)
    padder = PKCS7(8 * _BLOCK).padder()
    padded = padder.update(data) + padder.finalize()
    cipher = Cipher(algorithms.AES(keys.cipher), modes.CBC(iv)).encryptor()
    body = bytes((VERSIONS[0], _BY_PASSWORD)) + salts + iv + cipher.update(padded) + cipher.finalize()
    return body + _mac(keys, body)


def open_sealed(data: bytes, password: str) -> bytes:
    """The inverse of `seal`; nothing is deciphered before the HMAC is found right. Raises `NotOpened`."""
    sealed = len(data) - _HEAD - _MAC
    if sealed < _BLOCK or sealed % _BLOCK or data[0] not in VERSIONS or data[1] != _BY_PASSWORD:
        raise NotOpened
    keys = _keys(password, data[2 : 2 + 2 * _SALT])
    body, mac = data[:-_MAC], data[-_MAC:]
    if not hmac.compare_digest(mac, _mac(keys, body)):
        raise NotOpened(wrong_password=True)
    cipher = Cipher(algorithms.AES(keys.cipher), modes.CBC(body[_HEAD - _IV : _HEAD])).decryptor()
    padded = cipher.update(body[_HEAD:]) + cipher.finalize()
    unpadder = PKCS7(8 * _BLOCK).unpadder()
    try:
        return unpadder.update(padded) + unpadder.finalize()
    except ValueError as fault:
        raise NotOpened from fault


def _keys(password: str, salts: bytes) -> _Keys:
    cipher, mac = (
        hashlib.pbkdf2_hmac("sha1", password.encode(), salt, ROUNDS, 32)
        for salt in (salts[:_SALT], salts[_SALT:])
    )
    return _Keys(cipher, mac)


def _mac(keys: _Keys, body: bytes) -> bytes:
    return hmac.new(keys.mac, body, hashlib.sha256).digest()
