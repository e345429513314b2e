"""What a link asks for next (sans-io); `client.link` says what the answers mean.

Order in the main lane: session, acts of the candidate, overdue heartbeat, state, journal, answers,
receipt, heartbeat. Near the deadline answers go before the overdue heartbeat, and a second heartbeat in a
row waits for whatever else is ready. Answers are resent until the server says that they are durable.
"""

import json
import random
from collections.abc import Iterator

from client import exchange as x
from client.evidence import Evidence
from client.exchange import Ask, Lane, Request
from client.link_beat import Beat
from client.link_bulk import Bulk, Times
from client.link_door import Door
from client.link_pace import Manners
from client.outbox import BATCH, Outbox
from client.servers import Servers
from exam_rooms import protocol as p
from exam_rooms.protocol import Route
from exam_rooms.standby_messages import ResumeRequest
from exam_rooms.wire import encode

HELD_MOST = 200
"""Most journals that are named to a server of a new epoch, as docs/protocol.md allows."""
Wake = Request | float


class Asking:
    """The state of a link, and the requests that follow from it."""

    def __init__(
        self,
        credentials: x.Credentials,
        outbox: Outbox,
        rng: random.Random,
        evidence: Evidence | None = None,
        servers: Servers | None = None,
    ) -> None:
        self.outbox = outbox
        self.bulk = Bulk(rng, evidence)
        self.up = False
        self.changed_at = 0.0
        self.fault = ""
        self.servers = servers or Servers()
        self._door = Door(credentials)
        self._manners = Manners(rng)
        self._paces = self._manners.paces
        self._busy: dict[Lane, Request] = {}
        self._acts: list[x.Act] = []
        self._acts_made = 0
        self._known = -1
        self._state_wanted = True
        self._resume_wanted = False
        self._beat = Beat(self._manners)
        self._last: Ask | None = None
        self._batch = BATCH
        self._journal_for: int | None = None
        self._receipt_for: int | None = None
        self._owing_since: float | None = None

    @property
    def token(self) -> str | None:
        """The bearer token in force."""
        return self._door.token

    def want_journal(self, attempt: int | None) -> None:
        """Ask for a journal of this attempt until one is granted; None stops asking."""
        self._journal_for = attempt

    def want_receipt(self, attempt: int | None) -> None:
        """Ask for the receipt of this attempt until it comes; None stops asking."""
        self._receipt_for = attempt

    def want_state(self) -> None:
        """Fetch the state now."""
        self._state_wanted = True

    def hurry(self) -> None:
        """Try at once whatever waits for its pause: somebody stands at the seat and asks for it."""
        self._manners.at_once()

    def describe(self, status: p.StatusRequest) -> None:
        """What the next heartbeat says; `boot_ns` and `state_version` are filled in when it leaves."""
        self._beat.status = status

    def act(self, path: str, message: object) -> int:
        """Queue something the candidate did; its outcome is an `ActDone` with the returned number."""
        self._acts_made += 1
        self._acts.append(x.Act(self._acts_made, path, encode(message)))
        return self._acts_made

    def drop_act(self, ref: int) -> None:
        """Nobody waits for this outcome any more."""
        self._acts = [act for act in self._acts if act.ref != ref]

    def next(self, lane: Lane, now: float) -> Wake:
        """A request to make now, or the moment to ask again (infinity: when something changes)."""
        if lane in self._busy:
            return x.FOREVER
        wake = x.FOREVER
        for offer in self._offers(lane, now):
            if isinstance(offer, Request):
                self._busy[lane] = offer
                self._last = offer.ask if lane is Lane.MAIN else self._last
                return offer
            wake = min(wake, offer)
        return wake

    def _offers(self, lane: Lane, now: float) -> Iterator[Wake]:
        if self._paces["line"].ready_at > now:
            yield self._paces["line"].ready_at
        elif lane is Lane.BULK:
            if self.token is not None:
                yield from self.bulk.offers(self._headers(), Times(now, self._owing(now)))
        elif self._door.is_closed(now):
            yield self._session_offer(now)
        elif self._resume_wanted:
            yield self._resume_offer(now)
        else:
            yield from self._main_offers(now)

    def _main_offers(self, now: float) -> Iterator[Wake]:
        if self._acts:
            act = self._acts.pop(0)
            yield self._post(Ask.ACT, act.path, act.body, now, ref=act)
        if self._manners.hurries(now):
            yield from self._answers_offers(now)
        elif self._last is not Ask.STATUS:
            yield self._status_offer(now, self._beat.due)
        yield self._state_offer(now)
        yield self._journal_offer(now)
        yield from self._answers_offers(now)
        yield self._receipt_offer(now)
        yield self._status_offer(now, self._beat.news_due)

    def _session_offer(self, now: float) -> Wake:
        ready = self._paces["session"].ready_at
        if ready > now:
            self._door.token = None
            return ready
        return self._post(*self._door.request(), now)

    def _resume_offer(self, now: float) -> Wake:
        """The first word to a server of another epoch; nothing else is said before the answer."""
        ready = self._paces[Ask.RESUME].ready_at
        if ready > now:
            return ready
        message = ResumeRequest(self.outbox.held(HELD_MOST))
        return self._post(Ask.RESUME, Route.RESUME, encode(message), now)

    def _state_offer(self, now: float) -> Wake:
        if not self._state_wanted:
            return x.FOREVER
        ready = self._manners.turn(self._paces[Ask.STATE].ready_at)
        return self._get(Ask.STATE, Route.STATE, now) if ready <= now else ready

    def _journal_offer(self, now: float) -> Wake:
        if self._journal_for is None:
            return x.FOREVER
        ready = self._paces[Ask.JOURNAL].ready_at
        if ready > now:
            return ready
        message = p.JournalRequest(self._journal_for)
        return self._post(Ask.JOURNAL, Route.JOURNALS, encode(message), now, ref=self._journal_for)

    def _answers_offers(self, now: float) -> Iterator[Wake]:
        return (self._answers_offer(attempt, now) for attempt in self.outbox.attempts())

    def _answers_offer(self, attempt: int, now: float) -> Wake:
        ready = self._manners.batch_ready(attempt, now)
        if ready > now:
            return ready
        batch = self.outbox.batch(attempt, self._batch)
        message = p.AnswersRequest(batch)
        return self._post(Ask.ANSWERS, Route.ANSWERS, encode(message), now, ref=(attempt, batch[0].journal))

    def _receipt_offer(self, now: float) -> Wake:
        attempt = self._receipt_for
        if attempt is None or self.outbox.waiting(attempt):
            return x.FOREVER
        ready = self._manners.turn(self._paces[Ask.RECEIPT].ready_at)
        return self._get(Ask.RECEIPT, Route.RECEIPT, now, ref=attempt) if ready <= now else ready

    def _status_offer(self, now: float, due: float) -> Wake:
        if due > now:
            return due
        status = self._beat.leaving(now, max(self._known, 0))
        return self._post(Ask.STATUS, Route.STATUS, encode(status), now, ref=x.worth_telling(status))

    def _owing(self, now: float) -> float:
        """Seconds that answers have waited for the server without a break."""
        if not self.outbox.waiting():
            self._owing_since = None
        elif self._owing_since is None:
            self._owing_since = now
        return 0.0 if self._owing_since is None else now - self._owing_since

    def _get(self, ask: Ask, path: str, now: float, *, ref: object = None) -> Request:
        return Request(ask, "GET", path, self._headers(), now, ref=ref)

    def _post(self, ask: Ask, path: str, body: object, now: float, *, ref: object = None) -> Request:
        headers = self._headers() | {"Content-Type": "application/json"}
        data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        return Request(ask, "POST", path, headers, now, body=data, ref=ref)

    def _headers(self) -> dict[str, str]:
        headers = {p.VERSION_HEADER: str(p.VERSION), p.EPOCH_HEADER: str(self.servers.reign)}
        return headers | {"Authorization": f"Bearer {self.token}"} if self.token else headers
