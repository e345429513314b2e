"""What columns and type codes of an unknown layout mean: declared by a person, remembered for the next."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.importing.drafts import Declared
from itembank.importing.readers import HEADINGS
from itembank.items import ItemKind
from server.access import Actor, Permission
from server.db.bank import BankImport, ImportMapping
from server.db.base import vault_of
from server.errors import NotFound, Refused
from server.services import imports
from server.services.signed import need

FIELDS = tuple(HEADINGS)
"""What a column may be."""
CODE_KINDS = tuple(kind for kind in ItemKind if kind is not ItemKind.UNSUPPORTED)
"""What a type code may mean."""
REMEMBERED = 200


def payload(session: Session, import_id: int) -> dict[str, Any]:
    """What the child that reads the kept file is given.

    Nothing is remembered for it when a person declared a mapping, or asked to be asked.
    """
    row = session.get_one(BankImport, import_id)
    file = imports.kept_file(session, import_id)
    mapping = row.mapping or {}
    declared = {"columns": mapping.get("columns", {}), "codes": mapping.get("codes", {})}
    known = {} if row.mapping else remembered(session)
    return {"data": file.data, "name": file.name, "remembered": known, **declared}


def declare(session: Session, actor: Actor, import_id: int, told: Declared, *, now: datetime) -> None:
    """Takes what a person says that columns and codes mean; the file is then to be read again.

    `told` names headings and codes of the file; a heading mapped to "" is left out, rows of a code mapped
    to "" are rejected. It is remembered.
    """
    need(actor, Permission.IMPORT_BANK)
    row = _open_row(session, import_id)
    wish = imports.wish_of(imports.opened(vault_of(session), row))
    columns = {heading: told.columns.get(heading, "") for heading in wish.columns}
    mapping = {
        "columns": columns if any(columns.values()) else {},  # a known layout, asked for its codes only
        "codes": {code: told.codes[code] for code in wish.codes if code in told.codes},
    }
    _refuse_unknown(mapping["columns"].values(), FIELDS, "field_unknown")
    _refuse_unknown(mapping["codes"].values(), CODE_KINDS, "kind_unknown")
    row.mapping = {"template": wish.template, "remembered": False, **mapping}
    row.state = "reading"
    _remember(session, actor, row, now)


def ask(session: Session, actor: Actor, import_id: int) -> None:
    """The file is to be read again without what is remembered, so that it can be explained anew."""
    need(actor, Permission.IMPORT_BANK)
    row = _open_row(session, import_id)
    row.mapping = {"template": (row.mapping or {}).get("template", ""), "columns": {}, "codes": {}}
    row.state = "reading"


def suggestion(session: Session, report: imports.ImportReport) -> Declared:
    """What the mapping screen shows as chosen: what was declared last for this layout, else what fits."""
    wish = imports.wish_of(report.known)
    known = session.get(ImportMapping, wish.template)
    last = known.mapping if known else {}
    columns = {**wish.suggested_columns, **last.get("columns", {})}
    return Declared(columns, {**wish.suggested_codes, **last.get("codes", {})})


def _open_row(session: Session, import_id: int) -> BankImport:
    row = session.get(BankImport, import_id, with_for_update=True)
    if row is None:
        raise NotFound("import")
    if row.state not in ("mapping", "checked") or row.sealed_file is None:
        raise Refused("import_not_ready")
    return row


def _remember(session: Session, actor: Actor, row: BankImport, now: datetime) -> None:
    assert row.mapping is not None
    mapping = {"columns": row.mapping["columns"], "codes": row.mapping["codes"]}
    known = session.get(ImportMapping, row.mapping["template"])
    if known is None:
        known = ImportMapping(template=row.mapping["template"])
        session.add(known)
    known.name, known.mapping = row.filename[:120], mapping
    known.created_at, known.created_by = now, actor.user_id


def remembered(session: Session) -> dict[str, Mapping[str, Any]]:
    """What was declared for the newest layouts: template -> {"columns", "codes"}."""
    newest = select(ImportMapping).order_by(ImportMapping.created_at.desc()).limit(REMEMBERED)
    return {known.template: known.mapping for known in session.scalars(newest)}


def _refuse_unknown(values: Iterable[str], allowed: Iterable[str], code: str) -> None:
    strange = {str(value) for value in values if value} - set(allowed)
    if strange:
        raise Refused(code, 422, value=min(strange)[:20])
