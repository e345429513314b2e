"""Everything an installation must keep to itself, put into it: and then looked for in what somebody carries away."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.protocol import RecordKind
from itembank.items import ItemBody, Option
from server.access import Actor
from server.app import build_app
from server.db.bank import Bank, BankItem, BankMedium, ItemVersion
from server.db.evidence_store import frame_name
from server.db.sittings import Candidate, Registration
from server.host import Host
from server.services import banks, evidence
from server.services.rosters import ID_PURPOSE, PHOTO_PURPOSE
from tests.server.agent_kit import TestAgent
from tests.server.conftest import Machine
from tests.server.delivery_kit import ID_NUMBERS, Scene, make_scene

PHOTO = b"\xff\xd8photo"
PICTURE = b"\xff\xd8 a face at seat 12, as the camera saw it " * 40
MEDIUM = b"\x89PNG\r\n a drawing that belongs to an item " * 40
SHA = "ab" * 32
FRAME = frame_name(1, SHA)
BODIES = [
    ItemBody(
        f"第 {number} 号库房的值班保卫人员发现异常时，首先应当（　　）。",
        tuple(Option(letter, f"处置办法 {letter}{number}：按规定上报并保护现场") for letter in "ABCD"),
        ("A",),
        f"解析 {number}：先上报，再保护现场，不得擅自离开岗位。",
    )
    for number in range(1, 25)
]


@dataclass
class Holdings:
    """What was put in. `sealed`: what no copy of the data may show; `people`: names, which a backup hides too."""

    bank: int
    scene: Scene
    sealed: list[bytes]
    people: list[bytes]


def holdings(host: Host, person_as: Callable[..., Actor], machine: Machine) -> Holdings:
    """A bank with a medium, candidates with photo and ID numbers, answers, a picture of a seat."""
    keeper = person_as("administrator", username="deng.mei", name="邓梅某某")
    bank_id = host.db.write(_bank, host, keeper)
    scene = make_scene(host, person_as, candidates=3)
    evidence.keep(host.vault, host.evidence, FRAME, PICTURE)
    _answers(host, scene, machine)
    texts = {text for body in BODIES for text in (body.stem, body.explanation)}
    texts |= {option.text for body in BODIES for option in body.options}
    texts |= set(ID_NUMBERS[:3]) | {f"题干{number}" for number in range(1, 6)} | {"选项A1", '"response"'}
    secret = host.site.signing_key.private_bytes_raw()
    files = [PICTURE[:40], MEDIUM[:40], PHOTO, secret, host.site.token_key]
    people = ["邓梅某某", "deng.mei", "考生1", "考生2", "考生3", "T2026-0001"]
    sealed = [text.encode() for text in sorted(texts)] + files
    return Holdings(bank_id, scene, sealed, [name.encode() for name in people])


def found(needles: list[bytes], data: bytes) -> list[bytes]:
    """Those that stand in the data, as they are or as JSON writes them."""
    return [needle for needle in needles if needle in data or _escaped(needle) in data]


def check(host: Host, held: Holdings) -> None:
    """Everything opens and is what was put in."""
    with host.db.read() as session:
        bank = session.get_one(Bank, held.bank)
        items = list(session.scalars(select(BankItem).where(BankItem.bank_id == bank.id)))
        stems = {
            host.vault.open_item(bank.wrapped_key, item.uid, item.version, item.sealed_body).stem
            for item in items
        }
        assert stems == {body.stem for body in BODIES}
        medium = session.get_one(BankMedium, (bank.id, SHA))
        assert host.vault.open_medium(bank.wrapped_key, SHA, medium.sealed) == MEDIUM
        numbers = {
            host.vault.open_value(ID_PURPOSE, person.id_index, person.sealed_id).decode()
            for person in session.scalars(select(Candidate))
        }
        assert numbers == set(ID_NUMBERS[:3])
        mark = host.vault.index(ID_PURPOSE, ID_NUMBERS[0])
        assert session.scalar(select(Candidate.id).where(Candidate.id_index == mark))
        seat = session.scalars(select(Registration).where(Registration.has_photo)).one()
        assert seat.sealed_photo is not None
        assert host.vault.open_value(PHOTO_PURPOSE, str(seat.id), seat.sealed_photo) == PHOTO
    assert evidence.opened(host.vault, host.evidence, FRAME) == PICTURE
    assert host.answers.answered([held.scene.attempts["1"]]) == {held.scene.attempts["1"]: 3}


def _bank(session: Session, host: Host, keeper: Actor) -> int:
    """Items with their version, and a medium."""
    facts = banks.new_bank("保管测试题库", "baowei", 3)
    bank = session.get_one(Bank, banks.create(session, keeper, facts, now=host.now()))
    for number, body in enumerate(BODIES):
        sealed = host.vault.seal_item(bank.wrapped_key, f"U-{number}", 1, body)
        item = BankItem(
            bank_id=bank.id,
            uid=f"U-{number}",
            point="A-A-A-001",
            kind="single",
            difficulty=3,
            content_index=host.vault.index("item-content", body.stem),
            sealed_body=sealed,
        )
        session.add(item)
        session.flush()
        kept = {"facts": {}, "sealed_body": sealed, "content_index": "", "created_at": host.now()}
        session.add(ItemVersion(item_id=item.id, version=1, **kept))
    picture = host.vault.seal_medium(bank.wrapped_key, SHA, MEDIUM)
    session.add(BankMedium(bank_id=bank.id, sha256=SHA, mime="image/png", size=len(MEDIUM), sealed=picture))
    return bank.id


def _answers(host: Host, scene: Scene, machine: Machine) -> None:
    """Three answers of the first candidate, sealed at the seat and acknowledged."""
    agent = TestAgent(build_app(host), scene, "1")
    agent.enter()
    machine.advance(minutes=10)
    scene.start()
    assert agent.open_journal().status_code == 200
    for number in (1, 2, 3):
        agent.answer(number)
    assert agent.records[0].kind is RecordKind.OPEN
    agent.sent()


def _escaped(needle: bytes) -> bytes:
    try:
        return json.dumps(needle.decode()).strip('"').encode()
    except UnicodeDecodeError:
        return needle
