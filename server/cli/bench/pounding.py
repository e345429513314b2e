"""The load driver of the benches of saving, submitting and pictures: one process, prepared bytes, no agents.

`python -m server.cli.bench.pounding PLAN.json` opens the sessions of the plan's seats with their own keys
(or signs tokens for the floor), takes their journals, builds sealed and chained records and connects; then
it says "ready", waits for a line on standard input, races and prints one JSON line. What was acknowledged
is written to the plan's `acked` file, a record a line, for the count afterwards.
"""

import base64
import json
import resource
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exam_rooms import protocol as p
from exam_rooms.pace import HEARTBEAT
from exam_rooms.protocol import ZERO_HEAD, Record, RecordKind, Route, record_aad
from exam_rooms.wire import canonical, encode
from itembank.sealing import seal
from itembank.version import VERSION
from server.cli.bench.lines import DRAIN_SECONDS, Group, Line, Race
from server.cli.bench.pictures import name_of, picture
from server.cli.rehearse.staff import Address
from server.cli.rehearse.watch import percentile

AT_THE_DOOR = 8
"""Seats that open their sessions at the same time."""
LINKING_SECONDS = 5.0
"""Over so long the seats come back, and half as long the server is left alone before the race."""
CHOICES = ("A", "B", "C", "D")


@dataclass(frozen=True, slots=True)
class Seat:
    """A seat that may save: its bearer token, and the journal it was granted."""

    workstation: int
    token: str
    grant: p.JournalReply
    items: tuple[str, ...]


class Book:
    """The chain of one seat's journal as it grows."""

    def __init__(self, seat: Seat) -> None:
        self._seat = seat
        self._key = base64.b64decode(seat.grant.key)
        self._head, self._seq = seat.grant.parent or ZERO_HEAD, 0
        self.written: list[Record] = []
        self.upto = self.hint = 0

    def write(self, kind: RecordKind, item: str = "", response: tuple[str, ...] = ()) -> Record:
        """The next record, sealed and linked."""
        grant, self._seq = self._seat.grant, self._seq + 1
        body = canonical({"response": list(response)} if kind is RecordKind.ANSWER else {})
        sealed = seal(self._key, body, record_aad(grant.attempt, grant.journal, self._seq))
        text = base64.b64encode(sealed).decode()
        stamp = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        place = (grant.attempt, grant.journal, self._seq, kind, item, text, "driver", stamp, self._head, "")
        plain = Record(*place)
        record = replace(plain, hash=plain.digest())
        self._head = record.hash
        self.written.append(record)
        return record

    def answers(self, count: int) -> list[Record]:
        """So many answers, item after item, changed in every round."""
        items, made = self._seat.items, len(self.written)
        return [
            self.write(RecordKind.ANSWER, items[n % len(items)], (CHOICES[n % len(CHOICES)],))
            for n in range(made, made + count)
        ]

    def beat(self) -> p.StatusRequest:
        """What the seat's heartbeat says."""
        stamp, grant = time.clock_gettime_ns(time.CLOCK_BOOTTIME), self._seat.grant
        return p.StatusRequest("driver", stamp, 0, grant.attempt, grant.journal, self.upto)

    def heard(self, body: bytes) -> None:
        """The server says up to where it is durable."""
        reply = json.loads(body)
        self.upto = max(self.upto, reply["upto"].get(str(self._seat.grant.journal), 0))
        self.hint = max(self.hint, reply["hint"])

    def hinted(self, body: bytes) -> None:
        """The server says how much to slow down."""
        self.hint = max(self.hint, json.loads(body)["hint"])

    def acked(self) -> list[Record]:
        """What the server said is durable."""
        return [record for record in self.written if record.seq <= self.upto]


def request(method: str, path: str, token: str, body: bytes, kind: str = "application/json") -> bytes:
    """A request as an agent sends it."""
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: examhall\r\nAccept-Encoding: identity\r\n"
        f"Authorization: Bearer {token}\r\n{p.VERSION_HEADER}: {p.VERSION}\r\n"
        f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def saving(token: str, records: list[Record]) -> bytes:
    """A batch of records on its way."""
    return request(
        "POST", Route.ANSWERS, token, json.dumps({"records": [encode(r) for r in records]}).encode()
    )


