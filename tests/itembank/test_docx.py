"""Word files: pictures, tables, formulas, automatic numbers, tracked changes; nothing outside is read."""

import socket

import pytest
from lxml import etree

from itembank.importing.omml import mathml
from itembank.importing.pipeline import read_bank
from itembank.importing.reading import BankReading
from itembank.items import ItemBody, ItemKind, Markup
from itembank.problems import InputRefused
from tests.itembank.docx_files import NAMESPACES, W, docx, listed, paragraph, picture, png, run, table

OPTIONS = (paragraph("A. 甲"), paragraph("B. 乙"))
ANSWER = paragraph("答案：A")
IMAGE = '<Relationship Id="rId9" Type="image" Target="media/image1.png"/>'


def read(*blocks: str, **made: object) -> BankReading:
    return read_bank(docx(*blocks, **made), "题库.docx")  # type: ignore[arg-type]


def only(*blocks: str, **made: object) -> ItemBody:
    reading = read(*blocks, **made)
    assert reading.rejected == ()
    (placed,) = reading.items
    return placed.item.body


def test_plain_paragraphs_give_a_plain_item_with_its_paragraph() -> None:
    reading = read(paragraph("模拟试卷"), paragraph("1、首先", "应当（ ）。"), *OPTIONS, ANSWER)
    (placed,) = reading.items
    assert (reading.format, placed.place, placed.label) == ("docx-text", "paragraph 2", "1")
    assert (placed.item.body.stem, placed.item.body.markup) == ("首先应当（ ）。", Markup.PLAIN)


def test_pictures_come_in_drawn_anew_and_named_by_hash() -> None:
    reading = read(
        paragraph("1、看图（ ）<".removesuffix("<"), picture("rId9")),
        paragraph("A. 甲"), paragraph("B. ", picture("rId9")), ANSWER,
        relations=IMAGE, parts={"word/media/image1.png": png()},
    )  # fmt: skip
    (placed,) = reading.items
    body, (medium,) = placed.item.body, placed.item.body.media
    assert (medium.mime, medium.width, medium.height) == ("image/png", 8, 6)
    shown = f'<img src="media:{medium.sha256}" alt="平面图">'
    assert (body.stem, body.options[1].text) == (f"看图（ ）{shown}", shown)
    assert set(reading.media) == {medium.sha256}


