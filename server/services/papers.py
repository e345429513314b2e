"""Papers: forms assembled from a bank by a blueprint with a stored seed, approved by a second person."""

from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, defer

from itembank.items import Item
from server.access import Actor, Permission
from server.db.bank import Bank, BankItem, BlueprintRow
from server.db.papers import FormItem, PaperSet
from server.db.sittings import RoomSitting, Sitting
from server.errors import Forbidden, NotFound, Refused
from server.services import audit, item_versions
from server.services.signed import Signed, need_reason

STILL_TO_END = ("planned", "arranged", "released", "running")
"""States of a room's sitting in which its papers are still needed by candidates."""
_LIGHT = defer(PaperSet.outcome)


def approve(session: Session, actor: Actor, paper_set_id: int, *, now: datetime) -> None:
    """The second person's approval; the one who assembled cannot give it."""
    _require(actor, Permission.APPROVE_PAPERS)
    row = _locked(session, paper_set_id)
    if row.state != "assembled":
        raise Refused("papers_not_assembled")
    if row.created_by == actor.user_id:
        raise Refused("approver_must_differ", 403)
    if unmet(row) or len(row.outcome.get("proof", [])) != row.forms:
        raise Refused("papers_break_blueprint")
    need_none_stopped(session, row)
    row.state, row.approved_at, row.approved_by = "approved", now, actor.user_id
    items = select(FormItem.item_id).where(FormItem.paper_set_id == row.id)
    session.execute(
        update(BankItem).where(BankItem.id.in_(items)).values(uses=BankItem.uses + 1, last_used_at=now)
    )
    audit.record(
        session, audit.bank_stream(row.bank_id), actor, "papers_approved", f"papers/{row.id}", now=now
    )


def retire(session: Session, signed: Signed, paper_set_id: int, *, now: datetime) -> None:
    """Takes papers out of use for good, with a reason; not while a sitting that chose them has not ended."""
    _require(signed.actor, Permission.APPROVE_PAPERS)
    need_reason(signed)
    row = _locked(session, paper_set_id)
    if row.state not in ("assembled", "approved"):
        raise Refused("papers_not_in_use", title=row.title)
    held = awaited(session, paper_set_id)
    if held:
        raise Refused("papers_awaited", title=row.title, count=held)
    told = {"at": now.isoformat(), "by": signed.actor.name, **signed.why()}
    row.state, row.outcome = "retired", row.outcome | {"retired": told}
    stream, object_ = audit.bank_stream(row.bank_id), f"papers/{row.id}"
    audit.record(session, stream, signed.actor, "papers_retired", object_, now=now, **signed.why())


def awaited(session: Session, paper_set_id: int) -> int:
    """In how many rooms these papers are chosen for a sitting that has not ended."""
    return _rooms(session, paper_set_id, STILL_TO_END)


def kept_back(session: Session, row: PaperSet) -> bool:
    """Whether candidates may still get these forms: approved, or chosen for a room not collected yet."""
    return row.state == "approved" or _rooms(session, row.id, (*STILL_TO_END, "ended")) > 0


def unmet(row: PaperSet) -> list[dict[str, Any]]:
    """Binding lines of the proof that a form does not reach; empty for a paper that may be sealed."""
    lines = [line for form in row.outcome.get("proof", []) for line in form]
    return [line for line in lines if line["binding"] and not line["met"]]


def stopped(session: Session, paper_set_id: int) -> dict[str, list[str]]:
    """Form -> uids of its items that are suspended or retired now; forms without any are left out."""
    rows = session.execute(
        select(FormItem.form, FormItem.item_uid)
        .join(BankItem, BankItem.id == FormItem.item_id)
        .where(FormItem.paper_set_id == paper_set_id, BankItem.status.in_(("suspended", "retired")))
        .order_by(FormItem.form, FormItem.number)
    )
    found: dict[str, list[str]] = {}
    for form, uid in rows:
        found.setdefault(form, []).append(uid)
    return found


def need_none_stopped(session: Session, row: PaperSet) -> None:
    """Raises `Refused` (paper_has_suspended_items) when an item was taken out of use since the assembly."""
    uids = sorted({uid for each in stopped(session, row.id).values() for uid in each})
    if uids:
        raise Refused("paper_has_suspended_items", title=row.title, count=len(uids), uid=uids[0])


def paper_sets(session: Session) -> list[PaperSet]:
    """All paper sets, newest first, without their outcomes: some proofs are half a megabyte."""
    return list(session.scalars(select(PaperSet).options(_LIGHT).order_by(PaperSet.id.desc())))


def approved_for(session: Session, occupation: str, level: int) -> list[PaperSet]:
    """The approved paper sets of an occupation and level, newest first."""
    rows = (
        select(PaperSet)
        .join(Bank, Bank.id == PaperSet.bank_id)
        .where(PaperSet.state == "approved", Bank.occupation == occupation, Bank.level == level)
        .options(_LIGHT)
        .order_by(PaperSet.id.desc())
    )
    return list(session.scalars(rows))


def sources(session: Session, row: PaperSet) -> tuple[Bank, BlueprintRow]:
    """The bank and the blueprint that a paper set was assembled from."""
    return session.get_one(Bank, row.bank_id), session.get_one(BlueprintRow, row.blueprint_id)


def get(session: Session, paper_set_id: int) -> PaperSet:
    """One paper set."""
    row = session.get(PaperSet, paper_set_id)
    if row is None:
        raise NotFound("papers")
    return row


def form_letters(session: Session, paper_set_id: int) -> list[str]:
    """The names of the forms in their order: "A" first, "AA" after "Z"."""
    rows = select(FormItem.form).where(FormItem.paper_set_id == paper_set_id).distinct()
    return sorted(session.scalars(rows), key=lambda form: (len(form), form))


def opened_items(session: Session, row: PaperSet, form: str) -> list[Item]:
    """The items of one form with their bodies, in the order of the paper; only sealing calls this.

    A paper keeps the versions it was assembled from, whatever became of its items since.
    """
    pairs = session.execute(
        select(FormItem, BankItem)
        .join(BankItem, BankItem.id == FormItem.item_id)
        .where(FormItem.paper_set_id == row.id, FormItem.form == form)
        .order_by(FormItem.number)
    ).all()
    numbers = [(place.item_id, place.item_version) for place, _item in pairs]
    kept = item_versions.load(session, numbers)
    items = []
    for place, item in pairs:
        if item.version != place.item_version and (item.id, place.item_version) not in kept:
            raise Refused("item_changed_since_assembly", uid=item.uid)
        items.append(item_versions.opened(session, item, place.item_version))
    return items


def _rooms(session: Session, paper_set_id: int, states: tuple[str, ...]) -> int:
    rows = (
        select(func.count())
        .select_from(RoomSitting)
        .join(Sitting, Sitting.id == RoomSitting.sitting_id)
        .where(Sitting.paper_set_id == paper_set_id, RoomSitting.state.in_(states))
    )
    return session.scalar(rows) or 0


def _locked(session: Session, paper_set_id: int) -> PaperSet:
    """One paper set that nobody else approves or retires until the commit."""
    row = session.get(PaperSet, paper_set_id, with_for_update=True)
    if row is None:
        raise NotFound("papers")
    return row


def _require(actor: Actor, permission: Permission) -> None:
    if not actor.can(permission):
        raise Forbidden(permission)
