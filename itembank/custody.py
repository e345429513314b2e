"""Who can open a sealed package: custodians' keys, their shares, and a wrap for every pair of two roles.

The content key is never split. It is wrapped once for each pair of custodians *of different roles*, under a
key that needs both their shares and the release secret that the server keeps::

    derive(SHA-256(share a || share b || release secret), "examhall/release|PACKAGE|ROOM|A|B")

For one person, or two of one role, no wrap exists, so no program and no clock has to forbid it. The release
secret has 16 bytes: a third that two people can also carry to a room without a link (`room_code`).
"""

import hashlib
import json
import secrets
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from itembank.room_code import SECRET_BYTES
from itembank.sealing import (
    DEFAULT_PASSPHRASE_PARAMS,
    PassphraseParams,
    SealBroken,
    derive,
    new_key,
    new_salt,
    open_sealed,
    passphrase_key,
    seal,
    unwrap,
    wrap,
)

_HPKE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
_PRIVATE_AAD = b"examhall/custodian-key/1"


class ReleaseRefused(Exception):
    """A package stays closed; `code` is too_early, same_person, same_role, wrong_room, wrong_share,
    wrong_code (both shares opened, the release secret is another one), older_version, or wrong_passphrase
    for a custodian's own key.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Custodian:
    """A person who keeps a share; `public_key` is a raw X25519 key from `new_custodian_key`."""

    id: str
    name: str
    role: str
    public_key: bytes


@dataclass(frozen=True, slots=True)
class SealedShare:
    """One custodian's share as it stands in a package header."""

    id: str
    name: str
    role: str
    share: bytes


@dataclass(frozen=True, slots=True)
class PairWrap:
    """The content key wrapped for two custodians of different roles, a < b by id."""

    a: str
    b: str
    wrap: bytes


@dataclass(frozen=True, slots=True)
class Place:
    """What a share and a wrap are bound to: one package for one room."""

    package: str
    room: str


@dataclass(frozen=True, slots=True)
class Custody:
    """Shares and wraps for a header, and the release secret, which must never stand in it."""

    shares: tuple[SealedShare, ...]
    pairs: tuple[PairWrap, ...]
    release_secret: bytes


def new_custodian_key(
    passphrase: str, params: PassphraseParams = DEFAULT_PASSPHRASE_PARAMS
) -> tuple[bytes, bytes]:
    """A fresh key pair: the raw public key, and the private key sealed under the passphrase (JSON bytes)."""
    private = X25519PrivateKey.generate()
    salt = new_salt()
    sealed = seal(passphrase_key(passphrase, salt, params=params), private.private_bytes_raw(), _PRIVATE_AAD)
    document = {
        "v": 1,
        "salt": b64encode(salt).decode(),
        "argon2id": params.to_json(),
        "key": b64encode(sealed).decode(),
    }
    return private.public_key().public_bytes_raw(), json.dumps(document, sort_keys=True).encode()


def open_custodian_key(sealed: bytes, passphrase: str) -> bytes:
    """The raw private key; raises `ReleaseRefused("wrong_passphrase")`, also for a damaged file."""
    try:
        document = json.loads(sealed)
        params = PassphraseParams.from_json(document["argon2id"])
        key = passphrase_key(passphrase, b64decode(document["salt"]), params=params)
        return open_sealed(key, b64decode(document["key"]), _PRIVATE_AAD)
    except (SealBroken, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ReleaseRefused("wrong_passphrase") from error


def entrust(content_key: bytes, custodians: Sequence[Custodian], place: Place, suite: str) -> Custody:
    """Draw a share for every custodian and wrap the content key for every pair of different roles.

    Raises ValueError when ids repeat or no two custodians differ in role.
    """
    people = sorted(custodians, key=lambda person: person.id)
    if len({person.id for person in people}) != len(people):
        raise ValueError("a custodian stands twice")
    release_secret = secrets.token_bytes(SECRET_BYTES)
    shares = {person.id: new_key() for person in people}
    pairs = tuple(
        _wrap(content_key, (a.id, shares[a.id]), (b.id, shares[b.id]), _Binding(place, release_secret, suite))
        for a, b in combinations(people, 2)
        if a.role != b.role
    )
    if not pairs:
        raise ValueError("custodians of two different roles are needed")
    sealed = tuple(_seal_share(person, shares[person.id], place) for person in people)
    return Custody(sealed, pairs, release_secret)


def open_share(share: SealedShare, private_key: bytes, place: Place) -> bytes:
    """A custodian's share in clear; `ReleaseRefused("wrong_share")` for any other key, package or room."""
    try:
        private = X25519PrivateKey.from_private_bytes(private_key)
        return _HPKE.decrypt(share.share, private, _share_info(share.id, place))
    except (InvalidTag, ValueError) as error:
        raise ReleaseRefused("wrong_share") from error


def unwrap_content_key(
    pair: PairWrap, shares: tuple[bytes, bytes], release_secret: bytes, place: Place
) -> bytes:
    """The content key from the clear shares of a pair, in its order.

    Raises `ReleaseRefused("wrong_code")`: shares that opened are the right ones, so the secret is not.
    """
    info = _pair_info(pair.a, pair.b, place)
    try:
        return unwrap(_pair_key(shares, release_secret, info), pair.wrap, info.encode())
    except SealBroken as error:
        raise ReleaseRefused("wrong_code") from error


@dataclass(frozen=True, slots=True)
class _Binding:
    place: Place
    release_secret: bytes
    suite: str


def _wrap(content_key: bytes, a: tuple[str, bytes], b: tuple[str, bytes], binding: _Binding) -> PairWrap:
    info = _pair_info(a[0], b[0], binding.place)
    key = _pair_key((a[1], b[1]), binding.release_secret, info)
    return PairWrap(a[0], b[0], wrap(key, content_key, info.encode(), suite=binding.suite))


def _pair_key(shares: tuple[bytes, bytes], release_secret: bytes, info: str) -> bytes:
    return derive(hashlib.sha256(b"".join(shares) + release_secret).digest(), info)


def _seal_share(person: Custodian, share: bytes, place: Place) -> SealedShare:
    public = X25519PublicKey.from_public_bytes(person.public_key)
    sealed = _HPKE.encrypt(share, public, _share_info(person.id, place))
    return SealedShare(person.id, person.name, person.role, sealed)


def _share_info(custodian: str, place: Place) -> bytes:
    return f"examhall/share|{place.package}|{place.room}|{custodian}".encode()


def _pair_info(a: str, b: str, place: Place) -> str:
    return f"examhall/release|{place.package}|{place.room}|{a}|{b}"
