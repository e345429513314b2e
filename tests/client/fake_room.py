"""A small room server for agents under test: real sockets, real signatures, the protocol's rules.

It keeps answers as the real one does (same place and hash: known; other hash: kept aside) and can be told
to fail: `down` cuts every connection, `lose_replies` works and then stays silent.
"""

import base64
import hashlib
import json
import secrets
import ssl
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import cast
from urllib.parse import parse_qs, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from exam_rooms import protocol as p
from exam_rooms.kept_messages import KeptReply, KeptRow, KeptSection
from exam_rooms.kiosk_messages import (
    CallRequest,
    CheckReport,
    SebProof,
    SebState,
)
from exam_rooms.pairing import unspell
from exam_rooms.protocol import Route, SeatState, Step
from exam_rooms.standby_messages import EpochReply, ResumedJournal, ResumeReply, ResumeRequest, ServerState
from exam_rooms.watch_messages import (
    Taken,
    WarningReadRequest,
)
from exam_rooms.wire import decode, encode
from itembank.papers import MarkingKey, PaperForm
from itembank.sealing import open_sealed
from tests.client.fake_evidence import FakeEvidence
from tests.client.fake_paper import make_paper, seal_form

TICKET, ID_NUMBER = "2612010100017", "110101199003070054"
ATTEMPT = 7


