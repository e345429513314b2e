"""Many sites for the bench of an authority: their sittings as rows, and the results that each sends back.

All sites have the same numbers of their own and the same answers, as equal machines would; each signs its
receipts, its attempts and its audit chain with a key of its own.
"""

import base64
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.orm import Session

from exam_rooms.attempt_proof import (
    FORMAT,
    AttemptExport,
    ExportedAttempt,
    ExportedJournal,
    ExportedRecord,
)
from exam_rooms.protocol import (
    ZERO_HEAD,
    Receipt,
    Record,
    RecordKind,
    receipt_message,
    record_aad,
    record_digest,
)
from exam_rooms.wire import canonical, encode
from itembank.custody import Custodian
from itembank.letters import new_letter_key
from itembank.package import PackageSpec, seal_sections
from itembank.sealing import new_key, seal
from itembank.vault import Vault
from server.db.base import vault_of
from server.db.papers import Package
from server.db.rooms import Room, Seat
from server.db.sites import ExamSite, SiteRoom
from server.db.sittings import Attempt, Candidate, Registration, RoomSitting, SeatStay
from server.rules.audit_chain import FIRST_HASH, checkpoint_message, entry_hash, root_of
from server.rules.site_file import fingerprint
from server.services import packages
from server.services.rosters import ID_PURPOSE, PHOTO_PURPOSE
from server.services.site_results import BACK

MINUTES = Decimal(90)
ENTRIES = 60
"""Entries of a room's audit chain on an ordinary day."""


@dataclass(frozen=True, slots=True)
class Size:
    """What a site is: seats of its one room, items of the paper, bytes of a photo."""

    candidates: int
    items: int = 100
    photo: int = 8000


@dataclass(frozen=True, slots=True)
class Simulated:
    """A site of the bench, with what the authority calls its rows."""

    site_id: int
    code: str
    sitting: int
    key: Ed25519PrivateKey
    known: dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class Writing:
    """What all sites have in common: which sitting, whose papers, which people, and when."""

    batch: int
    papers: int
    sitting: int
    custodians: tuple[Custodian, ...]
    starts_at: datetime


def add_site(
    session: Session, signing: bytes, what: tuple[Writing, Size, int], *, now: datetime
) -> Simulated:
    """One site with its room, its candidates seated and its package sealed. `what`: common, size, number."""
    writing, size, number = what
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    site = ExamSite(
        code=f"S{number:05d}",
        name=f"{number}",
        public_key=public,
        fingerprint=fingerprint(public),
        letter_key=new_letter_key()[1],
        registered_at=now,
    )
    room = Room(name=f"bench {number}", layout={}, created_at=now)
    session.add_all([site, room])
    session.flush()
    held = RoomSitting(uid=f"bench-{number}", sitting_id=writing.sitting, room_id=room.id, state="arranged")
    session.add_all([SiteRoom(room_id=room.id, site_id=site.id), held])
    session.flush()
    known = _candidates(session, held, size, now)
    known["packages"] = {"1": _package(session, signing, (writing, size, held), now)}
    known |= {"sittings": {"1": writing.sitting}, "rooms": {"1": room.id}, "room_sittings": {"1": held.id}}
    known |= {"batches": {"1": writing.batch}, "paper_sets": {"1": writing.papers}, "users": {}}
    return Simulated(site.id, site.code, writing.sitting, key, known)


def _candidates(session: Session, held: RoomSitting, size: Size, now: datetime) -> dict[str, dict[str, int]]:
    """All seats of the room taken. Whatever needs another row's number waits for that row's flush, once a
    table and not once a seat.
    """
    vault, numbers = vault_of(session), range(1, size.candidates + 1)
    idents = [f"{held.id:09d}{number:09d}" for number in numbers]
    seats = [_seat(held.room_id, number) for number in numbers]
    people = [_person(vault, ident, now) for ident in idents]
    session.add_all([*seats, *people])
    session.flush()
    places = [
        Registration(sitting_id=held.sitting_id, room_id=held.room_id, candidate_id=one.id, ticket=ident)
        for one, ident in zip(people, idents, strict=True)
    ]
    session.add_all(places)
    session.flush()
    for place in places:
        photo = secrets.token_bytes(size.photo)
        place.sealed_photo, place.has_photo = vault.seal_value(PHOTO_PURPOSE, str(place.id), photo), True
    attempts = [
        Attempt(registration_id=place.id, room_sitting_id=held.id, seat_id=seat.id, form="AB"[number % 2])
        for place, seat, number in zip(places, seats, numbers, strict=True)
    ]
    session.add_all(attempts)
    session.flush()
    session.add_all(SeatStay(attempt_id=one.id, seat_id=one.seat_id, from_at=now) for one in attempts)
    tables: dict[str, Sequence[Seat | Candidate | Registration | Attempt]] = {
        "seats": seats,
        "candidates": people,
        "registrations": places,
        "attempts": attempts,
    }
    return {name: {str(n): row.id for n, row in enumerate(rows, 1)} for name, rows in tables.items()}


