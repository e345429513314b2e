"""Children with their limits for commands that need no server, key or data folder."""

import secrets
from datetime import UTC, datetime

from itembank.vault import Vault
from server.db.base import Database
from server.events import Events
from server.jobs.runner import Jobs
from server.settings import Settings


def bare_jobs() -> Jobs:
    """A runner of children without a data folder: a dry run needs its limits, and stores nothing."""
    db = Database("sqlite://", vault=Vault(secrets.token_bytes(32)), events=Events())
    return Jobs(db, Settings.of_process(), lambda: datetime.now(UTC))
