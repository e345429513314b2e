"""The Markdown that question banks use, as HTML: paragraphs, emphasis, code, headings and nested lists."""

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_ITEM = re.compile(r"( {0,40})(?:[-*+]|(\d{1,9})[.)])[ \t]+(.*)")
_HEADING = re.compile(r"(#{1,6})[ \t]+(.*?)[ \t]*#*$")
_FENCE = re.compile(r" {0,3}(?:```|~~~)")
_SPAN = re.compile(
    r"\\([\\`*_{}\[\]()#+.!~=:<>-])"  # an escaped mark
    r"|(`{1,3})([^`\n]{1,400})\2"
    r"|(<[^<>]{1,4000}>|&(?:\w{2,31}|#\w{2,8});)"  # HTML stays
    r"|\*\*(?=\S)([^*]{1,4000}?)(?<=\S)\*\*|(?<!\w)__(?=\S)([^_]{1,4000}?)(?<=\S)__(?!\w)"
    r"|\*(?=\S)([^*]{1,4000}?)(?<=\S)\*|(?<!\w)_(?=\S)([^_]{1,4000}?)(?<=\S)_(?!\w)",
    re.DOTALL,
)
_LEVELS = 4  # headings below <h4> are shown like it
_INDENT = 2  # columns that make a list item belong to the one above
_DEEPEST = 20
_LONGEST = 20_000  # characters; no question is as long, and no pattern has to cope with more


@dataclass(frozen=True, slots=True)
class _Entry:
    indent: int
    numbered: bool
    text: str


def to_html(text: str) -> str:
    """`text` as HTML, not cleaned yet; what is no Markdown stays as it is."""
    if len(text) > _LONGEST:
        return _escaped(text)
    return "\n".join(_blocks(text.strip("\n").split("\n")))


def _blocks(lines: Sequence[str]) -> Iterator[str]:
    paragraph: list[str] = []
    at = 0
    while at < len(lines):
        end, block = _special(lines, at)
        if end == at and lines[at].strip():
            paragraph.append(lines[at])
            at += 1
            continue
        if paragraph:
            yield f"<p>{_lines(paragraph)}</p>"
            paragraph = []
        if block:
            yield block
        at = max(end, at + 1)
    if paragraph:
        yield f"<p>{_lines(paragraph)}</p>"


def _special(lines: Sequence[str], at: int) -> tuple[int, str]:
    """(where it ends, HTML) of a heading, list or fenced code; (at, "") for anything else."""
    heading = _HEADING.fullmatch(lines[at].strip())
    if heading:
        level = min(len(heading[1]), _LEVELS)
        return at + 1, f"<h{level}>{_inline(heading[2])}</h{level}>"
    if _FENCE.match(lines[at]):
        return _fenced(lines, at)
    if _ITEM.fullmatch(lines[at]):
        return _list(lines, at)
    return at, ""


def _fenced(lines: Sequence[str], at: int) -> tuple[int, str]:
    mark = lines[at].strip()[:3]
    ends = (n for n in range(at + 1, len(lines)) if lines[n].strip().startswith(mark))
    end = next(ends, len(lines))
    code = html.escape("\n".join(lines[at + 1 : end]), quote=False)
    return end + 1, f"<pre><code>{code}</code></pre>"


def _list(lines: Sequence[str], at: int) -> tuple[int, str]:
    entries: list[_Entry] = []
    while at < len(lines) and lines[at].strip():
        found = _ITEM.fullmatch(lines[at])
        if found:
            entries.append(_Entry(len(found[1]), found[2] is not None, found[3]))
        else:
            last = entries[-1]
            entries[-1] = _Entry(last.indent, last.numbered, f"{last.text}\n{lines[at].strip()}")
        at += 1
    return at, _nested(entries, 0)


def _nested(entries: Sequence[_Entry], depth: int) -> str:
    tag = "ol" if entries[0].numbered else "ul"
    written, at = [], 0
    while at < len(entries):
        end = at + 1
        while end < len(entries) and depth < _DEEPEST and entries[end].indent >= entries[0].indent + _INDENT:
            end += 1
        below = _nested(entries[at + 1 : end], depth + 1) if end > at + 1 else ""
        written.append(f"<li>{_inline(entries[at].text)}{below}</li>")
        at = end
    return f"<{tag}>{''.join(written)}</{tag}>"


def _lines(lines: Sequence[str]) -> str:
    """A paragraph; two blanks at a line's end break it."""
    shown = [f"{line.strip()}<br>" if line.endswith("  ") else line.strip() for line in lines]
    return _inline("\n".join(shown).removesuffix("<br>"))


def _inline(text: str) -> str:
    written, at = [], 0
    for found in _SPAN.finditer(text):
        written += [_escaped(text[at : found.start()]), _span(found)]
        at = found.end()
    return "".join([*written, _escaped(text[at:])])


def _span(found: re.Match[str]) -> str:
    mark, _ticks, code, kept, *stressed = found.groups()
    if mark is not None:
        return _escaped(mark)
    if code is not None:
        return f"<code>{_escaped(code.strip())}</code>"
    if kept is not None:
        return str(kept)
    strong = stressed[0] or stressed[1]
    return (
        f"<strong>{_inline(strong)}</strong>" if strong else f"<em>{_inline(stressed[2] or stressed[3])}</em>"
    )


def _escaped(text: str) -> str:
    return html.escape(text, quote=False)
