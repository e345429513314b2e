"""QTI 1.2 as Canvas and Respondus write it."""

from decimal import Decimal
from html import escape

import pytest

from itembank.importing.pipeline import read_bank
from itembank.importing.reading import BankReading
from itembank.items import Gap, ItemKind, Markup, NumberRange, Option
from tests.itembank.qti_kit import codes, only, png, zipped

HEAD = '<questestinterop xmlns="http://www.imsglobal.org/xsd/ims_qtiasiv1p2">'


def item(presentation: str, processing: str = "", kind: str = "", ident: str = "q1", more: str = "") -> str:
    fields = f"<qtimetadatafield><fieldlabel>question_type</fieldlabel><fieldentry>{kind}</fieldentry></qtimetadatafield>"
    metadata = f"<itemmetadata><qtimetadata>{fields}</qtimetadata></itemmetadata>" if kind else ""
    return f'<item ident="{ident}" title="Question">{metadata}<presentation>{presentation}</presentation><resprocessing>{processing}</resprocessing>{more}</item>'


def text(words: str, kind: str = "text/html") -> str:
    return f'<material><mattext texttype="{kind}">{escape(words)}</mattext></material>'


def labels(*texts: str) -> str:
    listed = "".join(
        f'<response_label ident="L{n}">{text(words, "text/plain")}</response_label>'
        for n, words in enumerate(texts, 1)
    )
    return f"<render_choice>{listed}</render_choice>"


def lid(*texts: str, many: str = "Single", name: str = "r1", words: str = "") -> str:
    left = text(words, "text/plain") if words else ""
    return f'<response_lid ident="{name}" rcardinality="{many}">{left}{labels(*texts)}</response_lid>'


def written(name: str = "r1") -> str:
    return f'<response_str ident="{name}" rcardinality="Single"><render_fib><response_label ident="answer1"/></render_fib></response_str>'


def when(tests: str, points: str = "100") -> str:
    return f'<respcondition continue="No"><conditionvar>{tests}</conditionvar><setvar action="Set" varname="SCORE">{points}</setvar></respcondition>'


def equal(value: str, name: str = "r1") -> str:
    return f'<varequal respident="{name}">{value}</varequal>'


def read(*items: str, wrap: str = "assessment") -> BankReading:
    return read_bank(
        f"{HEAD}<{wrap}><section>{''.join(items)}</section></{wrap}></questestinterop>".encode(), "quiz.xml"
    )


@pytest.mark.parametrize("wrap", ["assessment", "objectbank"])
def test_escaped_html_is_read_as_html(wrap: str) -> None:
    reading = read(item(text("<p>看<b>图</b></p>") + lid("甲", "乙", "丙"), when(equal("L2"))), wrap=wrap)
    placed = only(reading)
    body = placed.item.body
    assert (reading.format, placed.place, placed.label, placed.told) == (
        "qti-1.2",
        "quiz.xml question 1",
        "q1",
        ("L2",),
    )
    assert (body.stem, body.markup, body.answer) == ("<p>看<b>图</b></p>", Markup.HTML, ("B",))
    assert body.options[0] == Option("A", "甲")


def test_everything_right_in_one_condition() -> None:
    tests = f"<and>{equal('L1')}{equal('L3')}<not>{equal('L2')}</not></and>"
    placed = only(read(item(text("哪些？") + lid("甲", "乙", "丙", many="Multiple"), when(tests))))
    assert (placed.item.facts.kind, placed.item.body.answer) == (ItemKind.MULTIPLE, ("A", "C"))


def test_a_condition_for_each_option_with_its_share() -> None:
    tests = when(equal("L1"), "25") + when(equal("L2"), "-10") + when(equal("L3"), "75")
    body = only(read(item(text("哪些？") + lid("甲", "乙", "丙", many="Multiple"), tests))).item.body
    assert body.answer == ("A", "C")
    assert body.weights == (("A", Decimal(25)), ("C", Decimal(75)))


