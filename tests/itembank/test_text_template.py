"""Questions in plain text: every form people write, nothing split in silence, and no text that takes long."""

import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from itembank.importing.drafts import Declared
from itembank.importing.media import MediaBox
from itembank.importing.pipeline import read_bank
from itembank.importing.reading import BankReading
from itembank.importing.source import Source
from itembank.importing.template_options import split_options
from itembank.importing.text_template import TextTemplateFormat
from itembank.items import Item, ItemKind
from itembank.problems import InputRefused

FOUR = "A. 甲\nB. 乙\nC. 丙\nD. 丁\n"


def read(text: str, encoding: str = "utf-8") -> BankReading:
    return read_bank(text.encode(encoding), "题库.txt")


def only(text: str) -> Item:
    reading = read(text)
    assert [problem.code for problem in reading.rejected] == []
    (placed,) = reading.items
    return placed.item


def codes(reading: BankReading) -> list[tuple[str, str]]:
    return [(problem.place, problem.code) for problem in reading.rejected]


def unsure(reading: BankReading) -> list[tuple[str, object]]:
    return [(w.place, w.params["part"]) for w in reading.warnings if w.code == "split_unsure"]


CHOICE_FORMS = [
    ("1、首先应当（ ）。\nA. 甲\nB. 乙\nC. 丙\n正确答案：B\n", ("B",)),
    ("１．首先应当（　　）。\nＡ．甲\nＢ．乙\nＣ．丙\n【答案】Ｂ\n", ("B",)),
    ("1. 首先应当（ Ｂ ）。\nＡ．甲　Ｂ．乙　Ｃ．丙\n", ("B",)),
    ("(1) 首先应当（ ）。\n（A）甲\t（B）乙\t（C）丙\n【参考答案】B\n", ("B",)),
    ("第1题 首先应当（ ）。\nA甲\nB乙\nC丙\n答案 B\n", ("B",)),
    ("1、首先应当（ ）。 A、甲 B、乙 C、丙 答案：B\n", ("B",)),
    ("1、首先应当（ ）。\nA. 甲  B. 乙\nC. 丙\n答案:(A、B)\n", ("A", "B")),
    ("1、【多选题】首先应当（A C）。\nA：甲\nB：乙\nC：丙\n", ("A", "C")),
    ("首先应当（ ）。\nA) 甲\nB) 乙\nC) 丙\n标准答案：Ａ，Ｃ\n", ("A", "C")),
    ("1、首先应当（ ）。\n（答案：B）\nA. 甲\nB. 乙\nC. 丙\n", ("B",)),
]


@pytest.mark.parametrize(("text", "answer"), CHOICE_FORMS)
def test_every_way_of_writing_a_choice_question_gives_the_same_item(
    text: str, answer: tuple[str, ...]
) -> None:
    reading = read(text)
    (placed,) = reading.items
    body = placed.item.body
    assert body.answer == answer
    assert [option.text for option in body.options] == ["甲", "乙", "丙"]
    assert placed.item.facts.kind is (ItemKind.MULTIPLE if len(answer) > 1 else ItemKind.SINGLE)
    assert "首先应当" in body.stem
    assert not set("ABCＡＢＣ") & set(body.stem)
    assert (placed.place, unsure(reading)) == ("line 1", [])


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("（√）", "A"), ("（ × ）", "B"), ("( 对 )", "A"), ("\n答案：√", "A"), ("\n正确答案：错误", "B"),
        ("\n【答案】:✗", "B"), ("\n答案:(×)", "B"), ("\nA. 正确\nB. 错误\n答案：B", "B"),
        ("\nA. 错误\nB. 正确\n答案：B", "A"),
    ],
)  # fmt: skip
def test_right_and_wrong_in_every_spelling(said: str, answer: str) -> None:
    item = only(f"1、楼道里可以吸烟。{said}\n")
    assert (item.facts.kind, item.body.answer) == (ItemKind.TRUE_FALSE, (answer,))
    assert [option.text for option in item.body.options] == ["正确", "错误"]


