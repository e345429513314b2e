"""`examhall papers assemble --facts`: forms out of plain tables, without a server, a key or a data folder."""

import json
import resource
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from itembank.problems import InputRefused, Problem
from server.cli.bare_jobs import bare_jobs
from server.errors import Refused


@dataclass(frozen=True, slots=True)
class Tables:
    """What to assemble from plain tables, as asked for."""

    facts: Path
    demands: Path
    forms: int
    max_overlap: int | None
    seats: Path | None
    seed: str


def assembled(tables: Tables) -> dict[str, Any]:
    """The answer that programs rely on. Raises InputRefused with file, row and column of what is wrong."""
    seats = _seats(tables.seats)
    seed = tables.seed.strip() or str(secrets.randbits(63))
    if not (seed.isascii() and seed.isdigit()):
        raise Refused("seed_not_a_number")
    payload = {
        "facts": tables.facts.read_bytes(),
        "facts_name": tables.facts.name,
        "demands": tables.demands.read_bytes(),
        "demands_name": tables.demands.name,
        "forms": tables.forms,
        "max_overlap": tables.max_overlap,
        "seats": seats,
        "spares": max(tables.forms - len(seats), 0) if seats else 0,
        "seed": seed,
    }
    before = _cpu()
    outcome = bare_jobs().run("assemble_tables", payload)
    if "refused" in outcome:
        raise InputRefused(*(Problem.from_json(each) for each in outcome["refused"]))
    first = ("forms", "status", "shortages", "objective", "bound")
    return {
        **{name: outcome[name] for name in first},
        "cpu_seconds": round(_cpu() - before, 2),
        "peak_rss_mib": outcome["peak_rss_mib"],
        "seed": seed,
        "spares": outcome["spares"],
        "proof": outcome["proof"],
    }


def _seats(file: Path | None) -> list[tuple[float, float]]:
    """[[x, y], …] as the file has it."""
    if file is None:
        return []
    try:
        places = [(float(x), float(y)) for x, y in json.loads(file.read_bytes())]
    except (ValueError, TypeError) as fault:
        raise InputRefused(Problem("seats_not_readable", file.name)) from fault
    if not places:
        raise InputRefused(Problem("seats_not_readable", file.name))
    return places


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
