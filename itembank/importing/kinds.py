"""What a type code or word means. Declared, never guessed: what tools use differently has to be explained.

B and C agree everywhere. Multiple choice is G in one tool and D in another, and D is a short answer in
the first; so G counts only under a heading of the national table (题型代码, 题目类型代码), D never by itself.
A word beside the code, a legend in the file or the importing person says what a code means.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from itembank.items import ItemKind

TYPE_CODES: Mapping[str, ItemKind] = MappingProxyType({"B": ItemKind.SINGLE, "C": ItemKind.TRUE_FALSE})
"""Codes that mean the same everywhere."""
NATIONAL_CODES: Mapping[str, ItemKind] = MappingProxyType(
    {
        "G": ItemKind.MULTIPLE,
        "T": ItemKind.TEXT,
        "U": ItemKind.ESSAY,
        "W": ItemKind.ESSAY,
        "E": ItemKind.ESSAY,
        "F": ItemKind.ESSAY,
    }
)
"""Codes of the national bank's table beside B and C: 多选, 填空, 计算, 论述, 案例分析, 综合."""
TYPE_WORDS: Mapping[str, ItemKind] = MappingProxyType(
    {
        **dict.fromkeys(("单选", "单项选择", "单选择", "SINGLE", "SINGLECHOICE"), ItemKind.SINGLE),
        **dict.fromkeys(("多选", "多项选择", "多选择", "MULTIPLE", "MULTIPLEANSWER"), ItemKind.MULTIPLE),
        **dict.fromkeys(("判断", "判断正误", "是非", "对错", "正误判断", "JUDGE"), ItemKind.TRUE_FALSE),
        **dict.fromkeys(("TRUEFALSE", "TRUE/FALSE", "TRUE_FALSE"), ItemKind.TRUE_FALSE),
        **dict.fromkeys(("填空", "填充", "TEXT", "FILL"), ItemKind.TEXT),
        **dict.fromkeys(("数值", "NUMERIC"), ItemKind.NUMERIC),
        **dict.fromkeys(("排序", "ORDER"), ItemKind.ORDER),
        **dict.fromkeys(("简答", "问答", "论述", "计算", "名词解释", "案例分析", "ESSAY"), ItemKind.ESSAY),
    }
)
"""Words for a kind, without the 题 at their end."""
UNDECIDED_WORDS = frozenset({"", "选择", "不定项选择", "客观"})
"""Words that leave the kind to the options and the answer."""

_LABEL = re.compile(r"^([A-Z0-9]{1,4})\((.*)\)$")
_CODE = re.compile(r"[A-Z0-9]{1,4}")
_KNOWN_WORDS = "|".join(sorted((word for word in TYPE_WORDS if word > "\x7f"), key=len, reverse=True))
_LEGEND = re.compile(rf"(?<![A-Z0-9])([A-Z0-9])([-=:、.(\[]{{0,2}})({_KNOWN_WORDS})(?:选择)?题?")
_COUNTED = ("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "123456789")


def folded_kind(text: str) -> str:
    """A type cell without width and blanks, in upper case."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)).upper()


def legend(texts: Iterable[str]) -> dict[str, ItemKind]:
    """Codes that the file explains itself ("0单选，1判断"); one explained in two ways is left out.

    "1、判断题… 2、单选题…" only numbers what it says.
    """
    found: dict[str, set[ItemKind]] = {}
    for text in texts:
        said = _LEGEND.findall(folded_kind(text))
        codes = "".join(code for code, _mark, _word in said)
        if all(mark in ("、", ".") for _code, mark, _word in said) and codes.startswith(("A", "1")):
            said = [] if any(codes in counted for counted in _COUNTED) else said
        for code, _mark, word in said:
            found.setdefault(code, set()).add(TYPE_WORDS[word])
    return {code: kinds.pop() for code, kinds in found.items() if len(kinds) == 1}


class KindTable:
    """The type codes of one sheet: what is declared for it, and what is left to ask."""

    def __init__(
        self, declared: Mapping[str, str], legend: Mapping[str, ItemKind], *, national: bool = False
    ) -> None:
        said = {folded_kind(code): ItemKind(kind) for code, kind in declared.items() if kind}
        self._declared = {**legend, **said}
        self._codes = {**TYPE_CODES, **NATIONAL_CODES} if national else TYPE_CODES
        self._known: dict[str, ItemKind | str] = {}

    def kind(self, text: str) -> ItemKind | str:
        """The kind, "" when options and answer have to tell, or the code of what is wrong."""
        known = self._known.get(text)
        if known is None:
            known = self._known[text] = self._read(folded_kind(text))
        return known

    def unexplained(self, text: str) -> str:
        """The code in a type cell that somebody has to explain; "" for a known one and for words."""
        if self.kind(text) != "unknown_type_code":
            return ""
        return _code_of(folded_kind(text))

    def _read(self, folded: str) -> ItemKind | str:
        code = _code_of(folded)
        label = _LABEL.match(folded)
        if (code or folded) in self._declared:
            return self._declared[code or folded]
        word = (label.group(2) if label else folded).removesuffix("题")
        worded = TYPE_WORDS.get(word)
        if worded is None and word in UNDECIDED_WORDS and not label:
            return ""
        declared = self._codes.get(code)
        if declared and worded and declared is not worded:
            return "type_code_contradicts"
        return declared or worded or "unknown_type_code"  # a label says itself what its code means


def _code_of(folded: str) -> str:
    label = _LABEL.match(folded)
    if label:
        return label.group(1)
    return folded if _CODE.fullmatch(folded) and folded not in TYPE_WORDS else ""
