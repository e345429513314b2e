"""The child that draws rooms and seats: thousands of candidates take seconds of CPU."""

from collections.abc import Callable
from typing import Any

from exam_rooms.arranging import draw
from exam_rooms.draw_parts import Question
from exam_rooms.seating import SeatingRefused
from server.errors import Refused


def arrange_seats(payload: dict[str, Any], report: Callable[..., None]) -> dict[str, Any]:
    """`question`, `seed` -> the outcome, both as `exam_rooms.draw_parts` writes them."""
    report(0.1, "draw")
    try:
        return draw(Question.from_json(payload["question"]), payload["seed"]).to_json()
    except SeatingRefused as refusal:
        raise Refused(f"seating_{refusal.code}", 422, **refusal.params) from refusal
