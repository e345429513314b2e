"""What an export writes comes back equal through the reader, in both versions and for every kind delivered."""

import io
import re
import zipfile
from collections import Counter
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from lxml import etree

from itembank.exporting import Exported
from itembank.exporting.qti import export_qti21, export_qti30
from itembank.importing.media import MediaBox
from itembank.importing.pipeline import read_bank
from itembank.importing.qti_names import attribute, name_of
from itembank.item_rules import validate
from itembank.items import (
    OPTION_KEYS,
    TRUE_FALSE_OPTIONS,
    Area,
    Criterion,
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
    compact,
    literal,
)
from itembank.richtext import clean, from_plain
from tests.itembank.qti_kit import png

BOX = MediaBox()
PICTURES = [
    taken
    for taken in (BOX.add(png(9, 7, colour), "x") for colour in ("red", "blue"))
    if isinstance(taken, Medium)
]
SOUND = BOX.add(b"ID3" + bytes(50), "x")
assert isinstance(SOUND, Medium)
MEDIA = {sha: file.data for sha, file in BOX.files.items()}
KNOWN = {medium.sha256: medium for medium in (*PICTURES, SOUND)}
EXPORTS = {"2.1": export_qti21, "3.0": export_qti30}

words = st.text("甲乙丙 abcX19<>&\"'[]（）%.,-*/\\\n\t\u00a0\u3000", min_size=1, max_size=20).filter(
    lambda t: compact(t) != ""
)
fragments = st.one_of(
    words.map(from_plain),
    words.map(lambda t: f"<p>{from_plain(t)}</p>"),
    words.map(lambda t: f"<b>{from_plain(t)}</b><br>"),
    words.map(lambda t: f"<table><tbody><tr><td colspan=\"2\">{from_plain(t)}</td></tr></tbody></table>"),
    words.map(lambda t: f"<math><msup><mi>{from_plain(t)}</mi><mn>2</mn></msup></math>"),
    words.map(lambda t: f"<ruby>{from_plain(t)}<rt>y</rt></ruby><span></span>"),
    st.sampled_from([f'<img src="media:{p.sha256}" alt="图&quot;" width="4">' for p in PICTURES]),
    st.just(f'<audio controls="" src="media:{SOUND.sha256}"></audio>'),
)  # fmt: skip
rich = (
    st.lists(fragments, min_size=1, max_size=3)
    .map("".join)
    .map(clean)
    .filter(lambda t: compact(re.sub("<[^>]*>", "", t)) != "")
)
shares = st.decimals(-2, 2, places=2)


def texts(markup: Markup) -> st.SearchStrategy[str]:
    return words if markup is Markup.PLAIN else rich


@st.composite
def options(draw: st.DrawFn, markup: Markup, least: int = 2, keys: str = OPTION_KEYS) -> tuple[Option, ...]:
    said = draw(st.lists(texts(markup), min_size=least, max_size=5, unique_by=compact))
    return tuple(Option(key, text, draw(st.booleans())) for key, text in zip(keys, said, strict=False))


@st.composite
def gaps(draw: st.DrawFn, kind: ItemKind, markup: Markup, number: int) -> Gap:
    sort = draw(st.sampled_from(["text", "numbers", "choices"])) if kind is ItemKind.TEXT else str(kind)
    if sort in ("numbers", "numeric"):
        low, wide = draw(st.decimals(-1000, 1000, places=3)), draw(st.decimals(0, 9, places=2))
        spans = [NumberRange(low, low + wide), NumberRange(low - 5, low - 5)]
        return Gap(str(number), ranges=tuple(spans[: draw(st.integers(1, 2))]))
    if sort in ("choices", "inline_choice"):
        choices = draw(options(markup))
        return Gap(str(number), choices=choices, answer=draw(st.sampled_from(choices)).key)
    accepted = draw(st.lists(words, min_size=1, max_size=3, unique=True))
    return Gap(str(number), tuple(map(literal, accepted)), case_sensitive=draw(st.booleans()))


@st.composite
def gapped(draw: st.DrawFn, kind: ItemKind, markup: Markup, body: ItemBody) -> ItemBody:
    made = tuple(draw(gaps(kind, markup, number)) for number in range(1, draw(st.integers(1, 3)) + 1))
    stem = body.stem.replace("[", "").replace("]", "")
    return replace(body, stem=stem + "".join(f"。[[{gap.key}]]" for gap in made), gaps=made)


@st.composite
def chosen(draw: st.DrawFn, kind: ItemKind, markup: Markup, body: ItemBody) -> ItemBody:
    given_options = TRUE_FALSE_OPTIONS if kind is ItemKind.TRUE_FALSE else draw(options(markup))
    keys = [option.key for option in given_options]
    count = 1 if kind is not ItemKind.MULTIPLE else draw(st.integers(2, len(keys)))
    answer = sorted(draw(st.permutations(keys))[:count])
    weights = tuple((key, draw(shares)) for key in keys) if draw(st.booleans()) else ()
    return replace(body, options=given_options, answer=tuple(answer), weights=weights)


