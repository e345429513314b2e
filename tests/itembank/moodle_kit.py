"""Items for round trips through Moodle's formats, and what two items are compared by."""

import io
from dataclasses import replace
from decimal import Decimal
from html import escape

from hypothesis import assume
from hypothesis import strategies as st
from PIL import Image

from itembank import richtext
from itembank.importing.media import MediaBox
from itembank.importing.pipeline import read_bank
from itembank.importing.reading import BankReading
from itembank.item_rules import validate
from itembank.items import (
    TRUE_FALSE_OPTIONS,
    Criterion,
    Gap,
    Item,
    ItemBody,
    ItemFacts,
    ItemKind,
    Markup,
    Medium,
    NumberRange,
    Option,
    compact,
)
from itembank.problems import Problem

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def png(colour: int = 200) -> bytes:
    memory = io.BytesIO()
    Image.new("RGB", (4, 3), (colour, 10, 20)).save(memory, "PNG")
    return memory.getvalue()


def taken(data: bytes) -> tuple[Medium, bytes]:
    """A picture as a bank holds it."""
    box = MediaBox()
    medium = box.add(data, "")
    assert isinstance(medium, Medium)
    return medium, box.files[medium.sha256].data


MEDIUM, PICTURE = taken(png())
MEDIA = {MEDIUM.sha256: PICTURE}


def reading(text: str | bytes) -> BankReading:
    return read_bank(text if isinstance(text, bytes) else text.encode(), "题库")


def only(text: str | bytes) -> Item:
    found = reading(text)
    assert len(found.items) == 1, (found.items, found.rejected)
    return found.items[0].item


def codes(problems: tuple[Problem, ...]) -> list[tuple[str, str]]:
    return [(problem.place, problem.code) for problem in problems]


_TRICKY = "甲乙（）·ab1 ~=#{}:\\%<>&[]'\"/.*_-\n＿|^$@！é"
plain_texts = (
    st.text(_TRICKY, min_size=1, max_size=14).map(str.strip).filter(lambda text: bool(compact(text)))
)


def _rich(parts: list[tuple[str, str]]) -> str:
    written = "".join(
        f"<{tag}>{escape(text, quote=False)}</{tag}>" if tag else escape(text, quote=False)
        for tag, text in parts
    )
    return richtext.clean(written).strip()


_tags = st.sampled_from(["", "", "b", "sub", "p", "em", "pre", "li"])
html_texts = (
    st.lists(st.tuples(_tags, plain_texts), min_size=1, max_size=3)
    .map(_rich)
    .filter(lambda text: bool(compact(richtext.plain(text))) and richtext.clean(text) == text)
)


def texts(markup: Markup) -> st.SearchStrategy[str]:
    return plain_texts if markup is Markup.PLAIN else html_texts


def _unequal(strategy: st.SearchStrategy[str], least: int, most: int) -> st.SearchStrategy[list[str]]:
    return st.lists(strategy, min_size=least, max_size=most, unique_by=compact)


def options(words: list[str], *, fixed: bool = False) -> tuple[Option, ...]:
    return tuple(Option(LETTERS[place], text, fixed) for place, text in enumerate(words))


numbers = st.decimals(-10_000, 10_000, places=3, allow_nan=False, allow_infinity=False)
ranges = st.tuples(numbers, st.decimals(0, 10, places=2)).map(
    lambda pair: NumberRange(pair[0], pair[0] + pair[1])
)
accepted = _unequal(plain_texts.map(lambda text: " ".join(text.split())), 1, 3).map(tuple)


@st.composite
def choices(draw: st.DrawFn, kind: ItemKind, markup: Markup) -> ItemBody:
    words = draw(_unequal(texts(markup), 2, 5))
    made = options(words, fixed=draw(st.booleans()))
    least = 1 if kind is ItemKind.SINGLE else 2
    right = draw(
        st.sets(
            st.sampled_from([option.key for option in made]),
            min_size=least,
            max_size=least + (kind is ItemKind.MULTIPLE),
        )
    )
    return ItemBody("", made, tuple(sorted(right)))


@st.composite
def gapped(draw: st.DrawFn, kind: ItemKind, most: int = 3) -> ItemBody:
    gaps = []
    for key in range(1, draw(st.integers(1, most)) + 1):
        if kind is ItemKind.NUMERIC:
            gaps.append(
                Gap(str(key), ranges=tuple(draw(st.lists(ranges, min_size=1, max_size=2, unique=True))))
            )
        elif kind is ItemKind.INLINE_CHOICE:
            words = options(
                draw(_unequal(plain_texts.filter(lambda text: "<" not in text and "&" not in text), 2, 4))
            )
            gaps.append(Gap(str(key), choices=words, answer=draw(st.sampled_from(words)).key))
        else:
            gaps.append(Gap(str(key), draw(accepted), case_sensitive=draw(st.booleans())))
    return ItemBody("", gaps=tuple(gaps))


