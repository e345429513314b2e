"""Lines of a question file, and what a line alone says: answer, explanation, heading, number, national head.

Patterns look at the *folded* text: width, dots and marks in one spelling, each character still at its place,
so that what is found there can be cut out of the file's own text. Circled digits stay: ① … ④ are statements
within a stem, never question numbers. Forms as collected from real files: Word banks, web pages of papers,
the national bank's Word form, printed papers with the key at the end.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from itembank.item_rules import MAX_PARTS
from itembank.items import ItemKind

MAX_HEADING = 120  # characters of a section heading with its remarks

_SPACES = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_FOLD: Mapping[int, int] = MappingProxyType(
    {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
    | dict.fromkeys(map(ord, _SPACES), ord(" "))
    | {
        code: ord(unicodedata.normalize("NFKC", chr(code)))
        for code in range(0xFE50, 0xFE6C)
        if len(unicodedata.normalize("NFKC", chr(code))) == 1
    }
    | {ord(mark): ord("√") for mark in "✓✔☑"}
    | {ord(mark): ord("×") for mark in "✗✘╳☒✕✖"}
    | {ord(own): ord(usual) for own, usual in zip("∶〔〕〖〗", ":[]【】", strict=True)}
)
_INVISIBLE = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_BREAKS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")

_ANSWER_WORD = r"(?:正确|参考|标准|本题)?答\s{0,4}案"
_ANSWER = re.compile(
    rf"(?:[\[【(]\s{{0,4}}{_ANSWER_WORD}\s{{0,4}}[\]】)]\s*:?"
    rf"|{_ANSWER_WORD}\s{{0,4}}(?:为|是)?\s{{0,4}}:"
    rf"|{_ANSWER_WORD}\s{{0,4}}(?:为|是)?\s{{0,4}}(?=(?:[A-Z]{{1,10}}|[√×]|对|错|正确|错误)\s*$)"
    r"|答\s{0,4}:|answer\s{0,4}:)",
    re.IGNORECASE,
)
_ANSWER_IN_BRACKETS = re.compile(rf"[(【\[]\s{{0,4}}{_ANSWER_WORD}\s{{0,4}}:([^)】\]]{{0,200}})[)】\]]\s*$")
_EXPLAINED = r"(?:答案|试题|题目)?(?:解析|分析|详解|点评)"
_EXPLANATION = re.compile(rf"(?:[\[【(]\s{{0,4}}{_EXPLAINED}\s{{0,4}}[\]】)]\s*:?|{_EXPLAINED}(?:\s*:|\s|$))")
_INLINE = re.compile(
    rf"[\[【]\s{{0,4}}{_ANSWER_WORD}\s{{0,4}}(?::[^)】\]]{{0,80}})?[\]】]"
    rf"|(?<=[\s。.;?!)]){_ANSWER_WORD}\s{{0,4}}:"
    rf"|[\[【]\s{{0,4}}{_EXPLAINED}\s{{0,4}}[\]】]|(?<=[\s。.;A-Z√×]){_EXPLAINED}\s{{0,4}}:"
)
_FIELD_NAMES: Mapping[str, str] = MappingProxyType({
    "难度": "difficulty", "难易度": "difficulty", "难度等级": "difficulty", "难度系数": "difficulty",
    "知识点": "path", "考点": "path", "考查点": "path", "章节": "path", "鉴定范围": "path",
    "鉴定点": "point", "认定点": "point", "鉴定点代码": "point", "认定点代码": "point",
    "出处": "source", "来源": "source", "依据": "source", "题型": "kind", "试题编号": "uid", "编号": "uid",
    "一致性": "consistency", "分值": "score", "分数": "score",
})  # fmt: skip
_FIELD = re.compile(
    rf"(?:[\[【]\s?({'|'.join(_FIELD_NAMES)})\s?[\]】]\s*:?|({'|'.join(_FIELD_NAMES)})\s{{0,2}}:)\s*"
)

SECTION_KINDS: Mapping[str, ItemKind | None] = MappingProxyType({
    "单项选择": ItemKind.SINGLE, "单选": ItemKind.SINGLE, "多项选择": ItemKind.MULTIPLE,
    "多选": ItemKind.MULTIPLE, "不定项选择": None, "不定项": None, "选择": None,
    "判断正误": ItemKind.TRUE_FALSE, "判断": ItemKind.TRUE_FALSE, "是非判断": ItemKind.TRUE_FALSE,
    "是非": ItemKind.TRUE_FALSE, "对错": ItemKind.TRUE_FALSE, "正误判断": ItemKind.TRUE_FALSE,
    "填空": ItemKind.TEXT, "简答": ItemKind.ESSAY, "问答": ItemKind.ESSAY, "论述": ItemKind.ESSAY,
    "名词解释": ItemKind.ESSAY, "计算": ItemKind.ESSAY, "简述": ItemKind.ESSAY, "判断改错": ItemKind.ESSAY,
    "案例分析": ItemKind.CASE, "案例": ItemKind.CASE, "综合": ItemKind.CASE, "综合分析": ItemKind.CASE,
    "材料分析": ItemKind.CASE,
})  # fmt: skip
"""Words of section headings and tags; None = choice items whose kind follows from the answer."""
_KIND_WORD = "|".join(sorted(SECTION_KINDS, key=len, reverse=True))
_ORDINAL = (
    r"(?:第?([一二三四五六七八九十]{1,3})(?:部分|大题)?\s{0,4}[、.:,)]?"
    r"|\(([一二三四五六七八九十]{1,3})\)|第([0-9]{1,2})(?:部分|大题)\s{0,4}[、.:]?|([IVXⅠ-Ⅻ]{1,4})\s{0,4}[、.])?"
)
_SECTION = re.compile(
    rf"[#*\s]{{0,6}}{_ORDINAL}\s{{0,4}}({_KIND_WORD})(?:试题|题|类|部分)?\s{{0,4}}(?=[(:,。.;、共每本*\s0-9]|$)"
)
_CHAPTER = re.compile(r"第[一二三四五六七八九十0-9]{1,3}(?:章|节|单元|篇|模块)[、.:\s]?.{0,40}$")
_TAG = re.compile(
    rf"\s*[\[【(]\s{{0,2}}({_KIND_WORD})题?\s{{0,2}}[\]】)]\s*|\s*({_KIND_WORD})题\s{{0,2}}:\s*"
)
_NUMBER = re.compile(
    r"(?:第\s{0,2}([0-9]{1,5})\s{0,2}题\s{0,2}[、.:,)]?"
    r"|题\s{0,2}([0-9]{1,5})\s{0,2}[、.:,)]"
    r"|([0-9]{1,5})\s{0,2}(?:[、.,]|:(?![0-9]))"
    r"|([0-9]{1,5})\s{0,2}\)"
    r"|[(\[【]\s{0,2}([0-9]{1,5})\s{0,2}[)\]】]\s{0,2}[、.]?"
    r"|([0-9]{1,5})\s{1,8}(?=[^\s0-9]))\s*"
)
_STYLES = ("", "word", "word", "dot", "half", "paren", "blank")
_NATIONAL = re.compile(
    r"([A-Z](?:-[A-Z]){0,5}-[0-9]{3})\s+([A-Z])(?:\s+([1-5]))?(?:\s+([1-5]))?\s*$"
)  # point, type code, difficulty, consistency
_MATERIAL = re.compile(
    r".{0,60}(?:材料|案例|资料|短文|情境|背景).{0,40}?(?:回答|完成|作答)[^0-9]{0,12}([0-9]{1,5})\s{0,2}[-~—–至到]{1,2}\s{0,2}([0-9]{1,5})"
)
_BRACE = re.compile(r"\{\s{0,2}([A-Z])\s{0,2}\}\s*")
_OPTION_START = re.compile(r"(?:\(\s{0,2}A\s{0,2}\)|A\s{0,2}[、.:)])|A(?=[^\x00-\x7f]|\s)")
_KEY_HEADING = re.compile(
    r"(?:.{0,40}(?:参考|标准|正确|试题|试卷|习题))?答案(?:[及与和](?:解析|评分标准|评分|要点))?(?:部分|如下|[页表])?\s{0,4}:?\s*$"
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line: where it stands, its own text, and the folded text of the same length."""

    place: str
    text: str
    folded: str

    @property
    def blank(self) -> bool:
        """Whether nothing is to be read on it."""
        return not self.folded.strip()

    def after(self, index: int) -> str:
        """The file's own text from `index` on, trimmed."""
        return self.text[index:].strip()


