"""A small bank with a blueprint that fits it, and assemblies run here instead of in a child, for tests."""

from typing import Any

from itembank.importing.tables import read_table
from server.access import Actor
from server.db.papers import PaperSet
from server.host import Host
from server.jobs.assembling import assemble
from server.rules.blueprint_form import file_text
from server.rules.roomfile import read_rooms
from server.rules.roster import read_roster
from server.services import assembly_runs, banks, blueprint_drafts, blueprints, rooms, rosters
from server.services.assembly_runs import AssemblyPlan, FurtherRules
from tests.server import bank_desk, preparing
from tests.server.desk import csv

POINTS = 6
"""Points of every scope of `items`."""


def items(scopes: dict[str, int]) -> list[list[object]]:
    """Rows of a 17-column table: so many items for each scope, every fourth one true/false, bands 2 to 4."""
    made = []
    for scope, count in scopes.items():
        for n in range(count):
            row = bank_desk.row(
                len(made) + 1,
                kind="C" if n % 4 == 3 else "B",
                answer="对" if n % 4 == 3 else "A",
                point=f"{scope}-{n % POINTS + 1:03}",
            )
            row[14] = 2 + n % 3
            made.append(row)
    return [bank_desk.HEAD, *made]


def bank(host: Host, who: Actor, scopes: dict[str, int], name: str = "小题库") -> int:
    """A bank of active items."""
    bank_id = host.db.write(banks.create, who, banks.new_bank(name, "baowei", 3), now=host.now())
    import_id = preparing.dry_run(host, who, bank_id, csv(items(scopes)), "bank.csv")
    preparing.take_in(host, preparing.CONSOLE, import_id, reviewed=True)
    return bank_id


def blueprint(
    host: Host, who: Actor, weights: dict[str, int], kinds: dict[str, tuple[int, str]], **more: Any
) -> int:
    """A blueprint in use: scopes with their weights, kinds with their counts and points."""
    scopes = [
        {
            "code": code,
            "name": f"范围 {code}",
            "weight": weight,
            "points": [{"code": f"{code}-{n + 1:03}", "name": f"鉴定点 {n + 1}"} for n in range(POINTS)],
        }
        for code, weight in weights.items()
    ]
    text = file_text(
        {
            "title": "小细目表",
            "occupation": "baowei",
            "level": 3,
            "size": sum(count for count, _points in kinds.values()),
            "kinds": {kind: {"count": count, "points": points} for kind, (count, points) in kinds.items()},
            "scopes": scopes,
            **more,
        }
    )
    blueprint_id = host.db.write(blueprints.store, who, text, now=host.now())
    host.db.write(blueprint_drafts.approve, preparing.CONSOLE, blueprint_id, now=host.now())
    return blueprint_id


SMALL = {"A-A": 60, "B-A": 60}


def small(host: Host, who: Actor) -> tuple[int, int]:
    """120 items in two scopes, and a blueprint of 20 of them: 15 single choice, 5 true/false, 5 points each."""
    kinds = {"single": (15, "5"), "true_false": (5, "5")}
    return bank(host, who, SMALL), blueprint(host, who, {"A-A": 50, "B-A": 50}, kinds)


def run(host: Host, who: Actor, plan: AssemblyPlan) -> int:
    """Begins, assembles and stores."""
    paper_set = host.db.write(assembly_runs.begin, who, plan, now=host.now())
    with host.db.read() as session:
        payload = assembly_runs.job_payload(session, paper_set)
    host.db.write(assembly_runs.store_outcome, paper_set, assemble(payload, lambda *_: None))
    return paper_set


def plan_of(
    sources: tuple[int, int], forms: int, overlap: int = 0, *, seed: str = "7", **rules: Any
) -> AssemblyPlan:
    """A plan; the rules by keyword are `FurtherRules`."""
    return AssemblyPlan("小试卷", *sources, forms, overlap, seed, FurtherRules(**rules))


def rebuilt(host: Host, who: Actor, paper_set: int) -> bool:
    """Assembles again from what was stored; whether that gave the same."""
    with host.db.read() as session:
        payload = assembly_runs.begin_rebuild(session, who, paper_set)
    outcome = assemble(payload, lambda *_: None)
    return host.db.write(assembly_runs.store_rebuild, who, paper_set, outcome, now=host.now())


def forms(host: Host, paper_set: int) -> dict[str, list[str]]:
    """The kept forms."""
    with host.db.read() as session:
        return assembly_runs.forms_of(session, paper_set)


def row(host: Host, paper_set: int) -> PaperSet:
    """The stored set with its snapshot."""
    with host.db.read() as session:
        found = session.get_one(PaperSet, paper_set)
        assembly_runs.snapshot(found)  # loads what is deferred
        return found


def room(host: Host, who: Actor, name: str = "小考场", across: int = 3, deep: int = 3) -> int:
    """A grid of seats 1.2 m apart and one spare seat behind them."""
    head = ["考场", "座位号", "行", "列", "x(米)", "y(米)", "类型"]
    seats = [
        [name, f"{y * across + x + 1:02}", y + 1, x + 1, 1 + 1.2 * x, 1 + 1.2 * y, "普通"]
        for y in range(deep)
        for x in range(across)
    ]
    spare = [name, "90", deep + 1, 1, 1.0, 1 + 1.2 * deep, "备用"]
    sheets = read_table(csv([head, *seats, spare]), "room.csv")
    return host.db.write(rooms.store_rooms, who, read_rooms(sheets), now=host.now())[0]


def roster(host: Host, who: Actor, room_sitting: int, count: int) -> None:
    """The first candidates of the sample roster."""
    lines = (preparing.SAMPLES / "roster_sample.csv").read_text("utf-8-sig").splitlines()
    sheets = read_table("\n".join(lines[: count + 2]).encode(), "roster.csv")
    host.db.write(rosters.store_roster, who, room_sitting, read_roster(sheets).entries, now=host.now())