def test_the_text_keeps_its_own_punctuation_and_circled_statements() -> None:
    item = only("1、下列：①甲，②乙（重点）？\n③丙；\nA、①②\nB、②③\n答案：A\n解析：“见”第１条，略述。\n")
    assert item.body.stem == "下列：①甲，②乙（重点）？\n③丙；"
    assert [option.text for option in item.body.options] == ["①②", "②③"]
    assert item.body.explanation == "“见”第１条，略述。"


def test_line_breaks_of_the_page_go_and_those_of_the_author_stay() -> None:
    wrapped = "1、某商场夜间发生火灾时值班的保安员首先应当立即向消防部门报\n告并组织疏散，同时：\n①甲\n②乙\n"
    item = only(f"{wrapped}{FOUR}答案：A\n")
    assert item.body.stem == wrapped[2:].replace("报\n告", "报告").strip()


def test_section_headings_decide_the_kind() -> None:
    text = f"一、单项选择题（每题1分）\n1、甲（ ）\n{FOUR}答案：AB\n二、多选题\n1、乙（ ）\n{FOUR}答案：A\n三、判断题\n1、丙\n答案：A\n"
    reading = read(text)
    assert codes(reading) == [("line 2", "single_needs_one"), ("line 9", "multiple_needs_two")]
    assert [placed.item.facts.kind for placed in reading.items] == [ItemKind.TRUE_FALSE]


def test_the_key_at_the_end_is_matched_by_section_and_number() -> None:
    text = f"""模拟试卷
一、单项选择题
1．甲（ ）
{FOUR}2．乙（ ）
{FOUR}二、判断题
1．丙。（ ）
2．丁。（ ）
三、简答题
1．简述戊。
参考答案
一、单项选择题
1-2 DA
二、判断题
1.√  2.×  3.√
三、简答题
1．先报告，
再疏散。
"""
    reading = read(text)
    told = [(placed.item.facts.kind.value, placed.item.body.answer) for placed in reading.items]
    assert told == [
        ("single", ("D",)), ("single", ("A",)), ("true_false", ("A",)), ("true_false", ("B",)), ("essay", ()),
    ]  # fmt: skip
    assert reading.items[-1].item.body.criteria[0].text == "先报告，\n再疏散。"
    assert [(w.code, w.params.get("number")) for w in reading.warnings] == [
        ("text_without_question", None), ("key_without_question", 3),
    ]  # fmt: skip


def test_a_key_may_stand_behind_each_section() -> None:
    text = f"一、单选题\n1. 甲（ ）\n{FOUR}答案：1.C\n二、多选题\n2. 乙（ ）\n{FOUR}3. 丙（ ）\n{FOUR}答案：2-3：AB CD\n"
    assert [placed.item.body.answer for placed in read(text).items] == [("C",), ("A", "B"), ("C", "D")]


def test_an_answer_that_contradicts_the_key_is_told() -> None:
    reading = read(f"1. 甲（ ）\n{FOUR}答案：B\n2. 乙（ ）\n{FOUR}参考答案\n1.C 2.D\n")
    assert [placed.item.body.answer for placed in reading.items] == [("B",), ("D",)]
    assert unsure(reading) == [("line 1", "答案表")]


def test_the_national_form_keeps_point_kind_difficulty_and_consistency() -> None:
    text = (
        "A-B-A-001  B  3  5\n{A}首先（ ）\n（A）甲\n（B）乙\n{B}B\n"
        "A-B-A-002  C  2  4\n{A}可以。\n{B}×\nA-B-A-003  D  5\n{A}简述。\n{B}一、甲\n1、乙\n"
    )
    reading = read(text)
    facts = [(p.item.facts.point, p.item.facts.difficulty, p.item.facts.consistency) for p in reading.items]
    assert facts == [("A-B-A-001", 3, 5), ("A-B-A-002", 2, 4), ("A-B-A-003", 5, None)]
    assert [p.item.facts.kind.value for p in reading.items] == ["single", "true_false", "essay"]
    assert reading.items[2].item.body.criteria[0].text == "一、甲\n1、乙"


