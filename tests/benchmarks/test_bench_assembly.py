"""The whole table of `make bench-assembly` for its smallest pool: every form legal, the rest as promised."""

import json
from pathlib import Path

import pytest

from tests.benchmarks.assembly_pools import make_pool
from tests.benchmarks.bench_assembly import SEATS, Case, beside, curve, legal, overlaps, run


@pytest.mark.long
def test_a_room_of_sixty_seats_from_a_thousand_items(tmp_path: Path) -> None:
    pool = make_pool(1000, 1)
    seats = tmp_path / "seats.json"
    seats.write_text(json.dumps(SEATS))
    found = run(tmp_path, Case("seats", pool, 60, ("--seats", str(seats), "--seed", "4")))
    assert legal(pool, found["forms"]) == 1
    assert beside(found["forms"]) == 0
    assert curve(pool, found["forms"]) <= 0.2
    assert len({frozenset(form) for form in found["forms"]}) == 60


@pytest.mark.long
def test_ten_parallel_forms_and_one_from_a_hundred_thousand(tmp_path: Path) -> None:
    pool = make_pool(1000, 1)
    ten = run(tmp_path, Case("ten", pool, 10, ("--max-overlap", "10", "--seed", "3")))
    assert legal(pool, ten["forms"]) == 1
    assert max(overlaps(ten["forms"])) <= 10
    large = make_pool(100_000, 1)
    one = run(tmp_path, Case("one", large, 1, ("--seed", "1")))
    assert legal(large, one["forms"]) == 1
    assert one["cpu_seconds"] <= 6 and one["peak_rss_mib"] <= 400
