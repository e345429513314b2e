"""A room that a panel assesses, for the tests of practical assessment and review: candidates with turns under
blind codes, stations, an approved and released template, three examiners and the staff who run it, on duty.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.sheet_template import Deduction, OvertimeStep, SheetItem, Task, Template, Veto, digest
from server.access import Actor, Role
from server.cli.bench.panels import open_package
from server.db.assessing import SheetTemplate, Station, Turn
from server.db.bank import Bank
from server.db.base import vault_of
from server.db.people import User
from server.db.rooms import Room
from server.db.sittings import Assignment, Batch, Candidate, Registration, RoomSitting, Sitting
from server.db.staffing import DutySign, StaffProfile
from server.host import Host
from server.rules.policy import LevelPolicy, policy_for
from server.rules.policy_components import Component, ComponentTerms, Method, PanelRules
from server.services import turns
from server.services.batches import read_profile
from server.services.rosters import ID_PURPOSE
from server.services.signed import Signed
from tests.server.kept_stage import once

NAMES = tuple("赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许")
LEVEL = 3
MINUTES = Decimal(30)


@dataclass(frozen=True)
class Wanted:
    """What the stage holds; `state`: how far the room has come, as `RoomSitting.state` says it."""

    candidates: int = 4
    stations: int = 2
    examiners: int = 3
    state: str = "running"
    component: str = Component.PRACTICAL
    method: str = Method.HANDS_ON
    level: int = LEVEL
    panel: PanelRules = field(default_factory=lambda: PanelRules(candidates_per=5))
    present: bool = True
    """Whether everybody has signed in to duty."""


@dataclass
class Rows:
    """Ids of what was written."""

    bank: int = 0
    batch: int = 0
    sitting: int = 0
    room: int = 0
    room_sitting: int = 0
    template: int = 0
    stations: list[int] = field(default_factory=list)
    registrations: list[int] = field(default_factory=list)
    """In the order of tickets."""
    turns: list[int] = field(default_factory=list)
    """In the drawn order; empty before the draw."""


@dataclass
class Stage(Rows):
    """The ids a test needs, and who is there."""

    host: Host = field(default=None)  # type: ignore[assignment]
    administrator: Actor = field(default_factory=lambda: Actor(None, "nobody"))
    chief: Actor = field(default_factory=lambda: Actor(None, "nobody"))
    invigilator: Actor = field(default_factory=lambda: Actor(None, "nobody"))
    supervisor: Actor = field(default_factory=lambda: Actor(None, "nobody"))
    examiners: tuple[Actor, ...] = ()
    """The first one leads the panel."""

    @property
    def leader(self) -> Actor:
        return self.examiners[0]

    def write(self, act: Callable[..., Any], *args: object, **kwargs: object) -> Any:
        return self.host.db.write(act, *args, **kwargs, now=self.host.now())

    def signed(self, reason: str = "原因", cosigner: Actor | None = None) -> Signed:
        return Signed(self.chief, reason, cosigner)

    def turn(self, number: int = 1) -> Turn:
        """The turn of that drawn number, as it stands."""
        with self.host.db.read() as session:
            query = select(Turn).where(Turn.room_sitting_id == self.room_sitting, Turn.number == number)
            return session.scalars(query).one()

    def room_row(self) -> RoomSitting:
        with self.host.db.read() as session:
            return session.get_one(RoomSitting, self.room_sitting)

    def perform(self, number: int = 1) -> Turn:
        """Calls and starts the candidate of that number."""
        self.write(turns.call, self.invigilator, self.turn(number).id)
        self.write(turns.start, self.invigilator, self.turn(number).id, checked=True)
        return self.turn(number)

    def done(self, number: int = 1) -> Turn:
        """Has the candidate of that number perform and finish."""
        self.perform(number)
        self.write(turns.finish, self.invigilator, self.turn(number).id)
        return self.turn(number)

    def duty(self, who: Actor, *, present: bool) -> None:
        """Signs somebody in to duty, or out."""
        self.host.db.write(_sign, self.room_sitting, who, self.host.now(), present)


def sheet_template(uid: str = "template-1", component: str = Component.PRACTICAL) -> Template:
    """Two tasks of 60 and 40 per cent: deductions, points given directly, a veto, overtime."""
    first = Task(
        number="1",
        title="灭火器使用",
        weight=Decimal(60),
        items=(
            SheetItem(
                "1.1",
                "检查灭火器",
                Decimal(40),
                "压力、铅封、软管",
                (
                    Deduction("a", "未检查压力", Decimal(10)),
                    Deduction("b", "每漏一处", Decimal(5), True, Decimal(20)),
                ),
            ),
            SheetItem(
                "1.2", "灭火动作", Decimal(60), "站位与喷射", (Deduction("a", "站位不对", Decimal(15)),)
            ),
        ),
        vetoes=(Veto("V1", "对人喷射", "fail"),),
        overtime=(OvertimeStep(60, Decimal(2)), OvertimeStep(300, Decimal(10), True)),
    )
    second = Task("2", "巡查记录", Decimal(40), (SheetItem("2.1", "记录完整", Decimal(100), required=True),))
    return Template(uid, 1, "技能考核评分表（示例）", component, MINUTES, (first, second), sample=True)


def make_assessment(host: Host, person_as: Callable[..., Actor], **wanted: Any) -> Stage:
    """The stage; keywords are the fields of `Wanted`."""
    plan = Wanted(**wanted)
    administrator, chief = person_as("administrator"), person_as("chief_invigilator")
    invigilator, supervisor = person_as("invigilator"), person_as("supervisor")
    examiners = tuple(person_as("examiner", name=f"考评员{number + 1}") for number in range(plan.examiners))
    staff = {
        chief: Role.CHIEF_INVIGILATOR,
        invigilator: Role.INVIGILATOR,
        supervisor: Role.SUPERVISOR,
        **dict.fromkeys(examiners, Role.EXAMINER),
    }

    def prepare() -> Rows:
        rows = Rows()
        host.db.write(_rows, host, rows, plan)
        host.db.write(_duties, rows, staff, host.now(), plan.present)
        if plan.state != "planned":
            signed = Signed(administrator)
            host.db.write(turns.draw_order, signed, rows.room_sitting, seed="order", now=host.now())
            if plan.state != "arranged":
                host.db.write(open_package, host, rows.room_sitting)
            host.db.write(_advance, rows, plan, host.now())
        return rows

    rows = once(host, ("assessment", repr(plan)), host.now(), prepare)
    people = {"chief": chief, "invigilator": invigilator, "supervisor": supervisor}
    return Stage(**vars(rows), host=host, administrator=administrator, examiners=examiners, **people)


def policy_with(plan: Wanted) -> LevelPolicy:
    """The national policy with these terms of the assessed component."""
    policy = policy_for(read_profile("national"), "baowei", plan.level)
    scale = policy.scale
    theory = ComponentTerms(Component.THEORY, (Method.COMPUTER,), 90, scale)
    own = ComponentTerms(Component(plan.component), (Method(plan.method),), 0, scale, plan.panel)
    return replace(policy, components=(theory, own))


def add_examiner(host: Host, who: Actor, **profile: object) -> None:
    """Gives an examiner a card: `card_grade`, `valid_to`, `employer`."""

    def put(session: Session) -> None:
        row = session.get(StaffProfile, who.user_id)
        if row is None:
            row = StaffProfile(user_id=who.user_id, changed_at=host.now())
            session.add(row)
        for name, value in profile.items():
            setattr(row, name, value)

    host.db.write(put)


def _rows(session: Session, host: Host, rows: Rows, plan: Wanted) -> None:
    now, vault = host.now(), vault_of(session)
    wrapped = vault.new_bank_key()
    bank = Bank(name="技能题库", occupation="baowei", level=plan.level, wrapped_key=wrapped, created_at=now)
    batch = Batch(
        name="2026 年第 5 批",
        occupation="baowei",
        level=plan.level,
        profile="national",
        policy=policy_with(plan).to_json(),
        created_at=now,
    )
    room = Room(name="实操考场", kind="practical", layout={}, created_at=now)
    session.add_all([bank, batch, room])
    session.flush()
    rows.bank, rows.batch, rows.room = bank.id, batch.id, room.id
    rows.template = _template(session, bank, sheet_template(component=plan.component), now)
    sitting = Sitting(
        batch_id=batch.id,
        number=1,
        component=plan.component,
        method=plan.method,
        starts_at=now + timedelta(minutes=10),
        minutes=Decimal(240),
        template_id=rows.template,
    )
    session.add(sitting)
    session.flush()
    row = RoomSitting(uid="assessment-1", sitting_id=sitting.id, room_id=room.id)
    stations = [
        Station(room_id=room.id, number=str(number), equipment=["灭火器 2 具"])
        for number in range(1, plan.stations + 1)
    ]
    session.add_all([row, *stations])
    session.flush()
    rows.sitting, rows.room_sitting = sitting.id, row.id
    rows.stations = [station.id for station in stations]
    rows.registrations = [
        _candidate(session, sitting, room.id, index, now) for index in range(plan.candidates)
    ]


def _template(session: Session, bank: Bank, template: Template, now: datetime) -> int:
    data = json.dumps(template.to_json(), ensure_ascii=False).encode()
    sealed = vault_of(session).seal_sheet(bank.wrapped_key, template.uid, template.version, data)
    row = SheetTemplate(
        uid=template.uid,
        version=template.version,
        bank_id=bank.id,
        component=template.component,
        title=template.title,
        minutes=template.minutes,
        sample=template.sample,
        state="approved",
        sealed=sealed,
        sha256=digest(template),
        created_at=now,
        approved_at=now,
    )
    session.add(row)
    session.flush()
    return row.id


def _candidate(session: Session, sitting: Sitting, room_id: int, index: int, now: datetime) -> int:
    vault, text = vault_of(session), f"11010119900307{index:03d}X"
    mark = vault.index(ID_PURPOSE, text)
    sealed = vault.seal_value(ID_PURPOSE, mark, text.encode())
    name = NAMES[index % len(NAMES)] + "某" + str(index + 1)
    person = Candidate(id_index=mark, sealed_id=sealed, name=name, created_at=now)
    session.add(person)
    session.flush()
    row = Registration(
        sitting_id=sitting.id,
        room_id=room_id,
        candidate_id=person.id,
        ticket=f"P2026-{index + 1:04d}",
        employer="某保安公司",
    )
    session.add(row)
    session.flush()
    return row.id


def _duties(session: Session, rows: Rows, staff: dict[Actor, Role], now: datetime, present: bool) -> None:
    leads = next(who for who, role in staff.items() if role is Role.EXAMINER)
    for who, role in staff.items():
        user = session.get_one(User, who.user_id)
        duty = {"room_sitting_id": rows.room_sitting, "user_id": user.id, "role": str(role)}
        session.add(Assignment(**duty, leader=who is leads))
        if role is Role.EXAMINER:
            session.add(StaffProfile(user_id=user.id, card_grade="senior_examiner", changed_at=now))
        if present:
            session.add(DutySign(**duty, in_at=now, in_by=user.id))


def _advance(session: Session, rows: Rows, plan: Wanted, now: datetime) -> None:
    """To the state that is wanted; what leads there through services has tests of its own."""
    row = session.get_one(RoomSitting, rows.room_sitting)
    rows.turns = [turn.id for turn in turns.turns_of(session, row.id)]
    row.state = plan.state
    if plan.state in ("running", "ended", "marked"):
        row.started_at = now
    if plan.state in ("ended", "marked"):
        row.ended_at = now


def _sign(session: Session, room_sitting: int, who: Actor, now: datetime, present: bool) -> None:
    query = select(DutySign).where(
        DutySign.room_sitting_id == room_sitting, DutySign.user_id == who.user_id, DutySign.out_at.is_(None)
    )
    for sign in session.scalars(query):
        sign.out_at = now
    if present:
        duty = session.get_one(Assignment, (room_sitting, who.user_id or 0))
        session.add(DutySign(room_sitting_id=room_sitting, user_id=who.user_id, role=duty.role, in_at=now))


def ids(people: Sequence[Actor]) -> tuple[int, ...]:
    """The user ids of these people."""
    return tuple(who.user_id or 0 for who in people)
