"""GIFT as it is found: every kind, escapes, formats, categories, comments, faults with their lines."""

import base64
import contextlib
import time
from decimal import Decimal

import pytest

from itembank.importing.aiken import AikenFormat
from itembank.importing.gift import GiftFormat
from itembank.importing.source import Source
from itembank.items import Gap, ItemKind, Markup, NumberRange
from itembank.problems import InputRefused
from tests.itembank.moodle_kit import codes, only, png, reading


def texts(source: str) -> list[str]:
    return [option.text for option in only(source).body.options]


def test_signs_tell_right_from_wrong() -> None:
    item = only("谁先报警？{~甲 =乙 ~丙}")
    assert (item.facts.kind, item.body.stem, item.body.answer) == (ItemKind.SINGLE, "谁先报警？", ("B",))
    assert [option.text for option in item.body.options] == ["甲", "乙", "丙"]


def test_shares_without_a_right_sign_make_a_multiple_choice() -> None:
    item = only("哪两项？{~%50%甲 ~%-50%乙 ~%50.0%丙}")
    assert (item.facts.kind, item.body.answer, item.body.weights) == (ItemKind.MULTIPLE, ("A", "C"), ())


def test_partial_shares_beside_a_right_sign_stay_a_single_choice() -> None:
    item = only("难题{~错 ~%50%半对 =对}")
    assert (item.facts.kind, item.body.answer) == (ItemKind.SINGLE, ("C",))
    assert item.body.weights == (("A", Decimal(0)), ("B", Decimal("0.5")), ("C", Decimal(1)))


def test_several_right_signs_become_a_multiple_choice_and_are_said() -> None:
    found = reading("哪些？{=甲 =乙 ~丙}")
    assert found.items[0].item.body.answer == ("A", "B")
    assert found.items[0].item.facts.kind is ItemKind.MULTIPLE
    assert codes(found.warnings) == [("line 1", "several_right_as_multiple")]


@pytest.mark.parametrize(
    ("inside", "right"),
    [
        ("T", "A"),
        ("TRUE#对", "A"),
        ("true", "A"),
        ("F", "B"),
        (" FALSE # 错#对####解析", "B"),
        ("False", "B"),
    ],
)
def test_judgements(inside: str, right: str) -> None:
    item = only(f"可以吗。{{{inside}}}")
    assert (item.facts.kind, item.body.answer) == (ItemKind.TRUE_FALSE, (right,))


@pytest.mark.parametrize(
    ("source", "accepted"),
    [
        ("谁{=无人 =没有人}", ("无人", "没有人")),
        ("::名::谁{One}", ("One",)),
        ("::名::谁{t}", ("t",)),
        ("谁{=Frog#好 =%50%Cat =%0%*#错}", ("Frog",)),
        ("谁{=\\=\\~\\#\\{\\}\\:\\\\}", ("=~#{}:\\",)),
        ("[html]谁{=a&lt;b}", ("a<b",)),
    ],
)
def test_texts_to_fill_in(source: str, accepted: tuple[str, ...]) -> None:
    item = only(source)
    assert (item.facts.kind, item.body.gaps) == (ItemKind.TEXT, (Gap("1", accepted),))


def test_a_missing_word_has_its_place() -> None:
    assert only("二加二等于{=四 =4}。").body.stem == "二加二等于[[1]]。"
    assert only("格兰特{~埋 =葬}在墓中。").body.stem == "格兰特_____在墓中。"
    assert only("二加二等于____。{=四}").body.stem == "二加二等于[[1]]。"
    assert only("二加二等于几？{=四}\n").body.stem == "二加二等于几？ [[1]]"


@pytest.mark.parametrize(
    ("inside", "spans"),
    [
        ("#1822", [("1822", "1822")]),
        ("#-1", [("-1", "-1")]),
        ("# 3.14:0.005", [("3.135", "3.145")]),
        ("#-5..5", [("-5", "5")]),
        ("#\n=1822:0\n=%50%1822:2\n=%100%1900", [("1822", "1822"), ("1900", "1900")]),
        ("#3:2~#全错", [("1", "5")]),
        ("#=%0%5:0#错 =%100%9:0#对", [("9", "9")]),
    ],
)
def test_numbers(inside: str, spans: list[tuple[str, str]]) -> None:
    item = only(f"哪一年？{{{inside}}}")
    assert item.facts.kind is ItemKind.NUMERIC
    assert item.body.gaps[0].ranges == tuple(NumberRange(Decimal(low), Decimal(high)) for low, high in spans)


