"""Templates of score sheets: kept sealed under their bank's key, in versions that never change.

One person writes or imports a version, another one approves it (D14). Both see what is asked; whoever only
plans sees titles. Everybody else, the examiners above all, meets a template after its room's release
(`template_release`): nothing here opens one for them.
"""

import json
import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from itembank.problems import InputRefused
from itembank.sheet_diff import SheetChange, changes
from itembank.sheet_template import Template, digest, faults
from server.access import Actor, Permission
from server.db.assessing import SheetTemplate
from server.db.bank import Bank
from server.db.base import TO_CHANGE, vault_of
from server.db.sittings import RoomSitting, Sitting
from server.errors import NotFound, Refused
from server.services import audit, staff, template_readers
from server.services.signed import need

STATES = ("draft", "approved", "retired")
MOST_NOTE = 200
_TO_COME = ("planned", "arranged", "released", "running")


@dataclass(frozen=True, slots=True)
class TemplateView:
    """One version as lists and heads show it: nothing of what is asked."""

    id: int
    uid: str
    version: int
    title: str
    component: str
    minutes: Decimal
    sample: bool
    state: str
    bank_id: int
    bank: str
    sha256: str
    note: str
    created_at: datetime
    author_id: int | None
    author: str
    approved_at: datetime | None
    approver: str


def templates(session: Session) -> list[TemplateView]:
    """Every version, by title, the newest version of each template first."""
    rows = session.execute(
        select(SheetTemplate, Bank.name)
        .join(Bank, Bank.id == SheetTemplate.bank_id)
        .order_by(SheetTemplate.title, SheetTemplate.uid, SheetTemplate.version.desc())
    ).all()
    people = staff.names(session, [who for row, _bank in rows for who in (row.created_by, row.approved_by)])
    return [_view(row, bank, people) for row, bank in rows]


def view(session: Session, template_id: int) -> TemplateView:
    """One version without its content. Raises `NotFound`."""
    row = get(session, template_id)
    people = staff.names(session, (row.created_by, row.approved_by))
    return _view(row, session.get_one(Bank, row.bank_id).name, people)


def versions(session: Session, uid: str) -> list[TemplateView]:
    """The versions of one template, the newest first."""
    return [each for each in templates(session) if each.uid == uid]


def get(session: Session, template_id: int) -> SheetTemplate:
    """The row of a version. Raises `NotFound`."""
    row = session.get(SheetTemplate, template_id)
    if row is None:
        raise NotFound("template")
    return row


def store(session: Session, actor: Actor, bank_id: int, content: Template, *, now: datetime) -> int:
    """Keeps a new template as version 1, a draft; its uid and version are given here.

    Raises `InputRefused` with its faults, `NotFound` for the bank.
    """
    need(actor, Permission.AUTHOR_TEMPLATES)
    bank = session.get(Bank, bank_id)
    if bank is None:
        raise NotFound("bank")
    _need_sound(content)
    return _keep(session, actor, bank, replace(content, uid=str(uuid.uuid4()), version=1), "", now)


def store_version(  # noqa: PLR0913 - an act and its note
    session: Session, actor: Actor, template_id: int, content: Template, note: str, *, now: datetime
) -> int:
    """Keeps the next version of a template, a draft; the versions before stay as they are.

    Raises `InputRefused`, `NotFound`, `Refused` (template_unchanged, template_other_component,
    template_of_own_panel).
    """
    need(actor, Permission.AUTHOR_TEMPLATES)
    row = get(session, template_id)
    _need_apart(session, actor, row)
    bank = session.get_one(Bank, row.bank_id, with_for_update=TO_CHANGE)
    last = session.scalar(select(func.max(SheetTemplate.version)).where(SheetTemplate.uid == row.uid)) or 0
    before = session.scalars(
        select(SheetTemplate).where(SheetTemplate.uid == row.uid, SheetTemplate.version == last)
    ).one()
    _need_sound(content)
    if content.component != row.component:
        raise Refused("template_other_component", 422, field="file")
    fresh = replace(content, uid=row.uid, version=last + 1)
    if digest(replace(fresh, version=last)) == before.sha256:
        raise Refused("template_unchanged", 422, field="file", version=last)
    return _keep(session, actor, bank, fresh, note, now)


def content(session: Session, actor: Actor, template_id: int, *, now: datetime) -> Template:
    """A version in clear, for those who write or approve templates; every reading is on the bank's record.

    Who has read one scores by none of its versions (`template_readers`), so an examiner whose panel awaits it
    is turned away. Raises `Forbidden`, `NotFound`, `Refused` (template_of_own_panel).
    """
    if not actor.can(Permission.AUTHOR_TEMPLATES):
        need(actor, Permission.APPROVE_TEMPLATES)
    row = get(session, template_id)
    _need_apart(session, actor, row)
    _note(session, actor, row, template_readers.READ, now)
    return opened(session, row)


