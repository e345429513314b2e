"""Results (回传): what a site sends back of a sitting after collection, and what stays there.

Everything a row of the sitting says goes back in the numbers of the site, with what it knows of the
authority's; responses stay sealed under the key of their attempt, which goes along.
"""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.access import SYSTEM, Actor, Permission
from server.db.base import Base, vault_of
from server.db.papers import Package
from server.db.people import User
from server.db.record import AuditEntry, AuditHead
from server.db.rooms import Room
from server.db.sites import SiteAuthority, SiteSitting
from server.db.sittings import Attempt, Candidate, Registration, RoomSitting
from server.errors import NotFound, Refused
from server.rules.site_document import compact
from server.rules.site_file import fingerprint
from server.rules.site_results import FORMAT
from server.services import attempt_export, audit, checkpoints, exam_sites, packages
from server.services.attempt_export import Sources
from server.services.dossier_tables import raw_rows
from server.services.peer_rows import Peers, fetch, plain, table_of
from server.services.rosters import ID_PURPOSE
from server.services.signed import need

BACK = (
    "announcements",
    "assignments",
    "attempt_merges",
    "breaches",
    "captures",
    "case_incidents",
    "case_steps",
    "cases",
    "check_overrules",
    "compensations",
    "consents",
    "covers",
    "duty_signs",
    "enrolments",
    "evidence_frames",
    "gate_overrules",
    "gate_stands",
    "incidents",
    "journals",
    "legal_holds",
    "link_gaps",
    "muted_checks",
    "outages",
    "paused_work",
    "pauses",
    "record_annexes",
    "record_corrections",
    "record_signatures",
    "report_photos",
    "seat_checks",
    "seat_commands",
    "seat_losses",
    "seat_messages",
    "seat_stays",
    "site_check_signs",
    "staff_reports",
    "supervision_marks",
    "supervision_notes",
    "supervision_signs",
    "time_credits",
    "warnings",
)
"""Tables of a sitting whose rows go back beside rooms, registrations, attempts and packages."""
STAYS: Mapping[str, str] = {
    **dict.fromkeys(("sittings", "packages", "package_custodians"), "came with the dispatch"),
    **dict.fromkeys(("canary_packages", "room_pins", "kiosk_orders"), "of the machines in the room"),
    **dict.fromkeys(("room_camera_runs", "room_camera_frames", "look_batches"), "of the site's cameras"),
    **dict.fromkeys(("day_prints", "dossiers", "paper_prints"), "files and lists made at the site"),
    **dict.fromkeys(("signins", "walk_ins"), "of the desk at the site; the room record tells of them"),
    "face_probes": "a face vector, kept only while its incident waits for a person",
    "person_register": "an index under the site's key; cases are decided at the authority",
    "room_records": "goes back as text beside the chains",
    "staff_draws": "drawn at the authority",
    "site_sittings": "what the site knows of the dispatch",
    "attempt_origins": "of the authority",
    **dict.fromkeys(("component_results", "past_marks", "entered_marks"), "marks are made at the authority"),
    **dict.fromkeys(("scripts", "script_markers", "script_objectives", "script_readings"), "of paper tests"),
    **dict.fromkeys(("scan_uploads", "scan_pages"), "of paper tests"),
    **dict.fromkeys(
        ("order_draws", "panel_reports", "panel_scores", "review_files", "review_plans", "review_works"),
        "of sittings that a panel assesses, which are not dispatched",
    ),
    **dict.fromkeys(
        ("score_photos", "score_records", "score_sheets", "sheet_journals", "turns"),
        "of sittings that a panel assesses, which are not dispatched",
    ),
    **dict.fromkeys(
        ("defence_questions", "defence_shorts"), "of sittings that a panel assesses, which are not dispatched"
    ),
}
"""Tables of a sitting that do not go back -> why; a test demands a decision on every one."""
ROOTS = ("room_sittings", "registrations", "attempts")


