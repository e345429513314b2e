"""The questions that a key marks, typed from an answer sheet by two people and marked by the frozen key."""

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.items import EXAMINED, ItemKind
from itembank.marking import mark
from itembank.papers import KeyEntry, MarkingKey
from server.access import Actor
from server.db.base import vault_of
from server.db.scripts import Script, ScriptObjective
from server.db.sittings import Attempt
from server.errors import Refused
from server.services import script_room
from server.services.script_room import MARKING, WAITING, key_of

PURPOSE = "script-answers"
TYPED_MOST = 4000
_TRUE, _FALSE = "√✓对TY", "×✗错FN"


def points(session: Session, script_id: int) -> Decimal | None:
    """What the confirmed typing of a script came to; None while there is none. It holds until a newer one is
    confirmed: marks that were handed in beside it leave these questions out.
    """
    row = _standing(session, script_id, confirmed=True)
    return row.points if row is not None else None


def waiting(session: Session, script_id: int) -> int | None:
    """Who typed a script's answers and waits for a second person, if somebody does."""
    row = _standing(session, script_id, confirmed=False)
    return row.typed_by if row is not None else None


def type_in(session: Session, actor: Actor, script_id: int, typed: str, *, now: datetime) -> bool:
    """One person's reading of a sheet: "1 A", "2 AC", "3 √", "4 十二|三" a line, gaps divided by "|".

    The first person's waits; the second one's confirms it, or ends it when it differs in anything (False).
    Raises `Refused`: script_typing_line, script_typing_number, script_typed_by_you, script_in_marking.
    """
    script = script_room.locked(session, actor, script_id)
    if script.state not in (WAITING, MARKING):
        raise Refused("script_in_marking", 409)
    form = session.get_one(Attempt, script.attempt_id).form
    paper, raw = key_of(session, script.room_sitting_id, form)
    key = MarkingKey.from_json(raw)
    numbers = {str(item["number"]): str(item["id"]) for item in paper["items"]}
    responses = _responses(typed, numbers, key)
    old = _standing(session, script_id, confirmed=False)
    if old is None:
        _keep(session, actor, script, responses, key, now)
        return True
    if old.typed_by == actor.user_id:
        raise Refused("script_typed_by_you", 403, field="typed")
    if _opened(session, old) != responses:
        old.replaced_at = now
        script_room.note(session, actor, "script_typing_differed", script, now)
        return False
    before = _standing(session, script_id, confirmed=True)
    if before is not None:
        before.replaced_at = now
    old.confirmed_at, old.confirmed_by = now, actor.user_id
    script_room.note(session, actor, "script_typing_confirmed", script, now)
    return True


def _keep(  # noqa: PLR0913 - a typing and what it is marked by
    session: Session,
    actor: Actor,
    script: Script,
    responses: Mapping[str, tuple[str, ...]],
    key: MarkingKey,
    now: datetime,
) -> None:
    found = mark(dict(responses), key)
    text = json.dumps(responses, ensure_ascii=False, sort_keys=True).encode()
    sealed = vault_of(session).seal_value(PURPOSE, str(script.id), text)
    row = ScriptObjective(
        script_id=script.id, sealed=sealed, points=found.total, typed_at=now, typed_by=actor.user_id
    )
    session.add(row)
    session.flush()
    script_room.note(session, actor, "script_typed", script, now, answers=len(responses))


def _opened(session: Session, row: ScriptObjective) -> dict[str, tuple[str, ...]]:
    plain = vault_of(session).open_value(PURPOSE, str(row.script_id), row.sealed)
    return {item: tuple(response) for item, response in json.loads(plain).items()}


def _standing(session: Session, script_id: int, *, confirmed: bool) -> ScriptObjective | None:
    at = ScriptObjective.confirmed_at
    query = select(ScriptObjective).where(
        ScriptObjective.script_id == script_id,
        ScriptObjective.replaced_at.is_(None),
        at.is_not(None) if confirmed else at.is_(None),
    )
    return session.scalars(query.order_by(ScriptObjective.id.desc()).limit(1)).first()


def _responses(typed: str, numbers: Mapping[str, str], key: MarkingKey) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for place, line in enumerate(typed[:TYPED_MOST].splitlines(), 1):
        number, _space, said = line.strip().partition(" ")
        if not number:
            continue
        item = numbers.get(number.rstrip(".、．"))
        entry = key.items.get(item) if item else None
        if item is None or entry is None or entry.kind in EXAMINED:
            raise Refused("script_typing_number", 422, field="typed", line=place, number=number[:8])
        if item in found:
            raise Refused("script_typing_line", 422, field="typed", line=place)
        response = _response(said.strip(), entry)
        if response:
            found[item] = response
    return found


def _response(said: str, entry: KeyEntry) -> tuple[str, ...]:
    if not said:
        return ()
    if entry.kind is ItemKind.TRUE_FALSE:
        upper = said.upper()
        return ("A" if upper in _TRUE else "B" if upper in _FALSE else upper,)
    if entry.gaps:
        return tuple(part.strip() for part in said.split("|"))
    if entry.kind is ItemKind.MATCH:
        return tuple(part.upper() for part in said.split())
    letters = [char for char in said.upper() if char.isalnum()]
    return tuple(letters if entry.kind is ItemKind.ORDER else sorted(letters))
