"""The template that the panels of a sitting score by: chosen when approved, before any room opened it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.problems import InputRefused
from server.access import Actor, Permission
from server.db.assessing import SheetTemplate
from server.db.bank import Bank
from server.db.sittings import Batch, RoomSitting, Sitting
from server.errors import NotFound, Refused
from server.rules.policy import check_minutes
from server.rules.policy_components import ASSESSED
from server.services import audit, packages
from server.services.batches import policy_of, void_other_packages
from server.services.signed import need

OPEN = ("planned", "arranged")
"""States of a room in which its template is still closed."""


@dataclass(frozen=True, slots=True)
class TemplateChoice:
    """An approved template as a sitting may choose it."""

    id: int
    title: str
    version: int
    minutes: Decimal
    sample: bool


def choices(session: Session, batch: Batch, component: str) -> list[TemplateChoice]:
    """The approved templates of a batch's occupation and level for a component, the newest first."""
    query = (
        select(SheetTemplate)
        .join(Bank, Bank.id == SheetTemplate.bank_id)
        .where(
            Bank.occupation == batch.occupation,
            Bank.level == batch.level,
            SheetTemplate.component == component,
            SheetTemplate.state == "approved",
        )
        .order_by(SheetTemplate.id.desc())
    )
    return [
        TemplateChoice(row.id, row.title, row.version, row.minutes, row.sample)
        for row in session.scalars(query)
    ]


def choose_template(
    session: Session, actor: Actor, sitting_id: int, template_id: int, *, now: datetime
) -> None:
    """Gives an assessed sitting its template: approved, of its occupation, level and component.

    What was sealed of another one is void. Refused: template_not_needed (sat at seats),
    template_not_approved, template_of_other_level, template_already_open; `InputRefused` for a template
    shorter than the policy allows for one person.
    """
    need(actor, Permission.MANAGE_BATCHES)
    sitting = session.get(Sitting, sitting_id, with_for_update=True, populate_existing=True)
    template = session.get(SheetTemplate, template_id, with_for_update=True, populate_existing=True)
    if sitting is None or template is None:
        raise NotFound("sitting" if sitting is None else "template")
    if sitting.method not in ASSESSED:
        raise Refused("template_not_needed", field="template")
    _need_fitting(session, sitting, template)
    opened = select(RoomSitting.id).where(
        RoomSitting.sitting_id == sitting_id, RoomSitting.state.not_in(OPEN)
    )
    if session.scalar(opened.limit(1)):
        raise Refused("template_already_open", field="template")
    sitting.template_id = template_id
    place = f"sitting/{sitting_id}"
    facts = {"template": template_id, "version": template.version}
    audit.record(session, "system", actor, "template_chosen", place, now=now, **facts)
    packages.void_others(session, actor, sitting, now=now)
    void_other_packages(session, actor, sitting, now)


def _need_fitting(session: Session, sitting: Sitting, template: SheetTemplate) -> None:
    if template.state != "approved":
        raise Refused("template_not_approved", field="template", title=template.title)
    batch, bank = session.get_one(Batch, sitting.batch_id), session.get_one(Bank, template.bank_id)
    same = (batch.occupation, batch.level, sitting.component)
    if same != (bank.occupation, bank.level, template.component):
        raise Refused("template_of_other_level", 422, field="template", title=template.title)
    problems = check_minutes(policy_of(batch).terms_of(sitting.component), template.minutes)
    if problems:
        raise InputRefused(*problems)
