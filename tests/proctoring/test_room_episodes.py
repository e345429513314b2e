"""Votes, hold times and one alert per cause: what a row of looks of the room camera tells."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exam_rooms.incidents import IncidentKind
from exam_rooms.room_watching import RoomCameraRules
from proctoring.room_episodes import settle, step
from proctoring.room_state import START, Expected, RoomLook, RoomNews, decode, encode
from tests.proctoring.room_kit import SEATS, head, true_view

VIEW, RULES = true_view(), RoomCameraRules()
SPARE = SEATS[11]
ALL = Expected(frozenset(SEATS[:11]))
Heads = list[tuple[float, float]]


class Room:
    """Looks three seconds apart; everybody sits unless said otherwise."""

    def __init__(self, expected: Expected = ALL) -> None:
        self.state, self.at, self.expected = START, 1000.0, expected
        self.news: list[RoomNews] = []

    def look(self, count: int = 1, *, absent: tuple[str, ...] = (), more: Heads | None = None) -> None:
        for _ in range(count):
            sitting = [head(seat) for seat in SEATS[:11] if seat not in absent]
            self.show(sitting + (more or []))

    def show(self, heads: Heads, blind: str = "") -> None:
        self.at += RULES.sample_seconds
        found = step(self.state, RoomLook(self.at, tuple(heads), blind), VIEW, self.expected, RULES)
        self.state = found.state
        self.news.extend(found.news)

    def told(self) -> list[tuple[str, str, bool]]:
        return [(str(news.kind), news.seat, news.closed) for news in self.news]


@pytest.fixture
def room() -> Room:
    sat = Room()
    sat.look(6)
    return sat


def test_a_quiet_room_tells_nothing(room: Room) -> None:
    room.look(60)
    assert room.told() == []
    assert room.state.looks == 20
    assert room.state.seat(SEATS[0]).vote == "taken"
    assert room.state.seat(SPARE).vote == "empty"


def test_an_empty_chair_is_told_once_after_the_hold_time_and_closed_after_the_return(room: Room) -> None:
    left = room.at + 3
    room.look(15, absent=(SEATS[4],))
    assert room.told() == []
    room.look(20, absent=(SEATS[4],))
    assert room.told() == [("LEFT_SEAT", SEATS[4], False)]
    assert room.news[0].since == left
    assert 45 <= room.news[0].at - left < 49
    back = room.at + 3
    room.look(10)
    assert room.told()[1:] == [("LEFT_SEAT", SEATS[4], True)]
    assert back <= room.news[1].at <= back + 9


def test_a_state_survives_being_written_down(room: Room) -> None:
    room.look(17, absent=(SEATS[4],), more=[head(SEATS[6], 0.3)])
    assert decode(encode(room.state)) == room.state
    assert room.state.spells
    assert room.state.drift


@pytest.mark.dear
def test_one_missed_look_of_ten_is_no_empty_chair() -> None:
    room, drawn = Room(), np.random.default_rng(3)
    for _ in range(300):  # a quarter of an hour
        missed = tuple(seat for seat in SEATS if drawn.random() < 0.1)
        room.look(absent=missed)
    assert room.told() == []


def test_somebody_who_was_never_seen_at_the_seat_is_not_missed() -> None:
    room = Room()
    room.look(40, absent=(SEATS[4],))
    assert room.told() == []
    assert room.state.seat(SEATS[4]).unclear


@pytest.mark.dear
def test_who_is_seen_in_few_looks_is_unclear_and_who_is_seen_in_half_is_waited_for_longer(room: Room) -> None:
    drawn = np.random.default_rng(5)
    for _ in range(120):
        room.look(absent=(SEATS[4],) if drawn.random() < 0.35 else ())
    assert 0.5 < room.state.seat(SEATS[4]).seen < 0.8
    room.news.clear()
    began = room.at
    room.look(60, absent=(SEATS[4],))
    assert room.told() == [("LEFT_SEAT", SEATS[4], False)]
    assert room.news[0].at - began > 45


@pytest.mark.dear
def test_leave_and_the_end_of_the_attempt_end_what_is_open(room: Room) -> None:
    room.look(30, absent=(SEATS[4],))
    room.expected = Expected(ALL.seats, frozenset({SEATS[4]}))
    room.look(20, absent=(SEATS[4],))
    assert room.told() == [("LEFT_SEAT", SEATS[4], False), ("LEFT_SEAT", SEATS[4], True)]
    room.expected = Expected(ALL.seats - {SEATS[5]})
    room.look(40, absent=(SEATS[4], SEATS[5]))
    assert len(room.told()) == 3, "the leave is over in the meantime: missed anew"


def test_two_at_a_seat_is_told_and_a_passer_by_is_not(room: Room) -> None:
    room.look(3, more=[head(SEATS[6], 0.3)])
    room.look(10)
    assert room.told() == []
    room.look(15, more=[head(SEATS[6], 0.3)])
    room.look(8)
    assert room.told() == [("TWO_AT_SEAT", SEATS[6], False), ("TWO_AT_SEAT", SEATS[6], True)]


@pytest.mark.dear
def test_a_walker_through_the_whole_room_is_no_incident(room: Room) -> None:
    for round_ in range(80):
        seat = SEATS[round_ % 8]
        room.look(more=[head(seat, 0.6, 0.6)])
    assert room.told() == []


def test_somebody_who_moves_to_a_free_seat_has_changed_seats_and_has_not_left(room: Room) -> None:
    room.look(2, absent=(SEATS[4],))
    room.look(25, absent=(SEATS[4],), more=[head(SPARE)])
    assert room.told() == [("CHANGED_SEAT", SEATS[4], False)]
    assert room.news[0].other == SPARE
    room.look(12)
    assert room.told()[1:] == [("CHANGED_SEAT", SEATS[4], True)]


def test_a_blind_camera_is_lost_and_says_nothing_about_seats(room: Room) -> None:
    for _ in range(30):
        room.show([], blind="dark")
    assert room.told() == [("ROOM_CAMERA_LOST", "", False)]
    assert room.news[0].why == "dark"
    room.look(4)
    assert room.told()[1:] == [("ROOM_CAMERA_LOST", "", True)]


def shifted(amount: float) -> Heads:
    return [(x + amount, y) for x, y in (head(seat) for seat in SEATS[:11])]


@pytest.mark.parametrize(("amount", "moved"), [(0.01, False), (0.06, True), (0.09, True), (0.3, True)])
def test_a_camera_that_was_pushed_is_told_and_no_seat_is_judged(
    room: Room, amount: float, moved: bool
) -> None:
    room.look(20)
    for _ in range(40):
        room.show(shifted(amount))
    assert room.told() == ([("ROOM_CAMERA_MOVED", "", False)] if moved else [])
    assert room.state.moved is moved


def test_votes_from_before_a_pause_do_not_count(room: Room) -> None:
    room.look(4, absent=(SEATS[4],))
    room.at += 300
    room.look(4, absent=(SEATS[4],))
    assert room.told() == []
    assert room.state.seat(SEATS[4]).vote == "taken"


def test_time_in_the_dark_is_not_time_away_from_a_seat(room: Room) -> None:
    room.look(6, absent=(SEATS[4],))
    for _ in range(20):
        room.show([], blind="dark")
    room.look(15, absent=(SEATS[4],))
    assert [news for news in room.told() if news[0] == "LEFT_SEAT"] == []
    room.look(2, absent=(SEATS[4],))
    assert [news for news in room.told() if news[0] == "LEFT_SEAT"] == [("LEFT_SEAT", SEATS[4], False)]


def test_an_empty_chair_is_not_told_by_old_votes_once_the_view_is_worth_nothing(room: Room) -> None:
    room.look(6, absent=(SEATS[4],))
    for _ in range(30):
        room.at += 3
        found = step(room.state, RoomLook(room.at, (head(SEATS[0]),)), None, ALL, RULES)
        room.state = found.state
        assert found.news == ()


@pytest.mark.dear
def test_who_comes_back_from_a_leave_has_time_to_sit_down(room: Room) -> None:
    room.expected = Expected(ALL.seats, frozenset({SEATS[4]}))
    room.look(60, absent=(SEATS[4],))
    room.expected = ALL
    room.look(10, absent=(SEATS[4],))
    assert room.told() == []
    room.look(10, absent=(SEATS[4],))
    assert room.told() == [("LEFT_SEAT", SEATS[4], False)]


def test_somebody_before_the_lens_empties_no_chairs_and_the_camera_says_that_it_does_not_see(
    room: Room,
) -> None:
    hidden = tuple(SEATS[:7])
    for _ in range(30):
        room.look(absent=hidden, more=[(0.2, 0.9)])
    assert room.told() == [("ROOM_CAMERA_LOST", "", False)]
    assert room.news[0].why == "covered"
    room.look(6)
    assert room.told()[1:] == [("ROOM_CAMERA_LOST", "", True)]


def test_two_who_leave_together_are_missed_both(room: Room) -> None:
    room.look(25, absent=(SEATS[4], SEATS[5]))
    assert room.told() == [("LEFT_SEAT", SEATS[4], False), ("LEFT_SEAT", SEATS[5], False)]


def test_without_a_calibration_only_the_camera_is_judged() -> None:
    state = START
    for at in range(0, 300, 3):
        found = step(state, RoomLook(float(at), ((0.5, 0.5),)), None, ALL, RULES)
        state = found.state
        assert found.news == ()
    assert state.seats == ()


def test_the_end_of_the_watching_closes_everything(room: Room) -> None:
    room.look(30, absent=(SEATS[4],))
    closed = settle(room.state, room.at)
    assert [(news.kind, news.closed) for news in closed.news] == [(IncidentKind.LEFT_SEAT, True)]
    assert closed.state == START


def looks() -> st.SearchStrategy[list[frozenset[str]]]:
    return st.lists(st.frozensets(st.sampled_from(SEATS[:11]), max_size=4), min_size=6, max_size=12)


@pytest.mark.dear
@settings(max_examples=8, deadline=None)
@given(looks(), st.integers(0, 2**16))
def test_every_episode_opens_before_it_closes_and_only_one_of_a_cause_is_open(
    absences: list[frozenset[str]], seed: int
) -> None:
    room, drawn = Room(), np.random.default_rng(seed)
    room.look(6)
    for absent in absences:
        for _ in range(int(drawn.integers(1, 12))):
            room.look(absent=tuple(absent))
    open_ones: set[tuple[str, str]] = set()
    for kind, seat, closed in room.told():
        assert closed == ((kind, seat) in open_ones)
        open_ones ^= {(kind, seat)}
    assert {(str(spell.kind), spell.seat) for spell in room.state.open} == open_ones


@pytest.mark.dear
@settings(max_examples=15, deadline=None)
@given(st.permutations(SEATS[:11]))
def test_the_order_in_which_heads_come_changes_nothing(order: list[str]) -> None:
    plain, turned = Room(), Room()
    for _ in range(8):
        plain.show([head(seat) for seat in SEATS[:11]])
        turned.show([head(seat) for seat in order])
    assert {sight.seat: sight for sight in plain.state.seats} == {
        sight.seat: sight for sight in turned.state.seats
    }
