"""Every row that belongs to a sitting, found by walking the keys between tables, so that none is forgotten.

A table belongs to a sitting when a foreign key leads from it, over any number of tables, to a sitting, a room
in it, a registration or an attempt. Tables that hold nothing of one sitting stand in `ELSEWHERE` with the
reason; a test demands a decision on every table there is.
"""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Column, MetaData, Table, select
from sqlalchemy.orm import Session

ROOTS = ("sittings", "room_sittings", "registrations", "attempts")
EXCLUDED: Mapping[str, str] = {
    "room_pins": "a secret: the code that opens locked machines of the room",
    "face_probes": "a face vector, kept only while its incident waits for a person",
    "dossiers": "about dossiers, not about the sitting; the audit chain says who took one out",
}
"""Tables of a sitting that are left out -> why."""
ELSEWHERE: Mapping[str, str] = {
    "arrangements": "exported by name: the draws that seated the rooms",
    "audit_checkpoints": "exported by name: of the sitting's chains",
    "audit_entries": "exported by name: the sitting's chains",
    "audit_heads": "the ends of the chains, which the entries themselves show",
    "bank_imports": "of the item bank",
    "bank_media": "of the item bank",
    "bank_rotations": "of the item bank",
    "banks": "of the item bank",
    "batches": "exported by name: the batch with its frozen policy",
    "blueprints": "of the item bank",
    "calendar_years": "of the site, not of one sitting",
    "camera_spans": "of the room's machines; incidents and pictures of the sitting are exported",
    "camera_stays": "exported by name: the ledger",
    "candidates": "exported by name: the roster, ID numbers masked",
    "custodian_keys": "secrets of people",
    "exemptions": "of the batch; the result of the whole rests on them, not that of a sitting",
    "form_items": "of the paper set; what a candidate saw is in the sealed package",
    "guard_licences": "personal data beyond the sitting",
    "import_mappings": "of the item bank",
    "import_media": "of the item bank",
    "item_versions": "of the item bank",
    "items": "of the item bank",
    "jobs": "long work of the server",
    "pairing_codes": "one-time secrets",
    "paper_sets": "exported by name: title and hash of the papers, not their seed",
    "results": "of the batch over all its sittings; what this one gave is in component_results, panel_scores",
    "room_camera_calibrations": "of the room's machines; incidents and pictures of the sitting are exported",
    "room_camera_codes": "one-time secrets",
    "room_cameras": "of the room's machines; incidents and pictures of the sitting are exported",
    **dict.fromkeys(
        ("publicity_lists", "publicity_entries", "objections", "rechecks"),
        "of the batch, after its sittings",
    ),
    **dict.fromkeys(("corrections", "correction_votes"), "of the batch, after its sittings"),
    **dict.fromkeys(("key_fixes", "key_fix_votes"), "of the paper set; the former marks are exported"),
    "rooms": "exported by name: the plan of the room",
    "scoring_devices": "tablets of staff; every lock of a sheet carries the key that signed it",
    "seats": "exported by name: the plan of the room",
    "seb_rooms": "settings of machines, with a secret",
    "seat_words": "who was heard in the last seconds, while the server processes could not talk",
    "server_boots": "the server's clock now",
    "server_epochs": "of the server, not of one sitting",
    **dict.fromkeys(("standby_servers", "standby_codes"), "of the server, not of one sitting"),
    "sheet_templates": "of the item bank; what a panel scored by is in the sealed package",
    "exam_sites": "the register of sites",
    "peer_rows": "which rows are whose, here and at the sites; of the store, not of one sitting",
    "site_authority": "of the site, not of one sitting",
    "site_file_parts": "sealed files between authority and sites; what is in them is exported",
    "site_files": "sealed files between authority and sites; what is in them is exported",
    "site_rooms": "which rooms are a site's; of the plan",
    "site_secrets": "secrets of the site",
    "stations": "of the room; each turn of the sitting names its own",
    "staff_profiles": "personal data of staff beyond the sitting",
    "staff_recusals": "personal data of staff beyond the sitting",
    "user_roles": "exported by name: the staff of the sitting in the roles they had there",
    "users": "exported by name: names of the staff who acted",
    "vault_keys": "secrets of the store",
    "workstation_clocks": "exported by name: the ledger",
    "workstations": "exported by name: the ledger",
}
"""Tables that do not hang on a sitting by their keys -> why they are not walked."""
FOLDERS: Mapping[str, str] = {
    **dict.fromkeys(("sittings", "room_sittings", "registrations", "assignments", "staff_draws"), "1-plan"),
    **dict.fromkeys(("duty_signs", "seat_stays", "order_draws"), "1-plan"),
    **dict.fromkeys(("packages", "package_custodians", "paper_prints", "canary_packages"), "4-results"),
    **dict.fromkeys(
        ("component_results", "past_marks", "entered_marks", "journals", "attempt_merges"), "4-results"
    ),
    **dict.fromkeys(
        ("evidence_frames", "captures", "enrolments", "report_photos", "room_camera_frames"), "5-evidence"
    ),
    "look_batches": "5-evidence",
    "score_photos": "5-evidence",
    **dict.fromkeys(("score_sheets", "sheet_journals", "score_records"), "4-results"),
    **dict.fromkeys(("scripts", "script_readings", "script_objectives", "scan_pages"), "4-results"),
    **dict.fromkeys(("review_works", "review_files", "defence_questions", "defence_shorts"), "4-results"),
}
"""In which part of the dossier a table lies; the others are of the process."""
PROCESS = "3-process"
HIDDEN = frozenset({"id_index", "candidate_index", "response_index"})
"""Keyed look-ups of personal data: left out of every row."""
_AT_ONCE = 400


