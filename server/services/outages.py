"""Seats without link in a room: since when, and how many answers wait there as far as is known."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from exam_rooms.seats import AttemptState, SeatLink
from server.services.monitoring import EMPTY, SeatCard
from server.services.roomstate import CLOSED

RESCUE_AFTER = timedelta(minutes=5)
"""A link that has not come back by itself by then probably needs a person."""


@dataclass(frozen=True, slots=True)
class Outage:
    """`waiting` is what the seat's last heartbeat said: there may be more by now. `rescue`: time to fetch
    the answers by hand.
    """

    seat: int
    number: str
    name: str
    since: datetime
    minutes: int
    waiting: int
    rescue: bool


def outages(cards: list[SeatCard], now: datetime) -> list[Outage]:
    """Seats with a candidate and without link, the longest first."""
    found = [_outage(card, card.link_since, now) for card in cards if _away(card) and card.link_since]
    return sorted(found, key=lambda outage: outage.since)


def _away(card: SeatCard) -> bool:
    if card.state == EMPTY or card.link != SeatLink.LOST:
        return False
    return AttemptState(card.state) not in CLOSED or card.waiting > 0


def _outage(card: SeatCard, since: datetime, now: datetime) -> Outage:
    lasted = now - since
    minutes = int(lasted.total_seconds() // 60)
    return Outage(card.seat, card.number, card.name, since, minutes, card.waiting, lasted >= RESCUE_AFTER)
