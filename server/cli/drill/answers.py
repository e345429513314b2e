"""`drill answers`: rounds of faults, answers before, during and after each; then everything is counted."""

import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

from sqlalchemy import select

from exam_rooms.protocol import RecordKind
from server.cli.drill.desk import LOOK_SECONDS, Desk
from server.cli.drill.faults import FAULTS, UNTIL_REFUSED
from server.cli.drill.ledger import Ledger, Question, Response, Tally
from server.cli.drill.room import Order, Room, furnished
from server.cli.rehearse.fleet import counted
from server.cli.rehearse.watch import percentile
from server.cli.words import _
from server.db.answers import AnswerStore
from server.db.sittings import Incident
from server.host import Host
from server.services import answers as answering
from server.services import stream

DURING = 3
"""Answers tried while a fault holds."""
SHARES = {"p50": 0.5, "max": 1.0}
MOST_TRIES = 40
"""Answers after which even a small disk is full: the last block takes some more records."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a drill found.

    `refused`: how often pages said that an answer is not saved, by reason. `untold`: disk faults that no
    incident told of; `told_ms`: the time until one did. `disks`: "mounted", or "limited" where
    nothing may be mounted.
    """

    rounds: int
    seats: int
    seconds: float
    acknowledged: int
    lost: int
    doubled: int
    chain_errors: int
    by_fault: dict[str, dict[str, int]]
    refused: dict[str, int]
    untold: int
    told_ms: dict[str, float]
    incidents: dict[str, int]
    disks: str

    @property
    def whole(self) -> bool:
        """Whether nothing was lost, doubled or broken, and every dead disk was told."""
        return not (self.lost or self.doubled or self.chain_errors or self.untold)


def schedule(rounds: int, seed: str) -> list[str]:
    """A fault for each round: all kinds in a drawn order, again and again."""
    rng = random.Random(seed)  # noqa: S311 - a replayable drill, no secret
    drawn: list[str] = []
    while len(drawn) < rounds:
        drawn += rng.sample(sorted(FAULTS), k=len(FAULTS))
    return drawn[:rounds]


def drilled(order: Order) -> Report:
    """Plays the rounds and counts. Raises `DrillStuck`, `FleetFault`, `StaffRefused`."""
    began = time.monotonic()
    with furnished(order) as room:
        rounds = _play(room, order)
        room.collect()
        order.told(_("已收齐，开始核对"))
        return _report(room, order, rounds, time.monotonic() - began)


def _play(room: Room, order: Order) -> Counter[str]:
    """Every desk takes the next round as soon as it is free."""
    waiting = schedule(order.rounds, order.seed)
    lock, done = threading.Lock(), Counter[str]()

    def work(desk: Desk) -> None:
        while True:
            with lock:
                if not waiting:
                    return
                fault = waiting.pop(0)
            _round(desk, room, fault)
            with lock:
                done[fault] += 1
                if done.total() % 20 == 0:
                    order.told(_("%(n)d/%(of)d 轮", n=done.total(), of=order.rounds))

    with ThreadPoolExecutor(len(room.desks)) as pool:
        for result in [pool.submit(work, desk) for desk in room.desks]:
            result.result()
    return done


def _round(desk: Desk, room: Room, fault: str) -> None:
    desk.answer_until_saved(fault)
    with FAULTS[fault](desk, room):
        if fault in UNTIL_REFUSED:
            _until_told(desk, room, fault)
        else:
            for _turn in range(DURING):
                desk.answer(fault)
                time.sleep(desk.rng.uniform(0, LOOK_SECONDS))
    for _turn in range(2):
        desk.answer_until_saved(fault)


def _until_told(desk: Desk, room: Room, fault: str) -> None:
    """Answers until the page says that nothing is saved, and waits until the monitor has heard of it."""
    refused, since = 0, room.hall.host.now()
    for _turn in range(MOST_TRIES):
        refused += not desk.answer(fault)
        if refused == 2:
            break
    room.await_journal_fault(desk.place.seat, since)


def _report(room: Room, order: Order, rounds: Counter[str], seconds: float) -> Report:
    host, attempts = room.hall.host, sorted(room.attempt_of(desk.entrant) for desk in room.desks)
    store = AnswerStore(host.settings.answers_url)
    try:
        tallies, faults = judged(host, store, room.ledger, attempts)
    finally:
        store.close()
    told = sorted(1000 * seconds for seconds in room.told)
    folders = [str(place.agent.folder) for place in room.places.values()]
    plan = {"answers_url": host.settings.answers_url, "attempts": attempts, "folders": folders}
    count = counted(room.hall.fleet, plan)
    by_fault = {name: asdict(Tally(rounds=rounds[name])) for name in FAULTS}
    for name, tally in tallies.items():
        by_fault[name] = asdict(tally) | {"rounds": rounds[name]}
    sums = {name: sum(tally[name] for tally in by_fault.values()) for name in asdict(Tally())}
    here = Incident.room_sitting_id == room.play.stage.room_sitting
    with host.db.read() as session:
        incidents = Counter(session.scalars(select(Incident.kind).where(here)))
    return Report(
        rounds=rounds.total(),
        seats=order.seats,
        seconds=round(seconds, 1),
        acknowledged=sums["acknowledged"],
        lost=sums["lost"] + int(count["lost"]),
        doubled=sums["doubled"],
        chain_errors=faults + int(count["chain_errors"]),
        by_fault=by_fault,
        refused=dict(room.ledger.refused),
        untold=room.untold,
        told_ms={name: percentile(told, share) for name, share in SHARES.items()},
        incidents=dict(incidents),
        disks="mounted" if all(place.disk for place in room.places.values()) else "limited",
    )


def judged(
    host: Host, store: AnswerStore, ledger: Ledger, attempts: Sequence[int]
) -> tuple[dict[str, Tally], int]:
    """The ledger held against the opened stream of every attempt, and the faults of their chains."""
    stored: defaultdict[Question, list[Response]] = defaultdict(list)
    faults = 0
    for attempt in attempts:
        events = store.events(attempt)
        with host.db.read() as session:
            facts = answering.load_facts(session, host.vault, attempt)
        parents = {journal: parent for journal, (_workstation, parent) in facts.journals.items()}
        faults += len(stream.chain_faults(events, parents)) + len(store.aside(attempt))
        for event in events:
            if event.record.kind is RecordKind.ANSWER:
                response = answering.opened_response(event.record, facts.key)
                stored[attempt, event.record.item].append(response)
    return ledger.judge(stored), faults
