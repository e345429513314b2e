"""Citizen identity numbers by GB 11643-1999: eighteen characters, of which the last is a check."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"  # ISO 7064 MOD 11-2
_SHAPE = re.compile(r"[0-9]{17}[0-9X]")
_OLD_SHAPE = re.compile(r"[0-9]{15}")
_EARLIEST_YEAR = 1900
_DIVISIONS = ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65), (71, 71), (81, 83))
PROVINCES = frozenset(str(code) for first, last in _DIVISIONS for code in range(first, last + 1))
"""Division codes of GB/T 2260: the provinces, Taiwan, Hong Kong, Macao; 83 is used in residence permits."""


class IdFault(StrEnum):
    """Why a text is no identity number; the values are message codes."""

    MISSING = "id_missing"
    OLD = "id_15_digits"  # withdrawn in 2013; has no check character
    SHAPE = "id_shape"  # not 17 digits and a digit or X
    PROVINCE = "id_province"
    BIRTH = "id_birth_date"  # not a day of the calendar, before 1900, or in the future
    CHECK = "id_check_digit"


class Sex(StrEnum):
    """The sex that the sequence digit says."""

    FEMALE = "female"
    MALE = "male"


@dataclass(frozen=True, slots=True)
class IdNumber:
    """A number whose form is right; whether such a person exists only the police can say."""

    text: str
    province: str
    birth: date
    sex: Sex


def clean_id(text: str) -> str:
    """The number as it is compared and stored: half-width, without blanks, X in upper case."""
    return "".join(unicodedata.normalize("NFKC", text).split()).upper()


def check_id_number(text: str, *, today: date | None = None) -> IdNumber | IdFault:
    """The parts of an identity number, or the first fault of it. With `today`, births after it are faults."""
    number = clean_id(text)
    if not number:
        return IdFault.MISSING
    if not _SHAPE.fullmatch(number):
        return IdFault.OLD if _OLD_SHAPE.fullmatch(number) else IdFault.SHAPE
    if number[:2] not in PROVINCES:
        return IdFault.PROVINCE
    birth = _birth(number[6:14], today)
    if birth is None:
        return IdFault.BIRTH
    if check_character(number[:17]) != number[17]:
        return IdFault.CHECK
    return IdNumber(number, number[:2], birth, Sex.MALE if int(number[16]) % 2 else Sex.FEMALE)


def check_character(digits: str) -> str:
    """The eighteenth character for the first seventeen digits."""
    return _CHECKS[sum(int(digit) * weight for digit, weight in zip(digits, _WEIGHTS, strict=True)) % 11]


def mask_id(text: str) -> str:
    """The number as lists and screens show it: the first three and the last four characters."""
    number = clean_id(text)
    if len(number) <= 7:
        return "*" * len(number)
    return f"{number[:3]}{'*' * (len(number) - 7)}{number[-4:]}"


def _birth(text: str, today: date | None) -> date | None:
    try:
        birth = date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None
    if birth.year < _EARLIEST_YEAR or (today is not None and birth > today):
        return None
    return birth
