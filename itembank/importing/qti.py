"""QTI 1.2 to 3.0: packages with or without a manifest, loose items in an archive, a single item.

Only what lies in the archive is read. Tests (which items, in which order) are mentioned and left aside:
papers are assembled here by blueprint.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from lxml import etree

from itembank.importing.archive import Archive
from itembank.importing.drafts import Declared, Draft, Found, Noted, Rejected
from itembank.importing.media import MediaBox
from itembank.importing.qti12 import read_questestinterop
from itembank.importing.qti_item import read_item
from itembank.importing.qti_manifest import MANIFEST, Listed, listed_in
from itembank.importing.qti_names import name_of
from itembank.importing.qti_text import Surroundings, leaves_package
from itembank.importing.source import Source
from itembank.importing.xmlsafe import XmlRefused, parse_xml
from itembank.items import ItemBody, Medium, content_hash
from itembank.problems import Problem

_ROOT = re.compile(
    rb"<(?:[\w.\-]+:)?(assessmentitem|qti-assessment-item|questestinterop|assessmenttest|qti-assessment-test)[\s/>]",
)
_MODERN = re.compile(
    rb"imsqti(?:_?(?:item|test|section|stimulus|asi|assessment|metadata))?(?:_xml)?_?v(\d)p(\d)"
)
_CLASSIC = re.compile(rb"imsqti_xmlv1p\d|ims_qtiasiv1p\d|<(?:[\w.\-]+:)?questestinterop[\s/>]")
_HEAD_BYTES = 65_536
_LOOKED_AT = 40  # parts of an archive without a manifest that are opened to tell what it is
_XML = (".xml", ".qti")
_TESTS = frozenset({"assessmentTest", "assessmentSection", "assessmentStimulus"})
_UNTOLD = "qti"
_ITEM_TYPE = re.compile(r"ims_?qti_?(?:asi)?_?item", re.IGNORECASE)
_OFFICE = "[Content_Types].xml"


class QtiFormat:
    """Reads every QTI item of a file; names "qti-1.2", "qti-2.1" …, "qti" when no version is told."""

    def sniff(self, source: Source) -> str:
        """The version's name by manifest, namespace or root element."""
        if not source.is_zip:
            return _version(source.data[:_HEAD_BYTES]) if _looks_like_item(source.data) else ""
        archive = source.archive
        told = _version(archive.read(MANIFEST)[: 16 * _HEAD_BYTES]) if MANIFEST in archive else ""
        if told not in ("", _UNTOLD) or _OFFICE in archive:
            return told
        for name in _parts(archive)[:_LOOKED_AT]:
            data = archive.read(name)
            if _looks_like_item(data):
                return _version(data[:_HEAD_BYTES])
        return told

    def read(self, source: Source, declared: Declared, media: MediaBox) -> Iterator[Found]:
        """Every item in the manifest's order, then items that the manifest does not list."""
        once = _Once()
        if not source.is_zip:
            for found in _read_part(parse_xml(source.data, source.name), _single(source, media)):
                yield from once.taken(found)
            return
        package = _Package(source.archive, media)
        yield from package.complaints
        for name in package.order():
            facts = package.facts.get(name, {})
            for found in package.read(name):
                yield from once.taken(_told(found, facts) if facts and isinstance(found, Draft) else found)


def _looks_like_item(data: bytes) -> bool:
    head = data[:_HEAD_BYTES]
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        head = head.decode("utf-16", "ignore").encode()
    return b"<" in head[:64] and _ROOT.search(head.lower()) is not None


def _version(head: bytes) -> str:
    found = _MODERN.search(head)
    if found and found[1] != b"1":
        return f"qti-{found[1].decode()}.{found[2].decode()}"
    return "qti-1.2" if found or _CLASSIC.search(head) else _UNTOLD


def _parts(archive: Archive) -> list[str]:
    """Parts that may hold items, folders' order kept; what macOS adds is none."""
    return [
        name
        for name in archive.names()
        if name.lower().endswith(_XML)
        and not name.startswith("__MACOSX/")
        and not name.rpartition("/")[2].startswith("._")
        and name.rpartition("/")[2] != MANIFEST
    ]


def _single(source: Source, media: MediaBox) -> Surroundings:
    return Surroundings(source.name, "", None, media)


