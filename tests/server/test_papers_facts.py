"""`examhall papers assemble --facts`: plain tables in, forms out, in a limited child, without a server."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from server.cli import main
from server.jobs import tasks
from tests.benchmarks.assembly_pools import Pool, make_pool

pytestmark = pytest.mark.usefixtures("cold_children")


@pytest.fixture(scope="module")
def pool() -> Pool:
    return make_pool(300, 1, part=5)


def assemble(folder: Path, pool: Pool, *more: str) -> Result:
    (folder / "pool.csv").write_bytes(pool.csv())
    (folder / "blueprint.json").write_bytes(pool.json())
    tables = ("--facts", str(folder / "pool.csv"), "--blueprint", str(folder / "blueprint.json"))
    environment = {"EXAMHALL_DATA": str(folder / "nothing-here")}
    return CliRunner().invoke(main, ["papers", "assemble", *tables, *more], env=environment)


@pytest.mark.dear
def test_forms_proof_and_cost_are_printed_and_rebuild(tmp_path: Path, pool: Pool) -> None:
    asked = ("--forms", "2", "--max-overlap", "1", "--seed", "17", "--json")
    first, again = (assemble(tmp_path, pool, *asked) for _ in range(2))
    assert first.exit_code == 0, first.output
    found, same = json.loads(first.stdout), json.loads(again.stdout)
    assert (found["status"], found["shortages"], found["seed"]) == ("met", [], "17")
    assert [len(form) for form in found["forms"]] == [19, 19]
    assert len(set(found["forms"][0]) & set(found["forms"][1])) <= 1
    assert all(line["met"] for lines in found["proof"] for line in lines)
    assert found["bound"] <= found["objective"]
    assert 0 < found["cpu_seconds"] < 30 and 20 < found["peak_rss_mib"] < 400
    measured = ("cpu_seconds", "peak_rss_mib")
    assert {k: v for k, v in found.items() if k not in measured} == {
        k: v for k, v in same.items() if k not in measured
    }
    assert not (tmp_path / "nothing-here").exists()


@pytest.mark.dear
def test_a_form_a_seat_and_a_spare(tmp_path: Path, pool: Pool) -> None:
    (tmp_path / "seats.json").write_text("[[0, 0], [1, 0], [0, 1]]")
    asked = ("--forms", "4", "--seats", str(tmp_path / "seats.json"), "--seed", "1", "--json")
    found = json.loads(assemble(tmp_path, pool, *asked).stdout)
    assert found["spares"] == ["D"]
    seated = [set(form) for form in found["forms"][:3]]
    assert not seated[0] & seated[1] and not seated[0] & seated[2] and not seated[1] & seated[2]


@pytest.mark.dear
def test_what_cannot_be_is_named_and_ends_with_two(tmp_path: Path, pool: Pool) -> None:
    tight = Pool(pool.rows, {**pool.demands, "seconds_max": 100})
    done = assemble(tmp_path, tight, "--forms", "1", "--seed", "1", "--json")
    found = json.loads(done.stdout)
    assert (done.exit_code, found["status"], found["forms"]) == (2, "infeasible", [])
    assert [(s["reason"], s["name"]) for s in found["shortages"]] == [("row", "seconds")]
    told = assemble(tmp_path, tight, "--forms", "1", "--seed", "1")
    assert told.exit_code == 2
    assert "0–100" in told.stdout


def test_a_bad_file_is_named_with_row_and_column(tmp_path: Path, pool: Pool) -> None:
    rows = [dict(pool.rows[0]), {**pool.rows[1], "seconds": "soon"}]
    done = assemble(tmp_path, Pool(rows, pool.demands), "--json")
    assert done.exit_code == 1
    assert "pool.csv row 3" in done.stderr and "seconds" in done.stderr and "soon" in done.stderr


@pytest.mark.parametrize("seats", ["", "[[1]]", "[]", '{"a": 1}', '[["x", 1]]', "[[0, 0], [1, 0]]"])
def test_seats_that_do_not_fit_are_refused(tmp_path: Path, pool: Pool, seats: str) -> None:
    (tmp_path / "seats.json").write_text(seats)
    done = assemble(tmp_path, pool, "--forms", "1", "--seats", str(tmp_path / "seats.json"))
    assert done.exit_code == 1
    assert done.stderr.startswith("Error:")


def test_a_bank_or_tables_must_be_named(tmp_path: Path) -> None:
    blueprint = tmp_path / "b.yaml"
    blueprint.write_text("")
    done = CliRunner().invoke(main, ["papers", "assemble", "--blueprint", str(blueprint)])
    assert done.exit_code == 2
    assert "--facts" in done.stderr


def test_assembly_may_take_longer_than_other_jobs() -> None:
    assert set(tasks.PATIENCE) <= set(tasks.TASKS)
    assert tasks.PATIENCE["assemble_tables"] * 60 >= 300  # a room of sixty seats on a slow machine
