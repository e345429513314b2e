"""How often a seat is looked at: bounds, the share of the processor, costly steps, and no alert too late."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client import watch_pace
from client.watch_pace import GAZE, LIVENESS, OBJECTS, VERIFY, Pace, asked, looked, pause, spent, wants
from exam_rooms.incidents import IncidentKind as K
from exam_rooms.watching import EpisodeRule, ObservationNote, PaceRules, WatchRules
from proctoring import episodes
from proctoring.causes import Sight
from proctoring.episodes import START, EpisodeState, Opened
from proctoring.observe import Looks

CALM, DOUBT = 1.5, 0.5
PACE = PaceRules(calm_after=60.0, calm_seconds=CALM, doubt_seconds=DOUBT)
RULES = WatchRules(
    episodes=(EpisodeRule(str(K.NO_FACE), 8.0, 3.0), EpisodeRule(str(K.MULTI_FACE), 3.0, 3.0)), pace=PACE
)


def seen(persons: int = 1, **said: object) -> ObservationNote:
    return ObservationNote(persons, persons, 120.0, 200.0, "good", **said)  # type: ignore[arg-type]


class Seat:
    """A seat whose looks cost what they cost; what it sees hangs on the moment."""

    def __init__(self, rules: WatchRules = RULES, cost: float = 0.015) -> None:
        self.rules, self.cost = rules, cost
        self.fold: EpisodeState = START
        self.pace = Pace()
        self.at = 0.0
        self.looks: list[float] = []
        self.told: list[object] = []

    def run(self, until: float, see: object) -> None:
        while self.at < until:
            note = see(self.at)  # type: ignore[operator]
            self.fold, news = episodes.step(self.fold, Sight(round(self.at, 3), note), self.rules)
            self.told += news
            self.looks.append(self.at)
            self.pace = spent(self.pace, self.fold, self.rules, self.at, self.cost)
            self.at += pause(self.pace, self.fold, self.rules, self.at)

    def gaps(self, since: float, until: float) -> list[float]:
        times = [at for at in self.looks if since <= at <= until]
        return [round(later - earlier, 3) for earlier, later in pairwise(times)]


def test_a_calm_seat_is_looked_at_less_often_after_a_minute() -> None:
    seat = Seat()
    seat.run(120.0, lambda at: seen())
    assert set(seat.gaps(0, 60)) == {1.0} and set(seat.gaps(61, 120)) == {CALM}


def test_something_doubtful_is_looked_at_more_often_until_it_is_told() -> None:
    seat = Seat()
    seat.run(160.0, lambda at: seen(0 if 100.2 <= at < 120 else 1))
    opened, _closed = seat.told
    assert isinstance(opened, Opened)
    assert set(seat.gaps(opened.since, opened.at)) == {DOUBT}
    assert set(seat.gaps(opened.at, 119)) == {1.0}
    assert set(seat.gaps(120.5, 123)) == {DOUBT}  # and while it ends
    assert set(seat.gaps(124.5, 160)) == {1.0}  # calm again only after a minute


@pytest.mark.parametrize(
    "rules",
    [
        replace(RULES, pace=PaceRules()),
        replace(RULES, pace=PaceRules(calm_seconds=0.4, doubt_seconds=4.0)),
    ],
)
def test_without_other_paces_every_look_comes_at_the_sample_time(rules: WatchRules) -> None:
    """The latter two lie on the wrong side of the sample time and change nothing."""
    seat = Seat(rules)
    seat.run(200.0, lambda at: seen())
    assert set(seat.gaps(0, 200)) == {1.0}


KINDS = st.sampled_from([(0, K.NO_FACE), (2, K.MULTI_FACE)])


@pytest.mark.dear
@given(KINDS, st.floats(0, 200), st.floats(0.001, 2.0), st.floats(0.01, 0.5))
def test_no_alert_comes_later_than_its_hold_time_and_the_slowest_pace(
    cause: tuple[int, K], begins: float, cost: float, share: float
) -> None:
    """However calm the seat was, and however much a look costs."""
    persons, kind = cause
    rules = replace(RULES, pace=replace(PACE, cpu_share=share))
    seat = Seat(rules, cost)
    seat.run(begins + 30.0, lambda at: seen(persons if at >= begins else 1))
    hold = next(rule.hold_seconds for rule in rules.episodes if rule.kind == kind)
    first = seat.told[0]
    assert isinstance(first, Opened) and first.kind is kind
    assert begins - 0.001 <= first.since and first.at <= begins + hold + rules.slowest + 0.002


@pytest.mark.dear
@given(st.floats(0.0, 5.0), st.floats(0.01, 0.5), st.booleans())
def test_the_pace_stays_within_its_bounds(cost: float, share: float, doubtful: bool) -> None:
    rules = replace(RULES, pace=replace(PACE, cpu_share=share))
    seat = Seat(rules, cost)
    seat.run(100.0, lambda at: seen(int(at * 10) % 2 if doubtful else 1))
    gaps = seat.gaps(0, 100)
    assert max(gaps) <= rules.slowest + 0.001
    if not doubtful:  # a look may fall on an edge earlier than the quickest pace
        assert min(gaps) >= rules.fastest - 0.001


@pytest.mark.parametrize(("cost", "share"), [(0.015, 0.15), (0.07, 0.15), (0.12, 0.15), (0.02, 0.05)])
def test_the_share_of_the_processor_is_kept_while_the_slowest_pace_allows(cost: float, share: float) -> None:
    """Also at a seat that is doubtful all the time: half of its looks show a second person."""
    rules = replace(RULES, pace=replace(PACE, cpu_share=share))
    seat = Seat(rules, cost)
    seat.run(300.0, lambda at: seen(1 + int(at) % 2))
    assert cost * len(seat.looks) / 300.0 <= share * 1.05


def test_a_machine_that_is_too_slow_keeps_the_slowest_pace_and_owes_no_more_than_ten_seconds() -> None:
    seat = Seat(cost=1.0)
    seat.run(40.0, lambda at: seen())
    assert set(seat.gaps(2, 40)) == {CALM}
    assert seat.pace.debt <= watch_pace.MOST_DEBT * PACE.cpu_share
    seat.cost = 0.01
    seat.run(60.0, lambda at: seen())
    assert set(seat.gaps(54, 60)) == {1.0}


def test_a_covered_lens_is_not_looked_at_more_often() -> None:
    rules = replace(RULES, episodes=(EpisodeRule(str(K.CAMERA_COVERED), 5.0, 3.0),))
    seat = Seat(rules)
    seat.run(4.0, lambda at: ObservationNote(0, 0, 5.0, 1.0, "covered"))
    assert seat.gaps(0, 4) == [1.0] * 3


def test_an_unsure_face_is_not_calm() -> None:
    calm, unsure = Seat(), Seat()
    calm.run(120.0, lambda at: seen(similarity=0.7))
    unsure.run(120.0, lambda at: seen(similarity=0.45))
    assert (calm.gaps(100, 120)[0], unsure.gaps(100, 120)[0]) == (CALM, 1.0)


# --- costly steps ------------------------------------------------------------------------------------


def test_only_what_the_policy_asks_for_is_looked_for() -> None:
    def of(*kinds: K) -> Looks:
        return asked(WatchRules(episodes=tuple(EpisodeRule(str(kind), 1.0, 1.0) for kind in kinds)))

    assert of(K.NO_FACE, K.FACE_MISMATCH) == Looks()
    assert of(K.TURNED_AWAY) == of(K.TALKING) == Looks(attention=True)
    assert of(K.GAZE_AWAY) == Looks(attention=True, gaze=True)
    assert of(K.LIVENESS_DOUBT) == Looks(liveness=True)
    assert of(K.PHONE_HINT) == of(K.BOOK_HINT) == of(K.PERSON_HINT) == Looks(objects=True)


EVERY = replace(
    RULES,
    episodes=tuple(
        EpisodeRule(str(kind), 1.0, 1.0)
        for kind in (K.TURNED_AWAY, K.GAZE_AWAY, K.LIVENESS_DOUBT, K.BOOK_HINT)
    ),
)


def steps(seconds: int, debt: float = 0.0) -> dict[str, int]:
    """How often each step is made in so many looks, one a second."""
    pace, made = Pace(), dict.fromkeys((VERIFY, GAZE, LIVENESS, OBJECTS, "head"), 0)
    for at in range(seconds):
        pace = replace(pace, debt=debt, at=float(at))
        want = wants(pace, EVERY, float(at))
        done = {
            **{VERIFY: want.compare, GAZE: want.looks.gaze},
            **{LIVENESS: want.looks.liveness, OBJECTS: want.looks.objects},
        }
        pace = looked(pace, done, float(at))
        for name, is_made in {**done, "head": want.looks.attention}.items():
            made[name] += is_made
    return made


def test_each_costly_step_has_its_own_period() -> None:
    assert steps(60) == {VERIFY: 20, GAZE: 60, LIVENESS: 12, OBJECTS: 20, "head": 60}


def test_while_the_share_is_used_up_all_but_the_comparison_is_made_a_third_as_often() -> None:
    assert steps(90, debt=0.5) == {VERIFY: 30, GAZE: 30, LIVENESS: 6, OBJECTS: 10, "head": 90}


def test_a_step_that_was_not_made_is_due_at_the_next_look() -> None:
    pace = looked(Pace(), {VERIFY: True, OBJECTS: False}, 10.0)
    assert (wants(pace, EVERY, 11.0).compare, wants(pace, EVERY, 11.0).looks.objects) == (False, True)
    assert not wants(pace, EVERY, 12.9).compare and wants(pace, EVERY, 12.96).compare
