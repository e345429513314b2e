"""From looks of the room camera to alerts: a pure fold over where heads were. No pixels, no clock.

A seat's last five looks vote: taken, empty or two. Only a vote counts, never a look. A seat is missed only
if somebody is to sit there, was seen sitting there, and no vote for it is left for the policy's hold time;
where heads are often not found (somebody bends over paper, a taller person sits before) the hold time grows,
and a seat whose candidate is not seen in most looks is *unclear*: shown as such, never told as empty.
Somebody who left one seat while another that nobody was to take became taken has changed seats.

A picture in which nobody could be seen (dark, covered, none at all) votes for nothing. When the heads lie
beside their usual places, or a row of them near no seat while as many seats lie empty, the camera has
moved: until it is calibrated anew no seat is judged.
"""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from statistics import median

from exam_rooms.incidents import IncidentKind
from exam_rooms.room_watching import CAMERA_KINDS, RoomCameraRules
from exam_rooms.watching import EpisodeRule
from proctoring.room_state import (
    START,
    Expected,
    RoomLook,
    RoomNews,
    RoomSpell,
    RoomState,
    SeatSight,
    Stepped,
)
from proctoring.roomview import Placed, RoomView, place

VOTES = 5
TWO_VOTES, TAKEN_VOTES = 4, 3
"""Of five looks that have to see two people, or somebody, at a seat; for "empty" none may."""
LEARN = 0.05
"""Of the newest look in a seat's usual offset and in how often its candidate is seen: slow."""
DOUBT = 1e-5
"""Chance that a run of missed heads counts as an empty chair: longer runs are waited for where need be."""
GAP = 4.0  # sample times without a look after which earlier votes say nothing about now
DRIFT_LOOKS = 10
DRIFT_SHARE = 0.25  # of the pitch: the same limit as a calibration has
SPREAD_SHARE = 0.31
"""Of the pitch: heads lie so far beside their usual places, in the middle of a look, after a push of half a
seat, which gives every other head to the next seat; in simulated rooms at rest it is 0.28 at most."""
SETTLING = 20
"""Looks in which usual places are learned quickly, before heads are measured against them."""
STRAY_SHARE, STRAY_HEADS = 0.1, 3
"""The camera has moved, by a whole seat perhaps, when at least so many heads, and this share of the expected
seats, lie near none of these, and as many seats at which somebody is usually seen have nobody."""
HIDDEN_HEADS, HIDDEN_SHARE = 4.0, 0.5
"""Somebody stands before the lens when, of at least so many heads that a look usually finds, less than this
share is there: not half a room gets up between two looks, and if it does nobody needs a camera to see it."""
CHANGE_SECONDS = 90.0
"""Longest time from leaving one seat to sitting at another that counts as a change of seats."""


def step(
    state: RoomState, look: RoomLook, view: RoomView | None, expected: Expected, rules: RoomCameraRules
) -> Stepped:
    """One look more. Without a `view` (not calibrated) only the camera itself is judged.

    A look from before the last one is left out.
    """
    if state.at is not None and look.at < state.at:
        return Stepped(state)
    fold = _Fold(state, look, rules)
    placed: tuple[Placed, ...] = ()
    if view is not None and not look.blind:
        offsets = {sight.seat: (sight.dx, sight.dy) for sight in state.seats}
        placed = place(view, look.heads, offsets)
        fold.judge_drift(placed, view, expected)
    counted = view is not None and fold.sees_the_room(placed, expected)
    fold.judge_camera()
    if view is not None and counted:
        fold.count(placed, view, expected)
    fold.judge_seats(expected, counted=counted)
    return Stepped(fold.state(), tuple(fold.news), placed)


def settle(state: RoomState, at: float) -> Stepped:
    """Ends every open episode: the watching ends at `at`."""
    news = tuple(_ended(spell, at if spell.gone is None else spell.gone) for spell in state.open)
    return Stepped(START, news)


