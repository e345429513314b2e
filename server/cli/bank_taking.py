"""`examhall bank export | media`: a bank as a file for who may read it, and whether its media are whole."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click
from sqlalchemy import select

from itembank.problems import Problem
from server.access import Permission
from server.cli.opening import opened
from server.cli.persons import signed_in
from server.cli.problems import problem_text
from server.cli.words import _
from server.db.bank import Bank
from server.errors import Refused
from server.host import Host
from server.services import export_formats, exports

EXIT_BROKEN = 2


@click.command(name="export", help=_("把题库导出为文件。文件含试题和答案的明文，导出记入审计。"))
@click.option("--bank", "name", required=True, help=_("题库名称"))
@click.option(
    "--format", "form", type=click.Choice(list(export_formats.FORMATS)), required=True, help=_("文件格式")
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help=_("写入的文件"))
@click.option(
    "--status", "statuses", type=click.Choice(exports.STATUSES), multiple=True, help=_("只要这些状态的试题")
)
@click.option("--as", "username", required=True, help=_("导出人的账号，随后询问密码"))
@click.option("--json", "as_json", is_flag=True)
def export(  # noqa: PLR0913 - one argument for each option
    name: str, form: str, out: Path, statuses: tuple[str, ...], username: str, as_json: bool
) -> None:
    """Refused for who may not read items, and while a sitting runs."""
    if out.exists():
        raise Refused("export_there", path=out)
    with opened(writes=True) as host:
        who = signed_in(host, username, Permission.READ_ITEMS)
        bank_id = _bank(host, name)
        with host.db.read() as session:
            work = exports.payload(session, who, bank_id, form, statuses or exports.STATUSES)
        written = host.jobs.run("export_bank", work)
        host.db.write(exports.note, who, bank_id, work, now=host.now())
        notes = [Problem.from_json(note) for note in written["notes"]]
        out.touch(mode=0o600)
        out.write_bytes(written["data"])
    if as_json:
        told = [{"place": n.place, "code": n.code, "message": problem_text(n)} for n in notes]
        click.echo(json.dumps({"items": len(work["items"]), "notes": told}, ensure_ascii=False))
        return
    click.echo(_("已导出 %(count)d 道试题：%(path)s", count=len(work["items"]), path=out))
    for note in notes:
        click.echo(_("请留意：%(why)s", why=problem_text(note)))


@click.command(name="media", help=_("列出题库的图片和音视频，并核对是否完好。退出状态 2：有损坏。"))
@click.option("--bank", "name", required=True, help=_("题库名称"))
@click.option("--json", "as_json", is_flag=True)
def media(name: str, as_json: bool) -> None:
    """Every medium is opened and held against its hash; nothing of it is shown."""
    with opened(writes=False) as host:
        bank_id = _bank(host, name)
        with host.db.read() as session:
            found = exports.media(session, bank_id)
    for each in found:
        state = _("完好") if each.whole else _("损坏")
        plain = f"{each.sha256}\t{each.mime}\t{each.size}\t{each.width}x{each.height}\t{state}"
        click.echo(json.dumps(asdict(each)) if as_json else plain)
    sys.exit(0 if all(each.whole for each in found) else EXIT_BROKEN)


def _bank(host: Host, name: str) -> int:
    with host.db.read() as session:
        bank_id = session.scalar(select(Bank.id).where(Bank.name == name.strip()))
    if bank_id is None:
        raise Refused("bank_missing", name=name)
    return bank_id
