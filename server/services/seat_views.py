"""States of seats kept in memory until something about the seat or its room changes."""

import threading
from collections.abc import Iterable
from itertools import islice

from server.services.agents import Agent
from server.services.seat_state import SeatView

TOGETHER = 64
"""Views built in one look: a short stop of the loop, and most of the looking is saved."""


class SeatViews:
    """Views by workstation, and who has lost the view that was kept.

    A view that was built from a look at the store before a change must not be kept after it: `changes`
    counts what was forgotten, and who builds says which count the look began with.
    """

    def __init__(self) -> None:
        self._views: dict[int, tuple[Agent, SeatView]] = {}
        self._there: dict[int, set[int]] = {}
        """Seat -> workstations whose views are kept."""
        self._lost: dict[int, dict[int, Agent]] = {}
        """Room -> those whose views were forgotten, by workstation."""
        self._seat_changed: dict[int, int] = {}
        self._room_changed: dict[int, int] = {}
        self._all_changed = 0
        """The count at the last change of a seat, a room (by their ids), everything."""
        self._lock = threading.Lock()
        self.changes = 0

    def get(self, agent: Agent) -> SeatView | None:
        """The kept view of a workstation at its present seat."""
        kept, view = self._views.get(agent.workstation, (None, None))
        return view if kept is not None and kept.seat == agent.seat else None

    def keep(self, agent: Agent, view: SeatView, changes: int) -> None:
        """Keeps a view just built, unless its seat or room was forgotten since the count was `changes`."""
        with self._lock:
            changed = max(
                self._all_changed,
                self._room_changed.get(agent.room, 0),
                self._seat_changed.get(agent.seat, 0),
            )
            if changed > changes:
                return
            self._drop(agent.workstation)
            self._views[agent.workstation] = (agent, view)
            self._there.setdefault(agent.seat, set()).add(agent.workstation)
            self._lost.get(agent.room, {}).pop(agent.workstation, None)

    def company(self, agent: Agent) -> list[Agent]:
        """The workstation, and others of its room whose views are to be built anew: one look serves all."""
        with self._lock:
            lost = self._lost.get(agent.room, {})
            others = (other for other in lost.values() if other.workstation != agent.workstation)
            return [agent, *islice(others, TOGETHER - 1)]

    def expect(self, agents: Iterable[Agent]) -> None:
        """Workstations that are there, or will be: views are built of those that have none."""
        with self._lock:
            for agent in agents:
                if agent.workstation not in self._views:
                    self._lost.setdefault(agent.room, {})[agent.workstation] = agent

    def forget_seat(self, seat: int) -> None:
        """A seat's state has changed."""
        with self._lock:
            self.changes += 1
            self._seat_changed[seat] = self.changes
            for workstation in list(self._there.get(seat, ())):
                self._lose(workstation)

    def forget_room(self, room: int) -> None:
        """Something that all seats of a room are told has changed. `room`: the id of the room itself."""
        with self._lock:
            self.changes += 1
            self._room_changed[room] = self.changes
            for workstation in [key for key, (kept, _) in self._views.items() if kept.room == room]:
                self._lose(workstation)

    def forget_all(self) -> None:
        """Something has changed that may touch every view, above all who stands where."""
        with self._lock:
            self.changes += 1
            self._all_changed = self.changes
            for workstation in list(self._views):
                self._lose(workstation)

    def _lose(self, workstation: int) -> None:
        agent = self._views[workstation][0]
        self._drop(workstation)
        self._lost.setdefault(agent.room, {})[workstation] = agent

    def _drop(self, workstation: int) -> None:
        kept, _ = self._views.pop(workstation, (None, None))
        if kept is not None:
            self._there.get(kept.seat, set()).discard(workstation)
