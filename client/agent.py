"""The seat agent: joins seat, journals, link and page under one lock.

Events come from the link (other threads drive it), acts from the candidate's page. After each of them
`_settle` decides what the agent wants next, and nothing else does.
"""

import base64
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from urllib.parse import quote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from client import exchange as x
from client.board import Board
from client.books import Books
from client.brief import Brief, camera_word
from client.candidate_acts import CandidateActs
from client.challenge_desk import ChallengeDesk
from client.command_notes import CommandNotes
from client.device import DISK_CODES
from client.journal_file import JournalFault
from client.link import Link
from client.outbox import Outbox
from client.paper import PaperFault, Shelf
from client.seat import FINAL
from client.sheet import Sheet
from exam_rooms.kiosk_messages import KioskReport
from exam_rooms.protocol import (
    JournalReply,
    Receipt,
    Route,
    SeatState,
    StatusRequest,
    Step,
    receipt_message,
)
from exam_rooms.watch_messages import CameraReport

LOG = logging.getLogger("examhall.kiosk")
RECALL_SECONDS = 36 * 3600.0
"""How far back journals are shown to a server that took over: whatever may not be shipped yet is younger."""
_WRITING = (Step.READY, Step.ANSWERING)
FIRST_WORD = 5.0
"""Seconds after its start in which an agent without a line waits for the server before the camera goes by the
remembered plan: consent may have been taken back meanwhile, but an outage must not switch the camera off."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What an agent is made of; `site_key` is the site's Ed25519 public key, raw."""

    board: Board
    books: Books
    link: Link
    outbox: Outbox
    shelf: Shelf
    site_key: bytes
    boot_id: str


