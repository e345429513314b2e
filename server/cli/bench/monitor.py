"""How soon a change at a seat is on the screens, with many seats and screens, and what it costs.

One private server, one process of seats that run the agents' own link and answer all the time, and screens
over the rooms. The same answers three times: with nobody looking, with monitors, and with pages that are
fetched again every two seconds. Where there is a Chromium, one monitor is a real one. At last the floor: the
smallest honest program tells as many screens as many events of the same size over the same socket server.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace

from server.access import Role
from server.cli.bench import chromium, screens
from server.cli.bench.crowd import CONNECTING_PAUSE, Crowds
from server.cli.bench.halls import BenchRoom, items_of, opened, seats_of, staged
from server.cli.bench.screens import Poller, Sight, Socket
from server.cli.bench.shape import Shape
from server.cli.bench.told_screens import Telling, Told, told
from server.cli.rehearse.acts import Shift
from server.cli.rehearse.fleet import FleetFault
from server.cli.rehearse.hall import Hall, private_hall
from server.cli.rehearse.staff import Desk
from server.cli.rehearse.usage import resident_bytes
from server.cli.rehearse.watch import percentile
from server.cli.words import _

EVERY_SECONDS = 20.0
"""How often a candidate answers."""
SETTLE_SECONDS = 4.0
READY_SECONDS, START_SECONDS = 300.0, 90.0
LONG_TASK_MS = 100.0
FIFTY = 50
"""Screens that one event is counted for."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to bench; `seconds`: how long each of the three is looked at; `told` gets lines of progress."""

    shape: Shape
    monitors: int
    seconds: float
    told: Callable[[str], None]

    @property
    def seats(self) -> int:
        """How many candidates answer."""
        return self.shape.seats


@dataclass(frozen=True, slots=True)
class Looking:
    """One way of looking. Milliseconds from an answer at the seat to the screen; of `written` answers times
    the screens of their room, `seen` were on a screen before the end of the span and some seconds more.

    `cpu_ms`: of the server for each answer, `cpu_more_ms`: beyond that with nobody looking; `busy`: the
    share of one core that the server used. `events`: those that came, on all screens together; `bytes`: of
    one; `fifty_ms`: of the server beyond nobody looking, cards and all, for each event on fifty screens.
    """

    written: int
    seen: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    cpu_ms: float
    cpu_more_ms: float
    busy: float
    events: int = 0
    bytes: int = 0
    fifty_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Browser:
    """A monitor in a real Chromium: milliseconds until a change is painted, in the same traffic and when all
    `seats` of the room change at once (`burst_ms`: until the last one); tasks over 100 ms in that burst, and
    the longest.
    """

    seats: int
    p50_ms: float
    p99_ms: float
    burst_seen: int
    burst_ms: float
    long_tasks: int
    longest_task_ms: float


@dataclass(frozen=True, slots=True)
class Found:
    """The line. `floor_cpu_ms`: of the server for each answer with nobody looking; `memory_kib`: of the
    server for each seat, linked and answering; `load`: the machine's load average over a minute before and
    after. `floor`: what the smallest honest program takes; `ratio_to_floor`: of the CPU of an event on fifty
    screens.
    """

    store: str
    workers: int
    seats: int
    rooms: int
    monitors: int
    tls: bool
    load: tuple[float, float]
    floor_cpu_ms: float
    memory_kib: float
    sockets: Looking
    polling: Looking
    chromium: Browser | None
    floor: Told | None = None
    ratio_to_floor: float = 0.0

    @property
    def complete(self) -> bool:
        """Whether every answer was on every monitor of its room."""
        return self.sockets.seen == self.sockets.written > 0

    def to_json(self) -> dict[str, object]:
        """The line."""
        return asdict(self)

    def in_words(self) -> str:
        """The line for people."""
        return _(
            "%(seats)d 个座位、%(monitors)d 个监控屏：变化到屏幕 p50 %(p50)d ms、p99 %(p99)d ms；"
            "每 2 秒刷新的页面 p50 %(slow)d ms、p99 %(slowest)d ms。",
            seats=self.seats,
            monitors=self.monitors,
            p50=self.sockets.p50_ms,
            p99=self.sockets.p99_ms,
            slow=self.polling.p50_ms,
            slowest=self.polling.p99_ms,
        )


