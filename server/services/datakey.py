"""The data key: made once, wrapped by the master key, wrapped again when the master key changes (design D8).

Nothing but the one wrap depends on the master key. A server that runs keeps the data key in its memory, so
it goes on while the master key changes; whatever starts afterwards needs the new one.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from itembank.sealing import SealBroken, new_key
from itembank.vault import Vault, key_name, unwrap_data_key, wrap_data_key
from server.access import SYSTEM, Actor
from server.db.base import vault_of
from server.db.keys import DATA, VaultKey
from server.db.people import SiteSecret
from server.errors import Refused
from server.services import audit


@dataclass(frozen=True, slots=True)
class MasterView:
    """What may be shown of the master key: its name, and since when it wraps the data key."""

    name: str
    since: datetime
    changing: bool


def open_vault(session: Session, master: bytes, *, suite: str, now: datetime) -> Vault:
    """The vault of this installation; its first opening makes the data key.

    A change of the master key that was cut off after the key file was replaced is completed. Raises `Refused`
    (`keyfile_of_another`) for a master key that is not this installation's.
    """
    row = session.get(VaultKey, DATA)
    if row is None:
        row = _first(session, master, suite, now)
    name = key_name(master)
    if row.next_wrapped is not None and row.next_master == name:
        complete_change(session, SYSTEM, now=now)
    if row.master != name:
        raise Refused("keyfile_of_another", name=name, expected=row.master)
    return Vault(_unwrapped(master, row.wrapped), suite=suite)


def begin_change(session: Session, actor: Actor, masters: tuple[bytes, bytes], *, now: datetime) -> None:
    """Wraps the data key by the second of two master keys as well; the first still opens.

    `complete_change` follows once the key file of the second is in its place.
    """
    old, new = masters
    row = session.get_one(VaultKey, DATA, with_for_update=True)
    key = _unwrapped(old, row.wrapped)
    row.next_wrapped = wrap_data_key(new, key, suite=vault_of(session).suite)
    row.next_master = key_name(new)
    _note(session, actor, "master_change_begun", row.next_master, now)


def complete_change(session: Session, actor: Actor, *, now: datetime) -> None:
    """Forgets the wrap of the old master key: from now on it opens nothing here."""
    row = session.get_one(VaultKey, DATA, with_for_update=True)
    if row.next_wrapped is None or row.next_master is None:
        return
    row.wrapped, row.master, row.wrapped_at = row.next_wrapped, row.next_master, now
    row.next_wrapped, row.next_master = None, None
    _note(session, actor, "master_changed", row.master, now)


def master_view(session: Session) -> MasterView:
    """What the vault's page shows of the master key."""
    row = session.get_one(VaultKey, DATA)
    return MasterView(row.master, row.wrapped_at, row.next_wrapped is not None)


def _first(session: Session, master: bytes, suite: str, now: datetime) -> VaultKey:
    """The data key of a new installation; of one from before there were data keys, the master key itself."""
    key, earlier = new_key(), session.get(SiteSecret, "signing")
    if earlier is not None:
        key = master
        try:
            Vault(key).open_value("site", earlier.name, earlier.sealed)
        except SealBroken as error:
            raise Refused("keyfile_of_another", name=key_name(master), expected="?") from error
    wrapped = wrap_data_key(master, key, suite=suite)
    row = VaultKey(name=DATA, wrapped=wrapped, master=key_name(master), wrapped_at=now, made_at=now)
    session.add(row)
    _note(session, SYSTEM, "data_key_made", row.master, now)
    return row


def _unwrapped(master: bytes, wrapped: bytes) -> bytes:
    try:
        return unwrap_data_key(master, wrapped)
    except SealBroken as error:
        raise Refused("data_key_broken") from error


def _note(session: Session, actor: Actor, act: str, name: str, now: datetime) -> None:
    audit.record(session, audit.SYSTEM_STREAM, actor, act, f"master/{name}", now=now)
