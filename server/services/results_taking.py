"""Taking results of a site in at the authority: as if the sitting had been held there, once, all of it.

The rows first, then the answer stream (a store of its own), then the rooms' new state: cut off in between,
the same file taken again goes on, and nothing is there twice.
"""

import base64
import json
import secrets
import zlib
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from exam_rooms.protocol import Record, RecordKind
from server.access import Actor
from server.db.answer_tables import Outcome
from server.db.answers import AnswerStore, OtherRecord, Received, StoreUnavailable, Verdict
from server.db.base import Base, emit, vault_of
from server.db.papers import Package
from server.db.people import User
from server.db.rooms import Room, Seat
from server.db.sites import ExamSite, SiteSitting
from server.db.sittings import Attempt, Candidate, Registration, RoomSitting, SeatStay
from server.errors import NotFound, Refused
from server.events import RoomChanged
from server.rules.site_results import Opened
from server.services import audit, origins, packages
from server.services.dossier_tables import belonging, raw_rows
from server.services.peer_rows import Peers, Row, fetch, table_of, take
from server.services.rosters import ID_PURPOSE
from server.services.site_results import BACK, ROOTS

_AT_ONCE = 1000
"""Records in one transaction of the answer store: live seats at this machine wait no longer than for that."""
_WAITING = "\N{BULLET} results are being taken in"
"""A room that is there inside one transaction alone."""
_SENT = ("batches", "sittings", "paper_sets", "rooms", "seats", "candidates", "packages", "users")
_PLACES = (*_SENT, *ROOTS, *BACK, "workstations")
"""Tables whose rows results speak of: which is which is read at once, never by names that a site made up."""
_EVIDENCE: Mapping[str, str] = {
    "incident": "incidents",
    "frame": "evidence_frames",
    "photo": "report_photos",
    "warning": "warnings",
}
"""What a line of a case's evidence is -> the table in which its number is."""
_ROOM = (
    "state",
    "started_at",
    "anchor",
    "ended_at",
    "end_reason",
    "collected_at",
    "watched_at",
    "capture_seed",
    "cameras_overruled",
    "locked_at",
    "locked_by",
    "lock_overruled",
    "paused_at",
    "void_at",
    "version",
)
_ATTEMPT = (
    "seat_id",
    "form",
    "state",
    "workstation_id",
    "identified_at",
    "admitted_at",
    "admitted_by",
    "confirmed_at",
    "accepted_at",
    "rules_version",
    "face_consent",
    "answering_at",
    "credit_minutes",
    "closed_at",
    "close_reason",
    "reopened_at",
    "receipt",
    "collected_at",
    "collect_note",
    "hand_raised_at",
    "hand_reason",
    "frozen_at",
    "frozen_why",
    "paused_at",
    "version",
)


def about(session: Session, uid: str, site: ExamSite) -> SiteSitting:
    """The sitting that went out to a site. Raises `NotFound`."""
    row = session.scalars(
        select(SiteSitting).where(SiteSitting.uid == uid, SiteSitting.site == site.id)
    ).first()
    if row is None:
        raise NotFound("sitting")
    return row


def need_unmarked(session: Session, row: SiteSitting) -> None:
    """Results are not replaced once somebody has marked from them (`results_after_marking`)."""
    marked = select(RoomSitting.id).where(
        RoomSitting.id.in_(row.sent["room_sittings"]), RoomSitting.marked_at.is_not(None)
    )
    if session.scalar(marked.limit(1)) is not None:
        raise Refused("results_after_marking")