@st.composite
def bodies(draw: st.DrawFn, kind: ItemKind) -> ItemBody:
    markup = draw(st.sampled_from(Markup))
    said = texts(markup)
    body = ItemBody(draw(said), explanation=draw(st.one_of(st.just(""), said)), markup=markup)
    if draw(st.booleans()):
        body = replace(body, criteria=(Criterion(draw(said), Decimal("1.5")), Criterion(draw(said))))
    if kind in (ItemKind.TEXT, ItemKind.NUMERIC, ItemKind.INLINE_CHOICE):
        body = draw(gapped(kind, markup, body))
    elif kind in (ItemKind.SINGLE, ItemKind.MULTIPLE, ItemKind.TRUE_FALSE):
        body = draw(chosen(kind, markup, body))
    elif kind is ItemKind.ORDER:
        ordered = draw(options(markup))
        answer = draw(st.permutations([option.key for option in ordered]))
        body = replace(body, options=ordered, answer=tuple(answer))
    elif kind is ItemKind.MATCH:
        lefts, rights = draw(options(markup, 1)), draw(options(markup, 1, "123456"))
        pairs = st.tuples(st.sampled_from(lefts), st.sampled_from(rights)).map(
            lambda p: f"{p[0].key}-{p[1].key}"
        )
        answer = draw(st.lists(pairs, min_size=1, max_size=4, unique=True))
        least = max(Counter(pair[:1] for pair in answer).values())
        most = draw(st.sampled_from([0, least, least + 1]))
        body = replace(body, options=lefts, targets=rights, answer=tuple(answer), most=most)
    elif kind is ItemKind.HOTSPOT:
        areas = (
            Area("A", "rect", (0, 1, 5, 6)),
            Area("B", "circle", (3, 3, 2)),
            Area("C", "poly", (0, 0, 4, 0, 4, 4)),
        )
        answer = sorted(draw(st.sets(st.sampled_from("ABC"), min_size=1)))
        most = draw(st.sampled_from([0, len(answer)]))
        picture = draw(st.sampled_from(PICTURES)).sha256
        body = replace(body, areas=areas, picture=picture, answer=tuple(answer), most=most)
    elif kind is ItemKind.CASE:
        kinds = draw(st.lists(st.sampled_from(PART_KINDS), min_size=1, max_size=3))
        parts = [
            Part(f"问{n}", k, draw(bodies(k)), draw(st.decimals("0.5", 3, places=1)))
            for n, k in enumerate(kinds)
        ]
        body = replace(body, parts=tuple(parts))
    return with_media(body)


KINDS = [k for k in ItemKind if k not in (ItemKind.PRACTICAL, ItemKind.UNSUPPORTED)]
PART_KINDS = [k for k in KINDS if k is not ItemKind.CASE]


def with_media(body: ItemBody) -> ItemBody:
    own = "\n".join((*replace(body, parts=()).texts(), body.picture))
    named = dict.fromkeys(sha for sha in re.findall(r"[0-9a-f]{64}", own))
    return replace(body, media=tuple(KNOWN[sha] for sha in named))


@st.composite
def items(draw: st.DrawFn) -> Item:
    kind = draw(st.sampled_from(KINDS))
    uid = draw(st.from_regex(r"\A[\w甲][\w.\-甲]{0,20}\Z"))
    facts = ItemFacts(
        uid,
        draw(st.sampled_from(["", "A-B-C-001", "A-001"])),
        kind,
        draw(st.integers(0, 5)),
        draw(st.one_of(st.none(), st.integers(1, 5))),
        draw(st.sampled_from(["", "X", "Y", "Z"])),
        draw(st.booleans()),
        path=draw(st.sampled_from(["", "消防/报警 <1> & 2"])),
    )
    body = replace(draw(bodies(kind)), source=draw(st.sampled_from(["", "第 3 页"])))
    return Item(facts, body)


@pytest.mark.dear
@pytest.mark.parametrize("version", EXPORTS)
@settings(max_examples=120, deadline=None)
@given(item=items())
def test_what_goes_out_comes_back_equal(version: str, item: Item) -> None:
    assume(validate(item) == [])
    exported = EXPORTS[version]([item], MEDIA, "题库")
    reading = read_bank(exported.data, "bank.zip")
    assert exported.notes == ()
    assert reading.rejected == ()
    assert reading.format == f"qti-{version}"
    (placed,) = reading.items
    assert placed.item == item
    assert set(reading.media) == set(re.findall(r"[0-9a-f]{64}", repr(item)))


def parts_of(exported: Exported) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(exported.data)) as package:
        return {name: package.read(name) for name in package.namelist()}


