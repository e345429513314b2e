"""The internal quality supervisor's own form of a sitting: checklist, notes, findings and their correction.

Only the supervisor named for the sitting writes, until the form is signed; chief and administrators read it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.access import Actor, Permission, Role
from server.db.people import User
from server.db.rooms import Room
from server.db.sittings import Assignment, RoomSitting, Sitting
from server.db.staffing import SupervisionMark, SupervisionNote, SupervisionSign
from server.errors import Forbidden, NotFound, Refused
from server.rules.signed_papers import form_mark
from server.rules.supervision_list import ITEMS, RESULTS, SupervisionItem
from server.services import audit, signed_papers, staffing
from server.services.dossier_tables import value_of
from server.services.paper_prints import content_mark, head
from server.services.printed_at import At
from server.services.roomstate import load
from server.services.signed import need

MOST_TEXT, MOST_OPINION = 1000, 500


@dataclass(frozen=True, slots=True)
class Line:
    """One item with its newest answer; `result` "" when there is none."""

    item: SupervisionItem
    result: str = ""
    note: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """One note. `room`: the room it is about, "" for the sitting; `finding`: something that was wrong."""

    id: int
    room_sitting: int | None
    room: str
    finding: bool
    text: str
    at: datetime
    by: str
    correction: str
    corrected_at: datetime | None


@dataclass(frozen=True, slots=True)
class Signed:
    """The signature under the form; `user` is who gave it."""

    user: int | None
    by: str
    at: datetime
    opinion: str
    mark: str


@dataclass(frozen=True, slots=True)
class Form:
    """The whole form. `rooms`: (id of the room's sitting, name).

    `altered`: what of it the audit chains do not bear out, as `signed_papers.form_faults` says it.
    """

    sitting: int
    supervisor: tuple[int, str] | None
    lines: tuple[Line, ...]
    notes: tuple[Note, ...]
    rooms: tuple[tuple[int, str], ...]
    signed: Signed | None
    altered: tuple[str, ...] = ()

    def written_by(self, actor: Actor) -> bool:
        """Whether this person may still write in it."""
        mine = self.supervisor is not None and self.supervisor[0] == actor.user_id
        return mine and self.signed is None and Role.SUPERVISOR in actor.roles


@dataclass(frozen=True, slots=True)
class Said:
    """A note to write. `room_sitting` None: about the whole sitting."""

    text: str
    finding: bool = False
    room_sitting: int | None = None


@dataclass(frozen=True, slots=True)
class Correction:
    """How the finding of a note was put right."""

    note: int
    text: str


def form(session: Session, actor: Actor, sitting_id: int) -> Form:
    """The form as it stands. Raises `Forbidden` for who neither supervises nor answers for the sitting."""
    if not (actor.can(Permission.SUPERVISE) or actor.can(Permission.MANAGE_STAFFING)):
        raise Forbidden(Permission.SUPERVISE)
    return _form(session, sitting_id)


def as_json(session: Session, sitting_id: int) -> dict[str, Any]:
    """The form as plain values, as `server.rules.signed_papers` reads it; for the dossier."""
    return _json(_form(session, sitting_id))


def mark(
    session: Session, actor: Actor, sitting_id: int, answers: Mapping[str, tuple[str, str]], *, now: datetime
) -> int:
    """Keeps answers to the checklist (item -> result, note) that are new; returns how many were.

    Refused: `supervision_not_yours`, `supervision_signed`, `supervision_unknown`.
    """
    rows = _open(session, actor, sitting_id)
    known = {item.code for item in ITEMS}
    before = _answers(session, sitting_id)
    fresh = []
    for code, (result, note) in answers.items():
        if code not in known or result not in RESULTS:
            raise Refused("supervision_unknown", 422)
        old = before.get(code)
        if old is None or (old.result, old.note) != (result, note.strip()):
            fresh.append((code, result, note.strip()))
    for code, result, note in fresh:
        row = SupervisionMark(sitting_id=sitting_id, item=code, result=result, note=note, marked_at=now)
        row.marked_by = actor.user_id
        session.add(row)
    session.flush()
    if fresh:
        told = [f"{code} {result}" for code, result, _note in fresh]
        _audit(session, actor, rows, "supervision_marked", now, items=told)
    return len(fresh)


def note(session: Session, actor: Actor, sitting_id: int, said: Said, *, now: datetime) -> int:
    """Adds a note or a finding. Refused as `mark` is, `note_missing` without words."""
    rows = _open(session, actor, sitting_id)
    text = said.text.strip()[:MOST_TEXT]
    if not text:
        raise Refused("note_missing", 422, field="text")
    if said.room_sitting is not None and said.room_sitting not in {row.id for row in rows}:
        raise NotFound("sitting")
    row = SupervisionNote(
        sitting_id=sitting_id,
        room_sitting_id=said.room_sitting,
        finding=said.finding,
        text=text,
        noted_at=now,
        noted_by=actor.user_id,
    )
    session.add(row)
    session.flush()
    about = [each for each in rows if said.room_sitting in (None, each.id)]
    _audit(session, actor, about, "supervision_noted", now, note=row.id, finding=said.finding)
    return row.id


def correct(session: Session, actor: Actor, sitting_id: int, wanted: Correction, *, now: datetime) -> None:
    """Says how a finding was put right; once. Refused as `mark` is, `finding_corrected` the second time."""
    rows = _open(session, actor, sitting_id)
    row = session.get(SupervisionNote, wanted.note, with_for_update=True)
    if row is None or row.sitting_id != sitting_id or not row.finding:
        raise NotFound("finding")
    if row.corrected_at is not None:
        raise Refused("finding_corrected")
    if not wanted.text.strip():
        raise Refused("note_missing", 422, field="correction")
    row.correction, row.corrected_at = wanted.text.strip()[:MOST_TEXT], now
    _audit(session, actor, rows, "supervision_corrected", now, note=row.id)


def sign(session: Session, actor: Actor, sitting_id: int, opinion: str, *, now: datetime) -> None:
    """Signs the form with an opinion; nothing is written in it any more.

    Refused as `mark` is; `supervision_open_items` with their number while an item has no answer,
    `opinion_missing`.
    """
    rows = _open(session, actor, sitting_id)
    unanswered = len(ITEMS) - len(_answers(session, sitting_id))
    if unanswered:
        raise Refused("supervision_open_items", 422, count=unanswered)
    if not opinion.strip():
        raise Refused("opinion_missing", 422, field="opinion")
    text = opinion.strip()[:MOST_OPINION]
    said = _plain(_form(session, sitting_id), text)
    row = SupervisionSign(sitting_id=sitting_id, opinion=text, mark=form_mark(said), signed_at=now)
    row.signed_by = actor.user_id
    session.add(row)
    session.flush()
    _audit(session, actor, rows, "supervision_signed", now, mark=row.mark)


def document(
    session: Session, actor: Actor, room_sitting_id: int, words: Mapping[str, str], *, at: At
) -> dict[str, Any]:
    """The payload of the typesetting job: the supervision form. `words`: item code -> its text.

    Raises `Refused` (`supervision_altered`) when the audit chains do not bear the form out.
    """
    room = load(session, room_sitting_id)
    found = form(session, actor, room.sitting.id)
    if found.altered:
        raise Refused("supervision_altered")
    results = {"good": "符合", "fault": "不符合", "none": "不适用", "": "未检查"}
    phases = {"before": "考前", "during": "考中", "after": "考后"}
    data = {
        "facts": [
            ["职业与等级", f"{room.policy.occupation_name} {room.policy.level_name}"],
            ["场次", f"第 {room.sitting.number} 场"],
            ["计划开考", at.text(room.sitting.starts_at)],
            ["考场", "、".join(name for _id, name in found.rooms)],
            ["督导员", found.supervisor[1] if found.supervisor else "—"],
            ["签字", f"{found.signed.by} {at.text(found.signed.at)}" if found.signed else "未签字"],
        ],
        "items": [
            {
                "phase": phases[line.item.phase],
                "text": words[line.item.code],
                "result": results[line.result],
                "note": line.note,
            }
            for line in found.lines
        ],
        "notes": [
            {
                "at": at.text(each.at),
                "room": each.room or "全场次",
                "kind": "问题" if each.finding else "记录",
                "text": each.text,
                "correction": f"{each.correction}（{at.text(each.corrected_at)}）" if each.correction else "",
            }
            for each in found.notes
        ],
        "opinion": found.signed.opinion if found.signed else "",
    }
    return {
        "document": "supervision",
        "at": at.now.isoformat(),
        "head": head(room, content_mark(data), now=at.now, zone=at.zone),
        "data": data,
    }


# --- small parts ---------------------------------------------------------------------------------------


def _open(session: Session, actor: Actor, sitting_id: int) -> list[RoomSitting]:
    """The rooms of a sitting whose form this person may write in; the sitting is locked."""
    need(actor, Permission.SUPERVISE)
    if session.get(Sitting, sitting_id, with_for_update=True) is None:
        raise NotFound("sitting")
    rows = staffing.rooms_of(session, sitting_id)
    mine = select(Assignment.user_id).where(
        Assignment.room_sitting_id.in_([row.id for row in rows]),
        Assignment.role == str(Role.SUPERVISOR),
        Assignment.user_id == actor.user_id,
    )
    if session.scalar(mine.limit(1)) is None:
        raise Refused("supervision_not_yours", 403)
    if _sign_of(session, sitting_id) is not None:
        raise Refused("supervision_signed")
    return rows


def _form(session: Session, sitting_id: int) -> Form:
    answers = _answers(session, sitting_id)
    lines = []
    for item in ITEMS:
        row = answers.get(item.code)
        lines.append(Line(item, row.result, row.note, row.marked_at) if row else Line(item))
    rooms = session.execute(
        select(RoomSitting.id, Room.name)
        .join(Room, Room.id == RoomSitting.room_id)
        .where(RoomSitting.sitting_id == sitting_id)
        .order_by(Room.name)
    )
    found = Form(
        sitting=sitting_id,
        supervisor=staffing.supervisor_of(session, sitting_id),
        lines=tuple(lines),
        notes=tuple(_notes(session, sitting_id)),
        rooms=tuple((held, name) for held, name in rooms),
        signed=_sign_of(session, sitting_id),
    )
    faults = signed_papers.form_faults(session, [held for held, _name in found.rooms], _json(found))
    return replace(found, altered=faults)


def _answers(session: Session, sitting_id: int) -> dict[str, SupervisionMark]:
    query = select(SupervisionMark).where(SupervisionMark.sitting_id == sitting_id)
    return {row.item: row for row in session.scalars(query.order_by(SupervisionMark.id))}


def _notes(session: Session, sitting_id: int) -> list[Note]:
    query = (
        select(SupervisionNote, User.name, Room.name)
        .outerjoin(User, User.id == SupervisionNote.noted_by)
        .outerjoin(RoomSitting, RoomSitting.id == SupervisionNote.room_sitting_id)
        .outerjoin(Room, Room.id == RoomSitting.room_id)
        .where(SupervisionNote.sitting_id == sitting_id)
        .order_by(SupervisionNote.id)
    )
    return [
        Note(
            row.id,
            row.room_sitting_id,
            room or "",
            row.finding,
            row.text,
            row.noted_at,
            name or "",
            row.correction,
            row.corrected_at,
        )
        for row, name, room in session.execute(query)
    ]


def _sign_of(session: Session, sitting_id: int) -> Signed | None:
    query = (
        select(SupervisionSign, User.name)
        .outerjoin(User, User.id == SupervisionSign.signed_by)
        .where(SupervisionSign.sitting_id == sitting_id)
    )
    found = session.execute(query).first()
    if found is None:
        return None
    row, name = found
    return Signed(row.signed_by, name or "", row.signed_at, row.opinion, row.mark)


def _json(found: Form) -> dict[str, Any]:
    signed = found.signed
    return {
        "content": _plain(found, signed.opinion if signed else ""),
        "mark": signed.mark if signed else "",
        "at": value_of(signed.at) if signed else None,
        "user": signed.user if signed else None,
        "by": signed.by if signed else "",
    }


def _plain(found: Form, opinion: str) -> dict[str, Any]:
    """What a signature is of."""
    return {
        "lines": [[line.item.code, line.result, line.note] for line in found.lines],
        "notes": [
            [each.id, each.room_sitting, each.finding, each.text, each.correction] for each in found.notes
        ],
        "opinion": opinion,
    }


def _audit(
    session: Session, actor: Actor, rows: list[RoomSitting], act: str, now: datetime, **facts: object
) -> None:
    for row in rows:
        stream = audit.sitting_stream(row.id)
        audit.record(session, stream, actor, act, stream, now=now, **facts)
