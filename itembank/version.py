"""The version of the product, and how two versions compare. `setup.cfg` takes it from here."""

import re

VERSION = "0.1.0"
"""The product's version: numbers with dots."""
_NUMBERS = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,6}){0,3}")


def numbers(version: str) -> tuple[int, ...]:
    """A version as numbers, so that 0.10 comes after 0.9 and 0.1 equals 0.1.0; "" is before all others.

    Raises ValueError for anything but one to four numbers with dots.
    """
    if not version:
        return ()
    if not _NUMBERS.fullmatch(version):
        raise ValueError(f"not a version: {version[:40]!r}")
    parts = [int(part) for part in version.split(".")]
    while parts and parts[-1] == 0:
        parts.pop()
    return tuple(parts)


def older(version: str, least: str) -> bool:
    """Whether `version` is older than `least`. Raises ValueError for what is no version."""
    return numbers(version) < numbers(least)


def release_line(version: str = VERSION) -> str:
    """The first two numbers: what is sealed by 0.2.7 can be shown by 0.2.0."""
    return ".".join(version.split(".")[:2])