@pytest.mark.parametrize(
    ("stem", "answer", "marked", "accepted"),
    [
        ("电话是____。", "119", "电话是[[1]]。", ["119"]),
        ("甲____，乙____。", "一；二", "甲[[1]]，乙[[2]]。", ["一", "二"]),
        ("甲（ ），乙（　　）。", "（1）一 （2）二", "甲[[1]]，乙[[2]]。", ["一", "二"]),
        ("甲（注）____。", "一", "甲（注）[[1]]。", ["一"]),
        ("甲[[1]]____。", "一", "甲[ [1]][[1]]。", ["一"]),
    ],
)
def test_blanks_become_gaps(stem: str, answer: str, marked: str, accepted: list[str]) -> None:
    item = only(f"一、填空题\n1、{stem}\n答案：{answer}\n")
    assert (item.facts.kind, item.body.stem) == (ItemKind.TEXT, marked)
    assert [gap.accepted[0] for gap in item.body.gaps] == accepted


def test_answers_that_do_not_fit_the_blanks_are_rejected_and_guesses_told() -> None:
    reading = read("一、填空题\n1、甲__，乙__。\n答案：一\n2、丙__，丁__。\n答案：三、四\n")
    assert codes(reading) == [("line 2", "gaps_unlike_answers")]
    assert unsure(reading) == [("line 4", "填空")]


def test_essays_keep_their_lists_and_points() -> None:
    text = "一、简答题\n1、简述巡逻。\n答：\n1、按时。\n2、观察。\n2、简述交接。\n答：（1）物品（2分）；\n（2）情况（3分）。\n"
    reading = read(text)
    first, second = (placed.item.body for placed in reading.items)
    assert first.criteria[0].text == "1、按时。\n2、观察。"
    assert [str(each.points) for each in second.criteria] == ["2", "3"]
    assert unsure(reading) == [("line 2", "题号")]


def test_questions_that_share_a_material_become_a_case() -> None:
    text = f"根据以下材料，回答1～2题。\n某小区夜间被盗。\n1. 应当（ ）。\n{FOUR}答案：AB\n2. 可以打人。（×）\n3. 丁（ ）\n{FOUR}答案：A\n"
    case, other = (placed.item for placed in read(text).items)
    assert (case.facts.kind, other.facts.kind) == (ItemKind.CASE, ItemKind.SINGLE)
    assert case.body.stem.endswith("某小区夜间被盗。")
    assert [(p.key, p.kind.value, p.body.answer) for p in case.body.parts] == [
        ("1", "multiple", ("A", "B")),
        ("2", "true_false", ("B",)),
    ]


def test_a_case_holds_its_own_questions_when_that_is_clear() -> None:
    text = (
        "一、案例分析题\n1、某商场起火。\n（1）应当先（ ）。\nA. 报警\nB. 逃跑\n答案：A\n（2）可以乘电梯。\n答案：错误\n"
        "2、有人闹事。\n（1）怎么办？\n（2）为什么？\n答案：（1）劝阻。（2）维护秩序。\n"
        "3、有人打架，怎么办：（1）劝；（2）报警。\n答案：报警。\n"
    )
    reading = read(text)
    kinds = [[part.kind.value for part in placed.item.body.parts] for placed in reading.items]
    assert kinds == [["single", "true_false"], ["essay", "essay"], []]
    assert reading.items[1].item.body.parts[1].body.criteria[0].text == "维护秩序。"
    assert unsure(reading) == [("line 13", "案例小题")]


def test_a_case_with_a_bad_question_is_rejected_whole() -> None:
    reading = read(
        "根据材料完成1-2题。\n材料。\n1. 甲（ ）\nA. 一\nB. 二\n答案：A\n2. 乙（ ）\nA. 三\nB. 四\n"
    )
    assert codes(reading)[0] == ("line 1", "answer_missing")
    assert reading.items == ()


