"""The interactions of a QTI item, each as kind and body of ours.

Texts are HTML here; `qti_item` decides on the markup of the whole body. A reading that gives `None` means
that the kind cannot be delivered as it stands; the reason has been noted.
"""

import html
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from lxml import etree

from itembank.importing.numbers import number
from itembank.importing.qti_names import attribute, child, children, content, descendants, is_true
from itembank.importing.qti_scoring import NOT_DECLARED, Processing, Response
from itembank.importing.qti_text import Surroundings, inner_html, is_for_markers, unwrapped
from itembank.items import (
    OPTION_KEYS,
    TRUE_FALSE_OPTIONS,
    Area,
    Criterion,
    Gap,
    ItemBody,
    ItemKind,
    NumberRange,
    Option,
    literal,
)

TRUTH: Mapping[str, str] = {
    **dict.fromkeys(("正确", "对", "√", "✓", "✔", "true", "t", "right", "correct"), "A"),
    **dict.fromkeys(("错误", "错", "×", "✗", "✘", "false", "f", "wrong", "incorrect"), "B"),
}
_SHAPES = ("rect", "circle", "poly")


@dataclass(frozen=True, slots=True)
class Asked:
    """One interaction read: its kind, the body without a stem, and the right answer in the file's words."""

    kind: ItemKind
    body: ItemBody
    told: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """What the readers of one item share."""

    around: Surroundings
    responses: dict[str, Response]
    processing: Processing
    present: frozenset[str] = frozenset()  # names of all elements of the item
    wished: str = ""  # the kind that an export of ours wrote down

    def response(self, interaction: etree._Element) -> Response:
        """The declaration that an interaction fills."""
        return self.responses.get(attribute(interaction, "responseIdentifier"), NOT_DECLARED)


def read_interaction(element: etree._Element, name: str, reading: Reading) -> Asked | None:
    """One block interaction; `None` when there is no such kind here or it does not say what is right."""
    reader = _READERS.get(name)
    if reader is None:
        reading.around.note("kind_not_supported", kind=name)
        return None
    asked = reader(element, reading)
    if asked is None:
        reading.around.note("scoring_not_supported")
    return asked


def _choice(element: etree._Element, reading: Reading) -> Asked | None:
    response = reading.response(element)
    keys, options = _options(children(element, "simpleChoice"), reading.around)
    told = response.best()
    if not told or not set(told) <= keys.keys():
        return None
    right = tuple(sorted({keys[value] for value in told}))
    several = response.cardinality == "multiple" and attribute(element, "maxChoices") != "1"
    if not several and len(right) > 1:
        return None
    weights = tuple((keys[e.key], e.value) for e in response.mapping if e.key in keys)
    body = ItemBody("", options, right, weights=weights)
    if several and len(right) > 1:
        return Asked(ItemKind.MULTIPLE, body, told)
    if several:
        reading.around.note("multiple_with_one_answer")
    return _true_false(body, told, reading) or Asked(ItemKind.SINGLE, body, told)


def _true_false(body: ItemBody, told: tuple[str, ...], reading: Reading) -> Asked | None:
    """The same as a judgement when its two options say so."""
    truths = {option.key: TRUTH.get(option.text.strip().lower(), "") for option in body.options}
    if sorted(truths.values()) != ["A", "B"] or reading.wished == ItemKind.SINGLE:
        return None
    weights = tuple((truths[key], share) for key, share in body.weights)
    answer = tuple(truths[key] for key in body.answer)
    same = replace(body, options=TRUE_FALSE_OPTIONS, answer=answer, weights=weights)
    return Asked(ItemKind.TRUE_FALSE, same, told)


