"""A practical assessment for the demo, by the services that the screens use: roster to the begun session."""

import json
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from sqlalchemy import select

from exam_rooms.seatmap import RoomKind
from itembank.custody import open_custodian_key
from itembank.sheet_template import Template
from server.access import Actor, Role
from server.cli.rehearse.crew import Crew, Member, Names, hire_more
from server.cli.rehearse.stage import BANK_NAME, LEVEL, OCCUPATION, fictional_people, made_room, sample
from server.db.assessing import SheetTemplate
from server.db.bank import Bank
from server.db.sittings import RoomSitting
from server.host import Host
from server.rules.policy_components import Component, Method
from server.services import (
    assessments,
    batches,
    duties,
    package_release,
    package_sealing,
    panels,
    rooms,
    rosters,
    sheet_templates,
    sitting_templates,
    staff,
    staff_profiles,
    staffing,
    stations,
    turns,
)
from server.services.panels import PanelPlan
from server.services.signed import Signed

PROFILE = "national"
TEMPLATE = "template_baowei_3_practical.json"
CANDIDATES, EXAMINERS, STATIONS = 6, 3, 2
FIRST_NUMBER = 901
"""Fictional people of the practical, beyond those of any theory sitting: one ID number has one name."""
STARTS_IN, MINUTES = timedelta(minutes=5), Decimal(240)
SHIPPED = Actor(None, "console/demo", frozenset({Role.BANK_KEEPER}))
"""Who wrote the sample template that ships with the server."""


@dataclass(frozen=True, slots=True)
class PanelStage:
    """A begun practical assessment, and the crew with the further examiners of its panel."""

    room_sitting: int
    crew: Crew


def stage_panel(host: Host, crew: Crew, names: Names, title: str, *, seed: str) -> PanelStage:
    """Everything up to the begun session. Raises `Refused` or `InputRefused`; needs the sample bank."""
    crew = hire_more(host, crew, names, Role.EXAMINER, EXAMINERS - len(crew.all(Role.EXAMINER)))
    room_sitting = _plan(host, crew, title)
    _people(host, crew, room_sitting)
    signed = Signed(crew.one(Role.ADMINISTRATOR).actor)
    host.db.write(turns.draw_order, signed, room_sitting, seed=seed, now=host.now())
    _open(host, crew, room_sitting)
    present = [crew.one(Role.CHIEF_INVIGILATOR), *crew.all(Role.EXAMINER), crew.all(Role.INVIGILATOR)[-1]]
    for member in present:
        host.db.write(duties.sign_in, member.actor, room_sitting, now=host.now())
    chief = crew.one(Role.CHIEF_INVIGILATOR).actor
    host.db.write(assessments.begin, chief, room_sitting, now=host.now())
    return PanelStage(room_sitting, crew)


def _plan(host: Host, crew: Crew, title: str) -> int:
    admin = crew.one(Role.ADMINISTRATOR).actor
    room = made_room(title, STATIONS, RoomKind.PRACTICAL)
    (room_id,) = host.db.write(rooms.store_rooms, admin, [room], now=host.now())
    host.db.write(stations.from_plan, admin, room_id, now=host.now())
    batch = batches.BatchPlan(title, OCCUPATION, LEVEL, PROFILE)
    batch_id = host.db.write(batches.create, admin, batch, now=host.now())
    plan = batches.SittingPlan(
        host.now() + STARTS_IN, MINUTES, (room_id,), Component.PRACTICAL, Method.HANDS_ON
    )
    (room_sitting,) = host.db.write(batches.add_sitting, admin, batch_id, plan, now=host.now())
    with host.db.read() as session:
        sitting_id = session.get_one(RoomSitting, room_sitting).sitting_id
    host.db.write(sitting_templates.choose_template, admin, sitting_id, _template(host, crew), now=host.now())
    return room_sitting


def _template(host: Host, crew: Crew) -> int:
    keeper = crew.one(Role.BANK_KEEPER).actor
    content = Template.from_json(json.loads(sample(TEMPLATE)))
    with host.db.read() as session:
        bank = session.scalars(select(Bank.id).where(Bank.name == BANK_NAME)).one()
    made = host.db.write(sheet_templates.store, SHIPPED, bank, content, now=host.now())
    with host.db.read() as session:
        seen = session.get_one(SheetTemplate, made).sha256
    host.db.write(sheet_templates.approve, keeper, made, seen=seen, now=host.now())
    return made


def _people(host: Host, crew: Crew, room_sitting: int) -> None:
    admin, examiners = crew.one(Role.ADMINISTRATOR).actor, crew.all(Role.EXAMINER)
    people = fictional_people(FIRST_NUMBER + CANDIDATES - 1, named="示例考生")[-CANDIDATES:]
    host.db.write(rosters.store_roster, admin, room_sitting, list(people), now=host.now())
    duty = {
        crew.one(Role.CHIEF_INVIGILATOR).user_id: Role.CHIEF_INVIGILATOR,
        crew.all(Role.INVIGILATOR)[-1].user_id: Role.INVIGILATOR,
    }
    host.db.write(staffing.assign_staff, admin, room_sitting, duty, now=host.now())
    with host.db.read() as session:
        sitting = session.get_one(RoomSitting, room_sitting).sitting_id
    supervisor = crew.one(Role.SUPERVISOR).user_id
    host.db.write(staffing.name_supervisor, admin, sitting, supervisor, now=host.now())
    card = staff_profiles.Profile(card_grade="senior_examiner")
    for member in examiners:
        host.db.write(staff_profiles.set_profile, admin, member.user_id, card, now=host.now())
    panel = PanelPlan(tuple(member.user_id for member in examiners), examiners[0].user_id)
    host.db.write(panels.assign, admin, room_sitting, panel, now=host.now())


def _open(host: Host, crew: Crew, room_sitting: int) -> None:
    admin, chief = crew.one(Role.ADMINISTRATOR), crew.one(Role.CHIEF_INVIGILATOR)
    holders = {member.user_id: member.role for member in crew.members if member.passphrase}
    key, signed = host.site.signing_key.private_bytes_raw(), Signed(admin.actor, cosigner=chief.actor)
    host.db.write(package_sealing.seal, signed, room_sitting, holders, key, now=host.now())
    two = (_unlocked(host, chief), _unlocked(host, crew.one(Role.CUSTODIAN)))
    host.db.write(package_release.open_package, room_sitting, two, host.site.public_key, now=host.now())


def _unlocked(host: Host, member: Member) -> package_release.Unlocked:
    with host.db.read() as session:
        sealed = staff.sealed_custodian_key(session, member.user_id)
    assert sealed is not None, "the crew's custodians have keys"
    return package_release.Unlocked(member.actor, open_custodian_key(sealed, member.passphrase))
