"""The child's part of a photo import: a zip of pictures in, checked and re-encoded JPEGs out."""

import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any

from itembank.problems import Problem
from proctoring.frames import FrameFault, portrait
from server.errors import Refused

PICTURES = frozenset({".jpg", ".jpeg", ".png"})
PICTURES_LIMIT = 5_000
BYTES_LIMIT = 12 << 20  # of one picture, unpacked
TOTAL_LIMIT = 400 << 20


def read_photos(payload: dict[str, Any], report: Callable[..., None]) -> dict[str, Any]:
    """`data` (zip), `name` -> {file stem: JPEG bytes ..., "problems": [...]}; nothing is written to disk."""
    photos: dict[str, Any] = {}
    problems: list[dict[str, object]] = []
    seen: set[str] = set()
    entries = list(_entries(payload["data"], payload["name"]))
    for done, (stem, data) in enumerate(entries, 1):
        if stem in seen:
            problems.append(Problem("photo_twice", stem).to_json())
            continue
        seen.add(stem)
        try:
            photos[stem] = portrait(data)
        except FrameFault as fault:
            problems.append(Problem(fault.code, stem, fault.params).to_json())
        report(done / len(entries), str(done))
    return {**photos, "problems": problems}


def _entries(data: bytes, name: str) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = [part for part in archive.infolist() if _is_picture(part)]
            if len(parts) > PICTURES_LIMIT or sum(part.file_size for part in parts) > TOTAL_LIMIT:
                raise Refused("photos_too_many", 422, file=name, limit=PICTURES_LIMIT)
            if not parts:
                raise Refused("photos_missing", 422, file=name)
            for part in parts:
                if part.file_size > BYTES_LIMIT:
                    raise Refused("photo_too_large", 422, file=part.filename)
                yield PurePosixPath(part.filename).stem, archive.read(part)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError) as fault:
        raise Refused("zip_damaged", 422, file=name) from fault


def _is_picture(part: zipfile.ZipInfo) -> bool:
    return not part.is_dir() and PurePosixPath(part.filename).suffix.lower() in PICTURES
