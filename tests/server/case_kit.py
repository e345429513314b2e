"""A room at work with what the tests of reports and cases need: people of every role, steps in their order."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

from pypdf import PdfReader
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.access import Actor, Role
from server.db.cases import Case
from server.db.sittings import Assignment, Attempt, Incident, RoomSitting
from server.host import Host
from server.jobs.documents import document_pdf
from server.services import case_decisions, case_documents, cases, incidents, staff_incidents, warnings
from server.services.case_decisions import Delivery, Ruling
from server.services.case_documents import Asked
from server.services.cases import Facts, Opening, Signature
from server.services.incidents import Handling
from server.services.staff_incidents import Sighting
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene

SHANGHAI = ZoneInfo("Asia/Shanghai")
STROKES = "[[[10,20],[40,60],[90,30]],[[100,100],[120,90]]]"


@dataclass
class CaseRoom:
    """A running room of three, its staff, a rover of the sitting, the institution's head and a deputy."""

    scene: Scene
    machine: Machine
    rover: Actor
    head: Actor
    deputy: Actor

    @property
    def host(self) -> Host:
        return self.scene.host

    def report(self, kind: str, seat: str = "1", *photos: bytes, by: Actor | None = None, **more: Any) -> int:
        """Somebody reports what they saw just now."""
        said = {"note": "考生座位上有一部手机"} | more
        sighting = Sighting(
            self.scene.room_sitting,
            kind,
            self.scene.seats[seat],
            said.pop("seen_at", self.host.now()),
            **said,
        )
        who = by or self.scene.invigilator
        return self.scene.write(staff_incidents.report, who, sighting, list(photos))

    def on_duty(self, actor: Actor, role: Role) -> None:
        duty = Assignment(room_sitting_id=self.scene.room_sitting, user_id=actor.user_id or 0, role=str(role))
        self.host.db.write(lambda session: session.add(duty))

    def warn(self, seat: str = "1", text: str = "请收起手机") -> None:
        attempt = self.scene.attempts[seat]
        self.scene.write(warnings.give, self.scene.invigilator, attempt, text, incident_id=None)

    def handle(self, incident: int, outcome: str = "recorded", note: str = "") -> None:
        self.scene.write(incidents.handle, self.scene.invigilator, incident, Handling(outcome, note))

    def open(self, *incidents: int, seat: str = "1") -> int:
        opening = Opening(self.scene.room_sitting, self.scene.attempts[seat], incidents)
        return self.scene.write(cases.open_case, self.scene.invigilator, opening)

    def state(
        self, case: int, article: str, text: str = "考生在座位上使用手机。", at: datetime | None = None
    ) -> None:
        """Facts of the moment that the case was opened with, or of another one."""
        facts = Facts(text, at or self.row(case).happened_at, article, "收缴手机，考试继续")
        self.scene.write(cases.state_facts, self.scene.invigilator, case, facts)

    def to_signed(self, case: int, article: str) -> None:
        """Facts, told, signed on paper."""
        self.state(case, article)
        self.scene.write(cases.tell, self.scene.invigilator, case, "当场宣读")
        self.scene.write(cases.sign, self.scene.invigilator, case, Signature("paper", statement="没有看"))

    def to_notified(self, case: int, article: str) -> None:
        """The same, the site head's signature, the notice."""
        self.to_signed(case, article)
        self.scene.write(cases.confirm, self.scene.chief, case, "属实")
        self.scene.write(case_decisions.notify, self.scene.chief, case, Delivery("in_person", "", SHANGHAI))

    def to_heard(self, case: int, article: str) -> None:
        """The same and a statement."""
        self.to_notified(case, article)
        self.to_heard_from_here(case)

    def to_heard_from_here(self, case: int) -> None:
        self.scene.write(case_decisions.hear, self.scene.chief, case, "我承认，请从轻。")

    def decide(self, case: int, outcome: str, by: Actor | None = None) -> tuple[int, ...]:
        ruling = Ruling(outcome, "事实清楚，证据充分")
        return self.scene.write(case_decisions.decide, by or self.head, case, ruling)

    def serve(self, case: int) -> None:
        self.scene.write(case_decisions.serve, self.scene.chief, case, Delivery("post", "EMS 1", SHANGHAI))

    def row(self, case: int) -> Case:
        with self.host.db.read() as session:
            return session.get_one(Case, case)


def case_room(host: Host, person_as: Callable[..., Actor], machine: Machine) -> CaseRoom:
    """Everybody answers; no agent is needed for what people do."""
    scene = make_scene(host, person_as)

    def begin(session: Session) -> None:
        room = session.get_one(RoomSitting, scene.room_sitting)
        room.state, room.started_at = "running", host.now()
        for attempt in session.scalars(select(Attempt)):
            attempt.state = "answering"

    host.db.write(begin)
    heads = person_as("institution_head"), person_as("institution_head")
    room = CaseRoom(scene, machine, person_as("rover"), *heads)
    room.on_duty(room.rover, Role.ROVER)
    return room


def text_of(room: CaseRoom, who: Actor, case: int, document: str) -> str:
    """A paper's text, made as the job makes it, without blanks."""
    with room.host.db.read() as session:
        asked = Asked(case, document, SHANGHAI, "某某评价中心")
        payload = case_documents.document(session, who, asked, now=room.host.now())
    pdf = document_pdf(payload, lambda *_: None)["data"]
    return "".join("".join(sheet.extract_text().split()) for sheet in PdfReader(BytesIO(pdf)).pages)


def incident_row(room: CaseRoom, incident: int) -> Incident:
    with room.host.db.read() as session:
        return session.get_one(Incident, incident)
