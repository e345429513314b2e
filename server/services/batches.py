"""Batches and their sittings: a filed batch freezes its level policy (design D10)."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache, lru_cache
from importlib.resources import files

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from itembank.problems import InputRefused
from server.access import Actor, Permission
from server.db.bank import Bank
from server.db.base import emit
from server.db.papers import Package, PaperSet
from server.db.rooms import Room
from server.db.sittings import Batch, RoomSitting, Sitting
from server.errors import Forbidden, NotFound, Refused
from server.events import RoomChanged
from server.rules.policy import LevelPolicy, Profile, check_batch, check_minutes, load_profile, policy_for
from server.rules.policy_components import ASSESSED, Component, ComponentTerms
from server.services import audit, used_papers

MINUTES_MOST = 24 * 60
NATIONAL = "national"
CALENDAR = "calendar"
"""The file among the profiles that is none: the working days (`services.workdays`)."""


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """What an administrator files."""

    name: str
    occupation: str
    level: int
    profile: str = NATIONAL


@dataclass(frozen=True, slots=True)
class SittingPlan:
    """One sitting of a component: start (aware), minutes, the rooms it is held in.

    `method`: one that the policy has for the component, empty for its first. `retake`: for who has failed the
    component. `joins`: a sitting of the same start that takes these rooms in, None for a new one.
    """

    starts_at: datetime
    minutes: Decimal
    rooms: tuple[int, ...]
    component: str = Component.THEORY
    method: str = ""
    retake: bool = False
    joins: int | None = None


def profile_names() -> list[str]:
    """The level-policy profiles that ship with the server."""
    folder = files("server") / "policies"
    names = {entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml")}
    return sorted(names - {CALENDAR})


@cache
def read_profile(name: str) -> Profile:
    """A shipped profile by name; a profile with a base stands on the base's text."""
    if name not in profile_names():
        raise NotFound("profile")
    texts: Mapping[str, str] = {
        known: (files("server") / "policies" / f"{known}.yaml").read_text(encoding="utf-8")
        for known in profile_names()
    }
    profile = load_profile(texts[name], texts)
    if not isinstance(profile, Profile):
        raise InputRefused(*profile)
    return profile


def profiles() -> list[tuple[str, str, bool]]:
    """The profiles as a choice: (name, title, for rehearsals only); national first, rehearsals last."""
    found = [(name, read_profile(name)) for name in profile_names()]
    return sorted(
        ((name, profile.title, profile.rehearsal) for name, profile in found),
        key=lambda entry: (entry[2], entry[0] != NATIONAL, entry[0]),
    )


def occupations() -> list[tuple[str, str, int, str]]:
    """Every occupation and level of any profile: (key, name, level, level name), highest number first."""
    found: dict[tuple[str, int], tuple[str, str, int, str]] = {}
    for name in sorted(profile_names(), key=lambda each: each != NATIONAL):  # its names come first
        for key, occupation in read_profile(name).occupations.items():
            for level, entry in occupation.levels.items():
                found.setdefault((key, level), (key, occupation.name, level, entry.name))
    return [found[key] for key in sorted(found, key=lambda pair: (pair[0], -pair[1]))]


def occupation_key(name: str, level: int) -> str:
    """The key under which an occupation is stored; `name` is its key, its national code or its name.

    Raises `InputRefused` when no profile knows the occupation or the level.
    """
    known = [read_profile(each) for each in profile_names()]
    entries = [entry for profile in known for entry in profile.occupations.values()]
    key = next((each.key for each in entries if name in (each.key, each.code, each.name)), name)
    if any(entry.key == key and level in entry.levels for entry in entries):
        return key
    raise InputRefused(*check_batch(read_profile(NATIONAL), key, level, date.max))


