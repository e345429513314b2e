"""The child's part of bringing in scans: a PDF, a picture or a zip of them in, upright pages in strips out.

A page is cut into three strips, each a JPEG of its own: what the printer stamped (seat, ticket, code), the
head with the boxes for name and ticket, and the body. Who marks is shown the body of a first page, head and
body of the others; so nobody has to look into a picture to hide a name in it.
"""

import io
import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any, cast

import cv2
import numpy as np
import typst
from pypdf import PdfReader
from pypdf.errors import PyPdfError

from proctoring.frames import Frame, FrameFault, decode
from server.errors import Refused

PAGES_LIMIT = 400
BYTES_LIMIT = 24 << 20  # of one picture, unpacked
PICTURES = frozenset({".jpg", ".jpeg", ".png"})
PPI = 200.0  # at which a PDF is drawn: the smallest printed code has three pixels a module
LONGEST_SIDE = 3600  # pixels: A4 at 300 a inch, A3 at 217
KEPT_HEIGHT = 1754  # pixels of an upright page as it is kept: A4 and A3 across at 150 a inch
LARGEST_POINTS = 1800.0  # of a PDF page's side: beyond A2 nothing is a scanned sheet
STAMP_END, HEAD_END = 24 / 297, 57 / 297
"""Where the strips end, as shares of a page's height: our documents are 297 mm high on A4 and on A3."""
_CORNER = (0.14, 0.60)  # the code is printed in the top right corner: share of the height, from which width
_TURNS: tuple[int | None, ...] = (
    None,
    cv2.ROTATE_180,
    cv2.ROTATE_90_CLOCKWISE,
    cv2.ROTATE_90_COUNTERCLOCKWISE,
)


def read_scans(payload: dict[str, Any], report: Callable[..., None]) -> dict[str, Any]:
    """`data`, `name` -> `pages`: [{"code": what its QR says or ""}], and stamp-N, head-N, body-N as JPEG.

    Raises `Refused` (scan_*, zip_damaged, picture_*) for what cannot be read; then nothing is kept.
    """
    found: dict[str, Any] = {}
    told: list[dict[str, str]] = []
    for frame, share in _frames(payload["data"], payload["name"]):
        upright, code = _read_code(frame)
        number = len(told)
        for name, strip in _strips(upright):
            found[f"{name}-{number}"] = strip
        told.append({"code": code})
        report(share, str(number + 1))
    return {**found, "pages": told}


def _frames(data: bytes, name: str) -> Iterator[tuple[Frame, float]]:
    if data.startswith(b"%PDF-"):
        yield from _pdf_frames(data, name)
    elif data.startswith(b"PK\x03\x04"):
        yield from _zip_frames(data, name)
    else:
        yield _picture(data, name), 1.0


def _pdf_frames(data: bytes, name: str) -> Iterator[tuple[Frame, float]]:
    count = _pdf_pages(data, name)
    with os.fdopen(os.memfd_create("scan"), "wb") as held:
        held.write(data)
        held.flush()
        for page in range(1, count + 1):
            yield _drawn(held.fileno(), page, name), page / count


def _pdf_pages(data: bytes, name: str) -> int:
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted:
            raise Refused("scan_encrypted", 422, file=name, field="file")
        pages = len(reader.pages)
        sides = [float(side) for page in reader.pages for side in (page.mediabox.width, page.mediabox.height)]
    except (PyPdfError, ValueError, TypeError, KeyError, RecursionError, OSError) as fault:
        raise Refused("scan_damaged", 422, file=name, field="file") from fault
    if not 1 <= pages <= PAGES_LIMIT:
        raise Refused("scan_too_many_pages", 422, file=name, limit=PAGES_LIMIT, field="file")
    if max(sides) > LARGEST_POINTS:
        raise Refused("scan_page_too_large", 422, file=name, field="file")
    return pages


def _drawn(handle: int, page: int, name: str) -> Frame:
    """One page of a PDF as pixels. Typst draws it: the documents that come back were typeset by it, too."""
    source = (
        f'#set page(width: auto, height: auto, margin: 0pt)\n#image("/{handle}", format: "pdf", page: {page})'
    )
    try:
        compiler = cast("Any", typst.Compiler)(
            {"main.typ": source.encode()}, root="/proc/self/fd", ignore_system_fonts=True
        )
        drawn = compiler.compile(format="png", ppi=PPI)
    except (RuntimeError, ValueError) as fault:
        raise Refused("scan_damaged", 422, file=name, field="file") from fault
    return _picture(drawn, name)


