"""Moodle XML as it is found: formats of texts, files, categories, ids and tags, hostile files."""

import base64
import contextlib
import time

import pytest

from itembank.importing.moodle import MoodleXmlFormat
from itembank.importing.source import Source
from itembank.items import Markup, Option
from itembank.problems import InputRefused
from tests.itembank.moodle_kit import codes, only, png, reading, taken
from tests.itembank.quiz_kit import answer, question, quiz, several


def category(path: str) -> str:
    return f'<question type="category"><category><text>{path}</text></category></question>'


PICTURE = base64.b64encode(png()).decode()
SHA = taken(png())[0].sha256


def test_one_rich_text_makes_the_whole_item_rich() -> None:
    mixed = question("multichoice", "1 < 2", "<single>true</single>" + answer("<b>甲</b>", "100") + answer("A&B", form="plain_text"), "plain_text")  # fmt: skip
    body = only(quiz(mixed)).body
    assert (body.markup, body.stem) == (Markup.HTML, "1 &lt; 2")
    assert [option.text for option in body.options] == ["<b>甲</b>", "A&amp;B"]


def test_files_become_media_and_links_to_sounds_become_players() -> None:
    sound = b"ID3\x04" + b"\0" * 40
    more = (
        f'<file name="图 1.png" path="/" encoding="base64">{PICTURE}</file>'
        f'<file name="a.mp3" path="/" encoding="base64">{base64.b64encode(sound).decode()}</file>'
    )
    stem = '<p><img src="@@PLUGINFILE@@/%E5%9B%BE%201.png" alt="图"><a href="@@PLUGINFILE@@/a.mp3?forcedownload=1">听</a></p>'
    made = question("essay", stem).replace("</text></questiontext>", f"</text>{more}</questiontext>")
    found = reading(quiz(made))
    body, played = found.items[0].item.body, taken(sound)[0].sha256
    assert body.stem == (
        f'<p><img src="media:{SHA}" alt="图"><audio controls="" src="media:{played}"></audio>听</p>'
    )
    assert [medium.sha256 for medium in body.media] == [SHA, played]
    assert set(found.media) == {SHA, played}


def test_pictures_of_old_questions_and_data_addresses_are_taken() -> None:
    old = question("essay", "看图", f"<image>a.png</image><image_base64>{PICTURE}</image_base64>")
    inline = question("essay", f'<img src="data:image/png;base64,{PICTURE}">题')
    stems = [placed.item.body.stem for placed in reading(quiz(old, inline)).items]
    assert stems == [f'看图<img src="media:{SHA}">', f'<img src="media:{SHA}">题']


@pytest.mark.parametrize(
    ("source", "file", "code"),
    [
        ("@@PLUGINFILE@@/b.png", "", "plugin_file_missing"),
        ("@@PLUGINFILE@@/a.png", "####", "media_not_readable"),
        ("@@PLUGINFILE@@/a.png", base64.b64encode(b"<svg onload='x'/>").decode(), "media_svg"),
        ("http://example.org/a.png", "", "media_outside"),
    ],
)
def test_what_cannot_be_shown_is_said(source: str, file: str, code: str) -> None:
    more = f'<file name="a.png" encoding="base64">{file}</file>' if file else ""
    made = question("essay", f'题<img src="{source}">').replace(
        "</text></questiontext>", f"</text>{more}</questiontext>"
    )
    found = reading(quiz(made))
    assert codes(found.warnings) == [("question 1", code)]
    assert "src" not in found.items[0].item.body.stem


def test_categories_ids_and_tags_become_facts() -> None:
    tags = "".join(
        f"<tag><text>{tag}</text></tag>"
        for tag in ("point:A-B-C-001", "难度：4", "importance:X", "consistency:9", "出处:第3条", "消防")
    )
    more = f"<idnumber>B-01</idnumber><tags>{tags}</tags>{answer('true', '100')}{answer('false')}"
    found = reading(quiz(category("$course$/top/保安员/a//b"), question("truefalse", "对吗", more)))
    facts = found.items[0].item.facts
    assert (facts.uid, facts.point, facts.difficulty, facts.consistency) == ("B-01", "A-B-C-001", 4, None)
    assert (facts.importance, facts.path) == ("X", "保安员/a//b")
    assert found.items[0].item.body.source == "第3条"


def test_ids_that_are_none_or_come_twice_are_said() -> None:
    def numbered(uid: str, stem: str) -> str:
        return question("essay", stem, f"<idnumber>{uid}</idnumber>", "plain_text")

    found = reading(
        quiz(numbered("a", "一"), numbered("a", "二"), numbered("a", "一"), numbered("T &amp; F", "三"))
    )
    assert [placed.item.facts.uid for placed in found.items][:2] == ["a", "a-2"]
    assert codes(found.rejected) == [("question 3", "duplicate_item")]
    assert codes(found.warnings) == [("question 2", "id_twice"), ("question 4", "id_not_used")]


