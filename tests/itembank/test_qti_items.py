"""Each interaction becomes the kind that asks the same; what would be marked wrongly is never delivered."""

from decimal import Decimal

import pytest

from itembank.items import Area, Gap, Item, ItemKind, Markup, NumberRange, Option
from tests.itembank.qti_kit import (
    choice,
    codes,
    declaration,
    entry,
    item,
    modern,
    only,
    png,
    processing,
    read,
)

SINGLE = item(choice("甲", "乙", "丙"), declaration("C2"), processing())


@pytest.mark.parametrize("xml", [SINGLE, modern(SINGLE), SINGLE.replace("imsqti_v2p1", "imsqti_v2p2")])
def test_every_version_reads_the_same(xml: str) -> None:
    placed = only(read(xml))
    assert (placed.item.facts.kind, placed.item.facts.uid, placed.label) == (ItemKind.SINGLE, "I1", "I1")
    body = placed.item.body
    assert (body.stem, body.markup, body.answer, placed.told) == ("选哪一个？", Markup.PLAIN, ("B",), ("C2",))
    assert body.options == (Option("A", "甲"), Option("B", "乙"), Option("C", "丙"))


@pytest.mark.parametrize(
    ("xml", "format_name"),
    [
        (SINGLE, "qti-2.1"),
        (SINGLE.replace("v2p1", "v2p2"), "qti-2.2"),
        (SINGLE.replace("v2p1", "v2p0"), "qti-2.0"),
        (modern(SINGLE), "qti-3.0"),
        (
            SINGLE.replace('xmlns="http://www.imsglobal.org/xsd/imsqti_v2p1" ', "").replace(processing(), ""),
            "qti",
        ),
    ],
)
def test_the_format_is_named_by_its_version(xml: str, format_name: str) -> None:
    assert read(xml).format == format_name


@pytest.mark.parametrize(
    ("texts", "many", "right", "kind", "answer"),
    [
        (("正确", "错误"), "1", ("C2",), ItemKind.TRUE_FALSE, ("B",)),
        (("错误", "正确"), "1", ("C2",), ItemKind.TRUE_FALSE, ("A",)),
        (("True", "False"), "1", ("C1",), ItemKind.TRUE_FALSE, ("A",)),
        (("甲", "乙"), "1", ("C1",), ItemKind.SINGLE, ("A",)),
        (("正确", "不知道"), "1", ("C1",), ItemKind.SINGLE, ("A",)),
        (("正确", "错误", "不知道"), "1", ("C1",), ItemKind.SINGLE, ("A",)),
        (("甲", "乙", "丙"), "0", ("C3", "C1"), ItemKind.MULTIPLE, ("A", "C")),
        (("甲", "乙", "丙"), "0", ("C3",), ItemKind.SINGLE, ("C",)),
    ],
)
def test_choices_by_their_texts_and_answers(
    texts: tuple[str, ...], many: str, right: tuple[str, ...], kind: ItemKind, answer: tuple[str, ...]
) -> None:
    form = "single identifier" if many == "1" else "multiple identifier"
    placed = only(read(item(choice(*texts, many=many), declaration(*right, form=form), processing())))
    assert (placed.item.facts.kind, placed.item.body.answer) == (kind, answer)


MOVING = ((ItemKind.SINGLE, "no_fixed_answer"), (ItemKind.TEXT, "no_fixed_answer"))


def flaw(item: Item) -> tuple[ItemKind, str]:
    return item.facts.kind, item.facts.flaw


def test_a_mapping_alone_says_what_is_right_and_keeps_its_shares() -> None:
    mapped = entry("C1", "1") + entry("C2", "0.5") + entry("C3", "-1")
    xml = item(
        choice("甲", "乙", "丙", many="0"),
        declaration(form="multiple identifier", mapping=mapped),
        processing("map_response"),
    )
    body = only(read(xml)).item.body
    assert body.answer == ("A", "B")
    assert body.weights == (("A", Decimal(1)), ("B", Decimal("0.5")), ("C", Decimal(-1)))


def test_two_right_answers_to_a_single_choice_are_kept_raw_not_guessed() -> None:
    reading = read(item(choice("甲", "乙"), declaration("C1", "C2"), processing()))
    placed = only(reading)
    assert flaw(placed.item) == (ItemKind.SINGLE, "no_fixed_answer")
    assert "simpleChoice" in placed.item.body.raw
    assert placed.told == ("C1", "C2")
    assert codes(reading) == ["scoring_not_supported"]


