"""A room in a sitting for the tests of delivery: seats, candidates, a real sealed package, real agents."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy.orm import Session

from itembank.custody import Custodian
from itembank.items import Item, ItemBody, ItemFacts, ItemKind, Option
from itembank.package import CustodianShare, PackageSpec, ReleaseRequest, release, seal_package
from itembank.paper_building import PaperPlan, build_form
from itembank.papers import Shuffle
from server.access import Actor, Role
from server.db.bank import Bank, BankItem, BlueprintRow
from server.db.base import vault_of
from server.db.papers import FormItem, Package, PaperSet
from server.db.rooms import Room, Seat, Workstation
from server.db.sittings import (
    Assignment,
    Attempt,
    Batch,
    Candidate,
    Registration,
    RoomSitting,
    SeatStay,
    Sitting,
)
from server.host import Host
from server.rules.policy import LevelPolicy, policy_for
from server.rules.policy_gates import GateRules
from server.services import commands, packages
from server.services.batches import read_profile
from server.services.commands import Signed, Start
from server.services.rosters import ID_PURPOSE, PHOTO_PURPOSE
from tests.server.kept_stage import once

ID_NUMBERS = ("11010119900307109X", "110101199003070230", "110101199003070310", "110101199003070433")
_WEIGHTS, _CHECKS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2), "10X98765432"
FORMS = ("A", "B")
ITEMS = 5
OPENS_BEFORE = timedelta(minutes=10)


def id_number(index: int) -> str:
    """The ID number of the candidate at a seat, counted from 0; beyond `ID_NUMBERS` one that fits."""
    if index < len(ID_NUMBERS):
        return ID_NUMBERS[index]
    digits = f"11010119910307{index:03d}"
    weighed = sum(int(digit) * weight for digit, weight in zip(digits, _WEIGHTS, strict=True))
    return digits + _CHECKS[weighed % 11]


@dataclass
class Made:
    """What was written. Seats are numbered "1", "2", ...; the last is a spare without a candidate."""

    starts_at: datetime
    room_sitting: int = 0
    room: int = 0
    seats: dict[str, int] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)
    tickets: dict[str, str] = field(default_factory=dict)
    keys: dict[str, Ed25519PrivateKey] = field(default_factory=dict)
    workstations: dict[str, int] = field(default_factory=dict)


@dataclass(kw_only=True)
class Scene(Made):
    """The ids a test needs, and who is there."""

    host: Host
    staff: tuple[Actor, ...] = ()
    chief: Actor = field(default_factory=lambda: Actor(None, "nobody"))

    @property
    def invigilator(self) -> Actor:
        return self.staff[0]

    def signed(self, reason: str = "power cut") -> Signed:
        return Signed(self.invigilator, reason, self.chief)

    def write(self, act: Callable[..., Any], *args: object, **kwargs: object) -> Any:
        return self.host.db.write(act, *args, **kwargs, now=self.host.now())

    def start(self) -> None:
        """Starts the room with everybody present."""
        present = frozenset(actor.user_id or 0 for actor in self.staff)
        start = Start(present, self.host.clock.anchor, self.host.presence)
        self.write(commands.start_room, self.invigilator, self.room_sitting, start)

    def attempt(self, seat: str) -> Attempt:
        with self.host.db.read() as session:
            return session.get_one(Attempt, self.attempts[seat])

    def room_row(self) -> RoomSitting:
        with self.host.db.read() as session:
            return session.get_one(RoomSitting, self.room_sitting)


@dataclass
class Content:
    """What the room's forms are made of."""

    items: list[Item] = field(default_factory=lambda: [_item(number) for number in range(1, ITEMS + 1)])
    points: Mapping[ItemKind, Decimal] = field(default_factory=lambda: {ItemKind.SINGLE: Decimal(20)})
    media: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    shuffle: Shuffle | None = None


def make_scene(
    host: Host,
    person_as: Callable[..., Actor],
    *,
    candidates: int = 3,
    minutes: int = 90,
    released: bool = True,
    content: Content | None = None,
) -> Scene:
    """A drawn room whose sitting opens for entry; its package is released unless told otherwise.

    `content` instead of five single choices of 20 points each.
    """
    staff = (person_as("invigilator"), person_as("invigilator"))
    chief = person_as("chief_invigilator")
    paper = content or Content()
    name = ("scene", candidates, minutes, released, repr(content))

    def prepare() -> Made:
        made = Made(host.now() + OPENS_BEFORE)
        host.db.write(_rows, host, made, (minutes, candidates), paper.items)
        host.db.write(_duty, made, (*staff, chief))
        host.db.write(_package, host, made, released, paper)
        return made

    made = once(host, name, host.now(), prepare)
    return Scene(**vars(made), host=host, staff=staff, chief=chief)


