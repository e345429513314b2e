"""`examhall papers assemble | rebuild | approve | retire | list | seal | open | verify`: by persons.

Who assembles and who approves are two people; both are known by their passwords, never by the shell.
"""

import json

import click

from server.access import Permission
from server.cli.opening import opened
from server.cli.papers_assembly import assemble, rebuild
from server.cli.papers_packages import open_, seal, verify
from server.cli.persons import signed_in
from server.cli.words import _
from server.services import papers as service
from server.services.assembly_runs import FurtherRules
from server.services.signed import Signed


@click.group(help=_("试卷。"))
def papers() -> None:
    """Papers."""


for _command in (assemble, rebuild, seal, open_, verify):
    papers.add_command(_command)


@papers.command(help=_("批准试卷；批准人必须不是组卷人。"))
@click.argument("papers_id", type=int)
@click.option("--as", "username", required=True, help=_("批准人的账号，随后询问密码"))
def approve(papers_id: int, username: str) -> None:
    """The second person's approval."""
    with opened(writes=True) as host:
        who = signed_in(host, username, Permission.APPROVE_PAPERS)
        host.db.write(service.approve, who, papers_id, now=host.now())
    click.echo(_("试卷已批准，可以用于场次。"))


@papers.command(help=_("停用试卷，不能恢复。"))
@click.argument("papers_id", type=int)
@click.option("--as", "username", required=True, help=_("停用人的账号，随后询问密码"))
@click.option("--reason", required=True, help=_("停用原因"))
def retire(papers_id: int, username: str, reason: str) -> None:
    """Takes papers out of use."""
    with opened(writes=True) as host:
        who = signed_in(host, username, Permission.APPROVE_PAPERS)
        host.db.write(service.retire, Signed(who, reason), papers_id, now=host.now())
    click.echo(_("试卷已停用，不能再用于场次。"))


@papers.command(name="list", help=_("列出试卷。"))
@click.option("--json", "as_json", is_flag=True)
def show(as_json: bool) -> None:
    """Every paper set, newest first."""
    with opened(writes=False) as host, host.db.read() as session:
        for row in service.paper_sets(session):
            content = {"papers": row.id, "title": row.title, "state": row.state, "forms": row.forms}
            content |= {"spares": FurtherRules.of(row.rules).spares, "seed": row.seed}
            rebuilt = row.outcome.get("rebuilt")
            content |= {"rebuilt": rebuilt["equal"] if rebuilt else None}
            plain = f"{row.id}\t{row.title}\t{row.state}\t{row.forms}"
            click.echo(json.dumps(content, ensure_ascii=False) if as_json else plain)