def test_a_choice_without_a_declared_answer_is_kept_raw() -> None:
    reading = read(item(choice("甲", "乙"), declaration(), processing()))
    assert flaw(only(reading).item) == (ItemKind.SINGLE, "no_fixed_answer")
    assert codes(reading) == ["scoring_not_supported"]


def gap(name: str = "RESPONSE") -> str:
    return f'<textEntryInteraction responseIdentifier="{name}" expectedLength="5"/>'


def test_gaps_stand_where_their_interactions_stood() -> None:
    inline = '<inlineChoiceInteraction responseIdentifier="B"><inlineChoice identifier="x"></inlineChoice><inlineChoice identifier="y">一</inlineChoice><inlineChoice identifier="z">二</inlineChoice></inlineChoiceInteraction>'
    xml = item(
        f"<p>首都是{gap('A')}，共{inline}个。</p>",
        declaration("北京", name="A", form="single string") + declaration("z", name="B"),
    )
    body = only(read(xml)).item.body
    assert body.stem == "首都是[[1]]，共[[2]]个。"
    assert body.gaps == (
        Gap("1", ("北京",), case_sensitive=True),
        Gap("2", choices=(Option("A", "一"), Option("B", "二")), answer="B"),
    )


def test_mapped_texts_are_accepted_in_full_only_and_case_as_told() -> None:
    mapped = entry("York", "1") + entry("york", "0.5") + entry("YORK", "1")
    xml = item(
        f"<p>{gap()}</p>",
        declaration("York", form="single string", mapping=mapped),
        processing("map_response"),
    )
    reading = read(xml)
    assert only(reading).item.body.gaps == (Gap("1", ("York", "YORK")),)
    assert codes(reading) == ["partial_answers_left_out"]


def condition(test: str) -> str:
    return f'<responseProcessing><responseCondition><responseIf>{test}<setOutcomeValue identifier="SCORE"><baseValue baseType="float">1</baseValue></setOutcomeValue></responseIf></responseCondition></responseProcessing>'


VARIABLE, CORRECT = '<variable identifier="RESPONSE"/>', '<correct identifier="RESPONSE"/>'


def bound(name: str, value: str) -> str:
    return f'<{name}>{VARIABLE}<baseValue baseType="float">{value}</baseValue></{name}>'


@pytest.mark.parametrize(
    ("test", "low", "high"),
    [
        (f"<match>{VARIABLE}{CORRECT}</match>", "12", "12"),
        (f'<equal toleranceMode="exact">{VARIABLE}{CORRECT}</equal>', "12", "12"),
        (f'<equal toleranceMode="absolute" tolerance="0.5">{VARIABLE}{CORRECT}</equal>', "11.5", "12.5"),
        (f'<equal toleranceMode="absolute" tolerance="1 2">{VARIABLE}{CORRECT}</equal>', "11", "14"),
        (f'<equal toleranceMode="relative" tolerance="10">{VARIABLE}{CORRECT}</equal>', "10.8", "13.2"),
        (f"<and>{bound('gte', '3.1')}{bound('lte', '3.2')}</and>", "3.1", "3.2"),
    ],
)
@pytest.mark.parametrize("spelled", [str, modern])
def test_numbers_with_the_tolerance_of_their_processing(
    spelled: object, test: str, low: str, high: str
) -> None:
    xml = item(f"<p>多少？{gap()}</p>", declaration("12", form="single float"), condition(test))
    reading = read(modern(xml) if spelled is modern else xml)
    placed = only(reading)
    assert placed.item.facts.kind is ItemKind.NUMERIC
    assert placed.item.body.gaps[0].ranges == (NumberRange(Decimal(low), Decimal(high)),)
    assert codes(reading) == []


def test_a_lone_text_without_an_answer_is_for_examiners() -> None:
    reading = read(item(f"<p>写出原因：{gap()}</p>", declaration(form="single string")))
    assert only(reading).item.facts.kind is ItemKind.ESSAY
    assert codes(reading) == ["scoring_not_supported"]


def test_essays_with_rubrics_and_model_answers() -> None:
    rubric = '<rubricBlock view="scorer" label="2.5"><p>要点一</p></rubricBlock><rubricBlock view="candidate"><p>请写满一页。</p></rubricBlock>'
    xml = item(
        f'<p>论述。</p>{rubric}<extendedTextInteraction responseIdentifier="RESPONSE"/>',
        declaration("答 <![CDATA[<b>]]>", form="single string"),
    )
    body = only(read(xml)).item.body
    assert body.stem == "论述。\n请写满一页。"
    assert [(each.text, each.points) for each in body.criteria] == [("要点一", Decimal("2.5"))]
    assert body.explanation == "答 <b>"


