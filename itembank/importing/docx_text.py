"""Text of Word paragraphs: runs in order with pictures, formulas, scripts; insertions in, deletions out."""

import html
from collections.abc import Callable, Iterator, Mapping

from lxml import etree

from itembank.importing.media import MediaBox
from itembank.importing.omml import mathml
from itembank.importing.rich_text import Fragments, without_private
from itembank.importing.source import Source
from itembank.importing.xmlsafe import local, parse_xml
from itembank.problems import Problem

Element = etree._Element

_OUT = frozenset({"del", "moveFrom", "delText", "instrText", "fldData", "pPr", "rPr", "delInstrText", "rt"})
_BREAKS: Mapping[str, str] = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "ptab": "\t"}
_SYMBOLS: Mapping[str, str] = {
    "F0FC": "√", "F0FE": "√", "F0D6": "√", "F0FB": "×", "F0FD": "×", "F0B4": "×", "F0A8": "□", "F06F": "□",
    "F0A3": "□", "F0B0": "°", "F0B1": "±", "F0B8": "÷", "F0D7": "×", "F0A5": "∞", "F061": "α", "F062": "β",
    "F06D": "μ", "F057": "Ω", "F070": "π", "F071": "θ",
}  # fmt: skip
_SCRIPTS: Mapping[str, tuple[str, str]] = {
    "superscript": ("<sup>", "</sup>"),
    "subscript": ("<sub>", "</sub>"),
}
_UNREAD = ("strike", "dstrike", "vanish")
_OFF = frozenset({"0", "false", "off"})
_LEAST_BLANK = 2  # underlined blanks from this length on are a place to fill in


class Pictures:
    """The pictures of one document part by relationship; nothing outside the archive is ever asked for."""

    def __init__(self, source: Source, part: str, media: MediaBox) -> None:
        self._source, self._part, self._media = source, part, media
        self._targets: dict[str, str] = {}
        folder, _, name = part.rpartition("/")
        relations = f"{folder}/_rels/{name}.rels"
        if relations in source.archive:
            for each in parse_xml(source.archive.read(relations), relations):
                outside = each.get("TargetMode", "").lower() == "external"
                self._targets[each.get("Id", "")] = "" if outside else each.get("Target", "")

    def taken(self, relation: str, fragments: Fragments, place: str, alt: str) -> str:
        """The character that stands for the picture, or for its fault."""
        target = self._targets.get(relation, "")
        if target.startswith("/"):
            name = target.lstrip("/") if target.lstrip("/") in self._source.archive else ""
        else:
            name = self._source.archive.beside(self._part, target)
        if not name:
            return fragments.put("", faults=(Problem("media_outside", place),))
        medium = self._media.add(self._source.archive.read(name), place)
        if isinstance(medium, Problem):
            return fragments.put("", faults=(medium,))
        shown = f'<img src="media:{medium.sha256}" alt="{html.escape(alt)}">'
        return fragments.put(shown, medium=medium)


