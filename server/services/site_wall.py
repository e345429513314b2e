"""What a site tells of itself while the link is up, and the authority's wall of all sites."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exam_rooms.seats import AttemptState
from itembank.problems import Problem
from server.access import Actor, Permission
from server.db.papers import Package
from server.db.rooms import Room
from server.db.sites import ExamSite, SiteAuthority, SiteFile, SiteSitting
from server.db.sittings import Attempt, Batch, RoomSitting, Sitting
from server.rules.site_file import DISPATCH
from server.services import exam_sites, site_files, site_results
from server.services.signed import need
from server.services.site_files import REFUSED, TAKEN

FRESH_SECONDS = 180
"""How old a site's word may be before the wall shows it grey: three times the link's pause."""
MOST_REFUSED = 50
"""Refused dispatches of which a site tells, the newest first."""
_CODE = re.compile(r"(dispatch|site_file|peer_row)[a-z_]{0,40}")
"""Why a dispatch can be refused: a site may name no other sentence of ours."""
_NAME = re.compile(r"[a-z_]{1,24}")
_OF_MOMENTS = frozenset({"not_before", "held_from", "place", "first", "field"})
"""Parameters that are put into words before they are shown: none of them belongs to these codes."""
_ANSWERING, _ABSENT = str(AttemptState.ANSWERING), str(AttemptState.ABSENT)


@dataclass(frozen=True, slots=True)
class WallLine:
    """A sitting at a site. `age`: seconds since the site wrote its word, None when it never did.

    `delivered`: how the dispatch stands (sent | refused | taken | returned); `rooms` by state; seats as the
    site said. `refused`: why the site does not take the newest dispatch, None when it did or said nothing.
    """

    site: str
    name: str
    batch: str
    sitting: int
    starts_at: datetime
    delivered: str
    verified: int
    released: int
    rooms: int
    open: int
    seats: int
    answering: int
    collected: int
    contact_at: datetime | None
    age: int | None
    old: bool
    refused: Problem | None = None


def report(session: Session) -> dict[str, Any]:
    """The site's small word: per dispatched sitting what came, and how its rooms stand."""
    sittings = []
    for held in site_results.of_authority(session):
        rooms = [_room(session, row) for row in _rooms(session, held.sitting_id)]
        content = session.scalars(
            select(SiteFile.content)
            .where(SiteFile.about == held.uid, SiteFile.incoming.is_(True), SiteFile.state == TAKEN)
            .order_by(SiteFile.number.desc())
        ).first()
        sittings.append({"about": held.uid, "taken": content or "", "rooms": rooms})
    said: dict[str, Any] = {"sittings": sittings}
    refused = _refusals(session)
    return said | {"refused": refused} if refused else said


def _refusals(session: Session) -> list[dict[str, Any]]:
    """The present authority's dispatches that were refused here: of each sitting the newest, if that was."""
    authority = session.get(SiteAuthority, 1)
    if authority is None:
        return []
    came = select(func.max(SiteFile.id)).where(SiteFile.kind == DISPATCH, SiteFile.incoming.is_(True))
    query = select(SiteFile).where(SiteFile.id.in_(came.group_by(SiteFile.about)), SiteFile.state == REFUSED)
    rows = session.scalars(query.order_by(SiteFile.id.desc()).limit(MOST_REFUSED))
    return [
        {"about": row.about, "content": row.content, "code": str(row.wrong[0]["code"])}
        | {"params": dict(row.wrong[0].get("params") or {})}
        for row in rows
        if row.wrong and site_files.head_of(row).sender == authority.public_key
    ]


def _rooms(session: Session, sitting: int) -> list[RoomSitting]:
    query = select(RoomSitting).where(RoomSitting.sitting_id == sitting)
    return list(session.scalars(query.order_by(RoomSitting.id)))


def _room(session: Session, row: RoomSitting) -> dict[str, Any]:
    counts = select(Attempt.state, func.count(), func.count(Attempt.collected_at))
    states = session.execute(counts.where(Attempt.room_sitting_id == row.id).group_by(Attempt.state)).all()
    released = select(func.count()).where(Package.room_sitting_id == row.id, Package.state == "released")
    return {
        "room": session.get_one(Room, row.room_id).name,
        "state": row.state,
        "seats": sum(count for _state, count, _done in states),
        "answering": sum(count for state, count, _done in states if state == _ANSWERING),
        "collected": sum(count if state == _ABSENT else done for state, count, done in states),
        "released": bool(session.scalar(released)),
    }


