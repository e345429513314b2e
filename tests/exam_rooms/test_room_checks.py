"""What the rules say of a plan, on both sides of every limit."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_rooms.room_checks import Limits, findings
from exam_rooms.seatmap import RoomKind, RoomMap, SeatKind, SeatPosition, VideoCamera

LIMITS = Limits({"standard": 60, "smart": 99, "practical": 20}, 0.8, 10)
WHOLE = (VideoCamera("全景"),)


def seats(count: int, *, gap: float = 1.2, spare: int = 0) -> tuple[SeatPosition, ...]:
    kinds = [SeatKind.NORMAL] * count + [SeatKind.SPARE] * spare
    return tuple(
        SeatPosition(f"{n + 1}", n // 10 + 1, n % 10 + 1, (n % 10) * gap, (n // 10) * max(gap, 2.0), kind)
        for n, kind in enumerate(kinds)
    )


def room(count: int, **more: object) -> RoomMap:
    known = {"video": WHOLE} | more
    return RoomMap("一号", known.pop("seats", None) or seats(count, spare=-(-count // 10)), **known)


def codes(plan: RoomMap) -> list[tuple[str, str, bool]]:
    return [(each.rule, each.code, each.hard) for each in findings(plan, LIMITS)]


@pytest.mark.parametrize(
    ("kind", "count", "expected"),
    [
        (RoomKind.STANDARD, 60, []),
        (RoomKind.STANDARD, 61, [("R17", "too_many_seats", True)]),
        (RoomKind.PRACTICAL, 20, []),
        (RoomKind.PRACTICAL, 21, [("R17", "too_many_stations", True)]),
        (RoomKind.STANDARD, 0, [("", "room_without_seats", True)]),
    ],
)
def test_seats_of_a_room(kind: RoomKind, count: int, expected: list[tuple[str, str, bool]]) -> None:
    assert codes(room(count, kind=kind)) == expected


@pytest.mark.parametrize(("count", "hard"), [(99, False), (100, True)])
def test_seats_of_a_smart_room(count: int, hard: bool) -> None:
    named = tuple(replace(seat, camera=f"C{seat.number}") for seat in seats(count, spare=10))
    assert codes(room(0, seats=named, kind=RoomKind.SMART)) == [("R17", "too_many_seats_smart", True)] * hard


@pytest.mark.parametrize(("gap", "found"), [(0.8, 0), (0.799, 1), (2.4 - 1.6, 0)])
def test_the_least_distance_of_two_seats(gap: float, found: int) -> None:
    pair = (SeatPosition("1", 1, 1, 1.6, 0), SeatPosition("2", 1, 2, 1.6 + gap, 0))
    assert [each for each in codes(room(0, seats=pair)) if each[0] == "R19"] == [
        ("R19", "seats_too_close", True)
    ] * found


def test_a_seat_out_of_order_may_stand_close_and_partitions_may_stand_between() -> None:
    close = (SeatPosition("1", 1, 1, 0, 0), SeatPosition("2", 1, 2, 0.4, 0, SeatKind.BROKEN))
    assert "R19" not in {rule for rule, _code, _hard in codes(room(0, seats=close))}
    pair = (close[0], replace(close[1], kind=SeatKind.NORMAL))
    assert "R19" in {rule for rule, _code, _hard in codes(room(0, seats=pair))}
    assert "R19" not in {rule for rule, _code, _hard in codes(room(0, seats=pair, partitioned=True))}


@pytest.mark.parametrize(("count", "spare", "wanted"), [(30, 3, None), (31, 3, 4), (30, 2, 3), (1, 0, 1)])
def test_spare_seats(count: int, spare: int, wanted: int | None) -> None:
    found = findings(room(0, seats=seats(count, spare=spare)), LIMITS)
    assert [each.params["wanted"] for each in found if each.rule == "R18"] == ([wanted] if wanted else [])


def test_video_covers_every_seat_in_use() -> None:
    three = seats(2, spare=1)
    (none,) = [each for each in findings(room(0, seats=three, video=()), LIMITS) if each.rule == "R17"]
    assert (none.code, none.hard, none.refuses) == ("video_not_said", True, False)
    left = (VideoCamera("左", ("1", "2")),)
    (found,) = [each for each in findings(room(0, seats=three, video=left), LIMITS) if each.hard]
    assert (found.rule, found.code, found.seats) == ("R17", "seats_without_video", ("3",))
    both = (*left, VideoCamera("右", ("3",)))
    assert codes(room(0, seats=three, video=both)) == []
    broken = (*three[:2], replace(three[2], kind=SeatKind.BROKEN))
    assert [code for _rule, code, hard in codes(room(0, seats=broken, video=left)) if hard] == []


def test_what_must_differ() -> None:
    doubles = (
        SeatPosition("1", 1, 1, 0, 0, camera="C"),
        SeatPosition("1", 1, 2, 2, 0, camera="C"),
        SeatPosition("3", 1, 2, 4, 0, SeatKind.SPARE),
    )
    found = {each.code: each.seats for each in findings(room(0, seats=doubles, kind=RoomKind.SMART), LIMITS)}
    assert found["seat_named_twice"] == ("1", "1")
    assert found["seat_place_shared"] == ("1", "3")
    assert found["camera_named_twice"] == ("1", "1")


@pytest.mark.dear
@given(
    st.lists(
        st.tuples(st.floats(0, 9), st.floats(0, 9), st.sampled_from(list(SeatKind))), min_size=1, max_size=14
    )
)
def test_close_seats_are_found_whatever_their_order(places: list[tuple[float, float, SeatKind]]) -> None:
    plan = tuple(
        SeatPosition(str(n), n + 1, 1, round(x, 3), round(y, 3), kind)
        for n, (x, y, kind) in enumerate(places)
    )

    def close(order: tuple[SeatPosition, ...]) -> bool:
        return any(each.rule == "R19" for each in findings(room(0, seats=order), LIMITS))

    used = [seat for seat in plan if seat.kind != SeatKind.BROKEN]
    truth = any(
        round(((a.x - b.x) ** 2 + (a.y - b.y) ** 2) ** 0.5, 3) < 0.8
        for n, a in enumerate(used)
        for b in used[:n]
    )
    assert close(plan) == close(plan[::-1]) == truth
