"""Looks in plain values for the tests of the fold, one after the other at a steady pace."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from exam_rooms.incidents import IncidentKind
from exam_rooms.watching import EpisodeRule, ObservationNote, WatchRules
from proctoring.causes import Sight
from proctoring.episodes import Closed, Opened

Told = Sequence[Opened | Closed]


def note(**said: Any) -> ObservationNote:
    """A clear look at one person."""
    return ObservationNote(
        **({"faces": 1, "persons": 1, "brightness": 120.0, "sharpness": 200.0, "quality": "good"} | said)
    )


def facing(yaw: float = 0.0, pitch: float = 0.0, **said: Any) -> ObservationNote:
    """A look that says where the head is."""
    return note(yaw=yaw, pitch=pitch, roll=0.0, eyes=0.3, mouth=0.05, **said)


def empty() -> ObservationNote:
    return note(faces=0, persons=0)


def rules(*kinds: IncidentKind, hold: float = 3.0, clear: float = 2.0, **said: Any) -> WatchRules:
    """Rules that ask for these kinds and nothing else."""
    cool = said.pop("cool", 0.0)
    episodes = tuple(EpisodeRule(str(kind), hold, clear, cool_down_seconds=cool) for kind in kinds)
    return WatchRules(episodes=episodes, **said)


def stream(looks: Iterable[ObservationNote | None], start: float = 0.0, every: float = 1.0) -> list[Sight]:
    return [Sight(round(start + place * every, 3), look) for place, look in enumerate(looks)]


def repeat(make: Callable[[], ObservationNote], count: int) -> list[ObservationNote]:
    return [make() for _ in range(count)]


def named(told: Told) -> list[str]:
    """ "+KIND" for an alert, "-KIND" for its end."""
    return [("+" if isinstance(each, Opened) else "-") + str(each.kind) for each in told]
