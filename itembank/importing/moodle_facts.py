"""What Moodle's formats say around a question: categories, ids, tags; and what holds for a whole file."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from itembank.importing.drafts import Draft, Found, Noted, Rejected
from itembank.items import content_hash, is_point_code
from itembank.problems import Problem

_UID = re.compile(r"\w[\w.\-]{0,63}")
_CONTEXT = re.compile(r"^\s*(?:\$\w+\$)?/?(?:top(?:/|\s*$))?")
_TAG = re.compile(r"\s*([a-z]+|[\u4e00-\u9fff]+)\s*[:：]\s*(.+)", re.DOTALL)
_NAMES: Mapping[str, str] = MappingProxyType({
    "point": "point", "鉴定点": "point", "认定点": "point",
    "difficulty": "difficulty", "难度": "difficulty",
    "consistency": "consistency", "一致性": "consistency",
    "importance": "importance", "重要程度": "importance",
    "source": "source", "出处": "source", "来源": "source",
})  # fmt: skip
SAMPLE_TAG = "sample"
_STEPS = frozenset("12345")
_ROOM_FOR_NUMBER = 58  # characters of an id that stay when "-2" comes behind
DESCRIPTION, CATEGORY = "text_is_no_question", "category_without_items"


@dataclass(frozen=True, slots=True)
class Facts:
    """What tags tell about an item."""

    point: str = ""
    difficulty: int = 0
    consistency: int | None = None
    importance: str = ""
    source: str = ""
    sample: bool = False


def path_of(category: str) -> str:
    """A category without its context ("$course$/top/"); a "/" within a name stays written as "//"."""
    return _CONTEXT.sub("", category, count=1).strip()


def usable_id(text: str) -> str:
    """The id if items may have such a one, else ""."""
    return text if _UID.fullmatch(text) else ""


def facts_of(tags: Sequence[str]) -> Facts:
    """Tags such as "point:A-B-C-001" or "难度：3"; all others say nothing about an item's facts."""
    said: dict[str, str] = {}
    for tag in tags:
        found = _TAG.fullmatch(tag)
        if found and found[1] in _NAMES:
            said.setdefault(_NAMES[found[1]], found[2].rstrip())
    difficulty, consistency = said.get("difficulty", ""), said.get("consistency", "")
    return Facts(
        point=said.get("point", "") if is_point_code(said.get("point", "")) else "",
        difficulty=int(difficulty) if difficulty in _STEPS else 0,
        consistency=int(consistency) if consistency in _STEPS else None,
        importance=said.get("importance", "") if said.get("importance", "") in ("X", "Y", "Z") else "",
        source=said.get("source", ""),
        sample=SAMPLE_TAG in tags,
    )


def settled(found: Iterable[Found]) -> Iterator[Found]:
    """The finds of one file: equal ids of different items told apart, notes on lone texts at the end.

    A file that holds nothing but texts without a question, or categories, has its faults told one by one.
    """
    once = _Once()
    asked = False
    waiting: list[Problem] = []
    for each in found:
        if isinstance(each, Noted) and each.problem.code in (DESCRIPTION, CATEGORY):
            waiting.append(each.problem)
            continue
        asked = asked or isinstance(each, Draft | Rejected)
        yield from once.taken(each)
    if not asked:
        yield from map(Rejected, waiting)
        return
    yield from (Noted(problem) for problem in waiting if problem.code == DESCRIPTION)


class _Once:
    """Keeps ids apart: the second item of an id with another content gets "-2" behind it."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[str, str]] = {}
        self._next: dict[str, int] = {}

    def taken(self, found: Found) -> Iterator[Found]:
        if not isinstance(found, Draft) or not found.uid:
            yield found
            return
        now = (found.place, content_hash(found.body))
        first = self._seen.setdefault(found.uid, now)
        if first[1] == now[1]:
            yield found
            return
        given = self._free(found.uid[:_ROOM_FOR_NUMBER])
        self._seen[given] = now
        told = {"column": found.uid, "first": first[0], "uid": found.uid, "given": given}
        yield Noted(Problem("id_twice", found.place, told))
        yield replace(found, uid=given)

    def _free(self, uid: str) -> str:
        number = self._next.get(uid, 2)
        while f"{uid}-{number}" in self._seen:
            number += 1
        self._next[uid] = number + 1
        return f"{uid}-{number}"
