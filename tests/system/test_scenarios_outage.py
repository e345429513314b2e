"""Acceptance scenarios 20, 21 and 22 with real processes: power, switch and server fail in mid-sitting.

The six minutes of scenario 20, the twenty of 21 and the forty-five of 22 pass on the server's clock in
tests/server/test_outage_clock.py; here they are seconds. 21 is played by `make test-walks`, the others by
`make test-long`: the drill kills agents and servers in every run, and looks for every answer afterwards.
"""

import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from client.simulate import Browser
from server.cli.rehearse.fleet import Agent, start_agent, start_candidates
from server.cli.rehearse.play import Play
from server.cli.rehearse.staff import StaffRefused
from server.db.answer_tables import answer_events
from server.db.base import make_engine
from server.db.sittings import Attempt, TimeCredit
from server.services import room_record
from tests.system.agents_kit import restart_agent
from tests.system.proxy import Wire
from tests.system.test_faults import (
    Staging,
    assert_whole,
    ends_at,
    journal,
    move,
    passing,
    place,
    seat_state,
    stored,
)

pytestmark = [pytest.mark.system, pytest.mark.walk]
TORN = b"\x00\x00\x02\x10\x5a\x5a\x5a"
"""Seven bytes of a frame that the power did not let through to the disk."""


def cut_power(agent: Agent) -> list[dict[str, object]]:
    """The machine goes dark: the process dies at once, the last write ends in the middle. What is on the disk."""
    agent.process.kill()
    for path in sorted((agent.folder / "journals").glob("*.journal")):
        with path.open("ab") as file:
            file.write(TORN)
    return journal(agent)


def view(agent: Agent) -> dict[str, Any]:
    """What the page at a seat shows."""
    browser = Browser(Path(agent.launch_file), threading.Event())
    try:
        found: dict[str, Any] = browser.call("/api/view?after=-1")
        return found
    finally:
        browser.close()


def paced(play: Play, entrants: list[Any], seconds: float) -> dict[str, Any]:
    """A plan for candidates who answer every so many seconds and hand in."""
    plan = play.candidates_plan(entrants)
    for seat in plan["seats"]:
        seat["pace_seconds"] = seconds
    return plan


def last_item(play: Play, attempt: int) -> str:
    """The question that was answered last in the server's stream of an attempt."""
    engine = make_engine(play.hall.host.settings.answers_url)
    table = answer_events.c
    query = (
        select(table.item)
        .where(table.attempt == attempt, table.kind.in_(["answer", "clear"]))
        .order_by(table.journal.desc(), table.seq.desc())
    )
    with engine.connect() as connection:
        found = str(connection.execute(query).scalars().first())
    engine.dispose()
    return found


def deadline_of(play: Play, attempt: int) -> float:
    """Minutes of credit of an attempt."""
    with play.hall.host.db.read() as session:
        return float(session.get_one(Attempt, attempt).credit_minutes)


def record_lines(play: Play) -> list[tuple[str, str]]:
    """Seat and text of what the room's record tells of seats and time."""
    with play.hall.host.db.read() as session:
        found = room_record.document(
            session, play.stage.room_sitting, now=play.hall.host.now(), zone=ZoneInfo("Asia/Shanghai")
        )
    return [(line["seat"], line["text"]) for line in found["data"]["events"]]


