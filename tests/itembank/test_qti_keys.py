"""QTI answers that do not hold together: kept as they are, said so, never guessed."""

import pytest

from itembank.importing.pipeline import read_bank
from itembank.items import ItemKind
from tests.itembank.qti_kit import (
    choice,
    codes,
    declaration,
    entry,
    item,
    manifest,
    only,
    png,
    processing,
    read,
    zipped,
)

MATCH = '<match><variable identifier="RESPONSE"/><correct identifier="RESPONSE"/></match>'
GAP = '<p>几米？<textEntryInteraction responseIdentifier="RESPONSE"/></p>'
ORDER = (
    '<orderInteraction responseIdentifier="RESPONSE"><simpleChoice identifier="A">一</simpleChoice>'
    '<simpleChoice identifier="B">二</simpleChoice><simpleChoice identifier="{last}">三</simpleChoice></orderInteraction>'
)
INLINE = (
    '<p>选<inlineChoiceInteraction responseIdentifier="RESPONSE"><inlineChoice identifier="A">一</inlineChoice>'
    '<inlineChoice identifier="{last}">二</inlineChoice></inlineChoiceInteraction></p>'
)


def given(value: str) -> str:
    return f'<match><variable identifier="RESPONSE"/><baseValue baseType="identifier">{value}</baseValue></match>'


def scored(score: str) -> str:
    return f'<setOutcomeValue identifier="SCORE"><baseValue baseType="float">{score}</baseValue></setOutcomeValue>'


def own(*branches: tuple[str, str], otherwise: str = "0") -> str:
    names = ["responseIf", *["responseElseIf"] * (len(branches) - 1)]
    listed = "".join(
        f"<{name}>{test}{scored(score)}</{name}>" for name, (test, score) in zip(names, branches, strict=True)
    )
    last = f"<responseElse>{scored(otherwise)}</responseElse>"
    return f"<responseProcessing><responseCondition>{listed}{last}</responseCondition></responseProcessing>"


@pytest.mark.parametrize(
    ("body", "declared"),
    [
        (choice("甲", "乙", "丙", many="0"), declaration("C1", "C2", "C9", form="multiple identifier")),
        (choice("甲", "乙").replace('"C2"', '"C1"'), declaration("C1")),
        (ORDER.format(last="C"), declaration("A", "B", "C", "D", form="ordered identifier")),
        (ORDER.format(last="B"), declaration("A", "B", "B", form="ordered identifier")),
        (INLINE.format(last="A"), declaration("A")),
        (INLINE.format(last="B"), declaration("A", "Z")),
    ],
)
def test_an_answer_that_names_no_choice_or_two_is_not_used(body: str, declared: str) -> None:
    reading = read(item(body, declared, processing()))
    assert only(reading).item.facts.flaw == "no_fixed_answer"
    assert only(reading).item.body.raw
    assert codes(reading) == ["scoring_not_supported"]


@pytest.mark.parametrize(
    "rules",
    [
        own((f"<not>{MATCH}</not>", "1")),
        own((MATCH, "0"), otherwise="1"),
        own((MATCH, "-1")),
        own((given("C2"), "1")),
        own((MATCH, "1"), (given("C2"), "2")),
        own((MATCH, "1"), (given("C2"), "1")),
        own((f"<and>{MATCH}<not>{given('C1')}</not></and>", "0"), (given("C3"), "3")),
    ],
)
def test_processing_that_pays_for_another_answer_is_not_taken_for_the_declared_one(rules: str) -> None:
    reading = read(item(choice("甲", "乙", "丙"), declaration("C1"), rules))
    placed = only(reading)
    assert (placed.item.facts.kind, placed.item.facts.flaw) == (ItemKind.SINGLE, "no_fixed_answer")
    assert codes(reading) == ["scoring_contradicts_answer"]


@pytest.mark.parametrize(
    "rules",
    [
        own((MATCH, "1")),
        own((MATCH, "1"), (given("C2"), "0.5")),
        own((given("C1"), "2")),
        own((f"<not>{MATCH}</not>", "0"), otherwise="1"),
        own((f"<not>{MATCH}</not>", "-1"), otherwise="1"),
        processing(),
    ],
)
def test_processing_that_pays_for_the_declared_answer_is_understood(rules: str) -> None:
    reading = read(item(choice("甲", "乙", "丙"), declaration("C1"), rules))
    assert (only(reading).item.body.answer, codes(reading)) == (("A",), [])


