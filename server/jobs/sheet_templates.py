"""Children that read a template out of a foreign file, and write one as a workbook."""

from collections.abc import Callable
from typing import Any

from itembank.exporting.sheet_xlsx import sheet_xlsx
from itembank.importing.sheet_file import read_sheet_file
from itembank.problems import InputRefused
from itembank.sheet_template import Template
from server.errors import Refused

Report = Callable[..., None]


def read_template(payload: dict[str, Any], report: Report) -> dict[str, Any]:
    """`data`, `name` -> `template` (plain, without uid and version), `faults` and `doubts` as problems."""
    report(0.1, "read")
    try:
        read = read_sheet_file(payload["data"], payload["name"])
    except InputRefused as refusal:
        problem = refusal.problems[0]
        raise Refused(problem.code, 422, **problem.params) from refusal
    return {
        "template": read.template.to_json() if read.template else None,
        "faults": [problem.to_json() for problem in read.faults],
        "doubts": [problem.to_json() for problem in read.doubts],
    }


def template_xlsx(payload: dict[str, Any], _report: Report) -> dict[str, Any]:
    """`template` -> `data`, the workbook."""
    return {"data": sheet_xlsx(Template.from_json(payload["template"]))}
