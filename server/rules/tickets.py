"""Ticket numbers: day, sitting, running number, and a digit that catches what fingers get wrong.

`YYMMDD` + sitting (two digits, three from the hundredth on) + four digits + check digit (Damm's
algorithm: every single wrong digit and every exchange of two neighbours is noticed).
"""

from datetime import date

RUNNING_MOST = 9999
SITTING_MOST = 999
_DAMM = (
    "0317598642",
    "7092154863",
    "4206871359",
    "1750983426",
    "6123045978",
    "3674209581",
    "5869720134",
    "8945362017",
    "9438617205",
    "2581436790",
)


def ticket_number(on: date, sitting: int, running: int) -> str:
    """The number of the `running`-th candidate (from 1) of a sitting. Raises ValueError out of range."""
    if not 1 <= sitting <= SITTING_MOST or not 1 <= running <= RUNNING_MOST:
        raise ValueError(f"sitting {sitting} or running number {running} is out of range")
    digits = f"{on:%y%m%d}{sitting:02d}{running:04d}"
    return digits + check_digit(digits)


def check_digit(digits: str) -> str:
    """The digit that makes the whole a ticket number."""
    interim = 0
    for digit in digits:
        interim = int(_DAMM[interim][int(digit)])
    return str(interim)