def _zip_frames(data: bytes, name: str) -> Iterator[tuple[Frame, float]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = [
                part
                for part in archive.infolist()
                if not part.is_dir() and _is_picture(PurePosixPath(part.filename))
            ]
            if not 1 <= len(parts) <= PAGES_LIMIT:
                raise Refused("scan_too_many_pages", 422, file=name, limit=PAGES_LIMIT, field="file")
            for done, part in enumerate(sorted(parts, key=lambda each: _counted(each.filename)), 1):
                shown = _shown(part.filename)
                if part.file_size > BYTES_LIMIT:
                    raise Refused("scan_page_too_large", 422, file=shown, field="file")
                yield _picture(archive.read(part), shown), done / len(parts)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError) as fault:
        raise Refused("zip_damaged", 422, file=name, field="file") from fault


def _is_picture(path: PurePosixPath) -> bool:
    """Without what macOS adds beside every file, which has the file's own ending."""
    hidden = path.name.startswith(".") or "__MACOSX" in path.parts
    return not hidden and path.suffix.lower() in PICTURES


def _counted(name: str) -> tuple[tuple[int, str], ...]:
    """A key by which page 2 comes before page 10: scanners seldom write leading zeros."""
    runs = re.findall(r"[0-9]+|[^0-9]+", name)
    return tuple((int(run[:18]), run) if run.isdecimal() else (-1, run) for run in runs)


def _shown(name: str) -> str:
    return "".join(char for char in PurePosixPath(name).name if char.isprintable())[-80:]


def _picture(data: bytes, name: str) -> Frame:
    try:
        return _fitted(decode(data))
    except FrameFault as fault:
        code = "scan_not_readable" if fault.code == "picture_not_jpeg_or_png" else fault.code
        raise Refused(code, 422, file=name, field="file", **fault.params) from fault


def _fitted(frame: Frame) -> Frame:
    """No larger than is needed to read the code: turned copies of a page at 600 a inch fill the memory."""
    height, width = frame.shape[:2]
    share = LONGEST_SIDE / max(height, width)
    if share >= 1:
        return frame
    size = max(1, round(width * share)), max(1, round(height * share))
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)


def _read_code(frame: Frame) -> tuple[Frame, str]:
    """The page upright with the text of its code; as it came, with "", when none can be read."""
    detector = cv2.QRCodeDetector()
    for turn in _TURNS:
        turned = frame if turn is None else np.asarray(cv2.rotate(frame, turn), np.uint8)
        height, width = turned.shape[:2]
        corner = turned[: int(height * _CORNER[0]), int(width * _CORNER[1]) :]
        if min(corner.shape[:2]) < 32:
            continue
        for size in (1.0, 2.0):
            text = _decoded(detector, corner, size)
            if text:
                return turned, text
    return frame, ""


def _decoded(detector: Any, corner: Frame, size: float) -> str:  # noqa: ANN401 - cv2 has no types
    looked_at = corner if size == 1.0 else cv2.resize(corner, None, fx=size, fy=size, interpolation=3)
    try:
        text = detector.detectAndDecode(looked_at)[0]
    except cv2.error:  # a shape that is no code may break its geometry
        return ""
    return "".join(ch for ch in str(text or "") if ch.isprintable())[:120]


def _strips(frame: Frame) -> Iterator[tuple[str, bytes]]:
    height, width = frame.shape[:2]
    if height > KEPT_HEIGHT:
        size = max(1, round(width * KEPT_HEIGHT / height)), KEPT_HEIGHT
        frame = np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)
    height = frame.shape[0]
    ends = (0, round(height * STAMP_END), round(height * HEAD_END), height)
    for name, start, end in zip(("stamp", "head", "body"), ends, ends[1:], strict=False):
        done, encoded = cv2.imencode(".jpg", frame[start:end], [cv2.IMWRITE_JPEG_QUALITY, 80])
        if not done:
            raise Refused("picture_damaged", 422, field="file")
        yield name, encoded.tobytes()
