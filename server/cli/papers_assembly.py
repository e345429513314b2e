"""`examhall papers assemble | rebuild`: forms out of a bank or plain tables, and the same once more."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.assembly import FORMS_LIMIT
from itembank.blueprint import Blueprint, load_blueprint
from itembank.problems import InputRefused, Problem
from server.access import Actor, Permission
from server.cli.blueprints import in_use, text_of
from server.cli.opening import opened
from server.cli.papers_facts import Tables, assembled
from server.cli.persons import signed_in
from server.cli.problems import problem_text
from server.cli.words import _
from server.db.bank import Bank
from server.db.rooms import Room
from server.errors import NotFound
from server.host import Host
from server.services import assembly_runs, papers
from server.services.assembly_runs import AssemblyPlan, FurtherRules

EXIT_SHORTAGE = 2
EXIT_DIFFERENT = 3
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to assemble out of a bank, as asked for; `forms` None: one a seat of the room, else four."""

    bank: str
    blueprint: Path
    title: str
    forms: int | None
    max_overlap: int
    seed: str
    room: str
    spares: int
    recent_sittings: int
    recent_max: int
    fixed: tuple[str, ...]
    forbidden: tuple[str, ...]


@click.command(help=_("按细目表组成若干份试卷。退出状态 2：题量不足。"))
@click.option("--bank", default="", help=_("题库名称"))
@click.option("--facts", type=FILE, help=_("不用题库：试题属性表（CSV），细目表为 JSON，不保存任何内容"))
@click.option("--blueprint", type=FILE, required=True, help=_("细目表文件（YAML 或 JSON）"))
@click.option("--title", default="", help=_("试卷名称，默认取细目表的名称"))
@click.option("--forms", type=click.IntRange(1, FORMS_LIMIT), help=_("份数，含备用卷，默认 4"))
@click.option(
    "--max-overlap",
    type=click.IntRange(0, assembly_runs.OVERLAP_LIMIT),
    help=_("任两份最多相同的题数；题库默认 0，属性表默认尽量少；有座位时指相邻座位"),
)
@click.option("--spares", type=click.IntRange(0, FORMS_LIMIT - 1), default=0, help=_("其中备用卷的份数"))
@click.option("--room", default="", help=_("考场名称：每个座位一份，--spares 另加"))
@click.option("--recent-sittings", type=click.IntRange(0), default=0, help=_("避开最近几场用过的试题"))
@click.option("--recent-max", type=click.IntRange(0), default=0, help=_("每份最多用几道近期试题，默认 0"))
@click.option("--fixed", multiple=True, help=_("每份必选的试题编号，可重复"))
@click.option("--forbidden", multiple=True, help=_("禁用的试题编号，可重复"))
@click.option("--seats", type=FILE, help=_("用于 --facts：座位文件 [[x, y], …]，每座一份，多出的份数为备用"))
@click.option("--seed", default="", help=_("种子；不给则随机"))
@click.option("--as", "username", default="", help=_("组卷人的账号，随后询问密码"))
@click.option("--json", "as_json", is_flag=True)
def assemble(username: str, as_json: bool, facts: Path | None, seats: Path | None, **asked: Any) -> None:  # noqa: ANN401 - the options above
    """Assembles in a child process and keeps the forms with their proof, or the shortages."""
    _check_use(username, facts, seats, asked)
    try:
        if facts is not None:
            forms = asked["forms"] or 4
            tables = Tables(facts, asked["blueprint"], forms, asked["max_overlap"], seats, asked["seed"])
            content = assembled(tables)
        else:
            wanted = Wanted(**{**asked, "max_overlap": asked["max_overlap"] or 0})
            with opened(writes=True) as host:
                who = signed_in(host, username, Permission.ASSEMBLE_PAPERS)
                content = _assembled(host, who, wanted)
    except InputRefused as refusal:
        raise click.ClickException("\n".join(problem_text(each) for each in refusal.problems)) from refusal
    click.echo(json.dumps(content, ensure_ascii=False) if as_json else _as_text(content))
    sys.exit(0 if content["status"] == "met" else EXIT_SHORTAGE)


