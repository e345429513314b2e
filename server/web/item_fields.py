"""An item as the fields of a form and back: names and strings on one side, facts and body on the other.

A part of a case has the same fields under its own prefix ("part_1_stem"). Gaps and their answers are one
field of lines each: texts, numbers ("44.5 ~ 45.5") or choices, the right one marked by "=" in front.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from itembank import richtext
from itembank.item_rules import MAX_GAPS, MAX_PARTS
from itembank.items import (
    GAPPED,
    KINDS,
    OPTION_KEYS,
    TRUE_FALSE_OPTIONS,
    Area,
    Criterion,
    Gap,
    Item,
    ItemBody,
    ItemFacts,
    ItemKind,
    Markup,
    NumberRange,
    Option,
    Part,
)
from itembank.problems import Problem

Fields = Mapping[str, str]
EDITED = tuple(kind for kind in ItemKind if kind is not ItemKind.UNSUPPORTED)
"""Kinds that can be written here."""
PART_KINDS = tuple(
    kind for kind in EDITED if kind not in (ItemKind.CASE, ItemKind.PRACTICAL, ItemKind.UNSUPPORTED)
)
SHAPES = ("rect", "circle", "poly")
MOST_TARGETS, MOST_AREAS, MOST_CRITERIA = 26, 26, 30
TEXT_LIMIT = 20_000  # what a form may bring in one field; the item's own rule says what is too long
_ONE = r"([+-]?(?:[0-9]{1,15}(?:\.[0-9]{1,15})?|\.[0-9]{1,15}))"
_RANGE = re.compile(_ONE + r"(?:\s*(?:~|～|–|—|至|\.\.)\s*" + _ONE + ")?")
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass
class Read:
    """What fields said, and what could not be read of them (places are field names)."""

    fields: Fields
    problems: list[Problem] = field(default_factory=list)

    def text(self, name: str) -> str:
        """A field without blanks around it and without what a browser adds to line ends."""
        value = self.fields.get(name, "")[:TEXT_LIMIT].replace("\r\n", "\n").replace("\r", "\n")
        return _UNSEEN.sub("", value).strip()

    def whole(self, name: str, default: int | None = 0) -> int | None:
        """A whole number; the default for an empty field."""
        value = self.text(name)
        if re.fullmatch(r"[0-9]{1,6}", value):
            return int(value)
        if value:
            self.problems.append(Problem("not_a_whole_number", name, {"value": value[:20]}))
        return default

    def decimal(self, name: str, value: str, default: Decimal) -> Decimal:
        """A number that stands in the field `name`."""
        try:
            return Decimal(value) if value else default
        except InvalidOperation:
            self.problems.append(Problem("not_a_number", name, {"value": value[:20]}))
            return default

    def keys(self, name: str) -> tuple[str, ...]:
        """Keys divided by commas or blanks, as "A, C" or "A-1 B-2"."""
        return tuple(key.upper() for key in re.split(r"[\s,，、;；]+", self.text(name)) if key)


def read_item(fields: Fields, uid: str, kind: ItemKind) -> tuple[Item, list[Problem]]:
    """The item that fields say, and what could not be read of them. Media are not joined to it yet."""
    read = Read(fields)
    consistency = read.whole("consistency", None)
    facts = ItemFacts(
        uid=uid,
        point=read.text("point").upper(),
        kind=kind,
        difficulty=read.whole("difficulty") or 0,
        consistency=consistency or None,
        importance=read.text("importance").upper(),
        sample=read.text("sample") == "1",
        path=read.text("path")[:200],
        enemy=read.text("enemy")[:40],
        seconds=read.whole("seconds") or 0,
    )
    return Item(facts, _body(read, "", kind)), read.problems


def fields_of(item: Item) -> dict[str, str]:
    """The fields of a form that say this item."""
    facts = item.facts
    said = {
        "uid": facts.uid,
        "kind": str(facts.kind),
        "point": facts.point,
        "difficulty": str(facts.difficulty or ""),
        "consistency": str(facts.consistency or ""),
        "importance": facts.importance,
        "sample": "1" if facts.sample else "",
        "path": facts.path,
        "enemy": facts.enemy,
        "seconds": str(facts.seconds or ""),
    }
    return said | dict(_fields("", facts.kind, item.body))


def letters(fields: Fields, prefix: str, least: int = 4) -> str:
    """The letters of the options that a form shows: the filled ones and two more."""
    filled = [place for place, key in enumerate(OPTION_KEYS, 1) if fields.get(f"{prefix}option_{key}")]
    return OPTION_KEYS[: max([least, *(place + 2 for place in filled)])]


def numbers(fields: Fields, name: str, least: int = 2, most: int = MAX_GAPS) -> range:
    """The numbers of the lines that a form shows: the filled ones and two more."""
    filled = [number for number in range(1, most + 1) if fields.get(f"{name}{number}")]
    return range(1, min(max([least, *(number + 2 for number in filled)]), most) + 1)


def parts(fields: Fields) -> range:
    """The numbers of the questions of a case that a form shows: those with a kind."""
    filled = [number for number in range(1, MAX_PARTS + 1) if fields.get(f"part_{number}_kind")]
    return range(1, max(filled, default=0) + 1)


def _body(read: Read, at: str, kind: ItemKind) -> ItemBody:
    markup = Markup.HTML if read.text(f"{at}markup") == Markup.HTML else Markup.PLAIN
    clean = _cleaner(markup)
    body = {
        "stem": clean(read.text(f"{at}stem")),
        "explanation": clean(read.text(f"{at}explanation")),
        "source": read.text(f"{at}source"),
        "markup": markup,
    }
    return ItemBody(**body, **_SPECIAL[kind](read, at, kind, clean))  # type: ignore[arg-type]  # one table


_Clean = Callable[[str], str]


def _cleaner(markup: Markup) -> _Clean:
    return richtext.clean if markup is Markup.HTML else str


def _options(read: Read, at: str, clean: _Clean) -> tuple[Option, ...]:
    texts = {key: clean(read.text(f"{at}option_{key}")) for key in OPTION_KEYS}
    last = max((OPTION_KEYS.index(key) for key, text in texts.items() if text), default=-1)
    return tuple(
        Option(key, texts[key], fixed=read.text(f"{at}fixed_{key}") == "1") for key in OPTION_KEYS[: last + 1]
    )


def _choice(read: Read, at: str, kind: ItemKind, clean: _Clean) -> dict[str, object]:
    options = KINDS[kind].fixed_options or _options(read, at, clean)
    if kind is ItemKind.MULTIPLE:
        answer = tuple(key for key in OPTION_KEYS if read.text(f"{at}right_{key}") == "1")
    else:
        answer = read.keys(f"{at}answer")
    return {"options": options, "answer": answer}


def _gapped(read: Read, at: str, _kind: ItemKind, clean: _Clean) -> dict[str, object]:
    names = [f"{at}gap_{number}" for number in range(1, MAX_GAPS + 1)]
    filled = [name for name in names if read.text(name)]
    gaps = [_gap(read, name, str(number), clean) for number, name in enumerate(filled, 1)]
    stem = read.text(f"{at}stem")
    for gap, name in zip(gaps, filled, strict=True):
        if stem.count(f"[[{gap.key}]]") != 1:
            read.problems.append(Problem("gap_not_in_stem", name, {"gap": gap.key}))
    return {"gaps": tuple(gaps)}


def _gap(read: Read, name: str, key: str, clean: _Clean) -> Gap:
    lines = [line.strip() for line in read.text(name).split("\n") if line.strip()]
    sort = read.text(f"{name}_sort")
    if sort == ItemKind.NUMERIC:
        return Gap(key, ranges=tuple(_ranges(read, name, lines)))
    if sort == ItemKind.INLINE_CHOICE:
        right = [place for place, line in enumerate(lines) if line.startswith("=")]
        texts = [clean(line.removeprefix("=").removeprefix("\\").strip()) for line in lines]
        choices = tuple(Option(k, text) for k, text in zip(OPTION_KEYS, texts, strict=False))
        return Gap(key, choices=choices, answer=OPTION_KEYS[right[0]] if len(right) == 1 else "")
    return Gap(key, accepted=tuple(lines), case_sensitive=read.text(f"{name}_case") == "1")


def _ranges(read: Read, name: str, lines: Iterable[str]) -> Iterator[NumberRange]:
    for line in lines:
        found = _RANGE.fullmatch(line)
        if found is None:
            read.problems.append(Problem("not_a_number", name, {"value": line[:20]}))
            continue
        low = read.decimal(name, found[1], Decimal(0))
        yield NumberRange(low, read.decimal(name, found[2] or "", low))


def _match(read: Read, at: str, _kind: ItemKind, clean: _Clean) -> dict[str, object]:
    texts = [clean(read.text(f"{at}target_{number}")) for number in range(1, MOST_TARGETS + 1)]
    filled = [text for text in texts if text]
    targets = tuple(Option(str(number), text) for number, text in enumerate(filled, 1))
    most = read.whole(f"{at}most", 1)
    answer = read.keys(f"{at}answer")
    return {"options": _options(read, at, clean), "targets": targets, "answer": answer, "most": most}


def _order(read: Read, at: str, _kind: ItemKind, clean: _Clean) -> dict[str, object]:
    return {"options": _options(read, at, clean), "answer": read.keys(f"{at}answer")}


def _hotspot(read: Read, at: str, _kind: ItemKind, _clean: _Clean) -> dict[str, object]:
    areas = []
    for number in range(1, MOST_AREAS + 1):
        name = f"{at}area_{number}"
        coords = read.keys(name)
        if not coords:
            continue
        if not all(re.fullmatch(r"-?[0-9]{1,5}", value) for value in coords):
            read.problems.append(Problem("not_a_whole_number", name, {"value": ",".join(coords)[:20]}))
            continue
        key = read.text(f"{name}_key") or OPTION_KEYS[number - 1]
        areas.append(Area(key[:8], read.text(f"{name}_shape") or "rect", tuple(map(int, coords))))
    picture = read.text(f"{at}picture").removeprefix("media:")
    shown = {"picture": picture, "areas": tuple(areas), "most": read.whole(f"{at}most", 1)}
    return {**shown, "answer": read.keys(f"{at}answer")}


def _examined(read: Read, at: str, _kind: ItemKind, clean: _Clean) -> dict[str, object]:
    found = []
    for number in range(1, MOST_CRITERIA + 1):
        name = f"{at}criterion_{number}"
        text = clean(read.text(name))
        if text:
            points = read.decimal(f"{name}_points", read.text(f"{name}_points"), Decimal(0))
            found.append(Criterion(text, points))
    return {"criteria": tuple(found)}


def _case(read: Read, _at: str, _kind: ItemKind, _clean: _Clean) -> dict[str, object]:
    found = []
    for number in range(1, MAX_PARTS + 1):
        name = f"part_{number}_"
        kind = read.text(f"{name}kind")
        if kind in PART_KINDS:
            weight = read.decimal(f"{name}weight", read.text(f"{name}weight"), Decimal(1))
            key = read.text(f"{name}key") or str(number)
            found.append(Part(key, ItemKind(kind), _body(read, name, ItemKind(kind)), weight))
    return {"parts": tuple(found)}


_SPECIAL: Mapping[ItemKind, Callable[[Read, str, ItemKind, _Clean], dict[str, object]]] = {
    **dict.fromkeys(KINDS, _choice),
    **dict.fromkeys(GAPPED, _gapped),
    ItemKind.MATCH: _match,
    ItemKind.ORDER: _order,
    ItemKind.HOTSPOT: _hotspot,
    ItemKind.ESSAY: _examined,
    ItemKind.PRACTICAL: _examined,
    ItemKind.CASE: _case,
}


def _fields(at: str, kind: ItemKind, body: ItemBody) -> Iterator[tuple[str, str]]:
    yield f"{at}markup", str(body.markup)
    yield f"{at}stem", body.stem
    yield f"{at}explanation", body.explanation
    yield f"{at}source", body.source
    yield f"{at}answer", ", ".join(body.answer)
    yield f"{at}most", str(body.most)
    yield f"{at}picture", body.picture
    if body.options != TRUE_FALSE_OPTIONS:
        yield from _option_fields(at, body.options)
    if kind is ItemKind.MULTIPLE:
        yield from ((f"{at}right_{key}", "1") for key in body.answer)
    yield from ((f"{at}target_{number}", each.text) for number, each in enumerate(body.targets, 1))
    yield from _gap_fields(at, body.gaps)
    for number, area in enumerate(body.areas, 1):
        name = f"{at}area_{number}"
        yield name, ", ".join(map(str, area.coords))
        yield from ((f"{name}_key", area.key), (f"{name}_shape", area.shape))
    for number, criterion in enumerate(body.criteria, 1):
        yield f"{at}criterion_{number}", criterion.text
        yield f"{at}criterion_{number}_points", f"{criterion.points:f}" if criterion.points else ""
    yield from _part_fields(body.parts)


def _option_fields(at: str, options: Iterable[Option]) -> Iterator[tuple[str, str]]:
    for option in options:
        yield f"{at}option_{option.key}", option.text
        if option.fixed:
            yield f"{at}fixed_{option.key}", "1"


def _gap_fields(at: str, gaps: Sequence[Gap]) -> Iterator[tuple[str, str]]:
    for number, gap in enumerate(gaps, 1):
        name = f"{at}gap_{number}"
        yield name, "\n".join(_gap_lines(gap))
        yield f"{name}_sort", str(gap.kind)
        if gap.case_sensitive:
            yield f"{name}_case", "1"


def _gap_lines(gap: Gap) -> Iterator[str]:
    yield from gap.accepted
    for span in gap.ranges:
        yield f"{span.low:f}" if span.low == span.high else f"{span.low:f} ~ {span.high:f}"
    for choice in gap.choices:
        text = f"\\{choice.text}" if choice.text.startswith(("=", "\\")) else choice.text
        yield f"={text}" if choice.key == gap.answer else text


def _part_fields(found: Iterable[Part]) -> Iterator[tuple[str, str]]:
    for number, part in enumerate(found, 1):
        at = f"part_{number}_"
        yield from (
            (f"{at}kind", str(part.kind)),
            (f"{at}key", part.key),
            (f"{at}weight", f"{part.weight:f}"),
        )
        yield from _fields(at, part.kind, part.body)
