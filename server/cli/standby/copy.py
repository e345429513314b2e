"""What a standby reads of its copy while it follows: who it is for, which seats may vote, which epoch holds.

Nothing is written. The copy of SQLite files changes under the reader, so a look that fails is made again
later and what was known before stands.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from sqlalchemy import Engine, create_engine, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from exam_rooms.standby_messages import FIRST, Reign
from itembank.sealing import SealBroken
from itembank.vault import Vault
from server.db.base import make_engine
from server.db.people import SiteSecret
from server.db.rooms import Seat, Workstation
from server.db.sittings import RoomSitting
from server.epoch import proven
from server.jobs.inbox import Inbox
from server.services import epochs
from server.services.certificates import Authority, load_authority
from server.services.datakey import open_vault
from server.settings import Settings


@dataclass(frozen=True, slots=True)
class Knowledge:
    """One look at the copy. `electorate`: paired workstations of rooms in a sitting."""

    reign: Reign
    token_key: bytes
    authority: Authority
    electorate: frozenset[int]


class Copy:
    """The standby's copy of the main store, for reading."""

    def __init__(self, settings: Settings, master: bytes) -> None:
        self._settings = settings
        self._master = master
        self._engine: Engine | None = None

    def look(self, now: datetime) -> Knowledge | None:
        """What it says now; None while there is nothing readable yet.

        Raises `Refused` (`keyfile_of_another`) when it is not sealed for this key file.
        """
        if not self._settings.database_url and not self._path.exists():
            return None
        try:
            with self.read() as session:
                return self._known(session, now)
        except (SQLAlchemyError, sqlite3.Error, SealBroken):
            return None

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for looking, with the vault that opens what is sealed."""
        with Session(
            self._opened(), info={"vault": Vault(self._master, suite=self._settings.suite)}
        ) as session:
            yield session

    @property
    def _path(self) -> Path:
        return Inbox(self._settings).copy("main")

    def _opened(self) -> Engine:
        if self._engine is None:
            if self._settings.database_url:
                self._engine = make_engine(self._settings.main_url)
            else:
                self._engine = create_engine(
                    "sqlite://", creator=self._connect, poolclass=NullPool, hide_parameters=True
                )
        return self._engine

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(f"{self._path.as_uri()}?immutable=1", uri=True, check_same_thread=False)

    def _known(self, session: Session, now: datetime) -> Knowledge:
        vault = open_vault(session, self._master, suite=self._settings.suite, now=now)
        token = session.get_one(SiteSecret, "token")
        ca = session.get_one(SiteSecret, "ca")
        key = vault.open_value("site", "ca", ca.sealed)
        token_key, reign = vault.open_value("site", "token", token.sealed), epochs.reign(session)
        seats = (
            select(Workstation.id)
            .join(Seat, Seat.id == Workstation.seat_id)
            .join(RoomSitting, RoomSitting.room_id == Seat.room_id)
            .where(RoomSitting.state == "running", Workstation.active.is_(True))
        )
        return Knowledge(
            reign=proven(token_key, reign) if reign.number > 1 else FIRST,
            token_key=token_key,
            authority=load_authority(key, x509.load_der_x509_certificate(ca.public)),
            electorate=frozenset(session.scalars(seats)),
        )

    def close(self) -> None:
        """Gives back what is open."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None
