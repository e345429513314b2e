"""`examhall papers assemble | approve | list`: forms out of a bank, by persons who give their passwords.

Who assembles and who approves are two people; both are known by their passwords, never by the shell.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.blueprint import Blueprint, load_blueprint
from itembank.problems import InputRefused, Problem
from server.access import Actor, Permission
from server.cli.opening import opened
from server.cli.persons import signed_in
from server.cli.problems import problem_text
from server.cli.words import _
from server.db.bank import Bank, BlueprintRow
from server.errors import NotFound
from server.host import Host
from server.services import blueprints
from server.services import papers as service

EXIT_SHORTAGE = 2
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to assemble, as asked for."""

    bank: str
    blueprint: Path
    title: str
    forms: int
    max_overlap: int
    seed: str


@click.group(help=_("试卷。"))
def papers() -> None:
    """Papers."""


@papers.command(help=_("按细目表组成若干份试卷。退出状态 2：题量不足。"))
@click.option("--bank", "bank", required=True, help=_("题库名称"))
@click.option("--blueprint", type=FILE, required=True, help=_("细目表文件（YAML 或 JSON）"))
@click.option("--title", default="", help=_("试卷名称，默认取细目表的名称"))
@click.option("--forms", type=click.IntRange(1, 26), default=4, help=_("份数，默认 4"))
@click.option(
    "--max-overlap", type=click.IntRange(0, 1000), default=0, help=_("任两份最多相同的题数，默认 0")
)
@click.option("--seed", default="", help=_("种子；不给则随机"))
@click.option("--as", "username", required=True, help=_("组卷人的账号，随后询问密码"))
@click.option("--json", "as_json", is_flag=True)
def assemble(  # noqa: PLR0913 - one argument for each option
    bank: str,
    blueprint: Path,
    title: str,
    forms: int,
    max_overlap: int,
    seed: str,
    username: str,
    as_json: bool,
) -> None:
    """Assembles in a child process and keeps the forms with their proof, or the shortages."""
    wanted = Wanted(bank, blueprint, title, forms, max_overlap, seed)
    try:
        with opened(writes=True) as host:
            who = signed_in(host, username, Permission.ASSEMBLE_PAPERS)
            content = _assembled(host, who, wanted)
    except InputRefused as refusal:
        raise click.ClickException("\n".join(problem_text(each) for each in refusal.problems)) from refusal
    click.echo(json.dumps(content, ensure_ascii=False) if as_json else _as_text(content))
    sys.exit(0 if content["status"] == "met" else EXIT_SHORTAGE)


@papers.command(help=_("批准试卷；批准人必须不是组卷人。"))
@click.argument("papers_id", type=int)
@click.option("--as", "username", required=True, help=_("批准人的账号，随后询问密码"))
def approve(papers_id: int, username: str) -> None:
    """The second person's approval."""
    with opened(writes=True) as host:
        who = signed_in(host, username, Permission.APPROVE_PAPERS)
        host.db.write(service.approve, who, papers_id, now=host.now())
    click.echo(_("试卷已批准，可以用于场次。"))


@papers.command(name="list", help=_("列出试卷。"))
@click.option("--json", "as_json", is_flag=True)
def show(as_json: bool) -> None:
    """Every paper set, newest first."""
    with opened(writes=False) as host, host.db.read() as session:
        for row in service.paper_sets(session):
            content = {"papers": row.id, "title": row.title, "state": row.state, "forms": row.forms}
            content["seed"] = row.seed
            plain = f"{row.id}\t{row.title}\t{row.state}\t{row.forms}"
            click.echo(json.dumps(content, ensure_ascii=False) if as_json else plain)


def _assembled(host: Host, who: Actor, wanted: Wanted) -> dict[str, Any]:
    text = wanted.blueprint.read_text("utf-8-sig")
    blueprint = load_blueprint(text)
    if not isinstance(blueprint, Blueprint):
        raise InputRefused(*blueprint)
    with host.db.read() as session:
        bank_id = session.scalar(select(Bank.id).where(Bank.name == wanted.bank.strip()))
        known = _stored(session, text)
    if bank_id is None:
        raise NotFound("bank")
    blueprint_id = known or host.db.write(blueprints.store, who, text, now=host.now())
    title = wanted.title or blueprint.title
    plan = service.AssemblyPlan(title, bank_id, blueprint_id, wanted.forms, wanted.max_overlap, wanted.seed)
    paper_set = host.db.write(service.begin, who, plan, now=host.now())
    with host.db.read() as session:
        payload = service.job_payload(session, paper_set)
    outcome = host.jobs.run("assemble", payload)
    host.db.write(service.store_outcome, paper_set, outcome)
    with host.db.read() as session:
        seed = service.get(session, paper_set).seed
    status = "met" if outcome["forms"] else "infeasible"
    return {"papers": paper_set, "title": title, "seed": seed, "status": status} | outcome


def _stored(session: Session, text: str) -> int | None:
    """The blueprint row with exactly this text; the newest, if it was stored more than once."""
    row = select(BlueprintRow.id).where(BlueprintRow.text == text).order_by(BlueprintRow.id.desc())
    return session.scalar(row.limit(1))


def _as_text(content: dict[str, Any]) -> str:
    if content["status"] == "met":
        said = _("已组成 %(n)d 份试卷（编号 %(id)d，种子 %(seed)s），等待第二人批准。")
        return said % {"n": len(content["forms"]), "id": content["papers"], "seed": content["seed"]}
    lines = [_("题量不足，没有组成试卷：")]
    return "\n".join([*lines, *(problem_text(_shortage(each)) for each in content["shortages"])])


def _shortage(each: dict[str, Any]) -> Problem:
    empty = _("任意")
    return Problem(f"shortage_{each['reason']}", "", {name: value or empty for name, value in each.items()})