class _Fold:
    """One step, part by part."""

    def __init__(self, state: RoomState, look: RoomLook, rules: RoomCameraRules) -> None:
        gap = state.counted is not None and look.at - state.counted > GAP * rules.sample_seconds
        self.look, self.rules = look, rules
        self.at = look.at
        self.seats = {sight.seat: _anew(sight, look.at) if gap else sight for sight in state.seats}
        self.spells = {
            (spell.kind, spell.seat): spell
            for spell in state.spells
            if spell.told or not gap or spell.kind in CAMERA_KINDS
        }
        self.counted, self.blind = state.counted, look.blind
        self.drift, self.moved, self.looks = state.drift, state.moved, state.looks
        self.steady = True
        self.news: list[RoomNews] = []

    def state(self) -> RoomState:
        """What is remembered of this step."""
        return RoomState(
            self.at,
            tuple(self.seats.values()),
            tuple(self.spells.values()),
            self.drift,
            self.moved,
            self.looks,
            self.counted,
        )

    # The camera itself

    def judge_camera(self) -> None:
        """Whether it sees at all."""
        self._advance(self._cause(IncidentKind.ROOM_CAMERA_LOST, why=self.blind), bool(self.blind))

    def sees_the_room(self, placed: Iterable[Placed], expected: Expected) -> bool:
        """Whether a look of a calibrated view says anything about seats: not in the dark, nor when the camera
        was pushed, nor while so many are hidden at once that somebody stands before the lens.
        """
        told = {seat for (_, seat), spell in self.spells.items() if spell.told}
        here = expected.seats - expected.away - told
        watched = {seat: sight for seat, sight in self.seats.items() if seat in here and not sight.unclear}
        usual = sum(sight.seen for sight in watched.values())
        there = sum(not one.seat or one.seat in watched for one in placed)
        if not self.blind and usual >= HIDDEN_HEADS and there < HIDDEN_SHARE * usual:
            self.blind = "covered"
        return not self.blind and self.steady and not self.moved

    def judge_drift(self, placed: Iterable[Placed], view: RoomView, expected: Expected) -> None:
        """Whether the heads lie where the calibration puts them: the medians of the last looks."""
        heads = list(placed)
        sitting = [one for one in heads if one.seat in expected.seats and not one.second]
        if len(heads) >= STRAY_HEADS:
            across = median(one.off[0] for one in sitting) / view.pitch if sitting else 0.0
            along = median(one.off[1] for one in sitting) / view.pitch if sitting else 0.0
            lost = min(len(heads) - len(sitting), self._absent(sitting, expected))
            strays = float(lost >= max(STRAY_HEADS, STRAY_SHARE * len(expected.seats)))
            spread = self._spread(sitting) / view.pitch
            self.steady = spread <= SPREAD_SHARE
            self.drift = (*self.drift, (across, along, spread, strays))[-DRIFT_LOOKS:]
        self.moved = False
        if len(self.drift) == DRIFT_LOOKS:
            across, along, spread, strays = (median(column) for column in zip(*self.drift, strict=True))
            self.moved = math.hypot(across, along) > DRIFT_SHARE or spread > SPREAD_SHARE or strays > 0.5
        self._advance(self._cause(IncidentKind.ROOM_CAMERA_MOVED), self.moved)

    def _spread(self, sitting: Collection[Placed]) -> float:
        """How far the middle one of the heads lies beside its usual place, once that is known."""
        if self.looks < SETTLING or not sitting:
            return 0.0
        usual = {seat: (sight.dx, sight.dy) for seat, sight in self.seats.items()}
        return median(math.dist(one.off, usual.get(one.seat, (0.0, 0.0))) for one in sitting)

    def _absent(self, sitting: Iterable[Placed], expected: Expected) -> int:
        """How many people are not found that usually are, nor away with leave."""
        found = {one.seat for one in sitting} | expected.away
        return sum(
            sight.seat in expected.seats and sight.seat not in found and not sight.unclear
            for sight in self.seats.values()
        )

    # The seats

    def count(self, placed: Iterable[Placed], view: RoomView, expected: Expected) -> None:
        """Takes the look into every seat's votes."""
        here: dict[str, list[Placed]] = {}
        self.counted = self.at
        self.looks = min(self.looks + 1, SETTLING)
        for one in placed:
            if one.seat:
                here.setdefault(one.seat, []).append(one)
        for seat in view.in_view:
            sight = self.seats.get(seat, SeatSight(seat))
            found = here.get(seat, [])
            self.seats[seat] = self._voted(_learned(sight, found, self._rate()), len(found))
        for seat in set(self.seats) - view.in_view:
            del self.seats[seat]
        for seat in set(self.seats) - expected.seats:
            self.seats[seat] = replace(self.seats[seat], known=False, seen=1.0, dx=0.0, dy=0.0)

    def _rate(self) -> float:
        """How much a head's place in this look says of its usual one."""
        return max(LEARN, 1 / (self.looks + 2))

    def _voted(self, sight: SeatSight, count: int) -> SeatSight:
        marks = (*sight.marks, min(count, 2))[-VOTES:]
        vote = _vote(marks) or sight.vote
        since = sight.since if vote == sight.vote else self.at - _run(marks, vote) * self.rules.sample_seconds
        known = sight.known or vote == "taken"
        return replace(sight, marks=marks, vote=vote, since=since, known=known)

    def judge_seats(self, expected: Expected, *, counted: bool) -> None:
        """What the votes say of the seats where somebody is to sit, and of those who changed; nothing in a
        look that was not counted. Who comes back from a leave has the whole hold time to sit down.
        """
        judged = expected.seats - expected.away
        for seat in expected.away & set(self.seats):
            self.seats[seat] = _anew(self.seats[seat], self.at, self.seats[seat].marks)
        for seat in sorted(judged & set(self.seats)):
            sight = self.seats[seat]
            if not counted or len(sight.marks) < VOTES:
                continue
            self._judge_change(sight, expected)
            changed = (IncidentKind.CHANGED_SEAT, seat) in self.spells
            empty = sight.vote == "empty" and not sight.unclear and not changed
            self._advance(RoomSpell(IncidentKind.LEFT_SEAT, seat, sight.since), empty)
            self._advance(RoomSpell(IncidentKind.TWO_AT_SEAT, seat, sight.since), sight.vote == "two")
        for kind, seat in list(self.spells):
            if kind not in CAMERA_KINDS and seat not in judged:
                self._drop(kind, seat)

    def _judge_change(self, sight: SeatSight, expected: Expected) -> None:
        kind = IncidentKind.CHANGED_SEAT
        if (kind, sight.seat) in self.spells:
            spell = self.spells[kind, sight.seat]
            there = sight.vote == "empty" and self.seats.get(spell.other, SeatSight("")).vote != "empty"
            self._advance(spell, there)
        elif sight.vote == "empty" and not sight.unclear:
            other = self._newly_taken(sight, expected)
            if other:
                self._advance(RoomSpell(kind, sight.seat, sight.since, other=other), True)

    def _newly_taken(self, left: SeatSight, expected: Expected) -> str:
        """The seat that nobody was to take and that became taken right after this one was left."""
        named = {spell.other for spell in self.spells.values() if spell.other}
        fit = [
            sight
            for sight in self.seats.values()
            if sight.seat not in expected.seats | named
            and sight.vote == "taken"
            and len(sight.marks) == VOTES
            and -GAP * self.rules.sample_seconds <= sight.since - left.since <= CHANGE_SECONDS
        ]
        return min(fit, key=lambda sight: (abs(sight.since - left.since), sight.seat)).seat if fit else ""

    # Spells

    def _cause(self, kind: IncidentKind, why: str = "") -> RoomSpell:
        return RoomSpell(kind, "", self.at, why=why)

    def _advance(self, cause: RoomSpell, there: bool) -> None:
        """Takes whether a cause is there now; `cause` is what is remembered of it if it is new."""
        key = cause.kind, cause.seat
        rule, spell = self.rules.rule(cause.kind), self.spells.get(key)
        if rule is None or (spell is None and not there):
            return
        after = self._held(spell or cause, rule, cause.why) if there else self._gone(spell or cause, rule)
        if after is None:
            del self.spells[key]
        else:
            self.spells[key] = after

    def _held(self, spell: RoomSpell, rule: EpisodeRule, why: str) -> RoomSpell:
        spell = replace(spell, gone=None, why=why or spell.why)
        if spell.told or self.at - spell.since < self._hold(rule.hold_seconds, spell):
            return spell
        self.news.append(
            RoomNews(spell.kind, spell.seat, spell.since, self.at, False, spell.other, spell.why)
        )
        return replace(spell, told=True)

    def _gone(self, spell: RoomSpell, rule: EpisodeRule) -> RoomSpell | None:
        gone = self.at if spell.gone is None else spell.gone
        if not spell.told:
            return None
        if self.at - gone < rule.clear_seconds:
            return replace(spell, gone=gone)
        self.news.append(_ended(spell, gone))
        return None

    def _hold(self, seconds: float, spell: RoomSpell) -> float:
        """An empty chair is waited for until so long a run of missed heads is improbable there."""
        if spell.kind is not IncidentKind.LEFT_SEAT:
            return seconds
        missed = min(max(1 - self.seats[spell.seat].seen, 0.02), 0.95)
        return max(seconds, math.ceil(math.log(DOUBT) / math.log(missed)) * self.rules.sample_seconds)

    def _drop(self, kind: IncidentKind, seat: str) -> None:
        spell = self.spells.pop((kind, seat))
        if spell.told:
            self.news.append(_ended(spell, self.at if spell.gone is None else spell.gone))


