"""Papers: forms assembled from a bank by a blueprint with a stored seed, approved by a second person."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from exam_rooms.wire import canonical
from itembank.assembly import FORMS_LIMIT
from itembank.items import Item
from server.access import Actor, Permission
from server.db.bank import Bank, BankItem, BlueprintRow
from server.db.base import vault_of
from server.db.papers import FormItem, PaperSet
from server.errors import Forbidden, NotFound, Refused
from server.services import audit
from server.services.banks import facts_of
from server.services.blueprints import read


@dataclass(frozen=True, slots=True)
class AssemblyPlan:
    """What to assemble; an empty seed asks for a fresh one."""

    title: str
    bank_id: int
    blueprint_id: int
    forms: int
    max_overlap: int
    seed: str = ""


def begin(session: Session, actor: Actor, plan: AssemblyPlan, *, now: datetime) -> int:
    """Notes an assembly that a job is about to do; the seed is stored before anything is drawn."""
    _require(actor, Permission.ASSEMBLE_PAPERS)
    bank, blueprint = session.get(Bank, plan.bank_id), session.get(BlueprintRow, plan.blueprint_id)
    if bank is None or blueprint is None:
        raise NotFound("bank" if bank is None else "blueprint")
    if (bank.occupation, bank.level) != (blueprint.occupation, blueprint.level):
        raise Refused("blueprint_of_other_level", 422, field="blueprint")
    if not plan.title.strip():
        raise Refused("paper_title_missing", 422, field="title")
    if not 1 <= plan.forms <= FORMS_LIMIT or not 0 <= plan.max_overlap <= 1000:
        raise Refused("forms_out_of_range", 422, field="forms", limit=FORMS_LIMIT)
    seed = plan.seed.strip() or str(secrets.randbits(63))
    if not seed.isdigit() or len(seed) > 38:
        raise Refused("seed_not_a_number", 422, field="seed")
    row = PaperSet(
        title=plan.title.strip(),
        bank_id=bank.id,
        blueprint_id=blueprint.id,
        seed=seed,
        forms=plan.forms,
        max_overlap=plan.max_overlap,
        state="assembling",
        created_at=now,
        created_by=actor.user_id,
    )
    session.add(row)
    session.flush()
    audit.record(
        session,
        audit.bank_stream(bank.id),
        actor,
        "assembly_begun",
        f"papers/{row.id}",
        now=now,
        seed=row.seed,
        forms=row.forms,
    )
    return row.id


def job_payload(session: Session, paper_set_id: int) -> dict[str, Any]:
    """What the assembling child needs: blueprint text, pool facts (never bodies), rules, seed."""
    row = session.get_one(PaperSet, paper_set_id)
    pool = [
        {
            "uid": item.uid,
            "point": item.point,
            "kind": item.kind,
            "difficulty": item.difficulty,
            "importance": item.importance,
            "uses": item.uses,
        }
        for item in _pool(session, row.bank_id)
    ]
    blueprint = session.get_one(BlueprintRow, row.blueprint_id)
    return {
        "blueprint": blueprint.text,
        "pool": pool,
        "forms": row.forms,
        "max_overlap": row.max_overlap,
        "seed": row.seed,
    }


def link_job(session: Session, paper_set_id: int, job_id: int) -> None:
    """Remembers which job assembles, so that a returning person finds its progress."""
    session.get_one(PaperSet, paper_set_id).job_id = job_id


def store_outcome(session: Session, paper_set_id: int, outcome: Mapping[str, Any]) -> None:
    """Keeps the forms with their proof, or the named shortages."""
    row = session.get_one(PaperSet, paper_set_id)
    if row.state != "assembling":
        return
    forms = outcome["forms"]
    row.state = "assembled" if forms else "infeasible"
    row.outcome = {"proof": outcome["proof"], "shortages": outcome["shortages"]}
    pool = {item.uid: item for item in _pool(session, row.bank_id)}
    row.snapshot = snapshot_hash(pool.values())
    points = {
        str(kind): share.points
        for kind, share in read(session.get_one(BlueprintRow, row.blueprint_id)).kinds.items()
    }
    session.execute(delete(FormItem).where(FormItem.paper_set_id == row.id))
    for letter, uids in zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", forms, strict=False):
        for number, uid in enumerate(uids, 1):
            item = pool[uid]
            place = _form_item(item, points[item.kind])
            place.paper_set_id, place.form, place.number = row.id, letter, number
            session.add(place)


def fail(session: Session, paper_set_id: int, code: str) -> None:
    """The assembly did not end; the code says why."""
    row = session.get_one(PaperSet, paper_set_id)
    if row.state == "assembling":
        row.state, row.outcome = "failed", {"fault": code}


def approve(session: Session, actor: Actor, paper_set_id: int, *, now: datetime) -> None:
    """The second person's approval; the one who assembled cannot give it."""
    _require(actor, Permission.APPROVE_PAPERS)
    row = session.get(PaperSet, paper_set_id)
    if row is None:
        raise NotFound("papers")
    if row.state != "assembled":
        raise Refused("papers_not_assembled")
    if row.created_by == actor.user_id:
        raise Refused("approver_must_differ", 403)
    if unmet(row):
        raise Refused("papers_break_blueprint")
    row.state, row.approved_at, row.approved_by = "approved", now, actor.user_id
    items = select(FormItem.item_id).where(FormItem.paper_set_id == row.id)
    session.execute(update(BankItem).where(BankItem.id.in_(items)).values(uses=BankItem.uses + 1))
    audit.record(
        session, audit.bank_stream(row.bank_id), actor, "papers_approved", f"papers/{row.id}", now=now
    )


