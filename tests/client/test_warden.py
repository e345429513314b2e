"""The warden on a folder instead of a machine: what it tells, of whom, and what a restart changes."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from client.agent import Agent
from client.evidence import Evidence
from client.page_signs import PageSigns
from client.seat import PageRefused
from client.warden import MEMORY_FILE, Premises, Warden, WardenMemory
from client.warden_signs import Clocks
from exam_rooms.incidents import IncidentKind
from exam_rooms.kiosk_messages import BreachNote, BreachRequest, KioskPlan, KioskReport, Lockdown
from exam_rooms.protocol import Route, SeatState, Step
from tests.client.test_warden_signs import plug, put, run

KEY = bytes(32)
NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
STATE = SeatState(
    version=1,
    server_time=NOW,
    seat="12",
    step=Step.ANSWERING,
    attempt=7,
    kiosk=KioskPlan(forbidden=("anydesk*",), grace={"FOCUS_LOST": 1.0}),
)


class Seat:
    """What the warden needs of an agent: it hears of states and is woken."""

    def __init__(self) -> None:
        self.listeners: list[Callable[[SeatState], None]] = []
        self.woken = 0
        self.kiosk = KioskReport()

    def evidence_waits(self) -> None:
        self.woken += 1

    def show(self, state: SeatState) -> None:
        for listen in self.listeners:
            listen(state)


class Bench:
    """A warden, the machine that it looks at, and its clocks."""

    def __init__(self, folder: Path, boot_id: str = "boot-1", *, shared: bool = False) -> None:
        self.root = folder / "root"
        self.clocks = Clocks(1e9, 1000.0, 900.0)
        self.seat = Seat()
        self.evidence = Evidence(folder / "evidence", KEY)
        premises = Premises(boot_id, self.root, lambda: self.clocks, shared)
        memory = WardenMemory(folder / "evidence", KEY)
        self.warden = Warden(cast("Agent", self.seat), self.evidence, memory, premises)

    def sit(self, **changes: object) -> "Bench":
        self.seat.show(replace(STATE, **changes))
        return self.look()

    def look(self, seconds: float = 0.5, *, wall: float = 0.0, asleep: float = 0.0) -> "Bench":
        old = self.clocks
        self.clocks = Clocks(old.wall + seconds + wall, old.boot + seconds, old.monotonic + seconds - asleep)
        self.warden.look()
        return self

    def requests(self) -> list[BreachRequest]:
        """Everything in the queue; it is empty afterwards."""
        found: list[BreachRequest] = []
        while news := self.evidence.next_news(Route.BREACHES):
            found.append(cast("BreachRequest", news.message))
            self.evidence.news_taken(news.number, ())
        return found

    def notes(self) -> list[BreachNote]:
        return [note for request in self.requests() for note in request.notes]

    def told(self) -> list[tuple[str, str]]:
        """Kind and detail; an end is marked."""
        return [(("-" if note.ended else "") + note.kind, note.detail) for note in self.notes()]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    plug(tmp_path / "root", "1-1", "03", ids="046d:c31c")  # the keyboard that belongs there
    put(tmp_path / "root/sys/class/drm/card0-HDMI-A-1/status", "connected\n")
    put(tmp_path / "root/sys/class/drm/card0-HDMI-A-1/enabled", "enabled\n")
    return Bench(tmp_path)


def unplug(root: Path, port: str) -> None:
    folder = root / "sys/bus/usb/devices"
    for path in folder.glob(f"{port}*"):
        for file in path.iterdir():
            file.unlink()
        path.rmdir()


def test_an_ordinary_workstation_gives_no_sign(bench: Bench) -> None:
    bench.sit().look().look()
    assert bench.told() == []


def test_a_stick_that_is_plugged_in_and_taken_out(bench: Bench) -> None:
    bench.sit()
    plug(bench.root, "1-2", "08")
    bench.look()
    unplug(bench.root, "1-2")
    bench.look()
    begun, ended = bench.notes()
    assert (begun.kind, begun.detail) == ("USB_DEVICE", "storage 0781:5567")
    assert (ended.ref, ended.ended) == (begun.ref, True)
    assert bench.seat.woken == 2


def test_a_stick_that_was_there_at_the_sign_in_is_told_and_a_keyboard_is_not(bench: Bench) -> None:
    plug(bench.root, "1-2", "08")
    bench.look().look()
    assert bench.told() == []  # nobody sits there
    bench.sit(step=Step.IDENTIFIED)
    assert bench.told() == [("USB_DEVICE", "storage 0781:5567")]


def test_another_keyboard_in_mid_sitting_is_told(bench: Bench) -> None:
    bench.sit()
    unplug(bench.root, "1-1")
    bench.look()
    plug(bench.root, "1-1", "03", ids="046d:c31c")
    bench.look()
    assert bench.told() == [("USB_DEVICE", "input 046d:c31c")]


def test_programs_screens_and_machines(bench: Bench) -> None:
    put(bench.root / "sys/class/dmi/id/product_name", "VirtualBox\n")
    bench.sit()
    assert bench.told() == [("VIRTUAL_MACHINE", "VirtualBox")]
    run(bench.root, 77, "AnyDesk")
    put(bench.root / "sys/class/drm/card0-DP-1/status", "connected\n")
    put(bench.root / "sys/class/drm/card0-DP-1/enabled", "disabled\n")
    bench.look()
    assert bench.told() == [
        ("FORBIDDEN_PROCESS", "anydesk")
    ]  # plugged in and dark: no paper is covered for it
    put(bench.root / "sys/class/drm/card0-DP-1/enabled", "enabled\n")
    bench.look()
    assert bench.told() == [("SECOND_SCREEN", "2")]
    (bench.root / "proc/77/comm").write_text("vi\n")
    put(bench.root / "sys/class/drm/card0-DP-1/status", "disconnected\n")
    bench.look()
    assert bench.told() == [("-SECOND_SCREEN", "2"), ("-FORBIDDEN_PROCESS", "anydesk")]


def test_displays_that_x_lit_before_the_launchers_first_look_cover_no_paper(bench: Bench) -> None:
    put(bench.root / "sys/class/drm/card0-DP-1/status", "connected\n")
    put(bench.root / "sys/class/drm/card0-DP-1/enabled", "enabled\n")
    bench.seat.kiosk = KioskReport(Lockdown.OPEN, ("starting",))
    bench.sit()
    assert bench.told() == []
    bench.seat.kiosk = KioskReport(Lockdown.LOCKED, screens=2)  # it could not switch the second one off
    bench.look()
    assert bench.told() == [("SECOND_SCREEN", "2")]


def test_a_display_that_only_the_launcher_counts_is_a_second_screen(bench: Bench) -> None:
    bench.sit()
    bench.seat.kiosk = KioskReport(Lockdown.LOCKED, screens=2)
    bench.look()
    bench.seat.kiosk = KioskReport(Lockdown.LOCKED, screens=1)
    bench.look()
    assert bench.told() == [("SECOND_SCREEN", "2"), ("-SECOND_SCREEN", "2")]


def test_a_policy_that_forbids_no_program_looks_at_none(bench: Bench) -> None:
    run(bench.root, 77, "AnyDesk")
    bench.sit(kiosk=KioskPlan())
    assert bench.told() == []


def test_clocks_that_are_set_and_machines_that_sleep(bench: Bench) -> None:
    bench.sit()
    bench.look(wall=3600).look(wall=-86400).look(901, asleep=900).look(wall=1.5)
    assert bench.told() == [
        ("SEAT_CLOCK_STEP", "+3600 s"),
        ("SEAT_CLOCK_STEP", "-86400 s"),
        ("SEAT_SUSPENDED", "900 s"),
    ]


def test_on_a_machine_that_several_agents_share_only_its_own_signs_count(tmp_path: Path) -> None:
    bench = Bench(tmp_path, shared=True)
    plug(bench.root, "1-2", "08")
    run(bench.root, 77, "AnyDesk")
    put(bench.root / "sys/class/dmi/id/product_name", "VirtualBox\n")
    bench.sit().look(wall=60)
    bench.warden.noticed(IncidentKind.SECOND_PAGE)
    assert bench.told() == [("SEAT_CLOCK_STEP", "+60 s"), ("SECOND_PAGE", "")]


def test_what_others_notice_is_told_at_once_or_after_its_grace(bench: Bench) -> None:
    bench.sit()
    bench.warden.noticed(IncidentKind.KIOSK_OPEN, "printing")
    assert bench.told() == [("KIOSK_OPEN", "printing")]
    bench.warden.noticed(IncidentKind.FOCUS_LOST)
    bench.look(0.5)
    bench.warden.noticed(IncidentKind.FOCUS_LOST, ended=True)
    assert bench.told() == []
    bench.warden.noticed(IncidentKind.FOCUS_LOST)
    bench.look(0.5).look(0.5)
    assert bench.told() == [("FOCUS_LOST", "")]
    bench.warden.noticed(IncidentKind.FOCUS_LOST, ended=True)
    assert bench.told() == [("-FOCUS_LOST", "")]


def test_what_lasts_before_the_sign_in_is_told_then_and_what_has_happened_is_not(bench: Bench) -> None:
    bench.warden.noticed(IncidentKind.KIOSK_OPEN, "printing")
    bench.warden.noticed(IncidentKind.BROWSER_RESTARTED)
    bench.look()
    assert bench.told() == []
    bench.sit()
    assert bench.told() == [("KIOSK_OPEN", "printing")]


def test_breaches_belong_to_who_sits_there(bench: Bench) -> None:
    plug(bench.root, "1-2", "08")
    bench.sit()
    bench.sit(step=Step.SUBMITTED)
    bench.sit(attempt=8, step=Step.IDENTIFIED)
    told = [(request.attempt, note.ended) for request in bench.requests() for note in request.notes]
    assert told == [(7, False), (7, True), (8, False)]


@pytest.mark.parametrize("step", [step for step in Step if step not in ("answering", "ready", "identified")])
def test_only_while_somebody_sits_there(bench: Bench, step: Step) -> None:
    plug(bench.root, "1-2", "08")
    bench.sit(step=step)
    working = step in (Step.ADMITTED, Step.CONFIRMED)
    assert bool(bench.told()) is working


@pytest.mark.parametrize(("boot_id", "kind"), [("boot-1", "AGENT_RESTARTED"), ("boot-2", "SEAT_REBOOTED")])
def test_a_restart_in_mid_sitting(bench: Bench, tmp_path: Path, boot_id: str, kind: str) -> None:
    plug(bench.root, "1-2", "08")
    bench.sit()
    (before,) = bench.notes()
    again = Bench(tmp_path, boot_id)
    plug(again.root, "1-3", "03", ids="dead:beef")  # plugged in while nobody looked
    again.sit()
    assert again.told() == [(kind, ""), ("USB_DEVICE", "input dead:beef")]
    unplug(again.root, "1-2")
    again.look()
    (ended,) = again.notes()
    assert (ended.ref, ended.ended, ended.boot_id) == (before.ref, True, boot_id)


def test_a_restart_between_two_candidates_is_no_breach(bench: Bench, tmp_path: Path) -> None:
    bench.sit().sit(step=Step.SUBMITTED)
    again = Bench(tmp_path)
    again.sit(attempt=8)
    assert again.told() == []


def test_after_a_restart_the_page_says_anew_that_it_is_not_in_front(bench: Bench, tmp_path: Path) -> None:
    bench.sit(kiosk=KioskPlan())
    bench.warden.noticed(IncidentKind.FOCUS_LOST)
    bench.told()
    again = Bench(tmp_path)
    again.sit()
    assert again.told() == [("AGENT_RESTARTED", ""), ("-FOCUS_LOST", "")]


@pytest.mark.parametrize("content", [b"", b"garbage", bytes(200)])
def test_a_memory_that_cannot_be_read_is_no_memory(bench: Bench, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "evidence" / MEMORY_FILE).write_bytes(content)
    again = Bench(tmp_path)
    again.sit()
    assert again.told() == []


def test_notes_outlive_the_process_and_stay_in_order(bench: Bench, tmp_path: Path) -> None:
    bench.sit()
    bench.warden.noticed(IncidentKind.SECOND_PAGE)
    bench.warden.noticed(IncidentKind.BROWSER_RESTARTED)
    names = (tmp_path / "evidence").glob("*.news")
    assert all(b"SECOND_PAGE" not in path.read_bytes() for path in names)
    assert Bench(tmp_path).told() == [("SECOND_PAGE", ""), ("BROWSER_RESTARTED", "")]


def test_many_threads_may_notice_at_once_and_all_is_counted(bench: Bench) -> None:
    bench.sit()
    threads = [
        threading.Thread(target=bench.warden.noticed, args=(IncidentKind.SECOND_PAGE,)) for _ in range(40)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bench.look(61)
    assert sum(note.count for note in bench.notes()) == 40


def test_a_fault_in_looking_ends_in_the_log_and_looking_goes_on(
    bench: Bench, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("client.warden.PACE_SECONDS", 0.01)
    bench.seat.show(STATE)
    broken = threading.Event()
    whole = bench.warden._premises.clocks
    faults = iter([True, True, False])

    def clocks() -> Clocks:
        if next(faults, False):
            raise OSError("no clock")
        broken.set()
        return whole()

    object.__setattr__(bench.warden._premises, "clocks", clocks)
    bench.warden.start()
    assert broken.wait(60)
    bench.warden.stop()
    assert [line.getMessage() for line in caplog.records] == ["warden: OSError"]


# What the page tells of itself


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"kind": "second_page"}, [("SECOND_PAGE", "")]),
        ({"kind": "second_page", "ended": False}, [("SECOND_PAGE", "")]),
        ({"kind": "focus_lost", "ended": True}, []),
    ],
)
def test_a_sign_of_the_page(bench: Bench, body: dict[str, object], told: list[tuple[str, str]]) -> None:
    bench.sit()
    PageSigns(bench.warden).take_act(body)
    assert bench.told() == told


@pytest.mark.parametrize(
    "body", [{}, {"kind": "USB_DEVICE"}, {"kind": ["focus_lost"]}, {"kind": "focus_lost", "ended": "no"}]
)
def test_a_page_cannot_tell_anything_else(bench: Bench, body: dict[str, object]) -> None:
    bench.sit()
    with pytest.raises(PageRefused):
        PageSigns(bench.warden).take_act(body)
    assert bench.told() == []
