"""Words of panels' scores: figures in sentences, and the deviations over the turns as a small drawing."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from flask_babel import gettext as _

from itembank.sheet_values import plain
from server.messages import N_
from server.services.panel_figures import Figures, Reading
from server.web.guard import say

OUTCOMES = {
    "keep": N_("维持合成分"),
    "score": N_("记录仲裁得分"),
    "second": N_("增请两名考评员"),
}
EFFECTS = {"item_zero": N_("该项计零分"), "task_zero": N_("该题计零分"), "fail": N_("不合格")}
WIDTH, HEIGHT, EDGE = 600, 160, 8
"""The drawing in its own units."""


@dataclass(frozen=True, slots=True)
class Track:
    """One examiner's line: points as SVG takes them, and each point for those who read dots."""

    name: str
    points: str
    dots: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Drawing:
    """Deviations of all examiners; `most`: points at the upper and the lower edge."""

    tracks: tuple[Track, ...]
    most: int
    middle: float = HEIGHT / 2


def reading_text(reading: Reading) -> str:
    """A figure in words, in the reader's language."""
    params: Mapping[str, str] = {
        name: say(value) if name == "level" else value for name, value in reading.params.items()
    }
    return say(reading.code, params)


def arbitration_word(outcome: str) -> str:
    """What an arbitration came to."""
    return _(OUTCOMES[outcome]) if outcome in OUTCOMES else outcome


def veto_effect(effect: str) -> str:
    """What a veto does."""
    return _(EFFECTS[effect]) if effect in EFFECTS else effect


def points_text(points: Decimal | None) -> str:
    """Points without trailing zeros; a dash while there are none."""
    return "—" if points is None else plain(points)


def drawing(figures: Figures) -> Drawing | None:
    """The examiners' distances from their colleagues, turn by turn; None with fewer than two turns."""
    offsets = [line.drift.offsets for line in figures.examiners]
    known = [abs(each) for one in offsets for each in one if not math.isnan(each)]
    turns = len(figures.numbers)
    if turns < 2 or not known:
        return None
    most = max(5, math.ceil(max(known)))
    tracks = []
    for line in figures.examiners:
        dots = tuple(
            (
                round(EDGE + place * (WIDTH - 2 * EDGE) / (turns - 1), 1),
                round(HEIGHT / 2 - offset * (HEIGHT / 2 - EDGE) / most, 1),
            )
            for place, offset in enumerate(line.drift.offsets)
            if not math.isnan(offset)
        )
        tracks.append(Track(line.name, " ".join(f"{x},{y}" for x, y in dots), dots))
    return Drawing(tuple(tracks), most)
