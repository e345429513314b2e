"""Sealing: what was sealed opens with the same key and use, and with nothing else."""

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from itembank.sealing import (
    SUITES,
    PassphraseParams,
    SealBroken,
    blind_index,
    derive,
    new_key,
    new_salt,
    open_sealed,
    passphrase_key,
    seal,
    suite_of,
    unwrap,
    wrap,
)

KEY = bytes(range(32))
QUICK = PassphraseParams(memory_kib=64, iterations=1, lanes=1)
suites = pytest.mark.parametrize("suite", sorted(SUITES))


@given(st.binary(max_size=300), st.binary(max_size=60), st.sampled_from(sorted(SUITES)))
def test_what_is_sealed_opens(plaintext: bytes, aad: bytes, suite: str) -> None:
    blob = seal(KEY, plaintext, aad, suite=suite)
    assert open_sealed(KEY, blob, aad) == plaintext
    assert suite_of(blob) == suite
    assert len(blob) == 1 + 12 + len(plaintext) + 16


@suites
def test_every_flipped_bit_is_noticed(suite: str) -> None:
    blob = seal(KEY, b"secret", b"use", suite=suite)
    for bit in range(len(blob) * 8):
        changed = bytearray(blob)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SealBroken):
            open_sealed(KEY, bytes(changed), b"use")


@suites
def test_every_cut_is_noticed(suite: str) -> None:
    blob = seal(KEY, b"secret", b"use", suite=suite)
    for length in range(len(blob)):
        with pytest.raises(SealBroken):
            open_sealed(KEY, blob[:length], b"use")


@suites
def test_another_key_or_use_does_not_open(suite: str) -> None:
    blob = seal(KEY, b"secret", b"use", suite=suite)
    with pytest.raises(SealBroken):
        open_sealed(new_key(), blob, b"use")
    with pytest.raises(SealBroken):
        open_sealed(KEY, blob, b"other use")


def test_one_suites_blob_is_not_read_as_anothers() -> None:
    blob = seal(KEY, b"secret", b"", suite="gm")
    with pytest.raises(SealBroken):
        open_sealed(KEY, bytes([SUITES["intl"].number]) + blob[1:], b"")


def test_equal_texts_are_sealed_differently() -> None:
    assert len({seal(KEY, b"same", b"") for _ in range(50)}) == 50


def test_the_envelope_is_as_documented() -> None:
    blob = seal(KEY, b"secret", b"use")
    assert AESGCM(KEY).decrypt(blob[1:13], blob[13:], b"\x01use") == b"secret"


