"""The vault: sealed things open in their own place only, and get a new key without being lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itembank.items import ItemBody, Option
from itembank.sealing import SUITES, SealBroken, new_key, suite_of
from itembank.vault import Vault, bank_suite, key_name, ring, unwrap_data_key, wrap_data_key

BODY = ItemBody(
    "下列说法正确的是（　　）。", (Option("A", "甲"), Option("B", "乙")), ("B",), "因为乙。", "某条例第二条"
)


@pytest.fixture(params=sorted(SUITES))
def vault(request: pytest.FixtureRequest) -> Vault:
    return Vault(new_key(), suite=request.param)


def test_an_item_opens_as_it_was_sealed_and_shows_nothing_sealed(vault: Vault) -> None:
    bank = vault.new_bank_key()
    blob = vault.seal_item(bank, "B-A-001", 1, BODY)
    assert vault.open_item(bank, "B-A-001", 1, blob) == BODY
    assert "下列".encode() not in blob
    assert "因为".encode() not in blob


def test_the_suite_holds_for_everything_the_vault_seals() -> None:
    vault = Vault(new_key(), suite="gm")
    bank = vault.new_bank_key()
    sealed = [bank, vault.seal_item(bank, "u", 1, BODY), vault.seal_value("name", "1", b"x")]
    assert {suite_of(blob) for blob in sealed} == {"gm"}


@pytest.mark.parametrize(("uid", "version"), [("B-A-002", 1), ("B-A-001", 2), ("B-A-00", 11)])
def test_an_item_moved_to_another_place_does_not_open(vault: Vault, uid: str, version: int) -> None:
    bank = vault.new_bank_key()
    blob = vault.seal_item(bank, "B-A-001", 1, BODY)
    with pytest.raises(SealBroken):
        vault.open_item(bank, uid, version, blob)


def test_an_item_does_not_open_with_another_banks_key(vault: Vault) -> None:
    blob = vault.seal_item(vault.new_bank_key(), "u", 1, BODY)
    with pytest.raises(SealBroken):
        vault.open_item(vault.new_bank_key(), "u", 1, blob)


def test_a_medium_opens_for_its_hash_only(vault: Vault) -> None:
    bank = vault.new_bank_key()
    blob = vault.seal_medium(bank, "ab" * 32, b"\x89PNG picture")
    assert vault.open_medium(bank, "ab" * 32, blob) == b"\x89PNG picture"
    assert b"picture" not in blob
    with pytest.raises(SealBroken):
        vault.open_medium(bank, "cd" * 32, blob)
    with pytest.raises(SealBroken):
        vault.open_item(bank, "ab" * 32, 1, blob)


@pytest.mark.parametrize("suite", sorted(SUITES))
def test_a_bank_seals_by_the_suite_of_its_own_key(vault: Vault, suite: str) -> None:
    bank = vault.new_bank_key(suite)
    sealed = [bank, vault.seal_item(bank, "u", 1, BODY), vault.seal_medium(bank, "ab", b"x")]
    assert {suite_of(blob) for blob in sealed} == {suite}
    assert bank_suite(bank) == suite


def test_a_ring_seals_with_its_first_key_and_opens_with_each(vault: Vault) -> None:
    old, new, other = vault.new_bank_key(), vault.new_bank_key("gm"), vault.new_bank_key()
    both = ring([new, old])
    before, after = vault.seal_item(old, "u", 1, BODY), vault.seal_item(both, "u", 1, BODY)
    assert [vault.open_item(both, "u", 1, blob) for blob in (before, after)] == [BODY, BODY]
    assert vault.open_item(new, "u", 1, after) == BODY
    assert bank_suite(both) == "gm"
    for key in (old, other, ring([other, old])):
        with pytest.raises(SealBroken):
            vault.open_item(key, "u", 1, after)


@pytest.mark.parametrize("damage", [b"\x00", b"\x00\x00", b"\x00\x02", b"\x00\x01\x00\x05abc"])
def test_what_is_no_ring_opens_nothing(vault: Vault, damage: bytes) -> None:
    blob = vault.seal_medium(vault.new_bank_key(), "ab", b"x")
    with pytest.raises(SealBroken):
        vault.open_medium(damage, "ab", blob)


def test_a_ring_has_at_least_one_key() -> None:
    with pytest.raises(ValueError, match="1 to 8"):
        ring([])


@given(st.binary(max_size=200), st.sampled_from(sorted(SUITES)), st.sampled_from(sorted(SUITES)))
def test_resealing_moves_to_the_new_key_once_and_keeps_what_is_sealed(
    data: bytes, one: str, two: str
) -> None:
    vault = Vault(bytes(range(32)))
    old, new = vault.new_bank_key(one), vault.new_bank_key(two)
    medium = vault.seal_medium(old, "ab", data)
    moved = vault.reseal_medium(ring([new, old]), new, "ab", medium)
    assert vault.open_medium(new, "ab", moved) == data
    assert suite_of(moved) == two
    with pytest.raises(SealBroken):
        vault.open_medium(old, "ab", moved)
    assert vault.reseal_medium(ring([new, old]), new, "ab", moved) == moved


def test_resealing_an_item_keeps_its_place(vault: Vault) -> None:
    old, new = vault.new_bank_key(), vault.new_bank_key()
    moved = vault.reseal_item(old, new, ("u", 3), vault.seal_item(old, "u", 3, BODY))
    assert vault.open_item(new, "u", 3, moved) == BODY
    with pytest.raises(SealBroken):
        vault.reseal_item(old, new, ("u", 2), vault.seal_item(old, "u", 3, BODY))


@pytest.mark.parametrize("suite", sorted(SUITES))
def test_the_data_key_comes_back_under_its_master_alone(suite: str) -> None:
    master, key = new_key(), new_key()
    wrapped = wrap_data_key(master, key, suite=suite)
    assert unwrap_data_key(master, wrapped) == key
    assert key not in wrapped
    with pytest.raises(SealBroken):
        unwrap_data_key(new_key(), wrapped)


def test_a_master_key_has_a_name_that_is_not_the_key() -> None:
    master = new_key()
    assert key_name(master) == key_name(master) != key_name(new_key())
    assert len(key_name(master)) == 16
    assert key_name(master) not in master.hex()


def test_values_of_one_suite_open_after_the_installation_took_the_other() -> None:
    key = new_key()
    before, after = Vault(key), Vault(key, suite="gm")
    blob = before.seal_value("id_number", "17", b"11010519491231002X")
    assert after.open_value("id_number", "17", blob) == b"11010519491231002X"
    assert suite_of(after.seal_value("id_number", "17", b"x")) == "gm"
    assert after.index("id_number", "1") == before.index("id_number", "1")
    assert after.attempt_key(7) == before.attempt_key(7)


def test_a_value_opens_for_its_purpose_and_owner_only(vault: Vault) -> None:
    blob = vault.seal_value("id_number", "17", b"11010519491231002X")
    assert vault.open_value("id_number", "17", blob) == b"11010519491231002X"
    for purpose, owner in [("id_number", "18"), ("photo", "17"), ("id_number1", "7")]:
        with pytest.raises(SealBroken):
            vault.open_value(purpose, owner, blob)


def test_an_index_is_stable_and_tied_to_purpose_and_master() -> None:
    master = new_key()
    index = Vault(master).index("id_number", "11010519491231002X")
    assert Vault(master).index("id_number", "11010519491231002X") == index
    assert Vault(master).index("ticket", "11010519491231002X") != index
    assert Vault(new_key()).index("id_number", "11010519491231002X") != index


def test_attempts_have_keys_of_their_own() -> None:
    master = new_key()
    keys = {Vault(master).attempt_key(number) for number in range(20)}
    assert len(keys) == 20
    assert Vault(master).attempt_key(3) in keys
    assert all(len(key) == 32 for key in keys)


def test_a_short_master_is_refused_and_no_vault_prints_its_key() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Vault(b"short")
    master = new_key()
    assert master.hex() not in repr(Vault(master))
    assert repr(master) not in repr(Vault(master))
