"""Sheets of a panel as tablets send them: a released template, examiners' devices, marks that are locked."""

import base64
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.wire import canonical
from itembank.sheet_marks import fold, score
from itembank.sheet_values import plain
from server.access import Actor
from server.db.assessing import PanelScore, ScoreRecord, SheetJournal
from server.db.sittings import Candidate, Registration, RoomSitting
from server.db.staffing import StaffRecusal
from server.host import Host
from server.rules.sheet_chain import SheetRecord, lock_text
from server.services import panel_scores, panels, scoring_devices, sheets
from tests.server.assessing_kit import Stage, make_assessment, sheet_template

People = Callable[..., Actor]

Action = dict[str, Any]
TEMPLATE = sheet_template()
_SALT = "x" * 16


@dataclass
class Desk:
    """The stage and those who work behind it."""

    stage: Stage
    scorer: Actor
    checker: Actor
    keys: dict[int, tuple[int, ec.EllipticCurvePrivateKey]] = field(default_factory=dict)

    @property
    def host(self) -> Host:
        return self.stage.host

    def write(self, act: Callable[..., Any], *args: object, **more: object) -> Any:
        return self.stage.write(act, *args, **more)

    def send(self, who: Actor, number: int, actions: Sequence[Action], *, lock: bool = True) -> None:
        """What an examiner marks on the sheet of a turn, sent in one batch; `lock` signs its total."""
        turn = self.stage.turn(number)
        device, key = self._device(who)

        def put(session: Session) -> None:
            now = self.host.now()
            sheet = sheets.open_sheet(session, who.user_id or 0, turn.id, now=now)
            journal = sheets.open_journal(session, sheet, device, now=now)
            done = list(actions)
            if lock:
                total = score(TEMPLATE, fold(actions), turn.overtime_seconds).total
                done.append({"act": "lock", "total": plain(total)})
            made = chain(sheet.uid, journal.journal, journal.parent, done, key)
            for ack in sheets.append(session, who, device, made, now=now):
                assert ack.outcome == "stored", ack

        self.host.db.write(put)

    def late(self, who: Actor, number: int) -> list[str]:
        """A tablet that sends after the lock: the first record once more with another body, and one behind the
        lock. What became of each.
        """
        turn = self.stage.turn(number)
        device, key = self._device(who)
        action = {"act": "note", "item": "", "text": "迟到的记录"}

        def put(session: Session) -> list[str]:
            now = self.host.now()
            sheet = sheets.open_sheet(session, who.user_id or 0, turn.id, now=now)
            query = select(ScoreRecord).where(ScoreRecord.sheet_id == sheet.id).order_by(ScoreRecord.seq)
            known = session.scalars(query).all()
            journal = session.get_one(SheetJournal, (sheet.id, known[0].journal))
            fork = chain(sheet.uid, journal.journal, journal.parent, [action], key)
            after = chain(sheet.uid, journal.journal, known[-1].hash, [action], key, first=known[-1].seq + 1)
            return [ack.outcome for ack in sheets.append(session, who, device, [*fork, *after], now=now)]

        outcomes: list[str] = self.host.db.write(put)
        return outcomes

    def mark(self, number: int, *totals: int, vetoes: Sequence[int] = ()) -> None:
        """Performs the turn and locks one sheet for each of the panel; `vetoes`: places of who marks V1."""
        if self.stage.turn(number).state != "done":
            self.stage.done(number)
        for place, (who, total) in enumerate(zip(self.stage.examiners, totals, strict=False)):
            more = [{"act": "veto", "code": "V1", "on": True}] if place in vetoes else []
            self.send(who, number, [*worth(total), *more])

    def end(self) -> None:
        """The session is over."""
        self._move("ended")

    def aggregate(self, number: int = 1, by: Actor | None = None) -> PanelScore:
        return self.write(panel_scores.aggregate, by or self.scorer, self.stage.turn(number).id)

    def finish(self, number: int = 1) -> bool:
        """Confirmed by the leader and checked; whether the room is marked."""
        turn = self.stage.turn(number).id
        self.write(panel_scores.confirm, self.stage.leader, turn)
        return self.write(panel_scores.check, self.checker, turn)

    def row(self, number: int = 1) -> PanelScore:
        with self.host.db.read() as session:
            found = panel_scores.current(session, self.stage.turn(number).id)
            assert found is not None
            return found

    def _move(self, state: str) -> None:
        def put(session: Session) -> None:
            session.get_one(RoomSitting, self.stage.room_sitting).state = state

        self.host.db.write(put)

    def _device(self, who: Actor) -> tuple[int, ec.EllipticCurvePrivateKey]:
        assert who.user_id is not None
        if who.user_id not in self.keys:
            key = ec.generate_private_key(ec.SECP256R1())
            spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            number = self.write(scoring_devices.register, who, (spki, "tablet"))
            self.keys[who.user_id] = (number, key)
        return self.keys[who.user_id]


