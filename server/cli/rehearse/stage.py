"""Prepares a rehearsal in the stores, by the services that the screens use: bank to pairing codes."""

import hashlib
import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from importlib.resources import files
from typing import Any

from sqlalchemy import select

from exam_rooms.identity import check_character
from exam_rooms.seatmap import (
    Aisle,
    Axis,
    Point,
    RoomKind,
    RoomMap,
    SeatKind,
    SeatPosition,
    VideoCamera,
)
from itembank.problems import InputRefused, Problem
from server.access import Role
from server.cli.rehearse.crew import Crew
from server.db.bank import Bank
from server.db.rooms import Seat
from server.db.sittings import RoomSitting, Sitting
from server.errors import Refused
from server.host import Host
from server.jobs import importing
from server.jobs.rosters import sheets_from_json
from server.rules.policy import LevelPolicy, invigilators_needed, policy_for
from server.rules.roomfile import read_rooms
from server.rules.roster import RosterEntry
from server.services import (
    arrangement,
    assembly_runs,
    banks,
    batches,
    blueprint_drafts,
    blueprints,
    imports,
    package_sealing,
    pairing,
    papers,
    rooms,
    rosters,
    seating,
    staffing,
)
from server.services.import_commit import Choice
from server.services.signed import Signed

PROFILE, OCCUPATION, LEVEL = "rehearsal", "baowei", 3
BANK, BLUEPRINT = "bank_baowei_3.csv", "blueprint_baowei_3.yaml"
BANK_NAME, BANK_OCCUPATION = "示例题库·保卫管理员（三级）", "保卫管理员"
FORMS, MAX_OVERLAP = 4, 25
"""As many forms as keep all eight neighbours apart; the sample bank is too small for a smaller overlap."""
COLUMNS, PITCH_X, PITCH_Y = 6, 1.2, 1.2
SEATS_PER_SPARE = 10
PNG = b"\x89PNG"
ANY_ROOM = "a rehearsal takes the room that was wished for"
REVIEWED = "sample bank, reviewed before it was shipped"


@dataclass(frozen=True, slots=True)
class Wish:
    """What to stage. `starts_in`: from now to the planned start.

    `room` None: a room of this `kind` made for the seats. `joins`: a sitting staged before that is held in
    this room as well, with its papers, start and minutes.
    """

    title: str
    entrants: tuple[RosterEntry, ...]
    minutes: Decimal
    seed: str
    starts_in: timedelta = timedelta(minutes=10)
    room: RoomMap | None = None
    kind: RoomKind = RoomKind.STANDARD
    joins: int | None = None


@dataclass(frozen=True, slots=True)
class Entrant:
    """A fictional candidate at the drawn seat."""

    name: str
    ticket: str
    id_number: str
    seat: str


@dataclass(frozen=True, slots=True)
class Stage:
    """A prepared sitting. `seats`: number -> id, spare ones too; `codes`: seat number -> pairing code.

    `cameras`: seat number -> the camera that the room's plan names, for seats that have one.
    """

    room_sitting: int
    sitting: int
    room: int
    starts_at: datetime
    entrants: tuple[Entrant, ...]
    seats: dict[str, int]
    codes: dict[str, str]
    cameras: dict[str, str]

    def spare_seats(self) -> list[str]:
        """Seats without a candidate, in the plan's order."""
        taken = {entrant.seat for entrant in self.entrants}
        return [number for number in self.seats if number not in taken]


def sample(name: str) -> bytes:
    """A sample file that ships with the server."""
    return (files("server") / "samples" / name).read_bytes()


def policy() -> LevelPolicy:
    """The terms under which rehearsals are held."""
    return policy_for(batches.read_profile(PROFILE), OCCUPATION, LEVEL)


def staff_needed(candidates: int) -> int:
    """How many invigilators the policy asks for."""
    return invigilators_needed(candidates, policy())


def stage_sitting(host: Host, crew: Crew, wish: Wish, *, told: Callable[[str], None]) -> Stage:
    """Everything up to sealed package and pairing codes. Raises `Refused` or `InputRefused`."""
    paper_set = None
    if wish.joins is None:
        told("bank")
        bank_id = _bank(host, crew)
        told("papers")
        paper_set = _papers(host, crew, bank_id, wish)
    told("room")
    room_sitting = _plan(host, crew, wish)
    with host.db.read() as session:
        sitting = session.get_one(RoomSitting, room_sitting).sitting_id
    if paper_set is not None:
        admin = crew.one(Role.ADMINISTRATOR).actor
        host.db.write(batches.choose_papers, admin, sitting, paper_set, now=host.now())
    _people(host, crew, room_sitting, wish)
    _seal(host, crew, room_sitting)
    told("pairing")
    return _stage(host, crew, wish, room_sitting)


