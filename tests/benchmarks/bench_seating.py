"""What drawing seats costs: 10,000 candidates of three occupations over 200 rooms, by number of employers.

Usage: bench_seating.py [CANDIDATES ROOMS]. Prints one JSON line a case: seconds of CPU of the draw alone and
with the way to a child process and back, neighbours left with a common employer, and whether another order of
the input gave the same map byte for byte.
"""

import json
import resource
import sys
import time

from exam_rooms.arranging import draw
from exam_rooms.draw_parts import Entrant, Hall, Question
from exam_rooms.seatmap import RoomMap, SeatKind, SeatPosition

OCCUPATIONS = 3
COLUMNS = 9
EMPLOYERS = (2, 9, 60, 300)


def main(arguments: list[str]) -> None:
    """Prints the cases."""
    candidates, rooms = map(int, arguments) if arguments else (10_000, 200)
    for employers in EMPLOYERS:
        sys.stdout.write(json.dumps(case(candidates, rooms, employers)) + "\n")
        sys.stdout.flush()


def case(candidates: int, rooms: int, employers: int) -> dict[str, object]:
    """One draw, measured; then the same with the input in another order."""
    asked = question(candidates, rooms, employers)
    plain = json.dumps(asked.to_json())
    began = time.process_time()
    again = Question.from_json(json.loads(plain))
    read = time.process_time()
    outcome = draw(again, "bench")
    drawn = time.process_time()
    text = json.dumps(outcome.to_json())
    ended = time.process_time()
    turned = Question(asked.entrants[::-1], asked.halls, asked.forms, asked.rules)
    return {
        "candidates": candidates,
        "rooms": rooms,
        "employers": employers,
        "draw_cpu_seconds": round(drawn - read, 2),
        "with_json_cpu_seconds": round(ended - began, 2),
        "colleagues_nearby": sum(note.kind == "employer" for note in outcome.notes),
        "seated": len(outcome.seated),
        "same_in_other_order": json.dumps(draw(turned, "bench").to_json()) == text,
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def question(candidates: int, rooms: int, employers: int) -> Question:
    """Candidates of employers of very different size, rooms with six per cent more seats than people."""
    seats = -(-candidates * 106 // (100 * rooms))
    entrants = tuple(
        Entrant(
            f"{number:06d}",
            f"occupation {number % OCCUPATIONS}",
            f"employer {(number * 7919 % 10_007) ** 2 * employers // 10_007**2}",
            f"{number:08d}",
        )
        for number in range(candidates)
    )
    halls = tuple(Hall(f"{number:04d}", plan(seats)) for number in range(rooms))
    return Question(entrants, halls, {f"occupation {n}": list("ABCD") for n in range(OCCUPATIONS)})


def plan(seats: int) -> RoomMap:
    """A room in full rows with one spare seat for every ten."""
    count = seats + -(-seats // 10)
    return RoomMap(
        "room",
        tuple(
            SeatPosition(
                number=str(place + 1),
                row=place // COLUMNS + 1,
                column=place % COLUMNS + 1,
                x=1.3 * (place % COLUMNS),
                y=1.2 * (place // COLUMNS),
                kind=SeatKind.NORMAL if place < seats else SeatKind.SPARE,
            )
            for place in range(count)
        ),
    )


if __name__ == "__main__":
    main(sys.argv[1:])
