"""An authority and a site in two stores: a sitting of theory that is drawn and sealed at the authority.

The authority is the `host` of the other tests; the site has a master key, keys and numbers of its own.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select

from exam_rooms.protocol import RecordKind
from itembank.custody import open_custodian_key
from server.access import SYSTEM, Actor, Role
from server.app import build_app
from server.db import migrate
from server.db.answers import AnswerStore
from server.db.base import Base, make_engine
from server.db.people import User
from server.db.rooms import Seat
from server.db.sites import SiteSitting
from server.db.sittings import (
    Attempt,
    Registration,
    RoomSitting,
    Sitting,
)
from server.host import Host, open_host
from server.live.watch import Watch
from server.services import commands, exam_sites, package_release, staff
from server.services.dispatches import Order
from server.services.package_release import Unlocked
from server.services.signed import Signed
from server.services.site_exchange import Desk
from server.settings import Settings
from tests.server.agent_kit import TestAgent
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.preparing import PASSPHRASE
from tests.server.site_rows_kit import own_past, own_room, real_package, second_room

CODE = "NJ-01"


def desk(host: Host) -> Desk:
    return Desk(host.db, host.answers, host.site, host.now, evidence=host.evidence)


@contextmanager
def site_host(
    folder: Path, machine: Machine, database_url: str = "", number: int = 1, **variables: str
) -> Iterator[Host]:
    """An installation with keys of its own; a fresh one gets its tables."""
    host = open_host(site_settings(folder, database_url, **variables), master_of(number), look=machine.look)
    try:
        yield host
    finally:
        host.close()


def master_of(number: int) -> bytes:
    return f"master key of installation {number}".encode().ljust(32, b".")


def site_settings(folder: Path, database_url: str = "", **variables: str) -> Settings:
    loaded = Settings.load(
        {
            "EXAMHALL_DATA": str(folder / "data"),
            "EXAMHALL_UNLOCKED": str(folder / "unlocked"),
            "EXAMHALL_PLAIN_HTTP": "1",
            "EXAMHALL_BIND": "127.0.0.1:8000",
            "DATABASE_URL": database_url,
            **variables,
        }
    )
    settings = replace(loaded, argon_memory=64)
    if not settings.data.exists():
        settings.data.mkdir(parents=True)
        engine = make_engine(settings.main_url)
        Base.metadata.create_all(engine)
        with engine.execution_options(writing=True).begin() as connection:
            migrate.stamp(migrate.HISTORIES[0], connection)
        engine.dispose()
        AnswerStore(settings.answers_url).close()
        engine = make_engine(settings.answers_url)
        with engine.execution_options(writing=True).begin() as connection:
            migrate.stamp(migrate.HISTORIES[1], connection)
        engine.dispose()
    return settings


def add_person(host: Host, username: str, *roles: Role) -> Actor:
    new = staff.NewPerson(username, username, "x", frozenset(roles))
    user = host.db.write(staff.add_person, SYSTEM, new, now=host.now())
    return Actor(user, username, new.roles)


@dataclass
class Pair:
    """Authority and site, two people who manage on each side, and the sitting that goes out."""

    authority: Host
    site: Host
    machine: Machine
    scene: Scene
    here: tuple[Actor, Actor]
    there: tuple[Actor, Actor]
    code: str = CODE
    room_name: str = "第一考场"
    numbers: str = "1234"
    site_id: int = 0
    keys: dict[str, Ed25519PrivateKey] = field(default_factory=dict)
    workstations: dict[str, int] = field(default_factory=dict)

    @property
    def order(self) -> Order:
        with self.authority.db.read() as session:
            return Order(self.site_id, session.get_one(RoomSitting, self.scene.room_sitting).sitting_id)

    @property
    def about(self) -> str:
        with self.site.db.read() as session:
            return session.scalars(select(SiteSitting.uid)).one()

    def signed(self, reason: str = "") -> Signed:
        return Signed(self.here[0], reason, self.here[1])

    def at_site(self, reason: str = "") -> Signed:
        return Signed(self.there[0], reason, self.there[1])


def make_pair(authority: Host, site: Host, machine: Machine, person_as: Callable[..., Actor]) -> Pair:
    """Both know each other; the sitting is ready to go out, nothing has gone yet."""
    scene = make_scene(authority, person_as, released=False)
    here = person_as("administrator"), person_as("administrator")
    there = tuple(add_person(site, name, Role.ADMINISTRATOR) for name in ("site.one", "site.two"))
    pair = Pair(authority, site, machine, scene, here, (there[0], there[1]))
    authority.db.write(real_package, authority, scene)
    arrive(pair)
    return pair


def arrive(pair: Pair) -> None:
    """The site has a past, its room with machines, and knows the authority, which knows it."""
    pair.site.db.write(own_past, pair.site)
    machines = pair.site.db.write(own_room, pair.room_name, pair.numbers, now=pair.site.now())
    pair.keys = {number: key for number, (key, _machine) in machines.items()}
    pair.workstations = {number: machine for number, (_key, machine) in machines.items()}
    introduce(pair)


def second_pair(first: Pair, site: Host, machine: Machine) -> Pair:
    """Another site with one candidate in the same sitting, in a room of its own."""
    scene = replace(first.scene)
    first.authority.db.write(second_room, first.authority, scene)
    first.authority.db.write(real_package, first.authority, scene)
    there = tuple(add_person(site, name, Role.ADMINISTRATOR) for name in ("site.three", "site.four"))
    pair = Pair(
        first.authority,
        site,
        machine,
        scene,
        first.here,
        (there[0], there[1]),
        code="NJ-02",
        room_name="第二考场",
        numbers="4",
    )
    arrive(pair)
    return pair


def introduce(pair: Pair) -> None:
    now = pair.authority.now()
    said = ("site", "南京考点", "")
    with pair.site.db.read() as session:
        site = exam_sites.introduction(session, pair.site.site, said, now=now)
    pair.site_id = pair.authority.db.write(exam_sites.register, pair.signed(), site, pair.code, now=now)
    rooms = [pair.scene.room]
    pair.authority.db.write(exam_sites.give_rooms, pair.here[0], pair.site_id, rooms, now=now)
    with pair.authority.db.read() as session:
        told = exam_sites.introduction(session, pair.authority.site, ("authority", "省鉴定中心", ""), now=now)
    pair.site.db.write(exam_sites.accept_authority, pair.at_site(), told, pair.code, now=now)


def scene_at_site(pair: Pair) -> Scene:
    """What the site's agents and staff need of the sitting that came."""
    with pair.site.db.read() as session:
        sitting = session.scalars(select(SiteSitting)).one().sitting_id
        held = session.scalars(select(RoomSitting).where(RoomSitting.sitting_id == sitting)).one()
        seats = {
            seat.id: seat.number for seat in session.scalars(select(Seat).where(Seat.room_id == held.room_id))
        }
        attempts = {}
        tickets = {}
        query = select(Attempt, Registration).join(Registration, Registration.id == Attempt.registration_id)
        for attempt, place in session.execute(query.where(Attempt.room_sitting_id == held.id)):
            attempts[seats[attempt.seat_id]] = attempt.id
            tickets[seats[attempt.seat_id]] = place.ticket
        people = {user.username: user.actor() for user in session.scalars(select(User))}
        starts_at = session.get_one(Sitting, sitting).starts_at
    return Scene(
        starts_at=starts_at,
        room_sitting=held.id,
        room=held.room_id,
        seats={number: seat for seat, number in seats.items()},
        attempts=attempts,
        tickets=tickets,
        keys=pair.keys,
        workstations=pair.workstations,
        host=pair.site,
        staff=tuple(people[actor.name] for actor in pair.scene.staff),
        chief=people[pair.scene.chief.name],
    )


