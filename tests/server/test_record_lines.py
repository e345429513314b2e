"""The room record in English: what the server wrote is translated by its shape, what people wrote is not."""

import pytest
from flask import Flask

from server.services.record_acts import CAUSES
from server.web import record_lines

WRITTEN = [
    ("迟到入场，开考后 12 分钟", "Came in late, 12 min after the start"),
    ("签到存疑：像另一个人，尚未决定", "In doubt at check-in: 像另一个人; not decided yet"),
    (
        "签到存疑：像另一个人；准许入场（甲、乙）：户口簿",
        "In doubt at check-in: 像另一个人; admitted (甲, 乙): 户口簿",
    ),
    ("2 号换到 4 号：断电", "Moved from seat 2 to seat 4: 断电"),
    ("断网 3.2 分钟，已恢复", "Link lost for 3.2 min, restored"),
    ("暂停，3.0 分钟：消防：演习", "Paused for 3.0 min: 消防：演习"),
    ("补时 6 分钟（甲、乙）：断电", "Time credit of 6 min (甲, 乙): 断电"),
    ("换座前后均有作答 3 题，已确认合并", "3 items answered both before and after the move; merge confirmed"),
    (
        "换座前后均有作答 3 题，待确认：等主考",
        "3 items answered both before and after the move; not confirmed yet: 等主考",
    ),
    (
        "离场，流动监考甲 陪同，4 分钟后返回：第 3 题",
        "Left the room, accompanied by 流动监考甲, back after 4 min: 第 3 题",
    ),
    ("身体不适，没有离场", "Unwell, did not leave the room"),
    ("违纪记录 7 号，条款 6-1（已撤回）", "Violation record 7, article 6-1 (withdrawn)"),
    ("违纪记录 7 号", "Violation record 7"),
    ("提前结束本场，收回 2 份（甲、乙）：停电", "Ended early, 2 papers collected (甲, 乙): 停电"),
    (
        "遮住试卷 2.0 分钟，计时照常（解除：甲）：离开答题页面；解除原因：误报",
        "Paper hidden, 2.0 min, time ran on, lifted by 甲, reason: Exam page left, reason for lifting: 误报",
    ),
    (
        "锁定屏幕 没有解除，计时照常（下令：甲）：核对",
        "Screen locked, not lifted, time ran on, ordered by 甲, reason: 核对",
    ),
]
BY_HAND = ["考生表扬监考员", "断电，换了一台考试机", "离场，很快回来", "补时", "", "—"]


@pytest.mark.parametrize(("text", "english"), WRITTEN)
def test_what_the_server_wrote_is_read_in_english(app: Flask, text: str, english: str) -> None:
    with app.test_request_context(headers={"Cookie": "language=en"}):
        assert record_lines.shown(text) == english
    with app.test_request_context(headers={"Cookie": "language=zh"}):
        assert record_lines.shown(text) == text


@pytest.mark.parametrize("text", BY_HAND)
def test_what_a_person_wrote_stays_as_it_was_written(app: Flask, text: str) -> None:
    with app.test_request_context(headers={"Cookie": "language=en"}):
        assert record_lines.shown(text) == text


def test_every_cause_of_a_covered_paper_has_its_word() -> None:
    assert set(record_lines.CAUSES) == set(CAUSES.values())


def test_boxes_translate_the_words_of_the_server_alone(app: Flask) -> None:
    with app.test_request_context(headers={"Cookie": "language=en"}):
        assert [record_lines.word(text) for text in ("全场", "无", "无人", "12")] == [
            "Whole room",
            "None",
            "无人",
            "12",
        ]
