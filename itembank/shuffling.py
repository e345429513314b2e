"""The order in which one candidate sees a form: questions within their section, options within a question.

Drawn from HMAC-SHA-256 over a secret that lies only in the sealed section and over who sees it, so that two
neighbours differ, one candidate always sees the same, and a dispute can be replayed. Keys of options and ids
of questions stay as they are: responses and marking know nothing of an order. Displayed letters go by place.
"""

import hmac
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
Json = Mapping[str, Any]

_IN_PLACE = frozenset({"true_false"})
_NEVER_SHOWN = ("shuffle",)


def drawn_order(secret: bytes, what: str, entries: Sequence[T]) -> list[T]:
    """`entries` in an order that depends on `secret` and `what` alone, all orders equally likely."""
    if len(entries) < 2:
        return list(entries)
    tags = [hmac.digest(secret, f"{what}\0{place}".encode(), "sha256") for place in range(len(entries))]
    return [entries[place] for place in sorted(range(len(entries)), key=lambda place: tags[place])]


def shown(form: Json, who: str) -> dict[str, Any]:
    """The form's JSON as `who` (an attempt's id) sees it, by the form's own "shuffle"; without the secret.

    Questions are numbered anew; the parts of a case stay together and in their order. A form without
    "shuffle" stays as it is.
    """
    shuffle = form.get("shuffle") or {}
    bare = {name: value for name, value in form.items() if name not in _NEVER_SHOWN}
    if not shuffle:
        return bare | {"items": [_without_starts(item) for item in form["items"]]}
    secret = bytes.fromhex(shuffle["secret"])
    items = list(form["items"])
    if shuffle["items"]:
        items = [item for run in _sections(form) for item in _mixed(secret, who, run)]
    placed = [
        _item(item, secret, who, options=bool(shuffle["options"])) | {"number": number}
        for number, item in enumerate(items, 1)
    ]
    return bare | {"items": placed} | ({"groups": _groups(form, placed)} if form.get("groups") else {})


def order_map(form: Json, who: str) -> list[dict[str, Any]]:
    """What `who` saw at each number: the question's id, its number on the form, the keys as displayed.

    `options` lists the keys in displayed order, letter by letter; `targets` and `gaps` likewise.
    """
    numbers = {str(item["id"]): int(item["number"]) for item in form["items"]}
    return [
        {
            "number": item["number"],
            "id": item["id"],
            "form_number": numbers[str(item["id"])],
            "options": [option["key"] for option in item.get("options", ())],
            "targets": [target["key"] for target in item.get("targets", ())],
            "gaps": {
                gap["key"]: [choice["key"] for choice in gap["choices"]]
                for gap in item.get("gaps", ())
                if gap.get("choices")
            },
        }
        for item in shown(form, who)["items"]
    ]


def _sections(form: Json) -> list[list[Json]]:
    items = sorted(form["items"], key=lambda item: int(item["number"]))
    sections = form.get("sections") or ()
    if not sections:
        return [items]
    spans = [range(int(section["from"]), int(section["to"]) + 1) for section in sections]
    return [[item for item in items if int(item["number"]) in span] for span in spans]


def _mixed(secret: bytes, who: str, run: Sequence[Json]) -> list[Json]:
    blocks: dict[str, list[Json]] = {}
    for item in run:
        blocks.setdefault(str(item.get("group") or item["id"]), []).append(item)
    names = drawn_order(secret, f"items\0{who}\0{min(blocks, default='')}", sorted(blocks))
    return [item for name in names for item in blocks[name]]


def _item(item: Json, secret: bytes, who: str, *, options: bool) -> dict[str, Any]:
    made, place = _without_starts(item), f"{who}\0{item['id']}"
    if item["kind"] == "order":
        return made | {"options": _start(item, secret, place)}
    if not options or item["kind"] in _IN_PLACE:
        return made
    if item["kind"] == "match":
        return made | {"targets": _options(item["targets"], secret, f"targets\0{place}")}
    if item.get("gaps"):
        return made | {"gaps": [_gap(gap, secret, place) for gap in item["gaps"]]}
    return made | {"options": _options(item["options"], secret, f"options\0{place}")}


def _options(options: Sequence[Json], secret: bytes, what: str) -> list[Json]:
    """The free ones change places among themselves, the fixed ones stay."""
    free = iter(drawn_order(secret, what, [option for option in options if not option.get("fixed")]))
    return [option if option.get("fixed") else next(free) for option in options]


def _start(item: Json, secret: bytes, place: str) -> list[Json]:
    starts = item.get("starts") or ()
    if not starts:
        return drawn_order(secret, f"start\0{place}", item["options"])
    chosen = drawn_order(secret, f"start\0{place}", starts)[0]
    by_key = {option["key"]: option for option in item["options"]}
    return [by_key[key] for key in chosen]


def _gap(gap: Json, secret: bytes, place: str) -> Json:
    if not gap.get("choices"):
        return gap
    return {**gap, "choices": _options(gap["choices"], secret, f"gap\0{place}\0{gap['key']}")}


def _without_starts(item: Json) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name != "starts"}


def _groups(form: Json, items: Sequence[Json]) -> dict[str, Any]:
    found = {}
    for name, group in form["groups"].items():
        numbers = [item["number"] for item in items if item.get("group") == name]
        found[name] = {**group, "first": min(numbers), "last": max(numbers)} if numbers else group
    return found