def held(session: Session, about: str) -> SiteSitting:
    """A sitting that came with a dispatch. Raises `NotFound`."""
    row = session.scalars(select(SiteSitting).where(SiteSitting.uid == about, SiteSitting.site == 0)).first()
    if row is None:
        raise NotFound("sitting")
    return row


def of_authority(session: Session) -> list[SiteSitting]:
    """The dispatched sittings of the present authority: it is told of no other's. Empty without one."""
    authority = session.get(SiteAuthority, 1)
    if authority is None:
        return []
    theirs = Peers(session, fingerprint(authority.public_key)).theirs("sittings")
    query = select(SiteSitting).where(SiteSitting.site == 0).order_by(SiteSitting.id)
    return [row for row in session.scalars(query) if row.sitting_id in theirs]


def need_its_authority(session: Session, row: SiteSitting) -> None:
    """Nothing of a sitting goes to another authority than its own (`results_other_authority`)."""
    if row not in of_authority(session):
        raise Refused("results_other_authority")


def seal_chains(session: Session, actor: Actor, about: str, *, now: datetime) -> None:
    """Every chain of the sitting ends in a signed checkpoint; nothing changes when it does already.

    Raises `Refused` (`results_room_open`) while a room is not collected.
    """
    need(actor, Permission.MANAGE_SITES)
    row = held(session, about)
    need_its_authority(session, row)
    for room in rooms(session, row):
        if room.state != "collected" and room.void_at is None:
            raise Refused("results_room_open", room=session.get_one(Room, room.room_id).name)
        stream = audit.sitting_stream(room.id)
        head, points = session.get(AuditHead, stream), checkpoints.of_stream(session, stream)
        if head is None or not points or points[-1].size != head.seq:
            audit.record(session, stream, actor, "results_made", stream, now=now, about=about)
            checkpoints.make(session, stream, now=now)


def rooms(session: Session, row: SiteSitting) -> list[RoomSitting]:
    """The rooms of a dispatched sitting here."""
    query = select(RoomSitting).where(RoomSitting.sitting_id == row.sitting_id)
    return list(session.scalars(query.order_by(RoomSitting.id)))


def content(session: Session, actor: Actor, sources: Sources, about: str) -> dict[str, Any]:
    """What goes back; the chains have been sealed. Raises `Refused` (`results_chain_open`)."""
    need(actor, Permission.MANAGE_SITES)
    row, authority = held(session, about), exam_sites.authority_of(session)
    there = rooms(session, row)
    raw = raw_rows(session, Base.metadata, row.sitting_id, [room.id for room in there])
    numbers = sorted(attempt["id"] for attempt in raw["attempts"])
    names = dict(session.execute(select(Room.id, Room.name)).all())
    tables = {name: plain(session, name, raw[name]) for name in (*ROOTS, *BACK)}
    kept = [one for number in numbers for one in _aside(sources, number)]
    machines = _named(tables, "workstations") | {one["workstation"] for one in kept}
    tables["workstations"] = plain(session, "workstations", fetch(session, "workstations", "id", machines))
    clocks = fetch(session, "workstation_clocks", "workstation_id", machines)
    tables["workstation_clocks"] = plain(session, "workstation_clocks", clocks)
    peers = Peers(session, fingerprint(authority.public_key))
    chains = {str(room.id): _chain(session, room.id) for room in there}
    moment = max(datetime.fromisoformat(chain["checkpoints"][-1]["at"]) for chain in chains.values())
    return {
        "format": FORMAT,
        "about": about,
        "rooms": {str(room.id): names[room.room_id] for room in there},
        "tables": tables,
        "known": _known(peers, row.sent),
        "people": _people(session, tables),
        "candidates": _added(session, peers, raw),
        "tickets": _tickets(session, numbers),
        "document": compact(attempt_export.document(session, sources, numbers, now=moment)),
        "aside": kept,
        "keys": {str(number): _b64(vault_of(session).attempt_key(number)) for number in numbers},
        "packages": list(_packages(session, peers, [room.id for room in there])),
        "chains": chains,
        "records": plain(session, "room_records", raw["room_records"]),
    }


