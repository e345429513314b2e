"""A form with every kind of item as a package holds it, made for tests of documents; pictures are drawn here."""

import base64
import io
import struct
import zlib
from collections.abc import Sequence
from typing import Any

from pypdf import PdfReader

PICTURE = "a" * 64
GONE = "b" * 64
HEAD = {
    "title": "保卫管理员职业技能等级认定理论知识考试",
    "occupation": "保卫管理员",
    "level": "二级/技师",
    "room": "第一考场",
    "place": "2026 年第 4 批 · 第 1 场 · 第一考场",
    "printed": "2026-11-21 08:30",
    "hash": "0123456789abcdef",
}
FORMULA = (
    "<math><mfrac><mrow><mi>a</mi><mo>+</mo><mn>12</mn></mrow><msqrt><mi>b</mi></msqrt></mfrac>"
    "<mo>=</mo><munderover><mo>∑</mo><mrow><mi>i</mi><mo>=</mo><mn>1</mn></mrow><mi>n</mi></munderover>"
    "<msubsup><mi>x</mi><mi>i</mi><mn>2</mn></msubsup><mroot><mi>y</mi><mn>3</mn></mroot>"
    "<mover><mi>v</mi><mo>→</mo></mover><mfenced><mi>p</mi><mi>q</mi></mfenced><mi>sin</mi><mtext>米</mtext>"
    "<mtable><mtr><mtd><mn>1</mn></mtd><mtd><mn>0</mn></mtd></mtr><mtr><mtd><mn>7</mn></mtd></mtr></mtable>"
    "<maction><mi>z</mi></maction></math>"
)


def png(width: int, height: int) -> bytes:
    """A real picture: a gradient."""
    rows = b"".join(
        b"\0" + b"".join(bytes((x % 256, y % 256, 128)) for x in range(width)) for y in range(height)
    )

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def media() -> dict[str, Any]:
    return {PICTURE: {"mime": "image/png", "data": base64.b64encode(png(400, 200)).decode()}}


def keyed(*texts: str) -> list[dict[str, str]]:
    return [{"key": key, "text": text} for key, text in zip("ABCDEFG", texts, strict=False)]


def every_kind() -> dict[str, Any]:
    """One item of every kind that a paper may hold; the essay and its sister share a case."""
    cases: Sequence[tuple[str, str, dict[str, Any]]] = (
        ("single", "保安员发现火情时应首先（　）。", {"options": keyed("报警", "逃离", "拍照", "观望")}),
        (
            "multiple",
            f"<p>计算 {FORMULA} 与 H<sub>2</sub>O、<b>粗体字</b></p><table><tr><th>甲栏</th></tr><tr><td>格内</td>"
            f"</tr></table><img src='media:{PICTURE}' width='120'><img src='media:{GONE}' alt='丢失'>",
            {"markup": "html", "options": keyed("<i>x</i>", "<audio src='media:0'></audio>")},
        ),
        ("true_false", "可以随身携带管制刀具。", {"options": keyed("正确", "错误")}),
        ("text", "每班巡查 [[1]] 次，间隔 [[2]] 分钟。", {"gaps": [{"key": "1"}, {"key": "2"}]}),
        ("inline_choice", "指针在 [[1]] 区。", {"gaps": [{"key": "1", "choices": keyed("红区", "绿区")}]}),
        (
            "match",
            "对应用途。",
            {"options": keyed("灭火器", "对讲机"), "targets": [{"key": "1", "text": "通信"}]},
        ),
        ("order", "排列步骤。", {"options": keyed("报告", "疏散", "保护现场")}),
        (
            "hotspot",
            "指出出口。",
            {
                "picture": PICTURE,
                "areas": [
                    {"key": "A", "shape": "rect", "coords": [20, 20, 100, 80]},
                    {"key": "B", "shape": "circle", "coords": [200, 100, 40]},
                    {"key": "C", "shape": "poly", "coords": [300, 20, 380, 60, 320, 150]},
                ],
            },
        ),
        ("single", "甲如何处置？", {"options": keyed("一", "二"), "group": "case-1", "points": "3"}),
        ("essay", "写出报告要点。", {"group": "case-1", "points": "10"}),
    )
    items = [
        {"id": f"i{number}", "number": number, "kind": kind, "points": "2", "stem": stem} | more
        for number, (kind, stem, more) in enumerate(cases, 1)
    ]
    spans = [("single", "单项选择题", 1, 1), ("multiple", "多项选择题", 2, 2), ("case", "其他题", 3, 10)]
    return {
        "form": "A",
        "title": "理论知识试卷",
        "minutes": 90,
        "items": items,
        "sections": [
            {"kind": kind, "title": title, "from": first, "to": last} for kind, title, first, last in spans
        ],
        "groups": {"case-1": {"stem": "甲在值班时发现一只行李。", "first": 9, "last": 10}},
    }


def plain_form(count: int, form: str = "A") -> dict[str, Any]:
    """`count` single-choice items of usual length."""
    stem = "第 {} 题：下列关于保卫管理员在应急处置中职责的说法，符合规定的是（　）。"
    options = keyed(*(f"先报告值班领导，再保护现场并做好记录{word}" for word in "甲乙丙丁"))
    items = [
        {
            "id": f"i{n}",
            "number": n,
            "kind": "single",
            "points": "1",
            "stem": stem.format(n),
            "options": options,
        }
        for n in range(1, count + 1)
    ]
    sections = [{"kind": "single", "title": "单项选择题", "from": 1, "to": count}]
    return {"form": form, "title": "理论知识试卷", "minutes": 90, "items": items, "sections": sections}


def pages(pdf: bytes) -> list[str]:
    """The text of every page without blanks."""
    return ["".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(pdf)).pages]


def sizes(pdf: bytes) -> set[tuple[int, int]]:
    """Widths and heights of the pages in millimetres."""
    boxes = [page.mediabox for page in PdfReader(io.BytesIO(pdf)).pages]
    return {(round(float(box.width) / 72 * 25.4), round(float(box.height) / 72 * 25.4)) for box in boxes}
