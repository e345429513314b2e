"""The draw of seats and forms: seeded, replayable, and honest about what could not be kept apart.

Order is drawn from hashes of the seed, never from a library's random generator, so a stored seed gives
the same map on every machine and version. The order in which people are handed in does not matter.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from functools import lru_cache
from itertools import product
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from exam_rooms.seatmap import Nearness, RoomMap, SeatPosition, neighbour_table

T = TypeVar("T")
Pair = tuple[str, str, Nearness]
FORM_WEIGHT = {Nearness.SIDE: 10_000, Nearness.FRONT: 100, Nearness.DIAGONAL: 1}
"""A shared form beside is worse than any number ahead, and that worse than any number across the corner."""
EMPLOYER_WEIGHT = {Nearness.SIDE: 3, Nearness.FRONT: 2, Nearness.DIAGONAL: 1}
SAT_WEIGHT = 1_000
"""The seat of an earlier sitting is worse than any colleagues around, and better than a form in vain."""
ROUNDS = 40  # passes of exchanges; a room settles in a handful
RESTARTS = 8  # fresh draws when a settled one still has colleagues side by side
STEPS = 150  # exchanges in search of a way out of a settled draw, from its last better state
REST = 6  # steps for which two exchanged seats stay as they are, at most


class SeatingRefused(ValueError):
    """The draw is impossible; `code`: too_many_people, double_person, no_forms, unknown_form."""

    def __init__(self, code: str, **params: str | int) -> None:
        super().__init__(code)
        self.code = code
        self.params = params


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody to be seated. `form`: a form that this person must get, e.g. one in large print.

    `sat_at`: seats of this room where the person sat in an earlier sitting.
    """

    ref: str
    employer: str = ""
    form: str | None = None
    sat_at: frozenset[str] = frozenset()


class Clash(StrEnum):
    """What two neighbours share."""

    FORM = "form"
    EMPLOYER = "employer"


@dataclass(frozen=True, slots=True)
class SatBefore:
    """Somebody at a seat of an earlier sitting because the room left no other way."""

    seat: str
    ref: str

    def to_json(self) -> dict[str, Any]:
        """Plain values for the stored notes of a draw, in the shape of `SharedNearby`."""
        return {"kind": "sat_before", "seats": [self.seat], "refs": [self.ref], "shared": ""}


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
    again: tuple[SatBefore, ...] = ()

    def notes(self) -> list[dict[str, Any]]:
        """Every exception as plain values."""
        return [note.to_json() for note in self.exceptions] + [note.to_json() for note in self.again]


def arrange(room: RoomMap, people: Sequence[Person], *, forms: Sequence[str], seed: str | int) -> Arrangement:
    """Draws seats and forms.

    Spare seats and those out of order stay free. The front of the plan fills up first; seats further
    back are used when that keeps colleagues apart. Raises `SeatingRefused`.
    """
    _check(room, people, forms)
    pairs = _pairs(room)
    seat_forms = colour(room.seats, pairs, forms, str(seed))
    seats = _draw(room, people, pairs, seat_forms, str(seed))
    got = {person.ref: person.form or seat_forms[seats[person.ref]] for person in people}
    again = [SatBefore(seats[p.ref], p.ref) for p in people if seats[p.ref] in p.sat_at]
    again.sort(key=lambda note: note.ref)
    return Arrangement(seats, got, _exceptions(people, seats, got, pairs), str(seed), tuple(again))


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


def _pairs(room: RoomMap) -> tuple[Pair, ...]:
    """Every two neighbours once, in the plan's order; rooms of one plan share the work."""
    return _known_pairs(replace(room, name=""))


@lru_cache(maxsize=32)
def _known_pairs(room: RoomMap) -> tuple[Pair, ...]:
    order = {seat.number: place for place, seat in enumerate(room.seats)}
    return tuple(
        (number, other, nearness)
        for number, around in neighbour_table(room).items()
        for nearness, others in around.items()
        for other in others
        if order[number] < order[other]
    )


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

Table = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Hall:
    """The normal seats in the plan's order and what is dear there: all tables of whole numbers.

    `weights`: seats x seats, what two colleagues cost there; `own`: people x seats, what a person costs
    alone, the last row of nobody; `employers`: of each person, 0 for none and for nobody.
    """

    weights: Table
    own: Table
    employers: Table


