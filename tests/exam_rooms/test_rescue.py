"""The frame of a rescue file."""

import pytest

from exam_rooms.protocol import ZERO_HEAD
from exam_rooms.rescue import (
    MOST_JOURNALS,
    RescueBroken,
    RescueHead,
    RescueJournal,
    assemble,
    head_bytes,
    take_apart,
)


def file_of(*journals: RescueJournal) -> bytes:
    head = head_bytes(RescueHead(3, "一号考场", "12", "boot", 1, False, journals))
    return assemble(head, b"{}", {3: bytes(64)})


def journals(count: int) -> list[RescueJournal]:
    return [RescueJournal(7, number, ZERO_HEAD, 1) for number in range(1, count + 1)]


def test_as_many_journals_as_a_machine_may_hold() -> None:
    assert len(take_apart(file_of(*journals(MOST_JOURNALS))).head.journals) == MOST_JOURNALS


@pytest.mark.parametrize(
    "named", [journals(MOST_JOURNALS + 1), journals(2) + journals(1)], ids=["many", "twice"]
)
def test_a_head_that_would_be_worked_through_for_hours_is_refused(named: list[RescueJournal]) -> None:
    with pytest.raises(RescueBroken, match="rescue_broken"):
        take_apart(file_of(*named))
