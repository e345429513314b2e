"""The agent's side of the protocol without sockets, threads or a clock (sans-io).

A driver asks `next(lane, now)` for a request to make, makes it, and brings back `reply` or `failed`;
both give events for the agent. `now` is always boot time in seconds (`client.clock.boot_seconds`).
Order in the main lane: session, acts of the candidate, overdue heartbeat, state, journal, answers,
receipt, heartbeat. Near the deadline answers go before the overdue heartbeat, and a second heartbeat in a
row waits for whatever else is ready. Answers are resent until the server says that they are durable.
"""

import base64
import json
import random
from collections.abc import Callable, Iterator

from client import exchange as x
from client.evidence import Evidence
from client.exchange import Ask, Event, Lane, Reply, Request
from client.link_beat import Beat
from client.link_bulk import Bulk, Times
from client.link_pace import Manners
from client.outbox import BATCH, Outbox
from exam_rooms import protocol as p
from exam_rooms.protocol import Route
from exam_rooms.wire import WireError, decode, encode

RENEW_EARLY = 60.0
"""Seconds before its end at which a token is replaced."""
_LINE_DOWN = (429, 502, 503, 504)
_VITAL = (Ask.CHALLENGE, Ask.SESSION, Ask.STATE, Ask.STATUS, Ask.ANSWERS)
Wake = Request | float


