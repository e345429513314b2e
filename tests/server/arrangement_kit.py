"""Sittings of two occupations that start together, rooms, and candidates of several employers."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.seatmap import RoomMap
from server.access import Actor
from server.cli.rehearse.stage import fictional_people, made_room
from server.db.bank import Bank, BankItem, BlueprintRow
from server.db.papers import FormItem, PaperSet
from server.db.rooms import Seat
from server.db.sittings import Attempt, Registration, RoomSitting
from server.errors import Refused
from server.host import Host
from server.rules.roster import RosterEntry
from server.services import arrangement, batches, rooms, sitting_rosters
from server.services.arrangement_question import Choice
from server.services.signed import Signed

BELLS = timedelta(hours=20)
ROOMS = ("第一考场", "第二考场", "第三考场", "第四考场", "第五考场", "第六考场", "第七考场")

SEVEN = dict.fromkeys(ROOMS, 30)
BOTH = {"baoanyuan": 112, "baowei": 75}


@dataclass
class Centre:
    """The ids of what was planned; `sittings` by occupation, `rows` (rooms in sittings) by room name."""

    host: Host
    administrator: Actor
    chief: Actor
    starts_at: datetime
    batches: dict[str, int] = field(default_factory=dict)
    sittings: dict[str, int] = field(default_factory=dict)
    rooms: dict[str, int] = field(default_factory=dict)

    def signed(self, reason: str = "考场改造") -> Signed:
        return Signed(self.administrator, reason, self.chief)

    def arrange(self, *occupations: str, seed: str = "s", **choice: object) -> int:
        chosen = [self.sittings[name] for name in occupations or self.sittings]
        act = arrangement.arrange
        rules = Choice(**choice)  # type: ignore[arg-type]
        return self.host.db.write(
            act, self.administrator, chosen, seed=seed, rules=rules, now=self.host.now()
        )

    def row(self, room: str) -> RoomSitting:
        with self.host.db.read() as session:
            query = select(RoomSitting).where(RoomSitting.room_id == self.rooms[room])
            return session.scalars(query.order_by(RoomSitting.id.desc())).first()

    def map(self) -> dict[str, tuple[int, str, str]]:
        """Ticket -> (room id, seat number, form) of everybody who has a seat."""
        query = (
            select(Registration.ticket, Seat.room_id, Seat.number, Attempt.form)
            .join(Attempt, Attempt.registration_id == Registration.id)
            .join(Seat, Seat.id == Attempt.seat_id)
        )
        with self.host.db.read() as session:
            return {ticket: (room, seat, form) for ticket, room, seat, form in session.execute(query)}


def centre(
    host: Host,
    person_as: Callable[..., Actor],
    candidates: dict[str, int],
    plans: dict[str, int | RoomMap],
    *,
    employers: int = 9,
) -> Centre:
    """`candidates` by occupation, each a batch of its own; `plans`: normal seats by room, or the room's plan.

    The rooms are planned for the first occupation; others get theirs by the draw.
    """
    bell = host.now() + BELLS
    made = Centre(host, person_as("administrator"), person_as("chief_invigilator"), bell)
    found = [made_room(name, plan) if isinstance(plan, int) else plan for name, plan in plans.items()]
    ids = host.db.write(rooms.store_rooms, made.administrator, found, now=host.now())
    made.rooms = dict(zip(plans, ids, strict=True))
    for number, (occupation, count) in enumerate(candidates.items()):
        _sitting(made, occupation, tuple(ids[:1] if number == 0 else ()) or tuple(ids[number : number + 1]))
        entries = people(occupation, count, employers)
        host.db.write(
            sitting_rosters.store_roster,
            made.administrator,
            made.sittings[occupation],
            entries,
            now=host.now(),
        )
    return made


def people(occupation: str, count: int, employers: int, *, skip: int = 0) -> list[RosterEntry]:
    """Candidates who do not exist; every occupation has its own, `skip` of them left out."""
    start = 400 if occupation == "baowei" else 0
    entries = fictional_people(start + skip + count)[start + skip :]
    return [
        replace(entry, employer=f"{number % employers + 1} 号保安公司" if employers else "")
        for number, entry in enumerate(entries)
    ]


def _sitting(made: Centre, occupation: str, rooms_of: tuple[int, ...]) -> None:
    host, who = made.host, made.administrator
    level = 3 if occupation == "baowei" else 5
    plan = batches.BatchPlan(f"{occupation} 批次", occupation, level)
    batch_id = host.db.write(batches.create, who, plan, now=host.now())
    sitting = batches.SittingPlan(made.starts_at, Decimal(90), rooms_of)
    (row,) = host.db.write(batches.add_sitting, who, batch_id, sitting, now=host.now())
    with host.db.read() as session:
        number = session.get_one(RoomSitting, row).sitting_id
    papers = host.db.write(_papers, occupation, level, host.now())
    host.db.write(batches.choose_papers, who, number, papers, now=host.now())
    made.batches[occupation], made.sittings[occupation] = batch_id, number


def _papers(session: Session, occupation: str, level: int, now: object) -> int:
    bank = Bank(name=occupation, occupation=occupation, level=level, wrapped_key=b"", created_at=now)
    blueprint = BlueprintRow(title="b", occupation=occupation, level=level, text="", created_at=now)
    session.add_all([bank, blueprint])
    session.flush()
    papers = PaperSet(
        title=f"{occupation} 试卷",
        bank_id=bank.id,
        blueprint_id=blueprint.id,
        seed="s",
        forms=4,
        max_overlap=1,
        state="approved",
        created_at=now,
    )
    item = BankItem(
        bank_id=bank.id,
        uid=occupation,
        point="A-A-A-001",
        kind="single",
        difficulty=3,
        content_index=occupation,
        sealed_body=b"",
    )
    session.add_all([papers, item])
    session.flush()
    session.add_all(
        FormItem(
            paper_set_id=papers.id,
            form=form,
            number=1,
            item_id=item.id,
            item_uid=item.uid,
            item_version=1,
            points=Decimal(100),
        )
        for form in "ABCD"
    )
    session.flush()
    return papers.id


def small_centre(host: Host, person_as: Callable[..., Actor]) -> Centre:
    """Forty candidates of one occupation, two rooms of thirty, one of six; drawn."""
    plans = {"第一考场": 30, "第二考场": 30, "小考场": 6}
    made = centre(host, person_as, {"baoanyuan": 40}, plans)
    made.arrange(rooms=tuple(made.rooms.values()))
    return made


def refused(act: Callable[[], object]) -> Refused:
    """What an act was refused with."""
    with pytest.raises(Refused) as caught:
        act()
    return caught.value
