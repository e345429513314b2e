"""What may happen to one attempt at a seat: the states, the acts, and the one table that joins them.

=============== =================================================================================
state           meaning
=============== =================================================================================
assigned        a seat is reserved; nobody has signed in
identified      ticket and ID number were right at the right seat; an invigilator has to look
admitted        an invigilator let the candidate in; the candidate checks photo and name
confirmed       "this is me"; the candidate reads the rules and decides on face comparison
ready           rules accepted; waits for the start
answering       the paper is open
submitted       handed in by the candidate; final
auto_submitted  handed in by the server at the deadline
ended           closed by a person, or by the deadline before the paper was opened
absent          nobody came
=============== =================================================================================

A change of seat is not a move of this table: the attempt keeps its state, see `may_change_seat`.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class AttemptState(StrEnum):
    """Where one candidate's attempt stands; see the module's table."""

    ASSIGNED = "assigned"
    IDENTIFIED = "identified"
    ADMITTED = "admitted"
    CONFIRMED = "confirmed"
    READY = "ready"
    ANSWERING = "answering"
    SUBMITTED = "submitted"
    AUTO_SUBMITTED = "auto_submitted"
    ENDED = "ended"
    ABSENT = "absent"


class Act(StrEnum):
    """What a candidate, an invigilator or the clock does to an attempt."""

    SIGN_IN = "sign_in"  # candidate: ticket and ID number at the seat
    ADMIT = "admit"  # invigilator
    REFUSE = "refuse"  # invigilator: back to before the sign-in, e.g. the photo is of somebody else
    CONFIRM = "confirm"  # candidate: "this is me"
    DENY = "deny"  # candidate: "this is not me"; an invigilator has to look again
    ACCEPT = "accept"  # candidate: rules and pledge
    START = "start"  # the room starts, or a late candidate is ready in a running room
    SUBMIT = "submit"  # candidate
    TIME_OVER = "time_over"  # the clock, at the seat's own deadline
    END = "end"  # invigilator: this seat, or every seat of a room
    MARK_ABSENT = "mark_absent"  # invigilator, or the clock when late entry closes
    REOPEN = "reopen"  # chief: a time credit, or a seat ended by mistake while it was answering
    READMIT = "readmit"  # chief: a seat that was ended before it had begun
    REINSTATE = "reinstate"  # chief: marked absent by mistake; admission still asks the clock


class SeatLink(StrEnum):
    """Whether the server hears from a seat's workstation."""

    NEVER = "never"
    UP = "up"
    LOST = "lost"


class IllegalMove(ValueError):
    """An attempt was asked for something its state does not allow; `wanted` is an act or a state."""

    def __init__(self, state: AttemptState, wanted: StrEnum) -> None:
        super().__init__(f"{state} -> {wanted}")
        self.state = state
        self.wanted = wanted


_S = AttemptState
_A = Act

ACTS: Mapping[AttemptState, Mapping[Act, AttemptState]] = MappingProxyType(
    {
        _S.ASSIGNED: {
            _A.SIGN_IN: _S.IDENTIFIED,
            _A.MARK_ABSENT: _S.ABSENT,
            # Ending a room or reaching its deadline closes every seat, also those nobody came to.
            _A.TIME_OVER: _S.ABSENT,
            _A.END: _S.ABSENT,
        },
        _S.IDENTIFIED: {
            _A.ADMIT: _S.ADMITTED,
            _A.REFUSE: _S.ASSIGNED,
            _A.TIME_OVER: _S.ENDED,
            _A.END: _S.ENDED,
        },
        _S.ADMITTED: {
            _A.CONFIRM: _S.CONFIRMED,
            _A.DENY: _S.IDENTIFIED,
            _A.REFUSE: _S.ASSIGNED,
            _A.TIME_OVER: _S.ENDED,
            _A.END: _S.ENDED,
        },
        _S.CONFIRMED: {
            _A.ACCEPT: _S.READY,
            _A.DENY: _S.IDENTIFIED,
            _A.REFUSE: _S.ASSIGNED,
            _A.TIME_OVER: _S.ENDED,
            _A.END: _S.ENDED,
        },
        _S.READY: {
            _A.START: _S.ANSWERING,
            _A.REFUSE: _S.ASSIGNED,
            _A.TIME_OVER: _S.AUTO_SUBMITTED,
            _A.END: _S.ENDED,
        },
        _S.ANSWERING: {
            _A.SUBMIT: _S.SUBMITTED,
            _A.TIME_OVER: _S.AUTO_SUBMITTED,
            _A.END: _S.ENDED,
        },
        _S.SUBMITTED: {},
        _S.AUTO_SUBMITTED: {
            _A.REOPEN: _S.ANSWERING,
            # A submission written before the deadline may arrive after it (a link gap).
            _A.SUBMIT: _S.SUBMITTED,
        },
        _S.ENDED: {_A.REOPEN: _S.ANSWERING, _A.READMIT: _S.IDENTIFIED},
        _S.ABSENT: {_A.REINSTATE: _S.ASSIGNED},
    }
)
"""For every state the acts it allows and where each leads. Nothing else may change a state."""

MOVES: Mapping[AttemptState, frozenset[AttemptState]] = MappingProxyType(
    {state: frozenset(acts.values()) for state, acts in ACTS.items()}
)
"""The states that can follow a state at once."""

OPEN = frozenset({_S.ASSIGNED, _S.IDENTIFIED, _S.ADMITTED, _S.CONFIRMED, _S.READY, _S.ANSWERING})
"""The room cannot be closed while an attempt stands here. `TIME_OVER` and `END` close each of them."""

COLLECTED = frozenset({_S.SUBMITTED, _S.AUTO_SUBMITTED, _S.ENDED})
"""Answers (perhaps none) were taken in: expected candidates = collected + absent."""

PRESENT = frozenset(AttemptState) - {_S.ASSIGNED, _S.ABSENT}
"""Somebody signed in at the seat."""


def perform(state: AttemptState, act: Act) -> AttemptState:
    """The state after an act. Raises `IllegalMove`."""
    try:
        return ACTS[state][act]
    except KeyError:
        raise IllegalMove(state, act) from None


def move(state: AttemptState, to: AttemptState) -> AttemptState:
    """`to`, when some act leads there from `state`. Raises `IllegalMove`; staying is not a move."""
    if to not in MOVES[state]:
        raise IllegalMove(state, to)
    return to


def allowed(state: AttemptState) -> frozenset[Act]:
    """The acts that a screen may offer for a state."""
    return frozenset(ACTS[state])


def reopening(*, began: bool) -> Act:
    """The act that takes an ended attempt up again: only one that had begun goes straight to its paper.

    An attempt that was ended before the paper was open (`began` false) passes an invigilator again.
    """
    return Act.REOPEN if began else Act.READMIT


def may_change_seat(state: AttemptState) -> bool:
    """Whether a candidate may be moved to another seat; the attempt, its answers and clock go along."""
    return state in OPEN
