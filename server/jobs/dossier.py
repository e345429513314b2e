"""The child's part of a dossier: documents typeset, everything hashed and packed; nothing touches a disk."""

import base64
from collections.abc import Callable
from typing import Any

from server.jobs.documents import document_pdf
from server.rules.archive import INDEX, index_of, pack
from server.rules.archive_check import attempts_wrong


def dossier(payload: dict[str, Any], report: Callable[..., None]) -> dict[str, Any]:
    """`facts` of the index, `names` of the files f0, f1, ..., `documents` to be typeset by name -> `data`,
    the zip without its signature, and `index`, which the site signs.
    """
    files = {name: payload[f"f{place}"] for place, name in enumerate(payload["names"])}
    for done, (name, document) in enumerate(payload["documents"].items(), 1):
        files[name] = document_pdf(document, lambda *_: None)["data"]
        report(0.5 * done / len(payload["documents"]), name)
    files = {name: files[name] for name in sorted(files)}
    key = base64.b64decode(payload["facts"]["site_key"])
    known = [[one.file, one.code, one.row] for one in attempts_wrong(files, key)]
    report(0.7, "4-results/attempts.json")
    index = index_of({**payload["facts"], "known": known}, files)
    report(0.8, INDEX)
    return {"index": index, "data": pack({INDEX: index, **files})}