class _Draw:
    """A draw being improved: `who` (person by seat) and what each seat costs."""

    def __init__(self, hall: _Hall, who: Table) -> None:
        self.hall, self.seats = hall, np.arange(len(who))
        self._take(who)

    def _take(self, who: Table) -> None:
        self.who, at = who, self.hall.employers[who]
        # Colleagues around each seat, by employer; nobody and no employer have none.
        self.near = self.hall.weights @ (at[:, None] == np.arange(self.hall.employers.max(initial=0) + 1))
        self.near[:, 0] = 0
        self._count()

    def _count(self) -> None:
        self.at = self.hall.employers[self.who]
        self.costs = self.hall.own[self.who, self.seats] + self.near[self.seats, self.at]

    @property
    def total(self) -> int:
        """The whole draw's cost; a pair of colleagues counts twice."""
        return int(self.costs.sum())

    def settle(self) -> None:
        """Exchanges as long as one helps; a settled draw has none left that would."""
        for _ in range(ROUNDS):
            improved = [seat for seat in range(len(self.who)) if self.costs[seat] and self._improve(seat)]
            if not improved:
                return

    def search(self, seed: str) -> None:
        """Goes on where single exchanges end: the best exchange of a faulty seat, even a dear one.

        Seats just exchanged rest, so that a step is not taken back at once. The best state is kept.
        """
        best, kept = self.total, self.who.copy()
        rested, since, step = np.zeros(len(self.who), dtype=np.int64), 0, 0
        longest = max(1, min(REST, len(self.who) // 4))
        while best and since < STEPS:
            since, step = since + 1, step + 1
            chance = hashlib.sha256(f"{seed}|search/{step}".encode()).digest()
            faulty = np.flatnonzero((self.costs > 0) & (rested < step))
            if not len(faulty):
                continue
            seat = int(faulty[int.from_bytes(chance[:4]) % len(faulty)])
            gains = self._gains(seat)
            open_ = (rested < step) & ((self.at != self.at[seat]) | (gains > 0))  # colleagues change nothing
            if not open_.any():
                continue
            best_ones = np.flatnonzero(open_ & (gains == gains[open_].max()))
            other = int(best_ones[int.from_bytes(chance[4:8]) % len(best_ones)])
            self._exchange(seat, other)
            rested[[seat, other]] = step + 1 + chance[8] % longest
            if self.total < best:
                best, kept, since = self.total, self.who.copy(), 0
        self._take(kept)

    def _improve(self, seat: int) -> bool:
        gains = self._gains(seat)
        best = int(gains.argmax())
        if gains[best] <= 0:
            return False
        self._exchange(seat, best)
        return True

    def _gains(self, one: int) -> Table:
        """What changing places with each seat would save; with itself nothing."""
        person, employer = self.who[one], self.at[one]
        parted = self.hall.weights[one] * (self.at != employer)
        there = self.hall.own[person] + self.near[:, employer] - parted * (employer > 0)
        here = self.hall.own[self.who, one] + self.near[one, self.at] - parted * (self.at > 0)
        gains: Table = self.costs + self.costs[one] - there - here
        gains[one] = 0
        return gains

    def _exchange(self, one: int, other: int) -> None:
        moved = self.hall.weights[other] - self.hall.weights[one]
        self.near[:, self.at[one]] += moved
        self.near[:, self.at[other]] -= moved
        self.near[:, 0] = 0
        self.who[[one, other]] = self.who[[other, one]]
        self._count()


def _draw(
    room: RoomMap, people: Sequence[Person], pairs: Sequence[Pair], seat_forms: Mapping[str, str], seed: str
) -> dict[str, str]:
    """Of a few settled draws the first without a fault, or else the best."""
    numbers = [seat.number for seat in room.normal]
    known = sorted(people, key=lambda person: person.ref)
    hall = _hall(numbers, known, pairs, seat_forms)
    best: _Draw | None = None
    for attempt in range(RESTARTS):
        drawn = _shuffled(range(len(known)), seed, f"people/{attempt}")
        nobody = [len(known)] * (len(numbers) - len(drawn))
        draw = _Draw(hall, np.array([*drawn, *nobody], dtype=np.int64))
        draw.settle()
        if best is None or draw.total < best.total:
            best = draw
        if best.total == 0:
            break
    assert best is not None
    best.search(seed)
    seated = zip(numbers, best.who, strict=True)
    return {known[person].ref: number for number, person in seated if person < len(known)}


def _hall(
    numbers: Sequence[str], people: Sequence[Person], pairs: Iterable[Pair], seat_forms: Mapping[str, str]
) -> _Hall:
    place = {number: index for index, number in enumerate(numbers)}
    weights = np.zeros((len(numbers), len(numbers)), dtype=np.int64)
    for one, other, nearness in pairs:
        if one in place and other in place:
            weight = EMPLOYER_WEIGHT[nearness]
            weights[place[one], place[other]] = weights[place[other], place[one]] = weight
    own = np.zeros((len(people) + 1, len(numbers)), dtype=np.int64)
    for row, person in enumerate(people):
        if person.form is not None:
            own[row] += [FORM_WEIGHT[Nearness.SIDE] * (seat_forms[n] != person.form) for n in numbers]
        for number in person.sat_at & place.keys():
            own[row, place[number]] += SAT_WEIGHT
    known = {employer: index for index, employer in enumerate(dict.fromkeys(p.employer for p in people), 1)}
    employers = [known[person.employer] if person.employer else 0 for person in people]
    return _Hall(weights, own, np.array([*employers, 0], dtype=np.int64))


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
