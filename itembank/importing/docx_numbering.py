"""Automatic numbers of Word paragraphs: they are not in the text and have to be counted as Word does.

Rules by ECMA-376 part 1, section 17.9: a paragraph names a list (w:numPr, or its style does) and a level; a
number rises with every paragraph of its level and starts anew when a higher level has moved on.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from lxml import etree

from itembank.importing.xmlsafe import local
from itembank.items import OPTION_KEYS

Element = etree._Element
MAX_LEVELS = 9
_DEPTH_OF_STYLES = 20


@dataclass(slots=True)
class _Level:
    form: str = "decimal"
    text: str = ""
    start: int = 1
    suffix: str = "tab"


@dataclass(slots=True)
class _List:
    levels: dict[int, _Level]
    counts: dict[int, int] = field(default_factory=dict)


class Numbering:
    """The lists of one document; `label` counts, so it is asked once a paragraph, in their order."""

    def __init__(self, numbering: Element | None, styles: Element | None) -> None:
        self._lists: dict[str, _List] = {}
        self._styles = _style_numbers(styles) if numbering is not None and styles is not None else {}
        if numbering is not None:
            self._load(numbering)

    def label(self, paragraph: Element) -> str:
        """The number in front of a paragraph with its blank, "" for none and for bullets."""
        if not self._lists:
            return ""
        number, level = self._named(paragraph)
        listed = self._lists.get(number)
        form = listed.levels.get(level) if listed else None
        if listed is None or form is None:
            return ""
        listed.counts[level] = listed.counts.get(level, form.start - 1) + 1
        for deeper in [each for each in listed.counts if each > level]:
            del listed.counts[deeper]
        return _spelled(listed, level, form)

    def _load(self, numbering: Element) -> None:
        abstract: dict[str, _List] = {}
        for element in numbering:
            if local(element) == "abstractNum":
                abstract[_attribute(element, "abstractNumId")] = _List(_levels(element))
        for element in numbering:
            if local(element) == "num":
                base = abstract.get(_value(element, "abstractNumId"))
                if base is not None:
                    self._lists[_attribute(element, "numId")] = _overridden(base, element)

    def _named(self, paragraph: Element) -> tuple[str, int]:
        properties = _child(paragraph, "pPr")
        if properties is None:
            return "", 0
        own = _child(properties, "numPr")
        number, level = _numbers(own)
        if number is None:
            number, of_style = self._styles.get(_value(properties, "pStyle"), ("", 0))
            level = of_style if level is None else level
        return number, level or 0


def _numbers(element: Element | None) -> tuple[str | None, int | None]:
    if element is None:
        return None, None
    level = _value(element, "ilvl")
    return _value(element, "numId") or None, int(level) if level.isdecimal() else None


def _style_numbers(styles: Element) -> dict[str, tuple[str, int]]:
    """Style -> (list, level), taken from the style it is based on where it says nothing itself."""
    own: dict[str, tuple[str | None, int | None]] = {}
    based: dict[str, str] = {}
    for style in styles:
        if local(style) == "style":
            name = _attribute(style, "styleId")
            properties = _child(style, "pPr")
            own[name] = _numbers(_child(properties, "numPr") if properties is not None else None)
            based[name] = _value(style, "basedOn")
    return {name: found for name in own if (found := _inherited(name, own, based))[0]}


def _inherited(
    name: str, own: Mapping[str, tuple[str | None, int | None]], based: Mapping[str, str]
) -> tuple[str, int]:
    level: int | None = None
    for _ in range(_DEPTH_OF_STYLES):
        number, said = own.get(name, (None, None))
        level = said if level is None else level
        if number is not None:
            return number, level or 0
        name = based.get(name, "")
    return "", 0


def _levels(element: Element) -> dict[int, _Level]:
    levels = {}
    for each in element:
        at = _attribute(each, "ilvl")
        if local(each) == "lvl" and at.isdecimal() and int(at) < MAX_LEVELS:
            start = _value(each, "start")
            levels[int(at)] = _Level(
                _value(each, "numFmt") or "decimal",
                _value(each, "lvlText"),
                int(start) if start.isdecimal() else 1,
                _value(each, "suff") or "tab",
            )
    return levels


def _overridden(base: _List, element: Element) -> _List:
    """The list itself, shared by all that name it, or one of its own when it starts anew or differs."""
    levels = dict(base.levels)
    changed = False
    for override in element:
        at = _attribute(override, "ilvl")
        if local(override) == "lvlOverride" and at.isdecimal():
            start = _value(override, "startOverride")
            levels |= _levels(override)
            if start.isdecimal() and int(at) in levels:
                old = levels[int(at)]
                levels[int(at)] = _Level(old.form, old.text, int(start), old.suffix)
            changed = True
    return _List(levels) if changed else base


def _spelled(listed: _List, level: int, form: _Level) -> str:
    if form.form in ("bullet", "none"):
        return ""
    text = form.text
    for at in range(level + 1):
        each = listed.levels.get(at, _Level())
        text = text.replace(f"%{at + 1}", _FORMS.get(each.form, str)(listed.counts.get(at, each.start)))
    return text if form.suffix == "nothing" or not text else f"{text} "


def _letters(number: int) -> str:
    """A … Z, AA, BB … as Word goes on."""
    turns, at = divmod(number - 1, len(OPTION_KEYS))
    return OPTION_KEYS[at] * (turns + 1) if 0 < number <= 26 * 20 else str(number)


def _roman(number: int) -> str:
    signs = ((1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"))
    small = ((50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"))
    text = ""
    for worth, sign in (*signs, *small):
        count, number = divmod(number, worth)
        text += sign * min(count, 10)
    return text


def _chinese(number: int) -> str:
    """一 … 九十九; larger ones in digits."""
    digits = "零一二三四五六七八九"
    if not 0 < number < 100:
        return str(number)
    tens, ones = divmod(number, 10)
    head = "" if tens == 0 else "十" if tens == 1 else f"{digits[tens]}十"
    return head + (digits[ones] if ones else "")


def _circled(number: int) -> str:
    return chr(0x2460 + number - 1) if 0 < number <= 20 else str(number)


_FORMS: Mapping[str, Callable[[int], str]] = MappingProxyType({
    "decimal": str, "decimalFullWidth": str, "decimalZero": lambda number: f"{number:02d}",
    "upperLetter": _letters, "lowerLetter": lambda number: _letters(number).lower(),
    "upperRoman": _roman, "lowerRoman": lambda number: _roman(number).lower(),
    "chineseCounting": _chinese, "chineseCountingThousand": _chinese, "japaneseCounting": _chinese,
    "taiwaneseCountingThousand": _chinese, "ideographDigital": _chinese,
    "decimalEnclosedCircle": _circled, "decimalEnclosedCircleChinese": _circled,
})  # fmt: skip


def _child(element: Element, name: str) -> Element | None:
    return next((each for each in element if local(each) == name), None)


def _attribute(element: Element, name: str) -> str:
    return next((str(value) for key, value in element.attrib.items() if str(key).endswith(f"}}{name}")), "")


def _value(element: Element, name: str) -> str:
    found = _child(element, name)
    return _attribute(found, "val") if found is not None else ""
