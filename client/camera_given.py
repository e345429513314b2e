"""The camera that an agent is given on its command line. No pixels here: opening it is left to others."""

import argparse
import re
from dataclasses import dataclass, field
from pathlib import Path

from client.camera_name import SourceKind, camera_name, signed_in, source_kind

_SIZE = re.compile(r"(\d{2,5})[x×](\d{2,5})")
_LOGIN_LIMIT = 512


@dataclass(frozen=True, slots=True)
class GivenCamera:
    """`source` "" for none; it may hold a password, so it is never shown. `identity`: the name in the room's
    plan, "" for the camera's own; `size`: width and height that its pictures should have, None for usual.
    """

    source: str = field(default="", repr=False)
    identity: str = ""
    size: tuple[int, int] | None = None

    def name(self) -> str:
        """Which camera this is right now: another one may have been plugged in."""
        return self.identity or camera_name(self.source)

    @property
    def live(self) -> bool:
        """Whether pictures come from a camera, and not from a recording, which repeats itself rightly."""
        return source_kind(self.source) in (SourceKind.DEVICE, SourceKind.NETWORK)


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options about cameras."""
    parser.add_argument(
        "--camera", metavar="SOURCE", help="0, /dev/video2, rtsp://HOST/PATH, a video, a/%%03d.jpg, a picture"
    )
    parser.add_argument("--camera-id", metavar="TEXT", help="the camera's name in the plan of the room")
    parser.add_argument(
        "--camera-size", metavar="WxH", type=size_of, help="size that its pictures should have: 1280x720"
    )
    parser.add_argument(
        "--camera-login", metavar="FILE", type=login_of, help="file with user:password of a network camera"
    )


def given_camera(arguments: argparse.Namespace) -> GivenCamera:
    """What the options say together."""
    source = arguments.camera or ""
    if arguments.camera_login and source_kind(source) is SourceKind.NETWORK:
        source = signed_in(source, arguments.camera_login)
    return GivenCamera(source, arguments.camera_id or "", arguments.camera_size)


def size_of(text: str) -> tuple[int, int]:
    """Width and height of "1280x720". Raises `argparse.ArgumentTypeError`."""
    match = _SIZE.fullmatch(text.strip().lower())
    if match is None:
        raise argparse.ArgumentTypeError("not like 1280x720")
    return int(match[1]), int(match[2])


def login_of(path: str) -> str:
    """The first line of a file, "user:password". Raises `argparse.ArgumentTypeError` without a word of it."""
    try:
        line = Path(path).read_text("utf-8")[:_LOGIN_LIMIT].strip().partition("\n")[0].strip()
    except (OSError, ValueError) as fault:
        raise argparse.ArgumentTypeError("cannot be read") from fault
    if ":" not in line:
        raise argparse.ArgumentTypeError("no user:password in it")
    return line
