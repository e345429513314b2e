"""What the database holds sealed: items and media by bank key, personal values by purpose key.

One random data key stands above everything. It wraps a random key per bank, so a bank can be resealed
without touching another; keys of personal values, attempts and look-ups are derived from it. The data key
itself lies in the database wrapped by the master key, which stands outside (`wrap_data_key`): a new master
key wraps one key again and nothing else changes.

While a bank gets a new key its stored key is a *ring*: the new key, which seals, and the old one, which
still opens what was not resealed yet. Whoever passes a bank's key on need not know::

    0x00 | number of keys | for each: length, 2 bytes big-endian | wrapped key
"""

import json
from collections.abc import Callable, Sequence
from functools import partial

from itembank import sealing
from itembank.item_json import body_from_json, body_to_json
from itembank.items import ItemBody
from itembank.sealing import SealBroken

_BANK_AAD = b"examhall bank key"
_DATA_AAD = b"examhall data key"
_RING = b"\x00"
_LENGTH_BYTES = 2
_BODY = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)


class Vault:
    """Seals and opens with one 32-byte data key; raises `SealBroken` for whatever another key sealed."""

    __slots__ = ("_derived", "_key", "_suite")

    def __init__(self, key: bytes, *, suite: str = "intl") -> None:
        if len(key) != sealing.KEY_BYTES:
            raise ValueError(f"a data key has {sealing.KEY_BYTES} bytes")
        self._key = key
        self._suite = sealing.SUITES[suite].name
        self._derived: dict[tuple[str, str], bytes] = {}

    def __repr__(self) -> str:
        return f"Vault(suite={self._suite!r})"

    @property
    def suite(self) -> str:
        """The suite of whatever has none of its own: values, and banks made without a choice."""
        return self._suite

    def new_bank_key(self, suite: str | None = None) -> bytes:
        """A fresh bank key, wrapped; what a bank's row stores. Its suite seals whatever the bank holds.

        Without `suite` it is the vault's own; KeyError for none of ours.
        """
        key, chosen = sealing.new_key(), suite or self._suite
        return sealing.wrap(self._use("banks", chosen), key, _BANK_AAD, suite=chosen)

    def seal_item(self, wrapped_bank_key: bytes, uid: str, version: int, body: ItemBody) -> bytes:
        """`body` sealed for exactly this item and version."""
        return self.item_sealer(wrapped_bank_key)(uid, version, body)

    def item_sealer(self, wrapped_bank_key: bytes) -> Callable[[str, int, ItemBody], bytes]:
        """`seal_item` for many items of one bank, whose key is unwrapped once."""
        seal = self._sealer(wrapped_bank_key)

        def sealed(uid: str, version: int, body: ItemBody) -> bytes:
            return seal(_BODY.encode(body_to_json(body)).encode(), _item_use(uid, version))

        return sealed

    def open_item(self, wrapped_bank_key: bytes, uid: str, version: int, blob: bytes) -> ItemBody:
        """The inverse of `seal_item`; a blob moved to another item or version does not open."""
        text = self._open_for_bank(wrapped_bank_key, blob, _item_use(uid, version))
        try:
            return body_from_json(json.loads(text))
        except ValueError as error:
            raise SealBroken from error

    def seal_sheet(self, wrapped_bank_key: bytes, uid: str, version: int, data: bytes) -> bytes:
        """The template of a score sheet, sealed for exactly this version of it."""
        return self._seal_for_bank(wrapped_bank_key, data, _sheet_use(uid, version))

    def open_sheet(self, wrapped_bank_key: bytes, uid: str, version: int, blob: bytes) -> bytes:
        """The inverse of `seal_sheet`; a blob moved to another template or version does not open."""
        return self._open_for_bank(wrapped_bank_key, blob, _sheet_use(uid, version))

    def seal_medium(self, wrapped_bank_key: bytes, sha256: str, data: bytes) -> bytes:
        """A picture, sound or film sealed for exactly this SHA-256 (hex)."""
        return self._seal_for_bank(wrapped_bank_key, data, _medium_use(sha256))

    def open_medium(self, wrapped_bank_key: bytes, sha256: str, blob: bytes) -> bytes:
        """The inverse of `seal_medium`; a blob moved to another medium does not open."""
        return self._open_for_bank(wrapped_bank_key, blob, _medium_use(sha256))

    def reseal_item(self, old: bytes, new: bytes, place: tuple[str, int], blob: bytes) -> bytes:
        """The item of `place` (uid, version) under the bank key `new`; as it is when `new` sealed it already.

        `old` may be a ring. What is sealed is not looked at.
        """
        return self._reseal(old, new, _item_use(*place), blob)

    def reseal_sheet(self, old: bytes, new: bytes, place: tuple[str, int], blob: bytes) -> bytes:
        """The same for the template of `place` (uid, version)."""
        return self._reseal(old, new, _sheet_use(*place), blob)

    def reseal_medium(self, old: bytes, new: bytes, sha256: str, blob: bytes) -> bytes:
        """The medium under the bank key `new`; as it is when `new` sealed it already. `old` may be a ring."""
        return self._reseal(old, new, _medium_use(sha256), blob)

    def seal_value(self, purpose: str, ident: str, data: bytes) -> bytes:
        """`data` (an ID number, a name, a photo) sealed for one purpose and one owner."""
        key = self._use(f"value/{purpose}", self._suite)
        return sealing.seal(key, data, _joined(purpose, ident), suite=self._suite)

    def open_value(self, purpose: str, ident: str, blob: bytes) -> bytes:
        """The inverse of `seal_value`; a blob moved to another purpose or owner does not open."""
        key = self._use(f"value/{purpose}", sealing.suite_of(blob))
        return sealing.open_sealed(key, blob, _joined(purpose, ident))

    def index(self, purpose: str, value: str) -> str:
        """32 hex digits that are equal for equal values of one purpose: look-up without opening.

        The same in every suite: a change of the suite must lose nobody.
        """
        return sealing.blind_index(self._use(f"index/{purpose}", "intl"), value)

    def attempt_key(self, attempt_id: int) -> bytes:
        """The key under which one attempt's responses are sealed."""
        return sealing.derive(self._key, f"attempt/{attempt_id}")

    def _use(self, info: str, suite: str) -> bytes:
        """The key of one use, derived once; uses are few, as they name no single person or item."""
        known = self._derived.get((info, suite))
        if known is None:
            known = self._derived[info, suite] = sealing.derive(self._key, info, suite=suite)
        return known

    def _bank_key(self, wrapped: bytes) -> bytes:
        return sealing.unwrap(self._use("banks", sealing.suite_of(wrapped)), wrapped, _BANK_AAD)

    def _seal_for_bank(self, wrapped: bytes, data: bytes, use: bytes) -> bytes:
        return self._sealer(wrapped)(data, use)

    def _sealer(self, wrapped: bytes) -> Callable[[bytes, bytes], bytes]:
        first = _ring_keys(wrapped)[0]
        return partial(sealing.seal, self._bank_key(first), suite=sealing.suite_of(first))

    def _open_for_bank(self, wrapped: bytes, blob: bytes, use: bytes) -> bytes:
        *others, last = _ring_keys(wrapped)
        for key in others:
            try:
                return sealing.open_sealed(self._bank_key(key), blob, use)
            except SealBroken:
                continue
        return sealing.open_sealed(self._bank_key(last), blob, use)

    def _reseal(self, old: bytes, new: bytes, use: bytes, blob: bytes) -> bytes:
        try:
            self._open_for_bank(new, blob, use)
        except SealBroken:
            return self._seal_for_bank(new, self._open_for_bank(old, blob, use), use)
        return blob


