"""What a room's camera looks for: which seats are taken. Heads only: nobody is recognised by it.

The numbers are data of the level policy; the fold of `proctoring.room_episodes` and the server use them.
"""

from dataclasses import dataclass, field

from exam_rooms.incidents import IncidentKind
from exam_rooms.watching import EpisodeRule

SEAT_KINDS = (IncidentKind.LEFT_SEAT, IncidentKind.TWO_AT_SEAT, IncidentKind.CHANGED_SEAT)
"""What a room's camera tells of a seat."""
CAMERA_KINDS = (IncidentKind.ROOM_CAMERA_LOST, IncidentKind.ROOM_CAMERA_MOVED)
"""What it tells of itself."""
KINDS = (*SEAT_KINDS, *CAMERA_KINDS)
SAME_CAUSE = {
    IncidentKind.LEFT_SEAT: (IncidentKind.NO_FACE,),
    IncidentKind.TWO_AT_SEAT: (IncidentKind.MULTI_FACE,),
    IncidentKind.CHANGED_SEAT: (IncidentKind.SEAT_SWAP,),
}
"""What says the same already, from the seat's own camera: while that is open no second alert is raised."""


@dataclass(frozen=True, slots=True)
class RoomCameraRules:
    """How a room's camera is used: a look every `sample_seconds`, and how long each cause must hold.

    Heads are lost in one look of ten and more, and people bend over paper: nobody is missed before
    `episodes` says so, and then only with all votes. `keep_days`: how long its pictures are kept.
    """

    sample_seconds: float = 3.0
    frames: int = 2
    keep_days: int = 30
    episodes: tuple[EpisodeRule, ...] = field(
        default=(
            EpisodeRule(IncidentKind.LEFT_SEAT, 45.0, 6.0),
            EpisodeRule(IncidentKind.TWO_AT_SEAT, 30.0, 10.0),
            EpisodeRule(IncidentKind.CHANGED_SEAT, 15.0, 10.0),
            EpisodeRule(IncidentKind.ROOM_CAMERA_LOST, 20.0, 5.0),
            EpisodeRule(IncidentKind.ROOM_CAMERA_MOVED, 30.0, 10.0),
        )
    )

    def rule(self, kind: str) -> EpisodeRule | None:
        """The rule of a kind; None when the policy does not use it."""
        return next((rule for rule in self.episodes if rule.kind == kind), None)


CPU_SHARE = 0.25
"""Of one core that an agent takes at most: a slow machine looks less often."""
FASTEST, SLOWEST = 1.0, 15.0


def pace(seconds: float, cost: float, hint: int = 0) -> float:
    """Seconds from one look to the next: `seconds` as asked, more where a look costs `cost` seconds of CPU or
    the server is busy (`hint` 0-10).
    """
    bounded = max(seconds * (1 + max(0, min(hint, 10)) / 10), cost / CPU_SHARE)
    return min(max(bounded, FASTEST), SLOWEST)
