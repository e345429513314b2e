"""The liveness challenge at sign-in: what a candidate is asked to do before the camera, drawn by the server.

A photo or a recording does not know the order. The candidate may always say that they cannot: then people
check, and nothing else follows. No pixels here; `proctoring.challenge` judges what was done.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import permutations


class ChallengeStep(StrEnum):
    """One thing to do; left and right are the candidate's own."""

    TURN_LEFT = "turn_left"
    TURN_RIGHT = "turn_right"
    LOOK_UP = "look_up"
    BLINK = "blink"  # close both eyes for a second


class ChallengeResult(StrEnum):
    """How it ended. `SKIPPED`: the paper opened before it was done; `UNAVAILABLE`: the seat has no model for
    it, or its camera did not show enough; `NONE`: none was asked for.
    """

    NONE = ""
    PASSED = "passed"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    DECLINED = "declined"
    SKIPPED = "skipped"
    UNAVAILABLE = "unavailable"


DEPTH = frozenset({ChallengeStep.TURN_LEFT, ChallengeStep.TURN_RIGHT, ChallengeStep.LOOK_UP})
"""Steps that a flat picture cannot do; every order has one of them."""


@dataclass(frozen=True, slots=True)
class ChallengeRules:
    """How many steps (0: no challenge), seconds for each, and how often it may be tried.

    The defaults are those of a batch frozen when policies said nothing about it.
    """

    steps: int = 0
    seconds: float = 10.0
    tries: int = 3


@dataclass(frozen=True, slots=True)
class ChallengePlan:
    """Part of a seat's plan while it enrols: the steps of each try (`ChallengeStep`), seconds for a step."""

    orders: tuple[tuple[str, ...], ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class ChallengeNote:
    """Part of an enrolment: a `ChallengeResult`, after how many tries, why not ("other_face", "flat",
    "wrong_step", "no_face" or ""), and the numbers behind it.
    """

    result: str = ""
    tries: int = 0
    reason: str = ""
    scores: dict[str, float] = field(default_factory=dict)


def draw(seed: str, rules: ChallengeRules) -> ChallengePlan | None:
    """The orders of all tries, different ones as long as there are enough; None when nothing is asked.

    They follow from the seed alone, on every machine and version.
    """
    if not rules.steps:
        return None
    possible = [order for order in permutations(ChallengeStep, rules.steps) if not DEPTH.isdisjoint(order)]
    shuffled = sorted(possible, key=lambda order: _drawn(seed, order))
    orders = tuple(tuple(map(str, shuffled[each % len(shuffled)])) for each in range(rules.tries))
    return ChallengePlan(orders, rules.seconds)


def _drawn(seed: str, order: Sequence[str]) -> bytes:
    return hashlib.sha256(f"{seed}|{'|'.join(order)}".encode()).digest()
