"""Everything that waits for a person in a room, in one order: worst first, then longest waiting.

The same order on the room's screen, on the screen of all rooms and for the key that goes to the worst: what
nobody has taken on comes before what somebody has, and what has ended by itself comes last.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.incidents import Severity
from server.db.signins import SignInRow
from server.db.sittings import Attempt, RoomSitting
from server.services import check_gate, collection, incident_views
from server.services.incident_views import IncidentView
from server.services.monitoring import SeatCard


class EntryKind(StrEnum):
    """What an entry of the queue asks for."""

    INCIDENT = "incident"  # look, and say what it was
    CALL = "call"  # go to a candidate who raised the hand
    DOUBT = "doubt"  # decide at the desk whether the candidate comes in
    FROZEN = "frozen"  # show a covered paper again
    UNCHECKED = "unchecked"  # seats that have not passed their self-check keep the room waiting
    ARRIVAL = "arrival"  # check a candidate who signed in
    MISSING = "missing"  # answers that have not been collected yet


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing to be done. `since` None: it has no beginning of its own. `shade`: act or look.

    `key` names it within its room; `taken`: somebody has acknowledged it; `ended`: its cause is gone;
    `numbers` are the seats of an entry about several.
    """

    kind: EntryKind
    key: str
    room_sitting: int
    severity: int
    since: datetime | None = None
    seat: int | None = None
    number: str = ""
    name: str = ""
    incident: IncidentView | None = None
    taken: bool = False
    ended: bool = False
    numbers: tuple[str, ...] = ()

    @property
    def shade(self) -> str:
        """How urgent it is now."""
        return "act" if self.severity >= Severity.ALERT and not self.ended else "look"

    @property
    def urgent(self) -> bool:
        """Whether somebody has to go there now and nobody has said that they do."""
        return self.shade == "act" and not self.taken


def queue(session: Session, room_sitting_id: int, cards: Sequence[SeatCard], *, now: datetime) -> list[Entry]:
    """The entries of one room, the worst first."""
    found = [*_incidents(session, room_sitting_id), *_covered(session, room_sitting_id, cards)]
    found += _doubted(session, room_sitting_id, cards)
    found += _unchecked(session, room_sitting_id, now=now)
    found += _of_seats(room_sitting_id, cards)
    found += _missing(session, room_sitting_id)
    return in_order(found)


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """Worst first: ended ones last, then those taken on; by severity; calls first; the oldest first."""
    return sorted(entries, key=_urgency)


def _urgency(entry: Entry) -> tuple[bool, bool, int, bool, bool, float]:
    called = entry.kind is EntryKind.CALL
    since = entry.since.timestamp() if entry.since else 0.0
    return entry.ended, entry.taken, -entry.severity, not called, entry.since is None, since


def urgent(entries: Iterable[Entry]) -> int:
    """How many of them are urgent: the number before the page's title."""
    return sum(entry.urgent for entry in entries)


def _incidents(session: Session, room_sitting_id: int) -> list[Entry]:
    return [
        Entry(
            kind=EntryKind.CALL if view.calls else EntryKind.INCIDENT,
            key=f"incident-{view.id}",
            room_sitting=room_sitting_id,
            severity=view.severity,
            since=view.first_at,
            seat=view.seat,
            number=view.number,
            name=view.name,
            incident=view,
            taken=view.state == "acknowledged",
            ended=view.ended_at is not None or view.state == "cleared",
        )
        for view in incident_views.waiting(session, room_sitting_id)
    ]


def _covered(session: Session, room_sitting_id: int, cards: Sequence[SeatCard]) -> list[Entry]:
    covered = {card.attempt: card for card in cards if card.frozen}
    if not covered:
        return []
    query = select(Attempt.id, Attempt.frozen_at).where(Attempt.id.in_(covered))
    since = dict(session.execute(query).all())
    return [
        _at(card, EntryKind.FROZEN, room_sitting_id, Severity.ALERT, since.get(attempt or 0))
        for attempt, card in covered.items()
    ]


def _doubted(session: Session, room_sitting_id: int, cards: Sequence[SeatCard]) -> list[Entry]:
    doubted = {card.attempt: card for card in cards if card.doubted}
    if not doubted:
        return []
    query = select(Attempt.id, SignInRow.entered_at).join(
        SignInRow, SignInRow.standing_for == Attempt.registration_id
    )
    since = dict(session.execute(query.where(Attempt.id.in_(doubted))).all())
    return [
        _at(card, EntryKind.DOUBT, room_sitting_id, Severity.ALERT, since.get(attempt or 0))
        for attempt, card in doubted.items()
    ]


def _of_seats(room_sitting_id: int, cards: Sequence[SeatCard]) -> list[Entry]:
    return [
        _at(card, EntryKind.ARRIVAL, room_sitting_id, Severity.INFO, None)
        for card in cards
        if card.state == "identified"
    ]


def _at(
    card: SeatCard, kind: EntryKind, room_sitting_id: int, severity: Severity, since: datetime | None
) -> Entry:
    place = {"seat": card.seat, "number": card.number, "name": card.name}
    return Entry(kind, f"{kind}-{card.seat}", room_sitting_id, severity, since, **place)  # type: ignore[arg-type]


def _unchecked(session: Session, room_sitting_id: int, *, now: datetime) -> list[Entry]:
    """Self-checks that keep the room waiting: between the release and the start."""
    if session.get_one(RoomSitting, room_sitting_id).state != "released":
        return []
    tally = check_gate.tally_of(session, room_sitting_id, now=now)
    if not tally.blocked:
        return []
    severity = Severity.ALERT if tally.required else Severity.WARNING
    return [Entry(EntryKind.UNCHECKED, "unchecked", room_sitting_id, severity, numbers=tally.blocked)]


def _missing(session: Session, room_sitting_id: int) -> list[Entry]:
    return [
        Entry(EntryKind.MISSING, f"missing-{attempt}", room_sitting_id, Severity.WARNING, number=number)
        for attempt, number in collection.tally(session, room_sitting_id).missing
    ]
