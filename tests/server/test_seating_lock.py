"""The lock of a room's seats: what keeps a room from it, who opens it again and until when."""

from collections.abc import Callable

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.seats import AttemptState
from server.access import Actor
from server.db.record import AuditEntry
from server.db.rooms import Seat
from server.db.sittings import Attempt, RoomSitting, SeatStay
from server.errors import Forbidden
from server.host import Host
from server.services import arrangement, seating
from server.services.arrangement_question import Choice
from server.services.signed import Signed
from tests.server.arrangement_kit import Centre, refused, small_centre


@pytest.fixture
def small(host: Host, person_as: Callable[..., Actor]) -> Centre:
    return small_centre(host, person_as)


def acts(host: Host, room_sitting: int) -> list[str]:
    with host.db.read() as session:
        query = select(AuditEntry.act).where(AuditEntry.stream == f"sitting/{room_sitting}")
        return list(session.scalars(query.order_by(AuditEntry.id)))


@pytest.mark.dear
@pytest.mark.both_stores
def test_the_lock_holds_until_the_chief_opens_it_with_a_reason(small: Centre) -> None:
    host, row = small.host, small.row("第一考场")
    act = arrangement.lock
    host.db.write(act, Signed(small.administrator), row.id, now=host.now())
    assert small.row("第一考场").locked_by == small.administrator.user_id
    assert refused(lambda: host.db.write(act, Signed(small.administrator), row.id, now=host.now())).code == (
        "seating_already_locked"
    )
    redraw = arrangement.redraw
    sittings, choice = list(small.sittings.values()), Choice(rooms=tuple(small.rooms.values()))

    def again(signed: Signed) -> int:
        return host.db.write(redraw, signed, sittings, seed="v", rules=choice, now=host.now())

    assert refused(lambda: again(Signed(small.administrator, "为什么"))).code == "cosign_missing"
    assert refused(lambda: again(Signed(small.administrator, "", small.chief))).code == "reason_missing"
    assert refused(lambda: small.arrange(rooms=choice.rooms)).code == "draw_locked"
    before = small.map()
    again(small.signed("电源改造"))
    assert small.map() != before
    assert small.row("第一考场").locked_at is None
    assert acts(host, row.id) == ["seats_drawn", "seating_locked", "seating_unlocked", "seats_drawn"]
    with host.db.read() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.act == "seating_unlocked")).one()
    assert (entry.details["reason"], entry.details["cosigned_by"]) == ("电源改造", small.chief.name)


@pytest.mark.dear
def test_only_administrators_draw_lock_and_unlock(small: Centre) -> None:
    host, row = small.host, small.row("第一考场")
    for act in (arrangement.lock, arrangement.unlock):
        with pytest.raises(Forbidden):
            host.db.write(act, Signed(small.chief, "r", small.administrator), row.id, now=host.now())
    with pytest.raises(Forbidden):
        host.db.write(arrangement.arrange, small.chief, [1], now=host.now())
    with pytest.raises(Forbidden):
        host.db.write(arrangement.withdraw, small.chief, 1, now=host.now())


@pytest.mark.dear
def test_a_room_that_breaks_the_rules_is_locked_only_with_the_chiefs_signature(small: Centre) -> None:
    host, row = small.host, small.row("第一考场")

    def push_together(session: Session) -> None:
        seats = session.scalars(select(Seat).where(Seat.room_id == row.room_id).order_by(Seat.id)).all()
        seats[1].x, seats[1].y = seats[0].x + 0.3, seats[0].y

    host.db.write(push_together)
    act = arrangement.lock
    refusal = refused(lambda: host.db.write(act, Signed(small.administrator), row.id, now=host.now()))
    assert (refusal.code, refusal.params["count"]) == ("lock_findings_open", "1")
    bare = Signed(small.administrator, "", small.chief)
    assert refused(lambda: host.db.write(act, bare, row.id, now=host.now())).code == "reason_missing"
    host.db.write(act, small.signed("隔板已装"), row.id, now=host.now())
    kept = small.row("第一考场").lock_overruled
    assert (kept["by"], kept["reason"]) == (small.chief.name, "隔板已装")
    assert [found["code"] for found in kept["findings"]] == ["seats_too_close"]
    host.db.write(arrangement.unlock, small.signed(), row.id, now=host.now())
    assert small.row("第一考场").lock_overruled is None


@pytest.mark.dear
def test_seats_out_of_use_and_people_without_a_seat_keep_a_room_from_being_locked(small: Centre) -> None:
    host, row = small.host, small.row("第一考场")

    def close(session: Session) -> None:
        used = select(Seat).join(Attempt, Attempt.seat_id == Seat.id).where(Seat.room_id == row.room_id)
        session.scalars(used).first().kind = "spare"

    host.db.write(close)
    with host.db.read() as session:
        found = arrangement.lock_findings(session, session.get_one(RoomSitting, row.id))
    assert "lock_seat_out_of_use" in [each.code for each in found if each.hard]

    def unseat(session: Session) -> None:
        attempt = session.scalars(select(Attempt).where(Attempt.room_sitting_id == row.id)).first()
        session.delete(session.scalars(select(SeatStay).where(SeatStay.attempt_id == attempt.id)).one())
        session.flush()
        session.delete(attempt)

    host.db.write(unseat)
    refusal = refused(lambda: host.db.write(arrangement.lock, small.signed(), row.id, now=host.now()))
    assert (refusal.code, refusal.params["count"]) == ("lock_people_without_seat", "1")


@pytest.mark.dear
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"state": "released"}, "draw_released"),
        ({"state": "running"}, "draw_released"),
    ],
)
def test_after_the_release_nothing_is_drawn_and_nothing_unlocked(
    small: Centre, change: dict[str, str], code: str
) -> None:
    host, row = small.host, small.row("第一考场")
    host.db.write(arrangement.lock, Signed(small.administrator), row.id, now=host.now())

    def set_state(session: Session) -> None:
        session.get_one(RoomSitting, row.id).state = change["state"]

    host.db.write(set_state)
    everything = tuple(small.rooms.values())
    assert refused(lambda: small.arrange(rooms=everything)).code == code
    assert (
        refused(lambda: host.db.write(arrangement.unlock, small.signed(), row.id, now=host.now())).code
        == code
    )
    act = seating.draw
    assert refused(lambda: host.db.write(act, small.administrator, row.id, now=host.now())).code == code


@pytest.mark.dear
def test_after_the_first_sign_in_nothing_is_drawn_anew(small: Centre) -> None:
    host, row = small.host, small.row("第一考场")
    host.db.write(arrangement.lock, Signed(small.administrator), row.id, now=host.now())

    def sign_in(session: Session) -> None:
        attempt = session.scalars(select(Attempt).where(Attempt.room_sitting_id == row.id)).first()
        attempt.state, attempt.identified_at = AttemptState.IDENTIFIED, host.now()

    host.db.write(sign_in)
    act = arrangement.unlock
    assert refused(lambda: host.db.write(act, small.signed(), row.id, now=host.now())).code == "draw_too_late"
