"""How well and fast papers are assembled from pools of 1,000 to 100,000 items, beside a random draw.

Usage: bench_assembly.py [ITEMS...]. Makes pools of its own, runs the command line in a process of its own for
each line, judges every form from the table alone, and draws as many forms at random, kind by kind, from the
same pool. `legal` are shares of forms that break no demand; `curve` is the range of the expected scores of the
forms at one ability, beside that of the random forms.
"""

import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from tests.benchmarks.assembly_judge import broken
from tests.benchmarks.assembly_pools import Pool, make_pool

SIZES = (1_000, 5_000, 20_000, 100_000)
DRAWN = 20  # random forms judged at least
SEATS = [[x, y] for y in range(6) for x in range(10)]
HEADING = (
    "pool            forms  legal  random   shared mean/max  random mean/max  curve  random  CPU s/form   MiB"
)


@dataclass(frozen=True)
class Case:
    """One line of the table."""

    name: str
    pool: Pool
    forms: int
    more: tuple[str, ...] = ()


def main(arguments: list[str]) -> None:
    """Prints the table line by line."""
    sizes = [int(each) for each in arguments] or SIZES
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        say(HEADING)
        for n in sizes:
            pool = make_pool(n, 1)
            for seed in (1, 2):
                say(line(folder, Case(f"{n} seed {seed}", pool, 1, ("--seed", str(seed)))))
            if n == min(sizes):
                say(line(folder, Case(f"{n} parallel", pool, 10, ("--max-overlap", "10", "--seed", "3"))))
                seats = folder / "seats.json"
                seats.write_text(json.dumps(SEATS))
                say(
                    line(folder, Case(f"{n} seats", pool, len(SEATS), ("--seats", str(seats), "--seed", "4")))
                )
            say(impossible(folder, pool, n))


def line(folder: Path, case: Case) -> str:
    """What came of one case, beside the random draw."""
    found = run(folder, case)
    many = [at_random(case.pool, random.Random(i)) for i in range(max(case.forms, DRAWN))]
    forms, drawn = found["forms"], many[: case.forms]
    shared = f"{mean(overlaps(forms)):6.2f} / {max(overlaps(forms), default=0):2}"
    theirs = f"{mean(overlaps(drawn)):6.2f} / {max(overlaps(drawn), default=0):2}"
    text = (
        f"{case.name:15} {len(forms):5}  {legal(case.pool, forms):5.2f}  {legal(case.pool, many):6.2f}"
        f"   {shared:>15}  {theirs:>15}  {curve(case.pool, forms):5.2f}  {curve(case.pool, drawn):6.2f}"
        f"  {found['cpu_seconds'] / case.forms:10.2f}  {found['peak_rss_mib']:4}"
    )
    if "--seats" in case.more:
        text += f"   shared with a neighbour at most: {beside(forms)}, random: {beside(drawn)}"
    return text


def impossible(folder: Path, pool: Pool, n: int) -> str:
    """How soon one demand too many is named."""
    scope = next(iter(pool.demands["scope_count"]))
    demands = {**pool.demands, "scope_count": {**pool.demands["scope_count"], scope: [40, 40]}}
    found = run(folder, Case("", Pool(pool.rows, demands), 1, ("--seed", "1")))
    named = [short["scope"] or f"{short['name']} {short['of']}" for short in found["shortages"]]
    return (
        f"{n} impossible: named {named} (broken: {scope}) in {found['cpu_seconds']} s CPU, reading included"
    )


def run(folder: Path, case: Case) -> dict[str, Any]:
    """The answer of the command line."""
    facts, demands = folder / "pool.csv", folder / "blueprint.json"
    facts.write_bytes(case.pool.csv())
    demands.write_bytes(case.pool.json())
    asked = ["--facts", str(facts), "--blueprint", str(demands), "--forms", str(case.forms), *case.more]
    command = [
        sys.executable,
        "-c",
        "from server.cli import main; main()",
        "papers",
        "assemble",
        *asked,
        "--json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 2):
        raise SystemExit(done.stderr)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def at_random(pool: Pool, g: random.Random) -> list[str]:
    """A form with the right number of each kind, drawn without a look at anything else."""
    form = []
    for kind, share in pool.demands["kinds"].items():
        form += g.sample([row["id"] for row in pool.rows if row["kind"] == kind], share["count"])
    return form


def legal(pool: Pool, forms: Sequence[Sequence[str]]) -> float:
    """Share of forms that break nothing."""
    return mean([float(not broken(pool, form)) for form in forms])


def overlaps(forms: Sequence[Sequence[str]]) -> list[int]:
    """Items shared, pair by pair."""
    return [len(set(a) & set(b)) for a, b in combinations(forms, 2)]


def beside(forms: Sequence[Sequence[str]]) -> int:
    """The most items shared by neighbouring seats."""
    near = [
        len(set(forms[i]) & set(forms[j]))
        for i, j in combinations(range(len(SEATS)), 2)
        if max(abs(SEATS[i][0] - SEATS[j][0]), abs(SEATS[i][1] - SEATS[j][1])) <= 1
    ]
    return max(near)


def curve(pool: Pool, forms: Sequence[Sequence[str]]) -> float:
    """Range of the expected scores at the middle ability."""
    column = {row["id"]: row["middle"] for row in pool.rows}
    scores = [sum(column[uid] for uid in form) for form in forms]
    return max(scores) - min(scores) if scores else 0.0


def mean(values: Sequence[float]) -> float:
    """Zero for none."""
    return sum(values) / len(values) if values else 0.0


def say(text: str) -> None:
    """A line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
