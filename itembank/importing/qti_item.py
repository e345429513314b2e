"""One QTI item as a draft: its kind by its interactions, its texts, its right answer.

Text and inline choice interactions alone make one item of gaps; several other ones make a case. What cannot
be delivered (other interactions, adaptive items, templates, no right answer) is kept raw.
"""

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from lxml import etree

from itembank.importing.drafts import Draft
from itembank.importing.numbers import number
from itembank.importing.qti_interactions import Asked, Reading, criteria_of, read_gap, read_interaction
from itembank.importing.qti_names import (
    attribute,
    child,
    children,
    content,
    descendants,
    is_true,
    name_of,
    names_in,
)
from itembank.importing.qti_scoring import Processing, responses_of
from itembank.importing.qti_text import Surroundings, inner_html, is_blank, is_plain, settled, unwrapped
from itembank.items import Criterion, Gap, ItemBody, ItemKind, Markup, Medium, Option, Part

OWN_TOOL = "examhall"
"""`toolName` of our exports; their bodies say kind and markup as `class` tokens "examhall-…"."""
EXPLANATION = re.compile(r"(?i)explanation|solution|analysis|rationale")
_INLINE = frozenset({"textEntryInteraction", "inlineChoiceInteraction"})
_FEEDBACK = frozenset({"modalFeedback", "feedbackInline", "feedbackBlock"})
_EXCERPT = 300
_KINDS = {
    "textEntryInteraction": ItemKind.TEXT,
    "extendedTextInteraction": ItemKind.ESSAY,
    "inlineChoiceInteraction": ItemKind.INLINE_CHOICE,
    "matchInteraction": ItemKind.MATCH,
    "orderInteraction": ItemKind.ORDER,
    "hotspotInteraction": ItemKind.HOTSPOT,
}


@dataclass(frozen=True, slots=True)
class _Told:
    """What `class` tokens of an export of ours say; empty for files of others."""

    kind: str = ""
    markup: Markup | None = None
    weight: Decimal = Decimal(1)


def read_item(root: etree._Element, around: Surroundings) -> Draft:
    """The draft of an assessment item; what deserves a look is in `around.noted`."""
    around.exact = attribute(root, "toolName") == OWN_TOOL
    identifier = attribute(root, "identifier")
    asked = _asked(root, around)
    media = tuple(around.media.values())
    flaw = ""
    if asked is None or (asked.kind is ItemKind.HOTSPOT and not asked.body.picture):
        kind = _kind_of(root)
        flaw = "" if kind is ItemKind.UNSUPPORTED else "picture_missing" if asked else "no_fixed_answer"
        asked = Asked(kind, _kept_raw(root), _declared_answers(root))
    body = _with_media(asked.body, media)
    uid = identifier if re.fullmatch(r"\w[\w.\-]{0,63}", identifier) else ""
    return Draft(around.place, asked.kind, body, uid, label=identifier, told=asked.told, flaw=flaw)


def _kind_of(root: etree._Element) -> ItemKind:
    """The kind of an item that is kept raw: that of its first interaction, if that is one of ours."""
    scope = child(root, "itemBody")
    interactions = _interactions(scope) if scope is not None else []
    if not interactions:
        return ItemKind.UNSUPPORTED
    if any(name_of(each) not in (*_KINDS, "choiceInteraction") for each in interactions):
        return ItemKind.UNSUPPORTED
    name = name_of(interactions[0])
    if name == "choiceInteraction":
        response = responses_of(root).get(attribute(interactions[0], "responseIdentifier"))
        several = response is not None and response.cardinality == "multiple"
        return ItemKind.MULTIPLE if several else ItemKind.SINGLE
    return _KINDS.get(name, ItemKind.UNSUPPORTED)


def _asked(root: etree._Element, around: Surroundings) -> Asked | None:
    """The item as kind and body, or nothing when it cannot be delivered."""
    scope = child(root, "itemBody")
    variable = next((word for word in _moving(root)), "")
    if variable:
        around.note("kind_not_supported", kind=variable)
        return None
    interactions = _interactions(scope) if scope is not None else []
    if scope is None or not interactions:
        around.note("kind_not_supported", kind="text_only")
        return None
    told = _told(scope, around)
    reading = Reading(around, responses_of(root), Processing(root), names_in(root), told.kind)
    if not _is_scored_as_declared(interactions, reading):
        return None
    explanations = _explanations(root, reading)
    if told.kind == ItemKind.CASE:
        return _own_case(scope, reading, told, explanations)
    asked = _any(scope, interactions, reading)
    if asked is None:
        return None
    if not asked.body.explanation:
        asked = replace(asked, body=replace(asked.body, explanation=explanations.get("", "")))
    if is_blank(asked.body.stem):
        asked = replace(asked, body=replace(asked.body, stem=_title(root, around)))
    return _finished(asked, told, around)