@click.command(help=_("按保存的题库快照和种子重新组卷，核对是否一致。退出状态 3：不一致。"))
@click.argument("papers_id", type=int)
@click.option("--as", "username", required=True, help=_("核对人的账号，随后询问密码"))
@click.option("--json", "as_json", is_flag=True)
def rebuild(papers_id: int, username: str, as_json: bool) -> None:
    """Does a run again and notes whether it gave the same forms."""
    with opened(writes=True) as host:
        who = signed_in(host, username, Permission.ASSEMBLE_PAPERS)
        with host.db.read() as session:
            payload = assembly_runs.begin_rebuild(session, who, papers_id)
        outcome = host.jobs.run("rebuild", payload)
        equal = host.db.write(assembly_runs.store_rebuild, who, papers_id, outcome, now=host.now())
    told = _("重建的试卷与保存的完全一致。") if equal else _("重建的试卷与保存的不一致，请查明原因。")
    content = {"papers": papers_id, "equal": equal, "forms": outcome["forms"]}
    click.echo(json.dumps(content, ensure_ascii=False) if as_json else told)
    sys.exit(0 if equal else EXIT_DIFFERENT)


def _check_use(username: str, facts: Path | None, seats: Path | None, asked: dict[str, Any]) -> None:
    """Raises a usage error for options that do not go together."""
    if facts is None:
        if not (asked["bank"] and username) or seats is not None:
            raise click.UsageError(_("请给出 --bank 和 --as，或者 --facts。"))
        if asked["room"] and asked["forms"]:
            raise click.UsageError(_("--room 按座位决定份数，不能同时给出 --forms。"))
    elif any(
        asked[name] for name in ("spares", "room", "recent_sittings", "recent_max", "fixed", "forbidden")
    ):
        raise click.UsageError(
            _("--facts 不能与 --spares、--room、--recent-*、--fixed、--forbidden 一起使用。")
        )


def _assembled(host: Host, who: Actor, wanted: Wanted) -> dict[str, Any]:
    text = text_of(wanted.blueprint)
    blueprint = load_blueprint(text)
    if not isinstance(blueprint, Blueprint):
        raise InputRefused(*blueprint)
    with host.db.read() as session:
        plan = _plan(session, wanted, text, wanted.title or blueprint.title)
    paper_set = host.db.write(assembly_runs.begin, who, plan, now=host.now())
    with host.db.read() as session:
        payload = assembly_runs.job_payload(session, paper_set)
    outcome = host.jobs.run("assemble", payload)
    host.db.write(assembly_runs.store_outcome, paper_set, outcome)
    with host.db.read() as session:
        row = papers.get(session, paper_set)
        seats = [number for number, _x, _y in assembly_runs.seats_of(row)]
    status = "met" if outcome["forms"] else "infeasible"
    told = {"papers": paper_set, "title": plan.title, "seed": row.seed, "status": status}
    return told | outcome | ({"seats": seats} if seats else {})


def _plan(session: Session, wanted: Wanted, text: str, title: str) -> AssemblyPlan:
    bank_id = session.scalar(select(Bank.id).where(Bank.name == wanted.bank.strip()))
    if bank_id is None:
        raise NotFound("bank")
    room_id = session.scalar(select(Room.id).where(Room.name == wanted.room.strip())) if wanted.room else None
    if wanted.room and room_id is None:
        raise NotFound("room")
    rules = FurtherRules(
        spares=wanted.spares,
        fixed=tuple(dict.fromkeys(wanted.fixed)),
        forbidden=tuple(dict.fromkeys(wanted.forbidden)),
        recent_sittings=wanted.recent_sittings,
        recent_max=wanted.recent_max,
        room_id=room_id,
    )
    blueprint_id = in_use(session, wanted.blueprint, text)
    forms = wanted.forms or 4
    return AssemblyPlan(title, bank_id, blueprint_id, forms, wanted.max_overlap, wanted.seed, rules)


def _as_text(content: dict[str, Any]) -> str:
    if content["status"] == "met" and "papers" not in content:
        return _("已组成 %(n)d 份试卷（种子 %(seed)s）。", n=len(content["forms"]), seed=content["seed"])
    if content["status"] == "met":
        said = _("已组成 %(n)d 份试卷（编号 %(id)d，种子 %(seed)s），等待第二人批准。")
        return said % {"n": len(content["forms"]), "id": content["papers"], "seed": content["seed"]}
    lines = [_("题量不足，没有组成试卷：")]
    return "\n".join([*lines, *(problem_text(_shortage(each)) for each in content["shortages"])])


def _shortage(each: dict[str, Any]) -> Problem:
    empty = _("任意")
    return Problem(f"shortage_{each['reason']}", "", {name: value or empty for name, value in each.items()})
