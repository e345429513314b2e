"""What this server knows of its standby: what lies ready for it, what it has confirmed, whether all is safe.

With SQLite, litestream writes every transaction into the outbox folder, where the standby fetches it; with
PostgreSQL the databases speak to each other, and `shipping_postgres` asks them.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from server.db.base import Database
from server.rules.shipping import SNAPSHOT_LEVEL, Protection, Shipment, lag_of, next_shipments, state_of
from server.services import shipping_postgres, standby_pairing
from server.settings import Settings

STORES = {"main": "examhall.db", "answers": "answers.db"}
"""Store -> file name in the data folder."""
KEPT_SECONDS = 1.0
"""For so long an answer holds."""
STEP_SECONDS = 1.0
"""A file from further in the future was written before the clock was set back."""
LINEAGE = "lineage"
"""The file that names an outbox: one that was begun anew counts its transactions from 1 again."""
SINGLES_KEPT = 120
"""Seconds that a transaction lies alone at least: what follows a number and lies merged is older. A standby
that is away for longer gets merged ones.
"""

__all__ = ["STORES", "Outbox", "Protection", "Shipping", "protection"]


class Ships(Protocol):
    """What has a `Shipping`: the host."""

    @property
    def shipping(self) -> "Shipping": ...


def protection(host: Ships) -> Protection:
    """Whether a second machine has what was acknowledged; looked up at most once a second."""
    return host.shipping.protection()


class Outbox:
    """The folder that litestream fills: one folder for each store, and the name of this outbox."""

    def __init__(self, settings: Settings) -> None:
        self._data = settings.data
        self.root = settings.data / "shipping" / "outbox"
        self._settled: dict[str, float] = {}

    def lineage(self) -> str:
        """The name of this outbox; "" while there is none."""
        try:
            return (self.root / LINEAGE).read_text()
        except (OSError, ValueError):
            return ""

    def path(self, store: str, shipment: Shipment) -> Path:
        """Where a file lies."""
        return self.root / store / shipment.name

    def newest(self, store: str, have: int) -> int:
        """The last transaction that lies alone and follows `have` without a gap."""
        while self.path(store, Shipment.single(have + 1)).exists():
            have += 1
        return have

    def after(self, store: str, have: int) -> list[Shipment]:
        """The files that lead on from `have`; cheap when there is nothing new, as nearly always."""
        newest = self.newest(store, have) if have else 0
        if newest > have:
            return [Shipment.single(number) for number in range(have + 1, newest + 1)]
        return next_shipments(self._all(store), have) if not have or self._merged(store, have) else []

    def pending(self, store: str, have: int, wall: float) -> float | None:
        """The moment (seconds of the epoch) of the oldest change beyond `have`; None when there is none.

        `wall`: the moment now. What was set back since lies in the future of the clock and says nothing.
        """
        following = _changed(self.path(store, Shipment.single(have + 1)))
        if following is not None:
            return following
        if have and self._merged(store, have) and self.reaches(store) > have:
            return wall - SINGLES_KEPT
        stored = self.touched(store)
        return stored if stored is not None and stored > self._shipped(store, have, wall) else None

    def reaches(self, store: str) -> int:
        """The last transaction that lies here; 0 for none."""
        return max((one.last for one in self._all(store)), default=0)

    def holds(self, have: Mapping[str, int]) -> bool:
        """Whether a standby that has this can have it from here. A machine that lost its power may have lost
        what the standby has kept: then both count on from the same number, differently.
        """
        return all(
            self.path(store, Shipment.single(number)).exists() or number <= self.reaches(store)
            for store, number in have.items()
        )

    def touched(self, store: str) -> float | None:
        """When a store's log was written last; None without a log."""
        return _changed(self._data / f"{STORES[store]}-wal")

    def settled(self, store: str, moment: float) -> None:
        """litestream says that everything written up to that moment lies here: a log may be written without
        a change, at its own start for one.
        """
        self._settled[store] = moment

    def _shipped(self, store: str, have: int, wall: float) -> float:
        shipped = _changed(self.path(store, Shipment.single(have))) if have else None
        known = [shipped or 0.0, self._settled.get(store, 0.0) if have else 0.0]
        return max(moment if moment <= wall + STEP_SECONDS else 0.0 for moment in known)

    def _merged(self, store: str, have: int) -> bool:
        """Whether what follows `have` lies merged: its own file and the next are gone."""
        return not self.path(store, Shipment.single(have)).exists()

    def _all(self, store: str) -> Iterator[Shipment]:
        for level in range(SNAPSHOT_LEVEL + 1):
            folder = self.root / store / "ltx" / str(level)
            if not folder.is_dir():
                continue
            for entry in os.scandir(folder):
                shipment = Shipment.of(level, entry.name)
                if shipment is not None:
                    yield shipment


