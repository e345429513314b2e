"""Pairing codes: what people read aloud and type comes back as the same bytes, or not at all."""

import hashlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_rooms.pairing import (
    ALPHABET,
    LONGEST,
    decode_code,
    encode_code,
    fingerprint,
    matches,
    spell,
    unspell,
)

SECRETS, PRINTS = st.binary(min_size=5, max_size=5), st.binary(min_size=10, max_size=10)


@given(SECRETS, PRINTS)
def test_a_code_comes_back(secret: bytes, print_: bytes) -> None:
    code = encode_code(secret, print_)
    assert decode_code(code) == (secret, print_)
    assert [len(group) for group in code.split("-")] == [4] * 6
    assert set(code) <= set(ALPHABET) | {"-"}


@given(SECRETS, PRINTS)
def test_typing_is_forgiven(secret: bytes, print_: bytes) -> None:
    code = encode_code(secret, print_)
    typed = f"  {code.lower().replace('-', ' ')}\n".replace("0", "o").replace("1", "l")
    assert decode_code(typed) == (secret, print_)
    assert decode_code(code.replace("-", "").replace("1", "I")) == (secret, print_)


@given(SECRETS, PRINTS, st.integers(0, 23), st.sampled_from(ALPHABET))
def test_another_letter_is_another_code(secret: bytes, print_: bytes, place: int, letter: str) -> None:
    code = encode_code(secret, print_).replace("-", "")
    changed = code[:place] + letter + code[place + 1 :]
    assert (decode_code(changed) == (secret, print_)) == (changed == code)


@given(st.binary(max_size=40))
def test_spelling_comes_back(data: bytes) -> None:
    assert unspell(spell(data)) == data


def test_known_spelling() -> None:
    assert spell(bytes(5)) == "00000000"
    assert spell(b"\xff" * 5) == "ZZZZZZZZ"
    assert spell(b"\x00\x00\x00\x00\x01") == "00000001"
    assert spell(b"\x08") == "10"


@pytest.mark.parametrize(
    "text",
    ["", "ABCD", "U" * 24, "*" * 24, "0" * 23, "0" * 25, "0" * 16, "配对码", "0000-0000-0000-0000-0000-000?"],
)
def test_no_code(text: str) -> None:
    with pytest.raises(ValueError, match="pairing code"):
        decode_code(text)


@pytest.mark.parametrize("text", ["Z" * 65, " " * 41 + "0" * 24, "Z" * 3_000_000, "-" * 3_000_000])
def test_endless_text_is_refused_before_it_is_read(text: str) -> None:
    began = time.process_time()
    with pytest.raises(ValueError, match="too long"):
        unspell(text)
    with pytest.raises(ValueError, match="too long"):
        decode_code(text)
    assert time.process_time() - began < 0.1


def test_the_longest_text_is_still_read() -> None:
    assert decode_code(" " * (LONGEST - 24) + "0" * 24) == (bytes(5), bytes(10))
    assert unspell("0" * LONGEST) == bytes(40)


def test_wrong_sizes_are_refused() -> None:
    for secret, print_ in ((b"1234", b"x" * 10), (b"12345", b"x" * 9), (b"", b"")):
        with pytest.raises(ValueError, match="5 bytes"):
            encode_code(secret, print_)


def test_a_fingerprint_is_of_the_certificate_alone() -> None:
    certificate = b"certificate"
    assert fingerprint(certificate) == hashlib.sha256(certificate).digest()[:10]
    assert matches(certificate, fingerprint(certificate))
    assert not matches(b"certificate2", fingerprint(certificate))