def create(session: Session, actor: Actor, plan: BatchPlan, *, now: datetime) -> int:
    """Files a batch with a frozen copy of its policy. Refused with the rule's code when a rule forbids it.

    The day on which it is filed is that of `now` on its own clock: pass the site's.
    """
    _require(actor)
    profile = read_profile(plan.profile)
    problems = check_batch(profile, plan.occupation, plan.level, now.date())
    if problems:
        raise InputRefused(*problems)
    if not plan.name.strip():
        raise Refused("batch_name_missing", 422, field="name")
    if session.scalar(select(Batch.id).where(Batch.name == plan.name.strip())):
        raise Refused("batch_name_taken", 422, field="name", name=plan.name.strip())
    policy = policy_for(profile, plan.occupation, plan.level)
    batch = Batch(
        name=plan.name.strip(),
        occupation=policy.occupation,
        level=plan.level,
        profile=plan.profile,
        policy=policy.to_json(),
        rehearsal=profile.rehearsal,
        created_at=now,
        created_by=actor.user_id,
    )
    session.add(batch)
    session.flush()
    audit.record(session, "system", actor, "batch_filed", f"batch/{batch.id}", now=now, name=batch.name)
    return batch.id


def add_sitting(
    session: Session, actor: Actor, batch_id: int, plan: SittingPlan, *, now: datetime
) -> list[int]:
    """Plans a sitting in one or more rooms; returns the ids of the rooms-in-sitting."""
    _require(actor)
    return planned(session, actor, batch_id, plan, now=now)


def planned(session: Session, actor: Actor, batch_id: int, plan: SittingPlan, *, now: datetime) -> list[int]:
    """The same for somebody whose right to plan it was looked at elsewhere."""
    batch = session.get(Batch, batch_id)
    if batch is None:
        raise NotFound("batch")
    terms = _terms(session, batch, plan)
    _check_plan(session, terms, plan, now)
    chosen = replace(plan, method=plan.method or str(terms.methods[0]))
    sitting = session.get_one(Sitting, plan.joins) if plan.joins else _new_sitting(session, batch_id, chosen)
    rows = [RoomSitting(uid=str(uuid.uuid4()), sitting_id=sitting.id, room_id=room) for room in plan.rooms]
    session.add_all(rows)
    session.flush()
    audit.record(
        session,
        "system",
        actor,
        "sitting_planned",
        f"sitting/{sitting.id}",
        now=now,
        starts_at=plan.starts_at.isoformat(),
        component=sitting.component,
        method=sitting.method,
        retake=sitting.retake,
    )
    return [row.id for row in rows]


def _terms(session: Session, batch: Batch, plan: SittingPlan) -> ComponentTerms:
    """What the frozen policy says of the component, of which method and retake must be allowed."""
    policy = policy_of(batch)
    if plan.component not in policy.required:
        raise Refused("component_not_in_level", 422, field="component", level=policy.level_name)
    terms = policy.terms_of(plan.component)
    if plan.method and plan.method not in terms.methods:
        raise Refused("method_not_in_policy", 422, field="method", level=policy.level_name)
    if plan.retake:
        if policy.results.retakes_most == 0:
            raise Refused("retake_not_foreseen", 422, field="retake")
        first = select(Sitting.id).where(
            Sitting.batch_id == batch.id, Sitting.component == plan.component, Sitting.retake.is_(False)
        )
        if session.scalar(first.limit(1)) is None:
            raise Refused("retake_without_first", 422, field="retake")
    return terms


def _new_sitting(session: Session, batch_id: int, plan: SittingPlan) -> Sitting:
    number = (session.scalar(select(func.max(Sitting.number)).where(Sitting.batch_id == batch_id)) or 0) + 1
    sitting = Sitting(
        batch_id=batch_id,
        number=number,
        component=str(plan.component),
        method=str(plan.method),
        retake=plan.retake,
        starts_at=plan.starts_at,
        minutes=plan.minutes,
    )
    session.add(sitting)
    session.flush()
    return sitting