def _is_scored_as_declared(interactions: Sequence[etree._Element], reading: Reading) -> bool:
    """False when the processing pays for something else; what it means may stay unclear and is noted."""
    names = [attribute(each, "responseIdentifier") for each in interactions]
    essays = all(name_of(each) == "extendedTextInteraction" for each in interactions)
    if not essays and not reading.processing.is_understood(names, reading.responses):
        reading.around.note("scoring_not_supported")
    if reading.processing.contradicts(names, reading.responses):
        reading.around.note("scoring_contradicts_answer")
        return False
    return True


def _moving(root: etree._Element) -> Iterable[str]:
    """What makes an item another one at every try."""
    if is_true(root, "adaptive"):
        yield "adaptive"
    if child(root, "templateDeclaration") is not None or child(root, "templateProcessing") is not None:
        yield "templateProcessing"


def _interactions(scope: etree._Element) -> list[etree._Element]:
    return [each for each in scope.iter() if name_of(each).endswith("Interaction")]


def _title(root: etree._Element, around: Surroundings) -> str:
    title = attribute(root, "title").strip()
    if title:
        around.note("qti_title_as_stem")
    return html.escape(title, quote=False)


def _any(scope: etree._Element, interactions: Sequence[etree._Element], reading: Reading) -> Asked | None:
    if all(name_of(each) in _INLINE for each in interactions):
        return _gapped(scope, interactions, reading)
    if len(interactions) > 1:
        return _case(scope, interactions, reading)
    asked = read_interaction(interactions[0], name_of(interactions[0]), reading)
    if asked is None:
        return None
    stem = _joined(_stem(scope, {}, reading.around), _prompt(interactions[0], reading.around))
    body = replace(asked.body, stem=stem, criteria=_rubrics(scope, reading))
    return replace(asked, body=body)


def _rubrics(scope: etree._Element, reading: Reading) -> tuple[Criterion, ...]:
    if "rubricBlock" not in reading.present:
        return ()
    return criteria_of(descendants(scope, "rubricBlock"), reading.around)


def _stem(scope: etree._Element, holes: Mapping[etree._Element, str], around: Surroundings) -> str:
    """The text around the interactions; in our files it has a block of its own."""
    own = child(scope, "div")
    if around.exact and own is not None and "examhall-stem" in attribute(own, "class").split():
        return inner_html(own, around, holes)
    return inner_html(unwrapped(scope), around, holes)


def _prompt(interaction: etree._Element, around: Surroundings) -> str:
    prompt = child(interaction, "prompt")
    return "" if prompt is None else inner_html(prompt, around)


def _joined(text: str, prompt: str) -> str:
    if not text or not prompt:
        return text or prompt
    return f"{text}<p>{prompt}</p>"


def _gapped(scope: etree._Element, interactions: Sequence[etree._Element], reading: Reading) -> Asked | None:
    """One item of gaps; one text alone without a declared answer is for examiners."""
    gaps: list[Gap] = []
    told: list[str] = []
    for number_, element in enumerate(interactions, 1):
        found = read_gap(element, str(number_), reading)
        if found is None:
            reading.around.note("scoring_not_supported")
            alone = len(interactions) == 1 and name_of(element) == "textEntryInteraction"
            stem = _stem(scope, {element: "____"}, reading.around) if alone else ""
            return Asked(ItemKind.ESSAY, ItemBody(stem)) if alone else None
        gaps.append(found[0])
        told += found[1]
    holes = {element: f"[[{gap.key}]]" for element, gap in zip(interactions, gaps, strict=True)}
    kinds = {gap.kind for gap in gaps}
    kind = kinds.pop() if len(kinds) == 1 and reading.wished != ItemKind.TEXT else ItemKind.TEXT
    criteria = _rubrics(scope, reading)
    body = ItemBody(_stem(scope, holes, reading.around), gaps=tuple(gaps), criteria=criteria)
    return Asked(kind, body, tuple(told))


def _case(scope: etree._Element, interactions: Sequence[etree._Element], reading: Reading) -> Asked | None:
    """A case of others: the stem shows where each part belongs as （1）, （2）…"""
    holes: dict[etree._Element, str] = {}
    parts: list[Part] = []
    told: list[str] = []
    for number_, element in enumerate(interactions, 1):
        mark = f"（{number_}）"
        holes[element] = mark
        asked = _part_of(element, mark, reading)
        if asked is None:
            return None
        parts.append(Part(str(number_), asked.kind, asked.body))
        told += asked.told
    stem = _stem(scope, holes, reading.around)
    body = ItemBody(stem, parts=tuple(parts), criteria=_rubrics(scope, reading))
    return Asked(ItemKind.CASE, body, tuple(told))


