"""Which camera a source is: what kind of source the words name, and the name it goes by at the server.

No pixels here, so that an agent without a camera library can still say which camera it cannot read.
"""

import re
from enum import StrEnum
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

DEVICES = Path("/sys/class/video4linux")
NAME_LIMIT = 64
_INDEX = re.compile(r"(?:/dev/video)?(\d{1,3})")
_NUMBER = re.compile(r"%0?(\d?)d")
_PICTURES = frozenset({".jpg", ".jpeg", ".png"})
_LEAST_SERIAL = 6
_SCHEMES = frozenset({"rtsp", "rtsps", "http", "https"})


class SourceKind(StrEnum):
    """What the word after `--camera` means."""

    DEVICE = "device"  # "0", "/dev/video2", a link to such a device
    PICTURES = "pictures"  # "frames/%03d.jpg"
    PICTURE = "picture"
    VIDEO = "video"
    NETWORK = "network"  # "rtsp://10.0.0.5/stream", "http://10.0.0.5/pictures.mjpeg"


def source_kind(source: str) -> SourceKind:
    """The kind of a source; whether it exists does not matter."""
    if device_index(source) is not None:
        return SourceKind.DEVICE
    if source.partition("://")[0].lower() in _SCHEMES and "://" in source:
        return SourceKind.NETWORK
    if _NUMBER.search(Path(source).name):
        return SourceKind.PICTURES
    return SourceKind.PICTURE if Path(source).suffix.lower() in _PICTURES else SourceKind.VIDEO


def device_index(source: str) -> int | None:
    """The number of a video device; None for anything else."""
    match = _INDEX.fullmatch(source)
    if match is None and source.startswith("/dev/"):
        match = _INDEX.fullmatch(str(Path(source).resolve()))
    return int(match[1]) if match else None


def numbered(pattern: str, number: int) -> Path:
    """The file of a pattern with this number."""
    path = Path(pattern)
    return path.with_name(_NUMBER.sub(lambda match: f"{number:0{match[1] or 1}d}", path.name, count=1))


def camera_name(source: str, devices: Path = DEVICES) -> str:
    """The name by which a room's plan knows this camera.

    A device goes by its serial number, or by the USB port it is plugged into when it has none worth the
    name; a network camera by its place without what signs in there; a recording by its file's name.
    `devices` is the kernel's folder of video devices.
    """
    index = device_index(source)
    if source_kind(source) is SourceKind.NETWORK:
        name = _place(source)
    else:
        name = Path(source).name if index is None else _device_name(index, devices)
    return "".join(sign for sign in name if sign.isprintable())[:NAME_LIMIT]


def signed_in(source: str, login: str) -> str:
    """A network camera's address with "user:password" in it, in place of whatever it had."""
    parts = urlsplit(source)
    user, _colon, password = login.strip().partition(":")
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(user, safe='')}:{quote(password, safe='')}@{place}"))


def _place(source: str) -> str:
    """Host, port and path: neither a password nor a query, which may hold a key."""
    before, _at, rest = source.partition("://")[2].rpartition("@")
    if re.search(r"[?#]", before):
        return "network"  # nobody can say where a password ends here
    return re.split(r"[?#]", rest, maxsplit=1)[0].rstrip("/")


def _device_name(index: int, devices: Path) -> str:
    place = (devices / f"video{index}" / "device").resolve()
    for folder in (place, *place.parents):
        if (folder / "idVendor").exists():
            serial = _line(folder / "serial")
            worthy = len(serial) >= _LEAST_SERIAL and len(set(serial)) > 1
            return serial if worthy else f"usb-{folder.name}"
    return f"video{index}"


def _line(path: Path) -> str:
    try:
        return path.read_text("ascii", "replace").strip()
    except OSError:
        return ""