@dataclass(frozen=True, slots=True)
class _Stand:
    """What every phase works with. `seats`: seat id -> workstation."""

    order: Order
    hall: Hall
    crowds: Crowds
    rooms: Sequence[BenchRoom]
    seats: Mapping[int, int]

    def cpu(self) -> float:
        """Seconds of processor time of the server, its database and its broker so far."""
        return self.hall.cpu_seconds()

    def written(self) -> dict[int, list[int]]:
        """Seat id -> when it wrote its answers."""
        told = self.crowds.written()
        return {seat: told[str(station)] for seat, station in self.seats.items()}


def measured(order: Order) -> Found:
    """Everything on one private server. Raises `FleetFault` and `StaffRefused`."""
    before = os.getloadavg()[0]
    shape = order.shape
    with private_hall(tls=shape.tls, store=shape.store, workers=shape.workers) as hall:
        rooms = staged(hall, order.seats, shape.room_seats)
        hall.serve()
        shifts = opened(hall, rooms)
        keys = {number: key for room in rooms for number, key in room.keys.items()}
        assert hall.server is not None
        empty = resident_bytes(hall.server.child.pid)
        with Crowds() as crowds:
            crowds.add(hall, keys, pause=CONNECTING_PAUSE, items=items_of(hall.host, rooms))
            stand = _Stand(order, hall, crowds, rooms, seats_of(hall.host, rooms))
            _start(stand, shifts)
            found = _looked_at(stand)
            memory = (resident_bytes(hall.server.child.pid) - empty) / 1024 / order.seats
        floor = _floor(hall, order, found.sockets)
    load = (round(before, 2), round(os.getloadavg()[0], 2))
    ratio = round(found.sockets.fifty_ms / _on_fifty(floor, order.monitors), 2) if floor else 0.0
    return replace(found, memory_kib=round(memory, 1), load=load, floor=floor, ratio_to_floor=ratio)


def _floor(hall: Hall, order: Order, seen: Looking) -> Told | None:
    """As many events of that size in the same time; None when none came, or nothing was measured."""
    events = seen.events // order.monitors
    if not events:
        return None
    order.told(_("对照：最小的程序"))
    telling = Telling(events, events / order.seconds, seen.bytes, order.monitors)
    found = told(hall, telling, tls=order.shape.tls)
    return found if found.event_ms else None


def _on_fifty(floor: Told, monitors: int) -> float:
    return floor.event_ms * FIFTY / monitors


def _start(stand: _Stand, shifts: Sequence[Shift]) -> None:
    order = stand.order
    _await(stand, "waiting", READY_SECONDS)
    for shift in shifts:
        shift.overrule_checks()  # simulated seats have nothing to check themselves by
        shift.start()
    stand.crowds.share("answers", order.seats / EVERY_SECONDS)
    end = time.monotonic() + START_SECONDS
    while not all(stand.written().values()) and time.monotonic() < end:
        time.sleep(1.0)
    order.told(_("全部开考，每 %(n)d 秒答一题", n=EVERY_SECONDS))


