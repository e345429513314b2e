"""Messages between the agent of a room's camera and the server: heads in, what to do next out.

No pixels travel but on demand: the picture for a calibration, or the part of one around a seat that an
incident is about.
"""

from dataclasses import dataclass

from exam_rooms.watch_messages import CameraState


@dataclass(frozen=True, slots=True)
class RoomPairReply:
    """The camera now belongs to a room. `site_key`: the site's Ed25519 key in base64."""

    camera: int
    room: str
    site_key: str


@dataclass(frozen=True, slots=True)
class HeadNote:
    """One head: its middle and its width as shares of the picture's width and height, and the score."""

    x: float
    y: float
    width: float
    score: float


@dataclass(frozen=True, slots=True)
class RoomCameraReport:
    """One look: `number` counts the agent's looks, from a random one at each start; `boot_ns` says when
    it was taken.

    `blind`: why nothing could be seen ("" otherwise: "lost", "dark", "covered", "blurred", "unavailable");
    there are no heads then. `width` and `height` of the picture in pixels, 0 without one. `cost_ms`: CPU time
    of the look.
    """

    boot_id: str
    boot_ns: int
    number: int
    state: CameraState
    identity: str = ""
    blind: str = ""
    width: int = 0
    height: int = 0
    heads: tuple[HeadNote, ...] = ()
    unavailable: tuple[str, ...] = ()
    models: dict[str, str] | None = None
    cost_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class WantedPicture:
    """A picture that the server asks for: of look `number` (0: of now), the part `left`, `top`, `width`,
    `height` in shares of it, sent under `ref`.
    """

    ref: str
    number: int = 0
    left: float = 0.0
    top: float = 0.0
    width: float = 1.0
    height: float = 1.0


@dataclass(frozen=True, slots=True)
class RoomCameraOrders:
    """The next look is due in `sample_seconds`; `wanted`: pictures to send before.

    `watching`: whether the room is in a sitting; `hint` as in `Taken`.
    """

    sample_seconds: float
    watching: bool = False
    wanted: tuple[WantedPicture, ...] = ()
    hint: int = 0
