"""When a written paper that two people marked has its mark, and which (policy: `results.double_tolerance`).

Two markers who differ by no more than the tolerance give their mean. Otherwise a third one marks the paper
without seeing theirs, and the middle of the three counts: it is the mean of no pair that happens to lie close
together, which lets two lenient or two severe markers outvote a right one, and a single slip moves it least.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from server.rules.policy_components import ResultRules, ThirdMark

STEP = Decimal("0.01")
"""Marks of papers are kept in hundredths."""


@dataclass(frozen=True, slots=True)
class Settled:
    """The points of a paper. `rule`: mean | median | mean_of_three; `readers`: the places, in the order of
    the readings, of the two whose marks stand for it; `wide`: even the nearest two of three differ by more
    than the tolerance, which somebody should look at.
    """

    points: Decimal
    rule: str
    readers: tuple[int, int]
    wide: bool = False


def settle(totals: Sequence[Decimal], rules: ResultRules) -> Settled | None:
    """The mark that two or three independent totals come to; None while another marker is needed.

    Totals are exact decimals on the paper's scale, in the order of the markers. Raises ValueError for more
    than three.
    """
    if len(totals) > 3:
        raise ValueError("more than three markers")
    if len(totals) < 2:
        return None
    if len(totals) == 2:
        if abs(totals[0] - totals[1]) > rules.double_tolerance:
            return None
        return Settled(_rounded((totals[0] + totals[1]) / 2), "mean", (0, 1))
    return _of_three(totals, rules)


def _of_three(totals: Sequence[Decimal], rules: ResultRules) -> Settled:
    order = sorted(range(3), key=lambda place: (totals[place], place))
    low, middle, high = (totals[place] for place in order)
    nearest = order[0] if middle - low <= high - middle else order[2]
    wide = min(middle - low, high - middle) > rules.double_tolerance
    if rules.third_mark is ThirdMark.MEAN:
        return Settled(_rounded(sum(totals, Decimal(0)) / 3), "mean_of_three", (order[1], nearest), wide)
    return Settled(middle, "median", (order[1], nearest), wide)


def _rounded(value: Decimal) -> Decimal:
    return value.quantize(STEP, ROUND_HALF_UP)


def code_of(text: str) -> tuple[str, str, str, str] | None:
    """(document, form, copy number, origin) of what a printed copy's QR says, None for anything else.

    A spare copy has the number "spare". `origin` is the room's mark and the hash of what was printed.
    """
    parts = text.split(" ")
    if len(parts) != 6 or parts[0] != "EXAMHALL1":
        return None
    return parts[1], parts[2], parts[3], f"{parts[4]} {parts[5]}"