def _bank(host: Host, crew: Crew) -> int:
    with host.db.read() as session:
        known = session.scalar(select(Bank.id).where(Bank.name == BANK_NAME))
        if known is not None and banks.view(session, known).items:
            return known
    keeper, data = crew.one(Role.BANK_KEEPER).actor, sample(BANK)
    if known is None:
        new = banks.new_bank(BANK_NAME, BANK_OCCUPATION, LEVEL, sample=True)
        known = host.db.write(banks.create, keeper, new, now=host.now())
    import_id = host.db.write(imports.begin, keeper, known, imports.UploadedFile(BANK, data), now=host.now())
    desk = importing.Desk(host.db, host.jobs, host.native, host.now)
    result = host.jobs.run("read_bank", {"data": data, "name": BANK})
    if "refused" in result:
        raise InputRefused(Problem.from_json(result["refused"]))
    importing.keep(desk, import_id, result)
    # The sample bank was reviewed before it was shipped, so two people let it in as it is.
    signed = Signed(crew.one(Role.ADMINISTRATOR).actor, REVIEWED, keeper)
    importing.take_in(desk, signed, import_id, Choice(reviewed=True))
    return known


def _blueprint(host: Host, crew: Crew) -> int:
    """The sample blueprint in use; one person writes it and another approves it unless it is there."""
    text = sample(BLUEPRINT).decode()
    with host.db.read() as session:
        known = blueprints.with_text(session, text)
        if known is not None and known.state == "active":
            return known.id
    keeper, second = crew.one(Role.BANK_KEEPER).actor, crew.one(Role.ADMINISTRATOR).actor
    number = host.db.write(blueprints.store, keeper, text, now=host.now())
    host.db.write(blueprint_drafts.approve, second, number, now=host.now())
    return number


def _papers(host: Host, crew: Crew, bank_id: int, wish: Wish) -> int:
    keeper, second = crew.one(Role.BANK_KEEPER).actor, crew.one(Role.ADMINISTRATOR).actor
    blueprint = _blueprint(host, crew)
    seed = str(int.from_bytes(hashlib.sha256(wish.seed.encode()).digest()[:8]) >> 1)
    plan = assembly_runs.AssemblyPlan(wish.title, bank_id, blueprint, FORMS, MAX_OVERLAP, seed)
    paper_set = host.db.write(assembly_runs.begin, keeper, plan, now=host.now())
    with host.db.read() as session:
        payload = assembly_runs.job_payload(session, paper_set)
    outcome: dict[str, Any] = host.jobs.run("assemble", payload)
    host.db.write(assembly_runs.store_outcome, paper_set, outcome)
    host.db.write(papers.approve, second, paper_set, now=host.now())
    return paper_set


def _plan(host: Host, crew: Crew, wish: Wish) -> int:
    """A room for the wish and its place in a sitting, a new one or the one that it joins."""
    admin = crew.one(Role.ADMINISTRATOR).actor
    room = wish.room or made_room(wish.title, len(wish.entrants), wish.kind)
    (room_id,) = host.db.write(rooms.store_rooms, admin, [room], now=host.now())
    if wish.joins is None:
        batch = batches.BatchPlan(wish.title, OCCUPATION, LEVEL, PROFILE)
        batch_id = host.db.write(batches.create, admin, batch, now=host.now())
        plan = batches.SittingPlan(host.now() + wish.starts_in, wish.minutes, (room_id,))
    else:
        with host.db.read() as session:
            sitting = session.get_one(Sitting, wish.joins)
            batch_id, starts_at, minutes = sitting.batch_id, sitting.starts_at, sitting.minutes
        plan = batches.SittingPlan(starts_at, minutes, (room_id,), joins=wish.joins)
    (room_sitting,) = host.db.write(batches.add_sitting, admin, batch_id, plan, now=host.now())
    return room_sitting


def _people(host: Host, crew: Crew, room_sitting: int, wish: Wish) -> None:
    admin, now = crew.one(Role.ADMINISTRATOR).actor, host.now
    host.db.write(rosters.store_roster, admin, room_sitting, list(wish.entrants), now=now())
    duties = {member.user_id: Role.INVIGILATOR for member in crew.all(Role.INVIGILATOR)}
    for role in (Role.CHIEF_INVIGILATOR, Role.ROVER, Role.SYSTEM_ADMINISTRATOR):
        duties[crew.one(role).user_id] = role
    host.db.write(staffing.assign_staff, admin, room_sitting, duties, now=now())
    with host.db.read() as session:
        sitting = session.get_one(RoomSitting, room_sitting).sitting_id
    supervisor = crew.one(Role.SUPERVISOR).user_id
    host.db.write(staffing.name_supervisor, admin, sitting, supervisor, now=now())
    host.db.write(seating.draw, admin, room_sitting, seed=wish.seed, now=now())
    signed = Signed(admin, ANY_ROOM, crew.one(Role.CHIEF_INVIGILATOR).actor)
    host.db.write(arrangement.lock, signed, room_sitting, now=now())