def write_rows(
    session: Session, site: ExamSite, content: Mapping[str, Any], *, now: datetime
) -> tuple[dict[int, int], dict[int, int]]:
    """Every row but the rooms' new state; attempts and machines, the site's number -> the own one."""
    row = about(session, content["about"], site)
    need_unmarked(session, row)
    tables, peers = content["tables"], Peers(session, site.fingerprint)
    peers.know(_PLACES)
    peers.learn_all(
        {
            place: {int(theirs): own for theirs, own in known.items()}
            for place, known in content["known"].items()
        }
    )
    _need_own(session, peers, row, content)
    _people(session, peers, content["people"], site, now)
    _candidates(session, peers, content["candidates"], now)
    session.flush()
    take(peers, "workstations", tables["workstations"], fixed={"active": False})
    take(peers, "workstation_clocks", tables["workstation_clocks"])
    take(peers, "registrations", tables["registrations"], only=("room_id", "void_at"))
    _free_seats(session, peers, tables["attempts"])
    take(peers, "attempts", tables["attempts"], only=_ATTEMPT)
    _seats_away(session)
    _first_stays_away(session, peers, row.sent["attempts"])
    for table in belonging(Base.metadata):
        if table.name == "evidence_frames":
            _frames(peers, tables[table.name])
        elif table.name in BACK:
            take(peers, table.name, tables[table.name])
    _case_evidence(peers, tables["cases"])
    machines = {one["id"]: peers.of("workstations")[one["id"]] for one in tables["workstations"]}
    attempts = {one["id"]: peers.of("attempts")[one["id"]] for one in tables["attempts"]}
    keys = {number: base64.b64decode(content["keys"][str(number)]) for number in attempts}
    origins.keep(session, site.id, {own: (number, keys[number]) for number, own in attempts.items()})
    _packages(session, peers, row, content["packages"])
    return attempts, machines


def _frames(peers: Peers, rows: list[dict[str, Any]]) -> None:
    """Rows of pictures wait for theirs, under names of ours; one that the site let go does not come."""
    waiting = [
        row | {"file": "", "stored_at": None if row["file"] else row["stored_at"] or row["announced_at"]}
        for row in rows
    ]
    columns = {column.name for column in table_of("evidence_frames").c} - {"id", "file", "stored_at"}
    take(peers, "evidence_frames", waiting, only=columns)


def _case_evidence(peers: Peers, rows: Iterable[Row]) -> None:
    """What a case rests on is a list that was frozen at the site: its lines name rows by their own numbers
    from now on, 0 for one that did not come.
    """
    for row in rows:
        evidence = [
            line | {"id": peers.own(_EVIDENCE[line["what"]], int(line["id"])) or 0}
            for line in row["evidence"]
        ]
        own = peers.of("cases")[row["id"]]
        cases = table_of("cases")
        peers.session.execute(update(cases).where(cases.c.id == own).values(evidence=evidence))


def _need_own(session: Session, peers: Peers, row: SiteSitting, content: Mapping[str, Any]) -> None:
    """A site's rows are of this very sitting: none changes what it told of another (`results_of_others`)."""
    tables, rooms = content["tables"], set(row.sent["room_sittings"])
    ids = {name: {one["id"] for one in tables[name] if "id" in one} for name in (*ROOTS, *BACK)}
    right = ids["room_sittings"] == {int(theirs) for theirs in content["known"]["room_sittings"]}
    right = right and all(_inside(peers, name, tables[name], ids) for name in ids)
    sittings = {int(theirs) for theirs in content["known"]["sittings"]}
    right = right and all(one.get("sitting_id", -1) in {-1, *sittings} for one in tables["registrations"])
    again = any(peers.own(name, one) for name in BACK for one in ids[name])
    here = raw_rows(session, Base.metadata, row.sitting_id, rooms) if again else {}
    for name in BACK if again else ():
        mine = {one["id"] for one in here.get(name, ()) if "id" in one}
        right = right and {peers.own(name, one) for one in ids[name]} <= {None, *mine}
    known = {own: one for one in ids["attempts"] if (own := peers.own("attempts", one))}
    query = select(Attempt.id, Attempt.room_sitting_id, Registration.ticket).join(
        Registration, Registration.id == Attempt.registration_id
    )
    for own, room, ticket in session.execute(query.where(Attempt.id.in_(known))):
        right = right and room in rooms and content["tickets"][str(known[own])] == ticket
    places = {own for one in ids["registrations"] if (own := peers.own("registrations", one))}
    others = select(Registration.id).where(
        Registration.id.in_(places), Registration.sitting_id != row.sitting_id
    )
    if not right or session.scalar(others.limit(1)) is not None:
        raise Refused("results_of_others", 422)


