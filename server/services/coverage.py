"""What a bank holds for each point and kind, beside what is wanted of it, and how used it is."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.blueprint import Blueprint, counts, lies_in
from itembank.items import ItemKind
from server.db.bank import Bank, BankItem, BlueprintRow
from server.errors import NotFound
from server.services.blueprints import read

LEAST_PER_POINT = 4  # R22: active items a point should have
_COLUMNS = (
    *(BankItem.point, BankItem.kind, BankItem.difficulty, BankItem.importance),
    *(BankItem.status, BankItem.uses, BankItem.last_used_at),
)
LIVING = ("draft", "reviewed", "trial", "active", "suspended")


@dataclass(frozen=True, slots=True)
class PointCoverage:
    """One point: active items by kind, items on their way, uses; `state` is act (none), look or good."""

    point: str
    name: str
    importance: str
    by_kind: Mapping[str, int]
    active: int
    coming: int
    suspended: int
    uses: int
    never_used: int
    last_used_at: datetime | None

    @property
    def state(self) -> str:
        """How the point stands against the least there should be."""
        if not self.active:
            return "act"
        return "look" if self.active < LEAST_PER_POINT else "good"


@dataclass(frozen=True, slots=True)
class Supply:
    """One lowest scope, or one kind, of a blueprint: items a paper takes of it, and active ones there are."""

    code: str
    name: str
    wanted: int
    active: int

    @property
    def state(self) -> str:
        """Whether one paper, or several, can be filled."""
        if self.active < self.wanted:
            return "act"
        return "look" if self.active < 3 * self.wanted else "good"


@dataclass(frozen=True, slots=True)
class Coverage:
    """The matrix of a bank; `scopes`, `supplies` (by kind) and `outside` only beside a blueprint.

    `unclassified` items have no point yet, `outside` are active items in none of the blueprint's scopes.
    """

    kinds: tuple[str, ...]
    points: tuple[PointCoverage, ...]
    scopes: tuple[Supply, ...]
    supplies: tuple[Supply, ...]
    outside: int
    bands: Mapping[int, int]
    active: int
    coming: int
    unclassified: int
    never_used: int

    def points_in(self, state: str) -> int:
        """How many points stand so."""
        return sum(point.state == state for point in self.points)


def coverage(session: Session, bank_id: int, blueprint_id: int | None = None) -> Coverage:
    """The matrix of one bank, beside a blueprint's points and scopes when one is named."""
    if session.get(Bank, bank_id) is None:
        raise NotFound("bank")
    facts = select(*_COLUMNS).where(BankItem.bank_id == bank_id, BankItem.status.in_(LIVING))
    rows: Sequence[Any] = session.execute(facts).all()  # never the bodies
    blueprint = _blueprint(session, blueprint_id)
    active = [row for row in rows if row.status == "active"]
    found = {str(row.kind) for row in active}
    return Coverage(
        kinds=tuple(str(kind) for kind in ItemKind if kind in found),
        points=tuple(_points(rows, blueprint)),
        scopes=tuple(_scopes(active, blueprint)) if blueprint else (),
        supplies=tuple(_supplies(active, blueprint)) if blueprint else (),
        outside=_outside(active, blueprint) if blueprint else 0,
        bands=dict(sorted(Counter(row.difficulty for row in active).items())),
        active=len(active),
        coming=sum(row.status in ("draft", "reviewed", "trial") for row in rows),
        unclassified=sum(not row.point for row in rows),
        never_used=sum(not row.uses for row in active),
    )


def _blueprint(session: Session, blueprint_id: int | None) -> Blueprint | None:
    if blueprint_id is None:
        return None
    row = session.get(BlueprintRow, blueprint_id)
    if row is None:
        raise NotFound("blueprint")
    return read(row)


def _points(rows: Iterable[Any], blueprint: Blueprint | None) -> Iterable[PointCoverage]:
    by_point: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        if row.point:
            by_point[row.point].append(row)
    named = {
        p.code: (p.name, p.importance) for s in (blueprint.walk() if blueprint else ()) for p in s.points
    }
    for code in sorted({*by_point, *named}):
        name, importance = named.get(code, ("", ""))
        yield _point(code, name, importance, by_point.get(code, []))


def _point(code: str, name: str, importance: str, rows: list[Any]) -> PointCoverage:
    active = [row for row in rows if row.status == "active"]
    used = [row.last_used_at for row in active if row.last_used_at]
    return PointCoverage(
        point=code,
        name=name,
        importance=importance or next((row.importance for row in rows if row.importance), ""),
        by_kind=dict(Counter(row.kind for row in active)),
        active=len(active),
        coming=sum(row.status in ("draft", "reviewed", "trial") for row in rows),
        suspended=sum(row.status == "suspended" for row in rows),
        uses=sum(row.uses for row in active),
        never_used=sum(not row.uses for row in active),
        last_used_at=max(used, default=None),
    )


def _scopes(active: Iterable[Any], blueprint: Blueprint) -> Iterable[Supply]:
    wanted = counts(blueprint)
    points = Counter(row.point for row in active)
    for leaf in blueprint.leaves():
        there = sum(count for point, count in points.items() if lies_in(point, leaf.code))
        yield Supply(leaf.code, leaf.name, wanted[leaf.code], there)


def _supplies(active: Iterable[Any], blueprint: Blueprint) -> Iterable[Supply]:
    kinds = Counter(row.kind for row in active)
    for kind, share in blueprint.kinds.items():
        yield Supply(str(kind), "", share.count, kinds[kind])


def _outside(active: Iterable[Any], blueprint: Blueprint) -> int:
    scopes = [leaf.code for leaf in blueprint.leaves()]
    points = Counter(row.point for row in active if row.point)
    return sum(n for point, n in points.items() if not any(lies_in(point, scope) for scope in scopes))
