"""示例: one self-written item of every kind that a theory paper may hold, as a bank stores them.

The demonstration's bank stays with choices; these show, deliver and mark all the others.
"""

import base64
import hashlib
import struct
import zlib
from decimal import Decimal

from itembank.items import (
    TRUE_FALSE_OPTIONS,
    Area,
    Gap,
    Item,
    ItemBody,
    ItemFacts,
    ItemKind,
    Markup,
    Medium,
    NumberRange,
    Option,
    Part,
)

POINTS = {
    ItemKind.SINGLE: Decimal(2),
    ItemKind.MULTIPLE: Decimal(3),
    ItemKind.TRUE_FALSE: Decimal(1),
    ItemKind.TEXT: Decimal(4),
    ItemKind.NUMERIC: Decimal(2),
    ItemKind.INLINE_CHOICE: Decimal(2),
    ItemKind.MATCH: Decimal(3),
    ItemKind.ORDER: Decimal(4),
    ItemKind.HOTSPOT: Decimal(2),
    ItemKind.ESSAY: Decimal(10),
    ItemKind.CASE: Decimal(10),
}


def picture(width: int = 320, height: int = 200) -> bytes:
    """A floor plan in two greys, as a PNG."""
    rows = b"".join(
        b"\0" + bytes(200 if x < width // 2 else 120 for x in range(width)) for _ in range(height)
    )

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head)
    return start + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


PICTURE = picture()
SHA = hashlib.sha256(PICTURE).hexdigest()
MEDIA = {SHA: {"mime": "image/png", "data": base64.b64encode(PICTURE).decode()}}


def options(*texts: str) -> tuple[Option, ...]:
    return tuple(Option(key, text) for key, text in zip("ABCDEFGH", texts, strict=False))


def targets(*texts: str) -> tuple[Option, ...]:
    return tuple(Option(str(number), text) for number, text in enumerate(texts, 1))


def item(uid: str, kind: ItemKind, body: ItemBody) -> Item:
    return Item(ItemFacts(uid, "A-A-A-001", kind, 3, None, "", sample=True), body)


SINGLE = ItemBody(
    "示例：交接班时应当（　）。", options("当面交接", "电话交接", "不作记录", "提前离岗"), ("A",)
)
MULTIPLE = ItemBody(
    "示例：巡查记录应当写明（　）。", options("时间", "地点", "发现的问题", "天气预报"), ("A", "B", "C")
)
TRUE_FALSE = ItemBody("示例：巡查记录可以事后补写。", TRUE_FALSE_OPTIONS, ("B",))
TEXT = ItemBody(
    "示例：火警电话是 [[1]]，报警后应在 [[2]] 等候消防车。",
    gaps=(Gap("1", ("119", "一一九")), Gap("2", ("路口", "*路口"))),
)
NUMERIC = ItemBody(
    "<p>示例：一支队伍巡查 <math><mfrac><mn>3</mn><mn>4</mn></mfrac></math> 小时，"
    "合 [[1]] 分钟。</p><table><tr><td>一小时</td><td>60 分钟</td></tr></table>",
    markup=Markup.HTML,
    gaps=(Gap("1", ranges=(NumberRange(Decimal("44.5"), Decimal("45.5")),)),),
)
INLINE = ItemBody(
    "示例：压力表指针在 [[1]] 时压力正常。",
    gaps=(Gap("1", choices=options("红区", "绿区", "黄区"), answer="B"),),
)
MATCH = ItemBody(
    "示例：把器材和用途对应起来。",
    options("灭火器", "对讲机", "警戒带"),
    ("A-1", "B-2", "C-3"),
    targets=targets("扑救初起火灾", "联络", "隔离现场"),
)
ORDER = ItemBody(
    "示例：把发现可疑物品后的处置步骤排好。",
    options("报告", "疏散", "设置警戒", "移交"),
    ("A", "B", "C", "D"),
)
HOTSPOT = ItemBody(
    f'示例：在平面图上点出出口。<img src="media:{SHA}" alt="平面图" width="320" height="200">',
    answer=("B",),
    markup=Markup.HTML,
    picture=SHA,
    areas=(
        Area("A", "rect", (10, 10, 120, 90)),
        Area("B", "circle", (240, 60, 40)),
        Area("C", "poly", (180, 120, 300, 120, 240, 190)),
    ),
    media=(Medium(SHA, "image/png", len(PICTURE), 320, 200),),
)
ESSAY = ItemBody("示例：简述交接班的三项要求。")
CASE = ItemBody(
    "示例：值班员甲在大厅发现一只无人认领的行李。",
    parts=(
        Part(
            "1",
            ItemKind.SINGLE,
            ItemBody("示例：甲首先应当（　）。", options("报告", "打开", "移走"), ("A",)),
        ),
        Part("2", ItemKind.TEXT, ItemBody("示例：警戒距离至少 [[1]] 米。", gaps=(Gap("1", ("50", "五十")),))),
        Part("3", ItemKind.ESSAY, ItemBody("示例：写出报告的要点。")),
    ),
)
BODIES = {
    ItemKind.SINGLE: SINGLE,
    ItemKind.MULTIPLE: MULTIPLE,
    ItemKind.TRUE_FALSE: TRUE_FALSE,
    ItemKind.TEXT: TEXT,
    ItemKind.NUMERIC: NUMERIC,
    ItemKind.INLINE_CHOICE: INLINE,
    ItemKind.MATCH: MATCH,
    ItemKind.ORDER: ORDER,
    ItemKind.HOTSPOT: HOTSPOT,
    ItemKind.ESSAY: ESSAY,
    ItemKind.CASE: CASE,
}
ITEMS = [item(f"SHILI-{kind.value}", kind, body) for kind, body in BODIES.items()]
