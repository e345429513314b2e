"""What the tests of pages and forms share: files as people send them, pages as text, rows before and after."""

import html
import io
from collections.abc import Iterable, Mapping

from flask.testing import FlaskClient
from openpyxl import Workbook
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from server.db.base import Base
from server.errors import fill, sentence
from server.host import Host

HTML_AS_XLS = b"<html><body><table><tr><td>1</td></tr></table></body></html>"
BINARY = bytes(range(256)) * 8


def said(code: str, **params: object) -> str:
    """The sentence of a code, as a Chinese page shows it."""
    return fill(sentence(code), params)


def page(answer: TestResponse) -> str:
    """A page's text with its entities resolved."""
    return html.unescape(answer.text)


def send(browser: FlaskClient, path: str, data: bytes, name: str, **fields: str) -> TestResponse:
    """Posts a form with one file."""
    content = {**fields, "file": (io.BytesIO(data), name)}
    return browser.post(path, data=content, content_type="multipart/form-data")


def xlsx(sheets: Mapping[str, Iterable[Iterable[object]]]) -> bytes:
    """A real workbook."""
    book = Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def csv(rows: Iterable[Iterable[object]], encoding: str = "utf-8") -> bytes:
    """A comma-separated file."""
    return "".join(",".join(map(str, row)) + "\r\n" for row in rows).encode(encoding)


def counts(host: Host, *tables: type[Base]) -> list[int]:
    """How many rows each table has."""
    with host.db.read() as session:
        return [session.scalar(select(func.count()).select_from(table)) or 0 for table in tables]
