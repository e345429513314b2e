"""A form as two documents: what the candidate sees, and the key that marks it, never together in clear."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from itembank.items import Item, ItemKind, Option

# The headings are part of the paper, which is Chinese whatever language the screens speak.
SECTION_TITLES: Mapping[ItemKind, str] = {
    ItemKind.SINGLE: "单项选择题",
    ItemKind.MULTIPLE: "多项选择题",
    ItemKind.TRUE_FALSE: "判断题",
}


@dataclass(frozen=True, slots=True)
class PaperItem:
    """One item as the candidate sees it: no answer, no explanation, no source."""

    id: str
    number: int
    kind: ItemKind
    points: Decimal
    stem: str
    options: tuple[Option, ...]

    def to_json(self) -> dict[str, object]:
        """Plain values as the candidate page reads them."""
        return {
            "id": self.id,
            "number": self.number,
            "kind": self.kind.value,
            "points": str(self.points),
            "stem": self.stem,
            "options": [{"key": option.key, "text": option.text} for option in self.options],
        }


@dataclass(frozen=True, slots=True)
class PaperSection:
    """A run of items of one kind: numbers `first` to `last`, `points` each."""

    kind: ItemKind
    title: str
    first: int
    last: int
    points: Decimal

    def to_json(self) -> dict[str, object]:
        """Plain values as the candidate page reads them."""
        return {
            "kind": self.kind.value,
            "title": self.title,
            "from": self.first,
            "to": self.last,
            "points": str(self.points),
        }


@dataclass(frozen=True, slots=True)
class PaperForm:
    """What the candidate sees of one form; `minutes` is the time allowed."""

    form: str
    title: str
    minutes: Decimal
    items: tuple[PaperItem, ...]
    sections: tuple[PaperSection, ...]

    def to_json(self) -> dict[str, object]:
        """The content of a package's section "paper/X"."""
        whole = self.minutes == self.minutes.to_integral_value()
        return {
            "form": self.form,
            "title": self.title,
            "minutes": int(self.minutes) if whole else float(self.minutes),
            "items": [item.to_json() for item in self.items],
            "sections": [section.to_json() for section in self.sections],
        }


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """How one item is marked: the right option keys, sorted, and the points for them."""

    kind: ItemKind
    answer: tuple[str, ...]
    points: Decimal


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
            "items": {
                uid: {"kind": e.kind.value, "answer": list(e.answer), "points": str(e.points)}
                for uid, e in self.items.items()
            },
            "order": list(self.items),  # canonical JSON sorts the mapping above
            "total": str(self.total),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> "MarkingKey":
        """The inverse of `to_json`; raises ValueError, KeyError or TypeError on anything else."""
        entries, order = data["items"], data["order"]
        if not isinstance(entries, Mapping) or not isinstance(order, Sequence):
            raise TypeError("not a marking key")
        items = {
            str(uid): KeyEntry(
                ItemKind(entries[uid]["kind"]),
                tuple(map(str, entries[uid]["answer"])),
                Decimal(str(entries[uid]["points"])),
            )
            for uid in order
        }
        key = cls(str(data["form"]), items)
        if len(items) != len(entries) or key.total != Decimal(str(data["total"])):
            raise ValueError("marking key does not add up")
        return key


@dataclass(frozen=True, slots=True)
class PaperPlan:
    """What a form is called, how long it lasts and what each kind is worth."""

    form: str
    title: str
    minutes: Decimal
    points: Mapping[ItemKind, Decimal]


def build_form(plan: PaperPlan, items: Iterable[Item]) -> tuple[PaperForm, MarkingKey]:
    """The paper and its key from items in the order of the form (as `assemble` gives it)."""
    ordered = list(items)
    shown = tuple(_shown(item, i, plan.points) for i, item in enumerate(ordered, 1))
    key = MarkingKey(
        plan.form,
        {x.facts.uid: KeyEntry(x.facts.kind, x.body.answer, plan.points[x.facts.kind]) for x in ordered},
    )
    if len(key.items) != len(ordered):
        raise ValueError("an item stands twice in a form")
    return PaperForm(plan.form, plan.title, plan.minutes, shown, _sections(shown)), key


def _shown(item: Item, number: int, points: Mapping[ItemKind, Decimal]) -> PaperItem:
    kind = item.facts.kind
    return PaperItem(item.facts.uid, number, kind, points[kind], item.body.stem, item.body.options)


def _sections(items: tuple[PaperItem, ...]) -> tuple[PaperSection, ...]:
    sections = []
    for kind, group in groupby(items, key=lambda item: item.kind):
        run = list(group)
        title = SECTION_TITLES[kind]
        sections.append(PaperSection(kind, title, run[0].number, run[-1].number, run[0].points))
    return tuple(sections)