def _changed(path: Path) -> float | None:
    try:
        return path.stat().st_ctime  # litestream sets the other one to its own moment
    except FileNotFoundError:
        return None


@dataclass(slots=True)
class _Word:
    """What the standby said last: transactions it has on its disk, at a monotonic moment.

    `since`: since when it has said so of each store.
    """

    have: Mapping[str, int]
    at: float
    since: Mapping[str, float]


@dataclass(slots=True)
class Shipping:
    """This process's knowledge of the standby. `clock`: monotonic seconds, `wall`: seconds of the epoch."""

    settings: Settings
    db: Database
    now: Callable[[], datetime]
    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    outbox: Outbox = field(init=False)
    trouble: str = ""
    """What keeps this server from shipping (a refusal's code, or a fault's kind); "" for nothing."""
    lost: bool = False
    """The standby has more of this outbox than is here: it has to be begun anew."""
    _word: _Word | None = None
    _seen: Protection = field(default_factory=lambda: Protection("none"))
    _until: float = 0.0

    def __post_init__(self) -> None:
        self.outbox = Outbox(self.settings)

    def confirmed(self, have: Mapping[str, int]) -> None:
        """The standby says what it has on its disk."""
        moment, before = self.clock(), self._word
        since = {
            store: before.since[store] if before and before.have.get(store) == number else moment
            for store, number in have.items()
        }
        self._word = _Word(dict(have), moment, since)

    def unsure(self) -> dict[str, tuple[int, float]]:
        """Stores whose log was written after the last file, which the standby has: its number, and when."""
        found = {}
        for store, have in (self._word.have if self._word else {}).items():
            touched = self.outbox.touched(store)
            pending = self.outbox.pending(store, have, self.wall())
            if touched is not None and pending == touched:
                found[store] = (have, touched)
        return found

    def forget(self) -> None:
        """The standby is another one, or none, from now on."""
        self._word, self._until = None, 0.0

    def behind(self, have: Mapping[str, int]) -> float | None:
        """How many seconds old the oldest change is that a standby with `have` lacks; None while it lacks a
        whole store.
        """
        if not all(have.get(store) for store in STORES):
            return None
        wall = self.wall()
        moments = {store: self.outbox.pending(store, have[store], wall) for store in STORES}
        ages = (self._age(store, moment, wall) for store, moment in moments.items() if moment is not None)
        return max([0.0, *ages])

    def _age(self, store: str, moment: float, wall: float) -> float:
        """How long a change is missing. One from the future was made before the clock was set back: it is no
        older than the standby's word that it has what comes before it.
        """
        if moment <= wall + STEP_SECONDS or self._word is None:
            return wall - moment
        return self.clock() - self._word.since.get(store, self.clock())

    def protection(self) -> Protection:
        """The state now, or within the last second."""
        if self.clock() >= self._until:
            seen = self._look()
            same = seen.state == self._seen.state and self._seen.since is not None
            self._seen = replace(seen, since=self._seen.since if same else self.now())
            self._until = self.clock() + KEPT_SECONDS
        return self._seen

    def _look(self) -> Protection:
        if self.settings.database_url:
            return shipping_postgres.protection(self.db)
        with self.db.read() as session:
            peer = standby_pairing.active(session)
            if peer is None:
                return Protection("none")
            name = peer.name
        lag = self._lag()
        return Protection(state_of(lag), lag, None, name)

    def _lag(self) -> float | None:
        if self._word is None:
            return None
        behind = self.behind(self._word.have)
        return None if behind is None else lag_of(behind, self.clock() - self._word.at)
