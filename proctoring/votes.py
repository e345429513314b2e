"""Small networks err: what only a score says becomes a cause by the vote of several looks. A pure fold.

Liveness and objects are looked for every few seconds. Between two such looks the last vote holds; votes that
are older than twice their usual span speak no more.
"""

from dataclasses import dataclass, field
from statistics import median

from exam_rooms.incidents import IncidentKind
from exam_rooms.watching import OBJECT_KINDS, HintRules, ObservationNote, WatchRules
from proctoring.attention import SLACK, Value
from proctoring.quality import Verdict

AGE = 2.0
"""Times the usual span of the votes that count; older ones say nothing of now."""


@dataclass(frozen=True, slots=True)
class Votes:
    """The last scores of each kind that is voted on, the oldest first."""

    cast: dict[str, tuple[Value, ...]] = field(default_factory=dict)

    def of_things(self) -> "Votes":
        """Without what was said of the one who sat here."""
        things = {kind: kept for kind, kept in self.cast.items() if kind != IncidentKind.LIVENESS_DOUBT}
        return Votes(things)


@dataclass(frozen=True, slots=True)
class Counted:
    """What a look says: the votes after it, the causes it answers, and the numbers behind each."""

    votes: Votes
    answers: dict[IncidentKind, bool]
    scores: dict[IncidentKind, dict[str, float]]


def count(votes: Votes, at: float, note: ObservationNote | None, rules: WatchRules) -> Counted:
    """One look more. A poor picture casts no vote and answers nothing."""
    if note is None or note.quality != Verdict.GOOD:
        return Counted(votes, {}, {})
    cast, answers = dict[str, tuple[Value, ...]](), dict[IncidentKind, bool]()
    scores = dict[IncidentKind, dict[str, float]]()
    for kind, score in _scores(note).items():
        kept = _recent(votes.cast.get(kind, ()), at, kind, rules)
        if score is not None:
            most = rules.hints.liveness_of if kind is IncidentKind.LIVENESS_DOUBT else rules.hints.object_of
            kept = (*kept, Value(at, score))[-most:]
        if not kept:
            continue
        cast[str(kind)] = kept
        answer = _verdict(kind, [each.value for each in kept], rules.hints)
        if answer is not None:
            answers[kind] = answer
            scores[kind] = _figures(kind, [each.value for each in kept])
    return Counted(Votes(cast), answers, scores)


def _scores(note: ObservationNote) -> dict[IncidentKind, float | None]:
    """What this look says of each kind that is voted on; None where it was not looked for."""
    found: dict[IncidentKind, float | None] = {
        IncidentKind.LIVENESS_DOUBT: note.liveness if note.persons == 1 else None
    }
    for kind, thing in OBJECT_KINDS.items():
        found[kind] = None if note.objects is None else note.objects.get(thing, 0.0)
    if note.persons > 1:  # a second face is told as such, and is a person no more
        found[IncidentKind.PERSON_HINT] = None
    return found


def _figures(kind: IncidentKind, values: list[float]) -> dict[str, float]:
    score = median(values) if kind is IncidentKind.LIVENESS_DOUBT else values[-1]
    return {"score": round(score, 3), "votes": float(len(values))}


def suspects(votes: Votes, rules: WatchRules) -> bool:
    """Whether the last vote on anything that is asked for was against the candidate."""
    return any(
        _against(IncidentKind(kind), kept[-1].value, rules.hints)
        for kind, kept in votes.cast.items()
        if kept and rules.rule(kind) is not None
    )


def _recent(kept: tuple[Value, ...], at: float, kind: IncidentKind, rules: WatchRules) -> tuple[Value, ...]:
    """The votes that still speak."""
    if kind is IncidentKind.LIVENESS_DOUBT:
        many, every = rules.hints.liveness_of, rules.pace.liveness_seconds
    else:
        many, every = rules.hints.object_of, rules.pace.objects_seconds
    limit = AGE * many * max(every, rules.slowest) + SLACK
    return tuple(each for each in kept if at - each.at <= limit)


def _verdict(kind: IncidentKind, values: list[float], hints: HintRules) -> bool | None:
    """What the votes say together; None while there are too few of them."""
    against = sum(_against(kind, value, hints) for value in values)
    if kind is IncidentKind.LIVENESS_DOUBT:
        return against >= hints.liveness_votes if len(values) >= hints.liveness_votes else None
    return values[-1] >= hints.object_sure or against >= hints.object_votes


def _against(kind: IncidentKind, value: float, hints: HintRules) -> bool:
    if kind is IncidentKind.LIVENESS_DOUBT:
        return value < hints.liveness_below
    return value >= hints.object_likely
