"""Things that many put on record at the same moment: one transaction, an outcome for each."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from server.access import Actor
from server.db.rooms import WorkstationClock
from server.db.sittings import Attempt, JournalGrant, LinkGapRow
from server.errors import Refused
from server.host import Host
from server.services import shared_write
from server.services.agents import Agent, find_agent
from server.services.attempts import JournalOpened, JournalWanted, open_journals
from server.services.boot_clocks import keep_offsets
from server.services.delivery import delivery_of
from server.services.link_gaps import Silence, close_gaps, open_gaps
from server.services.shared_write import SharedWrite
from server.services.stream import Tail
from tests.server.command_kit import Room, running_room
from tests.server.conftest import Machine

SECONDS = 10.0


class Store:
    """What was written, batch by batch; the first write lasts until it is let go."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.begun, self.goes_on = threading.Event(), threading.Event()
        self.fault: Callable[[Sequence[int]], Exception | None] = lambda _numbers: None

    def write(self, numbers: Sequence[int]) -> list[int]:
        self.batches.append(list(numbers))
        self.begun.set()
        assert self.goes_on.wait(SECONDS)
        fault = self.fault(numbers)
        if fault is not None:
            raise fault
        return [10 * number for number in numbers]


def together(store: Store, count: int, shared: SharedWrite[int, int] | None = None) -> list[Future[int]]:
    """The first one writes; all others come while it does."""
    shared = shared or SharedWrite[int, int](store.write)
    hands = ThreadPoolExecutor(count)
    found = [hands.submit(shared.put, 0)]
    assert store.begun.wait(SECONDS)
    found += [hands.submit(shared.put, number) for number in range(1, count)]
    while len(shared._waiting) < count - 1:
        assert not found[0].done()
    store.goes_on.set()
    hands.shutdown(wait=True)
    return found


def test_who_comes_while_another_writes_is_written_with_all_who_came() -> None:
    store = Store()
    found = together(store, 6)
    assert [future.result() for future in found] == [0, 10, 20, 30, 40, 50]
    assert [len(batch) for batch in store.batches] == [1, 5]
    assert sorted(store.batches[1]) == [1, 2, 3, 4, 5]


def test_a_transaction_holds_so_many_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_write, "MOST", 2)
    store = Store()
    found = together(store, 6)
    assert [future.result() for future in found] == [0, 10, 20, 30, 40, 50]
    assert [len(batch) for batch in store.batches] == [1, 2, 2, 1]


AWAY = OperationalError("", {}, Exception())


def test_a_store_that_is_away_is_told_to_all_whom_it_met_and_to_nobody_after_them() -> None:
    store = Store()
    store.fault = lambda numbers: AWAY if len(numbers) > 1 else None
    shared = SharedWrite[int, int](store.write)
    found = together(store, 4, shared)
    assert found[0].result() == 0
    assert [future.exception() for future in found[1:]] == [AWAY] * 3
    assert [len(batch) for batch in store.batches] == [1, 3]
    assert shared.put(7) == 70


def test_what_one_is_the_cause_of_spoils_it_for_no_other() -> None:
    store = Store()
    store.fault = lambda numbers: ValueError("2") if 2 in numbers else None
    found = together(store, 4)
    assert [found[each].result() for each in (0, 1, 3)] == [0, 10, 30]
    assert isinstance(found[2].exception(), ValueError)


class Stopped(BaseException):
    """As greenlets are when a server ends."""


def test_who_is_stopped_while_it_writes_leaves_nobody_waiting() -> None:
    store = Store()
    shared = SharedWrite[int, int](store.write)

    def stopped(numbers: Sequence[int]) -> list[int]:
        if len(numbers) == 3:
            raise Stopped
        return store.write(numbers)

    shared._write = stopped
    found = together(store, 4, shared)
    faults = [future.exception() for future in found[1:]]
    assert sorted(type(fault).__name__ for fault in faults) == ["NotWritten", "NotWritten", "Stopped"]
    assert shared.put(7) == 70


def test_who_is_stopped_while_it_waits_is_not_written_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store()
    store.goes_on.set()
    shared = SharedWrite[int, int](store.write)

    class Turn:
        def __enter__(self) -> None:
            raise Stopped

        def __exit__(self, *_fault: object) -> None:
            raise AssertionError

    with monkeypatch.context() as ending, pytest.raises(Stopped):
        ending.setattr(shared, "_writing", Turn())
        shared.put(1)
    assert shared.put(2) == 20
    assert store.batches == [[2]]


@pytest.fixture
def room(app: Flask, host: Host, person_as: Callable[..., Actor], machine: Machine) -> Room:
    return running_room(app, host, person_as, machine, candidates=4)


def agents(host: Host, room: Room) -> list[Agent]:
    with host.db.read() as session:
        return [find_agent(session, room.scene.workstations[number])[0] for number in "1234"]


