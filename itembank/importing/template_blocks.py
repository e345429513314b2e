"""The state machine over the lines of a question file: one block of lines a question, keys apart.

It decides where a question begins and which lines are its text, answer, explanation and remarks. One pass
back (does an answer or an option follow before the next number?) and one pass forward; nothing is looked at
twice, so a file takes time in proportion to its length. Whatever could be otherwise is noted on the block.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from itembank.importing import template_lines as lines_of
from itembank.importing.template_answers import is_short_answer, shown_answer
from itembank.importing.template_key import Key, is_key_line
from itembank.importing.template_lines import Line, Number, Section
from itembank.items import ItemKind

_PREFERRED = ("word", "dot", "paren", "half", "blank")
_OPTIONED = (ItemKind.SINGLE, ItemKind.MULTIPLE)


class Role(StrEnum):
    """What the lines being read belong to."""

    BODY = "body"
    ANSWER = "answer"
    EXPLANATION = "explanation"


@dataclass(slots=True)
class Block:
    """The lines of one question; `unsure` says why its borders or parts could be otherwise.

    `head` is the national form's (point, type code, difficulty, consistency); `span` the numbers of the
    questions that share this text as their material; `lines` are all lines in order, the number taken off;
    `options` are there when the file gives them apart from the text, as are `keys`, the answer's option keys,
    and `said`, its texts. It is `contradicted` when two short answers differ.
    """

    place: str
    section: Section
    number: int | None = None
    path: str = ""
    head: tuple[str, str, int, int | None] | None = None
    span: tuple[int, int] | None = None
    lines: list[Line] = field(default_factory=list)
    options: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    texts: dict[Role, list[str]] = field(default_factory=lambda: {role: [] for role in Role})
    fields: dict[str, str] = field(default_factory=dict)
    unsure: list[str] = field(default_factory=list)
    answered: bool = False
    contradicted: bool = False
    complete: bool = False
    optioned: bool = False
    short: bool = False

    def add(self, role: Role, text: str) -> None:
        """One more line, and what follows from it: an answer, one of letters only, options.

        Kept line by line, since looking at the whole text for every line would take the square of its length.
        """
        self.texts[role].append(text)
        if role is Role.ANSWER and text:
            again = is_short_answer(text)
            self.contradicted = self.contradicted or (
                self.short and again and text not in self.texts[role][:-1]
            )
            self.short = not self.answered and again
            self.answered = self.complete = True
        elif role is Role.BODY and not self.optioned:
            self.optioned = lines_of.opens_options(lines_of.line("", text))
            self.complete = self.complete or self.optioned or shown_answer(text) is not None

    def text(self, role: Role) -> str:
        """The lines of one role."""
        return "\n".join(self.texts[role]).strip()

    def doubt(self, why: str) -> None:
        """Notes once that the split could be otherwise."""
        if why not in self.unsure:
            self.unsure.append(why)


@dataclass(slots=True)
class Paper:
    """A whole file: blocks in order, the key at its end, and lines of no question as they stand together."""

    blocks: list[Block]
    key: Key
    loose: dict[tuple[int, Section, str], list[Line]]


def read_blocks(lines: Iterable[Line]) -> Paper:
    """The questions of a file by their lines."""
    pieces = [piece for whole in lines for piece in lines_of.pieces(whole)]
    return _Machine(pieces).run()


def _main_style(numbers: Sequence[Number | None]) -> str:
    """The way questions are numbered: the most frequent one, but a sub-style never beats a real main one."""
    counts = Counter(number.style for number in numbers if number)
    most = max(counts.values(), default=0)
    return next((style for style in _PREFERRED if counts[style] * 4 >= most and counts[style]), "")


class _Machine:
    """Reads the lines in order; `_last` is the number of the open question, `_sub` of a list within it."""

    def __init__(self, pieces: Sequence[Line]) -> None:
        self._lines = pieces
        numbers = [lines_of.number_of(piece) for piece in pieces]
        style = _main_style(numbers)
        self._numbers = [number if number and number.style == style else None for number in numbers]
        self._numbered = any(self._numbers)
        self._signals = self._followed()
        self._paper = Paper([], Key(), {})
        self._section = Section()
        self._path = ""
        self._block: Block | None = None
        self._role = Role.BODY
        self._last = self._sub = 0
        self._in_key = self._gap = False

    def run(self) -> Paper:
        """Every line once."""
        for index, piece in enumerate(self._lines):
            if piece.blank:
                self._gap = True
                continue
            self._take(index, piece)
            self._gap = False
        return self._paper

    def _followed(self) -> list[bool]:
        """For every line: is there an answer or an option on it or below, before the next number?"""
        signals = [False] * (len(self._lines) + 1)
        for index in range(len(self._lines) - 1, -1, -1):
            piece = self._lines[index]
            ends = index + 1 < len(self._lines) and self._ends_question(index + 1)
            signals[index] = self._signal(index, piece) or (signals[index + 1] and not ends)
        return signals

    def _ends_question(self, index: int) -> bool:
        piece = self._lines[index]
        return self._numbers[index] is not None or lines_of.section_of(piece) is not None

    def _signal(self, index: int, piece: Line) -> bool:
        number = self._numbers[index]
        rest = lines_of.line("", piece.text[number.end :]) if number else piece
        return (
            lines_of.opens_options(rest)
            or lines_of.answer_said(rest) is not None
            or (number is not None and shown_answer(rest.text) is not None)
        )

    def _take(self, index: int, piece: Line) -> None:
        section = lines_of.section_of(piece)
        if section is not None:
            self._open_section(section)
        elif chapter := lines_of.chapter_of(piece):
            self._path, self._section, self._block, self._last = chapter, Section(), None, 0
        elif self._key_begins(index, piece):
            self._in_key, self._block = True, None
            self._paper.key.open(self._section)
        elif not self._in_key or self._leaves_key(index):
            self._take_question(index, piece)
        else:
            self._paper.key.take(piece)

    def _open_section(self, section: Section) -> None:
        self._section, self._block, self._last, self._sub = section, None, 0, 0
        if self._in_key:
            self._paper.key.open(section)

    def _leaves_key(self, index: int) -> bool:
        """Questions with options go on behind the key of the section before."""
        number = self._numbers[index]
        if number is None or not self._signals[index] or is_key_line(self._lines[index]):
            return False
        self._in_key = False
        return True

    def _key_begins(self, index: int, piece: Line) -> bool:
        said = lines_of.answer_said(piece)
        if said and is_key_line(lines_of.line(piece.place, said)):
            self._paper.key.open(self._section)
            self._paper.key.take(lines_of.line(piece.place, said))
            return True
        if self._in_key or not self._paper.blocks or not lines_of.is_key_heading(piece):
            return False
        return self._key_follows(index)

    def _key_follows(self, index: int) -> bool:
        blocks = self._paper.blocks
        untold = len(blocks) > 1 and not any(block.answered for block in blocks)
        for piece in self._lines[index + 1 :]:
            if not piece.blank:
                return is_key_line(piece) or (
                    untold and (lines_of.section_of(piece) or lines_of.number_of(piece)) is not None
                )
        return False

    def _take_question(self, index: int, piece: Line) -> None:
        head = lines_of.national_of(piece)
        brace = lines_of.brace_of(piece)
        if head is not None:
            self._open(piece.place, None).head = head
        elif (span := lines_of.material_of(piece)) and self._numbers[index] is None:
            self._open(piece.place, None).span = span
            self._go_on(index, piece)
        elif brace is not None and self._block is not None and self._block.head is not None:
            self._take_brace(*brace)
        elif self._begins(index):
            self._begin(index, piece)
        else:
            self._go_on(index, piece)

    def _take_brace(self, letter: str, text: str) -> None:
        """`{A}` stem, `{B}` answer; what further letters hold is taken as explanation, and said."""
        assert self._block is not None
        self._role = {"A": Role.BODY, "B": Role.ANSWER}.get(letter, Role.EXPLANATION)
        if letter not in "AB":
            self._block.doubt(f"{{{letter}}}")
        self._block.add(self._role, text)

    def _open(self, place: str, number: int | None) -> Block:
        block = Block(place, self._section, number, self._path)
        self._paper.blocks.append(block)
        self._block, self._role, self._sub = block, Role.BODY, 0
        if number is not None:
            self._last = number
        return block

    def _begin(self, index: int, piece: Line) -> None:
        number = self._numbers[index]
        before, last = self._block, self._last
        block = self._open(piece.place, number.value if number else None)
        text = piece.after(number.end) if number else piece.text
        if number is not None and before is not None and last and number.value != last + 1:
            block.doubt("number")
        if number is not None and number.doubtful and number.value != last + 1:
            block.doubt("number")
        if text:
            block.add(Role.BODY, text)
            block.lines.append(lines_of.line(piece.place, text))

    def _begins(self, index: int) -> bool:
        """Whether the line opens a new question."""
        number = self._numbers[index]
        if number is None:
            return self._begins_unnumbered(index)
        if self._block is None:
            return True
        if self._block.span is not None:
            return number.value == self._block.span[0]
        return self._begins_number(index, number, self._block)

    def _begins_number(self, index: int, number: Number, block: Block) -> bool:
        signal = self._signals[index]
        listed = self._role is not Role.BODY and number.value == self._sub + 1
        if block.head is not None and not signal:
            return False
        if self._role is Role.BODY and self._sub and number.value == self._sub + 1 and not block.complete:
            block.doubt("number")
            self._sub = number.value
            return False
        if number.value == self._last + 1 and not (number.doubtful and not signal):
            if listed and self._sub and not signal:
                block.doubt("number")
                self._sub = number.value
                return False
            return signal or not self._wants_options(block)
        if signal and block.complete:
            return True
        if listed or number.value == 1:
            self._sub = number.value
        return False

    def _wants_options(self, block: Block) -> bool:
        """A choice question without options yet goes on with a list of statements."""
        return block.section.kind in _OPTIONED and not block.complete

    def _begins_unnumbered(self, index: int) -> bool:
        """Without numbers an answer ends a question, unless its text may still go on."""
        piece, block = self._lines[index], self._block
        if self._is_remark(piece):
            return False
        if block is None:
            return not self._numbered and self._signals[index]
        if self._numbered or block.head is not None or self._role is Role.BODY or not block.answered:
            return False
        if self._role is Role.ANSWER and block.short:
            return not self._late_options(block, piece)
        if self._gap and self._signals[index]:
            return True
        block.doubt("answer")
        return False

    @staticmethod
    def _is_remark(piece: Line) -> bool:
        return (
            lines_of.answer_said(piece) is not None
            or lines_of.explanation_said(piece) is not None
            or lines_of.field_said(piece) is not None
        )

    def _go_on(self, index: int, piece: Line) -> None:
        block = self._block
        if block is None:
            where = (len(self._paper.blocks), self._section, self._path)
            self._paper.loose.setdefault(where, []).append(piece)
            return
        block.lines.append(piece)
        answer, explained = lines_of.answer_said(piece), lines_of.explanation_said(piece)
        if answer is not None:
            if self._role is not Role.BODY and block.answered:
                block.doubt("answer")
            self._role = Role.ANSWER
            block.add(Role.ANSWER, answer)
        elif explained is not None:
            self._role = Role.EXPLANATION
            block.add(Role.EXPLANATION, explained)
        elif (said := lines_of.field_said(piece)) and (block.answered or block.texts[Role.BODY]):
            block.fields.setdefault(*said)
        else:
            self._append(block, index, piece)

    def _append(self, block: Block, index: int, piece: Line) -> None:
        if self._role is Role.ANSWER and self._late_options(block, piece):
            self._role = Role.BODY
        elif self._role is Role.ANSWER and block.short:
            # Nothing more belongs to an answer of letters; it may be an explanation or a question lost.
            self._role = Role.EXPLANATION
            block.doubt("answer")
        if self._gap and self._role is Role.EXPLANATION and self._numbered and self._signals[index]:
            block.doubt("answer")
        block.add(self._role, piece.text)

    @staticmethod
    def _late_options(block: Block, piece: Line) -> bool:
        """Whether the options come behind the answer."""
        return block.short and not block.optioned and lines_of.opens_options(piece)
