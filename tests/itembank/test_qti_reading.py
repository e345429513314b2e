"""QTI files as a whole: packages, loose items, manifests, pictures, and what hostile ones try."""

from copy import deepcopy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from itembank.importing.pipeline import read_bank
from itembank.items import ItemKind, Markup
from itembank.problems import InputRefused
from tests.itembank.qti_kit import (
    choice,
    codes,
    declaration,
    entry,
    item,
    manifest,
    modern,
    only,
    png,
    processing,
    read,
    zipped,
)

RIGHT = declaration("C1") + ""


def single(stem: str = "题干", uid: str = "I1", before: str = "") -> str:
    return item(before + choice("甲", "乙", "丙", prompt=stem), RIGHT, processing(), uid=uid)


def refused(data: bytes, name: str = "f.zip") -> str:
    with pytest.raises(InputRefused) as caught:
        read_bank(data, name)
    return caught.value.problems[0].code


def test_items_come_in_the_manifests_order_and_unlisted_ones_after_them() -> None:
    files = {
        "a.xml": single("未列出", "A"),
        "imsmanifest.xml": manifest("c.xml", "b.xml"),
        "b.xml": single("第二", "B"),
        "c.xml": single("第一", "C"),
        "__MACOSX/._c.xml": b"\0\1",
        "test.xml": "<assessmentTest/>",
    }
    reading = read_bank(zipped(files), "p.zip")
    assert [placed.place for placed in reading.items] == ["c.xml", "b.xml", "a.xml"]
    assert (reading.format, codes(reading), reading.rejected) == ("qti-2.1", ["qti_test_left_out"], ())


def test_loose_items_need_no_manifest() -> None:
    reading = read_bank(
        zipped({"x/one.xml": modern(single()), "readme.txt": "text", "x/other.xml": "<page/>"}), "p.zip"
    )
    assert (reading.format, len(reading.items)) == ("qti-3.0", 1)


def test_one_broken_item_does_not_spoil_the_others() -> None:
    evil = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + single("&e;", "E")
    files = {
        "a.xml": single(),
        "b.xml": "<assessmentItem>",
        "c.xml": evil,
        "imsmanifest.xml": manifest("a.xml", "b.xml", "c.xml"),
    }
    reading = read_bank(zipped(files), "p.zip")
    assert len(reading.items) == 1
    assert [(p.code, p.place) for p in reading.rejected] == [
        ("xml_broken", "b.xml"),
        ("xml_entities", "c.xml"),
    ]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (
            b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><assessmentItem><itemBody>&e;</itemBody></assessmentItem>',
            "xml_entities",
        ),
        (b"<assessmentItem><itemBody>", "xml_broken"),
        (zipped({"imsmanifest.xml": "<manifest>", "a.xml": single()}), "xml_broken"),
        (zipped({"imsmanifest.xml": manifest("a.xml"), "../a.xml": single()}), "archive_path_outside"),
        (zipped({"imsmanifest.xml": b" " * 70_000_000}), "archive_bomb"),
    ],
    ids=["entity", "broken", "manifest", "slip", "bomb"],
)
def test_hostile_files_are_refused_as_a_whole(data: bytes, code: str) -> None:
    assert refused(data) == code


def test_a_doctype_without_entities_is_legal() -> None:
    data = b'<!DOCTYPE questestinterop SYSTEM "ims_qtiasiv1p2.dtd">\n<questestinterop/>'
    assert refused(data, "x.xml") == "bank_without_items"


@pytest.mark.parametrize(
    "href", ["../../../etc/passwd", "file:///etc/passwd", "/etc/passwd", "http://example.org/a.xml"]
)
def test_resources_outside_are_named_and_never_read(href: str) -> None:
    reading = read_bank(zipped({"imsmanifest.xml": manifest("a.xml", href), "a.xml": single()}), "p.zip")
    assert len(reading.items) == 1
    assert [(p.code, p.params["href"]) for p in reading.rejected] == [("qti_href_outside", href)]


def test_a_listed_item_that_is_not_there_is_rejected() -> None:
    reading = read_bank(zipped({"imsmanifest.xml": manifest("a.xml", "b.xml"), "a.xml": single()}), "p.zip")
    assert [(p.code, p.params["href"]) for p in reading.rejected] == [("qti_part_missing", "b.xml")]


@pytest.mark.parametrize(
    "href", ["../m.png", "../a%20b.png", "images/deep.png", "$IMS-CC-FILEBASE$/images/deep.png"]
)
def test_pictures_are_named_by_their_hash(href: str) -> None:
    files = {"m.png": png(), "a b.png": png(), "res/images/deep.png": png()}
    placed = only(read(single(before=f'<p>看图：<img src="{href}" alt="图" onload="x()"/></p>'), files))
    body = placed.item.body
    assert (body.markup, len(body.media)) == (Markup.HTML, 1)
    assert body.stem == f'<p>看图：<img src="media:{body.media[0].sha256}" alt="图"></p><p>题干</p>'


@pytest.mark.parametrize(
    ("href", "content", "code"),
    [
        ("../m.png", b"MZ <html>", "media_not_readable"),
        ("../m.png", b'<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>', "media_svg"),
        ("../missing.png", b"", "qti_media_missing"),
        ("http://example.org/a.png", b"", "qti_href_outside"),
        ("../../../etc/passwd", b"", "qti_href_outside"),
    ],
)
def test_pictures_that_are_none_are_named_and_their_words_stay(href: str, content: bytes, code: str) -> None:
    reading = read(single(before=f'<p><img src="{href}" alt="起重机"/></p>'), {"m.png": content or png()})
    assert codes(reading) == [code]
    body = only(reading).item.body
    assert (body.stem, body.media, reading.media) == ("[起重机]\n题干", (), {})


