"""`examhall bench authority`: what two thousand sites cost the authority, dispatches out and results in.

All sites have a room of one sitting. A private server does the authority's part; the sites come over the
line, each at its own moment of a window, some of them sending everything twice.
"""

import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from itembank.custody import Custodian, new_custodian_key
from server.access import Actor, Role
from server.cli.bench.options import Tell
from server.cli.bench.province import MINUTES, Answers, Simulated, Size, Writing, add_site
from server.cli.bench.province_floor import AuthorityFloor
from server.cli.bench.province_lines import Pace, Played, fetched, returned
from server.cli.rehearse.crew import CHEAP
from server.cli.rehearse.hall import Hall, private_hall
from server.cli.words import _
from server.db.answer_tables import answer_events
from server.db.bank import Bank, BlueprintRow
from server.db.base import make_engine
from server.db.papers import PaperSet
from server.db.sites import SiteFile
from server.db.sittings import Batch, Sitting
from server.rules.policy import policy_for
from server.rules.site_file import DISPATCH, RESULTS, Subject, fingerprint, joined, make
from server.services import dispatches, site, site_exchange, site_files
from server.services.batches import read_profile
from server.services.dispatches import Order as Wanted
from server.services.dispatches import about
from server.services.site_exchange import Desk

WHO = Actor(None, "bench", frozenset({Role.ADMINISTRATOR}))
_MS = 1000.0
_LOOK_SECONDS = 0.5
_STUCK_SECONDS = 300.0
"""Without a further file taken for so long the bench ends and says what is lacking."""


@dataclass(frozen=True, slots=True)
class Order:
    """How many sites of what size, within how many seconds each way, on which store; with TLS or without."""

    sites: int
    size: Size
    store: str
    told: Tell
    window: float = 0.0
    tls: bool = True


@dataclass
class Part:
    """One direction. `cpu`: seconds of server, database and children; `made`: of making the files before;
    `seconds`: until the last one was through.
    """

    cpu: float = 0.0
    made: float = 0.0
    seconds: float = 0.0
    floor: float = 0.0
    played: Played = field(default_factory=lambda: Played((), 0, 0))

    def to_json(self, sites: int) -> dict[str, Any]:
        """Per site in milliseconds of CPU."""
        whole = self.cpu + self.made
        return {
            "cpu_ms_per_site": round(whole / sites * _MS, 2),
            "line_cpu_ms_per_site": round(self.cpu / sites * _MS, 2),
            "bytes_per_site": self.played.bytes // sites,
            "sites_per_second": round(sites / self.seconds, 2) if self.seconds else None,
            "p50_ms": self.played.share_ms(0.5),
            "p99_ms": self.played.share_ms(0.99),
            "seconds": round(self.seconds, 1),
            "failed": self.played.failed,
            "floor_cpu_ms_per_site": round(self.floor / sites * _MS, 2),
            "ratio_to_floor": round(whole / self.floor, 2) if self.floor else None,
        }


@dataclass
class Found:
    """What the authority needed. `taken`: files that are in; `lost`, `doubled`: records of the streams."""

    order: Order
    load: float
    out: Part = field(default_factory=Part)
    back: Part = field(default_factory=Part)
    taken: int = 0
    lost: int = 0
    doubled: int = 0

    @property
    def complete(self) -> bool:
        """Whether every site's results are in, once."""
        return (self.taken, self.lost, self.doubled) == (self.order.sites, 0, 0)

    def to_json(self) -> dict[str, Any]:
        """The line of the bench."""
        order = self.order
        out, back = self.out.to_json(order.sites), self.back.to_json(order.sites)
        return {
            "bench": "authority",
            "store": order.store,
            "workers": 1,
            "seats": order.sites * order.size.candidates,
            "tls": order.tls,
            "load": [self.load, os.getloadavg()[0]],
            "sites": order.sites,
            "candidates": order.size.candidates,
            "items": order.size.items,
            "window_seconds": order.window,
            "taken": self.taken,
            "lost": self.lost,
            "doubled": self.doubled,
            "ours": {"out": out, "back": back},
            "floor": {"out": out["floor_cpu_ms_per_site"], "back": back["floor_cpu_ms_per_site"]},
            "ratio_to_floor": back["ratio_to_floor"],
        }

    def in_words(self) -> str:
        """The same for a person."""
        out, back = self.out.to_json(self.order.sites), self.back.to_json(self.order.sites)
        return _(
            "%(sites)d 个考点：下发每个 %(out).1f ms、回传每个 %(back).1f ms 处理器时间，"
            "为下限的 %(ratio).1f 倍；全部收下用 %(seconds).0f 秒，遗失 %(lost)d、重复 %(doubled)d",
            sites=self.order.sites,
            out=out["cpu_ms_per_site"],
            back=back["cpu_ms_per_site"],
            ratio=back["ratio_to_floor"] or 0.0,
            seconds=back["seconds"],
            lost=self.lost,
            doubled=self.doubled,
        )


