"""Documents on paper: what a PDF says, how it is laid out, what it refuses, how fast it is made."""

import resource
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import typst
from hypothesis import given
from hypothesis import strategies as st

from server.documents import marking, paper, typesetting
from server.documents.markup import nodes, width_of
from server.documents.typesetting import copies, face, typeset
from server.errors import Refused
from server.host import Host
from server.jobs.documents import document_pdf
from tests.server.paper_kit import HEAD, PICTURE, every_kind, media, pages, plain_form, sizes

AT = datetime(2026, 11, 21, 0, 30, 15, 123456, tzinfo=UTC)  # as real clocks are


def payload(document: str, *seats: str, size: str = "A4", **forms: dict[str, Any]) -> dict[str, Any]:
    stamps = [
        {"seat": seat, "number": str(number), "ticket": f"T{number}", "form": form, "code": f"code {seat}"}
        for form in forms or {"A": {}}
        for number, seat in enumerate(seats or ("1-1",), 1)
    ]
    return {
        "document": document,
        "head": HEAD,
        "size": size,
        "at": AT.isoformat(),
        "forms": forms or {"A": {"form": every_kind()}},
        "media": media(),
        "copies": stamps,
    }


def made(*args: Any, **kwargs: Any) -> bytes:
    return document_pdf(payload(*args, **kwargs), lambda *_: None)["data"]


@pytest.mark.dear
def test_a_paper_shows_every_kind_and_its_head() -> None:
    text = "".join(pages(made("paper")))
    for told in (
        "保卫管理员职业技能等级认定理论知识考试",
        "二级/技师",
        "考试时间90分钟",
        "共10题",
        "满分29分",
        "一、单项选择题（共1题，每题2分，共2分。",
        "A.报警B.逃离C.拍照D.观望",
        "粗体字",
        "格内",
        "〔图片：丢失〕",
        "〔音像材料，纸卷不能播放〕",
        "(1)A.红区B.绿区",
        "答：A—B—",
        "阅读材料，回答第9至10题。",
        "（10分）",
        "姓名准考证号",
        "打印时间2026-11-21",
        "校验0123456789abcdef",
        "第1页共",
    ):
        assert told in text, told
    assert "[[" not in text


