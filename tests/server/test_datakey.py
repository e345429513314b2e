"""The data key under the master key: made once, taken over from older installations, wrapped again."""

from datetime import datetime

import pytest

from itembank.vault import Vault, key_name, unwrap_data_key
from server.access import SYSTEM
from server.db.base import Database
from server.db.keys import DATA, VaultKey
from server.db.people import SiteSecret
from server.errors import Refused
from server.events import Events
from server.host import Host, open_host
from server.services import audit, datakey
from server.settings import Settings
from tests.server.conftest import MASTER

NEXT = b"the next master key, 32 bytes..."


def row(host: Host) -> VaultKey:
    with host.db.read() as session:
        return session.get_one(VaultKey, DATA)


def reopened(settings: Settings, master: bytes) -> bytes:
    """Opens the stores with a master key; what an index of theirs is."""
    host = open_host(settings, master)
    try:
        return host.vault.index("id", "1").encode() + host.site.public_key
    finally:
        host.close()


def test_an_older_installation_keeps_its_master_key_as_data_key(host: Host) -> None:
    # the template's site secrets were sealed before there was a data key
    assert unwrap_data_key(MASTER, row(host).wrapped) == MASTER
    assert host.vault.index("id_number", "1") == Vault(MASTER).index("id_number", "1")


def test_a_new_installation_draws_a_data_key_of_its_own(
    host: Host, settings: Settings, now: datetime
) -> None:
    host.db.write(lambda session: [session.delete(one) for one in session.query(SiteSecret)])
    host.db.write(lambda session: session.delete(session.get_one(VaultKey, DATA)))
    made = host.db.write(datakey.open_vault, NEXT, suite="gm", now=now)
    key = unwrap_data_key(NEXT, row(host).wrapped)
    assert key != NEXT
    assert made.index("id", "1") == Vault(key).index("id", "1")
    assert NEXT not in row(host).wrapped
    assert key not in row(host).wrapped


def test_another_master_key_is_refused_by_name(host: Host, settings: Settings) -> None:
    with pytest.raises(Refused) as caught:
        open_host(settings, NEXT)
    assert caught.value.code == "keyfile_of_another"
    assert caught.value.params == {"name": key_name(NEXT), "expected": key_name(MASTER)}


def test_a_wrong_key_is_never_taken_over(host: Host, settings: Settings) -> None:
    host.db.write(lambda session: session.delete(session.get_one(VaultKey, DATA)))
    with pytest.raises(Refused, match="keyfile_of_another"):
        open_host(settings, NEXT)
    with host.db.read() as session:
        assert session.get(VaultKey, DATA) is None


@pytest.mark.both_stores
def test_both_keys_open_until_the_change_is_complete(host: Host, settings: Settings, now: datetime) -> None:
    before = reopened(settings, MASTER)
    host.db.write(datakey.begin_change, SYSTEM, (MASTER, NEXT), now=now)
    assert reopened(settings, MASTER) == before
    assert row(host).next_wrapped is not None  # the old key completes nothing
    host.db.write(datakey.complete_change, SYSTEM, now=now)
    assert reopened(settings, NEXT) == before
    with pytest.raises(Refused, match="keyfile_of_another"):
        open_host(settings, MASTER)


def test_opening_with_the_next_key_completes_a_change_that_was_cut_off(
    host: Host, settings: Settings, now: datetime
) -> None:
    host.db.write(datakey.begin_change, SYSTEM, (MASTER, NEXT), now=now)
    reopened(settings, NEXT)
    kept = row(host)
    assert (kept.master, kept.next_wrapped, kept.next_master) == (key_name(NEXT), None, None)
    with pytest.raises(Refused, match="keyfile_of_another"):
        open_host(settings, MASTER)


def test_a_change_begun_twice_is_that_of_the_second_key(
    host: Host, settings: Settings, now: datetime
) -> None:
    third = b"the third master key, 32 bytes.."
    host.db.write(datakey.begin_change, SYSTEM, (MASTER, NEXT), now=now)
    host.db.write(datakey.begin_change, SYSTEM, (MASTER, third), now=now)
    with pytest.raises(Refused, match="keyfile_of_another"):
        open_host(settings, NEXT)
    reopened(settings, third)


def test_what_was_sealed_before_opens_after_and_the_open_host_goes_on(
    host: Host, settings: Settings, now: datetime
) -> None:
    bank = host.vault.new_bank_key()
    medium = host.vault.seal_medium(bank, "ab", b"picture")
    value = host.vault.seal_value("id_number", "7", b"11010519491231002X")
    host.db.write(datakey.begin_change, SYSTEM, (MASTER, NEXT), now=now)
    host.db.write(datakey.complete_change, SYSTEM, now=now)
    later = host.vault.seal_value("photo", "7", b"sealed by the server that ran all the time")
    other = open_host(settings, NEXT)
    assert other.vault.open_medium(bank, "ab", medium) == b"picture"
    assert other.vault.open_value("id_number", "7", value) == b"11010519491231002X"
    assert other.vault.open_value("photo", "7", later).startswith(b"sealed by")
    assert other.vault.attempt_key(3) == host.vault.attempt_key(3)
    other.close()


def test_each_step_is_in_the_chain_without_any_key(host: Host, now: datetime) -> None:
    host.db.write(datakey.begin_change, SYSTEM, (MASTER, NEXT), now=now)
    host.db.write(datakey.complete_change, SYSTEM, now=now)
    with host.db.read() as session:
        from server.db.record import AuditEntry

        entries = [e for e in session.query(AuditEntry) if e.act in {"master_change_begun", "master_changed"}]
        assert [entry.object for entry in entries] == [f"master/{key_name(NEXT)}"] * 2
        assert all(not verdict.breaks for verdict in audit.verify_all(session))


def test_a_damaged_data_key_is_told(host: Host, settings: Settings) -> None:
    def damage(session) -> None:
        kept = session.get_one(VaultKey, DATA)
        kept.wrapped = kept.wrapped[:-1] + bytes([kept.wrapped[-1] ^ 1])

    host.db.write(damage)
    with pytest.raises(Refused, match="data_key_broken"):
        open_host(settings, MASTER)


def test_the_stores_alone_open_nothing(settings: Settings, host: Host) -> None:
    database = Database(settings.main_url, vault=Vault(b"0" * 32), events=Events())
    with database.read() as session, pytest.raises(Refused):
        datakey.open_vault(session, b"0" * 32, suite="intl", now=host.now())
    database.close()
