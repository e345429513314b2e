"""Looks at a candidate before anybody has said how it came out, of every operator together.

A face that differed stays with the registration, whoever looks next and whatever that shows: until a later
look finds the same face, or the chief decides. Every look stands in the audit record by its word.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.desk import CONFIRM, Confirm, Face
from server.access import Actor
from server.db.rooms import Seat
from server.db.signins import SignInRow
from server.db.sittings import Attempt, Registration
from server.services import audit
from server.services.roomstate import RoomState

LOOKED = "looked"
"""The result of a look that is over and kept."""
_STRICT = (Confirm.ASK, Confirm.ONE, Confirm.TWO, Confirm.CHIEF)
_ANSWERS = frozenset({str(Face.MATCH), str(Face.MISMATCH)})
"""Looks that say whether it is the same face: together they tell whether a mismatch still stands."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """What all looks together say. `differs`: a mismatch stands, made here or at another desk.

    `consent`: the candidate's last answer to this operator, who was not asked here yet: that at the mismatch.
    """

    face: Face
    similarity: float | None
    consent: bool | None
    differs: bool


def all_rows(session: Session, registration_id: int) -> list[SignInRow]:
    """Every look and sign-in of a candidate, the first one first."""
    query = select(SignInRow).where(SignInRow.registration_id == registration_id)
    return list(session.scalars(query.order_by(SignInRow.id)))


def first_face(room: RoomState, registration: Registration) -> Face:
    """What is known of a face before anybody was asked."""
    if not room.policy.desk.compare:
        return Face.NOT_USED
    return Face.NOT_ASKED if registration.has_photo else Face.NO_PHOTO


def differing(rows: Sequence[SignInRow]) -> SignInRow | None:
    """The newest mismatch of a candidate that nothing has answered yet. `rows`: as `all_rows` gives them."""
    found = next((row for row in reversed(rows) if row.face == Face.MISMATCH), None)
    return None if found is None or any(_answers(row, found) for row in rows) else found


def own(rows: Sequence[SignInRow], user_id: int | None) -> SignInRow | None:
    """This operator's look; a mismatch that was answered since says nothing any more."""
    stands = differing(rows)
    for row in reversed(rows):
        if row.result == "" and row.operator_id == user_id:
            return row if row.face != Face.MISMATCH or stands is not None else None
    return None


def weigh(rows: Sequence[SignInRow], mine: SignInRow | None, first: Face) -> Weighed:
    """The strictest of the looks that hold: a mismatch, this operator's own, all others since a match.

    Without a look of the operator (`mine` None) only a mismatch counts; else `first` says what comes next.
    """
    stands = differing(rows)
    if stands is not None:
        consent = mine.consent if mine is not None else stands.consent
        return Weighed(Face.MISMATCH, stands.similarity, consent, True)
    if mine is None:
        return Weighed(first, None, None, False)
    worst = max((mine, *_since_match(rows)), key=lambda row: _STRICT.index(CONFIRM[Face(row.face)]))
    return Weighed(Face(worst.face), worst.similarity, mine.consent, False)


def close(session: Session, registration_id: int, *, of: int | None = None, but: int = 0) -> None:
    """Looks of one operator, or of all, are over; `but` (an id) stays as it is.

    They are forgotten, except a mismatch and the matches beside one: these are kept, and hold no more.
    """
    rows = all_rows(session, registration_id)
    kept = _ANSWERS if any(row.face == Face.MISMATCH for row in rows) else frozenset()
    for row in rows:
        if row.result or row.id == but or (of is not None and row.operator_id != of):
            continue
        if row.face in kept:
            row.result = LOOKED
        else:
            session.delete(row)
    session.flush()


def note(session: Session, actor: Actor, attempt: Attempt, row: SignInRow, *, now: datetime) -> None:
    """Puts on the record that somebody looked, and the word of it; no likeness, no picture."""
    stream, seat = audit.sitting_stream(row.room_sitting_id), session.get_one(Seat, attempt.seat_id).number
    audit.record(
        session, stream, actor, "desk_looked", f"attempt/{attempt.id}", now=now, seat=seat, face=row.face
    )


def _answers(row: SignInRow, mismatch: SignInRow) -> bool:
    """Whether a row answers a mismatch: the same face found later, or a later word of the chief.

    What was taken back answers nothing, except a doubt or a refusal, which only a chief takes back.
    """
    if row.taken_back_at is not None:
        word = row.taken_back_at if row.result == "doubt" and row.decision != "admitted" else None
    else:
        word = row.decided_at if row.decision else None
    if word is not None:
        return row.id >= mismatch.id or word > mismatch.entered_at
    return row.face == Face.MATCH and row.taken_back_at is None and row.id > mismatch.id


def _since_match(rows: Sequence[SignInRow]) -> list[SignInRow]:
    """The looks from the last match on, that one included; all of them when there was none."""
    found: list[SignInRow] = []
    for row in reversed([row for row in rows if row.result == ""]):
        if row.face == Face.MISMATCH:
            continue
        found.append(row)
        if row.face == Face.MATCH:
            break
    return found
