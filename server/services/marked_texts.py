"""The responses that a marking kept, opened: what examiners read, and which text a mark was given for."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.db.base import vault_of
from server.db.sittings import ComponentResult

MARKS_PURPOSE = "marks"
_INDEX_PURPOSE = "examined-response"


def opened(session: Session, row: ComponentResult) -> list[dict[str, Any]]:
    """The items of one marked attempt with response, points and state; none of a paper written on paper."""
    if not row.sealed_marks:
        return []
    plain = vault_of(session).open_value(MARKS_PURPOSE, str(row.attempt_id), row.sealed_marks)
    found: list[dict[str, Any]] = json.loads(plain)
    return found


def text_of(mark: Mapping[str, Any]) -> str:
    """The response as an examiner reads it."""
    return "\n".join(mark["response"])


def index(session: Session, attempt: int, item: str, text: str) -> str:
    """A keyed hash of one text at its place: 32 hex digits, equal only for the same text there."""
    return vault_of(session).index(_INDEX_PURPOSE, f"{attempt}/{item}/{text}")


def index_now(session: Session, attempt: int, item: str) -> str:
    """The index of the text that the last marking kept of an attempt's item; of an empty one without any."""
    rows = session.scalars(select(ComponentResult).where(ComponentResult.attempt_id == attempt))
    marks: Iterable[dict[str, Any]] = (mark for row in rows for mark in opened(session, row))
    text = next((text_of(mark) for mark in marks if mark["item"] == item), "")
    return index(session, attempt, item, text)
