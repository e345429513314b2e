"""Rescue files as a workstation under test makes them."""

import base64
from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from client.device import Device, FormerKey
from exam_rooms import rescue as form
from exam_rooms.protocol import Record
from itembank.letters import seal_letter
from server.host import Host
from tests.server.agent_kit import TestAgent


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


def _text(key: Ed25519PrivateKey) -> str:
    return base64.b64encode(key.private_bytes_raw()).decode()
