"""Answering the canary paper, and the figures by which two machines tell that they show and answer alike.

A canary paper says in each question what to answer, in the words of the options. Whoever answers finds the
keys through what was delivered, as a candidate's eyes and hand do: options whose texts and keys went apart
on the way give other answers.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from itembank.sealing import derive

INSTRUCTION = re.compile(r"请作答：([^。<]+)。")
SEPARATOR, PAIR = "｜", "-"
Json = Mapping[str, Any]
Response = tuple[str, ...]


class CanaryUnreadable(Exception):
    """A question of the canary paper does not say what to answer, or names what was not delivered."""


def instructed(form: Json) -> dict[str, Response]:
    """Item id -> the response that the question asks for, in the keys of `form` (a form's JSON as shown).

    Raises `CanaryUnreadable`.
    """
    try:
        return {str(item["id"]): _response(item) for item in form["items"]}
    except (KeyError, TypeError, AttributeError, ValueError) as fault:
        raise CanaryUnreadable(type(fault).__name__) from fault


def map_digest(form: Json, media: Sequence[str]) -> str:
    """SHA-256 hex of what was delivered, in its order: numbers, ids, texts, and the key of every choice.

    `media`: SHA-256 of the bytes of every picture, sound and film as they were delivered.
    """
    shown = [
        [
            *(item["number"], item["id"], item["kind"], item["stem"], item.get("group", "")),
            _choices(item["options"]),
            _choices(item.get("targets", ())),
            [[gap["key"], _choices(gap.get("choices", ()))] for gap in item.get("gaps", ())],
        ]
        for item in form["items"]
    ]
    said = json.dumps([shown, sorted(media)], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(said.encode()).hexdigest()


def answer_key(paper_key: bytes) -> bytes:
    """The throw-away key (32 bytes) under which the answers of a canary paper are sealed."""
    return derive(paper_key, "canary-answers")


def _choices(entries: Sequence[Json]) -> list[list[str]]:
    return [[str(entry["key"]), str(entry["text"])] for entry in entries]


def _response(item: Json) -> Response:
    found = INSTRUCTION.search(str(item["stem"]))
    if found is None:
        raise ValueError("no instruction")
    return _READERS.get(str(item["kind"]), _chosen)(item, found[1].split(SEPARATOR))


def _chosen(item: Json, parts: Sequence[str]) -> Response:
    return tuple(_by_text(item["options"])[part] for part in parts)


def _pairs(item: Json, parts: Sequence[str]) -> Response:
    options, targets = _by_text(item["options"]), _by_text(item["targets"])
    sides = [part.split(PAIR) for part in parts]
    return tuple(f"{options[left]}-{targets[right]}" for left, right in sides)


def _filled(item: Json, parts: Sequence[str]) -> Response:
    return tuple(
        _by_text(gap["choices"])[part] if gap.get("choices") else part
        for gap, part in zip(item["gaps"], parts, strict=True)
    )


def _as_said(_item: Json, parts: Sequence[str]) -> Response:
    return tuple(parts)


def _by_text(entries: Sequence[Json]) -> dict[str, str]:
    return {str(entry["text"]): str(entry["key"]) for entry in entries}


_READERS: Mapping[str, Callable[[Json, Sequence[str]], Response]] = {
    "match": _pairs,
    **dict.fromkeys(("text", "numeric", "inline_choice"), _filled),
    **dict.fromkeys(("hotspot", "essay"), _as_said),
}