def unmet(row: PaperSet) -> list[dict[str, Any]]:
    """Binding lines of the proof that a form does not reach; empty for a paper that may be sealed."""
    lines = [line for form in row.outcome.get("proof", []) for line in form]
    return [line for line in lines if line["binding"] and not line["met"]]


def paper_sets(session: Session) -> list[PaperSet]:
    """All paper sets, newest first."""
    return list(session.scalars(select(PaperSet).order_by(PaperSet.id.desc())))


def approved_for(session: Session, occupation: str, level: int) -> list[PaperSet]:
    """The approved paper sets of an occupation and level, newest first."""
    rows = (
        select(PaperSet)
        .join(Bank, Bank.id == PaperSet.bank_id)
        .where(PaperSet.state == "approved", Bank.occupation == occupation, Bank.level == level)
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
    """The letters of the forms, "A" first."""
    rows = (
        select(FormItem.form).where(FormItem.paper_set_id == paper_set_id).distinct().order_by(FormItem.form)
    )
    return list(session.scalars(rows))


def opened_items(session: Session, row: PaperSet, form: str) -> list[Item]:
    """The items of one form with their bodies, in the order of the paper; only sealing calls this."""
    bank = session.get_one(Bank, row.bank_id)
    pairs = session.execute(
        select(FormItem, BankItem)
        .join(BankItem, BankItem.id == FormItem.item_id)
        .where(FormItem.paper_set_id == row.id, FormItem.form == form)
        .order_by(FormItem.number)
    )
    vault = vault_of(session)
    items = []
    for place, item in pairs:
        if item.version != place.item_version:
            raise Refused("item_changed_since_assembly", uid=item.uid)
        body = vault.open_item(bank.wrapped_key, item.uid, item.version, item.sealed_body)
        items.append(Item(facts_of(item), body))
    return items


def snapshot_hash(pool: Any) -> str:  # noqa: ANN401 - any iterable of items
    """SHA-256 over the facts of the pool: the same snapshot and seed rebuild the same forms."""
    facts = sorted(
        [item.uid, item.version, item.point, item.kind, item.difficulty, item.uses] for item in pool
    )
    return hashlib.sha256(canonical(facts)).hexdigest()


def _pool(session: Session, bank_id: int) -> list[BankItem]:
    rows = (
        select(BankItem)
        .where(BankItem.bank_id == bank_id, BankItem.status == "active")
        .order_by(BankItem.uid)
    )
    return list(session.scalars(rows))


def _form_item(item: BankItem, points: Decimal) -> FormItem:
    return FormItem(item_id=item.id, item_uid=item.uid, item_version=item.version, points=points)


def _require(actor: Actor, permission: Permission) -> None:
    if not actor.can(permission):
        raise Forbidden(permission)
