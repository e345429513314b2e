"""One sheet while a batch of its examiner's records is taken in: chain, content, lock.

What its chain leads to is kept, sealed, whatever it says. A record in another's place is kept as a fork and
told on the sitting's record. Nothing is kept of a record only when it is not this tablet's, its hash is
wrong, or it comes before its time: then the tablet keeps it and sends it again (`wait`).
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any, ClassVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from exam_rooms.wire import canonical
from itembank.problems import Problem
from itembank.sheet_marks import check_action, fold, score
from itembank.sheet_template import Template
from server.access import Actor
from server.db.assessing import ScoreRecord, ScoreSheet, ScoringDevice, SheetJournal, Turn
from server.db.base import vault_of
from server.rules.sheet_chain import ZERO_HEAD, Body, SheetRecord, lock_text, read_body, signed_by
from server.services import audit
from server.services.site import signing_secret
from server.services.template_release import released_template

PURPOSE = "score"
"""What seals the body of a record."""
RECORDS_MOST = 5000
"""Records of one sheet: many times what a person taps in a morning."""
FORK, REFUSED, STORED, KNOWN, WAIT = "fork", "refused", "stored", "known", "wait"


@dataclass(frozen=True, slots=True)
class Ack:
    """What became of a record. `outcome`: stored | known | fork | refused | wait; `code` says why not.

    wait: nothing was kept, the tablet sends it again later. `receipt` comes with a record that locked.
    """

    sheet: str
    journal: int
    seq: int
    hash: str
    outcome: str
    code: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    receipt: str = ""


@dataclass(frozen=True, slots=True)
class Sender:
    """Whose tablet sends, and when. `held`: templates by room sitting, opened once in a request.

    No longer: a process that keeps content after its request would go on with a package that was destroyed
    or swapped, and opening one costs a tenth of what a save costs.
    """

    actor: Actor
    device: ScoringDevice
    now: datetime
    held: dict[int, Template] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Log:
    """Where a sheet's acts are told: in the record of its sitting."""

    session: Session
    actor: Actor
    room_sitting_id: int
    place: str
    device: int
    now: datetime


