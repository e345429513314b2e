"""`examhall templates check | import | sample | list`: templates of score sheets from the command line."""

import json
from pathlib import Path
from typing import Any

import click
from sqlalchemy import select

from itembank.problems import Problem
from itembank.sheet_template import Template
from server.access import Permission
from server.cli.bare_jobs import bare_jobs
from server.cli.opening import opened
from server.cli.persons import signed_in
from server.cli.problems import problem_text
from server.cli.words import _
from server.db.bank import Bank
from server.errors import Refused
from server.host import Host
from server.jobs.runner import Jobs
from server.services import sample_templates, sheet_templates

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
EXIT_FAULTS = 2


@click.group(help=_("技能考核和综合评审的评分表。"))
def templates() -> None:
    """Templates of score sheets."""


@templates.command(help=_("只检查评分表文件，不保存。退出状态 2：有错误。"))
@click.argument("file", type=FILE)
@click.option("--json", "as_json", is_flag=True)
def check(file: Path, as_json: bool) -> None:
    """A dry run without a server."""
    found = _read(bare_jobs(), file)
    _tell(found, as_json=as_json)
    click.get_current_context().exit(EXIT_FAULTS if found["faults"] else 0)


@templates.command(
    name="import", help=_("把评分表文件保存为草稿，由另一人批准后使用。退出状态 2：有错误，没有保存。")
)
@click.argument("file", type=FILE)
@click.option("--bank", "bank", default="", help=_("题库名称；存为新版时不用"))
@click.option("--of", "of", type=int, help=_("存为这份评分表（编号）的新版"))
@click.option("--note", default="", help=_("新版的修改说明"))
@click.option("--doubts-seen", "seen", is_flag=True, help=_("需要人工确认之处已逐一核对"))
@click.option("--as", "username", required=True, help=_("编写人的账号，随后询问密码"))
@click.option("--json", "as_json", is_flag=True)
def import_(  # noqa: PLR0913 - one argument for each option
    file: Path, bank: str, of: int | None, note: str, seen: bool, username: str, as_json: bool
) -> None:
    """Keeps what a file holds when nothing is wrong with it and every doubt was looked at."""
    if (of is None) == (not bank):
        raise click.UsageError(_("请给出 --bank 或 --of 之一。"))
    with opened(writes=True) as host:
        who = signed_in(host, username, Permission.AUTHOR_TEMPLATES)
        found = _read(host.jobs, file)
        if found["faults"]:
            _tell(found, as_json=as_json)
            click.get_current_context().exit(EXIT_FAULTS)
        if found["doubts"] and not seen:
            _tell(found, as_json=False)
            raise Refused("template_doubts_unseen", 422, count=len(found["doubts"]))
        template = Template.from_json(found["template"])
        if of is None:
            number = host.db.write(sheet_templates.store, who, _bank(host, bank), template, now=host.now())
        else:
            number = host.db.write(sheet_templates.store_version, who, of, template, note, now=host.now())
    _kept(number, as_json=as_json)


@templates.command(help=_("把随产品附带的示例评分表保存为草稿。"))
@click.argument("component", type=click.Choice(sorted(sample_templates.FILES)))
@click.option("--bank", required=True, help=_("题库名称"))
@click.option("--as", "username", required=True, help=_("编写人的账号，随后询问密码"))
@click.option("--json", "as_json", is_flag=True)
def sample(component: str, bank: str, username: str, as_json: bool) -> None:
    """A template to look at and to start from, marked 示例."""
    with opened(writes=True) as host:
        who = signed_in(host, username, Permission.AUTHOR_TEMPLATES)
        template = sample_templates.sample(component)
        number = host.db.write(sheet_templates.store, who, _bank(host, bank), template, now=host.now())
    _kept(number, as_json=as_json)


@templates.command(name="list", help=_("列出评分表，不含考核内容。"))
@click.option("--json", "as_json", is_flag=True)
def show(as_json: bool) -> None:
    """Every version, nothing of what is asked."""
    with opened(writes=False) as host, host.db.read() as session:
        for row in sheet_templates.templates(session):
            content = {
                "template": row.id,
                "title": row.title,
                "component": row.component,
                "version": row.version,
                "state": row.state,
                "sha256": row.sha256,
            }
            plain = f"{row.id}\t{row.title}\t{row.version}\t{row.state}"
            click.echo(json.dumps(content, ensure_ascii=False) if as_json else plain)


def _read(jobs: Jobs, file: Path) -> dict[str, Any]:
    return jobs.run("read_template", {"data": file.read_bytes(), "name": file.name})


def _tell(found: dict[str, Any], *, as_json: bool) -> None:
    faults, doubts = ([Problem.from_json(each) for each in found[kind]] for kind in ("faults", "doubts"))
    if as_json:
        told = {"faults": [_line(each) for each in faults], "doubts": [_line(each) for each in doubts]}
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    for each in faults:
        click.echo(_worded(each))
    for each in doubts:
        click.echo(_("请核对：%(why)s", why=_worded(each)))
    if not faults and not doubts:
        click.echo(_("没有发现错误。"))


def _line(problem: Problem) -> dict[str, object]:
    return {**problem.to_json(), "message": problem_text(problem)}


def _worded(problem: Problem) -> str:
    words, column = problem_text(problem), problem.params.get("column", "")
    return str(_("%(words)s（%(column)s列）", words=words, column=column)) if column else words


def _bank(host: Host, name: str) -> int:
    with host.db.read() as session:
        found = session.scalar(select(Bank.id).where(Bank.name == name))
    if found is None:
        raise Refused("bank_missing", 422, name=name)
    return found


def _kept(number: int, *, as_json: bool) -> None:
    text = _("已保存为草稿（编号 %(id)d），由另一人批准后使用。", id=number)
    click.echo(json.dumps({"template": number}) if as_json else text)
