"""`examhall init | serve | unlock | upgrade | lock | version`."""

import os
import sys

import click

from itembank.keyfile import KeyFile, create_keyfile
from itembank.sealing import PassphraseParams
from itembank.version import VERSION
from server.cli.opening import new_passphrase, unlock
from server.cli.words import _
from server.db import migrate
from server.errors import Refused
from server.services.locking import server_runs
from server.services.unlocked import forget_unlocked, keep_unlocked, read_unlocked
from server.settings import Settings


@click.command(help=_("建立密钥文件、数据文件夹和数据库。"))
@click.option("--demo", is_flag=True, help=_("演示密钥：每个页面都显示 DEMO"))
def init(demo: bool) -> None:
    """Creates the key file (its passphrase asked for twice) and the empty stores."""
    settings = Settings.of_process()
    if settings.keyfile.exists():
        raise Refused("keyfile_there", path=settings.keyfile)
    words = new_passphrase(settings)
    settings.keyfile.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    params = PassphraseParams(memory_kib=settings.argon_memory)
    master = create_keyfile(settings.keyfile, words, demo=demo, params=params, suite=settings.suite)
    keep_unlocked(settings, KeyFile(master, demo))
    migrate.upgrade(settings)
    click.echo(_("密钥文件：%(path)s（请另存一份副本，并妥善保管口令）", path=settings.keyfile))
    click.echo(_("数据文件夹：%(path)s", path=settings.data))


@click.command(help=_("启动服务器。"))
def serve() -> None:
    """Unlocks the key and becomes the server process."""
    settings = Settings.of_process()
    keep_unlocked(settings, unlock(settings))
    click.echo(_("地址：%(url)s", url=f"{settings.scheme}://{settings.bind}"))
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "server.wsgi"])  # noqa: S606 - becomes our own program


@click.command("unlock", help=_("输入口令解锁主密钥：断电重启后由人做一次，服务随后自行启动。"))
def unlock_key() -> None:
    """Leaves the unwrapped key in memory for a server that starts by itself."""
    settings = Settings.of_process()
    keep_unlocked(settings, unlock(settings))
    click.echo(_("已解锁。"))


@click.command(help=_("把数据库升级到本版本。"))
def upgrade() -> None:
    """Runs the schema migrations; refused while a server holds the data folder."""
    settings = Settings.of_process()
    if server_runs(settings.data):
        raise Refused("server_runs_already", path=settings.data, pid="?")
    changed = migrate.upgrade(settings)
    for name, number in migrate.versions(settings).items():
        click.echo(f"{name} {number}{' *' if name in changed else ''}")


@click.command(help=_("忘记已解锁的密钥：下次启动需要口令。"))
def lock() -> None:
    """Removes the unwrapped key from memory."""
    settings = Settings.of_process()
    known = read_unlocked(settings) is not None
    forget_unlocked(settings)
    click.echo(_("已锁定。") if known else _("密钥本来就没有解锁。"))


@click.command(help=_("显示版本。"))
def version() -> None:
    """The product's version."""
    click.echo(f"examhall {VERSION}")
