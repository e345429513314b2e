"""`examhall audit verify`: checks every audit chain out of the database, with or without a server."""

import json
import sys

import click
from sqlalchemy.orm import Session

from server.cli.words import _
from server.db.base import make_engine
from server.services import audit as chains
from server.settings import Settings


@click.group(help=_("审计记录。"))
def audit() -> None:
    """The audit chains."""


@audit.command(help=_("验证每条审计链；发现断裂时退出状态为 1。"))
@click.option("--json", "as_json", is_flag=True)
def verify(as_json: bool) -> None:
    """Needs no key: entries are hashed in clear."""
    engine = make_engine(Settings.of_process().main_url)
    with Session(engine) as session:
        verdicts = chains.verify_all(session)
    engine.dispose()
    for verdict in verdicts:
        _show(verdict, as_json)
    sys.exit(1 if any(verdict.breaks for verdict in verdicts) else 0)


def _show(verdict: chains.Verdict, as_json: bool) -> None:
    if as_json:
        breaks = [{"seq": fault.seq, "code": fault.code} for fault in verdict.breaks]
        click.echo(json.dumps({"stream": verdict.stream, "entries": verdict.entries, "breaks": breaks}))
        return
    good = _("完整") if not verdict.breaks else _("断裂")
    click.echo(f"{verdict.stream}\t{verdict.entries}\t{good}")
    for fault in verdict.breaks:
        click.echo(f"  {fault.seq}\t{fault.code}")
