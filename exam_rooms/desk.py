"""The sign-in desk's decisions: whether the door is open, and who has to confirm that it is this person.

A comparison of faces decides nothing: at its best it spares the second pair of eyes, at its worst it calls
the chief. Without it, for whatever cause, two members of staff look (R38).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from exam_rooms.clock import Phase, RoomClock, entry_open, entry_opens, late_entry_closes, phase
from exam_rooms.seatmap import Nearness, RoomMap, neighbours


class Face(StrEnum):
    """What is known of live picture against registration photo."""

    NOT_USED = "not_used"  # the policy compares nothing at the desk: an invigilator looks, as at the seat
    NOT_ASKED = "not_asked"  # could be compared; the candidate was not asked for consent yet
    DECLINED = "declined"  # the candidate does not want it, which is as good
    UNAVAILABLE = "unavailable"  # no camera, no model, or a picture that cannot be read
    NO_PHOTO = "no_photo"
    NO_FACE = "no_face"
    UNCLEAR = "unclear"  # too dark, too small or blurred to be compared
    SEVERAL = "several"  # more than one person before the camera
    MATCH = "match"
    UNSURE = "unsure"
    MISMATCH = "mismatch"


class Confirm(StrEnum):
    """Who has to say that this is the person on the list."""

    ASK = "ask"  # nobody yet: consent comes first
    ONE = "one"  # the person at the desk
    TWO = "two"  # and a second member of staff
    CHIEF = "chief"  # a doubt: the chief decides with a second member of staff


CONFIRM: Mapping[Face, Confirm] = MappingProxyType(
    {
        Face.NOT_USED: Confirm.ONE,
        Face.NOT_ASKED: Confirm.ASK,
        Face.DECLINED: Confirm.TWO,
        Face.UNAVAILABLE: Confirm.TWO,
        Face.NO_PHOTO: Confirm.TWO,
        Face.NO_FACE: Confirm.TWO,
        Face.UNCLEAR: Confirm.TWO,
        Face.SEVERAL: Confirm.TWO,
        Face.MATCH: Confirm.ONE,
        Face.UNSURE: Confirm.TWO,
        Face.MISMATCH: Confirm.CHIEF,
    }
)
AGAIN = frozenset({Face.UNAVAILABLE, Face.NO_FACE, Face.UNCLEAR, Face.SEVERAL, Face.UNSURE, Face.MISMATCH})
"""After these another picture may help."""
COMPARED = frozenset({Face.MATCH, Face.UNSURE, Face.MISMATCH})


class Door(StrEnum):
    """Whether a candidate may come in at a moment."""

    EARLY = "early"
    OPEN = "open"
    LATE = "late"  # the exam runs, the door is still open; the end stays the same for everybody
    CLOSED = "closed"  # late entry is over
    OVER = "over"  # the room has ended, or its time has run out


@dataclass(frozen=True, slots=True)
class Entry:
    """The door at a moment: `late_minutes` after the real start, begun minutes counted whole, 0 in time.

    `opens_at`, `closes_at`: the first and the last moment of sign-in.
    """

    door: Door
    late_minutes: int
    opens_at: datetime
    closes_at: datetime

    @property
    def is_open(self) -> bool:
        """Whether the candidate may come in."""
        return self.door in (Door.OPEN, Door.LATE)


def entry(clock: RoomClock, at: datetime) -> Entry:
    """The door for who stands at the desk at `at` (R25); the minutes count from the real start."""
    stage = phase(clock, at)
    late = clock.started_at is not None and at > clock.started_at
    minutes = -((clock.started_at - at) // timedelta(minutes=1)) if late and clock.started_at else 0
    if stage is Phase.BEFORE:
        door = Door.EARLY
    elif entry_open(clock, at):
        door = Door.LATE if late else Door.OPEN
    else:
        door = Door.CLOSED if stage is Phase.RUNNING else Door.OVER
    return Entry(door, minutes, entry_opens(clock), late_entry_closes(clock))


def form_for(room: RoomMap, seat: str, taken: Mapping[str, str], forms: Sequence[str]) -> str:
    """The form for a candidate who is taken in at `seat`: the one that fewest neighbours have.

    `taken`: seat number -> form of those who sit; nearer neighbours count first, then the order of `forms`.
    Raises KeyError for an unknown seat, ValueError without forms.
    """
    around = neighbours(room, seat)

    def near(form: str) -> tuple[int, ...]:
        return tuple(sum(taken.get(each) == form for each in around.get(rank, ())) for rank in Nearness)

    return min(forms, key=near)
