"""What both of Moodle's formats carry beside a question's texts, in the form that their readers take back."""

from decimal import Decimal

from itembank.importing.moodle_facts import SAMPLE_TAG
from itembank.importing.moodle_kinds import FULL, NOTHING, usual_percents
from itembank.importing.moodle_wording import GAP, with_gap
from itembank.items import Item, ItemBody, ItemKind, NumberRange
from itembank.problems import Problem

_ALMOST = Decimal("0.01")
_NAME = 40  # characters of the stem that name a question


def tags_of(item: Item) -> tuple[str, ...]:
    """Point, difficulty and so on as tags."""
    facts = item.facts
    said = {
        "point": facts.point,
        "difficulty": str(facts.difficulty or ""),
        "consistency": str(facts.consistency or ""),
        "importance": facts.importance,
        "source": item.body.source,
    }
    tags = tuple(f"{name}:{value}" for name, value in said.items() if value)
    return (*tags, SAMPLE_TAG) if facts.sample else tags


def lost_facts(item: Item) -> list[Problem]:
    """Facts that no tag carries."""
    facts = item.facts
    return [Problem("export_fact_left_out", facts.uid)] if facts.enemy or facts.seconds else []


def category_of(path: str) -> str:
    """A path as Moodle's category; the part before it says where Moodle begins to count."""
    return f"$course$/top/{path}" if path else "$course$/top"


def title_of(stem: str) -> str:
    """A name for a question out of the characters of its stem."""
    return " ".join(stem.split())[:_NAME].strip() or "-"


def percents_of(body: ItemBody, kind: ItemKind) -> list[Decimal]:
    """The worth of each option: the file's own weights where Moodle could have written them."""
    right = [place for place, option in enumerate(body.options) if option.key in body.answer]
    usual = usual_percents(kind, len(body.options), right)
    own = [FULL * share for _key, share in body.weights]
    if [key for key, _share in body.weights] != [option.key for option in body.options]:
        return usual
    positive = [percent for percent in own if percent > 0]
    if kind is ItemKind.SINGLE:
        fits = [place for place, percent in enumerate(own) if percent == FULL] == right
    else:
        fits = [place for place, percent in enumerate(own) if percent > 0] == right
        fits = fits and abs(sum(positive, NOTHING) - FULL) <= _ALMOST
    return own if fits and all(-FULL <= percent <= FULL for percent in own) else usual


def around(span: NumberRange) -> tuple[str, str]:
    """(middle, tolerance) of a range."""
    middle, reach = (span.low + span.high) / 2, (span.high - span.low) / 2
    return decimal(middle), decimal(reach)


def decimal(number: Decimal) -> str:
    """A number without exponent and needless zeros."""
    shown = f"{number:f}"
    return (shown.rstrip("0").rstrip(".") if "." in shown else shown) or "0"


def unmarked(stem: str) -> str | None:
    """The stem whose blank the readers turn into this one's gap; None when none does."""
    for text in (stem.replace(GAP, "_____"), stem.removesuffix(f" {GAP}")):
        if GAP not in text and with_gap(text) == stem:
            return text
    return None
