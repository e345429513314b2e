"""Blueprints: file texts in versions of a family. A draft may have faults; an active one has none.

Only active ones are offered for assembly; `blueprint_drafts` changes states. A paper keeps the version it
was assembled by.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, defer

from itembank.blueprint import Blueprint, counts, load_blueprint
from itembank.problems import InputRefused, Problem
from server.access import Actor, Permission
from server.db.bank import Bank, BlueprintRow
from server.errors import NotFound, Refused
from server.rules.blueprint_form import file_text, plain_values
from server.services import audit
from server.services.batches import occupation_key
from server.services.signed import need

TITLE_LIMIT = 120
OCCUPATION_LIMIT = 32


@dataclass(frozen=True, slots=True)
class BlueprintView:
    """One version with what its page shows; `blueprint` is None and `faults` says why while it has faults.

    `banks`: id and name of the banks of its occupation and level; `before`: the version it replaces.
    """

    row: BlueprintRow
    faults: tuple[Problem, ...]
    blueprint: Blueprint | None
    counts: dict[str, int]
    versions: tuple[BlueprintRow, ...]
    before: BlueprintRow | None
    banks: tuple[tuple[int, str], ...]


def store(session: Session, actor: Actor, text: str, *, now: datetime) -> int:
    """Keeps a file's text as a draft: a new version of the blueprint with this title, or a first one.

    Raises `InputRefused` only for a text that cannot be read at all; other faults stay with the draft.
    """
    need(actor, Permission.MANAGE_BLUEPRINTS)
    known = next(iter(_namesakes(session, _head(text))), None)
    return add_version(session, actor, text, known, now=now)


def create(session: Session, actor: Actor, data: Mapping[str, Any], *, now: datetime) -> int:
    """Keeps a blueprint given as data, such as a table that an import held, as a draft."""
    return store(session, actor, file_text(data), now=now)


def add_version(
    session: Session, actor: Actor, text: str, known: BlueprintRow | None, *, now: datetime
) -> int:
    """A new draft in the family of `known`, or the first version of a new family."""
    family = family_of(known) if known else None
    if family:
        lock(session, family)
    versions = [row.version for row in members(session, family)] if family else []
    row = BlueprintRow(
        version=max(versions, default=0) + 1,
        family=family,
        state="draft",
        created_at=now,
        created_by=actor.user_id,
    )
    put_text(row, text, actor)
    session.add(row)
    session.flush()
    row.family = row.family or row.id
    note(session, actor, "blueprint_stored", row, now=now)
    return row.id


def put_text(row: BlueprintRow, text: str, actor: Actor) -> None:
    """Sets a draft's text with the facts that lists show; the actor becomes one of its writers."""
    for name, value in _head(text).items():
        setattr(row, name, value)
    found = loaded(text)
    row.text = text
    row.facts = {
        "size": found.size if isinstance(found, Blueprint) else plain_size(text),
        "kinds": {str(k): s.count for k, s in found.kinds.items()} if isinstance(found, Blueprint) else {},
        "faults": len(faults(text)),
        "writers": [*writers(row), *([] if actor.user_id in writers(row) else [actor.user_id])],
    }


def join_namesake(session: Session, row: BlueprintRow) -> None:
    """Makes a draft that stood alone the next version of the blueprint whose title it now bears."""
    if len(members(session, family_of(row))) > 1:
        return
    known = next(iter(others_named_so(session, row)), None)
    if known is not None:
        family = family_of(known)
        lock(session, family)
        row.version = members(session, family)[0].version + 1
        row.family = family


def others_named_so(session: Session, row: BlueprintRow) -> list[BlueprintRow]:
    """Versions of other families with the same title, occupation and level, newest first."""
    head = {"title": row.title, "occupation": row.occupation, "level": row.level}
    found = _namesakes(session, head)
    return [each for each in found if family_of(each) != family_of(row)]


def writers(row: BlueprintRow) -> list[int | None]:
    """Who wrote this version's text; none of them may approve it."""
    known = (row.facts or {}).get("writers")
    return list(known) if known is not None else [row.created_by]


def note(session: Session, actor: Actor, act: str, row: BlueprintRow, *, now: datetime) -> None:
    """An audit row about one version."""
    facts = {"title": row.title, "version": row.version}
    audit.record(session, "system", actor, act, f"blueprint/{row.id}", now=now, **facts)


@lru_cache(maxsize=16)
def loaded(text: str) -> Blueprint | tuple[Problem, ...]:
    """`load_blueprint`, kept for the texts in use like `plain_values`."""
    found = load_blueprint(text)
    return found if isinstance(found, Blueprint) else tuple(found)


def faults(text: str) -> tuple[Problem, ...]:
    """Everything that stands against the approval of a text."""
    found = loaded(text)
    if not isinstance(found, Blueprint):
        return found
    problems = []
    if len(found.title) > TITLE_LIMIT:
        problems.append(Problem("text_too_long", "title", {"limit": TITLE_LIMIT}))
    try:
        occupation_key(found.occupation, found.level)
    except InputRefused as refusal:
        problems += refusal.problems
    return tuple(problems)