@pytest.mark.long
def test_scenario_20_power_to_a_row_is_cut_for_six_minutes(staged_play: Staging) -> None:
    play = staged_play(seats=4, seconds=20)
    mover, stays, *others = play.stage.entrants
    (spare,) = play.stage.spare_seats()
    play.simulated = tuple(others)
    play.start_agents([mover.seat, stays.seat, spare])
    row = start_candidates(play.hall.fleet, play.candidates_plan([mover, stays]), name="row")
    play.seat_everybody()
    play.run(until=lambda: {seat_state(play, one.seat) for one in (mover, stays)} == {"ready"})
    play.start()
    play.run(until=passing(4))
    row.kill()
    on_disk = {one.seat: cut_power(play.agents[one.seat]) for one in (mover, stays)}
    assert all(len(records) >= 3 for records in on_disk.values())
    play.run(until=passing(1))

    # Moved: the same question, the time that is left, every answer that had been given.
    attempt = int(str(on_disk[mover.seat][0]["attempt"]))
    before = seat_state(play, spare)
    move(play.shift, play, mover.seat, spare)
    assert before != "answering"
    play.run(until=lambda: view(play.agents[spare]).get("paper") == "open")
    seen = view(play.agents[spare])
    assert seen["step"] == "answering"
    assert seen["resume"] == last_item(play, attempt)
    given = {str(record["item"]) for record in on_disk[mover.seat] if record["kind"] == "answer"}
    missing = {place(record) for record in on_disk[mover.seat]} - stored(play)
    assert len(given - set(seen["answers"])) <= len(missing)
    assert 0 < seen["time"]["remaining"] < 16

    # Six minutes only with the chief's signature.
    seat = play.stage.seats[spare]
    fields = [("minutes", "6"), ("reason", "断电 6 分钟"), ("once", "0" * 32)]
    with pytest.raises(StaffRefused):
        play.shift.invigilator.post(f"/monitor/{play.stage.room_sitting}/seats/{seat}/add_time", fields)
    assert deadline_of(play, attempt) == 0
    play.shift.add_time("6", seat=seat)
    assert deadline_of(play, attempt) == 6
    moved = replace(mover, seat=spare)
    start_candidates(play.hall.fleet, paced(play, [moved], 0.2), name="moved")

    # The power is back: the row's machines return with what was on their disks.
    for one in (mover, stays):
        restart_agent(play.hall.fleet, play.agents[one.seat])
    start_candidates(play.hall.fleet, paced(play, [stays], 0.2), name="back")
    play.run()
    play.run(until=lambda: seat_state(play, spare) in ("submitted", "auto_submitted"))
    play.finish()
    report = play.report()
    assert_whole(report, seats=4)
    in_the_end = stored(play)
    for records in on_disk.values():
        assert {place(record) for record in records} <= in_the_end  # up to the last keystroke
    for one in (mover, stays):
        assert journal(play.agents[one.seat])[: len(on_disk[one.seat])] == on_disk[one.seat]
    lines = record_lines(play)
    assert any(seat == spare and f"{mover.seat} 号换到 {spare} 号" in text for seat, text in lines)
    assert any(seat == spare and "补时 6 分钟" in text for seat, text in lines)
    with play.hall.host.db.read() as session:
        (credit,) = session.scalars(select(TimeCredit)).all()
        assert credit.cosigned_by is not None


def test_scenario_21_the_switch_dies_and_nobody_notices(staged_play: Staging) -> None:
    play = staged_play(seats=4, seconds=24)
    wire = Wire(play.hall.address.parts)
    try:
        through = replace(play.hall.address, url=f"https://127.0.0.1:{wire.port}")
        seats = [entrant.seat for entrant in play.stage.entrants]
        for seat in seats:
            play.agents[seat] = start_agent(play.hall.fleet, through, seat, play.stage.codes[seat])
        play.enter()
        play.start()
        play.run(until=passing(4))
        before = {seat: len(journal(play.agents[seat])) for seat in seats}
        wire.cut()
        play.run(until=passing(2))
        went_on, late = (
            (lambda: all(len(journal(play.agents[seat])) > before[seat] for seat in seats)),
            passing(60),
        )
        play.run(until=lambda: went_on() or late())
        assert went_on()
        play.run(until=lambda: {card["link"] for card in play.monitor.cards()} == {"lost"})
        cards = play.monitor.cards()
        assert all(card["link_since"] for card in cards)
        assert play.monitor.board["counts"]["lost"] == 4
        unsent = {place(record) for seat in seats for record in journal(play.agents[seat])} - stored(play)
        assert len(unsent) >= 4
        wire.mend()
        play.run()
        play.finish()
    finally:
        wire.close()
    report = play.report()
    assert_whole(report, seats=4)
    assert report.recorded == report.acknowledged
    assert unsent < stored(play)
    for seat in seats:  # in order, none lost, none doubled
        mine = [place(record) for record in journal(play.agents[seat])]
        assert mine == sorted(set(mine))
        assert set(mine) <= stored(play)


@pytest.mark.long
def test_scenario_22_the_server_is_killed_at_half_time_and_comes_back(staged_play: Staging) -> None:
    play = staged_play(seats=4, seconds=16)
    play.seat_everybody()
    play.start()
    play.run(until=passing(7))
    before = ends_at(play)
    kept = stored(play)
    assert play.hall.server is not None
    play.hall.server.kill()
    time.sleep(2)
    play.hall.serve()
    # Nobody touches the monitor: it hears of the room again by itself, with the same end.
    play.run(until=lambda: len(stored(play)) > len(kept) and fresh(play))
    assert ends_at(play) == before
    play.run()
    play.finish()
    report = play.report()
    assert_whole(report, seats=4)
    assert kept < stored(play)
    assert report.recorded == report.acknowledged


def fresh(play: Play) -> bool:
    """Whether the monitor shows every seat linked again."""
    cards = play.monitor.cards()
    return bool(cards) and all(card["link"] == "up" for card in cards)