def _await(stand: _Stand, what: str, seconds: float) -> None:
    end, told = time.monotonic() + seconds, 0
    while (count := int(stand.crowds.total(what))) < stand.order.seats:
        if time.monotonic() > end:
            raise FleetFault(f"{what}: {count}/{stand.order.seats}")
        if count >= told + max(1, stand.order.seats // 4):
            told = count
            stand.order.told(f"{count}/{stand.order.seats}")
        time.sleep(0.5)


def _looked_at(stand: _Stand) -> Found:
    order = stand.order
    order.told(_("没有人看"))
    floor = _phase(stand, [])
    desks = [_desk(stand, number) for number in range(order.monitors)]
    order.told(_("监控屏"))
    sockets = [
        Socket(desk, _room(stand, number).stage.room_sitting, stand.hall.ca_file)
        for number, desk in enumerate(desks)
    ]
    with _open(sockets):
        watched = _with_events(_phase(stand, sockets), floor, order.seconds)
        browser = _browser(stand, desks[0])
    order.told(_("每 2 秒刷新的页面"))
    pollers = [Poller(desk, _room(stand, number).stage.room_sitting) for number, desk in enumerate(desks)]
    with _open(pollers):
        polled = _phase(stand, pollers)
    return Found(
        store=order.shape.store,
        workers=order.shape.workers,
        seats=order.seats,
        rooms=len(stand.rooms),
        monitors=order.monitors,
        tls=order.shape.tls,
        load=(0.0, 0.0),
        floor_cpu_ms=floor.cpu_ms,
        memory_kib=0.0,
        sockets=replace(watched, cpu_more_ms=round(watched.cpu_ms - floor.cpu_ms, 3)),
        polling=replace(polled, cpu_more_ms=round(polled.cpu_ms - floor.cpu_ms, 3)),
        chromium=browser,
    )


def _room(stand: _Stand, number: int) -> BenchRoom:
    return stand.rooms[number % len(stand.rooms)]


def _desk(stand: _Stand, number: int) -> Desk:
    desk = Desk(stand.hall.address, _room(stand, number).crew.one(Role.CHIEF_INVIGILATOR))
    desk.sign_in()
    return desk


@contextmanager
def _open(looking: Sequence[Socket | Poller]) -> Iterator[None]:
    try:
        for one in looking:
            one.open()
        yield
    finally:
        for one in looking:
            one.close()


def _phase(stand: _Stand, looking: Sequence[Socket | Poller]) -> Looking:
    """Answers and what was seen of them, over one span; screens are let come to rest before and after."""
    time.sleep(SETTLE_SECONDS)
    cpu, began, since = stand.cpu(), time.monotonic(), screens.boot_ns()
    time.sleep(stand.order.seconds)
    cpu, seconds, until = stand.cpu() - cpu, time.monotonic() - began, screens.boot_ns()
    if looking:
        time.sleep(SETTLE_SECONDS)
    written = stand.written()
    found: list[float] = []
    for one in looking:
        found += screens.delays(list(one.sights), written, since, until)
    found.sort()
    sockets = [one for one in looking if isinstance(one, Socket)]
    sizes = [size for one in sockets for size in one.sizes]
    count = sum(since <= at <= until for moments in written.values() for at in moments)
    return Looking(
        written=_times_screens(stand, written, (since, until), len(looking)) if looking else count,
        seen=len(found),
        p50_ms=percentile(found, 0.5),
        p99_ms=percentile(found, 0.99),
        max_ms=percentile(found, 1.0),
        cpu_ms=round(1000 * cpu / max(1, count), 3),
        cpu_more_ms=0.0,
        busy=round(cpu / seconds, 4),
        events=sum(since <= at <= until for one in sockets for at in one.heard),
        bytes=sum(sizes) // max(1, len(sizes)),
    )


def _with_events(watched: Looking, nobody: Looking, seconds: float) -> Looking:
    """Adds what an event took."""
    more = 1000 * seconds * (watched.busy - nobody.busy)
    return replace(watched, fifty_ms=round(more / max(1, watched.events) * FIFTY, 3))


def _times_screens(
    stand: _Stand, written: Mapping[int, Sequence[int]], span: tuple[int, int], looking: int
) -> int:
    """Answers of the span, each as often as there are screens at its room."""
    total = 0
    for place, room in enumerate(stand.rooms):
        eyes = len(range(place, looking, len(stand.rooms)))
        seats = [seat for seat, station in stand.seats.items() if station in room.keys]
        total += eyes * sum(span[0] <= at <= span[1] for seat in seats for at in written[seat])
    return total


def _browser(stand: _Stand, desk: Desk) -> Browser | None:
    if chromium.program() is None:
        stand.order.told(_("没有 Chromium，不测浏览器"))
        return None
    room = stand.rooms[0]
    stand.order.told("Chromium")
    with chromium.Chromium(desk, f"/monitor/{room.stage.room_sitting}") as browser:
        browser.watch()
        since = screens.boot_ns()
        time.sleep(stand.order.seconds)
        until = screens.boot_ns()
        time.sleep(SETTLE_SECONDS)
        usual = screens.delays(browser.sights(), stand.written(), since, until)
        quiet = len(browser.long_tasks())
        began = min(stand.crowds.burst(room.first, room.seats))
        time.sleep(SETTLE_SECONDS)
        tasks = browser.long_tasks()[quiet:]
        burst = _burst(browser.sights(), stand.written(), began)
    return Browser(
        seats=room.seats,
        p50_ms=percentile(usual, 0.5),
        p99_ms=percentile(usual, 0.99),
        burst_seen=len(burst),
        burst_ms=max(burst, default=0.0),
        long_tasks=sum(task > LONG_TASK_MS for task in tasks),
        longest_task_ms=round(max(tasks, default=0.0), 1),
    )


def _burst(sights: Sequence[Sight], written: Mapping[int, Sequence[int]], began: int) -> list[float]:
    """Milliseconds from the burst to the picture that shows it, for each seat that answered in it."""
    found = []
    for seat, moments in written.items():
        place = next((number for number, at in enumerate(moments, 1) if at >= began), None)
        seen = (at for who, counted, at in sights if who == seat and place and counted >= place)
        first = next(seen, None)
        if first is not None:
            found.append(round((first - began) / screens.NS_PER_MS, 1))
    return found