def _options(
    elements: Sequence[etree._Element], around: Surroundings, keys: Sequence[str] = OPTION_KEYS
) -> tuple[dict[str, str], tuple[Option, ...]]:
    """(identifier -> key, options) of choices in their order.

    Too many of them, or two of one name, give nothing: an answer would not tell which one it means.
    """
    named = {attribute(each, "identifier"): key for each, key in zip(elements, keys, strict=False)}
    if len(named) != len(elements):
        return {}, ()
    options = (
        Option(key, inner_html(each, around), is_true(each, "fixed"))
        for each, key in zip(elements, keys, strict=False)
    )
    return named, tuple(options)


def _order(element: etree._Element, reading: Reading) -> Asked | None:
    keys, options = _options(children(element, "simpleChoice"), reading.around)
    told = reading.response(element).correct
    if not options or sorted(told) != sorted(keys):
        return None
    right = tuple(keys[value] for value in told)
    return Asked(ItemKind.ORDER, ItemBody("", options, right), told)


def _match(element: etree._Element, reading: Reading) -> Asked | None:
    sets = children(element, "simpleMatchSet")
    if len(sets) != 2:
        return None
    lefts, rights = (children(each, "simpleAssociableChoice") for each in sets)
    left_keys, options = _options(lefts, reading.around)
    right_keys, targets = _options(rights, reading.around, [str(n) for n in range(1, 100)])
    told = reading.response(element).best()
    pairs = [_pair(value.split(), left_keys, right_keys) for value in told]
    if not options or not targets or not pairs or not all(pairs):
        return None
    answer = tuple(dict.fromkeys(pairs))
    most = {attribute(each, "matchMax") for each in lefts}
    limit = _most(most.pop(), len({pair[0] for pair in answer}) < len(answer)) if len(most) == 1 else 0
    return Asked(ItemKind.MATCH, ItemBody("", options, answer, targets=targets, most=limit), told)


def _pair(value: Sequence[str], lefts: Mapping[str, str], rights: Mapping[str, str]) -> str:
    if len(value) != 2:
        return ""
    for left, right in (value, reversed(value)):
        if left in lefts and right in rights:
            return f"{lefts[left]}-{rights[right]}"
    return ""


def _hotspot(element: etree._Element, reading: Reading) -> Asked | None:
    response = reading.response(element)
    choices = children(element, "hotspotChoice")
    keys = {attribute(each, "identifier"): key for each, key in zip(choices, OPTION_KEYS, strict=False)}
    told = response.best()
    shown = next(descendants(element, "object", "img"), None)
    if not told or not set(told) <= keys.keys() or shown is None or len(keys) != len(choices):
        return None
    right = tuple(sorted({keys[value] for value in told}))
    medium = reading.around.medium(shown.get("data") or shown.get("src") or "")
    across = _scale(shown.get("width"), medium.width if medium else 0)
    down = _scale(shown.get("height"), medium.height if medium else 0)
    areas = [_area(each, key, (across, down)) for each, key in zip(choices, OPTION_KEYS, strict=False)]
    found = [area for area in areas if area is not None]
    if len(found) != len(areas):
        return None
    body = ItemBody(
        "",
        answer=right,
        picture=medium.sha256 if medium else "",
        areas=tuple(found),
        most=_most(attribute(element, "maxChoices"), len(right) > 1),
    )
    return Asked(ItemKind.HOTSPOT, body, told)


def _most(declared: str, several: bool) -> int:
    """How many may be chosen; where the file does not say: one, or any number when `several` are right."""
    if declared.isdecimal() and len(declared) < 4:
        return int(declared)
    return 0 if several else 1


def _scale(shown: str | None, real: int) -> float:
    """Pixels of the picture for one of the display that the file's coordinates count in."""
    size = number(shown or "")
    return real / float(size) if size and real and size > 0 else 1.0


def _area(choice: etree._Element, key: str, scale: tuple[float, float]) -> Area | None:
    shape = attribute(choice, "shape")
    values = [number(value) for value in attribute(choice, "coords").split(",")]
    if shape not in _SHAPES or not values:
        return None
    coords = []
    for index, value in enumerate(values):
        if value is None or abs(value) > 100_000:
            return None
        factor = scale[index % 2] if index < 2 or shape != "circle" else min(scale)
        coords.append(round(float(value) * factor))
    return Area(key, shape, tuple(coords))