@pytest.mark.dear
def test_paper_sizes() -> None:
    long = {"A": {"form": plain_form(60)}}
    small, large = made("paper", size="A4", **long), made("paper", size="A3", **long)
    assert (sizes(small), sizes(large)) == ({(210, 297)}, {(420, 297)})
    assert len(pages(large)) == -(-len(pages(small)) // 2)


@pytest.mark.dear
def test_a_copy_for_every_seat_and_spares_without_a_number() -> None:
    asked = payload("paper", "1-1", "1-2")
    asked["copies"].append({"seat": "", "number": "", "ticket": "", "form": "A", "code": "spare"})
    found = pages(document_pdf(asked, lambda *_: None)["data"])
    assert len(found) == 6
    for first, told in ((0, "座位1-1第一考场A卷第1份准考证号T1"), (2, "座位1-2"), (4, "备用卷，启用时填写")):
        assert all(told in page for page in found[first : first + 2]), told
    assert [f"第{n}页共2页" in page for n, page in zip([1, 2] * 3, found, strict=True)] == [True] * 6


def test_copies_of_two_forms_in_the_order_of_the_seats() -> None:
    forms = {letter: {"form": plain_form(3, letter)} for letter in "AB"}
    asked = payload("paper", "1", **forms)
    asked["copies"] = [dict(asked["copies"][0], seat=seat, form=form) for seat, form in ("1A", "2B", "3A")]
    found = pages(document_pdf(asked, lambda *_: None)["data"])
    assert [("A卷考试时间" in page, "B卷考试时间" in page) for page in found] == [
        (True, False),
        (False, True),
        (True, False),
    ]


def test_the_code_of_a_copy_can_be_read() -> None:
    picture = typst.compile(
        {"main.typ": b'#set page(width: 40mm, height: 40mm, margin: 4mm)\n#image("qr.svg", width: 32mm)',
         "qr.svg": typesetting.qr("EXAMHALL1 paper A 7 0123abcd 0123456789abcdef").encode()},
        format="png", ppi=150,
    )  # fmt: skip
    image = cv2.imdecode(np.frombuffer(bytes(picture), np.uint8), cv2.IMREAD_GRAYSCALE)
    assert cv2.QRCodeDetector().detectAndDecode(image)[0] == "EXAMHALL1 paper A 7 0123abcd 0123456789abcdef"


@pytest.mark.parametrize("name", ["㼆", "𠮷", "阿卜杜拉·买买提", "䶮㛃𬀩𫖯𬴊𠅤𬭎𡋾"])
def test_rare_characters_of_names_print(name: str) -> None:
    data = {"facts": [], "prints": [], "seats": [{"seat": "1", "ticket": "T1", "name": name, "form": "A"}]}
    asked = {"document": "register", "head": HEAD, "at": AT.isoformat(), "data": data}
    text = "".join(pages(document_pdf(asked, lambda *_: None)["data"]))
    assert name in text


def test_text_is_never_source() -> None:
    form = plain_form(1)
    form["items"][0]["stem"] = '#panic("x") $a$ *b* _c_ \\ @d <e> [f] "g" // h'
    form["items"][0]["options"] = [{"key": "A", "text": "#let x = 1"}]
    text = "".join(pages(made("paper", A={"form": form})))
    assert '1.#panic("x")$a$*b*_c_\\@d<e>[f]"g"//h' in text
    assert "A.#letx=1" in text


def test_answer_sheet_has_a_place_for_every_item() -> None:
    (first, *rest) = pages(made("sheet", A={"form": every_kind()}))
    for told in ("答题卡A卷", "题号一二三总分", "1ABCD", "3√×", "(1)(2)", "A—B—", "2B铅笔", "座位1-1"):
        assert told in first, told
    assert "10." in first + "".join(rest)


KEYS: dict[str, dict[str, Any]] = {
    "i1": {"kind": "single", "answer": ["C"], "points": "2"},
    "i2": {"kind": "multiple", "answer": ["A", "B"], "points": "2"},
    "i3": {"kind": "true_false", "answer": ["B"], "points": "2"},
    "i4": {
        "kind": "text",
        "answer": [],
        "points": "2",
        "gaps": [{"accepted": ["四", "4"]}, {"ranges": [["30", "60"], ["90", "90"]]}],
    },
    "i5": {"kind": "inline_choice", "answer": [], "points": "2", "gaps": [{"answer": "B"}]},
    "i6": {"kind": "match", "answer": ["A-1", "B-1"], "points": "2"},
    "i7": {"kind": "order", "answer": ["B", "A", "C"], "points": "2"},
    "i8": {"kind": "hotspot", "answer": ["B"], "points": "2"},
    "i9": {"kind": "single", "answer": ["A"], "points": "3"},
    "i10": {
        "kind": "essay",
        "answer": [],
        "points": "10",
        "criteria": [{"text": "要点齐全", "points": "6"}, {"text": "用语规范"}],
    },
}


def test_the_key_tells_answer_and_points_of_every_kind() -> None:
    opened = {"form": every_kind(), "key": {"items": KEYS, "total": "29"}}
    text = "".join(pages(made("key", "", A=opened)))
    for told in (
        "满分29分",
        "1.C2分",
        "2.AB2分",
        "3×2",
        "4(1)四/4；(2)30～60/902",
        "5B2",
        "6A-1，B-12",
        "7B→A→C2",
        "10按评分要点评阅",
        "要点齐全（6分）",
        "用语规范",
    ):
        assert told in text, told


def test_a_form_of_an_unknown_kind_or_without_sections_still_prints() -> None:
    form = plain_form(2)
    form["sections"] = []
    form["items"][1] |= {"kind": "drawing", "options": []}
    text = "".join(pages(made("paper", A={"form": form})))
    assert "第2题" in text
    assert "1.第1题" in text


def test_the_same_paper_gives_the_same_bytes_and_no_file(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    assert made("paper") == made("paper")
    assert list(tmp_path.iterdir()) == []


def test_a_broken_picture_is_refused_with_its_reason() -> None:
    asked = payload("paper") | {"media": {PICTURE: {"mime": "image/png", "data": "AAAA"}}}
    with pytest.raises(Refused, match="document_failed"):
        document_pdf(asked, lambda *_: None)


@pytest.fixture
def no_font_package(monkeypatch: pytest.MonkeyPatch) -> Any:
    face.cache_clear()
    monkeypatch.setattr(typesetting, "FONT_PACKAGE", "no_such_package_of_fonts")
    yield
    face.cache_clear()


def test_fonts_come_from_the_package_then_from_the_system(
    no_font_package: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(typesetting, "FAMILIES", ("Nobody Has This", "DejaVu Sans Mono"))
    assert (face().family, face().folder) == ("DejaVu Sans Mono", "")


def test_without_any_chinese_font_a_document_is_refused(
    no_font_package: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(typesetting, "FAMILIES", ("Nobody Has This",))
    with pytest.raises(Refused, match="fonts_missing"):
        made("paper")


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ("a<br>b", ["a", {"t": "br"}, "b"]),
        ("<p>a</p>", [{"t": "par", "c": ["a"]}]),
        ("<b>a<i>b", [{"t": "strong", "c": ["a", {"t": "i", "c": ["b"]}]}]),
        ("x<script>y</script>", ["x"]),
        ("<span>a</span></b>", ["a"]),
        ("&lt;b&gt; [[1]]", ["<b> ", {"t": "gap", "key": "1"}]),
        ("<ul><li>a</li><li>b</li></ul>", [{"t": "list", "ordered": False, "c": [["a"], ["b"]]}]),
    ],
)
def test_html_as_a_tree(html: str, found: list[Any]) -> None:
    assert nodes(html, html=True) == found


def test_plain_text_keeps_its_lines_and_its_signs() -> None:
    assert nodes("a <b>\n[[2]]", html=False) == ["a <b>", {"t": "br"}, {"t": "gap", "key": "2"}]


def test_cells_of_a_table_never_overlap() -> None:
    text = "<table><tr><td rowspan=9>a<td colspan=2>b</tr><tr><td colspan=99>c<td>d</tr></table>"
    (table,) = nodes(text, html=True)
    assert isinstance(table, dict)
    places = [
        (cell["x"] + dx, cell["y"] + dy)
        for cell in table["cells"]
        for dx in range(cell["colspan"])
        for dy in range(cell["rowspan"])
    ]
    assert len(places) == len(set(places))
    assert max(x for x, _ in places) < table["columns"]
    assert max(y for _, y in places) == 1


TAGS = ("p", "b", "table", "tr", "td", "ul", "li", "math", "mfrac", "msup", "mi", "ruby", "rt", "sup", "br")
PIECES = st.lists(
    st.one_of(
        st.sampled_from([f"<{tag}>" for tag in TAGS] + [f"</{tag}>" for tag in TAGS]),
        st.sampled_from(["<td colspan=3 rowspan=2>", "[[1]]", "文字", "a<", "&amp;", '<img src="media:x">']),
    ),
    max_size=25,
)


@pytest.mark.dear
@given(PIECES)
def test_whatever_html_there_is_becomes_a_tree(parts: list[str]) -> None:
    tree = nodes("".join(parts), html=True)
    assert width_of(tree) >= 0


@pytest.mark.dear
def test_strange_html_is_still_set() -> None:
    form, rng = plain_form(20), np.random.default_rng(7)
    bits = [f"<{tag}>" for tag in TAGS] + [f"</{tag}>" for tag in TAGS] + ["文字", "[[1]]", "<td colspan=3>"]
    for item in form["items"]:
        item |= {"markup": "html", "stem": "始" + "".join(rng.choice(bits, size=40))}
    form["items"][0]["stem"] = "<b>" * 2000 + "深"
    form["items"][1]["stem"] = "始<math>" + "<msqrt><mfrac><mi>a</mi>" * 60 + "</math>"
    form["items"][2]["stem"] = "始" + "<ul><li>" * 60 + "</ul><table><tr><td>" * 60
    text = "".join(pages(made("paper", A={"form": form})))
    assert text.count("始") == 19
    assert "深" in text


@pytest.mark.parametrize(
    ("texts", "columns"),
    [(("是", "否"), 4), (("一" * 8, "二"), 4), (("一" * 9, "二"), 2), (("一" * 19,), 2), (("一" * 20,), 1)],
)
def test_options_stand_beside_each_other_as_far_as_they_fit(texts: tuple[str, ...], columns: int) -> None:
    options = [{"key": key, "text": text} for key, text in zip("ABCD", texts, strict=False)]
    item = {"number": 1, "kind": "single", "stem": "", "options": options}
    assert paper.block(item)["columns"] == columns


def test_labels_of_blanks() -> None:
    (entries,) = [
        section["entries"]
        for section in marking.sheet(every_kind())["sections"]
        if len(section["entries"]) > 1
    ]
    forms = {entry["number"]: entry["form"] for entry in entries}
    assert forms == {"3": "bubbles", "4": "blanks", "5": "blanks", "6": "blanks", "7": "blanks", "8": "blanks",
                     "9": "bubbles", "10": "lines"}  # fmt: skip


@pytest.mark.dear
def test_sixty_copies_of_a_hundred_items_are_quick(host: Host) -> None:
    """D19: at most 10 s of CPU in the job's child, within its memory limit."""
    seats = [f"{row}-{column}" for row in range(1, 11) for column in range(1, 7)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = host.jobs.run("document_pdf", payload("paper", *seats, A={"form": plain_form(100)}))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"60 copies: {cpu:.2f} s CPU, {len(result['data']) / 1e6:.1f} MB", file=sys.stderr)  # noqa: T201
    assert cpu < 10
    assert result["data"].startswith(b"%PDF")


@pytest.mark.dear
def test_typeset_pages_are_counted() -> None:
    body = typeset("paper", {"head": HEAD, "size": "A4", "paper": paper.paper(plain_form(100))}, at=AT)
    assert body.pages == len(pages(body.pdf))
    stamp = {"seat": "1", "number": "1", "ticket": "T", "form": "A", "code": "c"}
    both = copies({"A": body}, {"head": HEAD, "size": "A4", "copies": [stamp, stamp]}, at=AT)
    assert both.pages == 2 * body.pages