class _Package:
    """An archive with what its manifest says."""

    def __init__(self, archive: Archive, media: MediaBox) -> None:
        self._archive = archive
        self._media = media
        self._taken: dict[str, Medium | Problem] = {}
        self.facts: dict[str, dict[str, str]] = {}
        self.complaints: list[Found] = []
        self._listed: dict[str, bool] = {}  # part -> whether an item is announced there
        if MANIFEST in archive:
            for listed in listed_in(parse_xml(archive.read(MANIFEST), MANIFEST)):
                self._list(listed)

    def order(self) -> list[str]:
        """Every part that may hold items: listed ones first, of two copies the fuller (.qti) one first."""
        there = _parts(self._archive)
        told = [name for name, item in self._listed.items() if item or name.lower().endswith(_XML)]
        names = dict.fromkeys(told + there)
        return sorted(names, key=lambda name: not name.lower().endswith(".qti"))

    def read(self, name: str) -> Iterator[Found]:
        """What one part holds; a part that is no XML is rejected alone."""
        try:
            root = parse_xml(self._archive.read(name), name)
        except XmlRefused as refused:
            yield Rejected(refused.problems[0])
            return
        around = Surroundings(name, name, self._archive, self._media, taken=self._taken)
        nothing = True
        for found in _read_part(root, around):
            nothing = False
            yield found
        if nothing and self._listed.get(name):
            yield Rejected(Problem("qti_part_unknown", name, {"name": name[-80:]}))

    def _list(self, listed: Listed) -> None:
        for number, href in enumerate(listed.hrefs):
            name = self._archive.beside(MANIFEST, href)
            if name:
                announced = number == 0 and _ITEM_TYPE.match(listed.kind) is not None
                self._listed[name] = self._listed.get(name, False) or announced
                if number == 0 and listed.facts:
                    self.facts[name] = listed.facts
            elif number == 0 or not href.lower().endswith(_XML):
                self._complain(href, is_item=number == 0)

    def _complain(self, href: str, *, is_item: bool) -> None:
        code = "qti_href_outside" if leaves_package(MANIFEST, href) else "qti_part_missing"
        problem = Problem(code, MANIFEST, {"href": href[:120]})
        self.complaints.append(Rejected(problem) if is_item else Noted(problem))


def _read_part(root: etree._Element, around: Surroundings) -> Iterator[Found]:
    kind = name_of(root)
    if kind == "assessmentItem":
        draft = read_item(root, around)
        yield from (Noted(problem) for problem in around.noted)
        yield draft
    elif kind == "questestinterop":
        yield from read_questestinterop(root, around)
    elif kind in _TESTS:
        yield Noted(Problem("qti_test_left_out", around.place))


def _told(draft: Draft, facts: dict[str, str]) -> Draft:
    """The draft with what the manifest tells about it."""
    consistency = facts.get("consistency", "")
    return replace(
        draft,
        uid=facts.get("uid", draft.uid),
        point=facts.get("point", ""),
        difficulty=int(facts.get("difficulty", "0")),
        consistency=int(consistency) if consistency.isdecimal() and len(consistency) == 1 else None,
        importance=facts.get("importance", ""),
        sample=facts.get("sample") == "true",
        path=facts.get("path", ""),
        body=replace(draft.body, source=facts.get("source", "")),
    )


@dataclass(frozen=True, slots=True)
class _Seen:
    place: str
    body: ItemBody


class _Once:
    """Keeps ids apart: the second item of an id with another content gets "-2" behind it."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}
        self._next: dict[str, int] = {}

    def taken(self, found: Found) -> Iterator[Found]:
        """The find, renamed and noted where its id is taken by other content."""
        if not isinstance(found, Draft) or not found.uid:
            yield found
            return
        now = _Seen(found.place, found.body)
        first = self._seen.setdefault(found.uid, now)
        if first is now or content_hash(first.body) == content_hash(now.body):
            yield found
            return
        uid = self._free(found.uid)
        self._seen[uid] = now
        yield Noted(Problem("uid_twice", found.place, {"uid": found.uid, "given": uid}))
        yield replace(found, uid=uid)

    def _free(self, uid: str) -> str:
        kept = uid[:58]
        number = self._next.get(kept, 2)
        while f"{kept}-{number}" in self._seen:
            number += 1
        self._next[kept] = number + 1
        return f"{kept}-{number}"
