"""Which breaches are told, and when: causes that last, things that happen, and never a flood. No clock.

A cause that lasts is told once when it began (after the policy's grace) and once when it is gone, under one
name. Of each kind at most `MOST` beginnings leave in a minute; what comes beyond that is counted and told
with the next one.
"""

import secrets
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from exam_rooms.incidents import LASTING_BREACHES, IncidentKind
from exam_rooms.kiosk_messages import BreachNote

MOST, WINDOW_NS = 6, 60 * 10**9
DETAIL_LIMIT = 80
Key = tuple[IncidentKind, str]


@dataclass(frozen=True, slots=True)
class Cause:
    """Something that goes on since a moment of the boot clock; `ref` is "" until it was told."""

    kind: IncidentKind
    detail: str
    since_ns: int
    ref: str = ""


@dataclass(slots=True)
class _Folded:
    """Beginnings of a kind that were not told: how many, and the last of them."""

    count: int = 0
    detail: str = ""
    since_ns: int = 0


@dataclass(slots=True)
class _Kind:
    """What is known of one kind: when beginnings were told, and what was not."""

    told: deque[int] = field(default_factory=deque)
    folded: _Folded = field(default_factory=_Folded)

    def may_tell(self, now_ns: int) -> bool:
        while self.told and self.told[0] <= now_ns - WINDOW_NS:
            self.told.popleft()
        return len(self.told) < MOST


class Ledger:
    """Turns what is noticed into notes. Moments are nanoseconds of the boot clock of `boot_id`."""

    def __init__(self, boot_id: str, new_ref: Callable[[], str] = lambda: secrets.token_hex(16)) -> None:
        self._boot_id = boot_id
        self._new_ref = new_ref
        self._causes: dict[Key, Cause] = {}
        self._kinds: defaultdict[IncidentKind, _Kind] = defaultdict(_Kind)
        self._ready: list[BreachNote] = []

    @property
    def open(self) -> tuple[Cause, ...]:
        """Causes that were told and go on."""
        return tuple(cause for cause in self._causes.values() if cause.ref)

    def resume(self, causes: Iterable[Cause]) -> None:
        """Goes on with causes that an earlier process has told."""
        for cause in causes:
            self._causes[cause.kind, cause.detail] = cause

    def noticed(self, kind: IncidentKind, detail: str, now_ns: int) -> None:
        """A cause is there, or something has happened."""
        detail = detail[:DETAIL_LIMIT]
        if kind in LASTING_BREACHES:
            self._causes.setdefault((kind, detail), Cause(kind, detail, now_ns))
        elif self._kinds[kind].may_tell(now_ns):
            self._tell(kind, detail, now_ns, now_ns)
        else:
            self._fold(kind, detail, now_ns)

    def gone(self, kind: IncidentKind, detail: str, now_ns: int, grace: Mapping[str, float]) -> None:
        """A cause is over. One that was over within its grace was nothing."""
        cause = self._causes.pop((kind, detail[:DETAIL_LIMIT]), None)
        if cause is None:
            return
        if cause.ref:
            self._ready.append(self._note(cause, now_ns, now_ns, ended=True))
        elif _ripe(cause, now_ns, grace):
            self._fold(kind, detail[:DETAIL_LIMIT], cause.since_ns)

    def rest(self, now_ns: int) -> None:
        """Nobody works at the seat any more: what was told ends; what goes on will be told anew."""
        for key, cause in self._causes.items():
            if cause.ref:
                self._ready.append(self._note(cause, now_ns, now_ns, ended=True))
                self._causes[key] = replace(cause, ref="")
        self._kinds.clear()

    def take(self, now_ns: int, grace: Mapping[str, float]) -> tuple[BreachNote, ...]:
        """The notes to send now, in the order in which they are to arrive."""
        for key, cause in self._causes.items():
            if not cause.ref and _ripe(cause, now_ns, grace) and self._kinds[cause.kind].may_tell(now_ns):
                ref = self._tell(cause.kind, cause.detail, cause.since_ns, now_ns)
                self._causes[key] = replace(cause, ref=ref)
        for kind, known in self._kinds.items():
            if known.folded.count and known.may_tell(now_ns):
                self._tell_folded(kind, known.folded, now_ns)
        return self.take_ended()

    def take_ended(self) -> tuple[BreachNote, ...]:
        """What was decided before and waits to be sent: all that is left to say when a candidate leaves."""
        ready, self._ready = tuple(self._ready), []
        return ready

    def _tell(self, kind: IncidentKind, detail: str, since_ns: int, now_ns: int) -> str:
        known = self._kinds[kind]
        cause = Cause(kind, detail, since_ns, self._new_ref())
        self._ready.append(self._note(cause, since_ns, now_ns, count=1 + known.folded.count))
        known.told.append(now_ns)
        known.folded = _Folded()
        return cause.ref

    def _tell_folded(self, kind: IncidentKind, folded: _Folded, now_ns: int) -> None:
        """The rest of a flood that has ended: one note, of a lasting kind together with its end."""
        self._kinds[kind].folded = replace(folded, count=folded.count - 1)
        ref = self._tell(kind, folded.detail, folded.since_ns, now_ns)
        if kind in LASTING_BREACHES:
            over = Cause(kind, folded.detail, folded.since_ns, ref)
            self._ready.append(self._note(over, now_ns, now_ns, ended=True))

    def _fold(self, kind: IncidentKind, detail: str, since_ns: int) -> None:
        self._kinds[kind].folded = _Folded(self._kinds[kind].folded.count + 1, detail, since_ns)

    def _note(
        self, cause: Cause, since_ns: int, now_ns: int, *, ended: bool = False, count: int = 1
    ) -> BreachNote:
        return BreachNote(
            ref=cause.ref,
            kind=str(cause.kind),
            boot_id=self._boot_id,
            since_ns=since_ns,
            boot_ns=now_ns,
            ended=ended,
            detail=cause.detail,
            count=count,
        )


def _ripe(cause: Cause, now_ns: int, grace: Mapping[str, float]) -> bool:
    return now_ns - cause.since_ns >= grace.get(str(cause.kind), 0.0) * 1e9
