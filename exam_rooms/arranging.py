"""One draw over many rooms: candidates of sittings that start together to rooms, then to seats and forms.

A room holds one sitting and so one occupation; rooms are divided among the sittings by need. As with a
single room, everything is decided by hashes of the seed: the order of people, sittings and rooms in the
input does not matter, but for the order of rooms where they are filled one after the other.
"""

import heapq
from collections.abc import Iterable, Mapping, Sequence

from exam_rooms.draw_parts import Entrant, Hall, Note, Outcome, Question, Rules, Seated, hashed
from exam_rooms.room_division import divide
from exam_rooms.seating import Person, SeatingRefused, arrange


def draw(question: Question, seed: str) -> Outcome:
    """Rooms, seats and forms for everybody.

    A draw over one room is `seating.arrange` with the very seed; over more each room has one made of it.
    Raises `SeatingRefused` (nobody, double_person, room_unknown, rooms_not_enough, too_many_people,
    no_forms, unknown_form).
    """
    _check(question)
    rooms = divide(question, seed)
    seated: dict[str, Seated] = {}
    notes: list[Note] = []
    for sitting in sorted({entrant.sitting for entrant in question.entrants}):
        halls = [hall for hall in question.halls if rooms.get(hall.ref) == sitting]
        people = sorted((e for e in question.entrants if e.sitting == sitting), key=lambda each: each.ref)
        placed = _Placing(halls, people, question.rules, seed)
        placed.place()
        notes += placed.notes
        for hall in halls:
            own_seed = seed if len(question.halls) == 1 else f"{seed}/{hall.ref}"
            found, exceptions = _seats(hall, placed.held[hall.ref], question, own_seed)
            seated |= found
            notes += exceptions
    used = {place.room for place in seated.values()}
    return Outcome(
        {ref: sitting for ref, sitting in rooms.items() if ref in used}, seated, tuple(notes), seed
    )


def _check(question: Question) -> None:
    if not question.entrants:
        raise SeatingRefused("nobody")
    if len({entrant.ref for entrant in question.entrants}) < len(question.entrants):
        raise SeatingRefused("double_person")
    halls = {hall.ref: hall for hall in question.halls}
    for entrant in question.entrants:
        if entrant.room is None:
            continue
        if entrant.room not in halls or halls[entrant.room].sitting not in (None, entrant.sitting):
            raise SeatingRefused("room_unknown", room=entrant.room)


def _seats(
    hall: Hall, people: Sequence[Entrant], question: Question, seed: str
) -> tuple[dict[str, Seated], list[Note]]:
    rules = question.rules
    persons = [
        Person(
            each.ref,
            each.employer if rules.employers_apart else "",
            each.form,
            frozenset(seat for room, seat in each.sat_at if rules.seats_anew and room == hall.ref),
        )
        for each in people
    ]
    if not persons:
        return {}, []
    made = arrange(hall.plan, persons, forms=question.forms[people[0].sitting], seed=seed)
    notes = [
        Note(note["kind"], hall.ref, tuple(note["refs"]), tuple(note["seats"]), note["shared"])
        for note in made.notes()
    ]
    return {ref: Seated(hall.ref, seat, made.forms[ref]) for ref, seat in made.seats.items()}, notes


# --- people of a sitting to its rooms --------------------------------------------------------------