@pytest.mark.both_stores
def test_the_least_offset_of_each_boot_is_kept(host: Host, room: Room) -> None:
    one, two, *_ = (agent.workstation for agent in agents(host, room))
    told = [(one, "new", 50), (two, "new", 70), (one, "new", 40), (one, "next", 90)]
    assert host.db.write(keep_offsets, told) == [40, 70, 40, 90]
    assert host.db.write(keep_offsets, [(two, "new", 60), (one, "new", 45)]) == [60, 40]
    with host.db.read() as session:
        rows = select(WorkstationClock).where(WorkstationClock.boot_id.in_(["new", "next"]))
        kept = {(row.workstation_id, row.boot_id): row.offset_ns for row in session.scalars(rows)}
    assert kept == {(one, "new"): 40, (two, "new"): 60, (one, "next"): 90}


@pytest.mark.both_stores
def test_seats_that_return_together_end_their_own_silences_each_at_its_moment(host: Host, room: Room) -> None:
    seats, now = agents(host, room), host.now()
    before = now - timedelta(seconds=20)
    lost = [(agent, Silence(before, before, "boot")) for agent in seats[:3]]
    host.db.write(open_gaps, lost, now=now)
    moments = [now + timedelta(seconds=number) for number in range(4)]
    host.db.write(close_gaps, [(seats[0], moments[0]), (seats[2], moments[2]), (seats[3], moments[3])])
    with host.db.read() as session:
        gaps = {row.workstation_id: row.back_at for row in session.scalars(select(LinkGapRow))}
    expected = {
        seats[0].workstation: moments[0],
        seats[1].workstation: None,
        seats[2].workstation: moments[2],
    }
    assert gaps == expected


@pytest.mark.both_stores
def test_journals_asked_for_together_are_granted_or_refused_each_for_itself(host: Host, room: Room) -> None:
    seats, attempts = agents(host, room), [room.scene.attempts[number] for number in "1234"]
    host.db.write(lambda session: setattr(session.get_one(Attempt, attempts[2]), "state", "submitted"))
    end = Tail()
    wanted = [
        JournalWanted(seats[0], attempts[0], end),
        JournalWanted(seats[1], attempts[0], end),
        JournalWanted(seats[2], attempts[2], end),
        JournalWanted(seats[3], 987_654, end),
        JournalWanted(seats[3], attempts[3], end),
        JournalWanted(seats[0], attempts[0], end),
    ]
    with host.db.read() as session:
        newest = select(JournalGrant.attempt_id, func.max(JournalGrant.journal))
        last = {row[0]: row[1] for row in session.execute(newest.group_by(JournalGrant.attempt_id))}
    opened = host.db.write(open_journals, wanted, now=host.now())
    codes = [each.code if isinstance(each, Refused) else "" for each in opened]
    assert codes == ["", "attempt_not_here", "journal_not_now", "not_found", "", ""]
    grants = [each.grant for each in opened if isinstance(each, JournalOpened)]
    granted = [(grant.attempt_id, grant.journal) for grant in grants]
    first, other = last[attempts[0]], last[attempts[3]]
    assert granted == [(attempts[0], first + 1), (attempts[3], other + 1), (attempts[0], first + 2)]
    with host.db.read() as session:
        owners = [session.get_one(JournalGrant, each).workstation_id for each in granted]
    assert owners == [seats[0].workstation, seats[3].workstation, seats[0].workstation]


