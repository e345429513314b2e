"""`examhall bench authority`: what two thousand sites cost the authority, dispatches out and results in."""

import hashlib
import os
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from itembank.custody import Custodian, new_custodian_key
from server.access import Actor, Role
from server.cli.bench.options import Tell
from server.cli.bench.province import Answers, Simulated, Size, Writing, add_site
from server.cli.rehearse.crew import CHEAP
from server.cli.rehearse.hall import private_hall
from server.cli.words import _
from server.db.bank import Bank, BlueprintRow
from server.db.papers import PaperSet
from server.db.sittings import Batch
from server.host import Host
from server.rules.policy import policy_for
from server.rules.site_file import DISPATCH, RESULTS, Subject, fingerprint, joined, make, read_file
from server.services import site, site_exchange, site_files
from server.services.batches import read_profile
from server.services.dispatches import Order as Wanted
from server.services.dispatches import about
from server.services.signed import Signed
from server.services.site_exchange import Desk

T = TypeVar("T")
WHO = Actor(None, "bench", frozenset({Role.ADMINISTRATOR}))
_MS = 1000.0


@dataclass(frozen=True, slots=True)
class Order:
    """How many sites of what size, on which store."""

    sites: int
    size: Size
    store: str
    told: Tell


@dataclass
class Part:
    """One direction: CPU, wall clock and bytes over all sites, and what a plain copy of the bytes took."""

    cpu: float = 0.0
    wall: float = 0.0
    bytes: int = 0
    floor_cpu: float = 0.0
    worst: float = 0.0

    def to_json(self, sites: int) -> dict[str, Any]:
        """Per site in milliseconds of CPU, and minutes for all sites one after the other."""
        floor = self.floor_cpu / sites
        return {
            "cpu_ms_per_site": round(self.cpu / sites * _MS, 2),
            "wall_ms_per_site": round(self.wall / sites * _MS, 2),
            "worst_ms": round(self.worst * _MS, 1),
            "bytes_per_site": self.bytes // sites,
            "minutes_for_all": round(self.wall / 60, 2),
            "floor_cpu_ms_per_site": round(floor * _MS, 3),
            "ratio_to_floor": round(self.cpu / sites / floor, 1) if floor else None,
        }


@dataclass
class Found:
    """What the authority needed. `taken`: results that are in and hold."""

    order: Order
    load: tuple[float, float]
    out: Part = field(default_factory=Part)
    back: Part = field(default_factory=Part)
    taken: int = 0
    rss_before: int = 0

    @property
    def complete(self) -> bool:
        """Whether every site's results are in."""
        return self.taken == self.order.sites

    def to_json(self) -> dict[str, Any]:
        """The line of the bench."""
        order = self.order
        out, back = self.out.to_json(order.sites), self.back.to_json(order.sites)
        return {
            "bench": "authority",
            "store": order.store,
            "workers": 1,
            "seats": order.sites * order.size.candidates,
            "tls": False,
            "load": [self.load[0], os.getloadavg()[0]],
            "sites": order.sites,
            "candidates": order.size.candidates,
            "taken": self.taken,
            "ours": {"out": out, "back": back, "rss_mb": _rss_mb(), "rss_before_mb": self.rss_before},
            "floor": {"out": out["floor_cpu_ms_per_site"], "back": back["floor_cpu_ms_per_site"]},
            "ratio_to_floor": back["ratio_to_floor"],
        }

    def in_words(self) -> str:
        """The same for a person."""
        out, back = self.out.to_json(self.order.sites), self.back.to_json(self.order.sites)
        return _(
            "%(sites)d 个考点：下发每个 %(out).1f ms、回传每个 %(back).1f ms，"
            "一个进程依次做完共 %(minutes).1f 分钟，内存 %(rss)d MB",
            sites=self.order.sites,
            out=out["cpu_ms_per_site"],
            back=back["cpu_ms_per_site"],
            minutes=out["minutes_for_all"] + back["minutes_for_all"],
            rss=_rss_mb(),
        )