def test_pairs_and_a_right_side_without_left_side() -> None:
    item = only("配对{\n=加拿大 -> 渥太华\n=意大利->罗马 # 说明\n= -> 东京\n}")
    assert item.facts.kind is ItemKind.MATCH
    assert [target.text for target in item.body.targets] == ["渥太华", "罗马", "东京"]
    assert item.body.answer == ("A-1", "B-2")


def test_steps_and_essays() -> None:
    steps = only("排序{>3 ALL VERT ABSOLUTE TRUE ABCD\n报警\n疏散\n移交\n####依次}")
    assert (steps.facts.kind, steps.body.answer) == (ItemKind.ORDER, ("A", "B", "C"))
    assert steps.body.explanation == "依次"
    essay = only("简述{####要点}")
    assert (essay.facts.kind, essay.body.explanation) == (ItemKind.ESSAY, "要点")
    assert only("简述 {  }").facts.kind is ItemKind.ESSAY


def test_escapes_are_taken_off_once() -> None:
    assert only("a\\nb \\\\neq \\= \\x{}").body.stem == "a\nb \\neq = \\x"
    assert texts("等于 5？{~ \\= 2 + 2 = \\= 2 + 3}") == ["= 2 + 2", "= 2 + 3"]


@pytest.mark.parametrize(
    ("source", "markup", "stem"),
    [
        ("[html]<b>甲</b>{}", Markup.HTML, "<b>甲</b>"),
        ("::名::[plain]<b>甲</b>{}", Markup.PLAIN, "<b>甲</b>"),
        ("[markdown]**甲**{}", Markup.HTML, "<p><strong>甲</strong></p>"),
        ("[moodle]甲\n乙{}", Markup.PLAIN, "甲\n乙"),
        ("甲 < 乙{}", Markup.PLAIN, "甲 < 乙"),
    ],
)
def test_format_marks(source: str, markup: Markup, stem: str) -> None:
    body = only(source).body
    assert (body.markup, body.stem) == (markup, stem)


def test_answers_may_have_a_format_of_their_own() -> None:
    assert texts("问{=[html]<i>甲</i> ~[plain]<i>乙</i>}") == ["<i>甲</i>", "&lt;i&gt;乙&lt;/i&gt;"]


def test_comments_carry_ids_and_tags() -> None:
    source = "// question: 1  name: x\n// [id:B-01] [tag:point:A-B-C-001] [tag:难度:2]\n::题一::问{T}\n\n// [tag:其他]\n问二{F}\n"
    found = reading(source)
    assert [placed.label for placed in found.items] == ["题一", "问二"]
    facts = found.items[0].item.facts
    assert (facts.uid, facts.point, facts.difficulty) == ("B-01", "A-B-C-001", 2)
    assert found.items[1].item.facts.difficulty == 0


def test_categories_hold_until_the_next_one() -> None:
    source = "$CATEGORY: $course$/top/保安员/五级\n\n一{T}\n\n二{F}\n\n$CATEGORY: tom/dick\n三{T}\n"
    assert [placed.item.facts.path for placed in reading(source).items] == [
        "保安员/五级",
        "保安员/五级",
        "tom/dick",
    ]


def test_comment_lines_within_answers_are_no_answers() -> None:
    assert texts("问{\n=甲\n// ~不算\n~乙\n}") == ["甲", "乙"]


def test_blank_lines_within_answers_do_not_end_the_question() -> None:
    found = reading("一{\n=甲\n\n~乙\n}\n\n二{T}\n")
    assert [placed.item.facts.kind for placed in found.items] == [ItemKind.SINGLE, ItemKind.TRUE_FALSE]


def test_an_open_brace_costs_one_question_only() -> None:
    found = reading("一{\n=甲\n~乙\n\n::二::对吗{T}\n\n三{F}\n\n四{=甲\n")
    assert [placed.label for placed in found.items] == ["二", "三"]
    assert codes(found.rejected) == [("line 1", "brace_open"), ("line 9", "brace_open")]