def _inside(peers: Peers, name: str, rows: Iterable[Row], ids: Mapping[str, set[int]]) -> bool:
    """Whether rows lead to rows that came with them, or to none that we know."""
    for key in table_of(name).foreign_keys:
        place, column = key.column.table.name, key.parent.name
        if place in ids:
            out = {one[column] for one in rows if one.get(column) is not None} - ids[place]
            if any(peers.own(place, one) for one in out):
                return False
    return True


def append_answers(
    store: AnswerStore, opened: Opened, attempts: Mapping[int, int], machines: Mapping[int, int]
) -> int:
    """The answer streams under the own numbers of the attempts; how many records were new.

    Raises `Refused` (results_stream_differs) when another record stands at the place of one.
    """
    rows = [
        (attempts[int(number)], *place, machines[sender])
        for number, stream in opened.streams.items()
        for *place, sender in stream
    ]
    aside = list(_aside(opened.content["aside"], attempts, machines))
    try:
        new = sum(store.bring(rows[start : start + _AT_ONCE]) for start in range(0, len(rows), _AT_ONCE))
        for start in range(0, len(aside), _AT_ONCE):
            _need_kept(store.append(aside[start : start + _AT_ONCE]))
    except OtherRecord as fault:
        raise Refused("results_stream_differs") from fault
    except StoreUnavailable as fault:
        raise Refused("answer_store_unavailable", 503) from fault
    return new


def finish(
    session: Session, actor: Actor, site: ExamSite, opened: Opened, *, now: datetime
) -> dict[str, int]:
    """The rooms are collected here, too; the proofs are kept, and that they came stands on the record."""
    content = opened.content
    row = about(session, content["about"], site)
    need_unmarked(session, row)
    peers = Peers(session, site.fingerprint)
    take(peers, "room_sittings", content["tables"]["room_sittings"], only=_ROOM)
    session.expire_all()
    row.documents = opened.document
    proofs = {"chains": content["chains"], "records": content["records"], "rooms": content["rooms"]}
    row.chains = zlib.compress(json.dumps(proofs, ensure_ascii=False).encode())
    row.returned_at = now
    told = {"site": site.code, "attempts": len(content["tables"]["attempts"])}
    for number in row.sent["room_sittings"]:
        stream = audit.sitting_stream(number)
        audit.record(session, stream, actor, "results_taken", stream, now=now, **told)
        emit(session, RoomChanged(number))
    return {"rooms": len(row.sent["room_sittings"]), "attempts": len(content["tables"]["attempts"])}


def _aside(
    rows: Iterable[Mapping[str, Any]], attempts: Mapping[int, int], machines: Mapping[int, int]
) -> Iterable[Received]:
    """Records that did not count at the site do not count here, for the same reason."""
    for one in rows:
        fields = one["record"]
        own, kind = attempts[fields["attempt"]], RecordKind(fields["kind"])
        record = Record(**(fields | {"kind": kind, "attempt": own}))
        yield Received(record, one["received_ns"], machines[one["workstation"]], one["reason"])


def _need_kept(verdicts: Iterable[Verdict]) -> None:
    if any(verdict.outcome is not Outcome.ASIDE for verdict in verdicts):
        raise Refused("results_stream_differs")


def _people(
    session: Session, peers: Peers, people: Mapping[str, Mapping[str, str]], site: ExamSite, now: datetime
) -> None:
    """Staff of the site alone get an account that nobody can use: rows here name them."""
    for theirs, said in people.items():
        if peers.own("users", int(theirs)) is None:
            username = f"{site.code}/{said['username']}"[:64].lower()
            user = session.scalars(select(User).where(User.username == username)).first()
            if user is None:
                user = User(
                    username=username,
                    email=username,
                    name=said["name"][:64],
                    password="",
                    active=False,
                    fs_uniquifier=secrets.token_hex(16),
                    created_at=now,
                )
                session.add(user)
                session.flush()
            peers.learn("users", int(theirs), user.id)


