"""Formulas of Word (Office Math, m:oMath) as presentation MathML within the safe subset of HTML.

Elements by ECMA-376 part 1, section 22.1. What has no counterpart keeps its text and is flagged.
"""

import html
import re
from collections.abc import Callable, Mapping

from lxml import etree

from itembank.importing.xmlsafe import local

Element = etree._Element

_TOKENS = re.compile(r"[0-9]+(?:\.[0-9]+)?|[A-Za-zͰ-Ͽ]|[\u4e00-\u9fff]+|\s+|.", re.DOTALL)
_NARY_DEFAULT = "∫"
_ACCENT_DEFAULT = "\u0302"


def mathml(formula: Element, *, block: bool = False) -> tuple[str, bool]:
    """(MathML of one m:oMath, whether every part of it is known)."""
    writer = _Writer()
    content = writer.children(formula)
    display = ' display="block"' if block else ""
    return f"<math{display}>{content}</math>", writer.known


class _Writer:
    """Writes one formula; `known` turns false at the first element without a counterpart."""

    def __init__(self) -> None:
        self.known = True
        self._rules: Mapping[str, Callable[[Element], str]] = {
            "r": self._run, "f": self._fraction, "rad": self._radical, "nary": self._nary,
            "sSup": lambda e: self._scripts("msup", e, "e", "sup"),
            "sSub": lambda e: self._scripts("msub", e, "e", "sub"),
            "sSubSup": lambda e: self._scripts("msubsup", e, "e", "sub", "sup"),
            "sPre": self._before, "d": self._delimited, "m": self._matrix, "eqArr": self._equations,
            "limLow": lambda e: self._scripts("munder", e, "e", "lim"),
            "limUpp": lambda e: self._scripts("mover", e, "e", "lim"),
            "func": lambda e: f"{self._row(e, 'fName')}<mo>\u2061</mo>{self._row(e, 'e')}",
            "acc": self._accent, "bar": self._bar, "groupChr": self._grouped,
            "box": lambda e: self._row(e, "e"),
            "borderBox": lambda e: f"<menclose>{self._row(e, 'e')}</menclose>",
            "phant": lambda e: f"<mpadded>{self._row(e, 'e')}</mpadded>",
            "oMath": lambda e: f"<mrow>{self.children(e)}</mrow>",
        }  # fmt: skip

    def children(self, element: Element) -> str:
        """Everything within `element`, its properties left out."""
        return "".join(self._one(child) for child in element)

    def _one(self, element: Element) -> str:
        name = local(element)
        rule = self._rules.get(name)
        if rule is not None:
            return rule(element)
        if name in ("ins", "smartTag", "sdtContent", "sdt", "hyperlink"):
            return self.children(element)
        if name in ("del", "moveFrom", "bookmarkStart", "bookmarkEnd", "proofErr") or name.endswith("Pr"):
            return ""
        self.known = False
        text = "".join(each.text or "" for each in element.iter() if local(each) == "t")
        return f"<mtext>{html.escape(text)}</mtext>" if text else ""

    def _row(self, element: Element, name: str) -> str:
        child = _child(element, name)
        return f"<mrow>{self.children(child) if child is not None else ''}</mrow>"

    def _scripts(self, tag: str, element: Element, *names: str) -> str:
        return f"<{tag}>{''.join(self._row(element, name) for name in names)}</{tag}>"

    def _run(self, element: Element) -> str:
        text = "".join(each.text or "" for each in element if local(each) == "t")
        plain = _child(element, "rPr")
        if plain is not None and _child(plain, "nor") is not None:
            return f"<mtext>{html.escape(text)}</mtext>"
        return "".join(_token(found[0]) for found in _TOKENS.finditer(text))

    def _fraction(self, element: Element) -> str:
        kind = _value(element, "fPr", "type")
        above, below = self._row(element, "num"), self._row(element, "den")
        if kind in ("lin", "skw"):
            return f"<mrow>{above}<mo>/</mo>{below}</mrow>"
        if kind == "noBar":
            rows = "".join(f"<mtr><mtd>{part}</mtd></mtr>" for part in (above, below))
            return f"<mtable>{rows}</mtable>"
        return f"<mfrac>{above}{below}</mfrac>"

    def _radical(self, element: Element) -> str:
        degree = _child(element, "deg")
        hidden = _flag(element, "radPr", "degHide") or degree is None or not len(degree)
        inside = self._row(element, "e")
        return f"<msqrt>{inside}</msqrt>" if hidden else f"<mroot>{inside}{self._row(element, 'deg')}</mroot>"

    def _nary(self, element: Element) -> str:
        sign = f"<mo>{html.escape(_value(element, 'naryPr', 'chr') or _NARY_DEFAULT)}</mo>"
        beside = _value(element, "naryPr", "limLoc") != "undOvr"
        under = "" if _flag(element, "naryPr", "subHide") else self._row(element, "sub")
        over = "" if _flag(element, "naryPr", "supHide") else self._row(element, "sup")
        tag = {
            (True, True): ("munderover", "msubsup"),
            (True, False): ("munder", "msub"),
            (False, True): ("mover", "msup"),
        }.get((bool(under), bool(over)))
        limits = f"<{tag[beside]}>{sign}{under}{over}</{tag[beside]}>" if tag else sign
        return f"<mrow>{limits}{self._row(element, 'e')}</mrow>"

    def _before(self, element: Element) -> str:
        scripts = f"<msubsup><mrow></mrow>{self._row(element, 'sub')}{self._row(element, 'sup')}</msubsup>"
        return f"<mrow>{scripts}{self._row(element, 'e')}</mrow>"

    def _delimited(self, element: Element) -> str:
        begin = _value(element, "dPr", "begChr", "(")
        end = _value(element, "dPr", "endChr", ")")
        mark = f"<mo>{html.escape(_value(element, 'dPr', 'sepChr', '|'))}</mo>"
        inside = mark.join(f"<mrow>{self.children(each)}</mrow>" for each in element if local(each) == "e")
        return f"<mrow>{_fence(begin)}{inside}{_fence(end)}</mrow>"

    def _matrix(self, element: Element) -> str:
        rows = (row for row in element if local(row) == "mr")
        return f"<mtable>{''.join(self._matrix_row(row) for row in rows)}</mtable>"

    def _matrix_row(self, row: Element) -> str:
        cells = (f"<mtd>{self.children(cell)}</mtd>" for cell in row if local(cell) == "e")
        return f"<mtr>{''.join(cells)}</mtr>"

    def _equations(self, element: Element) -> str:
        rows = (f"<mtr><mtd>{self.children(row)}</mtd></mtr>" for row in element if local(row) == "e")
        return f"<mtable>{''.join(rows)}</mtable>"

    def _accent(self, element: Element) -> str:
        sign = html.escape(_value(element, "accPr", "chr") or _ACCENT_DEFAULT)
        return f"<mover>{self._row(element, 'e')}<mo>{sign}</mo></mover>"

    def _bar(self, element: Element) -> str:
        tag = "mover" if _value(element, "barPr", "pos") == "top" else "munder"
        return f"<{tag}>{self._row(element, 'e')}<mo>\u00af</mo></{tag}>"

    def _grouped(self, element: Element) -> str:
        sign = html.escape(_value(element, "groupChrPr", "chr") or "\u23df")
        tag = "mover" if _value(element, "groupChrPr", "pos") == "top" else "munder"
        return f"<{tag}>{self._row(element, 'e')}<mo>{sign}</mo></{tag}>"


def _token(text: str) -> str:
    if text.isspace():
        return "<mspace></mspace>"
    if text[0].isdigit():
        return f"<mn>{text}</mn>"
    if text[0].isalpha():
        return f"<mi>{text}</mi>" if len(text) == 1 else f"<mtext>{text}</mtext>"
    return f"<mo>{html.escape(text)}</mo>"


def _fence(mark: str) -> str:
    return f'<mo fence="true">{html.escape(mark)}</mo>' if mark else ""


def _child(element: Element, name: str) -> Element | None:
    return next((each for each in element if local(each) == name), None)


def _value(element: Element, properties: str, name: str, default: str = "") -> str:
    """The m:val of a property; `default` when it is not there ("" said there means none)."""
    found = _child(element, properties)
    wanted = _child(found, name) if found is not None else None
    if wanted is None:
        return default
    return next((str(value) for key, value in wanted.attrib.items() if str(key).endswith("}val")), "")


def _flag(element: Element, properties: str, name: str) -> bool:
    """Whether a switch is on: there without a value, or with one that means yes."""
    found = _child(element, properties)
    wanted = _child(found, name) if found is not None else None
    return wanted is not None and _value(element, properties, name) not in ("0", "off", "false")
