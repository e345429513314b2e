"""A publicity list is made: who may be on it, its days, its number, its public address (R34)."""

from datetime import datetime, tzinfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.access import Permission
from server.db.base import vault_of
from server.db.publicity import PublicityEntry, PublicityList
from server.errors import Refused
from server.rules.publicity import day_begins, local_day, term
from server.services import publicity_snapshot, workdays
from server.services.publicity import locked_batch, note, restart, rules_of, standings
from server.services.signed import Signed, need, second_person


def publish(session: Session, signed: Signed, batch_id: int, zone: tzinfo, *, now: datetime) -> int:
    """Publishes everybody whose result is complete, checked and on no list yet; the number of the list.

    Refused: publicity_rehearsal, publicity_empty, and what `workdays` refuses for years without a calendar.
    """
    need(signed.actor, Permission.PUBLISH_RESULTS)
    second = second_person(signed)
    need(second, Permission.PUBLISH_RESULTS)
    batch = locked_batch(session, batch_id)
    if batch.rehearsal:
        raise Refused("publicity_rehearsal")
    lines = publicity_snapshot.ready(session, batch_id, standings(session, batch_id, now=now))
    if not lines:
        raise Refused("publicity_empty")
    days = term(workdays.calendar(session), local_day(now, zone), rules_of(batch))
    row = PublicityList(
        batch_id=batch_id,
        number=_next_number(session, batch_id),
        token=publicity_snapshot.new_token(),
        sealed=b"",
        sha256=publicity_snapshot.digest(lines),
        candidates=len(lines),
        published_on=days.published_on,
        last_on=days.last_on,
        final_at=day_begins(days.final_on, zone),
        report_due=days.report_due,
        published_at=now,
        published_by=signed.actor.user_id,
        cosigned_by=second.user_id,
    )
    row.sealed = publicity_snapshot.seal(vault_of(session), row.token, lines)
    session.add(row)
    session.flush()
    restart(session, batch_id, [line["candidate"] for line in lines], "new_result", now=now)
    session.add_all(
        PublicityEntry(
            list_id=row.id,
            batch_id=batch_id,
            candidate_id=line["candidate"],
            results=line["results"],
            final_at=row.final_at,
        )
        for line in lines
    )
    session.flush()
    facts = {"list": row.number, "candidates": len(lines), "sha256": row.sha256, "last_on": str(row.last_on)}
    note(session, signed.actor, "results_published", batch_id, now, cosigned_by=second.name, **facts)
    return row.number


def _next_number(session: Session, batch_id: int) -> int:
    numbers = session.scalars(select(PublicityList.number).where(PublicityList.batch_id == batch_id))
    return max(numbers, default=0) + 1
