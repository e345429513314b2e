"""The room record on paper (考场情况记录单): what `record_book` says, receipts, signatures, the seal."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from exam_rooms.seats import AttemptState
from server.access import Role
from server.errors import Refused
from server.rules.audit_chain import checkpoint_text
from server.rules.record_sums import WITH_ROOM
from server.services.paper_prints import content_mark, head
from server.services.record_book import Book, Page, book
from server.services.record_events import moment
from server.services.roomstate import load

# What is printed is Chinese whatever language the screens speak.
_STATES = {
    AttemptState.SUBMITTED: "交卷",
    AttemptState.AUTO_SUBMITTED: "到时收卷",
    WITH_ROOM: "提前收卷",
    AttemptState.ENDED: "终止",
    AttemptState.ABSENT: "缺考",
}
_ROLES = {Role.INVIGILATOR: "监考员", Role.ROVER: "流动监考", Role.CHIEF_INVIGILATOR: "主考"}
_SUMS = ("expected", "submitted", "stopped", "absent")
LABELS = {
    "room": "考场",
    "subject": "职业与等级",
    "planned_start": "计划开考",
    "started": "实际开考",
    "ended": "结束",
    "expected": "应考",
    "present": "到考",
    "submitted": "交卷",
    "stopped": "终止",
    "absent": "缺考",
    "absent_tickets": "缺考准考证号",
    "collected": "收卷",
    "unclear_items": "试题疑问",
    "remarks": "其他说明",
}
"""Boxes of the form -> what stands beside them."""


def document(session: Session, room_sitting_id: int, *, now: datetime, zone: ZoneInfo) -> dict[str, Any]:
    """The payload of the typesetting job; a sealed record shows its checkpoint as QR.

    Raises `Refused` (`record_altered`) when the audit chain does not bear the record out.
    """
    room = load(session, room_sitting_id)
    found = book(session, Page(room_sitting_id, zone))
    if found.altered:
        raise Refused("record_altered", room=room.room.name)
    data = printed(found, zone)
    payload = {
        "document": "record",
        "at": now.isoformat(),
        "head": head(room, content_mark(data), now=now, zone=zone),
        "data": data,
    }
    if found.checkpoint is not None:
        payload["seal_code"] = checkpoint_text(found.checkpoint.as_json())
    return payload


def printed(found: Book, zone: ZoneInfo) -> dict[str, Any]:
    """What the template prints of a record."""
    content = found.content
    return {
        "facts": _facts(content["facts"]),
        "events": [
            {name: line[name] for name in ("at", "seat", "name", "text")} for line in content["lines"]
        ],
        "notes": [[LABELS[name], text] for name, text in content["notes"].items()],
        "receipts": [_receipt(one) for one in content["receipts"]],
        "corrections": [one | {"field": LABELS.get(one["field"], "")} for one in content["corrections"]],
        "signers": [
            {"role": _ROLES[Role(one.role)], "name": one.name, "at": moment(one.at, zone)}
            for one in found.signers
        ],
        "annexes": [{"text": text, "at": moment(at, zone), "by": by} for text, at, by in found.annexes],
        "seal": _seal(found, zone),
    }


def short_head(text: str) -> str:
    """The first 12 signs of a chain head in the form that the candidate's screen shows."""
    return "-".join(part for start in range(0, 12, 4) if (part := text[start : start + 4].upper()))


def _facts(facts: Mapping[str, str]) -> list[list[str]]:
    """The boxes in their order; the four sums share one."""
    sums = [["应考／交卷／终止／缺考", "／".join(facts[name] for name in _SUMS)]]
    before = [[LABELS[name], facts[name]] for name in facts if name not in _SUMS]
    place = next((at for at, pair in enumerate(before) if pair[0] == LABELS["present"]), len(before))
    return [*before[:place], *sums, *before[place:]]


def _receipt(one: Mapping[str, str]) -> dict[str, str]:
    word = _STATES.get(one["state"], "未结束")
    return {**one, "state": word, "short": short_head(one["head"])}


def _seal(found: Book, zone: ZoneInfo) -> dict[str, str] | None:
    if found.checkpoint is None:
        return None
    return {
        "at": moment(found.sealed_at, zone),
        "content": found.sha256,
        "root": found.checkpoint.root,
        "size": str(found.checkpoint.size),
    }