@dataclass(frozen=True, slots=True)
class Number:
    """A question number: `style` tells `1.` from `(1)`; `doubtful` when digits follow ("1.5")."""

    value: int
    style: str
    end: int
    doubtful: bool


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the paper under one heading; `kind` None = to be seen from the items."""

    kind: ItemKind | None = None
    ordinal: str = ""
    said: bool = False


def fold(text: str) -> str:
    """One spelling of widths, blanks and marks; every character keeps its place."""
    return text.translate(_FOLD)


def line(place: str, text: str) -> Line:
    """A line without invisible characters, trimmed."""
    own = _INVISIBLE.sub("", text).strip()
    return Line(place, own, fold(own))


def tidy(text: str) -> str:
    """The text with one kind of line break."""
    return _BREAKS.sub("\n", text)


def pieces(whole: Line) -> list[Line]:
    """The line cut before answers and explanations that stand behind something on the same line."""
    cuts = [found.start() for found in _INLINE.finditer(whole.folded) if found.start()]
    if not cuts:
        return [whole]
    ends = [*cuts, len(whole.text)]
    return [line(whole.place, whole.text[start:end]) for start, end in zip([0, *cuts], ends, strict=True)]


def answer_said(whole: Line) -> str | None:
    """What an answer line says, None when the line is none."""
    inside = _ANSWER_IN_BRACKETS.match(whole.folded)
    if inside:
        return whole.text[inside.start(1) : inside.end(1)].strip()
    found = _ANSWER.match(whole.folded)
    return whole.after(found.end()) if found else None


def explanation_said(whole: Line) -> str | None:
    """What an explanation line says, None when the line is none."""
    found = _EXPLANATION.match(whole.folded)
    return whole.after(found.end()) if found else None


def field_said(whole: Line) -> tuple[str, str] | None:
    """(field, value) of a line such as 难度：中."""
    found = _FIELD.match(whole.folded)
    if found is None:
        return None
    return _FIELD_NAMES[found[1] or found[2]], whole.after(found.end())


def section_of(whole: Line) -> Section | None:
    """The section that a heading such as 一、单项选择题（每题1分） opens."""
    found = _SECTION.match(whole.folded) if len(whole.folded) <= MAX_HEADING else None
    if found is None:
        return None
    ordinal = next((each for each in found.groups()[:4] if each), "")
    return Section(SECTION_KINDS[found[5]], ordinal, said=True)


def chapter_of(whole: Line) -> str:
    """The line itself when it is a heading such as 第一章 总则."""
    return whole.text if len(whole.text) <= MAX_HEADING and _CHAPTER.match(whole.folded) else ""


def tag_of(folded: str) -> tuple[ItemKind | None, int]:
    """(kind, end of the tag) of a stem that begins with 【单选题】 and the like; end 0 = no tag."""
    found = _TAG.match(folded)
    return (SECTION_KINDS[found[1] or found[2]], found.end()) if found else (None, 0)


def number_of(whole: Line) -> Number | None:
    """The number a line begins with."""
    found = _NUMBER.match(whole.folded)
    if found is None or found.lastindex is None:
        return None
    doubtful = found.lastindex == 3 and whole.folded[found.end() : found.end() + 1].isdigit()
    return Number(int(found[found.lastindex]), _STYLES[found.lastindex], found.end(), doubtful)


def national_of(whole: Line) -> tuple[str, str, int, int | None] | None:
    """(point, type code, difficulty, consistency) of a head such as `A-B-A-001  B  3  5`."""
    found = _NATIONAL.match(whole.folded) if len(whole.folded) <= MAX_HEADING else None
    if found is None:
        return None
    return found[1], found[2], int(found[3] or 0), int(found[4]) if found[4] else None


def material_of(whole: Line) -> tuple[int, int] | None:
    """The numbers of the questions that share the material this line announces."""
    found = _MATERIAL.match(whole.folded) if len(whole.folded) <= MAX_HEADING else None
    if found is None:
        return None
    first, last = int(found[1]), int(found[2])
    return (first, last) if 0 < last - first < MAX_PARTS else None


def brace_of(whole: Line) -> tuple[str, str] | None:
    """(letter, text) of a line such as `{A}stem` of the national form."""
    found = _BRACE.match(whole.folded)
    return (found[1], whole.after(found.end())) if found else None


def opens_options(whole: Line) -> bool:
    """Whether the line begins with what may be option A."""
    return _OPTION_START.match(whole.folded) is not None


def is_key_heading(whole: Line) -> bool:
    """Whether the line may stand over the key of a whole section or paper."""
    return len(whole.folded) <= MAX_HEADING and _KEY_HEADING.match(whole.folded) is not None
