"""Plays the rounds of a drill: every seat its own faults, one thread those of the room, answers meanwhile."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager

from server.cli.drill.desk import LOOK_SECONDS, RETURN_SECONDS, Desk
from server.cli.drill.faults import ALONE, SEAT_FAULTS, UNTIL_REFUSED
from server.cli.drill.room import Order, Room
from server.cli.drill.room_faults import ROOM_FAULTS, RoomFault
from server.cli.drill.schedule import parted, schedule
from server.cli.drill.sums import FaultSum
from server.cli.words import _

DURING = 3
"""Answers tried while a fault holds."""
MOST_TRIES = 40
"""Answers after which even a small disk is full: the last block takes some more records."""
WAITING_SECONDS = 0.3
"""Between two answers of a candidate who waits for the turn of his or her fault."""
TOLD_EVERY = 20


class Rounds:
    """The rounds of one drill; `sums`: what came of them, by fault."""

    def __init__(self, room: Room, order: Order, room_faults: Mapping[str, RoomFault] = ROOM_FAULTS) -> None:
        self.sums = {name: FaultSum() for name in order.kinds.every}
        self._room = room
        self._faults = room_faults
        self._order = order
        self._seat, self._whole = parted(schedule(order.rounds, order.seed, order.kinds), order.kinds)
        self._of_seat, self._of_whole = len(self._seat), len(self._whole)
        self._lock = threading.Lock()
        self._room_done = threading.Event()

    def play(self) -> None:
        """Returns when all are played. Raises `DrillStuck` and `FleetFault`."""
        room, desks = self._room, self._room.desks
        with ThreadPoolExecutor(len(desks) + 1) as pool:
            futures = [pool.submit(self._play_room), *(pool.submit(self._play_seat, desk) for desk in desks)]
            try:
                done, _rest = wait(futures, return_when=FIRST_EXCEPTION)
                for future in done:
                    future.result()
            finally:
                room.notes.stopping.set()

    def _next(self, waiting: list[str]) -> str | None:
        with self._lock:
            stopping = self._room.notes.stopping.is_set()
            return waiting.pop(0) if waiting and not stopping else None

    def _count(self, fault: str, survived: bool, seconds: list[float]) -> None:
        with self._lock:
            found = self.sums[fault]
            found.tried += 1
            found.survived += survived
            for each in seconds:
                found.took(each)
            done = sum(each.tried for each in self.sums.values())
        if done % TOLD_EVERY == 0:
            self._order.told(_("%(n)d/%(of)d 轮", n=done, of=self._order.rounds))

    # --- the room

    def _play_room(self) -> None:
        try:
            while (fault := self._next(self._whole)) is not None:
                self._room_round(fault)
        finally:
            self._room_done.set()

    def _room_round(self, fault: str) -> None:
        room = self._room
        with room.shared, room.trouble.of(fault):
            self._faults[fault](room.machines)
        end, stopping = room.trouble.calm() + RETURN_SECONDS, room.notes.stopping
        while any(way.open for way in room.ways) and room.trouble.calm() < end and not stopping.is_set():
            time.sleep(LOOK_SECONDS)
        missing = [desk.place for desk, way in zip(room.desks, room.ways, strict=True) if way.open]
        for place in missing:
            self._tell_missing(fault, place.number, place.process.tail)
        for way in room.ways:
            way.spoiled |= way.open
        room.trouble.label = ""
        back = [way.back - way.since for way in room.ways if way.back is not None]
        self._count(fault, not missing, back)

    def _tell_missing(self, fault: str, seat: str, tail: Callable[[], str]) -> None:
        self._order.told(_("%(fault)s 之后座位 %(seat)s 没有回来", fault=fault, seat=seat))
        self._order.told(tail()[-600:])

    # --- a seat

    def _play_seat(self, desk: Desk) -> None:
        """A desk takes the next round as soon as it is free; later it goes on answering."""
        while True:
            while self._ahead():
                desk.turn()
            if (fault := self._next(self._seat)) is None:
                break
            self._seat_round(desk, fault)
        while not (self._room_done.is_set() or self._room.notes.stopping.is_set()):
            desk.turn()

    def _ahead(self) -> bool:
        """Whether the seats have had a greater share of their rounds than the room: both shall overlap."""
        if self._room_done.is_set() or self._room.notes.stopping.is_set():
            return False
        begun = (self._of_whole - len(self._whole)) / max(1, self._of_whole)
        return 1 - len(self._seat) / max(1, self._of_seat) > begun

    def _seat_round(self, desk: Desk, fault: str) -> None:
        room = self._room
        desk.await_back()
        desk.answer_until_saved(fault)
        with self._turn_of(desk, fault):
            with desk.own_fault(), SEAT_FAULTS[fault](desk, room):
                self._hold(desk, fault)
            way = desk.expect(time.monotonic())
        survived = desk.await_back(fault)
        if not survived:
            self._tell_missing(fault, desk.place.number, desk.where)
        self._count(fault, survived, [] if way.back is None else [room.trouble.seconds(way)])

    @contextmanager
    def _turn_of(self, desk: Desk, fault: str) -> Iterator[None]:
        if fault not in ALONE:
            yield
            return
        while not self._room.shared.acquire(timeout=LOOK_SECONDS):
            desk.turn(fault, WAITING_SECONDS)
        try:
            yield
        finally:
            self._room.shared.release()

    def _hold(self, desk: Desk, fault: str) -> None:
        """The candidate goes on while the fault holds."""
        if fault in UNTIL_REFUSED:
            self._until_told(desk, fault)
            return
        for _turn in range(DURING):
            desk.answer(fault)
            time.sleep(desk.rng.uniform(0, LOOK_SECONDS))

    def _until_told(self, desk: Desk, fault: str) -> None:
        """Answers until the page says that nothing is saved, and waits until the monitor has heard of it."""
        refused, since = 0, self._room.hall.host.now()
        for _turn in range(MOST_TRIES):
            refused += not desk.answer(fault)
            if refused == 2:
                break
        self._room.await_journal_fault(desk.place.seat, since)
