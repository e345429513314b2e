"""A form as two documents: what the candidate sees, and the key that marks it, never together in clear.

Only the documents and their JSON are here, because every seat reads them; `paper_building` makes them. An
item of a paper: ``{id, number, kind, points, stem, markup, options, gaps, targets, most, picture, areas,
group}``, parts that a kind does not have left out; it never says what is right. The parts of a case stand in
the list of items, each with its own number and the id that `part_id` gives; the case's stem is in `groups`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from itembank.item_json import gap_from_json, gap_to_json, option_to_json
from itembank.items import Area, Gap, ItemKind, Option

# The headings are part of the paper, which is Chinese whatever language the screens speak.
SECTION_TITLES: Mapping[ItemKind, str] = {
    ItemKind.SINGLE: "单项选择题",
    ItemKind.MULTIPLE: "多项选择题",
    ItemKind.TRUE_FALSE: "判断题",
    ItemKind.TEXT: "填空题",
    ItemKind.NUMERIC: "计算题",
    ItemKind.INLINE_CHOICE: "选词填空题",
    ItemKind.MATCH: "匹配题",
    ItemKind.ORDER: "排序题",
    ItemKind.HOTSPOT: "识图题",
    ItemKind.ESSAY: "简答题",
    ItemKind.CASE: "案例分析题",
}
ID_LIMIT = 64
"""Characters of an item's id on a paper, in the protocol and in the answer store."""
ALL, PER_PART = "all", "per_part"
PARTED = frozenset({ItemKind.TEXT, ItemKind.NUMERIC, ItemKind.INLINE_CHOICE, ItemKind.MATCH})
"""Kinds scored by their parts unless the paper says otherwise."""


def part_id(case: str, place: int) -> str:
    """The id of a case's part on a paper; places count from 1. A long uid is cut to leave room."""
    tail = f".{place}"
    return case[: ID_LIMIT - 3] + tail


