"""One candidate of a drill: the seat he or she sits at, the page, and answers one after the other."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from server.cli.drill.choices import responses
from server.cli.drill.ledger import Ledger
from server.cli.drill.page import Page, PageGone, PageSaid
from server.cli.drill.place import Place
from server.cli.rehearse.stage import Entrant

RETURN_SECONDS = 90.0
"""How long a seat may take to save answers again after a fault has passed."""
LOOK_SECONDS = 0.1


class DrillStuck(Exception):
    """Something did not come back after a fault; the text says where."""


class Desk:
    """Plays one candidate; used by one thread at a time."""

    def __init__(self, entrant: Entrant, place: Place, ledger: Ledger, rng: random.Random) -> None:
        self.entrant = entrant
        self.place = place
        self.rng = rng
        self._ledger = ledger
        self._page = Page(place.agent.launch_file)
        self._attempt = 0
        self._items: dict[str, Iterator[tuple[str, ...]]] = {}
        self._turn: list[str] = []
        self._pending: tuple[str, tuple[str, ...]] | None = None

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

    def answer(self, fault: str) -> bool:
        """One answer, or again the one that nobody confirmed; true when the page shows it as saved."""
        item, response = self._pending or self._next()
        given = self._ledger.give((self._attempt, item), response, fault)
        self._pending = (item, response)
        try:
            self._page.call("/api/answer", {"item": item, "response": list(response)})
        except PageGone:
            return False
        except PageSaid as said:
            self._ledger.refused[said.code] += 1
            return False
        given.acknowledged, self._pending = True, None
        return True

    def answer_until_saved(self, fault: str) -> None:
        """Repeats an answer until it is saved. Raises `DrillStuck`."""
        end = time.monotonic() + RETURN_SECONDS
        while not self.answer(fault):
            if time.monotonic() > end:
                raise DrillStuck(f"{self.place.number} {fault}: {self._where()}")
            time.sleep(LOOK_SECONDS)

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
        return view

    def until(self, done: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        """Looks at the page until it shows something. Raises `DrillStuck`."""
        end = time.monotonic() + RETURN_SECONDS
        while True:
            view = self._look()
            if view is not None and done(view):
                return view
            if time.monotonic() > end:
                raise DrillStuck(f"{self.place.number} {what}: {self._where()}")
            time.sleep(LOOK_SECONDS)

    def _where(self) -> str:
        view = self._look() or {}
        seen = f"{view.get('step')} {view.get('paper')} {view.get('fault')}"
        return f"{seen}\n{self.place.agent.process.tail()[-600:]}"

    def close_page(self) -> None:
        """The browser is killed; the next request opens another."""
        self._page.close()

    def sit_at(self, place: Place) -> None:
        """The candidate goes on at another seat, with the next question."""
        self._page.close()
        self.place, self._page, self._pending = place, Page(place.agent.launch_file), None
        self.open_paper()