class Link:
    """What to send next, and what the answers mean."""

    def __init__(
        self,
        credentials: x.Credentials,
        outbox: Outbox,
        rng: random.Random,
        evidence: Evidence | None = None,
    ) -> None:
        self.outbox = outbox
        self.bulk = Bulk(rng, evidence)
        self.up = False
        self.changed_at = 0.0
        self.fault = ""
        self.token: str | None = None
        self._credentials = credentials
        self._token_until = x.FOREVER
        self._nonce: str | None = None
        self._manners = Manners(rng)
        self._paces = self._manners.paces
        self._busy: dict[Lane, Request] = {}
        self._acts: list[x.Act] = []
        self._acts_made = 0
        self._known = -1
        self._state_wanted = True
        self._beat = Beat(self._manners)
        self._last: Ask | None = None
        self._batch = BATCH
        self._journal_for: int | None = None
        self._receipt_for: int | None = None
        self._owing_since: float | None = None

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
        elif self.token is None or now >= self._token_until:
            yield self._session_offer(now)
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
        self.token = None
        pace = self._paces["session"]
        if pace.ready_at > now:
            return pace.ready_at
        if self._nonce is None:
            return self._post(Ask.CHALLENGE, Route.CHALLENGE, {}, now)
        me = self._credentials
        signed = base64.b64encode(me.sign(p.session_message(me.workstation, self._nonce))).decode()
        message = p.SessionRequest(me.workstation, self._nonce, signed, me.software)
        self._nonce = None
        return self._post(Ask.SESSION, Route.SESSION, encode(message), now)

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
        headers = {p.VERSION_HEADER: str(p.VERSION)}
        return headers | {"Authorization": f"Bearer {self.token}"} if self.token else headers

    def failed(self, lane: Lane, request: Request, now: float) -> list[Event]:
        """No reply: refused connection, time-out, broken line. Everything unconfirmed stays queued.

        A picture that got stuck says nothing about the line: the heartbeat will, in the other lane.
        """
        if self._busy.pop(lane, None) is not request:
            return []
        if lane is Lane.BULK:
            self.bulk.failed(request, now)
            return []
        self._manners.failed("line", now)
        events = self._moved(False, now)
        if isinstance(request.ref, x.Act):
            self._state_wanted = True
            events.append(x.ActDone(request.ref.ref, "no_link", {}))
        return events

    def reply(self, lane: Lane, request: Request, reply: Reply, now: float) -> list[Event]:
        """An answer of any status. One for a request that was given up is ignored."""
        if self._busy.pop(lane, None) is not request:
            return []
        if request.ask not in (Ask.CHALLENGE, Ask.SESSION) and x.is_unauthorised(reply):
            return self._unauthorised(request)
        if reply.status >= 500 or reply.status == 429:
            return self._in_trouble(lane, request, reply, now)
        self._paces["line"].worked()
        events = self._moved(True, now)
        if 200 <= reply.status < 300:
            try:
                return events + self._accepted(request, reply, now)
            except (WireError, ValueError):
                reply = Reply(502, b'{"code": "unreadable_reply", "params": {}}')
        return events + self._refused(request, reply, now)

    def _in_trouble(self, lane: Lane, request: Request, reply: Reply, now: float) -> list[Event]:
        """The server is away or overloaded (the whole line rests), or one route of it fails (only that)."""
        events = self._refused(request, reply, now)
        if lane is Lane.MAIN and request.ask is not Ask.ACT and reply.status in _LINE_DOWN:
            self._manners.failed("line", now)
        return self._moved(False, now) + events if request.ask in _VITAL else events

    def _unauthorised(self, request: Request) -> list[Event]:
        self.token = None
        if isinstance(request.ref, x.Act):
            self._acts.insert(0, request.ref)
        return []

    def _moved(self, up: bool, now: float) -> list[Event]:
        if up == self.up:
            return []
        self.up, self.bulk.heard = up, False
        if up and self.changed_at:
            self._manners.returned(now)
        self.changed_at = now
        self.fault = "" if up else self.fault
        return [x.LinkMoved(up)]

    def _accepted(self, request: Request, reply: Reply, now: float) -> list[Event]:
        if request.ask in x.BULK_ASKS:
            return self.bulk.accepted(request, reply, now)
        data = json.loads(reply.body or b"{}")
        handlers: dict[Ask, Callable[[Request, object, float], list[Event]]] = {
            Ask.CHALLENGE: self._on_challenge,
            Ask.SESSION: self._on_session,
            Ask.STATE: self._on_state,
            Ask.STATUS: self._on_status,
            Ask.JOURNAL: self._on_journal,
            Ask.ANSWERS: self._on_answers,
            Ask.ACT: self._on_act,
            Ask.RECEIPT: self._on_receipt,
        }
        return handlers[request.ask](request, data, now)

    def _refused(self, request: Request, reply: Reply, now: float) -> list[Event]:
        """The server said no; the request is tried again later unless a person waits for the outcome."""
        if request.ask in x.BULK_ASKS:
            self.bulk.refused(request, reply, now)
            return []
        error = x.read_error(reply)
        if isinstance(request.ref, x.Act):
            self._state_wanted = True
            return [x.ActDone(request.ref.ref, error.code, error.params)]
        if request.ask in (Ask.CHALLENGE, Ask.SESSION):
            self.fault = error.code
            self._manners.failed("session", now)
            return self._moved(False, now)
        if request.ask is Ask.STATUS:
            self._beat.refused(now)
        elif request.ask is Ask.ANSWERS:
            return self._answers_refused(request.ref, error.code, reply.status, now)
        else:
            self._manners.failed(request.ask, now)
        return []

    def _answers_refused(self, ref: object, code: str, status: int, now: float) -> list[Event]:
        assert isinstance(ref, tuple)
        attempt, journal = ref
        if code == "journal_not_yours":
            self.outbox.disown(attempt, journal)
            return [x.AnswersTaken(attempt)]
        self._batch = max(1, self._batch // 2) if status == 413 else self._batch
        self._manners.failed(attempt, now)
        return []

    def _on_challenge(self, _request: Request, data: object, _now: float) -> list[Event]:
        self._nonce = decode(p.Challenge, data).nonce
        return []

    def _on_session(self, request: Request, data: object, now: float) -> list[Event]:
        session = decode(p.SessionReply, data)
        self.token = session.token
        self.fault = ""
        lifetime = (session.expires_at - session.server_time).total_seconds()
        self._token_until = now + max(lifetime - RENEW_EARLY, lifetime / 2)
        self._paces["session"].worked()
        self._paces["session"].not_before(now + 1.0)
        self._state_wanted = True
        self._beat.due = now
        return [x.TimeSeen(session.server_time, request.sent, now)]

    def _on_state(self, request: Request, data: object, now: float) -> list[Event]:
        state = decode(p.SeatState, data)
        self._paces[Ask.STATE].worked()
        self._state_wanted = False
        return [x.TimeSeen(state.server_time, request.sent, now), *self._newer(state)]

    def _newer(self, state: p.SeatState) -> list[Event]:
        if state.version < self._known:
            return []
        if state.version > self._known:
            self._paces[Ask.JOURNAL].worked()
            self._paces[Ask.RECEIPT].worked()
        self._known = state.version
        self.bulk.heard = self.up
        self._manners.ends_at(state.deadline)
        return [x.StateSeen(state)]

    def _on_status(self, request: Request, data: object, now: float) -> list[Event]:
        status = decode(p.StatusReply, data)
        self._manners.told(status.hint)
        self._manners.clock(status.server_time, request.sent, now)
        self.bulk.heard |= status.state_version == self._known
        if status.state_version != self._known:
            self._state_wanted = True
            self._manners.has_news()
        if status.state_version < self._known:
            self._known = status.state_version  # the server counts anew: what it says next is the truth
        self._beat.answered(request.ref, now)
        return [x.TimeSeen(status.server_time, request.sent, now)]

    def _on_journal(self, request: Request, data: object, now: float) -> list[Event]:
        reply = decode(p.JournalReply, data)
        if self._journal_for != request.ref or reply.attempt != request.ref:
            return []
        self._journal_for = None
        self._paces[Ask.JOURNAL].failed(now)  # wanted again at once: it could not be used
        return [x.JournalGranted(reply)]

    def _on_answers(self, request: Request, data: object, now: float) -> list[Event]:
        assert isinstance(request.ref, tuple)
        attempt, _journal = request.ref
        reply = decode(p.AnswersReply, data)
        if self._manners.told(reply.hint):
            self._beat.sooner(now)
        if self.outbox.acknowledge(attempt, reply):
            self._batch = BATCH
            self._manners.batch_taken(attempt, now)
            return [x.AnswersTaken(attempt)]
        raise ValueError("the server confirmed nothing")

    def _on_act(self, request: Request, data: object, _now: float) -> list[Event]:
        act = request.ref
        assert isinstance(act, x.Act)
        done = x.ActDone(act.ref, "", {})
        try:
            return [*self._newer(decode(p.SeatState, data)), done]
        except WireError:
            self._state_wanted = True
            return [done]

    def _on_receipt(self, request: Request, data: object, now: float) -> list[Event]:
        receipt = decode(p.Receipt, data)
        if receipt.attempt != request.ref:
            raise ValueError("the receipt of another attempt")
        self._receipt_for = None
        self._paces[Ask.RECEIPT].failed(now)
        return [x.ReceiptSeen(receipt)]

    def pushed(self, data: object) -> list[Event]:
        """A state that came by the socket. An unreadable one makes the agent fetch the state."""
        try:
            return self._newer(decode(p.SeatState, data))
        except WireError:
            self._state_wanted = True
            return []
