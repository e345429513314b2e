"""Killed servers and agents, and a seat changed with unsent answers: nothing is lost, nothing is doubled."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import select

from server.cli.rehearse.acts import Shift
from server.cli.rehearse.fleet import CLEAN, Agent, start_agent, start_candidates
from server.cli.rehearse.play import Play
from server.cli.rehearse.report import Report
from server.db.answer_tables import answer_events
from server.db.base import make_engine
from server.db.sittings import Attempt, RoomSitting
from tests.system.agents_kit import restart_agent
from tests.system.proxy import Wire

# Scenarios 20 to 22 and the drill try these faults in every run; whole sittings around each of them take longer.
pytestmark = [pytest.mark.system, pytest.mark.long]

Staging = Callable[..., Play]


def passing(seconds: float) -> Callable[[], bool]:
    """For `Play.run(until=...)`: true once so many seconds have gone by."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() >= end


def journal(agent: Agent) -> list[dict[str, object]]:
    """The records on an agent's disk."""
    done = subprocess.run(
        [sys.executable, "-m", "client.journal", "dump", str(agent.folder)],
        capture_output=True,
        check=True,
        env=CLEAN,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def stored(play: Play) -> set[tuple[int, int, int]]:
    """(attempt, journal, seq) of every record in the store."""
    engine = make_engine(play.hall.host.settings.answers_url)
    table = answer_events.c
    with engine.connect() as connection:
        rows = connection.execute(select(table.attempt, table.journal, table.seq)).all()
    engine.dispose()
    return {(row[0], row[1], row[2]) for row in rows}


def closing_times(play: Play) -> dict[str, float]:
    """Seconds from the room's start to the end of each attempt, by seat."""
    numbers = {seat_id: number for number, seat_id in play.stage.seats.items()}
    with play.hall.host.db.read() as session:
        started = session.get_one(RoomSitting, play.stage.room_sitting).started_at
        rows = session.scalars(select(Attempt).where(Attempt.room_sitting_id == play.stage.room_sitting))
        assert started is not None
        return {
            numbers[row.seat_id]: (row.closed_at - started).total_seconds() for row in rows if row.closed_at
        }


def ends_at(play: Play) -> str:
    """The room's deadline as the monitor shows it."""
    return str(play.monitor.board["ends_at"])


def assert_whole(report: Report, *, seats: int) -> None:
    assert report.faults() == []
    assert report.lost == report.chain_errors == 0
    assert report.entered == report.submitted == report.marked == seats
    assert report.recorded >= report.acknowledged > 0


def test_the_server_is_killed_in_mid_sitting(staged_play: Staging) -> None:
    play = staged_play(seats=6, seconds=18)
    play.seat_everybody()
    play.start()
    play.run(until=passing(4))
    before = ends_at(play)
    assert play.hall.server is not None
    play.hall.server.kill()
    at_the_kill = stored(play)
    time.sleep(2)  # the candidates go on answering
    play.hall.serve()
    play.run()
    assert ends_at(play) == before  # the clock has gone on where it was
    play.finish()
    report = play.report()
    assert_whole(report, seats=6)
    assert report.recorded == report.acknowledged
    assert at_the_kill < stored(play)
    assert max(closing_times(play).values()) == pytest.approx(18, abs=0.01)  # the one who lets time run out


def test_an_agent_is_killed_in_mid_sitting(staged_play: Staging) -> None:
    play = staged_play(seats=4, seconds=15)
    play.seat_everybody()
    play.start()
    play.run(until=passing(4))
    victim = play.agents[play.stage.entrants[0].seat]
    victim.process.kill()
    on_disk = journal(victim)
    play.run(until=passing(2))
    restart_agent(play.hall.fleet, victim)
    play.run()
    play.finish()
    report = play.report()
    assert_whole(report, seats=4)
    assert report.recorded == report.acknowledged
    records = journal(victim)
    assert records[: len(on_disk)] == on_disk
    assert len(records) > len(on_disk)  # the candidate went on after the restart
    assert {record["journal"] for record in records} == {1}  # in the same journal
    assert max(closing_times(play).values()) <= 15.01


def test_a_seat_is_changed_with_unsent_answers_on_the_old_one(staged_play: Staging) -> None:
    play = staged_play(seats=4, seconds=22)
    mover, *others = play.stage.entrants
    play.simulated = tuple(others)
    (spare,) = play.stage.spare_seats()
    wire = Wire(play.hall.address.parts)
    try:
        through = replace(play.hall.address, url=f"https://127.0.0.1:{wire.port}")
        fleet, codes = play.hall.fleet, play.stage.codes
        old = play.agents[mover.seat] = start_agent(fleet, through, mover.seat, codes[mover.seat])
        play.start_agents([spare])
        first = start_candidates(fleet, play.candidates_plan([mover]), name="mover")
        play.seat_everybody()
        play.run(until=lambda: seat_state(play, mover.seat) == "ready")
        play.start()
        play.run(until=passing(4))
        wire.cut()
        play.run(until=passing(3))
        first.kill()  # the candidate gets up; answers of the last seconds lie on the old machine alone
        unsent = {place(record) for record in journal(old)} - stored(play)
        assert len(unsent) >= 3
        move(play.shift, play, mover.seat, spare)
        moved = replace(mover, seat=spare)
        second = start_candidates(fleet, play.candidates_plan([moved]), name="moved")
        play.run(until=lambda: len(journal(play.agents[spare])) >= 5)
        assert not unsent & stored(play)
        wire.mend()
        play.run()
        play.finish()
    finally:
        wire.close()
    report = play.report()
    assert_whole(report, seats=4)
    assert unsent < stored(play)
    seen = json.loads(second.tail_line())
    assert seen["receipts"] == 1
    assert {record["journal"] for record in journal(play.agents[spare])} == {2}
    assert max(closing_times(play).values()) <= 22.01


def place(record: dict[str, object]) -> tuple[int, int, int]:
    return int(str(record["attempt"])), int(str(record["journal"])), int(str(record["seq"]))


def seat_state(play: Play, number: str) -> str:
    return next((card["state"] for card in play.monitor.cards() if card["number"] == number), "")


def move(shift: Shift, play: Play, old: str, new: str) -> None:
    shift.move(play.stage.seats[old], play.stage.seats[new])