class Agent(CandidateActs):
    """A paired workstation at work. Every public method may be called from any thread."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts.board.seat, parts.books)
        self.board = parts.board
        self.link = parts.link
        self._parts = parts
        self._began = parts.board.boot()
        self._paper_fault = ""
        self._camera = CameraReport()
        self._kiosk = KioskReport()
        self._notes = CommandNotes()
        self.challenge = ChallengeDesk(self._challenge_shown)
        self._running_since: float | None = None
        self._plan_holds = False
        self.board.on_seen = self._page_has
        self.on_look: Callable[[str], None] = lambda ref: None
        self.listeners: list[Callable[[SeatState], None]] = []

    def wake_up(self) -> None:
        """Reads what an earlier process left and shows it before the server was heard."""
        with self.board.lock:
            self._books.load()
            running = self._books.latest_running()
            if running is not None and running.state is not None:
                if running.anchor is not None:
                    self._seat.clock.restore(running.anchor)
                self._take_state(running.state)
            self._settle()

    # What the link brings

    def handle(self, events: Iterable[x.Event]) -> None:
        """Takes events of the link, then decides anew."""
        with self.board.lock:
            for event in events:
                if isinstance(event, x.LookAsked):
                    self.on_look(event.ref)
                elif isinstance(event, x.EpochMoved):
                    self._books.recall(RECALL_SECONDS)
                else:
                    self._handle_one(event)
            self._settle()

    def _handle_one(self, event: x.Event) -> None:
        """Changes of the link and other acknowledgements need nothing here: `_settle` looks at them."""
        match event:
            case x.TimeSeen():
                self._seat.clock.observe(event.server_time, sent=event.sent, received=event.received)
            case x.StateSeen():
                self._plan_holds = True
                self._take_state(event.state)
                self._clear_shelf(event.state)
            case x.JournalGranted():
                self._take_journal(event.reply)
            case x.ActDone():
                self._outcomes |= {event.ref: event} if event.ref in self._outcomes else {}
            case x.ReceiptSeen():
                self._take_receipt(event.receipt)
            case x.Fetched():
                self._take_file(event)
            case x.AnswersTaken() if self._seat.submitted_here():
                self.link.want_state()  # the hand-in has arrived: do not wait to be told

    def _take_state(self, state: SeatState) -> None:
        refused = state.watch is not None and state.watch.manual
        self.link.bulk.silence(state.attempt if refused else None)
        former, stood = self._seat.attempt, self._seat.paused
        boot = self.board.boot()
        self._notes.heard(state.commands, boot, self._running_since if state.attempt == former else None)
        self._seat.take(state)
        goes_on = state.step is Step.ANSWERING and not self._seat.paused
        if not goes_on or state.attempt != former:
            self._running_since = None
        if goes_on and self._running_since is None:
            self._running_since = boot
        if self._seat.paused and not stood:
            self._seat.stood_at = boot
        if state.attempt is None:
            return
        running = self._books.running(state.attempt)
        if state.attempt != former:
            self._seat.sheet = Sheet(self._books.entries(state.attempt))
            journal, seq = running.reopened
            self._seat.reopened = max(self._seat.reopened, (journal, seq))
            self._seat.released = running.released
        newest = self._books.newest(state.attempt)
        continued = newest is not None and newest.number < state.journal  # elsewhere, and now back here
        if state.step is Step.MOVED or continued:
            self._books.close_writing(state.attempt)
            running = self._books.running(state.attempt)
        anchor = self._seat.clock.anchor
        kept = replace(running, state=state, anchor=anchor, reopened=self._seat.reopened, settled=False)
        self._books.remember(kept)

    def _clear_shelf(self, state: SeatState) -> None:
        """A seat that the server names no package for keeps none: a destroyed one is gone here too."""
        if state.paper is None and self._seat.paper is None:
            try:
                self._parts.shelf.clear()
            except OSError as fault:
                LOG.warning("packages stay on the disk: %s", fault.strerror)

    def _take_journal(self, reply: JournalReply) -> None:
        if reply.attempt != self._seat.attempt:
            return
        try:
            self._books.grant(reply)
        except (JournalFault, ValueError) as fault:
            self._books.fault = getattr(fault, "code", "journal_not_open")
            LOG.error("no journal for attempt %d: %s", reply.attempt, self._books.fault)
        self._seat.sheet = Sheet(self._books.entries(reply.attempt))

    def _take_receipt(self, receipt: Receipt) -> None:
        if receipt.attempt != self._seat.attempt:
            return
        try:
            signature = base64.b64decode(receipt.signature, validate=True)
            key = Ed25519PublicKey.from_public_bytes(self._parts.site_key)
            key.verify(signature, receipt_message(receipt))
        except (InvalidSignature, ValueError):
            self._paper_fault = "receipt_not_genuine"
            return
        self._seat.receipt = receipt

    def _take_file(self, event: x.Fetched) -> None:
        if event.ask is x.Ask.PHOTO:
            self._photo = (event.key, event.data)
            return
        if event.ask is x.Ask.KEPT:
            self._kept = (event.key, event.data)
            self.board.changed.notify_all()
            return
        try:
            self._parts.shelf.store(event.data, event.key)
            self._paper_fault = ""
        except PaperFault as fault:
            self._paper_fault = fault.code
        except OSError:
            self._paper_fault = "disk_full"

    # What the agent wants next

    def _settle(self) -> None:
        attempt, state = self._seat.attempt, self._seat.state
        self._want_files(state)
        self._open_paper(state)
        self._collected(state)
        no_writer = attempt is not None and self._books.writer(attempt) is None
        writing = state is not None and state.step in _WRITING
        self.link.want_journal(attempt if writing and no_writer else None)
        done = state is not None and state.step in FINAL and self._seat.receipt is None
        self.link.want_receipt(attempt if done else None)
        if state is not None:
            self._books.settle(attempt)
            for listen in self.listeners:
                listen(state)
        self._show()
        self._notes.built(self.board.version)
        self.link.describe(self._status(attempt))

    def _page_has(self, version: int) -> None:
        """The page shows the view of this version; under the lock."""
        if self._notes.shown(version, self.board.boot()):
            self.link.describe(self._status(self._seat.attempt))
            self.board.changed.notify_all()

    def _want_files(self, state: SeatState | None) -> None:
        paper = state.paper if state else None
        try:
            wanted = paper.sha256 if paper and not self._parts.shelf.look_for(paper.sha256) else ""
        except (PaperFault, OSError) as fault:
            self._paper_fault, wanted = getattr(fault, "code", "package_broken"), ""
        self.link.bulk.want(x.Ask.PACKAGE, wanted, f"{Route.PACKAGE}?sha256={quote(wanted)}")
        candidate = state.candidate if state else None
        key = candidate.ticket if candidate and candidate.has_photo else ""
        if key != self._photo[0]:
            self.link.bulk.want(x.Ask.PHOTO, key, Route.PHOTO)
            if self._photo[0]:
                self._photo = ("", b"")

    def _open_paper(self, state: SeatState | None) -> None:
        """Opens the paper once its package, its key and a journal to write to are all there."""
        paper = state.paper if state else None
        if state is None or paper is None or paper.key is None or self._seat.paper is not None:
            return
        ready = self._parts.shelf.ready == paper.sha256
        if state.step is not Step.ANSWERING or not ready or state.attempt is None:
            return
        if self._books.writer(state.attempt) is None:
            return
        try:
            self._seat.open_paper(self._parts.shelf.open(paper, str(state.attempt)))
            self._paper_fault = ""
        except PaperFault as fault:
            self._paper_fault = fault.code
        except OSError:
            self._paper_fault = "disk_error"

    def _collected(self, state: SeatState | None) -> None:
        """Once a finished seat's answers are all at the server, the key of its paper is not kept."""
        if state is None or state.attempt is None or not state.collect or state.step not in FINAL:
            return
        if not self._parts.outbox.waiting(state.attempt):
            self._seat.forget_key()
            self._books.remember(self._books.running(state.attempt).without_key())

    def _status(self, attempt: int | None) -> StatusRequest:
        journal = self._books.newest(attempt) if attempt is not None else None
        unread = self._books.unread(attempt)
        status = StatusRequest(
            boot_id=self._parts.boot_id,
            boot_ns=0,  # the link puts in the moment of sending
            state_version=0,
            attempt=attempt,
            waiting=self._parts.outbox.waiting() + len(unread),
            package_sha256=self._parts.shelf.ready,
            journal_fault=self._books.fault or next(iter(unread), ""),
            camera=self._camera,
            kiosk=self._kiosk,
            commands=self._notes.report(),
        )
        if journal is None:
            return status
        return replace(status, journal=journal.number, seq=journal.seq, head=journal.head)

    def _show(self) -> None:
        """Over an open paper the only fault that matters is that answers cannot be saved."""
        state = self._seat.state
        paper = state.paper if state else None
        self._seat.around = replace(
            self._seat.around,
            link_up=self.link.up,
            link_since=self.link.changed_at or self._began,
            fault=self._books.fault or ("" if self._seat.paper else self.link.fault or self._paper_fault),
            saving_failed=bool(self._books.fault),
            package_ready=paper is not None and self._parts.shelf.ready == paper.sha256,
            camera=camera_word(self._camera, state.watch if state else None),
        )
        self.board.refresh()

    # What the camera needs and brings

    def brief(self) -> Brief:
        """What holds at the seat now."""
        with self.board.lock:
            state, boot = self._seat.state, self.board.boot()
            self._plan_holds |= not self.link.up and boot - self._began >= FIRST_WORD
            if state is None or not self._plan_holds:
                return Brief()
            left = self._seat.clock.until(state.started_at, boot)
            return Brief(
                known=True,
                attempt=state.attempt,
                plan=state.watch,
                has_photo=state.candidate is not None and state.candidate.has_photo,
                photo=self._photo[1],
                since_start=None if left is None else -left,
                linked=self.link.up,
            )

    def working(self) -> tuple[str, float, int | None, bool, bool]:
        """What the seat's log asks: boot id, boot seconds, the attempt that is being answered (None: none),
        whether its time goes on uncovered, and whether its paper is open.
        """
        with self.board.lock:
            seat, boot = self._seat, self.board.boot()
            state = seat.state
            open_here = state is not None and state.step is Step.ANSWERING and not seat.submitted_here()
            wanted = open_here and seat.step(boot) == Step.ANSWERING.value
            attempt = seat.attempt if open_here else None
            return self._parts.boot_id, boot, attempt, wanted, seat.paper is not None

    def status(self) -> StatusRequest:
        """What a heartbeat would say now."""
        with self.board.lock:
            return self._status(self._seat.attempt)

    def camera_says(self, report: CameraReport) -> None:
        """How the camera is; a change is told to the server and shown."""
        with self.board.lock:
            if report != self._camera:
                self._camera = report
                self._settle()

    def _challenge_shown(self) -> None:
        with self.board.lock:
            self._seat.around = replace(self._seat.around, challenge=self.challenge.view())
            self.board.refresh()

    def disk_says(self, fault: str) -> None:
        """Why the data folder takes nothing, "" once it does again; the server and the page are told."""
        with self.board.lock:
            if fault or self._books.fault in DISK_CODES:
                self._books.fault = fault
                self._settle()

    def kiosk_says(self, report: KioskReport) -> None:
        """How well the workstation is locked down; a change is told to the server."""
        with self.board.lock:
            if report != self._kiosk:
                self._kiosk = report
                self._settle()

    @property
    def kiosk(self) -> KioskReport:
        """The launcher's newest word; read without the lock."""
        return self._kiosk

    def uncover(self) -> None:
        """Shows the paper again that is covered now: somebody with the room's PIN has looked."""
        with self.board.lock:
            self._seat.released = self._seat.cover or self._seat.released
            if self._seat.attempt is not None:
                running = self._books.running(self._seat.attempt)
                self._books.remember(replace(running, released=self._seat.released))
            self._settle()

    def show_picture(self, ref: str, data: bytes) -> None:
        """Sends the small picture that an invigilator asked for, once; empty when there is none."""
        with self.board.lock:
            self.link.bulk.show(ref, data)
            self.board.changed.notify_all()

    def evidence_waits(self) -> None:
        """Something was put into the queue of evidence: the link shall look."""
        with self.board.lock:
            self.board.changed.notify_all()

    def close(self) -> None:
        """Lets go of the journals."""
        with self.board.lock:
            self._books.close()
