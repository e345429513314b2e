"""Rescue files as a workstation under test makes them, and staff who bring them."""

import base64
from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask
from sqlalchemy import select

from client.device import Device, FormerKey
from exam_rooms import rescue as form
from exam_rooms.protocol import Record
from itembank.letters import seal_letter
from server.access import Actor
from server.db.record import AuditEntry
from server.host import Host
from server.live.watch import Watch
from server.services import rescue
from server.services.rescue import Errand, Report
from tests.server.agent_kit import TestAgent, seated
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene


def device_of(agent: TestAgent, former: Sequence[TestAgent] = ()) -> Device:
    """The pairing of an agent under test, with the keys of earlier ones."""
    scene = agent.scene
    return Device(
        workstation=scene.workstations[agent.seat],
        room="第一考场",
        seat=agent.seat,
        server="",
        private_key=_text(scene.keys[agent.seat]),
        journal_key="",
        site_key=base64.b64encode(scene.host.site.public_key).decode(),
        ca_pem="",
        rescue_key=base64.b64encode(scene.host.site.rescue_public).decode(),
        former=tuple(FormerKey(scene.workstations[one.seat], _text(scene.keys[one.seat])) for one in former),
    )


def rescue_file(
    host: Host,
    device: Device,
    journals: Sequence[tuple[TestAgent, Sequence[Record]]],
    *,
    sealed: bool = True,
    whole: bool = True,
) -> bytes:
    """A file with these records of these agents' journals, made now and signed by the device."""
    notes = tuple(
        form.RescueJournal(one.attempt, one.journal, one.parent, len(records), whole)
        for one, records in journals
    )
    head = form.head_bytes(
        form.RescueHead(
            workstation=device.workstation,
            room=device.room,
            seat=device.seat,
            boot_id=f"boot-{device.seat}",
            boot_ns=host.clock._look().boot_ns,
            sealed=sealed,
            journals=notes,
        )
    )
    body = form.body_bytes(form.RescueBody(tuple(record for _, records in journals for record in records)))
    if sealed:
        body = seal_letter(host.site.rescue_public, body, head)
    return form.assemble(head, body, device.signatures(form.signed_message(head, body)))


def answering(app: Flask, scene: Scene, machine: Machine) -> list[TestAgent]:
    """Seats 1 and 2 in a running room."""
    made = list(seated(app, scene, "12").values())
    machine.advance(minutes=10)
    scene.start()
    for agent in made:
        agent.state()
        agent.open_journal()
        agent.sent()
        agent.beat()
    return made


def bring(scene: Scene, data: bytes, *, who: Actor | None = None, **errand: object) -> Report:
    """What staff bring by hand; by the chief when nobody else is named."""
    wanted = Errand(who or scene.chief, **errand)  # type: ignore[arg-type]
    return rescue.bring(scene.host, data, wanted, now=scene.host.now(), boot_ns=1)


def silence(scene: Scene, machine: Machine, minutes: float) -> None:
    """Nobody is heard for some time; the server looks on."""
    machine.advance(seconds=10)
    Watch(scene.host).tick()
    machine.advance(minutes=minutes)


def acts(scene: Scene, act: str) -> list[str]:
    """Who is on record with an act."""
    with scene.host.db.read() as session:
        return [row.actor for row in session.scalars(select(AuditEntry)) if row.act == act]


def _text(key: Ed25519PrivateKey) -> str:
    return base64.b64encode(key.private_bytes_raw()).decode()
