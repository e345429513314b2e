"""Where an attempt's stream forked: the former seat wrote on while the new seat had begun. Pure folds.

The rule that decides without anybody's opinion: records stand in the order (journal, seq), so where both
seats answered a question, the answer of the seat that the candidate moved to stands, whatever the stamps
say, since from the move on only that seat's word is the candidate's; where the former seat alone
answered, its answer stands.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from exam_rooms.protocol import RecordKind
from server.db.answers import Stored

CHOICES = frozenset({RecordKind.ANSWER, RecordKind.CLEAR})
Response = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Grant:
    """A journal: the workstation it was granted to, and the head it continues."""

    journal: int
    workstation: int
    parent: str


@dataclass(frozen=True, slots=True)
class Branch:
    """Records of journal `old` after seq `upto` that journal `new` of another workstation did not continue.

    `tail`: the choices among them; `follow`: those of `new` and every later journal.
    """

    old: int
    new: int
    upto: int
    tail: tuple[Stored, ...]
    follow: tuple[Stored, ...]

    @property
    def items(self) -> tuple[str, ...]:
        """What the former seat's late records are about, in the order of their first record."""
        return tuple(dict.fromkeys(stored.record.item for stored in self.tail))

    @property
    def last(self) -> int:
        """The last seq of the tail."""
        return max(stored.record.seq for stored in self.tail)

    def beyond(self, seq: int) -> "Branch":
        """The same without what the former seat wrote up to `seq`."""
        return replace(self, tail=tuple(stored for stored in self.tail if stored.record.seq > seq))


def branches(events: Sequence[Stored], grants: Iterable[Grant]) -> list[Branch]:
    """Every fork at which both sides hold answers."""
    ordered = sorted(grants, key=lambda grant: grant.journal)
    found = (_branch(events, grant, ordered) for grant in ordered)
    return [branch for branch in found if branch is not None and branch.tail and branch.follow]


def _branch(events: Sequence[Stored], grant: Grant, ordered: Sequence[Grant]) -> Branch | None:
    later = [other for other in ordered if other.journal > grant.journal]
    new = next((other.journal for other in later if other.workstation != grant.workstation), None)
    if new is None:
        return None
    parents = {other.parent for other in later}
    own = [stored for stored in events if stored.record.journal == grant.journal]
    upto = max((stored.record.seq for stored in own if stored.record.hash in parents), default=0)
    tail = [one for one in own if one.record.seq > upto and one.record.kind in CHOICES]
    follow = [one for one in events if one.record.journal >= new and one.record.kind in CHOICES]
    return Branch(grant.journal, new, upto, tuple(tail), tuple(follow))


def last_by_item(stream: Iterable[Stored]) -> dict[str, Stored]:
    """The last choice of each question."""
    return {stored.record.item: stored for stored in stream}


def says_anything_new(branch: Branch, responses: Mapping[tuple[int, int], Response]) -> bool:
    """Whether the former seat's late records say something that the new seat did not say as well.

    `responses`: by (journal, seq), () for a cleared question. A machine that was paired anew writes again
    what it held, and a candidate may answer alike at both seats: there is nothing to decide then.
    """
    standing = last_by_item(branch.follow)
    for item, late in last_by_item(branch.tail).items():
        stands = standing.get(item)
        if stands is None or _said(stands, responses) != _said(late, responses):
            return True
    return False


def _said(stored: Stored, responses: Mapping[tuple[int, int], Response]) -> Response:
    return responses[stored.record.journal, stored.record.seq]