def test_sounds_objects_tables_and_formulas_are_kept_and_scripts_go() -> None:
    before = (
        '<object data="../a.mp3" type="audio/mpeg"/><table class="x"><tr><td colspan="2">格</td></tr></table>'
        '<m:math xmlns:m="http://www.w3.org/1998/Math/MathML"><m:mi>x</m:mi></m:math>'
        '<script>alert(1)</script><a href="http://x">链</a>'
    )
    body = only(read(single(before=before), {"a.mp3": b"ID3" + b"\0" * 40})).item.body
    sound = f'<audio controls="" src="media:{body.media[0].sha256}"></audio>'
    assert body.stem.startswith(sound)
    assert '<td colspan="2">格</td>' in body.stem
    assert "<math><mi>x</mi></math>链" in body.stem
    assert "alert" not in body.stem


def test_layout_blanks_go_and_plain_texts_stay_plain() -> None:
    placed = only(read(single("\n    第一行\n    接着 <br/>第二行  &lt;b&gt;&amp;  \n")))
    assert (placed.item.body.stem, placed.item.body.markup) == ("第一行 接着\n第二行 <b>&", Markup.PLAIN)


def test_an_item_without_words_takes_its_title() -> None:
    reading = read(single(" ").replace('title="t"', 'title="灭火器"'))
    assert (only(reading).item.body.stem, codes(reading)) == ("灭火器", ["qti_title_as_stem"])


def test_equal_ids_of_different_items_are_told_apart_and_doubles_rejected() -> None:
    files = {"a.xml": single("一"), "b.xml": single("二"), "c.xml": single("三"), "d.xml": single("一")}
    reading = read_bank(zipped(files), "p.zip")
    assert [placed.item.facts.uid for placed in reading.items] == ["I1", "I1-2", "I1-3"]
    assert [placed.label for placed in reading.items] == ["I1"] * 3
    assert codes(reading) == ["uid_twice", "uid_twice"]
    assert [problem.code for problem in reading.rejected] == ["duplicate_item"]


def test_difficulty_and_keywords_come_from_the_metadata() -> None:
    lom = (
        '<metadata><lom xmlns="http://ltsc.ieee.org/xsd/LOM"><general><keyword><string>消防</string></keyword>'
        "<keyword><string>报警</string></keyword></general><educational><difficulty><source>LOMv1.0</source>"
        "<value>difficult</value></difficulty></educational></lom></metadata>"
    )
    reading = read_bank(
        zipped({"imsmanifest.xml": manifest("a.xml", metadata=lom), "a.xml": single()}), "p.zip"
    )
    facts = only(reading).item.facts
    assert (facts.difficulty, facts.path, facts.point) == (4, "消防; 报警", "")


def test_a_deep_item_is_read_without_falling_over() -> None:
    deep = "<div>" * 200 + "深处" + "</div>" * 200
    assert only(read(single(before=deep))).item.body.stem == "深处\n题干"


def test_an_unsupported_item_keeps_the_words_that_can_be_read() -> None:
    reading = read(item("<p>拖动 <b>滑块</b></p><sliderInteraction/>"))
    placed = only(reading)
    assert (placed.item.facts.kind, placed.item.body.stem) == (ItemKind.UNSUPPORTED, "拖动 滑块")


def test_a_picture_shared_by_many_items_is_unpacked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("itembank.importing.archive.MAX_UNPACKED_BYTES", 40_000)
    noise = png(80, 80) + bytes(8_000)
    files: dict[str, str | bytes] = {"m.png": noise}
    for number in range(10):
        files[f"{number}.xml"] = single(f"题{number}", f"I{number}", '<p><img src="m.png"/></p>')
    assert 10 * len(noise) > 40_000
    reading = read_bank(zipped(files), "p.zip")
    assert (len(reading.items), len(reading.media), reading.rejected) == (10, 1, ())


@pytest.mark.dear
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_item_is_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    body = f'{choice("甲", "乙")}<hotspotInteraction responseIdentifier="B"><object data="x"/><hotspotChoice identifier="H" shape="rect" coords="1,2,3,4"/></hotspotInteraction>'
    root = etree.fromstring(
        item(body, declaration("C1", mapping=entry("C1", "1")) + declaration("H", name="B"), processing())
    )
    for _ in range(data.draw(st.integers(1, 4))):
        element = data.draw(st.sampled_from(list(root.iter())))
        value = data.draw(st.sampled_from(["", "-1", "1e999", "NaN", "٣", "C1 C2", "1,2", "x" * 70]))
        act = data.draw(st.sampled_from(["text", "attribute", "drop", "double"]))
        parent = element.getparent()
        if act == "text":
            element.text = value
        elif act == "attribute" and element.attrib:
            element.set(data.draw(st.sampled_from(list(element.attrib))), value)
        elif act == "drop" and parent is not None:
            parent.remove(element)
        elif act == "double" and parent is not None:
            parent.append(deepcopy(element))
    try:
        reading = read_bank(etree.tostring(root), "item.xml")
    except InputRefused as refusal:
        assert refusal.problems
    else:
        assert len(reading.items) + len(reading.rejected) >= 1
