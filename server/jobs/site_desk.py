"""The desk of a live server for files between authority and site: a child opens and checks them."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Protocol

from server.db.answers import AnswerStore
from server.db.base import Database
from server.db.evidence_store import EvidenceStore
from server.errors import Refused
from server.jobs.runner import Jobs
from server.jobs.site_files import Answer, answers_of, payload_of
from server.rules.site_results import Sealed
from server.services.site import Site
from server.services.site_exchange import Desk


class Parts(Protocol):
    """What of a host a desk is made of."""

    @property
    def db(self) -> Database: ...
    @property
    def answers(self) -> AnswerStore: ...
    @property
    def site(self) -> Site: ...
    @property
    def jobs(self) -> Jobs: ...
    @property
    def evidence(self) -> EvidenceStore: ...
    @property
    def now(self) -> Callable[[], datetime]: ...


def desk_of(host: Parts) -> Desk:
    """What `site_exchange` and `site_taking` work with."""

    def opener(files: Sequence[Sealed]) -> Iterator[Answer]:
        try:
            found = host.jobs.run("open_site_files", payload_of(files))
        except Refused as refusal:
            if len(files) == 1:
                yield refusal
                return
            for one in files:  # whose file it was that ended the child is found by asking for each alone
                yield from opener([one])
            return
        yield from answers_of(found)

    return Desk(host.db, host.answers, host.site, host.now, opener, host.evidence)
