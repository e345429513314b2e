"""How a blueprint's version comes into use: written as a draft, approved by somebody else, later retired.

    draft -> active -> retired,  or  draft -> discarded

An active version is never edited: a change is a new draft of its family.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from itembank.problems import InputRefused
from server.access import Actor, Permission
from server.db.bank import BlueprintRow
from server.errors import Refused
from server.services import blueprints
from server.services.signed import need


@dataclass(frozen=True, slots=True)
class Edit:
    """A draft's new text, and the `digest` of the text that the writer had before them."""

    text: str
    base: str


def save(session: Session, actor: Actor, blueprint_id: int, edit: Edit, *, now: datetime) -> None:
    """Replaces a draft's text, faults included. Refused when it is no draft or was changed meanwhile."""
    need(actor, Permission.MANAGE_BLUEPRINTS)
    row = _draft(session, blueprint_id)
    _seen(row, edit.base)
    if edit.text != row.text:
        blueprints.put_text(row, edit.text, actor)
        blueprints.join_namesake(session, row)
        blueprints.note(session, actor, "blueprint_changed", row, now=now)


def change(session: Session, actor: Actor, blueprint_id: int, *, now: datetime) -> int:
    """A draft that starts from this version's text; the family's open draft when there is one."""
    need(actor, Permission.MANAGE_BLUEPRINTS)
    row = _locked(session, blueprint_id)
    family = blueprints.members(session, blueprints.family_of(row))
    draft = next((each for each in family if each.state == "draft"), None)
    return draft.id if draft else blueprints.add_version(session, actor, row.text, row, now=now)


def approve(session: Session, actor: Actor, blueprint_id: int, *, now: datetime, seen: str = "") -> None:
    """Brings a draft into use and retires the version that it replaces.

    By another person than its writers, and only without a fault (scenario 11: a sum of 99 is refused).
    `seen`: digest of the text that was shown. Raises `Refused`, `InputRefused`.
    """
    need(actor, Permission.APPROVE_BLUEPRINTS)
    row = _draft(session, blueprint_id)
    _seen(row, seen or blueprints.digest(row.text))
    if actor.user_id in blueprints.writers(row):
        raise Refused("blueprint_approver_must_differ", 403)
    faults = blueprints.faults(row.text)
    if faults:
        raise InputRefused(*faults)
    family = blueprints.members(session, blueprints.family_of(row))
    in_use = [each for each in family if each.state == "active"]
    newer = next((each for each in in_use if each.version > row.version), None)
    if newer:
        raise Refused("blueprint_newer_in_use", version=newer.version)
    if any(each.state == "active" for each in blueprints.others_named_so(session, row)):
        raise Refused("blueprint_title_in_use", title=row.title)
    for each in in_use:
        each.state = "retired"
        blueprints.note(session, actor, "blueprint_retired", each, now=now)
    row.state, row.approved_at, row.approved_by = "active", now, actor.user_id
    blueprints.note(session, actor, "blueprint_approved", row, now=now)


def retire(session: Session, actor: Actor, blueprint_id: int, *, now: datetime) -> None:
    """Takes the active version out of use; papers assembled by it stay as they are."""
    need(actor, Permission.APPROVE_BLUEPRINTS)
    row = _locked(session, blueprint_id)
    if row.state != "active":
        raise Refused("blueprint_not_active", title=row.title)
    row.state = "retired"
    blueprints.note(session, actor, "blueprint_retired", row, now=now)


def discard(session: Session, actor: Actor, blueprint_id: int, *, now: datetime) -> None:
    """Gives up a draft; its version number is not used again."""
    need(actor, Permission.MANAGE_BLUEPRINTS)
    row = _draft(session, blueprint_id)
    row.state = "discarded"
    blueprints.note(session, actor, "blueprint_discarded", row, now=now)


def _draft(session: Session, blueprint_id: int) -> BlueprintRow:
    row = _locked(session, blueprint_id)
    if row.state != "draft":
        raise Refused("blueprint_not_draft", title=row.title, version=row.version)
    return row


def _locked(session: Session, blueprint_id: int) -> BlueprintRow:
    """The version; its family is locked, so that two approvals come one after the other."""
    row = blueprints.get(session, blueprint_id)
    blueprints.lock(session, blueprints.family_of(row))
    session.refresh(row)
    return row


def _seen(row: BlueprintRow, base: str) -> None:
    if base != blueprints.digest(row.text):
        raise Refused("blueprint_changed_meanwhile", version=row.version)
