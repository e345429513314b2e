"""The table of states and acts: what is allowed, what is not, and that nothing gets stuck."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_rooms import seats
from exam_rooms.seats import Act, AttemptState, IllegalMove, move, perform

S = AttemptState
A = Act

TABLE = [
    (S.ASSIGNED, A.SIGN_IN, S.IDENTIFIED),
    (S.ASSIGNED, A.MARK_ABSENT, S.ABSENT),
    (S.ASSIGNED, A.TIME_OVER, S.ABSENT),
    (S.ASSIGNED, A.END, S.ABSENT),
    (S.IDENTIFIED, A.ADMIT, S.ADMITTED),
    (S.IDENTIFIED, A.REFUSE, S.ASSIGNED),
    (S.IDENTIFIED, A.TIME_OVER, S.ENDED),
    (S.IDENTIFIED, A.END, S.ENDED),
    (S.ADMITTED, A.CONFIRM, S.CONFIRMED),
    (S.ADMITTED, A.DENY, S.IDENTIFIED),
    (S.ADMITTED, A.REFUSE, S.ASSIGNED),
    (S.ADMITTED, A.TIME_OVER, S.ENDED),
    (S.ADMITTED, A.END, S.ENDED),
    (S.CONFIRMED, A.ACCEPT, S.READY),
    (S.CONFIRMED, A.DENY, S.IDENTIFIED),
    (S.CONFIRMED, A.REFUSE, S.ASSIGNED),
    (S.CONFIRMED, A.TIME_OVER, S.ENDED),
    (S.CONFIRMED, A.END, S.ENDED),
    (S.READY, A.START, S.ANSWERING),
    (S.READY, A.REFUSE, S.ASSIGNED),
    (S.READY, A.TIME_OVER, S.AUTO_SUBMITTED),
    (S.READY, A.END, S.ENDED),
    (S.ANSWERING, A.SUBMIT, S.SUBMITTED),
    (S.ANSWERING, A.TIME_OVER, S.AUTO_SUBMITTED),
    (S.ANSWERING, A.END, S.ENDED),
    (S.AUTO_SUBMITTED, A.REOPEN, S.ANSWERING),
    (S.AUTO_SUBMITTED, A.SUBMIT, S.SUBMITTED),
    (S.ENDED, A.REOPEN, S.ANSWERING),
    (S.ENDED, A.READMIT, S.IDENTIFIED),
    (S.ABSENT, A.REINSTATE, S.ASSIGNED),
]
LEGAL = {(state, act): to for state, act, to in TABLE}


@pytest.mark.parametrize("state", S)
@pytest.mark.parametrize("act", A)
def test_every_pair_of_state_and_act_is_decided(state: S, act: A) -> None:
    if (state, act) in LEGAL:
        assert perform(state, act) is LEGAL[state, act]
    else:
        with pytest.raises(IllegalMove) as refused:
            perform(state, act)
        assert (refused.value.state, refused.value.wanted) == (state, act)


@pytest.mark.parametrize("state", S)
@pytest.mark.parametrize("to", S)
def test_a_move_needs_an_act_that_leads_there(state: S, to: S) -> None:
    if any(start is state and end is to for start, _, end in TABLE):
        assert move(state, to) is to
    else:
        with pytest.raises(IllegalMove):
            move(state, to)


def test_a_submission_is_final() -> None:
    assert seats.allowed(S.SUBMITTED) == frozenset()


def test_open_collected_and_absent_are_all_states() -> None:
    assert seats.OPEN | seats.COLLECTED | {S.ABSENT} == set(S)
    assert not seats.OPEN & seats.COLLECTED


@pytest.mark.parametrize("act", [A.TIME_OVER, A.END])
def test_the_end_of_a_room_closes_every_open_attempt(act: A) -> None:
    for state in seats.OPEN:
        assert perform(state, act) not in seats.OPEN


def reachable(without: set[A]) -> set[S]:
    reached = {S.ASSIGNED}
    while more := {to for state, act, to in TABLE if state in reached and act not in without} - reached:
        reached |= more
    return reached


def test_nobody_opens_a_paper_without_admission() -> None:
    without_admission = reachable({A.ADMIT, A.REOPEN})
    assert not without_admission & {S.ADMITTED, S.CONFIRMED, S.READY, S.ANSWERING}


def test_only_an_attempt_that_had_begun_goes_straight_back_to_its_paper() -> None:
    assert perform(S.ENDED, seats.reopening(began=True)) is S.ANSWERING
    assert perform(S.ENDED, seats.reopening(began=False)) is S.IDENTIFIED


@given(st.lists(st.sampled_from(list(A)), max_size=30))
def test_any_run_of_acts_stays_inside_the_table_and_can_be_closed(acts: list[A]) -> None:
    state = S.ASSIGNED
    for act in acts:
        if act in seats.allowed(state):
            state = perform(state, act)
    if state in seats.OPEN:
        state = perform(state, A.TIME_OVER)
    assert state in seats.COLLECTED | {S.ABSENT}


@pytest.mark.parametrize("state", S)
def test_a_candidate_changes_seats_only_while_the_attempt_is_open(state: S) -> None:
    assert seats.may_change_seat(state) is (state in seats.OPEN)


def test_who_was_present() -> None:
    assert frozenset(S) - seats.PRESENT == {S.ASSIGNED, S.ABSENT}
