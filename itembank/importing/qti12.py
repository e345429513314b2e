"""QTI 1.2 as Canvas, Respondus and others write it: assessments and object banks of `item`s.

The kind follows from the responses asked for; `question_type` (Canvas) and `cc_profile` (Common Cartridge)
tell apart what looks alike.
"""

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import lxml.html
from lxml import etree

from itembank.importing.drafts import Draft, Found, Noted
from itembank.importing.qti12_scoring import Wanted, ranges_of, takes_points_away, wanted_of
from itembank.importing.qti_interactions import TRUTH
from itembank.importing.qti_names import attribute, child, content, descendants, name_of
from itembank.importing.qti_text import Surroundings, inner_html, is_plain, settled
from itembank.items import (
    OPTION_KEYS,
    TRUE_FALSE_OPTIONS,
    Gap,
    ItemBody,
    ItemKind,
    Markup,
    Option,
    as_written,
    literal,
)
from itembank.richtext import plain

_RESPONSES = (
    "response_lid",
    "response_str",
    "response_num",
    "response_grp",
    "response_xy",
    "response_extension",
)
_TYPE_FIELDS = ("question_type", "cc_profile")
_ESSAYS = ("essay", "file_upload")
_EXPLANATIONS = ("general_fb", "solution")
_EXCERPT = 300


@dataclass(frozen=True, slots=True)
class _Item:
    """One item with what its readers share; `stem` is HTML."""

    element: etree._Element
    around: Surroundings
    type: str
    stem: str
    responses: tuple[etree._Element, ...]
    wanted: tuple[Wanted, ...]

    def wanted_by(self, response: etree._Element) -> tuple[Wanted, ...]:
        """What brings points in one response."""
        ident = attribute(response, "ident")
        return tuple(each for each in self.wanted if each.response == ident)


@dataclass(frozen=True, slots=True)
class _Asked:
    kind: ItemKind
    body: ItemBody
    told: tuple[str, ...] = ()


def read_questestinterop(root: etree._Element, around: Surroundings) -> Iterator[Found]:
    """Every item of one file in its order."""
    for number, element in enumerate(descendants(root, "item"), 1):
        own = replace(around, place=f"{around.place} question {number}", noted=[], media={})
        draft = _draft(element, own)
        yield from (Noted(problem) for problem in own.noted)
        yield draft


def _draft(element: etree._Element, around: Surroundings) -> Draft:
    ident = attribute(element, "ident")
    uid = ident if re.fullmatch(r"\w[\w.\-]{0,63}", ident) else ""
    presentation = child(element, "presentation")
    asked, stem, flaw = None, "", ""
    if presentation is not None:
        responses = tuple(descendants(presentation, *_RESPONSES))
        stem = _material(presentation, around)
        asked = _asked(_Item(element, around, _type(element), stem, responses, wanted_of(element)))
    if asked is None:
        words = " ".join(plain(stem).split())
        raw = etree.tostring(element, encoding="unicode", with_tail=False)
        kind = _kind_of(element)
        asked = _Asked(kind, ItemBody(words[:_EXCERPT], raw=raw))
        flaw = "" if kind is ItemKind.UNSUPPORTED else "no_fixed_answer"
        if not flaw:
            around.note("kind_not_supported", kind=_type(element) or "item")
    body = _finished(replace(asked.body, explanation=_explanation(element, around)), around)
    if takes_points_away(element) and not body.raw:
        # The file does not say what is right, only what each option brings: the key is our conclusion.
        around.note("key_from_weights")
        return Draft(around.place, asked.kind, body, uid)
    return Draft(around.place, asked.kind, body, uid, label=ident, told=asked.told, flaw=flaw)


def _kind_of(element: etree._Element) -> ItemKind:
    """The kind of an item that is kept raw: a choice whose only fault is its answer is one all the same."""
    responses = list(descendants(element, *_RESPONSES))
    fills = any(word in _type(element) for word in ("blanks", "dropdowns", "calculated"))
    if len(responses) != 1 or name_of(responses[0]) != "response_lid" or fills:
        return ItemKind.UNSUPPORTED
    several = attribute(responses[0], "rcardinality").lower() == "multiple"
    return ItemKind.MULTIPLE if several else ItemKind.SINGLE


def _type(element: etree._Element) -> str:
    """The bare type: "multiple_choice" out of "multiple_choice_question" or "cc.multiple_choice.v0p1"."""
    for each in descendants(element, "qtimetadatafield"):
        label, entry = child(each, "fieldlabel"), child(each, "fieldentry")
        if label is not None and entry is not None and content(label) in _TYPE_FIELDS:
            bare = content(entry).removeprefix("cc.").partition(".v")[0]
            return bare.removesuffix("_question")
    return ""