@pytest.mark.parametrize(
    ("many", "right", "mapped", "answer"),
    [
        ("1", ("C1",), entry("C2", "1"), ()),
        ("1", ("C1",), entry("C1", "1") + entry("C2", "1"), ()),
        ("1", ("C1",), entry("C1", "1") + entry("C2", "0.5"), ("A",)),
        ("1", ("C1",), entry("C1", "-1"), ()),
        ("0", ("C1",), entry("C2", "1") + entry("C3", "1"), ()),
        ("0", ("C1", "C2"), entry("C1", "1") + entry("C2", "1") + entry("C3", "-1"), ("A", "B")),
    ],
)
def test_a_mapping_has_to_pay_most_for_the_declared_answer(
    many: str, right: tuple[str, ...], mapped: str, answer: tuple[str, ...]
) -> None:
    form = "single identifier" if many == "1" else "multiple identifier"
    xml = item(
        choice("甲", "乙", "丙", many=many),
        declaration(*right, form=form, mapping=mapped),
        processing("map_response"),
    )
    placed = only(read(xml))
    assert placed.item.body.answer == answer
    assert placed.item.facts.flaw == ("" if answer else "no_fixed_answer")


def test_equally_good_texts_of_a_mapping_do_not_contradict_the_declared_one() -> None:
    mapped = entry("york", "1") + entry("New York", "1") + entry("Yrk", "0.5")
    declared = declaration("York", form="single string", mapping=mapped)
    (gap,) = only(read(item(GAP, declared, processing("map_response")))).item.body.gaps
    assert gap.accepted == ("York", "york", "New York")


def test_an_asterisk_in_an_answer_is_itself() -> None:
    (gap,) = only(read(item(GAP, declaration("3*4", form="single string"), processing()))).item.body.gaps
    assert gap.accepted == (r"3\*4",)


def span(low: str, high: str) -> str:
    ends = (("gte", low), ("lte", high))
    tests = "".join(
        f'<{name}><variable identifier="RESPONSE"/><baseValue baseType="float">{end}</baseValue></{name}>'
        for name, end in ends
    )
    return f"<and>{tests}</and>"


def test_of_two_spans_the_one_that_pays_most_counts() -> None:
    declared = declaration("5", form="single float")
    placed = only(read(item(GAP, declared, own((span("4", "6"), "2"), (span("1", "9"), "1")))))
    assert [(str(each.low), str(each.high)) for each in placed.item.body.gaps[0].ranges] == [("4", "6")]
    wrong = only(read(item(GAP, declared, own((span("4", "6"), "0"), otherwise="1"))))
    assert wrong.item.facts.flaw == "no_fixed_answer"


def test_a_listed_item_that_is_none_is_named() -> None:
    good = item(choice("甲", "乙"), declaration("C1"), processing())
    listed = manifest("a.xml", "b.xml", "c.xhtml")
    files = {
        "imsmanifest.xml": listed,
        "a.xml": good,
        "b.xml": "<item/>",
        "c.xhtml": "<html/>",
        "d.xml": "<x/>",
    }
    reading = read_bank(zipped(files), "p.zip")
    assert [(each.code, each.place) for each in reading.rejected] == [
        ("qti_part_unknown", "b.xml"), ("qti_part_unknown", "c.xhtml"),
    ]  # fmt: skip
    assert len(reading.items) == 1


def test_a_picture_from_another_folder_is_said() -> None:
    xml = item('<p>看<img src="i.png"/></p>' + choice("甲", "乙"), declaration("C1"), processing())
    reading = read(xml, {"elsewhere/i.png": png()})
    assert [(each.code, each.params["name"]) for each in reading.warnings] == [
        ("qti_media_elsewhere", "elsewhere/i.png")
    ]
    assert read(xml, {"items/i.png": png()}).warnings == ()
