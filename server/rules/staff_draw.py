"""The draw of people on duty: places with what they ask for, people with what they may do, a seed.

Nothing random but a keyed hash of the seed: the same seed and inputs give the same draw in whatever order
they come. A place stays empty only when no arrangement of the people could fill it beside those before it.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

Place = str
"""Names a place to fill; equal names are not allowed. The order of the places is their precedence."""


@dataclass(frozen=True, slots=True)
class Opening:
    """One place for one person in one `role`, serving all of `rooms` (ids)."""

    place: Place
    role: str
    rooms: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Willing:
    """Somebody who may be drawn: `roles` held, rooms that are `barred`, rooms of the own employer's people.

    The latter (`last`) are taken only when nobody else is there.
    """

    person: int
    roles: frozenset[str]
    barred: frozenset[int] = frozenset()
    last: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Drawn:
    """Place -> person, and the places that nobody could fill."""

    taken: Mapping[Place, int] = field(default_factory=dict)
    empty: tuple[Place, ...] = ()


def draw(openings: Sequence[Opening], people: Iterable[Willing], seed: str) -> Drawn:
    """Fills the places, earlier ones first; nobody gets two.

    Augmenting paths: a person taken before moves on to another place when that frees one for this place.
    """
    known = sorted(people, key=lambda one: one.person)
    wishes = {opening.place: _wished(opening, known, seed) for opening in openings}
    taken: dict[Place, int] = {}
    for opening in openings:
        _fill(opening.place, wishes, taken)
    ordered = {opening.place: taken[opening.place] for opening in openings if opening.place in taken}
    return Drawn(ordered, tuple(opening.place for opening in openings if opening.place not in taken))


def _wished(opening: Opening, people: Sequence[Willing], seed: str) -> list[int]:
    rooms = set(opening.rooms)
    fit = [one for one in people if opening.role in one.roles and rooms.isdisjoint(one.barred)]
    fit.sort(key=lambda one: (not rooms.isdisjoint(one.last), _lot(seed, opening.place, one.person)))
    return [one.person for one in fit]


def _fill(place: Place, wishes: Mapping[Place, list[int]], taken: dict[Place, int]) -> None:
    holder = {person: held for held, person in taken.items()}
    came: dict[int, Place] = {}
    queue = [place]
    for here in queue:  # grows while it is read
        for person in wishes[here]:
            if person in came:
                continue
            came[person] = here
            if person not in holder:
                _move_on(person, came, taken)
                return
            queue.append(holder[person])


def _move_on(person: int, came: Mapping[int, Place], taken: dict[Place, int]) -> None:
    """Along the path that was found each one takes the place that the next one leaves."""
    following: int | None = person
    while following is not None:
        place = came[following]
        before = taken.get(place)
        taken[place] = following
        following = before


def _lot(seed: str, place: Place, person: int) -> bytes:
    return hashlib.sha256(f"{seed}|{place}|{person}".encode()).digest()
