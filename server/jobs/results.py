"""Children that mark a room and write its result list; they see keys and answers through the pipe only."""

import base64
import io
import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import xlsxwriter

from exam_rooms.protocol import record_aad
from itembank.key_fixes import FixedMark, KeyFix, added_up, mark_fixed
from itembank.papers import MarkingKey
from itembank.sealing import open_sealed

Report = Callable[..., None]
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_WIDTHS = {"name": 14, "ticket": 18, "id_masked": 22, "employer": 28}


def mark(payload: dict[str, Any], report: Report) -> dict[str, Any]:
    """Opens the last answers of every attempt and marks them by its form's key, under the fixes of keys."""
    keys = {form: MarkingKey.from_json(data) for form, data in payload["keys"].items()}
    fixes = {item: KeyFix.from_json(data) for item, data in payload.get("fixes", {}).items()}
    done = []
    for number, work in enumerate(payload["attempts"], 1):
        done.append(_marked(work, keys[work["form"]], fixes))
        report(number / len(payload["attempts"]), str(number))
    return {"attempts": done, "fixes": payload.get("fixes", {})}


def _marked(work: dict[str, Any], key: MarkingKey, fixes: dict[str, KeyFix]) -> dict[str, Any]:
    secret = base64.b64decode(work["key"])
    responses = {item: _response(secret, work["number"], *place) for item, place in work["answers"].items()}
    items = [_item(each) for each in mark_fixed(responses, key, fixes)]
    return {
        "attempt": work["attempt"],
        "total": str(added_up(items)),
        "answered": len(responses),
        "not_counted": work["not_counted"],
        "items": items,
    }


def _item(each: FixedMark) -> dict[str, Any]:
    plain = {
        "item": each.mark.uid,
        "points": str(each.mark.points),
        "awarded": str(each.mark.awarded),
        "response": list(each.mark.response),
        "state": each.mark.state,
    }
    if each.effect is not None:
        plain["fix"] = str(each.effect)
    return plain | ({"dropped": str(each.dropped)} if each.dropped else {})


def _response(key: bytes, attempt: int, journal: int, seq: int, body: str) -> tuple[str, ...]:
    plain = open_sealed(key, base64.b64decode(body), record_aad(attempt, journal, seq))
    return tuple(str(part) for part in json.loads(plain)["response"])


def results_xlsx(payload: dict[str, Any], _report: Report) -> dict[str, Any]:
    """A workbook of the result list: `head` lines, `columns` as [key, title], `rows` as objects.

    Every cell is text but the scores (`numeric` names their columns): nothing a name contains can become a
    formula or a link.
    """
    numeric = payload.get("numeric", ["total"])
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
            if key in numeric and _NUMBER.fullmatch(str(value)):
                page.write_number(line, column, float(Decimal(value)), score)
            else:
                page.write_string(line, column, str(value))
    page.freeze_panes(top + 1, 0)
    book.close()
    return {"data": buffer.getvalue()}