def _asked(item: _Item) -> _Asked | None:
    names = {name_of(response) for response in item.responses}
    if (
        not item.responses
        or names - {"response_lid", "response_str", "response_num"}
        or "calculated" in item.type
    ):
        return None
    if names == {"response_lid"}:
        return _choice(item) if len(item.responses) == 1 and "blanks" not in item.type else _several(item)
    if len(item.responses) != 1:
        return None
    return _written(item)


def _written(item: _Item) -> _Asked | None:
    """One response in the candidate's own words or digits."""
    stem = item.stem
    if name_of(item.responses[0]) == "response_num" or item.type == "numerical":
        ranges = ranges_of(item.element)
        gap = Gap("1", ranges=ranges)
        return _Asked(ItemKind.NUMERIC, ItemBody(stem + " [[1]]", gaps=(gap,))) if ranges else None
    most = max((each.points for each in item.wanted), default=None)
    if any(each.points != most for each in item.wanted):
        item.around.note("partial_answers_left_out")
    accepted = tuple(dict.fromkeys(literal(each.value) for each in item.wanted if each.points == most))
    if not accepted or item.type in _ESSAYS:
        return _Asked(ItemKind.ESSAY, ItemBody(stem))
    strict = all(each.case_sensitive for each in item.wanted)
    gap = Gap("1", accepted, case_sensitive=strict)
    return _Asked(ItemKind.TEXT, ItemBody(stem + " [[1]]", gaps=(gap,)), tuple(map(as_written, accepted)))


def _choice(item: _Item) -> _Asked | None:
    response = item.responses[0]
    keys, options = _labels(response, item.around)
    wanted = item.wanted_by(response)
    if not all(each.value in keys for each in wanted):
        item.around.note("scoring_not_supported")
        return None
    several = attribute(response, "rcardinality").lower() == "multiple"
    if not several and wanted:
        most = max(each.points for each in wanted)
        wanted = tuple(each for each in wanted if each.points == most)
    right = tuple(sorted({keys[each.value] for each in wanted}))
    if not right or not options or (len(right) > 1 and not several):
        item.around.note("scoring_not_supported")
        return None
    told = tuple(dict.fromkeys(each.value for each in wanted))
    shares = {keys[each.value]: each.points for each in wanted}
    weights = tuple(shares.items()) if len(set(shares.values())) > 1 else ()
    body = ItemBody(item.stem, options, right, weights=weights)
    if len(right) > 1:
        return _Asked(ItemKind.MULTIPLE, body, told)
    if several:
        item.around.note("multiple_with_one_answer")
    truths = [TRUTH.get(option.text.strip().lower(), "") for option in options]
    if sorted(truths) == ["A", "B"]:
        answer = truths[OPTION_KEYS.index(right[0])]
        return _Asked(ItemKind.TRUE_FALSE, ItemBody(item.stem, TRUE_FALSE_OPTIONS, (answer,)), told)
    return _Asked(ItemKind.SINGLE, body, told)


def _several(item: _Item) -> _Asked | None:
    """Several lists: words to fill in, drop-downs in the text, or pairs."""
    if "blanks" in item.type:
        return _blanks(item)
    if "dropdowns" in item.type:
        return _dropdowns(item)
    return _pairs(item)


def _blanks(item: _Item) -> _Asked | None:
    """Canvas lists every accepted word of a blank as a label."""
    gaps, told = [], []
    for number, response in enumerate(item.responses, 1):
        texts = dict.fromkeys(content(label) for label in descendants(response, "response_label"))
        accepted = tuple(literal(text) for text in texts if text)
        if not accepted:
            return None
        gaps.append(Gap(str(number), accepted))
        told.append(as_written(accepted[0]))
    return _Asked(ItemKind.TEXT, ItemBody(_with_gaps(item), gaps=tuple(gaps)), tuple(told))


def _dropdowns(item: _Item) -> _Asked | None:
    gaps, told = [], []
    for number, response in enumerate(item.responses, 1):
        keys, choices = _labels(response, item.around)
        right = [each.value for each in item.wanted_by(response)]
        if len(set(right)) != 1 or right[0] not in keys:
            item.around.note("scoring_not_supported")
            return None
        gaps.append(Gap(str(number), choices=choices, answer=keys[right[0]]))
        told.append(right[0])
    return _Asked(ItemKind.INLINE_CHOICE, ItemBody(_with_gaps(item), gaps=tuple(gaps)), tuple(told))


