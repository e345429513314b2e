"""Everything one process works with, opened once: stores, vault, site, clock, jobs. No web framework."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from exam_rooms.pace import hint_of
from itembank.vault import Vault
from server.bus.bus import Bus, Worker
from server.bus.counts import CountingRedis, Counts, RedisCounts
from server.bus.redis_channel import connect
from server.db.answers import AnswerStore
from server.db.base import Database
from server.db.evidence_store import EvidenceStore, FolderStore
from server.db.membership import Membership
from server.epoch import MARK, Epoch
from server.events import Events
from server.jobs.runner import Jobs
from server.metrics import Figures
from server.native import NativePool
from server.presence import Presence
from server.services.bus_sealing import BusSealer
from server.services.datakey import open_vault
from server.services.epochs import ensure_epoch
from server.services.loop_lag import LoopLag
from server.services.readiness import Readiness
from server.services.shipping import Shipping
from server.services.site import Site, ensure_site
from server.services.steady import Reading, SteadyClock, open_clock, read_clocks
from server.services.tries import ADDRESS_LIMIT, LIMIT, WINDOW_SECONDS, Places, Tries
from server.settings import Settings

HASHING_THREADS = 2


@dataclass(frozen=True, slots=True)
class Host:
    """What web, sockets and command line find when they act. `now()` is the steady clock (D22)."""

    settings: Settings
    db: Database
    answers: AnswerStore
    evidence: EvidenceStore
    vault: Vault
    site: Site
    events: Events
    presence: Presence
    jobs: Jobs
    demo: bool
    clock: SteadyClock
    native: NativePool
    """For password hashing and passphrases; `native.call(work, ...)`."""
    tries: Tries
    """Failed sign-ins and co-signatures, by account and address."""
    addresses: Tries
    """The same by address alone, over all names."""
    result_tickets: Tries
    """Failed look-ups of results by ticket."""
    result_addresses: Tries
    """The same by address."""
    agent_tries: Tries
    """Failed pairings by address, failed sign-ins at seats by workstation."""
    checks: Places
    """Passwords that are being checked, or wait for it."""
    lag: LoopLag
    epoch: Epoch
    bus: Bus
    """The other server processes, if there are any."""
    membership: Membership
    figures: Figures
    readiness: Readiness
    shipping: Shipping

    @property
    def now(self) -> Callable[[], datetime]:
        """The server's clock."""
        return self.clock.now

    def hint(self) -> int:
        """How much seats should slow down, 0 to 10 (`exam_rooms.pace`)."""
        return hint_of(self.answers.callers(), self.lag.wait())

    def leads(self) -> bool:
        """Whether this process does what one of all processes does: rooms' clocks, purges, sweeps."""
        return not self.epoch.fenced and self.membership.leads()

    def close(self) -> None:
        """Ends children and gives back all connections."""
        self.jobs.stop()
        self.membership.close()
        self.answers.close()
        self.db.close()


def open_host(
    settings: Settings,
    master: bytes,
    *,
    demo: bool = False,
    look: Callable[[], Reading] = read_clocks,
    anchor: Reading | None = None,
) -> Host:
    """Opens the stores (already migrated) and the site's secrets with the master key. Raises `Refused`.

    `anchor`: what the clock of this server's other processes runs on, once it is proven.
    """
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    events = Events()
    db = Database(settings.main_url, vault=Vault(master, suite=settings.suite), events=events)
    with db.read() as session:
        clock = SteadyClock(anchor, look) if anchor else open_clock(session, look)
    db.vault = db.write(open_vault, master, suite=settings.suite, now=clock.now())
    answers, site = AnswerStore(settings.answers_url), db.write(ensure_site, now=clock.now())
    epoch = Epoch(db.write(ensure_epoch, now=clock.now()), site.token_key, settings.data / MARK)
    db.guard = epoch.check
    worker = Worker(secrets.token_hex(8), look().boot_id)
    membership = Membership(db.engine, worker.id)
    tries = _counting(settings, site, clock)
    return Host(
        settings=settings,
        db=db,
        answers=answers,
        evidence=FolderStore(settings.evidence),
        vault=db.vault,
        site=site,
        events=events,
        presence=Presence(),
        jobs=Jobs(db, settings, clock.now, membership),
        demo=demo,
        clock=clock,
        native=NativePool(HASHING_THREADS),
        tries=tries("accounts", LIMIT),
        addresses=tries("addresses", ADDRESS_LIMIT),
        result_tickets=tries("tickets", LIMIT),
        result_addresses=tries("result addresses", ADDRESS_LIMIT),
        agent_tries=tries("agents", LIMIT),
        checks=Places(),
        lag=LoopLag(),
        epoch=epoch,
        bus=Bus(worker, BusSealer(db.vault, site_mark(site)), now=lambda: clock.now().timestamp()),
        membership=membership,
        figures=Figures(),
        readiness=Readiness(db, answers, epoch),
        shipping=Shipping(settings, db, clock.now),
    )


def site_mark(site: Site) -> str:
    """By what the installation is told from others that use the same Redis."""
    return site.public_key.hex()[:16]


def _counting(settings: Settings, site: Site, clock: SteadyClock) -> Callable[[str, int], Tries]:
    """Makes counters by name and limit: in Redis when several processes count together."""
    if not settings.redis:
        return lambda _name, limit: Tries(limit)
    shift = clock.now().timestamp() - time.monotonic()
    redis = CountingRedis(connect(settings.redis), site.token_key, shift)

    def made(name: str, limit: int) -> Tries:
        together: Counts = RedisCounts(redis, name, (limit, WINDOW_SECONDS))
        return Tries(limit, together=together)

    return made
