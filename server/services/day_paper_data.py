"""What stands on the papers of the day of one room: plain values for the templates, nothing typed by hand.

What is printed is Chinese whatever language the screens speak. A builder takes a `Desk` and gives the data of
its template and how many copies that makes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.identity import IdNumber, Sex, check_id_number, mask_id
from exam_rooms.ticket_code import PURPOSE, ticket_text
from server.access import Role
from server.db.base import vault_of
from server.db.people import User
from server.db.rooms import Seat
from server.db.sittings import Assignment, Attempt, Candidate, Registration
from server.rules.policy_components import COMPONENT_WORDS
from server.services.room_prints import plan_data
from server.services.rooms import map_of
from server.services.roomstate import RoomState
from server.services.rosters import ID_PURPOSE
from server.services.site_facts import SiteFacts

_SEX = {Sex.MALE: "男", Sex.FEMALE: "女"}
_ROLES = {
    Role.CHIEF_INVIGILATOR: "主考",
    Role.INVIGILATOR: "监考员",
    Role.ROVER: "流动监考",
    Role.SYSTEM_ADMINISTRATOR: "系统管理员",
    Role.SUPERVISOR: "内部质量督导员",
}
_TAIL = 4
"""Characters of an ID number's end on lists that hang or lie open."""


@dataclass(frozen=True, slots=True)
class Seated:
    """One candidate of the room as papers name them; `ident` is the whole ID number and never printed."""

    registration: int
    seat: str
    ticket: str
    name: str
    ident: str
    employer: str
    has_photo: bool
    extra: float
    large_print: bool
    note: str


@dataclass(frozen=True, slots=True)
class Desk:
    """All that the builders look at for one room in its sitting."""

    session: Session
    room: RoomState
    facts: SiteFacts
    zone: ZoneInfo
    people: Sequence[Seated]

    def moment(self, value: datetime) -> str:
        """A time as papers say it."""
        return f"{value.astimezone(self.zone):%Y-%m-%d %H:%M}"


@dataclass(frozen=True, slots=True)
class Built:
    """A template's data, the copies it makes, and registrations whose photos it shows."""

    data: dict[str, Any]
    copies: int
    photos: tuple[int, ...] = ()


Builder = Callable[[Desk], Built]


def seated(session: Session, room: RoomState) -> list[Seated]:
    """The candidates of a room in the order of its plan."""
    vault = vault_of(session)
    rows = session.execute(
        select(Registration, Candidate, Seat.number)
        .join(Attempt, Attempt.registration_id == Registration.id)
        .join(Candidate, Candidate.id == Registration.candidate_id)
        .join(Seat, Seat.id == Attempt.seat_id)
        .where(Attempt.room_sitting_id == room.row.id, Registration.void_at.is_(None))
        .order_by(Seat.id)
    )
    return [
        Seated(
            registration=entry.id,
            seat=number,
            ticket=entry.ticket,
            name=person.name,
            ident=vault.open_value(ID_PURPOSE, person.id_index, person.sealed_id).decode(),
            employer=entry.employer,
            has_photo=entry.has_photo,
            extra=float(room.extras.get(entry.id, 0)),
            large_print=entry.large_print,
            note=entry.accommodation_note,
        )
        for entry, person, number in rows
    ]


def tickets(desk: Desk) -> Built:
    """准考证: one page a candidate, with photo and the ticket's own QR code."""
    mark = _marker(desk.session)
    rules, times = _rules(desk), _times(desk)
    pages = [
        {
            "name": who.name,
            "sex": _sex(who.ident),
            "id": mask_id(who.ident),
            "ticket": who.ticket,
            "employer": who.employer,
            "seat": who.seat,
            "until": _ends(desk, who.extra),
            "extra": _accommodation(who),
            "photo": str(who.registration) if who.has_photo else "",
            "qr": ticket_text(who.ticket, mark),
        }
        for who in sorted(desk.people, key=lambda each: each.ticket)
    ]
    data = {"tickets": pages, "rules": rules, "times": times, "place": _place(desk)}
    return Built(data, len(pages), tuple(who.registration for who in desk.people if who.has_photo))


def door(desk: Desk) -> Built:
    """考场门贴: occupation, tickets from and to, and who sits where."""
    numbers = sorted(who.ticket for who in desk.people)
    data = {
        "place": _place(desk),
        "times": _times(desk),
        "first": numbers[0] if numbers else "",
        "last": numbers[-1] if numbers else "",
        "count": len(numbers),
        "rows": [{"seat": who.seat, "ticket": who.ticket, "name": who.name} for who in desk.people],
    }
    return Built(data, 1)


def labels(desk: Desk) -> Built:
    """桌贴: a label for each seat with a candidate, and one for each spare seat."""
    spare = [seat.number for seat in map_of(desk.room.room).spare]
    cards = [{"seat": who.seat, "name": who.name, "ticket": who.ticket} for who in desk.people]
    taken = {who.seat for who in desk.people}
    cards += [{"seat": number, "name": "备用", "ticket": ""} for number in spare if number not in taken]
    return Built({"cards": cards}, len(cards))