def test_comments_on_answers_are_counted_once_for_the_file() -> None:
    comment = "<feedback><text>不对</text></feedback>"
    made = several(answer("甲", "100"), answer("乙", "0", comment), answer("丙", "0", comment), single="true")
    found = reading(
        quiz(made.replace("</question>", "<generalfeedback><text>因为</text></generalfeedback></question>"))
    )
    assert found.items[0].item.body.explanation == "因为"
    assert [(problem.code, problem.params["count"]) for problem in found.warnings] == [
        ("feedback_left_out", 2)
    ]


def test_a_file_of_categories_or_texts_alone_says_so_place_by_place() -> None:
    assert codes(reading(quiz(category("$course$/top/空"))).rejected) == [("题库", "category_without_items")]
    assert codes(reading(quiz(question("description", "文"))).rejected) == [
        ("question 1", "text_is_no_question")
    ]
    with pytest.raises(InputRefused, match="bank_without_items"):
        reading(quiz())


@pytest.mark.parametrize(
    ("head", "mine"),
    [
        ("<quiz>", True),
        ("\ufeff<?xml version='1.0'?>\n<!-- a -->\n<!-- b --><quiz >", True),
        ("<!DOCTYPE quiz [<!ELEMENT quiz ANY>]><quiz>", True),
        ('<question type="essay">', True),
        ("<question>", False),
        ("<quizzes>", False),
        ("<questestinterop><quiz>", False),
        ("题库,<quiz>", False),
    ],
)
def test_the_root_element_tells_the_format(head: str, mine: bool) -> None:
    assert bool(MoodleXmlFormat().sniff(Source(head.encode(), "x"))) is mine
    assert bool(MoodleXmlFormat().sniff(Source(head.encode("utf-16"), "x"))) is (
        mine and not head.startswith("\ufeff")
    )


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ('<!DOCTYPE quiz [<!ENTITY a "b">]><quiz>&a;</quiz>', "xml_entities"),
        ("<quiz><question>", "xml_broken"),
    ],
)
def test_entities_and_broken_files_are_refused(data: str, code: str) -> None:
    with pytest.raises(InputRefused, match=code):
        reading(data)


def test_nothing_that_acts_survives() -> None:
    hostile = '<p onclick="x()">题<script>f()</script><svg onload=f()></svg><a href="javascript:f()">a</a><iframe src="//e"></iframe><style>p{}</style></p>'
    found = reading(
        quiz(question("truefalse", hostile, answer("true", "100") + answer("false"), name="<img onerror=x>"))
    )
    assert found.items[0].item.body.stem == "<p>题a</p>"


@pytest.mark.parametrize(
    "text",
    [
        "<!--" + "--><!--" * 8_000,
        "<quiz>" + "{1:MC:=a~" * 20_000 + "</quiz>",
        quiz(question("cloze", "{1:MC:" * 20_000)),
        quiz(
            question("essay", "`" * 60_000, form="markdown"),
            question("essay", "**a " * 4_900, form="markdown"),
        ),
        quiz(question("essay", "<a href " * 20_000 + "media:")),
        quiz(question("shortanswer", "(" * 50_000 + "_ " * 20_000, answer("a", "100"))),
    ],
)
def test_no_text_makes_the_reader_slow(text: str) -> None:
    started = time.process_time()
    with contextlib.suppress(InputRefused):
        reading(text)
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("# 标题\n\n段落  \n新行", "<h1>标题</h1>\n<p>段落<br>\n新行</p>"),
        ("- 一\n    - 一之一\n- 二", "<ul><li>一<ul><li>一之一</li></ul></li><li>二</li></ul>"),
        ("1. 一\n2. 二", "<ol><li>一</li><li>二</li></ol>"),
        ("`a < b` 和 \\*星\\*", "<p><code>a &lt; b</code> 和 *星*</p>"),
        ("```\nx = 1 < 2\n```", "<pre><code>x = 1 &lt; 2</code></pre>"),
        ("snake_case_name 和 2*3*4", "<p>snake_case_name 和 2<em>3</em>4</p>"),
        ("<b>HTML</b> &amp; 3 < 4", "<p><b>HTML</b> &amp; 3 &lt; 4</p>"),
    ],
)
def test_markdown_of_question_banks(text: str, shown: str) -> None:
    assert only(quiz(question("essay", text, form="markdown"))).body.stem == shown


def test_choices_within_text_are_options_of_the_body_markup() -> None:
    body = only(quiz(question("cloze", "<p>{1:MC:=<b>甲</b>~乙}</p>"))).body
    assert body.gaps[0].choices == (Option("A", "<b>甲</b>"), Option("B", "乙"))
