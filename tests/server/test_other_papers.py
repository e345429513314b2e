"""Papers chosen after a package was sealed: what was sealed of the others is never opened nor begun with."""

from collections.abc import Callable

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, make_transient

from server.access import Actor
from server.db.papers import FormItem, Package, PaperSet
from server.db.sittings import RoomSitting, Sitting
from server.errors import Refused
from server.events import RoomChanged
from server.host import Host
from server.services import audit, batches, packages, seating
from tests.server import preparing
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene


def other_papers(host: Host, first: int) -> int:
    """A second approved set with the same items."""

    def copy(session: Session) -> int:
        rows = [session.get_one(PaperSet, first), *session.scalars(select(FormItem))]
        for row in rows:
            make_transient(row)
        papers, items = rows[0], rows[1:]
        papers.id, papers.title = None, "另一套试卷"
        session.add(papers)
        session.flush()
        for item in items:
            item.paper_set_id = papers.id
        session.add_all(items)
        return papers.id

    return host.db.write(copy)


@pytest.fixture
def stage(host: Host, person_as: Callable[..., Actor]) -> preparing.Staged:
    """Sealed, but no seats drawn yet."""
    people = preparing.crew(person_as)
    administrator = people.administrator
    bank, blueprint = preparing.bank(host, administrator), preparing.blueprint(host, administrator)
    papers = preparing.paper_set(host, people, bank, blueprint)
    plan = batches.BatchPlan("2026 年第 4 批", "baowei", 3, "national")
    batch = host.db.write(batches.create, administrator, plan, now=host.now())
    room = preparing.room(host, administrator)
    room_sitting = preparing.sitting(host, administrator, batch, room, papers)
    preparing.roster(host, administrator, room_sitting)
    preparing.give_keys(host, people.chief, administrator, people.custodian)
    preparing.seal(host, people, room_sitting)
    return preparing.Staged(people, bank, blueprint, papers, batch, room, room_sitting)


def choose(host: Host, stage: preparing.Staged, papers: int) -> None:
    with host.db.read() as session:
        sitting = session.get_one(RoomSitting, stage.room_sitting).sitting_id
    host.db.write(batches.choose_papers, stage.crew.administrator, sitting, papers, now=host.now())


def states(host: Host) -> list[str]:
    with host.db.read() as session:
        return list(session.scalars(select(Package.state).order_by(Package.id)))


def opening_refused(host: Host, stage: preparing.Staged) -> str:
    with pytest.raises(Refused) as caught:
        preparing.release(host, stage)
    return caught.value.code


@pytest.mark.dear
def test_choosing_other_papers_voids_what_was_sealed(
    host: Host, stage: preparing.Staged, machine: Machine
) -> None:
    told: list[RoomChanged] = []
    host.events.subscribe(RoomChanged, told.append)
    choose(host, stage, stage.papers)  # the same ones: nothing to seal anew
    assert states(host) == ["sealed"]
    second = other_papers(host, stage.papers)
    choose(host, stage, second)
    assert states(host) == ["superseded"]
    assert told == [RoomChanged(stage.room_sitting)]
    with host.db.read() as session:
        acts = [line.act for line in audit.page(session, stream=audit.sitting_stream(stage.room_sitting))]
    assert acts[0] == "package_superseded"
    host.db.write(seating.draw, stage.crew.administrator, stage.room_sitting, seed="d", now=host.now())
    machine.advance(minutes=1)
    assert opening_refused(host, stage) == "package_missing"
    preparing.seal(host, stage.crew, stage.room_sitting)
    preparing.release(host, stage)
    with host.db.read() as session:
        assert packages.current(session, stage.room_sitting).paper_set_id == second


@pytest.mark.dear
def test_a_package_of_other_papers_is_not_opened(
    host: Host, stage: preparing.Staged, machine: Machine
) -> None:
    """As when the papers were changed in the moment of the sealing."""
    host.db.write(seating.draw, stage.crew.administrator, stage.room_sitting, seed="d", now=host.now())
    second = other_papers(host, stage.papers)

    def exchange(session: Session) -> None:
        session.scalars(select(Sitting)).one().paper_set_id = second

    host.db.write(exchange)
    machine.advance(minutes=1)
    assert opening_refused(host, stage) == "package_of_other_papers"
    assert states(host) == ["sealed"]


@pytest.mark.parametrize("missing", [False, True])
def test_no_room_starts_without_a_package_of_its_papers(
    host: Host, person_as: Callable[..., Actor], machine: Machine, missing: bool
) -> None:
    scene: Scene = make_scene(host, person_as)
    second = other_papers(host, 1)

    def exchange(session: Session) -> None:
        package = session.scalars(select(Package)).one()
        if missing:
            package.state = "superseded"
        else:
            package.paper_set_id = second

    host.db.write(exchange)
    machine.advance(minutes=10)
    with pytest.raises(Refused) as caught:
        scene.start()
    assert caught.value.code == ("package_missing" if missing else "package_of_other_papers")
    assert scene.room_row().state == "released"