@pytest.mark.parametrize(
    ("suite", "digest"),
    [
        ("intl", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        # GB/T 32905, example 1
        ("gm", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
    ],
)
def test_digests_are_the_published_ones(suite: str, digest: str) -> None:
    assert SUITES[suite].digest(b"abc").hex() == digest


def test_sm4_gcm_is_that_of_rfc_8998() -> None:
    # RFC 8998, appendix A.1
    key = bytes.fromhex("0123456789abcdeffedcba9876543210")
    nonce = bytes.fromhex("00001234567800000000abcd")
    aad = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
    text = b"".join(bytes([value]) * 8 for value in (0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF, 0xEE, 0xAA))
    expected = bytes.fromhex(
        "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735"
        "d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d"
    )
    tag = bytes.fromhex("83de3541e4c2b58177e065a9bf7b62ec")
    worker = Cipher(algorithms.SM4(key), modes.GCM(nonce)).encryptor()
    worker.authenticate_additional_data(aad)
    assert (worker.update(text) + worker.finalize(), worker.tag) == (expected, tag)


def test_the_gm_envelope_is_sm4_gcm_under_a_key_of_hkdf_sm3() -> None:
    blob = seal(KEY, b"secret", b"use", suite="gm")
    key = HKDF(hashes.SM3(), 16, salt=None, info=b"examhall sm4-gcm").derive(KEY)
    worker = Cipher(algorithms.SM4(key), modes.GCM(blob[1:13], blob[-16:])).decryptor()
    worker.authenticate_additional_data(b"\x02use")
    assert worker.update(blob[13:-16]) + worker.finalize() == b"secret"


def test_each_suite_derives_by_its_own_hash() -> None:
    # HKDF of RFC 5869 by hand over SM3; HMAC pads to the 64-byte block of SM3.
    digest = SUITES["gm"].digest

    def mac(key: bytes, data: bytes) -> bytes:
        inner, outer = (bytes(byte ^ pad for byte in key.ljust(64, b"\0")) for pad in (0x36, 0x5C))
        return digest(outer + digest(inner + data))

    assert derive(KEY, "banks", suite="gm") == mac(mac(bytes(32), KEY), b"banks\x01")
    assert derive(KEY, "banks", suite="gm") != derive(KEY, "banks")


@pytest.mark.dear
@given(st.binary(min_size=1, max_size=80), st.sampled_from(sorted(SUITES)), st.data())
def test_any_flipped_bit_or_other_use_or_suite_is_noticed(
    text: bytes, suite: str, data: st.DataObject
) -> None:
    blob = bytearray(seal(KEY, text, b"use", suite=suite))
    bit = data.draw(st.integers(0, len(blob) * 8 - 1))
    blob[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SealBroken):
        open_sealed(KEY, bytes(blob), b"use")
    blob[bit // 8] ^= 1 << bit % 8
    assert open_sealed(KEY, bytes(blob), b"use") == text
    with pytest.raises(SealBroken):
        open_sealed(KEY, bytes(blob), b"use" + data.draw(st.binary(min_size=1, max_size=4)))
    (other,) = set(SUITES) - {suite}
    with pytest.raises(SealBroken):
        open_sealed(KEY, bytes([SUITES[other].number]) + bytes(blob[1:]), b"use")


def test_derived_keys_are_hkdf_sha256() -> None:
    extracted = hmac.new(bytes(32), KEY, hashlib.sha256).digest()
    expected = hmac.new(extracted, b"attempt/7\x01", hashlib.sha256).digest()
    assert derive(KEY, "attempt/7") == expected
    assert derive(KEY, "attempt/8") != expected


def test_a_wrapped_key_comes_back_and_nothing_else_counts_as_one() -> None:
    key = new_key()
    assert unwrap(KEY, wrap(KEY, key, b"bank"), b"bank") == key
    with pytest.raises(SealBroken):
        unwrap(KEY, seal(KEY, b"short", b"bank"), b"bank")


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_keys_of_another_length_are_refused(length: int) -> None:
    for suite in SUITES:
        with pytest.raises(ValueError, match="32 bytes"):
            seal(bytes(length), b"", b"", suite=suite)


def test_an_unknown_suite_is_refused() -> None:
    with pytest.raises(KeyError):
        seal(KEY, b"", b"", suite="rot13")


def test_passphrases_are_stretched_with_their_salt() -> None:
    salt = new_salt()
    key = passphrase_key("考务一号口令", salt, params=QUICK)
    assert len(key) == 32
    assert passphrase_key("考务一号口令", salt, params=QUICK) == key
    assert passphrase_key("考务二号口令", salt, params=QUICK) != key
    assert passphrase_key("考务一号口令", new_salt(), params=QUICK) != key


def test_a_passphrase_typed_in_full_width_is_the_same() -> None:
    salt = new_salt()
    assert passphrase_key("ＡＢＣ１２３", salt, params=QUICK) == passphrase_key("ABC123", salt, params=QUICK)


def test_params_survive_json_and_absurd_ones_are_refused() -> None:
    assert PassphraseParams.from_json(QUICK.to_json()) == QUICK
    for name, value in [("memory_kib", 1 << 30), ("iterations", 0), ("lanes", "1"), ("lanes", True)]:
        with pytest.raises(ValueError, match="out of bounds"):
            PassphraseParams.from_json({**QUICK.to_json(), name: value})
    with pytest.raises(ValueError, match="out of bounds"):
        PassphraseParams.from_json({})


def test_a_blind_index_finds_equal_values_under_one_key_only() -> None:
    index = blind_index(KEY, "11010519491231002X")
    assert len(index) == 32
    assert int(index, 16) >= 0
    assert blind_index(KEY, "11010519491231002X") == index
    assert blind_index(KEY, "110105194912310020") != index
    assert blind_index(new_key(), "11010519491231002X") != index