def choose_papers(
    session: Session, actor: Actor, sitting_id: int, paper_set_id: int, *, now: datetime
) -> None:
    """Gives a sitting its approved forms; they must be of the batch's occupation and level.

    Refused (papers_not_needed) for a sitting that a panel scores: it has a template (`sitting_templates`).
    What was sealed of other forms is void: the rooms' packages have to be sealed again.
    """
    _require(actor)
    sitting = session.get(Sitting, sitting_id, with_for_update=True, populate_existing=True)
    papers = session.get(PaperSet, paper_set_id)
    if sitting is None or papers is None:
        raise NotFound("sitting" if sitting is None else "papers")
    if sitting.method in ASSESSED:
        raise Refused("papers_not_needed", field="papers")
    if papers.state != "approved":
        raise Refused("papers_not_approved", field="papers", title=papers.title)
    _same_level(session, sitting, papers)
    used_papers.need_unused(session, sitting, papers)
    started = session.scalar(
        select(RoomSitting.id).where(RoomSitting.sitting_id == sitting_id, RoomSitting.state != "planned")
    )
    if started:
        raise Refused("sitting_already_arranged")
    sitting.paper_set_id = paper_set_id
    audit.record(
        session, "system", actor, "papers_chosen", f"sitting/{sitting_id}", now=now, papers=paper_set_id
    )
    void_other_packages(session, actor, sitting, now)


def void_other_packages(session: Session, actor: Actor, sitting: Sitting, now: datetime) -> None:
    """What was sealed of other papers, or of another template, cannot be opened any more."""
    sealed = (
        select(Package)
        .join(RoomSitting, RoomSitting.id == Package.room_sitting_id)
        .where(
            RoomSitting.sitting_id == sitting.id,
            Package.state == "sealed",
            or_(
                Package.paper_set_id.is_distinct_from(sitting.paper_set_id),
                Package.template_id.is_distinct_from(sitting.template_id),
            ),
        )
    )
    for package in session.scalars(sealed).all():
        package.state = "superseded"
        stream = audit.sitting_stream(package.room_sitting_id)
        audit.record(session, stream, actor, "package_superseded", f"package/{package.uid}", now=now)
        emit(session, RoomChanged(package.room_sitting_id))


def policy_of(batch: Batch) -> LevelPolicy:
    """The frozen policy of a batch."""
    return read_policy(json.dumps(batch.policy))


@lru_cache(maxsize=64)
def read_policy(frozen: str) -> LevelPolicy:
    """A policy out of its JSON text. It takes a millisecond, and every look at a room needs it; its values
    never change.
    """
    return LevelPolicy.from_json(json.loads(frozen))


def _same_level(session: Session, sitting: Sitting, papers: PaperSet) -> None:
    batch, bank = session.get_one(Batch, sitting.batch_id), session.get_one(Bank, papers.bank_id)
    if (batch.occupation, batch.level) != (bank.occupation, bank.level):
        raise Refused("papers_of_other_level", 422, field="papers", title=papers.title)


def _check_plan(session: Session, terms: ComponentTerms, plan: SittingPlan, now: datetime) -> None:
    problems = check_minutes(terms, plan.minutes)
    if problems:
        raise InputRefused(*problems)
    if plan.minutes > MINUTES_MOST:
        raise Refused("sitting_too_long", 422, field="minutes", limit=MINUTES_MOST)
    if plan.starts_at <= now:
        raise Refused("start_in_the_past", 422, field="starts_at")
    if not plan.rooms:
        raise Refused("room_missing", 422, field="rooms")
    known = set(session.scalars(select(Room.id).where(Room.id.in_(plan.rooms))))
    if known != set(plan.rooms):
        raise NotFound("room")
    _rooms_free(session, plan)


def _rooms_free(session: Session, plan: SittingPlan) -> None:
    """No room holds two sittings at once; what has ended early no longer counts."""
    begins, ends = plan.starts_at, plan.starts_at + timedelta(minutes=float(plan.minutes))
    held = session.execute(
        select(Room.name, Sitting.starts_at, Sitting.minutes)
        .join(RoomSitting, RoomSitting.room_id == Room.id)
        .join(Sitting, Sitting.id == RoomSitting.sitting_id)
        .where(Room.id.in_(plan.rooms), RoomSitting.ended_at.is_(None), Sitting.starts_at < ends)
    )
    for name, starts_at, minutes in held:
        if starts_at + timedelta(minutes=float(minutes)) > begins:
            raise Refused("room_busy", 422, field="rooms", name=name)


def _require(actor: Actor) -> None:
    if not actor.can(Permission.MANAGE_BATCHES):
        raise Forbidden(Permission.MANAGE_BATCHES)
