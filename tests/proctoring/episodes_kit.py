"""Looks in a row, and what the fold of them tells."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from exam_rooms.incidents import IncidentKind
from exam_rooms.watching import EpisodeRule, Likeness, WatchRules
from proctoring import episodes
from proctoring.episodes import START, Closed, EpisodeState, Opened, Sight
from proctoring.observation import FoundFace, Identity, Observation
from proctoring.quality import Quality, Verdict

K = IncidentKind
TIMES = {
    K.NO_FACE: (8.0, 3.0),
    K.MULTI_FACE: (3.0, 3.0),
    K.FACE_MISMATCH: (5.0, 6.0),
    K.CAMERA_COVERED: (5.0, 3.0),
    K.DARK: (15.0, 5.0),
    K.FROZEN: (12.0, 3.0),
    K.CAMERA_LOST: (6.0, 3.0),
}
RULES = WatchRules(episodes=tuple(EpisodeRule(str(kind), *times) for kind, times in TIMES.items()))
FACE = FoundFace((200.0, 100.0, 120.0, 150.0), 0.95, ((0.0, 0.0),) * 5, main=True)
_NEW = iter(range(10**9))
Seen = Observation | None
Told = Sequence[Opened | Closed]


def seen(
    verdict: Verdict = Verdict.GOOD,
    persons: int = 1,
    similarity: float | None = None,
    unavailable: tuple[str, ...] = (),
) -> Observation:
    """A look of its own fingerprint."""
    identity = None if similarity is None else Identity(similarity, Likeness.UNSURE)
    return Observation(
        width=640,
        height=480,
        quality=Quality(120.0, 200.0, verdict),
        faces=(FACE,) * persons,
        persons=persons,
        comparable=identity is not None,
        identity=identity,
        fingerprint=f"{next(_NEW):x}",
        unavailable=unavailable,
    )


def good() -> Observation:
    return seen(similarity=0.8)


def empty() -> Observation:
    return seen(persons=0)


def two() -> Observation:
    return seen(persons=2)


def stranger() -> Observation:
    return seen(similarity=0.1)


def dark() -> Observation:
    return seen(Verdict.DARK, persons=0)


def covered() -> Observation:
    return seen(Verdict.COVERED, persons=0)


def lost() -> None:
    return None


_STILL = replace(good(), fingerprint="still")


def still() -> Observation:
    return _STILL


SHOWS: dict[IncidentKind, Callable[[], Seen]] = {
    K.NO_FACE: empty,
    K.MULTI_FACE: two,
    K.FACE_MISMATCH: stranger,
    K.CAMERA_COVERED: covered,
    K.DARK: dark,
    K.FROZEN: still,
    K.CAMERA_LOST: lost,
}
"""A look that shows each cause (FROZEN from the second such look on, FACE_MISMATCH from the fifth)."""
# With these the cause of every kind is there from the first look of the stream that begins at 0.
LEADS: dict[IncidentKind, list[Callable[[], Seen]]] = {K.FROZEN: [still], K.FACE_MISMATCH: [stranger] * 4}


def stream(looks: Iterable[Callable[[], Seen]], start: float = 0.0, every: float = 1.0) -> list[Sight]:
    return [Sight(start + place * every, look()) for place, look in enumerate(looks)]


def shown(kind: IncidentKind, times: Sequence[float]) -> list[Sight]:
    """Looks at these moments that show a kind's cause, after what it needs before it."""
    lead = LEADS.get(kind, [])
    before = stream(lead, times[0] - len(lead))
    return before + [Sight(at, SHOWS[kind]()) for at in times]


def kinds(told: Told) -> list[tuple[str, str]]:
    return [(type(each).__name__, str(each.kind)) for each in told]


def opened(kind: IncidentKind, told: Told) -> list[Opened]:
    return [each for each in told if isinstance(each, Opened) and each.kind is kind]


def closed(kind: IncidentKind, told: Told) -> list[Closed]:
    return [each for each in told if isinstance(each, Closed) and each.kind is kind]


def after(sights: Iterable[Sight], state: EpisodeState = START) -> EpisodeState:
    for sight in sights:
        state, _ = episodes.step(state, sight, RULES)
    return state


def told_on(state: EpisodeState, sights: Iterable[Sight], rules: WatchRules = RULES) -> Told:
    told: list[Opened | Closed] = []
    for sight in sights:
        state, news = episodes.step(state, sight, rules)
        told.extend(news)
    return told
