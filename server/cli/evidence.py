"""`examhall evidence list | purge`: pictures and face vectors of seat cameras whose time is over."""

import json

import click

from server.cli.opening import opened
from server.cli.persons import at_the_console
from server.cli.words import _
from server.services import desk_pictures, gallery, look_logs, retention
from server.services import evidence as service
from server.services.evidence import Expired


@click.group(help=_("摄像头画面与人脸特征的保存。"))
def evidence() -> None:
    """What cameras left behind."""


@evidence.command("list", help=_("列出已过保存期的画面和人脸特征。"))
@click.option("--json", "as_json", is_flag=True)
def show(as_json: bool) -> None:
    """Counts only: a picture is looked at in the room's record, by a person whose look is recorded."""
    with opened(writes=False) as host, host.db.read() as session:
        over = service.expired(session, now=host.now())
        numbers = _numbers(over, len(service.orphans(session, host.evidence)))
        numbers["probes"] = len(gallery.expired(session, now=host.now()))
        numbers["looks"] = len(look_logs.expired(session, now=host.now()))
        numbers["desk"] = len(desk_pictures.expired(session, now=host.now()))
    click.echo(json.dumps(numbers) if as_json else _table(numbers))


@evidence.command(
    help=_("删除已过保存期的画面和人脸特征，并记入审计；记录在案的画面由两人在“个人信息”页面删除。")
)
@click.option("--json", "as_json", is_flag=True)
def purge(as_json: bool) -> None:
    """What the server does by itself every night, now; records need two people and have a page."""
    with opened(writes=True) as host:
        done = host.db.write(retention.purge, at_the_console(), now=host.now())
        retention.sweep(host.evidence, done.names)
    if as_json:
        click.echo(json.dumps({"files": len(done.names), **done.counts}))
        return
    files, vectors = len(done.names), done.counts["vectors"] + done.counts["probes"]
    click.echo(_("已删除画面 %(files)s 张、人脸特征 %(vectors)s 份。", files=files, vectors=vectors))
    click.echo(_("已删除检测记录 %(n)s 批。", n=done.counts["looks"]))
    click.echo(_("已删除签到画面 %(n)s 张。", n=done.counts["desk"]))


def _numbers(over: Expired, lost: int) -> dict[str, int]:
    return {
        "frames": len(over.frames),
        "held": len(over.held),
        "kept": len(over.kept),
        "vectors": len(over.enrolments),
        "orphans": lost,
    }


def _table(numbers: dict[str, int]) -> str:
    lines = [
        (_("到期画面"), numbers["frames"]),
        (_("到期但属于已记录的告警，保留"), numbers["held"]),
        (_("到期但未结案或暂停删除，保留"), numbers["kept"]),
        (_("到期人脸特征"), numbers["vectors"] + numbers["probes"]),
        (_("没有登记的文件"), numbers["orphans"]),
        (_("到期检测记录"), numbers["looks"]),
        (_("到期签到画面"), numbers["desk"]),
    ]
    return "\n".join(f"{word}\t{count}" for word, count in lines)
