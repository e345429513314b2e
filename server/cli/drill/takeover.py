"""The fault `takeover`: the whole first machine dies in mid-exam, its standby takes over, the seats find it.

Afterwards nothing is as before in that room, so it has a small one of its own, with a standby beside it.
"""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial

from server.cli.drill.desk import DrillStuck
from server.cli.drill.drilling import Report, drilled, reported
from server.cli.drill.machines import Machines
from server.cli.drill.pair import Twin, standby_of
from server.cli.drill.room import Order, Room, furnished
from server.cli.drill.rounds import Rounds
from server.cli.drill.schedule import Kinds
from server.cli.drill.sums import FaultSum, Sum
from server.cli.opening import unlock
from server.cli.rehearse.fleet import FleetFault
from server.cli.rehearse.hall import Hall
from server.cli.rehearse.staff import StaffRefused
from server.cli.rehearse.watch import Monitor
from server.cli.words import _
from server.host import open_host

TAKEOVER = "takeover"
SEATS = 4
EACH_ROUNDS = 50
"""A drill has one takeover for so many rounds, unless told."""
_KINDS = Kinds((), (TAKEOVER,))


def drilled_whole(order: Order) -> Report:
    """The rounds of the room, and every takeover in a room of its own. Raises as `drilled` does.

    A takeover that comes to no end counts as one that was not survived: what was found before it stays told.
    """
    report = drilled(order)
    for number in range(order.takeovers):
        order.told(_("备用服务器接管 %(n)d/%(of)d", n=number + 1, of=order.takeovers))
        began = time.monotonic()
        try:
            report = _together(report, taken_over(order, number))
        except (DrillStuck, FleetFault, StaffRefused) as fault:
            order.told(str(fault))
            report = _failed(report, time.monotonic() - began)
    return report


def taken_over(order: Order, number: int) -> Report:
    """One takeover. Raises `DrillStuck`, `FleetFault`, `Refused`, `StaffRefused`."""
    began = time.monotonic()
    logs = None if order.logs is None else order.logs / f"{TAKEOVER}-{number + 1}"
    own = replace(
        order, rounds=1, seats=SEATS, seed=f"{order.seed} {TAKEOVER} {number}", kinds=_KINDS, logs=logs
    )
    twins: list[Twin] = []

    @contextmanager
    def beside(hall: Hall) -> Iterator[None]:
        with standby_of(hall) as twin:
            twin.pair()
            twin.start()
            twins.append(twin)
            yield

    with furnished(own, beside) as room, ExitStack() as stack:
        rounds = Rounds(room, own, {TAKEOVER: partial(_take_over, twins[0])})
        rounds.play()
        _go_over(room, twins[0], stack)
        room.collect()
        return reported(room, own, rounds.sums, time.monotonic() - began)


def _take_over(twin: Twin, machines: Machines) -> None:
    """All processes of the first machine are killed. The seats' way back is counted from the promotion."""
    machines.pause(3.0, 6.0)
    for name in reversed(list(machines.hall.processes)):
        machines.kill(name)
    machines.pause(0.0, 2.0)
    machines.heal()
    twin.promote()


def _go_over(room: Room, twin: Twin, stack: ExitStack) -> None:
    """Staff and whoever counts go on at the server that took over."""
    hall, play = room.hall, room.play
    key = unlock(twin.settings)
    hall.host = open_host(twin.settings, key.master, demo=key.demo)
    stack.callback(hall.host.close)
    hall.address = play.shift.chief.address = play.shift.invigilator.address = twin.address
    play.monitor.close()
    play.monitor = Monitor(play.shift.invigilator, play.stage.room_sitting, hall.ca_file)
    play.monitor.connect()


def _failed(report: Report, seconds: float) -> Report:
    failed = Sum(rounds=1, seconds=round(seconds, 1), by_fault={TAKEOVER: FaultSum(tried=1)})
    return replace(report, found=report.found.plus(failed))


def _together(one: Report, other: Report) -> Report:
    return replace(
        one,
        found=replace(one.found.plus(other.found), runs=1),
        refused=dict(Counter(one.refused) + Counter(other.refused)),
        untold=one.untold + other.untold,
        incidents=dict(Counter(one.incidents) + Counter(other.incidents)),
    )
