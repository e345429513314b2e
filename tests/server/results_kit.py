"""A batch with people, places, marks and panel scores written as rows, for the tests of results."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.identity import IdNumber, check_id_number
from server.access import Actor
from server.db.assessing import PanelScore, Turn
from server.db.base import vault_of
from server.db.cases import Case
from server.db.outcomes import Result
from server.db.rooms import Room, Seat
from server.db.sittings import (
    Attempt,
    Batch,
    Candidate,
    ComponentResult,
    Registration,
    RoomSitting,
    Sitting,
)
from server.host import Host
from server.rules.policy import LevelPolicy, passes, policy_for
from server.rules.policy_components import (
    ASSESSED,
    Component,
    ComponentTerms,
    ExemptionRule,
    Method,
    ResultRules,
)
from server.services import batch_results
from server.services.batches import read_profile
from server.services.rosters import ID_PURPOSE

GUARD_RULE = ExemptionRule(Component.THEORY, "guard_licence", 3)


def id_number(number: int) -> str:
    """The ID number of the person with this number: valid, made up."""
    for last in "0123456789X":
        text = f"1101011990{1 + number % 12:02d}01{100 + number:03d}{last}"
        if isinstance(check_id_number(text), IdNumber):
            return text
    raise AssertionError(number)


@dataclass
class Terms:
    """What the frozen policy of the batch says."""

    required: tuple[Component, ...] = (Component.THEORY, Component.PRACTICAL)
    exemptions: tuple[ExemptionRule, ...] = ()
    results: ResultRules = field(default_factory=ResultRules)
    level: int = 3
    rehearsal: bool = False

    def policy(self) -> LevelPolicy:
        base = policy_for(read_profile("national"), "baowei", 3)
        methods = {Component.THEORY: Method.COMPUTER, Component.PRACTICAL: Method.HANDS_ON}
        terms = tuple(
            ComponentTerms(each, (methods.get(each, Method.DEFENCE),), 30, base.scale)
            for each in self.required
        )
        return replace(base, components=terms, exemptions=self.exemptions, results=self.results)


@dataclass
class Stage:
    """One batch, its sittings by component ("theory", "theory again"), its people by name."""

    host: Host
    batch: int = 0
    rooms: dict[str, int] = field(default_factory=dict)
    sittings: dict[str, int] = field(default_factory=dict)
    people: dict[str, int] = field(default_factory=dict)
    tickets: dict[tuple[str, str], str] = field(default_factory=dict)

    def write(self, act: Callable[..., Any], *args: object, **kwargs: object) -> Any:
        return self.host.db.write(act, *args, **kwargs, now=self.host.now())

    def sitting(
        self, name: str, *, starts_at: datetime | None = None, method: str = "", state: str = "marked"
    ) -> int:
        """A sitting in a room of its own; one named "... again" is a make-up."""
        return self.host.db.write(_sitting, self, name, starts_at or self.host.now(), method, state)

    def person(self, name: str) -> int:
        return self.host.db.write(_person, self, name)

    def place(self, name: str, sitting: str) -> int:
        """Registers a person in a sitting; the registration."""
        return self.host.db.write(_place, self, name, sitting)

    def mark(self, name: str, sitting: str, score: str | None) -> None:
        """A mark of a person in a sitting, None for who did not come; a place is made when there is none."""
        self.host.db.write(_mark, self, name, sitting, None if score is None else Decimal(score))

    def change_mark(self, name: str, sitting: str, score: str) -> None:
        """Somebody marks again and comes to another sum."""
        self.host.db.write(_change_mark, self, name, sitting, Decimal(score))

    def case(self, name: str, sitting: str, outcome: str) -> int:
        return self.host.db.write(_case, self, name, sitting, outcome)

    def result(self, name: str, component: str) -> tuple[str, Decimal | None]:
        """The result in force, as status and number."""
        with self.host.db.read() as session:
            row = batch_results.current(session, self.batch)[self.people[name], component]
            return row.status, row.score

    def history(self, name: str, component: str) -> list[Result]:
        with self.host.db.read() as session:
            rows = batch_results.history(session, self.batch, self.people[name])
        return [row for row in rows if row.component == component]

    def fold(self, actor: Actor, **more: Any) -> batch_results.Folded:
        return self.write(batch_results.fold, actor, self.batch, **more)  # type: ignore[no-any-return]


def make_stage(host: Host, terms: Terms | None = None) -> Stage:
    """A batch without sittings."""
    stage = Stage(host)
    asked = terms or Terms()

    def add(session: Session) -> None:
        batch = Batch(
            name=f"批次 {asked.level}",
            occupation="baowei",
            level=asked.level,
            profile="national",
            policy=asked.policy().to_json(),
            rehearsal=asked.rehearsal,
            created_at=host.now(),
        )
        session.add(batch)
        session.flush()
        stage.batch = batch.id

    host.db.write(add)
    return stage


def _sitting(session: Session, stage: Stage, name: str, starts_at: datetime, method: str, state: str) -> int:
    component, _, again = name.partition(" ")
    methods = {"theory": Method.COMPUTER, "practical": Method.HANDS_ON}
    number = len(stage.sittings) + 1
    room = Room(name=f"考场 {stage.batch}-{number}", layout={}, created_at=stage.host.now())
    sitting = Sitting(
        batch_id=stage.batch,
        number=number,
        component=component,
        method=method or str(methods.get(component, Method.DEFENCE)),
        retake=again.startswith("again"),
        starts_at=starts_at,
        minutes=Decimal(90),
    )
    session.add_all([room, sitting])
    session.flush()
    row = RoomSitting(uid=f"{stage.batch}-{number}", sitting_id=sitting.id, room_id=room.id, state=state)
    session.add(row)
    session.flush()
    stage.sittings[name], stage.rooms[name] = sitting.id, row.id
    return row.id


def _person(session: Session, stage: Stage, name: str) -> int:
    vault, text = vault_of(session), id_number(len(stage.people) + 1)
    mark = vault.index(ID_PURPOSE, text)
    found = session.scalar(select(Candidate.id).where(Candidate.id_index == mark))
    if found is None:
        sealed = vault.seal_value(ID_PURPOSE, mark, text.encode())
        person = Candidate(id_index=mark, sealed_id=sealed, name=name, created_at=stage.host.now())
        session.add(person)
        session.flush()
        found = person.id
    stage.people[name] = found
    return found


def _place(session: Session, stage: Stage, name: str, sitting: str) -> int:
    if name not in stage.people:
        _person(session, stage, name)
    row = session.get_one(RoomSitting, stage.rooms[sitting])
    ticket = f"2026{stage.sittings[sitting]:03d}{stage.people[name]:04d}"
    place = Registration(
        sitting_id=stage.sittings[sitting],
        room_id=row.room_id,
        candidate_id=stage.people[name],
        ticket=ticket,
        employer="某公司",
    )
    session.add(place)
    session.flush()
    stage.tickets[name, sitting] = ticket
    return place.id


def _registration(session: Session, stage: Stage, name: str, sitting: str) -> Registration:
    if (name, sitting) not in stage.tickets:
        _place(session, stage, name, sitting)
    query = select(Registration).where(Registration.ticket == stage.tickets[name, sitting])
    return session.scalars(query).one()


def _mark(session: Session, stage: Stage, name: str, sitting: str, score: Decimal | None) -> None:
    place = _registration(session, stage, name, sitting)
    row = session.get_one(Sitting, stage.sittings[sitting])
    if Method(row.method) in ASSESSED:
        _panel_score(session, stage, place, sitting, score)
        return
    attempt = _attempt(session, stage, place, sitting, "absent" if score is None else "submitted")
    policy = LevelPolicy.from_json(session.get_one(Batch, stage.batch).policy)
    session.add(
        ComponentResult(
            room_sitting_id=stage.rooms[sitting],
            registration_id=place.id,
            attempt_id=attempt.id,
            component=row.component,
            status="absent" if score is None else "scored",
            total=score,
            passed=None if score is None else passes(score, policy.terms_of(row.component).scale),
            marked_at=stage.host.now(),
        )
    )


def _attempt(session: Session, stage: Stage, place: Registration, sitting: str, state: str) -> Attempt:
    room_sitting = stage.rooms[sitting]
    room = session.get_one(RoomSitting, room_sitting).room_id
    number = place.ticket[-4:]
    seat = Seat(room_id=room, number=number, row=1, column=int(number), x=0.0, y=0.0, kind="normal")
    session.add(seat)
    session.flush()
    attempt = Attempt(
        registration_id=place.id, room_sitting_id=room_sitting, seat_id=seat.id, form="A", state=state
    )
    session.add(attempt)
    session.flush()
    return attempt


def _panel_score(
    session: Session, stage: Stage, place: Registration, sitting: str, score: Decimal | None
) -> None:
    turn = Turn(
        room_sitting_id=stage.rooms[sitting],
        registration_id=place.id,
        number=int(place.ticket[-4:]),
        code=place.ticket[-4:],
        state="absent" if score is None else "done",
    )
    session.add(turn)
    session.flush()
    if score is not None:
        now = stage.host.now()
        session.add(PanelScore(turn_id=turn.id, revision=1, state="checked", score=score, made_at=now))


def _change_mark(session: Session, stage: Stage, name: str, sitting: str, score: Decimal) -> None:
    place = _registration(session, stage, name, sitting)
    row = session.scalars(select(ComponentResult).where(ComponentResult.registration_id == place.id)).first()
    if row is not None:
        row.total = score
        return
    turn = session.scalars(select(Turn).where(Turn.registration_id == place.id)).one()
    old = session.scalars(
        select(PanelScore).where(PanelScore.turn_id == turn.id, PanelScore.replaced_at.is_(None))
    ).one()
    old.replaced_at = stage.host.now()
    new = PanelScore(turn_id=turn.id, revision=old.revision + 1, state="checked", score=score)
    new.made_at = stage.host.now()
    session.add(new)


def _case(session: Session, stage: Stage, name: str, sitting: str, outcome: str) -> int:
    place = _registration(session, stage, name, sitting)
    attempt = session.scalars(select(Attempt).where(Attempt.registration_id == place.id)).one()
    now = stage.host.now()
    case = Case(
        room_sitting_id=stage.rooms[sitting],
        batch_id=stage.batch,
        registration_id=place.id,
        candidate_id=place.candidate_id,
        attempt_id=attempt.id,
        state="decided",
        opened_at=now - timedelta(days=1),
        happened_at=now - timedelta(days=1),
        outcome=outcome,
        decided_at=now,
    )
    session.add(case)
    session.flush()
    return case.id