MATCH = (
    '<matchInteraction responseIdentifier="RESPONSE" maxAssociations="3"><prompt>连线</prompt>'
    '<simpleMatchSet><simpleAssociableChoice identifier="a" matchMax="{most}">甲</simpleAssociableChoice>'
    '<simpleAssociableChoice identifier="b" matchMax="{most}">乙</simpleAssociableChoice></simpleMatchSet>'
    '<simpleMatchSet><simpleAssociableChoice identifier="x" matchMax="2">一</simpleAssociableChoice>'
    '<simpleAssociableChoice identifier="y" matchMax="2">二</simpleAssociableChoice></simpleMatchSet></matchInteraction>'
)


@pytest.mark.parametrize("most", [0, 1, 2])
def test_matching_pairs_by_letter_and_number(most: int) -> None:
    xml = item(MATCH.format(most=most), declaration("a y", "b x", form="multiple directedPair"), processing())
    placed = only(read(xml))
    body = placed.item.body
    assert (placed.item.facts.kind, body.answer, body.most) == (ItemKind.MATCH, ("A-2", "B-1"), most)
    assert body.targets == (Option("1", "一"), Option("2", "二"))


def test_ordering_needs_every_choice() -> None:
    body = '<orderInteraction responseIdentifier="RESPONSE"><prompt>排序</prompt><simpleChoice identifier="x">先</simpleChoice><simpleChoice identifier="y" fixed="true">后</simpleChoice></orderInteraction>'
    placed = only(read(item(body, declaration("y", "x", form="ordered identifier"), processing())))
    assert (placed.item.facts.kind, placed.item.body.answer) == (ItemKind.ORDER, ("B", "A"))
    assert [option.fixed for option in placed.item.body.options] == [False, True]
    short = read(item(body, declaration("y", form="ordered identifier"), processing()))
    assert flaw(only(short).item) == (ItemKind.ORDER, "no_fixed_answer")


def hotspot(size: str = 'width="80" height="60"', shape: str = 'shape="rect" coords="0,0,10,20"') -> str:
    body = (
        f'<hotspotInteraction responseIdentifier="RESPONSE" maxChoices="1"><prompt>指出</prompt><object data="../m.png" type="image/png" {size}/>'
        f'<hotspotChoice identifier="H1" {shape}/><hotspotChoice identifier="H2" shape="circle" coords="40,30,10"/></hotspotInteraction>'
    )
    return item(body, declaration("H1"), processing())


@pytest.mark.parametrize(
    ("size", "coords"),
    [
        ('width="80" height="60"', (0, 0, 10, 20)),
        ('width="40" height="30"', (0, 0, 20, 40)),
        ("", (0, 0, 10, 20)),
    ],
)
def test_areas_are_counted_in_pixels_of_the_picture(size: str, coords: tuple[int, ...]) -> None:
    placed = only(read(hotspot(size), {"m.png": png(80, 60)}))
    body = placed.item.body
    assert placed.item.facts.kind is ItemKind.HOTSPOT
    assert body.picture == body.media[0].sha256
    assert body.areas[0] == Area("A", "rect", coords)
    assert body.answer == ("A",)


@pytest.mark.parametrize(
    ("written", "most"), [('maxChoices="0"', 0), ('maxChoices="2"', 2), ("", 0), ('maxChoices="some"', 0)]
)
def test_a_hotspot_lets_choose_every_right_area(written: str, most: int) -> None:
    xml = (
        hotspot().replace('maxChoices="1"', written).replace('cardinality="single"', 'cardinality="multiple"')
    )
    xml = xml.replace("<value>H1</value>", "<value>H1</value><value>H2</value>")
    body = only(read(xml, {"m.png": png(80, 60)})).item.body
    assert (body.answer, body.most) == (("A", "B"), most)


def test_a_hotspot_without_its_picture_is_kept_raw() -> None:
    reading = read(hotspot(), {})
    assert flaw(only(reading).item) == (ItemKind.HOTSPOT, "picture_missing")
    assert codes(reading) == ["qti_media_missing"]


