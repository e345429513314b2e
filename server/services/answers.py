"""Taking answer records in: checked one by one, stored durably, then told to the monitor (design D3, D4).

What a record needs to be part of the stream: a journal granted to the workstation that sends it, a hash
that is right, a body that opens under the attempt's key, an item of the attempt's form. A record that
lacks one of the last three is kept aside. Whether a record counts is decided at marking, not here.
"""

import base64
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.incidents import IncidentKind
from exam_rooms.protocol import AnswersReply, Record, RecordKind, RefusedRecord, record_aad
from itembank.item_rules import MAX_PARTS
from itembank.items import ItemKind
from itembank.papers import part_id
from itembank.sealing import SealBroken, open_sealed
from itembank.vault import Vault
from server.db.answers import AnswerStore, Outcome, Received, Verdict, to_ns
from server.db.bank import BankItem, ItemVersion
from server.db.base import Database
from server.db.papers import KIND_ON_FORM, VERSION_ON_FORM, FormItem
from server.db.sittings import Attempt, JournalGrant, RoomSitting, Sitting
from server.errors import NotFound, Refused
from server.events import Events, SeatChanged
from server.services.incidents import Place, raise_incident
from server.services.shared_look import SharedLook

BATCH_LIMIT = 200
BODY_LIMIT = 48 << 10
"""Characters of a sealed body: a text of 8,000 characters of four bytes each."""
PARTS_LIMIT = 200
TEXT_LIMIT = 8_000
_LONGEST = 64
"""Characters of an item's name, a boot id and a hash."""
_INT31 = 2**31 - 1
_INT63 = 2**63 - 1
_WITH_ITEM = frozenset({RecordKind.ANSWER, RecordKind.CLEAR, RecordKind.MARK, RecordKind.UNMARK})
_KEPT_FACTS = 5000
_TOGETHER = 200
"""Attempts whose facts are looked up in one look: a short stop of the loop."""
_INCIDENTS = {
    "fork": IncidentKind.CHAIN_FORK,
    "bad_hash": IncidentKind.CHAIN_ERROR,
    "bad_body": IncidentKind.CHAIN_ERROR,
    "unknown_item": IncidentKind.CHAIN_ERROR,
    "unlinked": IncidentKind.CHAIN_ERROR,
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What checking a record of an attempt needs. `journals`: number -> (workstation, parent head)."""

    attempt: int
    room_sitting: int
    seat: int
    key: bytes
    items: frozenset[str]
    journals: dict[int, tuple[int, str]]


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends, and when it came: steady time, and CLOCK_BOOTTIME for the monitor's delay."""

    workstation: int
    received_at: datetime
    boot_ns: int


@dataclass(frozen=True, slots=True)
class Taken:
    """The reply to the agent; `submits`: a SUBMIT record is among the durable ones; `new`: the stream has
    grown.
    """

    reply: AnswersReply
    attempt: int
    submits: bool
    new: bool


class AnswerDesk:
    """Takes batches of records. Facts of attempts stay in memory until their room changes."""

    def __init__(self, db: Database, store: AnswerStore, vault: Vault, events: Events) -> None:
        self._db = db
        self._store = store
        self._vault = vault
        self._events = events
        self._facts: dict[int, Facts] = {}
        self._changes = 0
        self._spoilt: set[int] = set()
        """Attempts that have changed since the last look began."""
        self._look = SharedLook[int, Facts]()

    def forget_room(self, room_sitting: int) -> None:
        """Seats or journals of a room have changed; what is being looked up meanwhile is not kept."""
        self._changes += 1
        for facts in [facts for facts in self._facts.values() if facts.room_sitting == room_sitting]:
            del self._facts[facts.attempt]

    def forget(self, attempt: int) -> None:
        """Something about one attempt has changed."""
        self._spoilt.add(attempt)
        self._facts.pop(attempt, None)

    def forget_all(self) -> None:
        """What was told of any room may have been missed."""
        self._changes += 1
        self._facts.clear()

    def parents(self, attempt: int) -> dict[int, str]:
        """The head that each journal of an attempt was granted to continue."""
        return {journal: parent for journal, (_, parent) in self._known(attempt).journals.items()}

    def machines(self, attempt: int) -> set[int]:
        """The workstations that were granted journals of an attempt."""
        return {workstation for workstation, _ in self._known(attempt).journals.values()}

    def _known(self, attempt: int) -> Facts:
        facts = self._facts.get(attempt)
        if facts is None:
            with self._db.read() as session:
                facts = load_facts(session, self._vault, attempt)
        return facts

    def take(self, records: Sequence[Record], sender: Sender) -> Taken:
        """Stores a batch of one attempt. Refuses records of attempts or journals of other workstations."""
        attempt = _one_attempt(records)
        facts = self._facts_for(attempt, records, sender.workstation)
        came = to_ns(sender.received_at)
        entries = [Received(r, came, sender.workstation, self._fault(r, facts)) for r in records]
        verdicts = self._store.append(entries)
        self._report(entries, verdicts, facts, sender)
        refused = tuple(
            RefusedRecord(e.record.journal, e.record.seq, _refusal(e, v))
            for e, v in zip(entries, verdicts, strict=True)
            if v.outcome not in (Outcome.STORED, Outcome.KNOWN)
        )
        reply = AnswersReply(upto=_upto(entries, verdicts), refused=refused)
        new = any(verdict.outcome is Outcome.STORED for verdict in verdicts)
        return Taken(reply, attempt, _submits(entries, verdicts), new)

    def _facts_for(self, attempt: int, records: Sequence[Record], workstation: int) -> Facts:
        journals = {record.journal for record in records}
        facts = self._kept(attempt, journals) or self._look.find(
            attempt, lambda: self._kept(attempt, journals), lambda: self._looked_up(attempt)
        )
        if any(facts.journals.get(journal, (0, ""))[0] != workstation for journal in journals):
            raise Refused("journal_not_yours", 403)
        return facts

    def _kept(self, attempt: int, journals: set[int]) -> Facts | None:
        facts = self._facts.get(attempt)
        return facts if facts is not None and journals <= facts.journals.keys() else None

    def _looked_up(self, attempt: int) -> dict[int, Facts]:
        """The facts of an attempt, looked up together with those of its room that are not known here."""
        changes = self._changes
        self._spoilt.clear()
        with self._db.read() as session:
            facts = load_facts(session, self._vault, attempt)
            company = self._company(session, facts)
            others = load_all(session, self._vault, company) if company else []
        if len(self._facts) > _KEPT_FACTS:
            self._facts.clear()
        found = {each.attempt: each for each in (*others, facts)}
        if changes == self._changes:
            self._facts.update({key: each for key, each in found.items() if key not in self._spoilt})
        return found

    def _company(self, session: Session, facts: Facts) -> list[int]:
        """Others of the room that save, or soon will, and are not known here."""
        query = (
            select(JournalGrant.attempt_id)
            .join(Attempt, Attempt.id == JournalGrant.attempt_id)
            .where(Attempt.room_sitting_id == facts.room_sitting)
            .distinct()
        )
        known = self._facts.keys() | {facts.attempt}
        others = (other for other in session.scalars(query) if other not in known)
        return list(islice(others, _TOGETHER - 1))

    def _fault(self, record: Record, facts: Facts) -> str:
        if record.digest() != record.hash:
            return "bad_hash"
        if record.kind in _WITH_ITEM and record.item not in facts.items:
            return "unknown_item"
        return "" if _body_opens(record, facts.key) else "bad_body"

    def _report(self, entries: list[Received], verdicts: list[Verdict], facts: Facts, sender: Sender) -> None:
        causes = {
            cause for e, v in zip(entries, verdicts, strict=True) if (cause := _cause(e.record, e, v, facts))
        }
        for cause in sorted(causes):
            place, kind = Place(facts.room_sitting, facts.seat, facts.attempt), _INCIDENTS[cause]
            self._db.write(raise_incident, place, kind, now=sender.received_at, cause=cause)
        if any(verdict.outcome is Outcome.STORED for verdict in verdicts):
            self._events.publish([SeatChanged(facts.room_sitting, facts.seat, sender.boot_ns)])


def load_facts(session: Session, vault: Vault, attempt_id: int) -> Facts:
    """An attempt's facts from the store."""
    found = load_all(session, vault, [attempt_id])
    if not found:
        raise NotFound("attempt")
    return found[0]


def load_all(session: Session, vault: Vault, attempts: Iterable[int]) -> list[Facts]:
    """The same of many attempts, in as many looks; who is not there is left out."""
    query = (
        select(Attempt.id, Attempt.room_sitting_id, Attempt.seat_id, Sitting.paper_set_id, Attempt.form)
        .join(RoomSitting, RoomSitting.id == Attempt.room_sitting_id)
        .join(Sitting, Sitting.id == RoomSitting.sitting_id)
        .where(Attempt.id.in_(list(attempts)))
    )
    rows = session.execute(query).all()
    items = _items(session, {(paper, form) for _, _, _, paper, form in rows})
    journals: defaultdict[int, dict[int, tuple[int, str]]] = defaultdict(dict)
    grants = select(JournalGrant).where(JournalGrant.attempt_id.in_([row[0] for row in rows]))
    for grant in session.scalars(grants):
        journals[grant.attempt_id][grant.journal] = (grant.workstation_id, grant.parent)
    return [
        Facts(attempt, room, seat, vault.attempt_key(attempt), items[paper, form], journals[attempt])
        for attempt, room, seat, paper, form in rows
    ]


def _items(
    session: Session, forms: set[tuple[int | None, str]]
) -> dict[tuple[int | None, str], frozenset[str]]:
    """What may be answered on each form, by paper set and form."""
    query = (
        select(FormItem.paper_set_id, FormItem.form, FormItem.item_uid, KIND_ON_FORM)
        .join(BankItem, BankItem.id == FormItem.item_id)
        .outerjoin(ItemVersion, VERSION_ON_FORM)
        .where(FormItem.paper_set_id.in_({paper for paper, _ in forms}))
        .where(FormItem.form.in_({form for _, form in forms}))
    )
    asked: defaultdict[tuple[int | None, str], set[str]] = defaultdict(set)
    for paper, form, uid, kind in session.execute(query):
        asked[paper, form].update(_asked(uid, kind))
    return {form: frozenset(asked[form]) for form in forms}


def _asked(uid: str, kind: str) -> Iterator[str]:
    """What a candidate may answer of an item: itself, or the parts of a case, as many as one may have."""
    if kind == ItemKind.CASE:
        yield from (part_id(uid, place) for place in range(1, MAX_PARTS + 1))
    else:
        yield uid


def opened_response(record: Record, key: bytes) -> tuple[str, ...]:
    """The response in a record's body: one or more texts. Raises ValueError when it does not open or hold it.

    Whether it fits its question is seen at marking: the questions are sealed.
    """
    try:
        sealed = base64.b64decode(record.body.encode("ascii"), validate=True)
        body = json.loads(open_sealed(key, sealed, record_aad(record.attempt, record.journal, record.seq)))
    except SealBroken as fault:
        raise ValueError("sealed body") from fault
    if record.kind is not RecordKind.ANSWER:
        if not isinstance(body, dict):
            raise ValueError("body")
        return ()
    response = body.get("response") if isinstance(body, dict) else None
    if not isinstance(response, list) or not 0 < len(response) <= PARTS_LIMIT:
        raise ValueError("response")
    if not all(isinstance(part, str) for part in response) or not any(response):
        raise ValueError("response")
    if sum(map(len, response)) > TEXT_LIMIT:
        raise ValueError("response")
    return tuple(response)


def _body_opens(record: Record, key: bytes) -> bool:
    try:
        opened_response(record, key)
    except ValueError:
        return False
    return True


def _one_attempt(records: Sequence[Record]) -> int:
    if not records:
        raise Refused("no_records", 400)
    if len(records) > BATCH_LIMIT:
        raise Refused("too_many_records", 413, limit=BATCH_LIMIT)
    if len({record.attempt for record in records}) != 1:
        raise Refused("more_than_one_attempt", 400)
    if not all(_well_formed(record) for record in records):
        raise Refused("record_malformed", 400)
    return records[0].attempt


def _well_formed(record: Record) -> bool:
    numbers = 0 < record.attempt <= _INT31 and 0 < record.journal <= _INT31 and 0 < record.seq <= _INT31
    return numbers and 0 <= record.boot_ns <= _INT63 and all(_fits(record))


def _fits(record: Record) -> Iterator[bool]:
    yield len(record.body) <= BODY_LIMIT
    for text in (record.item, record.boot_id, record.prev, record.hash):
        yield len(text) <= _LONGEST


def _cause(record: Record, entry: Received, verdict: Verdict, facts: Facts) -> str:
    if verdict.outcome is Outcome.FORK:
        return "fork"
    if entry.aside:
        return entry.aside
    parent = facts.journals[record.journal][1]
    starts_wrong = record.seq == 1 and (record.kind is not RecordKind.OPEN or record.prev != parent)
    unlinked = verdict.linked is False or (verdict.outcome is Outcome.STORED and starts_wrong)
    return "unlinked" if unlinked else ""


def _refusal(entry: Received, verdict: Verdict) -> str:
    return "fork" if verdict.outcome is Outcome.FORK else entry.aside or "unstorable"


def _upto(entries: list[Received], verdicts: list[Verdict]) -> dict[str, int]:
    upto: dict[str, int] = {}
    for entry, verdict in zip(entries, verdicts, strict=True):
        name = str(entry.record.journal)
        upto[name] = max(upto.get(name, 0), verdict.upto)
    return upto


def _submits(entries: list[Received], verdicts: list[Verdict]) -> bool:
    return any(
        entry.record.kind is RecordKind.SUBMIT and verdict.outcome in (Outcome.STORED, Outcome.KNOWN)
        for entry, verdict in zip(entries, verdicts, strict=True)
    )