def test_of_a_single_choice_the_best_paid_option_is_right() -> None:
    tests = when(equal("L1"), "0") + when(equal("L2"), "5") + when(equal("L3"), "10")
    assert only(read(item(text("哪个？") + lid("甲", "乙", "丙"), tests))).item.body.answer == ("C",)


def test_truth_words_make_a_judgement() -> None:
    placed = only(read(item(text("对吗？") + lid("False", "True"), when(equal("L1")))))
    assert (placed.item.facts.kind, placed.item.body.answer) == (ItemKind.TRUE_FALSE, ("B",))


def test_short_answers_and_essays_differ_by_what_is_right() -> None:
    short = item(text("首都？") + written(), when(equal("北京") + equal("北京市")), "short_answer_question")
    essay = item(text("论述") + written(), when("<other/>"), "essay_question", "q2")
    first, second = read(short, essay).items
    assert (first.item.facts.kind, first.item.body.stem) == (ItemKind.TEXT, "首都？ [[1]]")
    assert first.item.body.gaps == (Gap("1", ("北京", "北京市")),)
    assert (second.item.facts.kind, second.item.body.stem) == (ItemKind.ESSAY, "论述")


def test_numbers_with_their_tolerance() -> None:
    bounds = '<and><vargte respident="r1">2.9</vargte><varlte respident="r1">3.1</varlte></and>'
    placed = only(
        read(item(text("π？") + written(), when(f"<or>{equal('3')}{bounds}</or>"), "numerical_question"))
    )
    assert placed.item.facts.kind is ItemKind.NUMERIC
    assert placed.item.body.gaps[0].ranges == (NumberRange(Decimal("2.9"), Decimal("3.1")),)


def test_blanks_and_drop_downs_stand_where_their_names_stood() -> None:
    blanks = item(
        text("[城市]是首都") + lid("北京", "Beijing", words="城市"),
        when(equal("L1")),
        "fill_in_multiple_blanks_question",
    )
    drop = item(text("先[a]后[b]") + lid("甲", "乙", name="ra", words="a") + lid("丙", "丁", name="rb", words="b"),
                when(equal("L2", "ra")) + when(equal("L1", "rb")), "multiple_dropdowns_question", "q2")  # fmt: skip
    first, second = read(blanks, drop).items
    assert first.item.body.stem == "[[1]]是首都"
    assert first.item.body.gaps == (Gap("1", ("北京", "Beijing")),)
    assert (second.item.facts.kind, second.item.body.stem) == (ItemKind.INLINE_CHOICE, "先[[1]]后[[2]]")
    assert [gap.answer for gap in second.item.body.gaps] == ["B", "A"]


def test_lists_beside_words_are_pairs() -> None:
    pairs = lid("一", "二", name="ra", words="甲") + lid("一", "二", name="rb", words="乙")
    tests = when(equal("L2", "ra"), "50") + when(equal("L1", "rb"), "50")
    placed = only(read(item(text("连线") + pairs, tests, "matching_question")))
    body = placed.item.body
    assert (placed.item.facts.kind, body.answer) == (ItemKind.MATCH, ("A-2", "B-1"))
    assert [option.text for option in (*body.options, *body.targets)] == ["甲", "乙", "一", "二"]


@pytest.mark.parametrize(
    ("xml", "kind"),
    [
        (item(text("说明"), kind="text_only_question"), "text_only"),
        (item(text("公式") + written(), when(equal("3")), "calculated_question"), "calculated"),
        (item(text("画") + '<response_xy ident="r1"/>', when(equal("1,2"))), "item"),
    ],
)
def test_what_cannot_be_delivered_is_kept_raw_and_named(xml: str, kind: str) -> None:
    reading = read(xml)
    placed = only(reading)
    assert placed.item.facts.kind is ItemKind.UNSUPPORTED
    assert "<presentation" in placed.item.body.raw
    assert [p.params["kind"] for p in reading.warnings if p.code == "kind_not_supported"] == [kind]


