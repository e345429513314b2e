"""The state of the seat: what the server says, what was answered here, and what the page may show and do.

No files, no sockets, no clock: the moment (boot seconds) is an argument.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from client.clock import ServerClock
from client.outbox import Outbox
from client.paper import Paper
from client.sheet import Entry, Sheet
from exam_rooms.kiosk_messages import FreezeView
from exam_rooms.protocol import Receipt, SeatState, Step
from exam_rooms.wire import encode

FINAL = (Step.SUBMITTED, Step.TIME_OVER, Step.ENDED)
LANGUAGES = ("zh", "en")
FROZEN = "frozen"
"""The page's step while the server has the paper covered."""
PAUSED = "paused"
"""The page's step while time stands still."""
PAUSE_TAIL = 5.0
"""Seconds for which a paused seat still takes what was typed before the page was covered."""
_NOBODY = SeatState(0, datetime.min.replace(tzinfo=UTC), "", Step.UNASSIGNED)


class PageRefused(Exception):
    """What the page asked for is not possible now; `status` is the HTTP status of the answer."""

    def __init__(self, code: str, status: int = 409, params: Mapping[str, str] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.status = status
        self.params = dict(params or {})


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the seat does not know by itself.

    `link_since`: when the link came or went, else when the agent began, in boot seconds.

    `camera`: "" (none), "live", "lost", "unavailable", "manual" or "enrolling", as the candidate may know it.
    `challenge`: a `client.challenge_desk.ChallengeView` as plain values, None while nothing is asked.
    """

    paired: bool = False
    link_up: bool = False
    link_since: float = 0.0
    fault: str = ""
    saving_failed: bool = False
    package_ready: bool = False
    camera: str = ""
    challenge: Mapping[str, object] | None = None


class Seat:
    """One seat's state; the agent feeds it, the page reads its view."""

    def __init__(self, clock: ServerClock, outbox: Outbox) -> None:
        self.clock = clock
        self.state: SeatState | None = None
        self.sheet = Sheet()
        self.paper: Paper | None = None
        self.receipt: Receipt | None = None
        self.total: int | None = None
        self.reopened = (0, 0)
        self.released: FreezeView | None = None  # the cover that was released at this seat
        self.stood_at = 0.0  # boot seconds at which this seat heard of its pause
        self.around = Surroundings()
        self.notes: Mapping[str, object] = {}
        self._outbox = outbox

    @property
    def attempt(self) -> int | None:
        """The attempt at this seat, if any."""
        return self.state.attempt if self.state else None

    def take(self, state: SeatState) -> None:
        """A newer state. A change of the attempt clears the desk; a reopening undoes a submission."""
        before = self.state
        if before is None or before.attempt != state.attempt:
            self.sheet, self.paper, self.receipt = Sheet(), None, None
            self.total, self.reopened, self.notes, self.released = None, (0, 0), {}, None
        elif before.step in FINAL and state.step is Step.ANSWERING:
            self.receipt = None
            if self.sheet.submit is not None:
                self.reopened = (self.sheet.submit.journal, self.sheet.submit.seq)
        if state.step not in (Step.ANSWERING, *FINAL):
            self.paper = None
        self.state = state

    def open_paper(self, paper: Paper) -> None:
        """The form came out of its package."""
        self.paper = paper
        self.total = len(paper.rules)

    def forget_key(self) -> None:
        """The answers are collected: the paper is closed and its key dropped."""
        self.paper = None
        if self.state is not None and self.state.paper is not None:
            self.state = replace(self.state, paper=replace(self.state.paper, key=None))

    @property
    def cover(self) -> FreezeView | None:
        """What covers the paper: the server's word, unless this very cover was released here."""
        cover = self.state.frozen if self.state else None
        return None if cover == self.released else cover

    @property
    def paused(self) -> bool:
        """Whether time stands still here, as far as this seat has heard."""
        return self.state is not None and self.state.step is Step.ANSWERING and self.state.paused is not None

    # What holds at a moment

    def remaining(self, boot: float) -> float | None:
        """Seconds until this seat's own deadline, None while there is none or the time is unknown.

        In a pause they stand still, with or without a link, whatever the clock.
        """
        state = self.state
        if state is not None and self.paused and state.deadline is not None and state.paused is not None:
            return (state.deadline - state.paused.since).total_seconds()
        return self.clock.until(state.deadline, boot) if state else None

    def submitted_here(self) -> bool:
        """Whether the candidate handed in, and neither the server refused it nor anybody reopened."""
        record = self.sheet.submit
        if record is None or (record.journal, record.seq) <= self.reopened:
            return False
        return self._outbox.refusal(record.attempt, record.journal, record.seq) is None

    def step(self, boot: float) -> str:
        """What the page shows: the server's step, or what this seat knows better."""
        if not self.around.paired:
            return "unpaired"
        if self.state is None:
            return "offline_start"
        if self.state.step is not Step.ANSWERING:
            return self.state.step.value
        if self.submitted_here():
            return Step.SUBMITTED.value
        remaining = self.remaining(boot)
        if remaining is not None and remaining <= 0:
            return "locked"
        if self.paused:
            return PAUSED
        return Step.ANSWERING.value if self.cover is None else FROZEN

    def submit_in(self, boot: float) -> float | None:
        """Seconds until the candidate may hand in, 0 from then on; None when it cannot be said."""
        if self.state is None or self.state.step is not Step.ANSWERING:
            return None
        if self.state.submit_from is None:
            return 0.0
        left = self.clock.until(self.state.submit_from, boot)
        return None if left is None else max(0.0, left)

    def edges(self, boot: float) -> float | None:
        """Seconds until the view changes by time alone."""
        if self.state is None or self.paused:
            return None
        moments = (self.state.deadline, self.state.submit_from)
        found = [self.clock.until(moment, boot) for moment in moments if moment is not None]
        return min((left for left in found if left is not None and left > 0), default=None)

    # What the candidate may do

    def check_answering(self, boot: float) -> int:
        """The attempt whose paper is open for answers now. Raises `PageRefused`.

        A covered paper still takes answers: what was typed in the last second before is not lost.
        """
        step = self.step(boot)
        if step == "locked":
            raise PageRefused("time_over")
        if step not in (Step.ANSWERING.value, FROZEN, PAUSED) or self.paper is None or self.attempt is None:
            raise PageRefused("not_answering")
        if step == PAUSED and boot - self.stood_at > PAUSE_TAIL:
            raise PageRefused("paused")
        return self.attempt

    def check_reading(self, boot: float) -> Paper:
        """The paper that may be shown now. Raises `PageRefused`."""
        self.check_answering(boot)
        if self.step(boot) in (FROZEN, PAUSED) or self.paper is None:
            raise PageRefused("not_answering")
        return self.paper

    def check_item(self, item: str, boot: float) -> int:
        """The attempt in whose open paper this item stands. Raises `PageRefused`."""
        attempt = self.check_answering(boot)
        assert self.paper is not None
        if item not in self.paper.rules:
            raise PageRefused("bad_response", 422)
        return attempt

    def check_answer(self, item: str, response: Sequence[str], boot: float) -> tuple[int, tuple[str, ...]]:
        """The attempt that may take this response now, and the response as it is written down.

        Raises `PageRefused`.
        """
        attempt = self.check_item(item, boot)
        assert self.paper is not None
        fitting = self.paper.settled(item, response)
        if fitting is None:
            raise PageRefused("bad_response", 422)
        return attempt, fitting

    def check_submit(self, boot: float) -> int:
        """The attempt that may be handed in now. Raises `PageRefused`."""
        attempt = self.check_answering(boot)
        if self.step(boot) in (FROZEN, PAUSED):
            raise PageRefused("not_answering")
        left = self.submit_in(boot)
        if left is not None and left > 0:
            raise PageRefused("too_early_to_submit", params={"seconds": str(int(left) + 1)})
        return attempt

    # What the page sees

    def view(self, boot: float) -> dict[str, object]:
        """Everything the page knows, but the paper and the version of the view."""
        state = self.state
        return {
            "lang": list(LANGUAGES),
            "step": self.step(boot),
            "link": self._link_view(),
            "seat": state.seat if state else "",
            "seb": str(state.seb) if state else "",
            "sitting": encode(state.sitting) if state and state.sitting else None,
            "candidate": encode(state.candidate) if state and state.candidate else None,
            "notice": state.notice if state else "",
            "saving": self._saving(),
            "fault": self.around.fault,
            "paper": self._paper_word(),
            "paper_ready": self.around.package_ready,
            "answers": {item: list(keys) for item, keys in self.sheet.answers.items()},
            "saved": {item: self._saved(entry) for item, entry in self.sheet.latest.items()},
            "marked": list(self.sheet.marked),
            "receipt": self._receipt_view(),
            "watch": self._watch_view(),
            "warnings": [encode(warning) for warning in state.warnings] if state else [],
            "notes": dict(self.notes),
            "resume": self.notes.get("item") or self.sheet.last,
            **self._desk_view(),
        }

    def times(self, boot: float) -> dict[str, object]:
        """The part of the view that time alone changes."""
        state, now = self.state, self.clock.now(boot)
        since = self.clock.now(self.around.link_since)
        starts_at = state.sitting.starts_at if state and state.sitting and not state.started_at else None
        remaining = self.remaining(boot)
        return {
            "server_time": now.isoformat() if now else None,
            "link_since": since.isoformat() if since else None,
            "time": {
                "remaining": None if remaining is None else max(0.0, round(remaining, 3)),
                "deadline": state.deadline.isoformat() if state and state.deadline else None,
                "starts_in": _rounded(self.clock.until(starts_at, boot)),
                "submit_in": _rounded(self.submit_in(boot)),
            },
        }

    def _link_view(self) -> dict[str, object]:
        waiting = self._outbox.waiting(self.attempt) if self.attempt is not None else 0
        return {"up": self.around.link_up, "waiting": waiting}

    def _saving(self) -> str:
        if self.around.saving_failed:
            return "unsaved"
        return "here" if self.attempt is not None and self._outbox.waiting(self.attempt) else "server"

    def _saved(self, entry: Entry) -> str:
        return "server" if entry.inherited or self._outbox.is_acknowledged(entry.record) else "here"

    def _paper_word(self) -> str:
        if self.paper is not None and self.cover is None and not self.paused:
            return "open"
        return "sealed" if self.state and self.state.paper else "none"

    def _watch_view(self) -> dict[str, object] | None:
        """Words alone: the enrolled face, rules and moments of random pictures stay with the agent."""
        plan = self.state.watch if self.state else None
        if plan is None:
            return None
        mode = "manual" if plan.manual else "enrol" if plan.enrol else "watch" if plan.watch else ""
        asked = self.around.challenge if mode == "enrol" else None
        return {
            "mode": mode,
            "camera": self.around.camera,
            "keep_days": plan.rules.keep_days,
            "challenge": asked,
        }

    def _desk_view(self) -> dict[str, object]:
        """What the page offers, what was approved for the candidate, and what the room says."""
        shown = self.state or _NOBODY
        raised = shown.hand_raised_at
        return {
            "tools": encode(shown.tools),
            "accommodation": encode(shown.accommodation),
            "hand_raised_at": raised.isoformat() if raised else None,
            "announcements": [encode(one) for one in shown.announcements],
            "messages": [encode(one) for one in shown.messages],
            "paused_minutes": shown.paused_minutes,
            "cover": self.cover.kind if self.cover else "",
            # A new command is a new view: what only moves the clock reaches the page at once.
            "command": max((order.command for order in shown.commands), default=0),
        }

    def _receipt_view(self) -> dict[str, object] | None:
        receipt = self.receipt
        if receipt is None:
            return None
        return {
            "ticket": receipt.ticket,
            "head": receipt.head,
            "short": short_head(receipt.head),
            "submitted_at": receipt.submitted_at.isoformat(),
            "answered": receipt.answered,
            "total": self.total,
        }


def short_head(head: str) -> str:
    """The first 12 signs of a chain head, as people compare them."""
    return "-".join(head[start : start + 4].upper() for start in range(0, 12, 4))


def receipt_text(receipt: Receipt) -> str:
    """What the receipt's QR code says; `attempt verify` reads it back."""
    fields = encode(receipt)
    return "EXAMHALL-RECEIPT " + json.dumps(fields, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
