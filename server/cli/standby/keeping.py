"""`examhall standby serve | unfence`: what takes the key file."""

import os
import sys
from datetime import datetime

import click

from itembank.vault import Vault
from server.cli.opening import unlock
from server.cli.persons import at_the_console
from server.cli.words import _
from server.db.base import Database
from server.epoch import MARK, met
from server.errors import Refused
from server.events import Events
from server.jobs.primary import load_pairing
from server.services.datakey import open_vault
from server.services.epochs import forget_fence
from server.services.locking import DataLock
from server.services.steady import read_clocks
from server.services.unlocked import keep_unlocked
from server.settings import Settings


@click.command(help=_("在备用服务器上：跟随主服务器，等待接管。"))
def serve() -> None:
    """Unlocks the same key file as the primary's and becomes the standby's process."""
    settings = Settings.of_process()
    _refuse_fenced(settings)
    load_pairing(settings)
    keep_unlocked(settings, unlock(settings))
    click.echo(_("备用地址：%(url)s", url=f"{settings.scheme}://{settings.bind}"))
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "server.cli.standby.serving"])  # noqa: S606 - our own program


@click.command(help=_("让被接管的服务器重新服务：接管期间由另一台服务器收下的记录不在本机。"))
@click.option("--reason", default="", help=_("原因，写入审计"))
@click.option("--yes", is_flag=True, help=_("不再询问"))
def unfence(reason: str, yes: bool) -> None:
    """Removes the fence: an epoch above the one that replaced this server begins, its reason audited."""
    settings = Settings.of_process()
    seen = met(settings.data)
    if not seen:
        raise Refused("not_fenced", path=settings.data)
    key = unlock(settings)
    reason = reason or str(click.prompt(_("原因")))
    if not yes:
        click.confirm(
            _("另一台服务器收下的答卷不在本机；考试机会转到本机并重送自己保存的记录。继续？"), abort=True
        )
    lock = DataLock(settings.data)
    lock.take()
    db = Database(settings.main_url, vault=Vault(key.master, suite=settings.suite), events=Events())
    try:
        db.vault = db.write(open_vault, key.master, suite=settings.suite, now=_wall())
        number = db.write(forget_fence, at_the_console(), seen, reason, now=_wall())
    finally:
        db.close()
    (settings.data / MARK).unlink()
    lock.release()
    click.echo(_("第 %(number)s 任期开始，可以用 examhall serve 启动。", number=number))


def _refuse_fenced(settings: Settings) -> None:
    seen = met(settings.data)
    if seen:
        raise Refused("server_was_replaced", epoch=seen)


def _wall() -> datetime:
    return read_clocks().wall