def _seat(room_id: int, number: int) -> Seat:
    row, column = (number - 1) // 10 + 1, (number - 1) % 10 + 1
    return Seat(room_id=room_id, number=str(number), row=row, column=column, x=float(column), y=float(row))


def _person(vault: Vault, ident: str, now: datetime) -> Candidate:
    mark = vault.index(ID_PURPOSE, ident)
    sealed = vault.seal_value(ID_PURPOSE, mark, ident.encode())
    return Candidate(id_index=mark, sealed_id=sealed, name=ident[-4:], created_at=now)


def _package(session: Session, signing: bytes, what: tuple[Writing, Size, RoomSitting], now: datetime) -> int:
    writing, size, held = what
    spec = PackageSpec(
        package=f"bench-{held.id}",
        sitting=held.uid,
        room=held.uid,
        not_before=writing.starts_at - timedelta(minutes=60),
        custodians=writing.custodians,
    )
    text = {str(number): secrets.token_hex(150) for number in range(size.items)}
    sealed = seal_sections(spec, {form: {f"paper/{form}": text} for form in "AB"}, signing)
    row = Package(
        uid=spec.package,
        paper_set_id=writing.papers,
        room_sitting_id=held.id,
        data=sealed.data,
        sha256=sealed.sha256,
        size=len(sealed.data),
        not_before=spec.not_before,
        sealed_release_secret=vault_of(session).seal_value(
            packages.SECRET_PURPOSE, spec.package, sealed.release_secret
        ),
        sealed_at=now,
        released_by=[],
    )
    session.add(row)
    session.flush()
    return row.id


