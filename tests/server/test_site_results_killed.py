"""kill -9 of a real authority in the middle of taking the results of sites, which then send them again."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import func, select

from server.cli.bench.authority import Order, Part, all_taken, common, counted, dispatched, staged, written
from server.cli.bench.province import Answers, Simulated, Size
from server.cli.bench.province_floor import AuthorityFloor
from server.cli.bench.province_lines import Pace, fetched, returned
from server.cli.rehearse.hall import Hall, private_hall
from server.db.answer_tables import answer_events
from server.db.base import make_engine
from server.db.sites import AttemptOrigin, PeerRow, SiteFile, SiteSitting
from server.db.sittings import Attempt, RoomSitting
from server.services.site_files import TAKEN

pytestmark = [pytest.mark.system, pytest.mark.walk]
SITES, SIZE = 4, Size(candidates=8, items=20, photo=100)
PATIENCE_SECONDS = 300.0


@pytest.fixture
def order() -> Order:
    return Order(SITES, SIZE, "sqlite", lambda _text: None, tls=False)


def records(hall: Hall) -> int:
    engine = make_engine(hall.host.settings.answers_url)
    try:
        with engine.connect() as connection:
            return int(connection.scalar(select(func.count()).select_from(answer_events)) or 0)
    finally:
        engine.dispose()


def taken(hall: Hall) -> int:
    with hall.host.db.read() as session:
        query = select(func.count()).where(SiteFile.incoming.is_(True), SiteFile.state == TAKEN)
        return int(session.scalar(query) or 0)


def killed_when(hall: Hall, reached: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not reached():
        assert time.monotonic() < until, "the authority took nothing"
        time.sleep(0.002)
    hall.kill("server")


def sums(hall: Hall) -> dict[str, int]:
    """Rows of every kind that the taking writes."""
    tables = Attempt, AttemptOrigin, PeerRow, RoomSitting
    with hall.host.db.read() as session:
        return {
            table.__tablename__: session.scalar(select(func.count()).select_from(table)) or 0
            for table in tables
        }


def need_whole_or_waiting(hall: Hall, sites: list[Simulated]) -> None:
    """Of every site either all is in and the room collected, or the room is as it went out."""
    with hall.host.db.read() as session:
        for one in sites:
            held = session.scalars(select(SiteSitting).where(SiteSitting.site == one.site_id)).one()
            room = session.get_one(RoomSitting, one.known["room_sittings"]["1"])
            file = session.scalars(
                select(SiteFile).where(SiteFile.site_id == one.site_id, SiteFile.incoming.is_(True))
            ).one()
            there = (file.state == TAKEN, held.returned_at is not None, room.state == "collected")
            assert set(there) in ({True}, {False}), (one.code, there)


def test_a_killed_authority_has_taken_a_site_or_not_and_takes_the_rest_when_it_is_sent_again(
    order: Order, tmp_path: Path
) -> None:
    with private_hall(tls=False) as hall:
        writing = hall.host.db.write(common, now=hall.host.now())
        answers, floor = Answers(SIZE, writing.starts_at), AuthorityFloor(tmp_path / "floor.db")
        sites = staged(hall, order, writing)
        dispatched(hall, sites, Part(), floor)
        written(hall, sites, (answers, tmp_path), floor)
        floor.close()
        hall.serve()
        pace = Pace(hall.address, 0.0, hall.host.now)
        assert fetched(sites, pace).failed == 0
        assert returned(sites, tmp_path, pace).failed == 0
        whole = SITES * SIZE.candidates * answers.records

        killed_when(hall, lambda: records(hall) > 0)
        need_whole_or_waiting(hall, sites)
        first = taken(hall)
        hall.serve()
        killed_when(hall, lambda: taken(hall) > first or records(hall) == whole)
        need_whole_or_waiting(hall, sites)

        hall.serve()
        assert returned(sites, tmp_path, pace).failed == 0
        assert all_taken(hall, SITES) == SITES
        assert counted(hall, sites, answers.records) == (0, 0) and records(hall) == whole
        need_whole_or_waiting(hall, sites)
        before = sums(hall)
        assert returned(sites, tmp_path, pace).failed == 0
        assert (sums(hall), taken(hall), records(hall)) == (before, SITES, whole)
        assert before["attempts"] == before["attempt_origins"] == SITES * SIZE.candidates
