"""A covered paper that is shown again by the PIN: here at once, told when there is a link, kept on the disk."""

import base64
import random
from dataclasses import replace
from typing import cast

import pytest

from client.agent import Agent, Parts
from client.board import Board
from client.books import Books
from client.clock import ServerClock
from client.device import DataFolder
from client.evidence import Evidence
from client.exchange import Credentials, StateSeen
from client.link import Link
from client.outbox import Outbox
from client.paper import Shelf
from client.pin import PinGate
from client.release import ReleaseAct
from client.seat import PageRefused, Seat, Surroundings
from exam_rooms.kiosk_messages import BreachRequest, FreezeView, KioskPlan, SeatRelease
from exam_rooms.pins import hashed_pin
from exam_rooms.protocol import ZERO_HEAD, JournalReply, Route, SeatState, Step
from tests.client.books_kit import NOW

SECRET = bytes(range(32))
PIN = "1234 5678"
COVER = FreezeView("SECOND_SCREEN", NOW)
STATE = SeatState(
    version=1,
    server_time=NOW,
    seat="12",
    step=Step.ANSWERING,
    attempt=7,
    journal=1,
    frozen=COVER,
    kiosk=KioskPlan(pin=hashed_pin("u", "12345678", bytes(16))),
)


class Bench:
    """An agent without link in a folder; making another one in it is a restart."""

    def __init__(self, folder: DataFolder) -> None:
        outbox = Outbox()
        self.books = Books(folder, SECRET, outbox, lambda: ("boot", 1))
        self.evidence = Evidence(folder.evidence, SECRET)
        link = Link(Credentials(3, lambda data: b"", "1"), outbox, random.Random(1), self.evidence)
        self.seat = Seat(ServerClock("boot"), outbox)
        self.seat.around = Surroundings(paired=True)
        board = Board(self.seat, lambda: 50.0)
        shelf = Shelf(folder.packages, bytes(32))
        self.agent = Agent(Parts(board, self.books, link, outbox, shelf, bytes(32), "boot"))
        gate = PinGate()
        self.agent.listeners.append(gate.take_state)
        self.act = ReleaseAct(self.agent, self.evidence, gate, "boot")

    def hears(self, state: SeatState = STATE) -> "Bench":
        self.agent.handle([StateSeen(state)])
        return self

    @property
    def step(self) -> str:
        return self.seat.step(50.0)

    def refused(self, pin: object = PIN) -> str:
        with pytest.raises(PageRefused) as refusal:
            self.act.take_act({"pin": pin})
        return refusal.value.code


@pytest.fixture
def bench(folder: DataFolder) -> Bench:
    made = Bench(folder)
    made.books.grant(JournalReply(7, 1, ZERO_HEAD, base64.b64encode(bytes(32)).decode()))
    return made.hears()


def waiting(bench: Bench) -> list[BreachRequest]:
    return list(bench.evidence.about(BreachRequest, 7))


def test_the_pin_shows_the_paper_at_once_and_the_server_will_hear_of_it(bench: Bench) -> None:
    assert bench.step == "frozen"
    bench.act.take_act({"pin": PIN})
    assert bench.step == "answering"
    told = SeatRelease("SECOND_SCREEN", NOW, "boot", 50 * 10**9)
    assert waiting(bench) == [BreachRequest(7, (), told)]
    news = bench.evidence.next_news(Route.BREACHES)
    assert news is not None and cast("BreachRequest", news.message).release == told


@pytest.mark.parametrize(
    ("pin", "code"), [("87654321", "quit_wrong_pin"), ("", "quit_wrong_pin"), (None, "bad_request")]
)
def test_without_the_pin_it_stays_covered(bench: Bench, pin: object, code: str) -> None:
    assert bench.refused(pin) == code
    assert (bench.step, waiting(bench)) == ("frozen", [])


def test_the_servers_old_word_does_not_cover_it_again_and_a_new_cover_does(bench: Bench) -> None:
    bench.act.take_act({"pin": PIN})
    bench.hears(replace(STATE, version=2))
    assert (bench.step, bench.refused()) == ("answering", "not_frozen")
    bench.hears(replace(STATE, version=3, frozen=replace(COVER, kind="FORBIDDEN_PROCESS")))
    assert bench.step == "frozen"
    bench.act.take_act({"pin": PIN})
    assert (bench.step, len(waiting(bench))) == ("answering", 2)


def test_a_restart_without_link_keeps_it_released(bench: Bench, folder: DataFolder) -> None:
    bench.act.take_act({"pin": PIN})
    bench.agent.close()
    again = Bench(folder)
    again.agent.wake_up()
    assert (again.step, len(waiting(again))) == ("answering", 1)
    again.hears()
    assert again.step == "answering"
