"""Judges forms of a made pool from the table alone, knowing nothing of the engine."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from tests.benchmarks.assembly_pools import Pool


def broken(pool: Pool, form: Sequence[str]) -> list[str]:
    """Families of rows that a form breaks, counted from the table alone."""
    rows = {row["id"]: row for row in pool.rows}
    items, d = [rows[uid] for uid in form], pool.demands
    per_set = Counter(row["stimulus"] for row in pool.rows)
    sets = Counter(i["stimulus"] for i in items if i["stimulus"])
    letters = Counter(i["key"] for i in items if i["kind"] == "single")
    enemies = Counter(i["enemy"] for i in items if i["enemy"])

    def outside(column: Any, table: dict[str, list[int]]) -> bool:
        count = Counter(str(column(i)) for i in items)
        return any(not low <= count[label] <= high for label, (low, high) in table.items())

    def total(column: str) -> float:
        return sum(float(i[column]) for i in items)

    information, curve = d["information"], d["characteristic"]
    off = [
        abs(total(c) - t) > curve["tolerance"] + 1e-6
        for c, t in zip(curve["columns"], curve["target"], strict=True)
    ]
    areas = {a: sum(i["score"] for i in items if i["area"] == a) for a in d["area_points"]}
    low, high = d["single_key_count"]
    found = {
        "length": len(set(form)) != d["size"],
        "kind": outside(lambda i: i["kind"], {k: [v["count"]] * 2 for k, v in d["kinds"].items()}),
        "area_points": areas != d["area_points"],
        "scope": outside(lambda i: i["scope"], d["scope_count"]),
        "kind_area": outside(lambda i: f"{i['kind']}/{i['area']}", d["kind_area_count"]),
        "band": outside(lambda i: i["band"], d["band_count"]),
        "per_point": max(Counter(i["point"] for i in items).values()) > d["per_point_max"],
        "enemy": max(enemies.values(), default=0) > d["per_enemy_group_max"],
        "stimulus": len(sets) != d["stimuli"] or any(per_set[s] != n for s, n in sets.items()),
        "core": sum(i["core"] for i in items) < d["core_min"],
        "seconds": total("seconds") > d["seconds_max"] + 1e-6,
        "recent": sum(i["recent"] for i in items) > d["recent_max"],
        "key": any(not low <= letters[k] <= high for k in "0123"),
        "characteristic": any(off),
        "information": abs(total("information") / information["target"] - 1)
        > information["relative_tolerance"],
    }
    return [name for name, wrong in found.items() if wrong]