def test_questions_without_a_blank_line_between_are_told_apart() -> None:
    found = reading("一{T}\n二{F}\n::三::问{=甲 ~乙}\n续行\n四{T}")
    assert [placed.place for placed in found.items] == ["line 1", "line 2", "line 3", "line 5"]
    assert found.items[2].item.body.stem == "问_____\n续行"


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("$\\frac{1}{2}$ 是{T}", "braces_twice"),
        ("哪年{#约 1800}", "number_unreadable"),
        ("选{~甲 ~乙}", "answer_missing"),
        ("选{=甲 ~甲}", "equal_options"),
        ("::题::{T}", "empty_stem"),
        ("选{~%20%甲 ~%30%乙}", "fractions_unclear"),
    ],
)
def test_faults_name_their_line(source: str, code: str) -> None:
    found = reading(f"好{{T}}\n\n{source}\n")
    assert ("line 3", code) in codes(found.rejected)
    assert len(found.items) == 1


def test_texts_without_braces_are_mentioned() -> None:
    assert codes(reading("说明文字\n\n一{T}").warnings) == [("line 1", "text_is_no_question")]
    assert codes(reading("[markdown] 说明").rejected) == [("line 1", "text_is_no_question")]
    assert codes(reading("$CATEGORY: 空\n").rejected) == [("line 1", "category_without_items")]


def test_comments_on_answers_are_counted() -> None:
    found = reading("一{=甲#好 ~乙#不好 ~丙}\n\n二{#5:1#差一点####解析}")
    assert [(problem.code, problem.params["count"]) for problem in found.warnings] == [
        ("feedback_left_out", 3)
    ]
    assert found.items[1].item.body.explanation == "解析"


def test_pictures_as_data_addresses_are_taken() -> None:
    data = base64.b64encode(png()).decode()
    item = only(f'[html]看<img src\\="data\\:image/png;base64,{data.replace("=", chr(92) + "=")}">{{T}}')
    assert len(item.body.media) == 1
    assert f'src="media:{item.body.media[0].sha256}"' in item.body.stem


@pytest.mark.parametrize(
    ("encoding", "text", "told"),
    [
        ("utf-8-sig", "é中文{T}", "utf-8"),
        ("gb18030", "发现火情{T}", "gb18030"),
        ("gb18030", "A 或 B 中{T}", "gb18030"),
        ("gb18030", "༄༅ ᠮᠣᠩ ꀀ{T}", "gb18030"),  # four bytes each
        ("utf-16", "发现火情{T}", "utf-16-le"),
        ("cp1252", "Où est l’été déjà passé?{T}", "windows-1252"),
        ("cp1252", "<p>aödf</p>{T}", "windows-1252"),
    ],
)
def test_encodings(encoding: str, text: str, told: str) -> None:
    found = reading(text.encode(encoding))
    assert (found.format, found.encoding) == ("gift", told)
    assert found.items[0].item.body.stem == text.removesuffix("{T}")
    guessed = [problem.code for problem in found.warnings]
    assert guessed == (["encoding_guessed"] if told == "windows-1252" else [])


@pytest.mark.parametrize(
    ("text", "gift", "aiken"),
    [
        ("::题::问{T}", True, False),
        ("$CATEGORY: a", True, False),
        ("问{=甲 ~乙}", True, False),
        ("写一篇文章 {}\n", True, False),
        ("问\nA) 甲\nB) 乙\nANSWER: B", False, True),
        ("问\nA. 甲\nB. 乙\nanswer：b", False, True),
        ("1、问\nA. 甲\nB. 乙\n正确答案：B", False, False),
        ("1、问\nA. 甲\nB. 乙\nANSWER: B\n答案：B", False, False),
        ("A-B-A-001  B  3  5\n{A}题干\n（A）甲\n（B）乙\n{B}A", False, False),
        ("题型,题干,选项A,答案\n单选,问{,甲,A", False, False),
        ('{"items": {}}', False, False),
        ('[{"stem": "a{=b}"}]', False, False),
        ("<html>{=a}</html>", False, False),
        ("就是一段话。", False, False),
    ],
)
def test_the_structure_tells_the_format(text: str, gift: bool, aiken: bool) -> None:
    source = Source(text.encode(), "x")
    assert (bool(GiftFormat().sniff(source)), bool(AikenFormat().sniff(source))) == (gift, aiken)


@pytest.mark.parametrize(
    "text",
    ["{" * 300_000, "::" * 150_000 + "{T}", "a{=" + "\n\n" * 100_000, "a{" + "=" * 200_000 + "}", "\\" * 300_001 + "{T}", "a{T}\n" * 5_000, "// [id:" + "x" * 200_000 + "\na{T}"],
)  # fmt: skip
def test_no_text_makes_the_reader_slow(text: str) -> None:
    started = time.process_time()
    with contextlib.suppress(InputRefused):
        reading(text)
    assert time.process_time() - started < 2
