"""Files that are imported into a bank, and what came of them."""

import io
from collections.abc import Callable
from dataclasses import replace

import pytest
from PIL import Image

from itembank.importing.media import MediaBox
from itembank.importing.reading import BankReading, Placed
from itembank.items import Item, ItemBody, ItemFacts, ItemKind, Markup, Option
from server.access import Actor
from server.db.bank import BankImport
from server.errors import Refused
from server.host import Host
from server.services import imports
from server.services.readings import Packed
from tests.server import desk, preparing

HEAD = [
    *("题库名称", "ID", "序号", "认定点代码", "题型代码", "题号", "试题（题干）"),
    *(f"试题（选项{letter}）" for letter in "ABCDE"),
    *("【图】及位置", "正确答案", "难度代码", "一致性代码", "解析"),
]


def row(
    number: int, *, kind: str = "B", answer: str = "A", stem: str = "", options: str = "甲乙丙丁"
) -> list[object]:
    stem = stem or f"第 {number} 道题问的是什么？"
    cells = [*options, *[""] * (5 - len(options))]
    return ["示例", f"T-{number}", number, "A-A-A-001", kind, number, stem, *cells, "", answer, 3, 5, ""]


def count(host: Host, *tables: type) -> list[int]:
    return desk.counts(host, *tables)


def row_of(host: Host, import_id: int) -> BankImport:
    with host.db.read() as session:
        known = session.get_one(BankImport, import_id)
        known.sealed_file, known.sealed_reading  # noqa: B018 - deferred columns
        session.expunge(known)
    return known


def report(host: Host, import_id: int) -> imports.ImportReport:
    with host.db.read() as session:
        return imports.report(session, import_id)


def begun(host: Host, who: Actor, bank_id: int, data: bytes = b"file", name: str = "a.csv") -> int:
    return host.db.write(imports.begin, who, bank_id, imports.UploadedFile(name, data), now=host.now())


def kept(host: Host, import_id: int, found: Packed | BankReading) -> None:
    with host.db.read() as session:
        made = imports.checked(session, import_id, found)
    host.db.write(imports.store, import_id, made)


def dry_run(host: Host, who: Actor, bank_id: int, *rows: list[object]) -> int:
    return preparing.dry_run(host, who, bank_id, desk.csv([HEAD, *rows]), "a.csv")


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(Refused) as caught:
        act()
    return caught.value.code


def item(uid: str, **body: object) -> Item:
    facts = ItemFacts(uid, "", ItemKind.SINGLE, 0, None, "", False, path="消防/器材")
    shape = {"stem": f"题 {uid}", "options": (Option("A", "甲"), Option("B", "乙")), "answer": ("A",)}
    return Item(facts, ItemBody(**(shape | body)))


def reading(*items: Item, **more: object) -> BankReading:
    placed = tuple(Placed(f"row {number}", each) for number, each in enumerate(items, 2))
    return replace(BankReading("moodle-xml", "utf-8", placed, ()), **more)


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (4, 3), "red").save(out, "PNG")
    return out.getvalue()


def with_picture(uid: str) -> BankReading:
    box = MediaBox()
    medium = box.add(picture(), "row 2")
    stem = f'<p>题 {uid} <img src="media:{medium.sha256}"></p>'
    return reading(item(uid, stem=stem, markup=Markup.HTML, media=(medium,)), media=box.files)
