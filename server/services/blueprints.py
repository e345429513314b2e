"""Blueprints: file texts that passed every sum, kept in versions."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from itembank.blueprint import Blueprint, counts, load_blueprint
from itembank.problems import InputRefused, Problem
from server.access import Actor, Permission
from server.db.bank import BlueprintRow
from server.errors import Forbidden, NotFound
from server.services import audit
from server.services.batches import occupation_key

TITLE_LIMIT = 120


@dataclass(frozen=True, slots=True)
class BlueprintView:
    """One blueprint with what its page shows."""

    id: int
    title: str
    version: int
    occupation: str
    state: str
    sample: bool
    text: str
    blueprint: Blueprint
    counts: dict[str, int]


def store(session: Session, actor: Actor, text: str, *, now: datetime) -> int:
    """Checks a blueprint file and keeps it as the newest version of its title. Raises `InputRefused`."""
    if not actor.can(Permission.MANAGE_BLUEPRINTS):
        raise Forbidden(Permission.MANAGE_BLUEPRINTS)
    blueprint = load_blueprint(text)
    if not isinstance(blueprint, Blueprint):
        raise InputRefused(*blueprint)
    if len(blueprint.title) > TITLE_LIMIT:
        raise InputRefused(Problem("text_too_long", "title", {"limit": TITLE_LIMIT}))
    occupation = occupation_key(blueprint.occupation, blueprint.level)
    versions = select(func.max(BlueprintRow.version)).where(BlueprintRow.title == blueprint.title)
    last = session.scalar(versions) or 0
    row = BlueprintRow(
        title=blueprint.title,
        occupation=occupation,
        level=blueprint.level,
        version=last + 1,
        sample=blueprint.sample,
        text=text,
        facts=_facts(blueprint),
        created_at=now,
        created_by=actor.user_id,
    )
    session.add(row)
    session.flush()
    audit.record(
        session,
        "system",
        actor,
        "blueprint_stored",
        f"blueprint/{row.id}",
        now=now,
        title=row.title,
        version=row.version,
    )
    return row.id


def blueprints(session: Session) -> list[BlueprintRow]:
    """All blueprints, newest version first within a title."""
    order = (BlueprintRow.title, BlueprintRow.version.desc())
    return list(session.scalars(select(BlueprintRow).order_by(*order)))


def view(session: Session, blueprint_id: int) -> BlueprintView:
    """One blueprint, its tree and its item counts (R21)."""
    row = session.get(BlueprintRow, blueprint_id)
    if row is None:
        raise NotFound("blueprint")
    blueprint = read(row)
    return BlueprintView(
        id=row.id,
        title=row.title,
        version=row.version,
        occupation=row.occupation,
        state=row.state,
        sample=row.sample,
        text=row.text,
        blueprint=blueprint,
        counts=counts(blueprint),
    )


def read(row: BlueprintRow) -> Blueprint:
    """The blueprint of a stored row; it was checked when it was stored."""
    blueprint = load_blueprint(row.text)
    if not isinstance(blueprint, Blueprint):
        raise InputRefused(*blueprint)
    return blueprint


def _facts(blueprint: Blueprint) -> dict[str, Any]:
    return {
        "size": blueprint.size,
        "kinds": {str(kind): share.count for kind, share in blueprint.kinds.items()},
    }
