"""One item as QTI XML: interaction by kind, declared responses, processing, explanation, rubrics.

`class` tokens "examhall-…" on the body and on the parts of a case say kind and markup, so that our reader
gives back exactly what went out; other systems pass them over.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from itembank.exporting.qti_answers import Answers, Declared
from itembank.exporting.qti_markup import Dialect, Texts, quoted
from itembank.importing.qti_item import OWN_TOOL
from itembank.items import GAPPED, Gap, Item, ItemBody, ItemKind, Markup, Option, as_written, literal
from itembank.richtext import plain
from itembank.version import VERSION

_TITLE = 40


@dataclass
class _Written:
    """What one item gathers while it is written."""

    dialect: Dialect
    texts: Texts
    answers: Answers
    declared: list[Declared] = field(default_factory=list)
    feedback: list[str] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)


def item_xml(item: Item, identifier: str, dialect: Dialect, texts: Texts) -> tuple[str, set[str]]:
    """(the item's document, codes of what it could not carry). Its kind is one that is delivered."""
    written = _Written(dialect, texts, Answers(dialect))
    e, body, kind = dialect.element, item.body, item.facts.kind
    if kind is ItemKind.CASE:
        inside = _case(body, written)
    else:
        inside = _asked(body, kind, "RESPONSE", written)
        _explain(body, "EXPLANATION", written)
    attributes = {
        "xmlns": dialect.items,
        "identifier": identifier,
        "title": _title(body),
        "adaptive": "false",
        "timeDependent": "false",
        "toolName": OWN_TOOL,
        "toolVersion": VERSION,
    }
    declarations = [answer.declaration for answer in written.declared]
    outcomes = [_outcome(dialect, "SCORE", "float")]
    if written.feedback:
        outcomes.append(_outcome(dialect, "FEEDBACK", "identifier"))
    xml = e(
        "assessmentItem",
        attributes,
        *declarations,
        *outcomes,
        e("itemBody", {"class": f"examhall-{kind} examhall-{body.markup}"}, inside),
        written.answers.processing(written.declared),
        *written.feedback,
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{xml}\n', written.lost


def _outcome(dialect: Dialect, identifier: str, base: str) -> str:
    named = {"identifier": identifier, "cardinality": "single", "baseType": base}
    default = dialect.element("defaultValue", None, dialect.element("value", None, "0"))
    return dialect.element("outcomeDeclaration", named, default if base == "float" else "")


def _title(body: ItemBody) -> str:
    """The beginning of the stem: other systems list items by it."""
    words = " ".join((plain(body.stem) if body.markup is Markup.HTML else body.stem).split())
    return words[:_TITLE] or "-"


def _explain(body: ItemBody, name: str, written: _Written) -> None:
    if not body.explanation:
        return
    content = written.texts.xml(body.explanation, body.markup)
    inside = written.dialect.element("contentBody", None, content) if written.dialect.modern else content
    named = {"outcomeIdentifier": "FEEDBACK", "identifier": name, "showHide": "show"}
    written.feedback.append(written.dialect.element("modalFeedback", named, inside))


def _case(body: ItemBody, written: _Written) -> str:
    found = [_stem(written.texts.xml(body.stem, body.markup)), _rubrics(body, written)]
    _explain(body, "EXPLANATION", written)
    for number, part in enumerate(body.parts, 1):
        first = len(written.declared)
        inside = _asked(part.body, part.kind, f"PART_{number}", written)
        _explain(part.body, f"EXPLANATION_{number}", written)
        written.declared[first:] = [
            Declared(answer.declaration, answer.test, part.weight) for answer in written.declared[first:]
        ]
        said = f"examhall-part examhall-{part.kind} examhall-{part.body.markup} examhall-weight-{part.weight}"
        found.append(f'<div class="{said}" label="{quoted(part.key)}">{inside}</div>')
    return "".join(found)


def _asked(body: ItemBody, kind: ItemKind, identifier: str, written: _Written) -> str:
    """Stem, interaction and rubrics of one body; its responses are declared on the way."""
    if kind in GAPPED:
        return _gapped(body, identifier, written)
    stem = _stem(written.texts.xml(body.stem, body.markup))
    return stem + _WRITERS[kind](body, identifier, written) + _rubrics(body, written)


def _stem(xml: str) -> str:
    return f'<div class="examhall-stem">{xml}</div>'


def _rubrics(body: ItemBody, written: _Written) -> str:
    e = written.dialect.element
    found = []
    for criterion in body.criteria:
        text = f"<div>{written.texts.xml(criterion.text, body.markup)}</div>"
        inside = e("contentBody", None, text) if written.dialect.modern else text
        found.append(e("rubricBlock", {"view": "scorer", "label": str(criterion.points)}, inside))
    return "".join(found)


def _gapped(body: ItemBody, identifier: str, written: _Written) -> str:
    alone = len(body.gaps) == 1
    holes = {}
    for gap in body.gaps:
        name = identifier if alone else f"{identifier}_{gap.key}"
        written.declared.append(written.answers.gap(name, gap))
        holes[gap.key] = _gap(gap, name, body.markup, written)
    stem = body.stem
    for key in holes:
        if f"[[{key}]]" not in stem:
            stem += f"[[{key}]]"
            written.lost.add("export_gap_appended")
    return _stem(written.texts.xml(stem, body.markup, holes)) + _rubrics(body, written)


def _gap(gap: Gap, identifier: str, markup: Markup, written: _Written) -> str:
    e = written.dialect.element
    if not gap.choices:
        if any(literal(as_written(text)) != text for text in gap.accepted):
            written.lost.add("export_wildcard_left_out")
        longest = max((len(as_written(text)) for text in gap.accepted), default=10)
        return e("textEntryInteraction", {"responseIdentifier": identifier, "expectedLength": str(longest)})
    choices = (
        e("inlineChoice", _labelled(choice), written.texts.xml(choice.text, markup)) for choice in gap.choices
    )
    return e("inlineChoiceInteraction", {"responseIdentifier": identifier, "shuffle": "false"}, *choices)


def _labelled(option: Option) -> dict[str, str]:
    return {"identifier": option.key, "fixed": "true" if option.fixed else ""}


def _choices(body: ItemBody, written: _Written) -> str:
    e = written.dialect.element
    return "".join(
        e("simpleChoice", _labelled(option), written.texts.xml(option.text, body.markup))
        for option in body.options
    )


def _single(body: ItemBody, identifier: str, written: _Written) -> str:
    return _choice(body, identifier, written, "single")


def _multiple(body: ItemBody, identifier: str, written: _Written) -> str:
    return _choice(body, identifier, written, "multiple")


def _true_false(body: ItemBody, identifier: str, written: _Written) -> str:
    fixed = "".join(
        written.dialect.element("simpleChoice", {"identifier": option.key}, option.text)
        for option in body.options
    )
    return _choice(body, identifier, written, "single", fixed)


def _choice(body: ItemBody, identifier: str, written: _Written, cardinality: str, inside: str = "") -> str:
    form = (cardinality, "identifier")
    written.declared.append(written.answers.chosen(identifier, form, body.answer, body.weights))
    named = {
        "responseIdentifier": identifier,
        "shuffle": "false" if inside else "true",
        "maxChoices": "1" if cardinality == "single" else "0",
    }
    return written.dialect.element("choiceInteraction", named, inside or _choices(body, written))


def _order(body: ItemBody, identifier: str, written: _Written) -> str:
    written.declared.append(written.answers.chosen(identifier, ("ordered", "identifier"), body.answer, ()))
    named = {"responseIdentifier": identifier, "shuffle": "true"}
    return written.dialect.element("orderInteraction", named, _choices(body, written))


def _match(body: ItemBody, identifier: str, written: _Written) -> str:
    """Lefts keep their letters; rights are called T1, T2 …, as an identifier starts with a letter."""
    e = written.dialect.element
    pairs = [f"{left} T{right}" for left, _, right in (pair.partition("-") for pair in body.answer)]
    written.declared.append(written.answers.chosen(identifier, ("multiple", "directedPair"), pairs, ()))

    def one(option: Option, prefix: str, most: int) -> str:
        named = _labelled(option) | {"matchMax": str(most)}
        named["identifier"] = prefix + option.key
        return e("simpleAssociableChoice", named, written.texts.xml(option.text, body.markup))

    lefts = e("simpleMatchSet", None, *(one(option, "", body.most) for option in body.options))
    rights = e("simpleMatchSet", None, *(one(target, "T", 0) for target in body.targets))
    named = {"responseIdentifier": identifier, "shuffle": "true", "maxAssociations": "0"}
    return e("matchInteraction", named, lefts, rights)


def _hotspot(body: ItemBody, identifier: str, written: _Written) -> str:
    e = written.dialect.element
    several = "single" if body.most == 1 else "multiple"
    written.declared.append(written.answers.chosen(identifier, (several, "identifier"), body.answer, ()))
    medium = next((each for each in body.media if each.sha256 == body.picture), None)
    size = f' width="{medium.width}" height="{medium.height}"' if medium and medium.width else ""
    href = written.texts.href(body.picture)
    if written.dialect.modern:
        shown = f'<img src="{href}"{size} alt=""/>'
    else:
        shown = f'<object data="{href}" type="{medium.mime if medium else "image/png"}"{size}/>'
    areas = (
        e("hotspotChoice", {"identifier": a.key, "shape": a.shape, "coords": ",".join(map(str, a.coords))})
        for a in body.areas
    )
    named = {"responseIdentifier": identifier, "maxChoices": str(body.most)}
    return e("hotspotInteraction", named, shown, *areas)


def _essay(_body: ItemBody, identifier: str, written: _Written) -> str:
    written.declared.append(written.answers.free(identifier))
    return written.dialect.element("extendedTextInteraction", {"responseIdentifier": identifier})


_WRITERS: Mapping[ItemKind, Callable[[ItemBody, str, _Written], str]] = {
    ItemKind.SINGLE: _single,
    ItemKind.MULTIPLE: _multiple,
    ItemKind.TRUE_FALSE: _true_false,
    ItemKind.ORDER: _order,
    ItemKind.MATCH: _match,
    ItemKind.HOTSPOT: _hotspot,
    ItemKind.ESSAY: _essay,
}