def _with_gaps(item: _Item) -> str:
    """The stem with `[name]` of Canvas as `[[1]]`; gaps whose name does not occur stand at the end."""
    stem = item.stem
    for number, response in enumerate(item.responses, 1):
        name = f"[{_material(response, item.around, labels=False) or attribute(response, 'ident')}]"
        mark = f"[[{number}]]"
        stem = stem.replace(name, mark, 1) if name in stem else f"{stem} {mark}"
    return stem


def _pairs(item: _Item) -> _Asked | None:
    lefts, answer, told = [], [], []
    _, first = _labels(item.responses[0], item.around, [str(n) for n in range(1, 100)])
    if len(item.responses) > len(OPTION_KEYS):
        return None
    for key, response in zip(OPTION_KEYS, item.responses, strict=False):
        keys, options = _labels(response, item.around, [str(n) for n in range(1, 100)])
        right = [each.value for each in item.wanted_by(response)]
        left = _material(response, item.around, labels=False)
        if options != first or len(set(right)) != 1 or right[0] not in keys or not left:
            item.around.note("scoring_not_supported")
            return None
        lefts.append(Option(key, left))
        answer.append(f"{key}-{keys[right[0]]}")
        told.append(right[0])
    body = ItemBody(item.stem, tuple(lefts), tuple(answer), targets=first)
    return _Asked(ItemKind.MATCH, body, tuple(told))


def _labels(
    response: etree._Element, around: Surroundings, keys: Sequence[str] = OPTION_KEYS
) -> tuple[Mapping[str, str], tuple[Option, ...]]:
    """(ident -> key, options) of the labels of one list; too many of them, or two of one name, give none."""
    labels = list(descendants(response, "response_label"))
    named = {attribute(label, "ident"): key for label, key in zip(labels, keys, strict=False)}
    if len(named) != len(labels):
        return {}, ()
    return named, tuple(
        Option(key, _material(label, around)) for label, key in zip(labels, keys, strict=False)
    )


def _material(scope: etree._Element, around: Surroundings, *, labels: bool = True) -> str:
    """The texts and pictures below `scope` as HTML; what belongs to responses further in is left out."""
    found: list[str] = []
    for each in scope:
        name = name_of(each)
        if name == "mattext":
            found.append(_words(each, around))
        elif name == "matimage":
            found.append(_picture(each, around))
        elif name not in _RESPONSES and (labels or name != "render_choice"):
            found.append(_material(each, around, labels=labels))
    return "<br>".join(text for text in found if text)


def _words(text: etree._Element, around: Surroundings) -> str:
    if len(text) or attribute(text, "texttype").lower() not in ("text/html", "text/xhtml"):
        return inner_html(text, around)
    source = str(text.text or "").strip()
    if "<" not in source and "&" not in source:
        return html.escape(" ".join(source.split()), quote=False)
    try:
        return inner_html(lxml.html.fragment_fromstring(source, create_parent="div"), around)
    except (etree.LxmlError, ValueError):
        return html.escape(source, quote=False)


def _picture(element: etree._Element, around: Surroundings) -> str:
    medium = around.medium(attribute(element, "uri"))
    return f'<img src="media:{medium.sha256}">' if medium else ""


def _explanation(element: etree._Element, around: Surroundings) -> str:
    for feedback in descendants(element, "itemfeedback"):
        if attribute(feedback, "ident") in _EXPLANATIONS:
            return _material(feedback, around)
    if child(element, "itemfeedback") is not None:
        around.note("qti_feedback_left_out")
    return ""


def _finished(body: ItemBody, around: Surroundings) -> ItemBody:
    """The texts in the markup of the body, with the media that they name."""
    if body.raw:
        return replace(body, explanation="")
    markup = Markup.PLAIN if all(map(is_plain, body.texts())) else Markup.HTML

    def said(options: tuple[Option, ...]) -> tuple[Option, ...]:
        return tuple(replace(each, text=settled(each.text, markup, exact=False)) for each in options)

    texts = "\n".join(body.texts())
    return replace(
        body,
        markup=markup,
        stem=settled(body.stem, markup, exact=False),
        explanation=settled(body.explanation, markup, exact=False),
        options=said(body.options),
        targets=said(body.targets),
        gaps=tuple(replace(gap, choices=said(gap.choices)) for gap in body.gaps),
        media=tuple(each for each in around.media.values() if each.sha256 in texts),
    )
