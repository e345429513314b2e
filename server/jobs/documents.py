"""The child's part of documents on paper: data in, a PDF out; nothing touches a disk."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from server.documents import marking, paper
from server.documents.typesetting import copies, qr, typeset

_BODIES: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "paper": lambda opened: {"paper": paper.paper(opened["form"])},
    "sheet": lambda opened: {"sheet": marking.sheet(opened["form"])},
    "key": lambda opened: {"key": marking.key(opened["form"], opened["key"])},
}
"""Documents made of a package's sections; the others bring their data as it is printed."""


def document_pdf(payload: dict[str, Any], report: Callable[..., None]) -> dict[str, Any]:
    """`document` (paper, sheet, key, register, record, proof), `head`, `size`, `at` -> `data`, the PDF.

    Paper, sheet and key are made of `forms` (letter -> {"form", "key"} as a package holds them) and
    `media`, and come in `copies`; register, record and proof are made of `data`. `seal_code` is the text of
    a second QR, for a document that is sealed.
    """
    name, at = str(payload["document"]), datetime.fromisoformat(payload["at"])
    frame = {"head": payload["head"], "size": payload.get("size", "A4")}
    if name not in _BODIES:
        frame["code"] = qr(f"EXAMHALL1 {name} {payload['head']['hash']}")
        frame["seal_code"] = qr(str(payload["seal_code"])) if "seal_code" in payload else ""
        return {"data": typeset(name, frame | payload["data"], at=at).pdf}
    pictures = paper.pictures(payload["media"]) if name == "paper" else {}
    bodies = {}
    for done, (form, opened) in enumerate(payload["forms"].items()):
        report(done / (len(payload["forms"]) + 1), form)
        bodies[form] = typeset(name, frame | _BODIES[name](opened), pictures, at=at)
    return {"data": copies(bodies, frame | {"copies": payload["copies"]}, at=at).pdf}
