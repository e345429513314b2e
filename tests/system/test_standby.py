"""A standby takes over in mid-exam: two real servers, three real agents that answer all the time.

Nothing acknowledged is lost, nothing doubled, every chain holds, and the seats answer again within seconds.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from exam_rooms.standby_messages import ServerState
from server.cli.drill.pair import Twin, standby_of
from server.cli.drill.room import Order
from server.cli.drill.schedule import Kinds
from server.cli.drill.takeover import SEATS as TAKEOVER_SEATS
from server.cli.drill.takeover import TAKEOVER, taken_over
from server.cli.rehearse.crew import Names, hire
from server.cli.rehearse.fleet import await_, counted
from server.cli.rehearse.hall import POSTGRES, SQLITE, private_hall
from server.cli.rehearse.play import Play
from server.cli.rehearse.stage import Wish, fictional_people, staff_needed, stage_sitting
from server.jobs.primary import Pairing, Primary
from server.services import shipping_postgres

pytestmark = [pytest.mark.system, pytest.mark.walk]
SEATS = 3
BACK_SECONDS = 40.0
"""Ten on a machine that does nothing else (docs/standby.md has the figures)."""
PACE_SECONDS = 0.3
NEWEST = "SELECT attempt, max(received_ns) FROM answer_events GROUP BY attempt"


@dataclass
class Exam:
    """A sitting in which everybody answers, and its two servers."""

    play: Play
    twin: Twin

    def newest(self) -> dict[int, int]:
        """By attempt, when the standby took its newest record (ns), once it serves."""
        if self.twin.stores:
            with psycopg.connect(self.twin.stores[POSTGRES].url) as store:
                return dict(store.execute(NEWEST).fetchall())
        file = self.twin.settings.data / "answers.db"
        if not file.exists():
            return {}
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as store:
            return dict(store.execute(NEWEST))

    def await_seats(self, began_ns: int) -> None:
        """Until every seat's answers reach the standby."""
        assert self.twin.process is not None
        everybody: Callable[[], bool] = lambda: (  # noqa: E731 - read once, here
            sum(moment > began_ns for moment in self.newest().values()) == SEATS
        )
        await_(everybody, BACK_SECONDS, self.twin.process)

    def counted(self) -> dict[str, Any]:
        """The agents' journals held against the standby's store, after the last answer."""
        assert self.play.candidates is not None
        self.play.candidates.kill()
        time.sleep(2.0)  # what is under way arrives
        plan = {
            "answers_url": self.twin.settings.answers_url,
            "attempts": sorted(self.newest()),
            "folders": [str(agent.folder) for agent in self.play.agents.values()],
        }
        return counted(self.play.hall.fleet, plan)


@pytest.fixture
def exam(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Exam]:
    takeover, store, workers = getattr(request, "param", ("person", SQLITE, 1))
    with ExitStack() as stack:
        hall = stack.enter_context(private_hall(tmp_path / "hall", store=store, workers=workers))
        twin = stack.enter_context(standby_of(hall, takeover=takeover))
        crew = hire(hall.host, Names("t-", "T"), invigilators=staff_needed(SEATS))
        wish = Wish("x", fictional_people(SEATS), Decimal(60), "seed", timedelta(minutes=10))
        staged = stage_sitting(hall.host, crew, wish, told=lambda *_: None)
        play = stack.enter_context(Play(hall, crew, staged, told=lambda _line: None))
        hall.serve()
        twin.pair()
        twin.start()
        play.prepare()
        play.start_agents([entrant.seat for entrant in play.simulated])
        plan = play.candidates_plan(play.simulated)
        for seat in plan["seats"]:
            seat["pace_seconds"] = PACE_SECONDS
        play.candidates_plan = lambda _entrants: plan  # type: ignore[method-assign]
        play.enter()
        play.start()
        play.run(until=lambda: all(card["answered"] > 2 for card in play.monitor.cards()))
        yield Exam(play, twin)


def test_a_takeover_in_a_room_of_its_own_loses_nothing() -> None:
    """What `examhall drill faults` plays, once: the short case."""
    report = taken_over(Order(1, 2, "short", lambda _line: None, Kinds((), ())), 0)
    fault = report.found.by_fault[TAKEOVER]
    assert report.whole, report.to_json()
    assert (fault.tried, fault.survived, fault.seconds.total()) == (1, 1, TAKEOVER_SEATS)
    assert report.found.acknowledged > TAKEOVER_SEATS and fault.share(1.0) < BACK_SECONDS


@pytest.mark.long
def test_a_killed_server_is_replaced_and_nothing_acknowledged_is_lost(exam: Exam) -> None:
    assert exam.twin.caught_up()
    exam.play.hall.kill("server")
    began = time.time_ns()
    took = exam.twin.promote("drill")
    exam.await_seats(began)
    found = exam.counted()
    assert (found["lost"], found["chain_errors"]) == (0, 0), found
    assert found["journals"] == SEATS and took < BACK_SECONDS
    assert exam.twin.process is not None
    assert "MonkeyPatchWarning" not in exam.twin.process.log.read_text("utf-8")


@pytest.mark.long
def test_a_server_that_was_cut_off_and_replaced_is_fenced_by_its_own_seats(exam: Exam) -> None:
    """Both servers do not reach each other, the seats reach both; somebody promotes the standby all the same."""
    hall = exam.play.hall
    exam.twin.cut()
    began = time.time_ns()
    exam.twin.promote("drill", forced=True)
    exam.await_seats(began)
    asked = Primary(Pairing(hall.address.url, 0, "", hall.address.ca_pem))
    assert hall.server is not None
    await_(lambda: asked.ask("GET", "/agent/epoch")["state"] == ServerState.FENCED, BACK_SECONDS, hall.server)
    assert (hall.host.settings.data / "fenced").read_text() == "2\n"
    found = exam.counted()
    assert (found["lost"], found["chain_errors"]) == (0, 0), found
    hall.kill("server")
    with pytest.raises(Exception, match="server_was_replaced"):
        hall.start("server")


@pytest.mark.long
@pytest.mark.parametrize("exam", [("seats", SQLITE, 1)], indirect=True)
def test_half_of_the_seats_promote_the_standby_where_they_may(exam: Exam) -> None:
    exam.play.hall.kill("server")
    began = time.time_ns()
    assert exam.twin.process is not None
    await_(lambda: exam.twin.state() is ServerState.ACTIVE, BACK_SECONDS, exam.twin.process)
    exam.await_seats(began)
    found = exam.counted()
    assert (found["lost"], found["chain_errors"]) == (0, 0), found


@pytest.mark.long
@pytest.mark.parametrize("exam", [("person", POSTGRES, 1), ("person", POSTGRES, 2)], indirect=True)
def test_with_postgresql_the_whole_machine_dies_and_every_commit_is_at_the_standby(exam: Exam) -> None:
    hall = exam.play.hall
    assert hall.server is not None
    await_(lambda: protection_of(exam) == "protected", BACK_SECONDS, hall.server)
    acknowledged = exam.newest()
    for name in list(hall.processes):
        hall.kill(name)
    assert all(exam.newest()[attempt] >= moment for attempt, moment in acknowledged.items())
    began = time.time_ns()
    exam.twin.promote("drill")
    exam.await_seats(began)
    found = exam.counted()
    assert (found["lost"], found["chain_errors"]) == (0, 0), found
    assert found["journals"] == SEATS


def protection_of(exam: Exam) -> str:
    """What the first machine's database says of its standby."""
    with exam.play.hall.host.db.read() as session:
        return shipping_postgres.judged(shipping_postgres.look(session)).state
