"""The proof in sum and what forms share, against a count done the long way."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.rules import proof_tables


def line(name: str, of: str, reached: str, *, low: int = 0, high: int = 9, binding: bool = True) -> dict:
    met = low <= Decimal(reached) <= high
    required = str(low) if low == high else f"{low}–{high}"
    told = {"name": name, "of": of, "low": str(low), "high": str(high), "required": required}
    return told | {"reached": reached, "binding": binding, "met": met}


PROOF = [
    [line("scope", "A", "9"), line("kind", "single", "10", high=12)],
    [line("scope", "A", "10"), line("kind", "single", "9", high=12), line("overlap", "A", "2", high=1)],
    [line("scope", "A", "2.5"), line("overlap", "A", "0", high=1), line("overlap", "B", "5", high=1)],
]


def test_a_summary_counts_as_numbers_and_names_who_misses_what() -> None:
    found = {each.line["name"]: each for each in proof_tables.summaries(PROOF, ["A", "B", "C"])}
    scope, kind, overlap = found["scope"], found["kind"], found["overlap"]
    assert (scope.least, scope.most, scope.forms, scope.unmet) == ("2.5", "10", 3, ("B",))
    assert (kind.least, kind.most, kind.forms, kind.unmet) == ("9", "10", 2, ())
    assert (overlap.line["of"], overlap.least, overlap.most) == ("", "0", "5")
    assert (overlap.forms, overlap.unmet) == (2, ("B", "C"))


def test_a_row_for_every_constraint_and_a_gap_where_a_form_has_none() -> None:
    rows = {(first["name"], first["of"]): cells for first, cells in proof_tables.proof_lines(PROOF)}
    assert list(rows) == [("scope", "A"), ("kind", "single"), ("overlap", "A"), ("overlap", "B")]
    assert rows["kind", "single"] == [PROOF[0][1], PROOF[1][1], None]


def test_neighbours_are_those_whose_overlap_was_proven() -> None:
    pairs = proof_tables.neighbour_pairs(PROOF, ["A", "B", "C"])
    assert set(pairs) == {frozenset("AB"), frozenset("AC"), frozenset("BC")}


def test_a_form_is_told_its_overlap_with_forms_before_and_after_it() -> None:
    found = proof_tables.form_lines(PROOF, ["A", "B", "C"], "B")
    assert [(each["name"], each["of"], each["reached"]) for each in found] == [
        ("scope", "A", "10"),
        ("kind", "single", "9"),
        ("overlap", "A", "2"),
        ("overlap", "C", "5"),
    ]


@pytest.mark.dear
@given(
    st.dictionaries(st.sampled_from("ABCDEF"), st.sets(st.integers(0, 12)), max_size=6),
    st.sets(st.frozensets(st.sampled_from("ABCDEFG"), min_size=2, max_size=2)),
)
def test_overlaps_are_counted_pair_by_pair(forms: dict[str, set[int]], near: set[frozenset[str]]) -> None:
    uids = {name: [str(n) for n in sorted(held)] for name, held in forms.items()}
    found = proof_tables.overlaps(uids, near)
    for i, a in enumerate(found.forms):
        assert found.rows[i][i] == len(forms[a])
        for j, b in enumerate(found.forms):
            assert found.rows[i][j] == found.rows[j][i] == len(forms[a] & forms[b])
    known = [pair for pair in near if pair <= set(forms)]
    assert (found.all is None) == (len(forms) < 2)
    assert (found.near is None) == (not known)
    if found.near and found.all:
        assert found.near.pairs == len(known)
        assert found.all.least <= found.near.least <= found.near.mean <= found.near.most <= found.all.most
        assert max(found.beside.values()) == found.near.most
