"""The link's second lane (sans-io): what travels beside the answers and must never hold them up.

Down: photo and package. Up: what warden and camera have to tell, and a small picture that somebody asked for.
Order: breaches, what the candidate asked for, photo, package, news of the camera, the asked-for picture, the
log of looks, pictures of the news. Trouble here is not the link's: each kind of request has its own pause.
What a camera told waits for the first word of the server after a break: consent may have been taken back.
"""

import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote

from client import exchange as x
from client.evidence import ROUTES, Evidence
from client.exchange import Ask, Event, Reply, Request
from exam_rooms.protocol import Route
from exam_rooms.rescue import RescueReply
from exam_rooms.watch_messages import Taken
from exam_rooms.wire import decode, encode

FETCH_TIMEOUT = 60.0
PICTURE_TIMEOUT = 20.0
EASE_SECONDS = 0.3
"""Pause between two pictures for each point of the server's hint."""
MOMENT = 1.0
"""Seconds that answers may wait before pictures stand back for them."""
STANDSTILL, TRICKLE = 60.0, 5.0
"""After so many seconds of waiting answers one picture may leave each `TRICKLE`: the line is not why."""
REF_LIMIT = 128
_LATER = (408, 426, 429)
"""Refusals that are about the moment or the server's version, not about what was sent."""
FETCHED = (Ask.KEPT, Ask.PHOTO, Ask.PACKAGE)
"""What comes down, the most urgent first: a person waits for the first, and it is small."""
NEWS_ASKS = dict(zip(ROUTES, (Ask.BREACH, Ask.ALERT, Ask.ENROLMENT, Ask.CAPTURE, Ask.LOOKS), strict=True))
Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Times:
    """When the lane is asked (boot seconds), and how many seconds answers have then waited for the server."""

    now: float
    owing: float = 0.0


@dataclass(slots=True)
class Rescue:
    """Journals that no other request will carry (`client.bringing`). `answered`: it is not offered again."""

    attempts: frozenset[int]
    load: Callable[[], bytes]
    taken: Callable[[RescueReply], None]
    answered: bool = False


