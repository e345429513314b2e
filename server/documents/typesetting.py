"""From a template and data to a PDF, in memory alone: Typst reads its data from anonymous files.

Nothing is written to a disk: `memfd_create` gives files without a name that only this process can open, and
the root Typst may read is the process's own table of open files.
"""

import importlib.util
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import segno
import typst

from exam_rooms.wire import canonical
from server.documents.paper import Picture
from server.errors import Refused

OPEN_FILES = Path("/proc/self/fd")
FONT_PACKAGE = "manimgx_fonts_cjk"
FAMILIES = (
    "Noto Sans CJK SC",
    "Noto Serif CJK SC",
    "Source Han Sans SC",
    "Source Han Serif SC",
    "WenQuanYi Micro Hei",
)
"""Font families that print Chinese, the best first; the last lacks rare characters of names."""


@dataclass(frozen=True, slots=True)
class Typeset:
    """A PDF and its number of pages."""

    pdf: bytes
    pages: int


@dataclass(frozen=True, slots=True)
class Face:
    """The Chinese font in use: its family, and the folder it comes from ("" for the system's fonts)."""

    family: str
    folder: str = ""


@cache
def face() -> Face:
    """The Chinese font of all documents. Raises `Refused` (`fonts_missing`) when there is none.

    The font package comes first, so that documents look alike on every machine.
    """
    found = importlib.util.find_spec(FONT_PACKAGE)
    if found is not None and found.origin:
        folder = str(Path(found.origin).parent)
        families = typst.Fonts(include_system_fonts=False, font_paths=[folder]).families()
        if FAMILIES[0] in families:
            return Face(FAMILIES[0], folder)
    families = typst.Fonts().families()
    for family in FAMILIES:
        if family in families:
            return Face(family)
    raise Refused("fonts_missing")


def typeset(
    template: str,
    data: Mapping[str, Any],
    pictures: Mapping[str, Picture] | None = None,
    *,
    at: datetime,
) -> Typeset:
    """One document; `template` names a file of this package. The same input gives the same bytes.

    Raises `Refused` (`document_failed`) when a picture or a text cannot be set.
    """
    with ExitStack() as opened:
        media = {sha: _medium(opened, picture) for sha, picture in (pictures or {}).items()}
        return _compile(opened, ("base", "rich", template), {**data, "media": media}, at)


def copies(bodies: Mapping[str, Typeset], data: Mapping[str, Any], *, at: datetime) -> Typeset:
    """Copies of typeset documents, each with its stamp: the pages themselves are set and stored once.

    `bodies` by form; `data`: head, size and `copies` of {seat, number, ticket, form, code}, `code` being
    what the QR says.
    """
    coded = [dict(copy) | {"code": qr(str(copy["code"]))} for copy in data["copies"]]
    with ExitStack() as opened:
        held = {form: {"pages": body.pages, "path": _held(opened, body.pdf)} for form, body in bodies.items()}
        return _compile(opened, ("copies",), {**data, "copies": coded, "bodies": held}, at)


def qr(text: str) -> str:
    """A QR code as SVG; a fixed mask makes it five times faster and reads as well."""
    code = segno.make_qr(text, error="m", mask=2, boost_error=False)
    return str(code.svg_inline(border=1, omitsize=True))


def _compile(opened: ExitStack, templates: Sequence[str], data: Mapping[str, Any], at: datetime) -> Typeset:
    font = face()
    held = _held(opened, canonical({**data, "font": font.family}))
    folder, compiler_of = files("server.documents"), cast("Any", typst.Compiler)
    source = f'#let data = json("{held}")\n' + "\n".join(
        (folder / f"{name}.typ").read_text(encoding="utf-8") for name in templates
    )
    try:
        compiler = compiler_of(
            {"main.typ": source.encode()},
            root=OPEN_FILES,
            font_paths=[font.folder] if font.folder else [],
            ignore_system_fonts=bool(font.folder),
        )
        # The question comes first: after compiling, the compiler no longer finds a source given as bytes.
        pages = compiler.query("<pages>", field="value", one=True)
        pdf = compiler.compile(
            format="pdf", timestamp=at.replace(microsecond=0)
        )  # Typst takes no parts of a second
    except (RuntimeError, ValueError) as fault:
        raise Refused("document_failed", 422) from fault
    return Typeset(pdf, int(pages))


def _medium(opened: ExitStack, picture: Picture) -> dict[str, Any]:
    width, height = picture.pixels or (0, 0)
    return {
        "path": _held(opened, picture.data),
        "format": picture.format,
        "width": width,
        "height": height,
    }


def _held(opened: ExitStack, data: bytes) -> str:
    """The path under which Typst finds bytes that lie in no folder, until the stack closes."""
    handle = opened.enter_context(os.fdopen(os.memfd_create("document"), "wb"))
    handle.write(data)
    handle.flush()
    return f"/{handle.fileno()}"