def looked_through(text: str) -> tuple[Problem, ...]:
    """The faults of a text that is about to be stored, found before the store's write lock is taken.

    Storing finds the text read already. Raises `InputRefused` as `store` does.
    """
    plain_values(text)
    return faults(text)


def digest(text: str) -> str:
    """Names a text in a form, so that nobody overwrites or approves another text than the one seen."""
    return sha256(text.encode()).hexdigest()[:16]


def blueprints(session: Session) -> list[BlueprintRow]:
    """All versions but discarded drafts, families by title, newest version first within one."""
    kept = select(BlueprintRow).where(BlueprintRow.state != "discarded")
    rows = session.scalars(kept.options(defer(BlueprintRow.text))).all()
    titles: dict[int, str] = {}
    for row in sorted(rows, key=lambda row: row.version):
        titles[family_of(row)] = row.title
    return sorted(rows, key=lambda row: (titles[family_of(row)], family_of(row), -row.version))


def active(session: Session) -> list[BlueprintRow]:
    """The blueprints in use, by title: at most one version of each family."""
    rows = select(BlueprintRow).where(BlueprintRow.state == "active")
    return list(session.scalars(rows.order_by(BlueprintRow.title, BlueprintRow.id)))


def with_text(session: Session, text: str) -> BlueprintRow | None:
    """The version with exactly this text: the one in use, else the newest draft, else the newest one."""
    rows = session.scalars(select(BlueprintRow).where(BlueprintRow.text == text)).all()
    order = ("active", "draft")
    return min(
        rows, key=lambda row: (order.index(row.state) if row.state in order else 2, -row.id), default=None
    )


def view(session: Session, blueprint_id: int) -> BlueprintView:
    """One version, its faults or its item counts (R21), and what is around it."""
    row = get(session, blueprint_id)
    found, versions = loaded(row.text), members(session, family_of(row))
    earlier = [each for each in versions if each.version < row.version and each.state != "discarded"]
    banks = select(Bank.id, Bank.name).where(Bank.occupation == row.occupation, Bank.level == row.level)
    whole = found if isinstance(found, Blueprint) else None
    return BlueprintView(
        row=row,
        faults=faults(row.text),
        blueprint=whole,
        counts=counts(whole) if whole else {},
        versions=tuple(versions),
        before=_replaced(earlier),
        banks=tuple((number, name) for number, name in session.execute(banks.order_by(Bank.name))),
    )


def get(session: Session, blueprint_id: int) -> BlueprintRow:
    """One version."""
    row = session.get(BlueprintRow, blueprint_id)
    if row is None:
        raise NotFound("blueprint")
    return row


def read(row: BlueprintRow) -> Blueprint:
    """The blueprint of a stored version. Refused (`blueprint_has_faults`) for a draft that has some."""
    found = loaded(row.text)
    if not isinstance(found, Blueprint):
        raise Refused("blueprint_has_faults", title=row.title, version=row.version, count=len(found))
    return found


def family_of(row: BlueprintRow) -> int:
    """The id of the first version of its family."""
    return row.family or row.id


def members(session: Session, family: int) -> list[BlueprintRow]:
    """Every version of a family, newest first."""
    rows = select(BlueprintRow).where(func.coalesce(BlueprintRow.family, BlueprintRow.id) == family)
    return list(session.scalars(rows.order_by(BlueprintRow.version.desc())))


def lock(session: Session, family: int) -> None:
    """Until the commit nobody else adds a version to the family or approves one of it."""
    session.execute(select(BlueprintRow.id).where(BlueprintRow.id == family).with_for_update())


def plain_size(text: str) -> int | None:
    """The number of items that a draft's text names, if it names one."""
    size = plain_values(text).get("size")
    return size if isinstance(size, int) and not isinstance(size, bool) else None


def _namesakes(session: Session, head: Mapping[str, Any]) -> list[BlueprintRow]:
    if not head["title"]:
        return []
    same = select(BlueprintRow).where(
        BlueprintRow.title == head["title"],
        BlueprintRow.occupation == head["occupation"],
        BlueprintRow.level == head["level"],
        BlueprintRow.state != "discarded",
    )
    return list(session.scalars(same.order_by(BlueprintRow.version.desc(), BlueprintRow.id)))


def _replaced(earlier: Iterable[BlueprintRow]) -> BlueprintRow | None:
    """What a version replaces: the newest earlier one that was approved, else the newest earlier one."""
    rows = list(earlier)
    return next((row for row in rows if row.approved_at), rows[0] if rows else None)


def _head(text: str) -> dict[str, Any]:
    """What the row says beside its text, as far as the text says it."""
    data = plain_values(text)
    title, occupation, level = (data.get(name) for name in ("title", "occupation", "level"))
    level = level if isinstance(level, int) and 1 <= level <= 5 else 0
    name = str(occupation).strip() if isinstance(occupation, str | int) else ""
    try:
        name = occupation_key(name, level) if name else ""
    except InputRefused:
        name = name[:OCCUPATION_LIMIT]
    return {
        "title": str(title).strip()[:TITLE_LIMIT] if isinstance(title, str | int) else "",
        "occupation": name,
        "level": level,
        "sample": data.get("sample") is True,
    }
