"""Everything one process works with, opened once: stores, vault, site, clock, jobs. No web framework."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from exam_rooms.pace import hint_of
from itembank.vault import Vault
from server.db.answers import AnswerStore
from server.db.base import Database
from server.db.evidence_store import EvidenceStore, FolderStore
from server.events import Events
from server.jobs.runner import Jobs
from server.native import NativePool
from server.presence import Presence
from server.services.datakey import open_vault
from server.services.loop_lag import LoopLag
from server.services.site import Site, ensure_site
from server.services.steady import Reading, SteadyClock, open_clock, read_clocks
from server.services.tries import ADDRESS_LIMIT, Places, Tries
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
    checks: Places
    """Passwords that are being checked, or wait for it."""
    lag: LoopLag

    @property
    def now(self) -> Callable[[], datetime]:
        """The server's clock."""
        return self.clock.now

    def hint(self) -> int:
        """How much seats should slow down, 0 to 10 (`exam_rooms.pace`)."""
        return hint_of(self.answers.callers(), self.lag.wait())

    def close(self) -> None:
        """Ends children and gives back all connections."""
        self.jobs.stop()
        self.answers.close()
        self.db.close()


def open_host(
    settings: Settings, master: bytes, *, demo: bool = False, look: Callable[[], Reading] = read_clocks
) -> Host:
    """Opens the stores (already migrated) and the site's secrets with the master key. Raises `Refused`."""
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    events = Events()
    db = Database(settings.main_url, vault=Vault(master, suite=settings.suite), events=events)
    with db.read() as session:
        clock = open_clock(session, look)
    db.vault = db.write(open_vault, master, suite=settings.suite, now=clock.now())
    return Host(
        settings=settings,
        db=db,
        answers=AnswerStore(settings.answers_url),
        evidence=FolderStore(settings.data / "evidence"),
        vault=db.vault,
        site=db.write(ensure_site, now=clock.now()),
        events=events,
        presence=Presence(),
        jobs=Jobs(db, settings, clock.now),
        demo=demo,
        clock=clock,
        native=NativePool(HASHING_THREADS),
        tries=Tries(),
        addresses=Tries(ADDRESS_LIMIT),
        result_tickets=Tries(),
        result_addresses=Tries(ADDRESS_LIMIT),
        checks=Places(),
        lag=LoopLag(),
    )
