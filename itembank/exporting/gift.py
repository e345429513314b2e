"""GIFT: Moodle's text format, one block an item, our facts as tags in its comment.

Not carried: media, several gaps, choices within a text, areas, cases, criteria, places that options keep.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from itembank.exporting import Exported
from itembank.exporting.moodle_facts import (
    around,
    category_of,
    decimal,
    lost_facts,
    percents_of,
    tags_of,
    title_of,
    unmarked,
)
from itembank.importing.moodle_wording import GAP, HTML, PLAIN, Wording, seen, with_gap
from itembank.items import Item, ItemBody, ItemKind, Markup
from itembank.problems import Problem

_SPECIAL = re.compile(r"[\\~=#{}:]")
_MARKED = re.compile(r"\s*(?:\[(?:html|markdown|plain|moodle)\]|//)")
_WORTH = re.compile(r"\s*%")
_IN_TAG = re.compile(r"[\\\]]")
_BLANK = "_____"
_ARROW = "->"


def export_gift(items: Iterable[Item], media: Mapping[str, bytes], title: str) -> Exported:
    """A text file in UTF-8; items with media are left out, `title` becomes its first comment."""
    blocks = [f"// {' '.join(title.split())}"]
    notes: list[Problem] = []
    path = ""
    for item in items:
        text = _block(item, notes)
        if text is None:
            continue
        if item.facts.path != path:
            path = item.facts.path
            blocks.append(f"$CATEGORY: {category_of(' '.join(path.split()))}")
        blocks.append(text)
    return Exported(("\n\n".join(blocks) + "\n").encode(), tuple(notes))


def _block(item: Item, notes: list[Problem]) -> str | None:
    facts, body = item.facts, item.body
    writer = _WRITERS.get(facts.kind)
    if writer is None:
        notes.append(Problem("export_kind_left_out", facts.uid, {"kind": str(facts.kind)}))
        return None
    if any("media:" in text for text in body.texts()) and body.markup is Markup.HTML:
        notes.append(Problem("export_media_left_out", facts.uid))
        return None
    around_braces = _stem(body)
    answers = writer(body, facts.kind) if around_braces else None
    if around_braces is None or answers is None:
        notes.append(Problem("export_text_not_in_gift", facts.uid))
        return None
    notes += [*lost_facts(item), *_losses(item)]
    before, after = around_braces
    form = HTML if body.markup is Markup.HTML else PLAIN
    name = _kept(title_of(seen(Wording(before, form))))
    explanation = f"\n####{_piece(body.explanation, body)}\n" if body.explanation else ""
    return f"{_comment(item)}\n::{name}::[{form}]{_kept(before)}{{{answers}{explanation}}}{_kept(after)}"


def _comment(item: Item) -> str:
    marks = [f"[id:{item.facts.uid}]"]
    marks += [f"[tag:{_IN_TAG.sub(_backslashed, ' '.join(tag.split()))}]" for tag in tags_of(item)]
    return f"// {' '.join(marks)}"


def _losses(item: Item) -> list[Problem]:
    body, uid = item.body, item.facts.uid
    options = (*body.options, *body.targets)
    lost = {
        "export_criteria_left_out": bool(body.criteria),
        "export_fixed_left_out": any(option.fixed for option in options),
        "export_case_left_out": any(gap.case_sensitive for gap in body.gaps),
        "export_text_changed": any(" ".join(text.split()) != text for text in (body.source, item.facts.path)),
    }
    return [Problem(code, uid) for code, there in lost.items() if there]


def _stem(body: ItemBody) -> tuple[str, str] | None:
    """What stands before and behind the braces; None when the gap has no place in this format."""
    if not body.gaps:
        return body.stem, ""
    if len(body.gaps) > 1 or body.gaps[0].choices or body.stem.count(GAP) != 1:
        return None
    before, after = body.stem.split(GAP)
    if after.strip() and with_gap(f"{before}{_BLANK}{after}") == body.stem:
        return before, after
    whole = unmarked(body.stem)
    return None if whole is None else (whole, "")


def _piece(text: str, body: ItemBody) -> str:
    """A text between the braces; one that looks like a mark of the format says its form first."""
    form = HTML if body.markup is Markup.HTML else PLAIN
    return f"[{form}]{_kept(text)}" if _MARKED.match(text) else _kept(text)


def _kept(text: str) -> str:
    return _SPECIAL.sub(_backslashed, text).replace("\n", "\\n")


def _backslashed(found: re.Match[str]) -> str:
    return f"\\{found[0]}"


def _choice(body: ItemBody, kind: ItemKind) -> str:
    lines = []
    for option, percent in zip(body.options, percents_of(body, kind), strict=True):
        right = kind is ItemKind.SINGLE and option.key in body.answer
        said = bool(percent) and not right
        worth = f"%{decimal(percent)}%" if said or _WORTH.match(option.text) else ""
        lines.append(f"\n{'=' if right else '~'}{worth}{_piece(option.text, body)}")
    return "".join([*lines, "\n"])


def _true_false(body: ItemBody, kind: ItemKind) -> str:
    return "T" if body.answer == (body.options[0].key,) else "F"


def _gap(body: ItemBody, kind: ItemKind) -> str | None:
    gap = body.gaps[0]
    if gap.ranges:
        spans = [":".join(around(span)) for span in gap.ranges]
        return f"#{spans[0]}" if len(spans) == 1 else "#" + "".join(f"\n={span}" for span in spans) + "\n"
    if any(_ARROW in text for text in gap.accepted):
        return None
    worth = ["%100%" if _WORTH.match(text) else "" for text in gap.accepted]
    plain = [
        f"[{PLAIN}]" if body.markup is Markup.HTML or _MARKED.match(text) else "" for text in gap.accepted
    ]
    return (
        "".join(
            f"\n={share}{form}{_kept(text)}"
            for share, form, text in zip(worth, plain, gap.accepted, strict=True)
        )
        + "\n"
    )


def _match(body: ItemBody, kind: ItemKind) -> str | None:
    pairs = dict(pair.split("-") for pair in body.answer)
    whole = len(pairs) == len(body.answer) and set(pairs) == {option.key for option in body.options}
    texts = [option.text for option in (*body.options, *body.targets)]
    if not whole or body.most != 1 or any(_ARROW in text for text in texts):
        return None
    targets = {target.key: _piece(target.text, body) for target in body.targets}
    lines = [f"\n={_piece(option.text, body)} -> {targets[pairs[option.key]]}" for option in body.options]
    lines += [f"\n= -> {text}" for key, text in targets.items() if key not in pairs.values()]
    return "".join([*lines, "\n"])


def _order(body: ItemBody, kind: ItemKind) -> str:
    texts = {option.key: option.text for option in body.options}
    lines = [f"\n{_piece(texts[key], body)}" for key in body.answer]
    return "".join([f">{len(lines)} ALL VERT ABSOLUTE TRUE none", *lines, "\n"])


def _essay(body: ItemBody, kind: ItemKind) -> str:
    return ""


_WRITERS: Mapping[ItemKind, Callable[[ItemBody, ItemKind], str | None]] = MappingProxyType(
    {
        ItemKind.SINGLE: _choice,
        ItemKind.MULTIPLE: _choice,
        ItemKind.TRUE_FALSE: _true_false,
        ItemKind.TEXT: _gap,
        ItemKind.NUMERIC: _gap,
        ItemKind.MATCH: _match,
        ItemKind.ORDER: _order,
        ItemKind.ESSAY: _essay,
    }
)
