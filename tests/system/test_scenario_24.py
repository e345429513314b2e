"""Scenario 24: what a candidate does to the workstation is at the right seat within 3 s and moves no time.

A real server, four real agents, each with a machine of its own that the test changes, and a real monitor.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from exam_rooms.pace import HINT_MOST, silence
from server.cli.rehearse.fleet import POLITE, Agent
from server.cli.rehearse.play import Play
from server.cli.rehearse.stage import Entrant
from server.cli.rehearse.watch import Monitor
from server.db.sittings import Incident
from tests.client.conftest import PageClient
from tests.client.test_warden_signs import plug, put, run
from tests.system.agents_kit import restart_agent
from tests.system.proxy import Wire
from tests.system.watched_agent import machine_of

pytestmark = [pytest.mark.system, pytest.mark.walk]
LIMIT = 3.0
LOST = ("network unplugged", "agent killed")
"""Seconds from the deed to the invigilator's screen, on a machine that does nothing else (`make test-long`)."""
PATIENCE = silence(HINT_MOST) + 10
"""A server that is short of time tells a silence later, by design; how late is printed."""


class Feed(Monitor):
    """A monitor that notes when each line came, on the clock of `time.monotonic`."""

    def __init__(self, play: Play) -> None:
        self.lines: list[tuple[float, str, int]] = []
        super().__init__(play.shift.invigilator, play.stage.room_sitting, play.hall.ca_file)

    def _took_line(self, line: dict[str, Any]) -> None:
        self.lines.append((time.monotonic(), line["code"], line["seat"]))


@dataclass
class Seat:
    """One workstation with its candidate's page."""

    play: Play
    entrant: Entrant
    agent: Agent
    page: PageClient | None = None
    wire: Wire | None = None

    @property
    def number(self) -> str:
        return self.entrant.seat

    @property
    def machine(self) -> Path:
        return machine_of(self.agent.folder)

    def open_page(self) -> PageClient:
        url = self.agent.launch_file.read_text().strip()
        self.page = PageClient(url).launch()
        return self.page

    def view(self) -> dict[str, Any]:
        assert self.page is not None
        return self.page.view()

    def enter(self) -> None:
        page = self.open_page()
        page.until(lambda view: view["step"] == "sign_in" and view["link"]["up"])
        asked = {"ticket": self.entrant.ticket, "id_number": self.entrant.id_number}
        assert page.call("/api/sign-in", asked)[0] == 200
        self.until_step("admitted")
        assert page.call("/api/confirm", {"is_me": True})[0] == 200
        body = {"rules_version": page.view()["sitting"]["rules_version"], "face_consent": True}
        assert page.call("/api/accept", body)[0] == 200
        self.until_step("ready")

    def until_step(self, step: str) -> None:
        self.play.run(until=lambda: self.view()["step"] == step)


@dataclass
class Deeds:
    """What was done, and how long until the monitor had it at that seat."""

    feed: Feed
    play: Play
    took: dict[str, float] = field(default_factory=dict)

    def do(self, name: str, seat: Seat, code: str, deed: Callable[[], object]) -> None:
        known = len(self.feed.lines)
        began = time.monotonic()
        deed()
        seat_id = self.play.stage.seats[seat.number]
        while time.monotonic() < began + PATIENCE:
            for moment, told, where in self.feed.lines[known:]:
                if told == code:
                    assert where == seat_id, f"{name}: at another seat"
                    self.took[name] = moment - began
                    return
            time.sleep(0.02)
        raise AssertionError(f"{name}: {code} was never told; {self.feed.lines[known:]}")


def start_watched(play: Play, entrant: Entrant, wire: Wire | None = None) -> Seat:
    """A watched agent; its network goes through `wire` if there is one."""
    fleet, seat = play.hall.fleet, entrant.seat
    url = f"https://127.0.0.1:{wire.port}" if wire else play.hall.address.url
    folder = fleet.folder / "seats" / seat
    folder.mkdir(parents=True, mode=0o700)
    where = ("--data", str(folder), "--server", url, "--pair", play.stage.codes[seat])
    arguments = ("-m", "tests.system.watched_agent", *where, "--no-browser", "--log-level", "warning")
    agent = Agent(seat, folder, arguments, fleet.start(f"seat-{seat}", arguments, python=POLITE))
    put(machine_of(agent.folder) / "sys/class/drm/card0-HDMI-A-1/status", "connected\n")
    put(machine_of(agent.folder) / "sys/class/drm/card0-HDMI-A-1/enabled", "enabled\n")
    plug(machine_of(agent.folder), "1-1", "03", ids="046d:c31c")
    play.agents[entrant.seat] = agent
    play.run(until=lambda: agent.up)
    return Seat(play, entrant, agent, wire=wire)


