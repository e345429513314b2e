"""Rooms with panels for benches and browser walks: candidates in their order, the template opened, no seats.

Rows are written as the services would leave them; what leads there has screens and tests of its own.
"""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from importlib.resources import files

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy.orm import Session

from itembank.custody import Custodian
from itembank.package import CustodianShare, PackageSpec, ReleaseRequest, release, seal_sections
from itembank.sheet_template import Template
from server.access import SYSTEM, Actor, Role
from server.cli.rehearse.crew import Member
from server.db.assessing import Station
from server.db.bank import Bank
from server.db.base import vault_of
from server.db.papers import Package
from server.db.rooms import Room
from server.db.sittings import Assignment, Batch, Candidate, Registration, RoomSitting, Sitting
from server.db.staffing import DutySign, StaffProfile
from server.host import Host
from server.rules.policy import policy_for
from server.rules.policy_components import Component, Method
from server.services import package_contents, packages, passwords, sheet_templates, staff, turns
from server.services.batches import policy_of, read_profile
from server.services.rosters import ID_PURPOSE
from server.services.signed import Signed

SAMPLE = "template_baowei_3_practical.json"
OCCUPATION, LEVEL = "baowei", 3
STARTS_IN = timedelta(minutes=10)
STATIONS = 2


@dataclass(frozen=True, slots=True)
class PanelRoom:
    """A room: its sitting, its examiners (the first leads), who runs it, and the template they score by."""

    room_sitting: int
    examiners: tuple[Member, ...]
    invigilator: Member
    template: Template


@dataclass(frozen=True, slots=True)
class PanelWish:
    """How many rooms, candidates in each, and examiners of each panel; `password` of all accounts."""

    rooms: int
    candidates: int
    examiners: int
    password: str


def sample_template() -> Template:
    """The sample of a practical assessment, as its first version."""
    read = json.loads((files("server") / "samples" / SAMPLE).read_text(encoding="utf-8"))
    return replace(Template.from_json(read), uid=str(uuid.uuid4()), version=1)


def panel_rooms(host: Host, keeper: Actor, arranger: Actor, wish: PanelWish) -> list[PanelRoom]:
    """Writes the rooms, running. `keeper` may author templates, `arranger` draws the order."""
    mark = uuid.uuid4().hex[:6]
    hashed = passwords.hash_password(wish.password)
    template, sitting = host.db.write(_sitting, host, keeper, mark)
    made = []
    for number in range(1, wish.rooms + 1):
        people = [
            _member(host, Role.EXAMINER, f"panel-{mark}-{number}-{place}", (wish.password, hashed))
            for place in range(1, wish.examiners + 1)
        ]
        runs = _member(host, Role.INVIGILATOR, f"panel-{mark}-{number}-0", (wish.password, hashed))
        row = host.db.write(_room, host, sitting, (number, mark, wish.candidates), (*people, runs))
        host.db.write(open_package, host, row)
        signed = Signed(arranger)
        host.db.write(turns.draw_order, signed, row, seed=f"bench-{number}", now=host.now())
        host.db.write(_running, host, row)
        made.append(PanelRoom(row, tuple(people), runs, template))
    return made


def _sitting(session: Session, host: Host, keeper: Actor, mark: str) -> tuple[Template, int]:
    now = host.now()
    policy = policy_for(read_profile("national"), OCCUPATION, LEVEL)
    bank = Bank(
        name=f"示例技能题库 {mark}",
        occupation=OCCUPATION,
        level=LEVEL,
        wrapped_key=vault_of(session).new_bank_key(),
        created_at=now,
    )
    batch = Batch(
        name=f"示例批次 {mark}",
        occupation=OCCUPATION,
        level=LEVEL,
        profile="national",
        policy=policy.to_json(),
        created_at=now,
    )
    session.add_all([bank, batch])
    session.flush()
    number = sheet_templates.store(session, keeper, bank.id, sample_template(), now=now)
    row = sheet_templates.get(session, number)
    row.state, row.approved_at = "approved", now
    sitting = Sitting(
        batch_id=batch.id,
        number=1,
        component=str(Component.PRACTICAL),
        method=str(Method.HANDS_ON),
        starts_at=now + STARTS_IN,
        minutes=Decimal(240),
        template_id=row.id,
    )
    session.add(sitting)
    session.flush()
    return sheet_templates.opened(session, row), sitting.id


