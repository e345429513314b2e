"""Authenticated encryption behind one envelope, so that cipher suites are data and not code paths.

Envelope: suite byte | 12-byte nonce | ciphertext | 16-byte tag. The suite byte is authenticated together
with the caller's associated data. All keys at this level are 32 bytes.
"""

import hashlib
import hmac
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
SALT_BYTES = 16


class SealBroken(Exception):
    """The blob was not sealed by this key for this use, or was changed since."""


class Suite(Protocol):
    """One set of algorithms; `number` is the first byte of everything it sealed."""

    @property
    def name(self) -> str: ...

    @property
    def number(self) -> int: ...

    def encrypt(self, key: bytes, nonce: bytes, plaintext: bytes, aad: bytes) -> bytes:
        """Ciphertext and tag. The caller never uses a nonce twice with one key."""
        ...

    def decrypt(self, key: bytes, nonce: bytes, ciphertext: bytes, aad: bytes) -> bytes:
        """The inverse; `SealBroken` when key, nonce, data or `aad` differ."""
        ...

    def hash(self) -> hashes.HashAlgorithm:
        """The hash for HKDF and for what does not fit into memory."""
        ...

    def digest(self, data: bytes) -> bytes:
        """The suite's 32-byte hash."""
        ...


@dataclass(frozen=True, slots=True)
class _International:
    """AES-256-GCM and SHA-256."""

    name: str = "intl"
    number: int = 1

    def encrypt(self, key: bytes, nonce: bytes, plaintext: bytes, aad: bytes) -> bytes:
        return AESGCM(_checked(key)).encrypt(nonce, plaintext, aad)

    def decrypt(self, key: bytes, nonce: bytes, ciphertext: bytes, aad: bytes) -> bytes:
        try:
            return AESGCM(_checked(key)).decrypt(nonce, ciphertext, aad)
        except InvalidTag as error:
            raise SealBroken from error

    def hash(self) -> hashes.HashAlgorithm:
        return hashes.SHA256()

    def digest(self, data: bytes) -> bytes:
        return hashlib.sha256(data).digest()


@dataclass(frozen=True, slots=True)
class _Commercial:
    """SM4-GCM (RFC 8998) and SM3. SM4 takes 16-byte keys: they are derived from the 32 bytes by HKDF-SM3."""

    name: str = "gm"
    number: int = 2

    def encrypt(self, key: bytes, nonce: bytes, plaintext: bytes, aad: bytes) -> bytes:
        worker = Cipher(algorithms.SM4(_sm4_key(key)), modes.GCM(nonce)).encryptor()
        worker.authenticate_additional_data(aad)
        return worker.update(plaintext) + worker.finalize() + worker.tag

    def decrypt(self, key: bytes, nonce: bytes, ciphertext: bytes, aad: bytes) -> bytes:
        text, tag = ciphertext[:-TAG_BYTES], ciphertext[-TAG_BYTES:]
        if len(tag) < TAG_BYTES:
            raise SealBroken
        worker = Cipher(algorithms.SM4(_sm4_key(key)), modes.GCM(nonce, tag)).decryptor()
        worker.authenticate_additional_data(aad)
        try:
            return worker.update(text) + worker.finalize()
        except InvalidTag as error:
            raise SealBroken from error

    def hash(self) -> hashes.HashAlgorithm:
        return hashes.SM3()

    def digest(self, data: bytes) -> bytes:
        worker = hashes.Hash(self.hash())
        worker.update(data)
        return worker.finalize()


def _checked(key: bytes) -> bytes:
    if len(key) != KEY_BYTES:
        raise ValueError(f"a key has {KEY_BYTES} bytes, not {len(key)}")
    return key


def _sm4_key(key: bytes) -> bytes:
    return HKDF(hashes.SM3(), 16, salt=None, info=b"examhall sm4-gcm").derive(_checked(key))


_ALL: tuple[Suite, ...] = (_International(), _Commercial())
SUITES: Mapping[str, Suite] = MappingProxyType({suite.name: suite for suite in _ALL})
_BY_NUMBER: Mapping[int, Suite] = MappingProxyType({suite.number: suite for suite in _ALL})


