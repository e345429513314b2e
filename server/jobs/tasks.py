"""What a child can do: kind of job -> the function that does it, imported only in the child.

A task is `function(payload, report) -> result`: plain JSON values, bytes only at the top level of payload
and result. It raises `Refused(code, **params)` for what its input does not allow.
"""

import importlib
from collections.abc import Callable
from typing import Any, cast

Task = Callable[[dict[str, Any], Callable[..., None]], dict[str, Any]]

TASKS: dict[str, str] = {
    "echo": "server.jobs.selftest:echo",
    "read_medium": "server.jobs.media:read_medium",
    "read_bank": "server.jobs.bank:read_bank",
    "export_bank": "server.jobs.bank:export_bank",
    "assemble": "server.jobs.assembling:assemble",
    "rebuild": "server.jobs.assembling:assemble",
    "assemble_tables": "server.jobs.assembling:assemble_tables",
    "read_template": "server.jobs.sheet_templates:read_template",
    "template_xlsx": "server.jobs.sheet_templates:template_xlsx",
    "read_roster": "server.jobs.rosters:read_roster",
    "arrange_seats": "server.jobs.arranging:arrange_seats",
    "read_room": "server.jobs.rosters:read_room",
    "read_seb": "server.jobs.seb:read_seb",
    "read_photos": "server.jobs.photos:read_photos",
    "read_report_photos": "server.jobs.report_photos:read_report_photos",
    "read_scans": "server.jobs.scans:read_scans",
    "read_work": "server.jobs.works:read_work",
    "results_xlsx": "server.jobs.results:results_xlsx",
    "recheck_frames": "server.jobs.rechecks:recheck_frames",
    "mark": "server.jobs.results:mark",
    "compare_at_desk": "server.jobs.desk:compare_at_desk",
    "document_pdf": "server.jobs.documents:document_pdf",
    "dossier": "server.jobs.dossier:dossier",
    "day_papers": "server.jobs.day_papers:day_papers",
    "open_site_files": "server.jobs.site_files:open_site_files",
}

PATIENCE: dict[str, int] = {"assemble": 5, "rebuild": 5, "assemble_tables": 5, "read_scans": 5}
"""Times the usual seconds of CPU: one form a seat takes a minute on a fast machine."""

ROOM: dict[str, int] = {"day_papers": 2, "read_scans": 2, "open_site_files": 3}
"""Times the usual bytes of memory: the typesetter keeps the pictures of its last ten documents; a page that
was scanned at 600 points an inch takes 100 MB before it is made smaller; results of a site of a thousand
seats hold 110,000 records.
"""


LOOKS = frozenset({"recheck_frames", "compare_at_desk"})
"""Kinds that look at pictures: their payload is told `models`, the folder of installed networks."""


def task(kind: str) -> Task:
    """The function of a kind of job."""
    module, name = TASKS[kind].split(":")
    return cast("Task", getattr(importlib.import_module(module), name))
