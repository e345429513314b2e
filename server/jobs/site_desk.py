"""The desk of a live server for files between authority and site: a child opens and checks them."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from itembank.problems import Problem
from server.db.answers import AnswerStore
from server.db.base import Database
from server.db.evidence_store import EvidenceStore
from server.jobs.runner import Jobs
from server.rules.site_file import Head, joined
from server.services.site import Site
from server.services.site_exchange import Desk, Whose


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
    """What `site_exchange` works with."""

    def opener(
        head: Head, parts: list[bytes], secret: bytes, whose: Whose
    ) -> tuple[dict[str, Any], list[Problem]]:
        payload = {"file": joined(head, parts), "secret": secret, "key": whose[0], "sent": dict(whose[1])}
        found = host.jobs.run("open_site_file", payload)
        return json.loads(found["content"]), [Problem.from_json(one) for one in found["wrong"]]

    return Desk(host.db, host.answers, host.site, host.now, opener, host.evidence)
