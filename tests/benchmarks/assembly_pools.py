"""Item pools as plain tables, made from a seed, with demands that a typical form of the pool meets.

Areas hold scopes, scopes hold points; single, multiple and true/false items in five bands of difficulty with
Rasch-like success curves; a tenth recently used, some in enemy groups, some in stimulus sets of three or four.
"""

import csv
import io
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np

KINDS = {"single": (60, 1.0), "multiple": (15, 2.0), "true_false": (20, 0.5)}  # count and points of each
AREAS = {"north": 30.0, "south": 45.0, "west": 25.0}
SCOPES, POINTS = 12, 12  # scopes of an area, points of a scope
ABILITIES = (-1.0, 0.0, 1.0)
COLUMNS = (
    "id", "area", "scope", "kind", "band", "score", "point", "core", "seconds", "uses", "recent", "key",
    "enemy", "stimulus", "easy", "middle", "hard", "information",
)  # fmt: skip


@dataclass
class Pool:
    """Rows of a table by column, and the demands of one form."""

    rows: list[dict[str, Any]]
    demands: dict[str, Any] = field(default_factory=dict)

    def csv(self) -> bytes:
        """The table as a file."""
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS)
        writer.writeheader()
        writer.writerows(self.rows)
        return text.getvalue().encode()

    def json(self) -> bytes:
        """The demands as a file."""
        return json.dumps(self.demands).encode()


def make_pool(n: int, seed: int, part: int = 1) -> Pool:
    """n items and the demands of one form of 95 items, or of a `part`-th of it; n at least eight forms."""
    g = np.random.default_rng([n, seed])
    areas = g.choice(list(AREAS), n, p=[0.32, 0.41, 0.27])
    scopes = g.integers(0, SCOPES, n)
    kinds = g.choice(list(KINDS), n, p=[0.6, 0.17, 0.23])
    hardness = g.normal(-0.6, 1.0, n)
    chance = np.array([{"single": 0.25, "multiple": 0.05, "true_false": 0.5}[kind] for kind in kinds])
    score = np.array([KINDS[kind][1] for kind in kinds])
    right = [chance + (1 - chance) / (1 + np.exp(hardness - ability)) for ability in ABILITIES]
    band = 1 + np.digitize(-right[1], [-0.85, -0.73, -0.6, -0.45])
    stimulus, enemy = _groups(g, areas, kinds)
    rows = [
        {
            "id": f"i{i:06d}",
            "area": areas[i],
            "scope": f"{areas[i]}-{scopes[i]:02d}",
            "kind": kinds[i],
            "band": int(band[i]),
            "score": score[i],
            "point": f"{areas[i]}-{scopes[i]:02d}-{g.integers(POINTS):02d}",
            "core": int(g.random() < 0.75),
            "seconds": round(float(np.exp(g.normal(3.5, 0.3))), 1),
            "uses": int(g.poisson(1)),
            "recent": int(g.random() < 0.1),
            "key": "0123"[g.integers(4)] if kinds[i] == "single" else "",
            "enemy": enemy[i],
            "stimulus": stimulus[i],
            "easy": round(score[i] * right[0][i], 5),
            "middle": round(score[i] * right[1][i], 5),
            "hard": round(score[i] * right[2][i], 5),
            "information": round(score[i] ** 2 * right[1][i] * (1 - right[1][i]), 5),
        }
        for i in range(n)
    ]
    return Pool(rows, _demands(rows, part))


def _groups(g: np.random.Generator, areas: Any, kinds: Any) -> tuple[list[str], list[str]]:
    """Names of the stimulus set and the enemy group of each item, mostly none."""
    n = len(areas)
    stimulus, enemy = [""] * n, [""] * n
    singles = [int(i) for i in g.permutation(n) if kinds[i] == "single"]
    for number in range(max(n // 90, 10)):
        size = int(g.integers(3, 5))
        members = [i for i in singles if areas[i] == areas[singles[0]] and not stimulus[i]][:size]
        for i in members:
            stimulus[i] = f"set{number}"
        singles = [i for i in singles if not stimulus[i]]
    lone = [int(i) for i in g.permutation(n) if not stimulus[i]]
    for number in range(n // 40):
        for i in lone[3 * number : 3 * number + 3]:
            enemy[i] = f"foes{number}"
    return stimulus, enemy


def _demands(rows: list[dict[str, Any]], part: int) -> dict[str, Any]:
    counts = {kind: count // part for kind, (count, _points) in KINDS.items()}
    areas = {area: points / part for area, points in AREAS.items()}
    cells: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for row in rows:
        cells.setdefault((row["kind"], row["band"]), []).append(row)
    per_kind = {kind: sum(len(v) for (k, _), v in cells.items() if k == kind) for kind in KINDS}
    share = {cell: counts[cell[0]] * len(v) / per_kind[cell[0]] for cell, v in cells.items()}
    bands = {b: sum(s for (_, band), s in share.items() if band == b) for b in range(1, 6)}

    def typical(column: str) -> float:
        means = {cell: sum(float(row[column]) for row in v) / len(v) for cell, v in cells.items()}
        return round(sum(share[cell] * means[cell] for cell in cells), 2)

    return {
        "size": sum(counts.values()),
        "kinds": {
            kind: {"count": counts[kind], "points": points} for kind, (_count, points) in KINDS.items()
        },
        "area_points": areas,
        "scope_count": {scope: [int(part == 1), 6] for scope in sorted({row["scope"] for row in rows})},
        "kind_area_count": {
            f"{kind}/{area}": [int(count * points / 100 * 0.6), int(count * points / 100 * 1.5) + 1]
            for kind, count in counts.items()
            for area, points in AREAS.items()
        },
        "band_count": {str(b): [max(0, round(s) - 3), round(s) + 3] for b, s in bands.items()},
        "stimuli": 2 if part == 1 else 1,
        "core_min": 65 // part,
        "seconds_max": 3600 // part,
        "recent_max": 5 if part == 1 else 2,
        "single_key_count": [10 // part, 20 // part + 2 * (part > 1)],
        "per_point_max": 1,
        "per_enemy_group_max": 1,
        "characteristic": {
            "columns": ["easy", "middle", "hard"],
            "target": [typical(column) for column in ("easy", "middle", "hard")],
            "tolerance": 0.1,
        },
        "information": {
            "column": "information",
            "target": typical("information"),
            "relative_tolerance": 0.05,
        },
    }