def _member(host: Host, role: Role, username: str, password: tuple[str, str]) -> Member:
    plain, hashed = password
    title = "示例考评员" if role is Role.EXAMINER else "示例监考员"
    name = f"{title}{username.rpartition('-')[2]}"
    new = staff.NewPerson(username, name, hashed, frozenset({role}))
    user_id = host.db.write(staff.add_person, SYSTEM, new, now=host.now())
    return Member(Actor(user_id, name, new.roles), role, username, plain)


def _room(
    session: Session,
    host: Host,
    sitting_id: int,
    plan: tuple[int, str, int],
    people: Sequence[Member],
) -> int:
    number, mark, candidates = plan
    now = host.now()
    room = Room(name=f"示例实操考场 {number}-{mark}", kind="practical", layout={}, created_at=now)
    session.add(room)
    session.flush()
    row = RoomSitting(uid=str(uuid.uuid4()), sitting_id=sitting_id, room_id=room.id)
    session.add(row)
    session.add_all(Station(room_id=room.id, number=str(n), equipment=[]) for n in range(1, STATIONS + 1))
    session.flush()
    for member in people:
        duty = {"room_sitting_id": row.id, "user_id": member.user_id, "role": str(member.role)}
        session.add(Assignment(**duty, leader=member is people[0]))
        session.add(DutySign(**duty, in_at=now, in_by=member.user_id))
        if member.role is Role.EXAMINER:
            session.add(StaffProfile(user_id=member.user_id, card_grade="senior_examiner", changed_at=now))
    for index in range(candidates):
        _candidate(session, host, (sitting_id, room.id), f"{mark}-{number:02d}{index:03d}")
    return row.id


def _candidate(session: Session, host: Host, place: tuple[int, int], ticket: str) -> None:
    vault, sitting_id, room_id = vault_of(session), *place
    index = vault.index(ID_PURPOSE, ticket)
    sealed = vault.seal_value(ID_PURPOSE, index, ticket.encode())
    person = Candidate(id_index=index, sealed_id=sealed, name="示例考生", created_at=host.now())
    session.add(person)
    session.flush()
    session.add(
        Registration(
            sitting_id=sitting_id,
            room_id=room_id,
            candidate_id=person.id,
            ticket=ticket,
            employer="示例单位",
        )
    )


def open_package(session: Session, host: Host, room_sitting: int) -> None:
    """Gives a room its package with the sitting's template, sealed to two holders who have opened it."""
    row = session.get_one(RoomSitting, room_sitting)
    sitting = session.get_one(Sitting, row.sitting_id)
    policy = policy_of(session.get_one(Batch, sitting.batch_id))
    keys = [X25519PrivateKey.generate(), X25519PrivateKey.generate()]
    holders = tuple(
        Custodian(str(n), f"holder {n}", f"role {n}", key.public_key().public_bytes_raw())
        for n, key in enumerate(keys)
    )
    name = str(uuid.uuid4())
    spec = PackageSpec(
        package=name,
        sitting=row.uid,
        room=row.uid,
        not_before=sitting.starts_at - timedelta(minutes=60),
        custodians=holders,
    )
    sections = package_contents.contents(session, sitting, policy).main
    sealed = seal_sections(spec, sections, host.site.signing_key.private_bytes_raw())
    first, second = (CustodianShare(str(n), key.private_bytes_raw()) for n, key in enumerate(keys))
    asked = ReleaseRequest((first, second), sealed.release_secret, row.uid, host.now())
    content = release(sealed.data, host.site.public_key, asked)
    session.add(
        Package(
            uid=name,
            template_id=sitting.template_id,
            room_sitting_id=row.id,
            state="released",
            data=sealed.data,
            sha256=sealed.sha256,
            size=len(sealed.data),
            not_before=spec.not_before,
            sealed_release_secret=b"-",
            sealed_at=host.now(),
            released_at=host.now(),
            sealed_content_key=vault_of(session).seal_value(packages.CONTENT_PURPOSE, name, content),
        )
    )


def _running(session: Session, host: Host, room_sitting: int) -> None:
    row = session.get_one(RoomSitting, room_sitting)
    row.state, row.started_at = "running", host.now()