@contextmanager
def second_window(seat: Seat) -> Iterator[None]:
    """Another window of the exam beside the page that waits for its next view."""
    assert seat.page is not None
    here = seat.page
    waiting = PageClient(seat.agent.launch_file.read_text().strip())
    waiting.headers = dict(here.headers)
    waiting._connection.request("GET", f"/api/view?after={here.view()['version']}", headers=waiting.headers)
    time.sleep(0.3)
    yield
    waiting.close()


def ends(seats: list[Seat]) -> dict[str, tuple[float, float]]:
    """Between which moments each seat's time is over, on this machine's own clock: asking takes a while."""
    found = {}
    for seat in seats:
        before = time.monotonic()
        remaining = seat.view()["time"]["remaining"]
        found[seat.number] = (before + remaining, time.monotonic() + remaining)
    return found


@pytest.mark.parametrize(
    ("limit", "drift"),
    [
        pytest.param(PATIENCE, 1.0, id="in any time"),
        pytest.param(LIMIT, 0.25, id="in three seconds", marks=pytest.mark.long),
    ],
)
def test_scenario_24_the_candidate_works_at_the_workstation_itself(
    staged_play: Callable[..., Play], capsys: pytest.CaptureFixture[str], limit: float, drift: float
) -> None:
    play = staged_play(seats=4, seconds=150)
    play.simulated = ()
    wire = Wire(play.hall.address.parts)
    feed = Feed(play)
    try:
        one, two, three, four = seats = [
            start_watched(play, entrant, wire if place == 3 else None)
            for place, entrant in enumerate(play.stage.entrants)
        ]
        for seat in seats:
            seat.enter()
        play.start()
        for seat in seats:
            seat.until_step("answering")
        feed.connect()
        deeds, due = Deeds(feed, play), ends(seats)

        deeds.do("USB stick", one, "incident_usb_device", lambda: plug(one.machine, "1-2", "08"))
        deeds.do(
            "clock set forward",
            two,
            "incident_seat_clock_step",
            lambda: put(two.machine / "wall-offset", "3600"),
        )
        deeds.do(
            "another window in front",
            two,
            "incident_focus_lost",
            lambda: two.page and two.page.call("/api/sign", {"kind": "focus_lost", "ended": False}),
        )
        with second_window(one):
            deeds.do("second page", one, "incident_second_page", one.open_page)
        deeds.do(
            "forbidden program", two, "incident_forbidden_process", lambda: run(two.machine, 7, "AnyDesk")
        )
        two.until_step("frozen")
        assert two.page is not None and two.page.call("/api/paper")[0] == 409
        deeds.do("network unplugged", four, "incident_link_lost", wire.cut)
        plug(four.machine, "1-2", "08")  # while nobody hears of it
        deeds.do("agent killed", three, "incident_link_lost", three.agent.process.kill)
        deeds.do(
            "agent started again",
            three,
            "incident_agent_restarted",
            lambda: restart_agent(play.hall.fleet, three.agent),
        )
        three.play.run(until=lambda: three.agent.launch_file.exists())
        deeds.do("network back", four, "incident_usb_device", wire.mend)

        with capsys.disabled():
            lines = [f"  {name:26} {seconds:5.2f}\n" for name, seconds in deeds.took.items()]
            sys.stdout.write("\nscenario 24, deed to monitor in seconds:\n" + "".join(lines))
        three.open_page()
        three.until_step("answering")
        for number, (earliest, latest) in ends(seats).items():
            first, last = due[number]
            assert earliest - drift <= last and first <= latest + drift, (
                f"the time of seat {number} has moved"
            )
        # A process and a connection come up first; a server with a load hint waits longer for a lost line.
        slow = ("agent started again", "network back", *LOST)
        assert {name: took for name, took in deeds.took.items() if took >= limit and name not in slow} == {}
        assert_incidents(play, seats)
    finally:
        feed.close()
        wire.close()


def assert_incidents(play: Play, seats: list[Seat]) -> None:
    """Each at the seat where it happened, and nothing anywhere else."""
    numbers = {play.stage.seats[seat.number]: place for place, seat in enumerate(seats, 1)}
    with play.hall.host.db.read() as session:
        rows = session.query(Incident).filter_by(room_sitting_id=play.stage.room_sitting).all()
        found = sorted((numbers[row.seat_id or 0], row.kind) for row in rows)
    assert found == [
        (1, "SECOND_PAGE"),
        (1, "USB_DEVICE"),
        (2, "FOCUS_LOST"),
        (2, "FORBIDDEN_PROCESS"),
        (2, "SEAT_CLOCK_STEP"),
        (3, "AGENT_RESTARTED"),
        (3, "LINK_LOST"),
        (4, "LINK_LOST"),
        (4, "USB_DEVICE"),
    ]