class SheetBook:
    """A locked row of a sheet, and what this transaction knows of its chain."""

    FIRST: ClassVar[str] = ZERO_HEAD

    def __init__(self, session: Session, sender: Sender, sheet: ScoreSheet) -> None:
        self._session, self._sheet, self._held = session, sheet, sender.held
        self._actor, self._device, self._now = actor, device, now = sender.actor, sender.device, sender.now
        self._turn = turn = session.get_one(Turn, sheet.turn_id)
        place = f"turn/{turn.id}/sheet/{sheet.id}"
        self._log = _Log(session, actor, turn.room_sitting_id, place, device.id, now)

    @staticmethod
    def ident(uid: str, row: ScoreRecord) -> str:
        """What binds a sealed body to its place."""
        return f"{uid}/{row.journal}/{row.seq}/{row.hash}"

    @cached_property
    def _template(self) -> Template:
        room = self._turn.room_sitting_id
        if room not in self._held:
            self._held[room] = released_template(self._session, room)
        return self._held[room]

    @cached_property
    def _journals(self) -> dict[int, str]:
        """The journals that this tablet writes, each with the head that it continues."""
        query = select(SheetJournal).where(
            SheetJournal.sheet_id == self._sheet.id, SheetJournal.device_id == self._device.id
        )
        return {row.journal: row.parent for row in self._session.scalars(query)}

    @cached_property
    def _ends(self) -> dict[int, tuple[int, str]]:
        """Journal -> seq and hash of its last record in the chain."""
        query = (
            select(ScoreRecord.journal, ScoreRecord.seq, ScoreRecord.hash)
            .where(ScoreRecord.sheet_id == self._sheet.id, ScoreRecord.forked.is_(False))
            .order_by(ScoreRecord.seq)
        )
        return {journal: (seq, hash_) for journal, seq, hash_ in self._session.execute(query)}

    def take(self, record: SheetRecord) -> Ack:
        """Takes one record, or says why not."""
        if record.journal not in self._journals:
            return _ack(record, REFUSED, Problem("sheet_journal_not_yours"))
        if not record.whole():
            return _ack(record, REFUSED, Problem("record_broken"))
        known = self._known(record)
        if known is not None:
            return self._again(record, known)
        if self._turn.started_at is None:
            return _ack(record, WAIT, Problem("turn_not_started"))
        return self._new(record)

    def _known(self, record: SheetRecord) -> ScoreRecord | None:
        query = select(ScoreRecord).where(
            ScoreRecord.sheet_id == self._sheet.id,
            ScoreRecord.journal == record.journal,
            ScoreRecord.seq == record.seq,
            ScoreRecord.hash == record.hash,
        )
        return self._session.scalar(query)

    def _again(self, record: SheetRecord, row: ScoreRecord) -> Ack:
        if row.forked:
            return _ack(record, FORK, Problem("record_forked"))
        if row.refused:
            return _ack(record, REFUSED, Problem(row.refused))
        return _ack(record, KNOWN, receipt=self._receipt_of(record))

    def _receipt_of(self, record: SheetRecord) -> str:
        lock = self._sheet.lock or {}
        return str(lock.get("receipt", "")) if lock.get("head") == record.hash else ""

    def _new(self, record: SheetRecord) -> Ack:
        seq, head = self._ends.get(record.journal, (0, self._journals[record.journal]))
        if record.seq <= seq or (record.seq == seq + 1 and record.prev != head):
            return self._fork(record)
        if record.seq > seq + 1:
            follows = self._continues_a_fork(record)
            return self._fork(record) if follows else _ack(record, WAIT, Problem("record_missing"))
        if self._count >= RECORDS_MOST:
            return _ack(record, REFUSED, Problem("sheet_full"))
        return self._in_chain(record)

    def _continues_a_fork(self, record: SheetRecord) -> bool:
        query = select(ScoreRecord.id).where(
            ScoreRecord.sheet_id == self._sheet.id,
            ScoreRecord.journal == record.journal,
            ScoreRecord.seq == record.seq - 1,
            ScoreRecord.hash == record.prev,
            ScoreRecord.forked.is_(True),
        )
        return self._session.scalar(query) is not None

    @cached_property
    def _count(self) -> int:
        query = select(func.count()).where(ScoreRecord.sheet_id == self._sheet.id)
        return self._session.scalar(query) or 0

    def _fork(self, record: SheetRecord) -> Ack:
        if self._count >= RECORDS_MOST:
            return _ack(record, REFUSED, Problem("sheet_full"))
        if self._first(record, ScoreRecord.forked.is_(True)):
            _tell(self._log, "sheet_record_forked", journal=record.journal, seq=record.seq)
        self._store(record, read_body(record.body), forked=True)
        return _ack(record, FORK, Problem("record_forked"))

    def _in_chain(self, record: SheetRecord) -> Ack:
        body = read_body(record.body)
        locks = body is not None and body.action.get("act") == "lock"
        if locks and self._sheet.state != "locked" and self._turn.state != "done":
            return _ack(record, WAIT, Problem("turn_not_done"))
        fault = self._fault(record, body)
        code = fault.code if fault else ""
        if code == "sheet_locked" and self._first(record, ScoreRecord.refused == "sheet_locked"):
            _tell(self._log, "sheet_record_late", journal=record.journal, seq=record.seq)
        row = self._store(record, body, refused=code)
        self._ends[record.journal] = (record.seq, record.hash)
        if fault:
            return _ack(record, REFUSED, fault)
        if body is not None and locks:
            self._lock(record, row, str(body.action["total"]))
        return _ack(record, STORED, receipt=self._receipt_of(record))

    def _fault(self, record: SheetRecord, body: Body | None) -> Problem | None:
        if self._sheet.state == "locked":
            return Problem("sheet_locked")
        if self._actor.user_id not in self._turn.panel:
            return Problem("not_on_panel")
        if body is None:
            return Problem("sheet_record_unreadable")
        return check_action(self._template, body.action) or self._lock_fault(record, body.action)

    def _lock_fault(self, record: SheetRecord, action: Mapping[str, Any]) -> Problem | None:
        if action["act"] != "lock":
            return None
        if not signed_by(self._device.public_key, lock_text(record), record.signature):
            return Problem("lock_unsigned")
        reached = score(self._template, fold(self._counting()), self._turn.overtime_seconds)
        if reached.missing:
            return Problem("sheet_unfinished", "", {"items": "、".join(reached.missing)})
        if _number(action["total"]) != reached.total:
            return Problem("sheet_total_differs")
        return None

    def _counting(self) -> list[Mapping[str, Any]]:
        """The actions of the sheet that count so far, in their order."""
        vault = vault_of(self._session)
        query = (
            select(ScoreRecord)
            .where(ScoreRecord.sheet_id == self._sheet.id)
            .where(ScoreRecord.forked.is_(False), ScoreRecord.refused == "")
            .order_by(ScoreRecord.id)
        )
        bodies = (
            read_body(vault.open_value(PURPOSE, self.ident(self._sheet.uid, row), row.sealed).decode())
            for row in self._session.scalars(query)
        )
        return [body.action for body in bodies if body is not None]

    def _store(
        self, record: SheetRecord, body: Body | None, *, forked: bool = False, refused: str = ""
    ) -> ScoreRecord:
        row = ScoreRecord(
            sheet_id=self._sheet.id,
            journal=record.journal,
            seq=record.seq,
            hash=record.hash,
            prev=record.prev,
            sealed=b"",
            forked=forked,
            refused=refused,
            stamped_at=body.at if body else self._now,
            received_at=self._now,
        )
        ident = self.ident(self._sheet.uid, row)
        row.sealed = vault_of(self._session).seal_value(PURPOSE, ident, record.body.encode())
        self._count += 1
        self._session.add(row)
        self._session.flush()
        return row

    def _lock(self, record: SheetRecord, row: ScoreRecord, total: str) -> None:
        sheet = self._sheet
        facts = {
            "sheet": sheet.uid,
            "journal": record.journal,
            "seq": record.seq,
            "head": record.hash,
            "total": total,
            "locked_at": self._now.isoformat(),
        }
        key = Ed25519PrivateKey.from_private_bytes(signing_secret(self._session))
        lock = {
            "journal": record.journal,
            "seq": record.seq,
            "head": record.hash,
            "device": self._device.id,
            "key": base64.b64encode(self._device.public_key).decode(),
            "signature": record.signature,
            "stamped_at": row.stamped_at.isoformat(),
            "receipt": base64.b64encode(key.sign(canonical(facts))).decode(),
        }
        sheet.state, sheet.locked_at, sheet.lock = "locked", self._now, lock
        self._session.flush()
        _tell(self._log, "sheet_locked", head=record.hash)

    def _first(self, record: SheetRecord, marked: ColumnElement[bool]) -> bool:
        """Whether no record of the same journal is marked so yet."""
        query = select(ScoreRecord.id).where(
            ScoreRecord.sheet_id == self._sheet.id, ScoreRecord.journal == record.journal, marked
        )
        return self._session.scalar(query.limit(1)) is None


def _tell(log: _Log, act: str, **facts: object) -> None:
    stream, place = audit.sitting_stream(log.room_sitting_id), log.place
    audit.record(log.session, stream, log.actor, act, place, now=log.now, device=log.device, **facts)


def _ack(record: SheetRecord, outcome: str, problem: Problem | None = None, receipt: str = "") -> Ack:
    place = (record.sheet, record.journal, record.seq, record.hash)
    if problem is None:
        return Ack(*place, outcome, receipt=receipt)
    params = {name: str(value) for name, value in problem.params.items()}
    return Ack(*place, outcome, problem.code, params)


def _number(text: object) -> Decimal | None:
    try:
        return Decimal(str(text))
    except InvalidOperation:
        return None
