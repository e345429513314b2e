"""What two installations hold before anything goes between them: rooms, a past of its own, a package for real custodians."""

from datetime import datetime, timedelta
from decimal import Decimal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.custody import Custodian, new_custodian_key
from itembank.package import PackageSpec, seal_package
from itembank.paper_building import PaperPlan, build_form
from server.db.base import vault_of
from server.db.papers import Package, PackageCustodian
from server.db.people import CustodianKey, UserRole
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
from server.rules.policy import policy_for
from server.services import packages
from server.services.batches import read_profile
from server.services.rosters import ID_PURPOSE
from tests.server.delivery_kit import FORMS, ID_NUMBERS, Content, Scene, without_required_checks
from tests.server.preparing import CHEAP, PASSPHRASE


def second_room(session: Session, host: Host, scene: Scene) -> None:
    """Another room of the sitting with one candidate; the scene stands in it afterwards."""
    now, vault = host.now(), vault_of(session)
    sitting = session.get_one(RoomSitting, scene.room_sitting).sitting_id
    room = Room(name="第二考场", layout={"video": [{"name": "全景", "covers": []}]}, created_at=now)
    session.add(room)
    session.flush()
    row = RoomSitting(uid="room-sitting-2", sitting_id=sitting, room_id=room.id, state="arranged")
    seat = Seat(room_id=room.id, number="4", row=1, column=4, x=4.8, y=0.0)
    mark = vault.index(ID_PURPOSE, ID_NUMBERS[3])
    sealed = vault.seal_value(ID_PURPOSE, mark, ID_NUMBERS[3].encode())
    person = Candidate(id_index=mark, sealed_id=sealed, name="考生4", created_at=now)
    session.add_all([row, seat, person])
    session.flush()
    place = Registration(
        sitting_id=sitting, room_id=room.id, candidate_id=person.id, ticket="T2026-0004", employer="某公司"
    )
    session.add(place)
    session.flush()
    attempt = Attempt(
        registration_id=place.id, room_sitting_id=row.id, seat_id=seat.id, form="B", state="assigned"
    )
    session.add(attempt)
    session.flush()
    session.add(SeatStay(attempt_id=attempt.id, seat_id=seat.id, from_at=now))
    for duty in session.scalars(select(Assignment).where(Assignment.room_sitting_id == scene.room_sitting)):
        session.add(Assignment(room_sitting_id=row.id, user_id=duty.user_id, role=duty.role))
    scene.room, scene.room_sitting = room.id, row.id
    scene.seats, scene.attempts, scene.tickets = {"4": seat.id}, {"4": attempt.id}, {"4": place.ticket}


def real_package(session: Session, host: Host, scene: Scene) -> None:
    """The scene's package for two custodians who exist: the chief and an invigilator."""
    row = session.get_one(RoomSitting, scene.room_sitting)
    holders = [scene.chief, scene.staff[0]]
    roles = ["chief_invigilator", "custodian"]
    custodians = []
    for holder, role in zip(holders, roles, strict=True):
        held = session.get(CustodianKey, holder.user_id)
        if held is None:
            public, sealed_private = new_custodian_key(PASSPHRASE, CHEAP)
            held = CustodianKey(user_id=holder.user_id, public_key=public, created_at=host.now())
            held.sealed_private = sealed_private
            session.add(held)
        if session.get(UserRole, (holder.user_id, role)) is None:
            session.add(UserRole(user_id=holder.user_id, role=role))
        custodians.append(Custodian(str(holder.user_id), holder.name, role, held.public_key))
    spec = PackageSpec(
        f"package-real-{row.id}", row.uid, row.uid, scene.starts_at - timedelta(minutes=60), tuple(custodians)
    )
    content = Content()
    forms = {
        form: build_form(PaperPlan(form, "理论知识", Decimal(90), content.points), content.items, {})
        for form in FORMS
    }
    sealed = seal_package(
        spec,
        {form: paper for form, (paper, _key) in forms.items()},
        {form: key for form, (_paper, key) in forms.items()},
        host.site.signing_key.private_bytes_raw(),
    )
    for former in session.scalars(select(Package).where(Package.room_sitting_id == row.id)).all():
        session.delete(former)
    session.flush()
    package = Package(
        uid=spec.package,
        paper_set_id=1,
        room_sitting_id=row.id,
        data=sealed.data,
        sha256=sealed.sha256,
        size=len(sealed.data),
        not_before=spec.not_before,
        sealed_release_secret=vault_of(session).seal_value(
            packages.SECRET_PURPOSE, spec.package, sealed.release_secret
        ),
        sealed_at=host.now(),
    )
    session.add(package)
    session.flush()
    for holder, role in zip(holders, roles, strict=True):
        session.add(PackageCustodian(package_id=package.id, user_id=holder.user_id, role=role))


def own_past(session: Session, host: Host) -> None:
    """A sitting of the site's own, so that its numbers are others than those of the authority."""
    now = host.now()
    policy = without_required_checks(policy_for(read_profile("national"), "baowei", 3))
    batch = Batch(
        name="自办", occupation="baowei", level=3, profile="national", policy=policy.to_json(), created_at=now
    )
    room = Room(name="旧考场", created_at=now)
    session.add_all([batch, room])
    session.flush()
    sitting = Sitting(batch_id=batch.id, number=1, starts_at=now - timedelta(days=3), minutes=Decimal(60))
    session.add(sitting)
    session.flush()
    held = RoomSitting(uid="own-past", sitting_id=sitting.id, room_id=room.id, state="collected")
    session.add(held)
    session.flush()
    for number in range(1, 8):
        seat = Seat(room_id=room.id, number=str(number), row=1, column=number, x=float(number), y=0.0)
        person = Candidate(id_index=f"own{number}", sealed_id=b"", name=f"旧{number}", created_at=now)
        session.add_all([seat, person])
        session.flush()
        place = Registration(
            sitting_id=sitting.id, room_id=room.id, candidate_id=person.id, ticket=f"OWN-{number}"
        )
        session.add(place)
        session.flush()
        attempt = Attempt(
            registration_id=place.id, room_sitting_id=held.id, seat_id=seat.id, form="A", state="absent"
        )
        session.add(attempt)
        session.flush()
        session.add(SeatStay(attempt_id=attempt.id, seat_id=seat.id, from_at=now))


Machine = tuple[Ed25519PrivateKey, int]
"""What a paired workstation signs with, and its number."""


def own_room(session: Session, name: str, numbers: str, *, now: datetime) -> dict[str, Machine]:
    """The room as it stands at the site, a seat for each digit of `numbers`; its paired machines by seat."""
    room = Room(name=name, layout={"video": [{"name": "全景", "covers": []}]}, created_at=now)
    session.add(room)
    session.flush()
    machines = {}
    for number in map(int, numbers):
        kind = "spare" if number == 4 and len(numbers) > 1 else "normal"
        seat = Seat(
            room_id=room.id, number=str(number), row=1, column=number, x=1.2 * number, y=0.0, kind=kind
        )
        session.add(seat)
        session.flush()
        key = Ed25519PrivateKey.generate()
        machine = Workstation(
            seat_id=seat.id,
            public_key=key.public_key().public_bytes_raw(),
            hostname=f"pc{number}",
            software="test",
            paired_at=now,
        )
        session.add(machine)
        session.flush()
        machines[str(number)] = key, machine.id
    return machines