def single(uid: str = "I-1", **more: object) -> Item:
    body = ItemBody("题干", (Option("A", "甲"), Option("B", "乙")), ("B",), "因为")
    facts = ItemFacts(uid, "A-B-001", ItemKind.SINGLE, 3, 4, "X", False)
    return Item(replace(facts, **more), body)  # type: ignore[arg-type]


def case() -> Item:
    parts = (
        Part("1", ItemKind.SINGLE, ItemBody("问", (Option("A", "甲"), Option("B", "乙")), ("B",))),
        Part(
            "2",
            ItemKind.NUMERIC,
            ItemBody("数[[1]]", gaps=(Gap("1", ranges=(NumberRange(Decimal(1), Decimal(2)),)),)),
        ),
        Part("3", ItemKind.ESSAY, ItemBody("论", criteria=(Criterion("点", Decimal(2)),))),
    )
    return Item(replace(single("案例").facts, kind=ItemKind.CASE), ItemBody("情形", parts=parts))


@pytest.mark.parametrize(
    ("version", "namespace", "kind"),
    [
        ("2.1", "http://www.imsglobal.org/xsd/imsqti_v2p1", "imsqti_item_xmlv2p1"),
        ("3.0", "http://www.imsglobal.org/xsd/imsqtiasi_v3p0", "imsqti_item_xmlv3p0"),
    ],
)
def test_items_declare_what_they_use_in_their_versions_words(version: str, namespace: str, kind: str) -> None:
    files = parts_of(EXPORTS[version]([single(), case()], {}, "题库"))
    manifest = etree.fromstring(files["imsmanifest.xml"])
    hrefs = [r.get("href") for r in manifest.iter() if name_of(r) == "resource" and r.get("type") == kind]
    assert hrefs == ["items/item-00001.xml", "items/item-00002.xml"]
    for href in hrefs:
        root = etree.fromstring(files[str(href)])
        assert etree.QName(root).namespace == namespace
        assert ("qti-" in root.tag) == (version == "3.0")
        declared = {attribute(e, "identifier") for e in root.iter() if name_of(e) == "responseDeclaration"}
        used = {attribute(e, "responseIdentifier") for e in root.iter() if name_of(e).endswith("Interaction")}
        assert declared == used
        outcomes = {attribute(e, "identifier") for e in root.iter() if name_of(e) == "outcomeDeclaration"}
        assert {
            attribute(e, "identifier") for e in root.iter() if name_of(e) == "setOutcomeValue"
        } <= outcomes
        named = {
            attribute(e, "identifier")
            for e in root.iter()
            if name_of(e) in ("variable", "correct", "mapResponse")
        }
        assert named <= declared | outcomes
    assert etree.fromstring(files["items/item-00001.xml"]).get("identifier") == "I-1"


def test_the_same_items_give_the_same_bytes() -> None:
    assert export_qti30([single(), case()], {}, "题库") == export_qti30([single(), case()], {}, "题库")


def test_what_cannot_be_carried_is_named() -> None:
    raw = Item(replace(single("U").facts, kind=ItemKind.UNSUPPORTED), ItemBody("x", raw="<x/>"))
    lost = Item(
        single("M").facts,
        replace(
            single().body,
            stem=f'<img src="media:{"0" * 64}">',
            markup=Markup.HTML,
            media=(Medium("0" * 64, "image/png", 1),),
        ),
    )
    bare = Item(replace(single("G").facts, kind=ItemKind.TEXT), ItemBody("填空", gaps=(Gap("1", ("x",)),)))
    exported = export_qti21([raw, lost, bare, single("E", enemy="g1")], {}, "题库")
    assert [(note.code, note.place) for note in exported.notes] == [
        ("export_kind_left_out", "U"),
        ("export_medium_missing", "M"),
        ("export_gap_appended", "G"),
        ("export_fact_left_out", "E"),
    ]
    kept = {placed.item.facts.uid for placed in read_bank(exported.data, "x.zip").items}
    assert {"G", "E"} <= kept


def test_characters_that_xml_cannot_carry_are_left_out() -> None:
    odd = Item(single().facts, replace(single().body, stem="题\ufffe干\uffff"))
    (placed,) = read_bank(export_qti21([odd], {}, "题\x00库").data, "x.zip").items
    assert placed.item.body.stem == "题干"


def test_a_wildcard_goes_out_as_the_sign_and_is_named() -> None:
    gap = Gap("1", ("3*5", r"4\*6"))
    item = Item(replace(single("W").facts, kind=ItemKind.TEXT), ItemBody("填[[1]]", gaps=(gap,)))
    exported = export_qti21([item], {}, "题库")
    assert [(note.code, note.place) for note in exported.notes] == [("export_wildcard_left_out", "W")]
    (placed,) = read_bank(exported.data, "x.zip").items
    assert placed.item.body.gaps[0].accepted == (r"3\*5", r"4\*6")