class Bulk:
    """What to fetch and what to deliver besides the answers.

    `heard`: the seat's state is the server's own since the link is up. Nothing of a camera leaves before.
    """

    def __init__(self, rng: random.Random, evidence: Evidence | None) -> None:
        self.heard = False
        self._evidence = evidence
        self._paces: defaultdict[Ask, x.Pace] = defaultdict(lambda: x.Pace(rng))
        self._wanted: dict[Ask, tuple[str, str]] = {}
        self._look: tuple[str, bytes] | None = None
        self._silent = False
        self._picture_at = 0.0
        self._rescue: Rescue | None = None

    def bring(
        self, attempts: frozenset[int], load: Callable[[], bytes], taken: Callable[[RescueReply], None]
    ) -> None:
        """Bring a rescue file of these attempts until the server has answered; none stops.

        `load` makes it when it leaves, `taken` is told what is durable. What the server did not take is for
        a person to carry: the same attempts are not offered twice.
        """
        if self._rescue is None or self._rescue.attempts != attempts:
            self._rescue = Rescue(attempts, load, taken)

    def want(self, ask: Ask, key: str, path: str) -> None:
        """Fetch one of `FETCHED`; an empty key stops."""
        if self._wanted.get(ask, ("", ""))[0] != key:
            self._paces[ask].worked()
        self._wanted[ask] = (key, path)

    def show(self, ref: str, data: bytes) -> None:
        """Send the small picture that was asked for under `ref` (JPEG; empty: there is none), once."""
        self._look = None if self._silent else (ref, data)

    def silence(self, attempt: int | None) -> None:
        """The candidate of this attempt does not agree to be looked at (any more): no picture of them and no
        word about one leaves from now on. None: nobody here has refused.
        """
        self._silent = attempt is not None
        self._look = None if self._silent else self._look
        if self._evidence is not None:
            self._evidence.silence(attempt)

    def offers(self, headers: Headers, times: Times) -> Iterator[Request | float]:
        """Requests that may be made now, and moments to ask again, the most urgent first."""
        routes = ROUTES if self._evidence is not None else ()
        yield from (self._news(route, headers, times.now) for route in routes[:1])
        yield from (self._fetch(ask, headers, times.now) for ask in FETCHED)
        if not self.heard:
            yield self._rescued(headers, times.now)
            return
        yield from (self._news(route, headers, times.now) for route in routes[1:] if route != Route.LOOKS)
        yield self._shown(headers, times.now)
        yield self._rescued(headers, times.now)
        yield from (self._logged(route, headers, times) for route in routes if route == Route.LOOKS)
        yield self._picture(headers, times)

    def _fetch(self, ask: Ask, headers: Headers, now: float) -> Request | float:
        key, path = self._wanted.get(ask, ("", ""))
        if not key:
            return x.FOREVER
        ready = self._paces[ask].ready_at
        if ready > now:
            return ready
        return Request(ask, "GET", path, dict(headers), now, timeout=FETCH_TIMEOUT, ref=key)

    def _news(self, route: str, headers: Headers, now: float) -> Request | float:
        assert self._evidence is not None
        news, ask = self._evidence.next_news(route), NEWS_ASKS[route]
        if news is None:
            return x.FOREVER
        if self._paces[ask].ready_at > now:
            return self._paces[ask].ready_at
        body = json.dumps(encode(news.message), separators=(",", ":")).encode()
        sent = {**headers, "Content-Type": "application/json"}
        return Request(ask, "POST", route, sent, now, body=body, ref=news.number)

    def _logged(self, route: str, headers: Headers, times: Times) -> Request | float:
        """The log of looks stands back for answers as pictures do: nobody waits for it."""
        news, ready = self._news(route, headers, times.now), self._after_answers(times)
        return ready if isinstance(news, Request) and ready > times.now else news

    def _shown(self, headers: Headers, now: float) -> Request | float:
        if self._look is None:
            return x.FOREVER
        (ref, data), self._look = self._look, None
        sent = {**headers, "Content-Type": "image/jpeg"}
        return Request(Ask.LOOK, "POST", f"{Route.LOOK}?ref={quote(ref)}", sent, now, body=data)

    def _rescued(self, headers: Headers, now: float) -> Request | float:
        rescue = self._rescue
        if rescue is None or not rescue.attempts or rescue.answered:
            return x.FOREVER
        if self._paces[Ask.RESCUE].ready_at > now:
            return self._paces[Ask.RESCUE].ready_at
        sent = {**headers, "Content-Type": "application/octet-stream"}
        request = Request(Ask.RESCUE, "POST", Route.RESCUE, sent, now, ref=rescue)
        return replace(request, timeout=FETCH_TIMEOUT, load=rescue.load)

    def _picture(self, headers: Headers, times: Times) -> Request | float:
        evidence = self._evidence
        sha256 = evidence.next_picture() if evidence else None
        if evidence is None or sha256 is None:
            return x.FOREVER
        ready = max(self._paces[Ask.FRAME].ready_at, self._after_answers(times))
        if ready > times.now:
            return ready
        self._picture_at = times.now
        sent = {**headers, "Content-Type": "image/jpeg"}
        request = Request(Ask.FRAME, "POST", f"{Route.FRAMES}?sha256={sha256}", sent, times.now, ref=sha256)
        return replace(request, timeout=PICTURE_TIMEOUT, load=lambda: evidence.load(sha256))

    def _after_answers(self, times: Times) -> float:
        if times.owing <= MOMENT:
            return times.now
        return self._picture_at + TRICKLE if times.owing > STANDSTILL else times.now + MOMENT

    # What comes back

    def failed(self, request: Request, now: float) -> None:
        """No reply: what is kept is tried again later; a look is not, nobody waits for it by then."""
        self._paces[request.ask].failed(now)

    def accepted(self, request: Request, reply: Reply, now: float) -> list[Event]:
        """A reply of success. Raises ValueError (`WireError`) when it is no message."""
        if request.ask in FETCHED:
            return self._fetched(request, reply, now)
        if request.ask is Ask.LOOK:
            return []
        if isinstance(request.ref, Rescue):
            return self._brought(request.ref, reply)
        taken = decode(Taken, json.loads(reply.body or b"{}"))
        assert self._evidence is not None
        pace = self._paces[request.ask]
        pace.worked()
        if isinstance(request.ref, int):
            self._evidence.news_taken(request.ref, taken.wanted)
        else:
            self._evidence.picture_taken(str(request.ref))
            pace.not_before(now + EASE_SECONDS * min(10, max(0, taken.hint)))
        return []

    def _brought(self, rescue: Rescue, reply: Reply) -> list[Event]:
        told = decode(RescueReply, json.loads(reply.body or b"{}"))
        self._paces[Ask.RESCUE].worked()
        rescue.answered = True
        rescue.taken(told)
        return [x.AnswersTaken(attempt) for attempt in sorted(rescue.attempts)]

    def _fetched(self, request: Request, reply: Reply, now: float) -> list[Event]:
        """Delivers a file. Who still wants it afterwards found it unusable: that is tried again later."""
        key = str(request.ref)
        if self._wanted.get(request.ask, ("", ""))[0] != key:
            return []
        self._paces[request.ask].failed(now)
        return [x.Fetched(request.ask, key, reply.body)]

    def refused(self, request: Request, reply: Reply, now: float) -> None:
        """The server said no. Evidence that it will never take is given up, so that the rest can pass.

        What it stumbles over again and again (500) lets the others go first.
        """
        fetched = request.ask in (*FETCHED, Ask.RESCUE)
        if isinstance(request.ref, Rescue) and reply.status < 500 and reply.status not in _LATER:
            request.ref.answered = True  # it stays on the disk, for a person to carry
        if fetched or reply.status >= 500 or reply.status in _LATER:
            self._paces[request.ask].failed(now)
        if self._evidence is None or fetched:
            return
        if reply.status == 500:
            self._evidence.failed(request.ref)
        elif reply.status < 500 and reply.status not in _LATER:
            self._evidence.refuse(request.ref)


def look_asked(data: object) -> list[Event]:
    """What the socket's `EVENT_LOOK` says; anything but a short reference is passed over."""
    ref = data.get("ref") if isinstance(data, dict) else None
    return [x.LookAsked(ref)] if isinstance(ref, str) and 0 < len(ref) <= REF_LIMIT else []
