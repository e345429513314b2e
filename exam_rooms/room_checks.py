"""What a room's plan must keep to before candidates are seated there: limits are arguments, from a policy.

The same rules speak in the editor while a plan is drawn, at the import of a file, and before a
seating is locked.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from exam_rooms.seatmap import RoomKind, RoomMap, SeatPosition, distance

Value = str | int | float


@dataclass(frozen=True, slots=True)
class Limits:
    """The most normal seats by `RoomKind`, the least metres between two seats, seats for each spare one."""

    most_seats: Mapping[str, int]
    smallest_gap_metres: float
    seats_per_spare: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as the rules want it. `hard`: candidates cannot be seated before it is mended.

    `later`: a plan is drawn and stored with it all the same; it is mended until the seating is locked.
    `rule` is a rule id or ""; `code` is a message code with `params`; `seats` are those it is about.
    """

    rule: str
    hard: bool
    code: str
    params: Mapping[str, Value] = field(default_factory=dict)
    seats: tuple[str, ...] = ()
    later: bool = False

    @property
    def refuses(self) -> bool:
        """Whether no plan is taken with it."""
        return self.hard and not self.later


def findings(room: RoomMap, limits: Limits) -> tuple[Finding, ...]:
    """Everything to say about a plan, what is hard first."""
    found = [
        *_sizes(room, limits),
        *_labels(room),
        *_gaps(room, limits),
        *_video(room),
        *_spares(room, limits),
        *_cameras(room),
    ]
    return tuple(sorted(found, key=lambda each: not each.hard))


def _sizes(room: RoomMap, limits: Limits) -> Iterable[Finding]:
    """R17 counts the seats that candidates are given; spare ones stay free."""
    if not room.normal:
        yield Finding("", True, "room_without_seats", {"room": room.name})
        return
    most = limits.most_seats[room.kind]
    if len(room.normal) > most:
        code = _TOO_MANY.get(RoomKind(room.kind), "too_many_seats")
        yield Finding("R17", True, code, {"room": room.name, "seats": len(room.normal), "most": most})


_TOO_MANY = {RoomKind.SMART: "too_many_seats_smart", RoomKind.PRACTICAL: "too_many_stations"}


def _labels(room: RoomMap) -> Iterable[Finding]:
    """A label names one seat, a place in rows and columns holds one, a camera belongs to one."""
    for code, named in (
        ("seat_named_twice", [seat.number for seat in room.seats]),
        ("seat_place_shared", [f"{seat.row}/{seat.column}" for seat in room.seats]),
        ("camera_named_twice", list(room.cameras)),
    ):
        for name in sorted({name for name in named if named.count(name) > 1}):
            seats = tuple(s.number for s in room.seats if name in (s.number, f"{s.row}/{s.column}", s.camera))
            yield Finding("", True, code, {"name": name, "seats": "、".join(seats)}, seats)


def _gaps(room: RoomMap, limits: Limits) -> Iterable[Finding]:
    """R19: metres between the middles of two seats in use; partitions between them do as well."""
    least, seats = limits.smallest_gap_metres, room.usable
    if room.partitioned:
        return
    for order, seat in enumerate(seats):
        near = _nearest(seat, seats[:order])
        if near is not None and near[0] < least:
            params: dict[str, Value] = {"seat": seat.number, "other": near[1], "gap": near[0], "least": least}
            yield Finding("R19", True, "seats_too_close", params, (seat.number, near[1]))


def _nearest(seat: SeatPosition, others: Iterable[SeatPosition]) -> tuple[float, str] | None:
    return min(((distance(seat, other), other.number) for other in others), default=None)


def _video(room: RoomMap) -> Iterable[Finding]:
    """R17 asks for video of the room: each seat at which somebody may sit is in the view of a camera."""
    if any(not camera.covers for camera in room.video):
        return
    if not room.video:
        yield Finding("R17", True, "video_not_said", {"room": room.name}, later=True)
        return
    seen = {number for camera in room.video for number in camera.covers}
    bare = tuple(seat.number for seat in room.usable if seat.number not in seen)
    if bare:
        params: dict[str, Value] = {"room": room.name, "n": len(bare), "seats": "、".join(bare)}
        yield Finding("R17", True, "seats_without_video", params, bare)


def _spares(room: RoomMap, limits: Limits) -> Iterable[Finding]:
    """R18: one spare seat for so many normal ones, the last part of them counted as whole."""
    wanted = -(-len(room.normal) // limits.seats_per_spare)
    if len(room.spare) < wanted:
        params: dict[str, Value] = {"room": room.name, "spare": len(room.spare), "wanted": wanted}
        yield Finding("R18", False, "few_spare_seats", params)


def _cameras(room: RoomMap) -> Iterable[Finding]:
    """A smart room's seats without a camera are checked by people; a standard room uses none."""
    if room.kind == RoomKind.SMART:
        bare = tuple(seat.number for seat in room.usable if not seat.camera)
        if bare:
            params: dict[str, Value] = {"room": room.name, "n": len(bare), "seats": "、".join(bare)}
            yield Finding("", False, "seats_without_camera", params, bare)
    elif room.cameras:
        yield Finding("", False, "cameras_not_used", {"room": room.name, "cameras": len(room.cameras)})
