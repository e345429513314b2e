"""What other settings would have raised in a room, beside what was raised: the kept looks folded again."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.incidents import IncidentKind
from exam_rooms.watching import CAMERA_KINDS, WatchRules
from proctoring.episodes import Closed, Opened
from proctoring.replay import not_looked_for, refold
from server.access import Actor
from server.db.rooms import Seat
from server.db.sittings import Incident
from server.errors import Refused
from server.services import audit
from server.services.consent import rules_of
from server.services.look_logs import SeatLooks, looks_of
from server.services.roomstate import load


@dataclass(frozen=True, slots=True)
class Would:
    """An episode that would have been raised: seconds None for one that did not end."""

    kind: str
    since: datetime
    seconds: float | None
    scores: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Counts:
    """Episodes of a kind: how many were raised, and how many would have been."""

    raised: int
    would: int


@dataclass(frozen=True, slots=True)
class SeatReplay:
    """One attempt at one seat. `blind`: kinds that were asked for and that its looks say nothing about."""

    seat: str
    attempt: int
    looks: int
    kinds: Mapping[str, Counts]
    episodes: tuple[Would, ...]
    blind: tuple[str, ...]


def rules_here(session: Session, room_sitting_id: int) -> WatchRules:
    """The rules that held in a room's sitting. Refused in one without cameras."""
    rules = rules_of(load(session, room_sitting_id))
    if rules is None:
        raise Refused("room_without_cameras")
    return rules


def replayed(session: Session, room_sitting_id: int, rules: WatchRules, seat: str = "") -> list[SeatReplay]:
    """Every seat with kept looks, or one of them, in the order of their numbers."""
    told = _told(session, room_sitting_id)
    parts: dict[tuple[str, int], list[SeatLooks]] = {}
    for part in looks_of(session, room_sitting_id, seat):
        parts.setdefault((part.seat, part.attempt), []).append(part)
    found = [_seat(place, looks, rules, told) for place, looks in parts.items()]
    return sorted(found, key=lambda each: (len(each.seat), each.seat, each.attempt))


def note_replay(  # noqa: PLR0913 - who replayed what, and when
    session: Session,
    actor: Actor,
    room_sitting_id: int,
    *,
    seat: str,
    changed: bool,
    attempts: int,
    now: datetime,
) -> None:
    """Into the record of the room's sitting: what cameras told of candidates was read again.

    `seat`: the one asked for, "" for all; `changed`: by other settings than those of the time.
    """
    stream = audit.sitting_stream(room_sitting_id)
    audit.record(
        session,
        stream,
        actor,
        "looks_replayed",
        stream,
        now=now,
        seat=seat,
        changed=changed,
        attempts=attempts,
    )


def _seat(
    place: tuple[str, int],
    parts: list[SeatLooks],
    rules: WatchRules,
    told: Mapping[tuple[str, int], Counter[str]],
) -> SeatReplay:
    would: list[Would] = []
    for part in parts:
        would += _episodes(part, rules)
    looks = [look for part in parts for look in part.looks]
    raised, counted = told.get(place, Counter()), Counter(each.kind for each in would)
    kinds = {
        str(kind): Counts(raised[kind], counted[kind])
        for kind in CAMERA_KINDS
        if raised[kind] or counted[kind]
    }
    blind = tuple(str(kind) for kind in not_looked_for(looks, rules))
    return SeatReplay(*place, len(looks), kinds, tuple(would), blind)


def _episodes(part: SeatLooks, rules: WatchRules) -> list[Would]:
    """In the order in which they began to be told."""
    first = part.looks[0].at_ms / 1000 if part.looks else 0.0
    open_ones: dict[IncidentKind, Opened] = {}
    made: list[tuple[Opened, Closed | None]] = []
    for news in refold(part.looks, rules):
        if isinstance(news, Opened):
            open_ones[news.kind] = news
        else:
            made.append((open_ones.pop(news.kind), news))
    made += [(news, None) for news in open_ones.values()]
    return [
        Would(
            kind=str(begun.kind),
            since=part.since_at + timedelta(seconds=begun.since - first),
            seconds=None if ended is None else round(ended.seconds, 3),
            scores=begun.scores,
        )
        for begun, ended in sorted(made, key=lambda pair: pair[0].at)
    ]


def _told(session: Session, room_sitting_id: int) -> dict[tuple[str, int], Counter[str]]:
    """Episodes that the agents told of, by seat number and attempt."""
    query = (
        select(Incident.kind, Incident.details, Seat.number, Incident.attempt_id)
        .join(Seat, Seat.id == Incident.seat_id)
        .where(Incident.room_sitting_id == room_sitting_id, Incident.attempt_id.is_not(None))
    )
    told: dict[tuple[str, int], Counter[str]] = {}
    for kind, details, seat, attempt in session.execute(query):
        # A face that does not match keeps its episodes when the server finds out whose it is.
        name = str(IncidentKind.FACE_MISMATCH) if kind == IncidentKind.SEAT_SWAP else kind
        told.setdefault((seat, attempt), Counter())[name] += len(details.get("episodes", {}))
    return told