def measured(order: Order) -> Found:
    """Plays all sites against an authority of its own. Raises `FleetFault`."""
    found = Found(order, os.getloadavg()[0])
    with private_hall(store=order.store, tls=order.tls) as hall:
        host = hall.host
        writing = host.db.write(common, now=host.now())
        answers = Answers(order.size, writing.starts_at)
        floor = AuthorityFloor(hall.fleet.folder / "floor.db")
        sites = staged(hall, order, writing)
        folder = hall.fleet.folder / "sent"
        folder.mkdir()
        dispatched(hall, sites, found.out, floor)
        written(hall, sites, (answers, folder), floor)
        order.told(_("%(number)d 个考点", number=len(sites)))
        hall.serve()
        pace = Pace(hall.address, order.window, host.now)
        began, cpu = time.monotonic(), hall.cpu_seconds()
        found.out.played = fetched(sites, pace)
        found.out.seconds, found.out.cpu = time.monotonic() - began, hall.cpu_seconds() - cpu
        order.told(_("下发完毕"))
        began, cpu = time.monotonic(), hall.cpu_seconds()
        found.back.played = returned(sites, folder, pace)
        found.taken = all_taken(hall, len(sites))
        found.back.seconds, found.back.cpu = time.monotonic() - began, hall.cpu_seconds() - cpu
        found.out.floor, found.back.floor = floor.out, floor.back
        found.lost, found.doubled = counted(hall, sites, answers.records)
        floor.close()
    return found


def staged(hall: Hall, order: Order, writing: Writing) -> list[Simulated]:
    """All sites with their rooms, candidates and packages, nothing dispatched yet."""
    signing = hall.host.site.signing_key.private_bytes_raw()
    return [
        hall.host.db.write(add_site, signing, (writing, order.size, number), now=hall.host.now())
        for number in range(1, order.sites + 1)
    ]


def dispatched(hall: Hall, sites: Sequence[Simulated], part: Part, floor: AuthorityFloor) -> None:
    """Makes every dispatch with the authority's own service, and the floor's beside it."""
    host = hall.host
    desk = Desk(host.db, host.answers, host.site, host.now)
    for one in sites:
        wanted = Wanted(one.site_id, one.sitting)
        began = time.process_time()
        made = site_exchange.make_dispatch(desk, WHO, wanted)
        part.made += time.process_time() - began
        with host.db.read() as session:
            row = site_files.get(session, made.id)
            content = dispatches.content(session, WHO, wanted, host.site)
        floor.send(Subject(DISPATCH, row.about, 1, fingerprint(host.site.public_key), host.now()), content)


def written(
    hall: Hall, sites: Sequence[Simulated], what: tuple[Answers, Path], floor: AuthorityFloor
) -> None:
    """What the sites will send, made as they make it: not the authority's work. The floor takes it in."""
    host, (answers, folder) = hall.host, what
    with host.db.read() as session:
        letter = site.letter_public(session, now=host.now())
        secret = site.letter_secret(session, now=host.now())
    for one in sites:
        uid = about(Wanted(one.site_id, one.sitting), host.site)
        subject = Subject(RESULTS, uid, 1, fingerprint(host.site.public_key), host.now())
        data = joined(*make(subject, answers.of(one, uid), letter, one.key))
        (folder / one.code).write_bytes(data)
        floor.take(data, secret)


def all_taken(hall: Hall, wanted: int) -> int:
    """Waits until the authority has taken in every file; how many, when no further one comes."""
    query = select(func.count()).where(SiteFile.incoming.is_(True), SiteFile.state == site_files.TAKEN)
    taken, changed = 0, time.monotonic()
    while taken < wanted and time.monotonic() - changed < _STUCK_SECONDS:
        time.sleep(_LOOK_SECONDS)
        with hall.host.db.read() as session:
            now_taken = int(session.scalar(query) or 0)
        if now_taken != taken:
            taken, changed = now_taken, time.monotonic()
    return taken


def counted(hall: Hall, sites: Sequence[Simulated], each: int) -> tuple[int, int]:
    """Records that the store lacks, and those that it has beyond what was sent."""
    engine = make_engine(hall.host.settings.answers_url)
    try:
        with engine.connect() as connection:
            query = select(answer_events.c.attempt, func.count()).group_by(answer_events.c.attempt)
            held = Counter({row[0]: row[1] for row in connection.execute(query)})
    finally:
        engine.dispose()
    wanted = [own for one in sites for own in one.known["attempts"].values()]
    lost = sum(max(0, each - held[own]) for own in wanted)
    return lost, sum(max(0, held[own] - each) for own in wanted) + sum(
        held[o] for o in held.keys() - set(wanted)
    )


def common(session: Session, *, now: datetime) -> Writing:
    """The batch, the papers and the sitting that all sites share; two custodians hold the packages."""
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
    starts_at = now - timedelta(hours=2)
    sitting = Sitting(
        batch_id=batch.id, number=1, starts_at=starts_at, minutes=Decimal(MINUTES), paper_set_id=papers.id
    )
    session.add(sitting)
    session.flush()
    holders = tuple(
        Custodian(str(number), f"{number}", f"role {number}", new_custodian_key("passphrase", CHEAP)[0])
        for number in (1, 2)
    )
    return Writing(batch.id, papers.id, sitting.id, holders, starts_at)
