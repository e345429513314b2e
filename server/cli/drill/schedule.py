"""Which faults a drill tries, and in which order. Pure."""

import random
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kinds:
    """Names of faults: those of one seat, which overlap freely, and those of the whole room, one by one."""

    seat: tuple[str, ...]
    room: tuple[str, ...]

    @property
    def every(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.seat, *self.room)


def schedule(rounds: int, seed: str, kinds: Kinds) -> list[str]:
    """A fault for each round: all kinds in a drawn order, then those of a seat once more, and so on.

    A fault of the room keeps everybody waiting, and there are many seats: so the seats get twice as many.
    """
    rng = random.Random(seed)  # noqa: S311 - a replayable drill, no secret
    drawn: list[str] = []
    while len(drawn) < rounds:
        drawn += rng.sample(kinds.every, k=len(kinds.every))
        drawn += rng.sample(kinds.seat, k=len(kinds.seat))
    return drawn[:rounds]


def parted(drawn: Sequence[str], kinds: Kinds) -> tuple[list[str], list[str]]:
    """The rounds of the seats and those of the room, each in the drawn order."""
    return [name for name in drawn if name in kinds.seat], [name for name in drawn if name in kinds.room]
