"""The page of one room's sitting, with rosters and photos for it."""

from dataclasses import dataclass
from datetime import date

from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from exam_rooms.identity import check_character
from server.db.sittings import Registration
from server.host import Host
from tests.server import desk, preparing
from tests.server.desk import send

HEAD = ["姓名", "身份证号", "单位"]


def id_number(day: int, serial: int = 1) -> str:
    body = f"110000{date(1990, 1, 1).replace(day=day):%Y%m%d}{serial:03d}"
    return body + check_character(body)


PEOPLE = [
    ["示例甲", id_number(1), "一公司"],
    ["示例乙", id_number(2), "一公司"],
    ["㼆𠮷", id_number(3), "二公司"],
]


@dataclass
class Sitting:
    """An administrator's browser at a planned room's sitting."""

    host: Host
    crew: preparing.Crew
    browser: FlaskClient
    id: int
    papers: int

    @property
    def path(self) -> str:
        return f"/sittings/{self.id}"

    def roster(self, rows: list[list[object]], name: str = "roster.xlsx") -> TestResponse:
        data = desk.xlsx({"名册": rows}) if name.endswith("xlsx") else desk.csv(rows)
        return send(self.browser, f"{self.path}/roster", data, name)

    def photos(self, data: bytes, **fields: str) -> TestResponse:
        return send(self.browser, f"{self.path}/photos", data, "photos.zip", **fields)

    def tickets(self) -> list[str]:
        with self.host.db.read() as session:
            return list(session.scalars(select(Registration.ticket).order_by(Registration.id)))
