"""What the live process remembers of one room camera between two looks; all of it can be rebuilt."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from exam_rooms.room_camera_messages import RoomCameraReport, WantedPicture
from exam_rooms.room_watching import pace
from proctoring.room_samples import Sampling
from proctoring.room_state import START, RoomState
from proctoring.roomview import Placed, RoomView
from server.services.room_calibrations import Picture

LOOKS_KEPT = 60
"""Looks whose numbers are remembered: as many pictures as an agent keeps."""
STILLS_KEPT = 4
Moments = deque[tuple[int, float]]
"""Numbers of looks and when they were (seconds since the epoch)."""


@dataclass
class RoomSight:
    """One camera. `why`: why no seat is judged; `wanted`: pictures that the agent is still to send.

    `by`: the server process that took its last look.
    """

    camera: int
    room: int
    heard_at: datetime | None = None
    report: RoomCameraReport | None = None
    room_sitting: int | None = None
    why: str = "not_calibrated"
    state: RoomState = START
    sampling: Sampling = field(default_factory=Sampling)
    placed: tuple[Placed, ...] = ()
    view: tuple[int, RoomView] | None = None
    looks: Moments = field(default_factory=lambda: deque(maxlen=LOOKS_KEPT))
    wanted: dict[str, WantedPicture] = field(default_factory=dict)
    stills: dict[str, bytes | None] = field(default_factory=dict)
    saved_at: datetime | None = None
    seconds: float = 5.0
    """To the next look, as the agent was told last."""
    by: str = ""
    merged: set[int] = field(default_factory=set)
    """Incidents of seats' own cameras that one of this camera's was looked for already."""

    def pace(self, seconds: float) -> float:
        """Seconds between two looks of this agent, which may be slower than it is asked to be."""
        return pace(seconds, self.report.cost_ms / 1000 if self.report else 0.0)

    @property
    def picture(self) -> Picture:
        """Of the last report."""
        told = self.report
        return Picture() if told is None else Picture(told.width, told.height, told.identity)

    @property
    def models(self) -> Mapping[str, str]:
        """The networks that the agent looks with."""
        return {} if self.report is None else self.report.models or {}

    def tells(self, kind: str, seat: str) -> bool:
        """Whether an episode of that kind is open at a seat."""
        return any(spell.kind == kind and spell.seat == seat for spell in self.state.open)

    def mark(self, seat: str) -> str:
        """One word for a seat: taken | empty | two | unclear | unseen | "" (nothing is judged)."""
        if self.why or self.state.moved or self.report is None or self.report.blind:
            return "unavailable"
        sight = next((one for one in self.state.seats if one.seat == seat), None)
        if sight is None:
            return "unseen"
        return "unclear" if sight.vote == "empty" and sight.known and sight.unclear else sight.vote

    def marks(self) -> dict[str, str]:
        """The words of all seats that are in view."""
        return {sight.seat: self.mark(sight.seat) for sight in self.state.seats}

    def ask(self, ref: str, wanted: WantedPicture, *, still: bool = False) -> None:
        """Puts a picture on the list of what the agent is to send; a still one is kept in memory."""
        self.wanted[ref] = wanted
        if still:
            self.stills[ref] = None
            while len(self.stills) > STILLS_KEPT:
                oldest = next(iter(self.stills))
                del self.stills[oldest]
                self.wanted.pop(oldest, None)
