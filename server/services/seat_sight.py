"""When somebody worked at each seat of a room, and what its camera could see of that: spans for the sums."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from proctoring.watched import VERIFY, SeatTime, Sight, Span, seat_time
from server.db.privacy import Consent
from server.db.proctoring import CameraSpan
from server.db.rooms import Seat
from server.db.sittings import Attempt, LinkGapRow, SeatStay
from server.services.roomstate import RoomState

Work = Mapping[tuple[int, int], list[Span]]
"""(attempt, seat) -> when that candidate worked there."""


def times(session: Session, state: RoomState, *, now: datetime) -> list[tuple[str, SeatTime]]:
    """Seat number -> its time, of every seat at which somebody worked, in the order of the plan."""
    attempts = {row.id: row for row in _attempts(session, state)}
    gaps, consents = _gaps(session, attempts, now), _manual(session, attempts.values(), now)
    by_seat: dict[int, list[tuple[int, list[Span]]]] = {}
    for (attempt, seat), spans in work(session, state, now=now).items():
        by_seat.setdefault(seat, []).append((attempt, spans))
    sights = _sights(session, by_seat, now)
    numbers = session.execute(select(Seat.id, Seat.number).where(Seat.id.in_(by_seat)).order_by(Seat.id))
    found = []
    for seat, number in numbers:
        spans = [span for _attempt, each in by_seat[seat] for span in each]
        one = seat_time(
            spans,
            sights.get(seat, []),
            unlinked=[gap for attempt, _spans in by_seat[seat] for gap in gaps.get(attempt, [])],
            manual=_during(by_seat[seat], consents),
        )
        found.append((number, one))
    return found


def work(session: Session, state: RoomState, *, now: datetime) -> Work:
    """When each candidate worked, by seat: from the paper's first showing to the end, cut by seat changes."""
    found: dict[tuple[int, int], list[Span]] = {}
    stays = _stays(session, state)
    for attempt in _attempts(session, state):
        assert attempt.answering_at is not None
        ended = attempt.closed_at or state.row.ended_at or now
        whole = _span(attempt.answering_at, ended)
        for seat, since, until in stays.get(attempt.id) or [(attempt.seat_id, None, None)]:
            span = Span(
                max(whole.since, since.timestamp()) if since else whole.since,
                min(whole.until, until.timestamp()) if until else whole.until,
            )
            if span.since < span.until:
                found.setdefault((attempt.id, seat), []).append(span)
    return found


def _attempts(session: Session, state: RoomState) -> list[Attempt]:
    query = select(Attempt).where(Attempt.room_sitting_id == state.row.id, Attempt.answering_at.is_not(None))
    return list(session.scalars(query.order_by(Attempt.id)))


def _stays(
    session: Session, state: RoomState
) -> dict[int, list[tuple[int, datetime | None, datetime | None]]]:
    query = (
        select(SeatStay.attempt_id, SeatStay.seat_id, SeatStay.from_at, SeatStay.until_at)
        .join(Attempt, Attempt.id == SeatStay.attempt_id)
        .where(Attempt.room_sitting_id == state.row.id)
        .order_by(SeatStay.id)
    )
    found: dict[int, list[tuple[int, datetime | None, datetime | None]]] = {}
    for attempt, seat, since, until in session.execute(query):
        found.setdefault(attempt, []).append((seat, since, until))
    return found


def _sights(session: Session, seats: Iterable[int], now: datetime) -> dict[int, list[Sight]]:
    query = select(CameraSpan).where(CameraSpan.seat_id.in_(list(seats))).order_by(CameraSpan.id)
    found: dict[int, list[Sight]] = {}
    for row in session.scalars(query):
        missing = frozenset(row.unavailable) | ({VERIFY} if row.checks == "enrol" else frozenset())
        span = _span(row.from_at, row.until_at or now)
        if span.since < span.until:
            sight = Sight(span.since, span.until, row.state, row.checks, missing)
            found.setdefault(row.seat_id, []).append(sight)
    return found


def _gaps(session: Session, attempts: Iterable[int], now: datetime) -> dict[int, list[Span]]:
    query = select(LinkGapRow).where(LinkGapRow.attempt_id.in_(list(attempts)))
    found: dict[int, list[Span]] = {}
    for row in session.scalars(query):
        found.setdefault(row.attempt_id, []).append(_span(row.lost_at, row.back_at or now))
    return found


def _manual(session: Session, attempts: Iterable[Attempt], now: datetime) -> dict[int, list[Span]]:
    """When each candidate had not agreed to be looked at, or had taken that back (R38)."""
    rows = list(attempts)
    query = select(Consent).where(Consent.attempt_id.in_([row.id for row in rows])).order_by(Consent.id)
    said: dict[int, list[Consent]] = {}
    for answer in session.scalars(query):
        said.setdefault(answer.attempt_id, []).append(answer)
    return {row.id: _refused(row, said.get(row.id, []), now) for row in rows}


def _refused(attempt: Attempt, answers: list[Consent], now: datetime) -> list[Span]:
    began = attempt.answering_at or now
    if not answers:
        return [] if attempt.face_consent is True else [_span(began, now)]
    ends = [*[answer.at for answer in answers[1:]], max(now, answers[-1].at)]
    spans = [
        _span(answer.at, until)
        for answer, until in zip(answers, ends, strict=True)
        if not answer.given and answer.at < until
    ]
    return [_span(min(began, answers[0].at), answers[0].at), *spans]


def _during(people: list[tuple[int, list[Span]]], manual: Mapping[int, list[Span]]) -> list[Span]:
    """Of several candidates at one seat each one's own decision, while that one sat there."""
    return [
        Span(max(mine.since, span.since), min(mine.until, span.until))
        for attempt, spans in people
        for mine in spans
        for span in manual.get(attempt, [])
        if max(mine.since, span.since) < min(mine.until, span.until)
    ]


def _span(since: datetime, until: datetime) -> Span:
    return Span(since.timestamp(), max(since, until).timestamp())
