"""What people outside bring in about a result: an objection, a request. Their words are kept sealed."""

import json
import secrets
from dataclasses import dataclass

from sqlalchemy.orm import Session

from server.db.base import vault_of
from server.errors import Refused

MOST_TEXT = 1000
MOST_WHO = 120
_NAME = 16


@dataclass(frozen=True, slots=True)
class Said:
    """Who came, how they are reached ("" when they did not say), and what they said."""

    who: str
    contact: str
    text: str


@dataclass(frozen=True, slots=True)
class Filing:
    """About whose result in which batch somebody said something."""

    batch_id: int
    candidate_id: int
    said: Said


def seal(session: Session, purpose: str, said: Said) -> bytes:
    """What was said, sealed under a random name that stands before it. Refused: said_missing."""
    for field, value in (("who", said.who), ("text", said.text)):
        if not value.strip():
            raise Refused("said_missing", 422, field=field)
    name = secrets.token_hex(_NAME // 2)
    parts = [said.who.strip()[:MOST_WHO], said.contact.strip()[:MOST_WHO], said.text.strip()[:MOST_TEXT]]
    plain = json.dumps(parts, ensure_ascii=False).encode()
    return name.encode() + vault_of(session).seal_value(purpose, name, plain)


def opened(session: Session, purpose: str, sealed: bytes) -> Said:
    """The inverse of `seal`."""
    name = sealed[:_NAME].decode()
    return Said(*json.loads(vault_of(session).open_value(purpose, name, sealed[_NAME:])))
