"""`examhall user add | list`."""

import json
from pathlib import Path

import click

from server.access import SYSTEM, Role
from server.cli.opening import opened
from server.cli.words import _
from server.services import passwords, staff

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
ROLES = [role.value for role in Role]


@click.group(help=_("考务人员。"))
def user() -> None:
    """Accounts of the staff."""


@user.command(help=_("新增人员。"))
@click.argument("username")
@click.option("--name", required=True, help=_("姓名"))
@click.option(
    "--role", "roles", multiple=True, required=True, type=click.Choice(ROLES), help=_("角色，可重复")
)
@click.option("--password-file", type=FILE, help=_("首行为密码的文件；不给则询问"))
def add(username: str, name: str, roles: tuple[str, ...], password_file: Path | None) -> None:
    """Adds one person."""
    if password_file is not None:
        word = password_file.read_text().splitlines()[0]
    else:
        word = str(click.prompt(_("密码"), hide_input=True, confirmation_prompt=True))
    hashed = passwords.hash_password(passwords.acceptable(word))
    new = staff.NewPerson(username, name, hashed, frozenset(Role(role) for role in roles))
    with opened(writes=True) as host:
        host.db.write(staff.add_person, SYSTEM, new, now=host.now())
    click.echo(_("已新增：%(username)s", username=staff.tidy_username(username)))


@user.command(name="list", help=_("列出人员。"))
@click.option("--json", "as_json", is_flag=True)
def show(as_json: bool) -> None:
    """Lists everybody."""
    with opened(writes=False) as host, host.db.read() as session:
        found = staff.people(session)
    for one in found:
        row = {"username": one.username, "name": one.name, "roles": list(one.roles), "active": one.active}
        plain = f"{one.username}\t{one.name}\t{','.join(one.roles)}\t{'' if one.active else _('已停用')}"
        click.echo(json.dumps(row, ensure_ascii=False) if as_json else plain)