def _candidates(session: Session, peers: Peers, rows: Iterable[Mapping[str, Any]], now: datetime) -> None:
    """People whom the site's desk let in."""
    vault = vault_of(session)
    for sent in rows:
        index = vault.index(ID_PURPOSE, sent["id_number"])
        found = session.scalars(select(Candidate).where(Candidate.id_index == index)).first()
        if found is None:
            sealed = vault.seal_value(ID_PURPOSE, index, sent["id_number"].encode())
            found = Candidate(id_index=index, sealed_id=sealed, name=sent["name"], created_at=now)
            session.add(found)
            session.flush()
        peers.learn("candidates", sent["id"], found.id)


def _free_seats(session: Session, peers: Peers, sent: Collection[Row]) -> None:
    """Moves everybody who sits elsewhere now out of the way: two who changed places would stand on one seat
    for a moment. Where they wait is a room that is gone again when `_seats_away` has been called.
    """
    seats, known, moved = peers.of("seats"), peers.of("attempts"), dict[int, int]()
    here = {own for row in sent if (own := known.get(int(row["id"]))) is not None}  # not all of its years
    held = {row["id"]: row["seat_id"] for row in fetch(session, "attempts", "id", here)}
    for row in sent:
        own = known.get(int(row["id"]))
        if own is not None and held[own] != seats.get(int(row["seat_id"])):
            moved[own] = len(moved)
    if not moved:
        return
    now = session.get_one(Attempt, min(moved)).room_sitting_id
    made = session.get_one(RoomSitting, now)
    waiting = Room(name=_WAITING, layout={}, created_at=session.get_one(Room, made.room_id).created_at)
    session.add(waiting)
    session.flush()
    for own, place in moved.items():
        seat = Seat(room_id=waiting.id, number=str(place), row=1, column=place + 1, x=0.0, y=0.0)
        session.add(seat)
        session.flush()
        session.execute(update(table_of("attempts")).where(Attempt.id == own).values(seat_id=seat.id))


def _seats_away(session: Session) -> None:
    """Takes away the room in which those waited who changed places."""
    waiting = select(Room.id).where(Room.name == _WAITING).scalar_subquery()
    session.execute(delete(Seat).where(Seat.room_id == waiting))
    session.execute(delete(Room).where(Room.name == _WAITING))
    session.expire_all()


def _first_stays_away(session: Session, peers: Peers, attempts: Iterable[int]) -> None:
    """The seats as they were drawn here: the site tells of these stays itself."""
    known = set(peers.of("seat_stays").values())
    mine = select(SeatStay.id).where(SeatStay.attempt_id.in_(list(attempts)))
    gone = set(session.scalars(mine)) - known
    session.execute(delete(SeatStay).where(SeatStay.id.in_(gone)))


def _packages(session: Session, peers: Peers, held: SiteSitting, rows: Iterable[Mapping[str, Any]]) -> None:
    vault, users = vault_of(session), peers.of("users")
    for sent in rows:
        if sent["id"] not in held.sent["packages"]:
            raise Refused("results_of_others", 422)
        row = session.get_one(Package, sent["id"])
        row.state, row.swapped_in = sent["state"], sent["swapped_in"]
        row.code_issued, row.destroyed = sent["code_issued"], sent["destroyed"]
        row.released_at = datetime.fromisoformat(sent["released_at"]) if sent["released_at"] else None
        row.released_by = [users[user] for user in sent["released_by"] if user in users]
        key = base64.b64decode(sent["content_key"])
        row.sealed_content_key = vault.seal_value(packages.CONTENT_PURPOSE, row.uid, key) if key else None
    session.flush()
