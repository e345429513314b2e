"""A room whose policy demands every gate, and people for every duty, for tests of staffing and gates."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal

from sqlalchemy.orm import Session

from server.access import Actor, Role
from server.db.base import vault_of
from server.db.rooms import Room, Seat
from server.db.sittings import Batch, Candidate, Registration, RoomSitting, Sitting
from server.host import Host
from server.rules.policy import LevelPolicy, policy_for
from server.rules.policy_gates import GateName, GateRules
from server.services import staffing
from server.services.batches import read_profile
from server.services.rosters import ID_PURPOSE
from tests.server.delivery_kit import Scene, make_scene

# Numbers need no check character here: rosters were checked long before.
PEOPLE = [("甲一", "110101199003071110", "甲公司"), ("乙二", "110101199003071217", "乙公司")]

GATES = read_profile("national").terms.gates
"""What the national policy demands."""


@dataclass
class Duty:
    """A scene with one person for each duty of its room; nobody has signed in."""

    scene: Scene
    people: dict[Role, list[Actor]] = field(default_factory=dict)

    def one(self, role: Role) -> Actor:
        return self.people[role][0]


def demand(host: Host, *names: GateName, **rules: object) -> None:
    """The batch demands these gates (all when none is named) under the national rules of duty."""
    wanted = tuple(gate for gate in GateName if gate in names) or GATES.demanded
    gates = replace(GATES, demanded=wanted, **rules)

    def change(session: Session) -> None:
        row = session.get_one(Batch, 1)
        policy = LevelPolicy.from_json(row.policy)
        row.policy = replace(policy, gates=gates).to_json()

    host.db.write(change)


def make_duty(host: Host, person_as: Callable[..., Actor], **scene: object) -> Duty:
    """A drawn and released room at its start, its people assigned; its policy demands what it did before."""
    made = make_scene(host, person_as, **scene)
    duty = Duty(made)
    duty.people = {
        Role.CHIEF_INVIGILATOR: [made.chief],
        Role.INVIGILATOR: list(made.staff),
        Role.ROVER: [person_as("rover")],
        Role.SYSTEM_ADMINISTRATOR: [person_as("system_administrator")],
        Role.SUPERVISOR: [person_as("supervisor")],
        Role.ADMINISTRATOR: [person_as("administrator")],
    }
    duties = {
        actor.user_id: role
        for role in staffing.IN_ROOM
        for actor in duty.people[role]
        if actor.user_id is not None
    }
    boss = duty.one(Role.ADMINISTRATOR)
    made.write(staffing.assign_staff, boss, made.room_sitting, duties)
    return duty


@dataclass(frozen=True)
class PlannedRoom:
    """A room of a planned sitting."""

    room_sitting: int
    room: int


def planned(
    host: Host, rooms: Sequence[Sequence[tuple[str, str, str]]], *, hours: float = 2.0, batch: str = "批次"
) -> tuple[int, list[PlannedRoom]]:
    """A sitting in new rooms; each holds candidates (name, ID number, employer). Its id and the rooms'."""

    def add(session: Session) -> tuple[int, list[PlannedRoom]]:
        now = host.now()
        policy = replace(policy_for(read_profile("national"), "baowei", 3), gates=GateRules())
        row = Batch(
            name=f"{batch} {hours}",
            occupation="baowei",
            level=3,
            profile="national",
            policy=policy.to_json(),
            created_at=now,
        )
        session.add(row)
        session.flush()
        starts_at = now + timedelta(hours=hours)
        sitting = Sitting(batch_id=row.id, number=1, starts_at=starts_at, minutes=Decimal(90))
        session.add(sitting)
        session.flush()
        made = [
            _room(session, sitting, f"{batch}{hours}考场{place}", people, host)
            for place, people in enumerate(rooms, 1)
        ]
        return sitting.id, made

    return host.db.write(add)


def _room(
    session: Session, sitting: Sitting, name: str, people: Sequence[tuple[str, str, str]], host: Host
) -> PlannedRoom:
    room = Room(name=name, layout={"video": [{"name": "全景", "covers": []}]}, created_at=host.now())
    session.add(room)
    session.flush()
    session.add(Seat(room_id=room.id, number="1", row=1, column=1, x=0.0, y=0.0))
    held = RoomSitting(uid=f"{name}-{sitting.id}", sitting_id=sitting.id, room_id=room.id)
    session.add(held)
    session.flush()
    vault = vault_of(session)
    for order, (person, number, employer) in enumerate(people):
        mark = vault.index(ID_PURPOSE, number)
        sealed = vault.seal_value(ID_PURPOSE, mark, number.encode())
        candidate = Candidate(id_index=mark, sealed_id=sealed, name=person, created_at=host.now())
        session.add(candidate)
        session.flush()
        session.add(
            Registration(
                sitting_id=sitting.id,
                room_id=room.id,
                candidate_id=candidate.id,
                ticket=f"T{sitting.id}-{held.id}-{order}",
                employer=employer,
            )
        )
    session.flush()
    return PlannedRoom(held.id, room.id)
