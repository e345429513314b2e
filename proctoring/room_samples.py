"""Samples for a calibration that makes itself: who settles down somewhere just before a seat is admitted.

Heads that stay where they are look after look are *sitters*. When a seat is admitted and exactly one sitter
has come since the last admission, that is the head of this seat; with two or none nobody can say, and
nothing is taken. Once four samples fit, further sitters are told by where the others put them.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from proctoring.assignment import assign
from proctoring.calibration import AUTO_SAMPLES, Calibration, CalibrationRefused, Sample, fit

NEAR = 0.035
"""Share of the picture's width by which a sitting head may move from look to look."""
SETTLED = 4
"""Looks after which a head that stayed where it was sits."""
LOST = 5
"""Looks in a row without it after which a sitter is forgotten."""
FOLLOW = 0.15
"""Of the newest look in a sitter's place."""
SURE = 0.4
"""Of the seat pitch: a sitter so near to where the samples put a seat sits there, if nobody else does."""
MOST = 120


@dataclass(frozen=True, slots=True)
class Sitter:
    """A head that stays: its place (shares of the picture), since when, in how many looks; its `seat`."""

    x: float
    y: float
    since: float
    looks: int = 1
    missed: int = 0
    seat: str = ""


@dataclass(frozen=True, slots=True)
class Sampling:
    """The sitters, seats that were admitted, and when the last of them was."""

    sitters: tuple[Sitter, ...] = ()
    admitted: frozenset[str] = frozenset()
    last: float = 0.0

    @property
    def samples(self) -> tuple[Sample, ...]:
        """What is known: one a seat."""
        known = {sitter.seat: Sample(sitter.seat, sitter.x, sitter.y) for sitter in self.sitters}
        return tuple(known[seat] for seat in sorted(known) if seat)


def follow(state: Sampling, at: float, heads: Sequence[tuple[float, float]]) -> Sampling:
    """One look more; `at`: seconds of any clock that goes forward."""
    sitters = state.sitters
    apart = np.full((len(heads), len(sitters)), math.inf)
    if heads and sitters:
        places = np.array([(sitter.x, sitter.y) for sitter in sitters])
        apart = np.linalg.norm(np.array(heads)[:, None] - places[None], axis=2)
    pairs = {sitter: head for head, sitter in assign(apart, NEAR).items()}
    after = []
    for number, sitter in enumerate(sitters):
        if number in pairs:
            x, y = heads[pairs[number]]
            moved = replace(
                sitter, x=sitter.x + FOLLOW * (x - sitter.x), y=sitter.y + FOLLOW * (y - sitter.y)
            )
            after.append(replace(moved, looks=sitter.looks + 1, missed=0))
        elif sitter.missed + 1 < LOST or sitter.seat:  # a sample stays when its candidate has gone
            after.append(replace(sitter, missed=sitter.missed + 1))
    fresh = set(range(len(heads))) - set(pairs.values())
    after += [Sitter(*heads[number], since=at) for number in sorted(fresh)]
    return replace(state, sitters=tuple(after[:MOST]))


def admit(state: Sampling, at: float, seats: Collection[str]) -> Sampling:
    """Takes which seats are admitted by now; one that is new gets its sitter, if there is no doubt."""
    new = frozenset(seats) - state.admitted
    if not new:
        return replace(state, admitted=frozenset(seats))
    come = [
        number
        for number, sitter in enumerate(state.sitters)
        if sitter.looks >= SETTLED and not sitter.seat and not sitter.missed and sitter.since > state.last
    ]
    sitters = list(state.sitters)
    (seat,) = new if len(new) == 1 else ("",)
    known = {sitter.seat for sitter in sitters}
    if len(come) == 1 and seat and seat not in known:
        sitters[come[0]] = replace(sitters[come[0]], seat=seat)
    return Sampling(tuple(sitters), frozenset(seats), at)


def extend(
    state: Sampling, places: Mapping[str, tuple[float, float]], pitch: float
) -> tuple[Sampling, Calibration | None]:
    """Gives more sitters their seats by a first fit; the calibration once it may be used by itself."""
    try:
        found = fit(state.samples, places, pitch)
    except CalibrationRefused:
        return state, None
    known = {sitter.seat for sitter in state.sitters if sitter.seat}
    open_seats = sorted(state.admitted - known)
    sitters = list(state.sitters)
    free = [
        number
        for number, sitter in enumerate(sitters)
        if not sitter.seat and not sitter.missed and sitter.looks >= SETTLED
    ]
    if found.proven and open_seats and free:
        at = found.to_room(np.array([(sitters[number].x, sitters[number].y) for number in free]))
        wanted = np.array([places[seat] for seat in open_seats])
        apart = np.linalg.norm(at[:, None] - wanted[None], axis=2)
        for head, seat in assign(apart, SURE * pitch).items():
            sitters[free[head]] = replace(sitters[free[head]], seat=open_seats[seat])
    after = replace(state, sitters=tuple(sitters))
    if len(after.samples) == len(state.samples):
        return after, found if len(found.used) >= AUTO_SAMPLES else None
    try:
        found = fit(after.samples, places, pitch)
    except CalibrationRefused:
        return state, None
    return after, found if len(found.used) >= AUTO_SAMPLES else None
