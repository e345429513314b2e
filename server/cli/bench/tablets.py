"""Examiners' tablets of a bench: real requests, signed locks, resends, lines that are cut, staged forks."""

import base64
import http.client
import json
import random
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from itembank.sheet_marks import fold, score
from itembank.sheet_template import Template
from itembank.sheet_values import plain
from server.cli.rehearse.staff import Desk, StaffRefused
from server.rules.sheet_chain import SheetRecord, lock_text

CUT_EVERY, RESEND_EVERY = 7, 5
"""Every so many requests the answer is not waited for, and every so many are sent twice."""
LOOK_EVERY = 3
"""Marks after which a tablet asks what is new; the page asks every five seconds."""
TRIES = 20
PAUSE_SECONDS = 0.3
Action = Mapping[str, Any]


@dataclass
class Tally:
    """What one tablet did. `acked`: hashes that the server said are durable; `save_ms`: of each request."""

    entered: int = 0
    resent: int = 0
    cut: int = 0
    staged_forks: int = 0
    found_forks: int = 0
    locked: int = 0
    acked: set[str] = field(default_factory=set)
    save_ms: list[float] = field(default_factory=list)
    actions: dict[str, list[Action]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


class BenchTablet:
    """One examiner with one tablet, signed in."""

    def __init__(self, desk: Desk, template: Template, seed: int) -> None:
        self._desk, self._template = desk, template
        self._known: dict[str, int] = {}
        self._line: http.client.HTTPConnection | None = None
        self._random = random.Random(seed)  # noqa: S311 - what is tapped, no secret
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._csrf = str(self._call("GET", "/scoring/me")["csrf"])
        spki = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        asked = {"public_key": base64.b64encode(spki).decode(), "label": "bench"}
        self._device = int(self._call("POST", "/scoring/devices", asked)["device"])
        self.tally = Tally()

    def _call(self, method: str, path: str, data: object = None, *, deaf: bool = False) -> dict[str, Any]:
        """One request on the tablet's line. `deaf`: the line is cut before the answer is read."""
        connection = self._line = self._line or self._desk.address.connect()
        headers = {"Accept": "application/json", "Cookie": self._desk.cookie}
        if data is not None:
            headers |= {"Content-Type": "application/json", "X-CSRFToken": self._csrf}
            headers["Referer"] = self._desk.address.url + "/scoring/"
        try:
            connection.request(method, path, None if data is None else json.dumps(data), headers)
            if deaf:
                return {}
            reply = connection.getresponse()
            answer = json.loads(reply.read())
        except (OSError, http.client.HTTPException):
            self._hang_up()
            raise
        finally:
            if deaf:
                self._hang_up()
        if reply.status >= 400:
            raise StaffRefused(f"{reply.status} {answer.get('code')}: {answer.get('message')}")
        found: dict[str, Any] = answer
        return found

    def _hang_up(self) -> None:
        if self._line is not None:
            self._line.close()
        self._line = None

    def score_all(self, gap_seconds: float, gate: threading.Barrier) -> None:
        """Marks every sheet of the day tap by tap, locks each; what goes wrong stands in the tally."""
        try:
            picture = self._look({})
            gate.wait(120)
            self._known = {f"template/{room['id']}": 1 for room in picture["rooms"]}
            for room in picture["rooms"]:
                for turn in room["turns"]:
                    self._score(turn, gap_seconds)
        except (OSError, http.client.HTTPException, StaffRefused, ValueError, KeyError) as fault:
            self.tally.faults.append(f"{type(fault).__name__}: {fault}")

    def _look(self, known: Mapping[str, int]) -> dict[str, Any]:
        return self._call("POST", "/scoring/data", {"device": self._device, "known": dict(known)})

    def _score(self, turn: Mapping[str, Any], gap_seconds: float) -> None:
        sheet = turn["sheet"]
        journal = sheet["journal"]
        end = int(journal["seq"]), str(journal["head"])
        done: list[Action] = []
        for action in self._taps():
            time.sleep(self._random.uniform(0, 2 * gap_seconds))
            end = self._put(sheet["uid"], int(journal["journal"]), end, action)
            done.append(action)
            self._known[sheet["uid"]] = len(done)
            if len(done) % LOOK_EVERY == 0:
                self._look(self._known)
        if self._random.random() < 0.1:
            self._fork(sheet["uid"], int(journal["journal"]), end)
        total = score(self._template, fold(done), int(turn["overtime_seconds"])).total
        self._put(sheet["uid"], int(journal["journal"]), end, {"act": "lock", "total": plain(total)})
        self.tally.locked += 1
        self.tally.actions[sheet["uid"]] = done

    def _taps(self) -> Iterator[Action]:
        """Something on every item: points, or each deduction tapped once or more."""
        for item in self._template.items():
            if item.direct:
                tenths = self._random.randint(0, int(item.points * 10))
                yield {"act": "points", "item": item.number, "points": f"{tenths // 10}.{tenths % 10}"}
            for each in item.deductions:
                count = self._random.randint(0, 3 if each.per_instance else 1)
                yield {"act": "deduct", "item": item.number, "code": each.code, "count": count}

    def _put(self, sheet: str, journal: int, end: tuple[int, str], action: Action) -> tuple[int, str]:
        record = self._record((sheet, journal, end[0] + 1, end[1]), action)
        self.tally.entered += 1
        self._send(record)
        return record.seq, record.hash

    def _record(self, place: tuple[str, int, int, str], action: Action) -> SheetRecord:
        sheet, journal, seq, prev = place
        text = json.dumps(
            {"action": action, "at": "2026-01-01T00:00:00Z", "salt": secrets.token_hex(16)},
            ensure_ascii=False,
        )
        digest = SheetRecord(sheet, journal, seq, text, prev, "").digest()
        record = SheetRecord(sheet, journal, seq, text, prev, digest)
        if action["act"] != "lock":
            return record
        r, s = decode_dss_signature(self._key.sign(lock_text(record), ec.ECDSA(SHA256())))
        raw = base64.b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big")).decode()
        return SheetRecord(sheet, journal, seq, text, prev, digest, raw)

    def _send(self, record: SheetRecord) -> None:
        """Sends until the server says that it is durable; some requests are cut, some sent twice."""
        number = self.tally.entered
        if number % CUT_EVERY == 0:
            self._records(record, deaf=True)
            self.tally.cut += 1
        for _again in range(TRIES):
            outcome = self._tried(record)
            if outcome in ("stored", "known"):
                self.tally.acked.add(record.hash)
                break
            time.sleep(PAUSE_SECONDS)
        else:
            raise ValueError(f"not taken: {outcome}")
        if number % RESEND_EVERY == 0:
            self.tally.resent += 1
            if self._once(record) != "known":
                raise ValueError("a record sent again was not known")

    def _tried(self, record: SheetRecord) -> str:
        """As `_once`; a line that broke is a reason to try again, as the page does."""
        try:
            return self._once(record)
        except (OSError, http.client.HTTPException) as fault:
            return type(fault).__name__

    def _once(self, record: SheetRecord) -> str:
        began = time.monotonic()
        acks = self._records(record)["acks"]
        self.tally.save_ms.append(1000 * (time.monotonic() - began))
        ack = acks[0]
        return str(ack["outcome"]) if ack["outcome"] != "refused" else f"refused {ack['code']}"

    def _records(self, record: SheetRecord, *, deaf: bool = False) -> dict[str, Any]:
        row = {name: getattr(record, name) for name in record.__slots__}
        return self._call("POST", "/scoring/records", {"device": self._device, "records": [row]}, deaf=deaf)

    def _fork(self, sheet: str, journal: int, end: tuple[int, str]) -> None:
        """Another record in the place of the last one, as a copied tablet would send it."""
        forged = self._record((sheet, journal, end[0], "f" * 64), {"act": "note", "item": "", "text": "x"})
        self.tally.staged_forks += 1
        self.tally.found_forks += self._once(forged) == "fork"
