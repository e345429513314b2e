"""Questions in JSON: told by their shape, whatever the file and its keys are called."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from itembank.importing.pipeline import read_bank
from itembank.importing.reading import BankReading
from itembank.items import Item, ItemKind
from itembank.problems import InputRefused


def read(data: object) -> BankReading:
    return read_bank(json.dumps(data, ensure_ascii=False).encode(), "题库.json")


def only(record: dict[str, object]) -> Item:
    reading = read([record])
    assert reading.rejected == ()
    (placed,) = reading.items
    return placed.item


CHOICES = [
    {"question": "1．（ 3分）首先应当（　　）\nA．甲  B．乙\nC．丙", "answer": ["B"]},
    {"题干": "首先应当（　　）", "选项": ["甲", "乙", "丙"], "答案": "B", "题型": "单选题"},
    {"stem": "首先应当（　　）", "options": ["A. 甲", "B. 乙", "C. 丙"], "correct_answer": "B"},
    {"questionText": "首先应当（　　）", "options": {"A": "甲", "B": "乙", "C": "丙"}, "answer": "B"},
    {"title": "首先应当（　　）", "A": "甲", "B": "乙", "C": "丙", "rightAnswer": "乙"},
    {
        "content": "首先应当（　　）",
        "optionA": "甲",
        "optionB": "乙",
        "optionC": "丙",
        "optionD": "",
        "answer": "b",
    },
    {
        "question": "首先应当（　　）",
        "choices": [{"label": "A", "text": "甲"}, {"label": "B", "text": "乙"}, {"label": "C", "text": "丙"}],
        "answer": "B",
    },
]


@pytest.mark.parametrize("record", CHOICES)
def test_every_shape_of_a_choice_question_gives_the_same_item(record: dict[str, object]) -> None:
    item = only(record)
    assert (item.body.stem, item.body.answer) == ("首先应当（　　）", ("B",))
    assert [option.text for option in item.body.options] == ["甲", "乙", "丙"]
    assert item.facts.kind is ItemKind.SINGLE


@pytest.mark.parametrize(
    ("record", "kind", "answer"),
    [
        ({"question": "甲", "options": ["1", "2", "3"], "answer": ["A", "C"]}, "multiple", ("A", "C")),
        ({"question": "甲", "options": ["一", "二", "三"], "answer": ["三", "一"]}, "multiple", ("A", "C")),
        ({"question": "甲", "answer": True}, "true_false", ("A",)),
        ({"question": "甲", "type": "judge", "answer": "错误"}, "true_false", ("B",)),
        ({"question": "甲", "options": ["正确", "错误"], "answer": "B"}, "true_false", ("B",)),
        ({"question": "甲___。", "type": "填空题", "answer": ["一"]}, "text", ()),
        ({"question": "简述甲。", "type": "essay", "answer": "一。"}, "essay", ()),
    ],
)
def test_kinds_follow_from_words_or_parts(
    record: dict[str, object], kind: str, answer: tuple[str, ...]
) -> None:
    item = only(record)
    assert (str(item.facts.kind), item.body.answer) == (kind, answer)


def test_tasks_with_scoring_points_are_practical() -> None:
    item = only(
        {
            "question_no": 1, "title": "灭火", "stem": "操作灭火器。", "ai_reference_answer": "先拔销。",
            "scoring_points": ["拔销", {"text": "喷射", "score": 2.5}],
            "knowledge_points": [{"name": "器材"}, {"name": "操作"}],
        }
    )  # fmt: skip
    assert (item.facts.kind, item.facts.path) == (ItemKind.PRACTICAL, "器材 / 操作")
    assert (item.body.stem, item.body.explanation) == ("灭火\n操作灭火器。", "先拔销。")
    assert [(each.text, str(each.points)) for each in item.body.criteria] == [("拔销", "0"), ("喷射", "2.5")]


def test_records_are_found_below_and_their_list_names_the_kind() -> None:
    record = {"question": "甲", "answer": "对", "index": 7, "id": "Q-001"}
    reading = read(
        {
            "meta": {"n": 1},
            "data": {"判断题": [record], "chapters": [{"questions": [{"question": "乙", "answer": "错"}]}]},
        }
    )
    assert [(p.label, p.place, p.item.facts.kind.value) for p in reading.items] == [
        ("7", "question 1", "true_false"), ("", "question 2", "true_false"),
    ]  # fmt: skip
    assert reading.items[0].item.facts.uid == "Q-001"


def test_running_numbers_are_labels_and_no_ids() -> None:
    (placed,) = read([{"id": 12, "question": "甲", "answer": "对"}]).items
    assert placed.label == "12"
    assert placed.item.facts.uid.startswith("TR-")


def test_what_cannot_be_known_is_rejected_with_its_place() -> None:
    good = {"question": "甲", "answer": "对"}
    bad = [
        {"question": "乙", "options": ["一", "二"], "answer": 1},
        {"question": "丙", "options": ["一", "二"]},
        {"answer": "对"},
        "丁",
    ]
    reading = read([good, *bad])
    assert [(fault.place, fault.code) for fault in reading.rejected] == [
        ("question 2", "answer_unreadable"), ("question 3", "answer_missing"),
        ("question 4", "empty_stem"), ("question 5", "empty_stem"),
    ]  # fmt: skip


def test_unseen_characters_go_with_a_warning() -> None:
    reading = read([{"question": "甲\x01乙", "answer": "对"}])
    assert reading.items[0].item.body.stem == "甲乙"
    assert [(w.place, w.code) for w in reading.warnings] == [("question 1", "control_removed")]


@pytest.mark.parametrize(
    ("data", "code", "said"),
    [
        (b'{"users": [{"name": "x", "age": 3}], "page": 1}', "json_unknown_shape", "users、page、name、age"),
        (b'["a", "b"]', "json_unknown_shape", "str"),
        (b"[]", "json_unknown_shape", "list"),
        (b'[{"question": "x", "answer": "A"},\n{"question', "json_broken", ""),
        (b"[" * 100_000, "json_broken", ""),
        (b'{"a":' * 50_000, "json_broken", ""),
        (b"[" + b"9" * 6000 + b"]", "unknown_format", ""),
    ],
)
def test_other_and_broken_json_is_refused_by_name(data: bytes, code: str, said: str) -> None:
    with pytest.raises(InputRefused) as caught:
        read_bank(data, "题库.json")
    (problem,) = caught.value.problems
    assert problem.code == code
    assert problem.params.get("keys", "") == said


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(alphabet="甲A、\x01", max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["text", "A", "B", "x"]), inner, max_size=4)
    ),
    max_leaves=8,
)
KEYS = st.sampled_from(
    ["question", "options", "answer", "type", "analysis", "id", "scoring_points", "difficulty", "knowledge"]
)


@pytest.mark.dear
@settings(max_examples=50, deadline=None)
@given(st.lists(st.dictionaries(KEYS, VALUES, max_size=7), max_size=4))
def test_any_values_are_read_or_refused_with_places(records: list[dict[str, object]]) -> None:
    try:
        reading = read(records)
    except InputRefused as refused:
        assert refused.problems
        return
    assert all(problem.place.startswith("question ") for problem in (*reading.rejected, *reading.warnings))


def test_an_item_whose_options_were_pictures_is_kept_raw_and_flagged() -> None:
    record = {"question": "下图中哪个标志表示禁止通行？A. \nB. \nC. 甲\nD. 乙", "answer": ["C"]}
    reading = read_bank(json.dumps([record] * 1, ensure_ascii=False).encode(), "lost.json")
    (placed,) = reading.items
    assert (placed.item.facts.flaw, placed.told) == ("options_incomplete", ("C",))
    assert "禁止通行" in placed.item.body.raw
    assert "options_incomplete" in [warning.code for warning in reading.warnings]


def told(record: dict[str, object]) -> str:
    """The answer's wording, or the code of what is wrong."""
    reading = read([record])
    if reading.rejected:
        return reading.rejected[0].code
    item = reading.items[0].item
    texts = {option.key: option.text for option in item.body.options}
    return item.facts.flaw or "+".join(texts[key] for key in item.body.answer)


