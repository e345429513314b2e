"""`examhall backup --out FILE` and `examhall restore FILE --into DIR`: everything but the master key."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import IO

import click
from alembic.util import CommandError
from sqlalchemy.orm import Session

from itembank.keyfile import KeyFile
from itembank.version import VERSION
from server.app import open_host
from server.cli.opening import keyfile_opened, opened, unlock
from server.cli.persons import at_the_console
from server.cli.words import _
from server.db import migrate
from server.db.copying import copy_stores, holds_rows, load_stores
from server.db.evidence_store import FolderStore
from server.epoch import met
from server.errors import Refused
from server.host import Host
from server.services import audit
from server.services.attempt_export import Sources
from server.services.backup_file import About, BackupReader, BackupWriter
from server.services.epochs import take_over
from server.services.store_check import StoreCheck, look_over
from server.settings import Settings

_EVIDENCE = "evidence/"
_WORK = "backup-"
_FIRST_RESTORE, _RESTORE_STEP = datetime(2026, 1, 1, tzinfo=UTC), timedelta(minutes=10)
_EPOCH_MOST = 1_500_000
"""Journals are numbered by epoch: a clock that is set wrong must not use up their numbers."""
FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command(help=_("制作备份：两个数据库、画面和本站身份，全部加密；不含主密钥。"))
@click.option("--out", type=FILE, required=True, help=_("备份文件；已存在的文件不会被覆盖"))
@click.option("--json", "as_json", is_flag=True)
def backup(out: Path, as_json: bool) -> None:
    """Works beside a running server; refused while a room is in its sitting."""
    key = unlock(Settings.of_process())
    if out.exists():
        raise Refused("backup_there", path=out)
    with opened(writes=True, key=key) as host:
        count = _write(host, key, out)
        digest, size = _sha256(out), out.stat().st_size
        host.db.write(_note, "backup_made", {"sha256": digest, "bytes": size, "files": count}, host)
    if as_json:
        click.echo(json.dumps({"path": str(out), "bytes": size, "files": count, "sha256": digest}))
        return
    click.echo(_("备份：%(path)s，%(files)s 个文件，%(size)s 字节", path=out, files=count, size=size))
    click.echo(_("SHA-256：%(digest)s", digest=digest))
    click.echo(_("恢复时还需要密钥文件和口令，请与备份分开保存。"))


@click.command(help=_("把备份恢复到一个空文件夹；需要制作备份时的密钥文件和口令。"))
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--into", type=FOLDER, default=None, help=_("新的数据文件夹，须为空"))
@click.option("--keyfile", type=FILE, default=None, help=_("备份之后更换过主密钥时：原密钥文件"))
@click.option("--check", is_flag=True, help=_("只检查备份是否完好，不需要密钥，不恢复"))
def restore(file: Path, into: Path | None, keyfile: Path | None, check: bool) -> None:
    """Nothing is written before every part of the backup was found undamaged."""
    with closing(BackupReader(file)) as reader:
        damaged = reader.damaged()
        if damaged:
            raise Refused("backup_broken", name=_("、").join(damaged))
        count, moment = len(reader.entries), reader.about.made_at.isoformat(timespec="seconds")
        click.echo(_("备份完好：%(count)s 个文件，制作于 %(at)s", count=count, at=moment))
        if check:
            return
        if into is None:
            raise click.UsageError(_("请用 --into 指定恢复到哪个文件夹。"))
        settings = replace(Settings.of_process(), data=into.absolute())
        key = keyfile_opened(settings, keyfile.absolute()) if keyfile else unlock(settings)
        _check_place(settings, keyfile)
        found = _restore(reader, settings, key)
    _tell(found)
    click.echo(_("已恢复到 %(path)s。请以 EXAMHALL_DATA=%(path)s 启动服务器。", path=settings.data))


def _write(host: Host, key: KeyFile, out: Path) -> int:
    """Copies the stores, seals everything into a draft, and gives it its name when it is on the disk."""
    draft, settings = out.with_name(f"{out.name}.part"), host.settings
    draft.unlink(missing_ok=True)
    about = About(host.now(), VERSION, settings.suite, migrate.versions(settings))
    try:
        with _workplace(settings.data) as work, _private(draft) as file:
            writer = BackupWriter(file, key.master, about)
            for copy in copy_stores(settings, work):
                with copy.open("rb") as source:
                    writer.add(copy.name, source)
            for name in host.evidence.names():
                data = host.evidence.get(name)
                if data is not None:  # purged since
                    writer.add(_EVIDENCE + name, BytesIO(data))
            count = writer.finish()
            file.flush()
            os.fsync(file.fileno())
        draft.rename(out)
    finally:
        draft.unlink(missing_ok=True)
    return count


def _private(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _restore(reader: BackupReader, settings: Settings, key: KeyFile) -> StoreCheck:
    content_key = reader.content_key(key.master)
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    if settings.database_url:
        with _workplace(settings.data) as work:
            _extract(reader, content_key, work, settings.data)
            _upgrade(replace(settings, database_url="", data=work), reader)
            migrate.upgrade(settings)
            load_stores(settings, work)
    else:
        _extract(reader, content_key, settings.data, settings.data)
        _upgrade(settings, reader)
    host = open_host(settings, key.master, demo=key.demo)
    try:
        sources = Sources(host.answers, host.site)
        with host.db.read() as session:
            found = look_over(session, sources, host.evidence, now=host.now())
        facts = {"made_at": reader.about.made_at, "broken": found.broken, "faults": len(found.faults)}
        host.db.write(_note, "backup_restored", facts, host)
        heard = _epochs_so_far(host.now(), Settings.of_process())
        host.db.write(take_over, at_the_console(), "restore", heard, now=host.now())
    finally:
        host.close()
    return found


def _epochs_so_far(now: datetime, settings: Settings) -> int:
    """An epoch that no server since the backup can have reached: seats must meet a new one to send all again.

    The backup does not know what took over after it was made, nor that it was restored before. Epochs of a
    restore are therefore numbered by the time of day, in steps of ten minutes since 2026.
    """
    steps = int((now - _FIRST_RESTORE) / _RESTORE_STEP)
    return max(met(settings.data), min(max(steps, 0), _EPOCH_MOST))


def _tell(found: StoreCheck) -> None:
    """What was verified. Raises `Refused`: restore_bad_chains, restore_bad_attempts."""
    click.echo(_("审计链 %(n)s 条，记录 %(entries)s 条", n=found.streams, entries=found.entries))
    click.echo(_("考生作答 %(n)s 份，记录 %(records)s 条", n=found.attempts, records=found.records))
    if found.incomplete:
        click.echo(_("其中尚无完整回执的 %(n)s 份", n=len(found.incomplete)))
    click.echo(
        _("画面 %(n)s 张，缺失或打不开的 %(missing)s 张", n=found.pictures, missing=len(found.missing))
    )
    if found.broken:
        raise Refused("restore_bad_chains", streams=_("、").join(found.broken))
    if found.faults:
        raise Refused(
            "restore_bad_attempts", tickets=_("、").join(sorted({who for who, _why in found.faults}))
        )


def _extract(reader: BackupReader, key: bytes, stores: Path, data: Path) -> None:
    evidence = FolderStore(data / "evidence")
    for entry in reader.entries:
        chunks = reader.chunks(entry, key)
        if entry.name.startswith(_EVIDENCE):
            evidence.put(entry.name.removeprefix(_EVIDENCE), b"".join(chunks))
            continue
        with _private(stores / entry.name) as file:
            file.writelines(chunks)
            file.flush()
            os.fsync(file.fileno())


def _upgrade(settings: Settings, reader: BackupReader) -> None:
    try:
        migrate.upgrade(settings)
    except CommandError as error:
        raise Refused("backup_newer", version=reader.about.version) from error


def _check_place(settings: Settings, keyfile: Path | None) -> None:
    for path in (settings.keyfile, *([keyfile.absolute()] if keyfile else [])):
        if path.is_relative_to(settings.data):
            raise Refused("restore_into_keyfile")
    if settings.data.exists() and any(settings.data.iterdir()):
        raise Refused("restore_not_empty", path=settings.data)
    if settings.database_url and holds_rows(settings):
        raise Refused("restore_not_empty", path="DATABASE_URL")


@contextmanager
def _workplace(data: Path) -> Iterator[Path]:
    """A private folder on the disk of the data itself; what a killed backup left there goes first."""
    for left in data.glob(f"{_WORK}*"):
        shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=_WORK, dir=data) as folder:
        yield Path(folder)


def _note(session: Session, act: str, facts: dict[str, object], host: Host) -> None:
    audit.record(session, audit.SYSTEM_STREAM, at_the_console(), act, "backup", now=host.now(), **facts)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
