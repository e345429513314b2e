"""The gates of a start: how they stand, a start, and what puts one right or overrules it."""

from sqlalchemy.orm import Session

from server.access import Actor, Role
from server.services import commands, duties, gates, site_check
from server.services.commands import Start
from server.services.gate_findings import Outside
from server.services.gates import Gate, Overruling
from server.services.signed import Signed
from server.services.site_check import Read
from tests.server.staffing_kit import Duty


def standing(duty: Duty, **outside: object) -> dict[str, Gate]:
    host = duty.scene.host
    with host.db.read() as session:
        found = gates.gates(
            session,
            host.presence,
            duty.scene.room_sitting,
            now=host.now(),
            outside=Outside(**outside),
        )
    return {gate.name: gate for gate in found}


def start(duty: Duty, *, proven: bool = True) -> None:
    scene, host = duty.scene, duty.scene.host
    ticked = frozenset(actor.user_id or 0 for actor in scene.staff)
    order = Start(ticked, host.clock.anchor, host.presence, proven)
    scene.write(commands.start_room, scene.invigilator, scene.room_sitting, order)


def change(duty: Duty, table: type, key: int, **values: object) -> None:
    def put(session: Session) -> None:
        row = session.get_one(table, key)
        for name, value in values.items():
            setattr(row, name, value)

    duty.scene.host.db.write(put)


def signed_in(duty: Duty, *people: Actor) -> None:
    for who in people:
        duty.scene.write(duties.sign_in, who, duty.scene.room_sitting)


def sign_site(duty: Duty, remarks: str = "") -> None:
    scene = duty.scene
    with scene.host.db.read() as session:
        found = site_check.standing(
            session, scene.host.presence, scene.room_sitting, now=scene.host.now()
        ).finding
    who = Signed(duty.one(Role.SYSTEM_ADMINISTRATOR), remarks)
    scene.write(site_check.sign, scene.host.presence, who, Read(scene.room_sitting, found))


def overrule(duty: Duty, gate: str, signed: Signed, finding: str = "") -> None:
    finding = finding or standing(duty)[gate].finding
    wanted = Overruling(duty.scene.room_sitting, gate, finding)
    duty.scene.write(gates.overrule, duty.scene.host.presence, signed, wanted)