class FakeRoom:
    """One seat's server. Change `state` through `show`; every change has a new version."""

    def __init__(
        self,
        *,
        ca_pem: str = "",
        context: ssl.SSLContext | None = None,
        built: tuple[PaperForm, MarkingKey] | None = None,
    ) -> None:
        self.site_key = Ed25519PrivateKey.generate()
        own = self.site_key.private_bytes_raw()
        self.paper = seal_form(own, *built) if built else make_paper(own)
        self.ca_pem = ca_pem
        self.secret = secrets.token_bytes(5)
        self.code = ""
        self.workstations: dict[int, bytes] = {}
        self.tokens: set[str] = set()
        self.nonces: set[str] = set()
        self.keys: dict[int, bytes] = {}
        self.grants: dict[tuple[int, int], str] = {}
        self.store: dict[tuple[int, int, int], p.Record] = {}
        self.aside: list[p.Record] = []
        self.calls: list[CallRequest] = []
        self.reports: list[CheckReport] = []
        self.seen: list[str] = []
        self.status: list[p.StatusRequest] = []
        self.receipts: dict[int, p.Receipt] = {}
        self.evidence = FakeEvidence()
        self.proofs: list[SebProof] = []
        self.seb_key = "5" * 64
        self.photo = b"\xff\xd8photo"
        self.kept = KeptReply((KeptSection("身份信息", (KeptRow("姓名", "阿卜杜·外力"),)),))
        self.kept_asked: list[str] = []
        self.accepted: list[p.AcceptRequest] = []
        self.refuse: dict[str, tuple[int, str]] = {}
        self.down = False
        self.epoch, self.standing = 1, ServerState.ACTIVE
        self.servers: tuple[str, ...] = ()
        self.met: list[int] = []
        self.gone_said: list[str] = []
        self.lose_replies: dict[str, int] = {}
        self.lock = threading.RLock()
        now = datetime.now(UTC)
        sitting = p.SittingView("示例考试", "1 号考场", "保卫管理员", "三级", now, 90.0, "2026-11")
        self.state = SeatState(
            version=1, server_time=now, seat="12", step=Step.SIGN_IN, sitting=sitting, paper=self.paper_view()
        )
        self._http = _Http(("127.0.0.1", 0), _Handler)
        self._http.room = self
        if context is not None:
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        scheme = "https" if context else "http"
        self.url = f"{scheme}://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def paper_view(self, *, key: bool = False) -> p.PaperView:
        sealed = self.paper.sealed
        text = base64.b64encode(self.paper.key).decode() if key else None
        return p.PaperView("pkg-1", sealed.sha256, len(sealed.data), "A", text)

    def show(self, **changes: object) -> None:
        with self.lock:
            version = self.state.version + 1
            self.state = replace(self.state, version=version, **changes)  # type: ignore[arg-type]

    def start(self, *, minutes: float = 90.0, submit_in: float = 0.0) -> None:
        """The room starts: this seat answers."""
        now = datetime.now(UTC)
        self.show(
            step=Step.ANSWERING,
            attempt=ATTEMPT,
            started_at=now,
            deadline=now + timedelta(minutes=minutes),
            submit_from=now + timedelta(seconds=submit_in),
            paper=self.paper_view(key=True),
        )

    def answers(self, attempt: int = ATTEMPT) -> dict[str, tuple[str, ...]]:
        """The fold of the stored stream, in clear."""
        found: dict[str, tuple[str, ...]] = {}
        for key in sorted(self.store):
            record = self.store[key]
            if record.attempt == attempt and record.kind in (p.RecordKind.ANSWER, p.RecordKind.CLEAR):
                aad = p.record_aad(record.attempt, record.journal, record.seq)
                body = json.loads(open_sealed(self.keys[attempt], base64.b64decode(record.body), aad))
                found[record.item] = tuple(body.get("response", ()))
        return {item: response for item, response in found.items() if response}

    # The routes

    def handle(self, method: str, target: str, body: bytes, token: str) -> tuple[int, bytes]:
        parts = urlsplit(target)
        path, query = parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()}
        with self.lock:
            self.seen.append(path)
            if path in self.refuse:
                status, code = self.refuse[path]
                return status, _json(p.ErrorReply(code, {}))
            if path == Route.SITE_CA:
                return 200, self.ca_pem.encode()
            open_routes: dict[str, Callable[[object], object]] = {
                Route.PAIR: self._pair,
                Route.CHALLENGE: self._challenge,
                Route.SESSION: self._session,
            }
            if path not in open_routes and token not in self.tokens:
                return 401, _json(p.ErrorReply("token_wrong", {}))
            if path == Route.PACKAGE:
                return 200, self.paper.sealed.data
            if path == Route.PHOTO:
                return 200, self.photo
            if path == Route.KEPT:
                self.kept_asked.append(query.get("lang", ""))
                return 200, _json(self.kept)
            if path in (Route.FRAMES, Route.LOOK):
                made = self.evidence.take_body(path, query, body)
                return (409 if isinstance(made, p.ErrorReply) else 200), _json(made)
            routes: dict[str, Callable[[object], object]] = {
                **open_routes,
                **self.evidence.routes,
                Route.STATE: lambda _: self._state(),
                Route.SIGN_IN: self._sign_in,
                Route.CONFIRM: lambda _: self._go(Step.CONFIRMED),
                Route.ACCEPT: self._accept,
                Route.WARNING_READ: self._warning_read,
                Route.SEB: self._seb,
                Route.CALL: self._call,
                Route.CHECK: self._check,
                Route.JOURNALS: self._journal,
                Route.ANSWERS: self._answers,
                Route.RESUME: self._resume,
                Route.STATUS: self._status,
                Route.RECEIPT: lambda _: self.receipts.get(ATTEMPT, p.ErrorReply("no_receipt", {})),
            }
            made = routes[path](json.loads(body) if body else {})
            return (409 if isinstance(made, p.ErrorReply) else 200), _json(made)

    def _pair(self, data: object) -> object:
        asked = decode(p.PairRequest, data)
        if unspell(asked.secret) != self.secret:
            return p.ErrorReply("pairing_code_invalid", {})
        number = len(self.workstations) + 1
        self.workstations[number] = base64.b64decode(asked.public_key)
        public = self.site_key.public_key().public_bytes_raw()
        return p.PairReply(number, "1 号考场", "12", base64.b64encode(public).decode())

    def _challenge(self, _data: object) -> object:
        self.nonces.add(nonce := secrets.token_hex(8))
        return p.Challenge(nonce)

    def _session(self, data: object) -> object:
        asked = decode(p.SessionRequest, data)
        self.nonces.remove(asked.nonce)
        key = Ed25519PublicKey.from_public_bytes(self.workstations[asked.workstation])
        try:
            key.verify(base64.b64decode(asked.signature), p.session_message(asked.workstation, asked.nonce))
        except InvalidSignature:
            return p.ErrorReply("signature_wrong", {})
        self.tokens.add(token := secrets.token_hex(8))
        now = datetime.now(UTC)
        return p.SessionReply(token, now + timedelta(hours=1), now)

    def _state(self) -> SeatState:
        return replace(self.state, server_time=datetime.now(UTC))

    def _sign_in(self, data: object) -> object:
        asked = decode(p.SignInRequest, data)
        if (asked.ticket, asked.id_number) != (TICKET, ID_NUMBER):
            return p.ErrorReply("id_does_not_match", {})
        view = p.CandidateView("阿卜杜·外力", TICKET, "110101********0054", "示例公司", True)
        self.show(step=Step.IDENTIFIED, attempt=ATTEMPT, candidate=view)
        return self._state()

    def _accept(self, data: object) -> object:
        self.accepted.append(decode(p.AcceptRequest, data))
        return self._go(Step.READY)

    def _go(self, step: Step) -> object:
        self.show(step=step)
        return self._state()

    def _warning_read(self, data: object) -> object:
        read = decode(WarningReadRequest, data).warning
        self.show(warnings=tuple(one for one in self.state.warnings if one.warning != read))
        return self._state()

    def _call(self, data: object) -> object:
        asked = decode(CallRequest, data)
        self.calls.append(asked)
        self.show(hand_raised_at=datetime.now(UTC) if asked.raised else None)
        return self._state()

    def _check(self, data: object) -> object:
        report = decode(CheckReport, data)
        if self.state.check is None or report.ref != self.state.check.ref:
            return p.ErrorReply("check_outdated", {})
        self.reports.append(report)
        self.show(check=None)
        return Taken()

    def _seb(self, data: object) -> object:
        proof = decode(SebProof, data)
        self.proofs.append(proof)
        right = hashlib.sha256((proof.url + self.seb_key).encode()).hexdigest()
        known = SebState.GOOD if proof.config_key_hash == right else SebState.WRONG
        self.state = replace(self.state, seb=known if proof.config_key_hash else SebState.WANTED)
        return self._state()

    def _journal(self, data: object) -> object:
        attempt = decode(p.JournalRequest, data).attempt
        mine = [self.store[key] for key in sorted(self.store) if key[0] == attempt]
        number = max((key[1] for key in self.grants if key[0] == attempt), default=0) + 1
        parent = mine[-1].hash if mine else p.ZERO_HEAD
        self.grants[attempt, number] = parent
        key = self.keys.setdefault(attempt, secrets.token_bytes(32))
        return p.JournalReply(attempt, number, parent, base64.b64encode(key).decode(), tuple(mine))

    def _answers(self, data: object) -> object:
        records = decode(p.AnswersRequest, data).records
        refused = []
        for record in records:
            place = (record.attempt, record.journal, record.seq)
            assert (record.attempt, record.journal) in self.grants
            known = self.store.get(place)
            if record.digest() != record.hash or (known is not None and known != record):
                self.aside.append(record)
                refused.append(p.RefusedRecord(record.journal, record.seq, "fork"))
            else:
                self.store[place] = record
        self._closed(records)
        attempt = records[0].attempt
        journals = {record.journal for record in records}
        upto = {str(journal): self._upto(attempt, journal) for journal in journals}
        return p.AnswersReply(upto, tuple(refused))

    def _resume(self, data: object) -> object:
        """Every grant that an agent names is taken for true."""
        found = []
        for one in decode(ResumeRequest, data).journals:
            self.grants.setdefault((one.attempt, one.journal), one.parent)
            found.append(ResumedJournal(one.attempt, one.journal, self._upto(one.attempt, one.journal)))
        return ResumeReply(tuple(found))

    def _closed(self, records: tuple[p.Record, ...]) -> None:
        for record in records:
            if record.kind is p.RecordKind.SUBMIT and self.state.step is Step.ANSWERING:
                self.receipts[record.attempt] = self.receipt(record)
                self.show(step=Step.SUBMITTED, paper=self.paper_view())

    def receipt(self, record: p.Record) -> p.Receipt:
        """A receipt for the stream up to a record."""
        now = datetime.now(UTC)
        count = len(self.answers(record.attempt))
        bare = p.Receipt(record.attempt, TICKET, record.journal, record.seq, record.hash, count, now, "")
        signature = self.site_key.sign(p.receipt_message(bare))
        return replace(bare, signature=base64.b64encode(signature).decode())

    def _upto(self, attempt: int, journal: int) -> int:
        seq = 0
        while (attempt, journal, seq + 1) in self.store:
            seq += 1
        return seq

    def _status(self, data: object) -> object:
        self.status.append(decode(p.StatusRequest, data))
        return p.StatusReply(datetime.now(UTC), self.state.version)

    def loses(self, path: str) -> bool:
        """Whether the reply to this request gets lost."""
        with self.lock:
            left = self.lose_replies.get(path, 0)
            self.lose_replies[path] = max(0, left - 1)
            return left > 0


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    room: FakeRoom

    def handle_error(self, request: object, client_address: object) -> None:
        """Cut lines are part of the game."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        room = cast("_Http", self.server).room
        path = urlsplit(self.path).path  # without the query
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if room.down or path.startswith("/socket.io"):
            self.close_connection = True
            return
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        room.met.append(int(self.headers.get(p.EPOCH_HEADER, "0")))
        if path in (Route.EPOCH, Route.PRIMARY_GONE):
            room.gone_said += [token] if path == Route.PRIMARY_GONE else []
            status, data = 200, _json(EpochReply(room.epoch, room.standing, room.servers))
        elif room.standing is not ServerState.ACTIVE and path.startswith("/agent/"):
            status, data = 503, _json(p.ErrorReply(str(room.standing), {}))
        else:
            status, data = room.handle(self.command, self.path, body, token)
        if room.loses(path):
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header(p.EPOCH_HEADER, str(room.epoch))
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


def _json(message: object) -> bytes:
    return json.dumps(encode(message), ensure_ascii=False).encode()
