"""Pictures, sounds and films of a bank file: recognised by content, pictures drawn anew, kept by hash.

A picture is decoded under a pixel limit and written again, so that nothing but its pixels survives. SVG and
whatever does not decode are refused.
"""

import hashlib
import io
import warnings
from dataclasses import dataclass

from PIL import Image, ImageOps

from itembank.items import Medium
from itembank.problems import Problem

MAX_PIXELS = 20_000_000
MAX_MEDIUM_BYTES = 20 * 1024 * 1024
MAX_MEDIA_BYTES = 100 * 1024 * 1024  # of one file, together
_PICTURES = {
    "PNG": "PNG",
    "JPEG": "JPEG",
    "GIF": "PNG",
    "BMP": "PNG",
    "WEBP": "PNG",
    "TIFF": "PNG",
    "MPO": "JPEG",
}
_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"\xff\xf3", "audio/mpeg"),
    (0, b"OggS", "audio/ogg"),
    (4, b"ftypM4A", "audio/mp4"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
)


@dataclass(frozen=True, slots=True)
class MediumFile:
    """One medium with its bytes, ready to be sealed."""

    medium: Medium
    data: bytes


class MediaBox:
    """Collects the media of one file; the same bytes come in once."""

    def __init__(self) -> None:
        self.files: dict[str, MediumFile] = {}
        self._given: dict[str, Medium | str] = {}
        self._size = 0

    def add(self, data: bytes, place: str) -> Medium | Problem:
        """The medium that `data` became, or why it is not taken (codes `media_*`, with the place)."""
        given = hashlib.sha256(data).hexdigest()
        known = self._given.get(given)
        if known is None:
            known = self._given[given] = self._take(data)
        return Problem(known, place) if isinstance(known, str) else known

    def _take(self, data: bytes) -> Medium | str:
        if not data or len(data) > MAX_MEDIUM_BYTES:
            return "media_too_large" if data else "media_not_readable"
        made = _recognised(data)
        if isinstance(made, str):
            return made
        self._size += len(made.data)
        if self._size > MAX_MEDIA_BYTES:
            return "media_too_many"
        self.files[made.medium.sha256] = made
        return made.medium


def _recognised(data: bytes) -> MediumFile | str:
    for offset, mark, mime in _SIGNATURES:
        if data[offset : offset + len(mark)] == mark:
            return MediumFile(Medium(hashlib.sha256(data).hexdigest(), mime, len(data)), data)
    start = data[:1024].lstrip().lower()
    if b"<svg" in start or start.startswith(b"<?xml"):
        return "media_svg"
    return _drawn_anew(data)


def _drawn_anew(data: bytes) -> MediumFile | str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with Image.open(io.BytesIO(data), formats=tuple(_PICTURES)) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    return "media_too_large"
                form = _PICTURES[str(picture.format)]
                upright = ImageOps.exif_transpose(picture)
                flat = upright.convert("RGB" if form == "JPEG" else _mode(upright))
    except Exception:  # noqa: BLE001 - a hostile picture raises whatever its decoder meets
        return "media_not_readable"
    memory = io.BytesIO()
    flat.save(memory, form, **({"quality": 90} if form == "JPEG" else {"optimize": False}))
    content = memory.getvalue()
    sha, mime = hashlib.sha256(content).hexdigest(), f"image/{form.lower()}"
    return MediumFile(Medium(sha, mime, len(content), flat.width, flat.height), content)


def _mode(picture: Image.Image) -> str:
    return "RGBA" if "A" in picture.getbands() or "transparency" in picture.info else "RGB"