def _seal(host: Host, crew: Crew, room_sitting: int) -> None:
    admin = crew.one(Role.ADMINISTRATOR)
    holders = {member.user_id: member.role for member in crew.members if member.passphrase}
    key = host.site.signing_key.private_bytes_raw()
    signed = Signed(admin.actor, cosigner=crew.one(Role.CHIEF_INVIGILATOR).actor)
    host.db.write(package_sealing.seal, signed, room_sitting, holders, key, now=host.now())


def _stage(host: Host, crew: Crew, wish: Wish, room_sitting: int) -> Stage:
    with host.db.read() as session:
        held = session.get_one(RoomSitting, room_sitting)
        rows = rosters.roster(session, room_sitting)
        found = list(session.scalars(select(Seat).where(Seat.room_id == held.room_id).order_by(Seat.id)))
        sitting = session.get_one(Sitting, held.sitting_id)
        seats = {seat.number: seat.id for seat in found}
        cameras = {seat.number: seat.camera for seat in found if seat.camera}
    chief, fingerprint = Signed(crew.one(Role.CHIEF_INVIGILATOR).actor), host.site.ca_fingerprint
    codes = host.db.write(pairing.issue_codes, chief, list(seats.values()), fingerprint, now=host.now())
    ids = {entry.name: entry.id_number for entry in wish.entrants}
    entrants = tuple(Entrant(row.name, row.ticket, ids[row.name], row.seat) for row in rows)
    return Stage(
        room_sitting=room_sitting,
        sitting=sitting.id,
        room=held.room_id,
        starts_at=sitting.starts_at,
        entrants=entrants,
        seats=seats,
        codes={number: codes[seat_id] for number, seat_id in seats.items()},
        cameras=cameras,
    )


def import_photos(host: Host, crew: Crew, staged: Stage, pictures: Mapping[str, bytes]) -> None:
    """Registration photos by ticket, through the import that an administrator's zip takes."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for ticket, picture in pictures.items():
            archive.writestr(f"{ticket}.{'png' if picture.startswith(PNG) else 'jpg'}", picture)
    payload = {"data": target.getvalue(), "name": "portraits.zip"}
    result: dict[str, Any] = host.jobs.run("read_photos", payload)
    photos = {name: value for name, value in result.items() if isinstance(value, bytes)}
    admin = crew.one(Role.ADMINISTRATOR).actor
    host.db.write(rosters.store_photos, admin, staged.room_sitting, photos, now=host.now())


def room_of_file(host: Host, name: str) -> RoomMap:
    """The first room of a sample room file, read as an upload would be."""
    result = host.jobs.run("read_room", {"data": sample(name), "name": name})
    for found in read_rooms(sheets_from_json(result["sheets"])):
        if isinstance(found, RoomMap):
            return found
        raise InputRefused(found)
    raise Refused("rooms_without_rows", 422)


def made_room(name: str, seats: int, kind: RoomKind = RoomKind.STANDARD) -> RoomMap:
    """A room in rows of six with an aisle in the middle, and one spare seat for every ten.

    In a smart one each seat has a camera.
    """
    spare = -(-seats // SEATS_PER_SPARE)
    places = tuple(
        _place(index, SeatKind.SPARE if index >= seats else SeatKind.NORMAL) for index in range(seats + spare)
    )
    if kind is RoomKind.SMART:
        places = tuple(replace(place, camera=f"CAM-{place.number}") for place in places)
    middle = PITCH_X * COLUMNS / 2 + 0.9
    door, desk = Point(0.2, 0.4), Point(middle, 0.4)
    return RoomMap(name, places, (Aisle(Axis.X, middle),), door, desk, kind, video=(VideoCamera("全景"),))


def _place(index: int, kind: SeatKind) -> SeatPosition:
    row, column = divmod(index, COLUMNS)
    aisle = 0.6 if column >= COLUMNS // 2 else 0.0
    return SeatPosition(
        number=f"{index + 1:02d}",
        row=row + 1,
        column=column + 1,
        x=round(1.0 + PITCH_X * column + aisle, 2),
        y=round(1.8 + PITCH_Y * row, 2),
        kind=kind,
    )


def fictional_people(count: int, *, named: str = "演练考生") -> tuple[RosterEntry, ...]:
    """Candidates who do not exist: the area code 110000 is given to nobody, the check characters are right.

    The same number has the same name and ID in every rehearsal, as the records of a site ask for.
    """
    entries = []
    for number in range(1, count + 1):
        born = date(1980, 1, 1) + timedelta(days=number)
        digits = f"110000{born:%Y%m%d}{number % 1000:03d}"
        entries.append(
            RosterEntry(
                place=str(number),
                name=f"{named}{number:03d}",
                id_number=digits + check_character(digits),
                employer=f"演练单位{(number - 1) % 5 + 1}",
            )
        )
    return tuple(entries)