class _Placing:
    """The rooms of one sitting being filled: who is held by each."""

    def __init__(self, halls: Sequence[Hall], people: Sequence[Entrant], rules: Rules, seed: str) -> None:
        self.halls, self.people, self.rules, self.seed = halls, people, rules, seed
        self.held: dict[str, list[Entrant]] = {hall.ref: [] for hall in halls}
        self.notes: list[Note] = []
        self._reserved: set[str] = set()

    def place(self) -> None:
        """First who has a room already, then accommodations, then everybody else."""
        for entrant in self.people:
            if entrant.room is not None:
                self.held[entrant.room].append(entrant)
        rest = [entrant for entrant in self.people if entrant.room is None]
        if self.rules.accommodations_apart:
            rest = self._accommodated(rest)
        self._deal(rest)

    def _accommodated(self, people: Sequence[Entrant]) -> list[Entrant]:
        """Gives rooms of their own to those approved for one, then one for all others; who is left."""
        left = list(people)
        for entrant in [each for each in people if each.alone]:
            if not self._reserve([entrant], left):
                self.notes.append(Note("own_room", "", (entrant.ref,)))
        group = [each for each in left if each.alone or each.apart]
        if group and not self._reserve(group, left):
            self.notes.append(Note("accommodation_room", "", tuple(each.ref for each in group)))
        return left

    def _reserve(self, group: Sequence[Entrant], left: list[Entrant]) -> bool:
        """Puts a group into the smallest empty room that takes it, when the others still find seats."""
        open_ = sorted(self._open(), key=lambda hall: (hall.capacity, hall.ref))
        seats = sum(hall.capacity - len(self.held[hall.ref]) for hall in open_)
        for hall in open_:
            fits = hall.capacity >= len(group) and not self.held[hall.ref]
            if fits and seats - hall.capacity >= len(left) - len(group):
                self.held[hall.ref] += group
                self._reserved.add(hall.ref)
                gone = {each.ref for each in group}
                left[:] = [each for each in left if each.ref not in gone]
                return True
        return False

    def _open(self) -> list[Hall]:
        return [hall for hall in self.halls if hall.ref not in self._reserved]

    def _deal(self, people: Sequence[Entrant]) -> None:
        quotas = self._quotas(len(people))
        if self.rules.by_ticket:
            ordered = sorted(people, key=lambda each: (each.ticket, each.ref))
            slots = [ref for ref, quota in quotas.items() for _ in range(quota)]
        else:
            ordered = self._by_employer(people)
            slots = self._interleaved(quotas)
        for entrant, ref in zip(ordered, slots, strict=True):
            self.held[ref].append(entrant)

    def _quotas(self, count: int) -> dict[str, int]:
        """How many more each room takes."""
        halls = self._open()
        space = {hall.ref: hall.capacity - len(self.held[hall.ref]) for hall in halls}
        if sum(space.values()) < count or min(space.values(), default=0) < 0:
            seats = sum(hall.capacity for hall in halls)
            raise SeatingRefused("too_many_people", people=len(self.people), seats=seats)
        quotas = dict.fromkeys(space, 0)
        if not self.rules.even:
            for ref in quotas:
                quotas[ref] = min(count, space[ref])
                count -= quotas[ref]
            return quotas
        heap = [(len(self.held[h.ref]) / h.capacity, i) for i, h in enumerate(halls) if space[h.ref]]
        heapq.heapify(heap)
        for _ in range(count):
            _, index = heap[0]
            hall = halls[index]
            quotas[hall.ref] += 1
            if quotas[hall.ref] == space[hall.ref]:
                heapq.heappop(heap)
            else:
                heapq.heapreplace(
                    heap, ((len(self.held[hall.ref]) + quotas[hall.ref]) / hall.capacity, index)
                )
        return quotas

    def _by_employer(self, people: Iterable[Entrant]) -> list[Entrant]:
        """Colleagues one after the other, employers and colleagues in the order of the seed."""

        def key(entrant: Entrant) -> tuple[bytes, bytes]:
            employer = entrant.employer if self.rules.employers_apart else ""
            return hashed(self.seed, "employer", employer), hashed(self.seed, "entrant", entrant.ref)

        return sorted(people, key=key)

    def _interleaved(self, quotas: Mapping[str, int]) -> list[str]:
        """The rooms' places in such an order that any run of them falls to all rooms by their size."""
        slots = [
            ((2 * turn + 1) / (2 * quota), hashed(self.seed, "hall", ref), ref)
            for ref, quota in quotas.items()
            for turn in range(quota)
        ]
        return [ref for _, _, ref in sorted(slots)]
