"""The proof of an assembly as people read it: by form, in sum over many forms, and who shares what with whom.

A proof is a list of forms, each a list of lines as `itembank.assembly_proof.Constraint.to_json` writes them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations
from statistics import fmean
from typing import Any

Line = dict[str, Any]
OVERLAP = "overlap"


@dataclass(frozen=True, slots=True)
class Summary:
    """One constraint over all forms: the least and the most that a form reaches, and who does not meet it.

    `line` is the constraint of the first form that has it; `forms` counts those that have it.
    """

    line: Line
    least: str
    most: str
    forms: int
    unmet: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Spread:
    """Items shared by the two forms of a pair, over a number of pairs."""

    pairs: int
    mean: float
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Overlaps:
    """How many items forms share: `rows[i][j]` of forms i and j (i itself: all its items), and the spreads.

    `near` counts pairs of neighbours alone, None where forms have no seats; `beside[i]` is the most that
    form i shares with a neighbour.
    """

    forms: tuple[str, ...]
    rows: tuple[tuple[int, ...], ...]
    all: Spread | None
    near: Spread | None
    beside: Mapping[str, int]


def proof_lines(proof: Sequence[Sequence[Line]]) -> list[tuple[Line, list[Line | None]]]:
    """The proof as rows: a constraint, and what each form reaches; a row for every constraint of any form."""
    keys = {_key(line): line for form in proof for line in form}
    by_form = [{_key(line): line for line in form} for form in proof]
    return [(line, [form.get(key) for form in by_form]) for key, line in keys.items()]


def summaries(proof: Sequence[Sequence[Line]], forms: Sequence[str]) -> list[Summary]:
    """The proof in sum: one row for each constraint, the overlaps of all pairs as one row."""
    gathered: dict[tuple[str, str], list[tuple[str, Line]]] = {}
    for name, lines in zip(forms, proof, strict=True):
        for line in lines:
            key = (OVERLAP, "") if line["name"] == OVERLAP else _key(line)
            gathered.setdefault(key, []).append((name, line))
    return [_summary(key[1], cells) for key, cells in gathered.items()]


def overlaps(forms: Mapping[str, Sequence[str]], near: Iterable[frozenset[str]] = ()) -> Overlaps:
    """Counted from the forms themselves (name -> uids), not from the proof; `near` are neighbouring pairs."""
    held = {name: frozenset(uids) for name, uids in forms.items()}
    shared = {frozenset(pair): len(held[pair[0]] & held[pair[1]]) for pair in combinations(held, 2)}
    beside: dict[str, int] = {}
    neighbours = [pair for pair in near if pair in shared]
    for pair in neighbours:
        for name in pair:
            beside[name] = max(beside.get(name, 0), shared[pair])
    rows = [[shared.get(frozenset((a, b)), len(held[a])) for b in held] for a in held]
    return Overlaps(
        tuple(held),
        tuple(map(tuple, rows)),
        _spread(list(shared.values())),
        _spread([shared[pair] for pair in neighbours]),
        beside,
    )


def neighbour_pairs(proof: Sequence[Sequence[Line]], forms: Sequence[str]) -> list[frozenset[str]]:
    """The pairs whose overlap a proof with seats tells: neighbours alone."""
    lines = zip(forms, proof, strict=True)
    return [frozenset((name, line["of"])) for name, form in lines for line in form if line["name"] == OVERLAP]


def form_lines(proof: Sequence[Sequence[Line]], forms: Sequence[str], form: str) -> list[Line]:
    """All lines about one form: its own, and its overlap with later forms, which those forms' lines tell."""
    own = list(proof[forms.index(form)])
    for name, lines in zip(forms, proof, strict=True):
        own += [{**line, "of": name} for line in lines if line["name"] == OVERLAP and line["of"] == form]
    return own


def _key(line: Line) -> tuple[str, str]:
    return line["name"], line["of"]


def _summary(of: str, cells: Sequence[tuple[str, Line]]) -> Summary:
    reached = sorted((line["reached"] for _form, line in cells), key=Decimal)
    unmet = tuple(dict.fromkeys(form for form, line in cells if not line["met"]))
    first = {**cells[0][1], "of": of}
    return Summary(first, reached[0], reached[-1], len({form for form, _line in cells}), unmet)


def _spread(counts: Sequence[int]) -> Spread | None:
    if not counts:
        return None
    return Spread(len(counts), fmean(counts), min(counts), max(counts))
