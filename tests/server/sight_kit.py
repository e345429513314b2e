"""Stages on which every role tries every address: each full of what somebody is not to see."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from server.access import PERMISSIONS, Actor, Permission, Role
from server.db.assessing import Turn
from server.db.publicity import PublicityList
from server.db.scripts import ScanPage
from server.db.sittings import Candidate, Registration
from server.host import Host
from server.services import corrections, defences, rechecks, scans
from server.services.corrections import Change
from server.services.defences import Asked
from server.services.rechecks import Request
from tests.server.assessing_kit import Stage, make_assessment
from tests.server.conftest import Machine
from tests.server.panel_kit import panel_desk, worth
from tests.server.publicity_kit import SHANGHAI, Office, office
from tests.server.review_kit import hand_in, make_review
from tests.server.script_kit import loose_pages, make_paper_room

People = Callable[..., Actor]
MARCH = datetime(2025, 3, 3, 2, 0, tzinfo=UTC)
"""When results are published on the stages: a Monday, ten in the morning in Shanghai."""
SEE_PANELS = Permission.SEE_PANELS
ARRANGERS = frozenset({"administrator", "chief_invigilator", "our administrator", "our chief", "our manager"})
PANEL = frozenset({"our examiner 1", "our examiner 2", "our examiner 3"})
KNOW_NAMES = ARRANGERS | {"our invigilator"}


@dataclass
class Place:
    """A stage: which blueprints are tried on it, with which ids, and who is there, as "our ..."."""

    host: Host
    blueprints: tuple[str, ...]
    ids: dict[str, Any]
    people: dict[str, Actor]
    secrets: dict[str, frozenset[str]] = field(default_factory=dict)
    """What is secret -> who may read it, strangers by role and people of the stage."""
    codes: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    """Names and tickets, which stand beside codes only for `KNOW_NAMES`."""

    @property
    def blind(self) -> bool:
        """Whether marks are still being given under codes, so that other pages of the room may tell too much."""
        return bool(self.codes) and "panels" not in self.blueprints[:1]

    def everybody(self, person_as: People) -> dict[str, Actor]:
        """One more person of each role, without a duty on the stage, and the people of the stage."""
        strangers = {str(role): person_as(str(role)) for role in Role}
        return strangers | {f"our {name}": who for name, who in self.people.items()}


# --- the stages -----------------------------------------------------------------------------------------


def panel_place(host: Host, person_as: People, _machine: Machine) -> Place:
    """Turn 1 is being marked: one sheet locked, one open. Turn 2 is locked by all and aggregated."""
    desk = panel_desk(host, person_as)
    stage = desk.stage
    stage.done(1)
    first, second, _third = stage.examiners
    desk.send(first, 1, [*worth(73), _note("第一人的话")])
    desk.send(
        second, 1, [{"act": "points", "item": "2.1", "points": "41.5"}, _note("第二人的话")], lock=False
    )
    desk.mark(2, 77, 83, 80)
    desk.aggregate(2)
    blueprints = ("assessments", "assessment_panels", "stations", "panels", "panel_members", "scoring")
    place = Place(host, blueprints, {"turn_id": stage.turn(1).id}, _people(stage))
    place.people |= {"scorer": desk.scorer, "checker": desk.checker}
    mine, second_alone = frozenset({"our examiner 1"}), frozenset({"our examiner 2"})
    place.secrets = {"第一人的话": mine, "第二人的话": second_alone, "41.5": second_alone}
    return _assessed(place, stage)


def locked_place(host: Host, person_as: People, _machine: Machine) -> Place:
    """Everybody has had the turn and every sheet is locked: now marks may be seen, by codes."""
    desk = panel_desk(host, person_as, candidates=1, stations=1)
    for who, total in zip(desk.stage.examiners, (77, 83, 80), strict=True):
        if desk.stage.turn(1).state != "done":
            desk.stage.done(1)
        desk.send(who, 1, [*worth(total), _note("请看第二步")])
    desk.end()
    desk.aggregate(1)
    place = Place(host, ("panels", "panel_members"), {}, _people(desk.stage))
    place.people |= {"scorer": desk.scorer, "checker": desk.checker}
    seers = {str(role) for role in Role if SEE_PANELS in PERMISSIONS[role]}
    ours = {"our administrator", "our chief", "our supervisor", "our scorer", "our checker"}
    place.secrets = {"请看第二步": PANEL | seers | ours}
    return _assessed(place, desk.stage)


def sealed_place(host: Host, person_as: People, _machine: Machine) -> Place:
    """The order is drawn, the package not opened: what will be asked stands in the bank alone."""
    stage = make_assessment(host, person_as, state="arranged")
    place = Place(host, ("templates", "policies", "scoring"), {}, _people(stage))
    asked = ("站位不对", "站位与喷射", "压力、铅封、软管")
    place.secrets = dict.fromkeys(asked, frozenset({"bank_keeper"}))
    return _assessed(place, stage)


def review_place(host: Host, person_as: People, _machine: Machine) -> Place:
    """A defence is going on; a question stands in its minutes."""
    stage = make_review(host, person_as)
    kept, turn = hand_in(stage), stage.perform(1)
    asked = Asked(stage.leader.user_id or 0, "保密的问题", "保密的回答")
    stage.write(defences.ask, stage.leader, turn.id, asked)
    place = Place(host, ("reviews",), {"file_id": kept, "turn_id": turn.id}, _people(stage))
    place.secrets = dict.fromkeys((asked.text, asked.answer), PANEL | KNOW_NAMES)
    return _assessed(place, stage)


def script_place(host: Host, person_as: People, machine: Machine) -> Place:
    """Three scripts with two readings each; one reader has handed in a mark that the other may not know."""
    room = make_paper_room(host, person_as, machine)
    room.end()
    room.store(loose_pages(2))
    room.allot(*room.markers[:2])
    with host.db.read() as session:
        page = session.scalars(select(ScanPage.id).order_by(ScanPage.id)).first()
    room.scene.write(scans.match, room.manager, page, "1")
    reading, other = room.readings("1")
    room.hand_in(reading, objective="40", four="11.5", five="10")
    ids = {"room_sitting_id": room.room, "reading_id": reading.id, "script_id": reading.script_id}
    people = {"manager": room.manager, "chief": room.scene.chief, "third reader": room.markers[2]}
    people |= {"reader": room.marker(reading), "other reader": room.marker(other)}
    place = Place(host, ("scripts", "script_marking"), ids | {"page_id": page}, people)
    place.secrets = {"11.5": ARRANGERS | {"our reader"}}
    place.codes = [script.code for script in room.scripts().values()]
    place.names = [*room.scene.tickets.values(), "考生1"]
    return place


def result_place(host: Host, person_as: People, _machine: Machine) -> Place:
    """Results are folded and checked; none is public."""
    desk = office(host, person_as)
    return Place(host, ("batch_results", "exemptions", "own_result"), _ids(desk), _office(desk))


def public_place(host: Host, person_as: People, _machine: Machine) -> Place:
    """A list is published; an objection holds one result, another is to be looked at again and corrected."""
    desk = office(host, person_as)
    desk.publish()
    ids = _ids(desk)
    ids["objection_id"] = desk.object_to("乙")
    change = Change(desk.stage.batch, desk.stage.people["乙"], "theory", "score", Decimal(61), "漏加", "答卷")
    ids["correction_id"] = desk.write(corrections.propose, desk.scorer, change)
    request = Request(desk.filing("丙"), "theory", "omission")
    ids["recheck_id"] = desk.write(rechecks.receive, desk.scorer, request, SHANGHAI)
    with host.db.read() as session:
        ids["token"] = session.scalars(select(PublicityList.token)).one()
    return Place(host, ("publicity", "rechecks", "corrections"), ids, _office(desk))


STAGES: Mapping[str, Callable[[Host, People, Machine], Place]] = {
    "panel": panel_place,
    "locked": locked_place,
    "sealed": sealed_place,
    "review": review_place,
    "script": script_place,
    "result": result_place,
    "public": public_place,
}


def _note(text: str) -> dict[str, Any]:
    return {"act": "note", "item": "", "text": text}


def _people(stage: Stage) -> dict[str, Actor]:
    found = {"administrator": stage.administrator, "chief": stage.chief, "invigilator": stage.invigilator}
    found["supervisor"] = stage.supervisor
    return found | {f"examiner {number}": who for number, who in enumerate(stage.examiners, 1)}


def _assessed(place: Place, stage: Stage) -> Place:
    """What every assessed room has: ids, codes, names."""
    place.ids = {
        "room_sitting_id": stage.room_sitting,
        "room_id": stage.room,
        "batch_id": stage.batch,
        "station_id": stage.stations[0],
        "template_id": stage.template,
        "registration_id": stage.registrations[0],
        "turn_id": stage.turns[0],
    } | place.ids
    with stage.host.db.read() as session:
        place.codes = list(session.scalars(select(Turn.code)))
        place.names = [
            *session.scalars(select(Candidate.name)),
            *session.scalars(select(Registration.ticket)),
        ]
    return place


def _office(desk: Office) -> dict[str, Actor]:
    return {"clerk": desk.clerk, "head": desk.head, "scorer": desk.scorer, "checker": desk.checker}


def _ids(desk: Office) -> dict[str, Any]:
    room = desk.stage.rooms["theory"]
    person = desk.stage.people["乙"]
    return {"batch_id": desk.stage.batch, "candidate_id": person, "room_sitting_id": room}
