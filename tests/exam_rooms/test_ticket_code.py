"""The QR code of a ticket: read back however a scanner types it, refused with any other digit."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_rooms.ticket_code import MARK_DIGITS, TicketCode, read_ticket, ticket_text

TICKET = "2611210100017"


def mark(text: str) -> str:
    return hmac.new(b"site", text.encode(), hashlib.sha256).hexdigest()


def other_site(text: str) -> str:
    return hmac.new(b"another", text.encode(), hashlib.sha256).hexdigest()


@given(st.from_regex(r"[0-9A-Z]{1,20}(-[0-9A-Z]{1,8})?", fullmatch=True))
def test_what_is_printed_reads_back(ticket: str) -> None:
    text = ticket_text(ticket, mark)
    assert read_ticket(text, mark) == TicketCode(ticket, marked=True)
    assert len(text) == len(ticket) + 1 + MARK_DIGITS


def test_a_ticket_of_digits_is_a_code_of_digits() -> None:
    assert ticket_text(TICKET, mark).replace("-", "").isdigit()


@pytest.mark.parametrize("place", range(len(TICKET) + 1 + MARK_DIGITS))
def test_one_changed_digit_is_noticed(place: int) -> None:
    text = ticket_text(TICKET, mark)
    if text[place] == "-":
        changed = text.replace("-", "")  # no longer a code: a number that nobody has
        found = read_ticket(changed, mark)
        assert found is not None and not found.marked and found.ticket != TICKET
        return
    changed = text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :]
    assert read_ticket(changed, mark) is None


def test_another_sites_ticket_is_refused() -> None:
    assert read_ticket(ticket_text(TICKET, other_site), mark) is None


@pytest.mark.parametrize("dash", ["-", "－", "—", "−"])
def test_an_input_method_may_widen_it(dash: str) -> None:
    wide = "".join(chr(ord(c) + 0xFEE0) if c.isdigit() else dash for c in ticket_text(TICKET, mark))
    assert read_ticket(f" {wide}　", mark) == TicketCode(TICKET, marked=True)


@pytest.mark.parametrize("typed", [TICKET, " 26112101 00017", "２６１１２１０１０００１７", "261121-0100017"])
def test_a_typed_number_has_no_mark(typed: str) -> None:
    found = read_ticket(typed, mark)
    assert found is not None and not found.marked and TICKET in found.spellings
