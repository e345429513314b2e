"""What a workstation tells of breaches, and what came of it."""

from dataclasses import replace
from itertools import count

from exam_rooms.kiosk_messages import BreachNote, BreachRequest
from exam_rooms.protocol import Route
from server.db.breaches import Breach
from server.db.sittings import Incident
from server.host import Host
from tests.server.smart_kit import BOOT_ID, CameraAgent

SECOND = 1_000_000_000
REFS = (f"{number:032x}" for number in count(1))


def note(agent: CameraAgent, kind: str = "USB_DEVICE", **changed: object) -> BreachNote:
    now = agent.boot_ns()
    return replace(
        BreachNote(next(REFS), kind, BOOT_ID, now - SECOND, now, detail="storage 0781:5567"), **changed
    )


def tell(agent: CameraAgent, *notes: BreachNote, attempt: int = 0) -> tuple[int, str]:
    answer = agent.post(Route.BREACHES, BreachRequest(attempt or agent.attempt, notes))
    return answer.status_code, answer.get_json().get("code", "")


def end(agent: CameraAgent, begun: BreachNote) -> tuple[int, str]:
    now = agent.boot_ns()
    return tell(agent, replace(begun, ended=True, since_ns=now, boot_ns=now))


def raised(host: Host) -> list[Incident]:
    with host.db.read() as session:
        return session.query(Incident).order_by(Incident.id).all()


def rows(host: Host) -> list[Breach]:
    with host.db.read() as session:
        return session.query(Breach).order_by(Breach.id).all()