class ParagraphReader:
    """Reads paragraphs; `boxes` collects the paragraphs of text boxes met on the way, `noted` what to say.

    `struck` is the character that stands where the last paragraph had text struck out or hidden, "" for none;
    it carries a fault.
    """

    def __init__(self, fragments: Fragments, pictures: Pictures) -> None:
        self._fragments, self._pictures = fragments, pictures
        self.boxes: list[Element] = []
        self.noted: list[Problem] = []
        self.struck = ""
        self._place = ""
        self._rules: Mapping[str, Callable[[Element], Iterator[str]]] = {
            "r": self._run, "drawing": self._drawing, "pict": self._drawing, "object": self._drawing,
            "oMath": self._formula, "oMathPara": self._formulas, "AlternateContent": self._alternative,
            "sym": self._symbol, "ruby": self._walk, "footnoteReference": self._footnote,
            "endnoteReference": self._footnote,
        }  # fmt: skip

    def text(self, paragraph: Element, place: str) -> str:
        """The paragraph's text, rich parts as one character each, line breaks as such."""
        self._place, self.struck = place, ""
        return "".join(self._walk(paragraph))

    def _walk(self, element: Element) -> Iterator[str]:
        for child in element:
            name = local(child)
            if name == "t":
                yield without_private(child.text or "")
            elif name in _BREAKS:
                yield _BREAKS[name]
            elif name in self._rules:
                yield from self._rules[name](child)
            elif name not in _OUT:
                yield from self._walk(child)

    def _run(self, run: Element) -> Iterator[str]:
        properties = next((each for each in run if local(each) == "rPr"), None)
        text = "".join(self._walk(run))
        if properties is None or not text:
            yield text
            return
        marks = {local(each): _val(each) for each in properties}
        if any(marks.get(name, "0").lower() not in _OFF for name in _UNREAD):
            if text.strip():
                self.noted.append(Problem("text_struck_out", self._place))
                fault = Problem("answer_struck_out", self._place)
                self.struck = self._fragments.put("", faults=(fault,))
            yield self.struck
            return
        if "u" in marks and marks["u"] != "none" and not text.strip() and len(text) >= _LEAST_BLANK:
            yield "_" * len(text)
        elif text.strip() and marks.get("vertAlign") in _SCRIPTS:
            opened, closed = _SCRIPTS[marks["vertAlign"]]
            yield f"{self._fragments.put(opened)}{text}{self._fragments.put(closed)}"
        elif _stressed(text) and (marks.get("u", "none") != "none" or marks.get("em", "none") != "none"):
            yield f"{self._fragments.put('<u>')}{text}{self._fragments.put('</u>')}"
        else:
            yield text

    def _drawing(self, element: Element) -> Iterator[str]:
        """Every picture in it; paragraphs of text boxes are kept for later."""
        alt = next((each.get("descr") or "" for each in element.iter() if local(each) == "docPr"), "")
        if local(element) == "object":
            self.noted.append(Problem("object_as_picture", self._place))
        yield from self._shapes(element, alt)

    def _shapes(self, element: Element, alt: str) -> Iterator[str]:
        for child in element:
            name = local(child)
            if name == "txbxContent":
                self.boxes += [each for each in child if local(each) == "p"]
            elif name in ("blip", "imagedata"):
                yield self._pictures.taken(_relation(child), self._fragments, self._place, alt)
            elif name == "AlternateContent":
                chosen = _chosen(child)
                yield from self._shapes(chosen, alt) if chosen is not None else ()
            else:
                yield from self._shapes(child, alt)

    def _alternative(self, element: Element) -> Iterator[str]:
        chosen = _chosen(element)
        yield from self._walk(chosen) if chosen is not None else ()

    def _formula(self, element: Element) -> Iterator[str]:
        yield self._written(element, block=False)

    def _formulas(self, element: Element) -> Iterator[str]:
        for each in element:
            if local(each) == "oMath":
                yield self._written(each, block=True)

    def _written(self, element: Element, *, block: bool) -> str:
        text, known = mathml(element, block=block)
        if not known:
            self.noted.append(Problem("formula_partly_read", self._place))
        return self._fragments.put(text)

    def _symbol(self, element: Element) -> Iterator[str]:
        code = _attribute(element, "}char").upper()
        known = _SYMBOLS.get(code)
        if known is None:
            self.noted.append(Problem("symbol_unknown", self._place, {"symbol": code[:8]}))
        yield known or "□"

    def _footnote(self, _element: Element) -> Iterator[str]:
        self.noted.append(Problem("footnote_left_out", self._place))
        yield from ()


def _stressed(text: str) -> bool:
    """Whether underlining says something: words do, a letter or mark on a line is an answer on its place."""
    return sum(char.isalpha() and not char.isascii() for char in text) >= 2


def _chosen(element: Element) -> Element | None:
    """One of the alternatives, the first: they show the same thing in several ways."""
    found = [each for each in element if local(each) in ("Choice", "Fallback")]
    return found[0] if found else None


def _relation(element: Element) -> str:
    """The relationship a picture names; linked pictures lie outside and name one too."""
    wanted = ("}embed", "}id", "}link", "}relid")
    return next((found for end in wanted if (found := _attribute(element, end))), "")


def _val(element: Element) -> str:
    return _attribute(element, "}val")


def _attribute(element: Element, ending: str) -> str:
    return next((str(value) for key, value in element.attrib.items() if str(key).endswith(ending)), "")
