"""Items as plain values: the form that is sealed, that child processes hand over and that packages carry.

Parts of a body that are empty are left out, so that the many plain items stay small.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

from itembank.items import (
    Area,
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
    Part,
)

T = TypeVar("T")
_BROKEN = (KeyError, TypeError, ValueError, ArithmeticError, AttributeError)


def body_to_json(body: ItemBody) -> dict[str, object]:
    """Plain values; the inverse of `body_from_json`."""
    data: dict[str, object] = {
        "stem": body.stem,
        "options": [option_to_json(option) for option in body.options],
        "answer": list(body.answer),
        "explanation": body.explanation,
        "source": body.source,
    }
    extra: dict[str, object] = {
        "markup": "" if body.markup is Markup.PLAIN else str(body.markup),
        "gaps": [gap_to_json(gap) for gap in body.gaps],
        "targets": [option_to_json(target) for target in body.targets],
        "picture": body.picture,
        "areas": [{"key": a.key, "shape": a.shape, "coords": list(a.coords)} for a in body.areas],
        "parts": [_part_to_json(part) for part in body.parts],
        "criteria": [{"text": c.text, "points": str(c.points)} for c in body.criteria],
        "media": [_medium_to_json(medium) for medium in body.media],
        "weights": [[key, str(share)] for key, share in body.weights],
        "raw": body.raw,
    }
    most = {} if body.most == 1 else {"most": body.most}
    return data | {name: value for name, value in extra.items() if value} | most


def body_from_json(data: Mapping[str, Any]) -> ItemBody:
    """The inverse of `body_to_json`; `ValueError` when the values do not have its shape."""
    if not isinstance(data.get("options"), list) or not isinstance(data.get("answer"), list):
        raise ValueError("an item body needs lists of options and answers")
    try:
        return _body(data)
    except _BROKEN as error:
        raise ValueError("an item body lacks a part") from error


def _body(data: Mapping[str, Any]) -> ItemBody:
    return ItemBody(
        stem=str(data["stem"]),
        options=_each(data, "options", option_from_json),
        answer=tuple(str(key) for key in data["answer"]),
        explanation=str(data.get("explanation", "")),
        source=str(data.get("source", "")),
        markup=Markup(data.get("markup", "plain")),
        gaps=_each(data, "gaps", gap_from_json),
        targets=_each(data, "targets", option_from_json),
        most=int(data.get("most", 1)),
        picture=str(data.get("picture", "")),
        areas=_each(data, "areas", _area),
        parts=_each(data, "parts", _part),
        criteria=_each(data, "criteria", lambda c: Criterion(str(c["text"]), Decimal(c["points"]))),
        media=_each(data, "media", _medium),
        weights=_each(data, "weights", lambda pair: (str(pair[0]), Decimal(pair[1]))),
        raw=str(data.get("raw", "")),
    )


def _each(data: Mapping[str, Any], name: str, read: Callable[[Any], T]) -> tuple[T, ...]:
    return tuple(map(read, data[name])) if name in data else ()


def option_to_json(option: Option) -> dict[str, object]:
    """Plain values of one option."""
    plain: dict[str, object] = {"key": option.key, "text": option.text}
    return plain | {"fixed": True} if option.fixed else plain


def option_from_json(data: Mapping[str, Any]) -> Option:
    """The inverse of `option_to_json`."""
    return Option(str(data["key"]), str(data["text"]), bool(data.get("fixed", False)))


def gap_to_json(gap: Gap) -> dict[str, object]:
    """Plain values of one gap, its right answers included."""
    data: dict[str, object] = {"key": gap.key}
    if gap.accepted:
        data |= {"accepted": list(gap.accepted), "case_sensitive": gap.case_sensitive}
    if gap.ranges:
        data["ranges"] = [[str(span.low), str(span.high)] for span in gap.ranges]
    if gap.choices:
        data |= {"choices": [option_to_json(choice) for choice in gap.choices], "answer": gap.answer}
    return data


def gap_from_json(data: Mapping[str, Any]) -> Gap:
    """The inverse of `gap_to_json`."""
    return Gap(
        key=str(data["key"]),
        accepted=_each(data, "accepted", str),
        ranges=_each(data, "ranges", lambda span: NumberRange(Decimal(span[0]), Decimal(span[1]))),
        choices=_each(data, "choices", option_from_json),
        answer=str(data.get("answer", "")),
        case_sensitive=bool(data.get("case_sensitive", False)),
    )


def _area(data: Mapping[str, Any]) -> Area:
    return Area(str(data["key"]), str(data["shape"]), tuple(int(value) for value in data["coords"]))


def _part_to_json(part: Part) -> dict[str, object]:
    return {
        "key": part.key,
        "kind": str(part.kind),
        "weight": str(part.weight),
        "body": body_to_json(part.body),
    }


def _part(data: Mapping[str, Any]) -> Part:
    return Part(
        str(data["key"]), ItemKind(data["kind"]), body_from_json(data["body"]), Decimal(data["weight"])
    )


def _medium_to_json(medium: Medium) -> dict[str, object]:
    size = {"width": medium.width, "height": medium.height} if medium.width else {}
    return {"sha256": medium.sha256, "mime": medium.mime, "size": medium.size} | size


def _medium(data: Mapping[str, Any]) -> Medium:
    width, height = int(data.get("width", 0)), int(data.get("height", 0))
    return Medium(str(data["sha256"]), str(data["mime"]), int(data["size"]), width, height)


def facts_to_json(facts: ItemFacts) -> dict[str, object]:
    """Plain values of the facts."""
    data: dict[str, object] = {
        "uid": facts.uid,
        "point": facts.point,
        "kind": facts.kind.value,
        "difficulty": facts.difficulty,
        "consistency": facts.consistency,
        "importance": facts.importance,
        "sample": facts.sample,
    }
    extra = {"path": facts.path, "enemy": facts.enemy, "seconds": facts.seconds, "flaw": facts.flaw}
    return data | {name: value for name, value in extra.items() if value}


def facts_from_json(data: Mapping[str, Any]) -> ItemFacts:
    """The inverse of `facts_to_json`; `ValueError` when the values do not have its shape."""
    difficulty, consistency = data.get("difficulty"), data.get("consistency")
    if not isinstance(difficulty, int) or not (consistency is None or isinstance(consistency, int)):
        raise ValueError("difficulty and consistency are whole numbers")
    try:
        return ItemFacts(
            uid=str(data["uid"]),
            point=str(data["point"]),
            kind=ItemKind(str(data["kind"])),
            difficulty=difficulty,
            consistency=consistency,
            importance=str(data["importance"]),
            sample=bool(data["sample"]),
            path=str(data.get("path", "")),
            enemy=str(data.get("enemy", "")),
            seconds=int(data.get("seconds", 0)),
            flaw=str(data.get("flaw", "")),
        )
    except _BROKEN as error:
        raise ValueError("item facts lack a part") from error


def item_to_json(item: Item) -> dict[str, object]:
    """Plain values of a whole item; holds the answer, so it never leaves the process unsealed."""
    return {"facts": facts_to_json(item.facts), "body": body_to_json(item.body)}


def item_from_json(data: Mapping[str, object]) -> Item:
    """The inverse of `item_to_json`; `ValueError` when the values do not have its shape."""
    facts, body = data.get("facts"), data.get("body")
    if not isinstance(facts, Mapping) or not isinstance(body, Mapping):
        raise ValueError("an item needs facts and a body")
    return Item(facts_from_json(facts), body_from_json(body))
