"""Rooms divided among sittings that start together: by need, exactly where the simple way fails."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from exam_rooms.draw_parts import Hall, Question, hashed
from exam_rooms.seating import SeatingRefused

STATES_MOST = 50_000
"""States of the division of rooms that are looked at before it counts as impossible."""


def divide(question: Question, seed: str) -> dict[str, str]:
    """Room -> sitting. By need; with `even` the rooms left over go where it is fullest.

    Raises `SeatingRefused`: too_many_people, or rooms_not_enough for several sittings.
    """
    needs: dict[str, int] = defaultdict(int)
    wishes: dict[str, int] = defaultdict(int)
    for entrant in question.entrants:
        needs[entrant.sitting] += 1
        wishes[entrant.sitting] += entrant.alone
    for sitting in {entrant.sitting for entrant in question.entrants if entrant.apart and not entrant.alone}:
        wishes[sitting] += 1
    bound = _bound(question)
    given = dict(bound)
    free = [hall for hall in question.halls if hall.ref not in bound]
    free.sort(key=lambda hall: (-hall.capacity, hashed(seed, "rooms", hall.ref)))
    left = {
        sitting: needs[sitting] - sum(h.capacity for h in question.halls if given.get(h.ref) == sitting)
        for sitting in sorted(needs)
    }
    simple = _by_need(free, left)
    given |= _exactly(free, left, question) if simple is None else simple
    rest = [hall for hall in free if hall.ref not in given]
    return given | _rest(rest, needs, wishes, question, given)


def _bound(question: Question) -> dict[str, str]:
    """Rooms that only one sitting may have: by themselves, or because somebody was put there by hand."""
    bound = {hall.ref: hall.sitting for hall in question.halls if hall.sitting is not None}
    sittings = sorted({entrant.sitting for entrant in question.entrants})
    if len(sittings) == 1:
        return {hall.ref: sittings[0] for hall in question.halls} | bound
    for entrant in question.entrants:
        if entrant.room is not None and bound.setdefault(entrant.room, entrant.sitting) != entrant.sitting:
            raise SeatingRefused("room_unknown", room=entrant.room)
    return bound


def _by_need(free: Sequence[Hall], needs: Mapping[str, int]) -> dict[str, str] | None:
    """The largest room to whom most is lacking, again and again; None when somebody lacks at the end."""
    left = dict(needs)
    given: dict[str, str] = {}
    for hall in free:
        sitting = max(left, key=lambda each: left[each])
        if left[sitting] <= 0:
            return given
        given[hall.ref] = sitting
        left[sitting] -= hall.capacity
    return given if all(lack <= 0 for lack in left.values()) else None


def _exactly(free: Sequence[Hall], needs: Mapping[str, int], question: Question) -> dict[str, str]:
    """A search through all divisions, for the rare case that the simple way fails although one exists."""
    sittings = list(needs)
    start = tuple(max(0, needs[sitting]) for sitting in sittings)
    paths: dict[tuple[int, ...], tuple[int, ...]] = {start: ()}
    for hall in free:
        following: dict[tuple[int, ...], tuple[int, ...]] = {}
        for left, path in paths.items():
            for index in range(len(sittings)):
                lack = tuple(max(0, n - hall.capacity * (i == index)) for i, n in enumerate(left))
                following.setdefault(lack, (*path, index))
        if len(following) > STATES_MOST:
            break
        paths = following
    found = paths.get((0,) * len(sittings))
    if found is None or len(found) < len(free):
        seats = sum(hall.capacity for hall in question.halls)
        code = "rooms_not_enough" if len(sittings) > 1 else "too_many_people"
        raise SeatingRefused(code, people=len(question.entrants), seats=seats)
    return {hall.ref: sittings[index] for hall, index in zip(free, found, strict=True)}


def _rest(
    rest: Sequence[Hall],
    needs: Mapping[str, int],
    wishes: Mapping[str, int],
    question: Question,
    given: Mapping[str, str],
) -> dict[str, str]:
    """Rooms that nobody needs: the smallest for accommodations, the others where it is fullest."""
    more: dict[str, str] = {}
    left = dict(wishes) if question.rules.accommodations_apart else {}
    seats = {s: sum(h.capacity for h in question.halls if given.get(h.ref) == s) for s in sorted(needs)}
    for hall in sorted(rest, key=lambda each: each.capacity):
        wishing = [sitting for sitting in sorted(needs) if left.get(sitting, 0) > 0]
        if wishing:
            more[hall.ref] = wishing[0]
            left[wishing[0]] -= 1
        elif question.rules.even:
            fullest = max(seats, key=lambda each: needs[each] / max(1, seats[each]))
            more[hall.ref] = fullest
            seats[fullest] += hall.capacity
    return more
