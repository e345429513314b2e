"""The audit chains (design D15): who did what to which object, one hash chain per stream.

A stream's head row is locked in the transaction that appends, so a chain cannot fork; an entry commits
with the act it tells of or not at all. Details never hold secrets, ID numbers or item text.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import Insert, Table, bindparam, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from server.access import Actor
from server.db.people import SiteSecret
from server.db.record import AuditEntry, AuditHead
from server.db.record_book import AuditCheckpoint
from server.rules.audit_chain import FIRST_HASH, checkpoint_fault, entry_hash

SYSTEM_STREAM = "system"
PAGE = 100
_entries, _heads = cast("Table", AuditEntry.__table__), cast("Table", AuditHead.__table__)
_HEAD = select(_heads.c.seq, _heads.c.hash).where(_heads.c.stream == bindparam("chain")).with_for_update()
_APPEND, _MOVE = insert(_entries), update(_heads).where(_heads.c.stream == bindparam("chain"))


@dataclass(frozen=True, slots=True)
class Break:
    """Where a chain does not hold. `code`: gap | prev | hash | head | checkpoint; `seq`: the entry's number.

    checkpoint: a signed root over the entries up to there says something else.
    """

    stream: str
    seq: int
    code: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of checking one stream: how many entries were read and what does not hold."""

    stream: str
    entries: int
    breaks: tuple[Break, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One entry for a screen."""

    id: int
    stream: str
    seq: int
    at: datetime
    actor: str
    act: str
    object: str
    details: dict[str, Any]
    hash: str


def bank_stream(bank_id: int) -> str:
    """The chain of one item bank."""
    return f"bank/{bank_id}"


def sitting_stream(room_sitting_id: int) -> str:
    """The chain of one room in one sitting."""
    return f"sitting/{room_sitting_id}"


def record(  # noqa: PLR0913 - the five facts of an act, and its moment
    session: Session,
    stream: str,
    actor: Actor,
    act: str,
    object: str,
    *,
    now: datetime,
    **details: object,
) -> None:
    """Appends one act to a chain inside the caller's transaction. `object` names what it was done to."""
    record_all(session, stream, actor, act, [(object, details)], now=now)


def record_once(  # noqa: PLR0913 - the five facts of an act, and its moment
    session: Session,
    stream: str,
    actor: Actor,
    act: str,
    object: str,
    *,
    now: datetime,
    **details: object,
) -> None:
    """As `record`, unless the same person is on this chain already with the same act on the same object."""
    known = select(AuditEntry.id).where(
        AuditEntry.stream == stream,
        AuditEntry.act == act,
        AuditEntry.object == object,
        AuditEntry.actor_id == actor.user_id,
    )
    if session.scalar(known.limit(1)) is None:
        record(session, stream, actor, act, object, now=now, **details)


def record_all(  # noqa: PLR0913 - the facts of an act, and its moment
    session: Session,
    stream: str,
    actor: Actor,
    act: str,
    done: Sequence[tuple[str, Mapping[str, object]]],
    *,
    now: datetime,
) -> None:
    """The same act done to several, one entry each: (object, details). The head is read and moved once."""
    if not done:
        return
    session.flush()
    seq, last = _locked_head(session, stream)
    entries: list[dict[str, Any]] = []
    for number, (object, details) in enumerate(done, seq + 1):
        entry: dict[str, Any] = {
            "stream": stream,
            "seq": number,
            "at": now.astimezone(UTC),
            "actor_id": actor.user_id,
            "actor": actor.name,
            "act": act,
            "object": object,
            "details": {name: _plain(value) for name, value in details.items()},
            "prev": last,
        }
        last = entry["hash"] = entry_hash({**entry, "at": entry["at"].isoformat()})
        entries.append(entry)
    connection = session.connection()
    connection.execute(_APPEND, entries)
    connection.execute(_MOVE, {"chain": stream, "seq": entries[-1]["seq"], "hash": last})
    known = session.identity_map.get(session.identity_key(AuditHead, stream))
    if known is not None:
        session.expire(known)


def digest(entry: AuditEntry) -> str:
    """SHA-256 hex over the canonical form of every field but `id` and `hash`."""
    return entry_hash(as_json(entry))


def as_json(entry: AuditEntry) -> dict[str, Any]:
    """An entry as plain values, as `server.rules.audit_chain` reads it."""
    return {
        "stream": entry.stream,
        "seq": entry.seq,
        "at": entry.at.astimezone(UTC).isoformat(),
        "actor_id": entry.actor_id,
        "actor": entry.actor,
        "act": entry.act,
        "object": entry.object,
        "details": entry.details,
        "prev": entry.prev,
        "hash": entry.hash,
    }


def streams(session: Session) -> list[str]:
    """Every chain there is, by name; found in entries too, so a removed head is noticed."""
    heads = session.scalars(select(AuditHead.stream))
    return sorted({*heads, *session.scalars(select(AuditEntry.stream).distinct())})


def verify(session: Session, stream: str) -> Verdict:
    """Reads a whole chain and compares every link and the head with what they must be."""
    seq, last = 0, FIRST_HASH
    hashes: list[str] = []
    breaks: list[Break] = []
    query = select(AuditEntry).where(AuditEntry.stream == stream).order_by(AuditEntry.seq)
    for entry in session.scalars(query.execution_options(yield_per=500)):
        breaks += [Break(stream, entry.seq, code) for code in _faults(entry, seq, last)]
        seq, last = entry.seq, entry.hash
        hashes.append(last)
    head = session.get(AuditHead, stream)
    if head is None or (head.seq, head.hash) != (seq, last):
        breaks.append(Break(stream, seq, "head"))
    breaks += _checkpoint_breaks(session, stream, hashes)
    return Verdict(stream, seq, tuple(breaks))


def verify_all(session: Session) -> list[Verdict]:
    """The verdict on every chain."""
    return [verify(session, stream) for stream in streams(session)]


def page(
    session: Session, *, stream: str = "", act: str = "", before: int = 0, without: Collection[str] = ()
) -> list[Line]:
    """Up to `PAGE` entries, newest first, older than entry id `before` (0: from the end).

    `without`: acts that are left out.
    """
    query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(PAGE)
    if stream:
        query = query.where(AuditEntry.stream == stream)
    if act:
        query = query.where(AuditEntry.act == act)
    if without:
        query = query.where(AuditEntry.act.not_in(without))
    if before:
        query = query.where(AuditEntry.id < before)
    return [_line(entry) for entry in session.scalars(query)]


def acts(session: Session) -> list[str]:
    """Every kind of act that stands in the record, for the filter."""
    return sorted(session.scalars(select(AuditEntry.act).distinct()))


def _faults(entry: AuditEntry, seq: int, last: str) -> Iterable[str]:
    if entry.seq != seq + 1:
        yield "gap"
    if entry.prev != last:
        yield "prev"
    if entry.hash != digest(entry):
        yield "hash"


def _checkpoint_breaks(session: Session, stream: str, hashes: list[str]) -> Iterable[Break]:
    site = session.get(SiteSecret, "signing")
    query = select(AuditCheckpoint).where(AuditCheckpoint.stream == stream).order_by(AuditCheckpoint.id)
    for row in session.scalars(query):
        if checkpoint_fault(row.as_json(), hashes, site.public if site else b""):
            yield Break(stream, row.size, "checkpoint")


def _locked_head(session: Session, stream: str) -> tuple[int, str]:
    """The last number and hash of a chain, kept from other writers until the commit."""
    connection = session.connection()
    head = connection.execute(_HEAD, {"chain": stream}).one_or_none()
    if head is None:  # two may come here at once: the second one waits for the first, and then finds its row
        connection.execute(_first_head(session, stream))
        head = connection.execute(_HEAD, {"chain": stream}).one()
    return head.seq, head.hash


def _first_head(session: Session, stream: str) -> Insert:
    # A plain look before inserting would race between two transactions on PostgreSQL.
    values = {"stream": stream, "seq": 0, "hash": FIRST_HASH}
    if session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(AuditHead).values(values).on_conflict_do_nothing()
    return sqlite.insert(AuditHead).values(values).on_conflict_do_nothing()


def _plain(value: object) -> object:
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(part) for part in (value if isinstance(value, (list, tuple)) else sorted(value))]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return str(value)  # decimals and floats too: their JSON form differs between stores


def _line(entry: AuditEntry) -> Line:
    return Line(
        entry.id,
        entry.stream,
        entry.seq,
        entry.at,
        entry.actor,
        entry.act,
        entry.object,
        entry.details,
        entry.hash,
    )
