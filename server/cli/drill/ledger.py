"""What the candidates gave and what they were told, held against what the store has.

Pure: no clock, no store. A candidate gives one response after the other to an item, each other than the one
before. Given and not acknowledged may be stored or not; acknowledged must be; nothing may be stored twice.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Response = tuple[str, ...]
Question = tuple[int, str]
"""(attempt, item)."""


@dataclass(slots=True)
class Given:
    """One choice of a candidate; `acknowledged`: the page showed it as saved."""

    response: Response
    fault: str
    acknowledged: bool = False
    seat: str = ""
    """Where it was shown as saved, and `moment` when (seconds of the epoch)."""
    moment: float = 0.0

    def saved(self, seat: str, moment: float) -> None:
        """The page showed it as saved."""
        self.acknowledged, self.seat, self.moment = True, seat, moment


@dataclass(slots=True)
class Tally:
    """Counts, over all or of one kind of fault."""

    acknowledged: int = 0
    lost: int = 0
    doubled: int = 0


@dataclass(slots=True)
class Ledger:
    """Everything given, by question in the order of giving. Each question belongs to one thread."""

    given: defaultdict[Question, list[Given]] = field(default_factory=lambda: defaultdict(list))
    refused: Counter[str] = field(default_factory=Counter)
    """How often the page said no, by code."""

    def give(self, question: Question, response: Response, fault: str) -> Given:
        """The candidate has chosen; a repetition of a choice nobody answered is the same one."""
        choices = self.given[question]
        if choices and choices[-1].response == response:
            return choices[-1]
        choices.append(Given(response, fault))
        return choices[-1]

    def judge(self, stored: Mapping[Question, Sequence[Response]]) -> dict[str, Tally]:
        """By fault what was acknowledged, lost and doubled; `stored`: the stream's answers in its order.

        An answer nobody gave counts as doubled, under the fault "".
        """
        tallies: defaultdict[str, Tally] = defaultdict(Tally)
        for question in self.given.keys() | stored.keys():
            given, found = self.given.get(question, []), list(stored.get(question, ()))
            for choice in given:
                tallies[choice.fault].acknowledged += choice.acknowledged
            lost, doubled = aligned(given, found)
            for place in lost:
                tallies[given[place].fault].lost += 1
            for place in doubled:
                tallies[_near(given, found[place])].doubled += 1
        return dict(tallies)

    def lost(self, stored: Mapping[Question, Sequence[Response]]) -> list[tuple[Question, list[int]]]:
        """Questions with acknowledged choices that are not stored: the places of these among the given."""
        held = {each: aligned(given, stored.get(each, ()))[0] for each, given in self.given.items()}
        return [(question, places) for question, places in held.items() if places]


def aligned(given: Sequence[Given], found: Sequence[Response]) -> tuple[list[int], list[int]]:
    """Places of acknowledged choices that are not stored, and of stored answers that nobody gave (again).

    The cheapest way to lay the stored sequence beside the given one, in order; passing over a choice that
    was never acknowledged costs nothing.
    """
    rows, columns = len(given), len(found)
    cost = [[0] * (columns + 1) for _ in range(rows + 1)]
    for row in range(rows, -1, -1):
        for column in range(columns, -1, -1):
            cost[row][column] = _cheapest(cost, given, found, (row, column))
    lost, doubled = [], []
    row = column = 0
    while row < rows or column < columns:
        here = cost[row][column]
        if _same(given, found, row, column) and here == cost[row + 1][column + 1]:
            row, column = row + 1, column + 1
        elif row < rows and here == cost[row + 1][column] + given[row].acknowledged:
            lost += [row] if given[row].acknowledged else []
            row += 1
        else:
            doubled.append(column)
            column += 1
    return lost, doubled


def _cheapest(
    cost: Sequence[Sequence[int]], given: Sequence[Given], found: Sequence[Response], place: tuple[int, int]
) -> int:
    row, column = place
    ways = []
    if _same(given, found, row, column):
        ways.append(cost[row + 1][column + 1])
    if row < len(given):
        ways.append(cost[row + 1][column] + given[row].acknowledged)
    if column < len(found):
        ways.append(cost[row][column + 1] + 1)
    return min(ways, default=0)


def _same(given: Sequence[Given], found: Sequence[Response], row: int, column: int) -> bool:
    return row < len(given) and column < len(found) and given[row].response == found[column]


def _near(given: Sequence[Given], response: Response) -> str:
    """The fault under which a response was given last."""
    return next((choice.fault for choice in reversed(given) if choice.response == response), "")
