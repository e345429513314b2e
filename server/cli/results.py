"""`examhall results replay BATCH`: works every result of a batch out again and compares; writes nothing."""

import json
import sys
from dataclasses import asdict
from typing import Any

import click
from sqlalchemy import select

from server.cli.opening import opened
from server.cli.words import _
from server.db.sittings import Batch
from server.errors import NotFound
from server.host import Host
from server.jobs.results import mark
from server.messages import N_
from server.services.results_replay import Finding, Replay
from server.services.results_replay import replay as replayed

WHAT = {
    "result": N_("成绩"),
    "marks": N_("考场评分"),
    "panel": N_("考评组评分"),
    "exemption": N_("免试决定"),
    "correction": N_("更正的批准人数"),
    "key_fix": N_("答案更正的批准人数"),
    "history": N_("变更记录"),
    "not_replayable": N_("不能重算"),
}


@click.group(help=_("成绩。"))
def results() -> None:
    """Results of batches."""


@results.command(
    help=_(
        "从作答、评分记录、免试、处理决定和等级政策重算一个批次的成绩，与保存的比较；不一致时退出状态为 1。"
    )
)
@click.argument("batch")
@click.option("--json", "as_json", is_flag=True)
def replay(batch: str, as_json: bool) -> None:
    """BATCH is a batch's number or its name. May run while the server does."""
    with opened(writes=False) as host:
        found = run(host, batch)
    click.echo(json.dumps(as_json_of(found), ensure_ascii=False) if as_json else _told(found))
    sys.exit(1 if found.findings else 0)


def run(host: Host, batch: str) -> Replay:
    """The replay of a batch by number or name, read only; answers are marked in this process."""
    with host.db.read() as session:
        number = int(batch) if batch.isdecimal() and len(batch) < 10 else 0
        query = select(Batch.id).where((Batch.id == number) | (Batch.name == batch))
        batch_id = session.scalars(query.order_by(Batch.name != batch)).first()
        if batch_id is None:
            raise NotFound("batch")
        return replayed(session, host.answers, batch_id, lambda payload: mark(payload, lambda *_args: None))


def as_json_of(found: Replay) -> dict[str, Any]:
    """The answer as plain values; "agrees": nothing was found."""
    plain = asdict(found)
    return plain | {"agrees": not found.findings, "findings": [asdict(each) for each in found.findings]}


def _told(found: Replay) -> str:
    counted = _(
        "%(name)s：%(people)s 名考生，%(results)s 项成绩",
        name=found.name,
        people=found.candidates,
        results=found.results,
    )
    if not found.findings:
        return f"{counted}\n{_('全部一致')}"
    return "\n".join([counted, *map(_line, found.findings)])


def _line(each: Finding) -> str:
    who = f"candidate/{each.candidate}" if each.candidate else ""
    return "\t".join((_(WHAT[each.what]), each.place, who, each.component, each.stored, "≠", each.computed))
