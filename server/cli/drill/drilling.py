"""`drill answers` and `drill faults`: rounds of faults while all answer; then everything is counted."""

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select

from exam_rooms.protocol import RecordKind
from server.cli.drill.ledger import Ledger, Question, Response, Tally
from server.cli.drill.room import Order, Room, furnished
from server.cli.drill.rounds import Rounds
from server.cli.drill.sums import FaultSum, Sum
from server.cli.drill.traces import keep_traces
from server.cli.rehearse.fleet import counted
from server.cli.rehearse.watch import percentile
from server.cli.words import _
from server.db.answers import AnswerStore
from server.db.sittings import Incident
from server.host import Host
from server.services import answers as answering
from server.services import stream

SHARES = {"p50": 0.5, "max": 1.0}


@dataclass(frozen=True, slots=True)
class Report:
    """What a drill found.

    `refused`: how often pages said that an answer is not saved, by reason. `untold`: disk faults that no
    incident told of; `told_ms`: the time until one did. `disks`: "mounted", or "limited" where
    nothing may be mounted; `server_disk` likewise.
    """

    order: Order
    found: Sum
    refused: dict[str, int]
    untold: int
    told_ms: dict[str, float]
    incidents: dict[str, int]
    disks: str
    server_disk: str

    @property
    def whole(self) -> bool:
        """Whether nothing was lost, doubled or broken, everybody came back, every dead disk was told."""
        found = self.found
        back = all(fault.tried == fault.survived for fault in found.by_fault.values())
        return back and not (found.lost or found.doubled or found.chain_errors or self.untold)

    def to_json(self) -> dict[str, Any]:
        """The line that is printed."""
        order, found = self.order, self.found.to_json()
        found.pop("runs")
        return {
            **{"store": order.store, "workers": order.workers, "seats": order.seats, "seed": order.seed},
            **found,
            "refused": self.refused,
            "untold": self.untold,
            "told_ms": self.told_ms,
            "incidents": self.incidents,
            "disks": self.disks,
            "server_disk": self.server_disk,
        }


def drilled(order: Order) -> Report:
    """Plays the rounds and counts. Raises `DrillStuck`, `FleetFault`, `Refused`, `StaffRefused`."""
    began = time.monotonic()
    with furnished(order) as room:
        rounds = Rounds(room, order)
        rounds.play()
        order.told(_("故障轮次结束，收卷"))
        room.collect()
        order.told(_("已收齐，开始核对"))
        return reported(room, order, rounds.sums, time.monotonic() - began)


def reported(room: Room, order: Order, faults: dict[str, FaultSum], seconds: float) -> Report:
    """What the room's ledger, its journals and its server's stores say, once it is collected."""
    told = sorted(1000 * each for each in room.told)
    here = Incident.room_sitting_id == room.play.stage.room_sitting
    with room.hall.host.db.read() as session:
        incidents = Counter(session.scalars(select(Incident.kind).where(here)))
    return Report(
        order=order,
        found=_found(room, order, faults, seconds),
        refused=dict(room.notes.ledger.refused),
        untold=room.untold,
        told_ms={name: percentile(told, share) for name, share in SHARES.items()},
        incidents=dict(incidents),
        disks="mounted" if all(place.disk for place in room.places.values()) else "limited",
        server_disk=room.machines.disk,
    )


def _found(room: Room, order: Order, faults: dict[str, FaultSum], seconds: float) -> Sum:
    host, attempts = room.hall.host, sorted(room.attempt_of(desk.entrant) for desk in room.desks)
    folders = [str(place.folder) for place in room.places.values()]
    plan = {"answers_url": host.settings.answers_url, "attempts": attempts, "folders": folders}
    count = counted(room.hall.fleet, plan)  # before the ledger: what still comes in meanwhile is not lost
    store = AnswerStore(host.settings.answers_url)
    try:
        tallies, chain_faults = judged(host, store, room.notes.ledger, attempts)
        wrong = int(count["lost"]) or any(tally.lost or tally.doubled for tally in tallies.values())
        if order.logs is not None and wrong:
            lost = room.notes.ledger.lost(responses(host, store, attempts))
            keep_traces(room, store, order.logs, lost)
    finally:
        store.close()
    for name, fault in faults.items():
        tally = asdict(tallies.get(name, Tally()))
        faults[name] = fault.plus(FaultSum(**tally))
    sums = {name: sum(getattr(tally, name) for tally in tallies.values()) for name in asdict(Tally())}
    return Sum(
        runs=1,
        rounds=sum(fault.tried for fault in faults.values()),
        seconds=round(seconds, 1),
        acknowledged=sums["acknowledged"],
        lost=max(sums["lost"], int(count["lost"])),  # a record that stayed at its seat is in both
        doubled=sums["doubled"],
        chain_errors=chain_faults + int(count["chain_errors"]),
        by_fault=faults,
    )


def judged(
    host: Host, store: AnswerStore, ledger: Ledger, attempts: Sequence[int]
) -> tuple[dict[str, Tally], int]:
    """The ledger held against the opened stream of every attempt, and the faults of their chains."""
    faults = 0
    for attempt in attempts:
        with host.db.read() as session:
            facts = answering.load_facts(session, host.vault, attempt)
        parents = {journal: parent for journal, (_workstation, parent) in facts.journals.items()}
        faults += len(stream.chain_faults(store.events(attempt), parents)) + len(store.aside(attempt))
    return ledger.judge(responses(host, store, attempts)), faults


def responses(host: Host, store: AnswerStore, attempts: Sequence[int]) -> dict[Question, list[Response]]:
    """What the streams hold, opened, by question in the stream's order."""
    stored: defaultdict[Question, list[Response]] = defaultdict(list)
    for attempt in attempts:
        with host.db.read() as session:
            key = answering.load_facts(session, host.vault, attempt).key
        for event in store.events(attempt):
            if event.record.kind is RecordKind.ANSWER:
                stored[attempt, event.record.item].append(answering.opened_response(event.record, key))
    return dict(stored)
