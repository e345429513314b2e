"""The spare paper in place of the main one: two people, with a reason, before the room starts.

After a sitting that was broken off the candidates get a new one (new tickets, the old attempts stay with
their own package); its spare is swapped in before its start like any other.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.db.papers import PaperSet
from server.db.sittings import RoomSitting, Sitting
from server.errors import NotFound, Refused
from server.services import packages
from server.services.custody import need_two
from server.services.roomstate import attempts_of, touch
from server.services.signed import Signed, note_room


def swap_room(session: Session, signed: Signed, room_sitting_id: int, *, now: datetime) -> int:
    """Puts the room's spare package in force; returns its id. Custodians release it like any package.

    The main one is superseded and kept; if it was open, its content key is forgotten and the room is closed
    again. Seats show the spare form of their form (`packages.spare_forms`).
    """
    need_two(signed)
    sitting, row = packages.locked(session, room_sitting_id)
    return _swap(session, signed, sitting, row, now)


def swap_sitting(session: Session, signed: Signed, sitting_id: int, *, now: datetime) -> list[int]:
    """The same in every room of a sitting, all or none."""
    need_two(signed)
    rooms = session.scalars(
        select(RoomSitting.id).where(RoomSitting.sitting_id == sitting_id).order_by(RoomSitting.id)
    ).all()
    if not rooms:
        raise NotFound("sitting")
    found = [packages.locked(session, room) for room in rooms]
    return [_swap(session, signed, sitting, row, now) for sitting, row in found]


def _swap(session: Session, signed: Signed, sitting: Sitting, row: RoomSitting, now: datetime) -> int:
    name, _starts_at = packages.place(session, row.id)
    if row.started_at is not None:
        raise Refused("swap_after_start", room=name)
    main, spare = packages.needed(session, row.id), packages.spare_of(session, row.id)
    if main.spare:
        raise Refused("package_swapped_in", room=name)
    if spare is None:
        raise Refused("spare_missing", room=name)
    packages.check_papers(session, spare)
    was_open = main.state == "released"
    main.state, main.sealed_content_key = "superseded", None
    assert signed.cosigner is not None
    spare.swapped_in = {"by": signed.actor.name, "at": now.isoformat(), **signed.why()}
    moved = _reletter(session, sitting, row)
    if was_open:
        row.state = "arranged"
    row.version += 1
    told = {"package": spare.uid, "instead_of": main.uid, "was_open": was_open, "seats": moved}
    note_room(session, row.id, signed, "package_swapped", now, **told)
    return spare.id


def _reletter(session: Session, sitting: Sitting, row: RoomSitting) -> int:
    """Gives every drawn seat the spare form of its form; returns how many seats there are."""
    main, spare = packages.letters(session, session.get_one(PaperSet, sitting.paper_set_id))
    forms = packages.spare_forms(main, spare)
    attempts = attempts_of(session, row.id, lock=True)
    for attempt in attempts:
        attempt.form = forms[attempt.form]
        touch(session, attempt)
    return len(attempts)