def plan(desk: Desk) -> Built:
    """座次表: the room as it stands, with who sits where."""
    at = {who.seat: who for who in desk.people}
    place, times = _place(desk), _times(desk)
    about = f"{place['occupation']} {place['level']}　{times['date']} {times['starts']}—{times['ends']}"
    seats = {number: (who.name, who.ticket) for number, who in at.items()}
    return Built(plan_data(map_of(desk.room.room), f"{place['room']} 座次表", about, seats), 1)


def sign_in_sheet(desk: Desk) -> Built:
    """考生签到表: a line a candidate, to be signed in and out."""
    rows = [
        {
            "seat": who.seat,
            "name": who.name,
            "ticket": who.ticket,
            "id": who.ident[-_TAIL:],
            "photo": str(who.registration) if who.has_photo else "",
        }
        for who in desk.people
    ]
    photos = tuple(who.registration for who in desk.people if who.has_photo)
    return Built({"rows": rows, "place": _place(desk), "times": _times(desk)}, 1, photos)


def staff_sheet(desk: Desk) -> Built:
    """监考/考务人员签到表: who is on duty in the room, and empty lines for who steps in."""
    found = desk.session.execute(
        select(User.name, Assignment.role)
        .join(Assignment, Assignment.user_id == User.id)
        .where(Assignment.room_sitting_id == desk.room.row.id)
        .order_by(Assignment.role, User.id)
    )
    rows = [{"name": name, "role": _ROLES.get(Role(role), role)} for name, role in found]
    return Built({"rows": rows, "place": _place(desk), "times": _times(desk)}, 1)


def accommodations(desk: Desk) -> Built:
    """便利安排表: who has more time or large print, by which approval."""
    rows = [
        {
            "seat": who.seat,
            "name": who.name,
            "ticket": who.ticket,
            "granted": _accommodation(who),
            "until": _ends(desk, who.extra),
            "note": who.note,
        }
        for who in desk.people
        if who.extra or who.large_print
    ]
    return Built({"rows": rows, "place": _place(desk), "times": _times(desk)}, 1)


BUILDERS: Mapping[str, Builder] = {
    "ticket": tickets,
    "door": door,
    "label": labels,
    "plan": plan,
    "sign_in": sign_in_sheet,
    "staff": staff_sheet,
    "accommodation": accommodations,
}
"""Every kind of paper, by the name of its template, in the order in which a day needs them."""


def _marker(session: Session) -> Callable[[str], str]:
    vault = vault_of(session)
    return lambda text: vault.index(PURPOSE, text)


def _sex(ident: str) -> str:
    found = check_id_number(ident)
    return _SEX[found.sex] if isinstance(found, IdNumber) else ""


def _place(desk: Desk) -> dict[str, str]:
    room, facts = desk.room, desk.facts
    return {
        "occupation": room.policy.occupation_name,
        "level": room.policy.level_name,
        "component": COMPONENT_WORDS[room.sitting.component] + ("（补考）" if room.sitting.retake else ""),
        "room": room.room.name,
        "site": facts.site,
        "address": facts.address,
        "sitting": str(room.sitting.number),
    }


def _times(desk: Desk) -> dict[str, str]:
    schedule = desk.room.clock.schedule
    starts = schedule.starts_at.astimezone(desk.zone)
    return {
        "date": f"{starts:%Y 年 %m 月 %d 日}",
        "opens": f"{starts - timedelta(minutes=schedule.entry_opens_minutes):%H:%M}",
        "starts": f"{starts:%H:%M}",
        "closes": f"{starts + timedelta(minutes=schedule.late_entry_minutes):%H:%M}",
        "ends": _ends(desk, 0),
        "minutes": f"{schedule.minutes.normalize():f}",
    }


def _ends(desk: Desk, extra: float) -> str:
    schedule = desk.room.clock.schedule
    ends = schedule.starts_at + timedelta(minutes=float(schedule.minutes) + extra)
    return f"{ends.astimezone(desk.zone):%H:%M}"


def _accommodation(who: Seated) -> str:
    parts = [f"加时 {who.extra:g} 分钟"] if who.extra else []
    return "，".join([*parts, *(["大字版"] if who.large_print else [])])


def _rules(desk: Desk) -> list[str]:
    """What a candidate has to know; the minutes are the policy's (R25)."""
    schedule, times = desk.room.clock.schedule, _times(desk)
    earliest = schedule.earliest_submit_minutes
    leave = "考试结束后方可离场" if earliest is None else f"开考 {earliest} 分钟后方可交卷离场"
    return [
        f"凭本证和有效身份证件原件于 {times['opens']} 起签到入场，证件放在桌面左上角备查。",
        f"{times['starts']} 开考，{times['closes']} 后不得入场；{leave}。",
        "手机、手表等电子设备关闭后存放在指定位置，不得带到座位。",
        "按座位号就座，核对屏幕上的姓名和照片；有问题请举手，不要自行处理考试机。",
        "服从监考员管理，遵守考场规则；违规的按规定处理并告知本人。",
    ]