def measured(order: Order) -> Found:
    """Plays all sites one after the other against the services of an authority of its own."""
    found = Found(order, (os.getloadavg()[0], 0.0))
    with private_hall(store=order.store) as hall:
        host = hall.host
        desk = Desk(host.db, host.answers, host.site, host.now)
        writing = host.db.write(_common, now=host.now())
        answers = Answers(order.size, writing.starts_at)
        with host.db.read() as session:
            letter = site.letter_public(session, now=host.now())
        found.rss_before = _rss_mb()
        copying = _Copying(host.settings.data / "floor")
        signing = host.site.signing_key.private_bytes_raw()
        for number in range(1, order.sites + 1):
            what = writing, order.size, number
            one = host.db.write(add_site, signing, what, now=host.now())
            _sent(desk, one, (found.out, copying))
            data = _results(host, one, answers, letter)
            _returned(desk, data, (found.back, copying))
            found.taken += 1
            if number % 100 == 0:
                order.told(_("%(number)d 个考点", number=number))
    return found


def _sent(desk: Desk, one: Simulated, into: tuple[Part, "_Copying"]) -> None:
    wanted = Wanted(one.site_id, one.sitting)
    made = _timed(into[0], lambda: site_exchange.make_dispatch(desk, WHO, wanted))
    with desk.db.read() as session:
        data = site_files.as_file(session, site_files.get(session, made.id))
    into[0].bytes += len(data)
    into[0].floor_cpu += into[1].copy(data)
    head, _parts = read_file(data)
    assert head.kind == DISPATCH


def _results(host: Host, one: Simulated, answers: Answers, letter: bytes) -> bytes:
    """What the site sends, made as the site makes it; not the authority's work."""
    uid = about(Wanted(one.site_id, one.sitting), host.site)
    subject = Subject(RESULTS, uid, 1, fingerprint(host.site.public_key), host.now())
    return joined(*make(subject, answers.of(one, uid), letter, one.key))


def _returned(desk: Desk, data: bytes, into: tuple[Part, "_Copying"]) -> None:
    def take() -> None:
        came = site_exchange.receive(desk, WHO, data)
        site_exchange.take_in(desk, Signed(WHO), came.id)

    _timed(into[0], take)
    into[0].bytes += len(data)
    into[0].floor_cpu += into[1].copy(data)


def _timed(part: Part, work: Callable[[], T]) -> T:
    cpu, wall = time.process_time(), time.perf_counter()
    result = work()
    spent = time.perf_counter() - wall
    part.cpu += time.process_time() - cpu
    part.wall += spent
    part.worst = max(part.worst, spent)
    return result


class _Copying:
    """The floor: the same bytes hashed and written to a file that is safe on disk."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def copy(self, data: bytes) -> float:
        """Seconds of CPU."""
        cpu = time.process_time()
        hashlib.sha256(data).hexdigest()
        with self._file.open("wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        return time.process_time() - cpu


def _common(session: Session, *, now: Any) -> Writing:  # noqa: ANN401 - a moment
    policy = policy_for(read_profile("national"), "baowei", 3)
    batch = Batch(
        name="bench",
        occupation="baowei",
        level=3,
        profile="national",
        policy=policy.to_json(),
        created_at=now,
    )
    bank = Bank(name="bench", occupation="baowei", level=3, wrapped_key=b"", created_at=now)
    blueprint = BlueprintRow(title="bench", occupation="baowei", level=3, text="", created_at=now)
    session.add_all([batch, bank, blueprint])
    session.flush()
    papers = PaperSet(
        title="bench",
        bank_id=bank.id,
        blueprint_id=blueprint.id,
        seed="",
        forms=2,
        max_overlap=1,
        state="approved",
        created_at=now,
    )
    session.add(papers)
    session.flush()
    holders = tuple(
        Custodian(str(number), f"{number}", f"role {number}", new_custodian_key("passphrase", CHEAP)[0])
        for number in (1, 2)
    )
    return Writing(batch.id, papers.id, holders, now - timedelta(hours=2))


def _rss_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