def test_an_item_without_answer_is_rejected_with_its_place() -> None:
    reading = read(f"1、甲（ ）\n{FOUR}2、乙（ ）\n{FOUR}答案：D\n3、丙是什么？\n")
    assert codes(reading) == [("line 1", "answer_missing"), ("line 12", "answer_missing")]
    assert len(reading.items) == 1


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("1、甲（ ）\nA特许性、B有偿性、C防范性\n答案：A\n", "选项"),
        ("1、甲（ ）\nA.一B.二C.三\n答案：A\n", "选项"),
        ("1、甲（ ）\nA、一\nB、二\nD、四\n答案：A\n", "选项"),
        ("1、甲（A）乙（ B ）\nA、一\nB、二\nC、三\n", "答案"),
        (f"1、甲（ ）\n{FOUR}答案：A\n这一行是什么\n", "答案"),
        (f"1、甲（ ）\n{FOUR}答案：A\n7、乙（ ）\n{FOUR}答案：B\n", "题号"),
    ],
)
def test_whatever_could_be_split_otherwise_is_told(text: str, part: str) -> None:
    assert part in [told for _, told in unsure(read(text))]


def test_letters_without_their_options_are_no_text_to_fill_in() -> None:
    assert ("line 1", "option_count") in codes(read("1、乙是（ ）\nA、一\nC、三\n答案：A\n"))


def test_numbers_within_a_stem_open_no_question() -> None:
    text = f"一、单选题\n1. 下列说法：\n1. 甲对\n2. 乙对\n正确的是（ ）\n{FOUR}答案：A\n2. 2010年长1.5米的（ ）\n{FOUR}答案：B\n"
    first, second = (placed.item.body.stem for placed in read(text).items)
    assert first == "下列说法：\n1. 甲对\n2. 乙对\n正确的是（ ）"
    assert second == "2010年长1.5米的（ ）"


def test_remarks_become_facts() -> None:
    item = only(f"1、甲（ ）\n{FOUR}答案：A\n难度：偏难\n鉴定点：A-B-C-001\n出处：第3页\n")
    assert (item.facts.difficulty, item.facts.point, item.body.source) == (4, "A-B-C-001", "第3页")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_every_encoding_gives_the_same_items(encoding: str) -> None:
    text = f"1、甲（ ）\r\n{FOUR}答案：A\r\n"
    assert read(text, encoding).items == read(text).items


@pytest.mark.parametrize(
    "text",
    [
        "第一章 总则\n1、为了加强管理，制定本条例。\n2、本条例适用于全国。\n",
        "会议通知\n各部门：\n请于周五到会。\n",
        "今天的问题没有标准答案：大家自己想。\n天气很好。\n",
    ],
)
def test_prose_is_no_question_file(text: str) -> None:
    with pytest.raises(InputRefused) as caught:
        read(text)
    assert caught.value.problems[0].code in ("unknown_format", "unknown_layout")


@pytest.mark.parametrize(
    "text",
    [
        "题型,题干,选项A,答案\n单选,甲,乙,A\n",
        "说明\n题干\t选项\t答案\n1、甲（A）\tA、乙\tA\n",
        "<html>答案：A</html>",
    ],
)
def test_tables_and_pages_are_left_to_their_readers(text: str) -> None:
    assert TextTemplateFormat().sniff(Source(text.encode(), "x")) == ""


HOSTILE = [
    "A", "A.", "(", "()", "( A", "(A) ", "_", "__A__", "【", " ", "\t", "答案", "答案：", "【答案】A", "1. ",
    "1-2 A", "A\n", "A.x\n", "1.x\n", "(1)\n", "1、x\n答案：A\n", "9", "解析：x\n", "一、单选题\n", "{A}\n", "甲；",
]  # fmt: skip


@pytest.mark.parametrize("unit", HOSTILE)
def test_no_text_takes_more_than_its_length(unit: str) -> None:
    """Four times the text may take eight times as long on a busy machine, but never the sixteen of a square."""

    def seconds(size: int) -> float:
        text = f"1、x\n{FOUR}答案：A\n2、{unit * (size // len(unit))}\n答案：A\n"
        began = time.process_time()
        read_it(text)
        return time.process_time() - began

    def read_it(text: str) -> None:
        source, reader = Source(text.encode(), "x.txt"), TextTemplateFormat()
        with suppress(InputRefused):
            if reader.sniff(source):
                list(reader.read(source, Declared(), MediaBox()))

    assert seconds(40_000) < max(1.0, 8 * seconds(10_000))


