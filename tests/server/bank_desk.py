"""A bank keeper's browser at an empty bank, and tables to send with it."""

import base64
import io
from dataclasses import dataclass

from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import select
from werkzeug.test import TestResponse

from server.db.bank import BankImport
from server.host import Host
from tests.server.desk import send

HEAD = [
    *("题库名称", "ID", "序号", "认定点代码", "题型代码", "题号", "试题（题干）"),
    *(f"试题（选项{letter}）" for letter in "ABCDE"),
    *("【图】及位置", "正确答案", "难度代码", "一致性代码", "解析"),
]


def row(
    number: int, *, kind: str = "B", answer: str = "A", stem: str = "", point: str = "A-A-A-001"
) -> list[object]:
    stem = stem or f"第 {number} 道题问的是什么？"
    options = ["甲", "乙", "丙", "丁", ""] if kind != "C" else [""] * 5
    return ["示例", f"T-{number}", number, point, kind, number, stem, *options, "", answer, 3, 5, ""]


GOOD = [HEAD, row(1), row(2, kind="G", answer="AB"), row(3, kind="C", answer="对")]
FAULTY = [HEAD, row(1), row(2, answer="E"), row(3, stem=" "), row(4, kind="怪题"), row(5, point="??")]


@dataclass
class Desk:
    """A bank keeper's browser at an empty bank."""

    host: Host
    browser: FlaskClient
    bank: int

    @property
    def path(self) -> str:
        return f"/banks/{self.bank}"

    def upload(self, data: bytes, name: str, **fields: str) -> TestResponse:
        """Sends a bank file, waits for the child and opens the report."""
        answer = send(self.browser, f"{self.path}/imports", data, name, **fields)
        assert answer.status_code == 302
        with self.host.db.read() as session:
            latest = session.scalars(select(BankImport).order_by(BankImport.id.desc())).first()
        self.host.jobs.wait(latest.job_id)
        return self.browser.get(answer.location)

    @property
    def imported(self) -> str:
        with self.host.db.read() as session:
            return f"{self.path}/imports/{session.scalars(select(BankImport.id)).all()[-1]}"


def moodle() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (3, 2), "blue").save(out, "PNG")
    data = base64.b64encode(out.getvalue()).decode()
    return f"""<?xml version="1.0" encoding="UTF-8"?><quiz>
<question type="category"><category><text>$course$/消防</text></category></question>
<question type="multichoice"><name><text>q1</text></name>
<questiontext format="html"><text><![CDATA[<p>图中是什么？<img src="@@PLUGINFILE@@/a.png" onerror="x()"><script>x()</script></p>]]></text>
<file name="a.png" path="/" encoding="base64">{data}</file></questiontext><single>true</single>
<answer fraction="100" format="html"><text>灭火器</text></answer><answer fraction="0" format="html"><text>水桶</text></answer>
</question></quiz>""".encode()


MOODLE = moodle()
