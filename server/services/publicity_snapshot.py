"""The lines of a publicity list as they stand when it is published: made, sealed, hashed, opened again.

What a list says is Chinese whatever language the screens speak.
"""

import hashlib
import json
import secrets
from collections.abc import Container, Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from exam_rooms.wire import canonical
from itembank.vault import Vault
from server.db.base import vault_of
from server.db.publicity import PublicityList
from server.rules.results import Status
from server.services import batch_results
from server.services.result_lines import ResultLine

PURPOSE = "publicity-list"
Line = dict[str, Any]
"""{"candidate", "results": ids, "ticket", "name", "id_masked", "parts": [[component, text]], "overall"}."""


def new_token() -> str:
    """The name of a public page that nobody guesses: 256 random bits."""
    return secrets.token_urlsafe(32)


def ready(session: Session, batch_id: int, published: Container[int]) -> list[Line]:
    """The lines of candidates who may be published now, in ticket order: settled, checked, on no list.

    Settled: every component has its result, also when one that failed has decided the whole before. What is
    public becomes final (R34), and nothing may be added to it that nobody could object to. And it still is
    what follows from the marks: what was marked again after the check is folded and checked again first.
    """
    waiting = [
        each
        for each in batch_results.lines(session, batch_id)
        if each.candidate_id not in published and each.checked and _settled(each)
    ]
    if not waiting:
        return []
    stale = {each.candidate for each in batch_results.differences(session, batch_id)}
    return [_line(each) for each in waiting if each.candidate_id not in stale]


def _settled(each: ResultLine) -> bool:
    return all(cell.status != Status.PENDING for cell in (*each.parts, each.whole))


def _line(each: ResultLine) -> Line:
    cells = (*each.parts, each.whole)
    return {
        "candidate": each.candidate_id,
        "results": sorted(cell.row for cell in cells if cell.row is not None),
        "ticket": each.ticket,
        "name": each.name,
        "id_masked": each.id_masked,
        "parts": [list(part) for part in each.components],
        "overall": each.overall,
    }


def digest(lines: Sequence[Mapping[str, Any]]) -> str:
    """SHA-256 of the lines as canonical JSON."""
    return hashlib.sha256(canonical(list(lines))).hexdigest()


def seal(vault: Vault, token: str, lines: Sequence[Mapping[str, Any]]) -> bytes:
    """The lines sealed for the list with this token."""
    return vault.seal_value(PURPOSE, token, json.dumps(list(lines), ensure_ascii=False).encode())


def opened(session: Session, row: PublicityList) -> list[Line]:
    """The lines of a list as they were published. Raises ValueError for lines with another hash."""
    lines: list[Line] = json.loads(vault_of(session).open_value(PURPOSE, row.token, row.sealed))
    if digest(lines) != row.sha256:
        raise ValueError("a publicity list does not have its hash")
    return lines