@dataclass
class Found:
    """Rows by table as plain values, and the ids of the staff who are named in them."""

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    users: set[int] = field(default_factory=set)


def belonging(metadata: MetaData) -> list[Table]:
    """The tables that hang on a sitting, each behind those it hangs on; the roots first."""
    known = [metadata.tables[name] for name in ROOTS]
    names = set(ROOTS)
    rest = [table for table in metadata.sorted_tables if table.name not in names]
    growing = True
    while growing:
        more = [table for table in rest if table.name not in names and _parents(table, names)]
        known += more
        names |= {table.name for table in more}
        growing = bool(more)
    return known


def undecided(metadata: MetaData) -> set[str]:
    """Tables about which nobody has decided: neither walked nor named in `ELSEWHERE` or `EXCLUDED`."""
    walked = {table.name for table in belonging(metadata)}
    return set(metadata.tables) - walked - ELSEWHERE.keys()


def walk(session: Session, metadata: MetaData, sitting: int, rooms: Collection[int]) -> Found:
    """Every row of some rooms of a sitting. `rooms`: ids of `room_sittings`."""
    found, tables = Found(), metadata.tables
    for name, rows in raw_rows(session, metadata, sitting, rooms).items():
        found.rows[name] = [_plain(tables[name], row) for row in rows]
        found.users |= _staff(tables[name], rows)
    return found


def raw_rows(
    session: Session, metadata: MetaData, sitting: int, rooms: Collection[int]
) -> dict[str, list[Mapping[str, Any]]]:
    """The same rows as they are stored, by table; what leads to another comes behind it."""
    raw: dict[str, list[Mapping[str, Any]]] = {}
    tables = metadata.tables
    raw["sittings"] = _where(session, tables["sittings"].c.id, [sitting])
    raw["room_sittings"] = _where(session, tables["room_sittings"].c.id, rooms)
    raw["attempts"] = _where(session, tables["attempts"].c.room_sitting_id, rooms)
    seated = {row["registration_id"] for row in raw["attempts"]}
    places = {row["room_id"] for row in raw["room_sittings"]}
    raw["registrations"] = _registrations(session, tables["registrations"], sitting, (seated, places))
    for table in belonging(metadata):
        if table.name not in raw and table.name not in EXCLUDED:
            raw[table.name] = _of(session, table, raw, frozenset(rooms))
    return raw


def _registrations(
    session: Session, table: Table, sitting: int, there: tuple[set[int], set[int]]
) -> list[Mapping[str, Any]]:
    """Those who sit in some rooms or were drawn into them. `there`: ids of registrations, and of rooms of the
    plan. Never all of the sitting: a province has a hundred thousand in one, each with a photo.
    """
    seated, places = there
    rows = {row["id"]: row for row in _where(session, table.c.id, seated) if row["sitting_id"] == sitting}
    query = select(table).where(table.c.sitting_id == sitting, table.c.room_id.in_(places))
    rows |= {row.id: dict(row._mapping) for row in session.execute(query)}
    return [rows[number] for number in sorted(rows)]


def _parents(table: Table, names: Collection[str]) -> list[tuple[Column[Any], Column[Any]]]:
    """The columns that lead to tables of these names, each with the column it leads to."""
    keys = sorted(table.foreign_keys, key=lambda key: key.parent.name)
    return [
        (key.parent, key.column)
        for key in keys
        if key.column.table.name in names and key.column.table.name != table.name
    ]


def _of(
    session: Session, table: Table, raw: Mapping[str, Sequence[Mapping[str, Any]]], rooms: frozenset[int]
) -> list[Mapping[str, Any]]:
    """Rows that lead to one found already, and to no other room."""
    found: dict[tuple[object, ...], Mapping[str, Any]] = {}
    for own, theirs in _parents(table, raw.keys()):
        values = {row[theirs.name] for row in raw[theirs.table.name]}
        for row in _where(session, own, values):
            if row.get("room_sitting_id") in (None, *rooms):
                found[tuple(row[column.name] for column in table.primary_key)] = row
    return [found[key] for key in sorted(found, key=repr)] if found else []


def _where(session: Session, column: Column[Any], values: Collection[Any]) -> list[Mapping[str, Any]]:
    wanted = sorted(value for value in values if value is not None)
    rows: list[Mapping[str, Any]] = []
    for start in range(0, len(wanted), _AT_ONCE):
        query = select(column.table).where(column.in_(wanted[start : start + _AT_ONCE]))
        rows += [dict(row._mapping) for row in session.execute(query.order_by(*column.table.primary_key))]
    return rows


def _staff(table: Table, rows: Sequence[Mapping[str, Any]]) -> set[int]:
    columns = [key.parent.name for key in table.foreign_keys if key.column.table.name == "users"]
    return {int(row[name]) for row in rows for name in columns if row[name] is not None}


def _plain(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    return {column.name: value_of(row[column.name]) for column in table.c if column.name not in HIDDEN}


def value_of(value: object) -> object:
    """A stored value as JSON holds it; sealed bytes as their size and hash."""
    if isinstance(value, (bytes, memoryview)):
        data = bytes(value)
        return {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return str(value) if isinstance(value, (date, Decimal)) else value


def by_folder(found: Found) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """The tables with rows, by the part of the dossier they lie in."""
    parts: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(dict)
    for name in sorted(found.rows):
        if found.rows[name]:
            parts[FOLDERS.get(name, PROCESS)][name] = found.rows[name]
    return parts
