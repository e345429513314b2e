"""The vault: sealed things open in their own place only, and rotation touches no item."""

import pytest

from itembank.items import ItemBody, Option
from itembank.sealing import SUITES, SealBroken, new_key, suite_of
from itembank.vault import Vault

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


def test_rotation_rewraps_the_bank_key_and_leaves_the_items(vault: Vault) -> None:
    bank = vault.new_bank_key()
    blob = vault.seal_item(bank, "u", 1, BODY)
    successor = Vault(new_key())
    moved = vault.rewrap(bank, successor)
    assert successor.open_item(moved, "u", 1, blob) == BODY
    with pytest.raises(SealBroken):
        vault.open_item(moved, "u", 1, blob)
    with pytest.raises(SealBroken):
        successor.open_item(bank, "u", 1, blob)


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