@pytest.mark.parametrize(
    ("options", "answer", "expected"),
    [
        ({"A": "甲", "B": None, "C": "丙"}, "C", "options_incomplete"),
        ({"A": "甲", "C": "丙"}, "C", "options_incomplete"),
        ({"a": "甲", "B": "乙"}, "A", "甲"),
        ({"a": "甲", "A": "乙"}, "A", "option_letters"),
        ({"A": "甲", "AB": "乙", "C": "丙"}, "C", "option_letters"),
        ({"1": "甲", "2": "乙"}, "A", "option_letters"),
        (["C. 丙", "A. 甲", "B. 乙"], "A", "甲"),
        (["A. 甲", "C. 丙"], "C", "option_letters"),
        ([{"key": "B", "text": "乙"}, {"key": "A", "text": "甲"}], "A", "甲"),
        ([{"value": "A", "label": "甲"}, {"value": "B", "label": "乙"}], "B", "乙"),
        (["甲", "乙", "A、B均可"], "C", "A、B均可"),
        (["O", "A", "B", "AB"], "A", "answer_unreadable"),
        (["O", "A", "B", "AB"], "O", "O"),
        (["cab", "bad", "dab", "ace"], "bad", "bad"),
        (["甲", "乙"], "bad", "answer_unreadable"),
        (["甲", "乙"], "B. 乙", "乙"),
        (["甲", "乙"], "A. 乙", "answer_unreadable"),
        (["甲", "乙"], [1], "answer_unreadable"),
        (["X", "Y"], "B", "Y"),
        (["1", "0"], "A", "1"),
    ],
)
def test_an_answer_means_the_option_it_names_or_is_refused(
    options: object, answer: object, expected: str
) -> None:
    assert told({"question": "甲乙丙", "options": options, "answer": answer}) == expected


