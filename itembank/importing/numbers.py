"""Numbers as files of questions write them: finite, and of a size that arithmetic is exact with."""

from decimal import Decimal, InvalidOperation

_LONGEST = 60  # characters
_LARGEST = 40  # power of ten; arithmetic with numbers beyond any measure overflows


def number(text: str) -> Decimal | None:
    """The number that `text` says, or nothing; what nobody means as a number (1e999999) is none."""
    kept = text.strip()
    if len(kept) > _LONGEST:
        return None
    try:
        value = Decimal(kept)
    except InvalidOperation:
        return None
    return value if value.is_finite() and abs(value.adjusted()) < _LARGEST else None
