"""Children that mark a room and write its result list; they see keys and answers through the pipe only."""

import base64
import io
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import xlsxwriter

from exam_rooms.protocol import record_aad
from itembank.marking import mark as mark_paper
from itembank.papers import MarkingKey
from itembank.sealing import open_sealed

Report = Callable[..., None]
_WIDTHS = {"name": 14, "ticket": 18, "id_masked": 22, "employer": 28}


def mark(payload: dict[str, Any], report: Report) -> dict[str, Any]:
    """Opens the last answers of every attempt and marks them by its form's key."""
    keys = {form: MarkingKey.from_json(data) for form, data in payload["keys"].items()}
    done = []
    for number, work in enumerate(payload["attempts"], 1):
        done.append(_marked(work, keys[work["form"]]))
        report(number / len(payload["attempts"]), str(number))
    return {"attempts": done}


def _marked(work: dict[str, Any], key: MarkingKey) -> dict[str, Any]:
    secret = base64.b64decode(work["key"])
    responses = {item: _response(secret, work["attempt"], *place) for item, place in work["answers"].items()}
    marks = mark_paper(responses, key)
    return {
        "attempt": work["attempt"],
        "total": str(marks.total),
        "answered": len(responses),
        "not_counted": work["not_counted"],
        "items": [
            {
                "item": m.uid,
                "points": str(m.points),
                "awarded": str(m.awarded),
                "response": list(m.response),
                "state": m.state,
            }
            for m in marks.items
        ],
    }


def _response(key: bytes, attempt: int, journal: int, seq: int, body: str) -> tuple[str, ...]:
    plain = open_sealed(key, base64.b64decode(body), record_aad(attempt, journal, seq))
    return tuple(str(part) for part in json.loads(plain)["response"])


def results_xlsx(payload: dict[str, Any], _report: Report) -> dict[str, Any]:
    """A workbook of the result list: `head` lines, `columns` as [key, title], `rows` as objects.

    Every cell is text but the score: nothing a name contains can become a formula or a link.
    """
    buffer = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = xlsxwriter.Workbook(buffer, options | {"strings_to_numbers": False})
    page = book.add_worksheet(payload["sheet"][:31])
    bold, head = book.add_format({"bold": True}), book.add_format({"bold": True, "bottom": 1})
    for line, text in enumerate(payload["head"]):
        page.write_string(line, 0, text, bold if line == 0 else None)
    top = len(payload["head"]) + 1
    score = book.add_format({"num_format": "0.0##"})
    for column, (key, title) in enumerate(payload["columns"]):
        page.write_string(top, column, title, head)
        page.set_column(column, column, _WIDTHS.get(key, 10))
        for line, row in enumerate(payload["rows"], top + 1):
            value = row[key]
            if key == "total" and value != "":
                page.write_number(line, column, float(Decimal(value)), score)
            else:
                page.write_string(line, column, str(value))
    page.freeze_panes(top + 1, 0)
    book.close()
    return {"data": buffer.getvalue()}