def _anew(sight: SeatSight, at: float, marks: tuple[int, ...] = ()) -> SeatSight:
    """A seat after nobody looked, or was to look, for a while: whoever is missing is so from now on."""
    since = sight.since if sight.vote == "taken" else at
    return replace(sight, marks=marks, since=since)


def _vote(marks: tuple[int, ...]) -> str:
    """What five looks say; "" when they do not agree."""
    if len(marks) < VOTES:
        return ""
    if sum(mark >= 2 for mark in marks) >= TWO_VOTES:
        return "two"
    if sum(mark >= 1 for mark in marks) >= TAKEN_VOTES:
        return "taken"
    return "" if any(marks) else "empty"


def _run(marks: tuple[int, ...], vote: str) -> int:
    """How many looks before the newest a vote began: the earliest mark that speaks for it."""
    speaks: Mapping[str, Collection[int]] = {"empty": (0,), "taken": (1, 2), "two": (2,)}
    first = next((place for place, mark in enumerate(marks) if mark in speaks.get(vote, ())), len(marks) - 1)
    return len(marks) - 1 - first


def _learned(sight: SeatSight, here: list[Placed], rate: float) -> SeatSight:
    """The seat's usual offset, and how often its candidate is found, with one look more."""
    if not here:
        return replace(sight, missing=sight.missing + 1)
    if sight.vote in ("taken", "two"):
        share = (1 - LEARN) ** (sight.missing + 1)
        sight = replace(sight, seen=sight.seen * share + LEARN)
    sight = replace(sight, missing=0)
    if len(here) > 1:
        return sight
    x, y = here[0].off
    return replace(sight, dx=sight.dx + rate * (x - sight.dx), dy=sight.dy + rate * (y - sight.dy))


def _ended(spell: RoomSpell, at: float) -> RoomNews:
    return RoomNews(spell.kind, spell.seat, spell.since, max(at, spell.since), True, spell.other, spell.why)