def ring(wrapped: Sequence[bytes]) -> bytes:
    """Several wrapped bank keys as one: the first seals, each opens. ValueError for none or too many."""
    if not 1 <= len(wrapped) <= 8:
        raise ValueError("a ring has 1 to 8 keys")
    parts = (len(key).to_bytes(_LENGTH_BYTES, "big") + key for key in wrapped)
    return _RING + bytes([len(wrapped)]) + b"".join(parts)


def bank_suite(wrapped_bank_key: bytes) -> str:
    """The suite that seals what the bank gets from now on; `SealBroken` when it is no bank key."""
    return sealing.suite_of(_ring_keys(wrapped_bank_key)[0])


def wrap_data_key(master: bytes, key: bytes, *, suite: str = "intl") -> bytes:
    """The data key wrapped by a master key: what the database keeps of it."""
    return sealing.wrap(sealing.derive(master, "data key", suite=suite), key, _DATA_AAD, suite=suite)


def unwrap_data_key(master: bytes, wrapped: bytes) -> bytes:
    """The inverse; `SealBroken` for any other master key."""
    outer = sealing.derive(master, "data key", suite=sealing.suite_of(wrapped))
    return sealing.unwrap(outer, wrapped, _DATA_AAD)


def key_name(master: bytes) -> str:
    """16 hex digits that tell one master key from another and nothing about either."""
    return sealing.derive(master, "name of the key").hex()[:16]


def _ring_keys(wrapped: bytes) -> list[bytes]:
    """The wrapped keys of a ring, or the one that it is."""
    if wrapped[:1] != _RING:
        return [wrapped]
    keys, at = [], 2
    for _ in range(wrapped[1] if len(wrapped) > 1 else 0):
        start = at + _LENGTH_BYTES
        at = start + int.from_bytes(wrapped[at:start], "big")
        keys.append(wrapped[start:at])
    if not keys or at != len(wrapped):
        raise SealBroken
    return keys


def _item_use(uid: str, version: int) -> bytes:
    return _joined("item", uid, str(version))


def _sheet_use(uid: str, version: int) -> bytes:
    return _joined("sheet", uid, str(version))


def _medium_use(sha256: str) -> bytes:
    return _joined("media", sha256)


def _joined(*parts: str) -> bytes:
    """Parts with their lengths, so that no two different lists give the same bytes."""
    return b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
