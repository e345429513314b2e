"""A seat that stands still: with and without a link, across a restart; what it confirms; what it logs as lost."""

import random
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest

from client.agent import Agent, Parts
from client.board import Board
from client.books import Books
from client.clock import ServerClock
from client.command_notes import CommandNotes
from client.device import DataFolder
from client.evidence import Evidence
from client.exchange import Credentials, StateSeen, TimeSeen, worth_telling
from client.link import Link
from client.outbox import Outbox
from client.paper import Paper, Shelf
from client.responses import ItemRule
from client.seat import PAUSE_TAIL, PageRefused, Seat, Surroundings
from client.seat_log import FILE, SeatLog
from exam_rooms.kiosk_messages import (
    BreachRequest,
    CommandNote,
    FreezeView,
    LossNote,
    MessageView,
    PauseView,
    SeatOrder,
)
from exam_rooms.protocol import Route, SeatState, StatusRequest, Step
from tests.client.books_kit import NOW
from tests.client.conftest import AgentProcess
from tests.client.fake_room import FakeRoom
from tests.client.test_agent_process import Start, answering

SECRET = bytes(range(32))
PAPER = Paper(b"{}", {"q1": ItemRule("single", frozenset("AB"))})
RUNNING = SeatState(
    version=1,
    server_time=NOW,
    seat="12",
    step=Step.ANSWERING,
    attempt=7,
    journal=1,
    started_at=NOW,
    deadline=NOW + timedelta(minutes=90),
    submit_from=NOW,
)
SINCE = NOW + timedelta(minutes=10)
PAUSED = replace(RUNNING, version=2, paused=PauseView(SINCE), commands=(SeatOrder(4, "pause", SINCE),))


class Bench:
    """An agent in a folder at boot second `boot`; second 0 is NOW. Another one in the folder is a restart."""

    def __init__(self, folder: DataFolder, boot_id: str = "boot") -> None:
        self.boot = 0.0
        self.folder = folder
        outbox = Outbox()
        self.books = Books(folder, SECRET, outbox, lambda: (boot_id, int(self.boot * 1e9)))
        self.evidence = Evidence(folder.evidence, SECRET)
        self.link = Link(Credentials(3, lambda data: b"", "1"), outbox, random.Random(1), self.evidence)
        self.seat = Seat(ServerClock(boot_id), outbox)
        self.seat.around = Surroundings(paired=True)
        self.board = Board(self.seat, lambda: self.boot)
        shelf = Shelf(folder.packages, bytes(32))
        self.agent = Agent(Parts(self.board, self.books, self.link, outbox, shelf, bytes(32), boot_id))
        self.page_at: float | None = None
        self.log = SeatLog(self.agent, self.evidence, folder.evidence / FILE, lambda: self.page_at)

    def knows_time(self) -> "Bench":
        self.agent.handle([TimeSeen(NOW + timedelta(seconds=self.boot), self.boot, self.boot)])
        return self

    def hears(self, state: SeatState) -> "Bench":
        self.agent.handle([StateSeen(state)])
        if state.step is Step.ANSWERING and self.seat.paper is None:
            self.seat.open_paper(PAPER)
        return self

    @property
    def step(self) -> str:
        return self.seat.step(self.boot)

    @property
    def notes(self) -> tuple[CommandNote, ...]:
        return self.agent.status().commands

    def passes(self, seconds: float, *, page: bool = True) -> LossNote | None:
        """Time passes second by second with (or without) a page that asks; the last loss that was logged."""
        found = None
        for _ in range(int(seconds)):
            self.boot += 1.0
            if page:
                self.page_at = self.boot
            found = self.log.look() or found
        return found


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    made = DataFolder(tmp_path / "seat")
    return made


@pytest.fixture
def bench(folder: DataFolder) -> Bench:
    return Bench(folder).knows_time().hears(RUNNING)


def code(call: Callable[..., object], *arguments: object) -> str:
    with pytest.raises(PageRefused) as caught:
        call(*arguments)
    return caught.value.code


# --- time stands still -----------------------------------------------------------------------------------