def _known(peers: Peers, sent: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """Own id -> the authority's, of the rows that came with the dispatch."""
    return {
        place: {str(own): theirs for own, theirs in peers.theirs(place).items() if theirs in set(ids)}
        for place, ids in sent.items()
    }


def _named(tables: Mapping[str, list[dict[str, Any]]], place: str) -> set[int]:
    """Ids of a table that the rows lead to."""
    found: set[int] = set()
    for name, rows in tables.items():
        columns = [key.parent.name for key in table_of(name).foreign_keys if key.column.table.name == place]
        found |= {row[column] for row in rows for column in columns if row[column] is not None}
    return found


def _people(session: Session, tables: Mapping[str, list[dict[str, Any]]]) -> dict[str, dict[str, str]]:
    """Who is named somewhere: user name and name, no more."""
    query = select(User).where(User.id.in_(_named(tables, "users")))
    return {str(user.id): {"username": user.username, "name": user.name} for user in session.scalars(query)}


def _added(session: Session, peers: Peers, raw: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Candidates who did not come with the dispatch: let in at the desk."""
    came, vault = peers.theirs("candidates"), vault_of(session)
    wanted = {row["candidate_id"] for row in raw["registrations"]} - came.keys()
    return [
        {
            "id": row.id,
            "name": row.name,
            "id_number": vault.open_value(ID_PURPOSE, row.id_index, row.sealed_id).decode(),
        }
        for row in session.scalars(select(Candidate).where(Candidate.id.in_(wanted)).order_by(Candidate.id))
    ]


def _aside(sources: Sources, number: int) -> Iterable[dict[str, Any]]:
    """Records that were kept and do not count, with the reason."""
    for one in sources.answers.kept_aside(number):
        place = {"reason": one.aside, "received_ns": one.received_ns, "workstation": one.workstation}
        yield place | {"record": asdict(one.record)}


def _tickets(session: Session, numbers: list[int]) -> dict[str, str]:
    query = (
        select(Attempt.id, Registration.ticket)
        .join(Registration, Registration.id == Attempt.registration_id)
        .where(Attempt.id.in_(numbers))
    )
    return {str(number): ticket for number, ticket in session.execute(query)}


def _packages(session: Session, peers: Peers, numbers: list[int]) -> Iterable[dict[str, Any]]:
    """What became of the packages; the content key of one that was opened."""
    came = peers.theirs("packages")
    for row in session.scalars(select(Package).where(Package.room_sitting_id.in_(numbers))):
        if row.id in came:
            key = packages.content_key(session, row) if row.sealed_content_key else b""
            yield {
                "id": came[row.id],
                "state": row.state,
                "released_at": row.released_at.isoformat() if row.released_at else "",
                "released_by": row.released_by,
                "swapped_in": row.swapped_in,
                "code_issued": row.code_issued,
                "destroyed": row.destroyed,
                "content_key": _b64(key),
            }


def _chain(session: Session, number: int) -> dict[str, Any]:
    stream = audit.sitting_stream(number)
    query = select(AuditEntry).where(AuditEntry.stream == stream).order_by(AuditEntry.seq)
    points = [point.as_json() for point in checkpoints.of_stream(session, stream)]
    if not points:
        raise Refused("results_chain_open")
    return {"entries": [audit.as_json(entry) for entry in session.scalars(query)], "checkpoints": points}


def note_returned(session: Session, about: str, *, now: datetime) -> None:
    """The authority has taken the results of a sitting."""
    row = held(session, about)
    if row.returned_at is None:
        row.returned_at = now
        told = {"about": about}
        audit.record(
            session, audit.SYSTEM_STREAM, SYSTEM, "results_confirmed", f"sitting/{about}", now=now, **told
        )


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
