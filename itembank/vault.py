"""What the database holds sealed: item bodies by bank key, personal values by purpose key.

One master key stands outside the database. It wraps a random key per bank, so a bank can be handed over or
re-wrapped without opening its items; keys of personal values and of attempts are derived from it.
"""

import json

from itembank import sealing
from itembank.item_json import body_from_json, body_to_json
from itembank.items import ItemBody
from itembank.sealing import SealBroken

_BANK_AAD = b"examhall bank key"


class Vault:
    """Seals and opens with one 32-byte master key; raises `SealBroken` for whatever another key sealed."""

    __slots__ = ("_master", "_suite")

    def __init__(self, master: bytes, *, suite: str = "intl") -> None:
        if len(master) != sealing.KEY_BYTES:
            raise ValueError(f"a master key has {sealing.KEY_BYTES} bytes")
        self._master = master
        self._suite = sealing.SUITES[suite].name

    def __repr__(self) -> str:
        return f"Vault(suite={self._suite!r})"

    def new_bank_key(self) -> bytes:
        """A fresh bank key, wrapped; what a bank's row stores."""
        return self._wrap_bank(sealing.new_key())

    def rewrap(self, wrapped: bytes, new_vault: "Vault") -> bytes:
        """The same bank key wrapped by `new_vault`'s master: rotation without touching the items."""
        return new_vault._wrap_bank(self._bank_key(wrapped))

    def seal_item(self, wrapped_bank_key: bytes, uid: str, version: int, body: ItemBody) -> bytes:
        """`body` sealed for exactly this item and version."""
        text = json.dumps(body_to_json(body), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        key = self._bank_key(wrapped_bank_key)
        return sealing.seal(key, text.encode(), _joined("item", uid, str(version)), suite=self._suite)

    def open_item(self, wrapped_bank_key: bytes, uid: str, version: int, blob: bytes) -> ItemBody:
        """The inverse of `seal_item`; a blob moved to another item or version does not open."""
        key = self._bank_key(wrapped_bank_key)
        text = sealing.open_sealed(key, blob, _joined("item", uid, str(version)))
        try:
            return body_from_json(json.loads(text))
        except ValueError as error:
            raise SealBroken from error

    def seal_value(self, purpose: str, ident: str, data: bytes) -> bytes:
        """`data` (an ID number, a name, a photo) sealed for one purpose and one owner."""
        return sealing.seal(self._purpose_key(purpose), data, _joined(purpose, ident), suite=self._suite)

    def open_value(self, purpose: str, ident: str, blob: bytes) -> bytes:
        """The inverse of `seal_value`; a blob moved to another purpose or owner does not open."""
        return sealing.open_sealed(self._purpose_key(purpose), blob, _joined(purpose, ident))

    def index(self, purpose: str, value: str) -> str:
        """32 hex digits that are equal for equal values of one purpose: look-up without opening."""
        return sealing.blind_index(sealing.derive(self._master, f"index/{purpose}"), value)

    def attempt_key(self, attempt_id: int) -> bytes:
        """The key under which one attempt's responses are sealed."""
        return sealing.derive(self._master, f"attempt/{attempt_id}")

    def _purpose_key(self, purpose: str) -> bytes:
        return sealing.derive(self._master, f"value/{purpose}")

    def _bank_key(self, wrapped: bytes) -> bytes:
        return sealing.unwrap(sealing.derive(self._master, "banks"), wrapped, _BANK_AAD)

    def _wrap_bank(self, key: bytes) -> bytes:
        return sealing.wrap(sealing.derive(self._master, "banks"), key, _BANK_AAD, suite=self._suite)


def _joined(*parts: str) -> bytes:
    """Parts with their lengths, so that no two different lists give the same bytes."""
    return b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
