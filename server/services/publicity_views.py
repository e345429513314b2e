"""What pages show of publicity: the lists of a batch, where each line of one stands, the public page."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.access import Actor, Permission
from server.db.people import User
from server.db.publicity import Objection, PublicityEntry, PublicityList
from server.db.sittings import Batch
from server.errors import NotFound
from server.rules.publicity import Stage, local_day, takes_objections
from server.services import publicity, publicity_snapshot
from server.services.batches import policy_of
from server.services.filings import Said, opened
from server.services.objections import PURPOSE
from server.services.result_evidence import candidates_of
from server.services.result_lines import tickets_of
from server.services.signed import need

REPLACED = "replaced"
"""Of a line whose result was changed after this list: a later list has the new one."""


@dataclass(frozen=True, slots=True)
class Person:
    """A candidate as pages after the marks name them."""

    id: int
    name: str
    ticket: str


@dataclass(frozen=True, slots=True)
class ListView:
    """A list as it was published; `stages` counts where its lines stand now ("replaced" too)."""

    number: int
    token: str
    sha256: str
    candidates: int
    published_on: date
    last_on: date
    final_at: datetime
    report_due: date
    published_by: str
    cosigned_by: str
    stages: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a list and where it stands."""

    ticket: str
    name: str
    id_masked: str
    parts: tuple[tuple[str, str], ...]
    overall: str
    stage: str


@dataclass(frozen=True, slots=True)
class ListPage:
    """One list with its lines, in the order as published."""

    batch: str
    occupation: str
    level: str
    view: ListView
    columns: tuple[str, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class ObjectionLine:
    """An objection with what was said, for those who decide it."""

    id: int
    person: Person
    state: str
    said: Said
    received_at: datetime
    received_by: str
    decided_at: datetime | None
    decided_by: str
    cosigned_by: str
    reason: str
    correction: int | None


def batch_of(session: Session, batch_id: int) -> Batch:
    """The batch of a page. Raises `NotFound`."""
    batch = session.get(Batch, batch_id)
    if batch is None:
        raise NotFound("batch")
    return batch


def names(session: Session) -> dict[int | None, str]:
    """User id -> name; nobody is empty."""
    return {None: "", **{row.id: row.name for row in session.execute(select(User.id, User.name))}}


def people(session: Session, batch_id: int) -> dict[int, Person]:
    """Candidate -> how pages name them; those of the batch."""
    tickets = tickets_of(session, batch_id)
    return {
        each.id: Person(each.id, each.name, tickets.get(each.id, ("", ""))[0])
        for each in candidates_of(session, batch_id)
    }


def lists(session: Session, actor: Actor, batch_id: int, *, now: datetime) -> list[ListView]:
    """The lists of a batch, the newest first."""
    need(actor, Permission.SEE_RESULTS)
    standing, who = publicity.standings(session, batch_id, now=now), names(session)
    query = select(PublicityList).where(PublicityList.batch_id == batch_id)
    rows = session.scalars(query.order_by(PublicityList.number.desc()))
    return [_view(session, row, standing, who) for row in rows]


def _view(
    session: Session,
    row: PublicityList,
    standing: Mapping[int, publicity.Standing],
    who: Mapping[int | None, str],
) -> ListView:
    return ListView(
        number=row.number,
        token=row.token,
        sha256=row.sha256,
        candidates=row.candidates,
        published_on=row.published_on,
        last_on=row.last_on,
        final_at=row.final_at,
        report_due=row.report_due,
        published_by=who[row.published_by],
        cosigned_by=who[row.cosigned_by],
        stages=Counter(_stages(session, row, standing).values()),
    )


def _stages(
    session: Session, row: PublicityList, standing: Mapping[int, publicity.Standing]
) -> dict[int, str]:
    """Candidate -> where the line of this list stands."""
    entries = session.scalars(select(PublicityEntry).where(PublicityEntry.list_id == row.id))
    found: dict[int, str] = {}
    for entry in entries:
        now = standing.get(entry.candidate_id)
        here = now is not None and now.entry.id == entry.id
        found[entry.candidate_id] = str(now.stage) if here and now else REPLACED
    return found


def waiting(session: Session, batch_id: int, *, now: datetime) -> tuple[int, int]:
    """How many candidates could be published now, and how many others of the batch are on no list yet."""
    published = publicity.standings(session, batch_id, now=now)
    could = len(publicity_snapshot.ready(session, batch_id, published))
    people = {each.id for each in candidates_of(session, batch_id)}
    return could, len(people - published.keys()) - could


def page(session: Session, actor: Actor, batch_id: int, number: int, *, now: datetime) -> ListPage:
    """One list of a batch. Raises `NotFound`."""
    need(actor, Permission.SEE_RESULTS)
    query = select(PublicityList).where(PublicityList.batch_id == batch_id, PublicityList.number == number)
    row = session.scalars(query).first()
    if row is None:
        raise NotFound("list")
    return _page(session, row, now)


def public(session: Session, token: str, zone: tzinfo, *, now: datetime) -> ListPage:
    """The list that a public address names, for whoever has it.

    Until the day of the report is over, and longer while an objection holds a line; then it is gone. Raises
    `NotFound`.
    """
    row = session.scalars(select(PublicityList).where(PublicityList.token == token)).first()
    if row is None:
        raise NotFound("list")
    found = _page(session, row, now)
    if local_day(now, zone) > row.report_due and not found.view.stages.get(Stage.HELD):
        raise NotFound("list")
    return found


def _page(session: Session, row: PublicityList, now: datetime) -> ListPage:
    batch = session.get_one(Batch, row.batch_id)
    policy, standing = policy_of(batch), publicity.standings(session, batch.id, now=now)
    stages, lines = _stages(session, row, standing), publicity_snapshot.opened(session, row)
    return ListPage(
        batch=batch.name,
        occupation=policy.occupation_name,
        level=policy.level_name,
        view=_view(session, row, standing, names(session)),
        columns=tuple(name for name, _text in lines[0]["parts"]) if lines else (),
        lines=tuple(_line(line, stages[line["candidate"]]) for line in lines),
    )


def _line(line: Mapping[str, Any], stage: str) -> Line:
    parts = tuple((str(name), str(text)) for name, text in line["parts"])
    return Line(line["ticket"], line["name"], line["id_masked"], parts, line["overall"], stage)


def objections(session: Session, actor: Actor, batch_id: int) -> list[ObjectionLine]:
    """The objections of a batch, open ones first, then the newest; only for those who decide them."""
    need(actor, Permission.PUBLISH_RESULTS)
    who, persons = names(session), people(session, batch_id)
    query = select(Objection).where(Objection.batch_id == batch_id)
    rows = session.scalars(query.order_by((Objection.state != "open"), Objection.id.desc()))
    return [
        ObjectionLine(
            id=row.id,
            person=persons[row.candidate_id],
            state=row.state,
            said=opened(session, PURPOSE, row.sealed),
            received_at=row.received_at,
            received_by=who[row.received_by],
            decided_at=row.decided_at,
            decided_by=who[row.decided_by],
            cosigned_by=who[row.cosigned_by],
            reason=row.reason,
            correction=row.correction_id,
        )
        for row in rows
    ]


def objectable(session: Session, batch_id: int, *, now: datetime) -> list[Person]:
    """Whose publicity runs now: about them objections are taken, in ticket order."""
    persons = people(session, batch_id)
    open_now = (
        candidate
        for candidate, standing in publicity.standings(session, batch_id, now=now).items()
        if takes_objections(standing.entry.final_at, now)
    )
    return sorted((persons[candidate] for candidate in open_now), key=lambda each: each.ticket)