def without_required_checks(policy: LevelPolicy) -> LevelPolicy:
    """The policy of a room that starts without agents: their self-checks are shown and block nobody.

    Of the gates only those that every start has (test_gates.py demands the others).
    """
    return replace(policy, checks=replace(policy.checks, required=False), gates=GateRules())


def another_sitting(scene: Scene, hours: float, state: str = "arranged", *, row_id: int | None = None) -> int:
    """A further sitting of the room, so many hours after the first; the id of the room in it."""

    def add(session: Session) -> int:
        first = session.get_one(Sitting, 1)
        starts_at = scene.starts_at + timedelta(hours=hours)
        sitting = Sitting(
            batch_id=first.batch_id, number=2, starts_at=starts_at, minutes=Decimal(90), paper_set_id=1
        )
        session.add(sitting)
        session.flush()
        row = RoomSitting(
            id=row_id,
            uid="room-sitting-2",
            sitting_id=sitting.id,
            room_id=scene.room,
            state=state,
            started_at=starts_at if state == "running" else None,
        )
        session.add(row)
        session.flush()
        return row.id

    return scene.host.db.write(add)


def _rows(session: Session, host: Host, made: Made, plan: tuple[int, int], items: list[Item]) -> None:
    minutes, candidates = plan
    now = host.now()
    policy = without_required_checks(policy_for(read_profile("national"), "baowei", 3))
    batch = Batch(
        name="2026 年第 4 批",
        occupation="baowei",
        level=3,
        profile="national",
        policy=policy.to_json(),
        created_at=now,
    )
    room = Room(name="第一考场", layout={"video": [{"name": "全景", "covers": []}]}, created_at=now)
    session.add_all([batch, room])
    session.flush()
    papers = _papers(session, now, items)
    sitting = Sitting(
        batch_id=batch.id, number=1, starts_at=made.starts_at, minutes=Decimal(minutes), paper_set_id=papers
    )
    session.add(sitting)
    session.flush()
    row = RoomSitting(uid="room-sitting-1", sitting_id=sitting.id, room_id=room.id, state="arranged")
    session.add(row)
    session.flush()
    made.room_sitting, made.room = row.id, room.id
    for index in range(candidates + 1):
        _seat(session, made, index, now, spare=index == candidates)
    for index in range(candidates):
        _candidate(session, made, sitting, index, now)


def _papers(session: Session, now: datetime, items: list[Item]) -> int:
    bank = Bank(name="bank", occupation="baowei", level=3, wrapped_key=b"", created_at=now)
    blueprint = BlueprintRow(title="b", occupation="baowei", level=3, text="", created_at=now)
    session.add_all([bank, blueprint])
    session.flush()
    papers = PaperSet(
        title="papers",
        bank_id=bank.id,
        blueprint_id=blueprint.id,
        seed="s",
        forms=2,
        max_overlap=ITEMS,
        state="approved",
        created_at=now,
    )
    session.add(papers)
    session.flush()
    for number, source in enumerate(items, 1):
        item = BankItem(
            bank_id=bank.id,
            uid=source.facts.uid,
            point="A-A-A-001",
            kind=str(source.facts.kind),
            difficulty=3,
            content_index=str(number),
            sealed_body=b"",
        )
        session.add(item)
        session.flush()
        for form in FORMS:
            place = {"paper_set_id": papers.id, "form": form, "number": number}
            session.add(
                FormItem(**place, item_id=item.id, item_uid=item.uid, item_version=1, points=Decimal(20))
            )
    return papers.id


def _seat(session: Session, made: Made, index: int, now: datetime, *, spare: bool) -> None:
    number = str(index + 1)
    seat = Seat(
        room_id=made.room,
        number=number,
        row=1,
        column=index + 1,
        x=1.2 * index,
        y=0.0,
        kind="spare" if spare else "normal",
    )
    session.add(seat)
    session.flush()
    key = Ed25519PrivateKey.generate()
    workstation = Workstation(
        seat_id=seat.id,
        public_key=key.public_key().public_bytes_raw(),
        hostname=f"pc{number}",
        software="test",
        paired_at=now,
    )
    session.add(workstation)
    session.flush()
    made.seats[number], made.keys[number], made.workstations[number] = seat.id, key, workstation.id