@dataclass(frozen=True, slots=True)
class PaperGap:
    """A gap as the candidate sees it: `kind` text, numeric or inline_choice, the last with `choices`."""

    key: str
    kind: ItemKind
    choices: tuple[Option, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Plain values as the candidate page reads them."""
        plain: dict[str, object] = {"key": self.key, "kind": self.kind.value}
        return plain | {"choices": [option_to_json(each) for each in self.choices]} if self.choices else plain


@dataclass(frozen=True, slots=True)
class PaperItem:
    """One item as the candidate sees it: no answer, no explanation, no source.

    `group` is the uid of the case it is a part of. `starts` are orders of the option keys in which an order
    item may be shown first: wrong ones, because a seat cannot know the right one.
    """

    id: str
    number: int
    kind: ItemKind
    points: Decimal
    stem: str
    options: tuple[Option, ...] = ()
    markup: str = "plain"
    gaps: tuple[PaperGap, ...] = ()
    targets: tuple[Option, ...] = ()
    most: int = 1
    picture: str = ""
    areas: tuple[Area, ...] = ()
    group: str = ""
    starts: tuple[tuple[str, ...], ...] = ()

    def to_json(self) -> dict[str, object]:
        """Plain values as the candidate page reads them."""
        data: dict[str, object] = {
            "id": self.id,
            "number": self.number,
            "kind": self.kind.value,
            "points": str(self.points),
            "stem": self.stem,
            "markup": self.markup,
            "options": [option_to_json(option) for option in self.options],
        }
        extra: dict[str, object] = {
            "gaps": [gap.to_json() for gap in self.gaps],
            "targets": [option_to_json(target) for target in self.targets],
            "picture": self.picture,
            "areas": [{"key": a.key, "shape": a.shape, "coords": list(a.coords)} for a in self.areas],
            "group": self.group,
            "starts": [list(start) for start in self.starts],
        }
        most = {"most": self.most} if self.kind in (ItemKind.MATCH, ItemKind.HOTSPOT) else {}
        return data | {name: value for name, value in extra.items() if value} | most


@dataclass(frozen=True, slots=True)
class PaperSection:
    """A run of items of one kind: numbers `first` to `last`, `points` each; None when they differ."""

    kind: ItemKind
    title: str
    first: int
    last: int
    points: Decimal | None

    def to_json(self) -> dict[str, object]:
        """Plain values as the candidate page reads them."""
        return {
            "kind": self.kind.value,
            "title": self.title,
            "from": self.first,
            "to": self.last,
            "points": "" if self.points is None else str(self.points),
        }


@dataclass(frozen=True, slots=True)
class PaperGroup:
    """A case: the stem that its parts, numbers `first` to `last`, have in common."""

    stem: str
    markup: str
    first: int
    last: int

    def to_json(self) -> dict[str, object]:
        """Plain values as the candidate page reads them."""
        return {"stem": self.stem, "markup": self.markup, "first": self.first, "last": self.last}


@dataclass(frozen=True, slots=True)
class Shuffle:
    """What a seat puts in an order of its own, by a `secret` (hex) that only the sealed section holds."""

    items: bool
    options: bool
    secret: str

    def to_json(self) -> dict[str, object]:
        """Plain values as `itembank.shuffling` reads them."""
        return {"items": self.items, "options": self.options, "secret": self.secret}


_NOTHING: Mapping[str, PaperGroup] = MappingProxyType({})
_NO_MEDIA: Mapping[str, Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class PaperForm:
    """What the candidate sees of one form; `minutes` is the time allowed.

    `media` holds by SHA-256 ``{"mime", "data" (base64)}`` of every picture, sound and film of the form.
    """

    form: str
    title: str
    minutes: Decimal
    items: tuple[PaperItem, ...]
    sections: tuple[PaperSection, ...]
    groups: Mapping[str, PaperGroup] = field(default_factory=lambda: _NOTHING)
    media: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: _NO_MEDIA)
    shuffle: Shuffle | None = None

    def to_json(self) -> dict[str, object]:
        """The content of a package's section "paper/X"."""
        whole = self.minutes == self.minutes.to_integral_value()
        extra: dict[str, object] = {
            "groups": {uid: group.to_json() for uid, group in self.groups.items()},
            "media": {sha: dict(medium) for sha, medium in self.media.items()},
            "shuffle": self.shuffle.to_json() if self.shuffle else {},
        }
        return {
            "form": self.form,
            "title": self.title,
            "minutes": int(self.minutes) if whole else float(self.minutes),
            "items": [item.to_json() for item in self.items],
            "sections": [section.to_json() for section in self.sections],
        } | {name: value for name, value in extra.items() if value}


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """How one item is marked: `answer` or `gaps` as the item has them, and the points for them.

    `scoring` is "all" or "per_part"; "" stands for what its kind is scored by otherwise. `keys` are all that
    may be chosen (options, areas), empty where that does not apply or an older package does not say.
    """

    kind: ItemKind
    answer: tuple[str, ...]
    points: Decimal
    gaps: tuple[Gap, ...] = ()
    scoring: str = ""
    keys: tuple[str, ...] = ()

    @property
    def per_part(self) -> bool:
        """Whether each right part brings its share of the points."""
        return self.scoring == PER_PART if self.scoring else self.kind in PARTED

    def to_json(self) -> dict[str, object]:
        """Plain values; the inverse of `from_json`."""
        data: dict[str, object] = {
            "kind": self.kind.value,
            "answer": list(self.answer),
            "points": str(self.points),
        }
        extra: dict[str, object] = {
            "gaps": [gap_to_json(gap) for gap in self.gaps],
            "scoring": str(self.scoring),
            "keys": list(self.keys),
        }
        return data | {name: value for name, value in extra.items() if value}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "KeyEntry":
        """The inverse of `to_json`; keys of older packages have no gaps and no scoring."""
        answer, gaps, keys = data["answer"], data.get("gaps", []), data.get("keys", [])
        scoring = str(data.get("scoring", ""))
        if not all(isinstance(part, list) for part in (answer, gaps, keys)):
            raise TypeError("not an entry of a marking key")
        if scoring not in ("", ALL, PER_PART):
            raise ValueError("unknown scoring")
        return cls(
            ItemKind(str(data["kind"])),
            tuple(map(str, answer)),
            Decimal(str(data["points"])),
            tuple(gap_from_json(gap) for gap in gaps),
            scoring,
            tuple(map(str, keys)),
        )


@dataclass(frozen=True, slots=True)
class MarkingKey:
    """How one form is marked; entries stand in the order of the paper."""

    form: str
    items: Mapping[str, KeyEntry]

    @property
    def total(self) -> Decimal:
        """The points of a faultless paper."""
        return sum((entry.points for entry in self.items.values()), Decimal(0))

    def to_json(self) -> dict[str, object]:
        """The content of a package's section "key/X"."""
        return {
            "form": self.form,
            "items": {uid: entry.to_json() for uid, entry in self.items.items()},
            "order": list(self.items),  # canonical JSON sorts the mapping above
            "total": str(self.total),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> "MarkingKey":
        """The inverse of `to_json`; raises ValueError, KeyError or TypeError on anything else."""
        entries, order = data["items"], data["order"]
        if not isinstance(entries, Mapping) or not isinstance(order, Sequence):
            raise TypeError("not a marking key")
        items = {str(uid): KeyEntry.from_json(entries[uid]) for uid in order}
        key = cls(str(data["form"]), items)
        if len(items) != len(entries) or key.total != Decimal(str(data["total"])):
            raise ValueError("marking key does not add up")
        return key
