"""The child's part of an assembly: blueprint and pool facts in, forms with proof or shortages out."""

from collections.abc import Callable
from typing import Any

from itembank.assembly import PoolItem, Rules
from itembank.assembly import assemble as solve
from itembank.blueprint import Blueprint, load_blueprint
from itembank.items import ItemKind
from server.errors import Refused


def assemble(payload: dict[str, Any], report: Callable[..., None]) -> dict[str, Any]:
    """The payload of `services.papers.job_payload` -> `Assembly.to_json()`."""
    blueprint = load_blueprint(payload["blueprint"])
    if not isinstance(blueprint, Blueprint):
        raise Refused("blueprint_unreadable")
    pool = [_item(facts) for facts in payload["pool"]]
    rules = Rules(forms=payload["forms"], max_overlap=payload["max_overlap"])
    report(0.1, "solve")
    return solve(blueprint, pool, rules, int(payload["seed"])).to_json()


def _item(facts: dict[str, Any]) -> PoolItem:
    return PoolItem(
        uid=facts["uid"],
        point=facts["point"],
        kind=ItemKind(facts["kind"]),
        difficulty=facts["difficulty"],
        importance=facts["importance"],
        uses=facts["uses"],
    )
