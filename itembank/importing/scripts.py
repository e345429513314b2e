"""Raised and lowered characters as the characters there are for them: 10² must not become 102."""

import re

_SIGNS = "0123456789+-=()"
_RAISED = str.maketrans(f"{_SIGNS}−－＋ni", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾⁻⁻⁺ⁿⁱ")
_LOWERED = str.maketrans(f"{_SIGNS}−－＋xi", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎₋₋₊ₓᵢ")
_RUN_END = re.compile(rb"(</(?:\w+:)?r>)")
_RUN_TEXT = re.compile(rb"<(?:\w+:)?t\b[^<>]*+>([^<]*+)</")
_SAID = re.compile(rb"vertAlign\s+val\s*=\s*[\"'](superscript|subscript)")


def scripted(text: str, *, raised: bool) -> str | None:
    """The text in raised (or lowered) characters; None when there are none for some of it."""
    table = _RAISED if raised else _LOWERED
    return text.translate(table) if all(ord(char) in table or char.isspace() for char in text) else None


def with_scripts(part: bytes) -> tuple[bytes, list[str]]:
    """A part of a workbook with the raised and lowered runs of its strings as such characters.

    Also the texts for which there are none; they stay as they are.
    """
    pieces: list[bytes] = []
    lost: list[str] = []
    for piece in _RUN_END.split(part):
        at = piece.rfind(b"vertAlign")
        said = _SAID.match(piece, at) if at >= 0 else None
        run = _RUN_TEXT.search(piece, at) if said else None
        if said is None or run is None:
            pieces.append(piece)
            continue
        text = run[1].decode("utf-8", "replace")
        shown = scripted(text, raised=said[1] == b"superscript")
        if shown is None:
            lost.append(text)
            pieces.append(piece)
        else:
            pieces += (piece[: run.start(1)], shown.encode(), piece[run.end(1) :])
    return b"".join(pieces), lost