def _candidate(session: Session, made: Made, sitting: Sitting, index: int, now: datetime) -> None:
    vault, number = vault_of(session), str(index + 1)
    text = id_number(index)
    mark = vault.index(ID_PURPOSE, text)
    sealed = vault.seal_value(ID_PURPOSE, mark, text.encode())
    person = Candidate(id_index=mark, sealed_id=sealed, name=f"考生{number}", created_at=now)
    session.add(person)
    session.flush()
    registration = Registration(
        sitting_id=sitting.id,
        room_id=made.room,
        candidate_id=person.id,
        ticket=f"T2026-000{number}",
        employer="某公司",
    )
    session.add(registration)
    session.flush()
    if index == 0:
        photo = vault.seal_value(PHOTO_PURPOSE, str(registration.id), b"\xff\xd8photo")
        registration.sealed_photo, registration.has_photo = photo, True
    attempt = Attempt(
        registration_id=registration.id,
        room_sitting_id=made.room_sitting,
        seat_id=made.seats[number],
        form=FORMS[index % 2],
        state="assigned",
    )
    session.add(attempt)
    session.flush()
    session.add(SeatStay(attempt_id=attempt.id, seat_id=attempt.seat_id, from_at=now))
    made.attempts[number], made.tickets[number] = attempt.id, registration.ticket


def _duty(session: Session, made: Made, people: tuple[Actor, ...]) -> None:
    for actor in people:
        role = Role.INVIGILATOR if Role.INVIGILATOR in actor.roles else Role.CHIEF_INVIGILATOR
        session.add(Assignment(room_sitting_id=made.room_sitting, user_id=actor.user_id or 0, role=str(role)))


def right_answer(number: int) -> str:
    """The key of the test paper: A, B, C, D, A, ..."""
    return "ABCD"[(number - 1) % 4]


def _package(session: Session, host: Host, made: Made, released: bool, content: Content) -> None:
    holders = [X25519PrivateKey.generate(), X25519PrivateKey.generate()]
    spec = PackageSpec(
        package="package-1",
        sitting="room-sitting-1",
        room="room-sitting-1",
        not_before=made.starts_at - timedelta(minutes=60),
        custodians=tuple(
            Custodian(str(number), f"person {number}", f"role {number}", key.public_key().public_bytes_raw())
            for number, key in enumerate(holders)
        ),
    )
    forms = {}
    for form in FORMS:
        plan = PaperPlan(form, "理论知识", Decimal(90), content.points, shuffle=content.shuffle)
        forms[form] = build_form(plan, content.items, content.media)
    sealed = seal_package(
        spec,
        {form: paper for form, (paper, _) in forms.items()},
        {form: key for form, (_, key) in forms.items()},
        host.site.signing_key.private_bytes_raw(),
    )
    package = Package(
        uid="package-1",
        paper_set_id=1,
        room_sitting_id=made.room_sitting,
        data=sealed.data,
        sha256=sealed.sha256,
        size=len(sealed.data),
        not_before=spec.not_before,
        sealed_release_secret=b"-",
        sealed_at=host.now(),
    )
    session.add(package)
    if released:
        shares = tuple(
            CustodianShare(str(number), key.private_bytes_raw()) for number, key in enumerate(holders)
        )
        asked = ReleaseRequest((shares[0], shares[1]), sealed.release_secret, spec.room, host.now())
        content_key = release(sealed.data, host.site.public_key, asked)
        package.state = "released"
        package.sealed_content_key = host.vault.seal_value(packages.CONTENT_PURPOSE, "package-1", content_key)
        session.get_one(RoomSitting, made.room_sitting).state = "released"


def _item(number: int) -> Item:
    options = tuple(Option(letter, f"选项{letter}{number}") for letter in "ABCD")
    facts = ItemFacts(f"item-{number}", "A-A-A-001", ItemKind.SINGLE, 3, None, "", False)
    return Item(facts, ItemBody(f"题干{number}", options, (right_answer(number),)))
