"""Rooms full of simulated seats that answer, for the bench of the monitors."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from sqlalchemy import select

from exam_rooms.seatmap import Aisle, Axis, Point, RoomMap, SeatPosition, VideoCamera
from server.cli.bench.crowd import Keys, paired, seated
from server.cli.bench.shape import USUAL_ROOM
from server.cli.rehearse.acts import Shift
from server.cli.rehearse.crew import Crew, Names, hire, hire_beside
from server.cli.rehearse.hall import Hall
from server.cli.rehearse.stage import Stage, Wish, fictional_people, staff_needed, stage_sitting
from server.cli.rehearse.telling import tell_step
from server.cli.words import _
from server.db.papers import FormItem
from server.db.rooms import Workstation
from server.db.sittings import Attempt, RoomSitting, Sitting
from server.host import Host

COLUMNS, PITCH = 20, 1.3
MINUTES, STARTS_IN = Decimal(90), timedelta(minutes=45)


@dataclass(frozen=True, slots=True)
class BenchRoom:
    """One room of the bench. `first`: the place of its first seat among all seats; `keys` of its seats."""

    crew: Crew
    stage: Stage
    first: int
    keys: Keys

    @property
    def seats(self) -> int:
        """How many candidates sit there."""
        return len(self.stage.entrants)


def parts(seats: int, room_seats: int = USUAL_ROOM) -> list[int]:
    """So many seats in rooms of at most `room_seats`; the first ones are full."""
    full, rest = divmod(seats, room_seats)
    return [room_seats] * full + ([rest] if rest else [])


def wide_room(name: str, seats: int, columns: int = COLUMNS) -> RoomMap:
    """A room in rows of twenty, or so many, with an aisle in the middle, as wide as large halls are."""
    middle = 1.0 + PITCH * columns / 2
    places = []
    for index in range(seats):
        row, column = divmod(index, columns)
        x = 1.0 + PITCH * column + (0.8 if column >= columns // 2 else 0.0)
        y = 1.8 + PITCH * row
        places.append(SeatPosition(f"{index + 1:03d}", row + 1, column + 1, round(x, 2), round(y, 2)))
    aisles = (Aisle(Axis.X, middle),)
    return RoomMap(
        name, tuple(places), aisles, Point(0.2, 0.4), Point(middle, 0.4), video=(VideoCamera("全景"),)
    )


def staged(hall: Hall, seats: int, room_seats: int = USUAL_ROOM) -> list[BenchRoom]:
    """Rooms as `assigned` makes them, where all candidates wait for the start."""
    found = assigned(hall, seats, room_seats)
    for room in found:
        seated(hall.host, room.stage)
    return found


def assigned(
    hall: Hall, seats: int, room_seats: int = USUAL_ROOM, starts_in: timedelta = STARTS_IN
) -> list[BenchRoom]:
    """The rooms of one sitting, each with its people, its package and paired workstations; nobody has signed
    in. The rooms share their staff but for the invigilators, as those of a centre do.
    """
    people = fictional_people(seats)
    found: list[BenchRoom] = []
    for number, count in enumerate(parts(seats, room_seats), 1):
        first = sum(room.seats for room in found)
        beside = found[0] if found else None
        title = f"{_('压测')} {number}"
        wish = Wish(
            title,
            people[first : first + count],
            MINUTES,
            seed=str(number),
            starts_in=starts_in,
            room=wide_room(title, count),
            joins=beside.stage.sitting if beside else None,
        )
        found.append(_room(hall, beside, wish, first))
    return found


def _room(hall: Hall, beside: BenchRoom | None, wish: Wish, first: int) -> BenchRoom:
    """The first room of a sitting, or one `beside` that first one."""
    names, needed = Names(f"bench{wish.seed}-", _("压测")), staff_needed(len(wish.entrants))
    if beside is None:
        crew = hire(hall.host, names, invigilators=needed)
    else:
        crew = hire_beside(hall.host, beside.crew, names, invigilators=needed)
    stage = stage_sitting(hall.host, crew, wish, told=tell_step)
    return BenchRoom(crew, stage, first, paired(hall.host, stage))


def opened(hall: Hall, rooms: Sequence[BenchRoom]) -> list[Shift]:
    """The packages are released and the chiefs let the rooms start with seats that check nothing."""
    shifts = []
    for room in rooms:
        shift = Shift(hall.address, room.crew, room.stage.room_sitting)
        shift.sign_in()
        shift.release()
        shifts.append(shift)
    return shifts


def items_of(host: Host, rooms: Sequence[BenchRoom]) -> dict[int, list[str]]:
    """Workstation -> the items of its candidate's form."""
    found: dict[int, list[str]] = {}
    with host.db.read() as session:
        for room in rooms:
            papers = (
                select(Sitting.paper_set_id)
                .join(RoomSitting, RoomSitting.sitting_id == Sitting.id)
                .where(RoomSitting.id == room.stage.room_sitting)
            )
            rows = session.execute(
                select(FormItem.form, FormItem.item_uid).where(
                    FormItem.paper_set_id == papers.scalar_subquery()
                )
            )
            forms: dict[str, list[str]] = {}
            for form, item in rows:
                forms.setdefault(form, []).append(item)
            seats = select(Workstation.id, Attempt.form).join(Attempt, Attempt.seat_id == Workstation.seat_id)
            query = seats.where(Attempt.room_sitting_id == room.stage.room_sitting)
            found |= {station: forms[form] for station, form in session.execute(query)}
    return found


def seats_of(host: Host, rooms: Sequence[BenchRoom]) -> dict[int, int]:
    """Seat id -> workstation."""
    ids = [number for room in rooms for number in room.keys]
    with host.db.read() as session:
        query = select(Workstation.seat_id, Workstation.id).where(Workstation.id.in_(ids))
        return dict(session.execute(query).all())