def heard(session: Session, site_id: int, said: dict[str, Any], at: datetime, *, now: datetime) -> None:
    """Keeps a site's word of a moment; one older than the last is not taken."""
    row = exam_sites.locked(session, site_id)
    row.contact_at = now
    if row.status_at is None or at >= row.status_at:
        row.status, row.status_at = said, at
    taken = {one["about"]: one["taken"] for one in said["sittings"]}
    for held in session.scalars(select(SiteSitting).where(SiteSitting.site == site_id)).all():
        newest = session.scalars(
            select(SiteFile)
            .where(SiteFile.about == held.uid, SiteFile.incoming.is_(False))
            .order_by(SiteFile.number.desc())
        ).first()
        if newest is not None and taken.get(held.uid) == newest.content and held.confirmed_at is None:
            held.confirmed_at, newest.state, newest.done_at = now, "confirmed", now


def wall(session: Session, actor: Actor, *, now: datetime) -> list[WallLine]:
    """Every sitting that went out to an open site, by start and site."""
    need(actor, Permission.SEE_SITES)
    query = (
        select(SiteSitting, ExamSite, Sitting, Batch.name)
        .join(ExamSite, ExamSite.id == SiteSitting.site)
        .join(Sitting, Sitting.id == SiteSitting.sitting_id)
        .join(Batch, Batch.id == Sitting.batch_id)
        .where(ExamSite.closed_at.is_(None))
        .order_by(Sitting.starts_at.desc(), ExamSite.code)
    )
    return [
        _line(session, (held, site, sitting, batch), now)
        for held, site, sitting, batch in session.execute(query)
    ]


def _line(session: Session, what: tuple[SiteSitting, ExamSite, Sitting, str], now: datetime) -> WallLine:
    held, site, sitting, batch = what
    said = {one["about"]: one["rooms"] for one in (site.status or {}).get("sittings", ())}
    rooms = said.get(held.uid, [])
    age = max(0, int((now - site.status_at).total_seconds())) if site.status_at else None
    refused = _refused(session, held, site)
    state = "returned" if held.returned_at else "taken" if held.confirmed_at else "sent"
    return WallLine(
        site=site.code,
        name=site.name,
        batch=batch,
        sitting=sitting.number,
        starts_at=sitting.starts_at,
        delivered="refused" if refused else state,
        verified=len(rooms) if held.confirmed_at else 0,
        released=sum(bool(room["released"]) for room in rooms),
        rooms=len(held.sent.get("room_sittings", ())),
        open=sum(room["state"] == "running" for room in rooms),
        seats=len(held.sent.get("attempts", ())),
        answering=_sum(rooms, "answering", held),
        collected=len(held.sent.get("attempts", ())) if held.returned_at else _sum(rooms, "collected", held),
        contact_at=site.contact_at,
        age=age,
        old=age is None or age > FRESH_SECONDS,
        refused=refused,
    )


def _refused(session: Session, held: SiteSitting, site: ExamSite) -> Problem | None:
    """Why the site does not take the newest dispatch; a word about an older one says nothing."""
    if held.confirmed_at or held.returned_at:
        return None
    for one in (site.status or {}).get("refused", ()):
        if one["about"] == held.uid:
            newest = site_files.newest_out(session, DISPATCH, held.uid)
            if newest is not None and newest.content == one["content"]:
                return Problem(one["code"], "", one["params"])
    return None


def _sum(rooms: list[dict[str, Any]], name: str, held: SiteSitting) -> int:
    """What the rooms say together: never more than there are seats, whatever a site says."""
    return max(0, min(sum(int(room[name]) for room in rooms), len(held.sent.get("attempts", ()))))


def read_report(data: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever came
    """A site's word in its form alone; raises ValueError, TypeError, KeyError, AttributeError."""
    sittings = []
    for one in data["sittings"]:
        rooms = [
            {
                "room": str(room["room"])[:80],
                "state": str(room["state"])[:16],
                "seats": int(room["seats"]),
                "answering": int(room["answering"]),
                "collected": int(room["collected"]),
                "released": bool(room["released"]),
            }
            for room in one["rooms"]
        ]
        sittings.append({"about": str(one["about"])[:36], "taken": str(one["taken"])[:64], "rooms": rooms})
    refused = [_read_refusal(one) for one in data.get("refused", ())[:MOST_REFUSED]]
    return {"sittings": sittings, "refused": refused}


def _read_refusal(one: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever came
    code = str(one["code"])
    params = {
        name: "".join(filter(str.isprintable, str(value)[:80]))  # half a character would fell the page
        for name, value in list(one["params"].items())[:8]
        if _NAME.fullmatch(name) and name not in _OF_MOMENTS
    }
    return {
        "about": str(one["about"])[:36],
        "content": str(one["content"])[:64],
        "code": code if _CODE.fullmatch(code) else "site_file_unusable",
        "params": params,
    }