def _essay(element: etree._Element, reading: Reading) -> Asked | None:
    if reading.processing.is_own and reading.processing.is_broken(reading.responses):
        reading.around.note("scoring_not_supported")
    return Asked(
        ItemKind.ESSAY,
        ItemBody("", explanation=html.escape("\n".join(reading.response(element).correct), quote=False)),
    )


def criteria_of(rubrics: Iterable[etree._Element], around: Surroundings) -> tuple[Criterion, ...]:
    """The rubrics for those who mark, in their order; a `label` that is a number is what it is worth."""
    found = []
    for rubric in rubrics:
        if is_for_markers(rubric):
            points = number(attribute(rubric, "label"))
            text = inner_html(unwrapped(rubric), around)
            found.append(Criterion(text, points) if points is not None else Criterion(text))
    return tuple(each for each in found if each.text)


def read_gap(element: etree._Element, key: str, reading: Reading) -> tuple[Gap, tuple[str, ...]] | None:
    """One text or inline choice interaction; `None` when nothing right is declared."""
    response = reading.response(element)
    if child(element, "inlineChoice") is not None:
        return _inline(element, key, reading)
    identifier = attribute(element, "responseIdentifier")
    values = list(response.best()) or reading.processing.given_values(identifier)
    if response.is_number:
        if reading.processing.bounds_unread(identifier):
            reading.around.note("scoring_not_supported")
        ranges = _ranges(response, values, reading.processing, identifier)
        return (Gap(key, ranges=ranges), tuple(values)) if ranges else None
    accepted = _accepted(response, values, reading.around)
    if not accepted:
        return None
    if response.mapping:
        strict = all(entry.case_sensitive for entry in response.mapping)
    else:
        strict = not reading.processing.ignores_case(identifier)
    return Gap(key, accepted, case_sensitive=strict), tuple(values)


def _accepted(response: Response, values: Sequence[str], around: Surroundings) -> tuple[str, ...]:
    """Every text worth the full share; texts worth a part of it are left out and noted."""
    most = max((entry.value for entry in response.mapping), default=None)
    full = [entry.key for entry in response.mapping if entry.value > 0 and entry.value == most]
    if any(0 < entry.value < (most or 0) for entry in response.mapping):
        around.note("partial_answers_left_out")
    texts = full if around.exact and full else [*values, *full]
    return tuple(dict.fromkeys(literal(text) for text in texts if text.strip()))


def _ranges(
    response: Response, values: Sequence[str], processing: Processing, identifier: str
) -> tuple[NumberRange, ...]:
    spans = processing.spans(identifier)
    if spans:
        return spans
    mapped = [entry.key for entry in response.mapping if entry.value > 0]
    numbers = (number(value) for value in dict.fromkeys([*values, *mapped]))
    return tuple(processing.tolerated(identifier, value) for value in numbers if value is not None)


def _inline(element: etree._Element, key: str, reading: Reading) -> tuple[Gap, tuple[str, ...]] | None:
    written = [each for each in children(element, "inlineChoice") if len(each) or content(each)]
    keys, choices = _options(written, reading.around)  # an empty first choice only says "not chosen yet"
    response = reading.response(element)
    told = response.best() or tuple(reading.processing.given_values(attribute(element, "responseIdentifier")))
    if len(told) != 1 or told[0] not in keys:
        return None
    return Gap(key, choices=choices, answer=keys[told[0]]), told


_READERS: Mapping[str, Callable[[etree._Element, Reading], Asked | None]] = {
    "choiceInteraction": _choice,
    "orderInteraction": _order,
    "matchInteraction": _match,
    "hotspotInteraction": _hotspot,
    "extendedTextInteraction": _essay,
}