def compared(
    session: Session, actor: Actor, template_id: int, *, now: datetime
) -> tuple[Template, int, list[SheetChange]]:
    """A version in clear as `content` gives it, the number of the one that was last approved before it (0 for
    none), and what differs from that.
    """
    later, row = content(session, actor, template_id, now=now), get(session, template_id)
    before = session.scalars(
        select(SheetTemplate)
        .where(
            SheetTemplate.uid == row.uid,
            SheetTemplate.version < row.version,
            SheetTemplate.approved_at.is_not(None),
        )
        .order_by(SheetTemplate.version.desc())
        .limit(1)
    ).first()
    if before is None:
        return later, 0, []
    return later, before.version, changes(opened(session, before), later)


def approve(session: Session, actor: Actor, template_id: int, *, seen: str, now: datetime) -> None:
    """Another person than the author approves a draft, which is the one of the hash `seen`.

    Raises `Refused`: template_not_draft, template_by_author, template_of_own_panel,
    template_changed_meanwhile.
    """
    need(actor, Permission.APPROVE_TEMPLATES)
    row = _locked(session, template_id)
    if row.state != "draft":
        raise Refused("template_not_draft", title=row.title)
    if row.created_by is not None and row.created_by == actor.user_id:
        raise Refused("template_by_author", 403, title=row.title)
    _need_apart(session, actor, row)
    if row.sha256 != seen:
        raise Refused("template_changed_meanwhile", 409)
    row.state, row.approved_at, row.approved_by = "approved", now, actor.user_id
    _note(session, actor, row, "template_approved", now)


def retire(session: Session, actor: Actor, template_id: int, *, now: datetime) -> None:
    """Takes a version out of use. Raises `Refused`: template_retired, template_awaited (a room needs it)."""
    need(actor, Permission.AUTHOR_TEMPLATES)
    row = _locked(session, template_id)
    if row.state == "retired":
        raise Refused("template_retired", title=row.title)
    rooms = select(func.count()).select_from(RoomSitting).join(Sitting, Sitting.id == RoomSitting.sitting_id)
    count = session.scalar(rooms.where(Sitting.template_id == row.id, RoomSitting.state.in_(_TO_COME))) or 0
    if count:
        raise Refused("template_awaited", title=row.title, count=count)
    row.state = "retired"
    _note(session, actor, row, "template_retired", now)


def opened(session: Session, row: SheetTemplate) -> Template:
    """A version in clear, whoever asks: for sealing, and for what was released already. Not for pages."""
    bank = session.get_one(Bank, row.bank_id)
    data = vault_of(session).open_sheet(bank.wrapped_key, row.uid, row.version, row.sealed)
    return Template.from_json(json.loads(data))


def _keep(  # noqa: PLR0913 - a version, its bank and its note
    session: Session, actor: Actor, bank: Bank, content: Template, note: str, now: datetime
) -> int:
    data = json.dumps(content.to_json(), ensure_ascii=False).encode()
    row = SheetTemplate(
        uid=content.uid,
        version=content.version,
        bank_id=bank.id,
        component=content.component,
        title=content.title,
        minutes=content.minutes,
        sample=content.sample,
        sealed=vault_of(session).seal_sheet(bank.wrapped_key, content.uid, content.version, data),
        sha256=digest(content),
        note=note.strip()[:MOST_NOTE],
        created_at=now,
        created_by=actor.user_id,
    )
    session.add(row)
    session.flush()
    _note(session, actor, row, "template_stored", now)
    return row.id


def _need_sound(content: Template) -> None:
    found = faults(content)
    if found:
        raise InputRefused(*found)


def _need_apart(session: Session, actor: Actor, row: SheetTemplate) -> None:
    """Raises `Refused` (template_of_own_panel) for an examiner who is to score by the template."""
    if template_readers.awaits(session, actor.user_id, row.uid):
        raise Refused("template_of_own_panel", 403, title=row.title)


def _locked(session: Session, template_id: int) -> SheetTemplate:
    row = session.get(SheetTemplate, template_id, with_for_update=TO_CHANGE, populate_existing=True)
    if row is None:
        raise NotFound("template")
    return row


def _note(session: Session, actor: Actor, row: SheetTemplate, act: str, now: datetime) -> None:
    told = {"uid": row.uid, "version": row.version, "sha256": row.sha256}
    stream = audit.bank_stream(row.bank_id)
    audit.record(session, stream, actor, act, f"template/{row.id}", now=now, **told)


def _view(row: SheetTemplate, bank: str, people: dict[int, str]) -> TemplateView:
    return TemplateView(
        id=row.id,
        uid=row.uid,
        version=row.version,
        title=row.title,
        component=row.component,
        minutes=row.minutes,
        sample=row.sample,
        state=row.state,
        bank_id=row.bank_id,
        bank=bank,
        sha256=row.sha256,
        note=row.note,
        created_at=row.created_at,
        author_id=row.created_by,
        author=people.get(row.created_by or 0, ""),
        approved_at=row.approved_at,
        approver=people.get(row.approved_by or 0, ""),
    )