def test_a_text_of_endless_lines_is_refused() -> None:
    with pytest.raises(InputRefused) as caught:
        read("答案：A\n" * 200_001)
    assert caught.value.problems[0].code == "too_many_paragraphs"


WORDS = st.text(alphabet="甲乙丙丁戊己庚辛壬癸", min_size=1, max_size=12)
MARKS = st.sampled_from(["A. ", "A、", "（A）", "A．", "A) "])


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(WORDS, st.lists(WORDS, min_size=2, max_size=6, unique=True), st.data()),
        min_size=1,
        max_size=5,
    ),
    MARKS,
    st.sampled_from(["\n", "\t", "    "]),
)
def test_what_was_written_is_read(
    questions: list[tuple[str, list[str], st.DataObject]], mark: str, between: str
) -> None:
    lines, wanted = [], []
    for number, (stem, texts, data) in enumerate(questions, start=1):
        right = data.draw(st.integers(0, len(texts) - 1))
        options = [mark.replace("A", "ABCDEF"[at]) + text for at, text in enumerate(texts)]
        lines.append(f"{number}、{stem}{number}号（ ）\n{between.join(options)}\n答案：{'ABCDEF'[right]}\n")
        wanted.append((f"{stem}{number}号（ ）", texts, ("ABCDEF"[right],)))
    reading = read("\n".join(lines))
    read_back = [
        (p.item.body.stem, [o.text for o in p.item.body.options], p.item.body.answer) for p in reading.items
    ]
    assert read_back == wanted
    assert unsure(reading) == []


@given(st.text(alphabet="ABCD.、:()（） \t\n甲一1_√", max_size=200))
def test_splitting_loses_no_character_but_marks(text: str) -> None:
    choice = split_options(text)
    kept = "".join((choice.stem, *choice.options))
    assert [char for char in kept if char in "甲一1√"] == [char for char in text if char in "甲一1√"]


@settings(max_examples=40, deadline=None)
@given(st.text(alphabet="12、.A B\n（）答案：√×一单选题解析甲{}-", max_size=300))
def test_any_text_is_read_or_refused_with_places(text: str) -> None:
    try:
        reading = read(f"1、x（ ）\nA. 甲\nB. 乙\n答案：A\n{text}")
    except InputRefused as refused:
        assert refused.problems
        return
    assert all(problem.place for problem in (*reading.rejected, *reading.warnings))


def test_a_question_before_the_first_number_is_named_and_a_title_noted() -> None:
    rest = f"1、乙（B）\n{FOUR}2、丙（B）\n{FOUR}"
    lost = read(f"甲（A）\n{FOUR}{rest}")
    assert codes(lost) == [("line 1", "question_without_number")]
    titled = read(f"模拟试卷\n{rest}")
    assert (codes(titled), titled.warnings[0].code) == ([], "text_without_question")


@pytest.mark.parametrize(
    "text", [f"1、甲（ ）\n{FOUR}乙（ ）\n{FOUR}答案：A\n", "1、甲 A. 一 B. 二 乙 A. 三 B. 四\n答案：A\n"]
)
def test_two_chains_of_options_in_one_question_are_doubted(text: str) -> None:
    assert ("line 1", "选项") in unsure(read(text))


def test_two_answers_of_one_question_are_refused() -> None:
    text = f"1、甲（ ）\n{FOUR}答案：A\n解析：略\n答案：B\n2、乙（ ）\n{FOUR}答案：A\n"
    assert codes(read(text)) == [("line 1", "answer_unreadable")]


def test_lower_case_options_are_read_with_a_doubt_and_statements_stay() -> None:
    reading = read("1、甲（ ）\na. 一\nb. 二\n答案：b\n2、简述乙。\na. 一\nb. 二\n答案：略说\n")
    kinds = [placed.item.facts.kind for placed in reading.items]
    assert (kinds, unsure(reading)) == ([ItemKind.SINGLE, ItemKind.ESSAY], [("line 1", "选项")])


def test_an_asterisk_in_an_answer_is_no_wildcard() -> None:
    assert only("1、乘号是____。\n答案：*\n").body.gaps[0].accepted == (r"\*",)
