"""Samples of a calibration that makes itself: taken only where there is no doubt whose head it is."""

from proctoring.room_samples import Sampling, admit, extend, follow
from tests.proctoring.room_kit import HALL, SEATS, head

DESK = (0.05, 0.95)


class Door:
    """Candidates who come and sit down; a look every three seconds."""

    def __init__(self) -> None:
        self.state, self.at = Sampling(), 0.0
        self.seated: list[str] = []
        self.admitted: list[str] = []

    def look(self, count: int = 1, more: tuple[tuple[float, float], ...] = ()) -> None:
        for _ in range(count):
            self.at += 3.0
            heads = [head(seat, 0.02 * (self.at % 5 - 2)) for seat in self.seated]
            self.state = follow(self.state, self.at, [*heads, *more])

    def admit(self, *seats: str) -> None:
        self.admitted += seats
        self.state = admit(self.state, self.at, self.admitted)

    def known(self) -> list[str]:
        return [sample.seat for sample in self.state.samples]


def test_each_who_comes_alone_becomes_a_sample_at_the_right_place() -> None:
    door = Door()
    for seat in SEATS[:4]:
        door.seated.append(seat)
        door.look(5, more=(DESK,))
        door.admit(seat)
    assert door.known() == list(SEATS[1:4]), "at first the invigilator at the desk was new as well"
    found = {sample.seat: (sample.x, sample.y) for sample in door.state.samples}
    assert all(abs(found[seat][0] - head(seat)[0]) < 0.02 for seat in SEATS[1:4])


def test_two_who_sit_down_together_are_no_samples() -> None:
    door = Door()
    door.seated += SEATS[:2]
    door.look(5)
    door.admit(SEATS[0])
    door.admit(SEATS[1])
    assert door.known() == []


def test_two_admitted_at_once_and_somebody_who_only_passes_are_no_samples() -> None:
    door = Door()
    door.seated.append(SEATS[0])
    door.look(5)
    door.admit(SEATS[0], SEATS[1])
    assert door.known() == []
    door = Door()
    door.look(2, more=(head(SEATS[0]),))
    door.admit(SEATS[0])
    assert door.known() == []


def test_a_sample_outlives_its_candidates_leaving_for_a_moment() -> None:
    door = Door()
    door.seated.append(SEATS[0])
    door.look(5)
    door.admit(SEATS[0])
    door.seated.clear()
    door.look(20)
    assert door.known() == [SEATS[0]]


def test_after_a_few_the_others_follow_by_where_they_sit_and_six_make_a_calibration() -> None:
    door = Door()
    for seat in (SEATS[0], SEATS[3], SEATS[8], SEATS[11], SEATS[5]):
        door.seated.append(seat)
        door.look(5)
        door.admit(seat)
    state, found = extend(door.state, HALL.places, 1.2)
    assert found is None, "five are not enough"
    door.state = state
    door.seated += (SEATS[1], SEATS[6], SEATS[9])  # all at once
    door.look(5)
    door.admit(SEATS[1], SEATS[6], SEATS[9])
    state, found = extend(door.state, HALL.places, 1.2)
    assert found is not None
    assert len(found.used) == 8
    assert found.residual < 0.1


def test_seats_that_the_plan_shows_elsewhere_make_no_calibration() -> None:
    door = Door()
    for seat in SEATS[:8]:
        door.seated.append(seat)
        door.look(5)
        door.admit(seat)
    wrong = dict(zip(HALL.places, list(HALL.places.values())[::-1], strict=True))
    shuffled = {seat: wrong[seat] if number % 2 else HALL.places[seat] for number, seat in enumerate(SEATS)}
    assert extend(door.state, shuffled, 1.2)[1] is None
