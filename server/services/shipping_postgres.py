"""The standby of a PostgreSQL store: streaming replication, watched and, when the standby is gone, let go.

With a synchronous standby every commit waits for it. One that stays away would stop every save: after
EXAMHALL_STANDBY_WAIT seconds the server goes on alone, says so, and waits again for a standby that has
caught up. docs/standby.md names what the database administrator sets up and grants for this.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, Engine, text
from sqlalchemy.orm import Session

from server.db.base import Database
from server.rules.shipping import Protection

NAME = "examhall_standby"
"""Replication slot and application_name of the standby."""
CAUGHT_UP_BYTES = 1 << 20
"""A standby that lacks less than this of the log may be waited for again."""
_FACTS = text(
    """
    SELECT current_setting('synchronous_standby_names') AS names,
           EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = :name) AS slot,
           standby.state, standby.sync_state, standby.client_addr::text AS address,
           extract(epoch FROM standby.flush_lag)::float AS lag,
           pg_wal_lsn_diff(pg_current_wal_lsn(), standby.flush_lsn)::bigint AS missing,
           pg_wal_lsn_diff(standby.flush_lsn, '0/0')::bigint AS confirmed
    FROM (SELECT 1) AS one
    LEFT JOIN (SELECT * FROM pg_stat_replication WHERE application_name = :name
               ORDER BY state = 'streaming' DESC LIMIT 1) AS standby ON true
    """
)


_FOLLOWING = text(
    """
    SELECT pg_is_in_recovery() AS follows,
           EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming') AS streams,
           pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() AS applied,
           extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float AS since
    """
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the primary's database says of its standby.

    `slot`: there is a place for one. `waits`: commits wait for it. `streaming`, `synchronous`: it is there,
    and it confirms each commit. `lag_seconds`: how long the last confirmation took; `missing`: bytes of the
    log that it lacks, `confirmed`: how far it has it; None without a standby.
    """

    slot: bool
    waits: bool
    streaming: bool
    synchronous: bool
    lag_seconds: float | None
    missing: int | None
    confirmed: int | None = None
    address: str = ""

    @property
    def caught_up(self) -> bool:
        """Whether commits may wait for it again."""
        return self.streaming and self.missing is not None and self.missing <= CAUGHT_UP_BYTES


def look(connection: Connection | Session) -> Facts:
    """Asks the database; needs the role pg_monitor."""
    row = connection.execute(_FACTS, {"name": NAME}).one()
    return Facts(
        slot=row.slot,
        waits=bool(row.names),
        streaming=row.state == "streaming",
        synchronous=row.state == "streaming" and row.sync_state in {"sync", "quorum"},
        lag_seconds=row.lag,
        missing=row.missing,
        confirmed=row.confirmed,
        address=row.address or "",
    )


def behind(engine: Engine) -> float | None:
    """Asked at the standby's database: seconds that it is behind; None while it follows nobody.

    Needs the role pg_monitor, which the standby has from the primary.
    """
    with engine.connect() as connection:
        row = connection.execute(_FOLLOWING).one()
    if not row.follows or not row.streams:
        return None
    return 0.0 if row.applied else max(0.0, row.since or 0.0)


def protection(db: Database) -> Protection:
    """Protected when every commit was confirmed by the standby before it was acknowledged."""
    with db.read() as session:
        facts = look(session)
    return judged(facts)


def judged(facts: Facts) -> Protection:
    """The state that these facts mean."""
    if not facts.slot and not facts.waits:
        return Protection("none")
    if facts.synchronous:
        return Protection("protected", facts.lag_seconds or 0.0, None, facts.address)
    return Protection("unprotected", None, None, facts.address)


def let_go(engine: Engine) -> None:
    """Commits wait for no standby any more; those that wait now go on."""
    _say(engine, "ALTER SYSTEM SET synchronous_standby_names = ''")


def take_back(engine: Engine) -> None:
    """Commits wait for the standby from now on."""
    _say(engine, f"ALTER SYSTEM SET synchronous_standby_names = '{NAME}'")


def _say(engine: Engine, statement: str) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(statement))
        connection.execute(text("SELECT pg_reload_conf()"))


class Guard:
    """Decides, once a second, whether commits go on waiting. `wait`: seconds; times are monotonic seconds."""

    def __init__(self, wait: float) -> None:
        self._wait = wait
        self._missed: float | None = None
        self._back: float | None = None
        self._confirmed: int | None = None

    def decide(self, facts: Facts, moment: float) -> str:
        """`let_go`, `take_back`, or "" for nothing to do."""
        # A cable that is cut leaves the connection standing for a while: then nothing is confirmed any more.
        stuck = bool(facts.missing) and facts.confirmed == self._confirmed
        self._confirmed = facts.confirmed
        gone = facts.waits and (stuck or not facts.synchronous)
        self._missed = self._since(self._missed, gone, moment)
        back = facts.slot and not facts.waits and facts.caught_up and not stuck
        self._back = self._since(self._back, back, moment)
        if self._missed is not None and moment - self._missed >= self._wait:
            return "let_go"
        if self._back is not None and moment - self._back >= self._wait:
            return "take_back"
        return ""

    @staticmethod
    def _since(before: float | None, holds: bool, moment: float) -> float | None:
        if not holds:
            return None
        return moment if before is None else before