def test_shapes_of_the_whole_picture_are_kept_raw() -> None:
    reading = read(hotspot(shape='shape="default"'), {"m.png": png(80, 60)})
    assert flaw(only(reading).item) == (ItemKind.HOTSPOT, "no_fixed_answer")


def test_several_interactions_make_a_case_whose_stem_shows_where_each_part_belongs() -> None:
    xml = item(
        f"<p>某单位失火。</p>{choice('甲', '乙', '丙', name='A', prompt='先做什么？')}<p>电话：{gap('B')}</p>",
        declaration("C1", name="A") + declaration("119", name="B", form="single string"),
    )
    placed = only(read(xml))
    body = placed.item.body
    assert placed.item.facts.kind is ItemKind.CASE
    assert body.stem == "某单位失火。\n（1）\n电话：（2）"
    assert [(part.key, part.kind, part.body.stem) for part in body.parts] == [
        ("1", ItemKind.SINGLE, "先做什么？"),
        ("2", ItemKind.TEXT, "（2）[[1]]"),
    ]
    assert placed.told == ("C1", "119")


@pytest.mark.parametrize(
    ("xml", "kind"),
    [
        (item('<sliderInteraction responseIdentifier="RESPONSE"/>', declaration("1")), "sliderInteraction"),
        (item("<p>只有文字</p>"), "text_only"),
        (SINGLE.replace('adaptive="false"', 'adaptive="true"'), "adaptive"),
        (
            SINGLE.replace("<itemBody>", '<templateDeclaration identifier="T"/><itemBody>'),
            "templateProcessing",
        ),
        (
            item(
                choice("甲", "乙", "丙", name="A") + '<uploadInteraction responseIdentifier="B"/>',
                declaration("C1", name="A"),
            ),
            "uploadInteraction",
        ),
    ],
)
def test_what_cannot_be_delivered_is_kept_raw_and_named(xml: str, kind: str) -> None:
    reading = read(xml)
    placed = only(reading)
    moving = kind in ("adaptive", "templateProcessing")
    assert flaw(placed.item) in MOVING if moving else placed.item.facts.kind is ItemKind.UNSUPPORTED
    assert placed.item.body.raw.startswith("<assessmentItem")
    assert {p.params.get("kind") for p in reading.warnings if p.code == "kind_not_supported"} == {kind}


@pytest.mark.parametrize(
    "own",
    [
        '<responseProcessing><customOperator class="x"/></responseProcessing>',
        condition('<match><variable identifier="OTHER"/><correct identifier="RESPONSE"/></match>').replace(
            "RESPONSE", "NOBODY"
        ),
        '<responseProcessing template="http://example.org/rptemplates/mine"/>',
    ],
)
def test_processing_that_means_something_else_is_noted(own: str) -> None:
    reading = read(item(choice("甲", "乙", "丙"), declaration("C1"), own))
    assert only(reading).item.body.answer == ("A",)
    assert "scoring_not_supported" in codes(reading)


def test_the_explanation_is_kept_and_feedback_to_responses_is_named() -> None:
    told = '<modalFeedback outcomeIdentifier="F" identifier="SOLUTION" showHide="show"><p>因为第三条。</p></modalFeedback>'
    other = '<modalFeedback outcomeIdentifier="F" identifier="WRONG" showHide="show">不对</modalFeedback>'
    kept = read(SINGLE.replace("</assessmentItem>", told + "</assessmentItem>"))
    assert only(kept).item.body.explanation == "因为第三条。"
    left = read(SINGLE.replace("</assessmentItem>", other + "</assessmentItem>"))
    assert (only(left).item.body.explanation, codes(left)) == ("", ["qti_feedback_left_out"])


def test_many_may_be_chosen_but_one_is_right_is_a_single_choice_and_noted() -> None:
    reading = read(
        item(choice("甲", "乙", many="0"), declaration("C1", form="multiple identifier"), processing())
    )
    assert only(reading).item.facts.kind is ItemKind.SINGLE
    assert codes(reading) == ["multiple_with_one_answer"]


def test_bounds_that_cannot_be_read_are_noted_and_the_exact_number_stays() -> None:
    turned = f'<gte><baseValue baseType="float">11</baseValue>{VARIABLE}</gte>'
    reading = read(item(f"<p>多少？{gap()}</p>", declaration("12", form="single float"), condition(turned)))
    assert only(reading).item.body.gaps[0].ranges == (NumberRange(Decimal(12), Decimal(12)),)
    assert codes(reading) == ["scoring_not_supported"]
