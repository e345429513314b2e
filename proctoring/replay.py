"""Looks that were kept, folded again: what other settings would have raised. Pure."""

from collections.abc import Iterable, Sequence

from exam_rooms.incidents import IncidentKind
from exam_rooms.look_log import LoggedLook
from exam_rooms.watching import OBJECT_KINDS, WatchRules
from proctoring import episodes
from proctoring.causes import Sight
from proctoring.episodes import Closed, Opened

NEEDS = {
    IncidentKind.FACE_MISMATCH: "similarity",
    IncidentKind.TURNED_AWAY: "yaw",
    IncidentKind.GAZE_AWAY: "gaze",
    IncidentKind.TALKING: "mouth",
    IncidentKind.LIVENESS_DOUBT: "liveness",
    **dict.fromkeys(OBJECT_KINDS, "objects"),
}
"""A kind -> the value of a look without which nothing is ever said of it."""


def refold(looks: Iterable[LoggedLook], rules: WatchRules) -> tuple[Opened | Closed, ...]:
    """The episodes of one seat's looks under some rules; under those of the time, what was told then."""
    return episodes.replay(
        (Sight(look.at_ms / 1000, look.note, look.repeated, look.camera) for look in looks), rules
    )


def not_looked_for(looks: Sequence[LoggedLook], rules: WatchRules) -> tuple[IncidentKind, ...]:
    """Kinds that the rules ask for and that these looks say nothing about: the step was not made then."""
    notes = [look.note for look in looks if look.note is not None]
    return tuple(
        kind
        for kind, name in NEEDS.items()
        if rules.rule(kind) is not None and all(getattr(note, name) is None for note in notes)
    )