class Answers:
    """What every site's agents wrote: streams, keys and rows that only their signatures tell apart."""

    def __init__(self, size: Size, starts_at: datetime) -> None:
        self.size = size
        self.starts_at = starts_at
        self.ends_at = starts_at + timedelta(minutes=float(MINUTES))
        self.records = 2 + size.items + len(range(0, size.items, 10))
        """Of each candidate."""
        self.keys = {str(number): new_key() for number in range(1, size.candidates + 1)}
        self.streams = [self._stream(number) for number in range(1, size.candidates + 1)]
        self.texts = [canonical(encode(records)).decode() for records in self.streams]
        """What the streams are in a document: the same text at every site."""
        self.entries = self._entries()

    def _stream(self, attempt: int) -> tuple[ExportedRecord, ...]:
        """An opening, an answer to every item, one in ten changed, and the hand-in."""
        items = [*range(self.size.items), *range(0, self.size.items, 10)]
        kinds = [RecordKind.OPEN, *[RecordKind.ANSWER] * len(items), RecordKind.SUBMIT]
        head, records = ZERO_HEAD, []
        step = (self.ends_at - self.starts_at) / (len(kinds) + 1)
        for seq, kind in enumerate(kinds, 1):
            answered = kind is RecordKind.ANSWER
            body = canonical({"response": ["ABCD"[seq % 4]]} if answered else {})
            sealed = seal(self.keys[str(attempt)], body, record_aad(attempt, 1, seq))
            bare = Record(
                attempt=attempt,
                journal=1,
                seq=seq,
                kind=kind,
                item=f"item-{items[seq - 2]}" if answered else "",
                body=base64.b64encode(sealed).decode(),
                boot_id="boot",
                boot_ns=seq * 1_000_000_000,
                prev=head,
                hash="",
            )
            head = record_digest(bare)
            records.append(ExportedRecord(replace(bare, hash=head), self.starts_at + seq * step))
        return tuple(records)

    def _entries(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = []
        last = FIRST_HASH
        for seq in range(1, ENTRIES + 1):
            entry = {
                "stream": "sitting/1",
                "seq": seq,
                "at": self.starts_at.isoformat(),
                "actor_id": None,
                "actor": "system",
                "act": "submitted",
                "object": f"attempt/{seq}",
                "details": {"seat": str(seq)},
                "prev": last,
            }
            last = entry_hash(entry)
            entries.append(entry | {"hash": last})
        return entries

    def of(self, site: Simulated, about: str) -> dict[str, Any]:
        """The content of one site's results."""
        exported = [self._attempt(site, number) for number in range(1, self.size.candidates + 1)]
        return {
            "format": 1,
            "about": about,
            "rooms": {"1": "bench"},
            "tables": self._tables(exported),
            "known": site.known,
            "people": {},
            "candidates": [],
            "tickets": {str(one.attempt): one.ticket for one in exported},
            "document": _document(site.key, list(zip(exported, self.texts, strict=True)), self.ends_at),
            "aside": [],
            "keys": {number: base64.b64encode(key).decode() for number, key in self.keys.items()},
            "packages": [self._opened(site)],
            "chains": {"1": {"entries": self.entries, "checkpoints": [self._checkpoint(site.key)]}},
            "records": [],
        }

    def _opened(self, site: Simulated) -> dict[str, Any]:
        nothing = {"swapped_in": None, "code_issued": None, "destroyed": None}
        return {
            "id": site.known["packages"]["1"],
            "state": "released",
            "released_at": self.starts_at.isoformat(),
            "released_by": [],
            "content_key": base64.b64encode(new_key()).decode(),
            **nothing,
        }

    def _attempt(self, site: Simulated, number: int) -> ExportedAttempt:
        key, ticket = site.key, f"{site.known['room_sittings']['1']:09d}{number:09d}"
        records = self.streams[number - 1]
        last = records[-1].record
        receipt = Receipt(
            attempt=number,
            ticket=ticket,
            journal=1,
            seq=last.seq,
            head=last.hash,
            answered=self.size.items,
            submitted_at=records[-1].received_at,
            signature="",
        )
        signed = replace(receipt, signature=base64.b64encode(key.sign(receipt_message(receipt))).decode())
        journal = ExportedJournal(1, ZERO_HEAD, number, str(number), self.starts_at, last.seq)
        return ExportedAttempt(number, ticket, str(number), "A", "submitted", (journal,), records, (), signed)

    def _tables(self, exported: Sequence[ExportedAttempt]) -> dict[str, list[dict[str, Any]]]:
        at, end = self.starts_at.isoformat(), self.ends_at.isoformat()
        tables: dict[str, list[dict[str, Any]]] = {name: [] for name in BACK}
        tables["room_sittings"] = [
            {"id": 1, "state": "collected", "started_at": at, "ended_at": end, "collected_at": end}
            | {"anchor": {}, "void_at": None, "version": 9}
        ]
        tables["registrations"] = [{"id": one.attempt, "room_id": 1, "void_at": None} for one in exported]
        tables["attempts"] = [
            {"id": one.attempt, "room_sitting_id": 1, "seat_id": one.attempt, "form": one.form}
            | {"state": "submitted", "workstation_id": one.attempt, "closed_at": end, "collected_at": end}
            | {"receipt": encode(one.receipt), "collect_note": "", "version": 9}
            for one in exported
        ]
        tables["workstations"] = [
            {"id": one.attempt, "seat_id": one.attempt, "public_key": "AA==", "hostname": f"pc{one.attempt}"}
            | {"software": "1", "paired_at": at}
            for one in exported
        ]
        tables["workstation_clocks"] = [
            {"workstation_id": one.attempt, "boot_id": "boot", "offset_ns": 1} for one in exported
        ]
        tables["journals"] = [
            {"attempt_id": one.attempt, "journal": 1, "workstation_id": one.attempt, "parent": ZERO_HEAD}
            | {"opened_at": at, "final_seq": len(one.records)}
            for one in exported
        ]
        tables["seat_stays"] = [
            {"id": one.attempt, "attempt_id": one.attempt, "seat_id": one.attempt, "from_at": at}
            for one in exported
        ]
        return tables

    def _checkpoint(self, key: Ed25519PrivateKey) -> dict[str, Any]:
        hashes = [entry["hash"] for entry in self.entries]
        point: dict[str, Any] = {
            "stream": "sitting/1",
            "size": len(hashes),
            "root": root_of(hashes),
            "head": hashes[-1],
            "previous": "",
            "at": self.ends_at.isoformat(),
            "site_key": base64.b64encode(key.public_key().public_bytes_raw()).decode(),
        }
        point["signature"] = base64.b64encode(key.sign(checkpoint_message(point))).decode()
        return point


def _document(key: Ed25519PrivateKey, written: Sequence[tuple[ExportedAttempt, str]], at: datetime) -> str:
    """The signed attempts as `site_document.compact` writes them. `written`: each with the canonical text of
    its records, which all sites share: only what is a site's own is written anew.
    """
    bare = AttemptExport(
        format=FORMAT,
        site_key=base64.b64encode(key.public_key().public_bytes_raw()).decode(),
        ca_pem="",
        exported_at=at,
        attempts=(),
    )
    attempts = ",".join(_attempt_text(one, records) for one, records in written)
    fields = {name: value for name, value in encode(bare).items() if name != "signature"}
    message = f'["examhall/export",{_with_attempts(fields, attempts)}]'.encode()
    return _with_attempts(fields | {"signature": base64.b64encode(key.sign(message)).decode()}, attempts)


def _attempt_text(one: ExportedAttempt, records: str) -> str:
    told = {name: value for name, value in encode(replace(one, records=())).items() if name != "site_key"}
    return canonical(told).decode().replace('"records":[]', f'"records":{records}', 1)


def _with_attempts(fields: Mapping[str, Any], attempts: str) -> str:
    return canonical(fields).decode().replace('"attempts":[]', f'"attempts":[{attempts}]', 1)
