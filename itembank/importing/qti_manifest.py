"""What the manifest of a QTI package lists, in its order, and the facts it tells about the items (LOM).

Our exports write point, consistency, importance, source … as LOM classifications whose source reads
"examhall:…", so that other tools may carry them along.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml import etree

from itembank.importing.qti_names import attribute, child, children, content, descendants, name_of

MANIFEST = "imsmanifest.xml"
TAXON = "examhall:"
DIFFICULTY = {"very easy": 1, "easy": 2, "medium": 3, "difficult": 4, "very difficult": 5}
"""LOM 5.8, the vocabulary of `difficulty`: the five steps of the national bank."""
OWN_FACTS = ("uid", "point", "consistency", "importance", "sample", "path", "source")
_MAX_KEYWORDS = 10


@dataclass(frozen=True, slots=True)
class Listed:
    """One resource: what it refers to (its own file first) and the facts its metadata tell by name.

    Facts: "uid", "point", "difficulty" ("1" … "5"), "consistency", "importance", "sample", "path", "source".
    """

    kind: str
    hrefs: tuple[str, ...]
    facts: dict[str, str] = field(default_factory=dict)


def listed_in(manifest: etree._Element) -> Iterator[Listed]:
    """Every resource of a manifest in its order."""
    for resource in (
        each for group in children(manifest, "resources") for each in children(group, "resource")
    ):
        own = attribute(resource, "href").strip()
        files = [attribute(each, "href").strip() for each in resource if name_of(each) == "file"]
        hrefs = tuple(dict.fromkeys(href for href in (own, *files) if href))
        yield Listed(attribute(resource, "type"), hrefs, _facts(resource))


def _facts(resource: etree._Element) -> dict[str, str]:
    metadata = child(resource, "metadata")
    if metadata is None:
        return {}
    facts: dict[str, str] = {}
    words = []
    for each in descendants(metadata, "taxonPath", "difficulty", "keyword"):
        name = name_of(each)
        if name == "taxonPath":
            facts |= _classified(each)
        elif name == "keyword":
            words.append(content(each))
        else:
            value = next((content(v) for v in descendants(each, "value")), "").lower()
            facts |= {"difficulty": str(DIFFICULTY[value])} if value in DIFFICULTY else {}
    if "path" not in facts and any(words):
        facts["path"] = "; ".join(filter(None, words[:_MAX_KEYWORDS]))
    return facts


def _classified(path: etree._Element) -> dict[str, str]:
    """The fact that one classification of ours tells."""
    source, taxon = child(path, "source"), child(path, "taxon")
    said = content(source) if source is not None else ""
    value = child(taxon, "id") if taxon is not None else None
    name = said.removeprefix(TAXON)
    if value is None or name == said or name not in OWN_FACTS:
        return {}
    return {name: "".join(map(str, value.itertext()))}