def release_at_site(pair: Pair, scene: Scene) -> None:
    """Two custodians open the package with their own passphrases."""
    holders = []
    for person in (scene.chief, scene.staff[0]):
        with pair.site.db.read() as session:
            sealed = staff.sealed_custodian_key(session, person.user_id)
        assert sealed is not None
        holders.append(Unlocked(person, open_custodian_key(sealed, PASSPHRASE)))
    asked = (holders[0], holders[1]), pair.site.site.public_key
    pair.site.db.write(package_release.open_package, scene.room_sitting, *asked, now=pair.site.now())


def hold_exam(pair: Pair, right: dict[str, int]) -> Scene:
    """Seats answer so many questions rightly and hand in or run out of time; the room is collected."""
    scene = scene_at_site(pair)
    release_at_site(pair, scene)
    app = build_app(pair.site)
    agents = {seat: TestAgent(app, scene, seat) for seat in right}
    for agent in agents.values():
        agent.enter()
    pair.machine.advance(minutes=10)
    scene.start()
    for seat, agent in agents.items():
        agent.state()
        agent.open_journal()
        for number in range(1, 6):
            agent.answer(number, "" if number <= right[seat] else "X")
        agent.sent()
    pair.machine.advance(minutes=40)
    first = next(iter(agents.values()))
    first.write(RecordKind.SUBMIT)
    first.sent()
    pair.machine.advance(minutes=60)
    Watch(pair.site).tick()
    scene.write(commands.end_room, scene.room_sitting, scene.signed())
    for agent in agents.values():
        agent.state()
        agent.beat(waiting=0)
    Watch(pair.site).tick()
    assert scene.room_row().state == "collected"
    return scene


def rows(host: Host, table: Any) -> list[Any]:
    with host.db.read() as session:
        return list(session.scalars(select(table)))
