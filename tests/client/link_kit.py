"""A server that answers a link by hand."""

import json
import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from client import exchange as x
from client.exchange import Ask, Lane, Reply, Request
from client.link import Link
from client.outbox import Outbox
from exam_rooms import protocol as p
from exam_rooms.protocol import Record, RecordKind, SeatState, Step
from exam_rooms.wire import decode, encode

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
STATE = SeatState(version=5, server_time=NOW, seat="12", step=Step.SIGN_IN)


def ok(message: object) -> Reply:
    return Reply(200, json.dumps(encode(message)).encode())


def error(status: int, code: str) -> Reply:
    return Reply(status, json.dumps(encode(p.ErrorReply(code, {}))).encode())


class Server:
    """Answers the link's requests by what they ask; a list is used up one by one."""

    def __init__(self) -> None:
        self.at = 1000.0
        self.outbox = Outbox()
        signer = x.Credentials(3, lambda message: b"signed:" + message, "1.0")
        self.link = Link(signer, self.outbox, random.Random(1))
        self.asked: list[Request] = []
        self.events: list[x.Event] = []
        self.says: dict[Ask, list[Reply | None] | Reply] = {
            Ask.CHALLENGE: ok(p.Challenge("nonce")),
            Ask.SESSION: ok(p.SessionReply("token-1", NOW + timedelta(hours=1), NOW)),
            Ask.STATE: ok(STATE),
            Ask.STATUS: ok(p.StatusReply(NOW, 5)),
        }

    def step(self, lane: Lane = Lane.MAIN) -> Ask | None:
        """One request and its reply; None when there is nothing to do now."""
        request = self.link.next(lane, self.at)
        if not isinstance(request, Request):
            return None
        self.asked.append(request)
        told = self.says[request.ask]
        reply = told.pop(0) if isinstance(told, list) else told
        if isinstance(told, list) and not told:
            del self.says[request.ask]
        if reply is None:
            self.events += self.link.failed(lane, request, self.at)
        else:
            self.events += self.link.reply(lane, request, reply, self.at)
        return request.ask

    def run(self, limit: int = 30) -> list[Ask]:
        """Requests until nothing is to do."""
        made = []
        while (ask := self.step()) is not None:
            made.append(ask)
            assert len(made) < limit, made
        return made

    def wait(self) -> float:
        """Goes to the next moment the link wants; the seconds that took."""
        wake = self.link.next(Lane.MAIN, self.at)
        assert isinstance(wake, float) and wake < x.FOREVER
        seconds, self.at = wake - self.at, wake
        return seconds


def record(seq: int, journal: int = 1, attempt: int = 7) -> Record:
    return Record(attempt, journal, seq, RecordKind.ANSWER, f"q{seq}", "", "b", 0, "", f"{seq}")


def events_of(events: Iterable[x.Event], kind: type) -> list[x.Event]:
    return [event for event in events if isinstance(event, kind)]


def sent_seqs(request: Request) -> list[int]:
    return [one.seq for one in decode(p.AnswersRequest, json.loads(request.body)).records]
