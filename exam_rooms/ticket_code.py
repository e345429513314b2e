"""What the QR code of an admission ticket says: the ticket number and a mark that only the site can make.

The text is `<ticket number>-<24 digits>`. It holds digits alone where the number does, because desk scanners
type what they read and an input method for Chinese garbles letters and signs. Nothing about the candidate
stands in it; the mark shows that the ticket was issued here and that no digit was changed.
"""

import hmac
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from exam_rooms.admission import clean_ticket

Mark = Callable[[str], str]
"""The site's keyed mark of a text as hex digits (at least 32 of them)."""
PURPOSE = "admission-ticket"
"""For which use of the site's key the mark is made."""
MARK_DIGITS = 24
"""80 bits as decimal digits, filled up with zeros in front."""
_MARK_BITS = 79
_CODE = re.compile(r"(?P<ticket>.+)-(?P<mark>[0-9]{24})")
_DASHES = str.maketrans(dict.fromkeys("－–—‐−ー﹣", "-"))


@dataclass(frozen=True, slots=True)
class TicketCode:
    """What was read: a ticket number as it stands there, and whether the site's mark was with it.

    A typed number has no mark.
    """

    ticket: str
    marked: bool

    @property
    def spellings(self) -> frozenset[str]:
        """The number as it stands there and as numbers are compared: other systems put hyphens in it."""
        return frozenset({self.ticket, clean_ticket(self.ticket)})


def ticket_text(ticket: str, mark: Mark) -> str:
    """The text of a ticket's QR code."""
    return f"{ticket}-{_digits(ticket, mark)}"


def read_ticket(text: str, mark: Mark) -> TicketCode | None:
    """The ticket number in what was scanned or typed; None for a code whose mark is not the site's.

    Full-width characters and blanks, as input methods make them, do not matter.
    """
    plain = "".join(unicodedata.normalize("NFKC", text).translate(_DASHES).split())
    found = _CODE.fullmatch(plain)
    if found is None:
        return TicketCode(plain, marked=False)
    ticket = found["ticket"]
    right = hmac.compare_digest(_digits(ticket, mark), found["mark"])
    return TicketCode(ticket, marked=True) if right else None


def _digits(ticket: str, mark: Mark) -> str:
    number = int(mark(clean_ticket(ticket))[:32], 16) >> (128 - _MARK_BITS)
    return str(number).zfill(MARK_DIGITS)