def test_in_a_pause_nothing_is_shown_and_no_time_passes(bench: Bench) -> None:
    bench.boot = 600.0
    bench.hears(PAUSED)
    assert bench.step == "paused"
    for moment in (600.0, 6000.0, 600_000.0):
        assert bench.seat.remaining(moment) == 4800.0
        assert bench.seat.step(moment) == "paused"
    assert bench.seat.view(600.0)["paper"] != "open"
    assert code(bench.seat.check_reading, 600.0) == "not_answering"
    assert code(bench.seat.check_submit, 600.0) == "not_answering"
    assert bench.seat.edges(600.0) is None


@pytest.mark.parametrize(("after", "taken"), [(0.0, True), (PAUSE_TAIL, True), (PAUSE_TAIL + 0.1, False)])
def test_what_was_typed_before_the_cover_is_still_taken(bench: Bench, after: float, taken: bool) -> None:
    bench.boot = 600.0
    bench.hears(PAUSED)
    if taken:
        assert bench.seat.check_answering(600.0 + after) == 7
    else:
        assert code(bench.seat.check_answering, 600.0 + after) == "paused"


def test_it_goes_on_where_it_stood(bench: Bench) -> None:
    bench.boot = 600.0
    bench.hears(PAUSED)
    bench.boot = 4200.0  # an hour
    on = replace(RUNNING, version=3, deadline=NOW + timedelta(minutes=150), paused_minutes=60.0)
    bench.hears(on)
    assert bench.step == "answering"
    assert bench.seat.remaining(4200.0) == 4800.0
    assert bench.seat.view(4200.0)["paused_minutes"] == 60.0


def test_without_a_link_a_pause_lasts_until_the_seat_hears_of_its_end_also_across_a_restart(
    bench: Bench, folder: DataFolder
) -> None:
    bench.boot = 600.0
    bench.hears(PAUSED)
    bench.agent.close()
    again = Bench(folder, "another boot")  # the machine was off: it does not even know the time
    again.boot = 20.0
    again.agent.wake_up()
    assert again.step == "paused"
    assert again.seat.remaining(20_000.0) == 4800.0


def test_without_a_link_a_seat_that_did_not_hear_goes_on_to_its_own_deadline(bench: Bench) -> None:
    bench.boot = 5399.0
    assert bench.step == "answering"
    bench.boot = 5400.0
    assert bench.step == "locked"
    bench.hears(replace(PAUSED, paused=PauseView(SINCE)))
    assert bench.step == "paused"  # ten minutes after the start it stood: it is not over


# --- what it confirms ---------------------------------------------------------------------------------------


def test_a_command_is_confirmed_when_it_comes_and_when_the_page_shows_it(bench: Bench) -> None:
    bench.boot = 600.0
    bench.hears(PAUSED)
    (note,) = bench.notes
    assert (note.command, note.received_ns, note.done_ns) == (4, 600 * 10**9, 0)
    bench.boot = 601.0
    bench.board.view(bench.board.version - 1, 0.0, lambda: True)  # the page asks for what it lacks
    assert bench.notes[0].done_ns == 0
    bench.board.view(bench.board.version, 0.0, lambda: True)  # it has it
    assert bench.notes[0].done_ns == 601 * 10**9


def test_it_tells_since_when_its_time_had_gone_on(folder: DataFolder) -> None:
    bench = Bench(folder).knows_time()
    bench.boot = 30.0
    bench.hears(RUNNING)
    bench.boot = 900.0
    bench.hears(PAUSED)
    assert bench.notes[0].worked_ns == 30 * 10**9
    on = replace(RUNNING, version=3, commands=(SeatOrder(5, "resume", NOW),))
    bench.boot = 950.0
    bench.hears(on)
    assert [(note.command, note.worked_ns) for note in bench.notes] == [(5, 0)]  # it had stood
    bench.boot = 980.0
    bench.hears(replace(PAUSED, version=4, commands=(SeatOrder(6, "pause", NOW),)))
    assert bench.notes[0].worked_ns == 950 * 10**9


def test_a_confirmation_goes_with_every_heartbeat_until_the_command_is_gone(bench: Bench) -> None:
    before = bench.agent.status()
    bench.hears(PAUSED)
    told = bench.agent.status()
    assert worth_telling(before) != worth_telling(told)
    bench.hears(replace(PAUSED, version=3, commands=()))
    assert bench.notes == ()


