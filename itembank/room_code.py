"""The room code: a release secret as letters and digits that one person reads out and another types.

Every 16 bytes become 26 signs of Crockford's base 32 (no I, L, O, U) and two check signs, written in groups
of four. The check signs make the 28 a Reed-Solomon word over GF(32): any two wrong or exchanged signs are
noticed, and of a single wrong one the group is known.
"""

import unicodedata

SECRET_BYTES = 16
"""Bytes of secret in one word of the code."""
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
GROUP = 4
_DATA, _SIGNS = 26, 28
_READ = {sign: number for number, sign in enumerate(ALPHABET)} | {"O": 0, "I": 1, "L": 1}
_FIELD = 31  # non-zero elements of GF(32)


def _powers() -> tuple[int, ...]:
    value, found = 1, []
    for _ in range(_FIELD):
        found.append(value)
        value <<= 1
        value ^= 0b100101 if value & 0b100000 else 0  # x^5 + x^2 + 1
    return tuple(found)


_POWER = _powers()
_LOG = {value: exponent for exponent, value in enumerate(_POWER)}


class RoomCodeWrong(Exception):
    """What was typed is no room code; `code` is one of

    room_code_length (`params`: signs typed, wanted), room_code_sign (sign), room_code_group (group: one sign
    is wrong, in the group of this number) or room_code_wrong (several are).
    """

    def __init__(self, code: str, **params: object) -> None:
        super().__init__(code)
        self.code = code
        self.params = params


def room_code(secret: bytes) -> str:
    """The code of a secret of 16 or 32 bytes, in groups of four signs with hyphens. Raises ValueError."""
    if len(secret) not in (SECRET_BYTES, 2 * SECRET_BYTES):
        raise ValueError("a release secret has 16 or 32 bytes")
    parts = (secret[start : start + SECRET_BYTES] for start in range(0, len(secret), SECRET_BYTES))
    text = "".join(ALPHABET[value] for part in parts for value in _word(part))
    return "-".join(text[start : start + GROUP] for start in range(0, len(text), GROUP))


def secret_of_code(text: str) -> bytes:
    """The secret behind a typed code. Case, blanks, hyphens and full-width signs do not matter; O is 0, I and
    L are 1. Raises `RoomCodeWrong`.
    """
    typed = [sign for sign in unicodedata.normalize("NFKC", text).upper() if not _gap(sign)]
    strange = next((sign for sign in typed if sign not in _READ), None)
    if strange is not None:
        raise RoomCodeWrong("room_code_sign", sign=strange)
    if len(typed) not in (_SIGNS, 2 * _SIGNS):
        raise RoomCodeWrong("room_code_length", typed=len(typed), wanted=_SIGNS)
    values = [_READ[sign] for sign in typed]
    starts = range(0, len(values), _SIGNS)
    return b"".join(_checked(values[start : start + _SIGNS], start) for start in starts)


def _gap(sign: str) -> bool:
    return sign.isspace() or unicodedata.category(sign) == "Pd"


def _word(secret: bytes) -> list[int]:
    number = int.from_bytes(secret, "big") << (5 * _DATA - 8 * SECRET_BYTES)
    values = [number >> 5 * (_DATA - 1 - place) & 31 for place in range(_DATA)]
    total, weighted = _sums(values)
    last = _times(weighted ^ _times(total, _POWER[_DATA]), _inverse(_POWER[_DATA] ^ _POWER[_DATA + 1]))
    return [*values, total ^ last, last]


def _checked(values: list[int], start: int) -> bytes:
    total, weighted = _sums(values)
    if total or weighted:
        place = (_LOG[weighted] - _LOG[total]) % _FIELD if total and weighted else _SIGNS
        if place < _SIGNS:
            raise RoomCodeWrong("room_code_group", group=(start + place) // GROUP + 1)
        raise RoomCodeWrong("room_code_wrong")
    number = 0
    for value in values[:_DATA]:
        number = number << 5 | value
    spare = 5 * _DATA - 8 * SECRET_BYTES
    if number & ((1 << spare) - 1):
        raise RoomCodeWrong("room_code_wrong")
    return (number >> spare).to_bytes(SECRET_BYTES, "big")


def _sums(values: list[int]) -> tuple[int, int]:
    """The two syndromes: the sum of the signs, and the sum weighted by powers of the generator."""
    total = weighted = 0
    for place, value in enumerate(values):
        total ^= value
        weighted ^= _times(value, _POWER[place])
    return total, weighted


def _times(a: int, b: int) -> int:
    return _POWER[(_LOG[a] + _LOG[b]) % _FIELD] if a and b else 0


def _inverse(a: int) -> int:
    return _POWER[-_LOG[a] % _FIELD]