@st.composite
def matches(draw: st.DrawFn, markup: Markup) -> ItemBody:
    lefts = options(draw(_unequal(texts(markup), 1, 4)))
    rights = draw(_unequal(texts(markup), 1, 4))
    targets = tuple(Option(str(number), text) for number, text in enumerate(rights, 1))
    answer = tuple(f"{left.key}-{draw(st.sampled_from(targets)).key}" for left in lefts)
    return ItemBody("", lefts, answer, targets=targets)


@st.composite
def orders(draw: st.DrawFn, markup: Markup) -> ItemBody:
    steps = options(draw(_unequal(texts(markup), 2, 5)))
    return ItemBody("", steps, tuple(draw(st.permutations([step.key for step in steps]))))


@st.composite
def essays(draw: st.DrawFn, markup: Markup) -> ItemBody:
    lines = draw(
        st.lists(
            texts(markup).filter(lambda text: "\n" not in text and "<li>" not in text and "分" not in text),
            max_size=3,
        )
    )
    return ItemBody("", criteria=tuple(Criterion(line, Decimal(draw(st.integers(0, 9)))) for line in lines))


_BODIES = {
    ItemKind.SINGLE: choices,
    ItemKind.MULTIPLE: choices,
    ItemKind.TRUE_FALSE: lambda kind, markup: st.sampled_from("AB").map(
        lambda key: ItemBody("", TRUE_FALSE_OPTIONS, (key,))
    ),
    ItemKind.MATCH: lambda kind, markup: matches(markup),
    ItemKind.ORDER: lambda kind, markup: orders(markup),
    ItemKind.ESSAY: lambda kind, markup: essays(markup),
}


@st.composite
def items(draw: st.DrawFn, kinds: tuple[ItemKind, ...], *, one_gap: bool = False) -> Item:
    """A valid item of one of the kinds with every fact that tags carry."""
    kind, markup = draw(st.sampled_from(kinds)), draw(st.sampled_from(Markup))
    body = draw(_BODIES[kind](kind, markup) if kind in _BODIES else gapped(kind, 1 if one_gap else 3))
    stem = draw(texts(markup))
    for gap in body.gaps:
        stem += draw(st.sampled_from([" [[%s]]", "[[%s]]", "：[[%s]]。"])) % gap.key + draw(
            st.sampled_from(["", "米", " 起"])
        )
    explanation = draw(st.one_of(st.just(""), texts(markup)))
    if kind is ItemKind.INLINE_CHOICE and markup is Markup.HTML:
        gaps = tuple(
            replace(gap, choices=tuple(replace(c, text=richtext.clean(c.text)) for c in gap.choices))
            for gap in body.gaps
        )
        body = replace(body, gaps=gaps)
    facts = ItemFacts(
        draw(st.from_regex(r"[A-Za-z0-9甲][\w.\-]{0,12}", fullmatch=True)),
        draw(st.sampled_from(["", "A-B-C-001"])),
        kind,
        draw(st.integers(0, 5)),
        draw(st.sampled_from([None, 1, 4])),
        draw(st.sampled_from(["", "X", "Z"])),
        draw(st.booleans()),
        path=draw(st.sampled_from(["", "保安员/五级", "a//b/c", "top/消防"])),
    )
    source = draw(st.sampled_from(["", "《保安服务管理条例》第3条 [修订]"]))
    item = Item(facts, replace(body, stem=stem, explanation=explanation, markup=markup, source=source))
    assume(not validate(item))
    return item


def alike(item: Item) -> object:
    """What has to come back: everything but the places of match targets and of steps to be ordered."""
    body = item.body
    words = {option.key: option.text for option in (*body.options, *body.targets)}
    if item.facts.kind is ItemKind.MATCH:
        pairs = sorted(tuple(words[key] for key in pair.split("-")) for pair in body.answer)
        body = replace(body, targets=tuple(sorted(body.targets, key=lambda t: t.text)), answer=())
        return item.facts, replace(body, targets=()), sorted(t.text for t in body.targets), pairs
    if item.facts.kind is ItemKind.ORDER:
        return item.facts, replace(body, options=(), answer=()), [words[key] for key in body.answer]
    return item
