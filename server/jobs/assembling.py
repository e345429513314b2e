"""The child's part of an assembly: blueprint and pool facts in, forms with proof or shortages out.

Payload of `assemble`: `blueprint` (its text), `pool` (a list of `PoolItem.to_json`; what is left out is
unknown), `forms` (how many, spares included), `max_overlap` (items any two forms may share, with seats:
neighbours; None: as few as can be), `seed` (text of digits). Optional: `per_point_max`, `fixed` and
`forbidden` (lists of uids), `recent_max`, `seats` (a list of [x, y] in seats, one a form that is no spare),
`spares` (how many of the forms, the last ones, are kept in reserve). The answer is `Assembly.to_json`; forms
stand in the order of the seats, the form at place i is called `form_name(i)`.
"""

from collections.abc import Callable
from typing import Any

from itembank.assembly import PoolItem, Rules, assemble_plan
from itembank.assembly import assemble as solve
from itembank.assembly_demands import read_demands
from itembank.assembly_facts import facts_plan, read_facts
from itembank.blueprint import Blueprint, load_blueprint
from itembank.problems import InputRefused
from server.errors import Refused
from server.jobs.memory import peak_mib

_READ = 0.1  # share of the work that reading takes


def assemble(payload: dict[str, Any], report: Callable[..., None]) -> dict[str, Any]:
    """The payload of `services.papers.job_payload` -> `Assembly.to_json()`."""
    blueprint = load_blueprint(payload["blueprint"])
    if not isinstance(blueprint, Blueprint):
        raise Refused("blueprint_unreadable")
    pool = [PoolItem.from_json(facts) for facts in payload["pool"]]
    rules = _rules(payload)
    report(_READ, "solve")
    return solve(blueprint, pool, rules, int(payload["seed"]), _solving(report)).to_json()


def assemble_tables(payload: dict[str, Any], report: Callable[..., None]) -> dict[str, Any]:
    """Plain tables: `facts` and `demands` (bytes of the files), their names, and the rules as above.

    Answers `Assembly.to_json()` with the child's `peak_rss_mib`, or `refused`: a list of problems.
    """
    try:
        demands = read_demands(payload["demands"], payload["demands_name"])
        plan = facts_plan(read_facts(payload["facts"], payload["facts_name"], demands), demands)
    except InputRefused as refusal:
        return {"refused": [problem.to_json() for problem in refusal.problems]}
    rules = _rules(payload)
    report(_READ, "solve")
    answer = assemble_plan(plan, rules, int(payload["seed"]), _solving(report)).to_json()
    return answer | {"peak_rss_mib": peak_mib()}


def _rules(payload: dict[str, Any]) -> Rules:
    try:
        return Rules(
            forms=payload["forms"],
            max_overlap=payload["max_overlap"],
            per_point_max=payload.get("per_point_max", 1),
            fixed=frozenset(payload.get("fixed", ())),
            forbidden=frozenset(payload.get("forbidden", ())),
            recent_max=payload.get("recent_max"),
            seats=tuple((float(x), float(y)) for x, y in payload.get("seats", ())),
            spares=payload.get("spares", 0),
        )
    except (ValueError, TypeError) as fault:
        raise Refused("assembly_rules", detail=str(fault)) from fault


def _solving(report: Callable[..., None]) -> Callable[[float], None]:
    return lambda share: report(_READ + (1 - _READ) * share, "solve")
