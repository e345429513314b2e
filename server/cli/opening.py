"""How commands get at the stores: settings, the key (unlocked or by passphrase), an open host."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from itembank.keyfile import KeyFile, KeyFileBroken, WrongPassphrase, open_keyfile
from server.app import open_host
from server.cli.words import _
from server.db.migrate import upgrade
from server.errors import Refused
from server.host import Host
from server.services.locking import server_runs
from server.services.sittings_now import running_rooms
from server.services.unlocked import read_unlocked
from server.settings import Settings

SHORTEST_PASSPHRASE, LONGEST_PASSPHRASE = 12, 1024


def passphrase(settings: Settings, *, twice: bool = False) -> str:
    """The passphrase out of the named file, else typed; `twice` when it is new."""
    if settings.passphrase_file is not None:
        return settings.passphrase_file.read_text().splitlines()[0]
    return str(click.prompt(_("密钥文件口令"), hide_input=True, confirmation_prompt=twice))


def new_passphrase(settings: Settings) -> str:
    """A passphrase for a new key file, typed twice. Raises `Refused` for one too short or too long."""
    words = passphrase(settings, twice=True)
    if not SHORTEST_PASSPHRASE <= len(words) <= LONGEST_PASSPHRASE:
        raise Refused("passphrase_length", least=SHORTEST_PASSPHRASE, most=LONGEST_PASSPHRASE)
    return words


def unlock(settings: Settings) -> KeyFile:
    """The master key: the unlocked one, else by passphrase. Raises `Refused`."""
    known = read_unlocked(settings)
    if known is not None:
        return known
    return keyfile_opened(settings, settings.keyfile)


def keyfile_opened(settings: Settings, path: Path) -> KeyFile:
    """What a key file holds, by its passphrase, whatever is unlocked. Raises `Refused`."""
    if not path.exists():
        raise Refused("keyfile_missing", path=path)
    try:
        return open_keyfile(path, passphrase(settings))
    except WrongPassphrase as fault:
        raise Refused("wrong_passphrase") from fault
    except KeyFileBroken as fault:
        raise Refused("keyfile_broken", path=path) from fault


@contextmanager
def opened(*, writes: bool, key: KeyFile | None = None) -> Iterator[Host]:
    """An open host for one command. A writing command is refused while the server runs a sitting (D5)."""
    settings = Settings.of_process()
    key = key or unlock(settings)
    if not server_runs(settings.data):
        upgrade(settings)
    host = open_host(settings, key.master, demo=key.demo)
    try:
        if writes:
            refuse_in_sitting(host)
        yield host
    finally:
        host.close()


def refuse_in_sitting(host: Host) -> None:
    """Raises `Refused` when a server holds the data folder and a room is in its sitting."""
    with host.db.read() as session:
        running = running_rooms(session)
    if running and server_runs(host.settings.data):
        raise Refused("sitting_runs")
