"""`examhall vault status | rotate-master | rotate-bank`: keys renewed, with or without a running server."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.keyfile import KeyFile, create_keyfile, replace_keyfile
from itembank.sealing import PassphraseParams
from itembank.vault import key_name
from server.cli.opening import keyfile_opened, new_passphrase, opened
from server.cli.persons import at_the_console
from server.cli.words import _
from server.db.bank import Bank
from server.errors import NotFound
from server.host import Host
from server.jobs.rotating import Desk, rotate
from server.services import datakey, rotation
from server.services.signed import Signed
from server.services.unlocked import keep_unlocked, read_unlocked
from server.settings import SUITES, Settings


@click.group(help=_("主密钥与题库密钥。"))
def vault() -> None:
    """The keys that everything is sealed with."""


@vault.command(help=_("显示主密钥和各题库密钥的套件、日期和更换进度。"))
@click.option("--json", "as_json", is_flag=True)
def status(as_json: bool) -> None:
    """Names and dates; no key is ever shown."""
    with opened(writes=False) as host, host.db.read() as session:
        master, banks = datakey.master_view(session), rotation.bank_keys(session)
    if as_json:
        facts = {
            "suite": host.settings.suite,
            "master": asdict(master),
            "banks": [asdict(bank) for bank in banks],
        }
        click.echo(json.dumps(facts, ensure_ascii=False, default=datetime.isoformat))
        return
    zone = ZoneInfo(host.settings.timezone)
    since = master.since.astimezone(zone).date()
    click.echo(_("主密钥 %(name)s，启用于 %(since)s", name=master.name, since=since))
    for bank in banks:
        progress = f"\t-> {bank.to_suite} {bank.percent} %" if bank.changing else ""
        click.echo(f"{bank.name}\t{bank.suite}\t{bank.since.astimezone(zone).date()}{progress}")


@vault.command("rotate-master", help=_("更换主密钥和密钥文件；服务器可以继续运行，考试期间不可更换。"))
@click.option("--passphrase-file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def rotate_master(passphrase_file: Path | None) -> None:
    """A new key file takes the place of the old one, which is kept aside for the backups of its time.

    The database knows both keys until the new file is in its place: whatever is cut off, a key file opens.
    """
    settings = Settings.of_process()
    old = keyfile_opened(settings, settings.keyfile)
    with opened(writes=True, key=old) as host:
        _unlock_with(settings, old)  # an earlier change may have been cut off after the file was exchanged
        words = new_passphrase(replace(settings, passphrase_file=passphrase_file or settings.passphrase_file))
        successor = settings.keyfile.with_suffix(".new")
        successor.unlink(missing_ok=True)
        params = PassphraseParams(memory_kib=settings.argon_memory)
        master = create_keyfile(successor, words, demo=old.demo, params=params, suite=settings.suite)
        aside = exchange(host, old, KeyFile(master, old.demo), successor)
    click.echo(_("新的密钥文件：%(path)s（主密钥 %(name)s）", path=settings.keyfile, name=key_name(master)))
    click.echo(_("原密钥文件：%(path)s（只用于打开更换之前的备份；不再需要时请销毁）", path=aside))


def exchange(host: Host, old: KeyFile, new: KeyFile, successor: Path) -> Path:
    """Both keys open; the file is exchanged; the old key opens nothing more. Where the old file lies now."""
    settings, masters = host.settings, (old.master, new.master)
    aside = settings.keyfile.with_name(f"{settings.keyfile.stem}-{key_name(old.master)}.json")
    host.db.write(datakey.begin_change, at_the_console(), masters, now=host.now())
    replace_keyfile(settings.keyfile, successor, aside)
    _unlock_with(settings, new)
    host.db.write(datakey.complete_change, at_the_console(), now=host.now())
    return aside


def _unlock_with(settings: Settings, key: KeyFile) -> None:
    """What is unlocked becomes this key; what is locked stays so."""
    if read_unlocked(settings) not in (None, key):
        keep_unlocked(settings, key)


@vault.command("rotate-bank", help=_("更换一个题库的密钥：重新密封全部试题和媒体；中断后再次运行即继续。"))
@click.argument("name")
@click.option("--suite", type=click.Choice(SUITES), default=None, help=_("新的密码套件；不指定则不变"))
def rotate_bank(name: str, suite: str | None) -> None:
    """The bank stays in use; a rotation that was cut off goes on."""
    with opened(writes=True) as host:
        rotation_id = host.db.write(_begun, name, suite or "", host.now)
        desk = Desk(host.db, host.native, host.now)
        with host.db.read() as session:
            left = rotation.left(session, rotation_id)
        with click.progressbar(length=left, label=name, show_eta=False) as bar:
            rotate(desk, rotation_id, bar.update)
    click.echo(_("题库“%(name)s”的密钥已更换。", name=name))


def _begun(session: Session, name: str, suite: str, now: Callable[[], datetime]) -> int:
    bank_id = session.scalar(select(Bank.id).where(Bank.name == name))
    if bank_id is None:
        raise NotFound("bank")
    known = rotation.under_way(session, bank_id)
    if known is not None:
        return known
    return rotation.begin(session, Signed(at_the_console()), bank_id, suite, now=now())
