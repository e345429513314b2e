"""`examhall blueprint add | approve | list`: one person writes a blueprint, another brings it into use."""

import json
from pathlib import Path

import click
from sqlalchemy.orm import Session

from itembank.problems import InputRefused
from server.access import Permission
from server.cli.opening import opened
from server.cli.persons import signed_in
from server.cli.problems import problem_text
from server.cli.words import _
from server.errors import Refused
from server.services import blueprint_drafts, blueprints

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
EXIT_FAULTS = 2


@click.group(help=_("细目表。"))
def blueprint() -> None:
    """Blueprints."""


@blueprint.command(help=_("把细目表文件（YAML 或 JSON）保存为草稿。退出状态 2：草稿有待改正之处。"))
@click.argument("file", type=FILE)
@click.option("--as", "username", required=True, help=_("编写人的账号，随后询问密码"))
@click.option("--json", "as_json", is_flag=True)
def add(file: Path, username: str, as_json: bool) -> None:
    """A draft: a new version of the blueprint with this title, or its first one."""
    text = text_of(file)
    try:
        with opened(writes=True) as host:
            who = signed_in(host, username, Permission.MANAGE_BLUEPRINTS)
            number = host.db.write(blueprints.store, who, text, now=host.now())
    except InputRefused as refusal:
        raise click.ClickException(_reasons(refusal)) from refusal
    problems = [problem_text(each) for each in blueprints.faults(text)]
    if as_json:
        click.echo(json.dumps({"blueprint": number, "faults": problems}, ensure_ascii=False))
    else:
        click.echo(_("已保存为草稿（编号 %(id)d），由另一人批准后使用。", id=number))
        for each in problems:
            click.echo(each)
    click.get_current_context().exit(EXIT_FAULTS if problems else 0)


@blueprint.command(help=_("批准草稿并投入使用；批准人不能是编写人。同一细目表的上一版随即停用。"))
@click.argument("blueprint_id", type=int)
@click.option("--as", "username", required=True, help=_("批准人的账号，随后询问密码"))
def approve(blueprint_id: int, username: str) -> None:
    """The second person's approval; a draft with faults is refused with all of them."""
    try:
        with opened(writes=True) as host:
            who = signed_in(host, username, Permission.APPROVE_BLUEPRINTS)
            host.db.write(blueprint_drafts.approve, who, blueprint_id, now=host.now())
    except InputRefused as refusal:
        raise click.ClickException(_reasons(refusal)) from refusal
    click.echo(_("细目表已批准，可以用于组卷。"))


@blueprint.command(name="list", help=_("列出细目表。"))
@click.option("--json", "as_json", is_flag=True)
def show(as_json: bool) -> None:
    """Every version but discarded drafts."""
    with opened(writes=False) as host, host.db.read() as session:
        for row in blueprints.blueprints(session):
            faults = row.facts.get("faults", 0)
            content = {"blueprint": row.id, "title": row.title, "version": row.version, "state": row.state}
            plain = f"{row.id}\t{row.title}\t{row.version}\t{row.state}"
            click.echo(json.dumps(content | {"faults": faults}, ensure_ascii=False) if as_json else plain)


def text_of(file: Path) -> str:
    """A file's text, line ends as they are. Raises `Refused`."""
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise Refused("file_not_utf8", name=file.name) from fault


def in_use(session: Session, file: Path, text: str) -> int:
    """The blueprint in use that has this text. Raises `Refused` that names the command still to come."""
    row = blueprints.with_text(session, text)
    if row is None:
        raise Refused("blueprint_not_added", path=file)
    if row.state == "draft":
        raise Refused("blueprint_not_approved", id=row.id)
    if row.state != "active":
        raise Refused("blueprint_out_of_use", id=row.id, path=file)
    return row.id


def _reasons(refusal: InputRefused) -> str:
    return "\n".join(problem_text(each) for each in refusal.problems)
