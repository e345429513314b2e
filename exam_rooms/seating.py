"""The draw of seats and forms: seeded, replayable, and honest about what could not be kept apart.

Order is drawn from hashes of the seed, never from a library's random generator, so a stored seed gives
the same map on every machine and version. The order in which people are handed in does not matter.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from itertools import product
from typing import Any, TypeVar

from exam_rooms.seatmap import Nearness, RoomMap, SeatPosition, neighbour_table

T = TypeVar("T")
Pair = tuple[str, str, Nearness]
FORM_WEIGHT = {Nearness.SIDE: 10_000, Nearness.FRONT: 100, Nearness.DIAGONAL: 1}
"""A shared form beside is worse than any number ahead, and that worse than any number across the corner."""
EMPLOYER_WEIGHT = {Nearness.SIDE: 3, Nearness.FRONT: 2, Nearness.DIAGONAL: 1}
ROUNDS = 40  # passes of exchanges; a room settles in a handful
RESTARTS = 8  # fresh draws when a settled one still has colleagues side by side


class SeatingRefused(ValueError):
    """The draw is impossible; `code`: too_many_people, double_person, no_forms, unknown_form."""

    def __init__(self, code: str, **params: str | int) -> None:
        super().__init__(code)
        self.code = code
        self.params = params


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody to be seated. `form`: a form that this person must get, e.g. one in large print."""

    ref: str
    employer: str = ""
    form: str | None = None


class Clash(StrEnum):
    """What two neighbours share."""

    FORM = "form"
    EMPLOYER = "employer"


@dataclass(frozen=True, slots=True)
class SharedNearby:
    """Two neighbours who share a form or an employer because the room left no other way."""

    kind: Clash
    nearness: Nearness
    seats: tuple[str, str]
    refs: tuple[str, str]
    shared: str

    def to_json(self) -> dict[str, Any]:
        """Plain values for the stored notes of a draw."""
        plain = asdict(self)
        return {key: list(value) if isinstance(value, tuple) else str(value) for key, value in plain.items()}


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Who sits where (`seats`: ref -> seat number), with which form, and the exceptions."""

    seats: Mapping[str, str]
    forms: Mapping[str, str]
    exceptions: tuple[SharedNearby, ...]
    seed: str


def arrange(room: RoomMap, people: Sequence[Person], *, forms: Sequence[str], seed: str | int) -> Arrangement:
    """Draws seats and forms.

    Spare seats stay free. The front of the plan fills up first; seats further back are used when that
    keeps colleagues apart. Raises `SeatingRefused`.
    """
    _check(room, people, forms)
    pairs = _pairs(room)
    seat_forms = colour(room.seats, pairs, forms, str(seed))
    seats = _draw(room, people, pairs, _Wanted(seat_forms, str(seed)))
    got = {person.ref: person.form or seat_forms[seats[person.ref]] for person in people}
    return Arrangement(seats, got, _exceptions(people, seats, got, pairs), str(seed))


def _check(room: RoomMap, people: Sequence[Person], forms: Sequence[str]) -> None:
    if len(people) > len(room.normal):
        raise SeatingRefused("too_many_people", people=len(people), seats=len(room.normal))
    if len({person.ref for person in people}) < len(people):
        raise SeatingRefused("double_person")
    if not forms or len(set(forms)) < len(forms):
        raise SeatingRefused("no_forms")
    unknown = [person.form for person in people if person.form is not None and person.form not in forms]
    if unknown:
        raise SeatingRefused("unknown_form", form=unknown[0])


def _pairs(room: RoomMap) -> list[Pair]:
    """Every two neighbours once, in the plan's order."""
    order = {seat.number: place for place, seat in enumerate(room.seats)}
    return [
        (number, other, nearness)
        for number, around in neighbour_table(room).items()
        for nearness, others in around.items()
        for other in others
        if order[number] < order[other]
    ]


def _shuffled(items: Iterable[T], seed: str, purpose: str) -> list[T]:
    """Items in the order of their hashes under the seed."""
    keyed = [
        (hashlib.sha256(f"{seed}|{purpose}|{place}".encode()).digest(), item)
        for place, item in enumerate(items)
    ]
    return [item for _, item in sorted(keyed, key=lambda entry: entry[0])]


# --- forms: a colouring of the seats ---------------------------------------------------------------


def colour(
    seats: Sequence[SeatPosition], pairs: Sequence[Pair], forms: Sequence[str], seed: str
) -> dict[str, str]:
    """A form for every seat, spare ones too, with the fewest equal neighbours, sides first.

    Regular patterns over rows and columns are weighed by the room's real geometry; the best is mended
    seat by seat where rows and columns do not tell the whole story. Which letter takes which part of the
    pattern is drawn by the seed.
    """
    letters = _shuffled(sorted(forms), seed, "forms")
    patterns = _shuffled(_patterns(seats, len(letters)), seed, "patterns")
    best = min(patterns, key=lambda pattern: _form_cost(pattern, pairs))
    mended = _mended(best, pairs, len(letters))
    return {number: letters[part] for number, part in mended.items()}


