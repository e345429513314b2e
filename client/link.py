"""The agent's side of the protocol without sockets, threads or a clock (sans-io).

A driver asks `next(lane, now)` for a request to make, makes it, and brings back `reply` or `failed`;
both give events for the agent. `now` is always boot time in seconds (`client.clock.boot_seconds`).
"""

import json
from collections.abc import Callable, Iterable

from client import exchange as x
from client.exchange import Ask, Event, Lane, Reply, Request
from client.link_asking import Asking
from client.outbox import BATCH
from exam_rooms import protocol as p
from exam_rooms.standby_messages import FIRST, ResumeReply
from exam_rooms.wire import WireError, decode

_LINE_DOWN = (429, 502, 503, 504)
_LATER = (408, 429)
_VITAL = (Ask.CHALLENGE, Ask.SESSION, Ask.STATE, Ask.STATUS, Ask.ANSWERS)


class Link(Asking):
    """What to send next, and what the answers mean."""

    def failed(self, lane: Lane, request: Request, now: float) -> list[Event]:
        """No reply: refused connection, time-out, broken line. Everything unconfirmed stays queued.

        A picture that got stuck says nothing about the line: the heartbeat will, in the other lane.
        """
        if self._busy.pop(lane, None) is not request:
            return []
        if lane is Lane.BULK:
            self.bulk.failed(request, now)
            return []
        self.servers.failed(now)
        self._manners.failed("line", now)
        events = self._moved(False, now)
        if isinstance(request.ref, x.Act):
            self._state_wanted = True
            events.append(x.ActDone(request.ref.ref, "no_link", {}))
        return events

    def reply(self, lane: Lane, request: Request, reply: Reply, now: float) -> list[Event]:
        """An answer of any status. One for a request that was given up is ignored.

        So is one of a lower epoch, or of none: who says it was replaced, and nothing it does will last.
        """
        if self._busy.get(lane) is not request:
            return []
        if reply.reign < max(FIRST, self.servers.reign) and (reply.reign.number or reply.status < 300):
            return self.failed(lane, request, now)
        del self._busy[lane]
        met_before = self.servers.epoch > 0
        if self.servers.raised(reply.reign) and met_before:
            return self._begin_anew(now, request)
        return self._heard(lane, request, reply, now)

    def _heard(self, lane: Lane, request: Request, reply: Reply, now: float) -> list[Event]:
        if request.ask not in (Ask.CHALLENGE, Ask.SESSION) and x.is_unauthorised(reply):
            return self._unauthorised(request)
        if reply.status >= 500 or reply.status == 429:
            return self._in_trouble(lane, request, reply, now)
        if lane is Lane.MAIN:
            self.servers.answered()
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
        if lane is Lane.MAIN and reply.status >= 500:
            self.servers.failed(now)
        if lane is Lane.MAIN and request.ask is not Ask.ACT and reply.status in _LINE_DOWN:
            self._manners.failed("line", now)
        return self._moved(False, now) + events if request.ask in _VITAL else events

    def socket_ended(self, now: float) -> None:
        """Whether the server is still there is asked soon, however rare heartbeats are."""
        self._beat.soon(now)

    def moved(self, now: float, *, anew: bool) -> list[Event]:
        """Another server serves us from now on (`Servers.told`); `anew`: one of a higher epoch.

        What is under way to the former one is given up.
        """
        given_up = list(self._busy.values())
        self._busy.clear()
        self._manners.at_once()
        if anew:
            return self._begin_anew(now, *given_up)
        return self._unheard(given_up)

    def _begin_anew(self, now: float, *given_up: Request) -> list[Event]:
        """A higher epoch: this server may lack what the former one acknowledged."""
        self.outbox.rewind()
        self._resume_wanted = self._state_wanted = True
        self._known = -1
        self._owing_since = None
        self._manners.at_once()
        self._beat.due = now
        self.bulk.heard = False
        return [x.EpochMoved(self.servers.epoch), *self._unheard(given_up)]

    def _unheard(self, given_up: Iterable[Request]) -> list[Event]:
        """Whoever waits for the outcome of these is told that none will come."""
        self._state_wanted = True
        acts = (request.ref for request in given_up if isinstance(request.ref, x.Act))
        return [x.ActDone(act.ref, "no_link", {}) for act in acts]

    def _unauthorised(self, request: Request) -> list[Event]:
        self._door.token = None
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
            Ask.RESUME: self._on_resume,
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
        elif request.ask is Ask.RESUME and 400 <= reply.status < 500 and reply.status not in _LATER:
            self._resume_wanted = False  # then everything is sent again, which changes nothing there
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
        self._door.challenged(decode(p.Challenge, data))
        return []

    def _on_session(self, request: Request, data: object, now: float) -> list[Event]:
        session = decode(p.SessionReply, data)
        self._door.opened(session, now)
        self.fault = ""
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

    def _on_resume(self, _request: Request, data: object, _now: float) -> list[Event]:
        reply = decode(ResumeReply, data)
        self._resume_wanted = False
        self._paces[Ask.RESUME].worked()
        for told in reply.journals:
            self.outbox.resume(told)
        return [x.AnswersTaken(attempt) for attempt in sorted({told.attempt for told in reply.journals})]

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