def test_a_seat_is_not_lost_again_before_its_return_is_on_record(
    host: Host, room: Room, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the return, written after, would end a silence that begins after it."""
    links, me = delivery_of(host).links, agents(host, room)[0]
    machine.advance(seconds=10)
    links.check(host.now())
    told: list[bool] = []

    def falls_silent() -> None:
        machine.advance(seconds=30)
        links.check(host.now())
        links.dropped(me, host.now())
        told.append(host.presence.of(me.workstation).linked)

    meanwhile(host, monkeypatch, close_gaps, [falls_silent])
    back_at = host.now()
    links.heard(me, back_at)
    assert told == [True]
    links.check(host.now())
    assert not host.presence.of(me.workstation).linked
    assert gaps_of(host, me) == [back_at, None]


def gaps_of(host: Host, agent: Agent) -> list[datetime | None]:
    with host.db.read() as session:
        gaps = select(LinkGapRow).where(LinkGapRow.workstation_id == agent.workstation)
        return [row.back_at for row in session.scalars(gaps.order_by(LinkGapRow.id))]


def meanwhile(
    host: Host, monkeypatch: pytest.MonkeyPatch, act: Callable[..., object], does: list[Callable[[], object]]
) -> None:
    """Before a write of this act, the next of these."""
    write = host.db.write

    def written(wanted: Callable[..., object], *args: object, **named: object) -> object:
        if wanted is act and does:
            does.pop(0)()
        return write(wanted, *args, **named)

    monkeypatch.setattr(host.db, "write", written)


def test_a_socket_that_ends_while_the_return_is_written_counts_at_the_next_look(
    host: Host, room: Room, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    links, me = delivery_of(host).links, agents(host, room)[0]
    machine.advance(seconds=10)
    links.check(host.now())
    back_at = host.now()
    meanwhile(host, monkeypatch, close_gaps, [lambda: links.dropped(me, host.now())])
    links.heard(me, back_at)
    assert host.presence.of(me.workstation).linked
    machine.advance(seconds=1)
    links.check(host.now())
    assert not host.presence.of(me.workstation).linked
    assert gaps_of(host, me) == [back_at, None]
    links.heard(me, host.now())
    links.check(host.now())
    assert host.presence.of(me.workstation).linked


def test_a_late_return_ends_no_silence_that_began_while_others_were_written(
    host: Host, room: Room, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.services.links._AT_ONCE", 3)
    links, seats = delivery_of(host).links, agents(host, room)
    machine.advance(seconds=10)
    links.check(host.now())
    back_at = host.now()
    with monkeypatch.context() as broken:
        broken.setattr(links._writes, "back", away)
        for agent in seats:
            with pytest.raises(OperationalError):
                links.heard(agent, back_at)
    last = seats[3]

    def speaks_and_falls() -> None:
        machine.advance(seconds=1)
        links.heard(last, host.now())
        links.dropped(last, host.now())

    meanwhile(host, monkeypatch, close_gaps, [speaks_and_falls])
    links.check(host.now())
    assert [gaps_of(host, agent)[-1] for agent in seats] == [back_at, back_at, back_at, None]
    assert not host.presence.of(last.workstation).linked


def test_a_word_that_overtakes_the_loss_ends_it_in_the_end(
    host: Host, room: Room, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end is written, and finds nothing, before the loss is; the loss is known before that end is done."""
    links, me = delivery_of(host).links, agents(host, room)[0]
    machine.advance(seconds=1)
    write, spoke = host.db.write, host.now()

    def crossed(act: Callable[..., object], *args: object, **named: object) -> object:
        if act is open_gaps:
            monkeypatch.setattr(host.db, "write", back_first)
            links.heard(me, spoke)
            return lost.pop()
        return write(act, *args, **named)

    lost: list[object] = []

    def back_first(act: Callable[..., object], *args: object, **named: object) -> object:
        done = write(act, *args, **named)
        if act is close_gaps:
            monkeypatch.setattr(host.db, "write", write)
            lost.append(write(open_gaps, [(me, links._lines[me.workstation].silence())], now=spoke))
            links._close_late([links._lines[me.workstation]])
        return done

    monkeypatch.setattr(host.db, "write", crossed)
    links.dropped(me, host.now())
    links.check(host.now())
    assert host.presence.of(me.workstation).linked
    assert gaps_of(host, me) == [spoke]


def test_a_seat_whose_return_is_being_written_is_not_lost_with_others(
    host: Host, room: Room, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.services.links._AT_ONCE", 3)
    links, seats = delivery_of(host).links, agents(host, room)
    last = seats[3]
    machine.advance(seconds=10)

    def speaks_and_falls() -> None:
        """While the first three are written: its return waits for them."""
        links._returning[last.workstation] += 1
        links._lines[last.workstation].word(last, host.now(), "")
        links.dropped(last, host.now())

    meanwhile(host, monkeypatch, open_gaps, [speaks_and_falls])
    links.check(host.now())
    assert [len(gaps_of(host, agent)) for agent in seats] == [1, 1, 1, 0]
    assert host.presence.of(last.workstation).linked
    del links._returning[last.workstation]
    links._lines[last.workstation].by = links._worker
    links.check(host.now())
    assert [len(gaps_of(host, agent)) for agent in seats] == [1, 1, 1, 1]
    assert not host.presence.of(last.workstation).linked


def test_a_socket_that_answers_no_ping_ends_nothing_when_the_seat_has_spoken_since(
    host: Host, room: Room, machine: Machine
) -> None:
    links, me = delivery_of(host).links, agents(host, room)[0]
    since = host.now()
    machine.advance(seconds=1)
    links.heard(me, host.now())
    machine.advance(seconds=4)
    links.dropped(me, host.now(), since)
    assert host.presence.of(me.workstation).linked
    links.dropped(me, host.now(), host.now())
    assert not host.presence.of(me.workstation).linked


def test_a_line_is_lost_when_its_socket_ended_and_not_when_that_was_noticed(host: Host, room: Room) -> None:
    line = delivery_of(host).links._lines[agents(host, room)[0].workstation]
    later = line.heard_at + timedelta(seconds=2)
    line.fallen = later
    assert (line.fell_at, line.is_lost(later)) == (later, True)
    line.heard_at = later + timedelta(seconds=1)
    assert (line.fell_at, line.is_lost(line.heard_at)) == (None, False)


def away(*_asked: object) -> None:
    raise AWAY
