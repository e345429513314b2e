"""Who would pass or fail when a key is put right: the marks of a room before and after, compared."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from server.rules.policy import passes
from server.rules.policy_components import Scale


@dataclass(frozen=True, slots=True)
class Moved:
    """One candidate whose mark changes. `crosses`: "up" over the pass mark, "down" below it, or ""."""

    registration: int
    old: Decimal
    new: Decimal
    crosses: str

    def to_json(self) -> dict[str, Any]:
        """Plain values; the inverse of `from_json`."""
        return {
            "registration": self.registration,
            "old": str(self.old),
            "new": str(self.new),
            "crosses": self.crosses,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Moved":
        """The inverse of `to_json`."""
        return cls(
            int(data["registration"]), Decimal(data["old"]), Decimal(data["new"]), str(data["crosses"])
        )


@dataclass(frozen=True, slots=True)
class RoomChange:
    """What a fix does in one room. `by_hand`: papers that people marked, which a key does not reach."""

    room_sitting: int
    candidates: int
    by_hand: int
    moved: tuple[Moved, ...]

    def crossing(self, way: str) -> int:
        """How many cross the pass mark "up" or "down"."""
        return sum(each.crosses == way for each in self.moved)

    def to_json(self) -> dict[str, Any]:
        """Plain values; the inverse of `from_json`."""
        return {
            "room_sitting": self.room_sitting,
            "candidates": self.candidates,
            "by_hand": self.by_hand,
            "moved": [each.to_json() for each in self.moved],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "RoomChange":
        """The inverse of `to_json`."""
        moved = tuple(Moved.from_json(each) for each in data["moved"])
        return cls(int(data["room_sitting"]), int(data["candidates"]), int(data["by_hand"]), moved)


def moved(before: Mapping[int, Decimal], after: Mapping[int, Decimal], scale: Scale) -> tuple[Moved, ...]:
    """Registrations whose total changes, in their order; both hold the scored ones by registration."""
    found = []
    for registration in sorted(before.keys() & after.keys()):
        old, new = before[registration], after[registration]
        if old != new:
            ways = passes(new, scale) - passes(old, scale)
            found.append(Moved(registration, old, new, {1: "up", -1: "down"}.get(ways, "")))
    return tuple(found)