def _part_of(element: etree._Element, mark: str, reading: Reading) -> Asked | None:
    if name_of(element) not in _INLINE:
        asked = read_interaction(element, name_of(element), reading)
        stem = _prompt(element, reading.around) or mark
        if asked is None:
            return None
        return _finished(replace(asked, body=replace(asked.body, stem=stem)), _Told(), reading.around)
    found = read_gap(element, "1", reading)
    if found is None:
        reading.around.note("scoring_not_supported")
        return None
    body = ItemBody(f"{mark}[[1]]", gaps=(found[0],))
    return _finished(Asked(found[0].kind, body, found[1]), _Told(), reading.around)


def _own_case(
    scope: etree._Element, reading: Reading, told: _Told, explanations: Mapping[str, str]
) -> Asked | None:
    """A case of ours: every part has a block that says its key, kind, markup and weight."""
    parts: list[Part] = []
    answers: list[str] = []
    for block in (
        each for each in children(scope, "div") if "examhall-part" in attribute(each, "class").split()
    ):
        key, said = attribute(block, "label"), _told(block, reading.around)
        asked = _any(block, _interactions(block), replace(reading, wished=said.kind))
        if asked is None:
            return None
        body = replace(asked.body, explanation=explanations.get(str(len(parts) + 1), ""))
        asked = _finished(replace(asked, body=body), said, reading.around)
        parts.append(Part(key, asked.kind, asked.body, said.weight))
        answers += asked.told
    body = ItemBody(
        _stem(scope, {}, reading.around),
        explanation=explanations.get("", ""),
        parts=tuple(parts),
        criteria=criteria_of(children(scope, "rubricBlock"), reading.around),
    )
    return _finished(Asked(ItemKind.CASE, body, tuple(answers)), told, reading.around)


def _told(block: etree._Element, around: Surroundings) -> _Told:
    """What the `class` tokens of a block of ours say."""
    if not around.exact:
        return _Told()
    said = {token.removeprefix("examhall-") for token in attribute(block, "class").split()}
    kind = next((str(kind) for kind in ItemKind if kind in said), "")
    markup = next((markup for markup in Markup if markup in said), None)
    weight = next((number(token[7:]) for token in said if token.startswith("weight-")), None)
    return _Told(kind, markup, weight or Decimal(1))


def _explanations(root: etree._Element, reading: Reading) -> dict[str, str]:
    """Feedback that is called an explanation, by the number of the part it is for ("" = the whole item)."""
    found: dict[str, str] = {}
    for feedback in children(root, "modalFeedback"):
        name = attribute(feedback, "identifier")
        if EXPLANATION.search(name):
            part = name.rpartition("_")[2]
            found.setdefault(part if part.isdecimal() else "", inner_html(feedback, reading.around))
    if not found and not _FEEDBACK.isdisjoint(reading.present):
        reading.around.note("qti_feedback_left_out")
    return found


def _finished(asked: Asked, told: _Told, around: Surroundings) -> Asked:
    """Every text in the markup of the body: plain when nothing but lines and paragraphs is in them."""
    body = asked.body
    markup = told.markup or (Markup.PLAIN if all(map(is_plain, body.texts())) else Markup.HTML)
    if body.parts:  # the parts have been finished, each in its own markup
        plain = all(map(is_plain, replace(body, parts=()).texts()))
        markup = told.markup or (Markup.PLAIN if plain else Markup.HTML)

    def said(text: str) -> str:
        return settled(text, markup, exact=around.exact)

    def chosen(options: tuple[Option, ...]) -> tuple[Option, ...]:
        return tuple(replace(option, text=said(option.text)) for option in options)

    return replace(
        asked,
        body=replace(
            body,
            markup=markup,
            stem=said(body.stem),
            explanation=said(body.explanation),
            options=chosen(body.options),
            targets=chosen(body.targets),
            gaps=tuple(replace(gap, choices=chosen(gap.choices)) for gap in body.gaps),
            criteria=tuple(Criterion(said(each.text), each.points) for each in body.criteria),
        ),
    )


def _with_media(body: ItemBody, media: Sequence[Medium]) -> ItemBody:
    """The body with those of the item's media that its own texts name, parts likewise."""
    if not media:
        return body
    own = replace(body, parts=())
    texts = "\n".join((*own.texts(), body.picture))
    found = (each for each in media if each.sha256 in texts)
    named = tuple(sorted(found, key=lambda medium: texts.index(medium.sha256)))
    parts = tuple(replace(part, body=_with_media(part.body, media)) for part in body.parts)
    return replace(body, parts=parts, media=named)


def _kept_raw(root: etree._Element) -> ItemBody:
    """The item's own XML, and the beginning of what can be read in it."""
    scope = child(root, "itemBody")
    words = " ".join(content(scope).split()) if scope is not None else ""
    stem = (words or attribute(root, "title").strip())[:_EXCERPT]
    return ItemBody(stem, raw=etree.tostring(root, encoding="unicode", with_tail=False))


def _declared_answers(root: etree._Element) -> tuple[str, ...]:
    return tuple(value for response in responses_of(root).values() for value in response.best())
