"""Names of QTI 2.0 to 3.0 as one vocabulary: `qti-choice-interaction` is `choiceInteraction`.

Version 3.0 put `qti-` before its own elements and hyphens between words; HTML and MathML kept their names.
Namespaces vary between versions and tools, so only local names count.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from lxml import etree

_HYPHEN = re.compile(r"-([a-z])")
_CAPITAL = re.compile(r"[A-Z]")
_TRUE = ("true", "1")


@lru_cache(maxsize=4096)
def _canonical(tag: str) -> str:
    name = tag.rpartition("}")[2]
    return _camel(name[4:]) if name.startswith("qti-") else name


def _camel(name: str) -> str:
    return _HYPHEN.sub(lambda found: found[1].upper(), name)


@lru_cache(maxsize=256)
def kebab(name: str) -> str:
    """`maxChoices` as version 3.0 writes it, `max-choices`."""
    return _CAPITAL.sub(lambda found: "-" + found[0].lower(), name)


def name_of(element: etree._Element) -> str:
    """The element's name in the words of version 2; "" for anything that is no element."""
    tag = element.tag
    return _canonical(tag) if isinstance(tag, str) else ""


def attribute(element: etree._Element, name: str) -> str:
    """An attribute by its version 2 name, "" when it is not there."""
    value = element.get(name)
    if value is None:
        value = element.get(kebab(name))
    return "" if value is None else str(value)


def is_true(element: etree._Element, name: str) -> bool:
    """Whether a boolean attribute is set; false when it is not there."""
    return attribute(element, name).strip() in _TRUE


def children(element: etree._Element, *names: str) -> list[etree._Element]:
    """The direct children of these names."""
    return [child for child in element if name_of(child) in names]


def child(element: etree._Element, name: str) -> etree._Element | None:
    """The first direct child of this name."""
    return next((each for each in element if name_of(each) == name), None)


def descendants(element: etree._Element, *names: str) -> Iterator[etree._Element]:
    """Every element of these names below `element`, in reading order."""
    found = element.iter(etree.Element)
    next(found)  # the element itself
    return (each for each in found if _canonical(each.tag) in names)


def names_in(element: etree._Element) -> frozenset[str]:
    """The names of everything in `element`: one look instead of many searches for what is not there."""
    return frozenset(_canonical(tag) for tag in {each.tag for each in element.iter(etree.Element)})


def content(element: etree._Element) -> str:
    """All characters inside, without blanks around."""
    return "".join(str(text) for text in element.itertext()).strip()