def test_pictures_are_found_whatever_the_tool_called_their_folder() -> None:
    words = text('看<img src="$IMS_CC_FILE_BASE$org1/i.png" alt="图">')
    quiz = f"{HEAD}{item(words + lid('甲', '乙'), when(equal('L1')))}</questestinterop>"
    reading = read_bank(zipped({"quiz.xml": quiz, "exam/files/org1/i.png": png()}), "p.zip")
    body = only(reading).item.body
    assert body.stem == f'看<img src="media:{body.media[0].sha256}" alt="图">'
    assert codes(reading) == []


def test_the_general_feedback_is_the_explanation() -> None:
    told = f'<itemfeedback ident="general_fb"><flow_mat>{text("<p>见第三条</p>")}</flow_mat></itemfeedback>'
    assert (
        only(read(item(text("题") + lid("甲", "乙"), when(equal("L1")), more=told))).item.body.explanation
        == "见第三条"
    )


def test_of_two_copies_the_fuller_one_stays() -> None:
    plain = f"{HEAD}{item(text('同题') + lid('甲', '乙'), when(equal('L1')))}</questestinterop>"
    full = plain.replace('ident="q1"', 'ident="q9"')
    reading = read_bank(
        zipped({"a/assessment_qti.xml": plain, "non_cc_assessments/a.xml.qti": full}), "p.zip"
    )
    assert [placed.item.facts.uid for placed in reading.items] == ["q9"]
    assert [problem.code for problem in reading.rejected] == ["duplicate_item"]


def gives(test: str, points: str, action: str = "Set", name: str = "SCORE") -> str:
    return f'<respcondition><conditionvar>{test}</conditionvar><setvar action="{action}" varname="{name}">{points}</setvar></respcondition>'


@pytest.mark.parametrize(
    ("rules", "answer"),
    [
        (gives(equal("L1"), "100", "Subtract") + gives(equal("L2"), "50", "Add"), ("B",)),
        (gives(equal("L1"), "5", name="HINTS") + gives(equal("L2"), "1"), ("B",)),
        (gives(equal("L1"), "9", name="que_score"), ("A",)),
    ],
)
def test_what_a_condition_does_to_the_score_counts(rules: str, answer: tuple[str, ...]) -> None:
    assert only(read(item(text("问") + lid("甲", "乙", "丙"), rules))).item.body.answer == answer


@pytest.mark.parametrize(
    ("asked", "rules"),
    [
        (lid("甲", "乙", many="Multiple"), when(f"<and>{equal('L1')}{equal('L9')}</and>")),
        (lid("甲", "乙", "丙", many="Multiple"), when(f"<and>{equal('L1')}{equal('L2')}{equal('L9')}</and>")),
        (lid("甲", "乙").replace('"L2"', '"L1"'), when(equal("L1"))),
        (lid("甲", "乙"), gives(equal("L1"), "1", "Subtract")),
        (lid("甲", "乙"), when("<other/>")),
    ],
)
def test_an_answer_that_names_no_label_or_two_is_not_used(asked: str, rules: str) -> None:
    reading = read(item(text("问") + asked, rules))
    facts, many = only(reading).item.facts, "Multiple" in asked
    assert (facts.kind, facts.flaw) == (ItemKind.MULTIPLE if many else ItemKind.SINGLE, "no_fixed_answer")
    assert codes(reading) == ["scoring_not_supported"]


def test_a_written_answer_worth_less_is_left_out_and_asterisks_are_themselves() -> None:
    rules = when(equal("3*5"), "100") + when(equal("15"), "50")
    reading = read(item(text("问") + written(), rules))
    placed = only(reading)
    assert (placed.item.body.gaps[0].accepted, placed.told) == ((r"3\*5",), ("3*5",))
    assert codes(reading) == ["partial_answers_left_out"]
