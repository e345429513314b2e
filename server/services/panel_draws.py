"""The draw of a room's panel from the examiners who may serve there, with a seed that replays it."""

import secrets
from datetime import datetime

from sqlalchemy.orm import Session

from server.access import Actor, Permission, Role
from server.errors import Refused
from server.rules import staff_draw
from server.rules.panel_staff import examiners_needed, panel_faults
from server.rules.recusal import conflicts
from server.rules.staff_draw import Opening, Willing
from server.services import assessment_room, eligibility, panels, staffing, template_readers
from server.services.assessment_room import AssessmentRoom
from server.services.panels import PanelPlan
from server.services.signed import Signed, need, note_room


def draw(session: Session, actor: Actor, room_sitting_id: int, *, seed: str = "", now: datetime) -> str:
    """Draws as many examiners as the policy asks for, the first of them to lead; returns the seed.

    Who has served too often in a row, or shares an employer with a candidate, comes last. Refused as
    `panels.assign` does, and `panel_shortage` when too few may serve.
    """
    need(actor, Permission.ARRANGE_ASSESSMENT)
    place = assessment_room.load(session, room_sitting_id, lock=True)
    needed = examiners_needed(assessment_room.at_once(session, place), place.terms.panel)
    people = _willing(session, place)
    if len(people) < needed:
        raise Refused("panel_shortage", count=len(people), needed=needed)
    seed = seed.strip()[:40] or secrets.token_hex(16)
    openings = [Opening(f"examiner/{turn}", str(Role.EXAMINER), (place.room.id,)) for turn in range(needed)]
    drawn = staff_draw.draw(openings, people, seed)
    chosen = tuple(drawn.taken[opening.place] for opening in openings)
    panels.assign(session, actor, room_sitting_id, PanelPlan(chosen, chosen[0], frozenset(chosen)), now=now)
    signed, told = Signed(actor), {"seed": seed, "examiners": needed, "willing": len(people)}
    note_room(session, room_sitting_id, signed, "panel_drawn", now, **told)
    return seed


def _willing(session: Session, place: AssessmentRoom) -> list[Willing]:
    asked, room = eligibility.wanted(session, place.sitting), place.room.id
    barred = _held_elsewhere(session, place) | template_readers.knowing(session, place.sitting.template_id)
    fit = [
        one
        for one in eligibility.fits(session).values()
        if Role.EXAMINER in one.roles
        and one.id not in barred
        and not asked.expired(one)
        and asked.elsewhere(one, Role.EXAMINER) is None
        and not conflicts(one.links, asked.of_room(room))
    ]
    rules, on = place.terms.panel, place.sitting.starts_at.date()
    members = panels.members_of(session, place, [one.id for one in fit])
    wrong = {fault.place for fault in panel_faults(members, 1, rules, on)}
    tired = {
        each.user for each in members if rules.consecutive_most and each.consecutive > rules.consecutive_most
    }
    colleagues = {one.id for one in fit if one.employer and asked.colleagues(one, room)}
    last = frozenset({room})
    return [
        Willing(
            one.id,
            frozenset({str(Role.EXAMINER)}),
            last=last if one.id in tired | colleagues else frozenset(),
        )
        for one in fit
        if str(one.id) not in wrong
    ]


def _held_elsewhere(session: Session, place: AssessmentRoom) -> set[int]:
    """Who has another duty in this sitting: in this room, or as an examiner in another."""
    found: set[int] = set()
    for row in staffing.rooms_of(session, place.sitting.id):
        held = staffing.held(session, row.id)
        found |= {user for user, role in held.items() if role != Role.EXAMINER or row.id != place.row.id}
    return found