def test_a_note_keeps_its_first_moment() -> None:
    notes, order = CommandNotes(), SeatOrder(1, "lock", NOW)
    notes.heard([order], 5.0, None)
    notes.heard([order], 9.0, 2.0)
    assert notes.report() == (CommandNote(1, 5 * 10**9),)
    assert not notes.shown(3, 9.0)  # nobody knows yet which view shows it
    notes.built(4)
    assert not notes.shown(3, 9.0) and notes.shown(4, 9.5) and not notes.shown(5, 10.0)


def test_a_message_and_what_covers_the_page_reach_it(bench: Bench) -> None:
    said = MessageView(3, "请举手", NOW)
    bench.hears(replace(RUNNING, version=2, messages=(said,), frozen=FreezeView("IDENTITY", NOW)))
    view = bench.seat.view(0.0)
    assert view["step"] == "frozen" and view["cover"] == "IDENTITY"
    assert [one["text"] for one in cast("list[dict[str, str]]", view["messages"])] == ["请举手"]


# --- what it logs -------------------------------------------------------------------------------------------


def losses(bench: Bench) -> list[LossNote]:
    news = bench.evidence.next_news(Route.BREACHES)
    return list(cast("BreachRequest", news.message).losses) if news else []


def test_a_page_that_was_gone_is_logged_once_it_is_back(bench: Bench) -> None:
    assert bench.passes(10) is None
    assert bench.passes(60, page=False) is None
    note = bench.passes(2)
    assert note is not None and note.kind == "page_gone"
    assert 59e9 <= note.until_ns - note.since_ns <= 62e9
    assert losses(bench) == [note]


def test_a_hiccup_of_the_page_is_nothing(bench: Bench) -> None:
    bench.passes(10)
    bench.passes(3, page=False)
    assert bench.passes(5) is None


@pytest.mark.parametrize(("boot_id", "kind"), [("boot", "agent_off"), ("boot-2", "machine_off")])
def test_a_restart_in_mid_sitting_is_logged_with_both_boots(
    bench: Bench, folder: DataFolder, boot_id: str, kind: str
) -> None:
    bench.passes(100)
    bench.agent.close()
    again = Bench(folder, boot_id)
    again.boot = 160.0 if boot_id == "boot" else 20.0
    again.knows_time()
    again.hears(RUNNING)
    note = again.passes(2)
    assert note is not None and note.kind == kind
    assert (note.since_boot, note.until_boot) == ("boot", boot_id)
    assert 97e9 <= note.since_ns <= 100e9


@pytest.mark.parametrize("state", [PAUSED, replace(RUNNING, version=2, frozen=FreezeView("LOCKED", NOW))])
def test_a_pause_and_a_cover_are_no_loss(bench: Bench, state: SeatState) -> None:
    bench.passes(10)
    bench.hears(state)
    assert bench.passes(60, page=False) is None
    bench.hears(replace(RUNNING, version=3, deadline=NOW + timedelta(hours=3)))
    assert bench.passes(5) is None


def test_a_seat_without_a_page_and_a_seat_without_a_candidate_log_nothing(bench: Bench) -> None:
    assert bench.passes(60, page=False) is None
    bench.hears(replace(RUNNING, version=2, step=Step.UNASSIGNED, attempt=None))
    assert bench.passes(60) is None


def test_a_log_that_cannot_be_read_is_no_log(folder: DataFolder) -> None:
    folder.evidence.mkdir(exist_ok=True)
    (folder.evidence / FILE).write_bytes(b"{")
    bench = Bench(folder).knows_time().hears(RUNNING)
    assert bench.passes(3) is None


# --- the whole agent ------------------------------------------------------------------------------------------


@pytest.mark.dear
def test_a_real_agent_stands_still_and_confirms_it(room: FakeRoom, start_agent: Start) -> None:
    agent: AgentProcess = answering(room, start_agent)
    now = room.state.server_time
    room.show(paused=PauseView(now), commands=(SeatOrder(9, "pause", now),))
    version = agent.page.until(lambda view: view["step"] == "paused")["version"]
    assert agent.page.call("/api/paper")[0] == 409
    # The page asks for what comes after the view it has; the next command answers it.
    more = (SeatOrder(9, "pause", now), SeatOrder(10, "message", now))
    threading.Timer(0.5, lambda: room.show(commands=more)).start()
    assert agent.page.view(version)["command"] == 10
    agent.page.until(lambda _view: any(n.done_ns for told in _statuses(room) for n in told.commands))


def _statuses(room: FakeRoom) -> list[StatusRequest]:
    return list(room.status)