def _patterns(seats: Sequence[SeatPosition], count: int) -> list[dict[str, int]]:
    """Stripes of every slope and blocks of every shape that `count` forms allow."""
    stripes = [
        {seat.number: (seat.column * across + seat.row * along) % count for seat in seats}
        for across, along in product(range(count), repeat=2)
    ]
    blocks = [
        {seat.number: (seat.column % wide) * deep + seat.row % deep for seat in seats}
        for wide, deep in product(range(1, count + 1), repeat=2)
        if wide * deep <= count
    ]
    return stripes + blocks


def _form_cost(parts: Mapping[str, int], pairs: Iterable[Pair]) -> int:
    return sum(FORM_WEIGHT[nearness] for one, other, nearness in pairs if parts[one] == parts[other])


def _mended(parts: Mapping[str, int], pairs: Sequence[Pair], count: int) -> dict[str, int]:
    """Gives single seats another part as long as that lowers the cost."""
    result = dict(parts)
    around = _around(pairs)
    for _ in range(ROUNDS):
        before = dict(result)
        for number in result:
            costs = [0] * count
            for other, nearness in around.get(number, ()):
                costs[result[other]] += FORM_WEIGHT[nearness]
            best = min(range(count), key=costs.__getitem__)
            if costs[best] < costs[result[number]]:
                result[number] = best
        if result == before:
            break
    return result


def _around(pairs: Iterable[Pair]) -> dict[str, list[tuple[str, Nearness]]]:
    around: dict[str, list[tuple[str, Nearness]]] = {}
    for one, other, nearness in pairs:
        around.setdefault(one, []).append((other, nearness))
        around.setdefault(other, []).append((one, nearness))
    return around


# --- people: exchanges until no exchange helps -----------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Wanted:
    seat_forms: Mapping[str, str]
    seed: str


@dataclass(slots=True)
class _Draw:
    """A draw being improved: who sits at a seat (None: free) and what that costs."""

    seat_forms: Mapping[str, str]
    around: Mapping[str, Sequence[tuple[str, Nearness]]]
    sitting: dict[str, Person | None]
    order: list[str] = field(default_factory=list)

    def cost_at(self, number: str) -> int:
        """What the person at a seat costs there: colleagues around, and a form the seat is not meant for."""
        person = self.sitting[number]
        if person is None:
            return 0
        cost = FORM_WEIGHT[Nearness.SIDE] if person.form not in (None, self.seat_forms[number]) else 0
        if not person.employer:
            return cost
        for other, nearness in self.around.get(number, ()):
            neighbour = self.sitting.get(other)
            if neighbour is not None and neighbour.employer == person.employer:
                cost += EMPLOYER_WEIGHT[nearness]
        return cost

    def total(self) -> int:
        """The whole draw's cost; a pair of colleagues counts twice."""
        return sum(self.cost_at(number) for number in self.sitting)

    def exchange(self, one: str, other: str) -> None:
        """Two seats change what they hold."""
        self.sitting[one], self.sitting[other] = self.sitting[other], self.sitting[one]

    def settle(self) -> None:
        """Exchanges as long as one helps; a settled draw has none left that would."""
        for _ in range(ROUNDS):
            improved = [number for number in self.order if self.cost_at(number) and self._improve(number)]
            if not improved:
                return

    def _improve(self, number: str) -> bool:
        gains = [(self._gain(number, other), other) for other in self.order if other != number]
        best, other = max(gains, key=lambda entry: entry[0], default=(0, number))
        if best > 0:
            self.exchange(number, other)
        return best > 0

    def _gain(self, one: str, other: str) -> int:
        before = self.cost_at(one) + self.cost_at(other)
        self.exchange(one, other)
        after = self.cost_at(one) + self.cost_at(other)
        self.exchange(one, other)
        return before - after


def _draw(room: RoomMap, people: Sequence[Person], pairs: Sequence[Pair], wanted: _Wanted) -> dict[str, str]:
    """Of a few settled draws the first without a fault, or else the best."""
    numbers = [seat.number for seat in room.normal]
    around = _around(pairs)
    known = sorted(people, key=lambda person: person.ref)
    best: _Draw | None = None
    for attempt in range(RESTARTS):
        drawn = _shuffled(known, wanted.seed, f"people/{attempt}")
        held: list[Person | None] = [*drawn, *([None] * (len(numbers) - len(drawn)))]
        draw = _Draw(wanted.seat_forms, around, dict(zip(numbers, held, strict=True)), numbers)
        draw.settle()
        if best is None or draw.total() < best.total():
            best = draw
        if best.total() == 0:
            break
    assert best is not None
    return {person.ref: number for number, person in best.sitting.items() if person is not None}


def _exceptions(
    people: Sequence[Person], seats: Mapping[str, str], forms: Mapping[str, str], pairs: Iterable[Pair]
) -> tuple[SharedNearby, ...]:
    at = {seats[person.ref]: person for person in people}
    found = []
    for one, other, nearness in pairs:
        if one not in at or other not in at:
            continue
        a, b = at[one], at[other]
        shared = {Clash.FORM: (forms[a.ref], forms[b.ref]), Clash.EMPLOYER: (a.employer, b.employer)}
        for kind, (first, second) in shared.items():
            if first and first == second:
                found.append(SharedNearby(kind, nearness, (one, other), (a.ref, b.ref), first))
    return tuple(found)
