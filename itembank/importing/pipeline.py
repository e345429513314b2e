"""One way for every bank file: bytes in, items with their places and everything wrong with the rest out.

Sniff by content, read, clean, validate, look for doubles. Pure: nothing is stored. Hosts call it in a limited
child process and show the reading as a dry run.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from itembank import richtext
from itembank.importing.drafts import (
    BlueprintFound,
    Declared,
    Draft,
    Format,
    Found,
    MappingNeeded,
    Noted,
    Rejected,
)
from itembank.importing.formats import FORMATS
from itembank.importing.media import MediaBox
from itembank.importing.normalise import shows_answer
from itembank.importing.reading import BankReading, MappingWish, Placed
from itembank.importing.source import Source, refusal
from itembank.item_rules import validate
from itembank.items import (
    Criterion,
    Gap,
    Item,
    ItemBody,
    ItemFacts,
    ItemKind,
    Markup,
    Option,
    answer_words,
    content_hash,
    stem_hash,
)
from itembank.problems import InputRefused, Param, Problem

Report = Callable[[int], object]
"""Told how many items have been read so far, now and then."""
REPORT_EVERY = 200
_UNTOLD = Declared()
_SHOWN = re.compile(r'\bsrc="media:([0-9a-f]{64})"')
_Hashed = tuple[Placed, str, str]
"""An item with its content hash and its stem hash."""


def read_bank(
    data: bytes, name: str, *, declared: Declared = _UNTOLD, report: Report = lambda _count: None
) -> BankReading:
    """Reads a bank file. Raises `InputRefused` when the file as a whole cannot be read.

    A file that has to be explained first (columns, type codes) gives a reading with a `wish` and no items.
    """
    source = Source(data, name)
    source.refuse_unreadable()
    form, title = _format_of(source)
    gathered = _Gathered(source, title, report)
    try:
        for found in form.read(source, declared, gathered.media):
            gathered.take(found)
    except MappingNeeded as need:
        return replace(gathered.empty(), wish=_wish(need))
    return gathered.reading()


def _format_of(source: Source) -> tuple[Format, str]:
    for form in FORMATS:
        title = form.sniff(source)
        if title:
            return form, title
    raise refusal("unknown_format", source.name)


def _wish(need: MappingNeeded) -> MappingWish:
    return MappingWish(
        need.template,
        need.columns,
        dict(need.codes),
        dict(need.suggested.columns),
        dict(need.suggested.codes),
    )


class _Gathered:
    """What has been found so far."""

    def __init__(self, source: Source, title: str, report: Report) -> None:
        self.media = MediaBox()
        self._source = source
        self._title = title
        self._report = report
        self._items: list[_Hashed] = []
        self._rejected: list[Problem] = []
        self._warnings: list[Problem] = []
        self._blueprint: dict[str, Any] | None = None
        self._uids: dict[str, str] = {}

    def take(self, found: Found) -> None:
        """Sorts one find; drafts become items or rejections."""
        if isinstance(found, Rejected):
            self._rejected.append(found.problem)
        elif isinstance(found, Noted):
            self._warnings.append(found.problem)
        elif isinstance(found, BlueprintFound):
            self._blueprint = {"data": dict(found.data), "points": found.points, "rules": found.rules}
        else:
            self._take_draft(found)

    def _take_draft(self, draft: Draft) -> None:
        item = _item(draft)
        faults = draft.faults or [
            *(_placed(fault, draft) for fault in validate(item)),
            *_missing_media(item.body, draft.place),
        ]
        if faults:
            self._rejected += faults
            return
        self._warnings += draft.warnings
        placed = Placed(draft.place, item, draft.label, draft.told)
        self._items.append((placed, content_hash(item.body), stem_hash(item.body)))
        if len(self._items) % REPORT_EVERY == 0:
            self._report(len(self._items))

    def empty(self) -> BankReading:
        """The reading without items."""
        encoding = "" if self._source.is_zip or self._source.is_ole else self._encoding()
        return BankReading(self._title, encoding, (), (), tuple(self._warnings))

    def reading(self) -> BankReading:
        """Everything, without doubles; `InputRefused` when the file holds nothing at all."""
        if not (self._items or self._rejected or self._blueprint):
            raise refusal("bank_without_items", self._source.name)
        unique, doubles, same, repeated = _without_doubles(self._items)
        kept = tuple(placed for placed, _content, _stem in unique)
        warnings = (*self._warnings, *same, *_shown_answers(kept))
        named = {medium.sha256 for placed in kept for medium in _media_of(placed.item.body)}
        return replace(
            self.empty(),
            items=kept,
            rejected=(*self._rejected, *doubles),
            warnings=warnings,
            blueprint=self._blueprint,
            media={sha: file for sha, file in self.media.files.items() if sha in named},
            doubles=tuple(str(placed.item.facts.kind) for placed in repeated),
            hashes=tuple((content, stem) for _placed, content, stem in unique),
        )

    def _encoding(self) -> str:
        try:
            return self._source.decoded[1]
        except InputRefused:
            return ""


def _placed(fault: Problem, draft: Draft) -> Problem:
    """The fault with its place and, where the reader knows it, the column to blame."""
    if not draft.columns:
        return Problem(fault.code, draft.place, fault.params)
    key = f"{fault.code} {fault.params.get('key', '')}"
    heading = draft.columns.get(key) or draft.columns.get(fault.code)
    column: dict[str, Param] = {"column": heading} if heading else {}
    return Problem(fault.code, draft.place, {**column, **fault.params})


def _item(draft: Draft) -> Item:
    body = cleaned(draft.body)
    facts = ItemFacts(
        uid=draft.uid or _made_uid(draft.kind, draft.point, body),
        point=draft.point,
        kind=draft.kind,
        difficulty=draft.difficulty,
        consistency=draft.consistency,
        importance=draft.importance,
        sample=draft.sample,
        path=draft.path[:200],
        flaw=draft.flaw,
    )
    return Item(facts, body)


def _made_uid(kind: ItemKind, point: str, body: ItemBody) -> str:
    """An id from kind, point and content: the same item gets the same id when it comes again."""
    letters = hashlib.sha256(f"{kind}|{content_hash(body)}".encode()).hexdigest()[:10]
    return "-".join(part for part in (kind.value[:2].upper(), point, letters) if part)


def cleaned(body: ItemBody) -> ItemBody:
    """The body with every HTML text reduced to the safe subset; plain bodies stay as they are."""
    if body.markup is not Markup.HTML and not body.parts:
        return body
    parts = tuple(replace(part, body=cleaned(part.body)) for part in body.parts)
    if body.markup is not Markup.HTML:
        return replace(body, parts=parts)
    clean = richtext.clean
    return replace(
        body,
        stem=clean(body.stem),
        explanation=clean(body.explanation),
        options=_cleaned_options(body.options),
        targets=_cleaned_options(body.targets),
        gaps=tuple(_cleaned_gap(gap) for gap in body.gaps),
        criteria=tuple(Criterion(clean(each.text), each.points) for each in body.criteria),
        parts=parts,
    )


def _cleaned_options(options: tuple[Option, ...]) -> tuple[Option, ...]:
    return tuple(replace(option, text=richtext.clean(option.text)) for option in options)


def _cleaned_gap(gap: Gap) -> Gap:
    return replace(gap, choices=_cleaned_options(gap.choices)) if gap.choices else gap


def _media_of(body: ItemBody) -> Iterator[Any]:
    yield from body.media
    for part in body.parts:
        yield from _media_of(part.body)


def _missing_media(body: ItemBody, place: str) -> Iterator[Problem]:
    """A fault when texts show a medium that did not come with the item: nobody could see it."""
    there = {medium.sha256 for medium in _media_of(body)}
    named = set(_shown_media(body))
    if named - there:
        yield Problem("item_medium_missing", place, {"count": len(named - there)})


def _shown_media(body: ItemBody) -> Iterator[str]:
    if body.markup is Markup.HTML:
        for text in replace(body, parts=()).texts():
            yield from _SHOWN.findall(text) if "media:" in text else ()
    for part in body.parts:
        yield from _shown_media(part.body)


def _shown_answers(items: Iterable[Placed]) -> Iterator[Problem]:
    for placed in items:
        if shows_answer(placed.item):
            yield Problem("answer_in_stem", placed.place, {"uid": placed.item.facts.uid})


def _without_doubles(
    items: Sequence[_Hashed],
) -> tuple[list[_Hashed], list[Problem], tuple[Problem, ...], list[Placed]]:
    """The first of equal contents stays; the same stem with other options is only mentioned.

    Of equal contents with different answers none stays: one of them is wrong, and nobody knows which.
    (items kept, faults of the others, warnings, exact doubles)
    """
    contested = _contested(items)
    uids: dict[str, str] = {}
    contents: dict[str, str] = {}
    stems: dict[str, str] = {}
    kept, doubles, warnings, repeated = [], [], [], []
    for placed, content, stem in items:
        place = placed.place
        if content in contested:
            other = next(each for each in contested[content] if each != place)
            doubles.append(Problem("duplicate_other_answer", place, {"first": other}))
            continue
        if content in contents:
            doubles.append(Problem("duplicate_item", place, {"first": contents[content]}))
            repeated.append(placed)
            continue
        if placed.item.facts.uid in uids:
            known = {"uid": placed.item.facts.uid, "first": uids[placed.item.facts.uid]}
            doubles.append(Problem("duplicate_item_id", place, known))
            continue
        if stem in stems:
            warnings.append(Problem("same_stem", place, {"first": stems[stem]}))
        kept.append((placed, content, stem))
        uids[placed.item.facts.uid] = place
        contents[content] = place
        stems.setdefault(stem, place)
    return kept, doubles, tuple(warnings), repeated


def _contested(items: Iterable[_Hashed]) -> Mapping[str, list[str]]:
    """Content hash -> places, for equal contents whose answers differ."""
    known: dict[str, _Hashed] = {}
    places: dict[str, list[str]] = {}
    for each in items:
        placed, content, _stem = each
        first = known.setdefault(content, each)[0]
        if first is not placed and _answer_of(first) != _answer_of(placed):
            places.setdefault(content, [first.place]).append(placed.place)
    return places


def _answer_of(placed: Placed) -> tuple[str, ...]:
    return answer_words(placed.item.body, placed.item.facts.kind)