class Door:
    """Opens sessions and takes journals as an agent does, over short-lived connections."""

    def __init__(self, address: Address) -> None:
        self._address = address

    def seat(self, plan: dict[str, Any]) -> Seat:
        """A seat of the plan with its token and journal. Raises OSError and ValueError."""
        if "grant" in plan:  # the floor grants nothing
            return Seat(
                plan["workstation"], plan["token"], p.JournalReply(**plan["grant"]), tuple(plan["items"])
            )
        line = self._address.connect()
        try:
            key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(plan["private_key"]))
            number = int(plan["workstation"])
            nonce = self._ask(line, Route.CHALLENGE, "", {})["nonce"]
            signature = base64.b64encode(key.sign(p.session_message(number, nonce))).decode()
            asked = p.SessionRequest(number, nonce, signature, VERSION)
            token = self._ask(line, Route.SESSION, "", encode(asked))["token"]
            if "ticket" in plan:  # nobody has signed in yet
                return Seat(number, token, p.JournalReply(plan["attempt"], 0, "", ""), ())
            grant = self._ask(line, Route.JOURNALS, token, {"attempt": plan["attempt"]})
        finally:
            line.close()
        reply = p.JournalReply(grant["attempt"], grant["journal"], grant["parent"], grant["key"])
        return Seat(number, token, reply, tuple(plan["items"]))

    @staticmethod
    def _ask(line: Any, path: str, token: str, body: dict[str, Any]) -> Any:  # noqa: ANN401 - plain JSON
        headers = {"Content-Type": "application/json", p.VERSION_HEADER: str(p.VERSION)}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        line.request("POST", path, json.dumps(body), headers)
        reply = line.getresponse()
        found = reply.read()
        if reply.status != 200:
            raise ValueError(f"{path}: {reply.status} {found[:200]!r}")
        return json.loads(found)


class Driver:
    """The plan's seats, connected, with everything prepared."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self._plan = plan
        self._address = Address(plan["server"], plan["ca_pem"])
        self._context = self._address.context() if plan["ca_pem"] else None
        with ThreadPoolExecutor(AT_THE_DOOR) as pool:
            self.seats = list(pool.map(Door(self._address).seat, plan["seats"]))
        self.books = [Book(seat) for seat in self.seats]

    def line(self, jobs: list[bytes], heard: Callable[[bytes], None] | None = None) -> Line:
        """A connection with these requests."""
        return Line(self._address.parts, self._context, jobs, heard)

    def both(self) -> Iterator[tuple[Seat, Book]]:
        """Every seat with its book."""
        return zip(self.seats, self.books, strict=True)

    def opened(self, answers: int = 1) -> None:
        """Every seat has written its first records, one request each, before anything is measured."""
        lines = [
            self.line([saving(s.token, [b.write(RecordKind.OPEN), *b.answers(answers)])], b.heard)
            for s, b in self.both()
        ]
        group = Group(lines)
        Race([group]).run_out()
        if set(group.statuses) != {200}:
            raise ValueError(f"warm-up: {dict(group.statuses)}")

    def beats(self) -> list[bytes]:
        """A heartbeat of each seat: its journal ends where it was acknowledged, and nothing waits there."""
        return [
            request("POST", Route.STATUS, s.token, json.dumps(encode(b.beat())).encode())
            for s, b in self.both()
        ]

    def linked(self) -> None:
        """Every seat is heard: during the long preparation the server took them for silent.

        Not all in one second: what their return costs the server would be part of the saves that follow.
        """
        group = Group([self.line([beat]) for beat in self.beats()], rate=len(self.seats) / LINKING_SECONDS)
        Race([group]).run(LINKING_SECONDS + DRAIN_SECONDS)
        if group.statuses != {200: len(self.seats)}:
            raise ValueError(f"heartbeats: {dict(group.statuses)}")
        time.sleep(LINKING_SECONDS / 2)

    def keep_acked(self) -> None:
        """Writes what was acknowledged for the count."""
        with Path(self._plan["acked"]).open("w", encoding="utf-8") as file:
            for book in self.books:
                for record in book.acked():
                    entry = [record.attempt, record.journal, record.seq, record.hash, record.prev]
                    file.write(json.dumps([*entry, record.kind, record.item]) + "\n")


def saves(driver: Driver, plan: dict[str, Any]) -> dict[str, Group]:
    """Answers at the plan's pace."""
    driver.opened()
    lines = [
        driver.line([saving(s.token, [record]) for record in b.answers(plan["each"])], b.heard)
        for s, b in driver.both()
    ]
    found = {"saves": Group(lines, rate=plan["rate"], burst_pause=plan["burst_pause"])}
    if plan.get("beats"):
        found["beats"] = _beating(driver, plan)
    driver.linked()
    return found


def _beating(driver: Driver, plan: dict[str, Any]) -> Group:
    """The heartbeats of all seats at their pace, over lines of their own as agents have them."""
    rate, each = len(driver.seats) / HEARTBEAT, int(plan["seconds"] / HEARTBEAT) + 2
    both = zip(driver.beats(), driver.books, strict=True)
    return Group([driver.line([beat] * each, book.hinted) for beat, book in both], rate=rate)


