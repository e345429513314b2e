"""QTI as text: elements in the words of version 2.1 or 3.0, and item texts as XML inside them."""

import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import lxml.html
from lxml import etree

from itembank.importing.qti_names import kebab
from itembank.items import Markup

MATHML = "http://www.w3.org/1998/Math/MathML"
_MEDIUM = re.compile(r"media:([0-9a-f]{64})")
_GAP = re.compile(r"\[\[([0-9]{1,2})\]\]")
_VOID_TAG = re.compile(r"<(br|hr|img|source)\b([^<>]*?)/?>")
_SOUNDS = {"audio": "audio/mpeg", "video": "video/mp4"}
_ILLEGAL = re.compile("[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")
_DEEPEST = 200


@dataclass(frozen=True, slots=True)
class Dialect:
    """One version: its namespaces, resource type and template addresses; `modern` = names of 3.0."""

    version: str
    modern: bool
    items: str
    manifest: str
    schema: str
    resource: str
    templates: str

    def element(self, name: str, attributes: Mapping[str, str] | None = None, *inside: str) -> str:
        """One QTI element with what stands inside it, already XML; attributes that are "" are left out."""
        tag = f"qti-{kebab(name)}" if self.modern else name
        given = (
            f' {kebab(key) if self.modern else key}="{quoted(value)}"'
            for key, value in (attributes or {}).items()
            if value != ""
        )
        content = "".join(inside)
        return f"<{tag}{''.join(given)}>{content}</{tag}>" if content else f"<{tag}{''.join(given)}/>"


V21 = Dialect(
    "2.1.0",
    False,
    "http://www.imsglobal.org/xsd/imsqti_v2p1",
    "http://www.imsglobal.org/xsd/imscp_v1p1",
    "QTIv2.1 Package",
    "imsqti_item_xmlv2p1",
    "http://www.imsglobal.org/question/qti_v2p1/rptemplates/",
)
V30 = Dialect(
    "3.0.0",
    True,
    "http://www.imsglobal.org/xsd/imsqtiasi_v3p0",
    "http://www.imsglobal.org/xsd/qti/qtiv3p0/imscp_v1p1",
    "QTI Package",
    "imsqti_item_xmlv3p0",
    "https://purl.imsglobal.org/spec/qti/v3p0/rptemplates/",
)


def escaped(text: str) -> str:
    """Characters as XML; the few that XML cannot carry are left out."""
    return html.escape(_ILLEGAL.sub("", text), quote=False)


def quoted(value: str) -> str:
    """An attribute's value; line ends survive the reader's normalisation."""
    return html.escape(_ILLEGAL.sub("", value)).replace("\n", "&#10;").replace("\t", "&#9;")


@dataclass
class Texts:
    """Writes the texts of one item; `named` gives the file of a medium, "" when there is none.

    `used` collects the media that were named, `lost` those without a file.
    """

    dialect: Dialect
    named: Callable[[str], str]
    used: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def href(self, sha256: str, folder: str = "../") -> str:
        """The address of a medium as seen from an item."""
        name = self.named(sha256)
        (self.used if name else self.lost).append(sha256)
        return folder + name if name else ""

    def xml(self, text: str, markup: Markup, holes: Mapping[str, str] | None = None) -> str:
        """A text as XML; `holes` are what stands for `[[key]]`."""
        filled = _Holes(holes or {})
        if markup is Markup.PLAIN:
            return "<br/>".join(filled.characters(line) for line in text.split("\n"))
        written: list[str] = []
        self._inside(parsed(text), filled, written, 0)
        return "".join(written)

    def _inside(self, element: etree._Element, holes: "_Holes", written: list[str], depth: int) -> None:
        if depth > _DEEPEST:
            written.append(holes.characters("".join(map(str, element.itertext()))))
            return
        written.append(holes.characters(str(element.text or "")))
        for child in element:
            self._tag(child, holes, written, depth + 1)
            written.append(holes.characters(str(child.tail or "")))

    def _tag(self, element: etree._Element, holes: "_Holes", written: list[str], depth: int) -> None:
        if not isinstance(element.tag, str):
            return
        name = etree.QName(element).localname
        if name in _SOUNDS and not self.dialect.modern:
            written.append(self._sound(element, name))
            return
        given = {str(key): str(value) for key, value in element.items() if ":" not in key and "}" not in key}
        found = _MEDIUM.fullmatch(given.get("src", ""))
        if found:
            given["src"] = self.href(found[1])
        if name == "img":
            given.setdefault("alt", "")
        spaced = f' xmlns="{MATHML}"' if name == "math" else ""
        given.pop("xmlns", None)
        written.append(f"<{name}{spaced}" + "".join(f' {key}="{quoted(given[key])}"' for key in given))
        inside: list[str] = []
        self._inside(element, holes, inside, depth)
        content = "".join(inside)
        written.append(f">{content}</{name}>" if content else "/>")

    def _sound(self, element: etree._Element, name: str) -> str:
        """Version 2.1 knows sounds and films as `object` only."""
        sources = [element.get("src"), *(each.get("src") for each in element if each.tag == "source")]
        found = next((match for match in map(_MEDIUM.fullmatch, filter(None, sources)) if match), None)
        href = self.href(found[1]) if found else ""
        return f'<object data="{href}" type="{_SOUNDS[name]}"/>' if href else ""


@dataclass(frozen=True, slots=True)
class _Holes:
    filled: Mapping[str, str]

    def characters(self, text: str) -> str:
        """Escaped characters with the interactions in place of their marks."""
        if not self.filled or "[[" not in text:
            return escaped(text)
        pieces = _GAP.split(text)
        for index, piece in enumerate(pieces):
            if index % 2 == 0:
                pieces[index] = escaped(piece)
            else:
                pieces[index] = self.filled.get(piece, f"[[{piece}]]")
        return "".join(pieces)


def parsed(text: str) -> etree._Element:
    """HTML of the safe subset as elements inside one `div`; what is no XML is read as browsers do."""
    closed = _VOID_TAG.sub(r"<\1\2/>", text).replace("&nbsp;", "\u00a0")
    try:
        return etree.fromstring(
            f"<div>{closed}</div>", etree.XMLParser(resolve_entities=False, no_network=True)
        )
    except etree.XMLSyntaxError:
        root: etree._Element = lxml.html.fragment_fromstring(text, create_parent="div")
        return root
