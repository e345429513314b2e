"""One candidate of a drill: the seat he or she sits at, the page, and answers one after the other.

An answer counts as given when the page shows it as saved at the seat; that the server has it too is looked
up only while somebody waits for the seat's way back after a fault.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from server.cli.drill.choices import responses
from server.cli.drill.ledger import Ledger
from server.cli.drill.page import Page, PageGone, PageSaid
from server.cli.drill.place import Place
from server.cli.drill.returns import Return, Trouble
from server.cli.rehearse.stage import Entrant

RETURN_SECONDS = 90.0
"""How long a seat may take to save answers again after a fault has passed, on the calm clock."""
LOOK_SECONDS = 0.1
CALM_SECONDS = 1.2
"""Between two answers of a candidate at whose seat nothing happens."""
PROVING_SECONDS = 0.5
"""Between two answers of a candidate whose way back is measured."""
CALM = "calm"
"""The label of answers that no fault was near."""


class DrillStuck(Exception):
    """Something did not come back after a fault; the text says where."""


@dataclass(frozen=True, slots=True)
class Notes:
    """What all candidates of a drill are kept in."""

    ledger: Ledger
    trouble: Trouble
    stopping: threading.Event = field(default_factory=threading.Event)
    """Set when the drill ends before its time."""


class Desk:
    """Plays one candidate; used by one thread at a time."""

    def __init__(self, entrant: Entrant, place: Place, notes: Notes, rng: random.Random) -> None:
        self.entrant = entrant
        self.place = place
        self.rng = rng
        self._ledger = notes.ledger
        self._trouble = notes.trouble
        self._stopping = notes.stopping
        self._page = Page(place.launch_file)
        self._attempt = 0
        self._items: dict[str, Iterator[tuple[str, ...]]] = {}
        self._turn: list[str] = []
        self._pending: tuple[str, tuple[str, ...]] | None = None
        self._given: dict[str, float] = {}
        self._ways: list[Return] = []
        self._faulty = False

    # --- until the paper is open

    def enter(self, stopping: threading.Event) -> None:
        """Signs in and waits at the page until the start; the invigilator admits meanwhile."""
        while not stopping.is_set():
            view = self._look()
            if view is None or not self._step(view):
                stopping.wait(2 * LOOK_SECONDS)
            elif view["step"] == "ready":
                return

    def _step(self, view: dict[str, Any]) -> bool:
        acts: dict[str, tuple[str, dict[str, object]]] = {
            "sign_in": (
                "/api/sign-in",
                {"ticket": self.entrant.ticket, "id_number": self.entrant.id_number},
            ),
            "admitted": ("/api/confirm", {"is_me": True}),
        }
        if view["step"] == "confirmed":
            body = {"rules_version": view["sitting"]["rules_version"], "face_consent": False}
            acts["confirmed"] = ("/api/accept", body)
        if view["step"] not in acts:
            return bool(view["step"] == "ready")
        try:
            self._page.call(*acts[view["step"]])
        except (PageGone, PageSaid):
            return False
        return True

    def open_paper(self) -> None:
        """Waits for the open paper and takes its items. Raises `DrillStuck`."""
        self.until(self._is_mine, "paper")
        self._attempt = self.place.attempt_of(self.entrant)
        if not self._items:
            items = self._page.call("/api/paper")["items"]
            found = {str(item["id"]): responses(item) for item in items}
            self._items = {item: choices for item, choices in found.items() if choices is not None}

    def _is_mine(self, view: dict[str, Any]) -> bool:
        """Nobody is sat down where there is no link: it may still show the paper of who sat there before."""
        mine = (view["candidate"] or {}).get("ticket") == self.entrant.ticket
        return mine and view["link"]["up"] and view["step"] == "answering" and view["paper"] == "open"

    # --- answering

    def answer(self, fault: str = "") -> bool:
        """One answer, or again the one that nobody confirmed; true when the page shows it as saved."""
        item, response = self._pending or self._next()
        label = fault or self._trouble.label or CALM
        given, moment = self._ledger.give((self._attempt, item), response, label), time.monotonic()
        self._pending = (item, response)
        try:
            self._page.call("/api/answer", {"item": item, "response": list(response)})
        except PageGone:
            return False
        except PageSaid as said:
            self._ledger.refused[said.code] += 1
            return False
        given.saved(self.place.number, time.time())
        self._pending = None
        self._given[item] = moment
        return True

    def answer_until_saved(self, fault: str) -> None:
        """Repeats an answer until it is saved here. Raises `DrillStuck`."""
        end = self._trouble.calm() + RETURN_SECONDS
        while not self.answer(fault):
            if self._over(end):
                raise DrillStuck(f"{self.place.number} {fault}: {self.where()}")
            time.sleep(LOOK_SECONDS)

    def _over(self, end: float) -> bool:
        return self._trouble.calm() > end or self._stopping.is_set()

    def turn(self, fault: str = "", seconds: float = CALM_SECONDS) -> None:
        """One answer and the time until the next; looks whether the server has it while that is asked."""
        self.answer(fault)
        end = time.monotonic() + seconds * self.rng.uniform(0.5, 1.5)
        while self._ways and time.monotonic() < end:
            time.sleep(LOOK_SECONDS)
            self._look()
            if any(way.open for way in self._ways):
                self._prove(fault)
        time.sleep(max(0.0, end - time.monotonic()))

    # --- the way back

    @contextmanager
    def own_fault(self) -> Iterator[None]:
        """Inside the block a fault of its own holds the seat: no way back of others is measured here."""
        self._faulty = True
        for way in self._ways:
            way.spoiled = True
        try:
            yield
        finally:
            self._faulty = False

    def expect(self, since: float) -> Return:
        """From now on the desk looks for the first answer given after `since` that the server has.

        May be called from another thread.
        """
        way = Return(since, spoiled=self._faulty)
        self._ways.append(way)
        return way

    def await_back(self, fault: str = "") -> bool:
        """Answers until every way back that was asked for is known; false when it takes too long."""
        end = self._trouble.calm() + RETURN_SECONDS
        while any(way.open for way in self._ways):
            if self._over(end):
                return False
            self._prove(fault)
            time.sleep(LOOK_SECONDS)
            self._look()
        return True

    def _prove(self, fault: str) -> None:
        """An answer that shows whether the server saves again, unless one is on its way."""
        newest = max((way.since for way in list(self._ways) if way.open), default=0.0)
        given = max(self._given.values(), default=0.0)
        if given <= newest or time.monotonic() - given > PROVING_SECONDS:
            self.answer(fault)

    def _next(self) -> tuple[str, tuple[str, ...]]:
        if not self._turn:
            self._turn = self.rng.sample(sorted(self._items), k=len(self._items))
        item = self._turn.pop()
        return item, next(self._items[item])

    # --- looking

    def _look(self) -> dict[str, Any] | None:
        try:
            view: dict[str, Any] = self._page.call("/api/view?after=-1")
        except (PageGone, PageSaid):
            return None
        saved = view.get("saved", {})
        there = {item: moment for item, moment in self._given.items() if saved.get(item) == "server"}
        now = time.monotonic()
        for way in list(self._ways):
            way.confirmed(there, now)
            if not way.open:
                self._ways.remove(way)
        return view

    def until(self, done: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        """Looks at the page until it shows something. Raises `DrillStuck`."""
        end = self._trouble.calm() + RETURN_SECONDS
        while True:
            view = self._look()
            if view is not None and done(view):
                return view
            if self._over(end):
                raise DrillStuck(f"{self.place.number} {what}: {self.where()}")
            time.sleep(LOOK_SECONDS)

    def where(self) -> str:
        """What its page shows and the end of its agent's log, for whoever looks for a fault."""
        view = self._look() or {}
        seen = f"{view.get('step')} {view.get('paper')} {view.get('fault')} {view.get('link')}"
        return f"{seen}\n{self.place.process.tail()[-600:]}"

    def close_page(self) -> None:
        """The browser is killed; the next request opens another."""
        self._page.close()

    def sit_at(self, place: Place) -> None:
        """The candidate goes on at another seat, with the next question."""
        self._page.close()
        self.place, self._page, self._pending = place, Page(place.launch_file), None
        self._given.clear()
        self.open_paper()