@pytest.mark.parametrize(
    ("relations", "parts", "code"),
    [
        (
            '<Relationship Id="rId9" TargetMode="External" Target="http://192.0.2.1/x.png"/>',
            {},
            "media_outside",
        ),
        ('<Relationship Id="rId9" Target="../../secret.png"/>', {}, "media_outside"),
        ("", {}, "media_outside"),
        (IMAGE, {"word/media/image1.png": b"\xd7\xcd\xc6\x9aWMF"}, "media_not_readable"),
        (IMAGE, {"word/media/image1.png": b"<svg onload='x'/>"}, "media_svg"),
    ],
)
def test_a_picture_that_cannot_be_shown_rejects_its_item_and_nothing_is_fetched(
    relations: str, parts: dict[str, bytes], code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("something was fetched")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    bad = (paragraph("1、看图（ ）", picture("rId9")), *OPTIONS, ANSWER)
    reading = read(*bad, paragraph("2、好（ ）"), *OPTIONS, ANSWER, relations=relations, parts=parts)
    assert [(fault.place, fault.code) for fault in reading.rejected] == [("paragraph 1", code)]
    assert [placed.place for placed in reading.items] == ["paragraph 5"]


def test_a_picture_outside_every_question_rejects_nothing() -> None:
    reading = read(paragraph(picture("rId9", "link")), paragraph("1、甲（ ）"), *OPTIONS, ANSWER)
    assert (len(reading.items), reading.rejected) == (1, ())


def test_tables_of_an_item_stay_tables() -> None:
    merged = (
        '<w:tbl><w:tr><w:tc><w:tcPr><w:gridSpan w:val="2"/></w:tcPr>' + paragraph("头&lt;") + "</w:tc></w:tr>"
    )
    merged += f"<w:tr><w:tc><w:tcPr><w:vMerge w:val='restart'/></w:tcPr>{paragraph('一')}</w:tc><w:tc>{paragraph('二')}</w:tc></w:tr>"
    merged += f"<w:tr><w:tc><w:tcPr><w:vMerge/></w:tcPr>{paragraph('')}</w:tc><w:tc>{paragraph('三')}</w:tc></w:tr></w:tbl>"
    body = only(paragraph("1、见表（ ）"), merged, *OPTIONS, ANSWER)
    assert body.stem == (
        '见表（ ）<br><table><tbody><tr><td colspan="2">头&lt;</td></tr>'
        '<tr><td rowspan="2">一</td><td>二</td></tr><tr><td>三</td></tr></tbody></table>'
    )


def test_tables_that_only_lay_out_become_lines() -> None:
    body = only(paragraph("1、首先（ ）"), table(("A. 甲", "B. 乙"), ("C. 丙", "D. 丁")), ANSWER)
    assert [option.text for option in body.options] == ["甲", "乙", "丙", "丁"]
    assert body.markup is Markup.PLAIN


def test_an_answer_key_in_a_grid_is_read() -> None:
    questions = [block for n in (1, 2) for block in (paragraph(f"{n}、第{n}（ ）"), *OPTIONS)]
    reading = read(*questions, paragraph("参考答案"), table(("题号", "1", "2"), ("答案", "Ｂ", "A")))
    assert [placed.item.body.answer for placed in reading.items] == [("B",), ("A",)]


NUMBERING = f"""<w:numbering xmlns:w="{W}">
<w:abstractNum w:abstractNumId="0">
<w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="chineseCounting"/><w:lvlText w:val="%1、"/></w:lvl></w:abstractNum>
<w:abstractNum w:abstractNumId="1">
<w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1."/></w:lvl>
<w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="upperLetter"/><w:lvlText w:val="%2."/></w:lvl></w:abstractNum>
<w:abstractNum w:abstractNumId="2"><w:lvl w:ilvl="0"><w:numFmt w:val="bullet"/><w:lvlText w:val="o"/></w:lvl></w:abstractNum>
<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num><w:num w:numId="2"><w:abstractNumId w:val="1"/></w:num>
<w:num w:numId="3"><w:abstractNumId w:val="2"/></w:num>
<w:num w:numId="4"><w:abstractNumId w:val="1"/><w:lvlOverride w:ilvl="0"><w:startOverride w:val="7"/></w:lvlOverride></w:num>
</w:numbering>""".encode()
STYLES = f"""<w:styles xmlns:w="{W}"><w:style w:styleId="Q"><w:pPr><w:numPr><w:numId w:val="2"/></w:numPr></w:pPr></w:style>
<w:style w:styleId="Q2"><w:basedOn w:val="Q"/></w:style></w:styles>""".encode()


def test_automatic_numbers_are_counted_as_word_shows_them() -> None:
    blocks = [
        listed("单选题", 1),
        listed("首先（ ）", 2), listed("甲", 2, 1), listed("乙", 2, 1), ANSWER,
        paragraph("其次（ ）", properties='<w:pStyle w:val="Q2"/>'), listed("丙", 2, 1), listed("丁", 2, 1), ANSWER,
        listed("判断题", 1),
        listed("可以吸烟。", 4), paragraph("答案：×"), listed("不可以吸烟。", 4), paragraph("答案：√"),
    ]  # fmt: skip
    reading = read(*blocks, parts={"word/numbering.xml": NUMBERING, "word/styles.xml": STYLES})
    assert [placed.label for placed in reading.items] == ["1", "2", "7", "8"]
    assert [option.text for option in reading.items[1].item.body.options] == ["丙", "丁"]
    assert reading.items[2].item.facts.kind is ItemKind.TRUE_FALSE


def test_bullets_are_no_numbers() -> None:
    body = only(
        paragraph("1、下列（ ）"),
        listed("要点", 3),
        *OPTIONS,
        ANSWER,
        parts={"word/numbering.xml": NUMBERING},
    )
    assert body.stem == "下列（ ）\n要点"


def test_insertions_count_and_deletions_do_not() -> None:
    changed = (
        f"<w:ins>{run('应当')}</w:ins><w:del><w:r><w:delText>不得</w:delText></w:r></w:del>"
        f"<w:moveFrom>{run('旧')}</w:moveFrom>"
    )
    assert only(paragraph("1、首先", changed, "（ ）"), *OPTIONS, ANSWER).stem == "首先应当（ ）"


def test_scripts_stressed_words_and_blanks_are_kept() -> None:
    body = only(
        paragraph("1、H", run("2", '<w:vertAlign w:val="subscript"/>'), "O", run("不是", '<w:u w:val="single"/>'), "（ ）&lt;"),
        *OPTIONS, paragraph("答案：", run(" A ", '<w:u w:val="single"/>')),
    )  # fmt: skip
    assert (body.stem, body.answer) == ("H<sub>2</sub>O<u>不是</u>（ ）&lt;", ("A",))
    filled = only(
        paragraph("1、电话是", run("      ", '<w:u w:val="single"/>'), "。"), paragraph("答案：119")
    )
    assert (filled.stem, filled.gaps[0].accepted) == ("电话是[[1]]。", ("119",))


def test_text_boxes_are_read_once_and_told() -> None:
    inside = f"<w:txbxContent>{paragraph('答案：B')}</w:txbxContent>"
    box = f"<w:r><mc:AlternateContent><mc:Choice><w:drawing>{inside}</w:drawing></mc:Choice><mc:Fallback><w:pict><v:textbox>{inside}</v:textbox></w:pict></mc:Fallback></mc:AlternateContent></w:r>"
    reading = read(paragraph("1、甲（ ）"), *OPTIONS, paragraph(box))
    assert reading.items[0].item.body.answer == ("B",)
    assert [(w.code, w.place) for w in reading.warnings] == [("text_box_read", "paragraph 4")]


def test_line_breaks_tabs_symbols_and_fields_are_text() -> None:
    tick = '<w:r><w:sym w:font="Wingdings" w:char="F0FC"/></w:r>'
    odd = '<w:r><w:sym w:font="Webdings" w:char="F0EE"/></w:r>'
    field = f"<w:r><w:instrText>PAGE</w:instrText></w:r>{run('三')}"
    reading = read(paragraph("1、甲", field, odd, "。", "<w:r><w:br/></w:r>", "答案：", tick))
    (placed,) = reading.items
    assert (placed.item.body.stem, placed.item.body.answer) == ("甲三□。", ("A",))
    assert [w.code for w in reading.warnings] == ["symbol_unknown"]


FORMULAS = [
    ("<m:f><m:num><m:r><m:t>U</m:t></m:r></m:num><m:den><m:r><m:t>2R</m:t></m:r></m:den></m:f>",
     "<mfrac><mrow><mi>U</mi></mrow><mrow><mn>2</mn><mi>R</mi></mrow></mfrac>"),
    ("<m:sSup><m:e><m:r><m:t>x</m:t></m:r></m:e><m:sup><m:r><m:t>2</m:t></m:r></m:sup></m:sSup>",
     "<msup><mrow><mi>x</mi></mrow><mrow><mn>2</mn></mrow></msup>"),
    ("<m:sSubSup><m:e/><m:sub/><m:sup/></m:sSubSup>", "<msubsup><mrow></mrow><mrow></mrow><mrow></mrow></msubsup>"),
    ('<m:rad><m:radPr><m:degHide m:val="1"/></m:radPr><m:deg/><m:e><m:r><m:t>3.5</m:t></m:r></m:e></m:rad>',
     "<msqrt><mrow><mn>3.5</mn></mrow></msqrt>"),
    ("<m:rad><m:deg><m:r><m:t>3</m:t></m:r></m:deg><m:e><m:r><m:t>x</m:t></m:r></m:e></m:rad>",
     "<mroot><mrow><mi>x</mi></mrow><mrow><mn>3</mn></mrow></mroot>"),
    ('<m:nary><m:naryPr><m:chr m:val="∑"/><m:limLoc m:val="undOvr"/></m:naryPr><m:sub><m:r><m:t>i</m:t></m:r></m:sub><m:sup><m:r><m:t>n</m:t></m:r></m:sup><m:e><m:r><m:t>a</m:t></m:r></m:e></m:nary>',
     "<mrow><munderover><mo>∑</mo><mrow><mi>i</mi></mrow><mrow><mi>n</mi></mrow></munderover><mrow><mi>a</mi></mrow></mrow>"),
    ('<m:d><m:dPr><m:begChr m:val="["/><m:endChr m:val=""/></m:dPr><m:e><m:r><m:t>a&lt;b</m:t></m:r></m:e></m:d>',
     '<mrow><mo fence="true">[</mo><mrow><mi>a</mi><mo>&lt;</mo><mi>b</mi></mrow></mrow>'),
    ("<m:m><m:mr><m:e><m:r><m:t>1</m:t></m:r></m:e><m:e><m:r><m:t>0</m:t></m:r></m:e></m:mr></m:m>",
     "<mtable><mtr><mtd><mn>1</mn></mtd><mtd><mn>0</mn></mtd></mtr></mtable>"),
    ('<m:f><m:fPr><m:type m:val="lin"/></m:fPr><m:num><m:r><m:t>1</m:t></m:r></m:num><m:den><m:r><m:t>2</m:t></m:r></m:den></m:f>',
     "<mrow><mrow><mn>1</mn></mrow><mo>/</mo><mrow><mn>2</mn></mrow></mrow>"),
    ("<m:r><m:t>面积</m:t></m:r>", "<mtext>面积</mtext>"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "wanted"), FORMULAS)
def test_formulas_become_mathml_that_survives_cleaning(written: str, wanted: str) -> None:
    found, known = mathml(etree.fromstring(f"<m:oMath {NAMESPACES}>{written}</m:oMath>"))
    assert (found, known) == (f"<math>{wanted}</math>", True)
    formula = f"<m:oMath>{written}</m:oMath>"
    body = only(paragraph("1、求（ ）", formula), *OPTIONS, ANSWER)
    assert body.stem == f"求（ ）<math>{wanted}</math>"


def test_a_formula_with_unknown_parts_keeps_its_text_and_is_flagged() -> None:
    formula = "<m:oMath><m:future><m:r><m:t>E=mc</m:t></m:r></m:future></m:oMath>"
    reading = read(paragraph("1、求（ ）", formula), *OPTIONS, ANSWER)
    assert reading.items[0].item.body.stem == "求（ ）<math><mtext>E=mc</mtext></math>"
    assert [(w.code, w.place) for w in reading.warnings] == [("formula_partly_read", "paragraph 1")]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (docx(paragraph("会议通知"), paragraph("请各部门于周五到会。")), "unknown_format"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "WordDocument".encode("utf-16-le"),
            "file_old_word",
        ),
        (rb"{\rtf1\ansi 1. x}", "file_old_word"),
        (docx(parts={"word/numbering.xml": b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>"}), "xml_entities"),
        (docx("<w:p>"), "xml_broken"),
    ],
)
def test_other_and_hostile_files_are_refused_with_the_reason(data: bytes, code: str) -> None:
    with pytest.raises(InputRefused) as caught:
        read_bank(data, "题库.docx")
    assert caught.value.problems[0].code == code


@pytest.mark.parametrize("mark", ["<w:strike/>", "<w:dstrike/>", '<w:vanish w:val="true"/>'])
def test_text_struck_out_is_left_out_and_an_answer_with_it_refused(mark: str) -> None:
    reading = read(
        paragraph("1、应", run("不", mark), "当（ ）"), *OPTIONS, ANSWER,
        paragraph("2、乙（ ）"), *OPTIONS, paragraph("答案：", run("A", mark), "B"),
    )  # fmt: skip
    assert [placed.item.body.stem for placed in reading.items] == ["应当（ ）"]
    assert [(p.code, p.place) for p in reading.rejected] == [("answer_struck_out", "paragraph 8")]
    assert [w.code for w in reading.warnings] == ["text_struck_out"] * 2


def test_a_table_of_questions_is_read_row_by_row() -> None:
    rows = table(("题型", "题干", "选项A", "选项B", "答案"), ("单选", "乙", "一", "二", "B"))
    reading = read(paragraph("1、甲（ ）"), *OPTIONS, ANSWER, rows)
    assert [(p.item.body.stem, p.item.body.answer) for p in reading.items] == [
        ("甲（ ）", ("A",)),
        ("乙", ("B",)),
    ]
    assert read(rows).items[0].item.body.answer == ("B",)
