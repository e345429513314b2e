"""A sitting with small papers, spare forms among them, sealed for its custodians; for tests of packages."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.items import ItemBody, Option
from server.access import Actor, Role
from server.db.bank import Bank, BankItem
from server.db.base import vault_of
from server.db.papers import FormItem, Package, PaperSet
from server.db.sittings import Attempt, RoomSitting
from server.host import Host
from server.rules.roster import RosterEntry
from server.services import (
    banks,
    batches,
    blueprints,
    package_release,
    package_sealing,
    packages,
    rosters,
    seating,
)
from server.services.signed import Signed
from tests.server import preparing
from tests.server.kept_stage import once
from tests.server.preparing import unlock

ITEMS = 4
BLUEPRINT = """
title: 小细目表
occupation: baowei
level: 3
size: 4
kinds: {single: {count: 4, points: 25}}
scopes: [{code: A, name: 甲, weight: 100, points: [{code: A-A-A-001, name: 乙}]}]
"""
TO_THE_WINDOW = timedelta(hours=20)
"""From the beginning of a test to the moment at which the window opens: the evening before."""


@dataclass
class Vaulted:
    """A sealed sitting: its crew, papers and rooms (ids of rooms in the sitting)."""

    host: Host
    crew: preparing.Crew
    papers: int
    batch: int
    sitting: int
    rooms: tuple[int, ...]

    @property
    def room(self) -> int:
        return self.rooms[0]

    @property
    def two(self) -> Signed:
        return Signed(self.crew.administrator, "卷面疑似泄露", self.crew.chief)

    def package(self, room: int | None = None) -> Package:
        with self.host.db.read() as session:
            found = packages.current(session, room or self.room)
            assert found is not None
            assert found.data is not None
            return found

    def spare(self, room: int | None = None) -> Package:
        with self.host.db.read() as session:
            found = packages.spare_of(session, room or self.room)
            assert found is not None
            assert found.data is not None
            return found

    def states(self, room: int | None = None) -> list[tuple[bool, str]]:
        """(spare, state) of every package of a room, oldest first."""
        query = select(Package).where(Package.room_sitting_id == (room or self.room)).order_by(Package.id)
        with self.host.db.read() as session:
            return [(row.spare, row.state) for row in session.scalars(query)]

    def forms(self, room: int | None = None) -> dict[int, str]:
        """Seat id -> form."""
        query = select(Attempt).where(Attempt.room_sitting_id == (room or self.room))
        with self.host.db.read() as session:
            return {row.seat_id: row.form for row in session.scalars(query)}

    def row(self, room: int | None = None) -> RoomSitting:
        with self.host.db.read() as session:
            return session.get_one(RoomSitting, room or self.room)

    def change(self, package: int, **values: object) -> None:
        def set_values(session: Session) -> None:
            row = session.get_one(Package, package)
            for name, value in values.items():
                setattr(row, name, value)

        self.host.db.write(set_values)

    def open(self, *who: Actor, room: int | None = None, code: str = "") -> None:
        first, second = who or (self.crew.chief, self.crew.custodian)
        holders = (unlock(self.host, first), unlock(self.host, second))
        key = self.host.site.public_key
        write = self.host.db.write
        write(package_release.open_package, room or self.room, holders, key, now=self.host.now(), code=code)

    def seal(self, room: int | None = None, who: Actor | Signed | None = None) -> int:
        key = self.host.site.signing_key.private_bytes_raw()
        by = who or Signed(self.crew.administrator, cosigner=self.crew.chief)
        act = package_sealing.seal
        return self.host.db.write(act, by, room or self.room, holders(self.crew), key, now=self.host.now())


def holders(crew: preparing.Crew) -> dict[int, Role]:
    """Three custodians of three roles."""
    return {
        crew.chief.user_id: Role.CHIEF_INVIGILATOR,
        crew.administrator.user_id: Role.ADMINISTRATOR,
        crew.custodian.user_id: Role.CUSTODIAN,
    }


def vaulted(
    host: Host,
    person_as: Callable[..., Actor],
    *,
    forms: str = "ABC",
    spares: int = 1,
    rooms: int = 1,
    profile: str = "national",
) -> Vaulted:
    """Rooms with three candidates each, seats drawn, packages sealed the evening before."""
    crew = preparing.crew(person_as)
    name = ("vaulted", forms, spares, rooms, profile)
    made = once(host, name, host.now(), lambda: _vaulted(host, crew, *name[1:]))
    return Vaulted(host, crew, *made)


def _vaulted(
    host: Host, crew: preparing.Crew, forms: str, spares: int, rooms: int, profile: str
) -> tuple[int, int, int, tuple[int, ...]]:
    bank = small_bank(host, crew.administrator)
    blueprint = host.db.write(blueprints.store, crew.administrator, BLUEPRINT, now=host.now())
    papers = host.db.write(_papers, (bank, blueprint), forms, spares, host)
    plan = batches.BatchPlan("2026 年第 4 批", "baowei", 3, profile)
    batch = host.db.write(batches.create, crew.administrator, plan, now=host.now())
    places = tuple(preparing.room(host, crew.administrator, f"第{n + 1}考场") for n in range(rooms))
    sitting, held = sit(host, crew.administrator, batch, papers, places)
    preparing.give_keys(host, crew.chief, crew.administrator, crew.custodian)
    stage = Vaulted(host, crew, papers, batch, sitting, held)
    for number, room in enumerate(held):
        enrol(host, crew.administrator, room, number)
        stage.seal(room)
    return papers, batch, sitting, held


def small_bank(host: Host, who: Actor) -> int:
    """A bank with items enough for five small forms."""
    bank = host.db.write(banks.create, who, banks.new_bank("示例题库", "baowei", 3), now=host.now())
    host.db.write(_items, bank)
    return bank


def _items(session: Session, bank: int) -> None:
    key = session.get_one(Bank, bank).wrapped_key
    for number in range(5 * ITEMS):
        uid, options = f"i-{number:03d}", tuple(Option(letter, f"选项{letter}") for letter in "ABCD")
        body = ItemBody(f"题干{number}", options, ("A",))
        row = BankItem(
            bank_id=bank,
            uid=uid,
            point="A-A-A-001",
            kind="single",
            difficulty=3,
            content_index=uid,
            sealed_body=vault_of(session).seal_item(key, uid, 1, body),
        )
        session.add(row)


def sit(
    host: Host, who: Actor, batch: int, papers: int, places: tuple[int, ...], *, days: int = 0
) -> tuple[int, tuple[int, ...]]:
    """A sitting whose window opens in twenty hours (and days); its id and those of its rooms."""
    opens = host.now() + TO_THE_WINDOW + timedelta(days=days)
    plan = batches.SittingPlan(opens + timedelta(minutes=60), Decimal(90), places)
    held = tuple(host.db.write(batches.add_sitting, who, batch, plan, now=host.now()))
    with host.db.read() as session:
        sitting = session.get_one(RoomSitting, held[0]).sitting_id
    host.db.write(batches.choose_papers, who, sitting, papers, now=host.now())
    return sitting, held


def enrol(host: Host, who: Actor, room: int, number: int = 0, *, draw: bool = True) -> None:
    """Three candidates of a room, seated unless told otherwise."""
    entries = [
        RosterEntry(
            place=f"row {n + 2}",
            name=f"考生{number}{n}",
            id_number=id_number(10 * number + n),
            employer=f"单位{n}",
        )
        for n in range(3)
    ]
    host.db.write(rosters.store_roster, who, room, entries, now=host.now())
    if draw:
        host.db.write(seating.draw, who, room, seed="draw", now=host.now())


def id_number(number: int) -> str:
    """A valid test number: the check digit by GB 11643."""
    body = f"11010119900307{number:03d}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return body + "10X98765432"[sum(int(d) * w for d, w in zip(body, weights, strict=True)) % 11]


def _papers(session: Session, sources: tuple[int, int], forms: str, spares: int, host: Host) -> int:
    row = PaperSet(
        title="理论知识试卷",
        bank_id=sources[0],
        blueprint_id=sources[1],
        seed="1",
        forms=len(forms),
        max_overlap=ITEMS,
        state="approved",
        rules={"spares": spares},
        outcome={"proof": [[{"name": "total", "of": "", "binding": True, "met": True}]]},
        created_at=host.now(),
    )
    session.add(row)
    session.flush()
    items = session.scalars(select(BankItem).order_by(BankItem.uid)).all()
    for index, letter in enumerate(forms):
        for number, item in enumerate(items[index * ITEMS : (index + 1) * ITEMS], 1):
            session.add(
                FormItem(
                    paper_set_id=row.id,
                    form=letter,
                    number=number,
                    item_id=item.id,
                    item_uid=item.uid,
                    item_version=item.version,
                    points=Decimal(1),
                )
            )
    return row.id
