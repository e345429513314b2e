"""The child's part of the papers of the day: a PDF for each room, and a zip of them when there are more."""

import io
import zipfile
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from proctoring.picture_size import declared_size
from server.documents.paper import Picture
from server.documents.typesetting import qr, typeset

PREFIX = "photo/"
_UNSAFE = str.maketrans(dict.fromkeys('/\\:*?"<>|', "_"))


def day_papers(payload: dict[str, Any], report: Callable[..., None]) -> dict[str, Any]:
    """`kind`, `at`, `papers` of {name, head, data}, photos as `photo/<number>` -> `data` and its `suffix`.

    Photos come as the JPEGs that the import made and go into the PDF as they are.
    """
    at, papers = datetime.fromisoformat(payload["at"]), payload["papers"]
    if len(papers) == 1:
        return {"data": _paper(payload, papers[0], at), "suffix": "pdf"}
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w", zipfile.ZIP_STORED) as archive:
        for number, paper in enumerate(papers, 1):
            name = f"{number:03d} {paper['name'].translate(_UNSAFE)} {payload['kind']}.pdf"
            archive.writestr(zipfile.ZipInfo(name, at.timetuple()[:6]), _paper(payload, paper, at))
            report(number / len(papers), paper["name"])
    return {"data": kept.getvalue(), "suffix": "zip"}


def _paper(payload: dict[str, Any], paper: Mapping[str, Any], at: datetime) -> bytes:
    kind, data = payload["kind"], dict(paper["data"])
    if kind == "ticket":
        data["tickets"] = [dict(each) | {"qr": qr(each["qr"])} for each in data["tickets"]]
    code = qr(f"EXAMHALL1 {kind} {paper['head']['hash']}")
    return typeset(kind, data | {"head": paper["head"], "code": code}, _photos(payload, data), at=at).pdf


def _photos(payload: dict[str, Any], data: Mapping[str, Any]) -> dict[str, Picture]:
    """The photos that one room shows; they leave the payload, so that memory holds each of them once.

    One that is no whole picture leaves its place empty: a room's papers do not wait for it.
    """
    shown = [each.get("photo", "") for each in (*data.get("tickets", ()), *_rows(data))]
    held = {number: payload.pop(PREFIX + number, None) for number in shown if number}
    return {n: Picture("jpg", photo, None) for n, photo in held.items() if photo and declared_size(photo)}


def _rows(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [row for row in data.get("rows", ()) if isinstance(row, Mapping)]
