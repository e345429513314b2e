"""One look a second at what only time decides: deadlines, late entry, silence, phases, clock steps."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ParamSpec

from flask_socketio import SocketIO
from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.clock import deadline, entry_opens, stepped
from exam_rooms.incidents import IncidentKind
from exam_rooms.seats import AttemptState
from server.db.sittings import RoomSitting, Sitting
from server.events import RoomChanged
from server.host import Host
from server.live.repeating import repeat
from server.live.rests import Rests
from server.services import (
    attempts,
    clock_proof,
    collection,
    desk_marks,
    link_gaps,
    outage_decision,
    roomstate,
)
from server.services.delivery import Delivery, delivery_of
from server.services.incidents import Place, raise_incident
from server.services.roomstate import RoomState
from server.services.sittings_now import current_sitting

P = ParamSpec("P")

log = logging.getLogger(__name__)
PERIOD_SECONDS = 1.0
SIGN_OF_LIFE_TICKS = 2
WITNESSES_WITHIN = timedelta(seconds=30)
"""How long after a reboot a workstation may take to come back and say what time it is."""
_UNKNOWN = ("", None)
"""A phase that the process saw that led before."""
_AT_WORK = ("arranged", "released", "running", "ended")
_ROOMS = (
    select(RoomSitting.id, RoomSitting.state, RoomSitting.version)
    .join(Sitting, Sitting.id == RoomSitting.sitting_id)
    .where(RoomSitting.state.in_(_AT_WORK), Sitting.method.in_(roomstate.AT_SEATS))
)
"""All that is asked every second, of all rooms at once; of a room that rests nothing else is."""


class Watch:
    """What was seen at the last look. `tick` is one look; tests call it themselves."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.delivery: Delivery = delivery_of(host)
        self._phases: dict[int, tuple[str, int | None]] = {}
        self._took_over = False
        self._step_told = False
        self._rests = Rests(host.events, host.bus)
        self._ticks = 0
        self._leads = True
        self._since, self._asked = host.now(), False

    def tick(self) -> None:
        """Does what is due now; what fails keeps the rest from nothing, and is raised at the end.

        A server that was replaced has nothing to do any more, and would not be allowed to.
        """
        if self.host.epoch.look():
            return
        now = self.host.now()
        faults: list[Exception] = []
        for duty in (self.delivery.links.check, self.delivery.confirmations.flush):
            self._done(faults, duty, now)
        if self.host.bus.first_of_machine():
            self._done(faults, self._clock)
        if self._is_leader():
            self._rooms(faults, now)
        if faults:
            raise ExceptionGroup("watch", faults)

    def _is_leader(self) -> bool:
        """Whether rooms are looked after here; what the one before saw of them is not known."""
        led, self._leads = self._leads, self.host.leads()
        if self._leads and not led:
            self._phases.clear()
            self._rests.forget_all()
            self._took_over = True
        return self._leads

    def _rooms(self, faults: list[Exception], now: datetime) -> None:
        """What is done once, whichever process does it."""
        with self.host.db.read() as session:
            rooms = [(room, state, version) for room, state, version in session.execute(_ROOMS)]
        for room, state, version in self._rests.woken(rooms, now):
            self._done(faults, self._room, room, state, version)
            time.sleep(0)
        self._ticks += 1
        if self._ticks % SIGN_OF_LIFE_TICKS == 0 and any(state == "running" for _, state, _ in rooms):
            self.host.db.write(link_gaps.watched, now=now)
        self._took_over = False

    @staticmethod
    def _done(faults: list[Exception], duty: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            duty(*args, **kwargs)
        except Exception as fault:  # noqa: BLE001 - one room's fault must not stop the others' clocks
            faults.append(fault)

    def _room(self, room: int, state: str, version: int) -> None:
        now = self.host.now()
        with self.host.db.read() as session:
            seen = roomstate.load(session, room)
            phase = (str(seen.phase(now)), current_sitting(session, seen.room.id, now))
            due = _due(session, seen, now) if state == "running" else _Due()
            moments = [*due.moments, entry_opens(seen.clock), deadline(seen.clock)]
        if due.waiting:
            self.host.db.write(attempts.begin_waiting, room, now=now)
        for place in due.astray:
            self.host.db.write(raise_incident, place, IncidentKind.NOT_AT_SEAT, now=now)
        if due.overdue:
            self.host.db.write(attempts.mark_latecomers_absent, room, now=now)
            self.host.db.write(attempts.close_overdue, room, now=now)
        if due.outage:
            self.host.db.write(outage_decision.notice, room, now=now)
        if state == "ended" or due.overdue:
            self.host.db.write(collection.settle_room, room, now=now)
        before = self._phases.get(room, _UNKNOWN if self._took_over else phase)
        self._phases[room] = phase
        if before != phase:
            self.host.events.publish([RoomChanged(room)])
        if not due.anything:
            self._rests.rest(room, (state, version), moments, now)

    def _clock(self) -> None:
        """A wall clock that was set moves no deadline; it is told once for every step (design D22)."""
        if not self.host.clock.proven:
            self._prove_clock()
            return
        step = self.host.clock.step_seconds()
        if not stepped(step):
            self._step_told = False
            return
        if self._step_told:
            return
        self._step_told = True
        with self.host.db.read() as session:
            running = list(session.scalars(select(RoomSitting.id).where(RoomSitting.state == "running")))
        for room in running:
            place, seconds = Place(room), f"{step:+.1f}"
            kind = IncidentKind.CLOCK_STEP
            self.host.db.write(raise_incident, place, kind, now=self.host.now(), seconds=seconds)

    def _prove_clock(self) -> None:
        """After a reboot: the workstations were given their time to tell the hour, so a person is asked."""
        clock, now = self.host.clock, self.host.now()
        if now - self._since < WITNESSES_WITHIN:
            return
        if not self._asked:
            self._asked = True
            self.host.db.write(clock_proof.ask, now=now)
        with self.host.db.read() as session:
            checked = clock_proof.checked(session, since=self._since)
        if checked:
            clock.settle(clock.wall())
            self._rests.forget_all()
            self.delivery.links.settled()


@dataclass(frozen=True, slots=True)
class _Due:
    """What one look at a running room has found to do; `moments`: when there may be something next."""

    waiting: bool = False
    astray: Sequence[Place] = ()
    overdue: bool = False
    outage: bool = False
    moments: Sequence[datetime] = ()

    @property
    def anything(self) -> bool:
        """Whether the clock has something to do now."""
        return self.waiting or bool(self.astray) or self.overdue or self.outage


def _due(session: Session, room: RoomState, now: datetime) -> _Due:
    """One look in one session; of a thousand seats at work it reads none."""
    seats = attempts.to_watch(session, room, now)
    assigned = any(seat.state == AttemptState.ASSIGNED for seat in seats)
    coming = desk_marks.coming(session, room.row.id) if assigned else frozenset()
    awaited = desk_marks.awaited(session, room) if assigned else []
    outages = outage_decision.standing(session, room)
    moments = attempts.next_moments(room, seats, now, coming)
    moments += [until for _place, until in awaited]
    moments += [outage.began_at + outage_decision.most_of(room) for outage in outages]
    return _Due(
        waiting=attempts.somebody_waits(room, seats, now),
        astray=[place for place, until in awaited if now > until],
        overdue=attempts.something_due(room, seats, now, coming),
        outage=outage_decision.too_long(room, outages, now) is not None,
        moments=moments,
    )


def register(socketio: SocketIO, host: Host) -> Watch:
    """Starts the watch on the live server."""
    watch = Watch(host)
    repeat(socketio, watch.tick, every=PERIOD_SECONDS, name="watch")
    return watch
