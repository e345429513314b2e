"""When reports of seats suffice for a takeover: a table over both sides of every boundary."""

import pytest

from server.rules.takeover import VOTE_SECONDS, Votes


@pytest.mark.parametrize(
    ("paired", "reports", "carried"),
    [
        (0, 0, False),
        (0, 5, False),  # no room runs: strangers decide nothing
        (1, 1, False),  # one seat alone never does
        (2, 1, False),
        (2, 2, True),
        (3, 1, False),
        (3, 2, True),
        (4, 2, True),  # half is enough
        (30, 14, False),
        (30, 15, True),
    ],
)
def test_half_of_the_paired_seats_decide(paired: int, reports: int, carried: bool) -> None:
    votes = Votes()
    for seat in range(reports):
        votes.gone(seat, 100.0)
    assert votes.carried(frozenset(range(paired)), 100.0) is carried


def test_a_seat_counts_once_and_only_for_a_while() -> None:
    votes, seats = Votes(), frozenset({1, 2, 3, 4})
    for moment in (100.0, 101.0, 102.0):
        votes.gone(1, moment)
    assert votes.count(seats, 102.0) == 1
    votes.gone(2, 103.0)
    assert votes.carried(seats, 102.0 + VOTE_SECONDS)
    assert not votes.carried(seats, 102.0 + VOTE_SECONDS + 0.1)


def test_a_workstation_that_is_not_paired_or_sits_in_no_running_room_has_no_vote() -> None:
    votes = Votes()
    votes.gone(8, 1.0)
    votes.gone(9, 1.0)
    assert votes.count(frozenset({1, 2}), 1.0) == 0