def panel_desk(host: Host, person_as: Callable[..., Actor], **wanted: Any) -> Desk:
    """A running room with scorer and mark checker; keywords as of `assessing_kit.Wanted`."""
    stage = make_assessment(host, person_as, **wanted)
    return Desk(stage, person_as("scorer", name="统分人甲"), person_as("mark_checker", name="核分人乙"))


def worth(total: int) -> list[Action]:
    """Marks that come to a whole total from 24 to 100: the second task directly, the first by deductions."""
    lost = 100 - total
    first = 0 if lost <= 40 else 1 if lost <= 49 else 2
    # A wrong stance costs 15 of the first task, which is 9 of the sheet; an unchecked gauge 10, which is 6.
    cuts = {0: 0, 1: 9, 2: 15}[first]
    points = 100 - (lost - cuts) * 100 / 40
    actions: list[Action] = [{"act": "points", "item": "2.1", "points": f"{points:g}"}]
    if first >= 1:
        actions.append({"act": "deduct", "item": "1.2", "code": "a", "count": 1})
    if first >= 2:
        actions.append({"act": "deduct", "item": "1.1", "code": "a", "count": 1})
    return actions


def chain(
    sheet: str,
    journal: int,
    parent: str,
    actions: Sequence[Action],
    key: ec.EllipticCurvePrivateKey,
    *,
    first: int = 1,
) -> list[SheetRecord]:
    """Records of these actions, each linked to the one before; a lock is signed."""
    made: list[SheetRecord] = []
    for seq, action in zip(itertools.count(first), actions, strict=False):
        body = canonical({"action": action, "at": "2026-11-21T00:30:00+00:00", "salt": _SALT}).decode()
        record = SheetRecord(sheet, journal, seq, body, parent, "")
        record = SheetRecord(sheet, journal, seq, body, parent, record.digest())
        if action["act"] == "lock":
            raw = decode_dss_signature(key.sign(lock_text(record), ec.ECDSA(SHA256())))
            signature = base64.b64encode(b"".join(part.to_bytes(32, "big") for part in raw)).decode()
            record = SheetRecord(sheet, journal, seq, body, parent, record.hash, signature)
        parent = record.hash
        made.append(record)
    return made


def seats(stage: Stage) -> tuple[panels.PanelSeat, ...]:
    with stage.host.db.read() as session:
        return panels.panel(session, stage.room_sitting)


def make_uncle(stage: Stage, who: Actor, registration: int) -> str:
    """The examiner has a link with the candidate of that registration, whose name it returns."""

    def link(session: Session) -> str:
        row = session.get_one(Registration, registration)
        person = session.get_one(Candidate, row.candidate_id)
        known = StaffRecusal(user_id=who.user_id, kind="kin", candidate_index=person.id_index)
        known.note, known.added_at = "叔父", stage.host.now()
        session.add(known)
        return person.name

    return stage.host.db.write(link)
