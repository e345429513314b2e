"""How well heads of a room camera find their seats, in simulated rooms (`proctoring.room_simulation`)."""

import time
from dataclasses import dataclass

from proctoring.room_simulation import HALLS, Score, measure

ASKED = {"6x5 front": 0.974, "6x5 corner": 0.963, "6x5 tight corner": 0.935, "5x8 front": 0.960}
"""Share of heads on the right seat in one look that each room has to reach."""
METHODS = ("floor", "anchor", "anchor_one_to_one", "nearest", "plane", "plane_with_offset")
OURS = "plane_with_offset"


@dataclass(frozen=True, slots=True)
class RoomCameraFound:
    """Scores by hall; `seconds`: CPU of one look with all methods."""

    scores: tuple[Score, ...]
    looks: int
    seconds: float

    @property
    def complete(self) -> bool:
        """Whether every room reached what is asked."""
        return all(score.shares[OURS] >= ASKED[score.hall] for score in self.scores)

    def to_json(self) -> dict[str, object]:
        """The table."""
        halls = [
            {
                "hall": score.hall,
                "asked": ASKED[score.hall],
                "heads": score.heads,
                "residual_m": round(score.residual, 3),
                "shares": {name: round(score.shares[name], 3) for name in METHODS},
                "wrong": {name: score.wrong[name] for name in METHODS},
            }
            for score in self.scores
        ]
        return {"looks": self.looks, "cpu_ms_per_look": round(self.seconds * 1000, 2), "halls": halls}

    def in_words(self) -> str:
        """The same as a table for people."""
        head = f"{'':18}{'':>8}" + "".join(f"{name:>20}" for name in METHODS)
        lines = [
            f"{score.hall:18}{ASKED[score.hall]:>8.3f}"
            + "".join(f"{score.shares[name]:>20.3f}" for name in METHODS)
            for score in self.scores
        ]
        return "\n".join((head, *lines))


def measured(looks: int, seed: int) -> RoomCameraFound:
    """Plays all halls."""
    began = time.process_time()
    scores = tuple(measure(hall, looks, seed) for hall in HALLS)
    return RoomCameraFound(scores, looks, (time.process_time() - began) / (looks * len(HALLS)))