def seal(key: bytes, plaintext: bytes, aad: bytes, *, suite: str = "intl") -> bytes:
    """`plaintext` in an envelope of the named suite under a fresh random nonce; `KeyError` for no suite."""
    chosen = SUITES[suite]
    nonce = secrets.token_bytes(NONCE_BYTES)
    mark = bytes([chosen.number])
    return mark + nonce + chosen.encrypt(key, nonce, plaintext, mark + aad)


def open_sealed(key: bytes, blob: bytes, aad: bytes) -> bytes:
    """The inverse of `seal`; `SealBroken` for another key, other `aad`, a changed or foreign blob."""
    chosen = _BY_NUMBER.get(blob[0]) if len(blob) >= 1 + NONCE_BYTES + TAG_BYTES else None
    if chosen is None:
        raise SealBroken
    nonce, ciphertext = blob[1 : 1 + NONCE_BYTES], blob[1 + NONCE_BYTES :]
    return chosen.decrypt(key, nonce, ciphertext, blob[:1] + aad)


def suite_of(blob: bytes) -> str:
    """The name of the suite that sealed `blob`; `SealBroken` when it is none of ours."""
    chosen = _BY_NUMBER.get(blob[0]) if blob else None
    if chosen is None:
        raise SealBroken
    return chosen.name


def new_key() -> bytes:
    """32 random bytes."""
    return secrets.token_bytes(KEY_BYTES)


def wrap(outer: bytes, key: bytes, aad: bytes, *, suite: str = "intl") -> bytes:
    """`key` sealed under `outer`."""
    return seal(outer, _checked(key), aad, suite=suite)


def unwrap(outer: bytes, blob: bytes, aad: bytes) -> bytes:
    """The inverse of `wrap`; `SealBroken` also when what was sealed is no key."""
    key = open_sealed(outer, blob, aad)
    if len(key) != KEY_BYTES:
        raise SealBroken
    return key


def derive(key: bytes, info: str, *, suite: str = "intl") -> bytes:
    """The 32-byte key for the use named by `info` (HKDF over the suite's hash); different uses are unrelated.

    A use that must stay the same when an installation changes its suite is derived without one.
    """
    return HKDF(SUITES[suite].hash(), KEY_BYTES, salt=None, info=info.encode()).derive(_checked(key))


def blind_index(key: bytes, value: str) -> str:
    """32 hex digits of HMAC-SHA256: finds an equal value without opening any, useless without the key."""
    return hmac.new(_checked(key), value.encode(), hashlib.sha256).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class PassphraseParams:
    """Argon2id costs; the default is RFC 9106's second recommended choice with one lane."""

    memory_kib: int = 64 * 1024
    iterations: int = 3
    lanes: int = 1

    def to_json(self) -> dict[str, int]:
        """Plain values, stored beside the salt."""
        return {"memory_kib": self.memory_kib, "iterations": self.iterations, "lanes": self.lanes}

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> "PassphraseParams":
        """The inverse; `ValueError` outside sane bounds, as a file must not order terabytes of memory."""
        values = [data.get(name) for name in ("memory_kib", "iterations", "lanes")]
        for value, most in zip(values, (1 << 20, 64, 16), strict=True):
            if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
                raise ValueError("passphrase parameters out of bounds")
        memory, iterations, lanes = (int(str(value)) for value in values)
        return cls(memory, iterations, lanes)


DEFAULT_PASSPHRASE_PARAMS = PassphraseParams()


def new_salt() -> bytes:
    """16 random bytes for `passphrase_key`."""
    return secrets.token_bytes(SALT_BYTES)


def passphrase_key(
    passphrase: str, salt: bytes, *, params: PassphraseParams = DEFAULT_PASSPHRASE_PARAMS
) -> bytes:
    """A 32-byte key from a passphrase (Argon2id). NFKC first: the same words typed on another keyboard."""
    worker = Argon2id(
        salt=salt,
        length=KEY_BYTES,
        iterations=params.iterations,
        lanes=params.lanes,
        memory_cost=max(params.memory_kib, 8 * params.lanes),
    )
    return worker.derive(unicodedata.normalize("NFKC", passphrase).encode())
