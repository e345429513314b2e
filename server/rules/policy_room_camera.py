"""Reading the `room_camera` part of a policy: what a room's camera tells, and how long it must last."""

from collections.abc import Mapping

from exam_rooms.room_watching import KINDS, RoomCameraRules
from exam_rooms.watching import EpisodeRule
from itembank.blueprint_reading import Reader
from server.rules.policy_watching import number

PATH = "room_camera"
SAMPLE = ("2", "5")  # seconds: vision of a whole room costs more than that of a seat, and votes take five
HOLD, CLEAR = ("0", "300"), ("0", "120")
KEYS = ("sample_seconds", "frames", "keep_days", "episodes")


def read_room_camera(read: Reader, data: object) -> RoomCameraRules | None:
    """The rules of the `room_camera` mapping; faults are added to the reader with their paths.

    None for a profile that does not name it: no room camera is used. A kind that `episodes` does not name
    is not told.
    """
    if data is None:
        return None
    fields = read.mapping(data, PATH, KEYS)
    if not isinstance(data, Mapping):
        return None
    return RoomCameraRules(
        sample_seconds=number(read, fields, "sample_seconds", SAMPLE, PATH),
        frames=read.whole(fields, "frames", PATH, bounds=(0, 2)),
        keep_days=read.whole(fields, "keep_days", PATH, bounds=(1, 3650)),
        episodes=_episodes(read, fields.get("episodes")),
    )


def _episodes(read: Reader, data: object) -> tuple[EpisodeRule, ...]:
    path = f"{PATH}.episodes"
    fields = read.mapping(data, path, tuple(str(kind) for kind in KINDS))
    if not isinstance(data, Mapping):
        return ()
    return tuple(_episode(read, str(kind), fields[kind]) for kind in KINDS if kind in fields)


def _episode(read: Reader, kind: str, data: object) -> EpisodeRule:
    path = f"{PATH}.episodes.{kind}"
    fields = read.mapping(data, path, ("hold_seconds", "clear_seconds"))
    return EpisodeRule(
        kind,
        hold_seconds=number(read, fields, "hold_seconds", HOLD, path),
        clear_seconds=number(read, fields, "clear_seconds", CLEAR, path),
    )