def test_flat_options_with_a_hole_do_not_close_up() -> None:
    assert told({"question": "甲", "A": "一", "B": "二", "C": None, "D": "四", "answer": "D"}) == (
        "options_incomplete"
    )


def test_two_answers_under_two_names_are_refused_when_they_differ() -> None:
    assert told({"question": "甲", "options": ["一", "二"], "answer": "A", "correct": "B"}) == (
        "answer_unreadable"
    )
    assert told({"question": "甲", "answers": ["一", "二"], "correct": 1}) == "answer_unreadable"


def test_several_answers_of_one_blank_are_each_accepted_as_written() -> None:
    item = only({"question": "首都是____。", "type": "填空", "answers": ["北京", "*"]})
    assert item.body.gaps[0].accepted == ("北京", r"\*")


def test_questions_within_a_question_are_named() -> None:
    inner = {"question": "乙", "options": ["一", "二"], "answer": "A"}
    reading = read([{"question": "甲", "answer": "对", "sub": [inner, inner]}])
    assert [(p.code, p.params["count"]) for p in reading.rejected] == [("sub_questions_left_out", 2)]


def test_points_that_are_no_number_are_ignored_with_a_warning() -> None:
    points = '{"text": "乙", "points": NaN}, {"text": "丙", "points": -1}'
    reading = read_bank(f'[{{"question": "甲", "criteria": [{points}]}}]'.encode(), "a.json")
    assert [str(each.points) for each in reading.items[0].item.body.criteria] == ["0", "0"]
    assert [w.code for w in reading.warnings] == ["points_ignored"] * 2


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ('[{"question": "甲", "answer": "对", "answer": "错"}]', "json_key_twice"),
        (f'[{{"question": "甲", "answer": {"[" * 900}{"]" * 900}}}]', "json_too_deep"),
    ],
)
def test_ambiguous_or_too_deep_json_is_refused(data: str, code: str) -> None:
    with pytest.raises(InputRefused) as caught:
        read_bank(data.encode(), "a.json")
    assert caught.value.problems[0].code == code