def submits(driver: Driver, plan: dict[str, Any]) -> dict[str, Group]:
    """Everybody hands in and then fetches the receipt, so many abreast; all answers are saved before."""
    driver.opened(plan["each"])
    handing_in, receipts = [], []
    for place in range(min(plan["abreast"], len(driver.seats))):
        mine = list(driver.both())[place :: plan["abreast"]]
        jobs = [saving(seat.token, [book.write(RecordKind.SUBMIT)]) for seat, book in mine]
        handing_in.append(driver.line(jobs, each_heard([book for _seat, book in mine])))
        receipts.append(driver.line([request("GET", Route.RECEIPT, seat.token, b"") for seat, _book in mine]))
    return {"submits": Group(handing_in), "receipts": Group(receipts)}


def each_heard(books: list[Book]) -> Callable[[bytes], None]:
    """One reply after another, each for the next book."""
    waiting = deque(books)
    return lambda body: waiting.popleft().heard(body)


def frames(driver: Driver, plan: dict[str, Any]) -> dict[str, Group]:
    """Answers at their pace, and beside them pictures that the server expects, over other lines."""
    found = saves(driver, plan)
    expected = {int(number): names for number, names in plan["pictures"].items()}
    lines = []
    for seat, book in driver.both():
        jobs = [
            request("POST", f"{Route.FRAMES}?sha256={name_of(n)}", seat.token, picture(n), "image/jpeg")
            for n in expected.get(seat.workstation, ())
        ]
        if jobs:
            lines.append(driver.line(jobs, book.hinted))
    if lines:
        found["frames"] = Group(lines, rate=plan["frames_rate"])
    return found


def logins(driver: Driver, plan: dict[str, Any]) -> dict[str, Group]:
    """One step after the other on the way to the first question, so many seats abreast.

    Before each step every seat beats once, as real ones do all the time: otherwise the step would pay for a
    link that counts as lost.
    """
    tokens = [seat.token for seat in driver.seats]
    both = list(zip(tokens, plan["seats"], strict=True))
    accept = {"rules_version": plan["rules"], "face_consent": False}
    bodies: dict[str, Callable[[dict[str, Any]], object]] = {
        Route.SIGN_IN: lambda one: {"ticket": one["ticket"], "id_number": one["id_number"]},
        Route.CONFIRM: lambda _one: {"is_me": True},
        Route.ACCEPT: lambda _one: accept,
        Route.JOURNALS: lambda one: {"attempt": one["attempt"]},
    }
    steps = {
        path: [request("POST", path, token, json.dumps(body(one)).encode()) for token, one in both]
        for path, body in bodies.items()
    }
    for path in (Route.PACKAGE, Route.STATE):
        steps[path] = [request("GET", path, token, b"") for token in tokens]
    abreast = min(plan["abreast"], len(tokens))
    found = {}
    for path, jobs in steps.items():
        found[f"beats before {path}"] = Group([driver.line([beat]) for beat in driver.beats()])
        found[path] = Group([driver.line(jobs[place::abreast]) for place in range(abreast)])
    return found


RACES = {"saves": saves, "submits": submits, "frames": frames, "logins": logins}


def main(arguments: list[str]) -> int:
    """Prepares, waits for the word, races, reports."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m server.cli.bench.pounding PLAN.json\n")
        return 2
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    plan = json.loads(Path(arguments[0]).read_text("utf-8"))
    driver = Driver(plan)
    groups = RACES[plan["race"]](driver, plan)
    _say({"ready": len(driver.seats)})
    sys.stdin.readline()
    found = _together(groups, plan["seconds"]) if plan["seconds"] else _in_turn(groups)
    driver.keep_acked()
    _say({**found, "hint": max((book.hint for book in driver.books), default=0)})
    return 0


def _together(groups: dict[str, Group], seconds: float) -> dict[str, Any]:
    """All groups at once, for so long."""
    race, used = Race(list(groups.values())), time.process_time()
    race.run(seconds)
    told: dict[str, Any] = {name: _told(group) for name, group in groups.items()}
    return {**told, "seconds": race.seconds, "driver_cpu": time.process_time() - used}


def _in_turn(groups: dict[str, Group]) -> dict[str, Any]:
    """One group after the other until it is through; each is told, and the word for the next waited for."""
    for group in groups.values():
        race = Race([group])
        race.run_out()
        _say({**_told(group), "seconds": race.seconds})
        sys.stdin.readline()
    return {}


def _told(group: Group) -> dict[str, object]:
    ordered = sorted(group.ms)
    good = group.statuses[200]
    return {
        "done": good,
        "errors": {str(status): count for status, count in group.statuses.items() if status != 200},
        "p50_ms": percentile(ordered, 0.5, 2),
        "p99_ms": percentile(ordered, 0.99, 2),
        "max_ms": percentile(ordered, 1.0, 2),
    }


def _say(told: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
