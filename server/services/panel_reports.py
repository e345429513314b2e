"""The panel's report of a room (考评报告): made by the leader, signed by every member with the own password.

Its body is fixed when it is made, and a digest over body and opinion is what everybody signs. A score that
changes afterwards asks for a new report; earlier ones stay. What is printed is Chinese whatever language the
screens speak.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from statistics import mean
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.wire import canonical
from itembank.sheet_values import plain
from server.access import Actor, Permission
from server.db.assessing import PanelReport, PanelScore
from server.db.record import AuditEntry
from server.errors import Refused, fill, sentence
from server.rules.panel_scores import half_up
from server.services import assessment_room, audit, panel_events, panel_figures, panel_views
from server.services.assessment_room import ABSENT, DONE, AssessmentRoom
from server.services.panel_figures import Reading
from server.services.panel_scores import CHECKED, CONFIRMED, need_leader
from server.services.panel_sight import Seen, need_member_or_staff
from server.services.panel_views import Overview, TurnLine
from server.services.signed import need
from server.services.template_release import released_template

OPINION_MOST = 1000
SIGNED = "panel_report_signed"
COMPONENTS = {"practical": "技能考核", "review": "综合评审"}


@dataclass(frozen=True, slots=True)
class Shown:
    """A report for a screen. `missing`: names of who has yet to sign; `stale`: scores changed since;
    `altered`: content or signatures are not what the record of the sitting says.
    """

    row: PanelReport
    missing: tuple[str, ...]
    stale: bool
    altered: bool


def make(session: Session, actor: Actor, room_sitting_id: int, opinion: str, *, now: datetime) -> PanelReport:
    """The leader's report in a new revision, without signatures yet.

    Refused: `panel_not_leader`, `panel_not_over`, `panel_report_opinion`, `panel_report_early`.
    """
    need(actor, Permission.SCORE_SHEETS)
    assessment_room.load(session, room_sitting_id, lock=True)  # revisions come one after the other
    seen = need_member_or_staff(session, actor, room_sitting_id)
    need_leader(session, actor, seen.place)
    said = opinion.strip()
    if not said or len(said) > OPINION_MOST:
        raise Refused("panel_report_opinion", 422, field="opinion", limit=OPINION_MOST)
    content = body(session, seen)
    before = latest(session, room_sitting_id)
    row = PanelReport(
        room_sitting_id=room_sitting_id,
        revision=before.revision + 1 if before else 1,
        body=content,
        opinion=said,
        digest=digest(content, said),
        signatures=[],
        made_at=now,
        made_by=actor.user_id,
    )
    session.add(row)
    session.flush()
    _note(session, actor, row, "panel_report_made", now)
    return row


def sign(session: Session, signer: Actor, room_sitting_id: int, seen_digest: str, *, now: datetime) -> None:
    """One member's signature under what that person read (`seen_digest`); who it is was proven before.

    Refused: `panel_report_missing`, `panel_report_signer`, `panel_report_signed`, `panel_report_changed`,
    `panel_report_stale`.
    """
    seen = need_member_or_staff(session, signer, room_sitting_id)
    if not seen.member:
        raise Refused("panel_report_signer", 403, name=signer.name)
    row = latest(session, room_sitting_id, lock=True)
    if row is None:
        raise Refused("panel_report_missing")
    if row.digest != seen_digest or row.digest != digest(row.body, row.opinion):
        raise Refused("panel_report_changed")
    if any(each["user"] == signer.user_id for each in row.signatures):
        raise Refused("panel_report_signed", name=signer.name)
    if _outdated(row, panel_views.of_room(session, seen)):
        raise Refused("panel_report_stale")
    signature = {"user": signer.user_id, "name": signer.name, "leader": seen.leader, "at": now.isoformat()}
    row.signatures = [*row.signatures, signature]
    _note(session, signer, row, "panel_report_signed", now)


def latest(session: Session, room_sitting_id: int, *, lock: bool = False) -> PanelReport | None:
    """The newest report of a room."""
    query = select(PanelReport).where(PanelReport.room_sitting_id == room_sitting_id)
    query = query.order_by(PanelReport.revision.desc()).limit(1)
    return session.scalar(query.with_for_update() if lock else query)


def shown(session: Session, actor: Actor, room_sitting_id: int) -> Shown | None:
    """The newest report for staff and members; None before there is one."""
    seen = need_member_or_staff(session, actor, room_sitting_id)
    row = latest(session, room_sitting_id)
    if row is None:
        return None
    whole = panel_views.of_room(session, seen)
    signed = {each["user"] for each in row.signatures}
    missing = tuple(seat.name for seat in whole.panel if seat.user_id not in signed)
    return Shown(row, missing, _outdated(row, whole), not _holds(session, row))


def digest(content: dict[str, Any], opinion: str) -> str:
    """SHA-256 hex over what the members sign."""
    return hashlib.sha256(canonical([content, opinion])).hexdigest()


def body(session: Session, seen: Seen) -> dict[str, Any]:
    """What a report says of a room that is over. Refused (`panel_report_early`) before all is confirmed."""
    whole = panel_views.of_room(session, seen)
    open_ = [line for line in whole.lines if line.state == DONE and not _settled(line)]
    if open_:
        raise Refused("panel_report_early", count=len(open_))
    figures = panel_figures.of_room(session, seen)
    template = released_template(session, seen.place.row.id)
    return {
        "facts": _facts(seen.place) | {"template": f"{template.title} 第 {template.version} 版"},
        "panel": [_member(seat.name, seat.leader) for seat in whole.panel],
        "counts": _counts(whole),
        "scores": _scores(whole),
        "events": list(panel_events.events(session, whole)),
        "statistics": [worded(each) for each in panel_figures.readings(figures)],
        "workload": [
            [each.name, str(each.turns), str(each.minutes), f"{each.mean:.1f}"] for each in figures.examiners
        ],
    }


def worded(reading: Reading) -> str:
    """A figure in Chinese, as papers tell it."""
    params = {name: sentence(value) if name == "level" else value for name, value in reading.params.items()}
    return fill(sentence(reading.code), params)


# --- parts ----------------------------------------------------------------------------------------------


def _settled(line: TurnLine) -> bool:
    return line.row is not None and line.row.state in (CONFIRMED, CHECKED)


def _facts(place: AssessmentRoom) -> dict[str, str]:
    return {
        "batch": place.batch.name,
        "occupation": place.batch.occupation,
        "level": str(place.batch.level),
        "component": COMPONENTS.get(place.sitting.component, place.sitting.component),
        "sitting": str(place.sitting.number),
        "room": place.room.name,
        "starts_at": place.sitting.starts_at.isoformat(),
    }


def _member(name: str, leader: bool) -> list[str]:
    return [name, "组长" if leader else "成员"]


def _counts(whole: Overview) -> dict[str, int]:
    return {
        "planned": len(whole.lines),
        "done": sum(line.state == DONE for line in whole.lines),
        "absent": sum(line.state == ABSENT for line in whole.lines),
        "sheets": sum(line.locked for line in whole.lines),
        "arbitrated": sum(_decided(line.row, "arbitration", "second") for line in whole.lines),
        "vetoed": sum(line.row is not None and line.row.vetoed for line in whole.lines),
    }


def _decided(row: PanelScore | None, *names: str) -> bool:
    return row is not None and any(row.detail.get(name) for name in names)


def _scores(whole: Overview) -> dict[str, Any]:
    rows = [(line, line.row) for line in whole.lines if line.row is not None]
    points = [row.score for _line, row in rows if row.score is not None]
    return {
        "rows": [
            [
                str(line.number),
                line.code,
                _points(row),
                "否定项" if row.vetoed else "",
                plain(row.spread or Decimal(0)),
            ]
            for line, row in rows
        ],
        "mean": str(half_up(mean(map(Fraction, points)), 1)) if points else "—",
        "lowest": plain(min(points)) if points else "—",
        "highest": plain(max(points)) if points else "—",
    }


def _points(row: PanelScore) -> str:
    return plain(row.score) if row.score is not None else "—"


def _outdated(row: PanelReport, whole: Overview) -> bool:
    """Whether a score is another one than the report tells."""
    return bool(row.body.get("scores", {}).get("rows") != _scores(whole)["rows"])


def _holds(session: Session, row: PanelReport) -> bool:
    """Whether content and signatures are those that the sitting's chain tells of."""
    if row.digest != digest(row.body, row.opinion):
        return False
    stream = audit.sitting_stream(row.room_sitting_id)
    query = select(AuditEntry).where(
        AuditEntry.stream == stream, AuditEntry.act == SIGNED, AuditEntry.object == f"panel_report/{row.id}"
    )
    told = {
        (each.actor_id, each.at.isoformat())
        for each in session.scalars(query)
        if each.details.get("sha256") == row.digest
    }
    return told == {(each["user"], each["at"]) for each in row.signatures}


def _note(session: Session, actor: Actor, row: PanelReport, act: str, now: datetime) -> None:
    stream, object_ = audit.sitting_stream(row.room_sitting_id), f"panel_report/{row.id}"
    audit.record(session, stream, actor, act, object_, now=now, revision=row.revision, sha256=row.digest)
